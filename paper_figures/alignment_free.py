"""Barriers of asymmetric networks without matching: `python -m paper_figures.alignment_free`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lmctheory.sweeps.mean import Mean
from paper_figures import command, style
from simulations.alignment_free.command import STUDY
from simulations.alignment_free.networks import KINDS
from simulations.alignment_free.summary import Results, Row, require_one_study, rows

__all__ = ["draw", "main"]

_COLOUR = dict(zip(KINDS, (style.GREY, *style.COLOURS), strict=False))
_LABEL = {
    "ordinary": "ordinary",
    "shared": "start in common, all trained",
    "fixed": "entries fixed",
    "gated": "gated activations",
}


def draw(results: Results) -> Figure:
    """Against width, the norm of what is fixed or shared, and the dimension of inputs."""
    found = rows(results)
    if not found.widths:
        raise ValueError("the results hold no pairs of networks")
    style.use()
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(2 * style.COLUMN, 2.5), layout="constrained"
    )
    _against(left, found.widths, "width")
    ordinary = [row for row in found.widths if row.task.kind == "ordinary"]
    matched = {row.task.width: Mean.over(row.found.matched) for row in ordinary}
    _curve(left, matched, "o:", _COLOUR["ordinary"], "ordinary, matched")
    style.width_axis(left, sorted(matched))
    left.set_title("no matching")
    left.set_ylabel("barrier of the test loss")
    _against(middle, found.kappas, "kappa")
    middle.set_xscale("symlog", linthresh=1)
    kappas = sorted({row.task.kappa for row in found.kappas})
    middle.set_xticks(kappas, [f"{kappa:g}" for kappa in kappas], minor=False)
    middle.set_xticks([], minor=True)
    middle.set_xlim(-0.3, 1.5 * max(kappas, default=1.0) + 1)
    middle.set_title("no matching, one width")
    middle.set_xlabel(r"fixed over trained norm $\kappa$")
    _against(right, found.dimensions, "dimension")
    style.width_axis(right, sorted({row.task.dimension for row in found.dimensions}))
    right.set_title("a teacher's task")
    right.set_xlabel("dimension of inputs")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, ncols=5, loc="outside upper center")
    return figure


def _against(axes: Axes, found: Sequence[Row], name: str) -> None:
    for kind in KINDS:
        means = {
            getattr(row.task, name): Mean.over(row.found.unmatched)
            for row in found
            if row.task.kind == kind
        }
        if means:
            _curve(axes, means, "o-", _COLOUR[kind], _LABEL[kind])
    axes.set_yscale("log")
    style.decimals(axes.yaxis)
    axes.set_xlabel(name)


def _curve(
    axes: Axes,
    means: Mapping[int, Mean] | Mapping[float, Mean],
    form: str,
    colour: str,
    label: str,
) -> None:
    axes.errorbar(
        list(means),
        [mean.value for mean in means.values()],
        [mean.error for mean in means.values()],
        fmt=form,
        color=colour,
        elinewidth=0.6,
        label=label,
    )


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/alignment_free"),
) -> None:
    """Draws barriers without matching from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
