"""Whether what Figure 2 of Ferbach et al. 2024 shows was found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import t as student

from simulations.claims import Claim, Verdict
from simulations.learning_rate_sweep.correlations import Correlation, power
from simulations.learning_rate_sweep.measurement import THEIRS
from simulations.learning_rate_sweep.observations import Observation, correlated

__all__ = ["verdicts"]

_EFFECT = 0.5
_POWER = 0.8


@dataclass(frozen=True)
class _Trend:
    """A claim that two fields of `Observation` go together.

    Attributes:
        x: one.
        y: another.
        signs: of their correlation, for each of `THEIRS`.
        given: within cells of equal values of these.
        accuracy: that both networks reach; where little is learned there are no barriers.
    """

    x: str
    y: str
    signs: tuple[int, int, int]
    given: tuple[str, ...] = ("width",)
    accuracy: float = 0.0


_FALLS, _RISES = (-1, -1, -1), (1, 1, 1)
_TRENDS = {
    "midpoint loss falls with rate": _Trend("rate", "midpoint", _FALLS),
    "dimension falls, rises, rises": _Trend("rate", "dimension", (-1, 1, 1)),
    "barrier falls with rate": _Trend("rate", "barrier", _FALLS),
    "... where accuracy is over .9": _Trend("rate", "barrier", _FALLS, accuracy=0.9),
    "barrier rises with dimension": _Trend("dimension", "barrier", _RISES),
    "... and accuracy is over .9": _Trend("dimension", "barrier", _RISES, accuracy=0.9),
    "... given the rate as well": _Trend("dimension", "barrier", _RISES, ("width", "rate")),
}
"""By claim: the first two are the figure's, and the signs of the second."""


def verdicts(optimiser: str, seen: Sequence[Observation]) -> list[Claim]:
    """What became of all claims for the networks of one optimiser."""
    own = [one for one in seen if one.optimiser == optimiser and one.matching in THEIRS]
    by_matching = {name: [one for one in own if one.matching == name] for name in THEIRS}
    found = [
        _trend(claim, name, _found(trend, by_matching[name]), sign)
        for claim, trend in _TRENDS.items()
        for name, sign in zip(THEIRS, trend.signs, strict=True)
    ]
    together = {
        "low dimension, low midpoint loss": ("width",),
        "... among matchings at one rate": ("width", "rate"),
    }
    for claim, given in together.items():
        first = correlated("first_dimension", "midpoint", own, given, copies=len(THEIRS))
        found.append(_trend(claim, "all three", first, 1))
    return [*found, *_of_naive(by_matching)]


def _found(trend: _Trend, seen: Sequence[Observation]) -> Correlation | None:
    fit = [one for one in seen if one.accuracy >= trend.accuracy]
    return correlated(trend.x, trend.y, fit, trend.given)


def _trend(claim: str, matching: str, found: Correlation | None, sign: int) -> Claim:
    return Claim(claim, matching, _judged(found, sign), "-" if found is None else str(found))


def _judged(found: Correlation | None, sign: int) -> Verdict:
    if found is None:
        return "undecided"
    if found.low * found.high > 0:
        return "reproduced" if found.value * sign > 0 else "different"
    return "not reproduced" if power(_EFFECT, found.freedom) >= _POWER else "undecided"


def _of_naive(seen: Mapping[str, Sequence[Observation]]) -> list[Claim]:
    """The figure has its midpoint loss largest at all rates but the last, and least there."""
    losses = {
        name: {(one.width, one.rate, one.pair): one.midpoint for one in own}
        for name, own in seen.items()
    }
    cells: dict[tuple[int, float], list[list[float]]] = {}
    for key, naive in losses["naive"].items():
        others = [losses[name][key] for name in THEIRS if name != "naive"]
        cells.setdefault(key[:2], []).append([naive - other for other in others])
    top = max((rate for _, rate in cells), default=0.0)
    below = [np.array(found) for (_, rate), found in cells.items() if rate < top]
    last = [-np.array(found) for (_, rate), found in cells.items() if rate == top]
    return [
        _everywhere("naive worst below the last rate", below),
        _everywhere("naive best at the last rate", last),
    ]


def _everywhere(claim: str, found: Sequence[Float[np.ndarray, "n k"]]) -> Claim:
    """Whether paired differences from both others are above 0 at every rate and width.

    So everywhere is what all intervals of 95 % have to say, not so somewhere what any of them may,
    which therefore share the 5 % of all.
    """
    positive = sum(bool((one.mean(0) > 0).all()) for one in found)
    sure = sum(bool((_ends(one, 0.05)[0] > 0).all()) for one in found)
    against = sum(bool((_ends(one, 0.05 / (2 * len(found)))[1] < 0).any()) for one in found)
    verdict: Verdict = "different" if against else "undecided"
    if found and sure == len(found):
        verdict = "reproduced"
    number = f"{positive} of {len(found)} means; sure {sure}, sure not {against}"
    return Claim(claim, "naive", verdict, number)


def _ends(differences: Float[np.ndarray, "n k"], share: float) -> tuple[np.ndarray, np.ndarray]:
    """Intervals of the means that miss them with that probability; without ends for one pair."""
    n, means = len(differences), differences.mean(0)
    if n < 2:
        return np.full_like(means, -np.inf), np.full_like(means, np.inf)
    reach = student.ppf(1 - share / 2, n - 1) * differences.std(0, ddof=1) / n**0.5
    return means - reach, means + reach
