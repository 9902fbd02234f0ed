"""What one task measures: pairs of networks at some levels of the factors, joined in three ways.

Two networks that start alike and see the data in different orders; two that have nothing in common
but the data; the same after their neurons are matched.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lmctheory.matching import match
from lmctheory.networks import (
    Dataset,
    LocallyConnected2d,
    random_masks,
    seeded_generators,
    train_many,
)
from lmctheory.paths import Barrier, barrier
from lmctheory.sweeps.typed import entropy_of
from simulations.factors.networks import ARCHITECTURES, ByPlace, places_of
from simulations.factors.settings import Setup, config_of, data_of, source_of

__all__ = ["WAYS", "Joined", "Measured", "Task", "cost_of", "run"]

WAYS = ("same start", "unmatched", "matched")
"""In which pairs are joined. "matched as shared" permutes neurons of local networks as if they
shared weights."""

_POINTS = 9
_DENSITY = 0.2
_MATCHING = "activation"


@dataclass(frozen=True)
class Task:
    """Pairs of networks at some levels.

    Attributes:
        part: "design", or "alone" where one factor is changed and others are compared with it.
        changed: names of factors and variants that are not at their base level.
        pairs: independent ones, each with its own draw of data.
        setup: of the study.
        seed: of all draws.
    """

    part: str
    changed: list[str]
    pairs: int
    setup: Setup
    seed: int


@dataclass(frozen=True)
class Joined:
    """The way between two networks, by pair.

    Attributes:
        barrier: the largest height of the test loss above the chord, signed.
        drop: of the test error, likewise, in shares.
    """

    barrier: list[float]
    drop: list[float]


@dataclass(frozen=True)
class Measured:
    """Pairs of one task.

    Attributes:
        joined: by way.
        trained: barrier of the training loss after matching, by pair.
        loss: on test data, mean of both networks.
        accuracy: likewise.
    """

    joined: dict[str, Joined]
    trained: list[float]
    loss: list[float]
    accuracy: list[float]


def architecture_of(changed: list[str]) -> str:
    """Its name."""
    if "local" in changed:
        return "local"
    return "convolution" if "sharing" in changed else "connected"


def cost_of(task: Task) -> float:
    """Seconds on one core, roughly."""
    architecture = architecture_of(task.changed)
    each = {"connected": 0.6, "local": 3.0, "convolution": 2.4}[architecture]
    neurons = task.setup.channels * places_of(task.setup.side) / 256
    return task.pairs * each * max(1.0, neurons) * task.setup.steps / 500


def run(task: Task, data_dir: Path | None = None) -> Measured:
    """Trains and joins the pairs of a task."""
    source = source_of(task.setup, task.changed, data_dir)
    pairs = [
        _pair(task, data_of(task.setup, task.changed, source, rng), rng)
        for rng in map(
            np.random.default_rng, np.random.SeedSequence(entropy_of(task)).spawn(task.pairs)
        )
    ]
    curves, trained = zip(*pairs, strict=True)
    ends = [one["unmatched"] for one in curves]
    return Measured(
        joined={
            way: Joined(
                [float(one[way].max) for one in curves],
                [float(one[way].max_accuracy_drop) for one in curves],
            )
            for way in curves[0]
        },
        trained=[float(one.max) for one in trained],
        loss=[float(one.loss[[0, -1]].mean()) for one in ends],
        accuracy=[float(one.accuracy[[0, -1]].mean()) for one in ends],
    )


def _pair(
    task: Task, data: Dataset, rng: np.random.Generator
) -> tuple[dict[str, Barrier], Barrier]:
    """The test loss between two networks by way, and the training loss after matching."""
    ways = _joined(_trained(task, data, rng), data)
    curves = {way: barrier(*ends, data.test, _POINTS) for way, ends in ways.items()}
    return curves, barrier(*ways["matched"], data.train, _POINTS)


def _trained(task: Task, data: Dataset, rng: np.random.Generator) -> list[nn.Module]:
    """A; another that starts as A does; B."""
    seeds = [int(seed) for seed in rng.integers(2**31, size=3)]
    starts = [seeds[0], seeds[0], seeds[2]]
    build = ARCHITECTURES[architecture_of(task.changed)]
    setup = task.setup
    initial = [
        build(setup.side, setup.channels, data.classes, seeded_generators(start)[0])
        for start in starts
    ]
    masks: list[Mapping[str, torch.Tensor]] | None = None
    if "sparsity" in task.changed:
        common = "one mask" in task.changed
        masks = [
            random_masks(network, _DENSITY, rng=seeds[0] if common else start)
            for network, start in zip(initial, starts, strict=True)
        ]
    config = config_of(setup, task.changed, len(data.train))
    return train_many(initial, data.train, config, seeds=seeds, masks=masks)


def _joined(networks: list[nn.Module], data: Dataset) -> dict[str, tuple[nn.Module, nn.Module]]:
    a, alike, b = networks
    inputs = data.train.inputs
    aligned = match(a, b, _MATCHING, inputs).apply(b)
    ways = {"same start": (a, alike), "unmatched": (a, b), "matched": (a, aligned)}
    if any(isinstance(module, LocallyConnected2d) for module in a.modules()):
        ways["matched as shared"] = (a, aligned)
        by_place = ByPlace(a), ByPlace(b)
        ways["matched"] = (by_place[0], match(*by_place, _MATCHING, inputs).apply(by_place[1]))
    return ways
