"""Barriers and dimensions by learning rate: `python -m paper_figures.learning_rate_sweep`."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lmctheory.sweeps.mean import Mean
from paper_figures import command, style
from simulations.learning_rate_sweep.command import STUDY
from simulations.learning_rate_sweep.measurement import THEIRS
from simulations.learning_rate_sweep.summary import (
    Results,
    Setting,
    layers_shown,
    require_one_study,
    settings,
)

__all__ = ["draw", "main"]

_MATCHINGS = (*THEIRS, "weight")
_LAYERS = ("o-", "s--", "^:")


def draw(results: Results) -> Figure:
    """Midpoint losses, barriers, and dimensions of both kinds of moments, widest networks, SGD."""
    style.use()
    found = [row for row in settings(results) if row.optimiser == "sgd"]
    if not found:
        raise ValueError("the results hold no networks trained by sgd")
    rows = [row for row in found if row.width == found[-1].width]
    figure, panels = plt.subplots(1, 4, figsize=(2 * style.COLUMN, 2.1), layout="constrained")
    _losses(panels[0], rows)
    _barriers(panels[1], rows)
    _dimensions(panels[2], rows, "dimension")
    _dimensions(panels[3], rows, "centred")
    titles = ("test loss at the midpoint", "barrier", "dimension", "dimension, centred")
    for axes, title in zip(panels, titles, strict=True):
        axes.set_xscale("log")
        axes.set_xlabel("learning rate")
        axes.set_title(title)
    figure.legend(handles=_legend(rows), ncols=9, loc="outside lower center", fontsize=6)
    return figure


def _losses(axes: Axes, rows: Sequence[Setting]) -> None:
    _curve(axes, rows, [row.loss for row in rows], style.GREY, "o--")
    for name, colour in zip(_MATCHINGS, style.COLOURS, strict=False):
        means = [row.mean(lambda pair, n=name: pair.aligned[n].midpoint) for row in rows]  # type: ignore[misc]
        _curve(axes, rows, means, colour, "o-")
    axes.set_yscale("log")
    style.decimals(axes.yaxis)


def _barriers(axes: Axes, rows: Sequence[Setting]) -> None:
    for name, colour in zip(_MATCHINGS, style.COLOURS, strict=False):
        means = [row.mean(lambda pair, n=name: pair.aligned[n].barrier) for row in rows]  # type: ignore[misc]
        _curve(axes, rows, means, colour, "o-")
    axes.axhline(0, color=style.GREY, linewidth=0.5, zorder=0)


def _dimensions(axes: Axes, rows: Sequence[Setting], kind: str) -> None:
    for name, colour in zip(THEIRS, style.COLOURS, strict=False):
        for layer, fmt in zip(layers_shown(rows[0]), _LAYERS, strict=False):
            means = [row.dimension(name, layer, kind) for row in rows]
            _curve(axes, rows, means, colour, fmt)
    axes.set_yscale("log")
    style.decimals(axes.yaxis)


def _curve(
    axes: Axes, rows: Sequence[Setting], means: Sequence[Mean], colour: str, fmt: str
) -> None:
    axes.errorbar(
        [row.rate for row in rows],
        [mean.value for mean in means],
        [mean.error for mean in means],
        fmt=fmt,
        color=colour,
        elinewidth=0.6,
    )


def _legend(rows: Sequence[Setting]) -> list[Line2D]:
    """Colours are matchings, lines and markers are layers."""
    colours = dict(zip(_MATCHINGS, style.COLOURS, strict=False))
    handles = [Line2D([], [], color=colour, label=name) for name, colour in colours.items()]
    handles.append(Line2D([], [], color=style.GREY, linestyle="--", label="networks"))
    for layer, fmt in zip(layers_shown(rows[0]), _LAYERS, strict=False):
        [handle] = Axes.plot(
            plt.gcf().axes[0], [], [], fmt, color=style.GREY, label=f"layer {layer + 1}"
        )
        handles.append(handle)
    return handles


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/learning_rate_sweep"),
) -> None:
    """Draws losses, barriers and dimensions from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
