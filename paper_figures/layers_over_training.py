"""Layers' barriers along training: `python -m paper_figures.layers_over_training`."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lmctheory.sweeps.mean import Mean
from paper_figures import command, style
from simulations.layers_over_training.command import STUDY
from simulations.layers_over_training.measurement import WAYS
from simulations.layers_over_training.networks import ATTENTION, EMBED, FC, HEAD
from simulations.layers_over_training.summary import (
    Course,
    Results,
    courses,
    require_one_study,
)

__all__ = ["draw", "main"]

_LEGEND = "right: of the first groups (input) and of the last (output)"
_LINES = {"1": "-", "2": "--", "3": ":"}
"""By the number of a block."""


def draw(results: Results) -> Figure:
    """By network: single groups against epochs in every way, and at the end cumulative ones."""
    style.use()
    found = courses(results)
    names = list(dict.fromkeys(course.network for course in found))
    figure, panels = plt.subplots(
        len(names),
        len(WAYS) + 1,
        figsize=(2 * style.COLUMN, 0.4 + 1.7 * len(names)),
        layout="constrained",
        squeeze=False,
    )
    for row, name in zip(panels, names, strict=True):
        ours = [course for course in found if course.network == name]
        for axes, course in zip(row, ours, strict=False):
            if axes is not row[0]:
                axes.sharey(row[0])
            _singles(axes, course)
            axes.set_title(f"{name}, {course.way}")
        row[0].set_ylabel("barrier of one group [nats]")
        handles, labels = row[0].get_legend_handles_labels()
        row[len(WAYS) - 1].legend(handles, labels, ncols=2, handlelength=2.2, columnspacing=0.8)
        _cumulative(row[-1], ours)
        row[-1].set_title(f"{name}, epoch {ours[0].epochs[-1]}")
    for axes in panels[-1, :-1]:
        axes.set_xlabel("epoch")
    panels[-1, -1].set_xlabel("groups moved")
    handles, labels = panels[0, -1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), title=_LEGEND)
    return figure


def _singles(axes: Axes, course: Course) -> None:
    values = course.single()
    for k, group in enumerate(course.groups):
        means = [Mean.over(draws) for draws in values[..., k]]
        colour, form = _look(group, k)
        style.means(axes, list(course.epochs), means, form, colour, group)
    axes.axhline(0, color=style.GREY, linewidth=0.5)
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(course.epochs), [f"{epoch}" for epoch in course.epochs])
    axes.minorticks_off()


def _look(group: str, place: int) -> tuple[str, str]:
    """Colour and line: of a transformer by kind and block, else by the layer."""
    kind, _, block = group.partition(" ")
    colours = {EMBED: style.GREY, HEAD: "black", ATTENTION: style.COLOURS[1], FC: style.COLOURS[0]}
    if kind in colours:
        return colours[kind], f"o{_LINES.get(block, '-.') if block else '-'}"
    return style.COLOURS[place % len(style.COLOURS)], "o-"


def _cumulative(axes: Axes, ours: Sequence[Course]) -> None:
    counts = range(1, len(ours[0].groups) + 1)
    for course, colour in zip(ours, style.COLOURS, strict=False):
        for form, values in (
            ("o-", course.values(lambda pair: pair.from_input)),
            ("s:", course.values(lambda pair: pair.from_output)),
        ):
            means = [Mean.over(draws) for draws in values[-1].T]
            side = "input" if form == "o-" else "output"
            style.means(axes, list(counts), means, form, colour, f"{course.way}, {side}")
    axes.axhline(0, color=style.GREY, linewidth=0.5)


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/layers_over_training"),
) -> None:
    """Draws layers' barriers along training from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
