"""Checks on two trained networks that are coupled to each other (T12 to T15)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np

from lmctheory.rates import optimal_permutation
from lmctheory.theorems._registry import breaks, tries
from lmctheory.theorems.trial import Trial
from lmctheory.widths.fixed_outputs import neuron_on_data
from lmctheory.widths.trained_pair import (
    Growth,
    Path,
    Schedule,
    Task,
    carried,
    descend,
    loss_growth,
    mean_coupling,
    pair_growth,
)
from lmctheory.widths.trained_pair.coupling import step_growths
from lmctheory.widths.trained_pair.growth import stability_bound, weighted_bound
from lmctheory.widths.trained_pair.norms import StepNorms, cost, mean_square, propagate, step_norms
from lmctheory.widths.trained_pair.weighting import LEVELS

_SMOOTH = "tanh", "softplus", "erf", "gelu", "identity"


class _Pair(NamedTuple):
    a: Path
    b: Path
    task: Task
    schedule: Schedule

    @property
    def initial(self) -> float:
        return cost(self.a, self.b, self.task, 0)

    @property
    def cost(self) -> float:
        return cost(self.a, self.b, self.task, self.a.steps)


def _random_pair(
    rng: np.random.Generator,
    activations: tuple[str, ...] = (*_SMOOTH, "relu"),
    *,
    plain: bool = False,
) -> _Pair:
    """Two small networks; every second time one is the other, its neurons in another order."""
    n, d, N = int(rng.integers(1, 8)), int(rng.integers(1, 4)), int(rng.integers(1, 7))
    classes = not plain and rng.random() < 0.3
    c = 1 if plain else int(rng.integers(2, 4)) if classes else int(rng.integers(1, 3))
    x = rng.standard_normal((n, d))
    targets = 2 * rng.standard_normal((n, c))
    if classes:
        targets = np.exp(targets) / np.exp(targets).sum(axis=1, keepdims=True)
    task = Task(
        x,
        targets,
        str(rng.choice(activations)),
        "cross_entropy" if classes else "squared",
        train_outputs=not plain and rng.random() < 0.5,
    )
    steps = np.full(int(rng.integers(1, 13)), 10 ** rng.uniform(-2.5, -0.5))
    decay = float(rng.choice([0.0, rng.uniform(0, 1)]))
    batches = None
    if rng.random() < 0.3:
        batches = [rng.integers(0, n, 3) for _ in steps]
    schedule = Schedule(steps, decay, batches)
    w, v = rng.standard_normal((2, N, d)) * 10 ** rng.uniform(-1, 0.5)
    if task.train_outputs:
        a, b = rng.standard_normal((2, N, c))
    else:
        a = b = np.ones((N, 1)) * rng.standard_normal(c)
    order = optimal_permutation(np.hstack([a, w]), np.hstack([b, v]))
    v, b = v[order], b[order]
    if rng.random() < 0.5:
        v, b = w[::-1], a[::-1]
    return _Pair(descend(w, a, task, schedule), descend(v, b, task, schedule), task, schedule)


Changed = Callable[[StepNorms], StepNorms]


def _same(step: StepNorms) -> StepNorms:
    return step


def _pairs(rng: np.random.Generator, drawn: Callable[..., _Pair] = _random_pair) -> Iterator[_Pair]:
    """Those that train without diverging."""
    while True:
        try:
            yield drawn(rng)
        except ValueError as error:
            if "diverges" not in str(error):
                raise


@tries("T12", counts=(60, 10_000), searched=80)
def _stability(
    rng: np.random.Generator,
    changed: Changed = _same,
    growth_of: Callable[..., float] = loss_growth,
) -> Iterator[Trial]:
    """By norms of steps, and by losses alone."""
    plain = partial(_random_pair, activations=_SMOOTH, plain=True)
    for pair in _pairs(rng):
        norms = [changed(step) for step in step_norms(*pair)]
        yield Trial(pair.cost, stability_bound(norms, pair.initial, pair.task))
        yield from _by_losses(next(_pairs(rng, plain)), growth_of)


def _by_losses(pair: _Pair, growth_of: Callable[..., float]) -> Iterator[Trial]:
    """Nothing where the steps are batches or too large."""
    steps, decay = pair.schedule.steps, pair.schedule.decay
    output = float(abs(pair.a.outputs[0, 0, 0]))
    constants = neuron_on_data(pair.task.activation, output=output, inputs=pair.task.inputs)
    small = steps * 2 * constants.lipschitz**2 < 2 * (1 - steps * decay)
    if pair.schedule.batches is None and small.all():
        losses = np.array([_losses(path, pair.task) for path in (pair.a, pair.b)])
        growth = growth_of(constants, steps, losses, decay=decay)
        yield Trial(pair.cost**0.5, growth * pair.initial**0.5)


def _losses(path: Path, task: Task) -> np.ndarray:
    return np.array(
        [
            task.criterion.value(task.outputs(w, a), task.targets).mean()
            for w, a in zip(path.weights[:-1], path.outputs[:-1], strict=True)
        ]
    )


def _mean_transfer(step: StepNorms) -> StepNorms:
    return replace(step, transfer=np.full_like(step.transfer, step.transfer.mean()))


def _slow(*arguments: object, **options: float) -> float:
    return float(loss_growth(*arguments, **options)) ** 0.25  # type: ignore[arg-type]


breaks("T12", "the mean of ||c - sB||^2 in place of the largest")(
    partial(_stability, changed=_mean_transfer)
)
breaks("T12", "a quarter of the exponent of losses")(partial(_stability, growth_of=_slow))


@tries("T13", counts=(60, 10_000), searched=80)
def _weights(rng: np.random.Generator, changed: Changed = _same) -> Iterator[Trial]:
    for pair in _pairs(rng):
        norms = [changed(step) for step in step_norms(*pair)]
        start = pair.a.parameters(0, pair.task) - pair.b.parameters(0, pair.task)
        bound = weighted_bound(norms, np.square(start).sum(axis=1), pair.task)
        yield Trial(pair.cost, bound)


def _alone(step: StepNorms) -> StepNorms:
    none = np.zeros_like(step.gain)
    return replace(step, gain=none, curvature=none)


def _unbent(step: StepNorms) -> StepNorms:
    return replace(step, transfer=np.minimum(step.transfer, step.kept**2))


breaks("T13", "neurons do nothing to each other")(partial(_weights, changed=_alone))
breaks("T13", "no neuron spreads by curvature")(partial(_weights, changed=_unbent))


class _Parts(NamedTuple):
    linear: float
    interaction: float
    left: float


def _all(parts: _Parts) -> float:
    return sum(parts)


@tries("T14", counts=(60, 10_000), searched=80)
def _propagators(
    rng: np.random.Generator,
    total: Callable[[_Parts], float] = _all,
    spread: float = 1.0,
    force: float = 1.0,
) -> Iterator[Trial]:
    """Recorded paths, some with noise of their own, and all draws of few neurons."""
    for pair in _pairs(rng):
        recorded = _noisy(pair, rng) if rng.random() < 0.3 else pair
        found = propagate(*recorded)
        yield Trial(recorded.cost**0.5, total(_Parts(found.linear, found.interaction, found.left)))
        yield _coupled(rng, spread, force)


def _noisy(pair: _Pair, rng: np.random.Generator) -> _Pair:
    noise = 0.1 * rng.standard_normal(pair.b.weights.shape)
    return pair._replace(b=Path(pair.b.weights + noise, pair.b.outputs))


def _coupled(rng: np.random.Generator, spread: float, force: float) -> Trial:
    """The limit is a network of few neurons; every draw of two of them is coupled to it."""
    while True:
        atoms, N = int(rng.integers(2, 4)), 2
        x = rng.standard_normal((int(rng.integers(1, 6)), int(rng.integers(1, 3))))
        task = Task(
            x, rng.standard_normal((len(x), 1)), str(rng.choice(["tanh", "relu", "identity"]))
        )
        schedule = Schedule(np.full(int(rng.integers(1, 8)), 10 ** rng.uniform(-2, -0.7)))
        w = rng.standard_normal((atoms, x.shape[1]))
        if rng.random() < 0.3:  # near each other, as kinks are met
            w = w[:1] + 10 ** rng.uniform(-7, 0) * w
        try:
            limit = descend(w, np.ones((atoms, 1)), task, schedule)
            return _every_draw(limit, N, task, schedule, spread, force)
        except ValueError as error:
            if "diverges" not in str(error):
                raise


def _every_draw(
    limit: Path, N: int, task: Task, schedule: Schedule, spread: float, force: float
) -> Trial:
    squares, growths = [], []
    ones = np.ones((N, 1))
    for draw in product(range(limit.weights.shape[1]), repeat=N):
        start = limit.weights[0, list(draw)]
        network = descend(start, ones, task, schedule)
        neurons = carried(limit, start, ones, task, schedule)
        squares.append(mean_square(network.weights[-1] - neurons.weights[-1]))
        norms = step_norms(network, neurons, task, schedule, driver=limit)
        growths.append([step_growths(norms, level, task) for level in LEVELS])
    act = task.sigma.function(limit.weights[:-1] @ task.inputs.T)
    variances = force * act.var(axis=1).mean(axis=1)
    bounds = [
        mean_coupling(_largest(level, spread), variances, N) for level in zip(*growths, strict=True)
    ]
    return Trial(float(np.mean(squares)) ** 0.5, min(bounds))


def _largest(draws: tuple[list[list[Growth]], ...], spread: float) -> list[list[Growth]]:
    """Coefficients that hold for every draw."""
    found = []
    for steps in zip(*draws, strict=True):
        count = min(map(len, steps))
        kinds = zip(*(step[:count] for step in steps), strict=True)
        coefficients = [np.max(kind, axis=0).tolist() for kind in kinds]
        found.append([Growth(f, spread * g, spread * h, *rest) for f, g, h, *rest in coefficients])
    return found


breaks("T14", "interaction left out")(
    partial(_propagators, total=lambda parts: parts.linear + parts.left)
)
breaks("T14", "what is left of steps left out")(
    partial(_propagators, total=lambda parts: parts.linear + parts.interaction)
)
breaks("T14", "a quarter of g and h")(partial(_propagators, spread=0.25))
breaks("T14", "Var(phi) / (8 N)")(partial(_propagators, force=0.125))


@tries("T15", counts=(60, 10_000), searched=80)
def _function(rng: np.random.Generator, part: float = 1.0) -> Iterator[Trial]:
    for pair in _pairs(rng):
        if np.isinf(pair.task.sigma.curvature):
            continue
        found = pair_growth(*pair, t=float(rng.uniform()))
        yield Trial(found.function_error, found.function_error_bound * part + 1e-13)


breaks("T15", "half of it")(partial(_function, part=0.5))
