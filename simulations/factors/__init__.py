"""Which component of training breaks linear mode connectivity: a factorial design."""
