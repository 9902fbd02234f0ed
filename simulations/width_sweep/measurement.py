"""What one task of the width sweep measures: all networks of one shape and phase.

See `lmctheory.sweeps.measurement` for what is measured. At initialisation the law of the neurons is
known, after training it is the Gaussian with their sample covariance.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import nn

from lmctheory.matching import METHODS
from lmctheory.matching.costs.neuron_features import Features
from lmctheory.measures import Gaussian
from lmctheory.networks import MLP, TrainingConfig, load_dataset, seeded_generators, train_many
from lmctheory.sweeps.aligned_pairs import UNMATCHED
from lmctheory.sweeps.measurement import measure
from lmctheory.sweeps.neuron_laws import initial_law
from lmctheory.sweeps.study import Config, Record

__all__ = ["ALIGNMENTS", "PHASES", "run"]

PHASES = ("initial", "trained")
ALIGNMENTS = (UNMATCHED, *METHODS)


def run(config: Config, data_dir: Path | None = None) -> Record:
    """Measures all networks of one shape, at initialisation or after training."""
    data = load_dataset(config["dataset"], data_dir=data_dir)
    widths = (
        data.train.inputs.shape[1],
        *[config["width"]] * config["depth"],
        data.classes,
    )
    seeds = _seeds(config)
    models: Sequence[nn.Module] = [MLP(widths, rng=seeded_generators(seed)[0]) for seed in seeds]
    if config["phase"] == "initial":
        return measure(models, data, METHODS, law=_initial)
    training = TrainingConfig(**config["training"])
    models = train_many(models, data.train, training, seeds=seeds)
    if not all(p.isfinite().all() for model in models for p in model.parameters()):
        raise ValueError("training diverged to NaN weights: lower --learning-rate")
    return measure(models, data, METHODS)


def _initial(features: Sequence[Features]) -> Gaussian:
    [rows] = features
    return initial_law(rows.a.shape[1], rows.metric)


def _seeds(config: Config) -> list[int]:
    """One per network, different for every shape: equal seeds would share first-layer weights."""
    sequence = np.random.SeedSequence([config["seed"], config["depth"], config["width"]])
    return sequence.generate_state(2 * config["pairs"]).tolist()
