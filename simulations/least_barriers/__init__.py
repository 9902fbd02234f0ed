"""The least barrier over all permutations of small networks, beside what matchings find."""
