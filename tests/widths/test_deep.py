"""D1: against matched networks at initialisation, a transcription, and exact cases."""

import re

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.special import erf

from lmctheory.activations import pointwise
from lmctheory.measures import Gaussian
from lmctheory.rates import MAX_WIDTH, OutOfReach, normal_matching_cost
from lmctheory.widths import required as module
from lmctheory.widths.deep import bound_from_costs, ensemble, error_bound, required_widths
from lmctheory.widths.kernels import sampled_kernels


def data(n: int = 30, d: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d)) + 0.5


def matched_error(x, widths, activation, s_b, rng, times, s_w=2**0.5) -> list[float]:
    """Mean squared function error of one pair, matched from the input on in theory's metric."""
    sigma = pointwise(activation).function
    phi_a = phi_b = x
    phi_t = [x for _ in times]
    for m in widths:
        fan_in = phi_a.shape[1]
        (W_a, W_b), (b_a, b_b) = (
            rng.standard_normal((2, fan_in, m)) * s_w / np.sqrt(fan_in),
            rng.standard_normal((2, m)) * s_b,
        )
        middle = np.column_stack([(phi_a + phi_b) / 2, np.ones(len(x))])
        rows_a, rows_b = np.vstack([W_a, b_a]), np.vstack([W_b, b_b])
        order = linear_sum_assignment((middle @ rows_a).T @ (middle @ rows_b), maximize=True)[1]
        W_b, b_b = W_b[:, order], b_b[order]
        phi_t = [
            sigma(phi @ (t * W_a + (1 - t) * W_b) + t * b_a + (1 - t) * b_b)
            for t, phi in zip(times, phi_t, strict=True)
        ]
        phi_a, phi_b = sigma(phi_a @ W_a + b_a), sigma(phi_b @ W_b + b_b)
    w_a, w_b = rng.standard_normal((2, widths[-1], 8)) / np.sqrt(widths[-1])
    errors = [
        phi @ (t * w_a + (1 - t) * w_b) - t * phi_a @ w_a - (1 - t) * phi_b @ w_b
        for t, phi in zip(times, phi_t, strict=True)
    ]
    return [float((e**2).mean()) for e in errors]  # over 8 outputs: n_out = 1


@pytest.mark.parametrize(
    ("activation", "s_w", "s_b", "widths", "at_most"),
    [
        ("relu", 2**0.5, 0.0, (48,), 2),
        ("relu", 2**0.5, 0.4, (48, 32), 4),
        ("gelu", 2**0.5, 0.0, (32,), 2.5),
        ("gelu", 1.0, 0.0, (16, 16, 16), 5),
        ("softplus", 2.0, 0.2, (32, 16), 3.5),
        ("sigmoid", 3.0, 0.2, (48,), 6),
        ("tanh", 2**0.5, 0.2, (48, 48), 10),
        ("tanh", 3.0, 0.0, (16, 16, 16, 16), 14),  # by kappa alone more than 2000
        ("erf", 3.0, 0.0, (24, 24), 14),
    ],
)
def test_matched_networks_stay_below_the_bound(activation, s_w, s_b, widths, at_most):
    x, times = data(), (0.5, 0.2)
    rng = np.random.default_rng(1)
    draws = np.array(
        [matched_error(x, widths, activation, s_b, rng, times, s_w) for _ in range(60)]
    )
    kernels = sampled_kernels(x, widths, activation, s_w=s_w, s_b=s_b, networks=200, rng=rng)
    nets = ensemble(x, len(widths), activation, s_w=s_w, s_b=s_b, kernels=kernels)
    for t, errors in zip(times, draws.T, strict=True):
        bound = error_bound(widths, nets, t=t).value
        # 60 draws: 5 standard errors are exceeded with probability 3e-6 (t law)
        assert errors.mean() <= bound + 5 * errors.std() / np.sqrt(len(errors))
        assert bound <= at_most * errors.mean()


def test_a_bounded_activation_has_a_bounded_error():
    """Whatever the weights: |f_t - t f_A - (1-t) f_B|^2 <= 4 (t^2 + (1-t)^2) if |sigma| <= 1."""
    for t in (0.5, 0.1, 1e-3):
        for name in ("tanh", "erf"):
            nets = ensemble(data(), 3, name, s_w=100.0)
            bound = error_bound((4,) * 3, nets, t=t).value
            assert bound <= 4 * (t**2 + (1 - t) ** 2) * (1 + 1e-12)
    own = error_bound((4,) * 3, nets, matching_cost=lambda law, m: 2 * law.second_moment)
    assert own.value <= 2 * (1 + 1e-12)


def test_costs_of_ones_own_need_no_gaussian_rows():
    """As D5's: kappa is all that counts, and what is known is linear in the costs."""
    for name, kappa in (("softplus", 0.5), ("gelu", 0.6455), ("tanh", 1.0), ("sigmoid", 1 / 16)):
        nets = ensemble(data(), 2, name)
        found = error_bound((8, 8), nets, matching_cost=lambda law, m: 2.0)
        assert found.value == pytest.approx(kappa * (2 * kappa + 1) / 4, rel=1e-4)
        assert found.value == pytest.approx(nets.shares(0.5) @ [0.5, 0.5])
        assert bound_from_costs([2.0, 2.0], nets).value < 0.99 * found.value


def test_away_from_the_middle_other_rows_may_be_farther_apart():
    """Of rows that are only symmetric N <= 2C is known, of Gaussian ones N <= C."""
    nets, t = ensemble(data(), 2, s_w=2.0), 0.2
    G, X = 1.0, t * (1 - t) * 2.0  # kappa = 1/2
    for times, found in (
        (1, bound_from_costs([2.0, 2.0], nets, t=t)),
        (2, error_bound((8, 8), nets, t=t, matching_cost=lambda law, m: 2.0)),
    ):
        middle = (1.0 + times * (t - 0.5) ** 2 * 4 * G) / (2 * (t**2 + (1 - t) ** 2))
        assert found.value == pytest.approx(t * (1 - t) * (4 * X + middle) / 2)


def test_widths_for_costs_of_ones_own_do_not_rest_on_gaussian_rows():
    nets, eps = ensemble(data(), 2, "tanh", s_w=2.0), 0.5
    m, _ = required_widths(eps, nets, matching_cost=power_law)
    above, below = (error_bound((k, k), nets, matching_cost=power_law).value for k in (m - 1, m))
    assert below <= eps**2 < above


def test_the_recursion_as_it_is_written():
    nets = ensemble(data(), 3)
    costs, t, s = [0.3, 0.2, 0.5], 0.3, 2.0
    G, X = [0.0, 0.5 * 0.3], [0.0, t * (1 - t) * 0.3]
    for M in costs[1:]:
        X.append(0.5 * (s * X[-1] + (M / 2 + (t - 0.5) ** 2 * s * G[-1]) / (2 * (t**2 + 0.49))))
        G.append(0.5 * (M + s * G[-1]))
    gaps, found = nets.recursion(costs, t)
    assert gaps == pytest.approx(G[1:])
    assert found == pytest.approx(X[-1])
    assert nets.shares(t) @ costs == pytest.approx(X[-1])
    # at the midpoint X = G/2, so that the error is s_out^2 n_out G/8
    assert nets.recursion(costs, 0.5)[1] == pytest.approx(G[-1] / 2)
    # what is known of the first layer replaces M_1
    assert nets.recursion(costs, t, (G[1], X[1])) == nets.recursion(
        [9.0, *costs[1:]], t, (G[1], X[1])
    )
    assert nets.recursion(costs, t, (G[1], X[1]))[1] == pytest.approx(X[-1])


def test_other_points_of_the_line_lose_nothing_in_one_layer():
    """X_1 = kappa E [t/(1-t) |z^t - z^A|^2 + (1-t)/t |z^t - z^B|^2], and M_1 = E |z^A - z^B|^2."""
    a, b = np.random.default_rng(0).standard_normal((2, 100))
    for t in (0.1, 0.5, 0.8):
        z = t * a + (1 - t) * b
        direct = (t / (1 - t) * (z - a) ** 2 + (1 - t) / t * (z - b) ** 2).mean()
        found = ensemble(data(), 1).recursion([float(((a - b) ** 2).mean())], t)[1]
        assert found == pytest.approx(0.5 * direct)


def test_one_direction_is_exact_order_statistics():
    # all examples on one line: neurons differ along it alone
    x = np.outer(np.linspace(1, 2, 9), [1.0, 2.0])
    [law] = ensemble(x, 1).laws
    assert law.spectrum[0] == pytest.approx(np.trace(x @ x.T) / 9)
    expected = law.spectrum[0] * normal_matching_cost(100)
    assert error_bound((100,), ensemble(x, 1)).matching_cost[0] == pytest.approx(expected, rel=1e-6)


def test_the_error_vanishes_at_the_ends_and_scales_with_the_output():
    nets = ensemble(data(), 2)
    assert error_bound((10, 10), nets, t=0.0).value == error_bound((10, 10), nets, t=1.0).value == 0
    one, many = error_bound((10, 10), nets), error_bound((10, 10), nets, s_out=3.0, n_out=5)
    assert many.value == pytest.approx(45 * one.value)
    assert many.relative == pytest.approx(one.relative)


def test_relu_under_he_initialisation_grows_with_the_root_of_the_depth_at_most():
    x = data()
    relative = [error_bound((64,) * depth, ensemble(x, depth)).relative for depth in (1, 4, 9)]
    assert relative[1] <= 2 * relative[0]
    assert relative[2] <= 3 * relative[0]


def power_law(law: Gaussian, m: int) -> float:
    """Smooth and decreasing, unlike U, which may rise by a little."""
    return 2 * law.second_moment * m**-0.4


@pytest.mark.parametrize("objective", ["neurons", "parameters"])
def test_free_widths_are_better_than_equal_ones(objective):
    x = data()
    nets = ensemble(x, 3)
    eps = 0.3 * nets.mean_square**0.5
    equal, free = (
        required_widths(eps, nets, objective=o, matching_cost=power_law) for o in (None, objective)
    )

    def size(widths):
        if objective == "neurons":
            return sum(widths)
        return sum(m * k for m, k in zip(widths, (x.shape[1], *widths[:-1]), strict=True))

    def error(widths):
        return error_bound(widths, nets, matching_cost=power_law).value

    assert size(free) <= size(equal)
    assert objective == "neurons" or size(free) < 0.9 * size(equal)
    assert error(free) <= eps**2
    for i in range(3):  # no layer can be narrower
        assert error([m - (i == j) for j, m in enumerate(free)]) > eps**2


@pytest.mark.slow
def test_equal_widths_are_the_least():
    nets = ensemble(data(), 2)
    widths = required_widths(0.4, nets)
    assert error_bound(widths, nets).value <= 0.16
    assert error_bound([m - 1 for m in widths], nets).value > 0.16
    sure = required_widths(0.4, nets, delta=0.5, matching_cost=power_law)
    assert error_bound(sure, nets, matching_cost=power_law).value <= 0.08


@pytest.mark.parametrize("delta", [None, 0.1])
def test_a_tolerance_out_of_reach_is_refused_and_the_one_within_it_attained(delta):
    nets = ensemble(data(), 2)
    options = {"delta": delta, "matching_cost": power_law}
    with pytest.raises(OutOfReach, match=r"no widths up to 10\^12 are known to") as refused:
        required_widths(1e-9, nets, **options)
    bound = error_bound((MAX_WIDTH, MAX_WIDTH), nets, matching_cost=power_law).value
    assert refused.value.reached == pytest.approx((bound / (delta or 1)) ** 0.5)
    eps = float(re.search(r"where eps = (\S+) is reached", str(refused.value))[1])
    assert MAX_WIDTH / 1.01 < required_widths(eps, nets, **options)[0] <= MAX_WIDTH


def test_what_averaging_takes_off_counts_where_the_rest_alone_is_out_of_reach(monkeypatch):
    nets = ensemble(data(), 2)
    monkeypatch.setattr(module, "_by_spectrum", lambda law, m, modulo: law.second_moment)
    widths = required_widths(0.4, nets)
    assert error_bound(widths, nets).value <= 0.16


def test_another_matching_cost_takes_its_place():
    nets = ensemble(data(), 1)
    bound = error_bound((10,), nets, matching_cost=lambda law, m: law.second_moment / m)
    assert bound.matching_cost == (pytest.approx(Gaussian.second_moment.fget(nets.laws[0]) / 10),)


def test_bad_arguments_are_refused():
    nets = ensemble(data(), 2)
    with pytest.raises(ValueError, match="depth must be >= 1, got 0"):
        ensemble(data(), 0)
    with pytest.raises(ValueError, match=r"kernels must be K_0, \.\.\., K_2, got 1"):
        ensemble(data(), 2, kernels=[np.eye(30)])
    with pytest.raises(ValueError, match=r"widths must name 2 hidden layers, got \(4,\)"):
        error_bound((4,), nets)
    with pytest.raises(ValueError, match="every width must be >= 1, got 0"):
        error_bound((4, 0), nets)
    with pytest.raises(ValueError, match=r"t must lie in \[0, 1\], got 2"):
        error_bound((4, 4), nets, t=2.0)
    for eps in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="eps must be positive"):
            required_widths(eps, nets)
    with pytest.raises(ValueError, match=r"delta must lie in \(0, 1\), got 1"):
        required_widths(0.1, nets, delta=1.0)
    with pytest.raises(ValueError, match="objective must be None or one of"):
        required_widths(0.1, nets, objective="cost")
    with pytest.raises(ValueError, match=r"activation must be 1-Lipschitz, got a slope of 1\.128"):
        ensemble(data(), 2, erf)
    with pytest.raises(OutOfReach, match=r"no widths up to 10\^12 .* where eps = 0.003105 is"):
        required_widths(1e-9, nets, matching_cost=power_law)
