"""Barriers and dimensions of neurons as the learning rate grows: a published figure, repeated."""
