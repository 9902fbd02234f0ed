"""What one task of the width sweep measures: all networks of one shape and phase.

See `lmctheory.sweeps.measurement` for what is measured. At initialisation the law of the neurons is
known, after training it is the Gaussian with their sample covariance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from lmctheory.matching import METHODS
from lmctheory.matching.costs.neuron_features import Features
from lmctheory.measures import Gaussian
from lmctheory.networks import MLP, load_dataset, seeded_generators, train_many
from lmctheory.networks.agreement import require_finite
from lmctheory.sweeps.measured import UNMATCHED, Measured
from lmctheory.sweeps.measurement import measure
from lmctheory.sweeps.neuron_laws import initial_law
from simulations.training import DIVERGED, Training, widths_of

__all__ = ["ALIGNMENTS", "ENCLOSED", "PHASES", "Task", "cost_of", "run"]

PHASES = ("initial", "trained")
ALIGNMENTS = (UNMATCHED, *METHODS)
ENCLOSED = ("weighted",)
"""Alignments in which the barrier of trained networks is enclosed."""


@dataclass(frozen=True)
class Task:
    """All networks of one shape in one phase.

    Attributes:
        dataset: a name that `load_dataset` knows.
        phase: of `PHASES`.
        depth: number of hidden layers.
        width: of each.
        pairs: of networks.
        seed: of the first.
        training: None at initialisation.
    """

    dataset: str
    phase: str
    depth: int
    width: int
    pairs: int
    seed: int
    training: Training | None

    @property
    def seeds(self) -> list[int]:
        """One per network, different for every shape: equal seeds would share first layers."""
        sequence = np.random.SeedSequence([self.seed, self.depth, self.width])
        return sequence.generate_state(2 * self.pairs).tolist()


def run(task: Task, data_dir: Path | None = None) -> Measured:
    """Measures all networks of one shape, at initialisation or after training."""
    data = load_dataset(task.dataset, data_dir=data_dir)
    widths = widths_of(data, task.width, task.depth)
    seeds = task.seeds
    models: Sequence[nn.Module] = [MLP(widths, rng=seeded_generators(seed)[0]) for seed in seeds]
    if task.training is None:
        return measure(models, data, METHODS, certify=False, law=_initial)
    models = train_many(models, data.train, task.training.config, seeds=seeds)
    require_finite(models, DIVERGED)
    return measure(models, data, METHODS, certify=False, enclose=ENCLOSED)


def _initial(features: Sequence[Features]) -> Gaussian:
    [rows] = features
    return initial_law(rows.a.shape[1], rows.metric)


def cost_of(task: Task) -> float:
    """Multiplications of a forward pass, plus what overhead amounts to; training adds half."""
    passes = 1e5 + task.width * (64 + (task.depth - 1) * task.width + 10)
    return passes * (1.0 if task.training is None else 1.5)
