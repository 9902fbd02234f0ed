"""Permutations of all groups as one: what composing and inverting them needs.

All neurons of a network are numbered group after group. A place of the common order holds one
neuron, so all permutations together are one permutation of these numbers, its *occupation*. They
compose and invert as arrays do: occupied_k[argsort(occupied_j)] says which neuron of network k is
aligned with each neuron of j; where some are negated `then` and `inverse` (`matching.orders`) take
the place of indexing and argsort. Group by group that would be wrong for groups inside blocks,
whose arrays count within a block of the network, wherever that block was moved.
"""

import numpy as np
from jaxtyping import Int

from lmctheory.matching._symmetry import Symmetry
from lmctheory.matching.alignment import Alignment
from lmctheory.matching.orders import neurons

__all__ = ["numbers", "occupation", "permutations_of"]


def numbers(symmetry: Symmetry) -> dict[str, slice]:
    """For each group the numbers of its neurons."""
    ends = np.cumsum([0, *(group.size for group in symmetry.groups)]).tolist()
    return {
        group.name: slice(start, end)
        for group, start, end in zip(symmetry.groups, ends, ends[1:], strict=False)
    }


def occupation(member: Alignment) -> Int[np.ndarray, " neurons"]:
    """For every place of all groups the number of the neuron of B that is there."""
    own = numbers(member.symmetry)
    parts = [np.arange(0)]
    for group in member.symmetry.groups:
        name = member.occupant(group).name
        order = member.orders[name]
        parts.append(order + np.where(order < 0, -1, 1) * own[name].start)
    return np.concatenate(parts)


def permutations_of(
    symmetry: Symmetry, occupied: Int[np.ndarray, " neurons"]
) -> dict[str, np.ndarray]:
    """The inverse of `occupation`: for each group the order of its neurons."""
    own = numbers(symmetry)
    starts = {part.start: name for name, part in own.items()}
    found = {}
    for part in own.values():
        order = occupied[part]
        start = int(neurons(order).min())  # of the group of B that is here, whole
        found[starts[start]] = order - np.where(order < 0, -1, 1) * start
    return {name: found[name] for name in own}
