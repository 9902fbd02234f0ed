"""What the study measured, arranged for its tables and its figure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.study import Config, Record
from simulations.matching_methods.architectures import ARCHITECTURES
from simulations.matching_methods.narrow import NETWORKS

__all__ = ["Narrow", "Summary", "narrow", "require_one_study", "summarise"]

Results = Sequence[tuple[Config, Record]]


@dataclass(frozen=True)
class Summary:
    """All pairs of one architecture."""

    architecture: str
    records: tuple[Record, ...]

    def accuracy(self) -> Mean:
        """Test accuracy of the networks themselves, the standard error over pairs."""
        return Mean.over([float(np.mean(record["accuracy"])) for record in self.records])

    def least_accuracy(self) -> float:
        """That of the worst network: one that failed to train would hide in a mean."""
        return float(min(min(record["accuracy"]) for record in self.records))

    def has(self, method: str) -> bool:
        """Whether the method was tried."""
        return method in self.records[0]

    def mean(self, method: str, quantity: str) -> Mean:
        """Of "cosine", "barrier", "midpoint", "repaired", "seconds" or "change"."""
        return Mean.over([record[method][quantity] for record in self.records])

    def largest_change(self) -> float:
        """The largest function change of any matching."""
        return max(
            found["change"]
            for record in self.records
            for found in record.values()
            if isinstance(found, dict) and "change" in found
        )

    def recovered(self, method: str) -> list[Mean]:
        """Share of the planted permutation that was found, for each of `NOISES` that was tried."""
        shares = [record["planted"]["recovered"][method] for record in self.records]
        return [Mean.over(at_noise) for at_noise in zip(*shares, strict=True)]

    def recovered_exactly(self, method: str) -> tuple[int, int]:
        """Neurons found without noise, and all neurons."""
        found = sum(
            round(record["planted"]["recovered"][method][0] * record["neurons"])
            for record in self.records
        )
        return found, sum(record["neurons"] for record in self.records)

    def tied(self, method: str) -> bool:
        """Whether all that was not found without noise the method cannot tell apart."""
        return all(record["planted"]["tied"][method] for record in self.records)


@dataclass(frozen=True)
class Narrow:
    """All pairs of narrow networks of one shape."""

    shape: str
    record: Record

    def mean(self, search: str, quantity: str) -> Mean | None:
        """Of "cosine", "bend" or "barrier"; None if it was not measured."""
        values = self.record[search][quantity]
        return Mean.over(values) if values else None

    def best(self, search: str) -> tuple[int, int]:
        """Pairs in which no other search found a larger cosine, and all pairs."""
        cosines = {
            name: np.array(found["cosine"])
            for name, found in self.record.items()
            if name != "accuracy"
        }
        largest = np.max(list(cosines.values()), axis=0)
        return int((cosines[search] >= largest - 1e-9).sum()), len(largest)

    def accuracy(self) -> Mean:
        """Test accuracy of the networks themselves."""
        return Mean.over(self.record["accuracy"])


def summarise(results: Results) -> list[Summary]:
    """The architectures that were measured, in the order of `ARCHITECTURES`."""
    found = {
        name: tuple(record for config, record in results if config.get("architecture") == name)
        for name in ARCHITECTURES
    }
    return [Summary(name, records) for name, records in found.items() if records]


def narrow(results: Results) -> list[Narrow]:
    """The narrow networks, in the order of `NETWORKS`."""
    found = {config["narrow"]: record for config, record in results if "narrow" in config}
    return [Narrow(shape, found[shape]) for shape in NETWORKS if shape in found]


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they have several seeds, architectures differ in their pairs, or there are no
            architectures at all.
    """
    if len(seeds := {config["seed"] for config, _ in results}) > 1:
        raise ValueError(f"the results mix studies with seed {sorted(seeds)}")
    pairs = Counter(_architectures(results))
    if not pairs:
        raise ValueError("the results are not complete: resume the study")
    if len(set(pairs.values())) > 1:
        raise ValueError(f"the results are not complete, pairs by architecture: {dict(pairs)}")


def _architectures(results: Results) -> Iterable[str]:
    return (config["architecture"] for config, _ in results if "architecture" in config)
