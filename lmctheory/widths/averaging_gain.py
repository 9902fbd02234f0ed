r"""What averaging two networks takes off the matching cost of the next layer (D1, sharpened).

Layer l is matched in the metric of phi-bar = (phi^A + phi^B)/2, whose Gram matrix is

    gram(phi-bar) = (gram(phi^A) + gram(phi^B)) / 2 - gram(phi^A - phi^B) / 4:

what the layer below could not match is averaged away, half of it. D1 drops the last term. For
weights of variance s_w^2/m_{l-1} let Lambda_l = (s_w^2 E K_{l-1} + s_b^2)/n be the covariance that
D1 uses and D = E gram(phi^A - phi^B) / (n m_{l-1}), so that the true metric is on average
Lambda_l - s_w^2 D / 4.

*A rule for all metrics.* Neurons in a random metric Y are Y^{1/2} g, g normal. Let a rule match
them by g alone, so that it does not depend on Y, along the eigenbasis of Lambda_l. Its mean cost
<C, Y> is linear in Y, and C = E (g - g')(g - g')^T is diagonal in that basis if the rule looks at
squares of differences (flipping the sign of a coordinate changes nothing). The best matching is no
worse, so that

    M_l <= <C, E Y> = <C, Lambda_l> - (s_w^2/4) <C, D>,

and <C, D> is the cost of matching rows of layer l - 1, compared in the metric C behind the
activation. Whatever the permutation, it is at least the optimal one,

    <C, D> >= M of the law of C^{1/2} sigma(z), z ~ N(0, Lambda_{l-1}).

*Two rules.* Matching optimally for Lambda_l makes <C, Lambda_l> = M(m_l, Lambda_l);
`lmctheory.widths.simulated` draws it. Matching by the k leading coordinates alone makes
C = 2 P plus something >= 0, P the projection onto the others, and costs

    M_l <= M(m_l, head) + 2 tail - (s_w^2/2) <P, D>,

where for relu, softplus and gelu, as sigma(z) = z/2 + e(z) with e even and the mixed term vanishes
when the signs of the layer are flipped in both networks,

    <P, D> >= (1/4) L(m_{l-1}, spectrum of P Lambda_{l-1} P)                           (explicit).

The rows below are i.i.d. N(0, Lambda_{l-1}) exactly for l = 2, later up to fluctuations of the
kernels, O(1/width), like Lambda_l itself. As an optimal matching costs no more than a random one,
what is taken off is at most half of <C, Lambda_l>, of the explicit rule's at most the tail. More
halvings than log2(m_l) the rank-block tree (R13) has not to give, so that k is that number.
"""

from collections.abc import Sequence

import numpy as np

from lmctheory.measures import Modulo
from lmctheory.rates import lower_bound, upper_bound
from lmctheory.widths.ensembles import Ensemble
from lmctheory.widths.odd import require_odd

__all__ = ["halvings", "matching_cost_bounds"]


_HALF_LINEAR = ("gelu", "relu", "softplus")
"""Activations with sigma(z) - sigma(-z) = z."""


def halvings(m: int | np.integer) -> int:
    """How often a sample of m neurons can be halved: the least k with 2^k >= m."""
    return (int(m) - 1).bit_length()


def matching_cost_bounds(
    networks: Ensemble, widths: Sequence[int], modulo: Modulo = None
) -> list[float]:
    """Bounds of M_1, ..., M_L: U of R11 and, where it is known, what averaging takes off it.

    Args:
        networks: the ensemble of depth L.
        widths: m_1, ..., m_L.
        modulo: "signs" for an odd activation, whose neurons may be negated.

    Raises:
        ValueError: for signs of an activation that is not odd.

    Reference:
        theory keys D1, S1; derived here.

    Example:
        >>> import numpy as np
        >>> from lmctheory.widths.ensembles import ensemble
        >>> nets = ensemble(np.random.default_rng(0).random((50, 20)), depth=2)
        >>> second = matching_cost_bounds(nets, (64, 64))[1]
        >>> second < upper_bound(nets.laws[1], 64).value
        True
    """
    require_odd(modulo, networks.activation)
    costs = [
        upper_bound(law, m, modulo=modulo).value
        for law, m in zip(networks.laws, widths, strict=True)
    ]
    if networks.activation not in _HALF_LINEAR:
        return costs
    examples = len(networks.covariances[0])
    for i in range(1, networks.depth):
        k = halvings(widths[i])
        if 0 < k < examples:
            costs[i] = min(costs[i], _averaged(networks, i + 1, k, widths[i], widths[i - 1]))
    return costs


def _averaged(networks: Ensemble, layer: int, k: int, m: int, m_below: int) -> float:
    split = networks.split(layer, k)
    gain = networks.s_w**2 / 8 * lower_bound(split.below, m_below).value
    return split.matching_cost(upper_bound(split.head, m).value, gain)
