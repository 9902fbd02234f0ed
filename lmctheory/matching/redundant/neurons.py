r"""Redundant neurons of one group: what they are, and how they are found.

A set of neurons is redundant if all its members compute multiples of one function,

    h_j = f_j g    for all inputs, or for all examples,

and then only sum_j f_j u_j of their outgoing weights u_j matters: duplicates (f_j = 1, or +-1 where
neurons may be negated), constant neurons (g = 1, f_j their values) and dead ones (f_j = 0).
*Silent* neurons are another matter: nothing reads them, so that whatever makes them is free.

**By weights** duplicates have equal parameters, all that makes the neurons taken together; by
induction along the network they compute the same. Neurons are constant if their incoming weights
or the gains of a normalisation are zero; what the value is, and that nothing else reaches them, is
measured. **By data** all of it is measured, and holds for the examples alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from lmctheory.results import Result

__all__ = [
    "DATA",
    "KINDS",
    "WEIGHTS",
    "RedundantNeurons",
    "constants",
    "duplicates",
]

KINDS = ("silent", "dead", "constant", "duplicated")
"""In the order in which they are looked for."""

WEIGHTS, DATA = "weights", "data"

_CLOSE = 1e-9
"""How far from one the cosine of two equal vectors may be by rounding, in double precision."""


@dataclass(frozen=True, eq=False)
class RedundantNeurons(Result):
    """Neurons of one group that compute multiples of one function, or that nothing reads.

    Attributes:
        group: its name.
        kind: one of `KINDS`.
        found_by: "weights": it holds for every input; "data": for the examples.
        neurons: their numbers ``[k]``, of constants the largest first.
        factors: f ``[k]``: for duplicates the multiples of the first of them; the values of
            constants; zero for dead neurons; NaN for silent ones.
        removable: so many of them could be removed, the outgoing weights of the others and the
            biases after them changed.
    """

    group: str
    kind: str
    found_by: str
    neurons: np.ndarray
    factors: np.ndarray
    removable: int

    def __post_init__(self) -> None:
        assert self.kind in KINDS
        assert len(self.neurons) == len(self.factors) >= self.removable

    @property
    def freedom(self) -> str:
        """What may be changed, in words."""
        if self.kind == "silent":
            return "incoming weights"
        if self.kind == "dead":
            return "outgoing weights"
        if self.removable == len(self.neurons):
            return "outgoing weights, the next biases compensating"
        return "outgoing weights of equal sum" if self.removable else "none"


def duplicates(
    negated: Float64[Tensor, "m k"],
    kept: Float64[Tensor, "m n"],
    tolerance: float,
    *,
    scaled: bool = False,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Sets of neurons that are equal, up to a factor.

    Args:
        negated: what is multiplied by a neuron's factor, a row for each.
        kept: what is not.
        tolerance: of the difference, relative to the norm of a neuron.
        scaled: whether factors may be any, rather than 1 and -1.

    Returns:
        For each set of two or more the neurons and their factors, the first neuron's being 1.
    """
    size = (negated.square().sum(1) + kept.square().sum(1)).sqrt()
    slack = max(tolerance**2, _CLOSE)
    near = (negated @ negated.mT).abs() + kept @ kept.mT >= (1 - slack) * torch.outer(size, size)

    def alike(first: int, others: Tensor) -> tuple[Tensor, Tensor]:
        products = negated[others] @ negated[first]
        factors = products / negated[first].square().sum() if scaled else products.sign()
        factors = torch.where(factors == 0, 1.0, factors)
        gaps = (negated[others] - factors[:, None] * negated[first]).square().sum(1)
        gaps += (kept[others] - kept[first]).square().sum(1)
        return gaps.sqrt() <= tolerance * size[others], factors

    return list(_sets(near, alike))


def _sets(
    near: Bool[Tensor, "m m"], alike: Callable[[int, Tensor], tuple[Tensor, Tensor]]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Every neuron joins the first that it is like."""
    free = torch.ones(len(near), dtype=torch.bool)
    for first in range(len(near)):
        others = (near[first] & free).nonzero().squeeze(1)
        others = others[others > first]
        if not free[first] or not len(others):
            continue
        found, factors = alike(first, others)
        members = others[found]
        free[members] = False
        if len(members):
            yield (
                np.array([first, *members.tolist()]),
                np.array([1.0, *factors[found].tolist()]),
            )


def constants(
    seen: Float64[Tensor, "m n"], tolerance: float
) -> tuple[Bool[Tensor, " m"], Bool[Tensor, " m"], Float64[Tensor, " m"]]:
    """Which neurons are dead, which others constant, and the mean of each.

    Args:
        seen: activations, a row for each neuron.
        tolerance: of activations that count as zero relative to the largest of all, of deviations
            relative to the neuron's own.
    """
    size = seen.abs().amax(1)
    mean = seen.mean(1)
    dead = size <= tolerance * size.max()
    constant = (seen - mean[:, None]).abs().amax(1) <= tolerance * size
    return dead, constant & ~dead, mean
