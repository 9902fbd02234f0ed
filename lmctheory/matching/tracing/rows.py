"""Which blocks of neurons can be exchanged with each other: see `assembly`."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from lmctheory.matching.tracing.labelling import Blocks, Labelling
from lmctheory.matching.tracing.neurons import Condition, Labels

__all__ = ["Row", "exchangeable_rows"]

Row: TypeAlias = tuple[int, ...]
"""Neurons of one block, in the order of their places."""

_Node: TypeAlias = tuple[int, int]
"""A number of `Labelling.blocks`, and that of a block."""


def exchangeable_rows(
    labelling: Labelling, members: Mapping[int, Labels]
) -> tuple[list[tuple[str | None, list[Row]]], dict[str, str]]:
    """For each group of exchangeable rows a name, if it has one, and the rows.

    Also, for each layer whose blocks cannot be reconciled with another's, the reason.
    """
    if not labelling.blocks:
        return [], {}
    held = {
        (q, b): [grid[b] for grid in _grids(labelling, blocks)]
        for q, blocks in enumerate(labelling.blocks)
        for b in range(len(blocks.grids[0]))
    }
    rows = _linked(held)
    mismatched = {q for nodes in rows for q in _repeated([q for q, _ in nodes])}
    conflicting = {q for nodes in rows for q, _ in nodes if mismatched & {p for p, _ in nodes}}
    signs = _Signatures(labelling, members)
    classes: dict[object, list[tuple[list[_Node], Row]]] = defaultdict(list)
    for nodes in rows:
        places = np.concatenate([part for node in nodes for part in held[node]]).tolist()
        if not conflicting & {q for q, _ in nodes} and (signature := signs.of(places)) is not None:
            kind = (tuple(q for q, _ in nodes), signature)
            classes[kind].append((nodes, tuple(dict.fromkeys(places))))
    found = []
    for alike in classes.values():
        if len(alike) > 1:
            names = (labelling.blocks[q].name for q, _ in alike[0][0])
            found.append((next(filter(None, names), None), [row for _, row in alike]))
    return found, {labelling.blocks[q].layer: _reason(labelling, q, rows) for q in conflicting}


def _grids(labelling: Labelling, blocks: Blocks) -> Iterator[np.ndarray]:
    return (labelling.neurons.neurons(grid.ravel()).reshape(grid.shape) for grid in blocks.grids)


def _linked(held: Mapping[_Node, Sequence[np.ndarray]]) -> list[list[_Node]]:
    """Blocks that share neurons, put together."""
    owner: dict[int, _Node] = {}
    root = {node: node for node in held}

    def find(node: _Node) -> _Node:
        while root[node] != node:
            node = root[node]
        return node

    for node, parts in held.items():
        for neuron in np.concatenate(parts).tolist():
            if neuron:
                root[find(node)] = find(owner.setdefault(neuron, node))
    rows: dict[_Node, list[_Node]] = defaultdict(list)
    for node in held:
        rows[find(node)].append(node)
    return list(rows.values())


def _repeated(numbers: Sequence[int]) -> set[int]:
    return {q for q in numbers if numbers.count(q) > 1}


def _reason(labelling: Labelling, q: int, rows: Sequence[Sequence[_Node]]) -> str:
    others = {p for nodes in rows if q in {n for n, _ in nodes} for p, _ in nodes} - {q}
    names = sorted({labelling.blocks[p].layer for p in others})
    return f"its blocks and those of {names} divide the same neurons differently"


class _Signatures:
    """What distinguishes a row from others."""

    def __init__(self, labelling: Labelling, members: Mapping[int, Labels]) -> None:
        self._neurons = labelling.neurons
        self._members = members
        self._entries = _by_atom(self._neurons.conditions)

    def of(self, places: Sequence[int]) -> object | None:
        """Equal for rows that can be exchanged; None for one that cannot move."""
        if 0 in places:
            return None
        atoms = [self._members[neuron] for neuron in places]
        origins = [self._neurons.origins_of(a).tolist() for a in atoms]
        if any(len(set(numbers)) < len(numbers) for numbers in origins):
            return None
        spaces = self._neurons.spaces(np.array(places)).tolist()
        conditions = tuple(
            tuple(
                (o, tuple(sorted(self._entries.get(a, ()))))
                for o, a in sorted(zip(of, a_s, strict=True))
            )
            for of, a_s in zip(origins, (a.tolist() for a in atoms), strict=True)
        )
        return _pattern(places), _pattern(spaces), conditions


def _by_atom(conditions: Sequence[Condition]) -> dict[int, list[tuple[int, ...]]]:
    entries: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    for number, condition in enumerate(conditions):
        for atom, code in zip(condition.atoms.tolist(), condition.codes.tolist(), strict=True):
            entries[atom].append((number, *code))
    return entries


def _pattern(items: Sequence[int]) -> tuple[int, ...]:
    """For each item where it occurs first."""
    first: dict[int, int] = {}
    return tuple(first.setdefault(item, k) for k, item in enumerate(items))
