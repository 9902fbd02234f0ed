r"""Are the neurons of trained networks independent? Permutation tests with several networks.

K networks, trained from independent seeds, are independent of each other; the m neurons of one are
exchangeable (their order means nothing), but training couples them. The hypothesis under test is
that all K m neurons are independent draws of one law: what the bounds of the theory (R, D1) need.

*The test is exact at any size.* Under the hypothesis, dealing the K m neurons anew into K networks
at random leaves their joint law unchanged. So the statistic T of the networks as they are and its
values T_1, ..., T_B after B random deals are exchangeable, and the rank of T among them is uniform
(ties apart): with

    p = min(1, 2 min(1 + #{b: T_b >= T}, 1 + #{b: T_b <= T}) / (B + 1)),

P(p <= alpha) <= alpha for every alpha, whatever the statistic. As the networks are independent of
each other, a rejection means that the neurons *within* one depend on each other, be it directly
(they repel or attract each other) or through what they share (a random effect of the network, such
as the order of its data or, in deeper layers, the layers before).

*Statistics.* `matching_statistic` is the quantity that the theory predicts. Its ratio to the mean
of T_b, the cost between networks whose neurons are drawn from the pool, is what dependence costs:
the theory with the pooled law in place of mu predicts the cost times 1/ratio. `variance_ratio` is

    F = m sum_k |x-bar_k - x-bar|^2 / (K - 1)  /  ( sum_ki |x_ki - x-bar_k|^2 / (K (m - 1)) ).

Numerator and denominator have the mean tr Cov(x) under the hypothesis. If two neurons of one
network have the correlation rho (rho tr Cov(x) = E<x_1 - E x, x_2 - E x>), their means are
(1 + (m-1) rho) tr Cov(x) and (1 - rho) tr Cov(x): F > 1 shows a shared effect, F < 1 repulsion, and
both matter at rho of order 1/m already. It bounds the cost from below: the transport cost is at
least that of the means, so E W_2^2 >= E|x-bar_1 - x-bar_2|^2, which F's numerator estimates times
2/m. On `coordinate_products` it sees whether the covariance of a network's neurons fluctuates as
that of independent neurons.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Shaped

from lmctheory.measures import Modulo
from lmctheory.measures.arguments import ArrayLike, RandomSource, array, at_least, generator
from lmctheory.rates.empirical.exact import wasserstein_pow
from lmctheory.results import Result

__all__ = [
    "IndependenceTest",
    "coordinate_products",
    "matching_statistic",
    "permutation_test",
    "variance_ratio",
]

Statistic = Callable[[Float[np.ndarray, "K m d"]], float]


@dataclass(frozen=True, eq=False)
class IndependenceTest(Result):
    """A statistic of networks, and its values after dealing their neurons anew.

    Attributes:
        statistic: of the networks as they are.
        permuted: after random deals ``[permutations]``.
    """

    statistic: float
    permuted: Float[np.ndarray, " permutations"] = field(repr=False)

    @property
    def ratio(self) -> float:
        """The effect: the statistic over its mean for independent neurons; NaN for 0/0."""
        mean = float(self.permuted.mean())
        return self.statistic / mean if mean else float("nan")

    @property
    def p_value(self) -> float:
        """Two-sided; exact at any size, never below 2 / (permutations + 1)."""
        above, below = (
            1 + int((~apart).sum())  # NaN is a tie with everything: it never rejects
            for apart in (self.permuted < self.statistic, self.permuted > self.statistic)
        )
        return min(1.0, 2 * min(above, below) / (len(self.permuted) + 1))


def permutation_test(
    neurons: Shaped[ArrayLike, "K m d"],
    statistic: Statistic,
    *,
    permutations: int = 99,
    rng: RandomSource,
) -> IndependenceTest:
    """Tests whether all neurons of several independent networks are independent draws of one law.

    Args:
        neurons: of K networks with m neurons each ``[K, m, d]``, in coordinates common to all.
        statistic: of such an array, for instance `matching_statistic` or `variance_ratio`.
        permutations: number B of random deals.
        rng: source of randomness.

    Raises:
        TypeError: unless the neurons are real numbers.
        ValueError: for an array of another shape, fewer than two networks or neurons, NaN or
            infinity, or permutations < 1.

    Reference:
        the module's docstring; it tests the hypothesis of theory keys R1-R13 and D1.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> neurons = rng.standard_normal((8, 20, 3))
        >>> shared = rng.standard_normal((8, 1, 3))
        >>> permutation_test(neurons + shared, variance_ratio, rng=rng).p_value
        0.02
    """
    neurons, rng = networks(neurons), generator(rng)
    permutations = at_least("permutations", permutations, 1)
    pool = neurons.reshape(-1, neurons.shape[2])
    permuted = [
        statistic(rng.permutation(pool).reshape(neurons.shape)) for _ in range(permutations)
    ]
    return IndependenceTest(statistic(neurons), np.array(permuted))


def matching_statistic(neurons: Shaped[ArrayLike, "K m d"], modulo: Modulo = None) -> float:
    """Mean matching cost W_2^2 per neuron over the disjoint pairs (1, 2), (3, 4), ... of networks.

    Args:
        neurons: ``[K, m, d]``; a last network without partner is left out.
        modulo: "signs" for neurons of an odd activation, which may be negated.

    Raises:
        TypeError: as `permutation_test`.
        ValueError: as `permutation_test`, and for an unknown modulo.
    """
    neurons = networks(neurons)
    pairs = zip(neurons[0::2], neurons[1::2], strict=False)
    return float(np.mean([wasserstein_pow(a, b, modulo=modulo) for a, b in pairs]))


def variance_ratio(neurons: Shaped[ArrayLike, "K m d"]) -> float:
    """F of the module's docstring: 1 on average for independent neurons.

    Infinite if all neurons of one network are equal in every network; NaN if they all are.

    Args:
        neurons: ``[K, m, d]``, or any features of neurons, such as `coordinate_products`.

    Raises:
        TypeError: as `permutation_test`.
        ValueError: as `permutation_test`.
    """
    neurons = networks(neurons)
    K, m, _ = neurons.shape
    means = neurons.mean(axis=1)
    between = m * np.square(means - means.mean(axis=0)).sum() / (K - 1)
    within = np.square(neurons - means[:, None]).sum() / (K * (m - 1))
    if within:
        return float(between / within)
    return float("inf" if between else "nan")


def coordinate_products(
    neurons: Shaped[ArrayLike, "K m d"], axes: int = 8
) -> Float[np.ndarray, "K m pairs"]:
    """Products of the coordinates of each neuron along the leading principal axes of the pool.

    The axes are those of all neurons together, which a new deal leaves as they are: tests on these
    features are exact, too.

    Args:
        neurons: ``[K, m, d]``.
        axes: number of axes; all, where there are fewer.

    Raises:
        TypeError: as `permutation_test`.
        ValueError: as `permutation_test`, and for axes < 1.
    """
    neurons, axes = networks(neurons), at_least("axes", axes, 1)
    centred = neurons - neurons.mean(axis=(0, 1))
    pool = centred.reshape(-1, neurons.shape[2])
    leading = np.linalg.eigh(pool.T @ pool)[1][:, ::-1][:, :axes]
    coordinates = centred @ leading
    i, j = np.triu_indices(leading.shape[1])
    return coordinates[:, :, i] * coordinates[:, :, j]


def networks(neurons: Shaped[ArrayLike, "K m d"]) -> Float[np.ndarray, "K m d"]:
    """The neurons of several networks, checked.

    Raises:
        TypeError: unless they are real numbers.
        ValueError: unless the array is ``[K, m, d]``, K, m >= 2, d >= 1, and finite.
    """
    found = array("neurons", neurons)
    if found.ndim != 3 or min(found.shape[:2]) < 2 or not found.size:
        raise ValueError(
            "neurons must be an array [K, m, d] of at least 2 networks with 2 neurons each, got"
            f" shape {found.shape}"
        )
    return found
