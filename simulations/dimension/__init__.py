"""Neurons of low dimension: costs, errors, barriers, and where noise takes over."""
