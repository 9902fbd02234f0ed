"""One layer after another."""

from lmctheory.matching.costs.neuron_costs import all_parameters
from lmctheory.matching.solvers import (
    layer_by_layer,
)
from tests.matching.solvers.examples import attention, is_recovered, planted


def test_layer_by_layer_solves_blocks_by_any_cost():
    start = planted(attention(3, 2, seed=2), 1)

    assert is_recovered(start, layer_by_layer(start, all_parameters).alignment)
