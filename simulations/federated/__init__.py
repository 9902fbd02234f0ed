"""Clients that average some of their layers: accuracy, layer-wise barriers, robustness."""
