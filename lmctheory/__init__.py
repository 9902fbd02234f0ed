"""lmctheory computes, verifies and tests the theory of linear mode connectivity."""
