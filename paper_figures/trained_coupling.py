"""Growth of matched distances beside its bounds: `python -m paper_figures.trained_coupling`."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lmctheory.sweeps.mean import Mean
from paper_figures import command, style
from simulations.trained_coupling.command import STUDY
from simulations.trained_coupling.measurement import AtWidth
from simulations.trained_coupling.summary import (
    Results,
    Row,
    bound_of,
    in_advance,
    pair_rows,
    require_one_study,
)

__all__ = ["draw", "main"]

_SHARE = 0.1
"""Of the loss, to which settings are drawn, or as far as they come."""
_WIDEST = 1e6
"""Bounds beyond are drawn at the border."""


def draw(results: Results) -> Figure:
    """Bounds by setting on the left, matching cost against width on the right."""
    style.use()
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(2 * style.COLUMN, 2.6), layout="constrained", width_ratios=(1.25, 1)
    )
    last = {row.setting: row for row in pair_rows(results) if row.found.share >= _SHARE}
    _bounds(left, list(last.values()))
    by_setting: dict[str, list[AtWidth]] = {}
    for task, _, row in in_advance(results):
        by_setting.setdefault(task.setting, []).append(row)
    for (name, rows), colour in zip(by_setting.items(), style.COLOURS, strict=False):
        _widths(right, rows, colour, name)
    style.width_axis(right, sorted({row.width for rows in by_setting.values() for row in rows}))
    right.set_yscale("log")
    right.set_xlabel("width $N$")
    right.set_ylabel("mean square distance $M$")
    right.set_title("at a tenth of the loss, and its bound in advance (T14)")
    if by_setting:
        right.legend(fontsize=6)
    return figure


def _bounds(axes: Axes, rows: Sequence[Row]) -> None:
    places = np.arange(len(rows))[::-1]
    kinds = {
        "measured": ("o", "growth"),
        "T14": ("|", "propagators"),
        "T13": ("x", "weights"),
        "T12": ("s", "stability"),
    }
    for (label, (marker, name)), colour in zip(kinds.items(), style.COLOURS, strict=False):
        for place, row in zip(places, rows, strict=True):
            values = np.minimum(getattr(row.found, name), _WIDEST)
            axes.plot(
                values,
                np.full(len(values), place),
                marker,
                color=colour,
                markersize=4 if marker == "|" else 2.5,
                fillstyle="full" if marker == "o" else "none",
                label=label if place == places[0] else None,
                clip_on=False,
            )
    axes.axvline(1.0, color=style.GREY, linewidth=0.5, zorder=0)
    axes.set_xscale("log")
    axes.set_yticks(places, [_named(row) for row in rows])
    axes.set_xlabel("$M$ after training over $M$ before")
    axes.set_title("to a tenth of the loss (or more), by pair")
    if rows:
        axes.legend(fontsize=6, loc="lower right")


def _named(row: Row) -> str:
    share = row.found.share
    return row.setting if share == _SHARE else f"{row.setting} ({share:g})"


def _widths(axes: Axes, rows: Sequence[AtWidth], colour: str, label: str) -> None:
    widths = [row.width for row in rows]
    costs = [Mean.over(row.cost) for row in rows]
    axes.errorbar(
        widths,
        [mean.value for mean in costs],
        [mean.error for mean in costs],
        fmt="o-",
        color=colour,
        label=label,
    )
    axes.plot(widths, [bound_of(row) for row in rows], "--", color=colour)


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/trained_coupling"),
) -> None:
    """Draws growth and its bounds from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
