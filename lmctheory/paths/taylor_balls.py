r"""Taylor models with a ball: errors of which the Euclidean norm is bounded, and nothing else.

A model's radius is taken through a layer by |W|, entry by entry. In a deep network that is far more
than what becomes of any one error: for a convolution of k products | |W| | is up to sqrt(k) times
|W|, and what rounding makes in the first layer is a million millions times itself after twenty.
So let a value be

    x = a + v,   a in the Taylor model,   |v|_2 <= rho,   for each example.

*Apart.* An operation f with |f(a + v) - f(a)|_2 <= L |v|_2 takes the model to the model of f(a), as
if there were no ball, and the ball to L rho. So balls never widen what is made of models: not what
a kink is open for, nor what is of the second order. L is

* for a layer the norm of its weights: |sum_i c_i W^i| <= sum_i |c_i| |W^i| with the coefficients
  of the region, those of s and w_j added as sizes;
* for an activation its Lipschitz constant, for a maximum over windows the root of how many windows
  see an entry, for a mean or another map with entries at least zero that of Schur's test, for
  BatchNorm in evaluation mode the largest factor;
* for sums 1: balls are added, times the square root of how often an axis of length one is repeated;
* for a product entry by entry, xy = (a + v)(b + w): |v|_2 max|b| + |w|_2 max|a| + |v|_2 |w|_2;
* for a norm y = (x - m)/sigma, sigma^2 = var x + eps, on one group of k entries: its derivative is

      (I - 11^T/k - y y^T/k) / sigma,   |y|^2/k = var x / sigma^2 <= 1,

  of norm at most 1/sigma, with or without the mean. The root of the variance is |x - m|_2/sqrt(k),
  so that it falls by no more than rho/sqrt(k) between a and a + v (`lmctheory.paths.taylor_norms`).

Any other operation takes the ball as a radius, rho for every entry.

*Into the ball.* After each operation the radius of its result r joins the ball as |r|_2: what is
rounded, what is of higher order, and errors of kinks that have not become symbols. A network's own
numbers keep theirs, and so do the outputs.

*Rounding* at a + v errs by more than at a: by so many eps of |W| |v|, at most eps rho for an entry,
which joins the radius before a layer; elsewhere it is relative, and L grows by a little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from lmctheory.paths.blended_norms import NormalisationBlend, NormalisationBlendOnPiece
from lmctheory.paths.blends import Blend
from lmctheory.paths.certified_operations import Fixed, MaxPool, Operation, Pointwise, Sum
from lmctheory.paths.complete_operations import (
    Combination,
    Concatenation,
    Followed,
    NormOver,
    Product,
)
from lmctheory.paths.enclosure import per_example
from lmctheory.paths.layer_operations import Affine, Normalisation
from lmctheory.paths.parameters import Embedding, Parameters
from lmctheory.paths.regions import Region
from lmctheory.paths.rounding import flat_length
from lmctheory.paths.taylor_models import TaylorModel, polynomial_size
from lmctheory.paths.taylor_operations import NormalisationOnPiece, Passage

__all__ = ["BallsOnPiece"]

_EPS = torch.finfo(torch.float64).eps
_GROW = 1 + 1e-9
"""For what is rounded in norms and at a + v."""


class BallsOnPiece:
    """An operation on a piece, with balls.

    Attributes:
        last: whether it gives the outputs, which keep a radius.
        gain: its Lipschitz constant where one serves; None where models are asked, or a ball
            becomes a radius.
    """

    def __init__(
        self, op: Operation | Blend | Followed, passed: Passage, piece: Region, *, last: bool
    ) -> None:
        self.op, self.passed, self.last = op, passed, last
        self.gain = _gain(op, passed, piece)

    def __call__(self, inputs: Sequence[TaylorModel]) -> TaylorModel:
        """The model after it."""
        found = self._through(inputs)
        if self.last or isinstance(self.op, Parameters | Embedding):
            return found
        return _gathered(found)

    def _through(self, inputs: Sequence[TaylorModel]) -> TaylorModel:
        multiplies = isinstance(self.op, Product) and self.op.apply is torch.mul
        if isinstance(self.op, NormOver) or all(x.ball is None for x in inputs):
            return self.passed(inputs)
        if self.gain is None and not multiplies:
            return self.passed([_boxed(x) for x in inputs])
        balls, plain = [_ball(x) for x in inputs], [replace(x, ball=None) for x in inputs]
        if isinstance(self.op, Affine | Blend):
            seen = 8 * (self.op.terms + 64) * _EPS * balls[0]
            plain = [x.wider(per_example(seen, x.radius).to(x.radius)) for x in plain]
        found = self.passed(plain)
        # axes of length one are repeated
        grow = [math.sqrt(found.radius[0].numel() / x.radius[0].numel()) for x in plain]
        if self.gain is None:
            (x, y), (v, w) = plain, (a * ball for a, ball in zip(grow, balls, strict=True))
            return replace(found, ball=_GROW * (v * _largest(y) + w * _largest(x) + v * w))
        if isinstance(self.op, Combination):
            balls = [a * ball for a, ball in zip(grow, balls, strict=True)]
        return replace(found, ball=_GROW * self.gain * torch.stack(balls).sum(0))


def _gain(op: Operation | Blend | Followed, passed: Passage, piece: Region) -> float | None:
    match op:
        case Affine() | Blend():
            return op.norm_on(piece)
        case Pointwise() | MaxPool():
            return op.lipschitz
        case Normalisation() | NormalisationBlend():
            assert isinstance(passed, NormalisationOnPiece | NormalisationBlendOnPiece)
            return float(passed.size.max())
        case Fixed():
            return op.norm
    return 1.0 if isinstance(op, Sum | Combination | Concatenation) else None


def _ball(x: TaylorModel) -> Tensor:
    return x.polynomial.new_zeros(len(x.radius)) if x.ball is None else x.ball


def _boxed(x: TaylorModel) -> TaylorModel:
    """The ball as a radius."""
    if x.ball is None:
        return x
    ball = per_example(x.ball * (1 + 4 * x.eps), x.radius).to(x.radius)
    return replace(x, radius=(x.radius + ball) * (1 + 4 * x.eps), ball=None)


def _gathered(x: TaylorModel) -> TaylorModel:
    """The radius in the ball."""
    return replace(
        x,
        radius=torch.zeros_like(x.radius),
        ball=((_ball(x) + flat_length(x.radius.double())) * _GROW).nan_to_num(nan=torch.inf),
    )


def _largest(x: TaylorModel) -> Tensor:
    """The largest size of an entry, ``[n]``."""
    return (polynomial_size(x.polynomial) + x.rest).flatten(1).amax(1)
