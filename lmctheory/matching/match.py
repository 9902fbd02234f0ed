"""Matching two networks: cost x solver, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float64, Shaped
from torch import Tensor

from lmctheory.matching.alignment import Alignment, side_by_side
from lmctheory.matching.costs import (
    Cost,
    activation,
    all_parameters,
    group_costs,
    incoming_parameters,
    layer_inputs,
    naive,
    second_moments,
    weighted,
)
from lmctheory.matching.solvers import Solution, coordinate_descent, layer_by_layer
from lmctheory.matching.symmetry import Network, SomeNetwork, as_chain, as_inputs, permute
from lmctheory.networks import AffineChain

__all__ = ["METHODS", "Matching", "match"]

METHODS = ("naive", "weighted", "activation", "weight")
"""The matchings that `match` knows."""

_CHECKED = 128
"""Inputs on which a matching is checked; a wrong permutation shows on almost any one of them."""


@dataclass(frozen=True, eq=False)
class Matching:
    """Permutations of B's hidden neurons that align them with A's.

    Attributes:
        method: one of `METHODS`.
        permutations: for each group's name an index array ``[m]``: neuron ``perm[i]`` of B is
            aligned with neuron i of A.
        cost: for each group's name the cost per neuron (1/m) sum_i |a_i - b_perm(i)|^2 in the
            method's own metric, the other groups aligned too. What a_i is: for `naive` and
            `weighted` the incoming weights, Euclidean or in the metric Sigma_{l-1} of A (for
            Gaussian rows R11 bounds the mean of both); for `activation` the activations, in mean
            square over the data; for `weight` all parameters that touch the neuron.
        traces: for each start the objective there and after each pass over the groups.
        start: the start that was kept.
        function_change: max over inputs of |f_B(x) - f_{apply(B)}(x)|, in float64, on the first
            examples of the data or on Gaussian inputs: rounding alone.
    """

    method: str
    permutations: Mapping[str, np.ndarray] = field(repr=False)
    cost: Mapping[str, float]
    traces: Mapping[str, tuple[float, ...]]
    start: str
    function_change: float

    @property
    def trace(self) -> tuple[float, ...]:
        """The objective at the kept start and after each pass."""
        return self.traces[self.start]

    @property
    def objective(self) -> float:
        """Sum over layers of <W_A, P_l W_B P_{l-1}^T> + <b_A, P_l b_B>, whatever the method."""
        return self.trace[-1]

    def apply(self, model_b: SomeNetwork) -> SomeNetwork:
        """A copy of `model_b` with its neurons aligned; it computes the same function.

        Raises:
            ValueError: if the permutations do not fit the model, or are none.
        """
        return permute(model_b, self.permutations)


def match(
    model_a: Network,
    model_b: Network,
    method: str = "weight",
    data: Shaped[Tensor, "n ..."] | None = None,
    *,
    rng: np.random.Generator | None = None,
) -> Matching:
    """Permutes the hidden neurons of B so that they resemble A's.

    ``naive``, ``weighted`` and ``activation`` go layer by layer from the input on and minimise the
    cost of one layer at a time (Ferbach et al. 2024). ``weight`` is coordinate descent over all
    layers at once on |theta_A - P theta_B|^2 (Git Re-Basin), from B as it came and from the
    layer-by-layer matching of incoming weights and biases; the better end is kept.

    Args:
        model_a: a module that `lmctheory.networks.affine_chain` can read, or such a chain.
        model_b: another of the same architecture.
        method: one of `METHODS`.
        data: inputs ``[n, ...]``; required by ``weighted`` and ``activation``.
        rng: draws the order of the groups in ``weight``; None goes from the input on.

    Raises:
        TypeError: if a model is no affine chain.
        ValueError: for an unknown method, different architectures, NaN or infinite weights, data
            that are missing, empty, not finite or of the wrong width.

    Reference: theory key R1; Ferbach et al. 2024; Ainsworth et al. 2023.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP
        >>> a, b = (MLP((8, 16, 3), rng=torch.Generator().manual_seed(s)) for s in (0, 1))
        >>> matching = match(a, b)
        >>> matching.objective > matching.traces["identity"][0]
        True
        >>> aligned = matching.apply(b)
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {list(METHODS)}, got {method!r}")
    pair = side_by_side(model_a, model_b)
    chain_b = as_chain(model_b).to(dtype=torch.float64)
    if data is not None:
        data = as_inputs(chain_b, data, "data")
    cost = _cost(method, model_a, model_b, data)
    solutions = _solve(pair, cost, rng)
    start = max(solutions, key=lambda name: solutions[name].trace[-1])
    best = solutions[start].alignment
    return Matching(
        method=method,
        permutations=best.permutations,
        cost=group_costs(best, cost),
        traces={name: solution.trace for name, solution in solutions.items()},
        start=start,
        function_change=_function_change(chain_b, best.permutations, data),
    )


def _cost(method: str, model_a: Network, model_b: Network, data: Tensor | None) -> Cost:
    if method == "naive":
        return naive
    if method == "weight":
        return all_parameters
    if data is None:
        raise ValueError(f"method {method!r} needs data, got None")
    if method == "weighted":
        return weighted(second_moments(model_a, data))
    return activation(layer_inputs(model_a, data), layer_inputs(model_b, data))


def _solve(pair: Alignment, cost: Cost, rng: np.random.Generator | None) -> dict[str, Solution]:
    if cost is not all_parameters:
        return {"identity": layer_by_layer(pair, cost)}
    solutions = {"identity": coordinate_descent(pair, rng=rng)}
    if pair.symmetry.interacts:  # else the assignments are independent and exact from any start
        near = layer_by_layer(pair, incoming_parameters).alignment
        solutions["layer by layer"] = coordinate_descent(near, rng=rng)
    return solutions


def _function_change(
    chain: AffineChain, permutations: Mapping[str, np.ndarray], data: Float64[Tensor, "n d"] | None
) -> float:
    x = data[:_CHECKED] if data is not None else _gaussian_inputs(chain)
    return float((chain(x) - permute(chain, permutations)(x)).abs().max())


def _gaussian_inputs(chain: AffineChain) -> Float64[Tensor, "n d"]:
    rng = torch.Generator().manual_seed(0)
    width = chain.weights[0].shape[1]
    x = torch.randn(_CHECKED, width, generator=rng, dtype=torch.float64)
    return x.to(chain.weights[0].device)
