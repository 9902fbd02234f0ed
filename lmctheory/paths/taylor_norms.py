r"""Layer, group and root-mean-square norms of Taylor models.

    y = (x - mean x) (v + eps)^{-1/2},   v = mean (x - mean x)^2,

means over some axes; a root-mean-square norm subtracts nothing. The mean is linear. The variance is
a square of a Taylor model (`lmctheory.paths.taylor_products.squared`): its polynomial is that of
the entries' polynomials, symbols keep their linear parts, summed over entries, and what is left is
between 0 and the mean of squares. (v + eps)^{-1/2} is a smooth function of one model that is never
below eps (`lmctheory.paths.taylor_curves`), and the last product is again linear in the symbols.

*As it is computed*, with X = |x|, in whatever order: the mean errs by at most (k + 2) eps/2 of
mean X, the variance by (k + 8) eps of mean X^2, of which the root takes half. So y errs by at most
(k + 64) eps (X + mean X) W (1 + W^2 mean X^2), W the largest (v + eps)^{-1/2}.

*What a group has in common*, the rest of its mean and that of its root, are single numbers: they
become symbols, so that a radius passes as it is, and not with all that its group adds to it.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from lmctheory.paths.enclosure import per_example
from lmctheory.paths.smooth_functions import RSQRT
from lmctheory.paths.taylor_activations import Fresh, with_symbols
from lmctheory.paths.taylor_curves import curved
from lmctheory.paths.taylor_models import TaylorModel, added, bounds, polynomial_size
from lmctheory.paths.taylor_products import bilinear, squared

__all__ = ["centred", "normalised"]

_EPS = torch.finfo(torch.float64).eps


def centred(x: TaylorModel, axes: tuple[int, ...], terms: int, fresh: Fresh) -> TaylorModel:
    """A model less its mean over some axes, of so many entries, counted from the last."""
    if fresh.limit:
        wide = x.radius + x.noise(terms // 2 + 8, terms + 16)
        wide = wide.mean(axes, keepdim=True) * (1 + 2 * (terms + 16) * x.eps)
        mean = x.mapped(lambda values: -values.mean(axes, keepdim=True), wide)
        return added(x, shared(mean, fresh))

    def apart(values: Tensor) -> Tensor:
        return values - values.mean(axes, keepdim=True)

    wide = x.radius + x.noise(terms // 2 + 8, terms + 16)
    # the map has 1 - 1/k on its diagonal and -1/k beside
    radius = (1 - 2 / terms) * wide + wide.mean(axes, keepdim=True)
    radius = radius.clamp(min=0) * (1 + 2 * (terms + 16) * x.eps) + 8 * x.eps * wide
    return x.mapped(apart, radius)


def shared(x: TaylorModel, fresh: Fresh) -> TaylorModel:
    """A model whose radius, where it is largest, has become symbols."""
    known = x.radius < torch.inf
    left = replace(x, radius=torch.where(known, 0.0, x.radius))
    return with_symbols(left, torch.where(known, x.radius, 0.0), fresh)


def normalised(
    x: TaylorModel,
    axes: tuple[int, ...],
    eps: float,
    degree: int,
    fresh: Fresh,
    *,
    mean: bool = True,
) -> TaylorModel:
    """The normalised model.

    Args:
        x: the model.
        axes: over which means are taken, counted from the last.
        eps: is added to the variance.
        degree: of polynomials.
        fresh: symbols for the error of the root.
        mean: whether it is subtracted.
    """
    whole, ball = x, x.ball
    x = replace(x, ball=None)
    terms = torch.Size([x.radius.shape[axis] for axis in axes]).numel()

    def averaged(one: Tensor, other: Tensor) -> Tensor:
        return (one * other).mean(axes, keepdim=True)

    u = centred(x, axes, terms, Fresh(fresh.name + 2, fresh.limit)) if mean else x
    v = squared(averaged, u, terms, degree)
    polynomial = v.polynomial.clone()
    polynomial[0] += eps
    v = replace(v, polynomial=polynomial)
    v = v.wider((4 * _EPS * (polynomial_size(polynomial) + v.rest)).to(v.radius))
    gain = None if ball is None else _gain(v, ball, eps, terms)
    w = curved(RSQRT, v, degree, fresh, least=torch.full_like(polynomial[0], eps * (1 - 4 * _EPS)))
    w = shared(w, Fresh(fresh.name + 1, fresh.limit))
    y = bilinear(torch.mul, u, w, 1, degree)
    X, W = polynomial_size(x.polynomial) + whole.rest, polynomial_size(w.polynomial) + w.rest
    if ball is not None and gain is not None:
        y, W = replace(y, ball=gain.flatten(1).amax(1) * ball), torch.maximum(W, gain)
    ratio = 1 + averaged(X, X) * W.square()
    lost = (terms + 64) * _EPS * (X + X.mean(axes, keepdim=True)) * W * ratio
    return y.wider((lost * (1 + 1e-6)).to(y.radius))


def _gain(v: TaylorModel, ball: Tensor, eps: float, terms: int) -> Tensor:
    """The largest 1/sigma of each group with a ball around it; v + eps is sigma^2 without."""
    low, _ = bounds(v.polynomial)
    root = (low - v.rest - eps * (1 + 4 * _EPS)).clamp(min=0).sqrt() * (1 - 8 * _EPS)
    least = (root - per_example(ball, root) * ((1 + 8 * _EPS) / terms**0.5)).clamp(min=0)
    return (least.square() + eps).rsqrt() * (1 + 16 * _EPS)
