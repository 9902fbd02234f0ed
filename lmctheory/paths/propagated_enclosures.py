r"""How an enclosure of a piece of the segment passes the operations of a network.

s in [0, 1] runs from network 0 to network 1; all values at both are known. At every node

    x^s = (1-s) x_0 + s x_1 + s(1-s) bend + rho(s) + omega(s) + eta(s)

with a known parabola and three kinds of remainder: |rho_i| <= box_i, entry by entry; omega and eta
obey a bound of each entry and one of the norm (`Rest`). All vanish at inputs and wherever a node is
its chord (None instead of an `Enclosure`).

*Layers.* W^s = (1-s) W_0 + s W_1. Multiplying out, with dW = W_1 - W_0 and dx = x_1 - x_0,

    z^s = chord + s(1-s) k + W^s (rho + omega + eta) + s(1-s)(s - 1/2) dW bend,
    k = W^{1/2} bend - dW dx,   |s(1-s)(s - 1/2)| <= sqrt(3)/36,

so the commutativity residual and the bend of earlier layers travel on as vectors. What is made of
rho is bounded both by |W| box, neuron by neuron, |W| = max(|W_0|, |W_1|), and in norm, by
max(|W_0|, |W_1|)_op |box|: it is omega. Which of the two is carried on is decided example by
example at the next layer: omega joins rho if its entries' bounds have the smaller norm, else eta.

*BatchNorm in evaluation mode*, y = a(s) u + beta(s), u = z - mu(s), one factor a for each channel.
Subtracting mu changes no bend, since mu is linear in s, and neither does beta. With alpha chosen so
that a = chord + s(1-s) alpha + e(s) has e(1/2) = 0, |e| is at most sqrt(3)/216 sup|a'''| and at
most the range of a plus |alpha|/4. From a = gamma w^{-1/2}, gamma and w = var + eps linear,

    |a'''| <= (15/8) |gamma| |dw|^3 w^{-7/2} + (9/4) |dgamma| dw^2 w^{-5/2}   at the smallest w,

and a lies between the products of ends of gamma and of w^{-1/2}. Multiplying out,

    y^s = chord + s(1-s) (a-bar_{1/2} k - da du + alpha u-bar_{1/2})
          + s(1-s)(s - 1/2) (da k + alpha du) + e u-bar + (a - a-bar) s(1-s) k + a(s) remainder.

*A maximum over windows* is taken two entries at a time, max(x, y) = y + relu(x - y): the enclosure
of the relu gives bend and fresh box. A remainder of the maximum is no larger than the larger of the
two remainders, or that of x alone if x - y has one sign on the whole piece.

*Activations*: `lmctheory.paths.enclosure`. A neuron that does not change sign adds nothing, and a
dead one passes nothing on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial, reduce
from operator import add

import torch
from torch import Tensor

from lmctheory.networks import activation
from lmctheory.paths.certified_operations import Fixed, MaxPool, Operation, Pointwise
from lmctheory.paths.enclosure import (
    CUBIC,
    Enclosure,
    Rest,
    parabola,
    peak,
    per_example,
    through,
)
from lmctheory.paths.layer_operations import Affine, AffineAt, Normalisation, NormalisationAt
from lmctheory.paths.rounding import NORM_INFLATION, flat_length, or_infinite

__all__ = ["AffineBetween", "Passage", "between", "chord"]

Ends = tuple[Tensor, Tensor]
_RELU = activation("relu")


Passage = Callable[[Sequence[Ends], Sequence[Enclosure | None]], Enclosure | None]
"""From the ends and enclosures of an operation's inputs to the enclosure of its value."""


def chord(_ends: Sequence[Ends], _inside: Sequence[Enclosure | None]) -> None:
    """How a value passes that is its chord: one the same in all networks, after one layer even."""


def between(op: Operation, start: object, end: object) -> Passage:
    """How the operation passes the piece between its form at two t's.

    Args:
        op: the operation.
        start: what it is at s = 0.
        end: what it is at s = 1.
    """
    match op, start, end:
        case Affine(), AffineAt(), AffineAt():
            return AffineBetween(op, start, end)
        case Normalisation(), NormalisationAt(), NormalisationAt():
            return _NormalisationBetween(op, start, end)
        case Fixed(), _, _:
            return partial(_moved, op)
        case Pointwise(), _, _:
            return partial(_activated, op)
        case MaxPool(), _, _:
            return partial(_largest, op)
        case _:
            return _summed


class AffineBetween:
    """A layer on a piece, and what depends on its weights only."""

    def __init__(self, op: Affine, start: AffineAt, end: AffineAt) -> None:
        self.operator, self.ends = start.operator, (start.W, end.W)
        self.change = end.W - start.W
        self.middle = (start.W + end.W) / 2
        self.reach = torch.maximum(start.W.abs(), end.W.abs())
        self.rows = NORM_INFLATION * torch.maximum(*map(self.operator.rows, (start.W, end.W)))
        self.norm = max(op.norm(start.t), op.norm(end.t))

    def bent(self, x: Ends, inside: Enclosure | None) -> tuple[Tensor, Tensor | float]:
        """k, and a bound of s(1-s)|s - 1/2| |dW bend|, neuron by neuron."""
        k = -self.operator(self.change, x[1] - x[0])
        if inside is None:
            return k, 0.0
        moved = self.operator(self.change, inside.bend)
        return k + self.operator(self.middle, inside.bend), CUBIC * moved.abs()

    def __call__(self, ends: Sequence[Ends], inside: Sequence[Enclosure | None]) -> Enclosure:
        """The enclosure after it."""
        [x], [before] = ends, inside
        k, known = self.bent(x, before)
        if before is None:
            return parabola(k)
        box, ball = before.settled()
        size = flat_length(box)
        spread = torch.minimum(self.operator(self.reach, box), per_example(size, k) * self.rows)
        return Enclosure(
            k,
            known + torch.zeros_like(k),
            Rest(spread, self.norm * size),
            Rest((per_example(ball, k) * self.rows).expand_as(k), self.norm * ball),
        )


class _NormalisationBetween:
    """BatchNorm on a piece, its factor as a parabola in s."""

    def __init__(self, op: Normalisation, start: NormalisationAt, end: NormalisationAt) -> None:
        self.means = start.mean, end.mean
        self.change = end.factor - start.factor
        self.middle = (start.factor + end.factor) / 2
        centre = op.at((start.t + end.t) / 2)
        self.alpha = 4 * (centre.factor - self.middle)
        gamma, w = (start.gamma, end.gamma), (start.variance, end.variance)
        corners = torch.stack([g / v.sqrt() for g in gamma for v in w])
        low, high = corners.amin(0), corners.amax(0)
        dgamma, dw, least = (gamma[1] - gamma[0]).abs(), (w[1] - w[0]).abs(), torch.minimum(*w)
        ratio = dw / least
        third = 15 / 8 * torch.maximum(*(g.abs() for g in gamma)) * ratio**3
        third = (third + 9 / 4 * dgamma * ratio**2) / least.sqrt()
        third = or_infinite(third)
        arch = self.alpha.abs() / 4
        self.error = torch.minimum(CUBIC / 6 * third, high - low + arch)
        self.bow = torch.minimum(arch + self.error, high - low)
        self.factor = NORM_INFLATION * torch.maximum(low.abs(), high.abs())
        self.norm = float(self.factor.max())

    def __call__(self, ends: Sequence[Ends], inside: Sequence[Enclosure | None]) -> Enclosure:
        """The enclosure after it."""
        [z], [before] = ends, inside
        u_0, u_1 = (value - mean for value, mean in zip(z, self.means, strict=True))
        du = u_1 - u_0
        bend = self.alpha * (u_0 + u_1) / 2 - self.change * du
        known = CUBIC * (self.alpha * du).abs()
        known = known + self.error * torch.maximum(u_0.abs(), u_1.abs())
        if before is None:
            return replace(parabola(bend), box=known)
        k = before.bend
        known = known + CUBIC * (self.change * k).abs() + self.bow * k.abs() / 4
        return before.linearly(
            bend + self.middle * k, known, lambda bound: self.factor * bound, self.norm
        )


def _moved(
    op: Fixed, _ends: Sequence[Ends], inside: Sequence[Enclosure | None]
) -> Enclosure | None:
    [before] = inside
    if before is None:
        return None
    return before.linearly(op.apply(before.bend), 0.0, op.apply, NORM_INFLATION * op.norm)


def _summed(_ends: Sequence[Ends], inside: Sequence[Enclosure | None]) -> Enclosure | None:
    known = [enclosure for enclosure in inside if enclosure is not None]
    return reduce(add, known) if known else None


def _activated(
    op: Pointwise, ends: Sequence[Ends], inside: Sequence[Enclosure | None]
) -> Enclosure:
    [z], [before] = ends, inside
    if before is None:
        before = parabola(torch.zeros_like(z[0]))
    image = through(op.sigma, *z, before.bend, before.reach)
    top = image.gain.flatten(1).amax(1)

    def gained(bound: Tensor) -> Tensor:
        return image.gain * bound

    return Enclosure(
        image.bend,
        image.fresh + gained(before.box),
        before.omega.through(gained, top),
        before.eta.through(gained, top),
    )


def _largest(op: MaxPool, ends: Sequence[Ends], inside: Sequence[Enclosure | None]) -> Enclosure:
    [x], [before] = ends, inside
    if before is None:
        before = parabola(torch.zeros_like(x[0]))
    parts = (*x, before.bend, before.box, before.omega.entries, before.eta.entries)
    rivals = list(zip(*(op.members(part) for part in parts), strict=True))
    *_, bend, box, omega, eta = (op.fold(part) for part in reduce(_larger, rivals))
    return Enclosure(
        bend,
        box,
        Rest(omega, op.lipschitz * before.omega.norm),
        Rest(eta, op.lipschitz * before.eta.norm),
    )


def _larger(one: Sequence[Tensor], other: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Two entries of each window, as (x_0, x_1, bend, box, omega, eta): their maximum."""
    (x_0, x_1, p, *rests), (y_0, y_1, q, *others) = one, other
    reach = reduce(add, (*rests, *others))
    image = through(_RELU, x_0 - y_0, x_1 - y_1, p - q, reach)
    above = -peak(y_0 - x_0, y_1 - x_1, q - p) >= reach
    box, *bounds = (
        torch.where(above, a, torch.where(image.gain == 0, b, torch.maximum(a, b)))
        for a, b in zip(rests, others, strict=True)
    )
    ends = torch.maximum(x_0, y_0), torch.maximum(x_1, y_1)
    return (*ends, q + image.bend, box + image.fresh, *bounds)
