"""Every function of widths that takes numbers, with arguments of every type, as users call it."""

import numpy as np
import pytest

from lmctheory.measures import Gaussian, UniformCube
from lmctheory.widths import (
    common_law,
    fixed_outputs,
    high_probability,
    layer_lower_bounds,
    low_dimension,
    mean_field,
    neuron_gap,
    paper_rates,
    two_layer,
)
from lmctheory.widths.deep import ensemble, error_quantile, required_widths
from tests.border import BAD, FORMS, PLAIN, refused, same

INPUTS = np.array([[0.5, 1.0], [2.0, -1.0], [0.25, 4.0]])
PLANE = Gaussian(spectrum=[1.0, 0.5])
TANH = two_layer.neuron_with_fixed_output("tanh", radius=1.0, output=1.0)
BOUNDED = two_layer.neuron("tanh", radius=1.0, output=1.0, weight_norm=1.5)
SHARED = common_law.CommonLaw(0.5, 0.25, 0.5, 1.0)
NETWORKS = ensemble(INPUTS, depth=1)

CALLS = {
    "largest_gap": lambda f: neuron_gap.largest_gap(
        f.array([0.5, 2.0]), f.number(1.0), f.number(0.5)
    ),
    "neuron_gap_bound": lambda f: neuron_gap.neuron_gap_bound(
        f.array([0.5]), f.number(0.25), lipschitz=f.number(1.0), curvature=f.number(0.5)
    ),
    "activation_gap_bound": lambda f: neuron_gap.activation_gap_bound(
        f.array([0.5]), f.number(0.25), "tanh"
    ),
    "relu_gap": lambda f: neuron_gap.relu_gap(f.array([1.0, 0.5]), f.array([-1.0, 2.0])),
    "neuron": lambda f: two_layer.neuron(
        "tanh", radius=f.number(0.5), output=f.number(1.5), weight_norm=f.number(1.0)
    ),
    "neuron_with_fixed_output": lambda f: two_layer.neuron_with_fixed_output(
        "tanh", radius=f.number(0.5), output=f.number(1.5)
    ),
    "function_error": lambda f: BOUNDED.function_error(f.number(0.5)),
    "distance": lambda f: BOUNDED.distance(f.number(0.5)),
    "error_bound": lambda f: two_layer.error_bound(UniformCube(2), f.integer(9), BOUNDED),
    "required_width": lambda f: two_layer.required_width(
        f.number(0.5), UniformCube(2), BOUNDED, delta=f.number(0.5)
    ),
    "squared_loss_barrier": lambda f: two_layer.squared_loss_barrier(
        f.number(0.5), f.number(0.25), f.number(0.125), f.number(0.5)
    ),
    "metric_law": lambda f: fixed_outputs.metric_law(PLANE, f.array(INPUTS)).spectrum,
    "data_error_bound": lambda f: fixed_outputs.data_error_bound(
        PLANE, f.integer(9), "relu", output=f.number(0.5), inputs=f.array(INPUTS)
    ),
    "neuron_on_data": lambda f: fixed_outputs.neuron_on_data(
        "tanh", output=f.number(0.5), inputs=f.array(INPUTS)
    ),
    "kink_bound": lambda f: fixed_outputs.kink_bound(f.number(0.5), f.number(1.0), f.number(2.0)),
    "flow_lipschitz": lambda f: mean_field.flow_lipschitz(
        f.number(0.5), f.array([0.5, 0.25]), f.array([1.0, 0.5])
    ),
    "sampling_error": lambda f: mean_field.sampling_error(
        f.number(0.5), f.integer(9), f.integer(3), f.number(0.5)
    ),
    "coupling_bound": lambda f: mean_field.coupling_bound(
        TANH, f.array([0.5, 0.25]), f.array([1.0, 0.5]), f.array([0.5, 0.5])
    ),
    "trained_error_bound": lambda f: mean_field.trained_error_bound(
        PLANE, f.integer(9), TANH, size=f.number(1.0), steps=f.array([0.5, 0.25]),
        risks=f.array([1.0, 0.5]), delta=f.number(0.5),
    ),
    "ferbach_two_layer": lambda f: paper_rates.ferbach_two_layer(f.number(0.5), f.integer(9)),
    "entezari_two_layer": lambda f: paper_rates.entezari_two_layer(f.number(0.5), f.integer(9)),
    "ferbach_deep": lambda f: paper_rates.ferbach_deep(
        f.number(0.5), f.integer(5), f.integer(2), f.number(1.5)
    ),
    "ferbach_deep, T by layer": lambda f: paper_rates.ferbach_deep(
        f.number(0.5), f.integer(5), f.integer(2), f.array([1.5, 2.0])
    ),
    "matching_lower_bounds": lambda f: layer_lower_bounds.matching_lower_bounds(
        [f.array([[1.0, 0.5], [0.5, 1.0]])], [f.integer(9)], s_w=f.number(1.5), s_b=f.number(0.5)
    ),
    "low_dimensional_bound": lambda f: low_dimension.low_dimensional_bound(
        PLANE, f.integer(9), f.number(0.5)
    ),
    "crossover_width": lambda f: low_dimension.crossover_width(PLANE, f.number(0.5)),
    "required_widths": lambda f: required_widths(
        f.number(0.5), NETWORKS, delta=f.number(0.5), t=f.number(0.25),
        effective_outputs=f.number(2.0),
    ),
    "common_law_bound": lambda f: common_law.common_law_bound(
        UniformCube(3), f.integer(9), "tanh", inputs=f.array(INPUTS),
        largest_output=f.number(0.5), scale=f.number(2.0), t=f.number(0.25),
    ),
    "common_law_from_cost": lambda f: common_law.common_law_from_cost(
        f.number(0.25), "relu", inputs=f.array(INPUTS), largest_output=f.number(0.5),
        scale=f.number(2.0), variance=f.number(0.125), t=f.number(0.25),
    ),
    "lipschitz_barrier": lambda f: SHARED.lipschitz_barrier(f.number(0.5)),
    "smooth_barrier": lambda f: SHARED.smooth_barrier(f.number(0.5), f.number(0.25)),
    "error_quantile": lambda f: error_quantile(
        (4,), NETWORKS, f.number(0.5), t=f.number(0.25), s_out=f.number(2.0), n_out=f.integer(3),
        effective_outputs=f.number(4.0),
    ),
    "chi_square_factor": lambda f: high_probability.chi_square_factor(
        f.number(2.0), f.number(0.25)
    ),
    "effective_outputs": lambda f: high_probability.effective_outputs(
        f.array([[1.0, 2.0]]), f.array([[0.5, 1.0]]), f.array([[4.0, 2.0]]), t=f.number(0.25),
        n_out=f.integer(3),
    ),
}  # fmt: skip
EVERY_CALL = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@EVERY_CALL
def test_a_result_is_the_same_in_every_type(call, form, as_users_call):
    assert same(call(PLAIN), call(form))


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
@EVERY_CALL
def test_bad_arguments_are_refused_by_name(call, bad, as_users_call):
    refused(call, bad)
