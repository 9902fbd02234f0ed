"""Numerical studies: one module for each, run with ``python -m simulations STUDY``."""
