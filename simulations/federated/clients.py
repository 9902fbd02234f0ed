"""Clients: how examples are split among them, and rounds of local training and averaging."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from lmctheory.layerwise import layers
from lmctheory.matching.merging.means import average
from lmctheory.networks import Examples, TrainingConfig, train_many
from lmctheory.networks.state import placed, slots

__all__ = [
    "AVERAGED",
    "OWN_START",
    "SPLITS",
    "Round",
    "mean_network",
    "partly_averaged",
    "rounds",
    "split",
]

SPLITS = ("iid", "shards")
"""Examples at random, or sorted by class and dealt out in pieces."""


def _half(names: Sequence[str], rng: np.random.Generator) -> list[str]:
    return [str(name) for name in rng.permutation(list(names))[: len(names) // 2]]


OWN_START = "own start"
"""Nothing is averaged, and every client has initial weights of its own."""

AVERAGED: Mapping[str, Callable[[Sequence[str], np.random.Generator], Sequence[str]]] = {
    "all": lambda names, _: names,
    "all but first": lambda names, _: names[1:],
    "all but last": lambda names, _: names[:-1],
    "random half": _half,
    "first": lambda names, _: names[:1],
    "last": lambda names, _: names[-1:],
    "none": lambda names, _: names[:0],
    OWN_START: lambda names, _: names[:0],
}
"""Which of the layers are averaged in a round; half of them are drawn anew in each."""


def split(
    data: Examples, kind: str, clients: int, pieces: int, rng: np.random.Generator
) -> list[Examples]:
    """A part of the examples for each client, of sizes that differ by few.

    Args:
        data: the examples.
        kind: one of `SPLITS`.
        clients: how many.
        pieces: for each client, of "shards".
        rng: what draws them.

    Reference: McMahan et al. 2017, section 3 (the pathological split).
    """
    order = rng.permutation(len(data))
    if kind == "iid":
        parts = np.array_split(order, clients)
    else:
        by_class = order[np.argsort(data.labels.numpy()[order], kind="stable")]
        shards = np.array_split(by_class, clients * pieces)
        dealt = rng.permutation(len(shards)).reshape(clients, pieces)
        parts = [np.concatenate([shards[k] for k in row]) for row in dealt]
    return [Examples(data.inputs[part], data.labels[part], data.loss) for part in parts]


def mean_network(networks: Sequence[nn.Module]) -> nn.Module:
    """The network of mean weights."""
    return average(networks, [1 / len(networks)] * len(networks))


def partly_averaged(networks: Sequence[nn.Module], names: Sequence[str]) -> list[nn.Module]:
    """Copies in which the layers of these names are the mean of all."""
    if not names:
        return list(networks)
    keys = [key for layer in layers(networks[0]) if layer.name in names for key in layer.keys]
    means = slots(mean_network(networks))
    return [placed(network, {key: means[key] for key in keys}) for network in networks]


@dataclass(frozen=True)
class Round:
    """Clients at the end of a round, by what they average.

    Attributes:
        local: after their own training.
        shared: after averaging.
    """

    local: Mapping[str, Sequence[nn.Module]]
    shared: Mapping[str, Sequence[nn.Module]]


def rounds(
    initial: Sequence[nn.Module],
    parts: Sequence[Examples],
    config: TrainingConfig,
    local_epochs: int,
    rng: np.random.Generator,
) -> Iterator[Round]:
    """Trains clients in all ways at once; a client's data order is the same in each of them.

    Args:
        initial: a network for each client; the first is the common state of all but `OWN_START`.
        parts: of the clients.
        config: of the whole training, all rounds; the optimiser begins anew in each.
        local_epochs: between two averages; a divisor of all epochs.
        rng: draws data orders and halves of the layers.

    Raises:
        ValueError: if the training of a client diverges.
    """
    names = [layer.name for layer in layers(initial[0])]
    seeds = [int(seed) for seed in rng.integers(2**31, size=len(parts))]
    clients = {
        kind: list(initial) if kind == OWN_START else [initial[0]] * len(parts) for kind in AVERAGED
    }
    for start in range(0, config.epochs, local_epochs):
        trained = [
            train_many(
                [clients[kind][k] for kind in AVERAGED],
                part,
                config,
                seeds=[seed] * len(AVERAGED),
                span=(start, start + local_epochs),
            )
            for k, (part, seed) in enumerate(zip(parts, seeds, strict=True))
        ]
        _require_finite(trained, start + local_epochs)
        local = {kind: list(ones) for kind, *ones in zip(AVERAGED, *trained, strict=True)}
        clients = {
            kind: partly_averaged(ones, AVERAGED[kind](names, rng)) for kind, ones in local.items()
        }
        yield Round(local, clients)


def _require_finite(trained: Sequence[Sequence[nn.Module]], epoch: int) -> None:
    values = (value for ones in trained for one in ones for value in one.parameters())
    if not all(bool(value.isfinite().all()) for value in values):
        raise ValueError(f"a client has diverged by epoch {epoch}: lower the learning rate")
