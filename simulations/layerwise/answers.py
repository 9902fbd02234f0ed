"""Five questions that reviewers put to layer-wise barriers, each answered by numbers."""

from collections.abc import Callable, Sequence

import numpy as np
from rich.table import Table

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.study import Record
from lmctheory.terminal import make_table
from simulations.layerwise.summary import (
    WAYS,
    Results,
    cells,
    groups,
    half,
    linear,
    noise,
    pooled,
    ratio,
    single,
    tried,
    windows,
)

__all__ = ["answers", "violations"]

_ROUNDING = 1e-5
"""Losses are measured in single precision."""


def answers(results: Results) -> Table:
    """The table of the answers, one column per way of joining, over all architectures."""
    table = make_table(
        "Five questions, answered: all architectures, test loss at t = 1/2",
        "Means over pairs and ratios of means; in brackets, the standard error (of ratios, the"
        " jackknife's) of the last digit. A ratio needs a denominator of two standard errors.",
        ("", *WAYS),
        left=1,
    )
    networks, deep_linear = (
        {way: pooled(found, way) for way in WAYS} for found in (cells(results), linear(results))
    )
    for question, rows in _QUESTIONS.items():
        table.add_section()
        table.add_row(question)
        for name, answer in rows.items():
            columns = deep_linear if name.startswith("linear") else networks
            cells_ = (answer(pairs) if pairs else "-" for pairs in columns.values())
            table.add_row(f"  {name}", *cells_)
    return table


Quantity = Callable[[Record], float]
Answer = Callable[[Sequence[Record]], str]


def _compared(**sides: Quantity) -> dict[str, Answer]:
    """Two means and their ratio."""
    (first, numerator), (second, denominator) = sides.items()

    def quotient(pairs: Sequence[Record]) -> str:
        below = Mean.over([denominator(pair) for pair in pairs])
        if not abs(below.value) > 2 * below.error:
            return "-"
        return str(ratio(pairs, numerator, denominator))

    names = [name.replace("_", " ") for name in (first, second)]
    return {
        names[0]: _mean(numerator),
        names[1]: _mean(denominator),
        f"{names[0]} / {names[1]}": quotient,
    }


def _mean(quantity: Quantity) -> Answer:
    return lambda pairs: str(Mean.over([float(quantity(pair)) for pair in pairs]))


def _share(pair: Record) -> float:
    return float(pair["path"]) / len(pair["layers"])


def _middle_window(pair: Record) -> float:
    found = windows(pair, half(pair))
    return float(found[(len(found) - 1) // 2])


def _outer_windows(pair: Record) -> float:
    return float(windows(pair, half(pair))[[0, -1]].mean())


def _bent(layers: int) -> Answer:
    def answer(pairs: Sequence[Record]) -> str:
        bent, segments = np.sum([pair["bent"][str(layers)] for pair in pairs], axis=0)
        return f"{bent} of {segments}"

    return answer


def _not_convex(name: str) -> Answer:
    def answer(pairs: Sequence[Record]) -> str:
        convex = [entry[0] for pair in pairs for entry in pair[name]]
        return f"{len(convex) - sum(convex)} of {len(convex)}"

    return answer


def _with_barrier(pairs: Sequence[Record]) -> str:
    positive = [entry[1] for pair in pairs for entry in pair["pairs"]]
    return f"{sum(positive)} of {len(positive)}"


def violations(pairs: Sequence[Record]) -> tuple[int, int]:
    """Edge barriers above their bound L3, and all that are bounded."""
    above = [
        measured > bound + _ROUNDING
        for pair in pairs
        if "L3" in pair
        for measured, bound in zip(_edges(pair), pair["L3"], strict=True)
    ]
    return sum(above), len(above)


def _edges(pair: Record) -> list[float]:
    """Of single layers, from network A: what L3 bounds."""
    edges: list[float] = pair["edge"][0][: len(pair["layers"])]
    return edges


def _violated(pairs: Sequence[Record]) -> str:
    above, all_ = violations(pairs)
    return f"{above} of {all_}" if all_ else "-"


def _bounded(quantity: Callable[[Record], float]) -> Answer:
    def answer(pairs: Sequence[Record]) -> str:
        chains = [pair for pair in pairs if "L3" in pair]
        return str(Mean.over([quantity(pair) for pair in chains])) if chains else "-"

    return answer


_QUESTIONS: dict[str, dict[str, Answer]] = {
    "(i) More than fewer parameters moved?": _compared(
        single_layer=lambda pair: single(pair).mean(), its_share=_share
    )
    | _compared(
        half_the_layers=lambda pair: groups(pair, half(pair)).mean(),
        their_share=lambda pair: pair["path"] * half(pair) / len(pair["layers"]),
    ),
    "(ii) Moving windows of half the layers": _compared(
        in_the_middle=_middle_window, at_the_ends=_outer_windows
    )
    | _compared(
        consecutive=lambda pair: windows(pair, half(pair)).mean(),
        at_random=lambda pair: groups(pair, half(pair)).mean(),
    ),
    "(iii) More than a random direction of that norm?": _compared(
        single=lambda pair: single(pair).mean(), single_noise=lambda pair: noise(pair).mean()
    )
    | _compared(
        windows=lambda pair: tried(pair, half(pair)).mean(),
        windows_noise=lambda pair: noise(pair, half(pair)).mean(),
    )
    | _compared(
        all=lambda pair: pair["path"],
        all_noise=lambda pair: noise(pair, len(pair["layers"])).mean(),
    ),
    "(iv) Segments that are not convex": {
        "one layer moved": _bent(1),
        "two layers moved": _bent(2),
        "linear networks, one layer (L1)": _not_convex("single"),
        "linear networks, two layers (L2)": _not_convex("pairs"),
        "linear networks, two, with a barrier": _with_barrier,
    },
    "(v) Edge barriers of chains under L3": {
        "above the bound": _violated,
        "measured, mean": _bounded(lambda pair: float(np.mean(_edges(pair)))),
        "bound, mean": _bounded(lambda pair: float(np.mean(pair["L3"]))),
        "bound by the Lipschitz constant": _bounded(
            lambda pair: float(np.mean(pair["L3 Lipschitz"]))
        ),
    },
}
