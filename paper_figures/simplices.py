"""A certified simplex and a certified curve: `python -m paper_figures.simplices`."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib.tri import Triangulation

from paper_figures import command, style
from simulations.simplices.command import STUDY
from simulations.simplices.measurement import Curve, Simplex
from simulations.simplices.summary import Results, require_one_study

__all__ = ["draw", "main"]

_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 3**0.5 / 2]])
_PATHS = {"segment": style.GREY, "bezier": style.COLOURS[0], "polygon": style.COLOURS[1]}


def draw(results: Results) -> Figure:
    """The simplex after joint matching, above; paths between unmatched networks, below.

    Of the narrowest networks: the loss as colour, the boxes that were certified, and in each the
    certified bound of the barrier; loss along paths with certified bounds of every piece.
    """
    style.use()
    task, found = min(results, key=lambda one: one[0].width)
    if task.networks != 3:
        raise ValueError(f"the figure is of three networks, the results are of {task.networks}")
    figure, axes = plt.subplots(
        2, 1, figsize=(style.COLUMN, 5.2), height_ratios=(1.25, 1), layout="constrained"
    )
    _triangle(figure, axes[0], found.simplices["joint"])
    _paths(axes[1], found.curves["unmatched"])
    return figure


def _triangle(figure: Figure, axes: Axes, simplex: Simplex) -> None:
    *shares, losses = np.array(simplex.points).T
    x, y = (np.array(shares).T @ _CORNERS).T
    drawn = axes.tricontourf(Triangulation(x, y), losses, levels=24, cmap="viridis")
    figure.colorbar(drawn, ax=axes, label="loss, measured", shrink=0.8)
    largest = max(box[4] for box in simplex.boxes)
    for low_1, low_2, high_1, high_2, upper, _ in simplex.boxes:
        corners = np.array([[low_1, low_2], [high_1, low_2], [high_1, high_2], [low_1, high_2]])
        axes.add_patch(
            Polygon(
                _within(corners) @ _CORNERS,
                facecolor="none",
                edgecolor="white" if upper < largest else style.COLOURS[1],
                linewidth=0.4 if upper < largest else 0.9,
                zorder=2 if upper < largest else 3,
            )
        )
    for k, (corner, loss) in enumerate(zip(_CORNERS, simplex.ends, strict=True)):
        axes.annotate(
            f"network {k + 1}: {loss:.3f}",
            corner,
            xytext=(0, 4 if k == 2 else -9),
            textcoords="offset points",
            ha="center",
        )
    low, high = simplex.interval
    axes.set_title(
        f"barrier of the triangle in [{low:.4f}, {high:.4f}];\n"
        f"{100 * simplex.decision.certified:.1f} % certified right everywhere,"
        f" {100 * simplex.decision.refuted:.1f} % refuted",
        pad=16,
    )
    axes.set_aspect("equal")
    axes.set_axis_off()


def _within(corners: np.ndarray) -> np.ndarray:
    """The shares of all three of the part of a box that is in the simplex, corner by corner."""
    found: list[tuple[float, float]] = []
    for (a, b), (c, d) in zip(corners, np.roll(corners, -1, 0), strict=True):
        first, second = 1 - a - b, 1 - c - d
        if first >= 0:
            found.append((a, b))
        if first * second < 0:
            share = first / (first - second)
            found.append((a + share * (c - a), b + share * (d - b)))
    x, y = np.array(found).T
    return np.stack([1 - x - y, x, y], 1)


def _paths(axes: Axes, curves: dict[str, Curve]) -> None:
    for kind, colour in _PATHS.items():
        curve = curves[kind]
        t = np.linspace(0, 1, len(curve.loss))
        axes.plot(t, curve.loss, color=colour, label=kind)
        chord = np.interp(curve.nodes, [0, 1], [curve.loss[0], curve.loss[-1]])
        upper = np.array(curve.upper) + np.maximum(chord[1:], chord[:-1])
        axes.stairs(upper, curve.nodes, color=colour, linewidth=0.6, linestyle=":", baseline=None)
    axes.set_yscale("log")
    axes.set_xlabel("$t$, from network 2 to network 1")
    axes.set_ylabel("loss, unmatched networks")
    axes.plot([], [], color=style.GREY, linewidth=0.6, linestyle=":", label="certified bound")
    axes.legend(loc="lower center", ncols=2, bbox_to_anchor=(0.5, 1.0))


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/simplices"),
) -> None:
    """Draws a certified simplex and certified paths, from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
