"""What the scripts of all figures share: from stored results to files, or one line of error."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from matplotlib.figure import Figure

from lmctheory.sweeps.store import StoreError
from lmctheory.sweeps.typed import TypedStudy
from lmctheory.terminal import print_any_text
from paper_figures import kept, style

__all__ = ["Output", "Results", "draw_stored"]

C = TypeVar("C")
R = TypeVar("R")
Results = Annotated[Path, typer.Option(help="Results of the study.")]
Output = Annotated[Path, typer.Option(help="Path of the figure, without suffix.")]


def draw_stored(
    study: TypedStudy[C, R],
    results: Path,
    output: Path,
    *,
    require: Callable[[Sequence[tuple[C, R]]], None],
    draw: Callable[[Sequence[tuple[C, R]]], Figure],
) -> None:
    """Draws a study's figure from its stored results, if they are what it needs.

    Where there are none, those that the repository keeps are drawn.

    Raises:
        SystemExit: with one line, if they cannot be read or drawn.
    """
    print_any_text()
    try:
        with kept.stored(results) as found:
            records = study.read(found)
        require(records)
        style.save(draw(records), output)
    except (StoreError, ValueError, OSError) as error:
        sys.exit(f"error: cannot draw {results}: {error}")
