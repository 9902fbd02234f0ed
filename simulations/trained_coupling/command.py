"""The study of trained networks coupled to each other, and its command."""

from collections.abc import Iterator
from typing import Annotated

import typer

from lmctheory.choices import require_choice
from lmctheory.sweeps.typed import TypedStudy
from simulations.declaration import Declaration, study
from simulations.options import Seed
from simulations.trained_coupling.deep import Deep, DeepTask, run_deep
from simulations.trained_coupling.measurement import (
    Followed,
    InAdvance,
    PairTask,
    WidthTask,
    run_pair,
    run_widths,
)
from simulations.trained_coupling.settings import SETTINGS
from simulations.trained_coupling.summary import report

__all__ = ["DECLARATION", "STUDY", "trained_coupling"]

_DIGITS_WIDTH = 64
"""Of networks on digits, whose neurons have up to 65 weights."""
_IN_ADVANCE = "tanh, d = 2", "tanh, d = 3", "relu, d = 3"
_NARROW = 50

Tasks = PairTask | WidthTask | DeepTask


def _cost(task: Tasks) -> float:
    """Seconds on one core, roughly."""
    if isinstance(task, PairTask):
        return task.pairs * (60.0 if "digits" in task.setting else task.width / 50)
    if isinstance(task, WidthTask):
        return 20 + task.couples * sum(task.widths) / 100
    return 20.0 * task.trained


STUDY: TypedStudy[Tasks, Followed | InAdvance | Deep] = study(
    "trained_coupling", 1, run_pair, run_widths, run_deep, cost=_cost
)


def trained_coupling(
    setting: Annotated[
        list[str] | None,
        typer.Option(help=f"Of: {'; '.join(SETTINGS)}; may be repeated. All without it."),
    ] = None,
    width: Annotated[int, typer.Option(min=2, help="Neurons; 64 on digits at most.")] = 300,
    widths: Annotated[
        list[int] | None, typer.Option("--in-advance", min=2, help="Widths predicted.")
    ] = None,
    limit: Annotated[int, typer.Option(min=2, help="Neurons that stand for the limit.")] = 5000,
    pairs: Annotated[int, typer.Option(min=2, help="Pairs of each setting.")] = 3,
    longest: Annotated[int, typer.Option(min=1, help="Steps at most.")] = 150,
    depth: Annotated[list[int] | None, typer.Option(min=1, help="Of deep networks.")] = None,
    deep_width: Annotated[int, typer.Option(min=2, help="Of deep networks.")] = 64,
    seed: Seed = 0,
) -> Iterator[Tasks]:
    """How far training takes matched neurons apart, beside what bounds it."""
    names = list(SETTINGS) if setting is None else setting
    for name in names:
        require_choice("setting", name, list(SETTINGS))
    for name in names:
        digits = SETTINGS[name].data != "teacher"
        yield PairTask(name, min(width, _DIGITS_WIDTH) if digits else width, pairs, longest, seed)
    for name in _IN_ADVANCE:
        if name in names:
            tried = sorted(widths or (50, 100, 200, 400, 800, 1600))
            yield WidthTask(name, tried, _NARROW, limit, pairs, longest, seed)
    for layers in depth or (1, 2, 3):
        yield DeepTask(layers, deep_width, pairs, 0.5, longest, 5, seed)


DECLARATION = Declaration(
    STUDY,
    trained_coupling,
    report,
    quick={
        "setting": ["tanh, d = 2", "relu, outputs trained"],
        "width": 20,
        "widths": [20, 40],
        "limit": 100,
        "pairs": 2,
        "longest": 12,
        "depth": [1],
        "deep_width": 4,
    },
)
