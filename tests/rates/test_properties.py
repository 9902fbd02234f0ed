"""Properties of U and L that hold for every law: units, monotonicity, invariance, order."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmctheory.measures import (
    Empirical,
    Gaussian,
    GaussianMixture,
    Laplace,
    SubGaussianProduct,
    TruncatedNormal,
    Uniform,
    UniformBall,
    UniformCube,
    UniformSphere,
)
from lmctheory.rates import lower_bound, required_width, upper_bound
from tests.rarely import rarely

POINTS = np.random.default_rng(0).standard_normal((30, 3))


def _mixture(c):
    components = [Gaussian(spectrum=[c**2, 0.1 * c**2])] * 2
    return GaussianMixture([0.3, 0.7], c * np.array([[0.0, 0.0], [6.0, 1.0]]), components)


FAMILIES = {
    "gaussian": lambda c: Gaussian(spectrum=c**2 * np.array([1.0, 0.5, 0.5])),
    "cube": lambda c: UniformCube(2, side=c),
    "ball": lambda c: UniformBall(3, radius=c),
    "sphere": lambda c: UniformSphere(3, radius=c),
    "uniform": lambda c: SubGaussianProduct(Uniform(), [c, 0.5 * c]),
    "truncated": lambda c: SubGaussianProduct(TruncatedNormal(), [c, 0.5 * c]),
    "laplace": lambda c: SubGaussianProduct(Laplace(), [c, 0.5 * c]),
    "mixture": _mixture,
    "empirical": lambda c: Empirical(c * POINTS),
}
DEAREST = ("mixture",)
DEAR = (*DEAREST, "gaussian", "laplace", "truncated", "uniform")


def families(slow=DEAREST):
    """Every family, those of these names among the slow tests."""
    return pytest.mark.parametrize(
        "family",
        [
            pytest.param(family, id=name, marks=pytest.mark.slow if name in slow else ())
            for name, family in FAMILIES.items()
        ],
    )


EVERY_FAMILY = families()


@EVERY_FAMILY
@pytest.mark.parametrize(
    ("c", "p"),
    rarely(
        itertools.product((1e-12, 1e12), (0.7, 2.0, 3.0)), [(1e12, 0.7), (1e-12, 2.0), (1e12, 3.0)]
    ),
)
def test_a_larger_law_costs_in_its_units(family, p, c):
    one, scaled = upper_bound(family(1.0), 70, p), upper_bound(family(c), 70, p)
    expected = {k: c**p * v for k, v in one.terms.items()}
    assert scaled.terms == pytest.approx(expected, rel=1e-8, abs=0)
    assert lower_bound(family(c), 70, p).value == pytest.approx(
        c**p * lower_bound(family(1.0), 70, p).value, rel=1e-6, abs=0
    )


@pytest.mark.parametrize(
    ("name", "p"),
    rarely(
        itertools.product(FAMILIES, (1.0, 2.0)),
        [("mixture", 2.0), ("laplace", 2.0), *((name, 1.0) for name in DEAR)],
    ),
)
def test_wider_layers_cost_less(name, p):
    mu = FAMILIES[name](1.0)
    values = [upper_bound(mu, m, p).value for m in (1, 2, 4, 32, 256, 4096, 10**6)]
    assert all(left >= right * (1 - 1e-9) for left, right in itertools.pairwise(values))


@pytest.mark.parametrize("examples", [3, pytest.param(25, marks=pytest.mark.slow)])
def test_nearby_widths_are_in_order_within_the_grid(examples):
    """From one width to the next R13 may rise by 0.5 % at most, as its candidates change."""

    @given(m=st.integers(1, 10**9), factor=st.floats(1, 3), seed=st.integers(0, 100))
    @settings(max_examples=examples, deadline=None)
    def in_order(m, factor, seed):
        mu = Gaussian(spectrum=np.random.default_rng(seed).random(4))
        wider = min(int(factor * m) + 1, 10**12)
        assert upper_bound(mu, wider).value <= 1.005 * upper_bound(mu, m).value

    in_order()


WIDTHS_AND_POWERS = list(itertools.product((1, 2, 50, 10**5), (1.0, 2.0, 3.0)))


@EVERY_FAMILY
@pytest.mark.parametrize(
    "pairs",
    [
        pytest.param([(1, 1.0), (2, 3.0), (50, 1.0), (10**5, 2.0)], id="some"),
        pytest.param(WIDTHS_AND_POWERS, id="all", marks=pytest.mark.slow),
    ],
)
def test_the_lower_bound_lies_below_the_upper(family, pairs):
    mu = family(1.0)
    for m, p in pairs:
        assert lower_bound(mu, m, p).value <= upper_bound(mu, m, p).value * (1 + 1e-9)


@families(slow=DEAR)
def test_smaller_tolerances_need_wider_layers(family):
    mu = family(1.0)
    start = 1.0001 * upper_bound(mu, 10).value ** 0.5
    widths = [required_width(mu, eps) for eps in (start, 0.7 * start, 0.5 * start)]
    assert widths[0] <= 10  # 1 where any permutation is as good as is known
    assert widths[-1] > 1
    assert widths == sorted(widths)


@pytest.mark.parametrize("examples", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_rotations_change_nothing(examples):
    @given(seed=st.integers(0, 10**6), d=st.integers(1, 6), m=st.sampled_from([1, 10, 1000]))
    @settings(max_examples=examples, deadline=None)
    def unchanged(seed, d, m):
        rng = np.random.default_rng(seed)
        spectrum = np.sort(rng.random(d))[::-1] + 0.01
        axes = np.linalg.qr(rng.standard_normal((d, d)))[0]
        turned = Gaussian(covariance=(axes * spectrum) @ axes.T)
        for bound in (upper_bound, lower_bound):
            straight = bound(Gaussian(spectrum=spectrum), m).value
            assert bound(turned, m).value == pytest.approx(straight, rel=1e-7)

    unchanged()


@pytest.mark.parametrize("examples", [3, pytest.param(10, marks=pytest.mark.slow)])
def test_projections_cost_less(examples):
    @given(seed=st.integers(0, 10**6), d=st.integers(2, 12), m=st.sampled_from([2, 100, 10**5]))
    @settings(max_examples=examples, deadline=None)
    def less(seed, d, m):
        rng = np.random.default_rng(seed)
        spectrum = 10 ** (-3 * rng.random(d))
        kept = rng.random(d) < 0.6
        kept[rng.integers(d)] = True
        # 0.1 %: in one to four dimensions R6c is searched over radii and times
        part, whole = (
            upper_bound(Gaussian(spectrum=s), m).value for s in (spectrum[kept], spectrum)
        )
        assert part <= whole * 1.001

    less()


def _random_spectrum(rng, largest):
    """Up to so many eigenvalues: spread, equal, zero or far below rounding."""
    d = int(rng.integers(1, largest + 1))
    spectrum = 10 ** (-float(rng.choice([0, 1, 4, 12, 100])) * rng.random(d))
    if rng.random() < 0.3:
        spectrum[rng.random(d) < 0.5] = spectrum[0]
    if rng.random() < 0.3:
        spectrum[rng.random(d) < 0.5] = float(rng.choice([0.0, 1e-300, 5e-324]))
    return spectrum * float(rng.choice([1.0, 1e-200, 1e200]))


def _sandwiches(count, seed, largest, decades):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        mu = Gaussian(spectrum=_random_spectrum(rng, largest))
        m = int(10 ** (float(rng.choice(decades)) * rng.random()))
        low, high = lower_bound(mu, m).value, upper_bound(mu, m).value
        assert 0 <= low <= high * (1 + 1e-9), (mu.spectrum.tolist(), m)
        assert high <= 2 * mu.second_moment * (1 + 1e-12)


@pytest.mark.parametrize("count", [4, pytest.param(300, marks=pytest.mark.slow)])
def test_lower_never_exceeds_upper_on_random_spectra(count):
    _sandwiches(count, seed=0, largest=8, decades=[1, 2, 3])


@pytest.mark.slow
def test_lower_never_exceeds_upper_on_ten_thousand_spectra():
    _sandwiches(10_000, seed=1, largest=30, decades=[2, 4, 12])


@EVERY_FAMILY
def test_one_neuron_costs_the_mean_distance(family):
    mu = family(1.0)
    assert upper_bound(mu, 1).value <= 2 * mu.spectrum.sum() * (1 + 1e-9)


@pytest.mark.parametrize("p", [0.5, 2.0, 3.0])
def test_a_point_costs_nothing(p):
    for mu in (Gaussian(spectrum=[0.0, 0.0]), Empirical(np.ones((4, 2)))):
        assert upper_bound(mu, 5, p).value == 0
        assert required_width(mu, 1e-9, p=p) == 1


def test_nothing_mutates_its_arguments():
    mu = UniformCube(2, side=3.0)
    before = replace(mu)
    upper_bound(mu, 10)
    assert mu == before
