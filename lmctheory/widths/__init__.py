"""From a tolerance to a number of neurons: two-layer (T) and deep (D) networks."""

from lmctheory.widths import deep, kernels, paper_rates, two_layer

__all__ = ["deep", "kernels", "paper_rates", "two_layer"]
