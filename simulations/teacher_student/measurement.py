"""What one task measures: pairs of students of one width, trained on the labels of one teacher.

The teacher is that of `simulations.two_layer_widths`: k ReLU neurons, unit directions at random,
output weights 1 and -1 in turn, inputs x ~ N(0, I), no noise. Students are ReLU networks of one
hidden layer with biases, and learn a fixed set of examples.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lmctheory.matching import match
from lmctheory.networks import Dataset, Examples, affine_chain
from lmctheory.networks.agreement import require_finite
from lmctheory.paths import barrier
from lmctheory.sweeps.typed import entropy_of
from simulations.training import Training, trained_mlps, widths_of
from simulations.two_layer_widths.teacher import target, teacher_neurons

__all__ = ["Measured", "Student", "Task", "cost_of", "run", "taught"]

_TEST = 2048
_POINTS = 11
_NEGLIGIBLE = 0.01
"""Of what the strongest neuron contributes."""


@dataclass(frozen=True)
class Task:
    """Pairs of students of one width, trained in one way.

    Attributes:
        neurons: k, of the teacher.
        inputs: their dimension.
        examples: to train on.
        width: m, of the students.
        pairs: how many.
        training: of all students; holds optimiser and learning rate.
        seed: of all draws, and of the teacher.
    """

    neurons: int
    inputs: int
    examples: int
    width: int
    pairs: int
    training: Training
    seed: int


@dataclass(frozen=True)
class Student:
    """Means of the two networks of a pair, and their barriers; losses over the target's power.

    Attributes:
        train_loss: on the examples that were learnt.
        loss: on new ones.
        unmatched: signed maximum over t of the test loss above the chord.
        matched: the same after matching by weights, which is exact for one hidden layer.
        by_activations: the same after matching by what neurons do on the training inputs.
        negligible: share of the neurons that contribute less than a hundredth of what the strongest
            does, |a| times the root mean square of its activation; inactive ones among them.
        inactive: share of the neurons that are zero on all training inputs.
        spread: participation ratio of the contributions over the width, 1 if all are equal.
    """

    train_loss: float
    loss: float
    unmatched: float
    matched: float
    by_activations: float
    negligible: float
    inactive: float
    spread: float


@dataclass(frozen=True)
class Measured:
    """All pairs of a task."""

    pairs: list[Student]


def cost_of(task: Task) -> float:
    """Seconds of one core, roughly."""
    steps = task.training.epochs * task.examples / task.training.batch_size
    return steps * (4e-4 + 5e-7 * task.pairs * task.width)


def taught(task: Task) -> Dataset:
    """The teacher's examples, the same for all students of one seed."""
    rng = torch.Generator().manual_seed(task.seed)
    teacher = teacher_neurons(task.neurons, task.inputs, rng=rng)

    def labelled(n: int) -> Examples:
        x = torch.randn(n, task.inputs, generator=rng)
        return Examples(x, target(teacher, x)[:, None], "squared")

    return Dataset("teacher", labelled(task.examples), labelled(_TEST), classes=0)


def run(task: Task) -> Measured:
    """Trains all students of a task, and compares those of each pair."""
    data = taught(task)
    seeds = np.random.SeedSequence(entropy_of(task)).generate_state(2 * task.pairs).tolist()
    widths, config = widths_of(data, task.width, 1), task.training.config
    models = trained_mlps(data, widths, config, seeds)
    require_finite(
        models,
        f"training of width {task.width} diverged at rate {config.learning_rate:g}: lower it",
    )
    return Measured([_pair(a, b, data) for a, b in zip(models[::2], models[1::2], strict=True)])


@torch.no_grad()
def _pair(a: nn.Module, b: nn.Module, data: Dataset) -> Student:
    power = float(data.test.labels.square().mean())
    x = data.train.inputs
    as_they_are = barrier(a, b, data.test, _POINTS)
    learnt = barrier(a, b, data.train, 3)
    aligned = {
        "matched": match(a, b, "weight").apply(b),
        "by_activations": match(a, b, "activation", x).apply(b),
    }
    sparsities = [_sparsity(model, x) for model in (a, b)]
    negligible, inactive, spread = (float(value) for value in np.mean(sparsities, axis=0))
    return Student(
        train_loss=_ends(learnt.loss) / power,
        loss=_ends(as_they_are.loss) / power,
        unmatched=float(as_they_are.max) / power,
        **{
            name: float(barrier(a, other, data.test, _POINTS).max) / power
            for name, other in aligned.items()
        },
        negligible=negligible,
        inactive=inactive,
        spread=spread,
    )


def _ends(losses: Sequence[float] | np.ndarray) -> float:
    return float(losses[0] + losses[-1]) / 2


def _sparsity(model: nn.Module, x: Tensor) -> tuple[float, float, float]:
    """Shares of negligible and of inactive neurons, and the participation ratio."""
    chain = affine_chain(model)
    [(_, activations)] = chain.hidden(x)
    contributions = chain.weights[1][0].abs() * activations.square().mean(0).sqrt()
    negligible = contributions <= _NEGLIGIBLE * contributions.max()
    inactive = (activations == 0).all(0)
    ratio = contributions.sum().square() / contributions.square().sum()
    return (
        float((negligible | inactive).float().mean()),
        float(inactive.float().mean()),
        float(ratio / len(contributions)) if contributions.any() else 0.0,
    )
