"""Which component of training breaks linear mode connectivity: factorial design."""
