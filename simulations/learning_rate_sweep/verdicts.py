"""Whether what Figure 2 of Ferbach et al. 2024 shows was found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import t as student

from simulations.learning_rate_sweep.correlations import Correlation, power
from simulations.learning_rate_sweep.measurement import THEIRS
from simulations.learning_rate_sweep.observations import Observation, correlated

__all__ = ["Verdict", "verdicts"]

_EFFECT = 0.5
_POWER = 0.8


@dataclass(frozen=True)
class Verdict:
    """A claim and what became of it.

    Attributes:
        claim: in words.
        matching: that it is about.
        number: what was measured.
        verdict: "reproduced", "different", "not reproduced" or "undecided".
    """

    claim: str
    matching: str
    number: str
    verdict: str


@dataclass(frozen=True)
class _Trend:
    """A claim that two fields of `Observation` go together.

    Attributes:
        x: one.
        y: another.
        sign: of their correlation.
        given: within cells of equal values of these.
        accuracy: that both networks reach; where little is learned there are no barriers.
    """

    x: str
    y: str
    sign: int
    given: tuple[str, ...] = ("width",)
    accuracy: float = 0.0


_TRENDS = {
    "midpoint loss falls with rate": _Trend("rate", "midpoint", -1),
    "dimension falls with rate": _Trend("rate", "dimension", -1),
    "barrier falls with rate": _Trend("rate", "barrier", -1),
    "... where accuracy is over .9": _Trend("rate", "barrier", -1, accuracy=0.9),
    "barrier rises with dimension": _Trend("dimension", "barrier", 1),
    "... and accuracy is over .9": _Trend("dimension", "barrier", 1, accuracy=0.9),
    "... given the rate as well": _Trend("dimension", "barrier", 1, ("width", "rate")),
}
"""By claim."""


def verdicts(optimiser: str, seen: Sequence[Observation]) -> list[Verdict]:
    """What became of all claims for the networks of one optimiser."""
    own = [one for one in seen if one.optimiser == optimiser and one.matching in THEIRS]
    by_matching = {name: [one for one in own if one.matching == name] for name in THEIRS}
    found = [
        _trend(claim, name, _found(trend, of_name), trend.sign)
        for claim, trend in _TRENDS.items()
        for name, of_name in by_matching.items()
    ]
    together = correlated("first_dimension", "midpoint", own, ("width",), copies=len(THEIRS))
    claim = "low dimension, low midpoint loss"
    return [*found, _trend(claim, "all three", together, 1), _naive_is_worst(by_matching)]


def _found(trend: _Trend, seen: Sequence[Observation]) -> Correlation | None:
    fit = [one for one in seen if one.accuracy >= trend.accuracy]
    return correlated(trend.x, trend.y, fit, trend.given)


def _trend(claim: str, matching: str, found: Correlation | None, sign: int) -> Verdict:
    return Verdict(claim, matching, "-" if found is None else str(found), _judged(found, sign))


def _judged(found: Correlation | None, sign: int) -> str:
    if found is None:
        return "undecided"
    if found.low * found.high > 0:
        return "reproduced" if found.value * sign > 0 else "different"
    return "not reproduced" if power(_EFFECT, found.freedom) >= _POWER else "undecided"


def _naive_is_worst(seen: Mapping[str, Sequence[Observation]]) -> Verdict:
    """At every rate and width, by paired differences of the midpoint loss from either other one.

    Worst at all is what all intervals of 95 % have to say, not worst somewhere what any of them
    may, which therefore share the 5 % of all.
    """
    losses = {
        name: {(one.width, one.rate, one.pair): one.midpoint for one in own}
        for name, own in seen.items()
    }
    cells: dict[tuple[int, float], list[list[float]]] = {}
    for key, naive in losses["naive"].items():
        others = [losses[name][key] for name in THEIRS if name != "naive"]
        cells.setdefault(key[:2], []).append([naive - other for other in others])
    found = [np.array(differences) for differences in cells.values()]
    largest = sum(bool((one.mean(0) > 0).all()) for one in found)
    worst = sum(bool((_ends(one, 0.05)[0] > 0).all()) for one in found)
    below = sum(bool((_ends(one, 0.05 / (2 * len(found)))[1] < 0).any()) for one in found)
    verdict = "reproduced" if worst == len(found) else "different" if below else "undecided"
    number = f"{largest} of {len(found)} means; sure {worst}, sure not {below}"
    return Verdict("naive is worst at every rate", "naive", number, verdict)


def _ends(differences: Float[np.ndarray, "n k"], share: float) -> tuple[np.ndarray, np.ndarray]:
    """Intervals of the means that miss them with that probability; without ends for one pair."""
    n, means = len(differences), differences.mean(0)
    if n < 2:
        return np.full_like(means, -np.inf), np.full_like(means, np.inf)
    reach = student.ppf(1 - share / 2, n - 1) * differences.std(0, ddof=1) / n**0.5
    return means - reach, means + reach
