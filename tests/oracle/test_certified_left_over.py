"""What cells leave over (R5, R16), and pairs (R13, R14), against ball arithmetic."""

from functools import partial
from math import comb

import numpy as np
import pytest
from flint import acb, arb

from lmctheory.rates.upper.covering import NestedPartition, _one_sample, mean_left_over
from lmctheory.rates.upper.pairs import normal_pair_costs, uniform_pair_gains
from tests.oracle.balls import COUNTS, certified, integral, require, symmetric


def left_over(q: float, m: int) -> arb:
    """E|N - N'| for N, N' ~ Bin(m, q): (4/pi) m h int_0^{pi/2} cos^2 x (1 - 2h sin^2 x)^{m-1} dx.

    h = 2q(1 - q) is the chance that a step of the walk N - N' is not 0, and
    (1/pi) int_0^pi (1 - c^n) / (1 - cos t) dt, c = 1 - h (1 - cos t), is E of its end, by parts.
    """
    h = 2 * arb(q) * (1 - arb(q))
    value = integral(
        lambda x, _: x.cos() ** 2 * (1 - 2 * h * x.sin() ** 2) ** (m - 1), arb(0), arb.pi() / 2
    )
    return 4 * m * h / arb.pi() * value


def by_counting(q: float, m: int, mean: bool) -> arb:
    """E|N - N'|, or E|N - mq|, from all outcomes."""
    chances = [comb(m, k) * arb(q) ** k * (1 - arb(q)) ** (m - k) for k in range(m + 1)]
    ends = [(1, m * arb(q))] if mean else zip(chances, range(m + 1), strict=True)
    return sum((a * b * abs(j - i) for b, i in ends for j, a in enumerate(chances)), arb(0))


def de_moivre(q: float, m: int) -> arb:
    """E|N - mq| = 2 (k + 1) C(m, k + 1) q^{k+1} (1 - q)^{m-k}, k = floor(mq)."""
    q = arb(q)
    k = int((m * q).floor().unique_fmpz())
    log_choices = arb(m + 1).lgamma() - arb(k + 1).lgamma() - arb(m - k).lgamma()
    return 2 * (log_choices + (k + 1) * q.log() + (m - k) * (-q).log1p()).exp()


def cells(count: int, most: float, seed: int) -> list[tuple[float, int]]:
    """Masses from 1e-300 to the last number below 1, of samples of up to `most`."""
    rng = np.random.default_rng(seed)
    masses = [0.5, 1e-300, 1 - 2**-53, *(10 ** rng.uniform(-300, 0, count // 4))]
    masses += list(10 ** rng.uniform(-12, 0, count // 2)) + list(1 - 10 ** rng.uniform(-16, 0, 99))
    sizes = np.exp(rng.uniform(0, np.log(most), count)).astype(np.int64)
    return [(float(q), int(m)) for q, m in zip(masses[:count], sizes, strict=False)]


@pytest.mark.parametrize("count", COUNTS)
def test_two_samples(count):
    places = cells(count, 1e15, 0)
    exact = [certified(lambda q=q, m=m: left_over(q, m) / m) for q, m in places]
    found = [mean_left_over(np.array([q]), m)[0] for q, m in places]
    require(found, exact, 1e-12, places)
    require(
        [NestedPartition(np.ones(2), cells=[1e6]).left_over(7, 2)[0]],
        [1e6 * left_over(1e-6, 7) / 7],
        1e-12,
        ["cells"],
    )


@pytest.mark.parametrize("count", COUNTS)
def test_one_sample(count):
    places = [(q, m) for q, m in cells(count, 1e12, 1) if q < 1]
    exact = [certified(lambda q=q, m=m: de_moivre(q, m) / m) for q, m in places]
    found = [_one_sample(np.array([q]), m)[0] for q, m in places]
    require(found, exact, 1e-12, places)


@pytest.mark.parametrize(("q", "m"), [(0.3, 1), (0.9, 2), (1e-3, 30), (0.5, 12)])
def test_the_oracle_counts(q, m):
    assert certified(lambda: left_over(q, m)).overlaps(by_counting(q, m, False))
    assert certified(lambda: de_moivre(q, m)).overlaps(by_counting(q, m, True))


def root_mean(values: list[float], twice: bool) -> arb:
    """E (sum lambda_i^2 Z_i^2)^{1/2} for one or two eigenvalues, or for any, each of them twice.

    Two: sqrt(2/pi) lambda_1 E(1 - lambda_2^2/lambda_1^2), E the complete elliptic integral. Twice:
    a sum of exponential variables of means t_i = 2 lambda_i^2, by partial fractions.
    """
    squares = [arb(x) ** 2 for x in values]
    if not twice:
        first, second = squares[0], squares[1] if len(squares) > 1 else arb(0)
        return (2 * first / arb.pi()).sqrt() * acb(1 - second / first).elliptic_e().real
    total = arb(0)
    for t in squares:
        part = (2 * t).sqrt() * arb.pi().sqrt() / 2
        for other in squares:
            part *= 1 if other is t else t / (t - other)
        total += part
    return total


def pair_cost(values: list[float], twice: bool) -> arb:
    trace = sum(map(arb, values), arb(0)) * (2 if twice else 1)
    return 2 * trace - (2 / arb.pi()).sqrt() * root_mean(values, twice)


@pytest.mark.parametrize("count", COUNTS)
def test_pairs_of_normal_neurons(count):
    """M(2) = 2 tr - (2/pi)^{1/2} E (sum lambda_i^2 chi^2_1)^{1/2}."""
    rng, found, exact, places = np.random.default_rng(2), [], [], []
    for kind in np.arange(count) % 6:
        values = np.sort(10 ** rng.uniform(-8, 0, kind if kind > 2 else 1 + kind % 2))[::-1]
        twice, spectrum = bool(kind > 1), np.repeat(values, 2 if kind > 1 else 1)
        places.append(spectrum)
        found.append(normal_pair_costs(spectrum, 1)[0])
        exact.append(certified(partial(pair_cost, values.tolist(), twice)))
    require(found, exact, 1e-12, places)


@pytest.mark.parametrize("count", COUNTS)
def test_pairs_in_a_rectangle(count):
    """E[sign(w X + Y) X] / 2 for X, Y of the density f(x) = -2 (1 + x) ln x - 4 (1 - x), x = |X|.

    That is the law of a product of two differences. It is int x f(x) G(wx) dx, G(y) = P(|Y| <= y).
    """
    ratios = [1.0, *(10 ** np.random.default_rng(3).uniform(-3, 0, count - 1)).tolist()]

    def exact(w: arb) -> arb:
        def integrand(x: acb, analytic: bool) -> acb:
            log_x, y = x.log(analytic=analytic), w * x
            log_y = log_x + w.log()
            both = (-4 * y - 2 * y * y) * log_y - 4 * y + 5 * y * y
            return x * (-2 * (1 + x) * log_x - 4 * (1 - x)) * both

        low = arb(2) ** -60  # below it the integrand is at most 4 x |ln x|
        return integral(integrand, low, arb(1)) + symmetric(100 * low**2)

    found = [uniform_pair_gains(np.array([w, 1.0]))[0] for w in ratios]
    values = [certified(lambda w=w: exact(arb(w))) for w in ratios]
    require(found, values, 2e-7, ratios)
    assert all(value >= one for value, one in zip(values, found, strict=True))


def test_pairs_in_an_interval():
    """(E|D|)^2 / 2 = 1/18."""
    assert 1 / 18 * (1 - 2e-7) <= uniform_pair_gains(np.ones(1))[0] <= 1 / 18
