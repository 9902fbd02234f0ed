"""Runs the tasks of a study that have no stored record yet, and stores each record as it comes in.

The runner knows no study. This process alone writes the results, whoever runs the tasks (see
`lmctheory.sweeps.workers`). There is nothing to clean up after a crash, so a run may be stopped in
any way and resumed by the same command.
"""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from lmctheory.sweeps.run_progress import console, tracking
from lmctheory.sweeps.store import Store, decode, encode, writing
from lmctheory.sweeps.study import Config, Record, Study
from lmctheory.sweeps.workers import Outcome, RunError, outcomes

__all__ = ["RunError", "run_study"]


def run_study(
    study: Study,
    configs: Iterable[Config],
    *,
    results: Path,
    jobs: int = 1,
    scheduler: str | None = None,
) -> list[tuple[Config, Record]]:
    """Runs what is not stored yet, the dearest tasks first, and returns all that was asked for.

    A task that fails, even by killing its worker, does not stop the others. Its error is stored,
    and the next run tries it again.

    Args:
        study: what to run.
        configs: of the tasks; one that comes twice counts once.
        results: the results file.
        jobs: worker processes on this machine, which share its cores; 0 runs the tasks in this
            process, one after another.
        scheduler: address of a Dask scheduler that provides the workers instead.

    Returns:
        Configuration and record of every task, in the order of `configs`.

    Raises:
        ValueError: for jobs < 0, no configurations, a configuration that is no plain JSON, or a
            cost that is not positive.
        StoreError: if the results file cannot be used.
        RunError: if the scheduler cannot be reached or tasks failed.
    """
    if jobs < 0:
        raise ValueError(f"jobs must be >= 0, got {jobs}")
    tasks = tasks_of(study, configs)
    with writing(results) as store:
        stored = store.keys(study)
        pending = [config for key, config in tasks.items() if key not in stored]
        console.print(
            f"{study.name}: {len(tasks)} tasks, of which {len(tasks) - len(pending)} are stored"
            f" in {results}",
            soft_wrap=True,
        )
        if pending and (failures := _run(store, study, pending, jobs, scheduler)):
            raise RunError(_describe(failures))
        records = {study.key(config): record for config, record in store.records(study)}
    return [(config, records[key]) for key, config in tasks.items()]


def tasks_of(study: Study, configs: Iterable[Config]) -> dict[str, Config]:
    """Configurations by key, as the store gives them back, and as tasks see them.

    Raises:
        ValueError: as `run_study`.
        TypeError: for a configuration that is no plain JSON.
    """
    tasks = {study.key(config): decode(encode(config)) for config in configs}
    if not tasks:
        raise ValueError("configs must name at least one task, got none")
    if (least := min(map(study.cost, tasks.values()))) <= 0:
        raise ValueError(f"cost must be positive, got {least}")
    return tasks


def _run(
    store: Store, study: Study, pending: list[Config], jobs: int, scheduler: str | None
) -> dict[str, list[Config]]:
    """Stores what comes in; returns the configurations that failed, by error."""
    pending = sorted(pending, key=study.cost, reverse=True)
    failures = defaultdict(list)
    with (
        tracking([float(study.cost(config)) for config in pending]) as advance,
        closing(outcomes(study, pending, jobs, scheduler)) as ended,  # ends workers, come what may
    ):
        try:
            for config, outcome in ended:
                _store(store, study, config, outcome)
                if outcome.error:
                    failures[outcome.details or outcome.error].append(config)
                advance(float(study.cost(config)))
        except KeyboardInterrupt:
            console.print(
                f"interrupted; {len(store.keys(study))} tasks are stored, and the same command"
                " resumes the run"
            )
            raise
    return failures


def _store(store: Store, study: Study, config: Config, outcome: Outcome) -> None:
    if not outcome.error:
        store.add(study, config, outcome.record, outcome.seconds, outcome.provenance)
    elif outcome.tried:
        store.add_failure(
            study, config, outcome.error, outcome.details, outcome.seconds, outcome.provenance
        )


def _describe(failures: dict[str, list[Config]]) -> str:
    """One paragraph per error: the tasks that met it, at most five by name, and its traceback."""
    paragraphs = []
    for error, configs in failures.items():
        names = [f"  {encode(config)}" for config in configs[:5]]
        if more := len(configs) - len(names):
            names.append(f"  and {more} more")
        paragraphs.append("\n".join([f"{len(configs)} not done:", *names, error.rstrip()]))
    paragraphs.append("All other tasks are stored; the same command tries these again.")
    return "\n\n".join(paragraphs)
