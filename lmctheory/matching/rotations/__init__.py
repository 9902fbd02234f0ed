"""Orthogonal symmetries of attention heads and residual streams, and alignment by them."""
