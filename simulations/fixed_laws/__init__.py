"""Barriers of unions of networks, at one law of neurons."""
