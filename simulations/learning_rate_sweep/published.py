"""What Figure 2 of Ferbach et al. 2024 shows, as read off the plots of their released notebook."""

from collections.abc import Mapping

__all__ = ["DIMENSIONS", "LOSSES", "RATES"]

RATES = (0.0001, 0.0003981, 0.001585, 0.00631, 0.02512, 0.1)

LOSSES: Mapping[str, tuple[float, ...]] = {
    "networks": (1.02, 0.331, 0.188, 0.0833, 0.0667, 0.0762),
    "naive": (2.05, 1.41, 1.27, 0.893, 0.387, 0.0845),
    "weighted": (1.35, 0.547, 0.405, 0.255, 0.140, 0.0980),
    "covariance": (1.23, 0.474, 0.318, 0.177, 0.126, 0.0995),
}
"""Test losses at the midpoint and of the networks, by rate; to 1 or 2 %."""

DIMENSIONS: Mapping[str, tuple[float, ...]] = {
    "naive": (308, 306, 303, 296, 279, 218),
    "weighted": (2.90, 2.10, 2.39, 3.73, 8.01, 6.77),
    "covariance": (2.05, 1.74, 1.80, 2.17, 3.48, 8.78),
}
"""Approximate dimensions of the first layer, likewise."""
