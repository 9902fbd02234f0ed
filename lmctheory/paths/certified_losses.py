r"""Losses of which a certificate knows what a bounded deviation can make.

At a point the outputs are a known vector c plus something of norm at most r (C3). On a piece of the
segment, s in [0, 1], output j is the chord of its two ends plus s(1-s) k_j, plus at most rest_j
(C4). What follows is increasing in the deviation and, where s(1-s) k is replaced by its largest
value, convex in s, so that its mean over examples is largest at an end of the piece.

*Cross-entropy* log(1 + sum_{j != y} e^{f_j - f_y}): increasing in every margin f_j - f_y.

*Binary cross-entropy* log(1 + e^z) - y z, y in [0, 1]: convex in the one logit z, so on an interval
largest at one of its ends, and the larger of two convex functions of s is convex.

*Squared error* |f - y|^2 (T3): at a point at most (|c - y| + r)^2. On a piece |f - y| is at most
|chord - y| + |k|/4 + |rest|, convex in s and >= 0, and so is its square.

Each is rounded up by a bound of what its own arithmetic loses.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from lmctheory.networks import Examples
from lmctheory.networks.losses import BinaryCrossEntropy, CrossEntropy, Loss, SquaredError
from lmctheory.paths.enclosure import peak
from lmctheory.paths.rounding import EPS, TINY, length, margin_loss, or_infinite

__all__ = ["AtPoint", "CertifiedLoss", "OnPiece", "certified_loss", "require_certified"]


class AtPoint(NamedTuple):
    """The outputs at a point of the segment: a known vector and something that is bounded.

    Attributes:
        centre: ``[n, outputs]``.
        radius: ``[n]`` a bound of the norm of the rest.
        apart: from labels to a bound of what the rest makes of f_j - f_y, ``[n, outputs]``.
    """

    centre: Tensor
    radius: Tensor
    apart: Callable[[Tensor], Tensor]


class OnPiece(NamedTuple):
    """The outputs on a piece of the segment: a chord, a parabola s(1-s) bend, and a rest.

    Attributes:
        ends: the outputs at both ends, ``[n, outputs]`` each.
        bend: ``[n, outputs]``.
        rest: ``[n, outputs]`` a bound of the entries of the rest.
        apart: from labels to a bound of what the rest makes of f_j - f_y.
    """

    ends: tuple[Tensor, Tensor]
    bend: Tensor
    rest: Tensor
    apart: Callable[[Tensor], Tensor]


class CertifiedLoss(ABC):
    """What certificates ask of a loss.

    Attributes:
        lipschitz: of the loss in the outputs; infinite where there is none.
    """

    lipschitz: float

    @abstractmethod
    def at(self, outputs: AtPoint, labels: Tensor) -> tuple[Tensor, Tensor]:
        """A bound of each example's loss, and whether it is classified as labelled, surely."""

    @abstractmethod
    def on(self, outputs: OnPiece, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What holds on a whole piece.

        Returns:
            Whether each example is classified as labelled, a bound of its loss, and ``[2, n]`` a
            bound that is convex in s, at both ends.
        """


class _Classes(CertifiedLoss):
    lipschitz = 2**0.5  # the gradient is p - e_y

    def at(self, outputs: AtPoint, labels: Tensor) -> tuple[Tensor, Tensor]:
        margins = _margins(outputs.centre, labels, outputs.apart(labels))
        return margin_loss(margins), (margins < 0).all(-1)

    def on(self, outputs: OnPiece, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        label = labels[:, None]
        start, end, bend = (
            values - values.gather(1, label) for values in (*outputs.ends, outputs.bend)
        )
        bend, apart = or_infinite(bend), or_infinite(outputs.apart(labels))
        highest = _but_label(peak(start, end, bend) + apart, labels)
        lift = _but_label(bend.clamp(min=0) / 4 + apart, labels)
        convex = torch.stack([margin_loss(start + lift), margin_loss(end + lift)])
        return (highest < 0).all(1), margin_loss(highest), convex


class _Binary(CertifiedLoss):
    lipschitz = 1.0

    def at(self, outputs: AtPoint, labels: Tensor) -> tuple[Tensor, Tensor]:
        centre, radius = outputs.centre.flatten(), outputs.radius
        return self._between(centre - radius, centre + radius, labels.flatten().to(centre))

    def on(self, outputs: OnPiece, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        start, end = (values.flatten() for values in outputs.ends)
        bend, rest = (values.flatten() for values in (outputs.bend, outputs.rest))
        bend, rest, y = or_infinite(bend), or_infinite(rest), labels.flatten().to(start)
        low, high = -peak(-start, -end, -bend) - rest, peak(start, end, bend) + rest
        loss, certified = self._between(low, high, y)
        up, down = bend.clamp(min=0) / 4 + rest, (-bend).clamp(min=0) / 4 + rest
        convex = [self._between(z - down, z + up, y)[0] for z in (start, end)]
        return certified, loss, torch.stack(convex)

    @staticmethod
    def _between(low: Tensor, high: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        # not log(1 + e^z) - y z, which cancels
        losses = [
            y * margin_loss(-z[:, None]) + (1 - y) * margin_loss(z[:, None]) for z in (low, high)
        ]
        worst = torch.maximum(*losses) * (1 + 4 * EPS)
        return or_infinite(worst), torch.where(y > 0.5, low > 0, high < 0)


class _Squared(CertifiedLoss):
    lipschitz = torch.inf

    def at(self, outputs: AtPoint, labels: Tensor) -> tuple[Tensor, Tensor]:
        off = self._off(outputs.centre, labels) + outputs.radius
        if labels.is_floating_point():
            return _up(off), torch.zeros_like(off, dtype=torch.bool)
        return _up(off), _CLASSES.at(outputs, labels)[1]

    def on(self, outputs: OnPiece, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        lift = length(outputs.bend) / 4 + length(outputs.rest)
        convex = torch.stack([_up(self._off(values, labels) + lift) for values in outputs.ends])
        if labels.is_floating_point():
            certified = torch.zeros_like(lift, dtype=torch.bool)
        else:
            certified = _CLASSES.on(outputs, labels)[0]
        return certified, convex.amax(0), convex

    @staticmethod
    def _off(outputs: Tensor, labels: Tensor) -> Tensor:
        # a difference is rounded once, a norm of k entries by less than k + 3 units
        off = length(outputs - SquaredError.targets(outputs[None], labels))
        return off * (1 + (outputs.shape[-1] + 4) * EPS)


_CLASSES = _Classes()


def certified_loss(loss: Loss) -> CertifiedLoss:
    """What certificates know of a loss.

    Raises:
        ValueError: for a loss of which no bound is proved.
    """
    if isinstance(loss, CrossEntropy) and loss.is_plain:
        return _CLASSES
    if isinstance(loss, BinaryCrossEntropy):
        return _Binary()
    if isinstance(loss, SquaredError):
        return _Squared()
    raise ValueError(
        "certificates are proved for the cross-entropy as it is, without class weights, "
        "smoothing or ignored labels, for "
        f"the binary cross-entropy and the squared error, got {loss.title}"
    )


def require_certified(data: Examples) -> None:
    """Refuses examples for whose loss there is no certificate.

    Raises:
        ValueError: naming the loss, or for labels of tokens.
    """
    certified_loss(data.loss)
    if data.labels.ndim > 1 and isinstance(data.loss, CrossEntropy):
        raise ValueError("certificates are for one label per example, got labels of tokens")


def _margins(centre: Tensor, labels: Tensor, apart: Tensor) -> Tensor:
    """C3: upper bounds of f_j - f_y at theta_t, ``[n, classes]``, -inf at the label."""
    return _but_label(centre - centre.gather(1, labels[:, None]) + apart, labels)


def _but_label(values: Tensor, labels: Tensor) -> Tensor:
    return values.scatter(1, labels[:, None], -torch.inf)


def _up(distance: Tensor) -> Tensor:
    """The square, rounded up; it may underflow."""
    return or_infinite(distance.square() * (1 + 8 * EPS) + TINY)
