"""Barriers and matching costs against width: `python -m paper_figures.width_sweep`."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lmctheory.sweeps.mean import Mean
from paper_figures import command, style
from simulations.width_sweep.command import STUDY
from simulations.width_sweep.measurement import ALIGNMENTS
from simulations.width_sweep.summary import Results, Shape, require_one_study, summarise

__all__ = ["draw", "main"]

_LINES = dict(zip(ALIGNMENTS, (style.GREY, *style.COLOURS), strict=False))
_METRIC, _MATCHING = "data", "weighted"


def draw(results: Results) -> Figure:
    """Upper panels: barriers, one column per depth; lower ones: matching cost in its sandwich."""
    style.use()
    trained, initial = (summarise(results, phase) for phase in ("trained", "initial"))
    depths = sorted({shape.task.depth for shape in trained})
    figure, axes = plt.subplots(
        2,
        len(depths),
        figsize=(style.COLUMN, 4.3),
        sharex=True,
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    for column, depth in enumerate(depths):
        upper, lower = axes[:, column]
        _barriers(upper, _of_depth(trained, depth))
        upper.set_title(style.hidden_layers(depth))
        for shapes, colour, label in (
            (trained, style.COLOURS[1], "trained"),
            (initial, style.COLOURS[0], "initial"),
        ):
            _costs(lower, _of_depth(shapes, depth), colour, label)
        lower.set_xlabel("width")
    axes[0, 0].set_ylabel("test loss barrier, max over $t$")
    axes[1, 0].set_ylabel("matching cost per neuron,\nlast hidden layer")
    handles, labels = axes[0, -1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    law = [Patch(color=style.GREY, alpha=0.3, linewidth=0, label="L to U, Gaussian law")]
    trivial = [Line2D([], [], color=style.GREY, linestyle="--", linewidth=0.6, label="2 tr")]
    curves, _ = axes[1, 0].get_legend_handles_labels()
    figure.legend(handles=[*curves, *law, *trivial], loc="outside lower center", ncols=2)
    return figure


def _of_depth(shapes: Sequence[Shape], depth: int) -> list[Shape]:
    return [shape for shape in shapes if shape.task.depth == depth]


def _barriers(axes: Axes, shapes: Sequence[Shape]) -> None:
    for alignment in ALIGNMENTS:
        barriers = [shape.measured.barrier(alignment) for shape in shapes]
        _band(axes, shapes, barriers, _LINES[alignment], alignment)
    _enclosed(axes, shapes)
    _logarithmic(axes, shapes)


def _enclosed(axes: Axes, shapes: Sequence[Shape]) -> None:
    """The certified intervals, as error bars that are wider than what they enclose."""
    found = [shape.measured.enclosed(_MATCHING) for shape in shapes]
    sides = np.array([[one.lower, one.upper] for one in found if one is not None])
    if not len(sides):
        return
    middle = sides.mean(1)
    widths = [shape.task.width for shape, one in zip(shapes, found, strict=True) if one is not None]
    axes.errorbar(
        widths,
        middle,
        (sides[:, 1] - sides[:, 0]) / 2,
        color="black",
        linestyle="none",
        capsize=3,
        zorder=3,
        label=f"certified (C6), {_MATCHING}",
    )


def _costs(axes: Axes, shapes: Sequence[Shape], colour: str, label: str) -> None:
    widths = [shape.task.width for shape in shapes]
    lower, upper, trivial = (
        [_value(shape.measured.bound(name, _METRIC)) for shape in shapes]
        for name in ("lower", "upper", "trivial")
    )
    axes.fill_between(widths, lower, upper, color=colour, alpha=0.18, linewidth=0)
    axes.plot(widths, trivial, color=colour, linestyle="--", linewidth=0.6)
    _band(
        axes, shapes, [shape.measured.cost(_MATCHING, _METRIC) for shape in shapes], colour, label
    )
    _logarithmic(axes, shapes)


def _value(mean: Mean | None) -> float:
    return np.nan if mean is None else mean.value


def _logarithmic(axes: Axes, shapes: Sequence[Shape]) -> None:
    if any((np.asarray(line.get_ydata()) > 0).any() for line in axes.lines):
        axes.set_yscale("log")
    style.width_axis(axes, [shape.task.width for shape in shapes])


def _band(
    axes: Axes,
    shapes: Sequence[Shape],
    means: Sequence[Mean | None],
    colour: str,
    label: str,
) -> None:
    """A line through the means with a band of one standard error; non-positive means are gaps."""
    widths = [shape.task.width for shape in shapes]
    values = np.array([_value(mean) for mean in means])
    values[~(values > 0)] = np.nan
    errors = np.nan_to_num([np.nan if mean is None else mean.error for mean in means])
    floor = 0.05 * values  # a band that reaches zero has no lower edge on a log axis
    axes.plot(widths, values, color=colour, marker="o", label=label)
    axes.fill_between(
        widths,
        np.maximum(values - errors, floor),
        values + errors,
        color=colour,
        alpha=0.25,
        linewidth=0,
    )


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/width_sweep"),
) -> None:
    """Draws barriers and matching costs against width from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
