"""Which component of training breaks linear mode connectivity? A factorial design."""
