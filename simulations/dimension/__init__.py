"""Neurons of low dimension: costs, errors and barriers, and where their noise takes over."""
