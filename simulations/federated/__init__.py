"""Clients that average some layers: accuracy, barriers, noise."""
