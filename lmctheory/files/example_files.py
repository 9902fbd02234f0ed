"""Data files, and losses by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lmctheory.choices import require_choice
from lmctheory.files.checkpoints import read_entries
from lmctheory.files.code import load_object
from lmctheory.networks import DATASETS, AnyExamples, as_examples, load_dataset
from lmctheory.networks.losses import LOSSES, Loss, as_loss

__all__ = ["read_examples", "read_loss"]

_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32)
_LABELS = ("labels", "targets")


def read_loss(name: str) -> Loss:
    """A loss by its name, or the user's own by that of a function or an object.

    Args:
        name: "cross_entropy", "binary", "squared", or as `load_object` takes it.

    Raises:
        ValueError: as `load_object`, and for an unknown name.
        TypeError: if what is found is no loss.
    """
    if name in LOSSES:
        return LOSSES[name]
    if ":" not in name:
        raise ValueError(f"loss must be one of {list(LOSSES)} or package.module:name, got {name!r}")
    return as_loss(load_object(name, "loss"))


def read_examples(
    source: str,
    loss: Loss | None = None,
    *,
    split: str = "test",
    data_dir: Path | None = None,
    limit: int | None = None,
) -> AnyExamples:
    """Examples by the name of a data set, of a file, or of a function.

    Args:
        source: a name that `load_dataset` knows; a file .npz, .pt, .pth or .safetensors
            with entries ``inputs`` (or the names of several arguments) and ``labels`` or
            ``targets``; or package.module:function, which is called and gives anything that
            `as_examples` takes.
        loss: that they are judged by; the cross-entropy if None.
        split: "train" or "test", of a data set with a name.
        data_dir: for mnist, the folder of its files.
        limit: take so many examples, the first ones.

    Raises:
        FileNotFoundError: if there is no such file.
        TypeError: for inputs or labels of the wrong type.
        ValueError: for another split, a file that does not hold examples, saying what it holds, and
            as `load_object`.
    """
    require_choice("split", split, ("train", "test"))
    if source in DATASETS:
        return as_examples(
            getattr(load_dataset(source, data_dir=data_dir), split), loss, limit=limit
        )
    path = Path(source)
    if path.suffix in _READERS:
        if not path.is_file():
            raise FileNotFoundError(f"{path} is no file")
        return as_examples(_examples(_READERS[path.suffix](path), path), loss, limit=limit)
    if ":" not in source:
        raise ValueError(
            f"data must be one of {list(DATASETS)}, a file {', '.join(_READERS)}, or "
            f"package.module:function, got {source!r}"
        )
    found = load_object(source, "data")
    return as_examples(found() if callable(found) else found, loss, limit=limit)


def _examples(found: Any, path: Path) -> dict[str, Tensor]:
    """The entries of a file, with classes as int64."""
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        raise ValueError(f"{path} must hold tensors by name, got {_described(found)}")
    named = [name for name in _LABELS if name in found]
    if len(named) != 1 or len(found) < 2:
        raise ValueError(
            f"{path} must hold inputs and one of {list(_LABELS)}, got {_described(found)}"
        )
    labels = found[named[0]]
    return found | {named[0]: labels.long() if labels.dtype in _INTEGERS else labels}


def _described(found: Any) -> str:
    return f"entries {sorted(map(str, found))}" if isinstance(found, dict) else type(found).__name__


def _arrays(path: Path) -> dict[str, Tensor]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    except (ValueError, OSError, TypeError) as error:
        raise ValueError(f"{path} is no file of NumPy arrays of numbers: {error}") from error


_READERS: dict[str, Callable[[Path], Any]] = {
    ".npz": _arrays,
    ".pt": read_entries,
    ".pth": read_entries,
    ".safetensors": read_entries,
}
