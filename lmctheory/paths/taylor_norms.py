r"""Layer, group and root-mean-square norms of Taylor models.

    y = (x - mean x) (v + eps)^{-1/2},   v = mean (x - mean x)^2,

means over some axes; a root-mean-square norm subtracts nothing. The mean is linear. The variance is
a square of a Taylor model (`lmctheory.paths.taylor_products.squared`): its polynomial is that of
the entries' polynomials, symbols keep their linear parts, summed over entries, and what is left is
between 0 and the mean of squares. (v + eps)^{-1/2} is a smooth function of one model that is never
below eps (`lmctheory.paths.taylor_curves`), and the last product is again linear in the symbols.

*As it is computed*, with X = |x|, in whatever order: the mean errs by k eps mean X, the variance by
some k eps mean X^2, so that y errs by at most 8 (k + 32) eps (X + mean X) W (1 + W^2 mean X^2), W
the largest (v + eps)^{-1/2}.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from lmctheory.paths.smooth_functions import RSQRT
from lmctheory.paths.taylor_activations import Fresh
from lmctheory.paths.taylor_curves import curved
from lmctheory.paths.taylor_models import TaylorModel, polynomial_size
from lmctheory.paths.taylor_products import bilinear, squared

__all__ = ["centred", "normalised"]

_EPS = torch.finfo(torch.float64).eps


def centred(x: TaylorModel, axes: tuple[int, ...], terms: int) -> TaylorModel:
    """A model less its mean over some axes, of so many entries, counted from the last."""

    def apart(values: Tensor) -> Tensor:
        return values - values.mean(axes, keepdim=True)

    wide = x.radius + x.noise(terms // 2 + 8, terms + 16)
    # the map has 1 - 1/k on its diagonal and -1/k beside
    radius = (1 - 2 / terms) * wide + wide.mean(axes, keepdim=True)
    radius = radius.clamp(min=0) * (1 + 2 * (terms + 16) * x.eps) + 8 * x.eps * wide
    return x.mapped(apart, radius)


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
    terms = torch.Size([x.radius.shape[axis] for axis in axes]).numel()

    def averaged(one: Tensor, other: Tensor) -> Tensor:
        return (one * other).mean(axes, keepdim=True)

    u = centred(x, axes, terms) if mean else x
    v = squared(averaged, u, terms, degree)
    polynomial = v.polynomial.clone()
    polynomial[0] += eps
    v = replace(v, polynomial=polynomial)
    v = v.wider((4 * _EPS * (polynomial_size(polynomial) + v.rest)).to(v.radius))
    w = curved(RSQRT, v, degree, fresh, least=torch.full_like(polynomial[0], eps * (1 - 4 * _EPS)))
    y = bilinear(torch.mul, u, w, 1, degree)
    X, W = polynomial_size(x.polynomial) + x.rest, polynomial_size(w.polynomial) + w.rest
    ratio = 1 + averaged(X, X) * W.square()
    lost = 8 * (terms + 32) * _EPS * (X + X.mean(axes, keepdim=True)) * W * ratio
    return y.wider((lost * (1 + 1e-6)).to(y.radius))
