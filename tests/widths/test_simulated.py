"""D1 with simulated matchings: against matched networks, identities by hand, refusals."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from lmctheory.activations import pointwise
from lmctheory.rates import (
    Estimate,
    mean_lower_bound,
    simulated_upper_bound,
    upper_bound,
    upper_bound_from_costs,
)
from lmctheory.widths.averaging_gain import matching_cost_bounds
from lmctheory.widths.deep import bound_from_costs, ensemble, error_bound
from lmctheory.widths.first_layer import first_layer
from lmctheory.widths.kernels import sampled_kernels
from lmctheory.widths.simulated import (
    _Drawn,
    simulated_error_bound,
    simulated_layers,
)

TIMES = (0.5, 0.2)


def images(n=40, d=20, seed=0):
    return np.random.default_rng(seed).random((n, d)) - 0.5


def relu(z):
    return np.maximum(z, 0.0)


def matched_pair(x, widths, rng, sigma=relu, s_w=2**0.5):
    """Of one pair of networks: M_1, M_2, G_1, then X_1 for every t, as D1 defines them."""
    phi_a = phi_b = x.T
    found = {}
    for layer, m in enumerate(widths, start=1):
        W_a, W_b = rng.standard_normal((2, m, len(phi_a))) * s_w / len(phi_a) ** 0.5
        middle = (phi_a + phi_b) / 2
        W_b = W_b[linear_sum_assignment(W_a @ middle @ (W_b @ middle).T, maximize=True)[1]]
        found[f"M{layer}"] = ((W_a @ middle - W_b @ middle) ** 2).mean()
        if layer == 1:
            for t in TIMES:
                line = sigma((t * W_a + (1 - t) * W_b) @ middle)
                parts = [(line - sigma(W @ middle)) ** 2 for W in (W_a, W_b)]
                found[t] = (t / (1 - t) * parts[0] + (1 - t) / t * parts[1]).mean()
        phi_a, phi_b = sigma(W_a @ phi_a), sigma(W_b @ phi_b)
        found[f"G{layer}"] = ((phi_a - phi_b) ** 2).mean()
    return found


def test_matched_networks_lie_below_and_near():
    """64 pairs: 5 standard errors are exceeded with probability 5e-6; the simulation fails with
    probability 0.01, once and for all, as its seed is fixed."""
    x, widths, rng = images(), (64, 48), np.random.default_rng(0)
    nets = ensemble(x, 2)
    layers = simulated_layers(widths, nets, times=TIMES, repeats=200, delta=0.01, rng=rng)
    pairs = [matched_pair(x, widths, rng) for _ in range(64)]

    def measured(name):
        draws = np.array([pair[name] for pair in pairs])
        return draws.mean(), 5 * draws.std(ddof=1) / 8

    (G, X), (_, X_other) = (layers.first[t] for t in TIMES)
    bounds = {"M1": layers.costs[0], "M2": layers.costs[1], "G1": G, 0.5: X, 0.2: X_other}
    for name, bound in bounds.items():
        mean, margin = measured(name)
        assert mean - margin <= bound <= 1.35 * mean, name
    assert layers.costs[1] < 0.9 * matching_cost_bounds(nets, widths)[1]
    assert 0.5 * layers.costs[0] > G  # the signs gain
    assert 0.25 * layers.costs[0] > X


@pytest.mark.parametrize("name", ["gelu", "sigmoid", "softplus", "tanh"])
def test_the_first_layer_of_any_activation_is_drawn(name):
    """64 pairs, and 5 standard errors, as above; without the draws all bounds are looser."""
    x, rng, sigma = images(), np.random.default_rng(0), pointwise(name).function
    nets = ensemble(x, 1, name, s_w=3.0)
    options = {"times": TIMES, "repeats": 100, "delta": 0.01, "rng": rng}
    layers = simulated_layers((64,), nets, **options)
    pairs = [matched_pair(x, (64,), rng, sigma, 3.0) for _ in range(64)]
    for i, t in enumerate(TIMES):
        G, X = layers.first[t]
        (gap,), chord = nets.recursion(layers.costs, t)
        for measured, bound, plain in (("G1", G, gap), (t, X, chord)):
            draws = np.array([pair[measured] for pair in pairs])
            margin = 5 * draws.std(ddof=1) / 8
            assert draws.mean() - margin <= bound <= 1.9 * draws.mean(), (i, measured)
            assert bound < 0.95 * plain


def test_confidence_is_shared_and_caps_are_set_beforehand():
    """The same draws again, put together by hand."""
    nets, options = ensemble(images(), 2, s_w=1.7), {"times": TIMES, "repeats": 40, "delta": 0.02}
    widths = (24, 16)
    layers = simulated_layers(widths, nets, rng=np.random.default_rng(3), **options)
    rng, share = np.random.default_rng(3), 0.02 / 6  # two costs, what comes off M_2, G_1, two X_1
    lines = first_layer(nets, upper_bound(nets.laws[0], 24).value, TIMES)
    first = np.array([_Drawn(nets, None, rng).first(24, lines) for _ in range(40)])
    second = np.array([_Drawn(nets, None, rng).later(2, 24, 16) for _ in range(40)])

    def least(column):
        return mean_lower_bound(column[8:], column[:8].mean(), share)

    simulated = [
        upper_bound_from_costs(Estimate(draws[:, 0]), law, width=m, delta=share).value
        for draws, law, m in zip((first, second), nets.laws, widths, strict=True)
    ]
    certain = [upper_bound(law, m).value for law, m in zip(nets.laws, widths, strict=True)]
    one, two = np.minimum(simulated, certain)
    two -= 1.7**2 / 4 * least(second[:, 1])
    expected = np.minimum([one, two], matching_cost_bounds(nets, widths))
    assert layers.costs == pytest.approx(tuple(expected))
    assert expected[1] == two  # the simulation is what counts here
    for t, column in zip(TIMES, first.T[2:], strict=True):
        G, X = one / 2 - least(first[:, 1]), t * (1 - t) * one - least(column)
        assert layers.first[t] == pytest.approx((G, X))


@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_layers_behind_an_activation_cost_what_sorting_costs(activation):
    """Examples that are all alike: one dimension, in which an optimal matching is a sorted one."""
    n, m = 4, 7
    x = np.tile([[0.3, -1.0, 0.7]], (n, 1))
    nets, rng = ensemble(x, 2, activation, s_w=1.3, s_b=0.5), np.random.default_rng(0)
    draws = np.array([_Drawn(nets, None, rng).later(2, m, 40) for _ in range(1000)])
    c = draws[:, 0] / nets.axes(2)[0]  # the metric, drawn too, and independent of the layers behind
    found = draws[:, 1] / c.mean()
    scale = (1.3**2 * np.square(x[0]).mean() + 0.5**2) ** 0.5
    sigma = pointwise(activation).function
    z = np.sort(sigma(scale * rng.standard_normal((2, 4000, m))), axis=2)
    truth = np.square(z[0] - z[1]).mean(axis=1)
    # 5 standard errors: false alarm 1e-6
    error = np.hypot(found.std() / 1000**0.5, truth.std() / 4000**0.5)
    assert abs(found.mean() - truth.mean()) <= 5 * error


def test_the_second_layer_sees_the_first_one_s_width():
    """The narrower the first layer, the more of its difference is left to average away."""
    nets = ensemble(images(), 2)
    draws = {
        before: np.mean(
            [_Drawn(nets, None, np.random.default_rng(i)).later(2, before, 16) for i in range(40)],
            0,
        )
        for before in (4, 64)
    }
    assert draws[4][0] == draws[64][0]
    assert draws[4][1] > 1.3 * draws[64][1]


def test_axes_are_those_of_the_covariance():
    nets = ensemble(images(5, 3), 2)
    for layer in (1, 2):
        values, vectors = nets.axes(layer)
        assert (np.diff(values) <= 0).all()
        assert np.allclose((vectors * values) @ vectors.T, nets.covariances[layer - 1])


def test_what_is_known_of_the_first_layer_enters_the_bound():
    nets = ensemble(images(), 2, s_w=1.5)
    t, (G, X) = 0.3, (0.11, 0.07)
    M = 0.2
    X_2 = 0.5 * (1.5**2 * X + (M / 2 + 0.04 * 1.5**2 * G) / (2 * (0.09 + 0.49)))
    found = bound_from_costs((0.4, M), nets, t=t, first=(G, X))
    assert found.value == pytest.approx(0.21 * X_2)
    for bad in ((-0.1, 0.1), (0.1, float("nan"))):
        with pytest.raises(ValueError, match="first must be two finite numbers >= 0"):
            bound_from_costs((0.4, M), nets, first=bad)


def test_it_is_never_above_the_bound_that_is_certain():
    """Narrow layers and a large leading eigenvalue: R10 has little to say."""
    rng = np.random.default_rng(0)
    for depth in (1, 2):
        nets = ensemble(rng.random((6, 3)), depth)
        widths = (4,) * depth
        simulated = simulated_error_bound(widths, nets, repeats=4, rng=rng)
        assert simulated.value <= error_bound(widths, nets).value


def test_networks_that_are_constant_cost_nothing():
    nets = ensemble(np.zeros((3, 2)), 2, "sigmoid")
    assert simulated_error_bound((4, 4), nets, repeats=10, rng=np.random.default_rng(0)).value >= 0


def test_signs_by_hand():
    """Over both signs of a layer, what is gone is the difference to half of the linear case."""
    a, b = np.random.default_rng(0).standard_normal((2, 30, 7))
    t, nets = 0.3, ensemble(images(), 1)
    found = first_layer(nets, 1.0, (t, 0.0)).gone(a, b)
    G = X = 0.0
    for sign in (1, -1):
        line, phi_a, phi_b = (relu(sign * z) for z in (t * a + (1 - t) * b, a, b))
        G += ((phi_a - phi_b) ** 2).mean() / 2
        X += (t / (1 - t) * (line - phi_a) ** 2 + (1 - t) / t * (line - phi_b) ** 2).mean() / 2
    square = ((a - b) ** 2).mean()
    assert found[0] == pytest.approx(square / 2 - G)
    assert found[1] == pytest.approx(t * (1 - t) * square - X)
    assert found[2] == 0  # the end of the line
    apart = a * b < 0
    assert found[0] == pytest.approx(np.abs(a * b)[apart].sum() / a.size)


@pytest.mark.parametrize("name", ["gelu", "softplus", "tanh", np.arctan])
def test_what_is_gone_is_what_lies_below_the_bound(name):
    """G_1 and X_1 of given pairs are bounds minus what is gone, if f has its mean on the pairs."""
    sigma = name if callable(name) else pointwise(name).function
    a, b = np.random.default_rng(0).standard_normal((2, 200, 40))
    nets, square, t = ensemble(images(), 1, name), float(((a - b) ** 2).mean()), 0.3
    lines = first_layer(nets, square, (t,))

    def excess(line, u, v):  # of the mean of f and of v^4 on these pairs over their expectations
        return (line.above(u, v) - line.slope * (u - v) ** 2).mean() - line.intercept

    z, (_, A, B) = t * a + (1 - t) * b, lines.ends[0]
    r = t / (1 - t)
    beyond = [excess(lines.gap, a, b), r * excess(A, a, z) + excess(B, b, z) / r]
    G = X = 0.0
    for sign in (1, -1):
        line, phi_a, phi_b = (sigma(sign * y) for y in (z, a, b))
        G += ((phi_a - phi_b) ** 2).mean() / 2
        X += (r * (line - phi_a) ** 2 + (line - phi_b) ** 2 / r).mean() / 2
    bounds = np.array(lines.bounds(square)) + beyond - lines.gone(a, b)
    np.testing.assert_allclose(bounds, [G, X], rtol=1e-9)


def test_more_draws_and_one_layer_less_give_smaller_bounds():
    nets = ensemble(images(), 2)

    def bound(repeats, depth=2):
        rng = np.random.default_rng(0)
        one = ensemble(images(), depth)
        return simulated_error_bound((48,) * depth, one, repeats=repeats, rng=rng).value

    assert bound(100, depth=1) < bound(100) < bound(4)
    assert bound(100) < error_bound((48, 48), nets).value


def test_other_activations_average_too():
    nets, rng = ensemble(images(), 2, "tanh"), np.random.default_rng(0)
    layers = simulated_layers((48, 48), nets, times=(0.5,), repeats=60, delta=0.01, rng=rng)
    options = {"width": 48, "repeats": 60, "delta": 0.01, "rng": rng}
    assert layers.costs[1] < 0.95 * simulated_upper_bound(nets.laws[1], 48, **options).value


def test_kernels_that_do_not_fit_take_off_half_at_most():
    x, rng = images(), np.random.default_rng(0)
    kernels = sampled_kernels(x, (4, 64), networks=1, rng=rng)
    kernels[1] = 1e-3 * kernels[1]  # the second layer sees next to nothing of the first
    nets = ensemble(x, 2, kernels=kernels)
    layers = simulated_layers((4, 16), nets, times=(0.5,), repeats=30, delta=0.01, rng=rng)
    assert layers.costs[1] > 0


def test_bad_arguments_are_refused():
    nets = ensemble(images(), 2)
    options = {"times": (0.5,), "repeats": 4, "delta": 0.01, "rng": np.random.default_rng(0)}
    with pytest.raises(ValueError, match=r"delta must lie in \(0, 1\), got 0"):
        simulated_layers((8, 8), nets, **options | {"delta": 0.0})
    with pytest.raises(ValueError, match="widths must name 2 hidden layers"):
        simulated_layers((8,), nets, **options)
    with pytest.raises(ValueError, match="repeats must be >= 1, got 0"):
        simulated_layers((8, 8), nets, **options | {"repeats": 0})
    with pytest.raises(ValueError, match=r"times must lie in \[0, 1\], got \(1.5,\)"):
        simulated_layers((8, 8), nets, **options | {"times": (1.5,)})
