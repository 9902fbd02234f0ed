"""Small-ball probabilities and the lower bounds made of them (R9), against ball arithmetic.

Where the package claims a bound, found must be on the right side of the exact value, and near it.
"""

from collections.abc import Iterable
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from flint import acb, arb, ctx

from lmctheory.measures import Gaussian, UniformCube, UniformSphere
from lmctheory.rates.lower.box_balls import _beyond, box_bound
from lmctheory.rates.lower.moments import exponential_moment_bound, mean_bound
from lmctheory.rates.lower.nearest_neighbour import (
    ball_bound,
    correlation_bound,
    density_bound,
    lens,
)
from lmctheory.rates.lower.small_ball import _density_bound, _Tilt, isotropic_bound
from lmctheory.rates.lower.voronoi import sphere_voronoi_gain
from tests.oracle.balls import COUNTS, certified, integral, require, symmetric

ROUNDING = 1e-13
"""What a bound may be off to the wrong side, relative."""


def require_below(
    found: Iterable[float], exact: Iterable[arb], slack: float, arguments: Iterable[object]
) -> None:
    """Asserts exact (1 - slack) <= found <= exact, up to rounding."""
    for value, ball, where in zip(found, exact, arguments, strict=True):
        ratio = arb(float(value)) / ball
        assert 1 - slack <= ratio <= 1 + ROUNDING, f"{value!r} for {ball} at {where}"


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def sine_power(d: int, angle: arb) -> arb:
    """int_0^angle sin^d."""
    return integral(lambda x, _: x.sin() ** d, arb(0), angle)


@pytest.mark.parametrize("count", COUNTS)
def test_caps(count):
    """P(|u_1| > t), u uniform in the ball: u_1 = cos x of density sin^d x."""
    rng, found, exact, places = np.random.default_rng(0), [], [], []
    for i in range(count):
        d, t = int(log_uniform(rng, 1, 200)), log_uniform(rng, 1e-4, 1)
        t = 1 - log_uniform(rng, max(1e-9, 10 ** (-400 / d)), 1) if i % 2 else t
        places.append((d, t))
        found.append(float(_beyond(d, np.array(t))))
        exact.append(
            certified(lambda d=d, t=t: 2 * sine_power(d, arb(t).acos()) / sine_power(d, arb.pi()))
        )
    require(found, exact, 1e-11, places)


@pytest.mark.parametrize("count", COUNTS)
def test_lenses(count):
    """The share of a unit ball within r of a point at s from its centre: two caps."""
    rng, places = np.random.default_rng(1), []
    for i in range(count):
        d, s = int(log_uniform(rng, 1, 100)), rng.uniform()
        s = (s, 1 - 10 ** rng.uniform(-9, 0), 10 ** rng.uniform(-9, 0), 1.0)[i % 4]
        r = (rng.uniform(0, 2), 10 ** rng.uniform(-6, 0), 1 - s + 10 ** rng.uniform(-9, 0))[i % 3]
        places.append((d, float(s), float(max(r, 10 ** (-250 / d)))))

    def exact(d: int, s: float, r: float) -> arb:
        s, r = arb(s), arb(r)
        if r <= 1 - s:
            return r**d
        if r >= 1 + s:
            return arb(1)
        own = ((s * s + 1 - r * r) / (2 * s)).acos()
        other = ((s * s + r * r - 1) / (2 * s * r)).acos()
        return (sine_power(d, own) + r**d * sine_power(d, other)) / sine_power(d, arb.pi())

    found = [float(lens(d, np.array([s]), r)[0]) for d, s, r in places]
    require(found, [certified(lambda p=p: exact(*p)) for p in places], 1e-8, places)


@pytest.mark.parametrize("count", COUNTS)
def test_densities(count):
    """max over k of (F_k v_k)^{-p/k} Gamma(1 + p/k) Gamma(m + 1) / Gamma(m + 1 + p/k)."""
    rng, found, exact, places = np.random.default_rng(2), [], [], []

    def one(log_density: float, k: int, m: int, p: float) -> arb:
        c, volume = arb(p) / k, arb(k) / 2 * arb.pi().log() - (arb(k) / 2 + 1).lgamma()
        ratio = arb(m + 1).lgamma() - (m + 1 + c).lgamma() + (1 + c).lgamma()
        return (ratio - c * (arb(log_density) + volume)).exp()

    for _ in range(count):
        k, m, p = int(log_uniform(rng, 1, 50)), int(log_uniform(rng, 1, 1e12)), rng.uniform(0.2, 4)
        logs = rng.uniform(-20, 20, k)
        places.append((k, m, p))
        found.append(density_bound(logs, m, p))
        each = [
            certified(partial(one, value, n, m, p))
            for n, value in enumerate(logs.tolist(), start=1)
        ]
        exact.append(max(each, key=lambda ball: float(ball.mid())))
    require(found, exact, 1e-12, places)


def hypoexponential(means: list[float], x: float) -> arb:
    """P(sum of exponential variables of these means <= x), by partial fractions."""
    total = arb(0)
    for t in map(arb, means):
        part = -(-arb(x) / t).expm1()
        for other in map(arb, means):
            part *= 1 if other == t else t / (t - other)
        total += part
    return total


@pytest.mark.parametrize("count", COUNTS)
def test_distances_of_gaussian_neurons(count):
    """Isotropic: chi-square, exact. Eigenvalues that come twice: exponential variables, a bound."""
    rng, places, found, exact = np.random.default_rng(3), [], [], []
    for _ in range(count):
        d = int(log_uniform(rng, 1, 300))
        r = log_uniform(rng, max(1e-3, d**0.5 * 10 ** (-200 / d)), 60)
        places.append((d, r))
        found.append(float(Gaussian(spectrum=np.full(d, 0.7)).distance_cdf(r)))
        exact.append(
            certified(lambda d=d, r=r: (arb(r) ** 2 / (4 * arb(0.7))).gamma_lower(arb(d) / 2, 1))
        )
    require(found, exact, 1e-12, places)
    for number in range(count):
        values = 10 ** rng.uniform(-3, 0, 1 + number % 5)
        r = log_uniform(rng, 1e-4, 10)
        bound = float(Gaussian(spectrum=np.repeat(values, 2)).distance_cdf(r))
        chance = certified(partial(hypoexponential, (4 * values).tolist(), r * r))
        assert bound >= chance * (1 - ROUNDING), (values, r)


def near_in_a_cube(d: int, u: float) -> arb:
    """Up to the side: sum_k (-1)^k C(d, k) pi^{(d-k)/2} u^{d+k} / Gamma(1 + (d+k)/2)."""
    total, term = arb(0), arb(1)
    for k in range(d + 1):
        size = arb.pi() ** (arb(d - k) / 2) * arb(u) ** (d + k)
        total += term * size / (1 + arb(d + k) / 2).gamma()
        term *= -arb(d - k) / (k + 1)
    return total


@pytest.mark.parametrize("count", COUNTS)
def test_distances_in_cubes(count):
    rng = np.random.default_rng(4)
    for _ in range(count):
        d = int(rng.choice([1, 2, 3, 5, 8, 20, 60, 200]))
        u = min(log_uniform(rng, max(1e-4, 10 ** (-200 / d)), 1.2), 1.0)

        chance, bound = (
            certified(partial(near_in_a_cube, d, u)),
            float(UniformCube(d).distance_cdf(u)),
        )
        assert bound >= chance * (1 - ROUNDING), (d, u)
        if d <= 10:
            assert bound <= chance * (1 + 1e-8), (d, u)


def tail(x: acb) -> acb:
    """P(G > x)."""
    return (x / arb(2).sqrt()).erfc() / 2


def density(x: acb) -> acb:
    return (-x * x / 2).exp() / (2 * arb.pi()).sqrt()


def survival(k: int, m: int, x: float, spread: float) -> arb:
    """E (1 - P(|a - Z|^2 <= x))^m, a of variance `spread`, in k = 1 or 3 dimensions.

    1 - P = P(G > r - s) + P(G > r + s), and in three dimensions (phi(r-s) - phi(r+s))/s more.
    """
    r, scale = arb(x).sqrt(), arb(spread).sqrt()

    def integrand(z: acb, analytic: bool) -> acb:  # z = |a| / scale
        s = scale * z
        missed = tail(r - s) + tail(r + s)
        weight = 2 * density(z)
        if k == 3:
            # (phi(r-s) - phi(r+s))/s = 2 phi(r) e^{-s^2/2} sinh(rs)/s
            missed += 2 * r * density(r) * (-s * s / 2).exp() * (acb(0, 1) * r * s).sinc()
            weight *= z * z
        return weight * missed**m

    far = arb(30)
    return integral(integrand, arb(0), far) + symmetric(4 * far**2 * density(far).real)


@pytest.mark.parametrize("count", COUNTS)
def test_tilted_small_balls(count):
    """E (1 - q)^m from below, by every tilt, at every distance."""
    rng = np.random.default_rng(5)
    for number in range(count):
        k, m = (1, 3)[number % 2], int(log_uniform(rng, 1, 1e4))
        spread, x = float(rng.uniform(0.3, 1)), log_uniform(rng, 1e-6, 30)
        tilt = _Tilt(np.ones(k), m, log_uniform(rng, 0.05, 1e4), spread, 1)
        exact = certified(lambda a=(k, m, x, spread): survival(*a))
        found = float(tilt.mean_power(np.array([x]))[0])
        assert found <= exact * (1 + ROUNDING) + 1e-12, (k, m, x, spread, tilt.s)


def nearest_neighbour(k: int, m: int, p: float, spread: float) -> arb:
    """int S(x) d(x^{p/2}) by Gauss and Legendre's rule in ln x, exact to far below 1e-8."""
    nodes, weights = np.polynomial.legendre.leggauss(24)
    total, edges = 0.0, np.linspace(np.log(1e-14), np.log(4.0 * k + 60), 5)
    for low, high in pairwise(edges):
        for y, w in zip((low + high + (high - low) * nodes) / 2, weights, strict=True):
            value = survival(k, m, float(np.exp(y)), spread)
            total += value * (p / 2 * w * (high - low) / 2 * float(np.exp(y * p / 2)))
    return arb(total)


@pytest.mark.slow
@pytest.mark.parametrize(("k", "m"), [(1, 2), (1, 50), (3, 1), (3, 10), (3, 1000)])
def test_isotropic_bounds(k, m):
    with ctx.workprec(128):
        exact = nearest_neighbour(k, m, 2.0, 1.0)
    found = isotropic_bound(k, m)
    assert 0.96 <= found / exact <= 1 + 1e-9


@pytest.mark.parametrize("count", COUNTS)
def test_densities_of_tilted_laws(count):
    """(1/2 pi) int (1 + 4 v^2 w^2)^{-k/4} dw = B(1/2, k/4 - 1/2) / (4 pi v), from above."""
    rng = np.random.default_rng(6)
    for _ in range(count):
        k, v = int(log_uniform(rng, 3, 1000)), log_uniform(rng, 1e-6, 1e3)
        half, rest = arb(0.5), arb(k) / 4 - arb(0.5)
        exact = half.gamma() * rest.gamma() / (half + rest).gamma() / (4 * arb.pi() * arb(v))
        found = arb(_density_bound(np.array([v]), np.array([float(k)])))
        assert exact <= found * (1 + ROUNDING), (k, v)
        assert found <= exact * (1.01 if k > 3 else 1.05), (k, v)


@pytest.mark.parametrize("signs", [False, True])
@pytest.mark.parametrize("count", COUNTS)
def test_exponential_moments(signs, count):
    """2 tr - 2 inf_s (1/s) [ln(m!)/m (+ ln 2) - (1/2) sum ln(1 - s^2 lambda^2)], by bisection."""
    rng, found, exact, places = np.random.default_rng(7), [], [], []
    for _ in range(count):
        spectrum = np.sort(10 ** rng.uniform(-3, 0, int(log_uniform(rng, 20, 150))))[::-1].copy()
        m = int(log_uniform(rng, 2, 1e3))
        bound = exponential_moment_bound(spectrum, m, signs=signs)
        if bound > 0:
            places.append((len(spectrum), m))
            found.append(bound)
            exact.append(certified(partial(supremum, spectrum.tolist(), m, signs)))
    assert len(found) > count // 3
    require_below(found, exact, 1e-6, places)


def supremum(spectrum: list[float], m: int, signs: bool) -> arb:
    """The bound at the best s, where the derivative of what is minimised changes its sign."""
    values = [arb(x) for x in spectrum]
    entropy = arb(m + 1).lgamma() / m + (arb(2).log() if signs else 0)

    def saving(s: arb) -> arb:
        return (entropy - sum(((-((s * x) ** 2)).log1p() for x in values), arb(0)) / 2) / s

    low, high = 0.0, 1.0
    for _ in range(45):  # s f'(s) - f(s) increases, saving = f/s
        middle = (low + high) / 2
        s = arb(middle) / max(values, key=float)
        slope = sum(((s * x) ** 2 / (1 - (s * x) ** 2) for x in values), arb(0))
        low, high = (middle, high) if slope < s * saving(s) else (low, middle)
    return 2 * sum(values, arb(0)) - 2 * saving(arb(low) / max(values, key=float))


@pytest.mark.parametrize("count", COUNTS)
def test_means_of_samples(count):
    """(tr S)^{p/2} (1 + 2 tr S^2/(tr S)^2)^{p/2-1} below p = 2, S = 2 Lambda / m."""
    rng, found, exact, places = np.random.default_rng(8), [], [], []

    def one(spectrum: list[float], m: int, p: float) -> arb:
        trace = 2 * sum(map(arb, spectrum), arb(0)) / m
        square = 4 * sum((arb(x) ** 2 for x in spectrum), arb(0)) / m**2
        share = 1 + 2 * square / trace**2 if p < 2 else arb(1)
        return trace ** (arb(p) / 2) * share ** (arb(p) / 2 - 1)

    for _ in range(count):
        spectrum = 10 ** rng.uniform(-3, 3, int(log_uniform(rng, 1, 50)))
        places.append((int(log_uniform(rng, 1, 1e9)), float(rng.uniform(1, 4))))
        found.append(mean_bound(spectrum, *places[-1]))
        exact.append(certified(partial(one, spectrum.tolist(), *places[-1])))
    require(found, exact, 1e-12, places)


@pytest.mark.parametrize("count", COUNTS)
def test_intervals_and_the_sphere_in_space(count):
    """Nearest neighbours on an interval, (m + 7)/(2 (m+1) (m+2) (m+3)), and on S^2, 4/(m + 1).

    On the interval a is at t from the nearer end, and misses all b within r with the chance
    (1 - 2r)^m for r < t, (1 - t - r)^m for t < r < 1 - t. On the sphere |x - y|^2 is uniform in
    [0, 4], and empty cells add int (1 - Q_x)^m dx, Q_x = z + (1 - z^m)/m, z = x/4.
    """
    rng = np.random.default_rng(9)
    widths = sorted({1, 2, 3, *(int(log_uniform(rng, 1, 1e6)) for _ in range(count // 10))})
    exact = [arb(m + 7) / (2 * (m + 1) * (m + 2) * (m + 3)) for m in widths]
    require_below([box_bound((1.0,), m, 2.0) for m in widths], exact, 0.04, widths)
    doubled = [4 * ball for ball in exact]
    require_below([ball_bound(1, m, 2.0) for m in widths], doubled, 0.05, widths)
    near = [arb(4) / (m + 1) for m in widths]
    found = [correlation_bound(UniformSphere(3), 4.0, m, 2.0) for m in widths]
    require_below(found, near, 0.01, widths)

    def gain(m: int) -> arb:
        return 4 * integral(lambda z, _: (1 - z - (1 - z**m) / m) ** m, arb(0), arb(1))

    several = [m for m in widths if m > 1]
    found = [sphere_voronoi_gain(3, m, 2.0) for m in several]
    require_below(found, [certified(lambda m=m: gain(m)) for m in several], 0.05, several)
