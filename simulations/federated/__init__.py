"""Clients that average some of their layers: accuracy, barriers, noise."""
