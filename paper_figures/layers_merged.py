"""Accuracy of networks merged in some layers: `python -m paper_figures.layers_merged`."""

from pathlib import Path

import matplotlib.pyplot as plt
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lmctheory.sweeps.mean import Mean
from paper_figures import command, style
from simulations.layers_merged.command import STUDY
from simulations.layers_merged.measurement import ALL, NONE, WAYS
from simulations.layers_merged.summary import Case, Results, cases, require_one_study

__all__ = ["draw", "main"]

_FORMS = ("o", "s", "^", "D")


def draw(results: Results) -> Figure:
    """By case: accuracy on the own set above and on the other below, by what is averaged."""
    style.use()
    found = cases(results)
    figure, panels = plt.subplots(
        len(found),
        2,
        figsize=(2 * style.COLUMN, 0.6 + 1.6 * len(found)),
        layout="constrained",
        squeeze=False,
        sharey=True,
        sharex="row",
    )
    for row, case in zip(panels, found, strict=True):
        for axes, side in zip(row, ("own", "other"), strict=True):
            _accuracies(axes, case, side)
            axes.set_title(f"{case.setting}, {case.architecture}: on the {side} set")
        row[0].set_ylabel("accuracy")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(WAYS))
    return figure


def _accuracies(axes: Axes, case: Case, side: str) -> None:
    """Points stand beside each other, so that errors can be told apart."""
    values = case.own if side == "own" else case.other
    places = range(len(case.choices))
    for k, (way, form) in enumerate(zip(WAYS, _FORMS, strict=True)):
        means = [Mean.over(values(way, one)) for one in case.choices]
        shifted = [place + 0.15 * (k - 1.5) for place in places]
        style.means(axes, shifted, means, form, style.COLOURS[k], way)
    for edge in _edges(case.choices):
        axes.axvline(edge, color=style.GREY, linewidth=0.4)
    axes.set_xticks(list(places), [_short(one) for one in case.choices])
    axes.tick_params(axis="x", rotation=90)


def _edges(choices: list[str]) -> list[float]:
    """Between kinds of choices."""
    kinds = [one.split()[0] for one in choices]
    return [k - 0.5 for k in range(1, len(kinds)) if kinds[k] != kinds[k - 1]]


def _short(choice: str) -> str:
    return choice if choice in (NONE, ALL) else choice.replace("layer ", "only ")


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/layers_merged"),
) -> None:
    """Draws accuracies of merged networks from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
