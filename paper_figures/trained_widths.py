"""Wide trained networks, predicted from narrow ones: `python -m paper_figures.trained_widths`."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lmctheory.sweeps.mean import Mean
from paper_figures import command, style
from simulations.trained_widths.command import STUDY
from simulations.trained_widths.summary import Results, Shape, require_one_study, summarise

__all__ = ["draw", "main"]

_COSTS = {
    "pool": ("s", style.COLOURS[0], "pool of narrow networks"),
    "moved": ("^", style.COLOURS[2], "pool, movement rescaled"),
    "trend": ("D", style.COLOURS[1], "power law of narrow ones"),
}
_ERRORS = {
    "D1": ("v", style.COLOURS[3], "D1"),
    "corrected": ("p", style.COLOURS[5], "D1, corrected"),
    "trend": _COSTS["trend"],
}
"""Marker, colour and label of the predictions shown."""


def draw(results: Results) -> Figure:
    """One column per depth, largest weight decay: costs of every layer above, function error."""
    style.use()
    trained = [shape for shape in summarise(results) if shape.task.training is not None]
    shapes = [shape for shape in trained if shape.task.phase == trained[-1].task.phase]
    depth = max(shape.task.depth for shape in shapes)
    figure, axes = plt.subplots(
        depth + 1,
        len(shapes),
        figsize=(style.COLUMN, 1.1 + 1.25 * (depth + 1)),
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for column, shape in zip(axes.T, shapes, strict=True):
        column[0].set_title(style.hidden_layers(shape.task.depth))
        for layer, panel in enumerate(column[:-1]):
            if layer < shape.task.depth:
                _costs(panel, shape, layer)
            else:
                panel.set_axis_off()
        _errors(column[-1], shape)
        column[-1].set_xlabel("width")
    for layer in range(depth):
        first = next(i for i, shape in enumerate(shapes) if layer < shape.task.depth)
        axes[layer, first].set_ylabel(f"cost per neuron, layer {layer + 1}")
    axes[-1, 0].set_ylabel("function error, relative")
    handles, labels = axes[-2, -1].get_legend_handles_labels()
    more, names = axes[-1, -1].get_legend_handles_labels()
    new = [i for i, name in enumerate(names) if name not in labels]
    figure.legend(
        [*handles, *(more[i] for i in new)],
        [*labels, *(names[i] for i in new)],
        loc="outside upper center",
        ncols=2,
        columnspacing=1.0,
    )
    return figure


def _costs(axes: Axes, shape: Shape, layer: int) -> None:
    measured = [shape.cost(layer, m) for m in shape.task.widths]
    _points(axes, shape.task.widths, measured, "o", "black", "measured")
    own = [shape.pseudo_cost(layer, m) for m in shape.task.widths]
    _line(axes, shape, own, "--", "independent, law of that width")
    for name, (marker, colour, label) in _COSTS.items():
        predicted = [shape.predicted_cost(layer, m, name) for m in shape.task.testing]
        _points(axes, shape.task.testing, predicted, marker, colour, label)
    _logarithmic(axes, shape)


def _errors(axes: Axes, shape: Shape) -> None:
    measured = [shape.error(m) for m in shape.task.widths]
    _points(axes, shape.task.widths, measured, "o", "black", "measured")
    incoherent = [shape.incoherent(m) for m in shape.task.widths]
    _line(axes, shape, incoherent, ":", "measured, uncorrelated part")
    for name, (marker, colour, label) in _ERRORS.items():
        predicted = [shape.predicted_error(m, name) for m in shape.task.testing]
        _points(axes, shape.task.testing, predicted, marker, colour, label)
    _logarithmic(axes, shape)


def _line(axes: Axes, shape: Shape, means: Sequence[Mean], dashes: str, label: str) -> None:
    values = [mean.value for mean in means]
    axes.plot(
        shape.task.widths, values, color=style.GREY, linestyle=dashes, linewidth=0.8, label=label
    )


def _points(
    axes: Axes, widths: Sequence[int], means: Sequence[Mean], marker: str, colour: str, label: str
) -> None:
    measured = label == "measured"
    axes.errorbar(
        widths,
        [mean.value for mean in means],
        yerr=[mean.error for mean in means],
        color=colour,
        marker=marker,
        markersize=3,
        markerfacecolor=colour if measured else "none",
        markeredgewidth=0.7,
        linestyle="-" if measured else "none",
        elinewidth=0.6,
        label=label,
    )


def _logarithmic(axes: Axes, shape: Shape) -> None:
    axes.set_yscale("log")
    style.decimals(axes.yaxis)
    style.width_axis(axes, shape.task.widths)


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/trained_widths"),
) -> None:
    """Draws predicted and measured costs and function errors from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
