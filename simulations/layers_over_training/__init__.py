"""Barriers of layers along training, in an MLP and in two transformers."""
