"""The networks that are followed, the groups of layers that are moved, and their training."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from lmctheory.layerwise import layers
from lmctheory.networks import (
    MLP,
    CausalTransformer,
    Dataset,
    ViT,
    character_dataset,
    load_dataset,
)
from simulations.training import Training, widths_of

__all__ = ["ATTENTION", "EMBED", "FC", "HEAD", "NETWORKS", "Network", "groups_of"]

EMBED, ATTENTION, FC, HEAD = "embed", "att", "fc", "head"
"""Groups of a transformer's layers; those of its blocks are numbered."""

_CONTEXT = 16
_HEADS = 4
_PATCHES = 4
"""In each direction of an image."""
_PIECES = (1024, 512)
"""Training and test examples of characters."""


@dataclass(frozen=True)
class Network:
    """An architecture with its data.

    Attributes:
        build: from the data, the width, the number of hidden layers or blocks, and a generator.
        data: from a data set's name and its directory.
        width: the usual one.
        depth: likewise.
        training: of so many epochs.
        cost: seconds of one pair's training for an epoch, and of its measurement.
    """

    build: Callable[[Dataset, int, int, torch.Generator], nn.Module]
    data: Callable[[str, Path | None], Dataset]
    width: int
    depth: int
    training: Callable[[int], Training]
    cost: tuple[float, float]


def _images(name: str, data_dir: Path | None) -> Dataset:
    return load_dataset(name, data_dir=data_dir)


def _characters(_: str, __: Path | None) -> Dataset:
    """The same text for all seeds: repetitions differ in weights and order."""
    train, test = _PIECES
    rng = torch.Generator().manual_seed(0)
    return character_dataset(context=_CONTEXT, train=train, test=test, rng=rng)


def _mlp(data: Dataset, width: int, depth: int, rng: torch.Generator) -> nn.Module:
    return MLP(widths_of(data, width, depth), rng=rng)


def _vit(data: Dataset, width: int, depth: int, rng: torch.Generator) -> nn.Module:
    pixels = data.train.inputs[0].numel()
    side = math.isqrt(pixels)
    if side**2 != pixels or side % _PATCHES:
        raise ValueError(
            f"dataset must hold square images of one channel, their side a multiple of {_PATCHES}, "
            f"for ViT; {data.name} has {pixels} numbers"
        )
    patch = side // _PATCHES
    shape = (1, side, side)
    return ViT(shape, data.classes, patch=patch, width=width, depth=depth, heads=_HEADS, rng=rng)


def _causal(data: Dataset, width: int, depth: int, rng: torch.Generator) -> nn.Module:
    return CausalTransformer(
        data.classes, context=_CONTEXT, width=width, depth=depth, heads=_HEADS, rng=rng
    )


def _descent(epochs: int) -> Training:
    return Training(
        epochs,
        batch_size=32,
        learning_rate=0.05,
        weight_decay=1e-3,
        schedule="constant",
        warmup_steps=20,
    )


def _adam(rate: float) -> Callable[[int], Training]:
    def training(epochs: int) -> Training:
        return Training(
            epochs,
            batch_size=32,
            learning_rate=rate,
            schedule="constant",
            warmup_steps=20,
            optimiser="adam",
        )

    return training


NETWORKS: Mapping[str, Network] = {
    "MLP": Network(_mlp, _images, 64, 4, _descent, (0.1, 1.0)),
    "ViT": Network(_vit, _images, 32, 3, _adam(3e-3), (1.5, 4.0)),
    "characters": Network(_causal, _characters, 32, 3, _adam(1e-2), (1.0, 4.0)),
}
"""By the name they have in tables."""


def groups_of(model: nn.Module) -> dict[str, tuple[str, ...]]:
    """Names of the layers that are moved together, from the input on.

    The layers of an MLP one by one, by number; of a transformer embeddings with positions, and of
    each block the attention and the fully connected layers, with the norm before them; the last
    norm is part of the head.
    """
    names = [layer.name for layer in layers(model)]
    if not any("attention" in name for name in names):
        return {str(k): (name,) for k, name in enumerate(names, start=1)}
    found: dict[str, tuple[str, ...]] = {}
    for name in names:
        group = _group_of(name)
        found[group] = (*found.get(group, ()), name)
    return found


def _group_of(name: str) -> str:
    top, _, rest = name.partition(".")
    if top != "blocks":
        return HEAD if top in ("norm", "head") else EMBED
    number, _, part = rest.partition(".")
    return f"{ATTENTION if part.startswith('attention') else FC} {int(number) + 1}"
