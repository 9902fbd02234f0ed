"""Barriers of every matching against width: measured, predicted, and at one law of neurons."""
