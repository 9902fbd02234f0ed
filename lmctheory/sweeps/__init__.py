"""The runner of numerical studies: tasks, their store, worker processes, progress.

It knows no study. Tasks are pure functions of their configuration, each is stored in one SQLite
file as it ends, and the same call resumes a run that was stopped in any way.
"""

from lmctheory.sweeps.runner import RunError, run_study
from lmctheory.sweeps.store import StoreError, read
from lmctheory.sweeps.study import Config, Record, Study

__all__ = ["Config", "Record", "RunError", "StoreError", "Study", "read", "run_study"]
