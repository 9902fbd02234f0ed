"""The study of barriers at a fixed law of neurons, and its command."""

from dataclasses import replace
from typing import Annotated

import typer

from lmctheory.choices import require_choice
from lmctheory.networks import load_dataset
from lmctheory.sweeps.typed import TypedStudy
from simulations.declaration import Declaration, study
from simulations.fixed_laws.limits import (
    ONE,
    OWN,
    Limits,
    LimitTask,
    Regime,
    limit_cost,
    run_limits,
)
from simulations.fixed_laws.measurement import ACTIVATIONS, Measured, Task, cost_of, run
from simulations.fixed_laws.summary import report
from simulations.options import (
    DataDir,
    DataSet,
    Epochs,
    FirstSeed,
    LearningRate,
    architecture_option,
    require_architectures,
)
from simulations.training import Training, require_classes

__all__ = ["DECLARATION", "STUDY", "fixed_laws"]


def _cost(task: Task | LimitTask) -> float:
    return limit_cost(task) if isinstance(task, LimitTask) else cost_of(task)


STUDY: TypedStudy[Task | LimitTask, Measured | Limits] = study(
    "fixed_laws", 1, run, run_limits, cost=_cost
)

_JOINED = (1, 2, 4, 8, 16, 32)

_REGIMES = [
    Regime(parametrisation, optimiser, depth, law)
    for depth in (1, 2)
    for parametrisation, law in (("mu", ONE), ("standard", ONE), ("standard", OWN))
    for optimiser in ("sgd", "adam")
]
REGIMES = {f"{one.name}{' own law' * (one.law == OWN)}": one for one in _REGIMES}
"""By name; muP is mean field with one hidden layer."""
_LARGEST = {1: 16, 2: 8}
"""By depth the most networks in a union whose barrier a limit is fitted to."""
_ADAM = {"mu": 0.05, "standard": 0.005}
"""Rates of Adam, as `barrier_prediction` has them; that of SGD is an option."""


def fixed_laws(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    architecture: Annotated[
        list[str] | None, architecture_option(dict.fromkeys(ACTIVATIONS))
    ] = None,
    member: Annotated[int, typer.Option(min=1, help="Width of the networks of the pool.")] = 128,
    pool: Annotated[int, typer.Option(min=4, help="How many networks there are.")] = 128,
    joined: Annotated[
        list[int] | None, typer.Option(min=1, help="Networks in a union; three or more numbers.")
    ] = None,
    regime: Annotated[
        list[str] | None,
        typer.Option(help=f"Whose limit is sought, of: {', '.join(REGIMES)}; may be repeated."),
    ] = None,
    epochs: Epochs = 15,
    learning_rate: LearningRate = 0.05,
    seed: FirstSeed = 0,
) -> list[Task | LimitTask]:
    """Barriers of unions of one pool of networks: widths differ, the law of neurons does not."""
    require_classes(load_dataset(dataset, data_dir=data_dir))
    require_architectures(architecture, dict.fromkeys(ACTIVATIONS))
    for name in regime or ():
        require_choice("regime", name, REGIMES)
    counts = sorted(set(joined or _JOINED))
    if len(counts) < 3 or pool < 4 * counts[-1]:
        raise ValueError(
            f"--joined must name three or more numbers up to a fourth of --pool, {pool}, so that "
            f"there are two pairs of unions, got {counts}"
        )
    training = Training(epochs=epochs, learning_rate=learning_rate, weight_decay=1e-3)
    fields: list[Task | LimitTask] = [
        Task(dataset, activation, member, pool, counts, training, seed)
        for activation in architecture or ACTIVATIONS
    ]
    limits = [
        _limits(dataset, REGIMES[name], member, counts, training, seed)
        for name in regime or REGIMES
    ]
    return fields + limits


def _limits(
    dataset: str, regime: Regime, member: int, joined: list[int], training: Training, seed: int
) -> LimitTask:
    if regime.optimiser == "adam":
        rate = _ADAM[regime.parametrisation]
        training = replace(training, learning_rate=rate, weight_decay=0.0, optimiser="adam")
    counts = [q for q in joined if q <= _LARGEST[regime.depth]]
    unions = [min(8, max(4, 32 // q)) for q in counts]
    return LimitTask(dataset, regime, member, counts, unions, training, seed)


DECLARATION = Declaration(
    STUDY,
    fixed_laws,
    report,
    quick={
        "architecture": ["relu"],
        "member": 4,
        "pool": 16,
        "joined": [1, 2, 4],
        "regime": ["standard 1 adam own law"],
        "epochs": 2,
    },
)
