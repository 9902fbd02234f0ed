"""Features of networks that part during training: `python -m paper_figures.features`."""

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lmctheory.sweeps.mean import Mean
from paper_figures import command, style
from simulations.features.command import STUDY
from simulations.features.measurement import MATCHINGS, MIDDLE, POINTS, UNMATCHED, Aligned
from simulations.features.settings import Setting, settings
from simulations.features.summary import Results, require_one_study

__all__ = ["draw", "main"]

_ROWS = 6
_MARKERS = {UNMATCHED: "o-", "weight": "s", "activation": "^"}


def draw(results: Results) -> Figure:
    """By architecture: barriers by the time of parting, then by layer all that is measured."""
    style.use()
    found = settings(results)
    names = list(dict.fromkeys(setting.architecture for setting in found))
    figure, panels = plt.subplots(
        _ROWS,
        len(names),
        figsize=(2 * style.COLUMN, 7.6),
        layout="constrained",
        squeeze=False,
        sharey="row",
    )
    for column, name in zip(panels.T, names, strict=True):
        ours = [setting for setting in found if setting.architecture == name]
        _barriers(column[0], ours)
        shown = _shown(ours)
        _curves(column[1], shown, lambda one: one.features.dissimilarity[MIDDLE])
        _curves(column[1], shown, lambda one: one.features.baseline, line=":")
        _along(column[2], shown)
        _curves(column[3], shown, lambda one: one.stitched.error)
        _curves(column[3], shown, lambda one: one.stitched.fitted_error, line=":")
        _curves(column[4], shown, lambda one: one.subspaces.overlap)
        _curves(column[4], shown[:1], lambda one: one.subspaces.chance, line=":")
        _curves(column[5], shown, lambda one: one.midpoint.induced)
        _curves(column[5], shown, lambda one: one.repaired.induced, line=":")
        column[0].set_title(name)
        for axes, label in zip(column[[1, 3, 4, 5]], _ACROSS, strict=True):
            axes.set_xlabel(label)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes, label in zip(panels[:, 0], _LABELS, strict=True):
        axes.set_ylabel(label)
    handles, labels = panels[1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, ncols=5, loc="outside upper center", handlelength=1.4)
    return figure


_ACROSS = ("layer", "cut after layer", "layer", "layer")
_LABELS = (
    "barrier [nats]",
    "1 - cos at t = 1/2",
    "weak additivity\nrelative error",
    "error of stitched\nnetworks",
    "overlap of leading\nfeatures",
    "induced features,\nover the ends'",
)


def _barriers(axes: Axes, ours: Sequence[Setting]) -> None:
    """Against the epochs that networks share; matched where they share none."""
    shared = list(dict.fromkeys(setting.shared for setting in ours))
    kinds = (UNMATCHED, *MATCHINGS)
    for kind, colour in zip(kinds, ("black", *style.COLOURS[1:]), strict=False):
        ones = [setting for setting in ours if setting.alignment == kind]
        x = [float(shared.index(setting.shared)) for setting in ones]
        values = [setting.mean(lambda one: one.barrier) for setting in ones]
        style.means(axes, x, values, _MARKERS[kind], colour)
    axes.axhline(0, color=style.GREY, linewidth=0.5)
    axes.set_xticks(range(len(shared)), shared)
    axes.set_xlabel("common epochs (own: own start)")


def _shown(ours: Sequence[Setting]) -> list[tuple[Setting, str, str]]:
    """Settings that are drawn by layer, with their colours and labels."""
    by_kind = {(setting.shared, setting.alignment): setting for setting in ours}
    named = {
        "own start": by_kind.get(("own", UNMATCHED)),
        **{f"own start, {method}": by_kind.get(("own", method)) for method in MATCHINGS},
        "parted at 0": by_kind.get(("0", UNMATCHED)),
        "parted last": next((setting for setting in ours if setting.is_last), None),
    }
    coloured = zip(named.items(), style.COLOURS, strict=False)
    return [
        (setting, colour, label) for (label, setting), colour in coloured if setting is not None
    ]


def _curves(
    axes: Axes,
    shown: Sequence[tuple[Setting, str, str]],
    of: Callable[[Aligned], Sequence[float]],
    line: str = "-",
) -> None:
    for setting, colour, label in shown:
        values = np.array([of(one) for one in setting.aligned])
        x = [float(layer) for layer in range(1, values.shape[1] + 1)]
        means = [Mean.over(column) for column in values.T]
        marker = "o" if line == "-" else ""
        style.means(axes, x, means, f"{marker}{line}", colour, label if line == "-" else None)


def _along(axes: Axes, shown: Sequence[tuple[Setting, str, str]]) -> None:
    """The worst hidden layer against t."""
    for setting, colour, _ in shown:
        values = np.array(
            [[max(row) for row in one.features.additivity] for one in setting.aligned]
        )
        style.means(axes, POINTS, [Mean.over(column) for column in values.T], "o-", colour)
    axes.set_xticks(POINTS)
    axes.set_xlabel("t")


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/features"),
) -> None:
    """Draws connectivity, stitches, subspaces and strengths of features from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
