"""Barriers of wide networks, predicted from narrow ones, beside those of trained wide networks."""
