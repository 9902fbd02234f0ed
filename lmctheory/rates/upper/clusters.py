r"""Clustered neurons (R5 over the clusters): the cost of a mixture from that of its components.

Let cluster i have probability w_i and centre c_i, and N_i, N'_i neurons in A and B. Match
K_i = min(N_i, N'_i) random ones of each inside the cluster, and the rest by cluster alone: any plan
that moves the labels that are left over. Given the counts the former are independent draws of the
component, and the latter are matched blindly, at |c_i - c_j|^2 + tr Lambda_i + tr Lambda_j. With
M_i the component's own matching cost, g(w) = E|N - N'|/m and T the bound of R5 for the law of the
labels on the centres (`atoms`), or for equal probabilities of R16 (`equal_cells`), whose matchings
begin at the atoms,

    M(m) <= sum_i { E[K_i M_i(K_i)] / m + g(w_i) tr Lambda_i } + T.

An upper bound U of M_i is taken at some sizes 1 = k_1 < .. < k_n and, by R2, used beyond each. With
P_j = P(k_j <= K < k_{j+1}), P(K >= k) = P(N >= k)^2 and E K = m (w - g(w)/2),

    E[K U(K)] <= sum_{j<n} U(k_j) (k_{j+1} - 1) P_j + U(k_n) (E K - sum_{j<n} k_j P_j).
"""

from collections.abc import Callable

import numpy as np
from scipy.stats import binom

from lmctheory.measures import Gaussian, GaussianMixture
from lmctheory.rates.upper.atoms import atomic_bound
from lmctheory.rates.upper.covering import mean_left_over
from lmctheory.rates.upper.equal_cells import equal_cells_bound

__all__ = ["cluster_bound"]

_DEVIATIONS = (-6.0, -4.0, -3.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5)
"""Where the sizes k_j lie, in standard deviations of the count of a cluster around its mean."""


def cluster_bound(
    mu: GaussianMixture, m: int, component_bound: Callable[[Gaussian, int], float]
) -> float:
    """The bound of the module docstring, for two samples and p = 2.

    Args:
        mu: a mixture of Gaussians.
        m: number of neurons in each sample, >= 1.
        component_bound: an upper bound of M(k) for a component and a number of neurons.

    Returns:
        The bound, in squared units of the weights, per neuron.

    Reference:
        theory keys R2, R5, R16; derived here.

    Example:
        >>> one = Gaussian(spectrum=[0.0])
        >>> atoms = GaussianMixture([0.5, 0.5], np.array([[0.0], [2.0]]), [one, one])
        >>> round(cluster_bound(atoms, 1, lambda law, k: 2 * law.second_moment), 9)
        2.0
    """
    weights = np.asarray(mu.weights)
    left = mean_left_over(weights, m)
    total = atomic_bound(np.asarray(mu.means), weights, m)
    if (weights == weights[0]).all():
        total = min(total, equal_cells_bound(np.asarray(mu.means), m))
    for w, unmatched, law in zip(weights.tolist(), left.tolist(), mu.components, strict=True):
        total += unmatched * law.second_moment
        total += _matched(law, w, m, m * (w - unmatched / 2), component_bound) / m
    return total


def _matched(
    law: Gaussian,
    w: float,
    m: int,
    mean_count: float,
    component_bound: Callable[[Gaussian, int], float],
) -> float:
    """An upper bound of E[K M(K)], K the smaller of two counts."""
    nominal = m * w + np.array(_DEVIATIONS) * np.sqrt(m * w * (1 - w))
    sizes = np.unique(np.clip(np.floor(np.r_[1.0, nominal]), 1, m))
    values = np.array([component_bound(law, int(k)) for k in sizes])
    chances = -np.diff(np.asarray(binom.sf(sizes - 1, m, w)) ** 2)
    beneath = values[:-1] @ ((sizes[1:] - 1) * chances)
    top = values[-1] * (mean_count - sizes[:-1] @ chances)
    return float(min(beneath + top, 2 * law.second_moment * mean_count))
