"""Examples from whatever users keep them in: pairs, mappings, data sets, loaders."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from lmctheory.measures.arguments import at_least
from lmctheory.networks.calling import Inputs, parts
from lmctheory.networks.data import AnyExamples, Examples
from lmctheory.networks.losses import CROSS_ENTROPY, LossLike, as_loss

__all__ = ["LABELS", "as_examples"]

LABELS = ("labels", "targets", "label", "target")
"""Names under which mappings hold labels; one at a time."""
_BATCH = 256


def as_examples(
    data: Any, loss: LossLike | None = None, *, limit: int | None = None
) -> AnyExamples:
    """Examples in whatever form they come.

    Args:
        data: `Examples`; a pair (inputs, labels); a mapping with labels under one of `LABELS`,
            inputs under ``inputs``, or as keyword arguments under all other names; a `DataLoader`
            or any iterable of such batches; a map-style data set of such pairs or mappings.
        loss: as `Examples` take it; that of the examples, or the cross-entropy, if None.
        limit: take so many examples, the first ones, at most, >= 1; nothing beyond them is loaded.

    Returns:
        The examples, in memory.

    Raises:
        TypeError: for anything else, and for inputs and labels of the wrong type.
        ValueError: for a mapping without labels, no examples, a limit below 1, or examples that do
            not fit together.

    Example:
        >>> import torch
        >>> from torch.utils.data import DataLoader, TensorDataset
        >>> pairs = TensorDataset(torch.zeros(10, 3), torch.arange(10) % 2)
        >>> len(as_examples(DataLoader(pairs, batch_size=4))), len(as_examples(pairs, limit=3))
        (10, 3)
    """
    limit = None if limit is None else at_least("limit", limit, 1)
    if isinstance(data, Examples):
        found = data if loss is None else replace(data, loss=as_loss(loss))
        return found if limit is None else found[:limit]
    inputs, labels = _collected(_batches(data), limit)
    return AnyExamples(inputs, labels, CROSS_ENTROPY if loss is None else loss)


def _batches(data: Any) -> Iterator[Any]:
    if isinstance(data, Mapping) or _is_pair(data):
        yield data
    elif isinstance(data, TorchDataset) and not isinstance(data, Iterable):
        yield from DataLoader(data, batch_size=_BATCH)
    elif isinstance(data, Iterable) and not isinstance(data, Tensor | str):
        yield from data
    else:
        raise TypeError(
            "data must be Examples, a pair (inputs, labels), a mapping of tensors, a Dataset or a "
            f"DataLoader, got {type(data).__name__}"
        )


def _is_pair(data: Any) -> bool:
    return isinstance(data, tuple | list) and len(data) == 2 and isinstance(data[1], Tensor)


def _collected(batches: Iterable[Any], limit: int | None) -> tuple[Inputs, Tensor]:
    kept: list[tuple[Inputs, Tensor]] = []
    count = 0
    for batch in batches:
        inputs, labels = _split(batch)
        kept.append((inputs, labels))
        count += len(labels)
        if limit is not None and count >= limit:
            break
    if not kept:
        raise ValueError("data must hold at least one example, got none")
    first, _ = kept[0]
    labels = torch.cat([labels for _, labels in kept])[:limit]
    joined = {
        place: torch.cat([parts(inputs)[place] for inputs, _ in kept])[:limit]
        for place in parts(first)
    }
    return (joined[None] if isinstance(first, Tensor) else joined), labels  # type: ignore[return-value]


def _split(batch: Any) -> tuple[Inputs, Tensor]:
    if _is_pair(batch):
        inputs, labels = batch
        return inputs, labels
    if not isinstance(batch, Mapping):
        raise TypeError(
            "data must give pairs (inputs, labels) or mappings of tensors, "
            f"got {type(batch).__name__}"
        )
    named = [name for name in LABELS if name in batch]
    if len(named) != 1:
        raise ValueError(
            f"data must hold labels under one of {list(LABELS)}, got {sorted(map(str, batch))}"
        )
    others = {name: value for name, value in batch.items() if name != named[0]}
    inputs = others["inputs"] if set(others) == {"inputs"} else others
    return inputs, batch[named[0]]
