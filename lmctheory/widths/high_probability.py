r"""D1 with high probability (D8): by concentration in Gaussian weights, not by Markov.

Networks, notation and means are those of `lmctheory.widths.deep`, t is fixed, tau = t(1-t),
c = t^2 + (1-t)^2. The permutations are chosen layer by layer from the input on: pi_l is the one for
which X_l = [t/(1-t) |phi^t - phi^A|^2 + (1-t)/t |phi^t - phi^B|^2] / m_l, mean over the data, is
least. They see hidden weights alone. Let F_l be what layers 1..l are, and xbar the bound of X_L by
D1's recursion with kappa from the second layer on,

    xbar_1 = t/(1-t) S_1((1-t)^2 M_1) + (1-t)/t S_1(t^2 M_1),
    xbar_l = kappa (s_w^2 xbar_{l-1} + M_l / (4c)).

*The output layer.* Given the hidden layers, e = f_t - f-bar is Gaussian, and ||e||^2 = s_out^2 sum
lambda_j Y_j with independent Y_j ~ chi^2_{n_out} and sum lambda_j = tau X_L. As a mean of copies of
a variable is less than it in convex order, and (chi^2_s)/s decreases in s in that order, the sum is
below (tau X_L / k) n_out chi^2_k for every k with lambda_j k <= n_out tau X_L: k = n_out always
will do. What exceeds a level with probability delta is, in the mean beyond it, monotone in convex
order, so that with probability 1 - delta

    ||e||^2 <= s_out^2 n_out tau X_L x_k(delta),   x_k(delta) = P(chi^2_{k+2} >= q) / delta,

q the level that chi^2_k exceeds with probability delta.

*The hidden layers.* With Phi_j = E[max over pi_{j-1} of the cost M_j | F_i] for later layers,

    V_i = kept^{l-i} X_i + sum_{i<j<=l} kappa kept^{l-j} Phi_j / (4c),   kept = kappa s_w^2,

has E[V_i | F_{i-1}] <= V_{i-1}, E V_1 <= xbar_l, and V_l = X_l. Given F_{i-1}, sqrt(tau V_i) is a
Lipschitz function of the standard normal weights of layer i, with the constant ell_i / sqrt(m_i),

    ell_i^2 = kept^{l-i} (J_i^2 + (l-i) tau ell^2 nu_i^2 / 2),
    J_1 = h nu_1,   J_i = h nu_i + sqrt(c) ell s_w sqrt(tau X_{i-1}),

where ell = Lip(sigma), h is the largest norm of a two-by-two matrix of slopes (1/2 at t = 1/2 for
slopes in [0, 1]), nu_1^2 the largest eigenvalue of Lambda_1, and nu_i^2 the mean square of a
pre-activation of layer i, A's or B's. By Gaussian concentration the steps of sqrt(tau V_i) are
subgaussian given what came before, so that their squares add up: but for delta_h / (3L - 2)

    sqrt(tau X_l) <= sqrt(tau xbar_l) + sqrt(2 ln((3L - 2) / delta_h) sum_{i<=l} ell_i^2 / m_i).

There are L events of this kind, one for every l, and 2L - 2 that bound nu_l of A and of B, l >= 2,
likewise. The complete proof is registered with the theorem.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from jaxtyping import Float, Shaped
from scipy.stats import chi2

from lmctheory.activations import pointwise
from lmctheory.measures import Modulo
from lmctheory.measures.arguments import (
    ArrayLike,
    array,
    at_least,
    number,
    positive,
    probability,
    share,
)
from lmctheory.rates import upper_bound
from lmctheory.results import Result
from lmctheory.widths.averaging_gain import matching_cost_bounds
from lmctheory.widths.ensembles import Ensemble
from lmctheory.widths.odd import require_odd

__all__ = ["ErrorQuantile", "chi_square_factor", "effective_outputs", "quantile_from_costs"]


@dataclass(frozen=True)
class ErrorQuantile(Result):
    """What the squared function error exceeds with probability delta at most.

    Attributes:
        value: bound of |f_t - t f_A - (1-t) f_B|^2, summed over outputs, mean over the data, with
            probability 1 - delta over all weights.
        hidden: bound of its mean over output weights, with probability 1 - delta over the hidden
            ones: what is left of `value` where there are very many outputs.
        mean: bound of its mean over all weights.
        scale: E |f_A|^2, likewise.
        delta: probability of failure.
    """

    value: float
    hidden: float
    mean: float
    scale: float
    delta: float

    @property
    def markov(self) -> float:
        """What Markov's inequality makes of the mean."""
        return self.mean / self.delta

    @property
    def relative(self) -> float:
        """Root of the bound, relative to the outputs."""
        return float(np.sqrt(self.value / self.scale))

    def __float__(self) -> float:
        return self.value


def chi_square_factor(k: float, delta: float) -> float:
    """x_k(delta): a weighted sum of chi-squares is below that times its mean, but for delta.

    The weights lambda_j > 0 of independent chi^2_n are any with n sum lambda_j >= k max lambda_j.

    Args:
        k: degrees of freedom >= 1 that the weights are good for; n always will do.
        delta: probability of failure, in (0, 1).

    Returns:
        The mean of chi^2_k / k beyond its level of probability delta; 1 for infinite k.

    Raises:
        TypeError: unless both are numbers.
        ValueError: for k < 1 or delta outside (0, 1).

    Reference:
        theory key D8.

    Example:
        Markov's inequality says 1000:

        >>> [round(chi_square_factor(k, 0.001), 2) for k in (1.0, 10.0, 100.0, 1000.0)]
        [12.7, 3.22, 1.55, 1.16]
    """
    k, delta = number("k", k, least=1.0, finite=False), probability("delta", delta)
    if np.isinf(k):
        return 1.0
    level = chi2.isf(delta, k)
    return float(chi2.sf(level, k + 2) / delta)


def effective_outputs(
    middle: Shaped[ArrayLike, "n m"],
    of_a: Shaped[ArrayLike, "n m"],
    of_b: Shaped[ArrayLike, "n m"],
    *,
    t: float = 0.5,
    n_out: int = 1,
) -> float:
    """The k of `chi_square_factor` for given hidden layers, at least n_out.

    n_out times the sum of the eigenvalues of the error's covariance on the data, over the largest.

    Args:
        middle: phi^t, last hidden activations of the network at t ``[n, m]``.
        of_a: those of A ``[n, m]``.
        of_b: those of B, in the order of A's neurons ``[n, m]``.
        t: where on the line, in [0, 1].
        n_out: number of outputs.

    Returns:
        Infinite where the error vanishes.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: for arrays of several shapes, or arguments out of range.

    Reference:
        theory key D8.

    Example:
        One example has one direction, two orthogonal errors have two:

        >>> import numpy as np
        >>> zero = np.zeros((2, 2))
        >>> effective_outputs(np.eye(1), zero[:1, :1], zero[:1, :1], n_out=10)
        10.0
        >>> effective_outputs(np.eye(2), zero, zero, n_out=10)
        20.0
    """
    middle, of_a = array("middle", middle, "n m"), array("of_a", of_a, "n m")
    of_b, t, n_out = array("of_b", of_b, "n m"), share("t", t), at_least("n_out", n_out, 1)
    if not middle.shape == of_a.shape == of_b.shape:
        raise ValueError(
            f"middle, of_a and of_b must have one shape, got {middle.shape}, {of_a.shape} and "
            f"{of_b.shape}"
        )
    errors = np.concatenate([t * (middle - of_a), (1 - t) * (middle - of_b)], axis=1)
    singular = np.linalg.svd(errors, compute_uv=False)
    if not singular.any():
        return float("inf")
    return float(n_out * np.square(singular / singular.max()).sum())


def quantile_from_costs(
    costs: Sequence[float],
    widths: Sequence[int] | Sequence[float],
    networks: Ensemble,
    delta: float,
    *,
    t: float = 0.5,
    s_out: float = 1.0,
    n_out: int = 1,
    effective_outputs: float | None = None,
) -> ErrorQuantile:
    """The bound that follows from bounds of the mean costs, see `matching_costs_at`.

    Args:
        costs: of M_1, ..., M_L.
        widths: m_1, ..., m_L, which need not be whole.
        networks: the ensemble; rows are Gaussian.
        delta: probability of failure, in (0, 1).
        t: where on the line, in [0, 1].
        s_out: output weights have variance s_out^2 / m_L.
        n_out: number of outputs.
        effective_outputs: k >= n_out, where more is known of the error's covariance; None for
            n_out.

    Raises:
        TypeError: unless these are numbers.
        ValueError: for arguments out of range.
    """
    delta, t, s_out = probability("delta", delta), share("t", t), positive("s_out", s_out)
    n_out = at_least("n_out", n_out, 1)
    k = float(n_out)
    if effective_outputs is not None:
        k = number("effective_outputs", effective_outputs, least=n_out, finite=False)
    chain = _Chain(networks, tuple(map(float, widths)), t, tuple(costs))
    scale = s_out**2 * n_out
    value = min(
        chi_square_factor(k, part * delta) * chain.above((1 - part) * delta) for part in _PARTS
    )
    return ErrorQuantile(
        value=scale * value,
        hidden=scale * chain.above(delta),
        mean=scale * chain.means[-1],
        scale=scale * networks.mean_square,
        delta=delta,
    )


_PARTS = (0.5, 0.8, 0.9, 0.95, 0.98)
"""Of delta, that the output layer takes; the best is chosen before any weight is drawn."""


def matching_costs_at(
    t: float, networks: Ensemble, widths: Sequence[int], modulo: Modulo = None
) -> list[float]:
    """Bounds of the mean cost of each layer in the metric of t phi^A + (1-t) phi^B.

    At t = 1/2 those of D1; elsewhere without what averaging takes off, which D1 has at 1/2 alone.

    Args:
        t: where on the line, in [0, 1].
        networks: the ensemble.
        widths: m_1, ..., m_L.
        modulo: "signs" for an odd activation, whose neurons may be negated.

    Raises:
        ValueError: for signs of an activation that is not odd.
    """
    if t == 0.5:
        return matching_cost_bounds(networks, widths, modulo)
    require_odd(modulo, networks.activation)
    laws = zip(networks.laws, widths, strict=True)
    return [upper_bound(law, m, modulo=modulo).value for law, m in laws]


@dataclass(frozen=True)
class _Chain:
    """The bounds of tau X_L, layer after layer."""

    networks: Ensemble
    widths: tuple[float, ...]
    t: float
    costs: tuple[float, ...]

    @property
    def tau(self) -> float:
        return self.t * (1 - self.t)

    @property
    def kappa(self) -> float:
        return self.networks.contraction(1).lines[0].slope

    @property
    def kept(self) -> float:
        """What a layer leaves of a squared distance of activations: kappa s_w^2."""
        return self.kappa * self.networks.s_w**2

    @cached_property
    def means(self) -> list[float]:
        """Of tau X_l: tau xbar_l, l = 1..L."""
        c = self.t**2 + (1 - self.t) ** 2
        X = [self.networks.contraction(1).chord(self.costs[0], self.t)]
        for M in self.costs[1:]:
            X.append(self.kept * X[-1] + self.kappa * M / (4 * c))
        return [self.tau * one for one in X]

    def above(self, delta: float) -> float:
        """What tau X_L exceeds with probability delta at most."""
        if self.tau == 0:
            return 0.0
        L = len(self.widths)
        unit = np.sqrt(2 * np.log((3 * L - 2) / delta) / np.array(self.widths))
        alpha, beta = _slopes(self.networks)
        steepest, h = max(abs(alpha), abs(beta)), _largest_norm(self.t, alpha, beta)
        moved = np.sqrt(1 - 2 * self.tau) * steepest * self.networks.s_w
        nu, J, root = self._activity(unit, steepest), [], 0.0
        for l, mean in enumerate(self.means):  # noqa: E741  layer l + 1
            J.append(h * nu[l] + moved * root)
            steps = [
                self.kept ** (l - i)
                * (J[i] ** 2 + (l - i) * self.tau * (steepest * nu[i]) ** 2 / 2)
                * unit[i] ** 2
                for i in range(l + 1)
            ]
            root = mean**0.5 + sum(steps) ** 0.5
        return float(root**2)

    def _activity(self, unit: Float[np.ndarray, " L"], steepest: float) -> list[float]:
        """Bounds of nu_1, ..., nu_L."""
        laws = self.networks.laws
        nu = [float(np.sqrt(max(laws[0].spectrum)))]
        for i in range(1, len(self.widths)):
            moved = [self.kept ** (i - 1 - j) * (nu[j] * unit[j]) ** 2 for j in range(i)]
            deviation = self.networks.s_w * steepest * sum(moved) ** 0.5
            nu.append(float(np.sqrt(laws[i].second_moment) + deviation))
        return nu


def _slopes(networks: Ensemble) -> tuple[float, float]:
    if isinstance(networks.activation, str):
        return pointwise(networks.activation).slopes
    return -1.0, 1.0  # all that is known is that it is 1-Lipschitz


def _largest_norm(t: float, alpha: float, beta: float) -> float:
    """h: of the maps by which weights of a layer move t (phi^t - phi^A) and (1-t) (phi^t - phi^B).

    [[t (t a - b), t (1-t) a], [t (1-t) a, (1-t) ((1-t) a - b')]] with slopes a, b, b' of the
    activation at t, in A and in B. The norm is convex in these, hence largest at a corner.
    """
    s = 1 - t
    corners = np.array(list(product((alpha, beta), repeat=3)))
    a, b, b_prime = corners.T
    maps = np.array([[t * (t * a - b), t * s * a], [t * s * a, s * (s * a - b_prime)]])
    return float(np.linalg.norm(maps.transpose(2, 0, 1), ord=2, axis=(1, 2)).max())
