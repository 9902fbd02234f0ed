"""Odd activations (S1): bounds and widths of networks whose neurons may be negated."""

import numpy as np
import pytest

from lmctheory.measures import Gaussian, UniformCube
from lmctheory.rates import lower_bound, optimal_permutation, optimal_signs, upper_bound
from lmctheory.widths import (
    matching_cost_bounds,
    matching_lower_bounds,
    simulated_error_bound,
    trained_error_bound,
    two_layer,
)
from lmctheory.widths.deep import ensemble, error_bound, required_widths
from lmctheory.widths.odd import is_odd
from lmctheory.widths.two_layer import neuron, neuron_with_fixed_output

X = np.random.default_rng(0).standard_normal((30, 3))
TANH = neuron("tanh", radius=1.0, output=0.5, weight_norm=2**0.5 / 2)
RELU = neuron("relu", radius=1.0, output=0.5, weight_norm=2**0.5 / 2)
SIGNS = {"modulo": "signs"}


def shifted(z):
    return np.tanh(z) + 1


def test_odd_is_what_evaluates_to_be():
    odd = (
        "tanh",
        "erf",
        "identity",
        np.sin,
        lambda z: np.clip(z, -1, 1),
        lambda z: z / (1 + abs(z)),
    )
    assert all(map(is_odd, odd))
    assert not any(map(is_odd, ("relu", "sigmoid", "gelu", shifted, np.cos, lambda z: z + 1e-6)))
    with pytest.raises(ValueError, match="activation must be one of"):
        is_odd("swish")


@pytest.mark.parametrize("depth", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_signs_lower_errors_and_widths(depth):
    nets = ensemble(X, depth, "tanh")
    widths = (64,) * depth
    signed, plain = error_bound(widths, nets, **SIGNS), error_bound(widths, nets)
    assert 0.5 * plain.value < signed.value < 0.95 * plain.value
    assert signed.matching_cost == tuple(matching_cost_bounds(nets, widths, "signs"))
    assert signed.matching_cost[0] == upper_bound(nets.laws[0], 64, **SIGNS).value
    (m, *_), (most, *_) = required_widths(0.3, nets, **SIGNS), required_widths(0.3, nets)
    assert m < most
    assert error_bound((m,) * depth, nets, **SIGNS).value <= 0.09
    assert error_bound((m - 1,) * depth, nets, **SIGNS).value > 0.09


def test_simulated_matchings_are_signed():
    nets = ensemble(X, 2, "tanh")
    options = {"repeats": 32, "delta": 0.01}
    signed, plain = (
        simulated_error_bound(
            (48, 48), nets, **options, rng=np.random.default_rng(0), modulo=modulo
        )
        for modulo in ("signs", None)
    )
    assert 0.4 * plain.value < signed.value < 0.95 * plain.value
    assert signed.value <= error_bound((48, 48), nets, **SIGNS).value


def test_layers_are_bounded_from_below():
    grams = [X @ X.T / 3]
    (signed,), (plain,) = (matching_lower_bounds(grams, [40], modulo=m) for m in ("signs", None))
    assert 0 < signed < plain
    spectrum = np.linalg.eigvalsh(2 * grams[0] / 30)[::-1].clip(0)
    law = Gaussian(spectrum=np.where(spectrum > 1e-12, spectrum, 0.0))
    assert signed == pytest.approx(lower_bound(law, 40, **SIGNS).value, rel=1e-6)


@pytest.mark.slow
def test_two_layers_need_fewer_neurons():
    law = UniformCube(2)
    assert two_layer.error_bound(law, 64, TANH, **SIGNS) < two_layer.error_bound(law, 64, TANH)
    N, most = (
        two_layer.required_width(0.03, law, TANH, **SIGNS),
        two_layer.required_width(0.03, law, TANH),
    )
    assert 0.7 * most > N
    assert two_layer.error_bound(law, N, TANH, **SIGNS) <= 0.03


def test_the_function_error_of_signed_pairs_is_bounded():
    """For every pair of networks: constants hold on the segment to a negated neuron."""
    rng = np.random.default_rng(0)
    x = np.linspace(-1, 1, 50)
    for _ in range(50):
        a, b = rng.random((2, 12, 2)) - 0.5

        def network(theta):
            return (theta[:, :1] * np.tanh(theta[:, 1:] * x)).mean(axis=0)

        perm = optimal_permutation(a, b, **SIGNS)
        aligned = optimal_signs(a, b[perm])[:, None] * b[perm]
        np.testing.assert_allclose(network(aligned), network(b), atol=1e-15)
        t = float(rng.random())
        chord = t * network(a) + (1 - t) * network(b)
        error = np.abs(network(t * a + (1 - t) * aligned) - chord).max()
        distance = float(np.sqrt(np.square(a - aligned).sum(axis=1).mean()))
        assert error <= TANH.function_error(distance)


def test_trained_networks_start_nearer():
    law = UniformCube(2)
    training = {"size": 1.0, "steps": np.full(5, 0.01), "risks": np.full(5, 0.5), "delta": 0.01}
    signed, plain = (
        trained_error_bound(law, 4096, TANH, **training, modulo=m) for m in ("signs", None)
    )
    assert signed.initial < plain.initial
    assert signed.flow == plain.flow


@pytest.mark.parametrize(
    "call",
    [
        lambda nets: error_bound((8,), nets, **SIGNS),
        lambda nets: required_widths(0.3, nets, **SIGNS),
        lambda nets: matching_cost_bounds(nets, (8,), "signs"),
        lambda nets: simulated_error_bound((8,), nets, rng=np.random.default_rng(0), **SIGNS),
    ],
)
def test_signs_of_other_activations_are_refused(call):
    with pytest.raises(ValueError, match=r"modulo must be None, .* and relu is not"):
        call(ensemble(X, 1))


def test_a_function_that_is_not_odd_is_named():
    kernels = ensemble(X, 1, "tanh").covariances
    nets = ensemble(X, 1, shifted, kernels=[X @ X.T / 3, kernels[0]])
    with pytest.raises(ValueError, match="and shifted is not"):
        error_bound((8,), nets, **SIGNS)


def test_signs_beside_a_cost_of_ones_own_are_refused():
    nets = ensemble(X, 1, "tanh")
    for call in (
        lambda: error_bound((8,), nets, matching_cost=lambda law, m: 1.0, **SIGNS),
        lambda: required_widths(0.3, nets, matching_cost=lambda law, m: 1.0, **SIGNS),
    ):
        with pytest.raises(ValueError, match="modulo must be None beside a matching_cost"):
            call()


def test_signs_of_two_layers_are_refused_where_they_change_the_network():
    fixed = neuron_with_fixed_output("tanh", radius=1.0, output=1.0)
    law = UniformCube(2)
    for bound in (
        lambda constants: two_layer.error_bound(law, 64, constants, **SIGNS),
        lambda constants: two_layer.required_width(0.1, law, constants, **SIGNS),
    ):
        with pytest.raises(ValueError, match="modulo must be None for fixed output weights"):
            bound(fixed)
        with pytest.raises(ValueError, match=r"modulo must be None, .* not known to be odd"):
            bound(RELU)
        with pytest.raises(ValueError, match=r"modulo must be one of \[None, 'signs'\]"):
            two_layer.error_bound(law, 64, TANH, modulo="scales")
