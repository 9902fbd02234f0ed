"""The factors, and what a network is built and trained with at their levels."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d

from lmctheory.networks import (
    Dataset,
    Examples,
    TrainingConfig,
    load_dataset,
    subset,
    teacher_dataset,
    with_label_noise,
)

__all__ = [
    "FACTORS",
    "GROUPS",
    "VARIANTS",
    "Setting",
    "Setup",
    "Source",
    "config_of",
    "data_of",
    "require_setup",
    "resized",
    "source_of",
]


@dataclass(frozen=True)
class Setting:
    """A factor.

    Attributes:
        group: of components of a pipeline.
        base: its level in the robust network, in words.
        changed: the other.
    """

    group: str
    base: str
    changed: str


GROUPS = ("architecture", "training", "data")

FACTORS: Mapping[str, Setting] = {
    "sparsity": Setting("architecture", "all weights", "80 % zeros"),
    "sharing": Setting("architecture", "fully connected", "convolution"),
    "optimiser": Setting("training", "SGD", "Adam"),
    "rate": Setting("training", "x 1", "x 4"),
    "warm-up": Setting("training", "none", "a fifth of steps"),
    "batch": Setting("training", "64", "16"),
    "decay": Setting("training", "0", ".003 (L2)"),
    "size": Setting("data", "all examples", "a quarter"),
    "noise": Setting("data", "clean labels", "20 % wrong"),
    "classes": Setting("data", "10", "5 (two in one)"),
    "data set": Setting("data", "one", "another"),
}
"""By name, in the order of the design's letters."""

VARIANTS: Mapping[str, str] = {
    "local": "locally connected",
    "one mask": "80 % zeros, the same",
}
"""What else is changed, in comparisons beside the design."""

_RATES = {"sgd": 0.05, "adam": 0.002}
_SCALE = 0.5
"""Root mean square of a teacher's inputs: that of digits, so that rates mean as much."""
_TESTED = 1000


@dataclass(frozen=True)
class Setup:
    """What the runs of a study have in common.

    Attributes:
        dataset: of the base level: "digits" or a set of grey images.
        other: of the changed level: "teacher" or a set of grey images.
        side: of the images, to which they are averaged.
        channels: hidden neurons for each of the places.
        examples: to train on, at the base level.
        steps: of training, roughly.
    """

    dataset: str
    other: str
    side: int
    channels: int
    examples: int
    steps: int


Source = Dataset | None
"""Data that are read; none where a teacher is drawn for each pair."""


def source_of(setup: Setup, changed: Collection[str], data_dir: Path | None) -> Source:
    """What examples come from.

    Args:
        setup: of the study.
        changed: factors at their changed level.
        data_dir: of the files, or of one folder of them for each set.

    Raises:
        ValueError: for data that are no grey images.
        FileNotFoundError: if files are missing.
    """
    name = setup.other if "data set" in changed else setup.dataset
    if name == "teacher":
        return None
    if data_dir is not None and (data_dir / name).is_dir():
        data_dir = data_dir / name
    found = load_dataset(name, data_dir=None if name == "digits" else data_dir)
    pixels = found.train.inputs[0].numel()
    if math.isqrt(pixels) ** 2 != pixels:
        raise ValueError(f"data sets must be of grey square images, got {name!r}")
    return found


def data_of(
    setup: Setup, changed: Collection[str], source: Source, rng: np.random.Generator
) -> Dataset:
    """Examples of one pair: which are taken, and what is wrong with them, is drawn."""
    if source is None:
        source = _teacher(setup, torch.Generator().manual_seed(int(rng.integers(2**31))))
    train = subset(source.train, setup.examples, rng=rng)
    test = subset(source.test, min(_TESTED, len(source.test)))
    train, test = (resized(part, setup.side) for part in (train, test))
    classes = source.classes
    if "classes" in changed:
        classes = -(-classes // 2)
        train, test = (Examples(part.inputs, part.labels % classes) for part in (train, test))
    if "size" in changed:
        train = subset(train, setup.examples // 4, rng=rng)
    if "noise" in changed:
        train = with_label_noise(train, 0.2, classes=classes, rng=rng)
    return Dataset(source.name, train, test, classes)


def _teacher(setup: Setup, rng: torch.Generator) -> Dataset:
    found = teacher_dataset(
        inputs=setup.side**2, margin=1.0, train=setup.examples, test=_TESTED, rng=rng
    )
    train, test = (
        Examples(_SCALE * part.inputs, part.labels) for part in (found.train, found.test)
    )
    return Dataset(found.name, train, test, found.classes)


def resized(data: Examples, side: int) -> Examples:
    """Square images of one channel at another side, by means over what a pixel covers."""
    pixels = math.isqrt(data.inputs[0].numel())
    images = data.inputs.reshape(-1, 1, pixels, pixels)
    return Examples(adaptive_avg_pool2d(images, side).flatten(1), data.labels)


def config_of(setup: Setup, changed: Collection[str], examples: int) -> TrainingConfig:
    """As many steps at all levels, to the nearest epoch: batches and data change noise alone."""
    batch = 16 if "batch" in changed else 64
    each = -(-examples // batch)
    epochs = max(1, round(setup.steps / each))
    optimiser = "adam" if "optimiser" in changed else "sgd"
    return TrainingConfig(
        epochs=epochs,
        batch_size=batch,
        learning_rate=_RATES[optimiser] * (4 if "rate" in changed else 1),
        weight_decay=0.003 if "decay" in changed else 0.0,
        warmup_steps=epochs * each // 5 if "warm-up" in changed else 0,
        optimiser=optimiser,
    )


def require_setup(setup: Setup, names: Sequence[str], data_dir: Path | None) -> None:
    """Refuses data that are missing, too few, or too small.

    Raises:
        ValueError: naming what is wrong.
        FileNotFoundError: if files are missing.
    """
    if setup.dataset == setup.other:
        raise ValueError(f"other must be another data set than {setup.dataset!r}")
    for changed in ((), ("data set",)) if "data set" in names else ((),):
        source = source_of(setup, changed, data_dir)
        if source is not None and setup.examples > len(source.train):
            raise ValueError(
                f"examples must be at most {len(source.train)} of {source.name}, got "
                f"{setup.examples}"
            )
