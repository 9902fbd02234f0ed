"""What one task measures: networks of two data sets, merged in some of their layers only.

Network A is trained on the first set, B on the second. A layer that is averaged has the mean of
their weights, and the others stay those of the network it is asked of: so there are two merged
networks, but for all layers, where they are one. Loss and accuracy of either are taken on the test
part of both sets, for no layers, every layer alone, the first k, the last k, and all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from lmctheory.layerwise import cumulative, evaluate, layers, single_layers
from lmctheory.layerwise.barriers.selection import Subset, members
from lmctheory.matching import match
from lmctheory.networks import Dataset, Examples, evaluation_mode, train_many
from lmctheory.networks.agreement import require_finite
from simulations.layers_merged.sets import SETTINGS, both
from simulations.layerwise.networks import NETWORKS
from simulations.training import DIVERGED, Training

__all__ = [
    "ALL",
    "NONE",
    "WAYS",
    "Measured",
    "Merged",
    "Task",
    "choices",
    "cost_of",
    "run",
]

WAYS = ("unmatched", "matched", "shared", "trunk")
"""Independent networks, the same after matching, networks of one start, and such as have also
trained on both sets at first."""

NONE, ALL = "none", "all"
_MATCHING = "weight"


@dataclass(frozen=True)
class Task:
    """One repetition.

    Attributes:
        setting: of `SETTINGS`.
        architecture: a name in the layer-wise study.
        width: of the network.
        trunk: epochs on both sets, of networks with a trunk; they train on their own as long as
            the others do.
        repetition: its number.
        seed: of the whole study.
        training: of every network on its own set.
    """

    setting: str
    architecture: str
    width: int
    trunk: int
    repetition: int
    seed: int
    training: Training


@dataclass(frozen=True)
class Merged:
    """Of one way of joining, by which layers are averaged.

    Attributes:
        accuracy: of the merged networks that keep the other layers of A and of B, on the test part
            of the first and the second set ``[2][2]``.
        loss: likewise.
    """

    accuracy: dict[str, list[list[float]]]
    loss: dict[str, list[list[float]]]


@dataclass(frozen=True)
class Measured:
    """Merged networks by way, and for comparison one network that was trained on both sets.

    Attributes:
        ways: by the name of the way.
        joint: its accuracy on the test part of the first and the second set.
    """

    ways: dict[str, Merged]
    joint: list[float]


def choices(names: Sequence[str]) -> dict[str, Subset]:
    """Which layers are averaged, by what it is called."""
    count = len(names)
    singles = {f"layer {k}": one for k, one in enumerate(single_layers(names), start=1)}
    sides = {
        f"{word} {k}": group
        for word, side in (("first", "input"), ("last", "output"))
        for k, group in enumerate(cumulative(names, side), start=1)
        if 1 < k < count
    }
    return {NONE: (), **singles, **sides, ALL: tuple(names)}


def run(task: Task, data_dir: Path | None = None) -> Measured:
    """Trains networks of both sets in all ways, and merges them."""
    sets = SETTINGS[task.setting](data_dir)
    union = both(sets[0].train, sets[1].train)
    entropy = np.random.SeedSequence([task.seed, task.repetition, *task.architecture.encode()])
    seeds = entropy.generate_state(3).tolist()
    network = NETWORKS[task.architecture]
    one, other = (evaluation_mode(network.untrained(union, task.width, seed)) for seed in seeds[:2])
    trunk = _trained([one], union, task, seeds[2:], (0, task.trunk))[0]
    # all networks of one set at once
    first = _trained([one, trunk], sets[0].train, task, seeds[:1] * 2)
    second = _trained([other, one, trunk], sets[1].train, task, seeds[1:2] * 3)
    (joint,) = _trained([one], union, task, seeds[:1])
    matching = match(first[0], second[0], _MATCHING, union.inputs)
    pairs = {
        "unmatched": (first[0], second[0]),
        "matched": (first[0], matching.apply(second[0])),
        "shared": (first[0], second[1]),
        "trunk": (first[1], second[2]),
    }
    return Measured(
        {way: _merged(*pairs[way], sets) for way in WAYS},
        [float(_at(joint, joint, each, [()])[0][0, 0]) for each in sets],
    )


def _trained(
    starts: Sequence[nn.Module],
    data: Examples,
    task: Task,
    seeds: Sequence[int],
    span: tuple[int, int] | None = None,
) -> list[nn.Module]:
    trained = train_many(starts, data, task.training.config, seeds=seeds, span=span)
    require_finite(trained, DIVERGED)
    return [evaluation_mode(model) for model in trained]


def _merged(a: nn.Module, b: nn.Module, sets: Sequence[Dataset]) -> Merged:
    chosen = choices([layer.name for layer in layers(a)])
    found = [_at(a, b, each, list(chosen.values())) for each in sets]
    accuracy, loss = (np.stack(values, axis=-1) for values in zip(*found, strict=True))
    return Merged(
        {name: accuracy[:, k].tolist() for k, name in enumerate(chosen)},
        {name: loss[:, k].tolist() for k, name in enumerate(chosen)},
    )


def _at(
    a: nn.Module, b: nn.Module, data: Dataset, averaged: Sequence[Subset]
) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy and loss ``[2, choices]`` of the networks that keep the others of A and of B."""
    moved = members([layer.name for layer in layers(a)], averaged) / 2
    found = evaluate(a, b, data.test, np.concatenate([moved, 1 - moved]))
    shape = (2, len(averaged))
    return found.accuracy.reshape(shape), found.loss.reshape(shape)


def cost_of(task: Task) -> float:
    """Seconds of one core, roughly."""
    unit = NETWORKS[task.architecture].cost * task.width / NETWORKS[task.architecture].width
    return unit * (task.training.epochs + task.trunk) / 10
