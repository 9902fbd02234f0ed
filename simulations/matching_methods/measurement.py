"""What a task measures of a pair of one architecture."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from lmctheory.matching import repair, reset_batch_norm, symmetry
from lmctheory.networks import (
    Dataset,
    Examples,
    evaluation_mode,
    load_dataset,
    seeded_generators,
    train_many,
)
from lmctheory.paths import Barrier, barrier, interpolate
from simulations.matching_methods.architectures import ARCHITECTURES
from simulations.matching_methods.methods import METHODS, solve
from simulations.matching_methods.narrow import similarity
from simulations.matching_methods.planted import recovery
from simulations.matching_methods.tasks import Line, NarrowTask, Pair, PairTask
from simulations.timing import timed

__all__ = ["STATISTICS", "cost_of", "repaired", "run_pair"]

_POINTS = 11
_TEST = 2000
"""Test examples at most: all of the digits, a fifth of MNIST's."""
STATISTICS = 512
"""Examples from which statistics are repaired or reset."""


def cost_of(task: PairTask | NarrowTask) -> float:
    """Seconds on one core, roughly."""
    if isinstance(task, NarrowTask):
        return 1.5 * task.pairs
    return ARCHITECTURES[task.architecture].cost


def run_pair(task: PairTask, data_dir: Path | None = None) -> Pair:
    """Trains, matches and measures a pair."""
    architecture = ARCHITECTURES[task.architecture]
    whole = load_dataset(architecture.dataset, data_dir=data_dir)
    data = replace(whole, test=whole.test[:_TEST])
    # the place of the architecture is part of the seed: no two tasks share their draws
    entropy = [task.seed, list(ARCHITECTURES).index(task.architecture), task.pair]
    first, second, planted = np.random.SeedSequence(entropy).generate_state(3).tolist()
    initial = [architecture.build(seeded_generators(seed)[0]) for seed in (first, second)]
    trained = train_many(initial, data.train, architecture.training, seeds=(first, second))
    a, b = (evaluation_mode(model) for model in trained)
    groups = symmetry(a, data.train.inputs[:2]).groups
    apart = barrier(a, b, data.test, _POINTS)
    return Pair(
        parameters=sum(parameter.numel() for parameter in a.parameters()),
        groups=len(groups),
        neurons=sum(group.size for group in groups),
        accuracy=apart.accuracy[[0, -1]].tolist(),
        planted=recovery(a, data.train, list(METHODS), planted),
        lines={"unmatched": _on_the_line(a, b, data, apart)}
        | {name: _matched(name, a, b, data) for name in METHODS},
    )


def _matched(name: str, a: nn.Module, b: nn.Module, data: Dataset) -> Line:
    matching, seconds = timed(lambda: solve(name, a, b, data.train))
    aligned = matching.apply(b)
    line = _on_the_line(a, aligned, data, barrier(a, aligned, data.test, _POINTS))
    return replace(line, seconds=seconds, change=matching.function_change)


def _on_the_line(a: nn.Module, b: nn.Module, data: Dataset, curve: Barrier) -> Line:
    return Line(
        cosine=similarity(a, b),
        barrier=float(curve.max),
        midpoint=float(curve.midpoint),
        repaired=repaired(a, b, data, curve),
    )


def repaired(a: nn.Module, b: nn.Module, data: Dataset, curve: Barrier) -> float:
    """The barrier at t = 1/2 after REPAIR, or with BatchNorm after its statistics are reset."""
    inputs = data.train.inputs[:STATISTICS]
    middle = interpolate(a, b, 0.5)
    if any(isinstance(module, _BatchNorm) for module in a.modules()):
        middle = reset_batch_norm(middle, inputs)
    else:
        middle = repair(middle, a, b, inputs)
    return _loss(middle, data.test) - float(curve.loss[[0, -1]].mean())


def _loss(model: nn.Module, examples: Examples) -> float:
    """Mean cross-entropy, by the same code as that of the barrier."""
    return float(barrier(model, model, examples, 3).loss[0])
