"""What an activation leaves of a distance: pair by pair, against couplings, against optima."""

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import coo_matrix

from lmctheory.activations import KNOWN
from lmctheory.widths.contraction import both_signs, contraction, symmetric_gap

SMOOTH = ["erf", "gelu", "sigmoid", "softplus", "tanh"]
VARIANCES = ([1e-4], [0.3], [1.0, 0.0, 9.0], [400.0])


def gap_of(name, u, v):
    return symmetric_gap(*(both_signs(KNOWN[name].function, z) for z in np.broadcast_arrays(u, v)))


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_kappa_is_the_largest_mean_square_slope_and_the_span_is_attained(name):
    sigma = KNOWN[name]
    z = np.sinh(np.linspace(0, 8, 40_001))
    slopes = [np.diff(sigma.function(sign * z)) / np.diff(sign * z) for sign in (1, -1)]
    largest = float(np.square(slopes).mean(axis=0).max())
    assert largest == pytest.approx(sigma.contraction, rel=2e-3)
    assert largest <= sigma.contraction * (1 + 1e-9)
    if np.isfinite(sigma.span):
        assert np.ptp(sigma.function(np.array([-50.0, 50.0]))) == pytest.approx(sigma.span)


@pytest.mark.parametrize("name", SMOOTH)
def test_the_second_derivative_falls_as_the_grid_assumes(name):
    sigma, h = KNOWN[name], 1e-3
    z = np.linspace(-30, 30, 20_001)
    second = np.abs(np.diff(sigma.function(z[:, None] + h * np.arange(-1, 2)), n=2, axis=1)) / h**2
    bound = sigma.curvature * np.exp(-np.maximum(np.abs(z) - h - 3, 0))
    assert (second[:, 0] <= bound + 1e-8).all()


@pytest.mark.parametrize("variances", VARIANCES, ids=str)
@pytest.mark.parametrize("name", SMOOTH)
def test_every_line_holds_for_every_pair(name, variances):
    """u to nine deviations, v anywhere: the largest of 100,000 pairs comes close to the line."""
    rng, scale, pairs = np.random.default_rng(0), max(variances) ** 0.5, 100_000
    u = rng.uniform(-9, 9, pairs) * scale * 10 ** rng.uniform(-3, 0, pairs)
    v = np.where(rng.random(pairs) < 0.7, -np.sign(u), 1) * rng.standard_cauchy(pairs)
    v = np.where(rng.random(pairs) < 0.5, v * np.abs(u), v)
    gap = gap_of(name, u, v)
    for line in contraction(KNOWN[name], np.array(variances)).lines:
        assert (gap <= line.above(u, v) * (1 + 1e-12) + 1e-15 * np.sqrt(gap)).all()  # rounding


@pytest.mark.parametrize("name", SMOOTH)
def test_intercepts_are_means(name):
    """The mean of f(u) and of v^4 over all examples: Gauss's rule on every cell of the table."""
    variances = np.array([0.0, 0.5, 4.0])
    x, w = np.polynomial.legendre.leggauss(8)
    for line in contraction(KNOWN[name], variances).lines[1::7]:
        if len(line.nodes) == 1:
            continue
        half = np.diff(line.nodes)[:, None] / 2
        u = (line.nodes[:-1, None] + half * (1 + x)).ravel()
        mean = line.values[0] / 3  # of the example without variance
        for q in variances[1:]:
            density = 2 * np.exp(-(u**2) / 2 / q) / np.sqrt(2 * np.pi * q)
            f = np.interp(u, line.nodes, line.values) + line.quartic * (u / line.scale) ** 4
            mean += ((half * w).ravel() * density) @ f / 3
        assert line.intercept == pytest.approx(mean, rel=1e-9)


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_it_is_concave_increasing_and_never_above_kappa(name):
    sigma = KNOWN[name]
    S = contraction(sigma, np.array([2.0, 0.5]))
    squares = np.geomspace(1e-6, 1e6, 200)
    values = np.array([S(one) for one in squares])
    assert (np.diff(values) >= 0).all()
    slopes = np.diff(values) / np.diff(squares)
    assert (np.diff(slopes) <= 1e-12).all()
    assert (values <= sigma.contraction * squares * (1 + 1e-15)).all()
    assert S(0.0) == 0
    assert S(1e-6) == pytest.approx(sigma.contraction * 1e-6, rel=0.01, abs=0)
    assert values[-1] <= sigma.span**2 * (1 + 1e-12)
    linear = name in ("identity", "relu")
    assert (values[-1] < 0.9 * sigma.contraction * 1e6) != linear


def test_nothing_is_known_without_variance():
    S = contraction(KNOWN["tanh"], np.zeros(3))
    assert (S(1.0), S(10.0)) == (1.0, 4.0)


@pytest.mark.parametrize("q", [1e-200, 1e-8, 1e8, 1e300])
@pytest.mark.parametrize("name", SMOOTH)
def test_no_variance_is_out_of_range(name, q):
    sigma = KNOWN[name]
    S = contraction(sigma, np.array([q, q / 2]))
    values = np.array([S(share * q) for share in (0.01, 0.1, 1.0)])
    assert np.isfinite(values).all()
    assert (np.diff(values) >= 0).all()
    assert values[-1] <= min(sigma.contraction * q, sigma.span**2) * (1 + 1e-12)
    if q == 1e-8 and np.isinf(sigma.span):  # half of it is linear, and the rest has no room
        assert values[-1] == pytest.approx(q / 4, rel=1e-2, abs=0)


def gaussian_coupling(name, q, square):
    x, w = np.polynomial.hermite_e.hermegauss(80)
    rho, w = 1 - square / (2 * q), w / w.sum()
    u = q**0.5 * x[:, None]
    v = rho * u + (q * (1 - rho**2)) ** 0.5 * x
    return float(w @ gap_of(name, u, v) @ w)


def best_coupling(name, q, square, n=61):
    """The largest mean over couplings of N(0, q) on a grid, and its dual's slope."""
    x = np.linspace(-5, 5, n)
    mass, u = np.exp(-(x**2) / 2), q**0.5 * x
    mass /= mass.sum()
    i, j = (one.ravel() for one in np.indices((n, n)))
    rows, ones, k = np.arange(n * n), np.ones(n * n), n * n
    marginals = coo_matrix((np.tile(ones, 2), (np.append(i, n + j), np.tile(rows, 2))), (2 * n, k))
    found = linprog(
        -gap_of(name, u[i], u[j]),
        A_ub=np.square(u[i] - u[j])[None],
        b_ub=[square],
        A_eq=marginals.tocsr()[:-1],
        b_eq=np.tile(mass, 2)[:-1],
        method="highs",
    )
    return -found.fun


@pytest.mark.parametrize("name", SMOOTH)
def test_no_coupling_does_more_and_one_does_nearly_as_much(name):
    """Gaussian couplings leave less, the more the activation saturates."""
    for q, share in ((0.3, 1.0), (4.0, 0.5), (9.0, 2.0)):
        square = share * q
        S = contraction(KNOWN[name], np.array([q]))(square)
        best = best_coupling(name, q, square)
        # the grid's couplings are a little shorter than true ones: 1 %
        assert gaussian_coupling(name, q, square) < best <= 1.01 * S
        assert 1.25 * best >= S
    if name in ("tanh", "erf"):
        assert gaussian_coupling(name, 4.0, 2.0) < 0.5 * best_coupling(name, 4.0, 2.0)


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_with_v_free_nothing_is_lost(name):
    """Against the supremum over v on a finer grid, and the best slope."""
    q, sigma = 4.0, KNOWN[name]
    x = np.linspace(-6, 6, 241)
    mass, u, v = np.exp(-(x**2) / 2), q**0.5 * x, np.linspace(-40, 40, 4001)
    mass /= mass.sum()
    gap, square = gap_of(name, u[:, None], v), np.square(u[:, None] - v)
    S = contraction(sigma, np.array([q]))
    slopes = sigma.contraction * np.geomspace(0.01, 1, 100)
    means = np.array([mass @ (gap - slope * square).max(axis=1) for slope in slopes])
    for d2 in (0.5, 2.0, 8.0):
        exact = (slopes * d2 + means).min()
        assert exact * (1 - 1e-4) <= S(d2) <= 1.03 * exact


def test_on_the_line():
    S = contraction(KNOWN["tanh"], np.array([4.0]))
    for t in (0.1, 0.5, 0.8):
        r = t / (1 - t)
        assert S.chord(2.0, t) == pytest.approx(r * S((1 - t) ** 2 * 2) + S(t**2 * 2) / r)
        # no split of the sum between the two ends does more
        total = r * (1 - t) ** 2 * 2 + t**2 * 2 / r
        assert S.line(total, t) >= S.chord(2.0, t) * (1 - 1e-12)
        assert S.line(total, t) == pytest.approx((r + 1 / r) * S(total / (r + 1 / r)))
        for share in (0.0, 0.3, 1.0):
            split = r * S(share * total / r) + S((1 - share) * total * r) / r
            assert split <= S.line(total, t) * (1 + 1e-12)
    for t in (0.0, 1.0, 1e-300):
        assert S.line(2.0, t) == 2.0
        assert S.chord(2.0, t) == pytest.approx(4 * t * (1 - t), rel=1e-12, abs=0)
