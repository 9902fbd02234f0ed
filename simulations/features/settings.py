"""Pairs of one kind, in one alignment."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lmctheory.sweeps.mean import Mean
from simulations.features.measurement import MATCHINGS, UNMATCHED, Aligned, Measured, Task
from simulations.layerwise.networks import NETWORKS

__all__ = ["Quantity", "Setting", "settings"]

Quantity = Callable[[Aligned], float]

_NAMES = {UNMATCHED: "none", "weight": "weight", "activation": "activ."}


@dataclass(frozen=True)
class Setting:
    """Pairs of one architecture that part at one time, in one alignment.

    Attributes:
        architecture: its name.
        spawn: epochs that the networks share; None for initial weights of their own.
        is_last: whether no others share more.
        alignment: its name.
        found: of the pairs, by their numbers.
    """

    architecture: str
    spawn: int | None
    is_last: bool
    alignment: str
    found: Sequence[Measured]

    @property
    def shared(self) -> str:
        """The time of parting, in print."""
        return "own" if self.spawn is None else str(self.spawn)

    @property
    def matching(self) -> str:
        """The alignment, in print."""
        return _NAMES[self.alignment]

    @property
    def aligned(self) -> list[Aligned]:
        """The pairs in this alignment."""
        return [one.aligned[self.alignment] for one in self.found]

    @property
    def layers(self) -> int:
        """How many, the output's among them."""
        return len(self.aligned[0].features.baseline)

    def draws(self, quantity: Quantity) -> list[float]:
        """By pair."""
        return [float(quantity(one)) for one in self.aligned]

    def mean(self, quantity: Quantity) -> Mean:
        """Over pairs."""
        return Mean.over(self.draws(quantity))


def settings(results: Sequence[tuple[Task, Measured]]) -> list[Setting]:
    """By architecture, time of parting and alignment."""
    found = []
    present = {task.architecture for task, _ in results}
    for name in (name for name in NETWORKS if name in present):
        ours = [(task, one) for task, one in results if task.architecture == name]
        times = {task.spawn for task, _ in ours}
        spawns = sorted(time for time in times if time is not None)
        for spawn in [*([None] if None in times else []), *spawns]:
            pairs = sorted(
                (task.pair, k) for k, (task, _) in enumerate(ours) if task.spawn == spawn
            )
            ones = [ours[k][1] for _, k in pairs]
            found += [
                Setting(name, spawn, spawn is not None and spawn == spawns[-1], alignment, ones)
                for alignment in (UNMATCHED, *MATCHINGS)
                if alignment in ones[0].aligned
            ]
    return found
