"""Function errors from below: the least over permutations, seeing signs and not."""
