"""Function errors from below: the least over permutations, and over those that see signs."""
