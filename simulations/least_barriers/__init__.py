"""The least barrier over all permutations, beside what matchings find."""
