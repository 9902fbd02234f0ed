r"""What activations with a kink and maxima make of Taylor models.

Every piecewise linear activation is replaced by a slope times its argument, plus a polynomial in s,
plus an error,

    sigma(z) = lambda z + p(s) +- error,

so that what the argument has in common with others stays in common. The errors become symbols.

*Relu*, z = P(s) + w, |w| <= R. If P - R >= 0 or P + R <= 0 on the piece, it is linear there. Else,
whichever errs less:

(a) any slope lambda in [0, 1], lambda = u / (u - l) for z in [l, u]: relu(z) - lambda z lies
between 0 and max(-lambda l, (1 - lambda) u).

(b) relu(z) = z/2 + |z|/2, and with q the line c_0 + c_2/2 + (c_1 + 3/4 c_3) s, from which P differs
by at most |c_2|/2 + |c_3|/4, z is within W = R + |c_2|/2 + |c_3|/4 of q, so that |z| is between
max(0, |q| - W) and |q| + W. If q has a zero on the piece, |q| is its chord less a tent, and p the
chord less the parabola that is nearest to the tent (`lmctheory.paths.enclosure.tent`). On either
side of the zero |q| + W - p is concave, its largest value at its vertex clipped to that side;
p - max(0, |q| - W) is convex between -1, the points where |q| = W, and 1. Half their sum is the
error, half their difference joins p.

Piecewise linear sigma with slope a below zero: sigma(z) = a z + (1 - a) relu(z).

*Smooth* sigma: `lmctheory.paths.taylor_curves`.

*A maximum* max(x, y) = y + relu(x - y): lambda x + (1 - lambda) y + p +- error.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from lmctheory.networks import Activation, activation
from lmctheory.paths.enclosure import tent
from lmctheory.paths.taylor_models import (
    TaylorModel,
    aligned,
    bounds,
    padded,
    polynomial_size,
    value_at,
)

__all__ = ["Fresh", "Line", "activated", "larger", "line_of", "with_symbols"]

_EPS = torch.finfo(torch.float64).eps
_RELU = activation("relu")


class Line(NamedTuple):
    """sigma(z) = slope z + p(s) +- error.

    Attributes:
        slope: ``[n, ...]``, float64: a slope below zero and 1 - slope are no float32 numbers.
        polynomial: ``[k + 1, entries]`` the coefficients of p at some entries, zero elsewhere.
        entries: ``[n, ...]`` whether p and the error are there.
        error: ``[entries]``, float64.
    """

    slope: Tensor
    polynomial: Tensor
    entries: Tensor
    error: Tensor


class Fresh(NamedTuple):
    """Symbols that an operation may bring into being.

    Attributes:
        name: of their block; no other operation's.
        limit: how many for one example, at most.
    """

    name: int
    limit: int


def activated(sigma: Activation, z: TaylorModel, fresh: Fresh) -> TaylorModel:
    """A piecewise linear sigma of a model."""
    line = line_of(sigma, z)
    slope = line.slope.to(z.radius)
    own = slope.abs() * z.radius
    scaled = TaylorModel(line.slope * z.polynomial, slope * z.symbols, z.blocks, own)
    if 0.0 not in sigma.slopes:  # else 0 and 1, or rounded below
        scaled = scaled.wider(scaled.noise(4, 8))
    return _completed(scaled, line, fresh)


def larger(one: TaylorModel, other: TaylorModel, fresh: Fresh) -> TaylorModel:
    """The maximum of two models."""
    size = max(len(one.polynomial), len(other.polynomial))
    p, q = padded(one.polynomial, size), padded(other.polynomial, size)
    g, h, blocks = aligned(one, other)
    difference = TaylorModel(p - q, g - h, blocks, one.radius + other.radius)
    line = line_of(_RELU, difference.wider(one.noise(4, 8) + other.noise(4, 8)))
    slope, back = line.slope.to(g), (1 - line.slope).to(g)
    mixed = TaylorModel(
        line.slope * p + (1 - line.slope) * q,
        slope * g + back * h,
        blocks,
        slope * one.radius + back * other.radius,
    )
    between = (line.slope > 0) & (line.slope < 1)
    mixed = mixed.wider(torch.where(between, one.noise(8, 16) + other.noise(8, 16), 0.0))
    return _completed(mixed, line, fresh)


def _completed(scaled: TaylorModel, line: Line, fresh: Fresh) -> TaylorModel:
    """With the polynomial and the error of a line; the argument was scaled already."""
    if not len(line.error):
        return scaled
    at = line.entries
    polynomial = padded(scaled.polynomial, len(line.polynomial)).clone()
    for moved, part in zip(polynomial, line.polynomial, strict=False):
        moved[at] += part
    # products with the slope and sums are rounded, in whatever precision
    lost = scaled.noise(8, 16)[at] + 16 * _EPS * line.polynomial.abs().sum(0)
    error = torch.zeros_like(scaled.radius)
    error[at] = ((line.error + lost) * (1 + 4 * scaled.eps)).to(error)
    return with_symbols(replace(scaled, polynomial=polynomial), error, fresh)


def with_symbols(model: TaylorModel, error: Tensor, fresh: Fresh) -> TaylorModel:
    """With the largest errors of each example as new symbols, and the others in the radius."""
    flat = error.flatten(1)
    count = min(fresh.limit, int((flat > 0).sum(1).max()))
    if not count:
        return model.wider(error)
    values, places = flat.topk(count, 1, sorted=False)
    own = flat.new_zeros(2, count, *flat.shape)
    own[0].scatter_(2, places.T[:, :, None], values.T[:, :, None])
    rest = flat.scatter(1, places, 0.0).view_as(error)
    return replace(
        model,
        symbols=torch.cat([model.symbols, own.view(2, count, *error.shape)], 1),
        blocks=(*model.blocks, (fresh.name, count)),
        radius=model.radius + rest,
    )


def line_of(sigma: Activation, z: TaylorModel) -> Line:
    """The line that stands for a piecewise linear sigma on the piece."""
    alpha, beta = sigma.slopes
    a = alpha if beta == 1 else beta  # the slope below zero
    centre, all_rest = z.polynomial[0], z.rest
    on = (centre > 0).to(centre)
    reach = polynomial_size(z.polynomial[1:]) + all_rest
    open_ = ~(centre.abs() > reach * (1 + 64 * _EPS))
    c, rest = padded(z.polynomial[:, open_], 4), all_rest[open_]
    low, high = bounds(c)
    low, high = low - rest, high + rest
    kinked = ~((low >= 0) | (high <= 0))
    slopes = (low >= 0).to(on)
    entries = open_.clone()
    entries[open_] = kinked
    steep, polynomial, error = _relu(c[:, kinked], rest[kinked], low[kinked], high[kinked])
    slopes[kinked] = steep
    on[open_] = slopes
    return Line(a + (1 - a) * on, (1 - a) * polynomial, entries, abs(1 - a) * error)


def _relu(c: Tensor, rest: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Slope, polynomial and error where the sign is open."""
    slope = (high / (high - low)).clamp(0, 1)
    chord = torch.maximum(-slope * low, (1 - slope) * high) / 2
    parabola, arched = _bent(c, rest)
    bent = arched < chord
    error = torch.where(bent, arched, chord)
    error = error + 64 * _EPS * (c.abs().sum(0) + rest)
    constant = padded(chord[None], 3)
    slope = torch.where(bent, torch.full_like(slope, 0.5), slope)
    return slope, torch.where(bent, parabola, constant), error


def _bent(c: Tensor, rest: Tensor) -> tuple[Tensor, Tensor]:
    """(b): half the parabola for |z|, and half its error; infinite where q has no zero inside."""
    q_0, q_1 = c[0] + c[2] / 2, c[1] + 0.75 * c[3]
    W = rest + c[2].abs() / 2 + c[3].abs() / 4
    inside = q_0.abs() < q_1.abs()
    zero = torch.where(inside, -q_0 / q_1, 0.0)
    start, end = (q_0 - q_1).abs(), (q_0 + q_1).abs()
    total = torch.where(inside, start + end, 1.0)
    kappa, _ = tent(torch.where(inside, start / total, 0.5))
    arch = kappa * start * (end / total) / 2
    p = torch.stack([(start + end) / 2 - arch, (end - start) / 2, arch])
    above = []
    for sign, side in (
        (-1.0, (-torch.ones_like(zero), zero)),
        (1.0, (zero, torch.ones_like(zero))),
    ):
        rise = q_1.abs() * sign
        vertex = ((rise - p[1]) / (2 * arch)).nan_to_num(0.0)
        s = torch.minimum(torch.maximum(vertex, side[0]), side[1])
        above.append((q_0 + q_1 * s).abs() - value_at(p, s))
    near = (W / q_1.abs()).nan_to_num(2.0)
    below = []
    for place in (zero - near, zero + near, -torch.ones_like(zero), torch.ones_like(zero)):
        s = place.clamp(-1, 1)
        below.append(value_at(p, s) - ((q_0 + q_1 * s).abs() - W).clamp(min=0))
    up, down = torch.stack(above).amax(0) + W, torch.stack(below).amax(0)
    error = torch.where(inside & (arch > 0), (up + down) / 4, torch.inf)
    p = torch.cat([(p[0] + (up - down) / 2)[None], p[1:]]) / 2
    return p.nan_to_num(0.0), error.nan_to_num(torch.inf)
