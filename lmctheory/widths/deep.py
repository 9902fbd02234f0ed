r"""Deep networks with independent Gaussian rows (D1): function error at given widths.

A and B are independent; rows of W_l are N(0, (s_w^2/m_{l-1}) I), biases N(0, s_b^2), output rows
N(0, (s_out^2/m_L) I). Layers are matched from the input on, layer l in the metric
E_x[phi-bar phi-bar^T], phi-bar = (phi^A + phi^B)/2 of the layer before, B aligned. M_l is the
expected matching cost per neuron of layer l, and

    G_1 = S_1(M_1),    G_l = S_l(M_l + s_w^2 G_{l-1})    bounds |phi^A - phi^B|^2 / m_l,
    X_1 = t/(1-t) S_1((1-t)^2 M_1) + (1-t)/t S_1(t^2 M_1),
    x_l = s_w^2 X_{l-1} + [M_l/2 + (t-1/2)^2 s_w^2 G_{l-1}] / (2(t^2 + (1-t)^2)),    l >= 2,
    X_l = w S_l(x_l / w),    w = (t^2 + (1-t)^2) / (t(1-t)),
    E |f_t - t f_A - (1-t) f_B|^2 <= s_out^2 n_out t(1-t) X_L,

means over weights and over the data, for every fixed t: this bounds sup_t E, not E max_t. S_l(d^2)
is what the activation leaves of a squared distance d^2, see `lmctheory.widths.contraction`: never
more than kappa d^2, so that G_l <= kappa (M_l + s_w^2 G_{l-1}) and X_l <= kappa x_l, which is all
there is for identity and relu; concave; and bounded where the activation is. kappa is the mean of
sigma'^2 over both signs, where it is largest: 1 for tanh, but 1/2 for the relu, as flipping the
signs of a layer in both networks leaves law and matching unchanged and |relu(u) - relu(v)|^2 +
|relu(-u) - relu(-v)|^2 <= |u - v|^2.

*Proof.* Given the earlier layers, a matched pair of rows (alpha, beta) is exchangeable, as the
metric is symmetric in A and B. With sigma = (alpha + beta)/2 and delta = (alpha - beta)/2 the two
are uncorrelated, E delta delta^T = N/2 and E sigma sigma^T = C - N/2, C the covariance of a row.
At t = 1/2, with p = phi^t of the layer before,

    E |z^t - z^A|^2 + E |z^t - z^B|^2 = |p - phi^A|_C^2 + |p - phi^B|_C^2 + |phi-bar|_N^2
                                        - |p - phi-bar|_N^2,

and M_l is the mean of 2 |phi-bar|_N^2. Other t: the sum, weighted by t/(1-t) and (1-t)/t, is that
of |p - phi^A|_C^2 and |p - phi^B|_C^2 plus 2 <p, N (phi-bar_t - (t^2 + (1-t)^2) p)>, which is at
most |phi-bar_t|_N^2 / (2 (t^2 + (1-t)^2)), phi-bar_t = t phi^A + (1-t) phi^B. On average, A and B
being exchangeable, |phi-bar_t|_N^2 is |phi-bar|_N^2 + (t-1/2)^2 |phi^A - phi^B|_N^2, and N <= C for
Gaussian rows: along each principal axis of the metric E alpha beta >= 0, as the optimal cost is a
concave function of that axis' weight, with the slope 2 E alpha^2 at weight 0. In the first layer
p = phi^A = phi^B = x, so that the sum is 4 t(1-t) |x|_N^2 and nothing is lost: the two distances
are (1-t)^2 and t^2 times that of z^A and z^B. Later, their weighted sum x_l is known and w is the
sum of the weights, so that by concavity no split of x_l leaves more than w S_l(x_l / w).

*Modulo signs* (S1). For odd sigma neurons of B may be negated as well, with their outgoing weights,
and M_l is the cost modulo signs. The proof stands: exchanging A and B turns a signed permutation
into its inverse; the sign of a matched neuron is fair and independent of what it is up to its sign,
so that its law is N(0, C), whatever the sign it is given; and M_l is a concave function of the
metric still, whose slope at weight 0 is 2 E alpha^2, as signs that ignore an axis are independent
of it.

*From data alone.* M_l is the mean of a concave, monotone function of the Gram matrix of phi-bar,
which is at most the mean of those of A and B; so M_l <= U(m_l, spectrum of s_w^2 E K_{l-1} + s_b^2,
divided by the number of examples), with U any bound for Gaussian neurons (R11). E K_0 and E K_1 are
the kernels of `lmctheory.widths.kernels` at every width; for later layers these hold up to
O(1/width), as does S_l beyond kappa from the second layer on, and `ensemble` takes others
(`sampled_kernels`). What the two networks do not share is halved in phi-bar:
`averaging_gain` takes that off M_l, l >= 2, where half of the activation is linear.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lmctheory.measures import Gaussian, Modulo
from lmctheory.measures.arguments import at_least, positive, share
from lmctheory.results import Result
from lmctheory.widths.averaging_gain import matching_cost_bounds
from lmctheory.widths.ensembles import Ensemble, ensemble
from lmctheory.widths.high_probability import (
    ErrorQuantile,
    matching_costs_at,
    quantile_from_costs,
)
from lmctheory.widths.required import require_no_signs, required_widths

__all__ = [
    "DeepBound",
    "Ensemble",
    "ErrorQuantile",
    "bound_from_costs",
    "ensemble",
    "error_bound",
    "error_quantile",
    "require_widths",
    "required_widths",
]

MatchingCost = Callable[[Gaussian, int], float]
"""An upper bound of the matching cost of m neurons with the covariance of a Gaussian law."""


@dataclass(frozen=True)
class DeepBound(Result):
    """A bound on the function error of two matched networks joined by a line.

    Attributes:
        value: bound of E |f_t - t f_A - (1-t) f_B|^2, summed over outputs, mean over the data.
        scale: E |f_A|^2, likewise.
        matching_cost: M_l, bounds per neuron of hidden layers 1..L.
        gap: G_l, bounds of |phi_l^A - phi_l^B|^2 per neuron, l = 1..L.
    """

    value: float
    scale: float
    matching_cost: tuple[float, ...]
    gap: tuple[float, ...]

    @property
    def relative(self) -> float:
        """Root mean square error, relative to the outputs."""
        return float(np.sqrt(self.value / self.scale))

    def __float__(self) -> float:
        return self.value


def error_bound(
    widths: Sequence[int],
    networks: Ensemble,
    *,
    t: float = 0.5,
    s_out: float = 1.0,
    n_out: int = 1,
    matching_cost: MatchingCost | None = None,
    modulo: Modulo = None,
) -> DeepBound:
    """Bounds the function error of matched Gaussian networks on the line between them.

    In expectation over the weights and over the data, for this t; with probability 1 - delta the
    squared error is below value / delta (Markov), or better, see `error_quantile`. Exact kernels,
    and with them a proof, there are for L = 1, and for L = 2 where kappa is all that counts
    (identity, relu, costs of one's own); beyond, it holds up to O(1/width), as M_3, ..., M_L and
    S_2, ..., S_L rest on kernels of infinite width (or on the ensemble's own).

    Args:
        widths: m_1, ..., m_L.
        networks: the ensemble, see `ensemble`.
        t: where on the line, in [0, 1].
        s_out: output weights have variance s_out^2 / m_L.
        n_out: number of outputs.
        matching_cost: a bound of the cost of m neurons whose covariance is that of the Gaussian
            law, to be taken as it is. Rows need then be no more than symmetric, so that S_l is
            kappa times the distance and the term with G_{l-1} counts twice. None for
            `averaging_gain.matching_cost_bounds`, Gaussian rows.
        modulo: "signs" for an odd activation, whose neurons may be negated.

    Raises:
        ValueError: for another number of widths than the depth, a width < 1, t outside [0, 1], and
            for signs of an activation that is not odd, or beside a matching_cost.

    Reference:
        theory keys D1, S1; explicit form of Ferbach et al. (2024), Lemma 4.1 and Theorem 5.2.

    Example:
        >>> import numpy as np
        >>> nets = ensemble(np.random.default_rng(0).standard_normal((50, 8)), depth=1)
        >>> error_bound((1024,), nets).relative < error_bound((64,), nets).relative < 1
        True
    """
    require_widths(widths, networks)
    require_no_signs(modulo, matching_cost)
    if matching_cost is None:
        costs = matching_cost_bounds(networks, widths, modulo)
    else:
        costs = [matching_cost(law, m) for law, m in zip(networks.laws, widths, strict=True)]
    gaussian = matching_cost is None
    return bound_from_costs(costs, networks, t=t, s_out=s_out, n_out=n_out, gaussian=gaussian)


def error_quantile(
    widths: Sequence[int],
    networks: Ensemble,
    delta: float,
    *,
    t: float = 0.5,
    s_out: float = 1.0,
    n_out: int = 1,
    effective_outputs: float | None = None,
    modulo: Modulo = None,
) -> ErrorQuantile:
    """Bounds the function error of matched Gaussian networks with probability 1 - delta.

    Permutations are chosen layer by layer, without a look at output weights: each is the one whose
    hidden layer's error X_l is least. Exact for L <= 2; beyond, up to O(1/width) as `error_bound`.

    Args:
        widths: m_1, ..., m_L.
        networks: the ensemble, rows and output weights Gaussian, see `ensemble`.
        delta: probability of failure over all weights, in (0, 1).
        t: where on the line, in [0, 1].
        s_out: output weights have variance s_out^2 / m_L.
        n_out: number of outputs; the more, the nearer is the error to its mean.
        effective_outputs: k >= n_out, where more is known of the error's covariance on the data,
            see `lmctheory.widths.effective_outputs`; None for n_out, which always holds.
        modulo: "signs" for an odd activation, whose neurons may be negated.

    Raises:
        TypeError: for arguments that are no numbers.
        ValueError: for arguments out of range, and for signs of an activation that is not odd.

    Reference:
        theory key D8; derived in `lmctheory.widths.high_probability`.

    Example:
        >>> import numpy as np
        >>> nets = ensemble(np.random.default_rng(0).standard_normal((50, 8)), depth=1)
        >>> found = error_quantile((1024,), nets, 0.001, n_out=10)
        >>> found.mean < found.hidden < 1.5 * found.mean < found.value < found.markov / 200
        True
    """
    require_widths(widths, networks)
    costs = matching_costs_at(share("t", t), networks, widths, modulo)
    return quantile_from_costs(
        costs,
        widths,
        networks,
        delta,
        t=t,
        s_out=s_out,
        n_out=n_out,
        effective_outputs=effective_outputs,
    )


def require_widths(widths: Sequence[int], networks: Ensemble) -> None:
    """Refuses widths that are not one integer >= 1 for each hidden layer.

    Raises:
        TypeError: for a width that is no integer.
        ValueError: for another number of widths than the depth, or a width < 1.
    """
    if len(widths) != networks.depth:
        raise ValueError(f"widths must name {networks.depth} hidden layers, got {tuple(widths)}")
    for m in widths:
        at_least("every width", m, 1)


def bound_from_costs(
    costs: Sequence[float],
    networks: Ensemble,
    *,
    t: float = 0.5,
    s_out: float = 1.0,
    n_out: int = 1,
    first: tuple[float, float] | None = None,
    gaussian: bool = True,
) -> DeepBound:
    """The bound that follows from bounds of M_1, ..., M_L, however they were found.

    Args:
        costs: M_1, ..., M_L, squared pre-activations per neuron, mean over the data.
        networks: the ensemble, see `ensemble`.
        t: where on the line, in [0, 1].
        s_out: output weights have variance s_out^2 / m_L.
        n_out: number of outputs.
        first: bounds of G_1 and X_1, where more is known of them than M_1.
        gaussian: whether rows are Gaussian, so that saturation counts; else kappa alone does, and
            the term with G_{l-1} counts twice, as no more than N <= 2C is known.

    Raises:
        TypeError: for a t, s_out or n_out that is no number.
        ValueError: for another number of costs than the depth, a negative one, t outside [0, 1],
            or s_out, n_out or first out of range.

    Reference:
        theory key D1.

    Example:
        >>> import numpy as np
        >>> nets = ensemble(np.eye(3), depth=2)
        >>> round(bound_from_costs([0.4, 0.2], nets).value, 4)  # (M_1 + M_2) / 16
        0.0375
    """
    if len(costs) != networks.depth or not all(cost >= 0 for cost in costs):
        raise ValueError(f"costs must be {networks.depth} numbers >= 0, got {tuple(costs)}")
    t, s_out, n_out = share("t", t), positive("s_out", s_out), at_least("n_out", n_out, 1)
    if first is not None and not all(0 <= bound < np.inf for bound in first):
        raise ValueError(f"first must be two finite numbers >= 0, got {first}")
    gaps, X = networks.recursion(costs, t, first, gaussian=gaussian)
    return DeepBound(
        value=s_out**2 * n_out * t * (1 - t) * X,
        scale=s_out**2 * n_out * networks.mean_square,
        matching_cost=tuple(costs),
        gap=tuple(gaps),
    )
