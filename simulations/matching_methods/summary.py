"""What the study measured, arranged for its tables and its figure."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.typed import of_kind
from simulations.declaration import require_equal
from simulations.matching_methods.architectures import ARCHITECTURES
from simulations.matching_methods.narrow import NETWORKS
from simulations.matching_methods.planted import NOISES
from simulations.matching_methods.tasks import Line, NarrowPairs, NarrowTask, Pair, PairTask, Search

__all__ = ["Narrow", "Results", "Summary", "narrow", "require_one_study", "summarise"]

_HALF = 0.5

Results = Sequence[tuple[PairTask | NarrowTask, Pair | NarrowPairs]]


@dataclass(frozen=True)
class Summary:
    """All pairs of one architecture."""

    architecture: str
    pairs: tuple[Pair, ...]

    def accuracy(self) -> Mean:
        """Test accuracy of the networks themselves, the standard error over pairs."""
        return Mean.over([float(np.mean(pair.accuracy)) for pair in self.pairs])

    def least_accuracy(self) -> float:
        """That of the worst network: one that failed to train would hide in a mean."""
        return float(min(min(pair.accuracy) for pair in self.pairs))

    def has(self, method: str) -> bool:
        """Whether the method was tried."""
        return method in self.pairs[0].lines

    def mean(self, method: str, of: Callable[[Line], float | None]) -> Mean:
        """Of a number that is known of the method's line."""
        values = (of(pair.lines[method]) for pair in self.pairs)
        return Mean.over([value for value in values if value is not None])

    def largest_change(self) -> float:
        """The largest function change of any matching."""
        lines = (line for pair in self.pairs for line in pair.lines.values())
        return max(line.change for line in lines if line.change is not None)

    def recovered(self, method: str) -> list[Mean]:
        """Share of the planted permutation that was found, for each of `NOISES` that was tried."""
        shares = [pair.planted.recovered[method] for pair in self.pairs]
        return [Mean.over(at_noise) for at_noise in zip(*shares, strict=True)]

    def half_recovered(self, method: str) -> list[float]:
        """For each pair, the noise at which half of the planted permutation is found.

        Between two noises the share is taken as linear in the logarithm of the noise; the largest
        noise stands for what lies beyond it, the least for what lies below.
        """
        return [_half_noise(pair.planted.recovered[method]) for pair in self.pairs]

    def recovered_exactly(self, method: str) -> tuple[int, int]:
        """Neurons found without noise, and all neurons."""
        found = sum(round(pair.planted.recovered[method][0] * pair.neurons) for pair in self.pairs)
        return found, sum(pair.neurons for pair in self.pairs)

    def tied(self, method: str) -> bool:
        """Whether all that was not found without noise the method cannot tell apart."""
        return all(pair.planted.tied[method] for pair in self.pairs)


def _half_noise(shares: Sequence[float]) -> float:
    """Where a curve over `NOISES`, the first of which is 0, first falls below one half."""
    curve = list(zip(np.log(NOISES[1:]), shares[1:], strict=True))
    if curve[0][1] < _HALF:
        return NOISES[1]
    for (before, high), (after, low) in pairwise(curve):
        if low < _HALF:
            return float(np.exp(before + (after - before) * (high - _HALF) / (high - low)))
    return NOISES[-1]


@dataclass(frozen=True)
class Narrow:
    """All pairs of narrow networks of one shape."""

    shape: str
    record: NarrowPairs

    @property
    def trained(self) -> bool:
        """Whether the networks are."""
        return bool(self.record.accuracy)

    def mean(self, search: str, of: Callable[[Search], list[float]]) -> Mean | None:
        """Over pairs; None if it was not measured."""
        values = of(self.record.searches[search])
        return Mean.over(values) if values else None

    def best(self, search: str) -> tuple[int, int]:
        """Pairs in which no other search found a larger cosine, and all pairs."""
        cosines = {name: np.array(found.cosine) for name, found in self.record.searches.items()}
        largest = np.max(list(cosines.values()), axis=0)
        return int((cosines[search] >= largest - 1e-9).sum()), len(largest)

    def accuracy(self) -> Mean:
        """Test accuracy of the networks themselves."""
        return Mean.over(self.record.accuracy)


def summarise(results: Results) -> list[Summary]:
    """The architectures that were measured, in the order of `ARCHITECTURES`."""
    measured = of_kind(results, PairTask, Pair)
    found = {
        name: tuple(pair for task, pair in measured if task.architecture == name)
        for name in ARCHITECTURES
    }
    return [Summary(name, pairs) for name, pairs in found.items() if pairs]


def narrow(results: Results) -> list[Narrow]:
    """The narrow networks, in the order of `NETWORKS`."""
    found = {task.narrow: record for task, record in of_kind(results, NarrowTask, NarrowPairs)}
    return [Narrow(shape, found[shape]) for shape in NETWORKS if shape in found]


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they have several seeds, architectures differ in their pairs, or there are no
            architectures at all.
    """
    require_equal((task for task, _ in results), ("seed",))
    pairs = Counter(task.architecture for task, _ in of_kind(results, PairTask, Pair))
    if not pairs:
        raise ValueError("the results are not complete: resume the study")
    if len(set(pairs.values())) > 1:
        raise ValueError(f"the results are not complete, pairs by architecture: {dict(pairs)}")
