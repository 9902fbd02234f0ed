"""T5: gradient descent on a few neurons beside a wide reference, against the explicit bounds."""

import numpy as np
import pytest

from lmctheory.measures import Gaussian, Laplace, SubGaussianProduct
from lmctheory.rates import optimal_permutation
from lmctheory.widths.mean_field import (
    coupling_bound,
    flow_lipschitz,
    sampling_error,
    trained_error_bound,
)
from lmctheory.widths.two_layer import neuron_with_fixed_output

OUTPUT, RADIUS, STEP, N_STEPS = 1.5, 1.0, 0.05, 40
TANH = neuron_with_fixed_output("tanh", radius=RADIUS, output=OUTPUT)
RNG = np.random.default_rng(0)
X = RNG.standard_normal((30, 2))
X /= np.linalg.norm(X, axis=1, keepdims=True)
Y = 0.8 * np.tanh(2 * X[:, 0]) - 0.3


def force(w, residual):
    """2 E[(y - f) grad sigma_*], for w [N, 2]."""
    slope = 1 - np.tanh(w @ X.T) ** 2
    return 2 * OUTPUT * (slope * residual) @ X / len(X)


def network(w):
    return OUTPUT * np.tanh(w @ X.T).mean(axis=0)


def trained(w):
    """The weights after training, and the residuals on the way [steps, n]."""
    residuals = []
    for _ in range(N_STEPS):
        residuals.append(Y - network(w))
        w = w + STEP * force(w, residuals[-1])
    return w, np.array(residuals)


def carried(w, residuals):
    for residual in residuals:
        w = w + STEP * force(w, residual)
    return w


REFERENCE = trained(RNG.standard_normal((20_000, 2)))[1]
STEPS, RISKS = np.full(N_STEPS, STEP), (REFERENCE**2).mean(axis=1)


def test_the_flow_is_no_steeper_than_its_bound():
    bound = flow_lipschitz(TANH.curvature, STEPS, RISKS)
    start = RNG.standard_normal((2000, 2))
    direction = RNG.standard_normal((2000, 2))
    other = start + 1e-5 * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    apart = np.linalg.norm(carried(start, REFERENCE) - carried(other, REFERENCE), axis=1) / 1e-5
    assert apart.max() <= bound
    assert bound <= np.exp(2 * TANH.curvature * STEP * np.sqrt(RISKS).sum())
    assert apart.max() > 1.02  # neurons do drift apart


def test_a_flow_in_closed_form_attains_the_bound():
    """sigma_* = H theta^2/2 and a residual of 1: theta grows by 1 + 2 s H in every step."""
    H, s = 0.7, 0.1
    grown = (1 + 2 * s * H) ** 5
    assert flow_lipschitz(H, np.full(5, s), np.ones(5)) == pytest.approx(grown)
    tiny = flow_lipschitz(H, np.full(10**6, 1e-17), np.ones(10**6))
    assert tiny - 1 == pytest.approx(2 * H * 1e-11, rel=1e-4, abs=0)


@pytest.mark.parametrize("N", [20, 200, 2000])
def test_the_coupling_obeys_its_bound(N):
    for _ in range(5):
        start = RNG.standard_normal((N, 2))
        limit, path = start, []
        for residual in REFERENCE:  # e_k against the reference
            path.append(np.sqrt(((network(limit) - (Y - residual)) ** 2).mean()))
            limit = limit + STEP * force(limit, residual)
        apart = np.sqrt(((trained(start)[0] - limit) ** 2).sum(axis=1).mean())
        bound = coupling_bound(TANH, STEPS, RISKS, np.array(path))
        assert apart <= bound
        assert bound <= 40 * apart


def test_the_coupling_falls_like_the_sampling_error():
    """To first order: sum_k s_k e_k^2 times the growth of the later steps."""
    e, parts = 1e-6, 100  # in the limit of short steps
    steps, risks = np.repeat(STEPS / parts, parts), np.repeat(RISKS, parts)
    growth = (1 + 2 * steps * TANH.curvature * np.sqrt(risks)) ** 2
    later = np.append(np.cumprod(growth[::-1])[-2::-1], 1.0)
    first_order = np.sqrt((steps * e**2 * later).sum())
    found = coupling_bound(TANH, steps, risks, e)  # a little less: u <= K D in the first steps
    assert 0.9 * first_order <= found <= 1.001 * first_order
    assert coupling_bound(TANH, STEPS, RISKS, e) <= 2 * first_order
    for scale in (1e-150, 1e-300):  # whose squares are 0
        tiny = coupling_bound(TANH, steps, risks, scale * e)
        assert tiny == pytest.approx(scale * found, rel=1e-2, abs=0)


@pytest.mark.parametrize("delta", [0.5, 0.05])
def test_the_sampling_error_is_rarely_exceeded(delta):
    """Signs, the widest law on [-S, S]: 4000 samples, 5 standard errors, false alarm 3e-7."""
    errors = 1.5 * np.abs(RNG.choice([-1.0, 1.0], (4000, 50)).mean(axis=1))
    share = (errors > sampling_error(1.5, 50, 1, delta)).mean()
    assert share <= delta + 5 * np.sqrt(delta * (1 - delta) / 4000)
    assert sampling_error(1.5, 50, 7, delta) == sampling_error(1.5, 50, 1, delta / 7)


def test_trained_networks_obey_the_whole_bound():
    mu, N = Gaussian(spectrum=[1.0, 1.0]), 400
    bound = trained_error_bound(mu, N, TANH, size=OUTPUT, steps=STEPS, risks=RISKS, delta=0.01)
    assert bound.distance == pytest.approx(bound.flow * bound.initial + 2 * bound.coupling)
    for _ in range(4):
        a, b = mu.sample(N, rng=RNG), mu.sample(N, rng=RNG)
        order = optimal_permutation(a, b)
        (end_a, _), (end_b, _) = trained(a), trained(b[order])
        assert np.sqrt(((a - b[order]) ** 2).sum(axis=1).mean()) <= bound.initial
        assert np.sqrt(((end_a - end_b) ** 2).sum(axis=1).mean()) <= bound.distance
        for t in (0.25, 0.5):
            chord = t * network(end_a) + (1 - t) * network(end_b)
            error = np.abs(network(t * end_a + (1 - t) * end_b) - chord).max()
            assert error <= bound.function_error


def test_a_useless_bound_is_infinite_and_no_error():
    steps, risks = np.full(2000, 0.4), np.full(2000, 1e3)
    assert flow_lipschitz(TANH.curvature, steps, risks) == np.inf
    assert coupling_bound(TANH, steps, risks, errors=0.1) == np.inf
    assert coupling_bound(TANH, steps, risks, errors=0.0) == 0.0
    far, farther = (coupling_bound(TANH, STEPS, RISKS, errors=e) for e in (1e100, 1e200))
    assert farther == pytest.approx(1e100 * far)  # whose square is infinite
    mu = Gaussian(spectrum=[1.0])
    bound = trained_error_bound(mu, 10, TANH, size=1.5, steps=steps, risks=risks, delta=0.1)
    assert bound.function_error == np.inf


def test_bad_arguments_of_the_mean_field_are_refused():
    good = {"steps": STEPS, "risks": RISKS}
    with pytest.raises(ValueError, match="T5 needs a neuron without a kink"):
        flow_lipschitz(np.inf, **good)
    with pytest.raises(ValueError, match="steps and risks must match"):
        flow_lipschitz(1.0, STEPS, RISKS[1:])
    with pytest.raises(ValueError, match="steps must be positive"):
        flow_lipschitz(1.0, 0 * STEPS, RISKS)
    with pytest.raises(ValueError, match="risks must be >= 0"):
        flow_lipschitz(1.0, STEPS, -RISKS)
    with pytest.raises(ValueError, match="errors must be >= 0"):
        coupling_bound(TANH, **good, errors=-0.1)
    with pytest.raises(ValueError, match="errors must be finite"):
        coupling_bound(TANH, **good, errors=np.inf)
    with pytest.raises(ValueError, match=r"steps must stay below 1/K\^2 = 0.44"):
        coupling_bound(TANH, 10 * STEPS, RISKS, errors=0.1)
    for size, N, steps, delta, message in (
        (0.0, 5, 5, 0.1, "size must be positive"),
        (1.0, 0, 5, 0.1, "N must be >= 1"),
        (1.0, 5, 0, 0.1, "steps must be >= 1"),
        (1.0, 5, 5, 1.0, r"delta must lie in \(0, 1\), got 1"),
    ):
        with pytest.raises(ValueError, match=message):
            sampling_error(size, N, steps, delta)
    training = good | {"size": 1.0, "delta": 0.1}
    with pytest.raises(TypeError, match="R10 needs a law"):
        trained_error_bound(SubGaussianProduct(Laplace(), scales=[1.0]), 10, TANH, **training)
    relu = neuron_with_fixed_output("relu", radius=1.0, output=1.0)
    with pytest.raises(ValueError, match="needs a neuron without a kink"):
        trained_error_bound(Gaussian(spectrum=[1.0]), 10, relu, **training)
