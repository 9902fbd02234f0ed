"""Checks on neurons that may be negated (S)."""

from collections.abc import Iterator

import numpy as np

from lmctheory.measures import (
    Empirical,
    Gaussian,
    GaussianMixture,
    Laplace,
    Measure,
    SubGaussianProduct,
    TruncatedNormal,
    Uniform,
    UniformBall,
    UniformCube,
    UniformSphere,
)
from lmctheory.rates import lower_bound, upper_bound, wasserstein_pow
from lmctheory.theorems._registry import tries
from lmctheory.theorems.checks.deep import matched_networks
from lmctheory.theorems.checks.simulation import simulated
from lmctheory.theorems.trial import Trial

_ODD = ("erf", "identity", "tanh")


def _law(rng: np.random.Generator) -> Measure:
    """Of any family, symmetric or not, in 1 to 5 dimensions."""
    d, kind = int(rng.integers(1, 6)), int(rng.integers(7))
    scales = 10 ** -rng.random(d)
    if kind == 0:
        return Empirical(rng.standard_normal((int(rng.integers(2, 12)), d)) + rng.random())
    if kind == 1:
        v = 3 * rng.standard_normal(d)
        return GaussianMixture([0.5, 0.5], np.array([v, -v]), [Gaussian(spectrum=scales)] * 2)
    if kind == 2:
        marginal = (Uniform(), TruncatedNormal(), Laplace())[int(rng.integers(3))]
        return SubGaussianProduct(marginal, scales)
    uniform = (UniformCube(d), UniformBall(d), UniformSphere(d + 1))
    return Gaussian(spectrum=scales) if kind > 5 else uniform[kind - 3]


@tries("S1")
def _sandwich(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        law, m, p = _law(rng), int(rng.integers(1, 48)), float(rng.choice([1, 2, 2, 3]))
        above, below = (
            upper_bound(law, m, p, modulo="signs"),
            lower_bound(law, m, p, modulo="signs"),
        )
        yield simulated(law, m, above.value, p=p, modulo="signs", rng=rng)
        yield simulated(law, m, below.value, p=p, modulo="signs", upper=False, rng=rng)


@tries("S1a")
def _symmetrised(rng: np.random.Generator) -> Iterator[Trial]:
    """Both directions, for samples that need not be centred."""
    while True:
        m, d, p = int(rng.integers(1, 16)), int(rng.integers(1, 5)), float(rng.choice([0.5, 1, 2]))
        a, b = rng.standard_normal((2, m, d)) + rng.random(d)
        signed = wasserstein_pow(a, b, p, modulo="signs")
        lifted = wasserstein_pow(np.r_[a, -a], np.r_[b, -b], p)
        yield Trial(signed, lifted)
        yield Trial(lifted, signed)


@tries("S1b")
def _deep(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        activation, s_w = _ODD[int(rng.integers(len(_ODD)))], float(2 ** rng.uniform(-2, 2))
        yield matched_networks(activation, s_w, rng, modulo="signs")
