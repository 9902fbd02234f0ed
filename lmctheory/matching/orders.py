"""Orders of neurons, some of them negated.

An order is an integer array: place i holds neuron j if its entry is j, and the negative of neuron j
if its entry is ~j = -j - 1. So orders of plain neurons are index arrays, and signed permutations
compose and invert as permutations do.
"""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

__all__ = [
    "encoded",
    "inverse",
    "neurons",
    "plain",
    "selected",
    "signs",
    "then",
    "together",
]


def encoded(
    permutation: Int[np.ndarray, " m"], sign: Int[np.ndarray, " m"] | None
) -> Int[np.ndarray, " m"]:
    """The order with these neurons in its places, times these signs; None is all positive."""
    return permutation if sign is None else np.where(sign < 0, ~permutation, permutation)


def together(
    permutations: Mapping[str, Int[np.ndarray, " _"]], found: Mapping[str, Int[np.ndarray, " _"]]
) -> dict[str, Int[np.ndarray, " _"]]:
    """The orders of groups by name, from their permutations and the signs of some of them."""
    return {name: encoded(perm, found.get(name)) for name, perm in permutations.items()}


def plain(
    orders: Mapping[str, Int[np.ndarray, " _"]],
) -> dict[str, Int[np.ndarray, " _"]]:
    """The permutations of groups by name, without signs."""
    return {name: neurons(order) for name, order in orders.items()}


def neurons(order: Int[np.ndarray, " m"]) -> Int[np.ndarray, " m"]:
    """The neurons in the places of an order."""
    return np.where(order < 0, ~order, order)


def signs(order: Int[np.ndarray, " m"]) -> Int[np.ndarray, " m"]:
    """Their signs, 1 or -1."""
    return np.where(order < 0, -1, 1)


def then(first: Int[np.ndarray, " m"], second: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """What stands in each place after a second order was taken of what a first one left.

    Example:
        >>> then(np.array([2, ~0, 1]), np.array([~1, 0, 2])).tolist()  # ~(~0), 2, 1
        [0, 2, 1]
    """
    moved = first[neurons(second)]
    return np.where(second < 0, ~moved, moved)


def inverse(order: Int[np.ndarray, " m"]) -> Int[np.ndarray, " m"]:
    """The order after which everything is where it was."""
    places = np.arange(len(order))
    result = np.empty_like(order)
    result[neurons(order)] = np.where(order < 0, ~places, places)
    return result


def selected(tensor: Tensor, axis: int, order: Int[np.ndarray, " n"]) -> Tensor:
    """The entries of an axis in an order, negated where it says so."""
    index = torch.from_numpy(neurons(order)).to(tensor.device)
    found = tensor.index_select(axis, index)
    if (order >= 0).all():
        return found
    factors = torch.from_numpy(signs(order)).to(found)
    return found.mul_(factors.reshape(-1, *(1,) * (found.dim() - axis - 1)))
