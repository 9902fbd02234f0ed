"""Barriers of layers along training, in an MLP, a vision and a character transformer."""
