"""Groups that have to be solved in one step: a group and those inside the blocks it moves.

Attention heads can be exchanged, and so can the channels inside each; likewise the groups of a
group norm. Which head of B stands in a place decides which channels can be matched there, so
neither problem can be posed without the other. *Solved together they are exact*: if place s gets
block sigma(s) in the inner orders pi, the gain is a sum over s of terms that depend on
(sigma(s), pi_s) alone, so the best pi_s for every pair (s, t) of blocks is an assignment of its
own for each family, V[s, t] its value, and the best sigma is the assignment of
sum over families of V, plus the gain of what the blocks hold besides.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float64

from lmctheory.matching._symmetry import Action, PermutationGroup, Symmetry
from lmctheory.matching.alignment import Alignment
from lmctheory.matching.costs.neuron_costs import Cost, gain_of
from lmctheory.matching.groups import entries_moved
from lmctheory.matching.solvers._assignment import assignment, best_order

__all__ = ["Unit", "units"]


@dataclass(frozen=True)
class Unit:
    """A group and the groups inside its blocks.

    Attributes:
        group: the outer group, or the only one.
        families: of each family the groups, by slot.
    """

    group: PermutationGroup
    families: tuple[tuple[PermutationGroup, ...], ...]

    @cached_property
    def groups(self) -> tuple[PermutationGroup, ...]:
        """All its groups."""
        return (*(child for family in self.families for child in family), self.group)

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of its groups."""
        return frozenset(group.name for group in self.groups)

    @cached_property
    def axes(self) -> dict[str, frozenset[int]]:
        """For each parameter that it moves the axes on which it does."""
        axes: dict[str, frozenset[int]] = {}
        for group in self.groups:
            for parameter, axis in group.axes:
                axes[parameter] = axes.get(parameter, frozenset()) | {axis}
        return axes

    @cached_property
    def is_linear(self) -> bool:
        """Whether it acts on one axis only of every parameter: its gain is then exact."""
        return all(len(axes) == 1 for axes in self.axes.values())

    @cached_property
    def remainder(self) -> PermutationGroup:
        """The outer group as it acts on what the blocks hold besides their inner neurons."""
        actions = (_outside(action, self.groups[:-1]) for action in self.group.actions)
        kept = tuple(action for action in actions if action is not None)
        return replace(self.group, actions=kept, incoming=(), outgoing=())

    def solved(self, pair: Alignment, cost: Cost) -> Alignment:
        """The alignment after the step that maximises the unit's gain."""
        if not self.families:
            features = cost(self.group, pair)
            return pair.turned(self.group, best_order(gain_of(features))) if features else pair
        kept = replace(pair, kept=True)
        inner = [_block_assignments(family, kept, cost) for family in self.families]
        value = sum(values for values, _ in inner)
        if self.remainder.actions and (rest := cost(self.remainder, kept)):
            value = value + gain_of(rest).largest.cpu().numpy()
        outer = assignment(torch.as_tensor(value))
        pair = pair.turned(self.group, outer)
        for family, (_, orders) in zip(self.families, inner, strict=True):
            for slot, child in enumerate(family):
                pair = pair.turned(child, orders[slot][outer[slot]])
        return pair


def units(symmetry: Symmetry) -> tuple[Unit, ...]:
    """The units of a network, in the order of their first groups."""
    found: dict[str, Unit] = {}
    for group in symmetry.groups:
        outer = group if group.parent is None else symmetry[group.parent]
        if outer.name not in found:
            found[outer.name] = Unit(outer, tuple(_families(symmetry, outer)))
    return tuple(found.values())


def _families(
    symmetry: Symmetry, outer: PermutationGroup
) -> Iterator[tuple[PermutationGroup, ...]]:
    children = symmetry.children(outer)
    for family in dict.fromkeys(child.family for child in children):
        members = (child for child in children if child.family == family)
        yield tuple(sorted(members, key=lambda child: child.slot))


def _block_assignments(
    family: tuple[PermutationGroup, ...], pair: Alignment, cost: Cost
) -> tuple[Float64[np.ndarray, "h h"], list[list[np.ndarray]]]:
    """Value and order of the best inner assignment for every pair of blocks."""
    features = [cost(child, pair) for child in family]
    values = np.empty((len(family), len(family)))
    orders: list[list[np.ndarray]] = [[] for _ in family]
    for s, block_a in enumerate(features):
        for t, block_b in enumerate(features):
            across = (replace(of_a, b=of_b.b) for of_a, of_b in zip(block_a, block_b, strict=True))
            gain = gain_of(across)
            best = assignment(gain.largest)
            orders[s].append(gain.with_signs(best))
            values[s, t] = gain.largest.cpu().numpy()[np.arange(len(best)), best].sum()
    return values, orders


def _outside(action: Action, inner: tuple[PermutationGroup, ...]) -> Action | None:
    """The action on those entries of its axis that no inner group moves."""
    taken = entries_moved(action, (other for group in inner for other in group.actions))
    positions = tuple(tuple(e for e in block if e not in taken) for block in action.positions)
    return replace(action, positions=positions) if any(positions) else None
