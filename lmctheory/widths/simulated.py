r"""D1 with simulated matchings: nearly sharp, and true with probability 1 - delta (R2, R10).

Kernels are exact, and these are theorems, for as many layers as in `deep.error_bound`; the others
rest on kernels of infinite width, or on the ensemble's own, and hold up to O(1/width).

*Matching costs.* Neurons of layer l are drawn as Gaussian vectors of covariance Lambda_l, matched
optimally, and M(m_l, Lambda_l) is bounded by R10. For l >= 2 each drawn matching is a rule in the
sense of `averaging_gain`: with c_i the mean square of (g - g')_i over its pairs, two
drawn layers l - 1, matched optimally in the metric diag(c) behind the activation, cost in the mean
no more than <C, D>, and s_w^2/4 of it comes off.

*The first layer* gives away what lies between an activation and the line that bounds it, on the
drawn pairs: `lmctheory.widths.first_layer`.

*Never more than is known for certain*: M(m_l, Lambda_l) <= U, and M_l is at most what
`averaging_gain.matching_cost_bounds` says; neither takes a share of delta.

*Modulo signs* (S1) every matching is drawn modulo signs, and the layer behind as well: all that is
said of permutations holds of signed ones.

*Confidence.* The terms that are taken off are means of independent X >= 0, bounded from below by
`rates.mean_lower_bound`; the cap of each is the mean of the first draws, which do not count. Every
one of these bounds fails with the same share of delta.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from lmctheory.measures import Modulo
from lmctheory.measures.arguments import RandomSource, at_least, generator, probability
from lmctheory.rates import (
    Estimate,
    mean_lower_bound,
    optimal_permutation,
    optimal_signs,
    upper_bound,
    upper_bound_from_costs,
)
from lmctheory.widths.averaging_gain import matching_cost_bounds
from lmctheory.widths.deep import DeepBound, bound_from_costs, require_widths
from lmctheory.widths.ensembles import Ensemble
from lmctheory.widths.first_layer import FirstLayer, first_layer
from lmctheory.widths.kernels import function

__all__ = ["SimulatedLayers", "simulated_error_bound", "simulated_layers"]

_CAPS_FROM = 8
"""Draws that set the caps; with no more repeats than these nothing is taken off."""


@dataclass(frozen=True)
class SimulatedLayers:
    """Bounds that hold all at once, with the probability asked for; see the module for l >= 3.

    Attributes:
        costs: of M_1, ..., M_L, see `deep.bound_from_costs`.
        first: of G_1 and X_1, by t.
    """

    costs: tuple[float, ...]
    first: Mapping[float, tuple[float, float]]


def simulated_error_bound(
    widths: Sequence[int],
    networks: Ensemble,
    *,
    t: float = 0.5,
    repeats: int = 64,
    delta: float = 0.01,
    modulo: Modulo = None,
    rng: RandomSource,
) -> DeepBound:
    """The bound of `deep.error_bound` with simulated matchings (s_out = n_out = 1).

    It bounds the mean squared error, over weights and data and for this t, with probability
    1 - delta over its own simulations; at L >= 3 up to O(1/width), as `deep.error_bound`.

    Args:
        widths: m_1, ..., m_L; a layer costs `repeats` exact assignments of that size, and from the
            second on as many of the layer before.
        networks: the ensemble.
        t: where on the line, in [0, 1].
        repeats: independent pairs of samples per simulation, >= 1; hundreds are worth their time.
        delta: probability of failure, between 0 and 1.
        modulo: "signs" for an odd activation, whose neurons may be negated.
        rng: source of randomness.

    Raises:
        ValueError: for arguments out of range, and for signs of an activation that is not odd.

    Reference:
        theory keys D1, R2, R10, S1; derived here.

    Example:
        >>> import numpy as np
        >>> from lmctheory.widths.deep import ensemble, error_bound
        >>> rng = np.random.default_rng(0)
        >>> nets = ensemble(rng.standard_normal((50, 8)), depth=2)
        >>> simulated = simulated_error_bound((128, 128), nets, repeats=32, rng=rng)
        >>> simulated.value < error_bound((128, 128), nets).value
        True
    """
    layers = simulated_layers(
        widths, networks, times=(t,), repeats=repeats, delta=delta, modulo=modulo, rng=rng
    )
    return bound_from_costs(layers.costs, networks, t=t, first=layers.first[t])


def simulated_layers(
    widths: Sequence[int],
    networks: Ensemble,
    *,
    times: Sequence[float],
    repeats: int,
    delta: float,
    modulo: Modulo = None,
    rng: RandomSource,
) -> SimulatedLayers:
    """What D1's recursion needs, for several t and depths at once.

    Args:
        widths: m_1, ..., m_L.
        networks: the ensemble.
        times: where on the line, each in [0, 1].
        repeats: independent pairs of samples per simulation, >= 1.
        delta: probability with which any of these bounds may fail.
        modulo: "signs" for an odd activation, whose neurons may be negated.
        rng: source of randomness.

    Raises:
        ValueError: for arguments out of range, and for signs of an activation that is not odd.

    Reference:
        theory keys D1, R2, R10, S1; derived here.

    Example:
        >>> import numpy as np
        >>> from lmctheory.widths.deep import ensemble
        >>> rng = np.random.default_rng(0)
        >>> nets = ensemble(rng.standard_normal((50, 8)), depth=1)
        >>> options = {"repeats": 64, "delta": 0.01, "rng": rng}
        >>> layers = simulated_layers((128,), nets, times=(0.5, 0.1), **options)
        >>> layers.first[0.5][1] < layers.costs[0] / 4  # X_1, below kappa M_1 / 2
        True
    """
    require_widths(widths, networks)
    delta = probability("delta", delta)
    at_least("repeats", repeats, 1)
    if not all(0 <= t <= 1 for t in times):
        raise ValueError(f"times must lie in [0, 1], got {tuple(times)}")
    share = delta / (2 * networks.depth + len(times))
    known = matching_cost_bounds(networks, widths, modulo)
    lines = first_layer(networks, known[0], times)
    draw = _Drawn(networks, modulo, generator(rng))
    first_draws = np.array([draw.first(widths[0], lines) for _ in range(repeats)])
    costs = [draw.cost_above(1, widths[0], first_draws[:, 0], share)]
    for layer, (before, m) in enumerate(pairwise(widths), start=2):
        draws = np.array([draw.later(layer, before, m) for _ in range(repeats)])
        cost = draw.cost_above(layer, m, draws[:, 0], share)
        gain = networks.s_w**2 / 4 * _mean_below(draws[:, 1], share)
        # never more than half: of sampled kernels, which need not fit, too
        costs.append(min(cost - min(gain, cost / 2), known[layer - 1]))
    gone = [_mean_below(column, share) for column in first_draws.T[1:]]
    G, *X = (bound - off for bound, off in zip(lines.bounds(costs[0]), gone, strict=True))
    first = {t: (G, X_t) for t, X_t in zip(times, X, strict=True)}
    return SimulatedLayers(tuple(costs), first)


def _mean_below(draws: Float[np.ndarray, " repeats"], delta: float) -> float:
    cap = float(draws[:_CAPS_FROM].mean())
    counting = draws[_CAPS_FROM:]
    return mean_lower_bound(counting, cap, delta) if cap > 0 and len(counting) else 0.0


@dataclass(frozen=True)
class _Drawn:
    """Matchings of an ensemble's layers, drawn at random."""

    networks: Ensemble
    modulo: Modulo
    rng: np.random.Generator

    def cost_above(
        self, layer: int, m: int, draws: Float[np.ndarray, " repeats"], delta: float
    ) -> float:
        """M(m, Lambda_l) at most."""
        law, modulo = self.networks.laws[layer - 1], self.modulo
        simulated = upper_bound_from_costs(
            Estimate(draws), law, width=m, delta=delta, modulo=modulo
        )
        return min(simulated.value, upper_bound(law, m, modulo=modulo).value)

    def _matched(self, layer: int, m: int) -> Float[np.ndarray, "2 m d"]:
        """Normal coordinates of two layers along Lambda_l's axes, matched for Lambda_l."""
        root = np.sqrt(self.networks.axes(layer)[0])
        g, h = self.rng.standard_normal((2, m, len(root)))
        return np.stack([g, self._aligned(g * root, h * root, h)])

    def _aligned(
        self,
        a: Float[np.ndarray, "m d"],
        b: Float[np.ndarray, "m d"],
        rows: Float[np.ndarray, "m k"],
    ) -> Float[np.ndarray, "m k"]:
        """Rows that belong to b, in the order, and with the signs, in which b is nearest to a."""
        perm = optimal_permutation(a, b, modulo=self.modulo)
        if self.modulo is None:
            return rows[perm]
        return rows[perm] * optimal_signs(a, b[perm])[:, None]

    def first(self, m: int, lines: FirstLayer) -> list[float]:
        """The cost of a matching of the first layer, and what comes off G_1 and X_1."""
        values, vectors = self.networks.axes(1)
        g, h = self._matched(1, m)
        cost = float(np.square(g - h).mean(axis=0) @ values)
        back = (vectors * np.sqrt(values * len(vectors))).T
        return [cost, *lines.gone(g @ back, h @ back)]

    def later(self, layer: int, before: int, m: int) -> tuple[float, float]:
        """The cost of a matching, and that of layers before, `before` wide, in its metric."""
        values, vectors = self.networks.axes(layer)
        g, h = self._matched(layer, m)
        c = np.square(g - h).mean(axis=0)
        return float(c @ values), self._behind(layer - 1, before, vectors * np.sqrt(c))

    def _behind(self, layer: int, m: int, metric: Float[np.ndarray, "n d"]) -> float:
        """Cost of two layers, compared behind the activation as rows of sigma(z) times a metric."""
        values, vectors = self.networks.axes(layer)
        back, n = (vectors * np.sqrt(values)).T, len(vectors)
        sigma = function(self.networks.activation)

        def neurons() -> Float[np.ndarray, "m d"]:
            z = self.rng.standard_normal((m, len(values))) @ back
            return sigma(z * n**0.5) @ (metric / n**0.5)

        a, b = neurons(), neurons()
        return float(np.square(a - self._aligned(a, b, b)).sum(axis=1).mean())
