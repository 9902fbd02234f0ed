"""Barriers of several matchings against width: `python -m paper_figures.rising_barriers`."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from paper_figures import command, style
from simulations.rising_barriers.command import STUDY
from simulations.rising_barriers.measurement import Seen
from simulations.rising_barriers.summary import (
    Results,
    at_law,
    at_widths,
    depths,
    require_one_study,
)

__all__ = ["draw", "main"]

_DRAWN = ("naive", "weight", "weighted")


def draw(results: Results) -> Figure:
    """A panel for each depth: measured, predicted, and at one law."""
    style.use()
    found = depths(results)
    figure, panels = plt.subplots(
        1, len(found), figsize=(style.COLUMN, 2.4), layout="constrained", squeeze=False
    )
    for axes, depth in zip(panels[0], found, strict=True):
        standard, law = at_widths(results, depth, "standard"), at_law(results, depth)
        if not standard:
            raise ValueError(f"the results hold no networks of depth {depth}")
        for name, colour in zip(_DRAWN, style.COLOURS, strict=False):
            measured = {width: one.measured[name] for width, one in standard.items()}
            predicted = {
                width: one.family[name] for width, one in standard.items() if name in one.family
            }
            _curve(axes, measured, colour, "o-")
            _curve(axes, predicted, colour, "s--")
            axes.plot(list(law), [one[name].max for one in law.values()], ":", color=colour)
        axes.set_yscale("log")
        style.width_axis(axes, list(standard))
        style.decimals(axes.yaxis)
        axes.set_title(style.hidden_layers(depth))
        axes.set_xlabel("width")
    panels[0, 0].set_ylabel("barrier of the test loss")
    _legend(figure)
    return figure


def _curve(axes: Axes, seen: Mapping[int, Seen], colour: str, style_of: str) -> None:
    axes.errorbar(
        list(seen),
        [one.max for one in seen.values()],
        [one.error for one in seen.values()],
        fmt=style_of,
        color=colour,
        fillstyle="none" if style_of.startswith("s") else "full",
        elinewidth=0.6,
    )


def _legend(figure: Figure) -> None:
    """Colours are matchings, lines are where numbers come from."""
    handles = [
        Line2D([], [], color=colour, label=name)
        for name, colour in zip(_DRAWN, style.COLOURS, strict=False)
    ]
    kinds = (("o-", "measured"), ("s--", "predicted"), (":", "at one law"))
    for fmt, label in kinds:
        [handle] = Axes.plot(figure.axes[0], [], [], fmt, color=style.GREY, label=label)
        handle.set_fillstyle("none" if fmt.startswith("s") else "full")
        handles.append(handle)
    figure.legend(handles=handles, ncols=2, loc="outside upper center")


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/rising_barriers"),
) -> None:
    """Draws measured and predicted barriers from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
