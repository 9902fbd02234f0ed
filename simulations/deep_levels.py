"""What high probability costs in width, and levels of simulated errors beside their bounds (D8).

``python -m simulations.deep_levels`` prints the tables of ``docs/deep.md``; six minutes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from lmctheory.rates import MAX_WIDTH, OutOfReach
from lmctheory.tables import Column, Table
from lmctheory.terminal import show
from lmctheory.widths import effective_outputs
from lmctheory.widths.deep import Ensemble, ensemble, error_bound, error_quantile, required_widths

__all__ = ["Level", "Penalty", "levels", "penalties"]

DELTA, OUTPUTS = 1e-3, 10
_INPUTS, _DEPTHS, _EXAMPLES, _PAIRS = (5, 10, 50), (1, 2, 3), 200, 6
_CERTAIN = (np.inf, 1000.0, 100.0, 10.0)
Array = Float[np.ndarray, "n m"]


def _networks(inputs: int, depth: int) -> tuple[Array, Ensemble]:
    x = np.random.default_rng(0).standard_normal((_EXAMPLES, inputs))
    return x, ensemble(x, depth)


@dataclass(frozen=True)
class Penalty:
    """Widths for one tolerance, in units of the width that suffices on average.

    Attributes:
        inputs: number of inputs.
        depth: number of hidden layers.
        width: that suffices on average, by D1.
        relative: the tolerance, relative to the outputs.
        factors: how many times that width it takes, by number of outputs; infinite beyond 10^12.
    """

    inputs: int
    depth: int
    width: int
    relative: float
    factors: tuple[float, ...]


def penalties(widths: tuple[int, ...] = (1024, 65_536)) -> Iterator[Penalty]:
    """Of He's relu networks on Gaussian inputs."""
    for inputs in _INPUTS:
        for depth in _DEPTHS:
            _, networks = _networks(inputs, depth)
            for width in widths:
                mean = error_bound((width,) * depth, networks)
                found = (_width(mean.value**0.5, networks, k) / width for k in _CERTAIN)
                yield Penalty(inputs, depth, width, mean.relative, tuple(found))


def _width(eps: float, networks: Ensemble, k: float) -> float:
    try:
        return required_widths(eps, networks, delta=DELTA, effective_outputs=k)[0]
    except OutOfReach:
        return np.inf


@dataclass(frozen=True)
class Level:
    """What squared errors exceed with probability .001, as multiples of a mean.

    Attributes:
        inputs: number of inputs.
        depth: number of hidden layers.
        mean: of simulated errors, over D1's bound.
        measured: level of simulated errors, over their mean.
        hidden: bound of the mean over output weights, over D1's bound.
        bound: D8 with k the number of outputs, likewise.
        k: least effective number of outputs of the simulated networks.
        known: D8 with that k, likewise.
    """

    inputs: int
    depth: int
    mean: float
    measured: float
    hidden: float
    bound: float
    k: float
    known: float


def levels(width: int = 512) -> Iterator[Level]:
    """Of the same networks, ten outputs."""
    for inputs in _INPUTS:
        for depth in _DEPTHS:
            x, networks = _networks(inputs, depth)
            yield _level(x, (width,) * depth, networks, np.random.default_rng(1))


def _level(
    x: Array, widths: tuple[int, ...], networks: Ensemble, rng: np.random.Generator
) -> Level:
    draws, means, ks = [], [], []
    for _ in range(_PAIRS):
        middle, a, b = _hidden(x, widths, rng)
        errors = np.concatenate([middle - a, middle - b], axis=1) / 2
        weights = 2 * np.square(np.linalg.svd(errors, compute_uv=False)) / errors.size
        means.append(weights.sum())
        ks.append(effective_outputs(middle, a, b, n_out=OUTPUTS))
        draws.append(rng.chisquare(OUTPUTS, (20_000, len(weights))) @ weights / OUTPUTS)
    plain, known = (
        error_quantile(widths, networks, DELTA, n_out=OUTPUTS, effective_outputs=k)
        for k in (None, min(ks))
    )
    mean = float(np.mean(means))
    return Level(
        inputs=x.shape[1],
        depth=len(widths),
        mean=mean * OUTPUTS / plain.mean,
        measured=float(np.quantile(np.concatenate(draws), 1 - DELTA)) / mean,
        hidden=plain.hidden / plain.mean,
        bound=plain.value / plain.mean,
        k=min(ks),
        known=known.value / plain.mean,
    )


def _hidden(
    x: Array, widths: tuple[int, ...], rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """The last hidden layers at the midpoint, of A and of B, permuted as D8 has it."""
    middle = a = b = x
    for m in widths:
        W, V = rng.standard_normal((2, a.shape[1], m)) * (2 / a.shape[1]) ** 0.5
        of_a, of_b = np.maximum(a @ W, 0.0), np.maximum(b @ V, 0.0)
        z_a, z_b = middle @ W / 2, middle @ V / 2
        costs = [_costs(np.maximum(z_a[:, [i]] + z_b, 0.0), of_a[:, [i]], of_b) for i in range(m)]
        order = linear_sum_assignment(np.array(costs))[1]
        middle, a, b = np.maximum(z_a + z_b[:, order], 0.0), of_a, of_b[:, order]
    return middle, a, b


def _costs(middle: Array, a: Float[np.ndarray, "n 1"], b: Array) -> Float[np.ndarray, " m"]:
    return np.asarray((np.square(middle - a) + np.square(middle - b)).sum(axis=0))


def _tables() -> list[Table[Penalty] | Table[Level]]:
    factors = [
        Column[Penalty](
            "mean over outputs" if np.isinf(k) else f"{k:g} outputs",
            partial(_factor, i),
        )
        for i, k in enumerate(_CERTAIN)
    ]
    return [
        Table(
            "Width for one tolerance with probability .999, over the width on average",
            "",
            (
                Column("inputs", lambda row: row.inputs, form="d"),
                Column("layers", lambda row: row.depth, form="d"),
                Column("width on average", lambda row: row.width, head="width", form="d"),
                Column("tolerance", lambda row: row.relative, form=".3f"),
                *factors,
            ),
            list(penalties()),
        ),
        Table(
            "Squared errors that are exceeded with probability .001, 10 outputs, width 512",
            "",
            (
                Column("inputs", lambda row: row.inputs, form="d"),
                Column("layers", lambda row: row.depth, form="d"),
                Column("mean / D1", lambda row: row.mean, form=".2f"),
                Column("level / mean", lambda row: row.measured, form=".2f"),
                Column("hidden / D1", lambda row: row.hidden, form=".2f"),
                Column("D8 / D1", lambda row: row.bound, form=".2f"),
                Column("k", lambda row: row.k, form=".0f"),
                Column("D8 with k / D1", lambda row: row.known, form=".2f"),
            ),
            list(levels()),
        ),
    ]


def _factor(i: int, row: Penalty) -> str:
    factor = row.factors[i]
    return f"{factor:.3g}" if factor <= MAX_WIDTH else "beyond"


if __name__ == "__main__":
    show(*_tables())
