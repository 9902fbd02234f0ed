"""Barriers of wide networks: predicted from narrow ones, and measured."""
