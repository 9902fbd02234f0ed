"""Neurons that a network could do without, and the freedom that they give its weights."""
