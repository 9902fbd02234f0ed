r"""What an activation does to a whole segment of pre-activations.

On a segment, s in [0, 1] from one end to the other, a pre-activation is known up to an error,

    z^s = g(s) + delta(s),   g(s) = (1-s) z_0 + s z_1 + s(1-s) k,   |delta(s)| <= d,

and at both ends exactly. An `Image` encloses what becomes of it: with phi = sigma(z),

    phi^s = (1-s) phi_0 + s phi_1 + s(1-s) bend + rho(s) + eta(s),
    |rho(s)| <= fresh,   |eta(s)| <= gain |delta(s)|,   for every s.

*Piecewise linear* sigma(z) = a z + (1-a) relu(z). A neuron whose sign is the same on the whole
segment, whatever delta, is linear there: bend = k or a k, fresh = 0. Else, for the relu,
relu(g) - relu(chord) = s(1-s) theta k with theta in [0, 1], so k/2 +- |k|/8; and if z_0 and z_1
differ in sign, with u the zero of the chord and h = |z_0 z_1| / (|z_0| + |z_1|), relu(chord) is
(1-s) phi_0 + s phi_1 less h times the tent T_u, which rises to 1 at u. The parabola
kappa s(1-s) nearest to T_u has, for u <= 1/2 and w = 1/(1-u),

    kappa = (w + 2 + sqrt((w+2)^2 - q w^2)) / q,  q = 1 + 4u(1-u),

where its error 1 - kappa u(1-u) at the tip equals the one further on, (kappa/4) (1 - w/kappa)^2.

*Smooth* sigma. bend = 4 gamma, gamma = sigma(g(1/2)) - (phi_0 + phi_1)/2, makes the error vanish at
0, 1/2 and 1, so it is at most sqrt(3)/216 times sup |(sigma o g)'''|, where
|(sigma o g)'''| <= M_3 v^3 + 6 M_2 v |k|, v = |z_1 - z_0| + |k|. Either half of [0, 1] can be
looked at alone: what vanishes at both ends of an interval of length l is at most l^2/8 times the
largest second derivative, and at most l/4 times the range of the first. So the error is also at
most (M + 8 |gamma|)/32, M = M_2 v^2 + 2 Lip |k|, and, with 1 - 2s in [0, 1] or [-1, 0] on a half,

    ((beta - alpha)|z_1 - z_0| + (max(beta, 0) - min(alpha, 0))|k| + 4 |gamma|)/8.

The slope that delta meets is at most |sigma'| in the middle of the range plus M_2 times half the
range.

Reference: theory keys T1b, C4; derived here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float64
from torch import Tensor

from lmctheory.networks import Activation
from lmctheory.paths.rounding import flat_length

__all__ = [
    "CUBIC",
    "Enclosure",
    "Image",
    "Rest",
    "derivative",
    "parabola",
    "peak",
    "per_example",
    "tent",
    "through",
]

CUBIC = 3**0.5 / 36
"""max |s (s - 1/2) (s - 1)| on [0, 1]."""
_TINY = torch.finfo(torch.float64).tiny


class Image(NamedTuple):
    """See the module docstring; every entry like the pre-activations."""

    bend: Float64[Tensor, "*n"]
    fresh: Float64[Tensor, "*n"]
    gain: Float64[Tensor, "*n"]


def peak(start: Tensor, end: Tensor, bend: Tensor) -> Tensor:
    """Max over s in [0, 1] of (1-s) start + s end + s(1-s) bend."""
    rise = end - start
    inside = rise.abs() < bend
    # not rise^2 / (4 bend), which underflows where both are below 1e-154
    lift = rise / 4 * (rise / torch.where(inside, bend, 1.0))
    summit = (start + end) / 2 + bend / 4 + lift
    return torch.where(inside, summit, torch.maximum(start, end))


def through(sigma: Activation, z_0: Tensor, z_1: Tensor, k: Tensor, d: Tensor) -> Image:
    """The image of a segment of pre-activations."""
    low, high = -peak(-z_0, -z_1, -k) - d, peak(z_0, z_1, k) + d
    if sigma.curvature == torch.inf:
        return _piecewise_linear(sigma, z_0, z_1, k, low, high)
    return _smooth(sigma, z_0, z_1, k, low, high)


def _piecewise_linear(
    sigma: Activation, z_0: Tensor, z_1: Tensor, k: Tensor, low: Tensor, high: Tensor
) -> Image:
    alpha, beta = sigma.slopes
    a = alpha if beta == 1 else beta  # the slope below zero
    active, dead = low >= 0, high <= 0
    # neither the sum of both sizes may overflow, nor a product of the ends underflow
    half, other = z_0.abs() / 2, z_1.abs() / 2
    mean = half + other + _TINY
    crossing = z_0.sign() * z_1.sign() < 0
    tip = torch.where(crossing, z_0.abs() * (other / mean), 0.0)
    kappa, error = tent(torch.where(crossing, half / mean, 0.5))
    bend = torch.where(active, k, torch.where(dead, 0.0, k / 2 - kappa * tip))
    fresh = torch.where(active | dead, 0.0, k.abs() / 8 + error * tip)
    gain = torch.where(active, 1.0, torch.where(dead, abs(a), sigma.lipschitz))
    return Image(a * k + (1 - a) * bend, abs(1 - a) * fresh, gain.to(k))


def tent(tip: Tensor) -> tuple[Tensor, Tensor]:
    """Kappa and the error of kappa s(1-s) against the tent with its tip there."""
    u = torch.minimum(tip, 1 - tip)
    w, q = 1 / (1 - u), 1 + 4 * u * (1 - u)
    kappa = (w + 2 + ((w + 2).square() - q * w.square()).sqrt()) / q
    return kappa, 1 - kappa * u * (1 - u)


def _smooth(
    sigma: Activation, z_0: Tensor, z_1: Tensor, k: Tensor, low: Tensor, high: Tensor
) -> Image:
    alpha, beta = sigma.slopes
    move, lipschitz = (z_1 - z_0).abs(), sigma.lipschitz
    v, bent = move + k.abs(), k.abs()
    gamma = sigma.apply((z_0 + z_1) / 2 + k / 4) - (sigma.apply(z_0) + sigma.apply(z_1)) / 2
    second = (sigma.curvature * v.square() + 2 * lipschitz * bent + 8 * gamma.abs()) / 32
    first = (beta - alpha) * move + (max(beta, 0.0) - min(alpha, 0.0)) * bent + 4 * gamma.abs()
    fresh = torch.minimum(second, first / 8)
    if sigma.jerk < torch.inf:  # else sigma'' jumps
        third = CUBIC / 6 * (sigma.jerk * v**3 + 6 * sigma.curvature * v * bent)
        fresh = torch.minimum(third, fresh)
    fresh = fresh + 4 * sigma.off
    slope = derivative(sigma, (low + high) / 2).abs() + sigma.curvature * (high - low) / 2
    return Image(4 * gamma, fresh, slope.clamp(max=lipschitz))


def derivative(sigma: Activation, z: Tensor) -> Tensor:
    """The slopes of an activation."""
    with torch.enable_grad():
        point = z.detach().requires_grad_()
        [slope] = torch.autograd.grad(sigma.apply(point).sum(), point)
    return slope


def per_example(bound: Tensor, like: Tensor) -> Tensor:
    """A number for each example, as ``[n, 1, ...]``."""
    return bound.view(-1, *[1] * (like.ndim - 1))


@dataclass(frozen=True)
class Rest:
    """A remainder of which two things are known.

    Attributes:
        entries: a bound of each entry, ``[n, ...]``.
        norm: a bound of its norm, ``[n]``.
    """

    entries: Tensor
    norm: Tensor

    def __add__(self, other: Rest) -> Rest:
        return Rest(self.entries + other.entries, self.norm + other.norm)

    def through(self, apply: Callable[[Tensor], Tensor], norm: Tensor | float) -> Rest:
        """After a map that takes bounds of entries so, and norms to no more than that times."""
        return Rest(apply(self.entries), norm * self.norm)


@dataclass(frozen=True)
class Enclosure:
    """x^s less its chord: s(1-s) bend, and rho, omega and eta (module docstring)."""

    bend: Tensor
    box: Tensor
    omega: Rest
    eta: Rest

    def __add__(self, other: Enclosure) -> Enclosure:
        return Enclosure(
            self.bend + other.bend,
            self.box + other.box,
            self.omega + other.omega,
            self.eta + other.eta,
        )

    @property
    def reach(self) -> Tensor:
        """A bound of each entry of the remainder."""
        return self.box + self.omega.entries + self.eta.entries

    def settled(self) -> tuple[Tensor, Tensor]:
        """A box and the norm of a ball that hold the remainder, omega where it takes less."""
        in_norm = flat_length(self.omega.entries) > self.omega.norm
        box = self.box + torch.where(per_example(in_norm, self.box), 0.0, self.omega.entries)
        return box, self.eta.norm + torch.where(in_norm, self.omega.norm, 0.0)

    def wider(self, error: Tensor) -> Enclosure:
        """With an error of that norm added."""
        entries = self.eta.entries + per_example(error, self.eta.entries)
        return replace(self, eta=Rest(entries, self.eta.norm + error))

    @property
    def size(self) -> Tensor:
        """A bound of its norm at every s."""
        box, ball = self.settled()
        return flat_length(self.bend) / 4 + flat_length(box) + ball

    def linearly(
        self, bend: Tensor, known: Tensor | float, apply: Callable[[Tensor], Tensor], norm: float
    ) -> Enclosure:
        """After a map of entries at least zero that bounds what happens to remainders."""
        return Enclosure(
            bend,
            known + apply(self.box),
            self.omega.through(apply, norm),
            self.eta.through(apply, norm),
        )


def parabola(bend: Tensor) -> Enclosure:
    """An enclosure without remainder."""
    nothing = Rest(torch.zeros_like(bend), bend.new_zeros(len(bend)))
    return Enclosure(bend, nothing.entries, nothing, nothing)
