"""What one task of the study measures: pairs of one architecture, before and after matching.

For every pair, on test data, from either base network at t = 1/2 unless said otherwise:

- layer-wise barriers of all windows of consecutive layers and of random groups, against the full
  networks and the swapped ends, with their standard errors over the examples, and their maxima;
- the null models: the path's barrier, of which shares are taken, and random directions of the same
  norm in the same layers, five draws;
- curvature at the base networks in the direction of the other one and in random directions;
- whether a segment along which one or two layers move shows a negative second difference;
- the bound L3 of the edge barriers (chains);
- features of the midpoint against what LLFC and LEWC predict (L7, L8), and its temperature;
- the split of the barrier into layers (L5), Shapley values, and a recommendation of layers.

Deep linear networks are fitted by least squares, and L2's condition is put to pairs of layers.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lmctheory.layerwise import (
    LayerBarriers,
    cumulative,
    feature_connectivity,
    interaction_matrix,
    layer_barriers,
    layer_bounds,
    layer_hessian,
    layers,
    moving_windows,
    perturbed,
    random_directions,
    random_groups,
    recalibrated_barrier,
    recommend,
    shapley,
    single_layers,
    two_layer_convexity,
)
from lmctheory.layerwise.barriers.selection import Subset
from lmctheory.matching import Matching, match
from lmctheory.networks import Dataset, Examples, find_chain, load_dataset
from lmctheory.paths import with_layers_of
from simulations.layerwise.networks import LINEAR, NETWORKS, least_squares_pair, trained_pair
from simulations.layerwise.pair import (
    Barriers,
    Curvature,
    Features,
    LinearPair,
    Measured,
    Pair,
    Recommended,
    Split,
    TwoLayers,
)
from simulations.layerwise.tasks import Task

__all__ = ["MATCHING", "TOLERANCE", "run"]

MATCHING = "weight"
TOLERANCE = 0.1
"""By which a recommendation may raise the loss, in nats."""

_DEEP = 12
"""Networks with more layers are measured at fewer places."""
_DRAWS = 5
_GROUPS = 4
"""Random groups of each size, from either base network."""
_ORDERS = 8
"""Random orders for Shapley values of deep networks."""
_BENT = -1e-5
"""A second difference below this is negative beyond rounding."""


def run(task: Task, data_dir: Path | None = None) -> Measured:
    """Measures all pairs of a task."""
    data = load_dataset(task.dataset, data_dir=data_dir)
    entropy = np.random.SeedSequence([task.seed, *task.architecture.encode()])
    seeds = entropy.generate_state(2 * task.pairs).tolist()
    unmatched, matched = [], []
    for place, pair_seeds in enumerate(zip(seeds[::2], seeds[1::2], strict=True)):
        if task.architecture == LINEAR:
            a, b = least_squares_pair(data, task.joining, list(pair_seeds))
        else:
            a, b = trained_pair(
                NETWORKS[task.architecture],
                data,
                task.joining,
                list(pair_seeds),
                width=task.width,
                epochs=task.epochs,
                schedule=task.schedule,
            )
        matching = match(a, b, MATCHING, data.train.inputs)
        measured = _measured(a, b, data, task, place)
        unmatched.append(measured)
        if _permutes(matching):
            measured = _measured(a, matching.apply(b), data, task, place)
        matched.append(measured)
    return Measured(unmatched, matched)


def _permutes(matching: Matching) -> bool:
    """Whether any neuron changes its place: those of shared weights seldom do."""
    return any((perm != np.arange(len(perm))).any() for perm in matching.permutations.values())


def _measured(
    a: nn.Module, b: nn.Module, data: Dataset, task: Task, place: int
) -> Pair | LinearPair:
    if task.architecture == LINEAR:
        return _two_layers(a, b, data.test)
    test = data.test[: task.examples]
    found = Pair(
        **vars(_barriers(a, b, test, place)),
        curvature=_curvature(a, b, test, place),
        features=_features(a, b, test),
        recalibrated=_recalibrated(a, b, data, test),
    )
    if find_chain(a) is not None:
        bound = layer_bounds(a, b, test)
        l3, lipschitz = bound.edge_barrier.tolist(), bound.lipschitz_edge_barrier.tolist()
        found = replace(found, l3=l3, l3_lipschitz=lipschitz)
    if not task.details:
        return found
    kinks = NETWORKS[task.architecture].kink_examples if place == 0 else 0
    return replace(
        found,
        recommended=_recommended(a, b, data, test),
        shapley=_shapley(a, b, test, place),
        split=_split(a, b, test[:kinks]) if kinks else None,
    )


def _split(a: nn.Module, b: nn.Module, few: Examples) -> Split:
    found = interaction_matrix(a, b, few)
    return Split(found.matrix.tolist(), found.barrier)


def _barriers(a: nn.Module, b: nn.Module, test: Examples, place: int) -> Barriers:
    names = [layer.name for layer in layers(a)]
    deep = len(names) > _DEEP
    windows = moving_windows(names)
    rng = np.random.default_rng(place)
    sizes = (2, 4, 8, 11, 16) if deep else range(2, len(names))
    groups = [group for size in sizes for group in random_groups(names, size, _GROUPS, rng=rng)]
    found = layer_barriers(a, b, test, [*windows, *groups], points=3 if deep else 9)
    twos = layer_barriers(a, b, test, _ones_and_twos(names), points=9)
    null = _null_subsets(names, windows)
    noise = random_directions(
        a, b, test, null, draws=_DRAWS, rng=torch.Generator().manual_seed(place)
    )
    return Barriers(
        layers=names,
        parameters=found.parameters.tolist(),
        path=float(found.path.midpoint[0, 0]),
        path_max=float(found.path.max[0, 0]),
        losses=found.loss_ends.tolist(),
        subsets=[[names.index(name) for name in subset] for subset in found.subsets],
        window_count=len(windows),
        full=found.full.midpoint.tolist(),
        full_error=found.full.midpoint_error.tolist(),
        full_max=found.full.max.tolist(),
        edge=found.edge.midpoint.tolist(),
        edge_error=found.edge.midpoint_error.tolist(),
        accuracy_drop=found.full_accuracy.midpoint.tolist(),
        rise=found.rise.tolist(),
        null_windows=[windows.index(subset) for subset in null],
        null_rise=noise.rise.tolist(),
        null_edge=noise.edge.tolist(),
        bent=_bent(twos),
    )


def _ones_and_twos(names: Sequence[str]) -> tuple[Subset, ...]:
    """Single layers, and all pairs of layers or, in deep networks, those of neighbours."""
    pairs = moving_windows(names, [2]) if len(names) > _DEEP else tuple(combinations(names, 2))
    return (*single_layers(names), *pairs)


def _null_subsets(names: Sequence[str], windows: tuple[Subset, ...]) -> tuple[Subset, ...]:
    """All windows or, in deep networks, single layers and those that touch an end."""
    if len(names) <= _DEEP:
        return windows
    groups = (*single_layers(names), *cumulative(names, "input"), *cumulative(names, "output"))
    return tuple(dict.fromkeys(groups))


def _bent(found: LayerBarriers) -> dict[int, tuple[int, int]]:
    """By the number of layers moved, how many segments bend downwards, and of how many."""
    second = np.diff(found.loss, n=2, axis=-1)
    bent = second.min(-1) < _BENT
    sizes = np.array([len(subset) for subset in found.subsets])
    return {
        size: (int(bent[:, sizes == size].sum()), bent[:, sizes == size].size) for size in (1, 2)
    }


def _curvature(a: nn.Module, b: nn.Module, test: Examples, place: int) -> Curvature:
    """Of single layers at A: towards B, and the mean of random directions of that norm."""
    rng = torch.Generator().manual_seed(place)
    random = [layer_hessian(a, perturbed(a, b, rng=rng), test).diagonal() for _ in range(_DRAWS)]
    towards = layer_hessian(a, b, test).diagonal()
    return Curvature(towards.tolist(), np.mean(random, axis=0).tolist())


def _features(a: nn.Module, b: nn.Module, test: Examples) -> Features:
    found = feature_connectivity(a, b, test)
    return Features(
        cosine=found.mean("cosine").tolist(),
        baseline=found.mean("baseline").tolist(),
        coefficient=found.mean("coefficient").tolist(),
        llfc_error=found.mean("llfc_error").tolist(),
        lewc_error=found.mean("lewc_error").tolist(),
        names=list(found.names),
        depth=list(found.depth),
    )


def _recalibrated(a: nn.Module, b: nn.Module, data: Dataset, test: Examples) -> float | None:
    try:
        return recalibrated_barrier(a, b, test, data.train).recalibrated
    except ValueError:  # no temperature is best: the midpoint is right or wrong throughout
        return None


def _shapley(a: nn.Module, b: nn.Module, test: Examples, place: int) -> list[float]:
    if len(layers(a)) <= _DEEP:
        return shapley(a, b, test).values.tolist()
    rng = np.random.default_rng(place)
    return shapley(a, b, test, draws=_ORDERS, rng=rng).values.tolist()


def _recommended(a: nn.Module, b: nn.Module, data: Dataset, test: Examples) -> Recommended:
    """Chosen on as many training examples as there are test examples."""
    few = data.train[: len(test)]
    found = recommend(a, b, few, test, tolerance=TOLERANCE, rng=np.random.default_rng(0))
    return Recommended(
        layers=list(found.layers),
        parameters=found.parameters,
        rise=round(found.test_loss - found.test_limit + TOLERANCE, 12),
        holds=found.holds,
        random_rise=round(found.random_mean - found.test_limit + TOLERANCE, 12),
        random_holds=found.random_holds,
    )


def _two_layers(a: nn.Module, b: nn.Module, test: Examples) -> LinearPair:
    names = [layer.name for layer in layers(a)]

    def moved(*chosen: str) -> TwoLayers:
        l2 = two_layer_convexity(a, with_layers_of(a, b, chosen), test)
        return TwoLayers(l2.convex, l2.has_barrier, l2.max_barrier, l2.min_curvature)

    pairs = [moved(*chosen) for chosen in combinations(names, 2)]
    return LinearPair(pairs, [moved(name) for name in names])
