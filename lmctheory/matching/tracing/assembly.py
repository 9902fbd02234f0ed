"""From what a trace found to permutation groups.

Every space of neurons gives one group. Blocks (`Blocks`) give groups that exchange whole blocks: a
*row* is all that one block holds, in all layers that share its neurons. *Two rows can be exchanged
if they look alike in every condition that any operation imposed.* Pair the neurons of the rows by
their places in the blocks, and the atoms of paired neurons by origin. If paired atoms have equal
entries in all conditions, exchanging them maps every condition to itself, so the exchange commutes
with every operation, as permutations inside the blocks do. Where a neuron has several atoms of one
origin these are paired by age, and the conditions are tried one by one (`exchanges`).

Blocks that share neurons (the heads of queries that read the same keys) are one row. Inside it they
can still be exchanged, atom by atom: the neurons that they share stay, and hand those of their
atoms that belong to one block to the other.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from torch import Tensor

from lmctheory.matching.groups import Action, PermutationGroup, Symmetry
from lmctheory.matching.tracing.fixed import unmoved
from lmctheory.matching.tracing.forms import Forms
from lmctheory.matching.tracing.labelling import Labelling
from lmctheory.matching.tracing.neurons import Labels, Origin
from lmctheory.matching.tracing.rows import Row, Rows, exchangeable_rows

__all__ = ["assembled"]


@dataclass(frozen=True)
class _Moved:
    """A group before it has a name.

    Attributes:
        units: what it permutes, each some neurons in corresponding order.
        atoms: of each unit, in corresponding order.
        key: its place among the groups.
        origin: the name of what its neurons come from.
        options: of the group to be.
        blocks: whether they are blocks of neurons, which are exchanged as wholes.
    """

    units: tuple[Row, ...]
    atoms: tuple[Row, ...]
    key: tuple[int, int]
    origin: str
    options: dict[str, Any] = field(default_factory=dict)
    blocks: bool = False


def assembled(labelling: Labelling, forms: Forms, parameters: Mapping[str, Tensor]) -> Symmetry:
    """The groups of a traced network.

    Args:
        labelling: what the trace found.
        forms: what it found of signs.
        parameters: by their names; a group that acts on none of them is left out.
    """
    found = _Assembly(labelling, forms).symmetry(frozenset(parameters))
    return replace(found, fixed=unmoved(labelling, found, parameters))


class _Assembly:
    def __init__(self, labelling: Labelling, forms: Forms) -> None:
        self.labelling = labelling
        self.forms = forms
        self.neurons = labelling.neurons
        self.members = self.neurons.members()
        self._known: dict[int, dict[int, list[int]]] = {}

    def symmetry(self, parameters: frozenset[str]) -> Symmetry:
        spaces = sorted(self._spaces(), key=lambda moved: moved.key)
        names = _distinct([moved.origin for moved in spaces])
        named = dict(zip(names, spaces, strict=True))
        families, mismatched = exchangeable_rows(self.labelling, self.members)
        titles: list[str] = []
        for family in families:
            name, children = self._parent(family, named)
            named |= children
            named[name] = self._outer(name, family, titles)
            titles.append(name)
        groups = (
            self._group(name, moved)
            for name, moved in sorted(named.items(), key=lambda item: item[1].key)
        )
        kept = tuple(group for group in groups if self._matters(group, parameters))
        moving = {n for moved in named.values() for unit in moved.units for n in unit}
        return Symmetry(kept, self._fixed(moving, kept) | mismatched)

    def _matters(self, group: PermutationGroup, parameters: frozenset[str]) -> bool:
        """Whether a group acts on parameters, and not on one alone that no layer computes with."""
        acted_on = {action.parameter for action in group.actions}
        alone = len(acted_on) == 1 and not (group.incoming or group.outgoing)
        return bool(acted_on & parameters) and not alone

    def _spaces(self) -> Iterator[_Moved]:
        spaces: dict[int, list[int]] = defaultdict(list)
        neurons = np.array(list(self.members), dtype=np.int64)
        for neuron, space in zip(neurons.tolist(), self.neurons.spaces(neurons), strict=True):
            spaces[int(space)].append(neuron)
        for members in spaces.values():
            if len(members) > 1:
                ordered = sorted(members, key=self._first_atom)
                first = self._first_atom(ordered[0])
                units = tuple((neuron,) for neuron in ordered)
                atoms = tuple(self._by_strand(neuron) for neuron in ordered)
                yield _Moved(units, atoms, (first, 0), self._origin(first).name or "constants")

    def _by_strand(self, neuron: int) -> Row:
        atoms = self.members[neuron]
        return tuple(atoms[np.argsort(self.neurons.strands(atoms))].tolist())

    def _first_atom(self, neuron: int) -> int:
        """The atom after which a neuron is named: the first that a layer computes, if any."""
        atoms = self.members[neuron].tolist()
        layers = (atom for atom in atoms if self._origin(atom).is_layer)
        return next(layers, atoms[0])

    def _origin(self, atom: int) -> Origin:
        return self.neurons.origins[int(self.neurons.origins_of(np.array([atom]))[0])]

    def _parent(self, family: Rows, named: dict[str, _Moved]) -> tuple[str, dict[str, _Moved]]:
        """A name for the group that exchanges rows, and the groups inside them as its children."""
        name = family.name or self._origin(min(family.atoms[0])).name or "constants"
        if family.around is not None:
            name = f"{name}.heads.{family.around[1]}"
        if name in named:
            taken = sum(other.startswith(f"{name}.blocks") for other in named)
            name = f"{name}.blocks.{taken}"
        children = {}
        for slot, row in enumerate(family.rows):
            inside = [
                (n, m) for n, m in named.items() if len(m.units[0]) == 1 and m.units[0][0] in row
            ]
            inside.sort(key=lambda item: row.index(item[1].units[0][0]))
            families = _distinct([moved.origin for _, moved in inside])
            for kind, (child, moved) in zip(families, inside, strict=True):
                options = {"parent": name, "family": kind, "slot": slot}
                children[child] = replace(moved, options=options)
        return name, children

    def _outer(self, name: str, family: Rows, titles: Sequence[str]) -> _Moved:
        last = max(atom for row in family.atoms for atom in row)
        if family.around is None:
            return _Moved(family.rows, family.atoms, (last, 1), name, blocks=True)
        number, slot = family.around
        options = {"parent": titles[number], "family": "heads", "slot": slot}
        return _Moved(family.rows, family.atoms, (last, 0), name, options, blocks=True)

    def _group(self, name: str, moved: _Moved) -> PermutationGroup:
        actions, roles = [], {"made": [], "read": [], "": []}  # type: tuple[list[Action], dict[str, list[str]]]
        for (parameter, axis, within), found in self.labelling.axes.items():
            positions = self._positions(found.labels, moved.atoms)
            if positions is not None:
                reads = found.role == "read"
                actions.append(Action(parameter, axis, positions, within, reads))
                roles[found.role].append(parameter)
        if not moved.blocks:
            actions = self._with_signs(actions)
        return PermutationGroup(
            name,
            len(moved.units),
            tuple(actions),
            tuple(dict.fromkeys(roles["made"])),
            tuple(dict.fromkeys(roles["read"])),
            **moved.options,
        )

    def _with_signs(self, actions: list[Action]) -> list[Action]:
        """The actions, with what they negate."""
        negated = self.forms.negated(
            [(a.place, self.labelling.axes[*a.place, a.within]) for a in actions]
        )
        return [replace(a, negated=a.place in negated) for a in actions]

    def _positions(
        self, labels: Labels | None, units: tuple[Row, ...]
    ) -> tuple[tuple[int, ...], ...] | None:
        """For each unit its entries along an axis, in corresponding order."""
        if labels is None:
            return None
        if id(labels) not in self._known:
            self._known[id(labels)] = _entries(labels)
        entries = self._known[id(labels)]
        if not any(atom in entries for atom in units[0]):
            return None
        found = tuple(tuple(e for a in unit for e in entries.get(a, ())) for unit in units)
        # of a grouped convolution's weight each row holds one block's part, which moves with it
        return found if all(found) else None

    def _fixed(self, moving: set[int], groups: tuple[PermutationGroup, ...]) -> dict[str, str]:
        """The layers none of whose neurons moves, with the reason."""
        atoms = np.array([a for n in moving for a in self.members[n].tolist()], dtype=np.int64)
        free = set(self.neurons.origins_of(atoms).tolist())
        parameters = {action.parameter for group in groups for action in group.actions}
        fixed = {}
        for number, origin in enumerate(self.neurons.origins):
            unnamed = origin.name is None or origin.name in parameters
            if number not in free and origin.size > 1 and not unnamed:
                fixed[str(origin.name)] = self.neurons.reasons.get(
                    number, "no two of its neurons can be exchanged"
                )
        return fixed


def _entries(labels: Labels) -> dict[int, list[int]]:
    """For each atom its places along an axis."""
    order = np.argsort(labels, kind="stable")
    values, starts = np.unique(labels[order], return_index=True)
    parts = np.split(order, starts[1:])
    return {a: part.tolist() for a, part in zip(values.tolist(), parts, strict=True)}


def _distinct(names: Sequence[str]) -> list[str]:
    """Names that occur more than once are numbered."""
    counts, seen = Counter(names), Counter[str]()
    result = []
    for name in names:
        result.append(f"{name}.{seen[name]}" if counts[name] > 1 else name)
        seen[name] += 1
    return result
