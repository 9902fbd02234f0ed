"""Fournier's explicit bound (R4), the published state of the art, kept for comparison."""

import numpy as np

__all__ = ["fournier_bound"]


def fournier_bound(N: float, d: int, p: float, side: float = 1.0) -> float:
    """E W_p^p(mu_N, mu) <= side^p kappa N^{-min(1/2, p/d)}, for support in a cube, in sup-norm.

    kappa = 2^{d/2-1} / (1 - 2^{d/2-p}) for p > d/2,
    2^{p-1} / (p ln 2) max(0, ln((2^{1-p} - 2^{1-2p}) sqrt N)) + 2^{p-1} / (1 - 2^{-p}) for p = d/2,
    2^{p-2p/d} (1 - 2^{-d/2})^{1-2p/d} / (1 - 2^{p-d/2}) for p < d/2.

    One sample against the law. Two samples: the same at N/2. Euclidean norm: times d^{p/2}.

    Args:
        N: sample size, > 0 (half a sample size for two samples).
        d: dimension >= 1.
        p: exponent > 0.
        side: side of the cube that holds the support, in units of the weights.

    Raises:
        ValueError: if an argument is out of range.

    Reference:
        theory key R4; Fournier (2023), ESAIM: PS 27, 749-775.

    Example:
        >>> round(fournier_bound(1000.0, 5, 2.0), 3)
        0.476
    """
    for name, value in (("N", N), ("d", d), ("p", p), ("side", side)):
        if not value > 0:
            raise ValueError(f"{name} must be > 0, got {value}")
    if p > d / 2:
        kappa = 2 ** (d / 2 - 1) / (1 - 2 ** (d / 2 - p))
    elif p == d / 2:
        logarithm = max(0.0, np.log((2 ** (1 - p) - 2 ** (1 - 2 * p)) * np.sqrt(N)))
        kappa = 2 ** (p - 1) / (p * np.log(2)) * logarithm + 2 ** (p - 1) / (1 - 2**-p)
    else:
        shrink = (1 - 2 ** (-d / 2)) ** (1 - 2 * p / d)
        kappa = 2 ** (p - 2 * p / d) * shrink / (1 - 2 ** (p - d / 2))
    return float(side**p * kappa * N ** -min(0.5, p / d))
