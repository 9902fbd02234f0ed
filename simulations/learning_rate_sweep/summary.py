"""What `learning_rate_sweep` measured, as tables."""

from collections.abc import Sequence

from simulations.declaration import Part
from simulations.learning_rate_sweep.measurement import Measured, Task

Results = Sequence[tuple[Task, Measured]]


def report(results: Results) -> list[Part]:
    return [str(len(results))]
