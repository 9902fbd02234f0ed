"""What the gains of a pair of networks are made of, and what all starts of a solver share."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from lmctheory.matching._symmetry import Action, Symmetry
from lmctheory.matching.alignment import Alignment
from lmctheory.matching.solvers.units import units

__all__ = ["Problem", "Term"]

_KEPT = 2**18
"""Products of so many entries are kept for other starts; larger ones are made anew, as layers that
wide have few starts, and memory for one matrix of every group alone."""


@dataclass(frozen=True, eq=False)
class Term:
    """What a group's gain owes to one parameter.

    Attributes:
        action: how the group acts on the parameter.
        others: axes along which groups move it besides.
        parted: whether some group acts on a part of it alone.
    """

    action: Action
    others: tuple[int, ...]
    parted: bool


class Problem:
    """Two networks as they are before anything moves.

    Args:
        start: the alignment that counts as the original one.

    Attributes:
        start: likewise.
        original: the same, its permutations counted from there.
        units: of its groups.
        terms: of every unit whose gain is one matrix; a unit with groups inside its blocks, or
            confined to a part of a layer, has none.
        movers: for an axis of a parameter the groups that act along it, by their names, and how.
        readers: for an axis of a parameter the terms that depend on its order, by the numbers of
            their units and their own.
    """

    def __init__(self, start: Alignment) -> None:
        self.start = start
        orders = {group.name: np.arange(group.size) for group in start.symmetry.groups}
        stored = start.in_order(start.stored_b)
        self.original = replace(start, stored_b=stored, orders=orders)
        self.units = units(start.symmetry)
        self.movers: dict[tuple[str, int], dict[str, Action]] = defaultdict(dict)
        axes: dict[str, set[int]] = defaultdict(set)
        parted: dict[str, bool] = defaultdict(bool)
        for group in start.symmetry.groups:
            for action in group.actions:
                self.movers[action.parameter, action.axis][group.name] = action
                axes[action.parameter].add(action.axis)
                parted[action.parameter] |= action.within is not None
        self.terms = {
            k: tuple(
                Term(a, tuple(sorted(axes[a.parameter] - {a.axis})), parted[a.parameter])
                for a in unit.group.actions
            )
            for k, unit in enumerate(self.units)
            if not unit.families and all(a.within is None for a in unit.group.actions)
        }
        self.readers: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
        for k, terms in self.terms.items():
            for number, term in enumerate(terms):
                for axis in term.others:
                    self.readers[term.action.parameter, axis].append((k, number))
        self.readers.default_factory = None
        self._single: dict[str, tuple[Tensor, Tensor]] = {}
        self._constant: dict[tuple[int, tuple[int, ...]], Tensor] = {}
        self._lengths: dict[int, tuple[Tensor, Tensor]] = {}
        self._restricted: dict[int, Symmetry] = {}

    @cached_property
    def _divisors(self) -> tuple[float, float]:
        """By what A and B are divided, so that no product overflows in single precision."""
        a, b = (1.0 if 1e-9 < norm < 1e9 else norm or 1.0 for norm in self.start.norms)
        return a, b

    @property
    def unit(self) -> float:
        """By how much the objective rises for a gain of one."""
        return self._divisors[0] * self._divisors[1]

    def single(self, parameter: str) -> tuple[Tensor, Tensor]:
        """A parameter of A and of B in single precision, the product in units of `unit`."""
        if parameter not in self._single:
            own = (self.original.stored_a, self.original.stored_b)
            networks = zip(own, self._divisors, strict=True)
            a, b = (_divided(tensors[parameter], divisor) for tensors, divisor in networks)
            self._single[parameter] = a, b
        return self._single[parameter]

    def constant(self, unit: int, numbers: Sequence[int]) -> Float32[Tensor, "m m"]:
        """The sum of terms whose other axes never move, not to be written on."""
        key = (unit, tuple(numbers))
        if key in self._constant:
            return self._constant[key]
        terms = (self.terms[unit][number] for number in numbers)
        rows = [[t.action.rows(net) for net in self.single(t.action.parameter)] for t in terms]
        a, b = (torch.cat(parts, dim=1) for parts in zip(*rows, strict=True))
        product = a @ b.mT
        if product.numel() <= _KEPT:
            self._constant[key] = product
        return product

    def lengths(self, unit: int) -> tuple[Float32[Tensor, " m"], Float32[Tensor, " m"]]:
        """|A_i| and |B_j| over all terms, to which the errors of a gain are relative."""
        if unit not in self._lengths:
            squares = [
                [_squares(t.action.rows(net)) for net in self.single(t.action.parameter)]
                for t in self.terms[unit]
            ]
            a, b = (torch.stack(parts).sum(0).sqrt() for parts in zip(*squares, strict=True))
            self._lengths[unit] = a, b
        return self._lengths[unit]

    def restricted(self, unit: int) -> Symmetry:
        """The groups as they act on the parameters that a unit moves."""
        if unit not in self._restricted:
            self._restricted[unit] = self.start.symmetry.on(self.units[unit].axes)
        return self._restricted[unit]


def _divided(tensor: Tensor, divisor: float) -> Tensor:
    return (tensor if divisor == 1 else tensor / divisor).float()


def _squares(rows: Float32[Tensor, "m d"]) -> Float32[Tensor, " m"]:
    """|row|^2, fast for rows that lie beside each other in memory too."""
    if rows.is_contiguous():
        return torch.linalg.vector_norm(rows, dim=1).square()
    return rows.square() @ rows.new_ones(rows.shape[1])
