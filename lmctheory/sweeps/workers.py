"""Where tasks run: in other processes of this machine, on a Dask cluster, or in this process.

All three stand behind the `Executor` interface of the standard library. A worker that is killed
takes no other task with it: those that were in flight with it run again, alone.
"""

import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Generator, Iterator
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
from dataclasses import dataclass, replace
from multiprocessing import active_children, get_context, parent_process
from typing import Any

from lmctheory.sweeps.provenance import provenance
from lmctheory.sweeps.store import encode
from lmctheory.sweeps.study import Config, Study

__all__ = ["Outcome", "RunError", "outcomes"]

CLUSTER_IN_FLIGHT = 1000
"""Tasks that a cluster holds at a time; what a kill of this process loses is among them."""


class RunError(RuntimeError):
    """A run that could not start, or that left tasks undone; the message says which and why."""


@dataclass(frozen=True)
class Outcome:
    """What comes back from a worker: text, so that nothing can fail to be pickled on its way.

    Attributes:
        record: in JSON; empty if the task failed.
        error: what went wrong, in one line.
        details: the whole traceback, where there is one.
        seconds: that it took.
        provenance: what it was computed with, in JSON.
        tried: whether the task itself was at fault, and not what should have run it.
    """

    record: str = ""
    error: str = ""
    details: str = ""
    seconds: float = 0.0
    provenance: str = "{}"
    tried: bool = True


_KILLED = Outcome(
    error="its worker was killed, perhaps for want of memory: try fewer jobs",
)
_DROPPED = Outcome(error="the scheduler is gone, or dropped the task", tried=False)


def outcomes(
    study: Study, pending: list[Config], jobs: int, scheduler: str | None
) -> Generator[tuple[Config, Outcome]]:
    """Runs tasks; gives configurations with what became of them, as they end.

    Args:
        study: what to run.
        pending: configurations of the tasks, in the order in which they start.
        jobs: worker processes; 0 runs the tasks in this process.
        scheduler: address of a Dask scheduler that provides the workers instead.

    Raises:
        RunError: if the workers cannot be had.
    """
    waiting = deque(pending)
    if scheduler:
        with _cluster(scheduler) as executor:
            for config, outcome in _ended(study, waiting, executor, CLUSTER_IN_FLIGHT):
                yield config, outcome or _KILLED
    elif jobs:
        yield from _in_processes(study, waiting, jobs, 2 * jobs)  # no worker waits for work
    else:
        while waiting:
            config = waiting.popleft()
            yield config, _attempt(study, config)


def _in_processes(
    study: Study, waiting: deque[Config], jobs: int, in_flight: int
) -> Iterator[tuple[Config, Outcome]]:
    """One pool of processes after another: a killed worker breaks its pool.

    Which task killed it shows when those that were in flight run again, one at a time.
    """
    while waiting:
        lost: deque[Config] = deque()
        with _processes(jobs) as executor:
            for config, outcome in _ended(study, waiting, executor, in_flight):
                if outcome is None:
                    lost.append(config)
                else:
                    yield config, outcome
        if in_flight > 1:
            yield from _in_processes(study, lost, jobs=1, in_flight=1)
        else:
            yield from ((config, _KILLED) for config in lost)


def _ended(
    study: Study, waiting: deque[Config], executor: Executor, in_flight: int
) -> Iterator[tuple[Config, Outcome | None]]:
    """Takes tasks from those that wait until the executor breaks; None for those it lost."""
    running: dict[Future[Outcome], Config] = {}
    whole = True
    while True:
        while whole and waiting and len(running) < in_flight:
            try:
                future = executor.submit(_attempt, study, waiting[0])
            except BrokenExecutor:  # since another task
                whole = False
            else:
                running[future] = waiting.popleft()
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            outcome = _outcome(future)
            whole = whole and outcome is not None
            yield running.pop(future), outcome


def _attempt(study: Study, config: Config) -> Outcome:
    start = time.perf_counter()
    try:
        done = Outcome(encode(study.run(config)))
    except (Exception, SystemExit) as error:
        done = _failed(error)
    seconds = time.perf_counter() - start
    return replace(done, seconds=seconds, provenance=encode(provenance(study.device)))


def _failed(error: BaseException) -> Outcome:
    [line, *_] = "".join(traceback.format_exception_only(error)).splitlines()
    return Outcome(error=line, details="".join(traceback.format_exception(error)))


def _outcome(future: Future[Outcome]) -> Outcome | None:
    try:
        return future.result()
    except BrokenExecutor:
        return None
    except CancelledError:
        return _DROPPED
    except Exception as error:  # not the task's own: it could not be sent, or kept killing workers
        return _failed(error)


@contextmanager
def _processes(jobs: int) -> Iterator[Executor]:
    threads = max(1, _cores() // jobs)
    # spawn: forking a process in which PyTorch has started threads can deadlock
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _start_worker, (threads,))
    try:
        _require_started(pool)
        yield pool
    except BaseException:  # a run that stops waits for no task
        for worker in active_children():
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _require_started(pool: Executor) -> None:
    """Refuses to go on where no task can: each would be taken for the killer of its worker."""
    try:
        pool.submit(os.getpid).result()
    except BrokenExecutor as error:
        raise RunError(
            "worker processes cannot start; a script that starts them keeps what it does under"
            " `if __name__ == '__main__':`"
        ) from error


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
        executor: Any = client.get_executor(pure=False)  # type: ignore[no-untyped-call]  # likewise
        try:
            yield executor
        finally:
            executor.shutdown(wait=False)
