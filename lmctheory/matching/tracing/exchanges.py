"""Whether exchanging two lists of atoms, one by one, is a symmetry of the network.

It is if it maps every condition that any operation imposed to itself, and neurons to neurons.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from lmctheory.matching.tracing.neurons import Condition, Labels, Neurons

__all__ = ["Exchanges"]


class Exchanges:
    """What is needed to try exchanges of atoms."""

    def __init__(self, neurons: Neurons, members: dict[int, Labels]) -> None:
        self._neurons = neurons
        self._members = members
        self._touching: dict[int, list[Condition]] = defaultdict(list)  # by origin
        for condition in neurons.conditions:
            for origin in np.unique(neurons.origins_of(condition.atoms.ravel())).tolist():
                self._touching[origin].append(condition)

    def classes(self, rows: Sequence[Sequence[int]]) -> list[list[int]]:
        """Which rows can all be exchanged with each other: their numbers, class by class."""
        found: list[list[int]] = []
        for k, row in enumerate(rows):
            for known in found:
                if self.are_alike(rows[known[0]], row):
                    known.append(k)
                    break
            else:
                found.append([k])
        return found

    def are_alike(self, first: Sequence[int], second: Sequence[int]) -> bool:
        """Whether the exchange of two rows of atoms is a symmetry."""
        if len(first) != len(second) or set(first) & set(second):
            return False
        moved = np.array([*first, *second])
        origins = np.unique(self._neurons.origins_of(moved)).tolist()
        image = dict(zip(moved.tolist(), [*second, *first], strict=True))
        touched = {id(c): c for origin in origins for c in self._touching[origin]}
        return self._maps_neurons(image) and all(_keeps(c, image) for c in touched.values())

    def _maps_neurons(self, image: dict[int, int]) -> bool:
        """Whether atoms of one neuron become atoms of one."""
        for neuron in np.unique(self._neurons.neurons(np.array(list(image)))).tolist():
            if neuron == 0:
                return False
            atoms = np.array([image.get(a, a) for a in self._members[neuron].tolist()])
            if len(np.unique(self._neurons.neurons(atoms))) > 1:
                return False
        return True


def _keeps(condition: Condition, image: dict[int, int]) -> bool:
    """Whether a condition is the same after the exchange: as a set of entries."""
    moved = np.isin(condition.atoms, list(image)).any(axis=1)
    atoms, codes = condition.atoms[moved], condition.codes[moved]
    there = np.array([[image.get(a, a) for a in row] for row in atoms.tolist()], dtype=np.int64)
    before = {*map(tuple, np.concatenate([atoms, codes], axis=1).tolist())}
    after = {*map(tuple, np.concatenate([there.reshape(atoms.shape), codes], axis=1).tolist())}
    return before == after
