"""Function errors and barriers against the matching cost: `python -m paper_figures.fixed_laws`."""

from pathlib import Path

import matplotlib.pyplot as plt
import typer
from matplotlib.figure import Figure

from lmctheory.sweeps.mean import Mean
from paper_figures import command, style
from simulations.fixed_laws.command import STUDY
from simulations.fixed_laws.summary import Results, fields, require_one_study

__all__ = ["draw", "main"]


def draw(results: Results) -> Figure:
    """The parts of the error and the barrier of unions, from the widest on the left."""
    style.use()
    drawn = fields(results)
    if not drawn:
        raise ValueError("the results hold no pool of networks")
    figure, panels = plt.subplots(
        1, len(drawn), figsize=(style.COLUMN, 2.2), layout="constrained", squeeze=False
    )
    for axes, (task, found) in zip(panels[0], drawn, strict=True):
        costs = [Mean.over(costs).value for costs in found.costs]
        barriers = [Mean.over(barriers) for barriers in found.barriers]
        shared = [parts.coherent for parts in found.error]
        apart = [parts.fluctuation for parts in found.error]
        axes.plot(costs, shared, "o-", color=style.COLOURS[0], label="error, shared")
        axes.plot(costs, apart, "s--", color=style.COLOURS[1], label="error, apart")
        axes.errorbar(
            costs,
            [mean.value for mean in barriers],
            [mean.error for mean in barriers],
            fmt="^-",
            color=style.COLOURS[2],
            label="barrier",
        )
        linear = [shared[-1] * cost / costs[-1] for cost in costs]
        axes.plot(costs, linear, ":", color=style.GREY, label="in proportion to $M_x$")
        axes.set_xscale("log")
        axes.set_yscale("log")
        style.decimals(axes.xaxis, axes.yaxis)
        axes.set_title(f"{task.activation}, $m$ = {found.widths[0]} to {found.widths[-1]}")
        axes.set_xlabel("matching cost $M_x$")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), ncols=2, loc="outside upper center")
    return figure


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/fixed_laws"),
) -> None:
    """Draws errors and barriers from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
