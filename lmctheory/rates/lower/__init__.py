"""Lower bounds of matching costs (R9), and the best of them for a law."""
