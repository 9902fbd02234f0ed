"""Numerical sweeps that resume: their runner, and `sweep`, a width sweep of one's own networks.

The runner knows no study. Tasks are pure functions of their configuration, each is stored in one
SQLite file as it ends, and the same call resumes a run that was stopped in any way. It loads at
once; `sweep`, which needs PyTorch, when it is used.
"""

from typing import TYPE_CHECKING

from lmctheory.sweeps.runner import RunError, run_study
from lmctheory.sweeps.store import StoreError, read
from lmctheory.sweeps.study import Config, Record, Study

if TYPE_CHECKING:
    from lmctheory.sweeps._sweep import sweep
    from lmctheory.sweeps.sweep_result import Sweep
else:
    from importlib import import_module

    def __getattr__(name):
        if name in _LATE:
            return getattr(import_module(f"lmctheory.sweeps.{_LATE[name]}"), name)
        raise AttributeError(f"module 'lmctheory.sweeps' has no attribute {name!r}")

    _LATE = {"Sweep": "sweep_result", "sweep": "_sweep"}


__all__ = [
    "Config",
    "Record",
    "RunError",
    "StoreError",
    "Study",
    "Sweep",
    "read",
    "run_study",
    "sweep",
]
