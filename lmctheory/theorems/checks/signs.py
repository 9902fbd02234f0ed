"""Checks on neurons that may be negated (S1)."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from lmctheory.measures import (
    Bounded,
    Empirical,
    Gaussian,
    GaussianMixture,
    Measure,
    SubGaussianProduct,
    TruncatedNormal,
    Uniform,
    UniformBall,
    UniformCube,
    UniformSphere,
)
from lmctheory.rates import lower_bound, upper_bound, wasserstein_pow
from lmctheory.theorems._registry import breaks, tries, tries_trained
from lmctheory.theorems.adversary import Trials
from lmctheory.theorems.checks.deep import matched_networks
from lmctheory.theorems.checks.simulation import held
from lmctheory.theorems.trial import Trial

_ODD = ("erf", "identity", "tanh")


def _law(rng: np.random.Generator) -> Measure:
    """Of many families, symmetric or not, in 1 to 5 dimensions; none with heavy tails."""
    d, kind = 1 if rng.random() < 0.3 else int(rng.integers(1, 6)), int(rng.integers(7))
    scales = 10 ** -rng.random(d)
    if kind == 0:
        return Empirical(rng.standard_normal((int(rng.integers(2, 12)), d)) + rng.random())
    if kind == 1:
        v = 3 * rng.standard_normal(d)
        return GaussianMixture([0.5, 0.5], np.array([v, -v]), [Gaussian(spectrum=scales)] * 2)
    if kind == 2:
        marginal = (Uniform(), TruncatedNormal())[int(rng.integers(2))]
        return SubGaussianProduct(marginal, scales)
    uniform = (UniformCube(d), UniformBall(d), UniformSphere(d + 1))
    return Gaussian(spectrum=scales) if kind > 5 else uniform[kind - 3]


Bound = Callable[[Measure, int, float], float]


def _above(law: Measure, m: int, p: float) -> float:
    return upper_bound(law, m, p, modulo="signs").value


def _below(law: Measure, m: int, p: float) -> float:
    return lower_bound(law, m, p, modulo="signs").value


def _sandwich(above: Bound = _above, below: Bound = _below) -> Trials:
    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            law, p = _law(rng), float(rng.choice([1, 2, 2, 3]))
            if not isinstance(law, Bounded):
                p = min(p, 2.0)  # third powers are too skewed for means to be normal
            m = 1 if rng.random() < 0.25 else int(rng.integers(1, 48))
            yield held(law, m, above(law, m, p), p=p, modulo="signs", rng=rng)
            yield held(law, m, below(law, m, p), p=p, modulo="signs", upper=False, rng=rng)

    return trials


tries("S1", counts=(15, 400))(_sandwich())

breaks("S1", "from below without the second ball")(
    _sandwich(below=lambda law, m, p: lower_bound(law, m, p).value)
)

breaks("S1", "from above half of the cost without signs")(
    _sandwich(above=lambda law, m, p: upper_bound(law, m, p).value / 2)
)

Samples = tuple[np.ndarray, np.ndarray, float]


def _given(rng: np.random.Generator) -> Samples:
    """Two samples that need not be centred, and an exponent."""
    m, d, p = int(rng.integers(1, 16)), int(rng.integers(1, 5)), float(rng.choice([0.5, 1, 2]))
    a, b = rng.standard_normal((2, m, d)) + rng.random(d)
    return a, b, p


def _trained(rng: np.random.Generator) -> Samples:
    """Neurons of a layer of two networks with an odd activation."""
    from lmctheory.theorems.checks.trained import trained_neurons  # needs PyTorch

    a, b = trained_neurons(rng, int(rng.integers(1, 9)), "tanh")
    return a, b, float(rng.choice([0.5, 1, 2]))


def _symmetrised(
    draw: Callable[[np.random.Generator], Samples],
    of_a: Callable[[np.ndarray], np.ndarray] = lambda a: np.r_[a, -a],
) -> Trials:
    """Both directions."""

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            a, b, p = draw(rng)
            signed = wasserstein_pow(a, b, p, modulo="signs")
            lifted = wasserstein_pow(of_a(a), np.r_[b, -b], p)
            yield Trial(signed, lifted)
            yield Trial(lifted, signed)

    return trials


tries("S1a", counts=(40, 100_000), searched=500)(_symmetrised(_given))

tries_trained("S1a", counts=(10, 1000))(_symmetrised(_trained))

breaks("S1a", "only the sample of B symmetrised")(_symmetrised(_given, lambda a: np.r_[a, a]))


@tries("S1b", counts=(12, 200))
def _deep(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        activation, s_w = _ODD[int(rng.integers(len(_ODD)))], float(2 ** rng.uniform(-2, 2))
        yield matched_networks(activation, s_w, rng, modulo="signs")


@breaks("S1b", "a quarter of the constant")
def _quarter(rng: np.random.Generator) -> Iterator[Trial]:
    yield from (replace(trial, larger=trial.larger / 4) for trial in _deep(rng))
