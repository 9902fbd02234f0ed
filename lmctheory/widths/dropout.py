r"""Dropout stability (D6): half of a network's neurons do, as well as a line between two networks.

In every hidden layer of one network, of width m_l = 2 h_l, keep the first half of the neurons and
match it with the other half. Every dropped neuron is represented by its partner, which takes over
its outgoing weights: kept neuron k has the outgoing weights w_k + w_{pi(k)}. In terms of the full
network, phi~ shows the partner's activation in place of that of a dropped neuron. Layers are
matched from the input on, layer l in the metric E_x[psi psi^T], psi = (phi + phi~)/2 of layer l-1.

*Statement.* E |f~ - f|^2 <= 4 B, B the bound of D1 at t = 1/2 for two networks of widths h_l:

    Y_0 = 0,  Y_l = S_l(s_w^2 Y_{l-1} + M(h_l)/2) >= E |phi~ - phi|^2 / m_l,
    E |f~ - f|^2 <= s_out^2 n_out Y_L,            D1: E |f_{1/2} - f-bar|^2 <= X_L / 4, X_L >= Y_L.

*Proof.* A kept neuron errs by alpha.(phi~ - phi), on average |phi~ - phi|_C^2 <= s_w^2 Y_{l-1}, as
rows alpha are independent of phi~ and phi. A dropped one of row beta, whose partner has alpha, by
alpha.phi~ - beta.phi. The halves are independent samples and the metric does not depend on them:
the pair is exchangeable, and with N as in D1 the mean square is
|phi~ - phi|_{C - N/2}^2 + 2 |psi|_N^2 <= s_w^2 Y_{l-1} + M(h_l). Half of the neurons are of each
kind. S_l as in D1, where X_l = 2 S_l(x_l/2) >= S_l(x_l), as S_l is concave and 0 at 0. M(h_l) <= U
at the kernels of the full network as in D1: phi~ has, on average, the same Gram matrix as phi for
the first layer, later up to O(1/width).

Doubling the outgoing weights of kept neurons instead, as for networks whose outputs are means over
neurons, does not work here: output weights are independent of the neurons' rows, so that the error
of doubling is that of an independent network, whatever the width.
"""

from collections.abc import Sequence

from lmctheory.rates import upper_bound
from lmctheory.widths.deep import DeepBound, bound_from_costs, require_widths
from lmctheory.widths.ensembles import Ensemble

__all__ = ["dropout_bound"]


def dropout_bound(
    widths: Sequence[int], networks: Ensemble, *, s_out: float = 1.0, n_out: int = 1
) -> DeepBound:
    """Bounds E |f~ - f|^2 of a Gaussian network of which half of every hidden layer is kept.

    Args:
        widths: m_1, ..., m_L of the full network, all even.
        networks: the ensemble, see `deep.ensemble`.
        s_out: output weights have variance s_out^2 / m_L.
        n_out: number of outputs.

    Returns:
        The bound, in expectation over weights and data; `matching_cost` and `gap` are those of
        two networks of half the widths.

    Raises:
        TypeError: for a width that is no integer.
        ValueError: for widths that are odd, < 2, or another number of them than the depth.

    Reference:
        theory key D6; compare Ferbach et al. (2024), Appendix B.14, and Kuditipudi et al. (2019).

    Example:
        >>> import numpy as np
        >>> from lmctheory.widths.deep import ensemble, error_bound
        >>> nets = ensemble(np.random.default_rng(0).standard_normal((50, 8)), depth=1)
        >>> half = error_bound((64,), nets, matching_cost=lambda mu, m: upper_bound(mu, m).value)
        >>> dropout_bound((128,), nets).value == 4 * half.value
        True
    """
    require_widths(widths, networks)
    if any(m % 2 for m in widths):
        raise ValueError(f"widths must be even, so that half can be kept, got {tuple(widths)}")
    costs = [upper_bound(law, m // 2).value for law, m in zip(networks.laws, widths, strict=True)]
    line = bound_from_costs(costs, networks, s_out=s_out, n_out=n_out)
    return DeepBound(4 * line.value, line.scale, line.matching_cost, line.gap)
