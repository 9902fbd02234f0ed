"""Widths from a tolerance for deep networks: the bounds of D1 and D8, inverted.

X_L increases with every M_l, which falls with its own width; by averaging (see `averaging_gain`) it
also depends, weakly, on the width below. Free widths start from the best shape of the separable
bound, by interpolation, are scaled until they suffice, and narrowed layer by layer from the last.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from lmctheory.measures import Gaussian, Modulo
from lmctheory.measures.arguments import number, positive, probability
from lmctheory.measures.quotient import by_signs
from lmctheory.rates import MAX_WIDTH, OutOfReach, upper_bound
from lmctheory.rates.least_width import first_width, rounded_up
from lmctheory.widths.averaging_gain import matching_cost_bounds
from lmctheory.widths.ensembles import Ensemble
from lmctheory.widths.high_probability import quantile_from_costs
from lmctheory.widths.odd import require_odd

__all__ = ["require_no_signs", "required_widths"]

_OBJECTIVES = ("neurons", "parameters")


def required_widths(
    eps: float,
    networks: Ensemble,
    *,
    delta: float | None = None,
    t: float = 0.5,
    objective: str | None = None,
    matching_cost: Callable[[Gaussian, int], float] | None = None,
    modulo: Modulo = None,
    effective_outputs: float = 1.0,
) -> tuple[int, ...]:
    """Widths that bring the root mean square function error below eps (s_out = n_out = 1).

    Args:
        eps: tolerance > 0, in units of an output; times the root of `Ensemble.mean_square` it is
            relative.
        networks: the ensemble.
        delta: if given, the error is below eps with probability 1 - delta, not on average: by D8,
            or by Markov's inequality where that is better, or costs are one's own. There are then
            permutations with that error that do not depend on output weights: D8's, or D1's.
        t: where on the line, in (0, 1).
        objective: None for equal widths; "neurons" or "parameters" for the fewest of them.
        matching_cost: as in `error_bound`; non-increasing in m.
        modulo: "signs" for an odd activation, whose neurons may be negated.
        effective_outputs: of D8, where delta is given: the number of outputs over which the squared
            error is averaged, or more, see `lmctheory.widths.effective_outputs`. Infinity is for
            the mean over output weights, with probability 1 - delta over hidden ones.

    Returns:
        m_1, ..., m_L, that suffice. Equal widths: with one neuron fewer in every layer the bound
        is above the tolerance. Free ones are near the least: each layer was narrowed as far as the
        bound allows, from the last to the first. (The bound may rise by a little with the width,
        so that neither need be the very least.)

    Raises:
        TypeError: for an eps, delta, t or effective_outputs that is no number.
        ValueError: for arguments out of range, and for signs of an activation that is not odd, or
            beside a matching_cost.
        OutOfReach: a ValueError that says which eps is reached, if no width up to 10^12 is known to
            suffice.

    Reference:
        theory keys D1, D8, S1.

    Example:
        >>> import numpy as np
        >>> from lmctheory.widths.deep import ensemble, error_bound
        >>> nets = ensemble(np.random.default_rng(0).standard_normal((50, 4)), depth=1)
        >>> (m,) = required_widths(0.2, nets)
        >>> error_bound((m,), nets).value <= 0.2**2 < error_bound((m - 1,), nets).value
        True
    """
    eps, t = positive("eps", eps), probability("t", t)
    if objective is not None and objective not in _OBJECTIVES:
        raise ValueError(f"objective must be None or one of {_OBJECTIVES}, got {objective!r}")
    require_odd(modulo, networks.activation)
    require_no_signs(modulo, matching_cost)
    delta = None if delta is None else probability("delta", delta)
    k = number("effective_outputs", effective_outputs, least=1.0, finite=False)

    @cache
    def cost(i: int, m: int) -> float:
        law = networks.laws[i]
        return matching_cost(law, m) if matching_cost else _by_spectrum(law, m, modulo)

    bound = _Bound(networks, t, cost, matching_cost is None, modulo, delta, k)
    total = bound.together if bound.gaussian else bound.separately
    tolerance = eps**2
    try:
        enough = first_width(lambda m: bound.separately([m] * networks.depth), tolerance)
    except OutOfReach:
        enough = MAX_WIDTH
    try:
        equal = first_width(lambda m: total([m] * networks.depth), tolerance, enough)
    except OutOfReach as reason:
        reached = reason.reached**0.5
        raise OutOfReach(
            reached,
            f"eps is too small: no widths up to 10^12 are known to suffice, where eps = "
            f"{rounded_up(reached)} is reached, got {eps}",
        ) from None
    if objective is None:
        return (equal,) * networks.depth
    shape = _best_shape(objective, networks, enough, bound.of_costs, cost, tolerance)
    widths = _scaled(shape, first_width(lambda k: total(_scaled(shape, k)), tolerance))
    for i in reversed(range(len(widths))):
        before, after = widths[:i], widths[i + 1 :]
        narrowed = partial(_total_with, total, before, after)
        widths[i] = first_width(narrowed, tolerance, widths[i])
    return tuple(widths)


@dataclass(frozen=True, eq=False)
class _Bound:
    """What the squared error stays below, in the mean or with probability 1 - delta."""

    networks: Ensemble
    t: float
    cost: Callable[[int, int], float]
    gaussian: bool
    modulo: Modulo
    delta: float | None
    effective_outputs: float

    def of_costs(self, costs: Sequence[float], widths: Sequence[int] | Sequence[float]) -> float:
        """With given costs, at widths that need not be whole."""
        return self._sure(costs, costs, widths)

    def separately(self, widths: Sequence[int]) -> float:
        """With costs that depend on one width each."""
        return self.of_costs(self._separate(widths), widths)

    def together(self, widths: Sequence[int]) -> float:
        """With what averaging takes off."""
        costs = matching_cost_bounds(self.networks, widths, self.modulo)
        return self._sure(costs, costs if self.t == 0.5 else self._separate(widths), widths)

    def _separate(self, widths: Sequence[int]) -> list[float]:
        return [self.cost(i, m) for i, m in enumerate(widths)]

    def _sure(
        self,
        costs: Sequence[float],
        costs_at_t: Sequence[float],
        widths: Sequence[int] | Sequence[float],
    ) -> float:
        _, X = self.networks.recursion(costs, self.t, gaussian=self.gaussian)
        mean = self.t * (1 - self.t) * X
        if self.delta is None:
            return mean
        if not self.gaussian:
            return mean / self.delta
        found = quantile_from_costs(
            costs_at_t,
            widths,
            self.networks,
            self.delta,
            t=self.t,
            effective_outputs=self.effective_outputs,
        )
        return min(mean / self.delta, found.value)


def _total_with(
    total: Callable[[Sequence[int]], float], before: list[int], after: list[int], m: int
) -> float:
    return total([*before, m, *after])


def require_no_signs(modulo: Modulo, matching_cost: Callable[..., float] | None) -> None:
    """Refuses signs beside a matching cost of one's own, which is taken as it is.

    Raises:
        ValueError: naming modulo.
    """
    if by_signs(modulo) and matching_cost is not None:
        raise ValueError("modulo must be None beside a matching_cost, which may be modulo signs")


def _by_spectrum(mu: Gaussian, m: int, modulo: Modulo) -> float:
    return upper_bound(mu, m, modulo=modulo).value


_UNIT = 1024
"""A shape is scaled in steps of one part in that many."""


def _scaled(shape: Float[np.ndarray, " L"], scale: int) -> list[int]:
    return [max(1, min(int(m), MAX_WIDTH)) for m in np.ceil(shape * scale / _UNIT)]


def _best_shape(
    objective: str,
    networks: Ensemble,
    equal: int,
    error: Callable[[Sequence[float], Sequence[float]], float],
    cost: Callable[[int, int], float],
    tolerance: float,
) -> Float[np.ndarray, " L"]:
    """Real widths near the least objective, by interpolation of log M against log m."""
    grid = np.unique(np.clip(equal * 2.0 ** np.arange(-8, 8.5, 1.0), 1, MAX_WIDTH).astype(int))
    log_m = np.log(grid)
    tables = [[cost(i, int(m)) for m in grid] for i in range(networks.depth)]
    log_costs = np.log(np.maximum(tables, np.finfo(float).tiny))

    def size(x: Float[np.ndarray, " L"]) -> float:
        m = np.exp(x)
        if objective == "neurons":
            return float(np.log(m.sum()))
        return float(np.log(m @ np.append(networks.inputs, m[:-1])))

    def room(x: Float[np.ndarray, " L"]) -> float:
        predicted = [np.interp(u, log_m, row) for u, row in zip(x, log_costs, strict=True)]
        bound = error(np.exp(predicted).tolist(), np.exp(x).tolist())
        return float(np.log(tolerance) - np.log(bound))

    start = np.full(networks.depth, np.log(equal))
    found = minimize(
        size,
        start,
        method="SLSQP",
        bounds=[(log_m[0], log_m[-1])] * networks.depth,
        constraints=[{"type": "ineq", "fun": room}],
    )
    return np.exp(found.x if found.success else start)
