"""Theorems on the matching cost of independent neurons (R)."""

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from lmctheory.measures import Gaussian
from lmctheory.rates import (
    box_tree,
    lower_bound,
    normal_matching_cost,
    product_tree,
    upper_bound,
    wasserstein_pow,
)
from lmctheory.theorems.registry import Trial, theorem
from lmctheory.theorems.simulation import ERRORS, simulated

_GAUSSIAN = ("neurons independent, from one Gaussian law N(0, Lambda)",)


@theorem(
    "R1",
    "Matching is optimal transport",
    statement=r"W_p^p(\mu_m, \nu_m) = \min_\pi \frac1m \sum_i |a_i - b_{\pi(i)}|^p",
    source="Birkhoff; Ferbach et al. 2024, Lemma B.3",
    assumptions=("two samples of equal size",),
    functions=("rates.wasserstein_pow", "rates.optimal_permutation"),
)
def _birkhoff(rng: np.random.Generator) -> Iterator[Trial]:
    """Both directions, against all permutations."""
    while True:
        m, d, p = int(rng.integers(1, 7)), int(rng.integers(1, 4)), float(rng.choice([0.5, 1, 2]))
        a, b = rng.standard_normal((2, m, d))
        distances = np.linalg.norm(a[:, None] - b, axis=2) ** p
        orders = itertools.permutations(range(m))
        brute = min(float(distances[range(m), list(order)].mean()) for order in orders)
        exact = wasserstein_pow(a, b, p)
        yield Trial(exact, brute)
        yield Trial(brute, exact)


@theorem(
    "R2",
    "Wider layers match better",
    statement=r"\mathbb E W_p^p(\mu_{m+1}, \nu_{m+1}) \le \mathbb E W_p^p(\mu_m, \nu_m)",
    source="derived: convexity and leave-one-out samples",
    assumptions=("one law for all widths",),
    functions=("rates.upper_bound", "rates.lower_bound"),
)
def _monotone(rng: np.random.Generator) -> Iterator[Trial]:
    """Sample by sample: the cost is at most the mean over leave-one-out pairs."""
    while True:
        m, d, p = int(rng.integers(2, 12)), int(rng.integers(1, 5)), float(rng.choice([1, 2, 3]))
        a, b = rng.standard_normal((2, m, d))
        left_out = [
            wasserstein_pow(np.delete(a, i, axis=0), np.delete(b, i, axis=0), p) for i in range(m)
        ]
        yield Trial(wasserstein_pow(a, b, p), float(np.mean(left_out)))


@theorem(
    "R7",
    "One dimension, exactly",
    statement=r"M(m) = \frac2m \sum_{i=1}^m \operatorname{Var} Z_{(i:m)}",
    source="Bobkov and Ledoux 2019",
    assumptions=("neurons independent, from one normal law on the line",),
    functions=("rates.normal_matching_cost",),
)
def _one_dimension(rng: np.random.Generator) -> Iterator[Trial]:
    """Both directions, against sorted samples."""
    while True:
        m = int(rng.integers(1, 400))
        a, b = np.sort(rng.standard_normal((2, 400, m)), axis=2)
        costs = ((a - b) ** 2).mean(axis=1)
        slack = ERRORS * float(costs.std() / np.sqrt(len(costs)))
        yield Trial(float(costs.mean()), normal_matching_cost(m), slack)
        yield Trial(normal_matching_cost(m), float(costs.mean()), slack)


def _spectrum(rng: np.random.Generator) -> np.ndarray:
    """1 to 12 eigenvalues over up to 4 orders of magnitude, now and then with zeros."""
    decades = 4 * rng.random()
    spectrum = 10 ** (-decades * rng.random(int(rng.integers(1, 13))))
    return np.append(spectrum, np.zeros(int(rng.integers(0, 2))))


def _against_simulation(
    bound: Callable[[Gaussian, int], float], *, upper: bool
) -> Callable[[np.random.Generator], Iterator[Trial]]:
    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            mu, m = Gaussian(spectrum=_spectrum(rng)), int(rng.integers(2, 64))
            yield simulated(mu, m, bound(mu, m), upper=upper, rng=rng)

    return trials


theorem(
    "R8",
    "Match the first coordinate alone",
    statement=r"M(m) \le \lambda_1 M_1(m) + 2 \sum_{i>1} \lambda_i",
    source="derived: projection",
    assumptions=_GAUSSIAN,
    functions=("rates.upper_bound",),
)(_against_simulation(lambda mu, m: upper_bound(mu, m).terms["R8"], upper=True))

theorem(
    "R9",
    "Small-ball lower bounds",
    statement=(
        r"M(m) \ge \int_0^\infty \mathbb E \bigl(1 - \mu(B(a, \sqrt x))\bigr)^m \, dx, \quad"
        r" \mu(B(a, \sqrt x)) \le \frac{e^{-Q_s(a)}}{\prod_i (1 + 2 s \lambda_i)^{1/2}}"
        r" \min\Bigl(e^{sx}, \tfrac{g_s}{s} (e^{sx} - 1)\Bigr)"
    ),
    source="after Ferbach et al. 2024, Theorem 5.3; tilted form derived",
    assumptions=_GAUSSIAN,
    functions=("rates.lower_bound",),
)(_against_simulation(lambda mu, m: lower_bound(mu, m).value, upper=False))

theorem(
    "R13",
    "Rank-block tree",
    statement=(
        r"M(m) \le T_1(m), \quad T_i(b) = \min_{s} \Bigl\{ \lambda_i \Bigl(2 - \tfrac2b \sum_k"
        r" \tfrac{S_k^2}{s_k}\Bigr) + \sum_k \tfrac{s_k}{b} T_{i+1}(s_k) \Bigr\}"
    ),
    source="derived",
    assumptions=_GAUSSIAN,
    functions=("rates.upper_bound",),
)(_against_simulation(lambda mu, m: upper_bound(mu, m).terms["R13"], upper=True))


@theorem(
    "R14",
    "k-d tree of a box",
    statement=(
        r"M(m) \le \sum_i a_i^2 K_i, \quad K = \sum_{\text{halves}} \tfrac{s}{b} \bigl(\tfrac23"
        r" \operatorname{Var} X_s + (\mathbb E X_s)^2 K_s\bigr) \text{ in the coordinate cut}"
    ),
    source="derived",
    assumptions=("neurons independent, uniform on a box",),
    functions=("rates.box_tree",),
)
def _box(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        m, sides = int(rng.integers(2, 64)), 10 ** -rng.random(int(rng.integers(1, 6)))
        a, b = sides * rng.random((2, 64, m, len(sides)))
        costs = np.array([wasserstein_pow(x, y) for x, y in zip(a, b, strict=True)])
        slack = ERRORS * float(costs.std(ddof=1) / np.sqrt(len(costs)))
        yield Trial(float(costs.mean()), box_tree(sides, m), slack)


theorem(
    "R15",
    "k-d tree of a product law",
    statement=(
        r"M(m) \le 2 \operatorname{tr} \Lambda - 2 \sum_{\text{leaves}} \tfrac{b}{m} G,"
        r" \quad G = |h|^2 \text{ or } |h|^2 + \tfrac14 \mathbb E |S|"
    ),
    source="derived",
    assumptions=_GAUSSIAN,
    functions=("rates.product_tree", "rates.upper_bound"),
)(_against_simulation(lambda mu, m: product_tree(np.sqrt(mu.spectrum), m), upper=True))


@theorem(
    "R11",
    "The sandwich",
    statement=r"L(m, \Lambda) \le M(m) \le U(m, \Lambda)",
    source="derived: the best of all above",
    assumptions=_GAUSSIAN,
    functions=("rates.lower_bound", "rates.upper_bound", "rates.required_width"),
)
def _sandwich(rng: np.random.Generator) -> Iterator[Trial]:
    """Lower below upper, far beyond widths that can be simulated."""
    while True:
        mu, m = Gaussian(spectrum=_spectrum(rng)), int(10 ** (9 * rng.random()))
        yield Trial(lower_bound(mu, m).value, upper_bound(mu, m).value)
