r"""Kernels of wide networks on data: what the second moments of a random layer are on average.

For rows of variance s_w^2/m_{l-1} per entry and biases of variance s_b^2 the pre-activations of a
layer are, given the layer below, independent Gaussian draws with the Gram matrix

    C_l = s_w^2 K_{l-1} + s_b^2,   K_l = (1/m_l) phi_l phi_l^T  on the data,   K_0 = x x^T / m_0,

and on average K_l is T(C_l), T(C)_xy = E sigma(u) sigma(v), (u, v) ~ N(0, C restricted to x, y). So
E K_1 = T(C_1) exactly at any width; E K_l = T(C_l) with C_l built from T(C_{l-1}) up to O(1/width).

For named activations T is computed in closed form, or as a mean of closed forms
(`lmctheory.widths.closed_kernels`), right to 1e-6 relative at every variance and correlation, save
where T itself passes through 0; any other function is expanded in Hermite polynomials
(`lmctheory.widths.hermite_kernels`), and refused where that does not converge.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from lmctheory.activations import pointwise
from lmctheory.measures.arguments import RandomSource, at_least, generator
from lmctheory.widths.closed_kernels import CLOSED_KERNELS
from lmctheory.widths.hermite_kernels import expanded_kernel

__all__ = ["Activation", "dual_kernel", "nngp_kernels", "sampled_kernels"]

Activation = str | Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""The name of an activation, or a function that acts on arrays elementwise."""


def function(activation: Activation) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """The function of a name, or itself.

    Raises:
        ValueError: if the name is unknown.
    """
    return pointwise(activation).function if isinstance(activation, str) else activation


def dual_kernel(
    covariance: Float[np.ndarray, "n n"], activation: Activation = "relu"
) -> Float[np.ndarray, "n n"]:
    """T(C): E sigma(u) sigma(v) for jointly Gaussian u, v, for every pair of the data.

    Args:
        covariance: C ``[n, n]`` of the pre-activations, positive semi-definite.
        activation: a name ("relu", "identity", "tanh", "erf", "sigmoid", "softplus", "gelu"), or
            any function that is smooth but for a kink at 0.

    Raises:
        ValueError: for an unknown name, a matrix that is no covariance, or a function whose kernel
            does not converge: at large variances and correlations near 1 or -1.

    Reference:
        theory key D1; Cho and Saul (2009), Kernel methods for deep learning.

    Example:
        >>> import numpy as np
        >>> dual_kernel(np.eye(2)).round(4)
        array([[0.5   , 0.1592],
               [0.1592, 0.5   ]])
    """
    sigma = function(activation)
    variance = np.diag(covariance)
    if not np.isfinite(covariance).all() or (variance < 0).any():
        raise ValueError("covariance must be finite with a diagonal >= 0")
    deviation = np.sqrt(variance)
    scale = np.outer(deviation, deviation)
    if (np.abs(covariance) > scale * (1 + 1e-6) + 1e-12 * variance.max(initial=0.0)).any():
        raise ValueError("covariance must be positive semi-definite: a correlation exceeds 1")
    rho = np.clip(np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0), -1, 1)
    if isinstance(activation, str):
        kernel = CLOSED_KERNELS[activation](deviation, rho)
    else:
        kernel = expanded_kernel(sigma, deviation, rho)
    return (kernel + kernel.T) / 2


def nngp_kernels(
    data: Float[np.ndarray, "n m_0"],
    depth: int,
    activation: Activation = "relu",
    *,
    s_w: float = 2**0.5,
    s_b: float = 0.0,
) -> list[Float[np.ndarray, "n n"]]:
    """The kernels K_0, ..., K_depth of infinitely wide layers on the data.

    Args:
        data: inputs ``[n, m_0]``.
        depth: number of hidden layers.
        activation: see `dual_kernel`.
        s_w: weights have variance s_w^2 / m_{l-1}; sqrt 2 is He's initialisation.
        s_b: standard deviation of the biases.

    Raises:
        TypeError: for a depth that is no integer.
        ValueError: for empty or non-finite data, depth < 0 or negative s_w, s_b.

    Reference:
        theory key D1; Lee et al. (2018), Deep neural networks as Gaussian processes.

    Example:
        >>> import numpy as np
        >>> K = nngp_kernels(np.eye(2), 3)  # He's initialisation keeps the diagonal
        >>> [float(k[0, 0].round(12)) for k in K]
        [0.5, 0.5, 0.5, 0.5]
    """
    depth = at_least("depth", depth, 0)
    require_data(data, s_w, s_b)
    kernels = [data @ data.T / data.shape[1]]
    for _ in range(depth):
        kernels.append(dual_kernel(s_w**2 * kernels[-1] + s_b**2, activation))
    return kernels


def sampled_kernels(
    data: Float[np.ndarray, "n m_0"],
    widths: tuple[int, ...],
    activation: Activation = "relu",
    *,
    s_w: float = 2**0.5,
    s_b: float = 0.0,
    networks: int = 8,
    rng: RandomSource,
) -> list[Float[np.ndarray, "n n"]]:
    """E K_0, ..., E K_L at finite widths, averaged over sampled networks.

    Args:
        data: inputs ``[n, m_0]``.
        widths: m_1, ..., m_L.
        activation: see `dual_kernel`.
        s_w: as in `nngp_kernels`.
        s_b: as in `nngp_kernels`.
        networks: how many to average over.
        rng: source of randomness.

    Raises:
        TypeError: for widths or a number of networks that are no integers.
        ValueError: as `nngp_kernels`, and for widths or networks < 1.

    Reference:
        theory key D1 (its finite-width correction).
    """
    require_data(data, s_w, s_b)
    networks = at_least("networks", networks, 1)
    widths = tuple(at_least("every width", width, 1) for width in widths)
    sigma, rng = function(activation), generator(rng)
    sums = [np.zeros((len(data), len(data))) for _ in widths]
    for _ in range(networks):
        phi = data
        for i, (fan_in, width) in enumerate(pairwise((data.shape[1], *widths))):
            W = rng.standard_normal((fan_in, width)) * s_w / np.sqrt(fan_in)
            phi = sigma(phi @ W + s_b * rng.standard_normal(width))
            sums[i] += phi @ phi.T / width
    return [data @ data.T / data.shape[1], *(total / networks for total in sums)]


def require_data(data: np.ndarray, s_w: float, s_b: float) -> None:
    """Refuses what are no data, or no variances of a network.

    Raises:
        ValueError: naming the argument.
    """
    if data.size == 0 or not np.isfinite(data).all():
        raise ValueError(f"data must be finite and not empty, got shape {data.shape}")
    if (largest := float(np.abs(data).max())) and not 1e-150 <= largest <= 1e150:
        raise ValueError(f"data must lie between 1e-150 and 1e150 in size, got {largest:g}")
    if not (0 <= s_w < np.inf and 0 <= s_b < np.inf):
        raise ValueError(f"s_w and s_b must be finite and >= 0, got {s_w} and {s_b}")
