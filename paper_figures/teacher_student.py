"""Barriers, losses and sparsity of students by width: `python -m paper_figures.teacher_student`."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures import command, style
from simulations.teacher_student.command import STUDY
from simulations.teacher_student.summary import Results, Setting, require_one_study, settings

__all__ = ["draw", "main"]

_PANELS = {
    "matched": "barrier, matched",
    "train_loss": "training loss",
    "negligible": "share of negligible neurons",
}
_FORMS = {"sgd": "o-", "adam": "s--"}


def draw(results: Results) -> Figure:
    """One curve for each optimiser and rate; the teacher's neurons as a vertical line."""
    found = settings(results)
    if not found:
        raise ValueError("the results hold no students")
    style.use()
    figure, panels = plt.subplots(1, 3, figsize=(2 * style.COLUMN, 2.4), layout="constrained")
    for axes, (name, title) in zip(panels, _PANELS.items(), strict=True):
        _against_width(axes, found, name)
        axes.set_title(title)
    # below these, numbers differ by rounding and by single pairs only
    panels[0].set_yscale("symlog", linthresh=0.01, linscale=0.6)
    panels[0].set_yticks([0, 0.01, 0.1, 1], ["0", "0.01", "0.1", "1"])
    panels[0].set_ylim(-0.005, 1)
    panels[1].set_yscale("log")
    panels[1].set_ylim(bottom=1e-6)
    panels[0].set_ylabel("over the target's power")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, ncols=5, loc="outside upper center")
    return figure


def _against_width(axes: Axes, found: Sequence[Setting], name: str) -> None:
    for setting, colour in zip(found, style.COLOURS, strict=False):
        widths = [row.width for row in setting.rows]
        means = [row.mean(name) for row in setting.rows]
        style.means(axes, widths, means, _FORMS[setting.optimiser], colour, setting.name)
    k = found[0].neurons
    axes.axvline(k, color=style.GREY, linewidth=0.5, zorder=0)
    axes.set_xscale("log", base=2)
    ticks = [2**e for e in range(12) if k / 4 <= 2**e <= max(widths)]
    axes.set_xticks(ticks, [f"{tick}" for tick in ticks])
    axes.set_xlabel("student's width")


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/teacher_student"),
) -> None:
    """Draws barriers, losses and sparsity from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
