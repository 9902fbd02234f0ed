"""Heat traces, displacements, truncated moments and volumes, against ball arithmetic."""

import numpy as np
import pytest
from flint import acb, arb, ctx

from lmctheory.measures import Gaussian, UniformBall, UniformCube, UniformSphere
from lmctheory.measures.arguments import log_ball_volume
from lmctheory.measures.marginal import TruncatedNormal, _normal_excess
from lmctheory.rates.upper.truncated_gaussian import _TruncatedGaussian
from tests.oracle.balls import COUNTS, certified, integral, require


def log_uniform(count: int, low: float, high: float, seed: int) -> np.ndarray:
    return np.exp(np.random.default_rng(seed).uniform(np.log(low), np.log(high), count))


def theta(u: float, sign: int) -> arb:
    """sum_{k >= 0} sign^k e^{-pi^2 k^2 u}, half of Jacobi's theta function and 1/2."""
    _, _, three, four = acb(0).modular_theta(acb(0, arb.pi() * arb(u)))
    return (1 + (three if sign > 0 else four).real) / 2


def odd_series(u: float, power: int, *, alternating: bool) -> arb:
    """sum over odd k of e^{-pi^2 k^2 u} / k^power, to a rest below e^-60 times its first term."""
    first = arb.pi() ** 2 * arb(u)
    last = int(float((60 / first).sqrt().upper())) + 3
    total, sign = arb(0), 1
    for k in range(1, last + 1, 2):
        total += sign * (-first * k * k).exp() / arb(k) ** power
        sign = -sign if alternating else sign
    return total


@pytest.mark.parametrize("count", COUNTS)
def test_cubes(count):
    times, rng = log_uniform(count, 1e-9, 20, 0), np.random.default_rng(0)
    dimensions = [int(d) for d in np.exp(rng.uniform(0, np.log(30), count))]
    places = list(zip(dimensions, times.tolist(), strict=True))
    traces = [certified(lambda d=d, u=u: theta(u, 1) ** d) for d, u in places]
    found = [float(UniformCube(d).heat_trace(u)) for d, u in places]
    require(found, traces, 1e-12, places)
    even = [
        certified(lambda d=d, u=u: (theta(u, 1) ** d + theta(u, -1) ** d) / 2) for d, u in places
    ]
    require([float(UniformCube(d).even_heat_trace(u)) for d, u in places], even, 1e-12, places)
    times, cube = log_uniform(count, 1e-6, 20, 1).tolist(), UniformCube(1)
    moved = [
        certified(
            lambda u=u: 2 * (arb(1) / 12 - 8 * odd_series(u, 4, alternating=False) / arb.pi() ** 4)
        )
        for u in times
    ]
    require([float(cube.mean_squared_displacement(u)) for u in times], moved, 1e-12, times)
    shrunk = [
        certified(lambda u=u: 4 / arb.pi() * odd_series(u, 1, alternating=True)) for u in times
    ]
    require([float(cube.contraction(u)) for u in times], shrunk, 1e-12, times)


def harmonics(d: int, u: float, step: int, *, ball: bool) -> arb:
    """Sum over k of the number of harmonics times e^{-k(k + d - 2)u}, or of the ball's polynomials.

    N(d, k) = C(k+d-1, k) - C(k+d-3, k-2), and C(k+d-1, k) with the eigenvalue k(k + d).
    """
    shift, q = (d if ball else d - 2), (-arb(u)).exp()
    terms = int((np.sqrt(d / 2) + 9) / np.sqrt(u)) + 3
    total, factor, ratio = arb(0), arb(1), q ** (1 + shift)
    now, before, twice = arb(1), arb(0), arb(0)  # C(k+d-1, k) and the two before it
    for k in range(terms):
        if k % step == 0:
            total += (now if ball else now - twice) * factor
        factor, ratio = factor * ratio, ratio * q * q
        now, before, twice = now * (k + d) / (k + 1), now, before
    return total


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("law", [UniformSphere, UniformBall])
@pytest.mark.parametrize("count", COUNTS)
def test_spheres_and_balls(law, step, count):
    rng = np.random.default_rng(2)
    places = []
    for _ in range(count):
        d = int(np.exp(rng.uniform(np.log(2), np.log(300))))
        least = ((np.sqrt(d / 2) + 9) / 3000) ** 2  # else there are too many terms for an oracle
        places.append((d, float(np.exp(rng.uniform(np.log(least), np.log(20 / d))))))
    exact = [
        certified(lambda d=d, u=u: harmonics(d, u, step, ball=law is UniformBall))
        for d, u in places
    ]
    name = "heat_trace" if step == 1 else "even_heat_trace"
    require([float(getattr(law(d), name)(u)) for d, u in places], exact, 1e-12, places)


def test_spheres_and_balls_at_tiny_times():
    for u in (1e-9, 1e-10, 1e-12):
        with ctx.workprec(256):  # the circle, where the sum is a theta function
            circle = acb(0).modular_theta(acb(0, arb(u) / arb.pi()))[2].real
        require([float(UniformSphere(2).heat_trace(u))], [circle], 1e-12, [u])
        # the interval: k(k + 1) = (k + 1/2)^2 - 1/4
        with ctx.workprec(256):
            exact = acb(0).modular_theta(acb(0, arb(u) / arb.pi()))[1].real / 2 * (arb(u) / 4).exp()
        found = float(UniformBall(1).heat_trace(u))
        assert 1 - 1e-12 <= found / float(exact.mid()) <= 1 + 1e-4


def inner(rho: float, power: int, low: float = 0.0) -> arb:
    """int_low^rho x^power phi(x) dx."""

    def integrand(x: acb, _: bool) -> acb:
        return x**power * (-x * x / 2).exp() / (2 * arb.pi()).sqrt()

    return integral(integrand, arb(low), arb(rho))


@pytest.mark.parametrize("count", COUNTS)
def test_truncated_normal_moments(count):
    """P(|Z| > rho), E[Z^2 | |Z| > rho] and Var(Z | |Z| <= rho), over the radii of R6c."""
    radii = [0.5, 8.0, *log_uniform(count, 0.5, 8, 4).tolist()]
    laws = [_TruncatedGaussian(np.ones(1), rho) for rho in radii]
    tail = [certified(lambda r=r: 1 - 2 * inner(r, 0)) for r in radii]
    require([law.outside for law in laws], tail, 1e-12, radii)
    far = [certified(lambda r=r: (1 - 2 * inner(r, 2)) / (1 - 2 * inner(r, 0))) for r in radii]
    require([law.outer_moment for law in laws], far, 1e-12, radii)
    near = [certified(lambda r=r: inner(r, 2) / inner(r, 0)) for r in radii]
    require([law.inner_variance for law in laws], near, 1e-12, radii)
    cuts = [1e-6, 37.0, *log_uniform(count, 1e-6, 37, 5).tolist()]
    deviations = [certified(lambda r=r: (inner(r, 2) / inner(r, 0)).sqrt()) for r in cuts]
    require([TruncatedNormal(r)._deviation for r in cuts], deviations, 1e-12, cuts)


@pytest.mark.parametrize("even", [False, True])
@pytest.mark.parametrize("count", COUNTS)
def test_truncated_heat_traces(even, count):
    """The sum of exp(-s max(k, 1/2 + (pi k / 2 rho)^2)), k >= 1; of even k modulo signs."""
    radii, times = log_uniform(count, 0.5, 8, 6), log_uniform(count, 1e-3, 30, 7)

    def exact(rho: float, s: float) -> arb:
        rate, lines = (arb.pi() / (2 * arb(rho))) ** 2, []
        last = int(float((90 / (rate * arb(s))).sqrt().upper())) + int(8 * rho * rho) + 4
        for sign in (1, -1):
            line = arb(1)
            for k in range(1, last):
                line += sign**k * (-arb(s) * arb.max(arb(k), arb(0.5) + rate * k * k)).exp()
            lines.append(line)
        return (lines[0] + lines[1]) / 2 if even else lines[0]

    places = list(zip(radii.tolist(), times.tolist(), strict=True))
    found = [
        float(_TruncatedGaussian(np.ones(1), r, even).heat_trace(np.array(s))) for r, s in places
    ]
    require(found, [certified(lambda p=p: exact(*p)) for p in places], 1e-12, places)


@pytest.mark.parametrize("count", COUNTS)
def test_gaussian_heat_traces(count):
    rng, times = np.random.default_rng(8), log_uniform(count, 1e-9, 700, 9).tolist()
    spectra = [10 ** rng.uniform(-3, 1, 1 + i % 5) for i in range(count)]

    def exact(s: float, spectrum: np.ndarray, sign: int) -> arb:
        total = arb(1)
        for x in spectrum.tolist():
            total /= 1 - sign * (-arb(s) / arb(x)).exp()
        return total

    places = list(zip(times, spectra, strict=True))
    laws = [Gaussian(spectrum=x) for x in spectra]
    found = [float(law.heat_trace(s)) for law, s in zip(laws, times, strict=True)]
    require(found, [certified(lambda a=a: exact(*a, 1)) for a in places], 1e-12, places)
    found = [float(law.even_heat_trace(s)) for law, s in zip(laws, times, strict=True)]
    even = [certified(lambda a=a: (exact(*a, 1) + exact(*a, -1)) / 2) for a in places]
    require(found, even, 1e-12, places)


@pytest.mark.parametrize("count", COUNTS)
def test_volumes_of_balls(count):
    dimensions = [1, 2, 3, 10**6, *(int(d) for d in log_uniform(count, 1, 1e6, 10))]

    def exact(d: int) -> arb:
        return arb(d) / 2 * arb.pi().log() - (arb(d) / 2 + 1).lgamma()

    require(
        [log_ball_volume(d) for d in dimensions],
        [certified(lambda d=d: exact(d)) for d in dimensions],
        1e-12,
        dimensions,
    )


@pytest.mark.parametrize("count", COUNTS)
def test_distances_in_balls_and_on_spheres(count):
    """Chances that two points are within r: by the angle, and by the overlap of two balls.

    On the sphere |x - y| = 2 sin(angle / 2), of density sin^{d-2}. In the ball the chance is
    int_0^r d s^{d-1} P(|u_1| > s/2) ds, of a cap 2c int sin^d.
    """
    rng = np.random.default_rng(11)
    places = []
    for i in range(count):
        d = int(np.exp(rng.uniform(np.log(2), np.log(100))))
        places.append((d, float(rng.uniform(0, 2) if i % 2 else 2 * 10 ** rng.uniform(-3, 0))))

    def power_of_sine(n: int, low: arb, high: arb) -> arb:
        return integral(lambda x, _: x.sin() ** n, low, high)

    def on_sphere(d: int, r: float) -> arb:
        angle = 2 * (arb(r) / 2).asin()
        return power_of_sine(d - 2, arb(0), angle) / power_of_sine(d - 2, arb(0), arb.pi())

    def in_ball(d: int, r: float) -> arb:
        half = (arb(r) / 2).acos()  # s = 2 cos x, by parts
        cap = power_of_sine(d, arb(0), half)
        inside = integral(lambda x, _: (2 * x.cos()) ** d * x.sin() ** d, half, arb.pi() / 2)
        return 2 * (arb(r) ** d * cap + inside) / power_of_sine(d, arb(0), arb.pi())

    exact = [certified(lambda a=a: on_sphere(*a)) for a in places]
    require([float(UniformSphere(d).distance_cdf(r)) for d, r in places], exact, 1e-12, places)
    exact = [certified(lambda a=a: in_ball(*a)) for a in places]
    require([float(UniformBall(d).distance_cdf(r)) for d, r in places], exact, 1e-12, places)


@pytest.mark.parametrize("count", COUNTS)
def test_excesses_of_the_normal_law(count):
    """E (G - rho)_+^2, from above, and within 3 / rho^2 of it where it is an upper bound."""
    ends = np.random.default_rng(12).uniform(-5, 30, count).tolist()

    def exact(rho: float) -> arb:
        high = arb(rho) + 40
        return integral(
            lambda x, _: (x - rho) ** 2 * (-x * x / 2).exp() / (2 * arb.pi()).sqrt(), arb(rho), high
        )

    values = [certified(lambda r=r: exact(r)) for r in ends]
    near = [i for i, r in enumerate(ends) if r <= 5]
    require([_normal_excess(ends[i]) for i in near], [values[i] for i in near], 1e-11, near)
    for i in set(range(count)) - set(near):
        ratio = arb(_normal_excess(ends[i])) / values[i]
        assert 1 <= ratio <= 1 + 6 / arb(ends[i]) ** 2
