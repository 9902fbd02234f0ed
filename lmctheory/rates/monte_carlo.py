"""The matching cost M(m), measured by simulation."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lmctheory.measures import Measure
from lmctheory.rates.exact import MEMORY_LIMIT, wasserstein_pow

__all__ = ["Estimate", "matching_cost"]


@dataclass(frozen=True)
class Estimate:
    """A Monte Carlo mean with its draws.

    Attributes:
        draws: the independent draws ``[repeats]``.
    """

    draws: Float[np.ndarray, " repeats"]

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
    rng: np.random.Generator,
    memory_limit: int = MEMORY_LIMIT,
) -> Estimate:
    """Measures E W_p^p between two independent samples of m neurons, each draw exact.

    Args:
        mu: the law of a neuron.
        m: number of neurons in each sample.
        repeats: number of independent draws, >= 1.
        p: exponent of the cost.
        rng: source of randomness.
        memory_limit: bytes that a cost matrix may take.

    Returns:
        Mean, standard error and draws; for p = 2 the mean estimates M(m).

    Raises:
        ValueError: if repeats < 1, from the law for m < 1, and as `wasserstein_pow`.

    Reference:
        theory key R1.

    Example:
        >>> import numpy as np
        >>> from lmctheory.measures import Gaussian
        >>> cost = matching_cost(Gaussian(spectrum=[1.0]), 100, rng=np.random.default_rng(0))
        >>> abs(cost.mean - 0.0548) < 4 * cost.standard_error
        True
    """
    if repeats < 1:
        raise ValueError(f"repeats must be >= 1, got {repeats}")
    draws = [
        wasserstein_pow(mu.sample(m, rng=rng), mu.sample(m, rng=rng), p, memory_limit=memory_limit)
        for _ in range(repeats)
    ]
    return Estimate(np.array(draws))
