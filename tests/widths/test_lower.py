"""Bounds from below, against all permutations of small networks and against simulations."""

from itertools import permutations, product

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.special import gammaln

from lmctheory.measures import Gaussian, LipschitzImage, UniformCube
from lmctheory.widths import lower
from lmctheory.widths.lower import (
    equal_outputs_barrier,
    equal_outputs_error,
    equal_outputs_mean,
    error_between,
    every_permutation_share,
    last_layer_bound,
    necessary_width,
    sufficient_width,
    unsigned_error_bound,
)


def _leaky(z, slope):
    return np.where(z > 0, z, slope * z)


def _pair_costs(a, b, x, t, slope):
    """c_t of all pairs ``[m, m]``, averaged over the inputs x and -x."""
    z, z_prime = a @ x.T, b @ x.T
    costs = 0.0
    for sign in (1, -1):
        s, s_prime = _leaky(sign * z, slope)[:, None], _leaky(sign * z_prime, slope)[None]
        s_t = _leaky(sign * (t * z[:, None] + (1 - t) * z_prime[None]), slope)
        costs = costs + t**2 * (s_t - s) ** 2 + (1 - t) ** 2 * (s_t - s_prime) ** 2
    return costs.mean(axis=-1) / 2


@pytest.mark.parametrize("slope", [0.0, 0.3, -0.5, 1.0])
def test_a_pair_costs_between_the_two_factors(slope):
    rng = np.random.default_rng(0)
    for t in (0.5, 0.1, 0.83):
        a, b, x = (rng.standard_normal((n, 3)) for n in (6, 6, 40))
        costs = _pair_costs(a, b, x, t, slope)
        moved = t**2 * (1 - t) ** 2 * np.square((a[:, None] - b[None]) @ x.T).mean(axis=-1)
        unit = error_between(Gaussian(spectrum=[1.0]), 5, t=t, slope=slope)
        law = error_between(Gaussian(spectrum=[1.0]), 5, t=0.5, slope=0.0)
        low = unit.lower / law.lower * (3 / 64) / (t**2 * (1 - t) ** 2)
        high = unit.upper / law.upper / 16 / (t**2 * (1 - t) ** 2)
        assert np.all(low * moved <= costs * (1 + 1e-12))
        assert np.all(costs <= high * moved * (1 + 1e-12))
    # the lower factor is met where z_t = -z' and z is far
    x, a = np.array([[1.0]]), np.array([[3.0]])
    cost = _pair_costs(a, -a, x, 0.5, 0.0)[0, 0]
    assert cost / (1 / 16 * 36) == pytest.approx(1.0)  # z_t = 0: both factors there are those above
    t = 0.5
    z_t = t * 3.0 + (1 - t) * -1.0
    cost = _pair_costs(np.array([[3.0]]), np.array([[-1.0]]), x, t, 0.0)[0, 0]
    assert z_t == 1.0  # and z' = -1
    assert cost / (1 / 16 * 16) == pytest.approx(3 / 4)


@pytest.mark.parametrize("d", [2, 5])
def test_the_least_cost_of_all_permutations_lies_between(d):
    """Means over 300 pairs of networks; beyond by 5 standard errors once in a million."""
    rng, m = np.random.default_rng(1), 4
    x = rng.standard_normal((60, d))
    root = np.linalg.cholesky(x.T @ x / len(x))
    law = Gaussian(covariance=root.T @ root)
    for t, slope in ((0.5, 0.0), (0.2, 0.3)):
        least = []
        for _ in range(300):
            a, b = rng.standard_normal((2, m, d))
            costs = _pair_costs(a, b, x, t, slope)
            least.append(min(costs[range(m), list(p)].mean() for p in permutations(range(m))))
        found = error_between(law, m, t=t, slope=slope)
        slack = 5 * np.std(least) / len(least) ** 0.5
        assert found.lower <= np.mean(least) + slack
        assert np.mean(least) <= found.upper + slack
        # both sides say something: within a factor of three of the truth
        assert found.lower >= np.mean(least) / 3
        assert found.upper <= 3 * np.mean(least)


def test_both_sides_hold_for_neurons_of_other_laws():
    """Uniform weights, inputs on the axes (Sigma = I): means over 300 pairs, 5 standard errors."""
    rng, m, d = np.random.default_rng(1), 4, 3
    law = UniformCube(d, side=2.0)
    x = np.sqrt(d) * np.r_[np.eye(d), -np.eye(d)]
    least = []
    for _ in range(300):
        costs = _pair_costs(*(law.sample(m, rng=rng) for _ in range(2)), x, 0.5, 0.0)
        least.append(min(costs[range(m), list(p)].mean() for p in permutations(range(m))))
    found, slack = error_between(law, m), 5 * np.std(least) / len(least) ** 0.5
    assert found.lower - slack <= np.mean(least) <= found.upper + slack
    assert found.upper / 3 <= np.mean(least) <= 3 * found.lower
    assert found.scale == pytest.approx(1 / 2)  # E relu(z)^2, of z of variance 1
    assert 0 < unsigned_error_bound(law, m) <= found.lower
    with pytest.raises(TypeError, match="mu must be a law with known moments"):
        error_between(LipschitzImage(np.sin, 1.0, law), m)


def test_no_permutation_that_sees_sizes_undercuts_the_bound_for_such():
    """The mean over all signs of the best permutation for given |u|: all of them, exactly."""
    rng, m, d = np.random.default_rng(2), 3, 2
    law = Gaussian(spectrum=np.ones(d))
    x = np.random.default_rng(3).standard_normal((4000, d))
    found = []
    for _ in range(400):
        a, b = rng.standard_normal((2, m, d))
        u, v = np.abs(rng.standard_normal((2, m)))
        z, z_prime = a @ x[:100].T, b @ x[:100].T
        best = np.inf
        for p in permutations(range(m)):
            q = list(p)
            z_t = (z + z_prime[q]) / 2
            errors = [
                np.square(_leaky(s * z_t, 0) - _leaky(s * side, 0)).mean(axis=1)
                for s in (1, -1)
                for side in (z, z_prime[q])
            ]
            per_pair = (u**2 * (errors[0] + errors[2]) + v[q] ** 2 * (errors[1] + errors[3])) / 8
            best = min(best, per_pair.mean())
        found.append(best)
    bound = unsigned_error_bound(law, m)
    assert bound <= np.mean(found) + 5 * np.std(found) / len(found) ** 0.5
    assert bound >= np.mean(found) / 6
    assert unsigned_error_bound(law, m, slope=1.0) == pytest.approx(4 * bound)


@pytest.mark.parametrize(("m", "n"), [(3, 20), (4, 60)])
def test_with_many_outputs_no_permutation_at_all_undercuts_the_share(m, n):
    rng, d, delta = np.random.default_rng(4), 2, 0.05
    x = rng.standard_normal((30, d))
    x = np.r_[x, -x]
    share, missed = every_permutation_share(m, n, delta), 0
    assert 0.1 < share < 1
    for _ in range(200):
        a, b = rng.standard_normal((2, m, d))
        u, v = rng.standard_normal((2, n, m))
        costs = _pair_costs(a, b, x, 0.5, 0.0)
        least = min(costs[range(m), list(p)].mean() for p in permutations(range(m)))
        for p in permutations(range(m)):
            q = list(p)
            s, s_prime = _leaky(a @ x.T, 0), _leaky(b[q] @ x.T, 0)
            s_t = _leaky((a + b[q]) @ x.T / 2, 0)
            e = ((u + v[:, q]) / 2 @ s_t - u @ s / 2 - v[:, q] @ s_prime / 2) / m**0.5
            missed += np.square(e).mean(axis=1).sum() / n < share * least
    assert missed <= 200 * delta / 2  # a union over m! permutations is far from sharp


def test_the_share_solves_its_equation():
    for m, n, delta in product((1, 7, 5000), (1, 30, 10**6), (0.5, 1e-9)):
        x = every_permutation_share(m, n, delta)
        assert 0 <= x < 1
        if x > 1e-200:
            needed = gammaln(m + 1) + np.log(1 / delta)
            assert n / 2 * (x - 1 - np.log(x)) == pytest.approx(needed, rel=1e-9)


@pytest.mark.parametrize("output", [1.0, -2.0])
def test_equal_outputs_pay_the_assignment_and_no_less(output):
    """Against the mean over many inputs of every permutation's |error|."""
    rng, N, d = np.random.default_rng(5), 4, 3
    a, b = rng.standard_normal((2, N, d))
    x = rng.standard_normal((50_000, d))
    errors = []
    for p in permutations(range(N)):
        s = [np.maximum(x @ w.T, 0) for w in (a, b[list(p)], (a + b[list(p)]) / 2)]
        e = output * (s[2] - s[0] / 2 - s[1] / 2).mean(axis=1)
        assert np.all(np.sign(output) * e <= 1e-12)
        errors.append((np.abs(e).mean(), np.std(e) / len(e) ** 0.5))
    least, error = min(errors)
    found = equal_outputs_error(a, b, output)
    assert found == pytest.approx(least, abs=5 * error)
    assert equal_outputs_error(a, a[::-1], output) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("d", "N"), [(2, 30), (3, 100), (10, 200), (20, 60)])
def test_the_mean_over_equal_outputs_is_bounded_in_advance(d, N):
    rng = np.random.default_rng(6)
    found = [equal_outputs_error(*rng.standard_normal((2, N, d))) for _ in range(30)]
    low, high = equal_outputs_mean(d, N)
    slack = 6 * np.std(found) / len(found) ** 0.5
    assert low <= np.mean(found) + slack
    assert np.mean(found) <= high + slack
    assert low > np.mean(found) / 20
    assert high < 6 * np.mean(found)
    assert equal_outputs_mean(d, N, -3.0) == pytest.approx((3 * low, 3 * high))


def test_the_barrier_of_equal_outputs_is_no_lower_than_the_bound():
    """d = 20, N = 64: risks in closed form, by arc-cosine kernels."""
    rng, d, N = np.random.default_rng(7), 20, 64

    def kernel(a, b):
        """E relu(<w, x>) relu(<w', x>) over x ~ N(0, I)."""
        norms = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)
        angle = np.arccos(np.clip(a @ b.T / norms, -1, 1))
        return norms * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)

    def risk(w):
        """|f - f*|^2, f* = |x| / sqrt(2 pi)."""
        # E relu(<w, x>) |x| = |w| E |x|^2 times the mean positive part of a random direction
        first = np.exp(gammaln(d / 2) - gammaln((d + 1) / 2)) / (2 * np.sqrt(np.pi)) * d
        cross = np.linalg.norm(w, axis=1).mean() * first / np.sqrt(2 * np.pi)
        return kernel(w, w).mean() - 2 * cross + d / (2 * np.pi)

    barriers, errors = [], []
    for _ in range(40):
        a, b = rng.standard_normal((2, N, d))
        _, order = linear_sum_assignment(a @ b.T, maximize=True)
        barriers.append(risk((a + b[order]) / 2) - risk(a) / 2 - risk(b) / 2)
        errors.append(equal_outputs_error(a, b))
    bound = equal_outputs_barrier(d, N)
    assert bound <= np.mean(barriers) + 5 * np.std(barriers) / 40**0.5
    measured = equal_outputs_barrier(d, N, error=float(np.mean(errors)))
    assert bound <= measured <= np.mean(barriers)
    assert np.mean([risk(rng.standard_normal((N, d))) for _ in range(200)]) == pytest.approx(
        d * (1 / 2 - 1 / (2 * np.pi)) / N, rel=0.05
    )
    assert equal_outputs_barrier(20, 512) > 0


def test_no_permutations_of_two_layers_undercut_the_last_one_s_assignment():
    rng, m, d, t = np.random.default_rng(8), 3, 2, 0.3
    x = rng.standard_normal((20, d))
    relu = lambda z: np.maximum(z, 0.0)  # noqa: E731
    for _ in range(5):
        first, second = rng.standard_normal((2, d, m)), rng.standard_normal((2, m, m))
        phi = [relu(relu(x @ first[k]) @ second[k]) for k in (0, 1)]
        least = np.inf
        for p, q in product(permutations(range(m)), repeat=2):
            W = t * first[0] + (1 - t) * first[1][:, p]
            V = t * second[0] + (1 - t) * second[1][np.ix_(p, q)]
            phi_t = relu(relu(x @ W) @ V)
            apart = t**2 * (phi_t - phi[0]) ** 2 + (1 - t) ** 2 * (phi_t - phi[1][:, q]) ** 2
            least = min(least, apart.mean())
        bound = last_layer_bound(*phi, t=t)
        assert bound <= least
        assert last_layer_bound(*phi, t=t, s_out=2.0) == pytest.approx(4 * bound)
    # met where phi_t is the weighted mean of both
    found = last_layer_bound(np.array([[0.0]]), np.array([[1.0]]), t=t)
    middle = (1 - t) ** 2 / (t**2 + (1 - t) ** 2)
    assert found == pytest.approx(t**2 * middle**2 + (1 - t) ** 2 * (1 - middle) ** 2)


@pytest.mark.parametrize("d", [1, *(pytest.param(d, marks=pytest.mark.slow) for d in (2, 5))])
def test_widths_are_where_the_two_sides_pass_the_tolerance(d):
    mu = Gaussian(spectrum=np.ones(d))
    tables = {  # d = 1 by hand: M is 1.363, 1.045, .852, .722 from m = 2 on
        1: ((0.1, 3, 5),),
        2: ((0.1, 4, 10), (0.01, 55, 307)),
        5: ((0.1, 6, 65), (0.03, 78, 2738)),
    }
    for rho, few, many in tables[d]:
        low, high = necessary_width(rho, mu), sufficient_width(rho, mu)
        assert (low, high) == (few, many)
        assert error_between(mu, low - 1).lower > rho * error_between(mu, low - 1).scale
        assert error_between(mu, high).upper <= rho * error_between(mu, high).scale


def test_scales_are_those_of_the_outputs():
    rng = np.random.default_rng(9)
    z = rng.standard_normal(400_000)
    for slope in (0.0, -0.4):
        found = error_between(Gaussian(spectrum=[1.0]), 3, slope=slope).scale
        assert np.square(_leaky(z, slope)).mean() == pytest.approx(found, rel=0.01)


@pytest.mark.usefixtures("as_users_call")
def test_what_is_no_argument_is_refused():
    mu = Gaussian(spectrum=[1.0, 1.0])
    for call, message in (
        (lambda: error_between(mu, 0), "m must lie"),
        (lambda: error_between(mu, 3, t=1.5), "t must"),
        (lambda: error_between(mu, 3, slope=2.0), "slope must be between -1 and 1, got 2.0"),
        (lambda: unsigned_error_bound(mu, 3, t=-1.0), "t must"),
        (lambda: every_permutation_share(0, 3, 0.1), "m must"),
        (lambda: every_permutation_share(3, 0, 0.1), "outputs must be"),
        (lambda: every_permutation_share(3, 3, 1.0), "delta must"),
        (lambda: necessary_width(0.0, mu), "rho must be"),
        (lambda: sufficient_width(-1.0, mu), "rho must be"),
        (lambda: equal_outputs_error(np.ones((2, 3)), np.ones((3, 3))), "a and b must have one"),
        (lambda: equal_outputs_mean(1, 3), "d must be"),
        (lambda: equal_outputs_barrier(3, 3, error=-1.0), "error must be"),
        (lambda: last_layer_bound(np.ones((2, 3)), np.ones((2, 4))), "phi_a and phi_b must have"),
        (lambda: last_layer_bound(np.ones((2, 3)), np.ones((2, 3)), s_out=0.0), "s_out must be"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert set(lower.__all__) > {"error_between", "ErrorBetween"}
