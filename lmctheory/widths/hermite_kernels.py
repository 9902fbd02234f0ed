r"""Dual kernels of any function, by Mehler's formula (D1).

In normalised Hermite polynomials h_k, with c_k(x) = E sigma(a_x xi) h_k(xi),

    T = sum_k c_k c_k^T rho^k.

Behind the first `_TERMS` terms (an even number K) stands sum_{k >= K}, which is known at rho = 1
and at rho = -1, where T is a mean over one variable. So the even and the odd terms of the rest have
known sums R_e and R_o; they multiply rho^K and rho^{K+1}. This is exact at rho = 1 and -1 for any
two variances, keeps the matrix positive semi-definite, and is off by at most
|rho|^K (R_x R_y)^{1/2}, R_x the rest of x's own diagonal: where that is too much, it is an error.

Means are Gauss's rule on panels that halve towards 0 down to the scale on which sigma varies, the
reciprocal of the largest deviation. So sigma may have a kink at 0, but is smooth elsewhere and has
no structure but near 0; panels of half the width have to agree.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

__all__ = ["expanded_kernel"]

_TERMS = 200
_POINTS = 16
"""Per panel."""
_REACH = 12.0
_ACCURACY = 1e-6
"""Relative to the root of the product of the two diagonal elements."""


def expanded_kernel(
    sigma: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    deviation: Float[np.ndarray, " n"],
    rho: Float[np.ndarray, "n n"],
) -> Float[np.ndarray, "n n"]:
    """E sigma(u) sigma(v) for all pairs, within 1e-6 of the root of their diagonal elements.

    Args:
        sigma: the function, elementwise.
        deviation: standard deviations ``[n]``.
        rho: correlations ``[n, n]``.

    Raises:
        ValueError: for a function that is not finite or not smooth enough, or where the expansion
            does not converge: at large variances and correlations near 1 or -1.
    """
    largest = float(deviation.max(initial=0.0))
    nodes, weights = _rule(largest, 0.5)
    values = _values(sigma, deviation, nodes)
    _require_converged(values**2 @ weights, sigma, deviation, largest)
    together, against = ((values * weights) @ one.T for one in (values, values[:, ::-1]))
    kernel, power = np.zeros_like(rho), np.ones_like(rho)
    even, odd = (together + against) / 2, (together - against) / 2
    previous, polynomial = np.zeros_like(nodes), np.ones_like(nodes)
    for k in range(_TERMS):
        c = values @ (weights * polynomial)
        product = np.outer(c, c)
        kernel += product * power
        power *= rho
        rest = odd if k % 2 else even
        rest -= product
        following = (nodes * polynomial - np.sqrt(k) * previous) / np.sqrt(k + 1)
        previous, polynomial = polynomial, following
    left = np.sqrt(np.maximum(np.diag(even) + np.diag(odd), 0.0))
    _require_small(np.outer(left, left) * np.abs(power), np.diag(together), deviation, rho)
    return kernel + (even + odd * rho) * power


def _rule(
    deviation: float, width: float
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Symmetric nodes and weights for a normal variable, on panels of that width and less."""
    halvings = max(0, int(np.ceil(np.log2(max(deviation, 1.0)))))
    near = width * 2.0 ** -np.arange(halvings, 0, -1)
    edges = np.concatenate([[0.0], near, np.arange(width, _REACH + width / 2, width)])
    x, w = np.polynomial.legendre.leggauss(_POINTS)
    middle, half = (edges[1:] + edges[:-1])[:, None] / 2, np.diff(edges)[:, None] / 2
    nodes = (middle + half * x).ravel()
    weights = (half * w).ravel() * np.exp(-(nodes**2) / 2) / np.sqrt(2 * np.pi)
    return np.concatenate([-nodes[::-1], nodes]), np.concatenate([weights[::-1], weights])


def _values(
    sigma: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    deviation: Float[np.ndarray, " n"],
    nodes: Float[np.ndarray, " k"],
) -> Float[np.ndarray, "n k"]:
    values = np.asarray(sigma(np.outer(deviation, nodes)), dtype=np.float64)
    if values.shape != (len(deviation), len(nodes)) or not np.isfinite(values).all():
        raise ValueError("activation must act elementwise and be finite")
    return values


def _require_converged(
    squares: Float[np.ndarray, " n"],
    sigma: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    deviation: Float[np.ndarray, " n"],
    largest: float,
) -> None:
    nodes, weights = _rule(2 * largest, 0.25)
    finer = _values(sigma, deviation, nodes) ** 2 @ weights
    off = np.abs(squares - finer) > _ACCURACY / 10 * finer
    if off.any():
        raise ValueError(
            "activation must be smooth, but for a kink at 0, and have no structure but near 0: its"
            f" mean square does not converge at a standard deviation of {deviation[off][0]:g}"
        )


def _require_small(
    error: Float[np.ndarray, "n n"],
    squares: Float[np.ndarray, " n"],
    deviation: Float[np.ndarray, " n"],
    rho: Float[np.ndarray, "n n"],
) -> None:
    allowed = _ACCURACY * np.sqrt(np.outer(squares, squares))
    off = (error > allowed) & (np.abs(rho) < 1 - 1e-15)  # to rounding, a correlation of 1 is exact
    if off.any():
        x, y = np.argwhere(off)[0]
        raise ValueError(
            f"{_TERMS} Hermite polynomials do not give the kernel of this activation within"
            f" {_ACCURACY:g} at standard deviations of {deviation[x]:g} and {deviation[y]:g} and a"
            f" correlation of {rho[x, y]:.6g}; an activation that has a name is better given by it"
        )
