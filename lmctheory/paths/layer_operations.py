r"""The operations with parameters: A's, B's, and all between them.

What a certificate needs of a layer: what it is at theta_t (`at`), the norm of its linear part
there, and the residual by which it fails to take chords to chords (`contrast`).

*BatchNorm in evaluation mode* is, channel by channel, y = a(t) (z - mu_t) + beta_t with
a(t) = gamma_t (var_t + eps)^{-1/2}: all but a(t) is linear in t, because running statistics are
interpolated like parameters. With u = z - mu_t, which is linear in t where z is,

    y^t - y-bar = a(t) (u^t - u-bar) + (a(t) - a-bar) u-bar - t(1-t) (a_A - a_B)(u_A - u_B).
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from lmctheory.paths.linear_maps import Operator
from lmctheory.paths.regions import SHARES, Direction, Piece, Region, WeightsOnPiece
from lmctheory.paths.rounding import NORM_INFLATION, Scale, flat_length, length

__all__ = ["Affine", "AffineAt", "Contrast", "Node", "Normalisation", "NormalisationAt"]


@dataclass(frozen=True, eq=False)
class Node:
    """Where an operation stands.

    Attributes:
        name: what messages call it.
        inputs: nodes that it takes.
        shape: of its value, without the examples' axis.
    """

    name: str
    inputs: tuple[int, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class AffineAt:
    """W x + b at one t."""

    t: float
    operator: Operator
    W: Tensor
    b: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Pre-activations."""
        return self.operator(self.W, x) + self.operator.bias(self.b)

    def carry(self, deviation: Tensor) -> Tensor:
        """W applied to a deviation."""
        return self.operator(self.W, deviation)


@dataclass(frozen=True, eq=False)
class Affine:
    """W_t x + b_t, a linear layer or a convolution.

    Attributes:
        ends: |W_a| and |W_b|, if they are known.
    """

    node: Node
    operator: Operator
    W_a: Tensor
    W_b: Tensor
    b_a: Tensor
    b_b: Tensor
    ends: tuple[float, float] | None = None

    @property
    def weights(self) -> tuple[Tensor, Tensor]:
        """A's and B's."""
        return self.W_a, self.W_b

    @property
    def biases(self) -> tuple[Tensor, Tensor]:
        """A's and B's."""
        return self.b_a, self.b_b

    @property
    def terms(self) -> int:
        """Weights of one output."""
        return self.W_a[0].numel()

    @property
    def fixed(self) -> bool:
        """Whether A's and B's are the same."""
        return torch.equal(self.W_a, self.W_b) and torch.equal(self.b_a, self.b_b)

    @cached_property
    def change(self) -> Tensor:
        """W_a - W_b."""
        return self.W_a - self.W_b

    def at_precision(self, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        """|W_a - W_b|, W_a - W_b and (|W_a| + |W_b|) / `SHARES` in another precision, once."""
        if dtype not in self._lower:
            change = self.change.to(dtype)
            sides = (self.W_a.abs() + self.W_b.abs()) / SHARES
            self._lower[dtype] = (change.abs(), change, sides.to(dtype))
        return self._lower[dtype]

    @cached_property
    def _lower(self) -> dict[torch.dtype, tuple[Tensor, Tensor, Tensor]]:
        return {}

    @cached_property
    def _norms(self) -> dict[float, float]:
        if self.ends is None:
            return {}
        return {t: NORM_INFLATION * norm for t, norm in zip((1.0, 0.0), self.ends, strict=True)}

    def norm(self, t: float) -> float:
        """A bound of |W_t|, inflated; computed once for each t."""
        if t not in self._norms:
            self._norms[t] = NORM_INFLATION * self.operator.norm(self.at(t).W)
        return self._norms[t]

    def norm_on(self, piece: Region) -> float:
        """A bound of |W_t| on a piece: the norm is convex in t."""
        assert isinstance(piece, Piece)
        a, b = self.norm(1.0), self.norm(0.0)
        return NORM_INFLATION * max(t * a + (1 - t) * b for t in (piece.start, piece.end))

    def at(self, t: float) -> AffineAt:
        """The layer at theta_t."""
        W, b = torch.lerp(self.W_b, self.W_a, t), torch.lerp(self.b_b, self.b_a, t)
        return AffineAt(t, self.operator, W, b)

    def on(self, piece: Region, dtype: torch.dtype) -> WeightsOnPiece:
        """The layer on a piece, its symbols in some precision."""
        assert isinstance(piece, Piece)
        change, change_low, sides = self.at_precision(dtype)
        half = piece.half
        powers = (
            (Direction(half, self.change, change_low, change, half * (self.b_a - self.b_b)),)
            if half and not self.fixed
            else ()
        )
        return WeightsOnPiece(
            W=torch.lerp(self.W_b, self.W_a, piece.centre),
            b=torch.lerp(self.b_b, self.b_a, piece.centre),
            powers=powers,
            weights=(),
            sides=sides,
            offset=self.b_a.abs() + self.b_b.abs(),
        )

    @cached_property
    def scale(self) -> Scale:
        """See `Scale`."""
        copies = math.sqrt(math.prod(self.node.shape) / len(self.b_a))
        return Scale(
            gain=max(self.operator.magnitude(W) for W in (self.W_a, self.W_b)),
            terms=self.W_a[0].numel(),
            offset=copies * max(float(length(b)) for b in (self.b_a, self.b_b)),
        )

    def contrast(self, x_a: Tensor, x_b: Tensor) -> "AffineContrast":
        """What A's and B's layer make of each other's inputs."""
        dW, db = self.W_a - self.W_b, self.operator.bias(self.b_a - self.b_b)
        moved_a = self.operator(dW, x_a)
        drift_a = flat_length(moved_a + db)
        if x_a is x_b:
            return AffineContrast(None, (drift_a, drift_a))
        moved_b = self.operator(dW, x_b)
        return AffineContrast(moved_a - moved_b, (drift_a, flat_length(moved_b + db)))


@dataclass(frozen=True, eq=False)
class AffineContrast:
    """What two layers make of each other's inputs, at every t; no commutator is zero."""

    commutator: Tensor | None
    drifts: tuple[Tensor, Tensor]

    def shift(self, t: float) -> Tensor | None:
        """The residual c; None is zero."""
        return None if self.commutator is None else -t * (1 - t) * self.commutator

    def drift(self, t: float) -> tuple[Tensor, Tensor]:
        """How far A's and B's inputs go apart from A's and B's outputs, by norm."""
        return (1 - t) * self.drifts[0], t * self.drifts[1]


@dataclass(frozen=True, eq=False)
class NormalisationAt:
    """a (z - mu) + beta at one t, channels along the first axis of an example."""

    t: float
    gamma: Tensor
    beta: Tensor
    mean: Tensor
    variance: Tensor

    @cached_property
    def factor(self) -> Tensor:
        """a, for each channel."""
        return self.gamma / self.variance.sqrt()

    def __call__(self, z: Tensor) -> Tensor:
        """The normalised value."""
        return self.factor * (z - self.mean) + self.beta

    def carry(self, deviation: Tensor) -> Tensor:
        """The factor applied to a deviation."""
        return self.factor * deviation


@dataclass(frozen=True, eq=False)
class Normalisation:
    """BatchNorm in evaluation mode; all tensors ``[channels, 1, ...]``.

    Attributes:
        gamma, beta, mean, variance: of A and of B; the variance contains BatchNorm's eps.
    """

    node: Node
    gamma: tuple[Tensor, Tensor]
    beta: tuple[Tensor, Tensor]
    mean: tuple[Tensor, Tensor]
    variance: tuple[Tensor, Tensor]

    @property
    def fixed(self) -> bool:
        """Whether A's and B's are the same."""
        return all(
            map(torch.equal, *zip(self.gamma, self.beta, self.mean, self.variance, strict=True))
        )

    def norm(self, t: float) -> float:
        """The largest factor, inflated."""
        return NORM_INFLATION * float(self.at(t).factor.abs().max())

    def at(self, t: float) -> NormalisationAt:
        """The layer at theta_t."""
        pairs = (self.gamma, self.beta, self.mean, self.variance)
        return NormalisationAt(t, *(torch.lerp(b, a, t) for a, b in pairs))

    @cached_property
    def scale(self) -> Scale:
        """See `Scale`; the mean is subtracted, multiplied, and the offset added."""
        smallest = torch.minimum(*self.variance)
        factor = torch.maximum(self.gamma[0].abs(), self.gamma[1].abs()) / smallest.sqrt()
        offset = factor * torch.maximum(*(m.abs() for m in self.mean))
        offset = offset + torch.maximum(*(b.abs() for b in self.beta))
        copies = math.sqrt(math.prod(self.node.shape) / len(offset))
        return Scale(float(factor.max()), 3, copies * float(length(offset.flatten())))

    def contrast(self, x_a: Tensor, x_b: Tensor) -> "NormalisationContrast":
        """What A's and B's layer make of each other's inputs."""
        return NormalisationContrast(self, x_a, x_b)


@dataclass(frozen=True, eq=False)
class NormalisationContrast:
    """What two layers make of each other's inputs, at every t."""

    layer: Normalisation
    x_a: Tensor
    x_b: Tensor

    def shift(self, t: float) -> Tensor:
        """The residual c."""
        a, middle, b = (self.layer.at(time) for time in (1.0, t, 0.0))
        u_a, u_b = self.x_a - a.mean, self.x_b - b.mean
        bent = middle.factor - torch.lerp(b.factor, a.factor, t)
        commutator = (a.factor - b.factor) * (u_a - u_b)
        return bent * torch.lerp(u_b, u_a, t) - t * (1 - t) * commutator

    def drift(self, t: float) -> tuple[Tensor, Tensor]:
        """How far A's and B's inputs go apart from A's and B's outputs, by norm."""
        a, middle, b = (self.layer.at(time) for time in (1.0, t, 0.0))
        return (
            flat_length(middle(self.x_a) - a(self.x_a)),
            flat_length(middle(self.x_b) - b(self.x_b)),
        )


Contrast = AffineContrast | NormalisationContrast
