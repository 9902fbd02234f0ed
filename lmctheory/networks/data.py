"""Labelled examples, and data by name: scikit-learn's, published sets of images, a mixture."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeAlias

import numpy as np
import torch
from torch import Tensor
from typing_extensions import TypeVar

from lmctheory.choices import require_choice
from lmctheory.measures.arguments import at_least
from lmctheory.networks.bundled_tables import TABLES
from lmctheory.networks.calling import Inputs, as_inputs, count, each, parts, rows
from lmctheory.networks.image_sets import IMAGE_SETS
from lmctheory.networks.losses import (
    CROSS_ENTROPY,
    BinaryCrossEntropy,
    Loss,
    LossLike,
    as_loss,
)

__all__ = [
    "DATASETS",
    "AnyExamples",
    "Dataset",
    "Examples",
    "load_dataset",
    "require_inputs",
]

DATASETS = (
    *("breast_cancer", "cifar10", "cifar100", "diabetes", "digits", "fashion_mnist", "mixture"),
    "mnist",
)
"""The names that `load_dataset` knows."""


SomeInputs = TypeVar("SomeInputs", bound=Inputs, default=Tensor)


@dataclass(frozen=True, eq=False, init=False)
class Examples(Generic[SomeInputs]):
    """Labelled examples with the loss that predictions are judged by, checked.

    Attributes:
        inputs: ``[n, ...]``, floating point and finite, or integers (tokens); detached. A tuple or
            a mapping of such tensors for networks that take several, see
            `lmctheory.networks.calling`.
        labels: ``[n, ...]``, what the loss takes: classes as int64 ``[n]``, or of tokens ``[n,
            tokens]``; values to be predicted; see `lmctheory.networks.losses`.
        loss: of each example; given as one, as its name ("cross_entropy", "binary", "squared") or
            as a function from outputs ``[n, ...]`` and labels to losses ``[n]``.

    Raises:
        TypeError: for inputs or labels of the wrong type.
        ValueError: if there are none, lengths or shapes differ from these, or an input is NaN or
            infinite.

    Example:
        >>> import torch
        >>> data = Examples(torch.randn(20, 4), torch.randn(20, 2), loss="squared")
        >>> data.loss, len(data[:5])
        (SquaredError(), 5)
    """

    inputs: SomeInputs
    labels: Tensor
    loss: Loss

    def __init__(self, inputs: SomeInputs, labels: Tensor, loss: LossLike = CROSS_ENTROPY) -> None:
        judged_by, inputs = as_loss(loss), require_inputs(inputs)
        if not isinstance(labels, Tensor):
            raise TypeError(f"labels must be a tensor, got {type(labels).__name__}")
        if count(inputs) != len(labels):
            raise ValueError(f"{count(inputs)} inputs do not match {len(labels)} labels")
        judged_by.require_labels(labels)
        object.__setattr__(self, "inputs", each(inputs, Tensor.detach))
        object.__setattr__(self, "labels", labels.detach())
        object.__setattr__(self, "loss", judged_by)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: slice | Tensor) -> "Examples[SomeInputs]":
        """Some of the examples, with the same loss."""
        return Examples(rows(self.inputs, index), self.labels[index], self.loss)

    def to(
        self, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> "Examples[SomeInputs]":
        """The same examples on another device or with inputs in another floating-point type."""

        def moved(tensor: Tensor) -> Tensor:
            return tensor.to(device=device, dtype=dtype if tensor.is_floating_point() else None)

        return Examples(each(self.inputs, moved), self.labels.to(device=device), self.loss)


AnyExamples: TypeAlias = Examples[Any]
"""Examples with inputs in any form."""


def require_inputs(inputs: SomeInputs) -> SomeInputs:
    """Refuses inputs that are none, see `lmctheory.networks.calling.as_inputs`.

    Raises:
        TypeError: if they are no tensors of floating-point numbers, tokens or a mask.
        ValueError: if there are none, or one is NaN or infinite.
    """
    checked: SomeInputs = as_inputs(inputs)  # type: ignore[assignment]
    for place, tensor in parts(checked).items():
        name = "inputs" if place is None else f"inputs[{place!r}]"
        if tensor.dtype == torch.uint8:
            raise TypeError(
                f"{name} must be floating point, or int64 for tokens, got uint8: images are "
                "usually scaled to [0, 1], use inputs.float() / 255"
            )
        # masks come beside other inputs
        integers = (torch.int64, torch.int32, *([] if place is None else [torch.bool]))
        if not tensor.is_floating_point() and tensor.dtype not in integers:
            raise TypeError(
                f"{name} must be floating point, or int64 for tokens, got {tensor.dtype}"
            )
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{name} must be finite, got NaN or infinity")
    return checked


@dataclass(frozen=True, eq=False)
class Dataset:
    """A classification or regression problem with its fixed split.

    Attributes:
        name: see `load_dataset`.
        train: examples to train on.
        test: examples to test on.
        classes: the number of classes; labels are 0, ..., classes - 1. 0 for values.
    """

    name: str
    train: Examples
    test: Examples
    classes: int

    @property
    def outputs(self) -> int:
        """How many outputs a network needs: one for each class or value, one for two classes."""
        if self.train.loss == BinaryCrossEntropy():
            return 1
        return self.classes or self.train.labels[0].numel()


def load_dataset(name: str, *, data_dir: Path | None = None, split_seed: int = 0) -> Dataset:
    """Images as vectors with pixels in [0, 1], not centred; or tables, standardised.

    Args:
        name: "digits" (scikit-learn's, 1,797 of 8 x 8), "mnist" or "fashion_mnist" (70,000 of 28 x
            28), "cifar10" or "cifar100" (60,000 of 3 x 32 x 32, with the fine labels). Tables, of
            which every column is standardised on the training part: "breast_cancer" (569 of 30,
            one logit, binary cross-entropy), "diabetes" (442 of 10, a value, standardised too,
            squared error), "mixture" (`mixture_dataset` as it is by default).
        data_dir: the directory of the files as they are published: the four IDX files, gzipped or
            not, or the files of CIFAR's binary version, which may lie in the folder that their
            archive unpacks to. By default they are downloaded once, and checked, to
            ``$LMCTHEORY_CACHE`` (``~/.cache/lmctheory``), a folder of the set's name.
        split_seed: for scikit-learn's, fixes the split in 80 % training and 20 % test examples,
            stratified by class; for the mixture, all draws; the others come with their split.

    Raises:
        TypeError: if split_seed is no integer.
        ValueError: if the name is unknown, split_seed is negative, or a file is corrupt.
        FileNotFoundError: if files are missing and cannot be downloaded; says what to put where.

    Example:
        >>> from lmctheory.networks import load_dataset
        >>> digits = load_dataset("digits")
        >>> len(digits.train), len(digits.test), tuple(digits.train.inputs.shape)
        (1437, 360, (1437, 64))
    """
    require_choice("name", name, DATASETS)
    split_seed = at_least("split_seed", split_seed, 0)
    if name not in IMAGE_SETS:
        if data_dir is not None:
            raise ValueError(
                f"data_dir is for sets of files, and {name} has none to be read; got {data_dir}"
            )
        return _without_files(name, split_seed)
    images = IMAGE_SETS[name]
    parts = images.load(images.downloaded(name) if data_dir is None else data_dir)
    train, test = (_examples(pixels / np.float32(255), labels) for pixels, labels in parts)
    return Dataset(name, train, test, images.classes)


def _without_files(name: str, split_seed: int) -> Dataset:
    if name == "digits":
        return _digits(split_seed)
    if name == "mixture":
        # built of what stands here
        from lmctheory.networks.mixture_data import mixture_dataset

        return mixture_dataset(rng=torch.Generator().manual_seed(split_seed))
    table = TABLES[name]
    train, test = (_rows(*part, table.loss) for part in table.load(split_seed))
    return Dataset(name, train, test, table.classes)


def _rows(rows: np.ndarray, targets: np.ndarray, loss: str) -> Examples:
    """Of a table; values are floating point, one by one."""
    inputs = torch.from_numpy(rows.astype(np.float32))
    if np.issubdtype(targets.dtype, np.integer):
        return Examples(inputs, torch.from_numpy(targets.astype(np.int64)), loss)
    return Examples(inputs, torch.from_numpy(targets.astype(np.float32))[:, None], loss)


def _digits(split_seed: int) -> Dataset:
    # scikit-learn takes a second to import, and networks need it for nothing else
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(
        pixels / 16, labels, test_size=0.2, stratify=labels, random_state=split_seed
    )
    return Dataset("digits", _examples(x, y), _examples(x_test, y_test), classes=10)


def _examples(pixels: np.ndarray, labels: np.ndarray) -> Examples:
    return Examples(
        torch.from_numpy(pixels.astype(np.float32)), torch.from_numpy(labels.astype(np.int64))
    )
