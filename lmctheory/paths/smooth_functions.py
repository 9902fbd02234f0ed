r"""Smooth functions of one variable, with bounds of their derivatives on intervals.

A function of which sigma^(k) is monotone between known places is at most, on an interval, as large
there as at one of its ends or at one of those places inside. So it is known of activations where
their second and third derivatives are extreme; of the fourth one bound serves everywhere. Powers
and the exponential have derivatives whose size is monotone, and so largest at an end.

*Numbers.* What is computed of a derivative is off by a few units of its largest value: bounds are
taken larger by 1e-9 of themselves and 1e-13 of the largest.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import pi, sqrt

import torch
from torch import Tensor

from lmctheory.networks import Activation
from lmctheory.paths.enclosure import derivative

__all__ = ["EXP", "RECIPROCAL", "RSQRT", "SQRT", "Smooth", "smooth"]

Derivative = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Smooth:
    """A smooth function.

    Attributes:
        apply: the function, on tensors of any shape.
        slope: its derivative.
        bounds: of an interval, given by tensors of its ends: bounds of |sigma'|, ..., as far as
            they are known and finite somewhere, at least two.
        slopes: the least and the largest slope anywhere, infinite if there is none.
        off: by how much `apply` may be off but for rounding.
    """

    apply: Derivative
    slope: Derivative
    bounds: Callable[[Tensor, Tensor], tuple[Tensor, ...]]
    slopes: tuple[float, float]
    off: float = 0.0


@dataclass(frozen=True)
class _Peaks:
    """A derivative of a function and the places at which it is extreme, with its size there."""

    of: Derivative
    peaks: Mapping[float, float]

    def on(self, low: Tensor, high: Tensor, most: float) -> Tensor:
        """A bound on intervals; `most` is one everywhere."""
        found = torch.maximum(self.of(low).abs(), self.of(high).abs())
        found = found * (1 + 1e-9) + 1e-13 * most
        for place, size in self.peaks.items():
            inside = (low <= place + 1e-9) & (high >= place - 1e-9)
            found = torch.where(inside, found.clamp(min=size), found)
        return found.nan_to_num(most).clamp(max=most)


def _both(place: float, size: float) -> dict[float, float]:
    """Of a derivative that is even or odd."""
    return {-place: size, place: size}


def _sigmoids(z: Tensor) -> tuple[Tensor, Tensor]:
    """Of the sigmoid s: s' and 1 - 2 s."""
    t = torch.tanh(z / 2)
    return torch.sigmoid(z) * torch.sigmoid(-z), -t


def _tanh_2(z: Tensor) -> Tensor:
    d, t = _sigmoids(2 * z)
    return 8 * d * t


def _tanh_3(z: Tensor) -> Tensor:
    d, t = _sigmoids(2 * z)
    return 8 * d * (3 * t.square() - 1)


def _sigmoid_2(z: Tensor) -> Tensor:
    d, t = _sigmoids(z)
    return d * t


def _sigmoid_3(z: Tensor) -> Tensor:
    d, t = _sigmoids(z)
    return d * (3 * t.square() - 1) / 2


def _silu_2(z: Tensor) -> Tensor:
    d, t = _sigmoids(z)
    return d * (2 + z * t)


def _silu_3(z: Tensor) -> Tensor:
    d, t = _sigmoids(z)
    return d * (t * (3 + z * t) - 2 * z * d)


def _normal(z: Tensor) -> Tensor:
    return (-z.square() / 2).exp() / sqrt(2 * pi)


_SIGMOID_2 = _Peaks(_sigmoid_2, _both(1.3169578969248166, 0.0962250448649377))
_TANH_2 = _Peaks(_tanh_2, _both(0.6584789484624083, 0.769800358919502))
_TANH_3 = _Peaks(_tanh_3, {0.0: 2.0, **_both(1.1462158347805889, 0.6666666666666667)})
_FROM_SIGMOID = (
    _Peaks(lambda z: _sigmoids(z)[0], {0.0: 0.25}),
    _SIGMOID_2,
)

_PEAKS: Mapping[str, tuple[_Peaks, _Peaks, float]] = {
    "tanh": (_TANH_2, _TANH_3, 4.08588551),
    "tanhshrink": (_TANH_2, _TANH_3, 4.08588551),
    "sigmoid": (
        _SIGMOID_2,
        _Peaks(_sigmoid_3, {0.0: 0.125, **_both(2.2924316695611777, 0.0416666666666667)}),
        0.12768393,
    ),
    "softplus": (*_FROM_SIGMOID, 0.125),
    "logsigmoid": (*_FROM_SIGMOID, 0.125),
    "silu": (
        _Peaks(_silu_2, {0.0: 0.5, **_both(3.435840993535111, 0.0369143731998932)}),
        _Peaks(
            _silu_3,
            {
                **_both(1.0319582417807491, 0.30818151579647915),
                **_both(4.429235100557228, 0.0138622976554704),
            },
        ),
        0.5,
    ),
    "gelu": (
        _Peaks(
            lambda z: _normal(z) * (2 - z.square()),
            {0.0: 0.797884560802866, **_both(2.0, 0.107981933026377)},
        ),
        _Peaks(
            lambda z: _normal(z) * z * (z.square() - 4),
            {
                **_both(0.7922869913932613, 0.778769635056),
                **_both(2.524337798962139, 0.09874165862),
            },
        ),
        1.5957691217,
    ),
    "erf": (
        _Peaks(
            lambda z: -4 / sqrt(pi) * z * (-z.square()).exp(),
            _both(0.7071067811865476, 0.967882898076574),
        ),
        _Peaks(
            lambda z: 4 / sqrt(pi) * (2 * z.square() - 1) * (-z.square()).exp(),
            {0.0: 2.256758334191026, **_both(1.224744871391589, 1.0071066)},
        ),
        4.404702717,
    ),
}
"""sigma'' and sigma''', and a bound of |sigma''''|."""


def smooth(sigma: Activation) -> Smooth:
    """An activation without a kink, as a function with bounds of derivatives on intervals."""
    name, _, parameter = sigma.name.rstrip(")").partition("(")
    if name == "celu":
        return _smooth(sigma, _celu_bounds(1 / sigma.curvature))
    if name == "softsign":
        return _smooth(sigma, _softsign_bounds)
    if name not in _PEAKS or parameter:
        return _smooth(
            sigma, lambda low, _: (low.new_tensor(sigma.curvature), low.new_tensor(sigma.jerk))
        )
    second, third, most = _PEAKS[name]

    def bounds(low: Tensor, high: Tensor) -> tuple[Tensor, ...]:
        return (
            second.on(low, high, sigma.curvature),
            third.on(low, high, sigma.jerk),
            low.new_tensor(most),
        )

    return _smooth(sigma, bounds)


def _smooth(sigma: Activation, higher: Callable[[Tensor, Tensor], tuple[Tensor, ...]]) -> Smooth:
    def bounds(low: Tensor, high: Tensor) -> tuple[Tensor, ...]:
        curvature, *rest = higher(low, high)
        ends = torch.maximum(derivative(sigma, low).abs(), derivative(sigma, high).abs())
        first = (ends + curvature * (high - low) / 2) * (1 + 1e-9)
        first = first.nan_to_num(sigma.lipschitz).clamp(max=sigma.lipschitz)
        return first, curvature, *rest

    return Smooth(sigma.apply, lambda z: derivative(sigma, z), bounds, sigma.slopes, sigma.off)


def _celu_bounds(alpha: float) -> Callable[[Tensor, Tensor], tuple[Tensor, ...]]:
    """The second derivative is e^{z/alpha}/alpha below zero, 0 above."""

    def bounds(low: Tensor, high: Tensor) -> tuple[Tensor, ...]:
        bent = low < 0
        most = torch.where(bent, (high.clamp(max=0) / alpha).exp() / alpha * (1 + 1e-9), 0.0)
        return most, torch.where(bent & (high > 0), torch.inf, most / alpha * (1 + 1e-9))

    return bounds


def _softsign_bounds(low: Tensor, high: Tensor) -> tuple[Tensor, ...]:
    """|sigma''| = 2 (1 + |z|)^-3, with a jump at 0."""
    crossed = (low < 0) & (high > 0)
    least = torch.where(crossed, 0.0, torch.minimum(low.abs(), high.abs()))
    second, third = 2 * (1 + least) ** -3, 6 * (1 + least) ** -4
    return second * (1 + 1e-9), torch.where(crossed, torch.inf, third * (1 + 1e-9))


def _exp_bounds(_low: Tensor, high: Tensor) -> tuple[Tensor, ...]:
    return (high.exp() * (1 + 1e-9),) * 4


def _power(exponent: float) -> Smooth:
    """z^a on positive numbers, a < 1: all derivatives are largest at the lower end."""
    factors = [exponent]
    for k in (1, 2, 3):
        factors.append(factors[-1] * (exponent - k))

    def bounds(low: Tensor, _high: Tensor) -> tuple[Tensor, ...]:
        return tuple(
            torch.where(low > 0, abs(c) * low ** (exponent - k) * (1 + 1e-9), torch.inf)
            for k, c in enumerate(factors, start=1)
        )

    return Smooth(
        lambda z: z**exponent,
        lambda z: exponent * z ** (exponent - 1),
        bounds,
        (-torch.inf, torch.inf),
    )


EXP = Smooth(torch.exp, torch.exp, _exp_bounds, (0.0, torch.inf))
RECIPROCAL, RSQRT, SQRT = _power(-1.0), _power(-0.5), _power(0.5)
