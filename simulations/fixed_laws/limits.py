"""Where barriers end as networks grow: of one regime by width, at a law of neurons that is known.

*One law*: unions of networks of one width, which every width takes others of, lest errors be
shared. In the maximal update parametrisation, and in mean field, which it is with one hidden layer,
this is the law that networks of all widths tend to. *Own law*: the standard parametrisation has
none that stays, and the target of each width is joined of members of its own family (P2).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lmctheory.networks import Dataset, Examples, load_dataset
from lmctheory.prediction import Jackknifed, MupFamily, all_pairs, family_unions, union_each
from simulations.training import Training, trained_mlps, widths_of

__all__ = ["ONE", "OWN", "LimitTask", "Limits", "Regime", "fit", "limit_cost", "run_limits"]

ONE, OWN = "one", "own"
"""Laws: that of the narrowest networks at all widths, and each width's own."""
_POINTS = 5


@dataclass(frozen=True)
class Regime:
    """How networks are built and trained, and which law wide ones follow.

    Attributes:
        parametrisation: "standard" or "mu".
        optimiser: "sgd" or "adam".
        depth: number of hidden layers.
        law: `ONE` or `OWN`.
    """

    parametrisation: str
    optimiser: str
    depth: int
    law: str

    @property
    def name(self) -> str:
        """As commands and tables have it, but for the law."""
        scaling = "muP" if self.parametrisation == "mu" else self.parametrisation
        return f"{scaling} {self.depth} {self.optimiser}"


@dataclass(frozen=True)
class LimitTask:
    """One regime.

    Attributes:
        dataset: a name that `load_dataset` knows.
        regime: its own.
        member: width of the networks that are joined.
        joined: numbers of networks in a union, ascending from 1.
        unions: how many there are of each.
        training: of all networks.
        seed: of all draws.
    """

    dataset: str
    regime: Regime
    member: int
    joined: list[int]
    unions: list[int]
    training: Training
    seed: int


@dataclass(frozen=True)
class Limits:
    """Barriers by width.

    Attributes:
        widths: of unions.
        matched: barriers of the test loss after weighted matching, the mean over pairs.
        errors: their standard errors.
        unmatched: barriers without matching.
        gains: by how much the mean of two networks' outputs has a smaller loss than they have, the
            mean over pairs: what their fluctuations amount to.
    """

    widths: list[int]
    matched: list[float]
    errors: list[float]
    unmatched: list[float]
    gains: list[float]


def limit_cost(task: LimitTask) -> float:
    """Seconds of one core, roughly."""
    networks = sum(q * count for q, count in zip(task.joined, task.unions, strict=True))
    widest = task.joined[-1] * task.member / 1024
    return task.regime.depth * (networks / 5 + 3 * widest**3)


def run_limits(task: LimitTask, data_dir: Path | None = None) -> Limits:
    """Joins, matches and interpolates networks of each width."""
    data = load_dataset(task.dataset, data_dir=data_dir)
    found: list[tuple[Jackknifed, float]] = []
    gains: list[float] = []
    first = task.seed
    for q, count in zip(task.joined, task.unions, strict=True):
        networks = _wide(task, q, count, first, data)
        first += q * count
        matched, unmatched = (
            all_pairs(
                networks, data.test, method=method, inputs=data.train.inputs, points=_POINTS
            ).max
            for method in ("weighted", None)
        )
        found.append((matched, unmatched.value))
        gains.append(_gain(networks, data.test))
    return Limits(
        widths=[q * task.member for q in task.joined],
        matched=[matched.value for matched, _ in found],
        errors=[abs(matched.value) * matched.relative_error for matched, _ in found],
        unmatched=[unmatched for _, unmatched in found],
        gains=gains,
    )


def _wide(task: LimitTask, q: int, count: int, first: int, data: Dataset) -> Sequence[nn.Module]:
    regime, config = task.regime, task.training.config
    if regime.law == OWN and q > 1:
        widths = widths_of(data, q * task.member, regime.depth)
        family = MupFamily(widths, config, parametrisation=regime.parametrisation)
        return family_unions(family, task.member, data.train, unions=count, rng=first)
    widths = widths_of(data, task.member, regime.depth)
    seeds = range(first, first + q * count)
    given = trained_mlps(data, widths, config, seeds, parametrisation=regime.parametrisation)
    rows = torch.Generator().manual_seed(first)
    return union_each(given, q, data.train.inputs, rng=rows)


def _gain(networks: Sequence[nn.Module], test: Examples) -> float:
    with torch.no_grad():
        outputs = [network(test.inputs).double() for network in networks]
    alone = np.mean([float(cross_entropy(output, test.labels)) for output in outputs])
    together = [float(cross_entropy((a + b) / 2, test.labels)) for a, b in combinations(outputs, 2)]
    return float(alone - np.mean(together))


_LEVEL = 2.706
"""The 90 % quantile of chi squared with one degree of freedom."""
_SHARES = np.append(np.linspace(0, 0.99, 200), 1 - np.logspace(-2, -4, 20)[1:])
"""Limits that are tried, as shares of the least barrier."""


@dataclass(frozen=True)
class Fit:
    """c + a m^-b through barriers with errors.

    Attributes:
        limit: c >= 0.
        interval: of 90 %, of c.
        scale: a.
        power: b.
    """

    limit: float
    interval: tuple[float, float]
    scale: float
    power: float

    def width_for(self, barrier: float) -> float:
        """At which the barrier is as low as that; infinite where it never is."""
        if self.limit >= barrier or self.power <= 0:
            return float("inf")
        return float((self.scale / (barrier - self.limit)) ** (1 / self.power))


def fit(found: Limits) -> Fit | None:
    """The likeliest c, and those not significantly less likely; None if a barrier is not positive.

    For each c, a and b are weighted least squares of log (barrier - c); c is judged by the squared
    residuals of the logarithms of barriers in units of their errors, chi^2. Where the best chi^2
    exceeds the degrees of freedom all errors are enlarged for the interval.
    """
    m, y, errors = (
        np.array(column, float) for column in (found.widths, found.matched, found.errors)
    )
    if (y <= 0).any():
        return None
    weights = y / errors

    def through(c: float) -> tuple[float, float, float]:
        slope, level = np.polyfit(np.log(m), np.log(y - c), 1, w=(y - c) / errors)
        fitted = c + np.exp(level + slope * np.log(m))
        return float(((np.log(fitted / y) * weights) ** 2).sum()), float(level), float(slope)

    limits = _SHARES * y.min()
    tried = [through(c) for c in limits]
    chis = np.array([chi for chi, _, _ in tried])
    best = int(chis.argmin())
    freedom = max(len(m) - 3, 1)
    likely = limits[chis <= chis[best] + _LEVEL * max(1.0, chis[best] / freedom)]
    _, level, slope = tried[best]
    return Fit(
        limit=float(limits[best]),
        interval=(float(likely[0]), float(likely[-1])),
        scale=float(np.exp(level)),
        power=-slope,
    )
