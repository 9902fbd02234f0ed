"""Networks without permutation symmetry, joined as they are; costs of swaps."""
