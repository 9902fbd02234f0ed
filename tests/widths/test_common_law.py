"""T16: simulated networks of one law, the rate of their bound, and what fails."""

import numpy as np
import pytest

from lmctheory.measures import Gaussian, UniformCube
from lmctheory.rates import optimal_permutation, upper_bound
from lmctheory.widths import (
    OutputLaw,
    coherent_error_bound,
    common_law_bound,
    common_law_from_cost,
    neuron_on_data,
)

X = np.random.default_rng(0).standard_normal((40, 2))


def outputs(rows, sigma, x=X):
    """Of a network whose neurons are (w, v), v one number."""
    return sigma(x @ rows[:, :-1].T) @ rows[:, -1] / len(rows)


def error(a, b, t, sigma, x=X):
    f_t, f_a, f_b = (outputs(rows, sigma, x) for rows in (t * a + (1 - t) * b, a, b))
    return float(np.square(f_t - t * f_a - (1 - t) * f_b).mean()) ** 0.5


def relu(z):
    return np.maximum(z, 0.0)


def pairs(law, m, count, rng):
    for _ in range(count):
        a, b = (law.sample(m, rng=rng) for _ in range(2))
        yield a, b[optimal_permutation(a, b)]


@pytest.mark.parametrize(("name", "sigma"), [("tanh", np.tanh), ("relu", relu)])
def test_simulated_networks_stay_below_the_bound(name, sigma):
    law, rng = UniformCube(3, side=2.0), np.random.default_rng(1)
    for m in (4, 64):
        found = common_law_bound(law, m, name, inputs=X, largest_output=1.0, t=0.3)
        errors = [error(a, b, 0.3, sigma) for a, b in pairs(law, m, 40, rng)]
        assert np.mean(errors) < found.function_error
        assert np.square(errors).mean() < 0.21**2 * found.second_moment
        # in between, absolute loss on the labels of a network of the law
        y, barriers = outputs(law.sample(500, rng=rng), sigma), []
        for a, b in pairs(law, m, 20, rng):
            losses = [
                np.abs(outputs(rows, sigma) - y).mean()
                for rows in (t * a + (1 - t) * b for t in (0.0, 0.25, 0.5, 0.75, 1.0))
            ]
            chord = np.linspace(losses[0], losses[-1], 5)
            barriers.append(max(losses - chord))
        assert np.mean(barriers) < found.lipschitz_barrier(1.0)


def test_one_pair_is_bounded_by_its_own_cost():
    rng, law = np.random.default_rng(2), UniformCube(3)
    for a, b in pairs(law, 5, 20, rng):
        cost = float(np.square(a - b).sum(axis=1).mean())
        for t in (0.1, 0.5, 0.9):
            found = common_law_from_cost(cost, "tanh", inputs=X, largest_output=0.5, t=t)
            assert error(a, b, t, np.tanh) <= found.function_error


def test_a_kink_between_two_neurons_attains_the_bound():
    found = common_law_from_cost(
        4.0, "relu", inputs=np.ones((1, 1)), largest_output=1.0, scale=1e9, variance=0.0
    )
    a, b = np.array([[1.0, 1.0]]), np.array([[-1.0, 1.0]])
    assert error(a, b, 0.5, relu, np.ones((1, 1))) == pytest.approx(found.function_error)


@pytest.mark.parametrize("k", [3, 5])
def test_it_falls_at_the_rate_of_the_law(k):
    few, many = 2**20, 2**32
    for name, share in (("tanh", 1.0), ("relu", 0.5)):
        bounds = [
            common_law_bound(UniformCube(k), m, name, inputs=X, largest_output=0.5)
            for m in (few, many)
        ]
        slope = np.log2(bounds[0].curve / bounds[1].curve) / 12
        assert slope == pytest.approx(share * 2 / k, rel=0.1)
    # where networks fit their data, twice as fast
    smooth = [
        common_law_bound(UniformCube(k), m, "tanh", inputs=X, largest_output=0.5).smooth_barrier(
            2.0, 0.0
        )
        for m in (few, many)
    ]
    assert np.log2(smooth[0] / smooth[1]) / 12 == pytest.approx(4 / k, rel=0.15)


def test_the_variance_of_the_cost_by_both_of_its_bounds():
    for m in (1, 10):
        law = UniformCube(3)
        found = common_law_bound(law, m, "tanh", inputs=X, largest_output=0.5)
        U = upper_bound(law, m).value
        variance = min(9 / (2 * m), 8 / np.pi**2 * U / m)
        assert found.second_moment == pytest.approx(found.curve**2 * (1 + variance / U**2))
        rng = np.random.default_rng(m)
        costs = [np.square(a - b).sum(axis=1).mean() for a, b in pairs(law, m, 400, rng)]
        assert np.var(costs) < variance


def test_networks_of_different_laws_keep_their_barrier():
    """(w, v) = (1, 1) and (-1, -1) are one function by tanh, and half of both is none."""
    for m in (1, 100):
        a, x = np.ones((m, 2)), np.array([[0.5], [2.0]])
        assert np.allclose(outputs(a, np.tanh, x), outputs(-a, np.tanh, x))
        assert error(a, -a, 0.5, np.tanh, x) == pytest.approx(np.square(np.tanh(x)).mean() ** 0.5)


def test_output_weights_of_their_own_are_harmless_in_the_mean():
    """g_A = sin and g_B = 2 + cos: the commutativity term's mean is that of both differences."""
    law, rng, draws = UniformCube(2, side=4.0), np.random.default_rng(4), []
    for a, b in pairs(law, 16, 600, rng):
        s, s_prime = (np.tanh(w @ np.array([1.0, -0.5])) for w in (a, b))
        own = np.sin(a[:, 0]) - (2 + np.cos(b[:, 1]))
        both = np.sin(a[:, 0]) - np.sin(b[:, 0]) + np.cos(a[:, 1]) - np.cos(b[:, 1])
        draws.append([(own * (s - s_prime)).mean(), (both * (s - s_prime)).mean() / 2])
    own, both = np.array(draws).T
    # fixed seed; 5 standard errors are exceeded with probability 6e-7
    assert abs(np.mean(own - both)) < 5 * np.std(own - both) / 600**0.5
    assert abs(np.mean(own)) < 0.2 * np.mean(np.abs(own))


def test_by_hidden_weights_alone_where_outputs_follow_them():
    """v = sin(w) and noise, w uniform: the mean error stays below P1's with U of w alone."""
    law, rng, noise, x = UniformCube(1, side=4.0), np.random.default_rng(3), 0.5, X[:, :1]
    for m in (4, 100):
        errors = []
        for _ in range(40):
            w, other = (np.sort(law.sample(m, rng=rng), axis=0) for _ in range(2))
            v, v_prime = (
                np.sin(one) + noise * rng.choice([-1, 1], one.shape) for one in (w, other)
            )
            errors.append(error(np.hstack([w, v]), np.hstack([other, v_prime]), 0.5, np.tanh, x))
        found = coherent_error_bound(
            upper_bound(law, m).value, m, "tanh", OutputLaw(1.0, 1.0, noise), inputs=x
        )
        assert np.mean(errors) < found.coherent + found.fluctuation


def test_limits():
    plain = {"inputs": X, "largest_output": 1.0}
    neuron = neuron_on_data("tanh", output=1.0, inputs=X)
    near = common_law_from_cost(1e-9, "tanh", **plain, scale=1e6)
    assert near.curve == pytest.approx(neuron.curvature / 2 * 1e-9, rel=1e-3)
    still = common_law_from_cost(0.0, "relu", **plain)
    assert still.curve == still.second_moment == still.smooth_barrier(2.0, 1.0) == 0
    silent = common_law_from_cost(1.0, "relu", inputs=X, largest_output=0.0)
    assert silent.curve == pytest.approx(neuron_on_data("relu", output=1, inputs=X).lipschitz / 2)
    unknown = common_law_from_cost(1.0, "tanh", **plain)
    assert unknown.smooth_barrier(2.0, 0.0) == np.inf
    assert common_law_from_cost(1.0, "tanh", **plain, t=1.0).function_error == 0


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="law must have more dimensions than inputs have, 2, got"):
        common_law_bound(Gaussian(spectrum=[1.0, 1.0]), 4, "tanh", inputs=X, largest_output=1.0)
    with pytest.raises(ValueError, match="largest_output must be"):
        common_law_from_cost(1.0, "tanh", inputs=X, largest_output=np.inf)
    with pytest.raises(ValueError, match="scale must be positive"):
        common_law_from_cost(1.0, "tanh", inputs=X, largest_output=1.0, scale=0.0)
    with pytest.raises(ValueError, match="inputs must not all be 0"):
        common_law_from_cost(1.0, "tanh", inputs=0 * X, largest_output=1.0)
    with pytest.raises(ValueError, match="cost must be"):
        common_law_from_cost(-1.0, "tanh", inputs=X, largest_output=1.0)
