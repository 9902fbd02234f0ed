"""Steps of the proof on flat and round spaces, by the Hopf-Lax flow (R6b)."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import sympy as sp
from numpy.polynomial import legendre
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from lmctheory.rates import wasserstein_pow
from lmctheory.theorems._registry import equality, identity, inequality, unchecked
from lmctheory.theorems.checks.steps.draws import Pairs, link, printed, step_density, value
from lmctheory.theorems.trial import Trial


def _on_sphere(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors, often near each other, or with few coordinates."""
    x, y = rng.standard_normal((2, n))
    if rng.random() < 0.5:
        y = x + 0.05 * y
    if rng.random() < 0.3:
        x[-2:], y[-2:] = 0.0, 0.0
    return x / np.linalg.norm(x), y / np.linalg.norm(y)


def _angle(x: np.ndarray, y: np.ndarray) -> float:
    return 2 * float(np.arcsin(min(1.0, float(np.linalg.norm(x - y)) / 2)))


def _maps(rng: np.random.Generator) -> Iterator[tuple[Trial, ...]]:
    """A side of 1 for the torus that is folded onto an interval."""
    while True:
        x, y = _on_sphere(rng, int(rng.integers(4, 7)))
        apart, chord = _angle(x, y), float(np.linalg.norm(x - y))
        u, v = rng.uniform(0, 2, 2)
        around = min(abs(u - v), 2 - abs(u - v))
        folded = abs(min(u, 2 - u) - min(v, 2 - v))
        yield (
            Trial(chord, apart),
            Trial(float(folded), float(around)),
            Trial(float(np.linalg.norm((x - y)[:-2])), apart),
        )


inequality("R6b", 1, "straight by geodesic distances")(link(_maps, 0))
inequality("R6b", 1, "distances that are folded")(link(_maps, 1))
inequality("R6b", 1, "distances that are projected")(link(_maps, 2))


@equality("R6b", 1, "the norm on an interval and on a circle", count=30)
def _even(rng: np.random.Generator) -> Pairs:
    """By an integral of the distribution function; by Fourier series of the even extension."""
    nodes, weights = legendre.leggauss(30)
    x, weights = (nodes + 1) / 2, weights / 2
    grid = np.arange(32) / 16
    while True:
        c, k = rng.standard_normal(3), np.arange(1, 4)
        inside = np.sin(np.pi * np.outer(x, k)) @ (c / (np.pi * k))
        parts = np.fft.fft(np.cos(np.pi * np.outer(grid, k)) @ c) / len(grid)
        waves = np.pi * np.fft.fftfreq(len(grid), 1 / len(grid))
        yield weights @ inside**2, (np.abs(parts[1:]) ** 2 / waves[1:] ** 2).sum()


@equality("R6b", 1, "the law of a projected point of the sphere", count=30)
def _projected(rng: np.random.Generator) -> Pairs:
    """Mean powers of its distance from the middle, against those of the ball's uniform law."""
    while True:
        d, k = int(rng.integers(1, 7)), float(rng.uniform(0.5, 4))

        def surface(angle: float, power: float, d: int = d) -> float:
            # a sphere of dimension d - 1 times a circle
            return float(np.sin(angle) ** (d - 1 + power) * np.cos(angle))

        moment, whole = (
            quad(surface, 0, np.pi / 2, args=(power,), epsabs=0, epsrel=1e-12)[0]
            for power in (k, 0.0)
        )
        yield moment / whole, d / (d + k)


@identity("R6b", 2, "the flow of a paraboloid")
def _paraboloid() -> Pairs:
    s = sp.symbols("s", positive=True)
    x, y = (sp.Matrix(sp.symbols(f"{name}1:3")) for name in "xy")
    u = (x - y).dot(x - y) / (2 * s)
    yield sp.diff(u, s), -sum(sp.diff(u, each) ** 2 for each in x) / 2


@inequality("R6b", 2, "both integrals by the cost")
def _weak_duality(rng: np.random.Generator) -> Iterator[Trial]:
    """Any values at a sample's points, at which the infimum is taken; often near the best ones."""
    while True:
        m = int(rng.integers(1, 4))
        a, b = rng.standard_normal((2, m, 2))
        if rng.random() < 0.5:
            b = a + 1e-2 * b  # where the plan is to the next, and constant values are nearly best
        phi = rng.standard_normal(m) * 10 ** rng.uniform(-6, 0)
        flowed = (phi + ((a[:, None] - b) ** 2).sum(axis=2) / 2).min(axis=1)
        yield Trial(float(flowed.mean() - phi.mean()), float(wasserstein_pow(a, b, 2)) / 2)


def _densities(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    """A density's value, often 0; a function and f - 1 by their eigenfunctions."""
    while True:
        w, f = float(rng.uniform()), float(rng.exponential()) * (rng.random() < 0.5)
        u, lam = rng.standard_normal(3), rng.exponential(size=3)
        g = lam * u if rng.random() < 0.5 else rng.standard_normal(3)
        A, B = float(lam @ u**2) ** 0.5, float((g**2 / lam).sum()) ** 0.5
        yield Trial(w, 1 + (1 - w) * (f - 1)), Trial(float(u @ g), A * B)


inequality("R6b", 3, "the densities between by w")(link(_densities, 0))
inequality("R6b", 3, "the integral of u (f - 1) by A and B")(link(_densities, 1))


@identity("R6b", 3, "the density at both ends, and the derivative")
def _along_the_flow() -> Pairs:
    """At a point; G is the squared gradient."""
    s, f, G = sp.symbols("s f G")
    w, u = sp.Function("w")(s), sp.Function("u")(s)
    density = 1 + (1 - w) * (f - 1)
    yield f - density, w * (f - 1)
    yield density.subs(w, 1), sp.Integer(1)
    slope = sp.diff(u * density, s).subs(sp.diff(u, s), -G / 2)
    yield slope, -G / 2 * density - sp.diff(w, s) * u * (f - 1)


@identity("R6b", 4, "the flow with heat, by Hopf and Cole")
def _hopf_cole() -> Pairs:
    """On the plane."""
    s, eta = sp.symbols("s eta", positive=True)
    x, y = sp.symbols("x y")
    v = sp.Function("v")(s, x, y)
    u = -2 * eta * sp.log(v)

    def laplace(of: sp.Expr) -> sp.Expr:
        return sp.diff(of, x, 2) + sp.diff(of, y, 2)

    slope = sp.diff(u, s).subs(sp.diff(v, s), eta * laplace(v))
    yield slope, -(sp.diff(u, x) ** 2 + sp.diff(u, y) ** 2) / 2 + eta * laplace(u)
    yield -2 * eta * (-1 / (2 * eta * s)), 1 / s


@inequality("R6b", 4, "the Harnack inequality on the plane")
def _harnack_plane(rng: np.random.Generator) -> Iterator[Trial]:
    """Heat from a few points, often from one; tau stands for eta s."""
    while True:
        tau, points = float(10 ** rng.uniform(-1, 1)), int(rng.integers(1, 4))
        apart = 2 * rng.standard_normal((points, 2))
        heat = rng.dirichlet(np.ones(points)) * np.exp(-(apart**2).sum(axis=1) / (4 * tau))
        heat /= heat.sum()
        slope = -apart.T @ heat / (2 * tau)
        bent = (apart.T * heat) @ apart / (4 * tau**2) - np.eye(2) / (2 * tau)
        least = np.linalg.eigvalsh(bent - np.outer(slope, slope))[0]
        yield Trial(-float(least), 1 / (2 * tau))


@inequality("R6b", 4, "the Harnack inequality on the sphere", count=60)
def _harnack_sphere(rng: np.random.Generator) -> Iterator[Trial]:
    """Of dimension two, by Legendre's series; near a point from which heat comes, or at it."""
    degrees = np.arange(90)
    while True:
        tau, poles = float(10 ** rng.uniform(-2, 0)), int(rng.integers(1, 4))
        if rng.random() < 0.3:
            tau, poles = 0.01, 1
        series = (2 * degrees + 1) * np.exp(-degrees * (degrees + 1) * tau)
        near = np.array([0, 0, 1.0]) + 2 * tau**0.5 * rng.standard_normal((poles, 3))
        y = near / np.linalg.norm(near, axis=1)[:, None]
        shares = rng.dirichlet(np.ones(poles))
        # at x = (0, 0, 1), whose tangents are the first two axes
        of, slope, bend = (
            shares * legendre.legval(y[:, 2], legendre.legder(series, k)) for k in range(3)
        )
        gradient = y[:, :2].T @ slope
        hessian = (y[:, :2].T * bend) @ y[:, :2] - np.eye(2) * float(slope @ y[:, 2])
        v = float(of.sum())
        least = np.linalg.eigvalsh(hessian / v - np.outer(gradient, gradient) / v**2)[0]
        yield Trial(-float(least), 1 / (2 * tau))


class _Wave(NamedTuple):
    """A trigonometric polynomial on the torus of dimension two, and its derivatives on a grid."""

    gradient: np.ndarray
    hessian: np.ndarray

    @property
    def square(self) -> np.ndarray:
        return np.asarray((self.gradient**2).sum(axis=0))

    @property
    def laplacian(self) -> np.ndarray:
        return np.asarray(self.hessian[0, 0] + self.hessian[1, 1])

    @property
    def along(self) -> np.ndarray:
        """The Hessian in the direction of the gradient, times its square."""
        return np.einsum("i...,ij...,j...->...", self.gradient, self.hessian, self.gradient)


_POINTS = 16
"""Of the grid in each coordinate: products of three waves of degree 2 are integrated exactly."""


def _wave(rng: np.random.Generator) -> _Wave:
    places = np.stack(np.meshgrid(*[np.arange(_POINTS) * 2 * np.pi / _POINTS] * 2))
    gradient, hessian = np.zeros((2, _POINTS, _POINTS)), np.zeros((2, 2, _POINTS, _POINTS))
    for _ in range(3):
        k, size = rng.integers(-2, 3, 2), float(rng.standard_normal())
        phase = np.tensordot(k, places, 1) + float(rng.uniform(0, 2 * np.pi))
        gradient -= size * k[:, None, None] * np.sin(phase)
        hessian -= size * np.outer(k, k)[:, :, None, None] * np.cos(phase)
    return _Wave(gradient, hessian)


@equality("R6b", 5, "the derivative of the squared gradient", count=30)
def _rate(rng: np.random.Generator) -> Pairs:
    """The flow differentiated by Fourier series."""
    waves = np.fft.fftfreq(_POINTS, 1 / _POINTS)
    while True:
        u, eta = _wave(rng), float(rng.exponential())
        flow = np.fft.fft2(-u.square / 2 + eta * u.laplacian)
        slopes = [np.fft.ifft2(1j * k * flow).real for k in (waves[None], waves[:, None])]
        left = 2 * float(sum((a * b).mean() for a, b in zip(u.gradient, slopes, strict=True)))
        right = -2 * float(u.along.mean()) - 2 * eta * float((u.laplacian**2).mean())
        # keeps both sides away from 0
        size = 1 + 4 * float(np.abs(u.along).mean()) + 4 * eta * float((u.laplacian**2).mean())
        yield size + left, size + right


@equality("R6b", 5, "J by parts", count=30)
def _by_parts(rng: np.random.Generator) -> Pairs:
    while True:
        u = _wave(rng)
        size = 1 + 4 * float(np.abs(u.along).mean())
        first, second = -2 * float(u.along.mean()), float((u.laplacian * u.square).mean())
        third = 2 / 3 * float((u.laplacian * u.square - u.along).mean())
        yield size + first, size + second
        yield size + first, size + third


@inequality("R6b", 5, "the trace across the gradient")
def _across(rng: np.random.Generator) -> Iterator[Trial]:
    """Of Hessians of at most 1/s, often of 1/s across the gradient."""
    while True:
        n, s = int(rng.integers(2, 5)), float(rng.exponential())
        basis = np.linalg.qr(rng.standard_normal((n, n)))[0]
        values = 1 / s - rng.exponential(size=n)
        slope = rng.standard_normal(n)
        if rng.random() < 0.5:
            values[1:], slope = 1 / s, basis[:, 0] * float(rng.exponential())
        H = (basis * values) @ basis.T
        square = float(slope @ slope)
        yield Trial(float(np.trace(H) * square - slope @ H @ slope), (n - 1) / s * square)


@identity("R6b", 5, "the claim, with alpha as printed")
def _claim() -> Pairs:
    """For the largest slope of A^2 that is left."""
    s, n, square = sp.symbols("s n A", positive=True)
    alpha = printed("R6b", 2, n=n)
    yield sp.Rational(2, 3) * (n - 1) / s * square, alpha / s * square
    curve = sp.Function("g")(s)
    slope = sp.diff(curve * s**-alpha, s)
    yield slope, s**-alpha * (sp.diff(curve, s) - alpha / s * curve)


def _hopf_lax(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    """From values at a few points of the plane; from the least of a few linear functions."""
    while True:
        s, count = float(rng.exponential()), int(rng.integers(1, 4))
        y, phi = 2 * rng.standard_normal((count, 2)), rng.standard_normal(count)

        def flowed(x: np.ndarray, y: np.ndarray = y, phi: np.ndarray = phi, s: float = s) -> float:
            return float((phi + ((x - y) ** 2).sum(axis=1) / (2 * s)).min())

        x, h = rng.standard_normal((2, 2))
        bend, size = flowed(x + h) + flowed(x - h) - 2 * flowed(x), float(h @ h) / s
        slopes = rng.standard_normal((count, 2))
        # of a linear function all values fall by s |a|^2 / 2
        levels = phi - s * (slopes**2).sum(axis=1) / 2
        if rng.random() < 0.5:
            h = slopes[0] * float(rng.exponential())
        risen = abs(float((levels + slopes @ (x + h)).min() - (levels + slopes @ x).min()))
        steepest = float(np.linalg.norm(slopes, axis=1).max())
        yield (
            Trial(bend, size, 1e-13 * (1 + size)),
            Trial(risen, steepest * float(np.linalg.norm(h)), 1e-14),
        )


inequality("R6b", 6, "second differences of the flow")(link(_hopf_lax, 0))
inequality("R6b", 6, "gradients of the flow by those at the start")(link(_hopf_lax, 1))
unchecked("R6b", 6, "argument", "gradients of flows with heat converge")


@identity("R6b", 7, "w, its slope, and the integral of s^alpha")
def _schedule() -> Pairs:
    s, r, end, alpha = sp.symbols("s r s_1 alpha", positive=True)
    w = (1 - (1 - r) * s / end) ** 2
    yield sp.diff(w, s) ** 2, 2 * w * (2 * (1 - r) ** 2 / end**2)
    yield w.subs(s, end), r**2
    k = (1 - end ** (alpha + 1)) / (alpha + 1)
    yield sp.integrate(s**alpha, (s, end, 1)), k


def _schedules(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    """Any A up to s_1; beyond, any for which A^2 s^-alpha falls, in steps."""
    while True:
        B, alpha, end = (float(rng.exponential()) for _ in range(3))
        end, r = end / (1 + end), float(rng.uniform())
        w = float(rng.uniform(0.01, 1))
        slope = -float(rng.exponential())
        A = float(rng.exponential())
        if rng.random() < 0.5:
            A = -slope * B / w
        early = Trial(-w / 2 * A**2 - slope * A * B, slope**2 * B**2 / (2 * w))
        k = (1 - end ** (alpha + 1)) / (alpha + 1)
        last, steps = float(rng.exponential()), np.linspace(end, 1, 5)
        factors = 1 + np.sort(rng.exponential(size=4))[::-1] * (rng.random() < 0.5)
        factors[-1] = 1.0  # at s = 1, where A is the last
        if rng.random() < 0.5:
            last = B / k
        powers = np.diff(steps ** (alpha + 1)) / (alpha + 1)
        integral = last**2 * float(factors @ powers)
        yield (
            early,
            Trial(r**2 * (last * B - integral / 2), r**2 * B**2 / (2 * k)),
        )


inequality("R6b", 7, "the bracket up to s_1")(link(_schedules, 0))
inequality("R6b", 7, "what is left beyond s_1")(link(_schedules, 1))


@identity("R6b", 7, "the best r")
def _best_r() -> Pairs:
    r, end, k, B = sp.symbols("r s_1 k B", positive=True)
    half = B**2 * (2 * (1 - r) ** 2 / end + r**2 / (2 * k))
    [best] = sp.solve(sp.diff(half, r), r)
    yield 2 * half.subs(r, best), B**2 / (end / 4 + k)


@identity("R6b", 8, "s_1 in place, and the constant as printed")
def _constant() -> Pairs:
    end, alpha = sp.symbols("s_1 alpha", positive=True)
    k = (1 - end / 4) / (alpha + 1)
    yield end / 4 + k, (1 + alpha * end / 4) / (alpha + 1)
    placed = ((1 + alpha * end / 4) / (alpha + 1)).subs(end, sp.Integer(4) ** (-1 / alpha))
    yield 1 / placed, printed("R6b", 1, alpha=alpha)
    yield (
        1 / (sp.Integer(0) / 4 + (1 - 0) / sp.Integer(1)),
        sp.limit(printed("R6b", 1, alpha=alpha), alpha, 0),
    )


@equality("R6b", 8, "the least constant over s_1", count=30)
def _least_constant(rng: np.random.Generator) -> Pairs:
    while True:
        n = int(rng.integers(2, 30))
        alpha = value("R6b", 2, n=n)

        def reached(end: float, alpha: float = alpha) -> float:
            return -(end / 4 + (1 - end ** (alpha + 1)) / (alpha + 1))

        found = minimize_scalar(reached, bounds=(0, 1), method="bounded", options={"xatol": 1e-9})
        yield -1 / found.fun, value("R6b", 1, alpha=alpha)


@inequality("R6b", 8, "W_2 on an interval, where n = 1")
def _interval(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        cost, square = step_density(rng)
        yield Trial(cost, square)


@identity("R6b", 8, "R6a with the constant in the place of 4")
def _in_place_of_four() -> Pairs:
    c, t, m, L, whole = sp.symbols("c t m L I", positive=True)
    first = printed("R6a", 0, L=L, t=t, m=m)
    second = printed("R6b", 0, L=L, t=t, m=m, c=c)
    # a symbol for the integral, on which SymPy would spend its time
    for integral in first.atoms(sp.Integral):
        first, second = (line.subs(integral, whole) for line in (first, second))
    yield second, first.subs(whole, c / 4 * whole)
