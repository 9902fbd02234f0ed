"""Steps of the proof on the layer cube (L5)."""

from collections.abc import Callable, Iterator
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from numpy.polynomial import Polynomial

from lmctheory.theorems._registry import equality, identity
from lmctheory.theorems.checks.steps.draws import Pairs, leaky, printed


class _Cube(NamedTuple):
    """Three layers of A and of B, and what one example's two targets make of their output.

    One neuron of the second layer has a kink; all else is affine, so that on either side of it
    the loss is a polynomial, quadratic in the place of every layer.
    """

    first: np.ndarray
    second: np.ndarray
    third: np.ndarray
    x: np.ndarray
    targets: np.ndarray
    slope: float

    def _at(self, layer: np.ndarray, place: float) -> Any:
        return (1 - place) * layer[0] + place * layer[1]

    def pre_activations(self, places: Any) -> Any:
        """Of both neurons of the second layer; biases are weights of a 1."""
        hidden = self._at(self.first, places[0]) @ np.r_[self.x, 1.0]
        return self._at(self.second, places[1]) @ np.r_[hidden, 1.0]

    def output(self, places: Any, slope: float) -> float:
        """With a slope that belongs to one side of the kink."""
        z, other = self.pre_activations(places)
        return float(self._at(self.third, places[2]) @ np.array([slope * z, other, 1.0]))

    def loss(self, places: Any, slope: float) -> float:
        return float(((self.output(places, slope) - self.targets) ** 2).mean())

    def risk(self, s: float) -> float:
        """The loss on the segment, with the slope by the sign of the pre-activation."""
        places = [s] * 3
        return self.loss(places, 1.0 if self.pre_activations(places)[0] > 0 else self.slope)

    def along(self, slope: float) -> Polynomial:
        """The loss on the segment, on one side of the kink."""
        s = (1 - np.cos(np.pi * np.arange(9) / 8)) / 2
        return Polynomial.fit(s, [self.loss([each] * 3, slope) for each in s], 6)

    def mixed(self, places: np.ndarray, slope: float) -> np.ndarray:
        """Second derivatives in the places of two layers, by differences, here exact."""
        step, found = 0.5 * np.eye(3), np.empty((3, 3))
        for own, too in product(range(3), repeat=2):
            ends = [
                one * other * self.loss(places + one * step[own] + other * step[too], slope)
                for one, other in product((-1, 1), repeat=2)
            ]
            found[own, too] = sum(ends)
        return found

    def slopes(self, places: np.ndarray) -> np.ndarray:
        """Derivatives h of the neuron's pre-activation in the place of every layer."""
        step = 0.5 * np.eye(3)
        return np.array(
            [
                self.pre_activations(places + each)[0] - self.pre_activations(places - each)[0]
                for each in step
            ]
        )

    def b(self, place: float) -> float:
        """At a kink: the loss's derivative in the activation, times the jump of its slope."""
        rest = self.output([place] * 3, 0.0) - self.targets  # the activation is 0 there
        weight = self._at(self.third, place)[0]
        return float((2 * rest * weight).mean()) * (1 - self.slope)


class _Kinked(NamedTuple):
    """A cube with one kink on the segment, and the slopes before and after it."""

    cube: _Cube
    kink: float
    sides: tuple[float, float]

    def pieces(self, t: float) -> Iterator[tuple[float, float, float]]:
        """Between the ends, the kink and 1 - t, where G has its own: from, to, and the slope."""
        for low, high in pairwise(sorted({0.0, 1.0, self.kink, 1 - t})):
            yield low, high, self.sides[0 if high <= self.kink else 1]

    def barrier(self, t: float) -> float:
        here, start, end = (self.cube.risk(s) for s in (1 - t, 0.0, 1.0))
        return here - t * start - (1 - t) * end

    def jump(self) -> float:
        """Of the loss's derivative."""
        before, after = (self.cube.along(side).deriv()(self.kink) for side in self.sides)
        return float(after - before)


def _kinked(rng: np.random.Generator) -> _Kinked:
    while True:
        first, second, third = (rng.standard_normal(s) for s in ((2, 2, 3), (2, 2, 3), (2, 3)))
        slope = float(rng.uniform(-0.5, 0.9))
        x, targets = rng.standard_normal((2, 2))
        cube = _Cube(first, second, third, x, targets, slope)
        s = np.array([0.0, 0.5, 1.0])
        z = Polynomial.fit(s, [cube.pre_activations([each] * 3)[0] for each in s], 2)
        kinks = [
            float(each.real)
            for each in z.roots().astype(complex)
            if each.imag == 0 and 0 < each.real < 1
        ]
        if len(kinks) == 1:
            return _Kinked(cube, kinks[0], (slope, 1.0) if z(0.0) < 0 else (1.0, slope))


def _green_at(t: float, s: Any) -> Any:
    return np.minimum(t, s) * (1 - np.maximum(t, s))


_PLACES, _SHARES = np.polynomial.legendre.leggauss(5)


def _weighted(at: _Kinked, t: float, of: Callable[[float, float], Any]) -> Any:
    """The integral of G(1-t, s) times something that has the slope of its piece."""
    total: Any = 0.0
    for low, high, side in at.pieces(t):
        for place, share in zip(_PLACES, _SHARES, strict=True):
            s = low + (high - low) * (place + 1) / 2
            total = total + (high - low) / 2 * share * _green_at(1 - t, s) * of(s, side)
    return total


@equality("L5", 1, "the barrier by L4, with 1 - t for t", count=50)
def _barrier_of_cube(rng: np.random.Generator) -> Pairs:
    while True:
        at, t = _kinked(rng), float(rng.uniform())
        bent = {side: at.cube.along(side).deriv(2) for side in at.sides}

        def second(s: float, side: float, bent: dict[float, Polynomial] = bent) -> float:
            return float(bent[side](s))

        whole = _weighted(at, t, second)
        right = -float(whole) - float(_green_at(1 - t, at.kink)) * at.jump()
        size = 1 + abs(right) + abs(at.jump())
        yield size + at.barrier(t), size + right


@equality("L5", 2, "the second derivative by the chain rule", count=50)
def _chain_rule(rng: np.random.Generator) -> Pairs:
    while True:
        at, s = _kinked(rng), float(rng.uniform())
        side = at.sides[int(s > at.kink)]
        mixed = at.cube.mixed(np.full(3, s), side)
        size = 1 + np.abs(mixed).sum()
        yield size + at.cube.along(side).deriv(2)(s), size + mixed.sum()


@equality("L5", 3, "the jump of the activation's derivative", count=50)
def _jump_of_activation(rng: np.random.Generator) -> Pairs:
    """By the activation itself, a quadratic on either side of the kink."""
    while True:
        at = _kinked(rng)
        slopes = []
        for low, high in ((0.0, at.kink), (at.kink, 1.0)):
            s = np.array([low, (low + high) / 2, high])
            z = np.array([at.cube.pre_activations([each] * 3)[0] for each in s])
            z[np.abs(s - at.kink) == 0] = 0.0
            act = leaky(z, at.cube.slope)
            slopes.append(Polynomial.fit(s, act, 2).deriv()(at.kink))
        h = at.cube.slopes(np.full(3, at.kink))
        size = 1 + abs(slopes[0])
        yield size + slopes[1] - slopes[0], size + (1 - at.cube.slope) * abs(h.sum())


@equality("L5", 4, "the jump of the loss's derivative", count=50)
def _jump_of_loss(rng: np.random.Generator) -> Pairs:
    """Of two examples that have their kink at one place."""
    while True:
        at = _kinked(rng)
        h, b = at.cube.slopes(np.full(3, at.kink)), at.cube.b(at.kink)
        size = 1 + 2 * abs(b * h.sum())
        yield size + at.jump(), size + b * abs(h.sum())


@identity("L5", 5, "the sum over pairs of layers")
def _pairs_of_layers() -> Pairs:
    h = sp.symbols("h1:5")
    yield sum(one * other for one, other in product(h, repeat=2)), sum(h) ** 2


@equality("L5", 5, "all pairs of layers make the barrier", count=20)
def _all_pairs(rng: np.random.Generator) -> Pairs:
    """From second derivatives and h, layer by layer."""
    while True:
        at, t = _kinked(rng), float(rng.uniform())
        h = at.cube.slopes(np.full(3, at.kink))

        def mixed(s: float, side: float, cube: _Cube = at.cube) -> np.ndarray:
            return cube.mixed(np.full(3, s), side)

        smooth = -_weighted(at, t, mixed)
        kinks = at.cube.b(at.kink) * np.outer(h, h) / abs(h.sum())
        B = smooth - float(_green_at(1 - t, at.kink)) * kinks
        size = 1 + np.abs(B).sum()
        yield size + at.barrier(t), size + B.sum()


@identity("L5", 6, "the kernel on both sides, as it is printed")
def _kernel_reversed() -> Pairs:
    """For a cubic."""
    t, gap, s = sp.symbols("t gap s", positive=True)
    here = 1 - t
    below, above = (printed("L4", 0, t=here, s=place) for place in (here - gap, here + gap))
    yield below, t * (here - gap)
    yield above, (1 - t) * (1 - here - gap)
    g = sum(c * s**k for k, c in enumerate(sp.symbols("c0:4")))
    line = printed("L5", 0, t=t).replace(sp.Function("g"), lambda place: g.subs(s, place)).doit()
    left = sp.integrate(t * s * g, (s, 0, here))
    yield -left - sp.integrate((1 - t) * (1 - s) * g, (s, here, 1)), line
