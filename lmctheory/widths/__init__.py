"""From a tolerance to a number of neurons: two-layer (T) and deep (D) networks.

`two_layer` and `deep` hold what either kind of network has of its own under the same name:
``error_bound``, ``required_width`` and ``required_widths``; `lower` holds bounds from below,
`trained_pair` what training does to neurons of two networks that were matched before.
"""

from lmctheory.widths import deep, lower, trained_pair, two_layer
from lmctheory.widths.averaging_gain import matching_cost_bounds
from lmctheory.widths.coherent_error import CoherentError, OutputLaw, coherent_error_bound
from lmctheory.widths.common_law import CommonLaw, common_law_bound, common_law_from_cost
from lmctheory.widths.dropout import dropout_bound
from lmctheory.widths.ensembles import Ensemble, ensemble
from lmctheory.widths.fixed_outputs import data_error_bound, kink_bound, metric_law, neuron_on_data
from lmctheory.widths.high_probability import chi_square_factor, effective_outputs
from lmctheory.widths.kernels import dual_kernel, nngp_kernels, sampled_kernels
from lmctheory.widths.layer_lower_bounds import matching_lower_bounds
from lmctheory.widths.low_dimension import crossover_width, low_dimensional_bound
from lmctheory.widths.mean_field import (
    coupling_bound,
    flow_lipschitz,
    sampling_error,
    trained_error_bound,
)
from lmctheory.widths.neuron_gap import activation_gap_bound, neuron_gap_bound, relu_gap
from lmctheory.widths.non_gaussian import gaussian_parts, non_gaussian_cost
from lmctheory.widths.paper_rates import entezari_two_layer, ferbach_deep, ferbach_two_layer
from lmctheory.widths.simulated import simulated_error_bound
from lmctheory.widths.two_layer import neuron, neuron_with_fixed_output, squared_loss_barrier

__all__ = [
    "CoherentError",
    "CommonLaw",
    "Ensemble",
    "OutputLaw",
    "activation_gap_bound",
    "chi_square_factor",
    "coherent_error_bound",
    "common_law_bound",
    "common_law_from_cost",
    "coupling_bound",
    "crossover_width",
    "data_error_bound",
    "deep",
    "dropout_bound",
    "dual_kernel",
    "effective_outputs",
    "ensemble",
    "entezari_two_layer",
    "ferbach_deep",
    "ferbach_two_layer",
    "flow_lipschitz",
    "gaussian_parts",
    "kink_bound",
    "low_dimensional_bound",
    "lower",
    "matching_cost_bounds",
    "matching_lower_bounds",
    "metric_law",
    "neuron",
    "neuron_gap_bound",
    "neuron_on_data",
    "neuron_with_fixed_output",
    "nngp_kernels",
    "non_gaussian_cost",
    "relu_gap",
    "sampled_kernels",
    "sampling_error",
    "simulated_error_bound",
    "squared_loss_barrier",
    "trained_error_bound",
    "trained_pair",
    "two_layer",
]
