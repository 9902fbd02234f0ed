"""Function errors from below: the least over permutations, with signs and without."""
