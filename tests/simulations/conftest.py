"""What the tests of several studies share."""

import pickle
from concurrent.futures import Executor, Future
from contextlib import nullcontext

import pytest

from lmctheory.sweeps import workers
from lmctheory.terminal import shown


class InThisProcess(Executor):
    """Runs tasks at once, sent and returned as bytes; workers have tests of their own."""

    def submit(self, function, /, *arguments):
        function, arguments = pickle.loads(pickle.dumps((function, arguments)))
        done = Future()
        done.set_result(pickle.loads(pickle.dumps(function(*arguments))))
        return done


@pytest.fixture
def in_this_process(monkeypatch):
    """No worker processes are started."""
    monkeypatch.setattr(workers, "_processes", lambda _: nullcontext(InThisProcess()))


@pytest.fixture
def printed():
    """The text of a report, which fits into 100 columns uncut."""

    def text_of(report, results):
        text = shown(*report(results))
        assert max(map(len, text.splitlines())) <= 100, text
        assert "…" not in text
        return text

    return text_of
