"""Two data sets of one shape, for each of the two networks."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from lmctheory.networks import Dataset, Examples, load_dataset
from simulations.factors.settings import resized

__all__ = ["HALVES", "PUBLISHED", "SETTINGS", "both"]

_SIDE = 8
_TESTED = 1000
"""Examples of MNIST."""


def _halves(_: Path | None) -> tuple[Dataset, Dataset]:
    digits = load_dataset("digits")
    few, many = (
        Dataset(name, _of(digits.train, lower), _of(digits.test, lower), digits.classes)
        for name, lower in (("0-4", True), ("5-9", False))
    )
    return few, many


def _of(examples: Examples, lower: bool) -> Examples:
    return examples[(examples.labels < 5) == lower]


def _published(data_dir: Path | None) -> tuple[Dataset, Dataset]:
    """As many training examples of MNIST, at the size of digits, as there are of these."""
    digits, mnist = load_dataset("digits"), load_dataset("mnist", data_dir=data_dir)
    train, test = (
        resized(part[:count], _SIDE)
        for part, count in ((mnist.train, len(digits.train)), (mnist.test, _TESTED))
    )
    return digits, Dataset("mnist", train, test, mnist.classes)


HALVES, PUBLISHED = "digits 0-4, 5-9", "digits, MNIST"

SETTINGS: Mapping[str, Callable[[Path | None], tuple[Dataset, Dataset]]] = {
    HALVES: _halves,
    PUBLISHED: _published,
}
"""By the name in tables, from the directory of MNIST."""


def both(one: Examples, other: Examples) -> Examples:
    """The examples of two sets."""
    return Examples(
        torch.cat([one.inputs, other.inputs]), torch.cat([one.labels, other.labels]), one.loss
    )
