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

import copy
from collections.abc import Sequence
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
from lmctheory.networks import Dataset, Examples, affine_chain, find_chain, load_dataset
from lmctheory.sweeps.study import Config, Record
from simulations.layerwise.networks import LINEAR, NETWORKS, least_squares_pair, trained_pair

__all__ = ["ALIGNMENTS", "MATCHING", "TOLERANCE", "run"]

ALIGNMENTS = ("unmatched", "matched")
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
_FEATURES = ("cosine", "baseline", "coefficient", "llfc_error", "lewc_error")


def run(config: Config, data_dir: Path | None = None) -> Record:
    """Measures all pairs that `config` names."""
    data = load_dataset(config["dataset"], data_dir=data_dir)
    entropy = np.random.SeedSequence([config["seed"], *config["architecture"].encode()])
    seeds = entropy.generate_state(2 * config["pairs"]).tolist()
    record: Record = {name: [] for name in ALIGNMENTS}
    for place, pair_seeds in enumerate(zip(seeds[::2], seeds[1::2], strict=True)):
        if config["architecture"] == LINEAR:
            a, b = least_squares_pair(data, config["joining"], list(pair_seeds))
        else:
            network = NETWORKS[config["architecture"]]
            a, b = trained_pair(network, data, config["joining"], list(pair_seeds), config)
        matching = match(a, b, MATCHING, data.train.inputs)
        measured = _measured(a, b, data, config, place)
        record["unmatched"].append(measured)
        record["matched"].append(
            _measured(a, matching.apply(b), data, config, place)
            if _permutes(matching)
            else measured
        )
    return record


def _permutes(matching: Matching) -> bool:
    """Whether any neuron changes its place: those of shared weights seldom do."""
    return any((perm != np.arange(len(perm))).any() for perm in matching.permutations.values())


def _measured(a: nn.Module, b: nn.Module, data: Dataset, config: Config, place: int) -> Record:
    if config["architecture"] == LINEAR:
        return _two_layers(a, b, data.test)
    count = config["examples"]
    test = Examples(data.test.inputs[:count], data.test.labels[:count])
    found: Record = _barriers(a, b, test, place)
    found |= {"curvature": _curvature(a, b, test, place)}
    if config["details"]:
        found |= {
            "recommended": _recommended(a, b, data, test),
            "shapley": _shapley(a, b, test, place),
        }
        if place == 0 and (kinks := NETWORKS[config["architecture"]].kink_examples):
            few = Examples(test.inputs[:kinks], test.labels[:kinks])
            split = interaction_matrix(a, b, few)
            found["split"] = {"matrix": split.matrix.tolist(), "barrier": split.barrier}
    return found | _connectivity(a, b, data, test) | _bounds(a, b, test)


def _barriers(a: nn.Module, b: nn.Module, test: Examples, place: int) -> Record:
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
    where = [windows.index(subset) for subset in null]
    return {
        "layers": names,
        "parameters": found.parameters.tolist(),
        "path": float(found.path.midpoint[0, 0]),
        "path max": float(found.path.max[0, 0]),
        "losses": found.loss_ends.tolist(),
        "subsets": [[names.index(name) for name in subset] for subset in found.subsets],
        "windows": len(windows),
        "full": found.full.midpoint.tolist(),
        "full error": found.full.midpoint_error.tolist(),
        "full max": found.full.max.tolist(),
        "edge": found.edge.midpoint.tolist(),
        "edge error": found.edge.midpoint_error.tolist(),
        "accuracy drop": found.full_accuracy.midpoint.tolist(),
        "rise": found.rise.tolist(),
        "null windows": where,
        "null rise": noise.rise.tolist(),
        "null edge": noise.edge.tolist(),
        "bent": _bent(twos),
    }


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


def _bent(found: LayerBarriers) -> Record:
    """By the number of layers moved, how many segments bend downwards, and of how many."""
    second = np.diff(found.loss, n=2, axis=-1)
    bent = second.min(-1) < _BENT
    sizes = np.array([len(subset) for subset in found.subsets])
    return {
        str(size): [int(bent[:, sizes == size].sum()), bent[:, sizes == size].size]
        for size in (1, 2)
    }


def _curvature(a: nn.Module, b: nn.Module, test: Examples, place: int) -> Record:
    """Of single layers at A: towards B, and the mean of random directions of that norm."""
    rng = torch.Generator().manual_seed(place)
    random = [layer_hessian(a, perturbed(a, b, rng=rng), test).diagonal() for _ in range(_DRAWS)]
    return {
        "towards": layer_hessian(a, b, test).diagonal().tolist(),
        "random": np.mean(random, axis=0).tolist(),
    }


def _connectivity(a: nn.Module, b: nn.Module, data: Dataset, test: Examples) -> Record:
    features = feature_connectivity(a, b, test)
    try:
        temperature = recalibrated_barrier(a, b, test, data.train)
    except ValueError:  # no temperature is best: the midpoint is right or wrong throughout
        recalibrated = None
    else:
        recalibrated = temperature.recalibrated
    return {
        "features": {name: features.mean(name).tolist() for name in _FEATURES}
        | {"names": list(features.names), "depth": list(features.depth)},
        "recalibrated": recalibrated,
    }


def _bounds(a: nn.Module, b: nn.Module, test: Examples) -> Record:
    chain = find_chain(a)
    if chain is None:
        return {}
    bound = layer_bounds(a, b, test)
    return {
        "L3": bound.edge_barrier.tolist(),
        "L3 Lipschitz": bound.lipschitz_edge_barrier.tolist(),
    }


def _shapley(a: nn.Module, b: nn.Module, test: Examples, place: int) -> list[float]:
    if len(layers(a)) <= _DEEP:
        return shapley(a, b, test).values.tolist()
    rng = np.random.default_rng(place)
    return shapley(a, b, test, draws=_ORDERS, rng=rng).values.tolist()


def _recommended(a: nn.Module, b: nn.Module, data: Dataset, test: Examples) -> Record:
    """Chosen on as many training examples as there are test examples."""
    few = Examples(data.train.inputs[: len(test)], data.train.labels[: len(test)])
    found = recommend(a, b, few, test, tolerance=TOLERANCE, rng=np.random.default_rng(0))
    return {
        "layers": list(found.layers),
        "parameters": found.parameters,
        "rise": round(found.test_loss - found.test_limit + TOLERANCE, 12),
        "holds": found.holds,
        "random rise": round(found.random_mean - found.test_limit + TOLERANCE, 12),
        "random holds": found.random_holds,
    }


def _two_layers(a: nn.Module, b: nn.Module, test: Examples) -> Record:
    """L2's condition for every pair of layers, and the same for single ones (L1)."""
    found: Record = {"pairs": [], "single": []}
    count = affine_chain(a).depth + 1
    for moved in (*combinations(range(count), 2), *((k,) for k in range(count))):
        l2 = two_layer_convexity(a, _with_layers_of(a, b, moved), test)
        entry = [l2.convex, l2.has_barrier, l2.max_barrier, l2.min_curvature]
        found["pairs" if len(moved) == 2 else "single"].append(entry)
    return found


def _with_layers_of(a: nn.Module, b: nn.Module, moved: Sequence[int]) -> nn.Module:
    chosen = [layers(a)[k] for k in moved]
    state = a.state_dict() | {key: b.state_dict()[key] for layer in chosen for key in layer.keys}
    model = copy.deepcopy(a)
    model.load_state_dict(state)
    return model
