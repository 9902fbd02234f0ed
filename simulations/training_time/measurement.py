"""What one task measures: pairs of networks of one shape at one time of their training.

See `lmctheory.sweeps.measurement` for most of it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lmctheory.matching import match
from lmctheory.networks import MLP, load_dataset, seeded_generators, train_many
from lmctheory.networks.agreement import require_finite
from lmctheory.paths import certificate, interpolate
from lmctheory.sweeps.measured import UNMATCHED, Measured
from lmctheory.sweeps.measurement import measure
from simulations.training import DIVERGED, Training, widths_of

__all__ = ["ALIGNMENTS", "MATCHED", "AtMidpoint", "Seen", "Task", "cost_of", "run"]

MATCHED = "weighted"
ALIGNMENTS = (UNMATCHED, MATCHED)
_POINTS = 11


@dataclass(frozen=True)
class Task:
    """Pairs of one shape at one time.

    Attributes:
        dataset: a name that `load_dataset` knows.
        depth: number of hidden layers.
        width: of each.
        epoch: after which networks are compared.
        pairs: of networks.
        seed: of the first.
        training: of which this is a part, at a constant rate.
    """

    dataset: str
    depth: int
    width: int
    epoch: int
    pairs: int
    seed: int
    training: Training

    @property
    def seeds(self) -> list[int]:
        """One per network, the same at all times and different for every shape."""
        sequence = np.random.SeedSequence([self.seed, self.depth, self.width])
        return sequence.generate_state(2 * self.pairs).tolist()


@dataclass(frozen=True)
class AtMidpoint:
    """What holds at t = 1/2 in one alignment, on test data, pair by pair.

    Attributes:
        function_error: root mean square of |f_t - f-bar|.
        error_bound: what C1' bounds it by.
        certified_barrier: what C3 bounds the barrier by.
        certified_accuracy: share of examples that theta_t provably classifies as labelled.
    """

    function_error: list[float]
    error_bound: list[float]
    certified_barrier: list[float]
    certified_accuracy: list[float]


@dataclass(frozen=True)
class Seen:
    """All pairs.

    Attributes:
        measured: barriers, costs and their bounds.
        midpoint: by alignment.
    """

    measured: Measured
    midpoint: dict[str, AtMidpoint]


def run(task: Task, data_dir: Path | None = None) -> Seen:
    """Trains to the epoch, and measures what is there.

    Networks are trained from the beginning for every time: to continue them would begin a new
    optimiser, whose momentum would be missing at just the times that are looked at.
    """
    data = load_dataset(task.dataset, data_dir=data_dir)
    models: list[nn.Module] = [
        MLP(widths_of(data, task.width, task.depth), rng=seeded_generators(seed)[0])
        for seed in task.seeds
    ]
    if task.epoch:
        models = train_many(
            models, data.train, task.training.config, seeds=task.seeds, span=(0, task.epoch)
        )
    require_finite(models, DIVERGED)
    measured = measure(models, data, [MATCHED], points=_POINTS, certify=False)
    pairs = list(zip(models[::2], models[1::2], strict=True))
    aligned = {
        UNMATCHED: pairs,
        MATCHED: [(a, match(a, b, MATCHED, data.train.inputs).apply(b)) for a, b in pairs],
    }
    found = {}
    for name, ones in aligned.items():
        bounds = [certificate(a, b, data.test) for a, b in ones]
        found[name] = AtMidpoint(
            function_error=[_function_error(a, b, data.test.inputs) for a, b in ones],
            error_bound=[float(np.sqrt((one.function_error**2).mean())) for one in bounds],
            certified_barrier=[float(one.barrier) for one in bounds],
            certified_accuracy=[float(one.accuracy) for one in bounds],
        )
    return Seen(measured, found)


def _function_error(a: nn.Module, b: nn.Module, inputs: Tensor) -> float:
    with torch.no_grad():
        apart = interpolate(a, b, 0.5)(inputs) - (a(inputs) + b(inputs)) / 2
    return float(apart.double().square().sum(-1).mean().sqrt())


def cost_of(task: Task) -> float:
    """Seconds of one core, roughly, on digits."""
    work = 1 + (task.depth - 1) * (task.width / 128) ** 2
    return task.pairs / 6 * (0.1 * task.epoch * work + work)
