"""How far a run has come: what is done, what failed and why, what is left, and for how long."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from lmctheory.sweeps.runner import tasks_of
from lmctheory.sweeps.store import Failure, Row, encode, reading
from lmctheory.sweeps.study import Config, Study

__all__ = ["Status", "status"]


@dataclass(frozen=True)
class Status:
    """How far a run has come.

    Attributes:
        done: number of tasks that are stored.
        failures: of the tasks that failed when they were tried last.
        left: number of tasks that are not done, those that failed among them.
        seconds_left: that one worker after another needs for what is left, at the pace of what is
            done, by the study's costs; None while nothing is done.
    """

    done: int
    failures: tuple[Failure, ...]
    left: int
    seconds_left: float | None

    @property
    def tasks(self) -> int:
        """Number of all tasks."""
        return self.done + self.left

    def lines(self, jobs: int = 1) -> list[str]:
        """What there is to say, line by line; each error once, with the tasks that met it.

        Args:
            jobs: workers that share the time left.
        """
        lines = [
            f"done    {self.done} of {self.tasks}",
            f"failed  {len(self.failures)}",
            f"left    {self.left}{', those that failed among them' * bool(self.failures)}",
        ]
        if self.left:
            lines.append(f"time    {self._time_left(jobs)}")
        by_error: dict[str, list[Failure]] = {}
        for failure in self.failures:
            by_error.setdefault(failure.error, []).append(failure)
        for error, failures in by_error.items():
            lines.append(f"failed with {error}")
            lines += [f"  {one.created} {encode(one.config)}" for one in failures]
        return lines

    def _time_left(self, jobs: int) -> str:
        if self.seconds_left is None:
            return "unknown, as no task is done"
        duration = timedelta(seconds=round(self.seconds_left / jobs))
        return f"{duration} left with {jobs} worker{'s' * (jobs > 1)}, at the pace so far"


def status(study: Study, configs: Iterable[Config], path: Path) -> Status:
    """How far a study has come; a run may be writing meanwhile.

    Args:
        study: what is run.
        configs: of all its tasks.
        path: the results file; if there is none yet, nothing is done.

    Raises:
        ValueError: as `lmctheory.sweeps.run_study`.
        StoreError: if the file cannot be read.
    """
    tasks = tasks_of(study, configs)
    rows: list[Row] = []
    failures: list[Failure] = []
    if path.is_file():
        with reading(path) as store:
            if store is not None:
                rows, failures = store.rows(study), store.failures(study)
    done = {study.key(row.config) for row in rows} & tasks.keys()
    left = [config for key, config in tasks.items() if key not in done]
    worked = sum(study.cost(row.config) for row in rows)
    pace = sum(row.seconds for row in rows) / worked if rows else None
    return Status(
        done=len(done),
        failures=tuple(f for f in failures if study.key(f.config) in tasks),
        left=len(left),
        seconds_left=None if pace is None else pace * sum(map(study.cost, left)),
    )
