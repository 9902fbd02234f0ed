"""Real data: scikit-learn's digits, and MNIST in its IDX files."""

import gzip
import hashlib
import math
import os
import tempfile
import urllib.error
import urllib.request
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeAlias

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor
from typing_extensions import TypeVar

from lmctheory.networks.calling import Inputs, as_inputs, count, each, parts, rows
from lmctheory.networks.losses import CROSS_ENTROPY, Loss, LossLike, as_loss

__all__ = [
    "DATASETS",
    "AnyExamples",
    "Dataset",
    "Examples",
    "load_dataset",
    "read_idx",
    "require_inputs",
]

DATASETS = ("digits", "mnist")
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
    """A classification problem with its fixed split.

    Attributes:
        name: see `load_dataset`.
        train: examples to train on.
        test: examples to test on.
        classes: the number of classes; labels are 0, ..., classes - 1.
    """

    name: str
    train: Examples
    test: Examples
    classes: int


def load_dataset(name: str, *, data_dir: Path | None = None, split_seed: int = 0) -> Dataset:
    """Images as vectors with pixels in [0, 1], not centred.

    Args:
        name: "digits" (scikit-learn's, 1,797 of 8 x 8) or "mnist" (70,000 of 28 x 28).
        data_dir: for mnist, the directory of its four IDX files, gzipped or not. By default they
            are downloaded once to ``$LMCTHEORY_CACHE/mnist`` (``~/.cache/lmctheory/mnist``).
        split_seed: for digits, fixes the stratified split in 80 % training and 20 % test examples;
            mnist comes with its split.

    Raises:
        ValueError: if the name is unknown or a file is corrupt.
        FileNotFoundError: if files are missing and cannot be downloaded; says what to put where.

    Example:
        >>> from lmctheory.networks import load_dataset
        >>> digits = load_dataset("digits")
        >>> len(digits.train), len(digits.test), tuple(digits.train.inputs.shape)
        (1437, 360, (1437, 64))
    """
    if name == "digits":
        if data_dir is not None:
            raise ValueError(f"data_dir is for mnist, scikit-learn holds digits; got {data_dir}")
        return _digits(split_seed)
    if name == "mnist":
        return _mnist(_downloaded() if data_dir is None else data_dir)
    raise ValueError(f"name must be one of {list(DATASETS)}, got {name!r}")


def _digits(split_seed: int) -> Dataset:
    # scikit-learn takes a second to import, and networks need it for nothing else
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(
        pixels / 16, labels, test_size=0.2, stratify=labels, random_state=split_seed
    )
    return Dataset("digits", _examples(x, y), _examples(x_test, y_test), classes=10)


def _mnist(directory: Path) -> Dataset:
    images, labels, test_images, test_labels = (_find(directory, file) for file in _MNIST_FILES)
    return Dataset("mnist", _idx(images, labels), _idx(test_images, test_labels), classes=10)


def _examples(pixels: np.ndarray, labels: np.ndarray) -> Examples:
    return Examples(
        torch.from_numpy(pixels.astype(np.float32)), torch.from_numpy(labels.astype(np.int64))
    )


def _idx(images_file: Path, labels_file: Path) -> Examples:
    images, labels = read_idx(images_file), read_idx(labels_file)
    if images.ndim != 3:
        raise ValueError(f"{images_file} must hold images, 3 dimensions, got {images.ndim}")
    if labels.ndim != 1:
        raise ValueError(f"{labels_file} must hold labels, 1 dimension, got {labels.ndim}")
    if len(images) != len(labels):
        raise ValueError(
            f"{images_file} holds {len(images)} images but {labels_file} {len(labels)} labels"
        )
    if labels.max(initial=0) > 9:
        raise ValueError(f"{labels_file} must hold labels 0..9, got {labels.max()}")
    return _examples(images.reshape(len(images), -1) / np.float32(255), labels)


def read_idx(path: Path) -> UInt8[np.ndarray, "..."]:
    """Reads an IDX file of bytes, gzipped if its name ends in ``.gz``.

    The format: two zero bytes, the type (8: unsigned bytes), the number of dimensions, each
    dimension as a big-endian 32-bit number, then exactly the data.

    Raises:
        ValueError: if the file is anything else; names the file and what is wrong.
    """
    raw = path.read_bytes()
    if path.suffix == ".gz":
        raw = _decompress(raw, str(path))
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08":
        raise ValueError(f"{path} is no IDX file of bytes: it starts with {raw[:4].hex()!r}")
    header = 4 + 4 * raw[3]
    if len(raw) < header:
        raise ValueError(f"{path} is truncated: {len(raw)} bytes, its header alone takes {header}")
    shape = [int(size) for size in np.frombuffer(raw, ">u4", count=raw[3], offset=4)]
    if (found := len(raw) - header) != (expected := math.prod(shape)):
        what = "is truncated" if found < expected else "has trailing bytes"
        raise ValueError(f"{path} {what}: {found} bytes of data, shape {shape} takes {expected}")
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)


def _decompress(compressed: bytes, source: str) -> bytes:
    try:
        return gzip.decompress(compressed)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{source} is a corrupt gzip file: {error}") from error


# SHA-256 of the contents, not of their gzip files: these differ from one compressor to another
_MNIST_FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_TIMEOUT_SECONDS = 30


def _found(directory: Path, file: str) -> Path | None:
    candidates = (directory / f"{file}.gz", directory / file)
    return next((path for path in candidates if path.is_file()), None)


def _find(directory: Path, file: str) -> Path:
    path = _found(directory, file)
    if path is None:
        raise FileNotFoundError(f"{directory} holds no {file}. {_instructions(directory)}")
    return path


def _instructions(directory: Path) -> str:
    files = ", ".join(f"{file}.gz" for file in _MNIST_FILES)
    return (
        f"Put MNIST's four files ({files}; gzipped or not) in {directory}, "
        "or pass their directory as data_dir (--data-dir)"
    )


def _downloaded() -> Path:
    """The cache directory, with whichever of the four files it lacked."""
    cache = Path(os.environ.get("LMCTHEORY_CACHE") or Path.home() / ".cache" / "lmctheory")
    directory = cache / "mnist"
    for file, digest in _MNIST_FILES.items():
        if _found(directory, file) is None:
            _download(file, digest, directory)
    return directory


def _download(file: str, digest: str, directory: Path) -> None:
    url = f"{_MIRROR}{file}.gz"
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response:
            compressed = response.read()
    except OSError as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it holds the connection
        message = f"{url} cannot be downloaded ({error}). {_instructions(directory)}"
        raise FileNotFoundError(message) from error
    found = hashlib.sha256(_decompress(compressed, url)).hexdigest()
    if found != digest:
        raise ValueError(f"{url} is not the MNIST file: its contents have SHA-256 {found}")
    directory.mkdir(parents=True, exist_ok=True)
    # written beside its place and renamed: whoever finds the file finds all of it
    with tempfile.TemporaryDirectory(dir=directory) as beside:
        partial = Path(beside) / file
        partial.write_bytes(compressed)
        partial.replace(directory / f"{file}.gz")
