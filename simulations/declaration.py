"""How a study of this folder is declared."""

from collections.abc import Callable

from lmctheory.sweeps import Config, Record, Study

__all__ = ["declare"]


def declare(
    name: str,
    *,
    version: int,
    run: Callable[[Config], Record],
    cost: Callable[[Config], float],
) -> Study:
    """A study that this folder's program runs, see `lmctheory.sweeps.Study`."""
    return Study(name, version, run, cost, command=f"python -m simulations {name}")
