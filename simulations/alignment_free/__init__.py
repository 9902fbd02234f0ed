"""Networks without permutation symmetry: joined as they are, and what swapping neurons costs."""
