"""Steps of the proof on dyadic cubes (R4)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy as sp
from scipy.stats import binom

from lmctheory.rates import wasserstein_pow
from lmctheory.theorems._registry import equality, identity, inequality
from lmctheory.theorems.checks.steps.draws import Pairs, link, printed, value
from lmctheory.theorems.trial import Trial

_LEVELS = 40
"""Of cubes: those below are as one point in a double's digits."""


@identity("R4", 1, "the factor of a cell, and the first line")
def _cell_factor() -> Pairs:
    D, p, level = sp.symbols("D p l", positive=True)
    E = sp.Function("E")

    def factor(k: Any) -> Any:
        return (D * 2 ** (1 - k)) ** p - (D * 2**-k) ** p

    yield factor(level), D**p * (2**p - 1) * 2 ** (-p * level)
    three = printed("R4", 0, D=D, p=p).subs(sp.oo, 3).doit()
    yield sum(factor(sp.Integer(k)) / 2 * E(k) for k in (1, 2, 3)), three


@inequality("R4", 1, "the cost of two samples by their cubes")
def _cubes(rng: np.random.Generator) -> Iterator[Trial]:
    """Every second time of two corners that face each other; the unit cube."""
    while True:
        d, m, p = int(rng.integers(1, 4)), int(rng.integers(1, 4)), float(rng.uniform(0.3, 3))
        a, b = rng.uniform(size=(2, m, d))
        if rng.random() < 0.5:
            a, b = np.zeros((m, d)), np.full((m, d), 1 - 2.0**-_LEVELS)
        total = 0.0
        for level in range(1, _LEVELS + 1):
            cells, places = np.unique(np.floor(np.r_[a, b] * 2**level), axis=0, return_inverse=True)
            counts = [np.bincount(side, minlength=len(cells)) for side in places.reshape(2, m)]
            total += 2.0 ** (-p * level) * float(np.abs(counts[0] - counts[1]).sum()) / m
        bound = (2**p - 1) / 2 * d ** (p / 2) * total
        # beyond the last level every point may be in a cell of its own
        yield Trial(float(wasserstein_pow(a, b, p)), bound + (d**0.5 * 2.0**-_LEVELS) ** p)


def _difference(q: float, m: int) -> tuple[np.ndarray, np.ndarray]:
    """The law of m (mu_m - nu_m)(Q): its values and their chances, from two binomial laws."""
    chances = binom.pmf(np.arange(m + 1), m, q)
    return np.arange(-m, m + 1), np.convolve(chances, chances[::-1])


def _left_over(q: float, m: int) -> float:
    values, chances = _difference(q, m)
    return float(np.abs(values) @ chances) / m


@equality("R4", 2, "the mean of cos(t Sigma)")
def _characteristic(rng: np.random.Generator) -> Pairs:
    while True:
        q, t, m = float(rng.uniform()), float(rng.uniform(0, np.pi)), int(rng.integers(1, 7))
        values, chances = _difference(q, m)
        # 1 keeps both sides away from 0
        yield 1 + np.cos(t * values) @ chances, 1 + (1 - 2 * q * (1 - q) * (1 - np.cos(t))) ** m


@equality("R4", 2, "whole numbers by Fejer's integral")
def _fejer(rng: np.random.Generator) -> Pairs:
    """By midpoints, which are exact for cosines of a degree below their number."""
    t = (np.arange(40) + 0.5) * np.pi / 40
    while True:
        n = int(rng.integers(1, 20)) * int(rng.choice([-1, 1]))
        yield abs(n), np.mean((1 - np.cos(n * t)) / (1 - np.cos(t)))


@equality("R4", 2, "g by its formula and by binomial laws", count=15)
def _formula_of_g(rng: np.random.Generator) -> Pairs:
    while True:
        q, m = float(10 ** rng.uniform(-3, 0)), int(rng.integers(1, 12))
        yield _left_over(q, m), value("R4", 3, q=q, m=m)


def _concave(rng: np.random.Generator) -> Iterator[tuple[Trial, ...]]:
    """Of h and q between two values, often near each other; x is 1 - cos t."""
    while True:
        m, near = int(rng.integers(1, 9)), 10 ** rng.uniform(-3, 0)
        x, t = min(2.0, 3 * float(rng.uniform())), float(rng.uniform())
        q, other = 0.5 + near * (rng.uniform(size=2) - 0.5)
        h, k = 2 * q * (1 - q), 2 * other * (1 - other)
        low, high = sorted((h, k))
        between = 2 * (t * q + (1 - t) * other) * (1 - (t * q + (1 - t) * other))

        def part(h: float, x: float = x, m: int = m) -> float:
            return float(1 - (1 - h * x) ** m)

        yield (
            Trial(float(high * x), 1.0),
            Trial(t * part(h) + (1 - t) * part(k), part(t * h + (1 - t) * k)),
            Trial(part(low), part(high)),
            Trial(float(t * h + (1 - t) * k), float(between)),
        )


inequality("R4", 3, "h (1 - cos t) is at most 1")(link(_concave, 0))
inequality("R4", 3, "1 - (1 - h (1 - cos t))^m is concave in h")(link(_concave, 1))
inequality("R4", 3, "it rises in h")(link(_concave, 2))
inequality("R4", 3, "h is concave in q")(link(_concave, 3))


@inequality("R4", 3, "the left-over of a level by that of equal masses")
def _level(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        d, level = (int(k) for k in rng.integers(1, 3, 2))
        m, cells = int(rng.integers(1, 9)), 2 ** (d * level)
        masses = rng.dirichlet(np.full(cells, 10 ** rng.uniform(-1, 4)))
        most = value("R4", 1, d=d, l=level, g=lambda q, m=m: _left_over(q, m))
        yield Trial(sum(_left_over(float(q), m) for q in masses), most)


def _bounds_of_g(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    while True:
        q, m = float(10 ** rng.uniform(-4, 0)), int(10 ** rng.uniform(0, 2.5))
        if rng.random() < 0.5:
            q = 0.5
        g = _left_over(q, m)
        yield Trial(g, 2 * q), Trial(g, (2 * q * (1 - q) / m) ** 0.5)


inequality("R4", 4, "g is at most 2 q")(link(_bounds_of_g, 0))
# at best the mean size of a normal number against its deviation
inequality("R4", 4, "g by the deviation of Sigma", slack=1 - (2 / np.pi) ** 0.5)(
    link(_bounds_of_g, 1)
)


@equality("R4", 4, "the variance of Sigma")
def _variance(rng: np.random.Generator) -> Pairs:
    while True:
        q, m = float(rng.uniform()), int(rng.integers(1, 9))
        values, chances = _difference(q, m)
        yield values**2 @ chances, 2 * m * q * (1 - q)


@identity("R4", 4, "the third line, as it is printed")
def _third_line() -> Pairs:
    d, level, m = sp.symbols("d l m", positive=True)
    cells = 2 ** (d * level)
    q = 1 / cells
    line = printed("R4", 2, d=d, l=level, m=m)
    [root] = (part for part in line.args if part.free_symbols)
    [most] = (part for part in line.args if not part.free_symbols)
    yield cells * 2 * q, most
    yield cells**2 * (2 * q * (1 - q) / m), root**2


def _series(p: float, d: int, N: float, taken: float = 0.0) -> float:
    """S: (2^p - 1)/2 sum_l 2^(-p l) min(2, ((2^(d l) - taken)/N)^(1/2))."""
    levels = np.arange(1, int(60 / p) + 2)
    # cells without end are more than the digits hold, and beyond 4 N their number does not matter
    cells = np.exp2(np.minimum(d * levels, np.log2(N) + 8 + d))
    terms = np.minimum(2.0, np.sqrt((cells - taken) / N))
    return float((2**p - 1) / 2 * (np.exp2(-p * levels) @ terms))


def _wide(rng: np.random.Generator, most: int = 10) -> tuple[int, float]:
    """d, below some number, and N = m/2."""
    return int(rng.integers(1, most)), int(10 ** rng.uniform(0, 9)) / 2


def _published(kappa: float, N: float, p: float, d: int) -> float:
    return value("R4", 4, D=1.0, kappa=kappa, N=N, p=p, d=d)


def _above_half(rng: np.random.Generator) -> Iterator[tuple[Trial, ...]]:
    """Where p > d/2."""
    while True:
        d, N = _wide(rng)
        p = d / 2 + float(10 ** rng.uniform(-0.5, 1.2))
        ratio = 2 ** (d / 2 - p)
        geometric = (2**p - 1) / 2 * N**-0.5 * ratio / (1 - ratio)
        S = _series(p, d, N)
        yield (
            Trial(_series(p, d, N, taken=1.0), S),
            Trial(S, geometric),
            Trial(geometric, _published(value("R4", 5, p=p, d=d), N, p, d)),
        )


inequality("R4", 5, "the series by S")(link(_above_half, 0))
inequality("R4", 5, "S by the second term alone")(link(_above_half, 1))
inequality("R4", 5, "that by the published constant")(link(_above_half, 2))


@identity("R4", 6, "tau, and the bracket")
def _tau() -> Pairs:
    p, tau, cut = sp.symbols("p tau l0", positive=True)
    b = 2**p
    root = b**tau / (2 ** (1 - p) - 2 ** (1 - 2 * p))
    yield 2 * root, b ** (tau + 1) / (1 - 1 / b)
    inner = cut + 2 * root * b ** (-cut - 1) / (1 - 1 / b)
    yield (
        (b - 1) / 2 * inner,
        2 ** (p - 1) * ((1 - 1 / b) * cut + b ** (tau - cut) / (1 - 1 / b)),
    )


def _at_half(rng: np.random.Generator) -> Iterator[tuple[Trial, ...]]:
    """Where p = d/2: cut anywhere, and where the proof cuts; often tau is nearly a whole number."""
    while True:
        d, N = _wide(rng, 31)
        p, b = d / 2, 2 ** (d / 2)
        if rng.random() < 0.5:
            N *= 10 ** rng.uniform(0, 40)  # where tau is most of the bracket
        tau = float(np.log2((2 ** (1 - p) - 2 ** (1 - 2 * p)) * N**0.5)) / p
        if rng.random() < 0.5 and tau > 0:
            N *= b ** (2 * (int(tau) + 1 - 1e-6 - tau))
            tau = int(tau) + 1 - 1e-6
        proof = max(0, int(np.ceil(tau)))
        cut = proof if rng.random() < 0.5 else int(rng.integers(0, 6))
        scaled = N**0.5 * _series(p, d, N)
        parts = (b - 1) / 2 * (cut + 2 * N**0.5 * b ** (-cut - 1.0) / (1 - 1 / b))
        bracket = (1 - 1 / b) * proof + b ** (tau - proof) / (1 - 1 / b)
        x = proof - tau
        curve = tau + (1 - 1 / b) * x + b**-x / (1 - 1 / b)
        # below 0 the proof cuts at 0, and only the last power is left
        most = tau + 1 / (1 - 1 / b) if tau > 0 else 1 / (1 - 1 / b)
        yield (
            Trial(scaled, parts),
            Trial(bracket, curve if tau > 0 else most),
            Trial(curve if tau > 0 else bracket, most),
            Trial((1 - 1 / b) ** 2 + 1 / b, 1.0),
            Trial(scaled * N**-0.5, _published(value("R4", 6, p=p, N=N), N, p, d)),
        )


inequality("R4", 6, "S cut at any level")(link(_at_half, 0))
inequality("R4", 6, "the bracket at the level that is taken")(link(_at_half, 1))
inequality("R4", 6, "that by its value at 0")(link(_at_half, 2))
inequality("R4", 6, "the value at 1 is not larger")(link(_at_half, 3))
inequality("R4", 6, "S by the published constant")(link(_at_half, 4))


@equality("R4", 6, "the published constant, by tau")
def _constant_at_half(rng: np.random.Generator) -> Pairs:
    while True:
        d, N = _wide(rng)
        p = d / 2
        # in logarithms to the base b
        tau = np.log2((2 ** (1 - p) - 2 ** (1 - 2 * p)) * N**0.5) / p
        yield 2 ** (p - 1) * (max(0.0, tau) + 1 / (1 - 2**-p)), value("R4", 6, p=p, N=N)


def _below_half(rng: np.random.Generator) -> Iterator[tuple[Trial, ...]]:
    """Where p < d/2; often y is at an end, as N need not be whole."""
    while True:
        d, N = _wide(rng)
        p = d / 2 * float(rng.uniform(0.02, 0.98))
        if rng.random() < 0.5:
            # just below 2, as of two levels at both ends the first is taken
            end = 1 - d / 2 if rng.random() < 0.5 else 1 - 1e-3
            N = max(0.5, 2.0 ** (d * int(rng.integers(0, 9)) - 2 * end))
        beta, a = 2 * p / d, (2**p - 1) / (2 * (1 - 2 ** (p - d / 2)))
        first = max(0, int(np.ceil(2 / d * (1 - d / 2 + np.log2(N) / 2) - 1e-12)))
        cut = first if rng.random() < 0.7 else int(rng.integers(0, 9))
        y = 2 ** (d * cut / 2) * N**-0.5
        taken = 2 ** (d * first / 2) * N**-0.5
        ends = [z**-beta * (1 + a * z) for z in (2 ** (1 - d / 2), 2)]
        kappa = value("R4", 7, p=p, d=d)
        S = _series(p, d, N)
        yield (
            Trial(S, N ** (-p / d) * y**-beta * (1 + a * y)),
            Trial(2 ** (1 - d / 2), taken),
            Trial(taken, 2.0),
            Trial(taken**-beta * (1 + a * taken), max(ends)),
            Trial(N ** (-p / d) * max(ends), _published(kappa, N, p, d)),
        )


inequality("R4", 7, "S cut at any level")(link(_below_half, 0))
inequality("R4", 7, "y of the level that is taken, from below")(link(_below_half, 1))
inequality("R4", 7, "y of that level, from above")(link(_below_half, 2))
inequality("R4", 7, "what is left, by its value at the ends")(link(_below_half, 3))
inequality("R4", 7, "that by the published constant")(link(_below_half, 4))


@identity("R4", 7, "the cut series by y, and both ends")
def _by_y() -> Pairs:
    p, d, N, cut = sp.symbols("p d N l0", positive=True)
    beta, a = 2 * p / d, (2**p - 1) / (2 * (1 - 2 ** (p - d / 2)))
    y = 2 ** (d * cut / 2) / sp.sqrt(N)
    first = (2**p - 1) / 2 / sp.sqrt(N) * 2 ** ((d / 2 - p) * cut) / (1 - 2 ** (p - d / 2))
    by_y = N ** (-p / d) * sp.powdenest(y**-beta, force=True)
    yield 2 ** (-p * cut), sp.powsimp(sp.expand_power_base(by_y, force=True))
    yield first, a * y * 2 ** (-p * cut)
    rest = 1 - 2 ** (p - d / 2)
    lower, upper = 2 ** (1 - d / 2), 2
    yield 2 ** (p - beta) * (1 + lower * a), 2 ** (p - beta) * (1 - 2 ** (-d / 2)) / rest
    yield 2**-beta * (1 + upper * a), 2 ** (p - beta) * (1 - 2 ** (-d / 2)) / rest
    kappa = 2 ** (p - beta) * (1 - 2 ** (-d / 2)) ** (1 - beta) / rest
    yield kappa, printed("R4", 7, p=p, d=d)
