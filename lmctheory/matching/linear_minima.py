r"""Components of the minima of deep linear networks, and the passes between them (S4, S5).

A linear network of widths n_0, ..., n_l computes W_l ... W_1. All networks that compute one matrix
Y of rank r form 2^b connected components, b the number of hidden layers of width exactly r: at such
a layer W_i ... W_1 = G_i B with rows B that span the row space of Y, and det G_i, which is not 0
anywhere, has a sign. An odd permutation of the layer's neurons changes it. So

- modulo permutations there is one component, unless r = 1: a single neuron has no permutation but
  the identity, and all 2^b remain; with signs (S1) there is one always;
- of all permutations one in 2^b takes a network to the component of another, if r > 1; for others
  no path, however curved, has an excess of the squared loss below sigma_r(Y)^2, and some path has
  no more.

Reference: theory keys S4, S5; Trager, Kohn and Bruna 2020; Zhao et al. 2025.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Literal

import numpy as np
from jaxtyping import Float

from lmctheory.choices import require_choice
from lmctheory.measures.arguments import ArrayLike, array, at_least

__all__ = ["lowest_pass", "minima_components", "orientations"]

_MODULO = (None, "permutations", "signs")


def minima_components(
    widths: Sequence[int], rank: int, *, modulo: Literal["permutations", "signs"] | None = None
) -> int:
    """How many connected components the networks have that compute one matrix.

    These are the minima of the squared loss too, if the inputs span their space and the matrix is
    that of the regression of the targets on them.

    Args:
        widths: n_0, ..., n_l, of inputs, hidden layers and outputs.
        rank: of the matrix, at most the least width.
        modulo: counts components that permutations of hidden neurons take to each other as one;
            or signed permutations.

    Raises:
        TypeError: unless widths and rank are integers.
        ValueError: for fewer than two widths, for one below 1, for a rank that no network of these
            widths has, or another ``modulo``.

    Example:
        Three square layers; a hidden layer with one neuron to spare says nothing:

        >>> minima_components([3, 3, 3, 3], 3), minima_components([3, 4, 3, 3], 3)
        (4, 2)
        >>> minima_components([3, 3, 3, 3], 3, modulo="permutations")
        1
        >>> minima_components([1, 1, 1], 1, modulo="permutations")
        2
    """
    require_choice("modulo", modulo, _MODULO)
    widths = [at_least("widths", width, 1) for width in widths]
    if len(widths) < 2:
        raise ValueError(f"widths must be of inputs and outputs at least, got {widths}")
    rank = at_least("rank", rank, 0)
    if rank > min(widths):
        raise ValueError(f"rank must be at most the least width {min(widths)}, got {rank}")
    if modulo == "signs" or (modulo == "permutations" and rank > 1):
        return 1
    return 2 ** sum(width == rank for width in widths[1:-1])


def orientations(
    weights: Sequence[ArrayLike], target: ArrayLike, moment: ArrayLike | None = None
) -> dict[int, int]:
    """On which side of the passes a linear network is, for every hidden layer of the least width.

    The sign of det(W_i ... W_1 Sigma^(1/2) V), V the right singular vectors of Y Sigma^(1/2). It is
    for comparisons with other networks and one target: where two differ at a layer, every path
    between them has an excess loss of `lowest_pass` somewhere; an odd permutation of the layer's
    neurons takes one to the side of the other.

    Args:
        weights: W_1, ..., W_l, ``[n_i, n_{i-1}]``.
        target: Y, ``[n_l, n_0]``, what minima compute.
        moment: Sigma, ``[n_0, n_0]``, the second moment of the inputs; the identity by default.

    Returns:
        By the number of a hidden layer whose width is the rank of the target: 1 or -1, or 0 where
        the determinant vanishes.

    Raises:
        TypeError: for weights, targets or moments that are no real numbers.
        ValueError: for shapes that do not fit, a moment that is not positive definite, or a hidden
            layer narrower than the rank of the target.

    Example:
        >>> a, b = ([[[1.0]], [[2.0]]], [[[-1.0]], [[-2.0]]])
        >>> orientations(a, [[2.0]])[1] * orientations(b, [[2.0]])[1]
        -1
    """
    matrices = [array("weights", matrix, "m n") for matrix in weights]
    whitened, root = _whitened(target, moment)
    ends = [matrices[0].shape[1] if matrices else 0, *(len(matrix) for matrix in matrices)]
    chained = all(after.shape[1] == len(before) for before, after in pairwise(matrices))
    if not chained or whitened.shape != (ends[-1], ends[0]):
        shapes = [matrix.shape for matrix in matrices]
        raise ValueError(f"weights must multiply to the shape {whitened.shape}, got {shapes}")
    basis = _row_basis(whitened)
    rank = basis.shape[1]
    if min(ends) < rank:
        raise ValueError(f"weights must have hidden widths >= the target's rank {rank}, got {ends}")
    partial = accumulate(matrices[:-1], lambda product, matrix: matrix @ product, initial=root)
    return {
        layer: int(np.linalg.slogdet(product @ basis)[0])
        for layer, product in enumerate(partial)
        if layer and rank == ends[layer]
    }


def lowest_pass(target: ArrayLike, moment: ArrayLike | None = None) -> float:
    """The least over all paths between different components of the largest excess of the loss.

    sigma_r(Y Sigma^(1/2))^2, r the rank of Y: the excess of E|W_l ... W_1 x - y|^2 over its minimum
    E|Y x - y|^2 is |(W_l ... W_1 - Y) Sigma^(1/2)|^2.

    Args:
        target: Y, ``[n_l, n_0]``, what minima compute.
        moment: Sigma, ``[n_0, n_0]``, the second moment of the inputs; the identity by default.

    Raises:
        TypeError: for targets or moments that are no real numbers.
        ValueError: for shapes that do not fit, a moment that is not positive definite, or a target
            that is zero: its minima are connected.

    Example:
        >>> lowest_pass([[3.0, 0.0], [0.0, 0.5]])
        0.25
    """
    whitened, _ = _whitened(target, moment)
    rank = _row_basis(whitened).shape[1]
    if not rank:
        raise ValueError("target must not be zero")
    return float(np.linalg.svd(whitened, compute_uv=False)[rank - 1] ** 2)


def _whitened(
    target: ArrayLike, moment: ArrayLike | None
) -> tuple[Float[np.ndarray, "k n"], Float[np.ndarray, "n n"]]:
    """Y Sigma^(1/2), and the root."""
    matrix = array("target", target, "k n")
    n = matrix.shape[1]
    if moment is None:
        return matrix, np.eye(n)
    second = array("moment", moment, "n n")
    if second.shape != (n, n) or not np.allclose(second, second.T):
        raise ValueError(f"moment must be symmetric [{n}, {n}], got shape {second.shape}")
    values, vectors = np.linalg.eigh(second)
    if values[0] <= 0:
        raise ValueError(f"moment must be positive definite, got the eigenvalue {values[0]:.3g}")
    root = vectors * np.sqrt(values) @ vectors.T
    return matrix @ root, root


def _row_basis(matrix: Float[np.ndarray, "k n"]) -> Float[np.ndarray, "n r"]:
    """Right singular vectors of the singular values that are not rounding errors."""
    _, values, rows = np.linalg.svd(matrix, full_matrices=False)
    least = values[0] * max(matrix.shape) * np.finfo(np.float64).eps
    return np.asarray(rows[: int((values > least).sum())].T)
