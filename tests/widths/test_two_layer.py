"""T1 to T4: sampled and exactly matched two-layer networks against the bounds."""

import re

import numpy as np
import pytest

from lmctheory.activations import KNOWN
from lmctheory.measures import Gaussian, UniformCube
from lmctheory.rates import MAX_WIDTH, OutOfReach, optimal_permutation, wasserstein_pow
from lmctheory.widths.two_layer import (
    error_bound,
    neuron,
    neuron_with_fixed_output,
    required_width,
    squared_loss_barrier,
)

TIMES = np.linspace(0, 1, 9)[:, None, None]


def unit_inputs(rng, n: int, d: int) -> np.ndarray:
    x = rng.standard_normal((n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def network(sigma, theta, x):
    """(1/N) sum a sigma(<w, x>) for parameters [..., N, 1 + d]."""
    a, w = theta[..., :1], theta[..., 1:]
    return (a * sigma(w @ x.T)).mean(axis=-2)


@pytest.mark.parametrize("name", sorted(KNOWN))
@pytest.mark.parametrize("p", [1, 2])
def test_no_matched_pair_is_worse_than_its_distance_allows(name, p):
    sigma, rng = KNOWN[name].function, np.random.default_rng(len(name))
    constants = neuron(name, radius=1.0, output=1.0, weight_norm=np.sqrt(3.0))
    factor = constants.lipschitz / 2 if p == 1 else constants.curvature / 8
    worst = 0.0
    for N in (1, 2, 8, 64):
        for _ in range(20):
            theta_a, theta_b = rng.random((2, N, 4)) * 2 - 1
            theta_b = theta_b[optimal_permutation(theta_a, theta_b, float(p))]
            x = unit_inputs(rng, 40, 3)
            theta_t = TIMES * theta_a + (1 - TIMES) * theta_b
            chord = TIMES[:, 0] * network(sigma, theta_a, x)
            chord = chord + (1 - TIMES[:, 0]) * network(sigma, theta_b, x)
            error = np.abs(network(sigma, theta_t, x) - chord).max()
            bound = factor * wasserstein_pow(theta_a, theta_b, float(p))
            assert error <= bound * (1 + 1e-12) or np.isinf(bound)
            worst = max(worst, error / bound)
    assert np.isinf(factor) or worst > 0.02  # the bound is no empty one


@pytest.mark.parametrize("name", ["tanh", "relu", "gelu"])
def test_constants_are_suprema_of_derivatives(name):
    radius, output, weight = 1.5, 2.0, 3.0
    found = neuron(name, radius=radius, output=output, weight_norm=weight)
    sigma, h = KNOWN[name].function, 1e-4
    z = np.linspace(-radius * weight, radius * weight, 20001)
    slope = (sigma(z + h) - sigma(z - h)) / (2 * h)
    # x parallel to w, a = a_max: gradient (sigma, a sigma' R)
    gradient = np.sqrt(sigma(z) ** 2 + (output * slope * radius) ** 2).max()
    assert gradient <= found.lipschitz * (1 + 1e-6)
    assert found.lipschitz <= 1.5 * gradient
    if name != "relu":
        bend = (sigma(z + h) - 2 * sigma(z) + sigma(z - h)) / h**2
        p, q = slope * radius, output * bend * radius**2
        largest = ((np.abs(q) + np.sqrt(q**2 + 4 * p**2)) / 2).max()
        assert largest <= found.curvature * (1 + 1e-5)
        assert found.curvature <= 1.5 * largest


def test_fixed_outputs_have_constants_for_gaussian_neurons():
    fixed = neuron_with_fixed_output("relu", radius=2.0, output=3.0)
    assert (fixed.lipschitz, fixed.curvature) == (6.0, np.inf)
    mu = Gaussian(spectrum=[0.1, 0.1])
    assert 0 < error_bound(mu, 1000, fixed) < error_bound(mu, 10, fixed)


def test_a_smooth_neuron_gains_a_power_of_the_rate():
    mu = UniformCube(6)  # beyond d = 2p the rate is m^{-p/d}
    tanh = neuron("tanh", radius=1.0, output=1.0, weight_norm=np.sqrt(5.0))
    relu = neuron("relu", radius=1.0, output=1.0, weight_norm=np.sqrt(5.0))
    widths = (10**3, 10**5)
    slopes = [
        np.log(error_bound(mu, widths[1], c) / error_bound(mu, widths[0], c)) / np.log(100)
        for c in (relu, tanh)
    ]
    assert slopes[0] == pytest.approx(-1 / 6, abs=0.05)
    assert slopes[1] == pytest.approx(-2 / 6, abs=0.05)


def test_the_required_width_is_the_first():
    mu = UniformCube(2)
    tanh = neuron("tanh", radius=1.0, output=1.0, weight_norm=1.0)
    for eps in (0.2, 0.05, 0.01):
        N = required_width(eps, mu, tanh)
        assert error_bound(mu, N, tanh) <= eps
        assert N == 1 or error_bound(mu, N - 1, tanh) > eps
    assert required_width(0.05, mu, tanh, delta=0.01) >= required_width(0.05, mu, tanh)


@pytest.mark.parametrize("delta", [None, 0.1])
def test_a_tolerance_out_of_reach_names_the_function_error_that_is_within(delta):
    mu = UniformCube(20)
    tanh = neuron("tanh", radius=1.0, output=1.0, weight_norm=1.0)
    with pytest.raises(OutOfReach, match="eps is too small") as refused:
        required_width(1e-6, mu, tanh, delta=delta)
    if delta is None:
        assert refused.value.reached == pytest.approx(error_bound(mu, MAX_WIDTH, tanh))
    eps = float(re.search(r"where eps = (\S+) is reached", str(refused.value))[1])
    assert MAX_WIDTH / 1.1 < required_width(eps, mu, tanh, delta=delta) <= MAX_WIDTH


def test_the_squared_loss_identity():
    rng = np.random.default_rng(3)
    f_a, f_b, f_t, y = rng.standard_normal((4, 50, 3))

    def mean(v):
        return float((v**2).sum(1).mean())

    for t in (0.25, 0.5):
        chord = t * f_a + (1 - t) * f_b
        barrier = mean(f_t - y) - t * mean(f_a - y) - (1 - t) * mean(f_b - y)
        error = np.sqrt(mean(f_t - chord))
        bound = squared_loss_barrier(error, mean(chord - y), float(np.sqrt(mean(f_a - f_b))), t)
        assert barrier <= bound + 1e-12


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="output must be positive and finite, got inf: T2 needs"):
        neuron("tanh", radius=1.0, output=np.inf, weight_norm=1.0)
    with pytest.raises(ValueError, match="radius must be positive"):
        neuron_with_fixed_output("tanh", radius=0.0, output=1.0)
    with pytest.raises(ValueError, match="activation must be one of"):
        neuron("swish", radius=1.0, output=1.0, weight_norm=1.0)
    tanh = neuron("tanh", radius=1.0, output=1.0, weight_norm=1.0)
    with pytest.raises(TypeError, match=r"bounded support .* Gaussian has no diameter"):
        error_bound(Gaussian(spectrum=[1.0]), 10, tanh)
    for eps in (0.0, -1.0):
        with pytest.raises(ValueError, match="eps must be positive"):
            required_width(eps, UniformCube(2), tanh)
    with pytest.raises(ValueError, match=r"delta must lie in \(0, 1\), got 1.5"):
        required_width(0.1, UniformCube(2), tanh, delta=1.5)
    with pytest.raises(ValueError, match="chord_risk must be >= 0"):
        squared_loss_barrier(0.1, -1.0)
    with pytest.raises(ValueError, match=r"t must lie in \[0, 1\]"):
        squared_loss_barrier(0.1, 1.0, t=2.0)


@pytest.mark.parametrize("name", sorted(KNOWN))
@pytest.mark.parametrize("fixed", [True, False])
def test_no_matched_networks_exceed_the_bound_by_their_distance(name, fixed):
    sigma, rng = KNOWN[name].function, np.random.default_rng(len(name))
    constants = (
        neuron_with_fixed_output(name, radius=1.0, output=1.0)
        if fixed
        else neuron(name, radius=1.0, output=1.0, weight_norm=3 * np.sqrt(3.0))
    )
    worst = 0.0
    for N in (1, 2, 8, 64):
        for _ in range(20):
            theta_a, theta_b = (rng.random((2, N, 4)) * 2 - 1) * [1.0, 3.0, 3.0, 3.0]
            if fixed:
                theta_a[:, 0] = theta_b[:, 0] = 1.0
            theta_b = theta_b[optimal_permutation(theta_a, theta_b)]
            x = unit_inputs(rng, 40, 3)
            chord = TIMES[:, 0] * network(sigma, theta_a, x)
            chord = chord + (1 - TIMES[:, 0]) * network(sigma, theta_b, x)
            path = network(sigma, TIMES * theta_a + (1 - TIMES) * theta_b, x)
            bound = constants.function_error(wasserstein_pow(theta_a, theta_b) ** 0.5)
            error = np.abs(path - chord).max()
            assert error <= bound * (1 + 1e-12) + 1e-15
            worst = max(worst, error / bound if bound else 0.0)
    assert worst > 0.1 or (name == "identity" and fixed)


def test_one_bound_is_below_both():
    tanh = neuron("tanh", radius=1.0, output=1.0, weight_norm=2.0)
    for distance in np.logspace(-3, 3, 25):
        found = tanh.function_error(distance)
        assert found <= tanh.lipschitz / 2 * distance
        assert found <= tanh.curvature / 8 * distance**2 * (1 + 1e-12)  # they are equal for short d
        assert tanh.distance(found) == pytest.approx(distance)
    relu = neuron("relu", radius=1.0, output=1.0, weight_norm=2.0)
    assert relu.function_error(1e-6) == pytest.approx(1e-6 / 4, rel=1e-5)  # not K/2 > 1/2


@pytest.mark.parametrize("eps", [1e-300, 1e-150, 1.0, 1e150, 1e300])
@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_a_distance_is_found_at_every_scale(name, eps):
    for constants in (
        neuron_with_fixed_output(name, radius=1.0, output=1.0),
        neuron(name, radius=1.0, output=1.0, weight_norm=2.0),
    ):
        found = constants.function_error(constants.distance(eps))
        assert found == pytest.approx(eps, rel=1e-9, abs=0)


def test_what_overflows_is_infinite_and_no_error():
    assert neuron("tanh", radius=1e200, output=1.0, weight_norm=1.0).curvature == np.inf
    assert neuron_with_fixed_output("tanh", radius=1.0, output=1.0).function_error(np.inf) == np.inf


def test_linear_neurons_need_no_width():
    linear = neuron_with_fixed_output("identity", radius=1.0, output=1.0)
    mu = Gaussian(spectrum=[1.0])
    assert error_bound(mu, 5, linear) == 0.0
    assert linear.distance(1.0) == np.inf
    assert required_width(1e-9, mu, linear) == 1
