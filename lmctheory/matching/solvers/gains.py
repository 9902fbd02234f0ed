"""Gains that follow the permutations: products are computed once, then corrected.

Neither network is ever reordered. B's neurons keep their numbers, a permutation says which of them
stands in a place, and column j of a gain belongs to neuron j of B wherever it stands. The gain of a
group is a sum of terms <A_i, B_j>, one for each parameter that it touches, with B's other axis in
the order found so far. If the neurons in places K of that axis are exchanged, the term changes by

    A[:, K] (B[:, new] - B[:, old])^T

and by nothing else. Terms whose other axes never move are computed once for all starts.

Products and corrections are taken in single precision, at half the cost. What decides is not: how
much an order gains is summed in double precision over the neurons that it moves (`rise`), and
neurons that single precision cannot tell apart are compared in double (`block`, see `ties`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float64, Int
from torch import Tensor

from lmctheory.matching._symmetry import Action
from lmctheory.matching.alignment import Alignment
from lmctheory.matching.costs.neuron_features import Features, Gain, gain_of
from lmctheory.matching.orders import inverse, selected, then
from lmctheory.matching.solvers.terms import Problem, Term

__all__ = ["Gains"]

_AT_ONCE = 512
"""Neurons that are compared in double precision together."""


class Gains:
    """The orders found so far, and the gains that belong to them.

    Units are named by their numbers in `Problem.units`.

    Args:
        problem: the networks.
        orders: for each group's name the neurons of B in their places, see `matching.orders`; None
            is B as it is there.

    Attributes:
        problem: likewise.
        orders: for each group's name the neurons of B in their places.
    """

    def __init__(self, problem: Problem, orders: Mapping[str, np.ndarray] | None = None) -> None:
        self.problem = problem
        self.orders = dict(problem.original.orders if orders is None else orders)
        self._places: dict[tuple[str, int], Int[np.ndarray, " n"]] = {}
        self._kept: dict[tuple[int, bool], Tensor] = {}  # by unit, and whether signs matter
        self._held: dict[int, list[int]] = {k: [] for k in problem.terms}
        if orders is not None:
            present = replace(problem.original, orders=self.orders)
            for parameter, axis in problem.readers:
                size = problem.original.stored_b[parameter].shape[axis]
                self._places[parameter, axis] = present.entries(parameter, axis, size)

    def order(self, unit: int) -> Int[np.ndarray, " m"]:
        """The present order of a unit's (outer) group."""
        return self.orders[self.problem.units[unit].group.name]

    def of(self, unit: int, numbers: Iterable[int] | None = None) -> Gain:
        """Gain of every neuron of A with every neuron of B, in units of `Problem.unit`, float32.

        Args:
            unit: one that has terms.
            numbers: of its terms; others are added as soon as they are asked for. None is all.

        Returns:
            The matrices that are kept, no copies.
        """
        terms, held = self.problem.terms[unit], self._held[unit]
        asked = range(len(terms)) if numbers is None else numbers
        missing = [number for number in asked if number not in held]
        for negated in (False, True):
            alike = [number for number in missing if terms[number].action.negated is negated]
            if fixed := [number for number in alike if not terms[number].others]:
                part, kept = self.problem.constant(unit, fixed), self._kept.get((unit, negated))
                self._kept[unit, negated] = part.clone() if kept is None else kept.add_(part)
        for term in (terms[number] for number in missing):
            if term.others:
                a, b = self.problem.single(term.action.parameter)
                self._add(unit, term, term.action.rows(a), term.action.rows(self._placed(term, b)))
        held.extend(missing)
        return Gain(self._kept.get((unit, False)), self._kept.get((unit, True)))

    def _add(self, unit: int, term: Term, a: Tensor, b: Tensor) -> None:
        key = unit, term.action.negated
        if key in self._kept:
            self._kept[key].addmm_(a, b.mT)
        else:
            self._kept[key] = a @ b.mT

    def _placed(self, term: Term, b: Tensor, but: int | None = None) -> Tensor:
        """A parameter of B, all axes but the term's own and another in their present order."""
        if not term.parted:
            for axis in (axis for axis in term.others if axis != but):
                places = self._places.get((term.action.parameter, axis))
                b = b if places is None else selected(b, axis, places)
            return b
        for name, action in self.problem.start.symmetry.acting[term.action.parameter]:
            if action is not term.action:
                b = action.reorder(b, self.orders[name])
        return b

    def block(self, unit: int, of_a: Int[np.ndarray, " k"], of_b: Int[np.ndarray, " n"]) -> Gain:
        """The gain as it is kept, of some neurons of A with some of B, in double precision."""
        terms = [self.problem.terms[unit][number] for number in self._held[unit]]
        return gain_of(
            Features(*self._exactly(term, of_a, of_b), negated=term.action.negated)
            for term in terms
        )

    def rise(self, unit: int, order: Int[np.ndarray, " m"]) -> float:
        """By how much the objective rises if a unit's group takes an order, in double precision."""
        moved = np.flatnonzero(order != self.order(unit))
        if not len(moved):
            return 0.0
        if not self.problem.units[unit].is_linear:
            pair = self.aligned(unit)
            turn = then(inverse(self.order(unit)), order)  # relative to the present order
            turned = pair.turned(self.problem.units[unit].group, turn)
            return turned.objective - pair.objective
        new, old = order[moved], self.order(unit)[moved]
        rise = 0.0
        for part in np.array_split(np.arange(len(moved)), -(-len(moved) // _AT_ONCE)):
            exchanged = np.concatenate([new[part], old[part]])
            for term in self.problem.terms[unit]:
                a, b = self._exactly(term, moved[part], exchanged)
                rise += float(torch.vdot(a.ravel(), (b[: len(part)] - b[len(part) :]).ravel()))
        return rise

    def _exactly(
        self, term: Term, of_a: Int[np.ndarray, " k"], of_b: Int[np.ndarray, " n"]
    ) -> tuple[Float64[Tensor, "k d"], Float64[Tensor, "n d"]]:
        """The rows of a term for some neurons, in double precision."""
        action, original = term.action, self.problem.original
        a, b = original.stored_a[action.parameter], original.stored_b[action.parameter]
        a = selected(a, action.axis, action.entries(of_a))
        if term.parted:
            b = selected(self._placed(term, b), action.axis, action.entries(of_b))
        else:  # fewer entries are put in their places if some are selected before
            b = self._placed(term, selected(b, action.axis, action.entries(of_b)))
        return (
            a.movedim(action.axis, 0).reshape(len(of_a), -1).double(),
            b.movedim(action.axis, 0).reshape(len(of_b), -1).double(),
        )

    def move(self, unit: int, order: Int[np.ndarray, " m"]) -> None:
        """Gives a unit's group an order, and corrects the gains that depend on it."""
        group = self.problem.units[unit].group
        before, self.orders[group.name] = self.orders[group.name], order
        moved = np.flatnonzero(order != before)
        for action in group.actions:
            if (action.parameter, action.axis) not in self.problem.readers:
                continue
            places, old, new = map(action.entries, (moved, before[moved], order[moved]))
            self._replace(action, places, old, new)

    def _replace(
        self,
        action: Action,
        places: Int[np.ndarray, " n"],
        old: Int[np.ndarray, " n"],
        new: Int[np.ndarray, " n"],
    ) -> None:
        """Notes which entries of B have come to some places of an axis."""
        parameter, axis = action.parameter, action.axis
        size = self.problem.original.stored_b[parameter].shape[axis]
        held = self._places.setdefault((parameter, axis), np.arange(size))
        held[places] = new
        for unit, number in self.problem.readers[parameter, axis]:
            if number not in self._held[unit]:
                continue
            term = self.problem.terms[unit][number]
            if term.parted:
                self._forget(unit)
                continue
            a, b = self.problem.single(parameter)
            a = term.action.rows(selected(a, axis, places))
            b = selected(b, axis, new) - selected(b, axis, old)
            self._add(unit, term, a, term.action.rows(self._placed(term, b, but=axis)))

    def adopt(self, unit: int, pair: Alignment) -> None:
        """Takes over the orders of a unit's groups from what `aligned` gave."""
        groups = self.problem.units[unit].groups
        self.orders |= {group.name: pair.orders[group.name] for group in groups}
        actions = {(a.parameter, a.axis, a.within): a for group in groups for a in group.actions}
        for (parameter, axis, within), action in actions.items():
            if (parameter, axis) not in self.problem.readers:
                continue
            if within is not None:
                for reader, _ in self.problem.readers[parameter, axis]:
                    self._forget(reader)
                continue
            size = pair.stored_b[parameter].shape[axis]
            new = pair.entries(parameter, axis, size)
            old = self._places.get((parameter, axis), np.arange(size)).copy()
            places = np.flatnonzero(new != old)
            self._replace(action, places, old[places], new[places])

    def _forget(self, unit: int) -> None:
        for negated in (False, True):
            self._kept.pop((unit, negated), None)
        self._held[unit].clear()

    def aligned(self, unit: int) -> Alignment:
        """The parameters that a unit touches, as they are now."""
        start, names = self.problem.original, self.problem.units[unit].axes
        a, b = ({name: net[name] for name in names} for net in (start.stored_a, start.stored_b))
        return Alignment(self.problem.restricted(unit), a, b, dict(self.orders))

    def alignment(self) -> Alignment:
        """The whole alignment, as it is now."""
        pair = self.problem.start
        for group in pair.symmetry.groups:  # inside blocks first, then the blocks
            pair = pair.turned(group, self.orders[group.name])
        return pair
