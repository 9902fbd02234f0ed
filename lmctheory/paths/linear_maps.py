r"""The linear maps that a layer's weight stands for: a matrix, or a convolution.

*The norm of a convolution.* Along one axis, with kernel K_0..K_{k-1}, padding p, dilation d and
stride q, output o sums `K_j x[o q - p + j d]` over the positions inside the input, 0..N-1. So the
matrix entry at output o < O and input i is K_j if `i - o q + p = j d`, else 0. On a circle of M
positions, where that equation holds modulo M, the same entries result as long as none is met a
second time, that is if

    M >= N + p   and   M >= q (O - 1) - p + (k - 1) d + 1:

the convolution is a compression of the circular one, and its norm no larger. (There may be more
outputs than M/q if the padding is wide; two that agree modulo M/q meet no input at all.)
For q = 1 the discrete Fourier transform makes the circular one block-diagonal, with blocks
`S(w) = sum_j K_j e^{2 pi i w j d / M}`; if q divides M, keeping every q-th output adds the q
frequencies that agree modulo M/q, each with weight 1/sqrt(q). Hence

    |conv| <= max_w | [S(w), S(w + M/q), ..., S(w + (q-1) M/q)] | / sqrt(q),

axis by axis and, as a block-diagonal map has the norm of its largest block, group by group. As M
grows this tends to the norm on an infinite image. Where the matrix itself is small it is formed,
and its norm computed. Both are convex functions of the kernel.

*Certified norms.* No promise of an eigensolver is relied on. With G = M M^T of n rows, as it is
computed from k products, and a number L: if Cholesky's algorithm runs to its end on L I - G in
floating point, then L I - G + E >= 0 with |E| <= (n + 2) u tr(L I - G) <= n (n + 2) u L up to
second order (Rump 2006, Verification of positive definiteness; u = eps/2; complex products err by
less than 4 u), and G errs by at most k u | |M| |M|^T | <= k u tr G. Dividing M by its largest entry
moves G by 2 u tr G. So

    |M|^2 <= L (1 + n (n + 2) u) + (k + 4) u tr G,   u four times as large if M is complex.

What is returned is the root of the largest eigenvalue, larger only where 1 + 1e-9, by which all who
use it inflate it, does not cover this: from a few thousand rows on, or if an eigensolver errs.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import eigh
from scipy.linalg.blas import dsyrk
from scipy.linalg.lapack import dpotrf
from torch import Tensor, nn

from lmctheory.paths.rounding import EPS, NORM_INFLATION, length

__all__ = ["Convolution", "Dense", "Operator", "Transposed"]

_MATRIX_SIDE = 512
"""Up to so many inputs and outputs a convolution's matrix is formed."""

_ROOM = 1e-9
"""How far above the largest eigenvalue Cholesky's algorithm is tried first, relative."""

_CONVOLVE: dict[int, Callable[..., Tensor]] = {
    1: nn.functional.conv1d,
    2: nn.functional.conv2d,
    3: nn.functional.conv3d,
}


def _verified(
    largest: float,
    trace: float,
    rows: int,
    terms: int,
    is_above: Callable[[float], bool],
    units: float = 1.0,
) -> float:
    """The root of the largest eigenvalue of a Gram matrix, or more (module docstring).

    Args:
        largest: the eigenvalue, as a solver says.
        trace: of the matrix.
        rows: of it.
        terms: how many products each entry sums.
        is_above: whether Cholesky's algorithm runs to its end on so many times I less the matrix.
        units: by how much operations err, in those of real ones.
    """
    largest, room, unit = max(0.0, largest), _ROOM, units * EPS / 2
    if trace == 0:
        return 0.0
    while not is_above(level := min(trace, largest) * (1 + room)) and level < trace:
        room *= 8
    if level >= trace:  # it is an upper bound anyhow
        level = trace
    level *= 1 + 2 * rows * (rows + 2) * unit
    bound = level + 2 * (terms + 4) * unit * trace
    return math.sqrt(max(largest, bound / NORM_INFLATION**2))


@dataclass(frozen=True)
class Dense:
    """Weights are matrices ``[m_l, m_{l-1}]`` that act on the last axis."""

    def __call__(self, W: Tensor, x: Tensor) -> Tensor:
        """W x, example by example."""
        return x @ W.mT

    def norm(self, W: Tensor) -> float:
        """The operator norm: the root of the largest eigenvalue of the smaller Gram matrix.

        Its relative error is of the order of eps times the number of rows or columns. All singular
        values take three times as long.
        """
        scale = float(W.abs().max()) or 1.0
        upper = dsyrk(1.0, (W / scale).cpu().numpy().T, trans=len(W) < W.shape[1])
        top = [len(upper) - 1] * 2
        [largest] = eigh(upper, lower=False, eigvals_only=True, subset_by_index=top, driver="evx")

        def is_above(level: float) -> bool:
            rest = -upper
            rest[np.diag_indices(len(rest))] += level
            return bool(dpotrf(rest, lower=0, overwrite_a=1)[1] == 0)

        trace = float(upper.diagonal().sum())
        return scale * _verified(float(largest), trace, len(upper), max(W.shape), is_above)

    def rows(self, W: Tensor) -> Tensor:
        """Euclidean norms of the rows, one for each output."""
        return length(W)

    def magnitude(self, W: Tensor) -> float:
        """A bound of the norm of |W|, and so of every matrix with entries no larger."""
        return float(length(W.flatten()))

    def bias(self, b: Tensor) -> Tensor:
        """The bias as it is added."""
        return b


@dataclass(frozen=True)
class Convolution:
    """Weights are kernels ``[c_out, c_in / groups, *k]``, images are ``[n, c, *sides]``.

    Attributes:
        stride, padding, dilation: one number for each axis.
        groups: of channels, convolved apart.
        sides: of the input images.
    """

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    sides: tuple[int, ...]

    def __call__(self, W: Tensor, x: Tensor) -> Tensor:
        """The convolution of every image."""
        convolve = _CONVOLVE[len(self.sides)]
        if len(self.sides) == 2 and x.dtype == torch.float32:
            x = x.contiguous(memory_format=torch.channels_last)
        # Winograd's algorithm errs by more than the sizes of the products
        with torch.backends.nnpack.flags(enabled=False):
            return convolve(x, W, None, self.stride, self.padding, self.dilation, self.groups)

    def norm(self, W: Tensor) -> float:
        """An upper bound of the operator norm (module docstring)."""
        channels = self.groups * W.shape[1]
        inputs = channels * math.prod(self.sides)
        if max(inputs, len(W) * math.prod(self._outputs(W))) <= _MATRIX_SIDE:
            basis = torch.eye(inputs).to(W).view(inputs, channels, *self.sides)
            return Dense().norm(self(W, basis).flatten(1))
        symbols = self._symbols(W)
        scale = float(symbols.abs().max()) or 1.0
        symbols = symbols / scale
        gram = (
            symbols @ symbols.mH if symbols.shape[-2] < symbols.shape[-1] else symbols.mH @ symbols
        )
        largest, unit = float(torch.linalg.eigvalsh(gram).max()), torch.eye(gram.shape[-1]).to(gram)
        trace = float(gram.diagonal(dim1=-2, dim2=-1).real.sum(-1).max())

        def is_above(level: float) -> bool:
            return not torch.linalg.cholesky_ex(level * unit - gram).info.any()

        # a symbol is a sum over taps, whose waves err by a few units
        terms = max(symbols.shape[-2:]) + 8 * W[0, 0].numel() + 64
        return scale * _verified(largest, trace, len(unit), terms, is_above, 4.0)

    def rows(self, W: Tensor) -> Tensor:
        """Bounds of the Euclidean norms of the matrix's rows, ``[c_out, 1, ...]``."""
        return self.bias(length(W.flatten(1)))

    def magnitude(self, W: Tensor) -> float:
        """A bound of the norm of |W|: of the sum of its taps, which is its largest symbol."""
        return float(length(W.abs().flatten(2).sum(-1).flatten()))

    def bias(self, b: Tensor) -> Tensor:
        """The bias as it is added, ``[c_out, 1, ...]``."""
        return b.view(-1, *[1] * len(self.sides))

    def _outputs(self, W: Tensor) -> list[int]:
        return [(side + 2 * p - d * (k - 1) - 1) // q + 1 for side, k, q, p, d in self._axes(W)]

    def _axes(self, W: Tensor) -> list[tuple[int, int, int, int, int]]:
        """Side, kernel, stride, padding and dilation of each axis."""
        return list(
            zip(self.sides, W.shape[2:], self.stride, self.padding, self.dilation, strict=True)
        )

    def _symbols(self, W: Tensor) -> Tensor:
        """``[frequencies, groups, c_out / groups, strides * c_in / groups]``."""
        symbols = W.view(self.groups, -1, *W.shape[1:]).to(torch.complex128)
        for (side, k, q, p, d), outputs in zip(self._axes(W), self._outputs(W), strict=True):
            circle = max(side + p, q * (outputs - 1) - p + (k - 1) * d + 1)
            circle += -circle % q
            turns = torch.outer(torch.arange(k) * d, torch.arange(circle)).double() / circle
            waves = torch.polar(torch.ones_like(turns), 2 * math.pi * (turns % 1)).to(symbols)
            # the first spatial axis becomes the last two: which of the q, then modulo M/q
            symbols = torch.movedim(symbols, 3, -1) @ waves / math.sqrt(q)
            symbols = symbols.view(*symbols.shape[:-1], q, circle // q)
            symbols = torch.movedim(symbols, -2, 2).flatten(2, 3)
        # groups, c_out, strides * c_in, then one axis of frequencies for each spatial one
        return torch.movedim(symbols.flatten(3), -1, 0)


_SPREAD: dict[int, Callable[..., Tensor]] = {
    1: nn.functional.conv_transpose1d,
    2: nn.functional.conv_transpose2d,
    3: nn.functional.conv_transpose3d,
}


@dataclass(frozen=True)
class Transposed:
    """Weights are kernels ``[c_out, c_in / groups, *k]`` of a transposed convolution.

    Attributes:
        adjoint: the convolution of which this is the transpose, its sides those of the outputs.
        output_padding: one number for each axis.
    """

    adjoint: Convolution
    output_padding: tuple[int, ...]

    def __call__(self, W: Tensor, x: Tensor) -> Tensor:
        """What is made of every image."""
        of = self.adjoint
        spread = _SPREAD[len(of.sides)]
        with torch.backends.nnpack.flags(enabled=False):
            return spread(
                *(x, self.turned(W), None, of.stride, of.padding, self.output_padding),
                *(of.groups, of.dilation),
            )

    def turned(self, W: Tensor) -> Tensor:
        """The adjoint's kernels ``[c_in, c_out / groups, *k]``, or back from there."""
        grouped = W.reshape(self.adjoint.groups, -1, *W.shape[1:])
        return grouped.transpose(1, 2).flatten(0, 1)

    def norm(self, W: Tensor) -> float:
        """An upper bound of the operator norm, which is the adjoint's."""
        return self.adjoint.norm(self.turned(W))

    def bias(self, b: Tensor) -> Tensor:
        """The bias as it is added, ``[c_out, 1, ...]``."""
        return self.adjoint.bias(b)


Operator = Dense | Convolution
