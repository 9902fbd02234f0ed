"""A study whose tasks misbehave on request; run as a program by the tests."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from lmctheory.sweeps.study import Config
from lmctheory.sweeps.typed import TypedStudy, dump
from lmctheory.tables import Column, Table
from simulations.command_line import launch
from simulations.declaration import Declaration, Entry, Part


@dataclass(frozen=True)
class Task:
    directory: str
    index: int
    seconds: float
    labels: list[str] | None = None


@dataclass(frozen=True)
class Measured:
    square: Any = None
    limits: list[float] | None = None
    padding: str | None = None
    threads: int | None = None


def measure(task: Task) -> Measured:
    """Logs its execution, then obeys a file ``INDEX.FAULT`` beside the log, if there is one."""
    log = Path(task.directory, str(task.index))
    with log.open("a") as lines:
        lines.write(f"{os.getpid()}\n")
    if log.with_suffix(".raise").exists():
        raise ArithmeticError("no such luck")
    if log.with_suffix(".exit").exists():
        sys.exit("enough")
    if log.with_suffix(".die").exists():
        time.sleep(0.3)  # leaves time for the others
        os.kill(os.getpid(), signal.SIGKILL)
    if log.with_suffix(".array").exists():
        return Measured({1, 2})
    if log.with_suffix(".threads").exists():
        import torch

        return Measured(threads=torch.get_num_threads())
    time.sleep(task.seconds)
    return Measured(task.index**2, [float("nan"), float("inf")], "x" * 2000)


def cost(task: Task) -> float:
    return 1.0 + task.index


STUDY = TypedStudy.of("toy", 1, measure, cost=cost)


def configs(directory: Path, tasks: int, seconds: float = 0.0) -> list[Config]:
    return [dump(task) for task in toy(directory, tasks, seconds)]


def executions(directory: Path) -> dict[int, int]:
    """How often each task was started."""
    logs = [path for path in directory.iterdir() if path.name.isdigit()]
    return {int(path.name): len(path.read_text().split()) for path in logs}


def wait_for(condition: Callable[[], object], timeout: float = 20.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def toy(
    directory: Path = Path(),
    tasks: Annotated[int, typer.Option(min=1)] = 4,
    seconds: float = 0.0,
    labels: list[str] | None = None,
    file_limit: int = 0,
) -> list[Task]:
    """Misbehaves on request."""
    if tasks == 13:
        raise ValueError("tasks must not be 13")
    if file_limit:  # bytes: the disk is full as far as this program can tell
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, resource.RLIM_INFINITY))
    return [Task(str(directory), index, seconds, labels or None) for index in range(tasks)]


def report(results: Iterable[tuple[Task, Measured]]) -> list[Part]:
    squares = [record.square for _, record in results]
    table = Table("Squares", "", (Column("square", int, form="d"),), squares)
    return [table, f"sum of squares: {sum(squares)}"]


DECLARATION = Declaration(STUDY, toy, report, quick={"tasks": 2, "seconds": 0.01})
ENTRIES = {STUDY.name: Entry("Misbehaves on request.", lambda: DECLARATION)}

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored
    launch(ENTRIES)
