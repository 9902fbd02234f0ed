"""Signs of life of what takes longer than a few seconds."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextvars import ContextVar
from typing import TypeVar

__all__ = ["carried_out", "tracked"]

_Item = TypeVar("_Item")

_PATIENCE = 2.0
"""Seconds without a sign of life."""

_shown = ContextVar("_shown", default=False)
"""Whether something that encloses this loop is shown already."""


def tracked(items: Iterable[_Item], what: str, total: int | None = None) -> Iterator[_Item]:
    """The items of a loop; if it takes more than two seconds, a bar on the terminal shows how far.

    Nothing is shown where standard error is no terminal, and of nested loops the outermost alone.

    Args:
        items: what the loop goes through.
        what: it does, in a few words.
        total: how many there are; None asks the items.

    Example:
        >>> sum(tracked(range(4), "adding"))
        6
    """
    if _shown.get() or not sys.stderr.isatty():
        yield from items
        return
    if total is None and isinstance(items, Sized):
        total = len(items)
    token = _shown.set(True)
    try:
        yield from _with_bar(items, what, total)
    finally:
        _shown.reset(token)


def carried_out(steps: Iterable[object], what: str, until: float) -> None:
    """Takes one step after another, to the last or until a moment has passed.

    Args:
        steps: what does the work as it is gone through.
        what: it does, as `tracked` shows it.
        until: the moment, by `time.monotonic`; the step that is taken then is still finished.

    Example:
        >>> done = []
        >>> carried_out((done.append(k) for k in range(3)), "adding", until=0.0)
        >>> done
        [0]
    """
    for _ in tracked(steps, what):
        if time.monotonic() > until:
            return


def _with_bar(items: Iterable[_Item], what: str, total: int | None) -> Iterator[_Item]:
    from rich.console import Console  # not before it is needed
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task(what, total=total)
    begin = time.monotonic()
    try:
        for item in items:
            yield item
            bar.advance(task)
            if not bar.live.is_started and time.monotonic() - begin > _PATIENCE:
                bar.start()
    finally:
        bar.stop()
