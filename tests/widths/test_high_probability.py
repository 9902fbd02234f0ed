"""D8: levels of simulated errors, each step of the proof by itself, and a transcription."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.stats import binom

from lmctheory.activations import KNOWN
from lmctheory.widths import chi_square_factor, effective_outputs
from lmctheory.widths.deep import ensemble, error_bound, error_quantile, required_widths
from lmctheory.widths.high_probability import (
    _Chain,
    _largest_norm,
    matching_costs_at,
    quantile_from_costs,
)

RELU = KNOWN["relu"].function


def data(n: int = 20, d: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d)) + 0.3


def hidden_layers(x, widths, t, weights, sigma=RELU):
    """phi^t, phi^A, phi^B and what made them, permuted layer by layer to make T_l least."""
    middle = a = b = x
    orders = []
    for m, (G, H) in zip(widths, weights, strict=True):
        W, V = (g * (2 / a.shape[1]) ** 0.5 for g in (G, H))
        pairs = sigma(t * (middle @ W)[:, :, None] + (1 - t) * (middle @ V)[:, None])
        a, b = sigma(a @ W), sigma(b @ V)
        squares = t**2 * (pairs - a[:, :, None]) ** 2 + (1 - t) ** 2 * (pairs - b[:, None]) ** 2
        orders.append(linear_sum_assignment(squares.sum(axis=0))[1])
        middle, b = pairs[:, np.arange(m), orders[-1]], b[:, orders[-1]]
    return middle, a, b


def draw(x, widths, rng):
    fans = (x.shape[1], *widths[:-1])
    return [rng.standard_normal((2, f, m)) for f, m in zip(fans, widths, strict=True)]


def remaining(middle, a, b, t):
    """T_L: the mean squared error of an output over output weights."""
    squares = t**2 * (middle - a) ** 2 + (1 - t) ** 2 * (middle - b) ** 2
    return float(squares.mean())


@pytest.mark.parametrize("widths", [(24,), (16, 16), (12, 12, 12)])
@pytest.mark.parametrize("n_out", [1, 10])
def test_simulated_levels_lie_below_the_bound(widths, n_out):
    x, t, rng = data(), 0.5, np.random.default_rng(len(widths))
    errors, left = [], []
    for _ in range(400):
        middle, a, b = hidden_layers(x, widths, t, draw(x, widths, rng))
        u, v = rng.standard_normal((2, widths[-1], n_out)) / widths[-1] ** 0.5
        e = t * (middle - a) @ u + (1 - t) * (middle - b) @ v
        errors.append(float(np.square(e).sum(axis=1).mean()))
        left.append(n_out * remaining(middle, a, b, t))
    nets = ensemble(x, len(widths))
    for delta in (0.1, 0.01):
        found = error_quantile(widths, nets, delta, n_out=n_out)
        # as many exceed it as a fair bound allows with probability 1e-6
        most = binom.isf(1e-6, 400, delta)
        assert (np.array(errors) > found.value).sum() <= most
        assert (np.array(left) > found.hidden).sum() <= most
        assert np.quantile(left, 1 - delta) > found.hidden / (4, 25, 120)[len(widths) - 1]
    assert np.quantile(errors, 0.99) < found.value
    assert found.mean == pytest.approx(error_bound(widths, nets, n_out=n_out).value)
    assert found.markov == pytest.approx(100 * found.mean)


@pytest.mark.parametrize("n_out", [1, 10, 1000])
def test_better_than_markov_wherever_widths_are_not_tiny(n_out):
    for depth, m in product((1, 2, 3), (512, 8192)):
        found = error_quantile((m,) * depth, ensemble(data(), depth), 1e-3, n_out=n_out)
        assert found.mean < found.hidden < found.value < found.markov / 15


def test_a_factor_is_the_mean_beyond_a_level():
    rng = np.random.default_rng(0)
    for k, delta in ((1, 0.3), (3.5, 0.1), (200, 0.01)):
        draws = 2 * rng.standard_gamma(k / 2, 400_000) / k
        beyond = np.sort(draws)[-int(400_000 * delta) :]
        assert chi_square_factor(k, delta) == pytest.approx(beyond.mean(), rel=0.01)
    assert chi_square_factor(np.inf, 0.1) == 1.0
    assert chi_square_factor(1e9, 0.1) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("weights", [[1.0], [1.0, 1.0], [1.0, 0.5, 0.25], [1.0] + 40 * [0.05]])
def test_weighted_chi_squares_stay_below_their_factor(weights):
    """Steps 1 and 2, by the exact law: sums of hinges too, which are what convex order is."""
    weights, rng = np.array(weights), np.random.default_rng(1)
    k = weights.sum() / weights.max()
    draws = rng.chisquare(1, (200_000, len(weights))) @ weights / weights.sum()
    single = 2 * rng.standard_gamma(k / 2, 200_000) / k
    for level in (0.5, 1.0, 2.0, 4.0):
        hinges = [np.maximum(one - level, 0.0) for one in (draws, single)]
        room = 4 * np.hypot(*(hinge.std() for hinge in hinges)) / 200_000**0.5
        assert hinges[0].mean() <= hinges[1].mean() + room
    for delta in (0.1, 0.01):
        assert (draws > chi_square_factor(k, delta)).mean() < delta
        # with twice as many degrees of freedom it would not
        if len(weights) == 1:
            assert (draws > chi_square_factor(4 * k, delta)).mean() > delta


def test_effective_outputs_of_a_covariance():
    rng, t = np.random.default_rng(2), 0.3
    middle, a, b = rng.standard_normal((3, 4, 7))
    covariance = t**2 * (middle - a) @ (middle - a).T + (1 - t) ** 2 * (middle - b) @ (middle - b).T
    values = np.linalg.eigvalsh(covariance)
    k = effective_outputs(middle, a, b, t=t, n_out=5)
    assert k == pytest.approx(5 * values.sum() / values.max())
    assert k > 5
    assert effective_outputs(a, a, a) == np.inf


def test_the_recursion_as_it_is_written():
    """Three layers, t = .3, relu: every line of the statement."""
    nets, widths, costs, t, delta = ensemble(data(), 3), (9, 70, 20), [0.3, 0.2, 0.5], 0.3, 0.05
    tau, log = t * (1 - t), np.log(7 / delta)
    c, h = 1 - 2 * tau, _largest_norm(t, 0.0, 1.0)
    means = [tau * tau * 0.3]  # kappa = 1/2: X_1 = tau M_1
    for M in costs[1:]:
        means.append(means[-1] + tau * M / (8 * c))  # kappa s_w^2 = 1
    nu = [np.sqrt(nets.laws[0].spectrum.max())]
    for i in (1, 2):
        moved = sum(nu[j] ** 2 / widths[j] for j in range(i))
        nu.append(np.sqrt(nets.laws[i].spectrum.sum()) + np.sqrt(2 * 2 * log * moved))
    J, T = [], 0.0
    for i in range(3):
        J.append(h * nu[i] + np.sqrt(2 * c * T))
        a = [J[j] ** 2 + (i - j) * tau * nu[j] ** 2 / 2 for j in range(i + 1)]
        steps = sum(one / m for one, m in zip(a, widths, strict=False))
        T = (np.sqrt(means[i]) + np.sqrt(2 * log * steps)) ** 2
    found = quantile_from_costs(costs, widths, nets, delta, t=t, s_out=3.0, n_out=2)
    assert found.hidden == pytest.approx(18 * T)
    assert found.mean == pytest.approx(18 * means[-1])
    assert found.scale == pytest.approx(18 * nets.mean_square)
    parts = (
        18 * chi_square_factor(2, p * delta) * _Chain(nets, widths, t, tuple(costs)).above(q)
        for p, q in ((p, (1 - p) * delta) for p in (0.5, 0.8, 0.9, 0.95, 0.98))
    )
    assert found.value == pytest.approx(min(parts))
    more = quantile_from_costs(costs, widths, nets, delta, t=t, n_out=2, effective_outputs=np.inf)
    assert more.hidden < more.value < found.value / 9


@pytest.mark.parametrize("slopes", [(0.0, 1.0), (1.0, 1.0), (-0.13, 1.13), (-1.0, 1.0)])
def test_the_largest_norm_is_that_of_slopes_in_between_too(slopes):
    rng = np.random.default_rng(3)
    for t in (0.5, 0.2, 0.97):
        a, b, b_prime = rng.uniform(*slopes, (3, 500))
        s = 1 - t
        maps = np.array([[t * (t * a - b), t * s * a], [t * s * a, s * (s * a - b_prime)]])
        norms = np.linalg.norm(np.moveaxis(maps, 2, 0), ord=2, axis=(1, 2))
        assert norms.max() <= _largest_norm(t, *slopes) * (1 + 1e-12)
    assert _largest_norm(0.5, 0.0, 1.0) == pytest.approx(0.5)
    assert _largest_norm(0.5, 1.0, 1.0) == pytest.approx(0.5)


@pytest.mark.parametrize("t", [0.5, 0.2])
def test_the_error_that_is_left_is_as_lipschitz_as_is_said(t):
    """Step 6, for the last of two layers and for one alone."""
    rng, x = np.random.default_rng(4), data(6, 3)
    h, c = _largest_norm(t, 0.0, 1.0), t**2 + (1 - t) ** 2
    for widths in ((3,), (2,), (3, 3), (4, 2)):
        for _ in range(40):
            weights = draw(x, widths, rng)
            below = (x, x, x)
            if len(widths) == 2:
                below = hidden_layers(x, widths[:1], t, weights[:1])
            nu = max(2 * float(np.linalg.norm(y, 2) ** 2) / y.size for y in below[1:]) ** 0.5
            J = h * nu + np.sqrt(c * 2 * remaining(*below, t) * (len(widths) == 2))
            root = remaining(*hidden_layers(x, widths, t, weights), t) ** 0.5
            for size in (1e-4, 0.3):
                step = rng.standard_normal(weights[-1].shape)
                moved = [*weights[:-1], weights[-1] + size * step]
                other = remaining(*hidden_layers(x, widths, t, moved), t) ** 0.5
                constant = J / widths[-1] ** 0.5
                ratio = abs(other - root) / (constant * size * np.linalg.norm(step))
                assert ratio <= 1 + 1e-7


def test_one_linear_neuron_attains_the_lipschitz_constant():
    """T = |g - g'|^2 |y|^2 / 8 at t = 1/2, one input y of variance 1: the constant is 1/2."""
    x, one, g = np.ones((1, 1)) / 2**0.5, (1,), np.array([[[1.0]], [[-2.0]]])
    roots = [
        remaining(*hidden_layers(x, one, 0.5, [g + step], KNOWN["identity"].function), 0.5) ** 0.5
        for step in (0.0, 1e-6 * np.array([[[1.0]], [[-1.0]]]))
    ]
    assert (roots[1] - roots[0]) / (1e-6 * 2**0.5) == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize(("name", "t"), [("relu", 0.5), ("tanh", 0.2), ("identity", 0.8)])
def test_one_layer_in_the_mean(name, t):
    """Step 4, from layers below that no network made: E T_2 <= theta T_1 + kappa tau Phi / (4c)."""
    rng, sigma, draws = np.random.default_rng(6), KNOWN[name], 400
    tau, c = t * (1 - t), t**2 + (1 - t) ** 2
    for m, away in ((1, 0.0), (3, 0.5), (4, 2.0)):
        a, b = rng.standard_normal((2, 3, 4))
        mean = t * a + (1 - t) * b
        middle = mean + away * rng.standard_normal((3, 4))
        left, costs = [], []
        for _ in range(draws):
            W, V = rng.standard_normal((2, 4, m)) / 2
            of_a, of_b = sigma.function(a @ W), sigma.function(b @ V)
            z = t * (middle @ W)[:, :, None] + (1 - t) * (middle @ V)[:, None]
            apart = t**2 * (sigma.function(z) - of_a[:, :, None]) ** 2
            apart += (1 - t) ** 2 * (sigma.function(z) - of_b[:, None]) ** 2
            metric = (((mean @ W)[:, :, None] - (mean @ V)[:, None]) ** 2).mean(axis=0)
            order = linear_sum_assignment(metric)
            left.append(apart.mean(axis=0)[order].mean())  # no less than the least
            costs.append(metric[order].mean())
        bound = sigma.contraction * (
            remaining(middle, a, b, t) + tau / (4 * c) * np.array(costs)  # s_w = 1
        )
        # 5 standard errors of paired draws are exceeded with probability 6e-7
        assert (left - bound).mean() <= 5 * (left - bound).std() / draws**0.5
        assert name == "tanh" or np.mean(left) > 0.4 * bound.mean()  # tanh saturates


def test_costs_to_come_are_as_lipschitz_as_is_said():
    """Step 7: sqrt F moves by sqrt 2 |Phi - Phi'|, F of samples by the same seed; sharp for one."""
    rng = np.random.default_rng(5)
    for m, draws in ((1, 4000), (5, 1000)):
        g = rng.standard_normal((draws, 2, m, 3))

        def root(features, g=g):
            a, b = np.moveaxis(g @ features, 1, 0)
            costs = np.square(a[:, :, None] - b[:, None]).sum(axis=-1)
            best = [cost[linear_sum_assignment(cost)].mean() for cost in costs]
            return float(np.mean(best)) ** 0.5

        for _ in range(5):
            phi, other = rng.standard_normal((2, 3, 4))
            other = phi + rng.choice([0.05, 1.0]) * other
            apart = 2**0.5 * float(np.linalg.norm(phi - other))
            # by draws: g g^T is I but for its fluctuation
            assert abs(root(phi) - root(other)) <= apart * (1 + 4 / (draws * m) ** 0.5)
        assert m > 1 or root(2 * phi) - root(phi) > 0.95 * 2**0.5 * float(np.linalg.norm(phi))


def test_widths_for_an_error_with_high_probability():
    nets = ensemble(data(), 1)
    eps, delta = 0.5 * nets.mean_square**0.5, 1e-3
    (mean,), (few,), (many,), (all_,) = (
        required_widths(eps, nets, delta=d, effective_outputs=k)
        for d, k in ((None, 1), (delta, 10), (delta, 1000), (delta, np.inf))
    )
    assert mean < all_ < many < few
    found = error_quantile((many,), nets, delta, n_out=1000)
    assert found.value <= 1000 * eps**2
    before = error_quantile((many - 1,), nets, delta, n_out=1000)
    assert before.value > 1000 * eps**2
    assert error_bound((few,), nets).value / delta > 20 * eps**2  # Markov says nothing there
    # nor does it say much that D8 does not where failure is likely
    (likely,) = required_widths(eps, nets, delta=0.9)
    assert likely <= required_widths(eps * 0.9**0.5, nets)[0]


@pytest.mark.slow
def test_free_widths_with_high_probability_suffice():
    nets = ensemble(data(), 2)
    options = {"delta": 0.01, "effective_outputs": 100.0, "objective": "neurons"}
    eps = 0.8 * nets.mean_square**0.5
    widths = required_widths(eps, nets, **options)
    assert error_quantile(widths, nets, 0.01, n_out=100).value <= 100 * eps**2
    equal = required_widths(eps, nets, delta=0.01, effective_outputs=100.0)
    assert sum(widths) <= sum(equal)


def test_elsewhere_on_the_line_and_at_its_ends():
    nets, widths = ensemble(data(), 2), (64, 64)
    assert error_quantile(widths, nets, 0.1, t=0.0).value == 0
    found = [error_quantile(widths, nets, 0.1, t=t) for t in (0.3, 0.7)]
    assert found[0].value == pytest.approx(found[1].value)
    assert found[0].mean <= error_bound(widths, nets, t=0.3).value * 1.2
    costs = matching_costs_at(0.3, nets, widths)
    assert costs[1] >= matching_costs_at(0.5, nets, widths)[1]


def test_what_is_left_of_functions_and_of_constant_layers():
    own = ensemble(data(), 2, np.sin)
    assert error_quantile((64, 64), own, 0.1).value > own.recursion([0.1, 0.1], 0.5)[1] / 4
    still = ensemble(data(), 2, "tanh", s_w=0.0, s_b=1.0)
    assert error_quantile((64, 64), still, 0.1).hidden > 0
    signs = error_quantile((64,), ensemble(data(), 1, "tanh"), 0.1, modulo="signs")
    assert signs.value < error_quantile((64,), ensemble(data(), 1, "tanh"), 0.1).value


def test_bad_arguments_are_refused():
    nets = ensemble(data(), 1)
    with pytest.raises(ValueError, match=r"delta must lie in \(0, 1\), got 1"):
        error_quantile((4,), nets, 1.0)
    with pytest.raises(ValueError, match=r"t must lie in \[0, 1\]"):
        error_quantile((4,), nets, 0.1, t=1.5)
    with pytest.raises(ValueError, match="effective_outputs must be >= 3"):
        error_quantile((4,), nets, 0.1, n_out=3, effective_outputs=2.0)
    with pytest.raises(ValueError, match="effective_outputs must be >= 1"):
        required_widths(0.1, nets, delta=0.1, effective_outputs=0.5)
    with pytest.raises(ValueError, match="k must be >= 1"):
        chi_square_factor(0.5, 0.1)
    with pytest.raises(ValueError, match="must have one shape"):
        effective_outputs(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 2)))
    with pytest.raises(ValueError, match="modulo must be None"):
        error_quantile((4,), nets, 0.1, modulo="signs")
