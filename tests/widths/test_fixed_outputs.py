"""T2 with fixed output weights: Gaussian neurons, the metric of the data, and ReLU's exponent."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from lmctheory.activations import KNOWN
from lmctheory.measures import Gaussian
from lmctheory.rates import optimal_permutation, upper_bound
from lmctheory.widths.fixed_outputs import (
    data_error_bound,
    kink_bound,
    metric_law,
    neuron_on_data,
)
from lmctheory.widths.two_layer import neuron_with_fixed_output

RNG = np.random.default_rng(0)
INPUTS = np.c_[RNG.standard_normal((60, 3)) * [2.0, 1.0, 0.2], np.ones(60)]
TIMES = np.linspace(0, 1, 9)[:, None, None]


def test_the_metric_law_is_that_of_the_root():
    covariance = np.cov(RNG.standard_normal((4, 30)))
    sigma = INPUTS.T @ INPUTS / len(INPUTS)
    values, axes = np.linalg.eigh(sigma)
    root = (axes * np.sqrt(values)) @ axes.T
    expected = np.linalg.eigvalsh(root @ covariance @ root)[::-1]
    found = metric_law(Gaussian(covariance=covariance), INPUTS).spectrum
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu"])
@pytest.mark.parametrize("N", [8, 256])
def test_sampled_networks_obey_the_bounds(name, N):
    # 40 pairs, 5 standard errors: false alarm 6e-6 (t law) if a bound were sharp
    mu, rng = Gaussian(spectrum=[1.0] * 4), np.random.default_rng(N)
    bound = data_error_bound(mu, N, name, output=2.0, inputs=INPUTS)
    root = np.linalg.cholesky(INPUTS.T @ INPUTS / len(INPUTS))
    squares, means = [], []
    for _ in range(40):
        a, b = mu.sample(N, rng=rng), mu.sample(N, rng=rng)
        z_a, z_b = a @ INPUTS.T, b[optimal_permutation(a @ root, b @ root)] @ INPUTS.T
        sigma = KNOWN[name].function
        chord = TIMES * sigma(z_a) + (1 - TIMES) * sigma(z_b)
        gap = 2.0 * (sigma(TIMES * z_a + (1 - TIMES) * z_b) - chord)  # of every neuron
        squares.append(np.sqrt((gap.mean(axis=1) ** 2).mean(axis=1)).max())
        means.append(np.abs(gap).max(axis=0).mean())
    for draws, most in ((squares, bound.root_mean_square), (means, bound.mean)):
        assert np.mean(draws) <= most + 5 * np.std(draws) / np.sqrt(40)
    assert np.mean(means) >= bound.mean / 20  # it is no empty bound


@pytest.mark.parametrize("p", [1.5, 2.0, 5.0])
def test_the_kink_bound_is_the_best_of_its_kind(p):
    """Its Lagrangian, integrated and minimised numerically."""
    density, cost = 0.7, 0.3

    def excess(z, weight):
        D = (z**2 / (p * weight)) ** (1 / (p + 1))
        return max(z - (p + 1) * weight * D**p, 0.0)

    def dual(log_weight):
        weight = np.exp(log_weight)
        end = ((p + 1) ** (p + 1) * p**-p * weight) ** (-1 / (p - 1))
        return weight * cost + 2 * density * quad(excess, 0, end, (weight,))[0]

    best = minimize_scalar(dual, bounds=(-6, 6), method="bounded", options={"xatol": 1e-8}).fun
    assert kink_bound(density, cost, p) == pytest.approx(best, rel=1e-5)


@pytest.mark.parametrize("p", [1 + 1e-9, 1.001, 1.01])
def test_near_p_1_the_kink_bound_is_that_of_a_lipschitz_neuron(p):
    """h <= D/4 for every pair, so that no bound with E D = 1 can be much less than 1/4."""
    assert kink_bound(1.0, 1.0, p) == pytest.approx(0.25, rel=2e-3)


def test_a_coupling_attains_the_kink_bound():
    """z uniform, its partner at the distance that the Lagrangian asks for, across the kink."""
    z = (np.arange(200_000) + 0.5) / 200_000 * 2 - 1  # density 1/2
    weight = 1.0
    D = np.where(np.abs(z) < 4 / (27 * weight), (z**2 / (2 * weight)) ** (1 / 3), 0.0)
    gap = np.where(D > 0, np.abs(z) * (1 - np.abs(z) / np.maximum(D, 1e-300)), 0.0)
    assert gap.mean() == pytest.approx(kink_bound(0.5, float((D**2).mean())), rel=1e-3)


def test_relu_gains_a_third_of_the_exponent():
    mu, inputs = Gaussian(spectrum=[1.0] * 6), np.eye(6)
    widths = (10**6, 10**9)
    exponents = {
        name: np.log(
            data_error_bound(mu, widths[0], name, output=1.0, inputs=inputs).mean
            / data_error_bound(mu, widths[1], name, output=1.0, inputs=inputs).mean
        )
        for name in ("relu", "tanh")
    }
    costs = [upper_bound(metric_law(mu, inputs), N).value for N in widths]
    decay = np.log(costs[0] / costs[1])
    assert exponents["relu"] == pytest.approx(2 / 3 * decay)
    assert exponents["tanh"] == pytest.approx(decay)


def test_data_without_density_at_the_kink_keep_the_lipschitz_bound():
    mu = Gaussian(spectrum=[1.0, 1.0])
    found = data_error_bound(mu, 100, "relu", output=1.0, inputs=np.zeros((3, 2)))
    assert found.mean == found.root_mean_square == 0.0
    one_zero = np.array([[1.0, 0.0], [0.0, 0.0]])  # an infinite density on half of the inputs
    found = data_error_bound(mu, 100, "relu", output=1.0, inputs=one_zero)
    assert found.mean == found.root_mean_square > 0


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu"])
def test_constants_on_data_bound_norms_of_gaps(name):
    on_data = neuron_on_data(name, output=2.0, inputs=INPUTS)
    radius = float(np.linalg.norm(INPUTS, axis=1).max())
    everywhere = neuron_with_fixed_output(name, radius=radius, output=2.0)
    assert on_data.lipschitz < everywhere.lipschitz
    assert on_data.spread < everywhere.spread
    sigma, rng, worst = KNOWN[name].function, np.random.default_rng(1), 0.0
    for scale in 10 ** np.linspace(-2, 2, 200):
        w, v = scale * rng.standard_normal((2, 4)) * np.array([1.0, 0.1, 0.1, 0.1])
        gap = 2.0 * (sigma(INPUTS @ (w + v) / 2) - sigma(INPUTS @ w) / 2 - sigma(INPUTS @ v) / 2)
        bound = on_data.function_error(float(np.linalg.norm(w - v)))
        error = np.sqrt((gap**2).mean())
        assert error <= bound
        worst = max(worst, error / bound)
        slope = 2.0 * (sigma(INPUTS @ w) - sigma(INPUTS @ v))
        assert np.sqrt((slope**2).mean()) <= on_data.lipschitz * np.linalg.norm(w - v)
    assert worst > 0.3


def test_bad_arguments_of_fixed_outputs_are_refused():
    with pytest.raises(ValueError, match="inputs must not all be 0"):
        neuron_on_data("relu", output=1.0, inputs=np.zeros((3, 2)))
    with pytest.raises(ValueError, match="inputs must be finite, got NaN or infinity"):
        neuron_on_data("relu", output=1.0, inputs=np.full((3, 2), np.inf))
    with pytest.raises(ValueError, match="output must be positive"):
        neuron_on_data("relu", output=-1.0, inputs=INPUTS)
    mu = Gaussian(spectrum=[1.0] * 4)
    with pytest.raises(ValueError, match="output must be positive"):
        data_error_bound(mu, 10, "relu", output=0.0, inputs=INPUTS)
    with pytest.raises(ValueError, match="activation must be one of"):
        data_error_bound(mu, 10, "swish", output=1.0, inputs=INPUTS)
    with pytest.raises(ValueError, match="m must lie between"):
        data_error_bound(mu, 0, "relu", output=1.0, inputs=INPUTS)
    with pytest.raises(ValueError, match="inputs must have 4 columns, got 3"):
        metric_law(mu, INPUTS[:, :3])
    for bad in (np.zeros((0, 4)), np.full((2, 4), np.nan)):
        with pytest.raises(ValueError, match="inputs must be"):
            metric_law(mu, bad)
    for arguments, message in (
        ((0.0, 1.0), "density must be > 0"),
        ((1.0, -1.0), "cost must be finite and >= 0"),
        ((1.0, 1.0, 1.0), "p must be > 1"),
    ):
        with pytest.raises(ValueError, match=message):
            kink_bound(*arguments)
