"""Formulas of R and S: as printed, as evaluated, and as the package computes them."""

import itertools
from functools import cache
from math import comb

import numpy as np
import pytest
import torch
from printed import value
from scipy import integrate
from scipy.optimize import minimize_scalar
from scipy.stats import binom, norm

from lmctheory.matching import rescale
from lmctheory.measures import Empirical, Gaussian, UniformBall, UniformCube, UniformSphere
from lmctheory.networks import MLP
from lmctheory.rates import (
    box_tree,
    cube_tree,
    deviation,
    dyadic_bound,
    entropy_rank,
    fournier_bound,
    lower_bound,
    normal_matching_cost,
    participation_ratio,
    product_tree,
    semigroup_bound,
    stable_rank,
    tabulated_lower_bound,
    tabulated_upper_bound,
    truncated_gaussian_bound,
    upper_bound,
)
from lmctheory.rates.atom_walk import AtomWalk, doublings
from lmctheory.rates.upper.chain import _PERIOD, _WAVES, Chain
from lmctheory.rates.upper.covering import mean_left_over
from lmctheory.rates.upper.pairs import normal_pair_costs, uniform_pair_gains
from lmctheory.rates.upper.polar_tree import _radii, polar_tree, root
from lmctheory.rates.upper.thinning import thinning
from lmctheory.theorems import registry


def formula(key, left):
    """The first line of a theorem with this left-hand side."""
    return next(line for line in registry()[key].formulas if line.left == left)


def both(key, left, **given):
    """A line's value, the same as it is printed and as it is evaluated."""
    line = formula(key, left)
    evaluated = line.value(**given)
    assert value(line, **given) == pytest.approx(evaluated, rel=1e-9, abs=1e-12)
    return evaluated


def indexed(values):
    """A function of 1, 2, ..."""
    return lambda i: values[int(i) - 1]


# ---- R4


COST = r"\mathbb E W_p^p(\mu_m, \nu_m)"


@pytest.mark.parametrize(("m", "d", "p"), [(1, 1, 2.0), (12, 2, 1.0), (40, 3, 3.0)])
def test_the_dyadic_series(m, d, p):
    def binomial(q):
        weight = binom.pmf(np.arange(m + 1), m, q)
        return weight @ np.abs(np.subtract.outer(np.arange(m + 1), np.arange(m + 1))) @ weight / m

    @cache
    def left_over(level):
        if d * level > 50:  # no two neurons in one cell
            return 2.0
        # cells so small that the integral cancels: the binomial law itself
        g = integral if d * level < 12 else binomial
        return formula("R4", "E_l").value(d=d, l=level, g=g)

    def integral(q):
        return formula("R4", "g(q)").value(q=q, m=m)

    series = both("R4", COST, p=p, D=d**0.5, E=left_over)
    assert series == pytest.approx(dyadic_bound(m, d, p).value, rel=1e-9)
    assert both("R4", "g(q)", q=0.3, m=m) == pytest.approx(binomial(0.3), rel=1e-9)
    assert both("R4", "E_l", d=d, l=2, g=integral) == pytest.approx(left_over(2), rel=1e-12)
    crude = registry()["R4"].formulas[2]
    for level in (1, 3):
        given = {"d": d, "l": level, "m": m}
        naive = min(2, (2 * (2 ** (d * level) - 1) / m) ** 0.5)
        assert crude.value(**given) == pytest.approx(naive, rel=1e-12)
        assert value(crude, **given) == pytest.approx(naive, rel=1e-12)
        assert left_over(level) <= crude.value(**given) * (1 + 1e-12)


@pytest.mark.parametrize(
    ("left", "d", "p"), [("p > d/2", 3, 2.5), ("p = d/2", 4, 2.0), ("p < d/2", 5, 1.5)]
)
def test_the_published_constants(left, d, p):
    for m in (1, 7, 300):
        given = {"p": p, "N": m / 2} if "=" in left else {"p": p, "d": d}
        kappa = both("R4", rf"\kappa_{{{left}}}", **given)
        cost = rf"\text{{published:}} \quad {COST}"
        bound = both("R4", cost, D=d**0.5, kappa=kappa, N=m / 2, p=p, d=d)
        assert bound == pytest.approx(fournier_bound(m / 2, d, p, d**0.5), rel=1e-12)
        assert bound == pytest.approx(dyadic_bound(m, d, p).terms["R4 published"], rel=1e-12)


# ---- R6


def _semigroup(key, law, m, t, **constant):
    return {
        "D": lambda s: float(law.mean_squared_displacement(np.array(s))),
        "L": float(law.contraction(np.array(t))),
        "P": lambda s: float(law.heat_trace(np.array(s))),
        "t": t,
        "m": m,
        **constant,
    }


def _least(of, low, high):
    found = minimize_scalar(
        lambda log_t: of(np.exp(log_t)),
        bounds=(np.log(low), np.log(high)),
        method="bounded",
        options={"xatol": 1e-3},
    )
    return float(found.fun), float(np.exp(found.x))


@pytest.mark.parametrize(
    ("key", "law", "n"),
    [("R6a", UniformCube(2), 2), ("R6b", UniformSphere(3), 2), ("R6b", UniformBall(2), 3)],
)
def test_the_semigroup_bound(key, law, n):
    m, line = 200, formula(key, "M(m)")
    alpha = both("R6b", r"\alpha", n=n)
    constant = both("R6b", "c_n", alpha=alpha)
    assert constant == pytest.approx(law.semigroup_constant, rel=1e-12)
    chosen = {"c": constant} if key == "R6b" else {}
    least, t = _least(lambda t: line.value(**_semigroup(key, law, m, t, **chosen)), 1e-6, 1.0)
    # the package's heat traces are rounded up between times, 1.8 per cent apart
    assert least == pytest.approx(semigroup_bound(law, m).terms[key], rel=1e-3)
    both(key, "M(m)", **_semigroup(key, law, m, t, **chosen))


def test_truncated_gaussians():
    spectrum, m = np.array([1.0, 0.5]), 1000

    def at(rho, t):
        P = formula("R6c", "P").value(rho=rho)
        o, v = (formula("R6c", left).value(rho=rho, P=P) for left in "ov")
        lam = indexed(spectrum)
        D = formula("R6c", "D").value(t=t, v=v, d=2, lam=lam)

        def trace(s):
            k = np.arange(1, 200)[:, None]
            rate = np.maximum(k, 0.5 + (np.pi * k / (2 * rho)) ** 2)
            return float(np.prod(1 + np.exp(-s * rate / spectrum).sum(axis=0)))

        given = {"D": D, "t": t, "lam": lam, "m": m, "T": trace}
        inner = formula("R6c", r"\tilde M").value(**given)
        pieces = {"P": P, "o": o, "v": v, "tr": spectrum.sum(), "M": inner}
        return formula("R6c", "M(m)").value(**pieces), given, pieces, trace

    radii = [0.5 * 16 ** (number / 200) for number in (138, 140, 142)]  # of those it tries
    times = [_least(lambda t, rho=rho: at(rho, t)[0], 1e-4, 1e-2) for rho in radii]
    best = int(np.argmin([least for least, _ in times]))
    least, t = times[best]
    public = truncated_gaussian_bound(Gaussian(spectrum=spectrum), m).terms["R6c"]
    assert least == pytest.approx(public, rel=1e-3)
    rho = radii[best]
    _, given, pieces, trace = at(rho, t)
    P = both("R6c", "P", rho=rho)
    assert pytest.approx(2 * norm.sf(rho), rel=1e-12) == P
    inside = norm.expect(lambda z: z**2, lb=-rho, ub=rho)
    assert both("R6c", "v", rho=rho, P=P) == pytest.approx(inside / (1 - P), rel=1e-9)
    assert both("R6c", "o", rho=rho, P=P) == pytest.approx((1 - inside) / P, rel=1e-9)
    both("R6c", r"\tilde M", **given)
    both("R6c", "M(m)", **pieces)
    both("R6c", "D", t=t, v=pieces["v"], d=2, lam=given["lam"])
    heat = both("R6c", "T(s)", s=0.3, rho=rho, d=2, lam=given["lam"])
    assert heat == pytest.approx(trace(0.3), rel=1e-9)


# ---- R7, R8, R9, R10, R12


def _order_statistic(i, m, power):
    weight = m * comb(m - 1, i - 1)

    def integrand(z):
        return z**power * weight * norm.cdf(z) ** (i - 1) * norm.sf(z) ** (m - i) * norm.pdf(z)

    return integrate.quad(integrand, -12, 12, epsabs=1e-13)[0]


def quantile(u):
    return norm.ppf(np.clip(u, 1e-300, 1 - 1e-16))


@pytest.mark.parametrize("m", [1, 2, 5])
def test_one_dimension(m):
    ranks = range(1, m + 1)
    means = [both("R7", "e_i", m=m, i=i, F=quantile) for i in ranks]
    assert means == pytest.approx([_order_statistic(i, m, 1) for i in ranks], abs=1e-9)
    variances = [_order_statistic(i, m, 2) - means[i - 1] ** 2 for i in ranks]
    by_variances, by_means = (line for line in registry()["R7"].formulas if "M" in line.left)
    for line, name, values in ((by_variances, "v", variances), (by_means, "e", means)):
        given = {"m": m, name: indexed(values)}
        for found in (line.value(**given), value(line, **given)):
            assert found == pytest.approx(normal_matching_cost(m), rel=1e-8)


def test_the_first_coordinate_alone():
    spectrum = [3.0, 1.0, 0.2]
    for m in (1, 9, 200):
        given = {"m": m, "d": 3, "lam": indexed(spectrum)}
        bound = both("R8", "M(m)", N=lambda b: normal_matching_cost(int(b)), **given)
        assert bound == pytest.approx(
            upper_bound(Gaussian(spectrum=spectrum), m).terms["R8"], rel=1e-9
        )


@pytest.mark.parametrize(("d", "m", "p"), [(1, 3, 2.0), (2, 50, 1.0), (3, 10, 3.0)])
def test_small_balls_of_a_bounded_density(d, m, p):
    _, density = (line for line in registry()["R9"].formulas if line.left == COST)
    given = {"F": 1.0, "d": d, "m": m, "p": p, "v": both("R9", "v_d", d=d)}
    assert value(density, **given) == pytest.approx(density.value(**given), rel=1e-12)
    cube = lower_bound(UniformCube(d), m, p).terms["R9 density"]
    assert density.value(**given) == pytest.approx(cube, rel=1e-9)


def test_small_balls_by_the_correlation_integral():
    integral, _ = (line for line in registry()["R9"].formulas if line.left == COST)
    law = UniformSphere(3)
    given = {"m": 20, "p": 2.0, "C": lambda r: float(law.distance_cdf(np.array(min(r, 2.0))))}
    stated = integral.value(**given)
    assert value(integral, **given) == pytest.approx(stated, rel=1e-9)
    # the package rounds its integral down
    assert lower_bound(law, 20).terms["R9 correlation"] == pytest.approx(stated, rel=1e-2)
    assert stated == pytest.approx(4 / 21, rel=1e-6)  # C(r) = r^2/4


def test_small_balls_by_tilting():
    spectrum, a = np.array([1.0, 0.5, 0.25, 0.2]), np.array([0.3, -1.0, 0.2, 0.5])
    rng = np.random.default_rng(0)
    squares = ((rng.standard_normal((200_000, 4)) * spectrum**0.5 - a) ** 2).sum(axis=1)
    for s in (0.2, 1.0, 5.0):
        common = {"s": s, "d": 4, "lam": indexed(spectrum)}
        Q, g = both("R9", "Q", a=indexed(a), **common), both("R9", "g", **common)
        tilted = spectrum / (1 + 2 * s * spectrum)

        def modulus(w, tilted=tilted):
            return abs(np.prod((1 - 2j * w * tilted) ** -0.5))

        assert g == pytest.approx(integrate.quad(modulus, 0, np.inf)[0] / np.pi, rel=1e-7)
        # E exp(-s |X - a|^2)
        mean = np.prod([_smoothed(s, a_i, v) for a_i, v in zip(a, spectrum, strict=True)])
        for y in (0.1, 1.0):
            bound = both("R9", "", Q=Q, g=g, y=y, **common)
            larger = min(np.exp(s * y), g * np.expm1(s * y) / s)
            assert bound == pytest.approx(mean * larger, rel=1e-8)
            assert bound >= (squares <= y).mean() - 0.005  # 5 standard errors at most


def _smoothed(s, a, variance):
    return integrate.quad(
        lambda x: np.exp(-s * (x - a) ** 2) * norm.pdf(x, scale=variance**0.5), -12, 12
    )[0]


def test_concentration():
    power, distance, variance = registry()["R10"].formulas
    for m, delta in ((1, 0.3), (40, 1e-6)):
        cube = deviation(UniformCube(3), m, delta, 2.0)
        given = {"D": 3**0.5, "m": m, "p": 2.0, "s": cube.power}
        for found in (power.value(**given), value(power, **given)):
            assert found == pytest.approx(delta, rel=1e-9)
        gaussian = deviation(Gaussian(spectrum=[2.0, 1.0]), m, delta)
        given = {"C": 2.0, "m": m, "s": gaussian.distance}
        for found in (distance.value(**given), value(distance, **given)):
            assert found == pytest.approx(delta, rel=1e-9)
        for found in (variance.value(C=2.0, m=m), value(variance, C=2.0, m=m)):
            assert found == pytest.approx(gaussian.variance, rel=1e-12)


def test_dimensions():
    for spectrum in (np.array([4.0, 2.0, 1.0, 1.0]), np.array([1.0, 0.01])):
        given = {"d": len(spectrum), "lam": indexed(spectrum)}
        shares = [both("R12", "q_j", j=j + 1, **given) for j in range(len(spectrum))]
        assert both("R12", r"r_\infty", **given) == pytest.approx(stable_rank(spectrum))
        assert both("R12", "r_2", **given) == pytest.approx(participation_ratio(spectrum))
        entropy = both("R12", "r_1", d=len(spectrum), q=indexed(shares))
        assert entropy == pytest.approx(entropy_rank(spectrum), rel=1e-9)


# ---- R13 to R22


def _compositions(b):
    for cuts in itertools.product((False, True), repeat=b - 1):
        edges = [0, *(k + 1 for k, cut in enumerate(cuts) if cut), b]
        yield list(itertools.pairwise(edges))


@pytest.mark.parametrize("spectrum", [(1.0, 0.5), (1.0, 0.8, 0.3)])
def test_the_rank_block_tree_over_all_cuts(spectrum):
    d, lam = len(spectrum), indexed(spectrum)
    step = formula("R13", "C_i(b, s)")

    @cache
    def means(b):
        return np.array([_order_statistic(i, b, 1) for i in range(1, b + 1)])

    @cache
    def cost(i, b):
        if i > d:
            return 0.0
        smaller = [cost(i, b - 1)] if b > 1 else []
        if b == 1:
            found = [both("R13", "T_i(1)", i=i, d=d, lam=lam)]
        elif b == 2:
            tail = np.array(spectrum[i - 1 :])
            # what the exact cost of two neurons leaves
            saved = (2 * tail.sum() - normal_pair_costs(tail, 1)[0]) * (np.pi / 2) ** 0.5
            found = [both("R13", "T_i(2)", i=i, d=d, lam=lam, R=float(saved))]
        elif i == d:
            found = [spectrum[-1] * normal_matching_cost(b)]
        else:
            found = [cut(i, b, blocks) for blocks in _compositions(b)]
        return min(found + smaller)

    def cut(i, b, blocks, read=step.value):
        sizes = [stop - start for start, stop in blocks]
        sums = [means(b)[start:stop].sum() for start, stop in blocks]
        given = {"lam": spectrum[i - 1], "b": b, "n": len(blocks)}
        return read(S=indexed(sums), s=indexed(sizes), T=lambda s: cost(i + 1, int(s)), **given)

    for m in (1, 2, 3, 5):
        public = upper_bound(Gaussian(spectrum=spectrum), m).terms["R13"]
        assert cost(1, m) == pytest.approx(public, rel=1e-8)
    blocks = [(0, 1), (1, 3), (3, 5)]
    printed = cut(1, 5, blocks, lambda **given: value(step, **given))
    assert printed == pytest.approx(cut(1, 5, blocks), rel=1e-9)


def test_the_tree_of_a_box():
    def halved(b, leaf, axis, level=0):
        """K of a coordinate where the longest side is cut, in turn."""
        if b == 1:
            return 1 / 6
        if b == 2:
            return 1 / 6 - leaf[axis]
        halves = [b // 2, b - b // 2]
        if level % len(leaf) != axis:
            return sum(s / b * halved(s, leaf, axis, level + 1) for s in halves)
        mean, variance = ([both("R14", left, b=b, s=s) for s in halves] for left in ("X_k", "V_k"))
        children = {s: halved(s, leaf, axis, level + 1) for s in halves}
        given = {"b": b, "s": indexed(halves), "X": indexed(mean), "V": indexed(variance)}
        return both("R14", "K(b)", K=lambda s: children[int(s)], **given)

    for m in (1, 2, 3, 6):
        cuts, b = 0, m
        while b > 2:
            cuts, b = cuts + 1, -(-b // 2)
        for d in (1, 2):
            sides = [4.0 ** -(cuts // d + (axis < cuts % d)) for axis in range(d)]
            leaf = uniform_pair_gains(np.array(sides))
            K = [halved(m, leaf, axis) for axis in range(d)]
            bound = both("R14", "M(m)", d=d, a=indexed([1.0] * d), K=indexed(K))
            assert box_tree(np.ones(d), m) <= bound * (1 + 1e-9)  # of two trees the better
            if m != 3:
                assert box_tree(np.ones(d), m) == pytest.approx(bound, rel=1e-9)
        assert both("R14", "M(m)", d=1, a=indexed([2.0]), K=indexed([K[0]])) > 0


def test_the_tree_of_a_product():
    for m in (1, 3, 6):
        # one dimension: leaves of single neurons
        gains = [_order_statistic(k, m, 1) ** 2 for k in range(1, m + 1)]
        bound = both("R15", "M(m)", v=1.0, m=m, n=m, b=indexed([1] * m), G=indexed(gains))
        assert bound == pytest.approx(product_tree(np.ones(1), m), rel=1e-8)
    e = np.sort(np.random.default_rng(0).standard_normal(7))
    for s in (1, 3):
        found = [both("R15", "e'_j", b=7, s=s, j=j, e=indexed(e)) for j in range(1, s + 1)]
        assert found == pytest.approx(thinning(7, s) @ e, rel=1e-9)


def test_one_cell_of_points():
    points = np.random.default_rng(0).standard_normal((5, 400))
    left = float(mean_left_over(np.array([1 / 5]), 9)[0])
    law = Empirical(points)
    bound = both("R16", "M(m)", n=5, l=left, tr=float(law.spectrum.sum()))
    assert bound == pytest.approx(upper_bound(law, 9).terms["R16"], rel=1e-9)


def test_the_tree_of_atoms():
    """Two atoms on a line: leaves of single neurons, U_(k:m) beyond the mass of the lower."""
    share, m = 0.3, 5
    above = [1 - both("R18", r"P(U_{(j:m)} \le t)", j=j, m=m, t=share) for j in range(1, m + 1)]
    given = {"v": 1 - share, "m": m, "K": m, "b": indexed([1] * m)}
    bound = both("R18", "M(m)", n=indexed([h**2 for h in above]), **given)
    points, masses = np.array([[0.0], [1.0]]), np.array([share, 1 - share])
    assert bound == pytest.approx(cube_tree(points, masses, m), rel=1e-9)


def test_the_polar_tree():
    """The circle, cut to single neurons: e^{2 pi i B} by rank; radii in the ball."""
    d, m = 3, 5
    radii = [both("R17", r"\mathbb E U_{(j:m)}^{1/d}", j=j, m=m, d=d) for j in range(1, m + 1)]
    assert radii == pytest.approx(_radii(d, m), rel=1e-12)
    square = float(np.square(root(2, 1, 1, solid=False)[1:]).sum())
    given = {"v": 1, "m": 1, "K": 1, "b": indexed([1]), "G": indexed([square])}
    assert both("R17", "M(m)", **given) == pytest.approx(polar_tree(2, 1, solid=False), rel=1e-12)


def test_costs_that_bound_themselves():
    law, delta, n, m = Gaussian(spectrum=[3.0, 1.0]), 0.02, 5, 8
    for left in (line.left for line in registry()["R20"].formulas):
        s = deviation(law, m * n, delta).distance
        assert both("R20", left, m=m, n=n, s=s, C=3.0) == pytest.approx(delta, rel=1e-9)


def test_walks_among_atoms():
    """Both ends at the y that the code takes, or one that is as good."""
    walk, n, m, delta = AtomWalk(2.0, 0.5, np.ones(1), 1.5), 40, 10, 0.05
    room = {"delta": delta, "n": n, "phi": doublings}

    def tau(y):
        return both("R23", r"\tau", y=y, **room)

    def t(y):
        x = both("R23", "x", r=1.5, y=y, A=2.0)
        return both("R23", "t", y=y, z=both("R23", "z", x=x), **room)

    ends = {"A": 2.0, "m": m, "K": 0.5}
    upper = min(both("R23", "U", x=4.0, tau=tau(y), **ends) for y in np.geomspace(0.01, 0.2, 40))
    assert upper == pytest.approx(walk.upper(4.0, n, m, delta), rel=1e-4)
    lower = max(both("R23", "L", w=2.0, t=t(y), **ends) for y in np.geomspace(0.005, 0.1, 40))
    assert lower == pytest.approx(walk.lower(2.0, n, m, delta), rel=1e-4)
    assert both("R23", r"\varphi(y)", y=0.3) == pytest.approx(doublings(0.3), rel=1e-8)


def test_a_chain_of_two_atoms():
    """One edge, along which all that is left over flows."""
    points, q, m, p = np.array([[0.0], [2.0]]), np.array([0.3, 0.7]), 50, 3.0
    deviation = (2 * m * q[0] * q[1]) ** 0.5
    h = 2 * np.pi / (_PERIOD * deviation)
    r = indexed(
        [abs(q @ np.exp(1j * k * h * np.array([1.0, 0.0]))) ** 2 for k in range(1, _WAVES + 1)]
    )
    size = both("R19", r"\mathbb E |f_e|", m=m, s=deviation, h=h, K=_WAVES, r=r)
    assert 2**p * size / m == pytest.approx(Chain(points, q, p).parts(m)[0], rel=1e-9)
    assert size == pytest.approx(m * float(mean_left_over(q[:1], m)[0]), rel=1e-2)


@pytest.mark.parametrize("x", [1, 3])
def test_what_lacks_in_chains(x):
    q, C, m, w = np.array([0.2, 0.3, 0.5]), np.array([0.4, -0.1, 0.2]), 9, 0.6
    theta, at = np.geomspace(0.01, 20, 4000), np.eye(3)[0]
    a, b = (np.exp(np.outer(theta, D - w * at)) @ q for D in (C - (x - 1) * w * at, -C))
    given = [{"a": u, "b": v, "t": t, "m": m} for u, v, t in zip(a, b, theta, strict=True)]
    line = formula("R19", r"\mathbb E (f_e - w_e n)_+")
    values = [line.value(**some) for some in given[::400]]
    assert values == pytest.approx([value(line, **some) for some in given[::400]], rel=1e-9)
    least = min(line.value(**some) for some in given)
    counts = np.random.default_rng(0).multinomial(m, q, (2, 200_000))
    there = x * counts[0, :, 0] + counts[1, :, 0]
    truth = np.maximum((counts[0] - counts[1]) @ C - w * there, 0).mean()
    assert truth < least < 4 * truth


def test_tangents_in_the_spectrum():
    """The least over stored dimensions, and the layers, of ends that the package makes of costs."""
    law, m, key, dimensions = (
        Gaussian(spectrum=[3.0, 2.0, 0.5, 0.1]),
        64,
        "R21 tabulated",
        (1, 2, 3, 4),
    )
    isotropic = [Gaussian(spectrum=[1.0] * k) for k in dimensions]
    spectrum = indexed([*law.spectrum, 0.0])
    above, below = (
        indexed([bound(iso, m).terms[key] for iso in isotropic])
        for bound in (tabulated_upper_bound, tabulated_lower_bound)
    )
    values = [
        formula("R21", r"M(m; \lambda)").value(k=k, d=4, M=above, l=spectrum) for k in dimensions
    ]
    assert min(values) == pytest.approx(tabulated_upper_bound(law, m).terms[key], rel=1e-8)
    assert both("R21", r"M(m; \lambda)", k=2, d=4, M=above, l=spectrum) == values[1]
    line = registry()["R21"].formulas[1]
    given = {"d": 4, "M": below, "l": spectrum}
    assert value(line, **given) == pytest.approx(line.value(**given), rel=1e-9)
    assert line.value(**given) == pytest.approx(tabulated_lower_bound(law, m).terms[key], rel=1e-8)


def test_gaps_between_clusters():
    """Three atoms on a line, 1 and 3 apart: single points, then the first two together."""
    m, g, n = 7, 0.5, 4
    mean = mean_left_over(np.array([1, 1, 1, 2]) / 3, m)
    gaps = both(
        "R22", "G", p=2.0, g=g, n=n,
        h=indexed([1.0, 1.0, 3.0, 3.0]), k=indexed([0.0, 0.0, 0.0, 1.0]), l=indexed(mean),
    )  # fmt: skip
    mu = Empirical(np.array([[0.0], [1.0], [4.0]]))
    nearest = g**2 * (1 - 1 / 3) ** m
    assert nearest + gaps <= lower_bound(mu, m).terms["R22"] * (1 + 1e-9)


# ---- S2


def test_the_best_scale_is_a_root():
    rng = np.random.default_rng(0)
    for _ in range(5):
        a, b = (MLP((3, 1, 2), rng=torch.Generator(), dtype=torch.float64) for _ in range(2))
        with torch.no_grad():
            for parameter in (*a.parameters(), *b.parameters()):
                parameter.copy_(torch.from_numpy(rng.standard_normal(tuple(parameter.shape))))
        (alpha,) = rescale(a, b).factors["layers.0"]
        incoming = [
            np.r_[net.linears[0].weight.detach().numpy()[0], float(net.linears[0].bias.detach())]
            for net in (a, b)
        ]
        outgoing = [net.linears[1].weight.detach().numpy()[:, 0] for net in (a, b)]
        given = {
            "B": incoming[1] @ incoming[1],
            "P": incoming[0] @ incoming[1],
            "Q": outgoing[0] @ outgoing[1],
            "V": outgoing[1] @ outgoing[1],
        }
        quartic = both("S2", "0", alpha=alpha + 1, **given)
        assert abs(formula("S2", "0").value(alpha=alpha, **given)) < 1e-9 * (1 + abs(quartic))
