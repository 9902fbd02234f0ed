"""Which component breaks linear mode connectivity: `python -m paper_figures.factors`."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lmctheory.sweeps.mean import Mean
from paper_figures import command, style
from simulations.factors.command import STUDY
from simulations.factors.measurement import WAYS, Measured
from simulations.factors.settings import FACTORS
from simulations.factors.summary import (
    CONNECTED,
    Factorial,
    Results,
    at_once,
    changed_alone,
    factorial,
    require_one_study,
)

__all__ = ["draw", "main"]

_COLOURS = dict(zip(WAYS, (style.GREY, *style.COLOURS), strict=False))
_MARKERS = dict(zip(WAYS, ("s", "o", "D"), strict=True))


def draw(results: Results) -> Figure:
    """Effects over all levels of the others on the left, one change alone on the right."""
    style.use()
    found, alone = factorial(results), changed_alone(results)
    matched = found.barriers("matched")
    names = sorted(found.names, key=lambda name: matched.effect(found.word(name)).value)
    height = 0.8 + 0.17 * (len(names) + 1)
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(2 * style.COLUMN, height), layout="constrained", sharey=True
    )
    _effects(left, found, names)
    _alone(right, alone, names)
    left.set_yticks(
        range(-1, len(names)),
        ["robust network", *(f"{name}: {FACTORS[name].changed}" for name in names)],
    )
    return figure


def _effects(axes: Axes, found: Factorial, names: Sequence[str]) -> None:
    for shift, way in ((0.15, "unmatched"), (-0.15, "matched")):
        fit = found.barriers(way)
        for place, name in enumerate(names):
            effect = fit.effect(found.word(name))
            colour, y = _COLOURS[way], place + shift
            for tests, width in ((len(fit.effects), 0.6), (1, 1.8)):
                axes.plot(np.exp(fit.interval(effect, tests)), (y, y), color=colour, lw=width)
            axes.plot(
                np.exp(effect.value),
                y,
                _MARKERS[way],
                color=colour,
                markersize=3.5,
                fillstyle="full" if effect.found else "none",
                markerfacecolor=None if effect.found else "white",
                label=way if place == 0 else None,
            )
    axes.axvline(1.0, color=style.GREY, linewidth=0.5, zorder=0)
    axes.set_xscale("log", base=2)
    style.decimals(axes.xaxis)
    axes.set_xlabel("multiplies the barrier by")
    axes.set_title("mean over all levels of the others; filled: found")
    axes.legend(loc="lower right")


def _alone(axes: Axes, alone: dict[tuple[str, ...], Measured], names: Sequence[str]) -> None:
    rows = [(-1, alone[()]), *((place, alone[(name,)]) for place, name in enumerate(names))]
    for shift, way in zip((0.25, 0.0, -0.25), WAYS, strict=True):
        drops = [one.joined[way].drop for _, one in rows]
        means = np.array([Mean.over(drop).value for drop in drops])
        ends = np.array([at_once(drop) for drop in drops]).T
        axes.errorbar(
            100 * means,
            [place + shift for place, _ in rows],
            xerr=100 * np.abs(ends - means),
            fmt=_MARKERS[way],
            color=_COLOURS[way],
            linewidth=0.8,
            label=way,
        )
    axes.axvline(100 * CONNECTED, color=style.COLOURS[2], linewidth=0.7, linestyle="--", zorder=0)
    axes.set_xlabel("error barrier, %")
    axes.set_title("changed alone; dashed: connected up to here")
    axes.legend(loc="lower right")


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/factors"),
) -> None:
    """Draws effects on barriers from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
