"""Theorems on laws of bounded support, on diffusions and on concentration (R4, R5, R6, R10)."""

from collections.abc import Callable, Iterator

import numpy as np

from lmctheory.measures import (
    Empirical,
    Gaussian,
    Measure,
    UniformBall,
    UniformCube,
    UniformSphere,
)
from lmctheory.rates import deviation, dyadic_bound, matching_cost, upper_bound
from lmctheory.theorems.registry import Trial, theorem
from lmctheory.theorems.simulation import ERRORS, simulated


def _atoms(rng: np.random.Generator, d: int) -> Empirical:
    """Up to 6 corners of the unit cube, perhaps with repetitions: far apart, hence costly."""
    return Empirical(rng.integers(2, size=(int(rng.integers(2, 7)), d)).astype(np.float64))


@theorem(
    "R4",
    "Explicit dyadic bound",
    statement=(
        r"\mathbb E W_p^p \le d^{p/2} \tfrac{2^p - 1}{2} \sum_{l \ge 1} 2^{-pl} E_l, \quad"
        r" E_l = 2^{dl} g(2^{-dl}) \le \min\bigl(2, \sqrt{2(2^{dl} - 1)/m}\bigr)"
    ),
    source="Fournier 2023; series and left-over g sharpened here",
    assumptions=("neurons independent, from one law in the unit cube",),
    functions=("rates.fournier_bound", "rates.dyadic_bound"),
)
def _dyadic(rng: np.random.Generator) -> Iterator[Trial]:
    """Simulated below the series, and the series below what is published."""
    while True:
        m, d, p = int(rng.integers(1, 40)), int(rng.integers(1, 4)), float(rng.choice([0.5, 1, 2]))
        bound = dyadic_bound(m, d, p)
        yield simulated(_atoms(rng, d), m, bound.terms["R4 series"], p=p, rng=rng)
        yield Trial(bound.terms["R4 series"], bound.terms["R4 published"])


@theorem(
    "R5",
    "Multi-scale covering bound",
    statement=(
        r"\mathbb E W_p^p \le \tfrac12 \sum_{Q} \bigl(\operatorname{diam}(\hat Q)^p -"
        r" \operatorname{diam}(Q)^p\bigr)\, \mathbb E |\mu_m(Q) - \nu_m(Q)|,"
        r" \quad \hat Q \text{ the parent of } Q"
    ),
    source="after Weed and Bach 2019; tree of cells derived",
    assumptions=("neurons independent, from one law of bounded support",),
    functions=("rates.covering_bound", "rates.upper_bound"),
)
def _covering(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        law, m, p = _atoms(rng, 2), int(rng.integers(1, 40)), float(rng.choice([0.5, 1, 2]))
        yield simulated(law, m, upper_bound(law, m, p).terms["R5"], p=p, rng=rng)


def _diffusive(rng: np.random.Generator) -> Measure:
    d = int(rng.integers(1, 5))
    kind = int(rng.integers(3))
    return (UniformCube(d), UniformBall(d), UniformSphere(d + 1))[kind]


_SEMIGROUP = r"""M(m) \le 2 \Bigl( \sqrt{D(2t)/2} + L_t \varepsilon_t \Bigr)^2, \quad
 \varepsilon_t^2 = \frac{CONSTANT}{m} \int_{2t}^\infty (\operatorname{tr} P_s - 1) \, ds"""


def _by_semigroup(term: str) -> Callable[[np.random.Generator], Iterator[Trial]]:
    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            law, m = _diffusive(rng), int(rng.integers(2, 64))
            yield simulated(law, m, upper_bound(law, m).terms[term], rng=rng)

    return trials


theorem(
    "R6a",
    "Semigroup bound",
    statement=_SEMIGROUP.replace("CONSTANT", "4"),
    source="derived, with Peyre 2018 and Ledoux 2019",
    assumptions=("neurons independent, from the invariant law of a reversible diffusion",),
    functions=("rates.semigroup_bound", "rates.upper_bound"),
)(_by_semigroup("R6a"))

theorem(
    "R6b",
    "Semigroup bound on flat and round spaces",
    statement=_SEMIGROUP.replace("CONSTANT", "c_n")
    + r", \quad c_n = \frac{e + 1}{1 + (e/4) 4^{-1/e}}, \; e = \tfrac{2(n-1)}{3}",
    source="derived: the Hopf-Lax flow",
    assumptions=("neurons independent, uniform on a cube, a sphere or in a ball",),
    functions=("rates.semigroup_bound", "rates.upper_bound"),
)(_by_semigroup("R6b"))


@theorem(
    "R6c",
    "Truncated Gaussians",
    statement=(
        r"M \le (1-P)^2 \tilde M + \operatorname{tr} \Lambda \, (2P(1-P)(o + v) + 2P^2 o),"
        r" \quad P = P(|Z| > \rho)"
    ),
    source="derived",
    assumptions=("neurons independent, from one Gaussian law N(0, Lambda)",),
    functions=("rates.truncated_gaussian_bound", "rates.upper_bound"),
)
def _truncated(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        law, m = Gaussian(spectrum=rng.random(int(rng.integers(1, 5)))), int(rng.integers(2, 64))
        yield simulated(law, m, upper_bound(law, m).terms["R6c"], rng=rng)


@theorem(
    "R10",
    "Concentration",
    statement=(
        r"P(W_p^p \ge \mathbb E W_p^p + s) \le e^{-m s^2 / D^{2p}}, \quad"
        r" P(W_2 \ge \mathbb E W_2 + s) \le e^{-m s^2 / (4C)}, \quad"
        r" \operatorname{Var} W_2 \le \frac{2C}{m}"
    ),
    source="McDiarmid 1989; Herbst, see Ledoux 2001",
    assumptions=("neurons independent; support of diameter D, or log-Sobolev constant C",),
    functions=("rates.deviation", "rates.simulated_upper_bound", "rates.simulated_lower_bound"),
)
def _concentration(rng: np.random.Generator) -> Iterator[Trial]:
    """Quantiles of 400 draws at 0.2 + 5 standard errors from either end: false alarm 3e-7."""
    while True:
        m, d = int(rng.integers(1, 7)), int(rng.integers(4, 40))
        laws = (Gaussian(spectrum=np.ones(d)), UniformCube(d), UniformBall(d), UniformSphere(d))
        law = laws[int(rng.integers(len(laws)))]
        costs, beyond = matching_cost(law, m, repeats=400, rng=rng), deviation(law, m, 0.2)
        slack = ERRORS * costs.standard_error
        low, high = np.quantile(costs.draws, [0.3, 0.7])
        yield Trial(float(high), beyond.above(costs.mean + slack))
        yield Trial(beyond.below(costs.mean - slack), float(low))
