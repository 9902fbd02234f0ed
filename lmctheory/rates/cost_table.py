r"""Stored matching costs of isotropic laws: the means that R21 and R20 turn into bounds.

The coordinates are independent, of variance 1, normal or uniform. A row of the file is the mean F
of the optimal costs of n independent pairs of samples of m neurons in d dimensions; n comes from a
lower bound L of M(m) (R11), which knows nothing of what is drawn, so that the ends that R20 gives
lie near the cost. Each row has random numbers of its own, of the seed, the law, d and m. The file
is what this prints, in an hour:

    python -m lmctheory.rates.cost_table > lmctheory/rates/costs.csv
"""

import csv
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from lmctheory.measures import Gaussian, UniformCube
from lmctheory.rates.empirical.monte_carlo import matching_cost
from lmctheory.rates.lower.sandwich_below import lower_bound

__all__ = ["Costs", "Law", "law_of", "row", "stored"]

Law = Literal["normal", "uniform"]

SEED = 22
DIMENSIONS = (*range(2, 11), 12, 14, 17, 20, 25, 30, 40, 50, 70, 100)
WIDTHS = tuple(round(2 ** (k / 2)) for k in range(4, 20))
LAWS: tuple[Law, ...] = ("normal", "uniform")
_DEVIATION: Mapping[int, float] = {2: 0.12, 3: 0.08, 4: 0.05}
_OTHERS = 0.04
"""What R20 adds to the root of F, in units of the root of L."""
_LOG = 28.0
"""ln(1/delta) of an end, about, if all ends are to hold with probability 1 - 10^-9."""


@dataclass(frozen=True, eq=False)
class Costs:
    """The rows of one law.

    Attributes:
        constant: its log-Sobolev constant, in any dimension.
        dimensions: in rising order ``[k]``.
        widths: numbers of neurons, in rising order ``[w]``.
        pairs: of samples ``[k, w]``.
        means: of their costs ``[k, w]``.
    """

    constant: float
    dimensions: Int[np.ndarray, " k"]
    widths: Int[np.ndarray, " w"]
    pairs: Int[np.ndarray, "k w"]
    means: Float[np.ndarray, "k w"]


def law_of(law: Law, d: int) -> Gaussian | UniformCube:
    """Independent coordinates of variance 1.

    Args:
        law: of every coordinate.
        d: dimension.
    """
    return Gaussian(spectrum=[1.0] * d) if law == "normal" else UniformCube(d, side=12**0.5)


def row(law: Law, d: int, m: int) -> tuple[int, float]:
    """The number of pairs, and the mean of their costs: a row of the file, simulated.

    Args:
        law: of every coordinate.
        d: dimension.
        m: number of neurons.
    """
    mu = law_of(law, d)
    size = _DEVIATION.get(d, _OTHERS) ** 2 * lower_bound(mu, m).value
    pairs = int(np.ceil(4 * mu.log_sobolev_constant * _LOG / (m * size)))
    rng = np.random.default_rng([SEED, LAWS.index(law), d, m])
    return pairs, matching_cost(mu, m, repeats=pairs, rng=rng).mean


@cache
def stored(law: Law) -> Costs:
    """What the file has of a law.

    Args:
        law: of every coordinate.
    """
    text = files("lmctheory.rates").joinpath("costs.csv").read_text()
    rows = [line for line in csv.DictReader(text.splitlines()) if line["law"] == law]
    dimensions, widths = (np.unique([int(line[name]) for line in rows]) for name in ("d", "m"))
    shape = len(dimensions), len(widths)
    return Costs(
        law_of(law, 1).log_sobolev_constant,
        dimensions,
        widths,
        np.array([int(line["n"]) for line in rows]).reshape(shape),
        np.array([float(line["F"]) for line in rows]).reshape(shape),
    )


def _lines() -> Iterator[tuple[object, ...]]:
    yield "law", "d", "m", "n", "F"
    for law in LAWS:
        for d in DIMENSIONS:
            for m in WIDTHS:
                pairs, mean = row(law, d, m)
                yield law, d, m, pairs, f"{mean:.9g}"


if __name__ == "__main__":
    writer = csv.writer(sys.stdout, lineterminator="\n")
    for line in _lines():
        writer.writerow(line)
        sys.stdout.flush()
