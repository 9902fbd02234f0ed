r"""The multi-scale covering bound (R5): match inside the smallest cells first.

Nested partitions Q_0 = {support}, Q_1, ..., Q_J, the cells of Q_j of diameter <= D_j. Match as much
as possible inside every finest cell, hand the rest to its parent, and so on. The share that is left
over at level j is half of sum over Q in Q_j of |mu_m(Q) - nu_m(Q)|; with E_j its mean, by parts,

    E W_p^p <= D_J^p + (1/2) sum_{j=1}^{J} (D_{j-1}^p - D_j^p) E_j.

As E_j <= 2 increases with j, a finer partition never does harm: the minimum over J is at the last.

*The mean left-over, exactly.* For two samples mu_m(Q) - nu_m(Q) is 1/m times the end of a walk of m
steps, each +1 or -1 with probability h/2, h = 2q(1 - q), q = mu(Q). The Fourier form of |n| gives

    g(q) = E|mu_m(Q) - nu_m(Q)| = (1/m pi) int_0^pi [1 - (1 - h(1 - cos t))^m] / (1 - cos t) dt,

which is concave and increasing in h, hence concave in q: N cells of *any* masses have
E_j <= N g(1/N). This is always below min(2, sqrt(2(N - 1)/m)), by a factor of sqrt(2/pi) where
cells hold many neurons. For one sample and known masses it is de Moivre's mean deviation of a
binomial, 2q(1 - q) P(Bin(m - 1, q) = floor(mq)); that is not concave in q, and for N cells of
unknown masses E_j is bounded by min(sqrt((N - 1)/m), N g(1/N)).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped
from numpy.typing import NDArray
from scipy.stats import binom

from lmctheory.measures.arguments import ArrayLike, array, at_least, positive
from lmctheory.measures.display import Readable, brief
from lmctheory.measures.lattice import box_partition
from lmctheory.measures.measure import Bounded, Measure, Partitioned
from lmctheory.rates.bound import Bound

Array = NDArray[np.float64]

__all__ = ["LEVELS", "NestedPartition", "box_covering_bound", "covering_bound", "mean_left_over"]

LEVELS = 64
"""Levels asked of a measure: beyond them cells are a rounding error of the support."""
_NEAR, _FAR = np.polynomial.legendre.leggauss(40), np.polynomial.legendre.leggauss(200)
_CELLS_AT_ONCE = 4096
"""Cells whose left-over is integrated at once, 10 MB."""


@dataclass(frozen=True, eq=False, repr=False)
class NestedPartition(Readable):
    """Partitions of a support, each refining the one before.

    Args:
        diameters: D_0 of the support and D_1..D_J of the cells of each level ``[J + 1]``, in units
            of the weights, never increasing.
        cells: the number of cells of levels 1..J ``[J]``, never decreasing; infinity is allowed.
        masses: alternatively the masses of the cells, one vector for each of the levels 1..J.

    Raises:
        TypeError: unless exactly one of cells and masses is given, of real numbers.
        ValueError: for negative, non-finite or increasing diameters, fewer than one level, numbers
            of levels that differ, cells that are below 1 or decreasing, or masses that are no
            probability vector.

    Example:
        >>> halves = NestedPartition(np.array([1.0, 0.5]), masses=(np.array([0.3, 0.7]),))
        >>> round(covering_bound(halves, 100, p=1.0).value, 4)
        0.5258
    """

    diameters: Shaped[ArrayLike, " levels"]
    cells: Shaped[ArrayLike, " _"] | None = None
    masses: tuple[Shaped[ArrayLike, " _"], ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "diameters", array("diameters", self.diameters, "levels"))
        if self.cells is not None:
            cells = array("cells", self.cells, "levels", finite=False)
            object.__setattr__(self, "cells", cells)
        if self.masses is not None:
            masses = tuple(array("masses", mass, "cells") for mass in self.masses)
            object.__setattr__(self, "masses", masses)
        levels = _checked_levels(self.diameters)
        if (self.cells is None) == (self.masses is None):
            raise TypeError("NestedPartition needs exactly one of cells and masses")
        given = len(self.cells) if self.cells is not None else len(self.masses or ())
        if given != levels:
            raise ValueError(f"diameters describe {levels} levels below the support, got {given}")
        if self.cells is not None and not _increasing_from(1.0, self.cells):
            raise ValueError(f"cells must be >= 1 and never decrease, got {brief(self.cells)}")
        for mass in self.masses or ():
            if not ((mass >= 0).all() and abs(mass.sum() - 1) < 1e-9):
                raise ValueError(f"masses must be >= 0 and sum to 1, got the sum {mass.sum():g}")

    def left_over(self, m: int, samples: int) -> Float[np.ndarray, " _"]:
        """E_1..E_J (module docstring) for m neurons, one or two samples ``[J]``."""
        if self.masses is not None:
            mean = mean_left_over if samples == 2 else _one_sample
            return np.array([_in_parts(mean, mass, m) for mass in self.masses])
        assert self.cells is not None
        with np.errstate(invalid="ignore"):
            mean_left = 2 * (1 - 1 / self.cells) * _revisited(1 / self.cells, m)
        if samples == 2:
            return mean_left
        return np.minimum(np.sqrt((self.cells - 1) / m), mean_left)


def covering_bound(
    partition: NestedPartition | Measure, m: int, p: float = 2.0, *, samples: int = 2
) -> Bound:
    """E W_p^p <= D_J^p + (1/2) sum_j (D_{j-1}^p - D_j^p) E_j, the multi-scale covering bound.

    Args:
        partition: a nested partition, or a law that has one.
        m: number of neurons in each sample, >= 1.
        p: exponent > 0.
        samples: 2 for two samples, 1 for one sample against its law.

    Returns:
        A bound of E W_p^p, in units of the weights to the power p.

    Raises:
        TypeError: if the law has no nested partition or no diameter.
        ValueError: if m < 1, p <= 0 or samples is neither 1 nor 2.

    Reference:
        theory key R5, after Weed & Bach (2019) and Boissard & Le Gouic (2014); the exact mean
        left-over is derived here.

    Example:
        >>> dyadic = NestedPartition(0.5 ** np.arange(21.0), cells=2.0 ** np.arange(1, 21))
        >>> covering_bound(dyadic, 1000).key
        'R5'
    """
    m, p = at_least("m", m, 1), positive("p", p)
    check_samples(samples)
    if not isinstance(partition, NestedPartition):
        partition = _partition_of(partition)
    steps = -np.diff(partition.diameters**p)
    value = float(partition.diameters[-1] ** p + steps @ partition.left_over(m, samples) / 2)
    return Bound(value, "R5", {"R5": value}, ("neurons i.i.d.", "support of finite diameter"))


def box_covering_bound(sides: Shaped[ArrayLike, " d"], m: int, p: float = 2.0) -> float:
    """R5 for any law with support in a box, whose longest side is halved again and again.

    Never above R4's series: dyadic cubes are among the cells, and more levels never do harm.

    Args:
        sides: of the box ``[d]``, >= 0, in units of the weights.
        m: number of neurons in each sample, >= 1.
        p: exponent > 0.

    Example:
        >>> box_covering_bound(np.ones(5), 1000) < 1.1
        True
    """
    sides = array("sides", sides, "d", least=0.0)
    cells, diameters = box_partition(sides, LEVELS)
    nested = NestedPartition(np.r_[np.linalg.norm(sides), diameters], cells=cells)
    return covering_bound(nested, m, p).value


def check_samples(samples: int) -> None:
    """Refuses any other number of samples than one or two.

    Raises:
        ValueError: naming what came.
    """
    if samples not in (1, 2):
        raise ValueError(f"samples must be 1 or 2, got {samples}")


def _partition_of(mu: Measure) -> NestedPartition:
    if not isinstance(mu, Partitioned):
        raise TypeError(f"R5 needs a law with a nested_partition, {type(mu).__name__} has none")
    if not isinstance(mu, Bounded):
        raise TypeError(f"R5 needs a law with a diameter, {type(mu).__name__} has none")
    cells, diameters = mu.nested_partition(LEVELS)
    return NestedPartition(np.minimum.accumulate(np.r_[mu.diameter, diameters]), cells=cells)


def _in_parts(mean: Callable[[Array, int], Array], mass: np.ndarray, m: int) -> float:
    """The sum of a mean left-over over any number of cells, in bounded memory."""
    parts = np.array_split(mass, len(mass) // _CELLS_AT_ONCE + 1)
    return float(sum(mean(part, m).sum() for part in parts))


def mean_left_over(q: Float[np.ndarray, " n"], m: int) -> Float[np.ndarray, " n"]:
    """g(q) = E|mu_m(Q) - nu_m(Q)| of cells of mass q, two samples of m neurons."""
    return 2 * q * (1 - q) * _revisited(q, m)


def _one_sample(q: Array, m: int) -> Array:
    """E|mu_m(Q) - mu(Q)| by de Moivre's formula."""
    return 2 * q * (1 - q) * np.asarray(binom.pmf(np.floor(m * q), m - 1, q), np.float64)


def _revisited(q: Array, m: int) -> Array:
    """g(q) / (2q(1 - q)) <= 1, to about 1e-13: Gauss and Legendre's rule on two panels.

    The integrand is 1 up to t ~ 1/sqrt(hm), a panel in t, and falls like t^-2 from there to pi, a
    panel in log t.
    """
    h = np.maximum(2 * q * (1 - q), 1e-200)[:, None]
    middle = np.minimum(1 / np.sqrt(m * h), np.pi)
    half = np.log(np.pi / middle) / 2
    (near, near_weights), (far, far_weights) = _NEAR, _FAR
    beyond = middle * np.exp(half * (1 + far))
    t = np.concatenate([middle * (1 + near) / 2, beyond], axis=1)
    weights = np.concatenate([middle / 2 * near_weights, half * beyond * far_weights], axis=1)
    x = 2 * h * np.sin(t / 2) ** 2
    with np.errstate(divide="ignore"):
        ratio = -np.expm1(m * np.log1p(-np.minimum(x, 1.0))) / (m * x)
    return (ratio * weights).sum(axis=1) / np.pi


def _increasing_from(start: float, values: np.ndarray) -> bool:
    return bool((values >= start).all() and (values[1:] >= values[:-1]).all())


def _checked_levels(diameters: np.ndarray) -> int:
    if len(diameters) < 2:
        raise ValueError(f"diameters must have at least one level, got shape {diameters.shape}")
    if not _increasing_from(0.0, diameters[::-1]):
        raise ValueError(f"diameters must be >= 0 and never increase, got {brief(diameters)}")
    return len(diameters) - 1
