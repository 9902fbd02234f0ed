"""A study whose tasks misbehave on request; run as a program by the tests."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from lmctheory.sweeps.study import Config, Record, Study
from simulations.command_line import launch
from simulations.declaration import Declaration, Entry


def measure(config: Config) -> Record:
    """Logs its execution, then obeys a file ``INDEX.FAULT`` beside the log, if there is one."""
    log = Path(config["directory"], str(config["index"]))
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
        return {"square": {1, 2}}
    if log.with_suffix(".threads").exists():
        import torch

        return {"threads": torch.get_num_threads()}
    time.sleep(config["seconds"])
    square = config["index"] ** 2
    return {"square": square, "limits": [float("nan"), float("inf")], "padding": "x" * 2000}


def cost(config: Config) -> float:
    return 1.0 + config["index"]


STUDY = Study("toy", 1, measure, cost)


def configs(directory: Path, tasks: int, seconds: float = 0.0) -> list[Config]:
    if tasks == 13:
        raise ValueError("tasks must not be 13")
    return [{"directory": str(directory), "index": i, "seconds": seconds} for i in range(tasks)]


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
) -> list[Config]:
    """Misbehaves on request."""
    if file_limit:  # bytes: the disk is full as far as this program can tell
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, resource.RLIM_INFINITY))
    chosen = configs(directory, tasks, seconds)
    return [config | {"labels": labels} for config in chosen] if labels else chosen


def report(records: list[tuple[Config, Record]]) -> None:
    print("sum of squares:", sum(record["square"] for _, record in records))


DECLARATION = Declaration(STUDY, toy, report, quick={"tasks": 2, "seconds": 0.01})
ENTRIES = {STUDY.name: Entry("Misbehaves on request.", lambda: DECLARATION)}

if __name__ == "__main__":
    launch(ENTRIES)
