"""What one task measures: pairs of one network at one time of its training.

In three ways: networks that start independently, as they are and after matching, and networks of
one start that see the data in different orders. Of every pair, on test data at t = 1/2, means over
both base networks: barriers of single groups of layers against the full networks and the swapped
ends, cumulative ones from the input and from the output, and the rise in random directions of the
same norm; and at one of them the curvature towards the other and in random directions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lmctheory.layerwise import (
    cumulative,
    groups,
    layer_barriers,
    layer_cube,
    perturbed,
    random_directions,
)
from lmctheory.matching import match
from lmctheory.networks import (
    Dataset,
    Examples,
    evaluation_mode,
    seeded_generators,
    train_many,
)
from lmctheory.networks.agreement import require_finite
from simulations.layers_over_training.networks import NETWORKS, groups_of
from simulations.training import Training

__all__ = ["MATCHED", "SHARED", "UNMATCHED", "WAYS", "Measured", "Pair", "Task", "cost_of", "run"]

UNMATCHED, MATCHED, SHARED = WAYS = ("unmatched", "matched", "shared")
"""Independent networks, the same after matching, and networks of one start."""

_MATCHING = "weight"


@dataclass(frozen=True)
class Task:
    """Pairs of one network at one time.

    Attributes:
        dataset: of the images; characters are the same in any case.
        network: of `NETWORKS`.
        width: of it.
        depth: hidden layers or blocks.
        epoch: after which networks are compared.
        pairs: how many.
        examples: test examples, at most.
        draws: random directions.
        seed: of everything.
        training: of which this is a part, at a constant rate.
    """

    dataset: str
    network: str
    width: int
    depth: int
    epoch: int
    pairs: int
    examples: int
    draws: int
    seed: int
    training: Training

    @property
    def seeds(self) -> list[tuple[int, int]]:
        """Two for each pair, the same at all times."""
        sequence = np.random.SeedSequence([self.seed, *self.network.encode()])
        drawn = sequence.generate_state(2 * self.pairs).tolist()
        return list(zip(drawn[::2], drawn[1::2], strict=True))


@dataclass(frozen=True)
class Pair:
    """Of one pair, joined in one way; lists are by group of layers.

    Attributes:
        losses: of the two networks.
        path: barrier of all layers.
        single: of one group, against the two full networks.
        edge: against the base network and the layer-swapped one.
        from_input: of the first 1, 2, ... groups.
        from_output: of the last 1, 2, ...
        noise: rise of the loss in random directions of the same norm, by group.
        curvature: of the loss at the first network towards the other, by group.
        random_curvature: in random directions of the same norm.
    """

    losses: list[float]
    path: float
    single: list[float]
    edge: list[float]
    from_input: list[float]
    from_output: list[float]
    noise: list[float]
    curvature: list[float]
    random_curvature: list[float]


@dataclass(frozen=True)
class Measured:
    """All pairs by the way in which they are joined, and the names of the groups of layers."""

    groups: list[str]
    ways: dict[str, list[Pair]]


def run(task: Task, data_dir: Path | None = None) -> Measured:
    """Trains to the epoch, and compares.

    Networks are trained from the beginning for every time: to continue them would begin a new
    optimiser.
    """
    network = NETWORKS[task.network]
    data = network.data(task.dataset, data_dir)
    test = data.test[: task.examples]

    def initial(seed: int) -> nn.Module:
        return network.build(data, task.width, task.depth, seeded_generators(seed)[0])

    ways: dict[str, list[Pair]] = {way: [] for way in WAYS}
    for first, second in task.seeds:
        starts = [initial(first), initial(second), initial(first)]
        a, b, twin = _trained(starts, data, task, [first, second, second])
        matching = match(a, b, _MATCHING, data.train.inputs)
        for way, other in ((UNMATCHED, b), (MATCHED, matching.apply(b)), (SHARED, twin)):
            ways[way].append(_compared(a, other, test, task.draws, first))
    return Measured(list(groups_of(a)), ways)


def _trained(
    starts: Sequence[nn.Module], data: Dataset, task: Task, seeds: Sequence[int]
) -> list[nn.Module]:
    trained = train_many(
        starts, data.train, task.training.config, seeds=seeds, span=(0, task.epoch)
    )
    require_finite(
        trained, "training diverged to NaN weights: take a narrower or shallower network"
    )
    return [evaluation_mode(model) for model in trained]


def _compared(a: nn.Module, b: nn.Module, test: Examples, draws: int, seed: int) -> Pair:
    moved = groups_of(a)
    sides = [
        [sum((moved[name] for name in names), ()) for names in cumulative(list(moved), side)]
        for side in ("input", "output")
    ]
    singles = list(moved.values())
    found = layer_barriers(a, b, test, [*singles, *sides[0], *sides[1]], points=3)
    single, from_input, from_output = np.split(found.full.midpoint.mean(0), 3)
    rng = torch.Generator().manual_seed(seed)
    noise = random_directions(a, b, test, singles, draws=draws, rng=rng)
    random = [_curvature(a, perturbed(a, b, rng=rng), test) for _ in range(draws)]
    return Pair(
        losses=found.loss_ends.tolist(),
        path=float(found.path.midpoint[0, 0]),
        single=single.tolist(),
        edge=found.edge.midpoint.mean(0)[: len(moved)].tolist(),
        from_input=from_input.tolist(),
        from_output=from_output.tolist(),
        noise=noise.rise.mean((0, 1)).tolist(),
        curvature=_curvature(a, b, test).tolist(),
        random_curvature=np.mean(random, axis=0).tolist(),
    )


def _curvature(model: nn.Module, other: nn.Module, test: Examples) -> np.ndarray:
    """By group, at the first network towards the second."""
    moved = groups(model, list(groups_of(model).values()))
    at_model = np.zeros((1, len(moved)))
    hessian = layer_cube(model, other, test, at_model, layers=moved, hessian=True).hessian
    assert hessian is not None
    return np.diagonal(hessian[0])


def cost_of(task: Task) -> float:
    """Seconds of one core, roughly, on digits."""
    train, measure = NETWORKS[task.network].cost
    return task.pairs * (train * task.epoch + measure * task.examples / 128)
