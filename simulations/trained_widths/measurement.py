"""What one task measures: networks of one depth and training at all widths.

At every width, for each pair of networks: the matching cost of each layer and the function error at
the midpoint; the tests of independence of its neurons; and what the pool of its neurons costs at
the same width. From the widest of the estimating widths alone: predictions for the testing widths.
"""

from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lmctheory.matching import permute
from lmctheory.networks import AffineChain, load_dataset
from lmctheory.prediction.error_terms import chain_error_sizes
from lmctheory.rates import optimal_permutation
from lmctheory.rates.empirical.independence import (
    coordinate_products,
    matching_statistic,
    permutation_test,
    variance_ratio,
)
from lmctheory.rates.empirical.pooling import pooled_matching_cost
from lmctheory.sweeps.mean import Mean
from simulations.trained_widths.networks import Networks, Neurons, trained_networks
from simulations.trained_widths.prediction import predict
from simulations.trained_widths.tasks import AtWidth, Layer, Measured, Task, Tested

__all__ = ["COST_TEST_WIDTH", "TESTS", "run"]

COST_TEST_WIDTH = 256
"""The widest layer whose matching cost is tested: each random deal solves K/2 assignments."""


def _second_moment_ratio(neurons: Float[np.ndarray, "K m d"]) -> float:
    return variance_ratio(coordinate_products(neurons))


TESTS: dict[str, Callable[[np.ndarray], float]] = {
    "cost": matching_statistic,
    "mean": variance_ratio,
    "second": _second_moment_ratio,
}
"""Statistics of the tests of independence."""


def run(task: Task, data_dir: Path | None = None) -> Measured:
    """Trains the networks of all widths, measures them, and predicts the wide from the narrow."""
    data = load_dataset(task.dataset, data_dir=data_dir)
    rng = np.random.default_rng([task.seed, task.depth])
    measured: dict[int, AtWidth] = {}
    source: Sequence[Neurons] = ()
    for width in task.estimating:
        networks = trained_networks(task, width, task.pool, data)
        measured[width] = _measure(networks, task, rng)
        source = networks.layers
    movements = [
        [Mean.over(measured[width].layers[layer].movement) for width in task.estimating]
        for layer in range(task.depth)
    ]
    predictions = [
        predict(layer, moved, task.estimating, task.testing, rng)
        for layer, moved in zip(source, movements, strict=True)
    ]
    for width in task.testing:
        networks = trained_networks(task, width, task.networks, data)
        measured[width] = _measure(networks, task, rng)
    return Measured(measured, predictions)


def _measure(networks: Networks, task: Task, rng: np.random.Generator) -> AtWidth:
    orders = [_pairwise(layer.neurons) for layer in networks.layers]
    errors, incoherent = _errors(networks, [order for order, _ in orders])
    return AtWidth(
        accuracy=list(networks.accuracy),
        gain=[_gain(chain, networks.inputs) for chain in networks.chains],
        errors=errors.tolist(),
        incoherent=incoherent.tolist(),
        layers=[
            _layer(layer, costs, task.permutations, rng)
            for layer, (_, costs) in zip(networks.layers, orders, strict=True)
        ],
    )


def _pairwise(
    neurons: Float[np.ndarray, "K m n"],
) -> tuple[dict[tuple[int, int], np.ndarray], Float[np.ndarray, "K K"]]:
    """The optimal permutation of every pair j < k, and its cost per neuron ``[K, K]``."""
    orders, costs = {}, np.zeros((len(neurons), len(neurons)))
    for j, k in combinations(range(len(neurons)), 2):
        orders[j, k] = optimal_permutation(neurons[j], neurons[k])
        costs[j, k] = np.square(neurons[j] - neurons[k][orders[j, k]]).sum(axis=1).mean()
    return orders, costs


def _gain(chain: AffineChain, inputs: Tensor) -> float:
    """|W_{L+1}|_F^2 / E|f|^2: what D1 multiplies a squared gap of activations by, relative to f."""
    scale = chain(inputs).square().sum(dim=1).mean()
    return float(chain.weights[-1].square().sum() / scale)


@torch.no_grad()
def _errors(
    networks: Networks, orders: Sequence[dict[tuple[int, int], np.ndarray]]
) -> tuple[Float[np.ndarray, "K K"], Float[np.ndarray, "K K"]]:
    """E|f_{1/2} - f-bar|^2 of every pair, and its incoherent part, relative to E|f|^2."""
    chains = networks.chains
    whole, incoherent = (np.zeros((len(chains), len(chains))) for _ in range(2))
    for j, k in combinations(range(len(chains)), 2):
        names = chains[j].names
        own = {name: order[j, k] for name, order in zip(names, orders, strict=False)}
        found = chain_error_sizes(chains[j], permute(chains[k], own), networks.inputs)
        whole[j, k] = found.whole / found.scale
        incoherent[j, k] = found.incoherent / found.scale
    return whole, incoherent


def _layer(
    layer: Neurons, costs: Float[np.ndarray, "K K"], permutations: int, rng: np.random.Generator
) -> Layer:
    """With the cost of pseudo-networks from the networks' own pool, and tests of independence."""
    neurons = layer.neurons
    width = neurons.shape[1]
    own = pooled_matching_cost(neurons, width, partitions=2, rng=rng)
    tests = {}
    for name, statistic in TESTS.items():
        if name != "cost" or width <= COST_TEST_WIDTH:
            found = permutation_test(neurons, statistic, permutations=permutations, rng=rng)
            tests[name] = Tested(found.ratio, found.p_value)
    return Layer(
        costs=costs.tolist(),
        own=(own.mean, own.standard_error),
        tests=tests,
        variance=float(neurons.var(axis=(0, 1)).sum()),
        kept=layer.kept,
        movement=layer.movement.tolist(),
    )
