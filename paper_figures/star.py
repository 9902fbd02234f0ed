"""Barriers to the centre of a star against width: `python -m paper_figures.star`."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures import command, style
from simulations.star.command import STUDY
from simulations.star.measurement import Measured
from simulations.star.summary import Results, Shape, require_one_study, shapes

__all__ = ["draw", "main"]

Curves = Mapping[str, tuple[str, str, Callable[[Measured], float]]]
"""By label a format, a colour and what is drawn."""

_BLUE, _ORANGE, _GREEN, _PINK = style.COLOURS[:4]

_CENTRES: Curves = {
    "between pairs": ("o-", style.GREY, lambda one: one.pairs.train),
    "star to its sources": ("o--", _BLUE, lambda one: one.centres["star"].sources.train),
    "star to unseen": ("o-", _BLUE, lambda one: one.centres["star"].held_out.train),
    "trained as long to unseen": ("s-", _ORANGE, lambda one: one.centres["long"].held_out.train),
    "mean to unseen": ("^-", _GREEN, lambda one: one.centres["mean"].held_out.train),
}
_STRONG: Curves = {
    "each other": ("o-", style.GREY, lambda one: one.pairs.test),
    "the star": ("o-", _BLUE, lambda one: one.centres["star"].through.test),
    "an ordinary network": ("s-", _ORANGE, lambda one: one.centres["ordinary"].through.test),
    "three, jointly": ("v:", _PINK, lambda one: one.triangles["joint"].barrier),
}


def draw(results: Results) -> Figure:
    """A row for each depth: barriers to centres, and between networks that one centre aligns."""
    usual, _ = shapes(results)
    depths = sorted({shape.depth for shape in usual})
    if not depths:
        raise ValueError("the results hold no networks")
    style.use()
    figure, panels = plt.subplots(
        len(depths),
        2,
        figsize=(2 * style.COLUMN, 2.5 * len(depths)),
        layout="constrained",
        squeeze=False,
    )
    for (left, right), depth in zip(panels, depths, strict=True):
        at_depth = [shape for shape in usual if shape.depth == depth]
        layers = style.hidden_layers(depth)
        _curves(left, at_depth, _CENTRES)
        left.set_title(f"{layers}: to a centre")
        left.set_ylabel("barrier of the training loss")
        _curves(right, at_depth, _STRONG)
        right.set_title(f"{layers}: unseen networks matched with")
        right.set_ylabel("barrier of the test loss")
    return figure


def _curves(axes: Axes, rows: Sequence[Shape], curves: Curves) -> None:
    widths = [shape.width for shape in rows]
    for label, (form, colour, of) in curves.items():
        means = [shape.mean(of) for shape in rows]
        style.means(axes, widths, means, form, colour, label)
    axes.set_yscale("log")
    style.width_axis(axes, widths)
    style.decimals(axes.yaxis)
    axes.set_xlabel("width")
    axes.legend()


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/star"),
) -> None:
    """Draws barriers to centres from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
