"""Five questions that reviewers put to layer-wise barriers, each answered by numbers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Cell, Column, Table
from simulations.layerwise.pair import LinearPair, Pair, TwoLayers
from simulations.layerwise.summary import WAYS, Results, cells, linear, pooled, ratio

__all__ = ["answers", "middle_window", "outer_windows", "violations"]

_ROUNDING = 1e-5
"""Losses are measured in single precision."""

Quantity = Callable[[Pair], float]
Answer = Callable[[Sequence[Any]], Cell]


class Row(NamedTuple):
    """A question, or below it an answer for every way of joining."""

    question: str
    name: str
    answers: Mapping[str, Cell]


def answers(results: Results) -> Table[Row]:
    """The table of the answers, one column per way of joining, over all architectures."""

    def column(way: str) -> Column[Row]:
        return Column(way, lambda row: row.answers.get(way, ""))

    usual, deep_linear = cells(results), linear(results)
    rows = []
    for question, below in _QUESTIONS.items():
        rows.append(Row(question, question, {}))
        for name, answer in below.items():
            found: Any = deep_linear if name.startswith("linear") else usual
            pairs = {way: pooled(found, way) for way in WAYS}
            cells_ = {way: answer(them) if them else None for way, them in pairs.items()}
            rows.append(Row(question, f"  {name}", cells_))
    return Table(
        "Five questions, answered: all architectures, test loss at t = 1/2",
        "Means over pairs and ratios of means; in brackets, the standard error (of ratios, the"
        " jackknife's) of the last digit. A ratio needs a denominator of two standard errors.",
        [Column("question", lambda row: row.name, head=" ", left=True), *map(column, WAYS)],
        rows,
        sections=lambda row: row.question,
    )


def _compared(**sides: Quantity) -> dict[str, Answer]:
    """Two means and their ratio."""
    (first, numerator), (second, denominator) = sides.items()

    def quotient(pairs: Sequence[Pair]) -> Mean | None:
        below = Mean.over([denominator(pair) for pair in pairs])
        if not abs(below.value) > 2 * below.error:
            return None
        return ratio(pairs, numerator, denominator)

    names = [name.replace("_", " ") for name in (first, second)]
    return {
        names[0]: _mean(numerator),
        names[1]: _mean(denominator),
        f"{names[0]} / {names[1]}": quotient,
    }


def _mean(quantity: Quantity) -> Answer:
    return lambda pairs: Mean.over([float(quantity(pair)) for pair in pairs])


def middle_window(pair: Pair) -> float:
    """The barrier of the window of half the layers that is in the middle."""
    found = pair.windows(pair.half)
    return float(found[(len(found) - 1) // 2])


def outer_windows(pair: Pair) -> float:
    """The mean of the two at the ends."""
    return float(pair.windows(pair.half)[[0, -1]].mean())


def _bent(layers: int) -> Answer:
    def answer(pairs: Sequence[Pair]) -> str:
        bent, segments = np.sum([pair.bent[layers] for pair in pairs], axis=0)
        return f"{bent} of {segments}"

    return answer


def _counted(
    moved: Callable[[LinearPair], list[TwoLayers]], property_: Callable[[TwoLayers], bool]
) -> Answer:
    def answer(pairs: Sequence[LinearPair]) -> str:
        found = [property_(one) for pair in pairs for one in moved(pair)]
        return f"{sum(found)} of {len(found)}"

    return answer


def violations(pairs: Sequence[Pair]) -> tuple[int, int]:
    """Edge barriers above their bound L3, and all that are bounded."""
    above = [
        measured > bound + _ROUNDING
        for pair in pairs
        if pair.l3 is not None
        for measured, bound in zip(_edges(pair), pair.l3, strict=True)
    ]
    return sum(above), len(above)


def _edges(pair: Pair) -> list[float]:
    """Of single layers, from network A: what L3 bounds."""
    return pair.edge[0][: pair.count]


def _violated(pairs: Sequence[Pair]) -> str | None:
    above, all_ = violations(pairs)
    return f"{above} of {all_}" if all_ else None


def _bounded(values: Callable[[Pair], list[float] | None]) -> Answer:
    def answer(pairs: Sequence[Pair]) -> Mean | None:
        chains = [values(pair) for pair in pairs if pair.l3 is not None]
        return Mean.over([float(np.mean(one)) for one in chains if one]) if chains else None

    return answer


_QUESTIONS: dict[str, dict[str, Answer]] = {
    "(i) More than fewer parameters moved?": _compared(
        single_layer=lambda pair: pair.single.mean(), its_share=lambda pair: pair.share
    )
    | _compared(
        half_the_layers=lambda pair: pair.groups(pair.half).mean(),
        their_share=lambda pair: pair.path * pair.half / pair.count,
    ),
    "(ii) Moving windows of half the layers": _compared(
        in_the_middle=middle_window, at_the_ends=outer_windows
    )
    | _compared(
        consecutive=lambda pair: pair.windows(pair.half).mean(),
        at_random=lambda pair: pair.groups(pair.half).mean(),
    ),
    "(iii) More than a random direction of that norm?": _compared(
        single=lambda pair: pair.single.mean(), single_noise=lambda pair: pair.noise().mean()
    )
    | _compared(
        windows=lambda pair: pair.tried(pair.half).mean(),
        windows_noise=lambda pair: pair.noise(pair.half).mean(),
    )
    | _compared(
        all=lambda pair: pair.path,
        all_noise=lambda pair: pair.noise(pair.count).mean(),
    ),
    "(iv) Segments that are not convex": {
        "one layer moved": _bent(1),
        "two layers moved": _bent(2),
        "linear networks, one layer (L1)": _counted(
            lambda pair: pair.single, lambda one: not one.convex
        ),
        "linear networks, two layers (L2)": _counted(
            lambda pair: pair.pairs, lambda one: not one.convex
        ),
        "linear networks, two, with a barrier": _counted(
            lambda pair: pair.pairs, lambda one: one.has_barrier
        ),
    },
    "(v) Edge barriers of chains under L3": {
        "above the bound": _violated,
        "measured, mean": _bounded(_edges),
        "bound, mean": _bounded(lambda pair: pair.l3),
        "bound by the Lipschitz constant": _bounded(lambda pair: pair.l3_lipschitz),
    },
}
