"""What a study is: a name, a version and a pure function from configurations to records."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Config", "Record", "Study"]

Config = dict[str, Any]
"""What identifies a task: plain JSON, without NaN. Tuples become lists before the task sees it."""

Record = dict[str, Any]
"""What a task measures: plain JSON, in which NaN and infinities are allowed and kept."""


def _unit_cost(_: Config) -> float:
    return 1.0


@dataclass(frozen=True)
class Study:
    """A study, as the runner and the store see it.

    Attributes:
        name: of the study.
        version: raised by hand whenever `run` would record something else for an old configuration.
        run: the work of one task. Its record depends on the configuration alone, up to rounding
            (the number of threads); where the data lie may be bound beforehand
            (`functools.partial`). It travels to other processes by name, so it is a function of a
            module.
        cost: relative running time of a task, > 0: the dearest tasks start first, and the time
            left is estimated from it.
        device: that the tasks compute on, as PyTorch names it; part of no key.
        command: that makes its results, for messages that say where to get them.

    Example:
        >>> study = Study("squares", 1, run=lambda config: {"square": config["x"] ** 2})
        >>> study.key({"x": 3}) == study.key({"x": 3}) != study.key({"x": 4})
        True
    """

    name: str
    version: int
    run: Callable[[Config], Record]
    cost: Callable[[Config], float] = _unit_cost
    device: str = "cpu"
    command: str = ""

    @property
    def results(self) -> Path:
        """Where its results go unless told otherwise."""
        return Path("results", f"{self.name}.sqlite")

    def key(self, config: Config) -> str:
        """SHA-256 of the study's name and version and the configuration, in canonical JSON.

        Raises:
            ValueError: if the configuration holds NaN or an infinity.
            TypeError: if it is no plain JSON.
        """
        identity = {"study": self.name, "version": self.version, "config": config}
        try:
            text = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise type(error)(f"config must be plain JSON, got {config!r}: {error}") from error
        return hashlib.sha256(text.encode()).hexdigest()
