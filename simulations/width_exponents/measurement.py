"""What one task measures: pairs of networks of one activation, depth and width, after training.

See `lmctheory.sweeps.measurement` for most of it, as in the width sweep. Beside it: what the
further symmetry of the activation is worth, if it has one, and what the two ends certify.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from lmctheory.matching import METHODS, match, rescale
from lmctheory.networks import Dataset, Examples, load_dataset, subset
from lmctheory.networks.agreement import require_finite
from lmctheory.paths import barrier, certificate
from lmctheory.sweeps.measured import UNMATCHED, Measured
from lmctheory.sweeps.measurement import measure
from simulations.training import DIVERGED, Training, trained_mlps, widths_of

__all__ = [
    "ACTIVATIONS",
    "ALIGNMENTS",
    "MATCHED",
    "Largest",
    "Seen",
    "Task",
    "cost_of",
    "examples_of",
    "run",
]

MATCHED = "weighted"
"""The matching whose costs have bounds in the metric of the data (R11)."""
ALIGNMENTS = (UNMATCHED, *METHODS)
_POINTS = 11


@dataclass(frozen=True)
class Task:
    """All networks of one activation and shape.

    Attributes:
        dataset: a name that `load_dataset` knows.
        examples: to train on, drawn from those of the data; None for all.
        activation: of `ACTIVATIONS`.
        depth: number of hidden layers.
        width: of each.
        pairs: of networks.
        seed: of all draws.
        training: of all networks.
    """

    dataset: str
    examples: int | None
    activation: str
    depth: int
    width: int
    pairs: int
    seed: int
    training: Training

    @property
    def seeds(self) -> list[int]:
        """One per network, different for every activation and shape."""
        entropy = [self.seed, self.depth, self.width, *self.activation.encode()]
        return np.random.SeedSequence(entropy).generate_state(2 * self.pairs).tolist()


@dataclass(frozen=True)
class Largest:
    """Barriers on test data, pair by pair.

    Attributes:
        loss: the signed maximum over t.
        error: likewise.
    """

    loss: list[float]
    error: list[float]


@dataclass(frozen=True)
class Seen:
    """All pairs.

    Attributes:
        inputs: numbers that an example holds.
        measured: barriers, costs and their bounds.
        certified: C3 at t = 1/2 of each pair, matched.
        symmetry: barriers with the activation's symmetry used in the other way, see `ACTIVATIONS`;
            None if it has none.
    """

    inputs: int
    measured: Measured
    certified: list[float]
    symmetry: Largest | None


def _unsigned(a: nn.Module, b: nn.Module, _: nn.Module, train: Examples) -> nn.Module:
    return match(a, b, MATCHED, train, signs=False).apply(b)


def _scaled(a: nn.Module, _: nn.Module, aligned: nn.Module, __: Examples) -> nn.Module:
    return rescale(a, aligned).apply(aligned)


_Otherwise = Callable[[nn.Module, nn.Module, nn.Module, Examples], nn.Module]
"""B used in another way, of A, B, B matched to A, and the training examples."""

ACTIVATIONS: Mapping[str, _Otherwise | None] = {"relu": _scaled, "tanh": _unsigned, "gelu": None}
"""By name what else could be done with B: `match` uses signs where there are any, and no scales."""


def examples_of(dataset: str, data_dir: Path | None, count: int | None, seed: int = 0) -> Dataset:
    """The data, with so many training examples drawn from all of them; None for all.

    Raises:
        ValueError: if there are not so many.
    """
    data = load_dataset(dataset, data_dir=data_dir)
    if count is None:
        return data
    if count > len(data.train):
        raise ValueError(f"examples must be at most {len(data.train)} of {dataset}, got {count}")
    return Dataset(data.name, subset(data.train, count, rng=seed), data.test, data.classes)


def run(task: Task, data_dir: Path | None = None) -> Seen:
    """Trains and measures all pairs of one activation and shape."""
    data = examples_of(task.dataset, data_dir, task.examples, task.seed)
    shape = widths_of(data, task.width, task.depth)
    models = trained_mlps(data, shape, task.training.config, task.seeds, activation=task.activation)
    require_finite(models, DIVERGED)
    pairs = list(zip(models[::2], models[1::2], strict=True))
    matched = [match(a, b, MATCHED, data.train).apply(b) for a, b in pairs]
    other = ACTIVATIONS[task.activation]
    return Seen(
        inputs=shape[0],
        measured=measure(models, data, METHODS, points=_POINTS, certify=False, bounded=["data"]),
        certified=[
            float(certificate(a, aligned, data.test).barrier)
            for (a, _), aligned in zip(pairs, matched, strict=True)
        ],
        symmetry=None
        if other is None
        else _largest(
            [
                (a, other(a, b, aligned, data.train))
                for (a, b), aligned in zip(pairs, matched, strict=True)
            ],
            data.test,
        ),
    )


def _largest(pairs: list[tuple[nn.Module, nn.Module]], test: Examples) -> Largest:
    curves = [barrier(a, b, test, _POINTS) for a, b in pairs]
    return Largest(
        loss=[float(curve.max) for curve in curves],
        error=[float(curve.max_accuracy_drop) for curve in curves],
    )


def cost_of(task: Task) -> float:
    """Seconds of one core, roughly, on digits."""
    layers = 0.3 * task.depth + 1.5 * task.depth * (task.width / 256) ** 1.5
    return task.pairs * layers * task.training.epochs / 15
