"""Figures for papers: one script each; they read stored results and never train."""
