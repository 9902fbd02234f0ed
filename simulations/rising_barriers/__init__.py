"""Barriers of all matchings against width, measured, predicted, and at one law."""
