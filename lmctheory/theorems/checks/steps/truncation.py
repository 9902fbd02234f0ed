"""Steps of the proof on truncated Gaussians (R6c)."""

from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
import sympy as sp
from numpy.polynomial import legendre
from numpy.polynomial.polynomial import Polynomial
from scipy.integrate import quad
from scipy.linalg import eigh
from scipy.stats import norm, truncnorm

from lmctheory.theorems._registry import equality, identity, inequality
from lmctheory.theorems.checks.steps.draws import Pairs, link, listed, printed, value
from lmctheory.theorems.trial import Trial


def _radius(rng: np.random.Generator) -> float:
    """One of a few, so that no spectrum is computed twice."""
    return int(rng.integers(2, 46)) / 10


@identity("R6c", 1, "the second moment beyond the radius, by parts")
def _beyond() -> Pairs:
    z = sp.symbols("z")
    density = sp.exp(-(z**2) / 2)
    yield sp.diff(-z * density, z), z**2 * density - density


@equality("R6c", 1, "both laws together are the normal law", count=50)
def _mixture(rng: np.random.Generator) -> Pairs:
    while True:
        rho, x = _radius(rng), float(2 * rng.standard_normal())
        P, inner = value("R6c", 1, rho=rho), float(truncnorm.cdf(x, -rho, rho))
        # mirrored, its law beyond the radius is that of -Z given Z < -rho
        outer = float(norm.cdf(min(x, -rho)) + max(norm.cdf(x) - norm.cdf(rho), 0.0))
        yield (1 - P) * inner + P * outer / (2 * float(norm.sf(rho))), norm.cdf(x)


@equality("R6c", 1, "both second moments, as they are printed", count=20)
def _second_moments(rng: np.random.Generator) -> Pairs:
    def square(z: float) -> float:
        return 2 * z**2 * float(norm.pdf(z))

    while True:
        rho = _radius(rng)
        P = value("R6c", 1, rho=rho)
        outer, _ = quad(square, rho, np.inf, epsabs=0, epsrel=1e-12)
        inner, _ = quad(square, 0, rho, epsabs=0, epsrel=1e-12)
        yield outer / (2 * float(norm.sf(rho))), value("R6c", 2, rho=rho, P=P)
        yield inner / (1 - 2 * float(norm.sf(rho))), value("R6c", 3, rho=rho, P=P)


def _anew(x: np.ndarray, y: np.ndarray, P: float, o: float) -> np.ndarray:
    """The mean of (X - Y)^2, X being x or with the chance P one of two opposite points."""
    shape, far = np.broadcast_shapes(x.shape, y.shape), o**0.5
    total = np.zeros(shape)
    for own, first in ((x, 1 - P), (far, P / 2), (-far, P / 2)):
        for other, second in ((y, 1 - P), (far, P / 2), (-far, P / 2)):
            total += first * second * (own - other) ** 2
    return total


@equality("R6c", 2, "the cost of pairs matched by what is inside", count=20)
def _matched_inside(rng: np.random.Generator) -> Pairs:
    """Two neurons, two coordinates; both laws on two opposite points; over all draws."""
    draws = np.array(list(product((-1.0, 1.0), repeat=8))).reshape(-1, 2, 2, 2)
    a, b = draws[:, 0], draws[:, 1]
    while True:
        lam, P, (v, o) = rng.exponential(size=2), float(rng.uniform()), rng.exponential(size=2)
        x, ways = v**0.5 * a, (v**0.5 * b, v**0.5 * b[:, ::-1])
        inside = np.array([(lam * (x - y) ** 2).sum(axis=(1, 2)) / 2 for y in ways])
        whole = np.array([(lam * _anew(x, y, P, o)).sum(axis=(1, 2)) / 2 for y in ways])
        best, every = inside.argmin(axis=0), np.arange(len(draws))
        M = float(inside[best, every].mean())
        yield whole[best, every].mean(), value("R6c", 0, M=M, P=P, tr=lam.sum(), o=o, v=v)


@identity("R6c", 3, "the semigroup bound in these terms, as printed")
def _in_place() -> Pairs:
    """With one eigenvalue besides 0."""
    t, m, D, nu, first = sp.symbols("t m D nu lambda1", positive=True)
    line = printed("R6a", 0, L=sp.exp(-t / first), t=t, m=m)
    line = line.subs(sp.Function("D")(2 * t), 2 * D)
    goal = printed("R6c", 4, t=t, m=m, D=D).subs(sp.Function("lam")(1), first)
    left, right = (
        side.replace(sp.Function(name), lambda s: 1 + sp.exp(-nu * s)).doit()
        for side, name in ((line, "P"), (goal, "T"))
    )
    yield left, right


class _Spectrum(NamedTuple):
    """Of the reflected diffusion on [-rho, rho] with lambda = 1: by polynomials, as Galerkin.

    Its eigenvalues, the coordinate in terms of its eigenfunctions, and these as polynomials of
    x / rho by Legendre's, as columns.
    """

    rates: np.ndarray
    coordinate: np.ndarray
    functions: np.ndarray

    def mean(self, x: np.ndarray, t: float, rho: float) -> np.ndarray:
        """Of the coordinate at time t, from x."""
        weights = self.coordinate * np.exp(-t * self.rates)
        return np.asarray(legendre.legval(x / rho, self.functions @ weights))


_DEGREE, (_NODES, _WEIGHTS) = 40, legendre.leggauss(120)


def _polynomials(derivative: int) -> np.ndarray:
    """Legendre's polynomials at the nodes, as columns."""
    return np.stack(
        [
            legendre.legval(_NODES, legendre.legder(each, derivative))
            for each in np.eye(_DEGREE + 1)
        ],
        axis=1,
    )


_VALUES, _SLOPES = _polynomials(0), _polynomials(1)


@cache
def _spectrum(rho: float) -> _Spectrum:
    x = rho * _NODES
    density = _WEIGHTS * np.exp(-(x**2) / 2)
    density /= density.sum()
    mass = (_VALUES.T * density) @ _VALUES
    form = (_SLOPES.T * density) @ _SLOPES / rho**2
    rates, functions = eigh(form, mass)
    return _Spectrum(rates, functions.T @ (_VALUES.T @ (density * x)), functions)


def _dirichlet(rho: float) -> np.ndarray:
    """Eigenvalues of -w'' + (x^2/4 + 1/2) w on [-rho, rho], 0 at both ends."""
    bump = 1 - _NODES**2
    values = bump[:, None] * _VALUES
    slopes = bump[:, None] * _SLOPES - 2 * _NODES[:, None] * _VALUES
    height = (rho * _NODES) ** 2 / 4 + 0.5
    mass = (values.T * _WEIGHTS) @ values
    form = (slopes.T * _WEIGHTS) @ slopes / rho**2 + (values.T * (_WEIGHTS * height)) @ values
    return np.asarray(eigh(form, mass, eigvals_only=True))


_LAST = 8
"""The highest eigenvalue that is looked at: polynomials give it with all digits."""


def _eigenvalues(rng: np.random.Generator) -> Iterator[tuple[Trial, ...]]:
    """Wide intervals leave the first eigenvalue, and narrow ones the last, as they are."""
    while True:
        rho, k = _radius(rng), int(rng.integers(1, _LAST))
        if rng.random() < 0.5:
            rho, k = ((4.5, 1), (0.5, _LAST))[int(rng.integers(2))]
        rate = float(_spectrum(rho).rates[k])
        yield Trial(k, rate), Trial(0.5 + np.pi**2 * k**2 / (4 * rho**2), rate)


inequality("R6c", 4, "eigenvalues by those of the normal law", count=60)(link(_eigenvalues, 0))
inequality("R6c", 5, "eigenvalues by those of an interval", count=60)(link(_eigenvalues, 1))


@identity("R6c", 4, "eigenvalues of the normal law")
def _hermite() -> Pairs:
    x = sp.symbols("x")
    for k in range(1, 5):
        h = sp.diff(sp.exp(-(x**2) / 2), x, k) * sp.exp(x**2 / 2)
        yield sp.expand(-sp.diff(h, x, 2) + x * sp.diff(h, x)), sp.expand(k * h)


def _image(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    """The monotone map of the normal law, and of polynomials on it."""
    z = np.linspace(-8, 8, 2001)
    weights = norm.pdf(z) / norm.pdf(z).sum()
    while True:
        rho = _radius(rng)
        moved = truncnorm.ppf(norm.cdf(z), -rho, rho)
        # of the map: both densities, as the masses on the left are equal
        slope = norm.pdf(z) / norm.pdf(moved) * (2 * norm.cdf(rho) - 1)
        a, b = np.sort(rng.standard_normal(2))
        images = np.asarray(truncnorm.ppf(norm.cdf([a, b]), -rho, rho))
        bend = Polynomial(rng.standard_normal(3)).deriv()
        nodes = rho * _NODES
        density = _WEIGHTS * np.exp(-(nodes**2) / 2)
        energy = float(weights @ (bend(moved) * slope) ** 2)
        yield (
            Trial(float(images[1] - images[0]), float(b - a), 1e-14),
            Trial(energy, float(density @ bend(nodes) ** 2 / density.sum())),
        )


inequality("R6c", 4, "the map onto the truncated law is 1-Lipschitz", count=60)(link(_image, 0))
inequality("R6c", 4, "energies of functions of the map", count=60)(link(_image, 1))


@inequality("R6c", 4, "the trace by T, as it is printed", count=10)
def _trace(rng: np.random.Generator) -> Iterator[Trial]:
    """At times when eigenvalues beyond those looked at no longer count."""
    while True:
        rho, d = _radius(rng), int(rng.integers(1, 3))
        rho = 0.3 if rng.random() < 0.5 else rho  # where T is nearly the trace
        lam = np.sort(rng.uniform(0.5, 1, d))[::-1]
        rates = _spectrum(rho).rates[:20]
        s = float(rng.uniform(0.3, 2)) * min(1.0, rho**2)
        trace = float(np.prod([np.exp(-s * rates / each).sum() for each in lam]))
        yield Trial(trace, value("R6c", 6, d=d, s=s, rho=rho, lam=listed(lam)), 1e-9)


@identity("R6c", 5, "w and its equation")
def _by_slopes() -> Pairs:
    """For h' = g, whose equation is the derivative of that of h."""
    x = sp.symbols("x")
    h = sp.Function("h")(x)
    w = sp.diff(h, x) * sp.exp(-(x**2) / 4)
    left = -sp.diff(w, x, 2) + (x**2 / 4 + sp.Rational(1, 2)) * w
    of_h = sp.diff(-sp.diff(h, x, 2) + x * sp.diff(h, x), x) * sp.exp(-(x**2) / 4)
    yield left, of_h
    rho, k = sp.symbols("rho k", positive=True)
    wave = sp.sin(sp.pi * k * (x + rho) / (2 * rho))
    yield -sp.diff(wave, x, 2), sp.pi**2 * k**2 / (4 * rho**2) * wave


@equality("R6c", 5, "T by both bounds, as it is printed", count=5)
def _product(rng: np.random.Generator) -> Pairs:
    k = np.arange(1, 400)
    while True:
        rho, s, lam = _radius(rng), float(rng.uniform(0.1, 1)), rng.uniform(0.5, 1, 2)
        rates = np.maximum(k, 0.5 + (np.pi * k / (2 * rho)) ** 2)
        sums = 1 + np.exp(-s * rates / lam[:, None]).sum(axis=1)
        yield sums.prod(), value("R6c", 6, d=2, s=s, rho=rho, lam=listed(lam))


@equality("R6c", 5, "eigenvalues of both problems", count=20)
def _both_problems(rng: np.random.Generator) -> Pairs:
    while True:
        rho, k = _radius(rng), int(rng.integers(1, _LAST))
        yield _spectrum(rho).rates[k], _dirichlet(rho)[k - 1]


@inequality("R6c", 6, "two paths that are driven alike")
def _reflected(rng: np.random.Generator) -> Iterator[Trial]:
    """A step of length h, at whose end paths are put back onto the interval."""
    while True:
        rho, h = _radius(rng), float(rng.exponential())
        start, noise = rho * rng.uniform(-1, 1, 2), float(rng.standard_normal())
        ends = np.clip(np.exp(-h) * start + noise, -rho, rho)
        apart = float(np.exp(-h) * abs(start[1] - start[0]))
        yield Trial(float(abs(ends[1] - ends[0])), apart, 1e-15)


@inequality("R6c", 6, "the conditional mean's Lipschitz constant", count=60)
def _lipschitz(rng: np.random.Generator) -> Iterator[Trial]:
    """Of one or two coordinates in a box; often between near points in its middle.

    At times from 0.1 on, as polynomials of this degree have not yet smoothed the walls before.
    """
    while True:
        rho, d, t = _radius(rng), int(rng.integers(1, 3)), 0.1 + float(rng.exponential())
        lam = np.sort(rng.uniform(0.3, 1, d))[::-1]
        spectrum = _spectrum(rho)
        x = rho * rng.uniform(-1, 1, (2, d)) * (0.1 if rng.random() < 0.5 else 1.0)
        moved = np.array(
            [
                each**0.5 * np.diff(spectrum.mean(x[:, i], t / each, rho))[0]
                for i, each in enumerate(lam)
            ]
        )
        apart = float(np.linalg.norm(lam**0.5 * (x[1] - x[0])))
        bound = float(np.exp(-t / lam[0])) * apart
        yield Trial(float(np.linalg.norm(moved)), bound, 1e-11)


@equality("R6c", 6, "mass and mean of the spectral measure", count=20)
def _spectral_measure(rng: np.random.Generator) -> Pairs:
    """In units of lambda; v as it is printed."""
    while True:
        rho = _radius(rng)
        v = value("R6c", 3, rho=rho, P=value("R6c", 1, rho=rho))
        spectrum = _spectrum(rho)
        masses = spectrum.coordinate**2 / v
        yield masses.sum(), 1.0
        yield masses @ spectrum.rates, 1 / v


def _displacements(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    while True:
        rho, d, t = _radius(rng), int(rng.integers(1, 3)), float(10 ** rng.uniform(-3, 0.5))
        lam = np.sort(rng.exponential(size=d))[::-1]
        spectrum = _spectrum(rho)
        square = spectrum.coordinate**2
        v = float(square.sum())
        both = [each * float(square @ np.exp(-2 * t / each * spectrum.rates)) for each in lam]
        half = float(sum(each * v - mixed for each, mixed in zip(lam, both, strict=True)))
        yield (
            Trial(lam[0] * v * float(np.exp(-2 * t / (lam[0] * v))), both[0]),
            Trial(half, value("R6c", 5, d=d, t=t, v=v, lam=listed(lam)), 1e-12),
        )


inequality("R6c", 6, "the mean of both times, by Jensen", count=60)(link(_displacements, 0))
inequality("R6c", 6, "the displacement by D, as it is printed", count=60)(link(_displacements, 1))


@equality("R6c", 6, "D by Jensen's bounds, as it is printed", count=20)
def _by_jensen(rng: np.random.Generator) -> Pairs:
    while True:
        lam, (t, v) = rng.exponential(size=int(rng.integers(1, 4))), rng.exponential(size=2)
        parts = lam * v - lam * v * np.exp(-2 * t / (lam * v))
        yield parts.sum(), value("R6c", 5, t=t, v=v, d=len(lam), lam=listed(lam))
