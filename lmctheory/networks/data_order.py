"""In which order networks see their data: seeds, epochs, batches, and a trunk in common."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from lmctheory.measures.arguments import at_least

__all__ = ["batches", "epochs", "require_torch_generator", "seeded_generators"]


def seeded_generators(seed: int) -> tuple[torch.Generator, torch.Generator]:
    """Two independent generators of one seed: for a network's initial weights, and its data order.

    `train_many` draws the data order from the second. Networks that share their initialisation but
    not their data order are built from the first generator of one seed and trained with others.

    Raises:
        TypeError: if the seed is no integer.
        ValueError: if seed < 0.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, seeded_generators
        >>> a, b = (MLP((4, 3, 2), rng=seeded_generators(7)[0]) for _ in range(2))
        >>> torch.equal(a.linears[0].weight, b.linears[0].weight)
        True
    """
    seed = at_least("seed", seed, 0)
    initial, order = (
        torch.Generator().manual_seed(int(child.generate_state(1, np.uint64)[0]))
        for child in np.random.SeedSequence(seed).spawn(2)
    )
    return initial, order


def require_torch_generator(rng: object) -> None:
    """Refuses what draws no tensors, such as a seed or a generator of NumPy.

    Raises:
        TypeError: saying what came.
    """
    if not isinstance(rng, torch.Generator):
        raise TypeError(f"rng must be a torch.Generator, got {type(rng).__name__}")


def epochs(examples: int, count: int, seed: int, *, trunk: tuple[int, int]) -> Iterator[Tensor]:
    """The examples of each of a network's epochs, in order.

    Args:
        examples: their number.
        count: of epochs.
        seed: of the network's own order.
        trunk: a seed, and for how many epochs its order takes the place of the own one. What
            follows is what would have followed without a trunk.
    """
    common, own = (seeded_generators(each)[1] for each in (trunk[0], seed))
    for epoch in range(count):
        # both are drawn from, so that neither order depends on the length of the trunk
        orders = [torch.randperm(examples, generator=generator) for generator in (common, own)]
        yield orders[epoch >= trunk[1]]


def batches(orders: Sequence[Iterator[Tensor]], batch_size: int) -> Iterator[Tensor]:
    """Indices ``[k, b]`` of the examples that k networks see at each step."""
    for epoch in zip(*orders, strict=True):
        yield from torch.split(torch.stack(epoch), batch_size, dim=1)
