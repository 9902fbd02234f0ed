"""The matching cost M(m), measured by simulation."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from lmctheory.measures import Empirical, Measure, Modulo
from lmctheory.measures.arguments import (
    ArrayLike,
    RandomSource,
    array,
    at_least,
    generator,
    positive,
)
from lmctheory.measures.display import Readable
from lmctheory.measures.measure import require_law
from lmctheory.measures.quotient import by_signs
from lmctheory.rates.empirical.exact import MEMORY_LIMIT, wasserstein_pow
from lmctheory.rates.empirical.points import drawn_points, point_cost
from lmctheory.results import Result

__all__ = ["Estimate", "matching_cost"]


@dataclass(frozen=True, eq=False, repr=False)
class Estimate(Result, Readable):
    """A Monte Carlo mean with its draws.

    Args:
        draws: the independent draws ``[repeats]``, at least one.

    Raises:
        TypeError: unless the draws are real numbers.
        ValueError: for none, NaN or infinity.
    """

    draws: Shaped[ArrayLike, " repeats"]

    def __post_init__(self) -> None:
        object.__setattr__(self, "draws", array("draws", self.draws, "repeats"))

    @property
    def mean(self) -> float:
        """The mean of the draws."""
        return float(self.draws.mean())

    @property
    def standard_error(self) -> float:
        """The standard error of the mean; NaN for a single draw."""
        if len(self.draws) < 2:
            return float("nan")
        return float(self.draws.std(ddof=1) / np.sqrt(len(self.draws)))

    def __str__(self) -> str:
        return f"{self.mean:.6g} +- {self.standard_error:.2g} ({len(self.draws)} draws)"


def matching_cost(
    mu: Measure,
    m: int,
    *,
    repeats: int = 16,
    p: float = 2.0,
    modulo: Modulo = None,
    rng: RandomSource,
    memory_limit: int = MEMORY_LIMIT,
) -> Estimate:
    """Measures E W_p^p between two independent samples of m neurons, each draw exact.

    Of given points, in time that depends on their number n alone once m >= n.

    Args:
        mu: the law of a neuron.
        m: number of neurons in each sample.
        repeats: number of independent draws, >= 1.
        p: exponent of the cost.
        modulo: "signs" for neurons of an odd activation, which may be negated.
        rng: source of randomness.
        memory_limit: bytes that a cost matrix may take.

    Returns:
        Mean, standard error and draws; for p = 2 the mean estimates M(m), or M_s(m).

    Raises:
        TypeError: if mu is no law, m or repeats no integer, or rng no source of randomness.
        ValueError: if m or repeats < 1, and as `wasserstein_pow`.

    Reference:
        theory keys R1, S1.

    Example:
        >>> import numpy as np
        >>> from lmctheory.measures import Gaussian
        >>> cost = matching_cost(Gaussian(spectrum=[1.0]), 100, rng=np.random.default_rng(0))
        >>> abs(cost.mean - 0.0548) < 4 * cost.standard_error
        True
    """
    require_law("mu", mu)
    m, p, rng = at_least("m", m, 1), positive("p", p), generator(rng)
    signs, repeats = by_signs(modulo), at_least("repeats", repeats, 1)
    if isinstance(mu, Empirical):
        cost = point_cost(mu, m, p, signs=signs, memory_limit=memory_limit)
        return Estimate(np.array([cost(a, b) for a, b in drawn_points(mu, m, repeats, rng)]))
    pairs = ((mu.sample(m, rng=rng), mu.sample(m, rng=rng)) for _ in range(repeats))
    draws = [wasserstein_pow(a, b, p, modulo=modulo, memory_limit=memory_limit) for a, b in pairs]
    return Estimate(np.array(draws))
