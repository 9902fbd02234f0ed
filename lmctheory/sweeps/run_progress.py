"""Progress of a run on the terminal, or as a few lines in a log."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

__all__ = ["console", "tracking"]

# standard output is for the study's report; brackets in paths are no markup
console = Console(stderr=True, highlight=False, markup=False, emoji=False)


def time_left(elapsed: float, done: float, total: float) -> str:
    """Time until the total cost is worked off at the rate so far, as H:MM:SS."""
    return str(timedelta(seconds=round(elapsed * (total - done) / done)))


@contextmanager
def tracking(costs: list[float]) -> Iterator[Callable[[float], None]]:
    """Shows a bar with the time left; without a terminal, one line at every tenth of the tasks.

    Args:
        costs: of all tasks; the bar advances by cost.

    Yields:
        What to call with the cost of each task that ends.
    """
    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    tasks, total = len(costs), sum(costs)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task(f"0/{tasks} tasks", total=total)
        ended = itertools.count(1)

        def advance(cost: float) -> None:
            count = next(ended)
            progress.advance(bar, cost)
            [shown] = progress.tasks
            left = time_left(shown.elapsed or 0.0, shown.completed, total)
            state = f"{count}/{tasks} tasks, {left} left"
            progress.update(bar, description=state)
            if not console.is_terminal and 10 * count // tasks > 10 * (count - 1) // tasks:
                console.print(state)

        yield advance
