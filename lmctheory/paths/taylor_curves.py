r"""What smooth functions of one variable make of Taylor models.

z = P(s) + w, |w| <= R, stays in [l, u], the hull of P's range and of that of z; let M_k bound
|sigma^(k)| there, and p_k |P^(k)| on the piece. With lambda(s) = lambda_0 + lambda_1 s,

    sigma(z) = sigma(P) + sigma'(P) w + sigma''(.) w^2/2
             = p(s) + lambda(s) w +- (e_p + e_lambda R + M_2 R^2/2).

*p* interpolates sigma o P at the K + 1 zeros of Chebyshev's polynomial, K at most the degree of the
models and one less than the number of derivatives that are bounded. What a derivative of order
n = K + 1 of at most D can leave is e_p = D / (n! 2^K), and (Faa di Bruno, p_4 = 0)

    n = 2:  M_2 p_1^2 + M_1 p_2,
    n = 3:  M_3 p_1^3 + 3 M_2 p_1 p_2 + M_1 p_3,
    n = 4:  M_4 p_1^4 + 6 M_3 p_1^2 p_2 + M_2 (3 p_2^2 + 4 p_1 p_3).

*lambda* interpolates sigma'(P) at the two zeros +-sqrt(1/2): e_lambda = (M_3 p_1^2 + M_2 p_2)/4;
or it is constant, sigma'(P(0)), with e_lambda = M_2 sup|P - P(0)|, if M_3 is not bounded.

*On wide pieces* a constant slope serves for all of z, that in the middle of all slopes, if they are
bounded: off by half their range times |z - P(0)|. Slopes at P(0) +- M_2 |z - P(0)| are all there
are. If sigma is monotone, a constant is off by half its range.

The models' symbols are multiplied by lambda: (lambda_0 + lambda_1 s)(g_0 + g_1 s), where s^2 is
1/2 +- 1/2.
"""

from __future__ import annotations

from collections.abc import Callable
from math import cos, factorial, pi
from typing import NamedTuple

import torch
from torch import Tensor

from lmctheory.paths.rounding import or_infinite
from lmctheory.paths.smooth_functions import Smooth
from lmctheory.paths.taylor_activations import Fresh, with_symbols
from lmctheory.paths.taylor_models import TaylorModel, bounds, padded, settled, value_at

__all__ = ["Curve", "curve_of", "curved", "remainder"]

_EPS = torch.finfo(torch.float64).eps


class Curve(NamedTuple):
    """sigma(P + w) = p(s) + (lambda_0 + lambda_1 s) w +- error; all ``[k, n, ...]``, float64."""

    polynomial: Tensor
    slope: Tensor
    error: Tensor


def curve_of(sigma: Smooth, z: TaylorModel, degree: int, least: Tensor | None = None) -> Curve:
    """The curve that stands for sigma on the piece.

    Args:
        sigma: the function.
        z: its argument.
        degree: of p, 2 or 3.
        least: a lower bound of z, where one is known.
    """
    c, rest = padded(z.polynomial, 4), z.rest
    inner, outer = bounds(c)
    ends = inner - rest, outer + rest
    if least is not None:
        ends = torch.maximum(ends[0], least), torch.maximum(ends[1], least)
    M = sigma.bounds(torch.minimum(inner, ends[0]), torch.maximum(outer, ends[1]))
    order = min(degree + 1, len(M))
    found = _fine(sigma, M, c, rest, order)
    if order > 2 and not (found.error < torch.inf).all():  # sigma'' may jump
        found = _better(_fine(sigma, M[:2], c, rest, 2), found)
    found = _better(_line(sigma, M[1], c, rest), found)
    return found if least is None else _better(_constant(sigma, *ends), found)


def curved(
    sigma: Smooth, z: TaylorModel, degree: int, fresh: Fresh, least: Tensor | None = None
) -> TaylorModel:
    """Sigma of a model; arguments as `curve_of`, and what symbols the error may become."""
    polynomial, slope, error = curve_of(sigma, z, degree, least)
    finite: Tensor = error.to(z.radius) < torch.inf
    polynomial, slope = polynomial.where(finite, 0.0), slope.where(finite, 0.0)
    size = slope.abs().sum(0)
    radius = size * z.radius.double()
    symbols = z.symbols
    if m := symbols.shape[1]:
        (l_0, l_1), (g_0, g_1) = slope.to(symbols), symbols
        symbols = torch.stack([l_0 * g_0 + l_1 * g_1 / 2, l_0 * g_1 + l_1 * g_0])
        halves = g_1.abs().sum(0).double() * (1 + 4 * m * z.eps)
        radius = radius + slope[1].abs() * halves / 2
        tiny = torch.finfo(symbols.dtype).tiny  # a slope below it underflows
        radius = radius + 8 * (z.eps * size + tiny) * z.spread.double()
    model = settled(polynomial, symbols, z.blocks, radius.where(finite, torch.inf))
    grown = (error * (1 + 4 * z.eps)).where(finite, 0.0).to(model.radius)
    return with_symbols(model, grown, fresh)


def _sizes(c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Bounds of the derivatives of a cubic on [-1, 1], rounded up."""
    first = torch.stack([c[1], 2 * c[2], 3 * c[3]])
    low, high = bounds(first)
    second, third = 2 * c[2].abs() + 6 * c[3].abs(), 6 * c[3].abs()
    return torch.maximum(-low, high), second * (1 + 8 * _EPS), third * (1 + 8 * _EPS)


def remainder(M: tuple[Tensor, ...], p: tuple[Tensor, Tensor, Tensor], order: int) -> Tensor:
    """What interpolation at so many zeros leaves: M bounds derivatives of sigma, p of P."""
    first, second, third = p
    match order:
        case 2:
            most = M[1] * first.square() + M[0] * second
        case 3:
            most = M[2] * first**3 + 3 * M[1] * first * second + M[0] * third
        case _:
            most = M[3] * first**4 + 6 * M[2] * first.square() * second
            most = most + M[1] * (3 * second.square() + 4 * first * third)
    return most / (factorial(order) * 2 ** (order - 1))


def _interpolated(values_at: Callable[[float], Tensor], order: int) -> tuple[Tensor, Tensor]:
    """The polynomial through a function's values at Chebyshev's zeros, and the largest of them."""
    nodes = [cos((2 * k + 1) * pi / (2 * order)) for k in range(order)]
    values = torch.stack([values_at(s) for s in nodes])
    powers = torch.tensor([[s**k for k in range(order)] for s in nodes], dtype=torch.float64)
    coefficients = torch.linalg.inv(powers).to(values) @ values.flatten(1)
    return coefficients.view_as(values), values.abs().amax(0)


def _slope(
    sigma: Smooth, M: tuple[Tensor, ...], c: Tensor, p: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor]:
    """lambda_0 and lambda_1, and how far lambda is from sigma'(P)."""
    constant, away = sigma.slope(c[0]), c[1:].abs().sum(0)
    flat, turn = torch.stack([constant, torch.zeros_like(constant)]), M[1] * away
    if len(M) < 3:
        return flat, turn
    line, size = _interpolated(lambda s: sigma.slope(value_at(c, s)), 2)
    off = (M[2] * p[0].square() + M[1] * p[1]) / 4 + 64 * _EPS * size
    closer = off < turn
    return torch.where(closer, line, flat), torch.where(closer, off, turn)


def _fine(sigma: Smooth, M: tuple[Tensor, ...], c: Tensor, rest: Tensor, order: int) -> Curve:
    polynomial, values = _interpolated(lambda s: sigma.apply(value_at(c, s)), order)
    p = _sizes(c)
    slope, off = _slope(sigma, M, c, p)
    error = remainder(M, p, order) + off * rest + M[1] * rest.square() / 2
    return Curve(polynomial, slope, or_infinite(error + _lost(sigma, values, M[0], c, rest)))


def _line(sigma: Smooth, curvature: Tensor, c: Tensor, rest: Tensor) -> Curve:
    """One slope for all of z."""
    reach = c[1:].abs().sum(0) + rest
    at, value = sigma.slope(c[0]), sigma.apply(c[0])
    alpha = or_infinite(curvature * reach).neg().add(at).clamp(min=sigma.slopes[0])
    beta = or_infinite(curvature * reach).add(at).clamp(max=sigma.slopes[1])
    slope = (alpha + beta) / 2
    line = slope * c
    line[0] = value
    error = (beta - alpha) / 2 * reach
    error = error + _lost(sigma, value.abs(), torch.maximum(alpha.abs(), beta.abs()), c, rest)
    return Curve(line, torch.stack([slope, torch.zeros_like(slope)]), or_infinite(error))


def _constant(sigma: Smooth, low: Tensor, high: Tensor) -> Curve:
    """The middle of the range of a monotone function."""
    ends = torch.stack([sigma.apply(low), sigma.apply(high)])
    half = (ends[1] - ends[0]).abs() / 2 + 32 * _EPS * ends.abs().sum(0)
    return Curve(ends.mean(0)[None], torch.zeros_like(ends), or_infinite(half))


def _lost(sigma: Smooth, values: Tensor, slope: Tensor, c: Tensor, rest: Tensor) -> Tensor:
    """What is rounded; gelu(-8) = -8 (1 + erf)/2 errs as if its slope were not small.

    Functions of PyTorch err by 2 eps of their value and of the steepest slope times |z|,
    interpolation by 16 eps of the largest value, P by 64 eps of its size and a slope as much.
    """
    everywhere = max(map(abs, sigma.slopes))
    steepest = slope.clamp(min=everywhere) if everywhere < torch.inf else slope
    return 128 * _EPS * (values + steepest * (c.abs().sum(0) + rest)) + 4 * sigma.off


def _better(one: Curve, other: Curve) -> Curve:
    """Whichever errs less, entry by entry."""
    size = max(len(one.polynomial), len(other.polynomial))
    first = one.error < other.error
    return Curve(
        torch.where(first, padded(one.polynomial, size), padded(other.polynomial, size)),
        torch.where(first, one.slope, other.slope),
        torch.where(first, one.error, other.error),
    )
