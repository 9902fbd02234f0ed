"""What one task measures: how far training takes matched neurons apart, beside T12 to T15.

*A pair*: both networks are matched before training and recorded until A's loss is a tenth of the
first one; bounds at shares of the loss on the way. *Widths*: pairs of networks of several widths,
and what is known of them before they are trained: neurons carried by a wide network's field, and
the coupling to it with the coefficients of one narrow network. *Deep* networks are in `deep`.
"""

from dataclasses import dataclass

import numpy as np

from lmctheory.measures import Gaussian
from lmctheory.rates import optimal_permutation, upper_bound
from lmctheory.sweeps.typed import entropy_of
from lmctheory.widths import neuron_on_data
from lmctheory.widths.trained_pair import (
    Path,
    Schedule,
    Task,
    carried,
    coupling,
    descend,
    loss_growth,
    pair_growth,
)
from lmctheory.widths.trained_pair.norms import cost
from simulations.trained_coupling.settings import (
    SETTINGS,
    Setting,
    schedule_of,
    starts_of,
    task_of,
)

__all__ = [
    "SHARES",
    "AtShare",
    "AtWidth",
    "Followed",
    "InAdvance",
    "PairTask",
    "WidthTask",
    "run_pair",
    "run_widths",
]

Start = tuple[np.ndarray, np.ndarray]
"""Weights ``[N, d]`` and output weights ``[N, c]``."""
SHARES = 0.5, 0.2, 0.1, 0.02
"""Of the loss before training."""
_LIMIT_SHARE = 0.1
"""Of the limit's loss, at which widths are compared."""


@dataclass(frozen=True)
class PairTask:
    """Pairs of networks of one setting and width.

    Attributes:
        setting: a name of `SETTINGS`.
        width: N.
        pairs: how many.
        longest: steps at most.
        seed: of all draws.
    """

    setting: str
    width: int
    pairs: int
    longest: int
    seed: int


@dataclass(frozen=True)
class WidthTask:
    """Pairs of networks of several widths, and what is known before they are trained.

    Attributes:
        setting: a name of `SETTINGS`.
        widths: N.
        narrow: the network whose coefficients are used.
        limit: neurons of the one that stands for the limit.
        couples: pairs of each width.
        longest: steps at most.
        seed: of all draws.
    """

    setting: str
    widths: list[int]
    narrow: int
    limit: int
    couples: int
    longest: int
    seed: int


@dataclass(frozen=True)
class AtShare:
    """At the first step at which A's loss is below a share of the first one, by pair.

    Attributes:
        share: of the loss.
        steps: to it.
        growth: M over the initial M.
        linear: the part of the bound of T14 that curvature makes of initial differences.
        propagators: T14, like all bounds over the initial M.
        weights: T13.
        stability: T12.
        losses: T12 by losses alone; none where there are kinks, batches or trained outputs.
        error: the function error at the midpoint.
        error_bound: T15.
        scale: root mean square of A's outputs.
    """

    share: float
    steps: list[int]
    growth: list[float]
    linear: list[float]
    propagators: list[float]
    weights: list[float]
    stability: list[float]
    losses: list[float]
    error: list[float]
    error_bound: list[float]
    scale: list[float]


@dataclass(frozen=True)
class Followed:
    """Of a setting; shares of the loss that no pair reaches are left out.

    Attributes:
        initial: M before training, by pair.
        rows: by share of the loss.
    """

    initial: list[float]
    rows: list[AtShare]


@dataclass(frozen=True)
class AtWidth:
    """Of one width, by pair.

    Attributes:
        width: N.
        initial: M before training.
        cost: M at the end.
        carried: M of neurons carried by the limit's field, from the same start.
        coupling: bound of the distance of either network from such neurons.
        apart: that distance, measured for A.
        upper: U, a bound of the mean of M before training.
    """

    width: int
    initial: list[float]
    cost: list[float]
    carried: list[float]
    coupling: float
    apart: list[float]
    upper: float


@dataclass(frozen=True)
class InAdvance:
    """Of all widths.

    Attributes:
        steps: until the limit's loss is a tenth of the first one.
        rows: by width.
    """

    steps: int
    rows: list[AtWidth]


def run_pair(task: PairTask) -> Followed:
    """Trains pairs and bounds how far their neurons come apart."""
    setting = SETTINGS[task.setting]
    rng = np.random.default_rng(entropy_of(task))
    initial, found = [], []
    for _ in range(task.pairs):
        given = task_of(setting, rng)
        a, b, schedule = _pair(setting, given, task.width, task.longest, rng)
        initial.append(cost(a, b, given, 0))
        found.append(_along(a, b, given, schedule, setting))
    reached = min(map(len, found))
    return Followed(initial, [_joined(rows) for rows in list(zip(*found, strict=False))[:reached]])


def _pair(
    setting: Setting, given: Task, width: int, longest: int, rng: np.random.Generator
) -> tuple[Path, Path, Schedule]:
    first, second = _matched(setting, given, width, rng)
    schedule = schedule_of(setting, given, longest, rng)
    other = schedule_of(setting, given, longest, rng) if setting.own else schedule
    return descend(*first, given, schedule), descend(*second, given, other), schedule


def _matched(
    setting: Setting, given: Task, width: int, rng: np.random.Generator
) -> tuple[Start, Start]:
    """Weights and output weights of two networks, the second in the order of the first."""
    (w, a), (v, b) = (starts_of(setting, given, width, rng) for _ in range(2))
    order = optimal_permutation(np.hstack([a, w]), np.hstack([b, v]))
    return (w, a), (v[order], b[order])


def _losses(path: Path, given: Task) -> np.ndarray:
    return np.array(
        [
            given.criterion.value(given.outputs(w, a), given.targets).mean()
            for w, a in zip(path.weights, path.outputs, strict=True)
        ]
    )


def _first_below(losses: np.ndarray, share: float) -> int | None:
    below = np.flatnonzero(losses <= share * losses[0])
    return int(below[0]) if len(below) else None


def _along(
    a: Path, b: Path, given: Task, schedule: Schedule, setting: Setting
) -> list[dict[str, float]]:
    """One row for each share that is reached."""
    losses = np.array([_losses(path, given) for path in (a, b)])
    rows = []
    for share in SHARES:
        k = _first_below(losses[0], share)
        if k is None:
            break
        found = pair_growth(a.until(k), b.until(k), given, schedule.until(k))
        first = found.initial_cost
        row = {
            "share": share,
            "steps": k,
            "growth": found.growth,
            "linear": found.linear**2 / first,
            "propagators": found.by_propagators / first,
            "weights": found.by_weights / first,
            "stability": found.by_stability / first,
            "error": found.function_error,
            "error_bound": found.function_error_bound,
            "scale": float(np.square(given.outputs(a.weights[k], a.outputs[k])).mean() ** 0.5),
        }
        if np.isfinite(given.sigma.curvature) and not setting.trained and setting.batch is None:
            row["losses"] = _growth_by_losses(setting, given, schedule.until(k), losses[:, :k])
        rows.append(row)
    return rows


def _growth_by_losses(
    setting: Setting, given: Task, schedule: Schedule, losses: np.ndarray
) -> float:
    """Of M, if the steps are small enough for it; infinite beyond."""
    constants = neuron_on_data(given.activation, output=setting.scale, inputs=given.inputs)
    kept = 1 - schedule.steps * setting.decay
    if (schedule.steps * given.criterion.smoothness * constants.lipschitz**2 >= 2 * kept).any():
        return np.inf
    return loss_growth(constants, schedule.steps, losses, decay=setting.decay) ** 2


def _joined(rows: tuple[dict[str, float], ...]) -> AtShare:
    def of(name: str) -> list[float]:
        return [row[name] for row in rows if name in row]

    lists = {
        name: of(name)
        for name in (
            *("growth", "linear", "propagators", "weights", "stability", "losses"),
            *("error", "error_bound", "scale"),
        )
    }
    return AtShare(share=rows[0]["share"], steps=[int(k) for k in of("steps")], **lists)


def run_widths(task: WidthTask) -> InAdvance:
    """Trains the limit, the narrow network, and pairs of every width."""
    setting = SETTINGS[task.setting]
    rng = np.random.default_rng(entropy_of(task))
    given = task_of(setting, rng)
    schedule = schedule_of(setting, given, task.longest, rng)
    limit = descend(*starts_of(setting, given, task.limit, rng), given, schedule)
    k = _first_below(_losses(limit, given), _LIMIT_SHARE)
    schedule, limit = schedule.until(k or task.longest), limit.until(k or task.longest)
    narrow = descend(*starts_of(setting, given, task.narrow, rng), given, schedule)
    known = coupling(narrow, limit, given, schedule)
    law = Gaussian(spectrum=np.ones(given.inputs.shape[1]))
    rows = []
    for width in task.widths:
        measured = [
            _one_pair(setting, given, width, limit, schedule, rng) for _ in range(task.couples)
        ]
        initial, cost, moved, apart = (list(column) for column in zip(*measured, strict=True))
        upper = upper_bound(law, width).value
        rows.append(AtWidth(width, initial, cost, moved, known.bound(width), apart, upper))
    return InAdvance(limit.steps, rows)


def _one_pair(
    setting: Setting,
    given: Task,
    width: int,
    limit: Path,
    schedule: Schedule,
    rng: np.random.Generator,
) -> tuple[float, float, float, float]:
    """M before and after training, M of carried neurons, and A's distance from them."""
    starts = _matched(setting, given, width, rng)
    first, second = (descend(*start, given, schedule) for start in starts)
    near, far = (carried(limit, *start, given, schedule) for start in starts)
    end = limit.steps
    return (
        cost(first, second, given, 0),
        cost(first, second, given, end),
        cost(near, far, given, end),
        cost(first, near, given, end) ** 0.5,
    )
