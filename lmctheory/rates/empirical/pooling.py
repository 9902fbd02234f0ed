r"""Matching costs predicted from the pooled neurons of several narrow networks.

If the neurons of K networks of width m are independent draws of a law mu, then 2 m' of the K m
neurons, drawn *without* replacement, are two independent samples of m' neurons: their matching cost
has the mean M(m') of mu itself, with no error from atoms and none from a model of mu, for every
m' <= K m / 2. (Drawn with replacement, a share of the neurons would meet itself at no cost, and the
cost would fall like 1/sqrt(m') beyond the size of the pool, whatever the dimension.) So narrow
networks predict the cost of networks up to K/2 times as wide, provided that (i) neurons of one
network are independent (`independence` tests it) and (ii) the law of a neuron is
the same at both widths. For trained networks both are approximations.

*Error.* One random partition of the pool gives R = floor(K m / (2 m')) disjoint pairs, independent
under (i), so their mean has the variance s^2/R, s^2 their sample variance. More partitions reuse
the same neurons: the mean over partitions has at most the variance of one of them (convexity), and
that is the error reported, with s^2 averaged over partitions. R = 1 leaves no error to estimate.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from lmctheory.measures import Modulo
from lmctheory.measures.arguments import ArrayLike, RandomSource, at_least, generator, positive
from lmctheory.measures.display import Readable
from lmctheory.rates.empirical.exact import wasserstein_pow
from lmctheory.rates.empirical.independence import networks
from lmctheory.results import Result

__all__ = ["PooledCost", "pooled_matching_cost"]


@dataclass(frozen=True, eq=False, repr=False)
class PooledCost(Result, Readable):
    """A matching cost between samples from a pool of neurons.

    Attributes:
        draws: ``[partitions, R]``; those of one partition share no neurons.
    """

    draws: Float[np.ndarray, "partitions R"]

    @property
    def mean(self) -> float:
        """The mean over all draws."""
        return float(self.draws.mean())

    @property
    def standard_error(self) -> float:
        """That of the mean of one partition, which the mean over several does not exceed."""
        disjoint = self.draws.shape[1]
        if disjoint < 2:
            return float("nan")
        return float(np.sqrt(self.draws.var(axis=1, ddof=1).mean() / disjoint))


def pooled_matching_cost(
    neurons: Shaped[ArrayLike, "K m d"],
    width: int,
    *,
    partitions: int = 4,
    p: float = 2.0,
    modulo: Modulo = None,
    rng: RandomSource,
) -> PooledCost:
    """The matching cost E W_p^p at any width up to K m / 2, from K networks of width m.

    Args:
        neurons: of K networks ``[K, m, d]``, in coordinates common to all.
        width: number of neurons in each of the two samples; at most K m / 2.
        partitions: random partitions of the pool, over which the cost is averaged.
        p: exponent of the cost.
        modulo: "signs" for neurons of an odd activation, which may be negated.
        rng: source of randomness.

    Raises:
        TypeError: as `permutation_test`.
        ValueError: as `permutation_test` for the neurons, for a width or partitions < 1, a width
            beyond half the pool, and for p <= 0.

    Reference:
        theory keys R1, R2, S1; the module's docstring.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> cost = pooled_matching_cost(rng.standard_normal((16, 100, 1)), 100, rng=rng)
        >>> abs(cost.mean - 0.0548) < 4 * cost.standard_error
        True
    """
    neurons, p, rng = networks(neurons), positive("p", p), generator(rng)
    width, partitions = at_least("width", width, 1), at_least("partitions", partitions, 1)
    pool = neurons.reshape(-1, neurons.shape[2])
    if not (pairs := len(pool) // (2 * width)):
        raise ValueError(f"width must be <= {len(pool) // 2}, half the pool, got {width}")
    draws = [
        [
            wasserstein_pow(a, b, p, modulo=modulo)
            for a, b in rng.permutation(pool)[: 2 * width * pairs].reshape(pairs, 2, width, -1)
        ]
        for _ in range(partitions)
    ]
    return PooledCost(np.array(draws))
