r"""Stored matching costs of isotropic laws: the means that R21 and R20 turn into bounds.

The laws are those of independent coordinates of variance 1, normal or uniform, and the uniform ones
on the unit ball and the unit sphere in R^d. A row of the file is the mean F of the optimal costs of
n independent pairs of samples of m neurons in d dimensions; n comes from a lower bound L of M(m)
(R11), which knows nothing of what is drawn, so that the ends that R20 gives lie near the cost. Each
row has random numbers of its own, of the seed, the law, d and m. The file is what this prints, the
coordinates in an hour and the others in ten minutes of processor time:

    python -m lmctheory.rates.cost_table > lmctheory/rates/costs.csv

Laws that are named, as in "cost_table ball sphere", are printed alone.
"""

import csv
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from lmctheory.measures import Gaussian, UniformBall, UniformCube, UniformSphere
from lmctheory.rates.empirical.monte_carlo import matching_cost
from lmctheory.rates.lower.sandwich_below import lower_bound

__all__ = ["LAWS", "SEED", "Costs", "Isotropic", "Law", "law_of", "row", "stored"]

Law = Literal["normal", "uniform", "ball", "sphere"]
Isotropic = Gaussian | UniformCube | UniformBall | UniformSphere

SEED = 22
WIDTHS = tuple(round(2 ** (k / 2)) for k in range(4, 20))
_LOG = 28.0
"""ln(1/delta) of an end, about, if all ends are to hold with probability 1 - 10^-9."""


@dataclass(frozen=True)
class Kept:
    """What of a law is stored.

    Attributes:
        at: the law of a dimension.
        deviations: by dimension, what R20 adds to the root of F, in units of the root of L.
    """

    at: Callable[[int], Isotropic]
    deviations: Mapping[int, float]


_FEW = {2: 0.12, 3: 0.08, 4: 0.05}
_COORDINATES = _FEW | dict.fromkeys((*range(5, 11), 12, 14, 17, 20, 25, 30, 40, 50, 70, 100), 0.04)
_BALLS = _FEW | dict.fromkeys(range(5, 11), 0.04)
_SPHERES = {2: 0.15, 3: 0.1, 4: 0.08, 5: 0.05} | dict.fromkeys(range(6, 12), 0.04)
LAWS: Mapping[Law, Kept] = {
    "normal": Kept(lambda d: Gaussian(spectrum=[1.0] * d), _COORDINATES),
    "uniform": Kept(lambda d: UniformCube(d, side=12**0.5), _COORDINATES),
    "ball": Kept(UniformBall, _BALLS),
    "sphere": Kept(UniformSphere, _SPHERES),
}
"""In the order of their seeds: a new law goes last."""


@dataclass(frozen=True, eq=False)
class Costs:
    """The rows of one law.

    Attributes:
        dimensions: in rising order ``[k]``.
        constants: its log-Sobolev constants ``[k]``.
        widths: numbers of neurons, in rising order ``[w]``.
        pairs: of samples ``[k, w]``.
        means: of their costs ``[k, w]``.
    """

    dimensions: Int[np.ndarray, " k"]
    constants: Float[np.ndarray, " k"]
    widths: Int[np.ndarray, " w"]
    pairs: Int[np.ndarray, "k w"]
    means: Float[np.ndarray, "k w"]


def law_of(law: Law, d: int) -> Isotropic:
    """Independent coordinates of variance 1, or the uniform law on a ball or sphere of radius 1.

    Args:
        law: its name.
        d: dimension.
    """
    return LAWS[law].at(d)


def row(law: Law, d: int, m: int) -> tuple[int, float]:
    """The number of pairs, and the mean of their costs: a row of the file, simulated.

    Args:
        law: its name.
        d: dimension.
        m: number of neurons.
    """
    mu = law_of(law, d)
    size = LAWS[law].deviations[d] ** 2 * lower_bound(mu, m).value
    pairs = int(np.ceil(4 * mu.log_sobolev_constant * _LOG / (m * size)))
    rng = np.random.default_rng([SEED, list(LAWS).index(law), d, m])
    return pairs, matching_cost(mu, m, repeats=pairs, rng=rng).mean


@cache
def stored(law: Law) -> Costs:
    """What the file has of a law.

    Args:
        law: its name.
    """
    text = files("lmctheory.rates").joinpath("costs.csv").read_text()
    rows = [line for line in csv.DictReader(text.splitlines()) if line["law"] == law]
    dimensions, widths = (np.unique([int(line[name]) for line in rows]) for name in ("d", "m"))
    shape = len(dimensions), len(widths)
    return Costs(
        dimensions,
        np.array([law_of(law, int(d)).log_sobolev_constant for d in dimensions]),
        widths,
        np.array([int(line["n"]) for line in rows]).reshape(shape),
        np.array([float(line["F"]) for line in rows]).reshape(shape),
    )


def _lines(wanted: Collection[str]) -> Iterator[tuple[object, ...]]:
    yield "law", "d", "m", "n", "F"
    for law, kept in LAWS.items():
        if law not in wanted:
            continue
        for d in kept.deviations:
            for m in WIDTHS:
                pairs, mean = row(law, d, m)
                yield law, d, m, pairs, f"{mean:.9g}"


if __name__ == "__main__":
    writer = csv.writer(sys.stdout, lineterminator="\n")
    for line in _lines(sys.argv[1:] or LAWS):
        writer.writerow(line)
        sys.stdout.flush()
