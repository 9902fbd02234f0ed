"""Checks on neurons of one law (T16): means over all draws from laws with few atoms, exactly."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import permutations, product
from math import sqrt
from typing import Any

import numpy as np
from jaxtyping import Float

from lmctheory.activations import KNOWN
from lmctheory.theorems._registry import breaks, tries
from lmctheory.theorems.trial import Trial
from lmctheory.widths import CommonLaw, OutputLaw, coherent_error_bound, common_law_from_cost

_ACTIVATIONS = ("relu", "tanh", "sigmoid", "softplus", "gelu")
_TIMES = (0.1, 0.3, 0.5, 0.8)
Array = Float[np.ndarray, "..."]


@dataclass(frozen=True)
class _Law:
    """Equally likely neurons, and data.

    Attributes:
        w: hidden weights ``[J, d]``.
        v: output weights ``[J, outputs]``.
        x: inputs ``[n, d]``.
        activation: of the neurons.
        m: neurons of a network.
        scale: omega.
    """

    w: Float[np.ndarray, "J d"]
    v: Float[np.ndarray, "J outputs"]
    x: Float[np.ndarray, "n d"]
    activation: str
    m: int
    scale: float

    @property
    def largest(self) -> float:
        """V."""
        return float(np.linalg.norm(self.v, axis=1).max())

    @property
    def diameter(self) -> float:
        """In the metric of the matching."""
        return float(self.distances(self.scale).max() ** 0.5)

    def distances(self, scale: float) -> Float[np.ndarray, "J J"]:
        """Squared, of atoms."""
        by_v = np.square(self.v[:, None] - self.v).sum(axis=-1)
        return np.square(self.w[:, None] - self.w).sum(axis=-1) + scale**2 * by_v

    def pairs(self, scale: float, *, apart: bool = False) -> Iterator[tuple[list[int], list[int]]]:
        """All pairs of networks, matched; apart: A has the first atom alone, B the last alone."""
        cost, J = self.distances(scale), len(self.w)
        draws = [[0] * self.m, [J - 1] * self.m] if apart else []
        everything = [draws] if apart else product(product(range(J), repeat=self.m), repeat=2)
        for a, b in everything:
            orders = permutations(range(self.m))
            best = min(
                orders, key=lambda order: sum(cost[i, b[j]] for i, j in zip(a, order, strict=True))
            )
            yield list(a), [b[j] for j in best]

    def outputs(self, a: list[int], b: list[int], t: float) -> tuple[Array, Array, Array]:
        """f_t, f_A and f_B on the data ``[n, outputs]``."""
        sigma = KNOWN[self.activation].function
        w, v = t * self.w[a] + (1 - t) * self.w[b], t * self.v[a] + (1 - t) * self.v[b]
        f_t, f_a, f_b = (
            sigma(self.x @ rows.T) @ out / self.m
            for rows, out in ((w, v), (self.w[a], self.v[a]), (self.w[b], self.v[b]))
        )
        return f_t, f_a, f_b

    def cost(self, a: list[int], b: list[int], scale: float) -> float:
        """Mhat of matched networks."""
        return float(self.distances(scale)[a, b].mean())

    def bound(self, cost: float, **options: Any) -> CommonLaw:
        """Of a cost."""
        return common_law_from_cost(
            cost,
            self.activation,
            inputs=self.x,
            largest_output=self.largest,
            scale=self.scale,
            **options,
        )


Bound = Callable[..., CommonLaw]


def _draw(rng: np.random.Generator) -> _Law:
    """Some are near equality: a relu, one input, two neurons on both sides of its kink."""
    J, m = int(rng.integers(2, 4)), int(rng.integers(1, 3))
    if rng.random() < 0.4:
        z = 10 ** rng.uniform(-1, 1)
        w, v = np.array([[z], [-z * rng.uniform(0.8, 1.0)]]), np.ones((2, 1))
        return _Law(w, v, np.ones((1, 1)), "relu", m, float(10 ** rng.uniform(0, 4)))
    d, outputs = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    return _Law(
        w=10 ** rng.uniform(-1, 0.5) * rng.standard_normal((J, d)),
        v=rng.standard_normal((J, outputs)),
        x=rng.standard_normal((int(rng.integers(1, 8)), d)),
        activation=str(rng.choice(_ACTIVATIONS)),
        m=m,
        scale=float(10 ** rng.uniform(-1, 1)),
    )


def _rms(e: Array) -> float:
    return float(np.square(e).sum(axis=1).mean()) ** 0.5


@tries("T16", counts=(30, 1000), searched=60)
def _draws_of_one_law(
    rng: np.random.Generator, bound: Bound = _Law.bound, *, apart: bool = False
) -> Iterator[Trial]:
    while True:
        law = _draw(rng)
        pairs = list(law.pairs(law.scale, apart=apart))
        own = list(law.pairs(law.scale))
        M = float(np.mean([law.cost(a, b, law.scale) for a, b in own]))
        found = bound(law, M, variance=law.diameter**4 / (2 * law.m))
        target = law.largest * rng.standard_normal((1, law.v.shape[1]))
        target *= float(rng.choice([0.0, 1.0, 10.0]))
        yield from _pathwise(law, pairs, bound)
        yield _absolute(law, pairs, target, found)
        yield from _squared(law, pairs, target, replace(found, t=float(rng.choice(_TIMES))))
        yield _blind(law, rng, apart=apart)


def _pathwise(law: _Law, pairs: list[Any], bound: Bound) -> Iterator[Trial]:
    """Steps 1 and 2, for the pair whose error comes nearest."""
    trials = []
    for a, b in pairs:
        cost = law.cost(a, b, law.scale)
        if cost:
            curve = bound(law, cost, variance=0.0).curve
            for t in _TIMES:
                f_t, f_a, f_b = law.outputs(a, b, t)
                error = _rms(f_t - t * f_a - (1 - t) * f_b)
                trials.append(Trial(error, t * (1 - t) * curve, 1e-14 * law.largest))
    if trials:
        yield min(trials, key=lambda trial: trial.margin)


def _absolute(law: _Law, pairs: list[Any], target: Array, found: CommonLaw) -> Trial:
    """The mean of the largest barrier of |f - y|, of which K is 1."""
    largest = []
    for a, b in pairs:
        barriers = [0.0]
        for t in _TIMES:
            losses = [
                float(np.linalg.norm(f - target, axis=1).mean()) for f in law.outputs(a, b, t)
            ]
            barriers.append(losses[0] - t * losses[1] - (1 - t) * losses[2])
        largest.append(max(barriers))
    rounding = 1e-13 * (law.largest + float(np.abs(target).max()))
    return Trial(float(np.mean(largest)), found.lipschitz_barrier(1.0), rounding)


def _squared(law: _Law, pairs: list[Any], target: Array, found: CommonLaw) -> Iterator[Trial]:
    """Mean barrier of |f - y|^2, of which beta is 2; and step 5."""
    t, barriers, risks, errors = found.t, [], [], []
    for a, b in pairs:
        f_t, f_a, f_b = law.outputs(a, b, t)
        losses = [float(np.square(f - target).sum(axis=1).mean()) for f in (f_t, f_a, f_b)]
        barriers.append(losses[0] - t * losses[1] - (1 - t) * losses[2])
        risks.append(losses[1])
        errors.append(_rms(f_t - t * f_a - (1 - t) * f_b) ** 2)
    risk, rounding = float(np.mean(risks)), 1e-12 * (max(risks) + law.largest**2)
    smooth = found.smooth_barrier(2.0, risk)
    yield Trial(max(float(np.mean(barriers)), 0.0), smooth, rounding)
    yield Trial(float(np.mean(errors)), (t * (1 - t)) ** 2 * found.second_moment, rounding)


def _blind(law: _Law, rng: np.random.Generator, *, apart: bool) -> Trial:
    """Matched by hidden weights: g and +-s, so that every atom is two."""
    noise = float(rng.choice([0.1, 1.0]))
    two = replace(
        law,
        w=np.concatenate([law.w, law.w]),
        v=np.concatenate([law.v[:, :1] + noise, law.v[:, :1] - noise]),
        m=1 if len(law.w) > 2 else law.m,
    )
    J, t = len(law.w), 0.5
    steps, rises = np.sqrt(law.distances(0.0)), np.abs(law.v[:, :1] - law.v[:, :1].T)
    away = steps > 0
    slope = float((rises[away] / steps[away]).max()) if away.any() else 0.0
    outputs = OutputLaw(float(np.abs(law.v[:, 0]).max()), slope, noise)
    costs, errors = [], []
    for a, b in two.pairs(0.0, apart=apart):
        f_t, f_a, f_b = two.outputs(a, b, t)
        errors.append(_rms(f_t - t * f_a - (1 - t) * f_b))
        costs.append(law.cost([i % J for i in a], [i % J for i in b], 0.0))
    found = coherent_error_bound(
        float(np.mean(costs)), two.m, law.activation, outputs, inputs=law.x, t=t
    )
    return Trial(float(np.mean(errors)), found.coherent + found.fluctuation, 1e-13 * two.largest)


def _one_sided(law: _Law, cost: float, **options: Any) -> CommonLaw:
    """As if output weights were equal in A and B: commutativity dropped."""
    return replace(law, scale=1e12).bound(cost, **options)


def _half(law: _Law, cost: float, **options: Any) -> CommonLaw:
    found = law.bound(cost, **options)
    return replace(found, curve=found.curve / sqrt(2))


breaks("T16", "networks of different laws")(partial(_draws_of_one_law, apart=True))
breaks("T16", "the term with omega dropped")(partial(_draws_of_one_law, bound=_one_sided))
breaks("T16", "c / sqrt 2 in place of c")(partial(_draws_of_one_law, bound=_half))
