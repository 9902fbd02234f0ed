"""Barriers by permutations alone and with all the symmetries that a network has."""
