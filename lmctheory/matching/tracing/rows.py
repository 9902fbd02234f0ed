"""Which blocks of neurons can be exchanged with each other: see `assembly`."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from lmctheory.matching.tracing.exchanges import Exchanges
from lmctheory.matching.tracing.labelling import Labelling
from lmctheory.matching.tracing.neurons import Condition, Labels

__all__ = ["Row", "Rows", "exchangeable_rows"]

Row: TypeAlias = tuple[int, ...]
"""Neurons of one block, in the order of their places."""

_Node: TypeAlias = tuple[int, int]
"""A number of `Labelling.blocks`, and that of a block."""

_Block: TypeAlias = tuple[list[_Node], Row]
"""What was put together, and neurons or atoms in it."""


@dataclass(frozen=True)
class Rows:
    """Rows that can be exchanged.

    Attributes:
        name: of the group, if it has one.
        rows: neurons that belong to each row alone.
        atoms: of each row, in corresponding order.
        around: for rows inside one of the rows of another group that group's number among those
            that were found, and the number of the row there.
    """

    name: str | None
    rows: tuple[Row, ...]
    atoms: tuple[Row, ...]
    around: tuple[int, int] | None = None


def exchangeable_rows(
    labelling: Labelling, members: dict[int, Labels]
) -> tuple[list[Rows], dict[str, str]]:
    """The rows that can be exchanged, group by group.

    Also, for each layer whose blocks cannot be reconciled with another's, the reason.
    """
    if not labelling.blocks:
        return [], {}
    finding = _Finding(labelling, members)
    outer = finding.outer()
    found = [rows for rows, _ in outer]
    within = {
        nodes[0]: (number, slot)
        for number, (_, all_nodes) in enumerate(outer)
        for slot, nodes in enumerate(all_nodes)
    }
    reasons: dict[str, str] = {}
    for nodes in finding.rows:
        repeated = _repeated([q for q, _ in nodes])
        around = within.get(nodes[0])
        if repeated:
            inner = finding.inner([node for node in nodes if node[0] in repeated], around)
            found.extend(inner)
            if not inner and around is None:
                reasons |= {labelling.blocks[q].layer: finding.reason(q) for q, _ in nodes}
    return found, reasons


class _Finding:
    def __init__(self, labelling: Labelling, members: dict[int, Labels]) -> None:
        self.labelling, self.neurons, self.members = labelling, labelling.neurons, members
        self.exchanges = Exchanges(self.neurons, members)
        self.signs = _Signatures(labelling, members)
        self.held = {
            (q, b): np.concatenate([grid[b] for grid in _grids(labelling, q)]).tolist()
            for q, blocks in enumerate(labelling.blocks)
            for b in range(len(blocks.grids[0]))
        }
        self.rows = _linked(self.held)

    def outer(self) -> list[tuple[Rows, list[list[_Node]]]]:
        """Rows that share no neurons, with the blocks in each."""
        classes: dict[Hashable, list[_Block]] = defaultdict(list)
        for nodes in self.rows:
            places = [n for node in nodes for n in self.held[node]]
            if (signature := self.signs.of(places)) is not None:
                kind = (tuple(q for q, _ in nodes), signature)
                classes[kind].append((nodes, tuple(dict.fromkeys(places))))
        found: list[tuple[Rows, list[list[_Node]]]] = []
        for alike in classes.values():
            atoms = [self._atoms(row) for _, row in alike]
            for kept in self._divided(alike[0], atoms):
                if len(kept) > 1:
                    held = [alike[k][0] for k in kept]
                    rows = tuple(alike[k][1] for k in kept)
                    group = Rows(self._name(held[0]), rows, tuple(atoms[k] for k in kept))
                    found.append((group, held))
        return found

    def _atoms(self, row: Row) -> Row:
        """The atoms of neurons, those of each by origin and, of one origin, by age."""
        return tuple(
            atom
            for neuron in row
            for _, atom in sorted(
                zip(
                    self.neurons.origins_of(self.members[neuron]).tolist(),
                    self.members[neuron].tolist(),
                    strict=True,
                )
            )
        )

    def _divided(self, first: _Block, atoms: Sequence[Row]) -> list[list[int]]:
        """Classes of rows that look alike: one, if it is clear which atoms correspond."""
        origins = (self.neurons.origins_of(self.members[neuron]) for neuron in first[1])
        clear = all(len(np.unique(of)) == len(of) for of in origins)
        if clear and not _repeated([q for q, _ in first[0]]):
            return [list(range(len(atoms)))]
        return self.exchanges.classes(atoms)

    def _name(self, nodes: Sequence[_Node]) -> str | None:
        return next(filter(None, (self.labelling.blocks[q].name for q, _ in nodes)), None)

    def inner(self, nodes: list[_Node], around: tuple[int, int] | None) -> list[Rows]:
        """Rows inside a row, which may share neurons, but no atoms."""
        kinds: dict[tuple[int, ...], list[_Block]] = defaultdict(list)
        for linked in _linked({node: self._marks(node) for node in nodes}):
            kinds[tuple(q for q, _ in linked)].append((linked, self._held_by(linked)))
        found = []
        for alike in kinds.values():
            atoms = [row for _, row in alike]
            rows = [self._own(row) for row in atoms]
            if around is not None and any(map(self._move, rows)):
                continue
            for kept in self.exchanges.classes(atoms):
                if len(kept) > 1:
                    own, all_ = (tuple(of[k] for k in kept) for of in (rows, atoms))
                    found.append(Rows(self._name(alike[0][0]), own, all_, around))
        return found

    def _marks(self, node: _Node) -> list[Hashable]:
        """What blocks share that belong together: an atom, or what stands for them."""
        blocks, b = self.labelling.blocks[node[0]], node[1]
        marks: list[Hashable] = [("atom", a) for grid in blocks.grids for a in grid[b].tolist()]
        if blocks.heads is not None:
            marks += [("head", n) for n in self.neurons.neurons(blocks.heads[[b]]).tolist()]
        return marks

    def _held_by(self, nodes: Sequence[_Node]) -> Row:
        """The atoms of blocks, and of what stands for them."""
        atoms: dict[int, None] = {}
        for q, b in nodes:
            blocks = self.labelling.blocks[q]
            atoms |= dict.fromkeys(a for grid in blocks.grids for a in grid[b].tolist())
        for q, b in nodes:
            heads = self.labelling.blocks[q].heads
            if heads is not None:
                (head,) = self.neurons.neurons(heads[[b]]).tolist()
                atoms |= dict.fromkeys(self.members[head].tolist() if head else [0])
        return tuple(atoms)

    def _own(self, atoms: Row) -> Row:
        """The neurons all of whose atoms are among these."""
        among = set(atoms)
        neurons = dict.fromkeys(self.neurons.neurons(np.array(atoms)).tolist())
        moving = (n for n in neurons if n)  # 0 is what stays
        return tuple(n for n in moving if among.issuperset(self.members[n].tolist()))

    def _move(self, row: Row) -> bool:
        """Whether some of these neurons can be exchanged with others."""
        spaces = Counter(self.neurons.spaces(np.array(list(self.members))).tolist())
        own = self.neurons.spaces(np.array(row, dtype=np.int64)).tolist()
        return any(spaces[space] > 1 for space in own)

    def reason(self, q: int) -> str:
        """Why blocks are not exchanged that share neurons with others."""
        others = {p for nodes in self.rows if q in {n for n, _ in nodes} for p, _ in nodes} - {q}
        names = sorted({self.labelling.blocks[p].layer for p in others})
        return f"its blocks and those of {names} divide the same neurons differently"


def _grids(labelling: Labelling, q: int) -> Iterator[np.ndarray]:
    blocks = labelling.blocks[q]
    grids = blocks.grids if blocks.heads is None else (*blocks.grids, blocks.heads[:, None])
    return (labelling.neurons.neurons(grid.ravel()).reshape(grid.shape) for grid in grids)


def _linked(held: Mapping[_Node, Iterable[Hashable]]) -> list[list[_Node]]:
    """Blocks that share something, put together; the fixed neuron 0 is nothing."""
    owner: dict[Hashable, _Node] = {}
    root = {node: node for node in held}

    def find(node: _Node) -> _Node:
        while root[node] != node:
            node = root[node]
        return node

    for node, parts in held.items():
        for part in parts:
            if part not in _FIXED:
                root[find(node)] = find(owner.setdefault(part, node))
    rows: dict[_Node, list[_Node]] = defaultdict(list)
    for node in held:
        rows[find(node)].append(node)
    return list(rows.values())


_FIXED: frozenset[Hashable] = frozenset((0, ("head", 0), ("atom", 0)))


def _repeated(numbers: Sequence[int]) -> set[int]:
    return {q for q, count in Counter(numbers).items() if count > 1}


class _Signatures:
    """What distinguishes a row from others."""

    def __init__(self, labelling: Labelling, members: Mapping[int, Labels]) -> None:
        self._neurons = labelling.neurons
        self._members = members
        self._entries = _by_atom(labelling)

    def of(self, places: Sequence[int]) -> Hashable | None:
        """Equal for rows that can be exchanged; None for one that cannot move."""
        if 0 in places:
            return None
        atoms = [self._members[neuron] for neuron in places]
        origins = [self._neurons.origins_of(a).tolist() for a in atoms]
        spaces = self._neurons.spaces(np.array(places)).tolist()
        conditions = tuple(
            tuple(
                (o, tuple(sorted(self._entries.get(a, ()))))
                for o, a in sorted(zip(of, a_s, strict=True))
            )
            for of, a_s in zip(origins, (a.tolist() for a in atoms), strict=True)
        )
        return _pattern(places), _pattern(spaces), conditions


def _by_atom(labelling: Labelling) -> dict[int, list[tuple[int, ...]]]:
    """For each atom what conditions say of it; of its partners their origins alone."""
    entries: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    for number, condition in enumerate(labelling.neurons.conditions):
        for column in range(condition.atoms.shape[1]):
            _note(entries, labelling, number, condition, column)
    return entries


def _note(
    entries: dict[int, list[tuple[int, ...]]],
    labelling: Labelling,
    number: int,
    condition: Condition,
    column: int,
) -> None:
    others = np.delete(condition.atoms, column, axis=1)
    origins = labelling.neurons.origins_of(others.ravel()).reshape(others.shape)
    known = np.concatenate([origins, condition.codes], axis=1).tolist()
    for atom, code in zip(condition.atoms[:, column].tolist(), known, strict=True):
        entries[atom].append((number, column, *code))


def _pattern(items: Sequence[int]) -> tuple[int, ...]:
    """For each item where it occurs first."""
    first: dict[int, int] = {}
    return tuple(first.setdefault(item, k) for k, item in enumerate(items))
