"""Squares that fall as 1/N, and one that matching makes fall: two trained networks and a midpoint.

``python -m simulations.fluctuations`` prints the tables of ``docs/coupling.md``; two minutes of a
processor. Mean-field tanh networks, f = (1/N) sum_i tanh(<w_i, x>), learn a teacher of three
neurons by full-batch descent; B's neurons are matched with A's before training, or not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lmctheory.rates import optimal_permutation
from lmctheory.tables import Column, Table
from lmctheory.terminal import show
from lmctheory.widths.trained_pair import Schedule, Task, descend

__all__ = ["Exponents", "Squares", "exponents", "squares"]

_INPUTS, _WIDTHS, _PAIRS = (2, 3, 5, 10), (64, 256, 1024), 6
_EXAMPLES, _STEPS, _RATE = 200, 40, 0.2


@dataclass(frozen=True)
class Squares:
    """Means over pairs of networks of one width, squares averaged over the examples.

    Attributes:
        d: inputs.
        N: neurons.
        share: of the mean square of the targets that is left of A's loss.
        difference: |f_A - f_B|^2.
        unmatched: |f_{1/2} - f-bar|^2 of neurons paired as they were drawn.
        matched: the same, matched before training.
        cost: |w_i - w'_i|^2 of matched neurons, after training.
    """

    d: int
    N: int
    share: float
    difference: float
    unmatched: float
    matched: float
    cost: float


@dataclass(frozen=True)
class Exponents:
    """Slopes of logarithms against that of N, by least squares, with the sign of a rate."""

    d: int
    difference: float
    unmatched: float
    matched: float
    cost: float


def squares(
    inputs: Sequence[int] = _INPUTS, widths: Sequence[int] = _WIDTHS, pairs: int = _PAIRS
) -> Iterator[Squares]:
    """Trains the pairs and measures them.

    Args:
        inputs: numbers of inputs.
        widths: numbers of neurons.
        pairs: of each.
    """
    for d in inputs:
        rng = np.random.default_rng(d)
        x = rng.standard_normal((_EXAMPLES, d))
        y = _outputs(rng.standard_normal((3, d)), x)
        task, schedule = Task(x, y[:, None], "tanh"), Schedule(np.full(_STEPS, _RATE))
        for N in widths:
            rows = [_pair(rng.standard_normal((2, N, d)), task, schedule) for _ in range(pairs)]
            yield Squares(d, N, *map(float, np.mean(rows, axis=0)))


def _outputs(w: Float[np.ndarray, "N d"], x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    return np.asarray(np.tanh(x @ w.T).mean(axis=1))


def _pair(neurons: Float[np.ndarray, "2 N d"], task: Task, schedule: Schedule) -> list[float]:
    ones, order = np.ones((neurons.shape[1], 1)), optimal_permutation(*neurons)
    a, b = (descend(w, ones, task, schedule).weights[-1] for w in neurons)
    x, y = task.inputs, task.targets[:, 0]
    of_a, of_b = _outputs(a, x), _outputs(b, x)
    # neurons descend alike in whatever order they are
    midpoints = (_outputs((a + partner) / 2, x) for partner in (b, b[order]))
    errors = [float(np.square(f - (of_a + of_b) / 2).mean()) for f in midpoints]
    share = np.square(of_a - y).mean() / np.square(y).mean()
    difference, cost = np.square(of_a - of_b).mean(), np.square(a - b[order]).sum(axis=1).mean()
    return [float(share), float(difference), *errors, float(cost)]


def exponents(rows: Sequence[Squares]) -> list[Exponents]:
    """How fast the squares fall with the width, for every number of inputs.

    Args:
        rows: of two widths or more each.
    """
    found = []
    for d in dict.fromkeys(row.d for row in rows):
        own = [row for row in rows if row.d == d]
        logs = np.log([[row.difference, row.unmatched, row.matched, row.cost] for row in own])
        slopes = np.polyfit(np.log([row.N for row in own]), logs, 1)[0]
        found.append(Exponents(d, *map(float, -slopes)))
    return found


def _tables() -> tuple[Table[Squares], Table[Exponents]]:
    rows = list(squares())
    measured = Table(
        "Two trained mean-field networks: squared differences of functions",
        "loss: A's, over the mean square of the targets. matched: before training. M: after it.",
        (
            Column("d", lambda row: row.d, form="d", once=True),
            Column("N", lambda row: row.N, form="d"),
            Column("loss", lambda row: row.share, form=".2f"),
            Column("A - B", lambda row: row.difference, form=".2e"),
            Column("midpoint", lambda row: row.unmatched, form=".2e"),
            Column("matched", lambda row: row.matched, form=".2e"),
            Column("M", lambda row: row.cost, form=".3g"),
        ),
        rows,
        sections=lambda row: row.d,
    )
    rates = Table(
        "Exponents of 1/N in these",
        "2/d: of M, before training and after it.",
        (
            Column("d", lambda row: row.d, form="d"),
            Column("A - B", lambda row: row.difference, form=".2f"),
            Column("midpoint", lambda row: row.unmatched, form=".2f"),
            Column("matched", lambda row: row.matched, form=".2f"),
            Column("M", lambda row: row.cost, form=".2f"),
            Column("2/d", lambda row: 2 / row.d, form=".2f"),
        ),
        exponents(rows),
    )
    return measured, rates


if __name__ == "__main__":
    show(*_tables())
