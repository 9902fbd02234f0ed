"""What one task of the study measures: a pair of networks, or bounds for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lmctheory.measures import Marginal, RademacherMixture, TruncatedNormal, Uniform
from lmctheory.networks import load_dataset
from lmctheory.rates import OutOfReach
from lmctheory.sweeps.typed import entropy_of
from lmctheory.widths.deep import Ensemble, ensemble, error_bound, required_widths
from lmctheory.widths.dropout import dropout_bound
from lmctheory.widths.layer_lower_bounds import matching_lower_bounds
from lmctheory.widths.non_gaussian import non_gaussian_cost
from lmctheory.widths.simulated import simulated_layers
from simulations.deep_widths.tasks import (
    GAUSSIAN,
    TIMES,
    BoundTask,
    PairTask,
    RequiredTask,
    SimulationTask,
    Task,
)
from simulations.initial_networks import matched_layers, reduced_layers

__all__ = [
    "DELTA",
    "Bound",
    "Pair",
    "Simulation",
    "Widths",
    "inputs",
    "run_bound",
    "run_pair",
    "run_required",
    "run_simulation",
]

_MARGINALS: dict[str, Marginal] = {
    "uniform": Uniform(),
    "truncated normal": TruncatedNormal(cut=2.0),
    "signs + noise": RademacherMixture(noise=0.5),
}
DELTA = 0.01
"""Probability with which the bound from simulated costs may fail."""


def inputs(dataset: str, examples: int, data_dir: Path | None = None) -> Float[np.ndarray, "n d"]:
    """The first training examples.

    Raises:
        ValueError: if there are not as many.
    """
    x = load_dataset(dataset, data_dir=data_dir).train.inputs.double().numpy()
    if not 1 <= examples <= len(x):
        raise ValueError(f"examples must lie between 1 and {len(x)}, got {examples}")
    return x[:examples]


def _inputs(task: Task, data_dir: Path | None) -> Float[np.ndarray, "n d"]:
    return inputs(task.dataset, task.examples, data_dir)


@dataclass(frozen=True)
class Pair:
    """A pair, layer by layer, see `simulations.initial_networks`; lower: D2, if Gaussian."""

    cost: list[float]
    own_cost: list[float]
    lower: list[float] | None
    gap: list[float]
    square: list[float]
    errors: list[list[float]]
    merged: list[float]
    doubled: list[float]


def run_pair(task: PairTask, data_dir: Path | None = None) -> Pair:
    """Matches and measures a pair, and halves a network."""
    rng = np.random.default_rng(entropy_of(task))
    gaussian, width, depth = task.law == GAUSSIAN, task.width, task.depth

    def rows(m: int, fan_in: int) -> np.ndarray:
        if gaussian:
            weights = rng.standard_normal((m, fan_in), dtype=np.float32)
        else:
            weights = _MARGINALS[task.law].sample((m, fan_in), rng=rng).astype(np.float32)
        return weights * np.float32((2 / fan_in) ** 0.5)

    x = _inputs(task, data_dir).astype(np.float32)  # half the time; errors are of order 0.1
    layers = list(matched_layers(x, width, depth, TIMES, rows))
    lower = matching_lower_bounds([one.moment for one in layers], [width] * depth)
    reduced = list(reduced_layers(x, width, depth, rows))
    return Pair(
        cost=[one.cost for one in layers],
        own_cost=[one.own_cost for one in layers],
        lower=list(lower) if gaussian else None,
        gap=[one.gap for one in layers],
        square=[one.square for one in layers],
        errors=[list(one.errors) for one in layers],
        merged=[one.merged for one in reduced],
        doubled=[one.doubled for one in reduced],
    )


def _prefixes(
    costs: Sequence[float],
    networks: Ensemble,
    t: float,
    first: tuple[float, float] | None = None,
) -> list[float]:
    """Bounds of the mean squared output error at depth 1, 2, ...: layers do not look ahead."""
    depths = range(1, networks.depth + 1)
    ends = [networks.recursion(costs[:depth], t, first)[1] for depth in depths]
    return [t * (1 - t) * X for X in ends]


@dataclass(frozen=True)
class Bound:
    """D1: costs by layer, and squared errors at each t and depth.

    Attributes:
        cost: bounds of the matching costs.
        errors: of the outputs, for other laws than the Gaussian at t = 1/2 alone.
        dropout: D6, for Gaussian weights.
        square: mean square of an output, likewise.
    """

    cost: list[float]
    errors: list[list[float]]
    dropout: list[float] | None = None
    square: float | None = None


def run_bound(task: BoundTask, data_dir: Path | None = None) -> Bound:
    """Computes D1 and D6, or D5."""
    networks = ensemble(_inputs(task, data_dir), task.depth)
    widths = [task.width] * task.depth
    if task.law != GAUSSIAN:
        matching_cost = non_gaussian_cost(_MARGINALS[task.law])
        cost = error_bound(widths, networks, matching_cost=matching_cost).matching_cost
        return Bound(list(cost), [_prefixes(cost, networks, 0.5)])
    cost = error_bound(widths, networks).matching_cost
    dropout = dropout_bound(widths, networks)
    return Bound(
        cost=list(cost),
        errors=[_prefixes(cost, networks, t) for t in TIMES],
        dropout=[4 * one for one in _prefixes(dropout.matching_cost, networks, 0.5)],
        square=networks.mean_square,
    )


@dataclass(frozen=True)
class Simulation:
    """D1 from simulated costs, as `Bound`."""

    cost: list[float]
    errors: list[list[float]]


def run_simulation(task: SimulationTask, data_dir: Path | None = None) -> Simulation:
    """Simulates the matchings of every layer."""
    networks = ensemble(_inputs(task, data_dir), task.depth)
    layers = simulated_layers(
        [task.width] * task.depth,
        networks,
        times=TIMES,
        repeats=task.repeats,
        delta=DELTA,
        rng=np.random.default_rng(entropy_of(task)),
    )
    errors = [_prefixes(layers.costs, networks, t, layers.first[t]) for t in TIMES]
    return Simulation(list(layers.costs), errors)


@dataclass(frozen=True)
class Widths:
    """Widths for a tolerance, equal and with the fewest neurons; infinite if none will do."""

    equal: list[float]
    free: list[float]
    inputs: int


def run_required(task: RequiredTask, data_dir: Path | None = None) -> Widths:
    """Inverts D1."""
    x = _inputs(task, data_dir)
    networks = ensemble(x, task.depth)
    eps = task.eps * networks.mean_square**0.5
    try:
        equal, free = (required_widths(eps, networks, objective=o) for o in (None, "neurons"))
    except OutOfReach:
        none = [float("inf")] * networks.depth
        return Widths(none, none, x.shape[1])
    return Widths([*equal], [*free], x.shape[1])
