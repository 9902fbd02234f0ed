r"""Which neurons have to move together: the algebra behind `tracing`.

Every axis of every tensor is labelled: the entry at index i belongs to an *atom* ``labels[i]``, and
atom 0 owns what stays where it is. Atoms that must move together form one *neuron*; neurons that
can be exchanged form one *space*, on which every permutation acts. A permutation pi moves the
entries of neuron n to those of neuron pi(n); an axis may hold several entries of one neuron, and
which goes to which is fixed by the *strand* of its atom (the set of atoms that came into being
together and have been treated alike since) and by the rank among the atom's entries on that axis.

*Invariant.* Every neuron of a space has exactly one atom in each of the space's strands. So the
rule above is a bijection between the entries of any two neurons of a space wherever they appear.

Operations impose two kinds of conditions, and `unify` and `distinguish` make spaces smaller until
all permutations of all spaces meet them:

- *Two axes are paired index by index* (a residual sum). Both must be moved alike, so the atoms at
  one index become one neuron. That is possible if the pairing of neurons is a bijection, and if it
  matches strand and rank in the same way for all neurons of a space: neurons for which it does not
  are put in spaces of their own, and a neuron paired with two, with a fixed entry, or with another
  neuron of its own space is fixed.
- *Entries are moved about* (a flatten, a slice). The result is labelled by where its entries come
  from; neurons whose entries come to lie differently are put in spaces of their own.

Spaces are only ever split, merged by a bijection, or fixed, so a condition once met stays met.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Int

__all__ = ["Condition", "Labels", "Neurons", "Origin", "ranks"]

Labels: TypeAlias = Int[np.ndarray, " _"]
"""For each index of an axis its atom."""


@dataclass(frozen=True)
class Origin:
    """Where atoms come from.

    Attributes:
        name: qualified name of a layer, or of a parameter that is no layer's; None for neither.
        is_layer: whether a layer computes them.
        size: number of atoms.
    """

    name: str | None
    is_layer: bool
    size: int


@dataclass(frozen=True)
class Condition:
    """What an operation asks of atoms: an exchange of blocks must map these rows to each other.

    Attributes:
        atoms: a row for each entry ``[n, k]``: the atom, or the two that were paired.
        codes: what else is known of the entry ``[n, _]``.
    """

    atoms: Int[np.ndarray, "n k"]
    codes: Int[np.ndarray, "n _"]


class Neurons:
    """Atoms, the neurons that they form, and the spaces of neurons that can be exchanged."""

    def __init__(self) -> None:
        self._neuron = np.zeros(1, dtype=np.int64)  # of an atom: the least atom of its neuron
        self._space = np.zeros(1, dtype=np.int64)  # of a neuron, by its least atom
        self._strand = np.zeros(1, dtype=np.int64)
        self._origin = np.zeros(1, dtype=np.int64)
        self._spaces = 1
        self.origins = [Origin(None, is_layer=False, size=0)]
        self.reasons: dict[int, str] = {}
        self.conditions: list[Condition] = []

    def fresh(
        self, size: int, name: str | None = None, *, is_layer: bool = True, blocks: int = 1
    ) -> Labels:
        """New atoms; with several blocks, only those of one block can be exchanged."""
        atoms = len(self._neuron) + np.arange(size)
        block = np.arange(size) // (size // blocks)
        self._neuron = np.concatenate([self._neuron, atoms])
        self._space = np.concatenate([self._space, self._spaces + block])
        strand = self._strand.max() + 1 + block
        self._strand = np.concatenate([self._strand, strand])
        self._origin = np.concatenate([self._origin, np.full(size, len(self.origins))])
        self._spaces += blocks
        self.origins.append(Origin(name, is_layer and name is not None, size))
        return atoms

    def neurons(self, labels: Labels) -> Labels:
        """For each index its neuron, 0 being fixed."""
        return self._neuron[labels]

    def spaces(self, labels: Labels) -> Labels:
        """For each index its neuron's space."""
        return self._space[self._neuron[labels]]

    def strands(self, atoms: Labels) -> Labels:
        """The strands of atoms."""
        return self._strand[atoms]

    def members(self) -> dict[int, Labels]:
        """For each neuron that can move its atoms, in the order in which they came into being."""
        order = np.argsort(self._neuron, kind="stable")
        neurons, starts = np.unique(self._neuron[order], return_index=True)
        groups = np.split(order, starts[1:])
        return {int(n): atoms for n, atoms in zip(neurons, groups, strict=True) if n}

    def origins_of(self, atoms: Labels) -> Labels:
        """The numbers of the atoms' origins."""
        return self._origin[atoms]

    def are_equal(self, labels: Labels | None) -> bool:
        """Whether the entries are equal numbers: new atoms without a name that met no others."""
        if labels is None:
            return False
        origins = np.unique(self._origin[labels])
        alone = np.bincount(self._neuron)[self._neuron[labels]] == 1
        return (
            len(origins) == 1 and self.origins[int(origins[0])].name is None and bool(alone.all())
        )

    def fix(self, labels: Labels | None, reason: str) -> None:
        """Lets neurons stay where they are."""
        if labels is None or not (targets := np.unique(self._neuron[labels])).any():
            return
        fixed = np.isin(self._neuron, targets[targets > 0])
        for origin in np.unique(self._origin[fixed]).tolist():
            self.reasons.setdefault(origin, reason)
        self._neuron[fixed] = 0

    def unify(self, u: Labels | None, v: Labels | None, reason: str) -> Labels | None:
        """Makes two axes, paired index by index, move alike; None is an axis that cannot move."""
        if u is None or v is None:
            self.fix(v if u is None else u, reason)
            return None
        if np.array_equal(u, v):
            return u
        r, s = ranks(u), ranks(v)
        self.conditions.append(Condition(np.stack([u, v], axis=1), np.stack([r, s], axis=1)))
        return self._paired(u, v, r, s, reason)

    def _paired(self, u: Labels, v: Labels, r: Labels, s: Labels, reason: str) -> Labels:
        """Does so, for entries of these ranks."""
        while True:
            while (bad := self._unmatched(u, v)).any():
                self.fix(np.concatenate([u[bad], v[bad]]), reason)
            a, b = self._neuron[u], self._neuron[v]
            pairing = np.stack([self._strand[u], r, self._strand[v], s])[:, a > 0]
            code = np.unique(pairing, axis=1, return_inverse=True)[1].ravel()
            for neurons in (a, b):
                self._split(*_signatures(neurons[a > 0], code))
            if np.array_equal(a, b):
                return u
            self._merge(a[a != b], b[a != b])

    def distinguish(self, labels: Labels, marks: dict[int, bytes]) -> None:
        """Neurons can be exchanged only if their atoms, strand by strand, have the same marks.

        Args:
            labels: atoms of one axis.
            marks: for each atom of it what an operation does with it.
        """
        atoms = np.unique(labels)
        atoms = atoms[self._neuron[atoms] > 0]
        if not len(atoms):
            return
        numbers = {mark: k for k, mark in enumerate(sorted(set(marks.values())))}
        self.tell_apart(atoms, np.array([numbers[marks[a]] for a in atoms.tolist()]))

    def tell_apart(self, atoms: Labels, code: Labels) -> None:
        """Neurons can be exchanged only if their atoms, strand by strand, have the same codes.

        Args:
            atoms: that can move, each once.
            code: of each.
        """
        self.conditions.append(Condition(atoms[:, None], code[:, None]))
        pairs = np.stack([self._strand[atoms], code])
        joint = np.unique(pairs, axis=1, return_inverse=True)[1].ravel()
        self._split(*_signatures(self._neuron[atoms], joint))

    def divide(self, labels: Labels, parts: Labels) -> None:
        """Neurons can be exchanged only if they lie in the same parts.

        Args:
            labels: atoms.
            parts: for each of them the number of its part.
        """
        neurons = self._neuron[labels]
        self._split(*_signatures(neurons[neurons > 0], parts[neurons > 0]))

    def join(self, u: Labels, v: Labels, ranked: Labels, reason: str) -> None:
        """Makes two axes move alike, where one neuron may be paired with several: they become one.

        Pairs are unified in rounds, in each of which every neuron has one partner.

        Args:
            u: atoms.
            v: other ones, each of them once.
            ranked: for each pair which of the entries of its atom in u it is.
            reason: why they are fixed, if they are.
        """
        self.conditions.append(Condition(np.stack([u, v], axis=1), ranked[:, None]))
        left = np.arange(len(u))
        while len(left):
            a, b = self._neuron[u[left]], self._neuron[v[left]]
            now = (_first(a, b) == b) & (_first(b, a) == a)
            x, y = u[left[now]], v[left[now]]
            self._paired(x, y, ranks(x), ranks(y), reason)
            left = left[~now]

    def _unmatched(self, u: Labels, v: Labels) -> np.ndarray:
        """Indices at which the pairing of neurons is not one of exchangeable equals."""
        a, b = self._neuron[u], self._neuron[v]
        same_space = self._space[a] == self._space[b]
        unmatched = ((a > 0) & (b > 0) & (a != b) & same_space) | ((a > 0) != (b > 0))
        return unmatched | _has_several(a, b) | _has_several(b, a)

    def _split(self, neurons: np.ndarray, signatures: np.ndarray) -> None:
        """Neurons of one space with different signatures, or none, are no longer exchanged."""
        pairs = np.stack([self._space[neurons], signatures])
        kinds, kind = np.unique(pairs, axis=1, return_inverse=True)
        alive = np.unique(self._neuron)
        touched = np.isin(self._space[alive], kinds[0]) & (alive > 0)
        if kinds.shape[1] == len(np.unique(kinds[0])) and touched.sum() == len(neurons):
            return
        self._space[neurons] = self._spaces + kind.ravel()
        self._spaces += kinds.shape[1]
        strands = np.stack([self._strand, self._space[self._neuron]])
        self._strand = np.unique(strands, axis=1, return_inverse=True)[1].ravel()

    def _merge(self, a: np.ndarray, b: np.ndarray) -> None:
        """Makes one neuron of each pair, for as many spaces as are apart from each other."""
        free = ~np.isin(self._space[a], self._space[b])
        if not free.any():
            free = _apart(self._space[a], self._space[b])
        a, b = a[free], b[free]
        space = self._space[a]
        least, most = np.minimum(a, b), np.maximum(a, b)
        self._space[least] = space
        target = np.arange(len(self._neuron))
        target[most] = least
        self._neuron = target[self._neuron]


def ranks(labels: Labels) -> Int[np.ndarray, " n"]:
    """For each index how many smaller ones have the same label."""
    order = np.argsort(labels, kind="stable")
    starts = np.unique(labels[order], return_index=True, return_inverse=True)[1:]
    result = np.empty(len(labels), dtype=np.int64)
    result[order] = np.arange(len(labels)) - starts[0][starts[1].ravel()]
    return result


def _apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of pairs of spaces some of which no two have one in common: the first at both its ends."""
    pairs, which = np.unique(np.stack([a, b]), axis=1, return_inverse=True)
    number = np.arange(pairs.shape[1])
    first = np.full(int(pairs.max()) + 1, len(number))
    for spaces in pairs:
        np.minimum.at(first, spaces, number)
    chosen: np.ndarray = (first[pairs] == number).all(axis=0)
    return chosen[which.ravel()]


def _first(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """For each index the entry of b that the entry of a has where it occurs first."""
    _, first, inverse = np.unique(a, return_index=True, return_inverse=True)
    return b[first[inverse.ravel()]]


def _has_several(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Indices whose neuron in `a` has several partners in `b`."""
    pairs = np.unique(np.stack([a, b]), axis=1)[0]
    values, counts = np.unique(pairs, return_counts=True)
    return np.isin(a, values[(counts > 1) & (values > 0)])


def _signatures(neurons: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each neuron once, with a number for the sorted list of its codes."""
    order = np.lexsort((codes, neurons))
    unique, starts = np.unique(neurons[order], return_index=True)
    lists = [part.tobytes() for part in np.split(codes[order], starts[1:])] if len(unique) else []
    numbers = {codes: k for k, codes in enumerate(dict.fromkeys(lists))}
    return unique, np.array([numbers[part] for part in lists], dtype=np.int64)
