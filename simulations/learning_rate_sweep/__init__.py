"""Barriers and dimensions of neurons against learning rates: a figure, repeated."""
