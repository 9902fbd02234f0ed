"""Two-layer networks: T2 at the start, T5 in training, T6 with a teacher."""
