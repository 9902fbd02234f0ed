"""Curvature along the segment and between layers, kinks included (L4, L5)."""
