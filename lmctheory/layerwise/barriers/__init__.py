"""Barriers of layers and groups of layers, what they are compared with, what follows (L6, L8)."""
