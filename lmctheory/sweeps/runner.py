"""Runs the tasks of a study that have no stored record yet, and stores each record as it comes in.

The runner knows no study. Tasks run in other processes, behind the `Executor` interface of the
standard library; this process alone writes the results. There is nothing to clean up after a crash,
so a run may be stopped in any way and resumed by the same command.
"""

import os
import signal
import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path

from lmctheory.sweeps.run_progress import console, tracking
from lmctheory.sweeps.store import Store, decode, encode, writing
from lmctheory.sweeps.study import Config, Record, Study

__all__ = ["RunError", "run_study"]

CLUSTER_IN_FLIGHT = 1000
"""Tasks that a cluster holds at a time; what a kill of this process loses is among them."""


class RunError(RuntimeError):
    """A run that could not start, or that left tasks undone; the message says which and why."""


def run_study(
    study: Study,
    configs: Iterable[Config],
    *,
    results: Path,
    jobs: int = 1,
    scheduler: str | None = None,
) -> list[tuple[Config, Record]]:
    """Runs what is not stored yet, the dearest tasks first, and returns all that was asked for.

    A task that fails does not stop the others. Nothing is stored for it, so that the next run tries
    it again.

    Args:
        study: what to run.
        configs: of the tasks; one that comes twice counts once.
        results: the results file.
        jobs: worker processes on this machine, which share its cores.
        scheduler: address of a Dask scheduler that provides the workers instead.

    Returns:
        Configuration and record of every task, in the order of `configs`.

    Raises:
        ValueError: for jobs < 1, no configurations, a configuration that is no plain JSON, or a
            cost that is not positive.
        StoreError: if the results file cannot be used.
        RunError: if the scheduler cannot be reached or tasks failed.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be >= 1, got {jobs}")
    # tasks see their configuration as the store gives it back
    tasks = {study.key(config): decode(encode(config)) for config in configs}
    if not tasks:
        raise ValueError("configs must name at least one task, got none")
    if (least := min(map(study.cost, tasks.values()))) <= 0:
        raise ValueError(f"cost must be positive, got {least}")
    with writing(results) as store:
        stored = store.keys(study)
        pending = [config for key, config in tasks.items() if key not in stored]
        console.print(
            f"{study.name}: {len(tasks)} tasks, of which {len(tasks) - len(pending)} are stored"
            f" in {results}",
            soft_wrap=True,
        )
        if pending:
            pending.sort(key=study.cost, reverse=True)
            in_flight = CLUSTER_IN_FLIGHT if scheduler else 2 * jobs  # no worker waits for work
            with _cluster(scheduler) if scheduler else _processes(jobs) as executor:
                failures = _run(store, study, pending, executor, in_flight)
            if failures:
                raise RunError(_describe(failures))
        records = {study.key(config): record for config, record in store.records(study)}
    return [(config, records[key]) for key, config in tasks.items()]


@dataclass(frozen=True)
class _Outcome:
    """What comes back from a worker: text, so that nothing can fail to be pickled on its way."""

    record: str = ""
    error: str = ""
    seconds: float = 0.0


def _attempt(study: Study, config: Config) -> _Outcome:
    start = time.perf_counter()
    try:
        record = encode(study.run(config))
    except (Exception, SystemExit):
        return _Outcome(error=traceback.format_exc())
    return _Outcome(record, seconds=time.perf_counter() - start)


def _outcomes(
    study: Study, pending: list[Config], executor: Executor, in_flight: int
) -> Iterator[tuple[Config, _Outcome]]:
    """Configurations with what became of them, as they end."""
    waiting = iter(pending)
    running: dict[Future[_Outcome], Config] = {}
    while True:
        for config in islice(waiting, in_flight - len(running)):
            running[_submit(study, config, executor)] = config
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            yield running.pop(future), _outcome(future)


def _submit(study: Study, config: Config, executor: Executor) -> Future[_Outcome]:
    try:
        return executor.submit(_attempt, study, config)
    except BrokenExecutor as error:  # since another task; it comes to light where results do
        broken: Future[_Outcome] = Future()
        broken.set_exception(error)
        return broken


def _outcome(future: Future[_Outcome]) -> _Outcome:
    try:
        return future.result()
    except BrokenExecutor:
        return _Outcome(error="a worker was killed, perhaps for want of memory: try fewer --jobs")
    except CancelledError:
        return _Outcome(error="the scheduler is gone, or dropped the task")
    except Exception:  # not the task's own: it could not be sent, or kept killing its workers
        return _Outcome(error=traceback.format_exc())


def _run(
    store: Store, study: Study, pending: list[Config], executor: Executor, in_flight: int
) -> dict[str, list[Config]]:
    """Stores what succeeds; returns the configurations that failed, by error."""
    failures = defaultdict(list)
    with tracking([study.cost(config) for config in pending]) as advance:
        try:
            for config, outcome in _outcomes(study, pending, executor, in_flight):
                if outcome.error:
                    failures[outcome.error].append(config)
                else:
                    store.add(study, config, outcome.record, outcome.seconds)
                advance(study.cost(config))
        except KeyboardInterrupt:
            console.print(
                f"interrupted; {len(store.keys(study))} tasks are stored, and the same command"
                " resumes the run"
            )
            raise
    return failures


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


@contextmanager
def _processes(jobs: int) -> Iterator[Executor]:
    threads = max(1, _cores() // jobs)
    # spawn: forking a process in which PyTorch has started threads can deadlock
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _start_worker, (threads,))
    try:
        yield pool
    except BaseException:  # a run that stops waits for no task
        for worker in active_children():
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _cores() -> int:
    """Cores that this process may use: on Linux, those that the batch system granted."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _start_worker(threads: int) -> None:
    # Read when OpenMP and the BLAS are loaded, which is with the study, after this.
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the parent acts
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends a worker whose parent was killed: it would wait for work for ever."""
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _cluster(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError as error:
        raise RunError("--scheduler needs Dask: pip install 'lmctheory[cluster]'") from error
    try:
        client = Client(address, timeout=10)  # type: ignore[no-untyped-call]  # has no annotations
    except (OSError, ValueError) as error:
        raise RunError(f"cannot reach a Dask scheduler at {address}: {error}") from error
    with client:
        # impure: Dask would otherwise hand out again what it remembers of an equal call
        executor = client.get_executor(pure=False)  # type: ignore[no-untyped-call]  # likewise
        try:
            yield executor
        finally:
            executor.shutdown(wait=False)
