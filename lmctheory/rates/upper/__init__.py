"""Upper bounds of matching costs (R2, R4 to R8, R13 to R18), and the best of them for a law."""
