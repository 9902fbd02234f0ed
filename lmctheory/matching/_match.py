"""Matching two networks: cost x solver, and what came of it."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from lmctheory.choices import require_choice
from lmctheory.matching._symmetry import (
    Network,
    SomeNetwork,
    Symmetry,
    change_by,
    common_symmetry,
    double_inputs,
    outputs,
    parameters,
    permute,
    stand_ins,
)
from lmctheory.matching.alignment import (
    as_chains,
    as_they_stand,
    require_alike,
)
from lmctheory.matching.costs.neuron_costs import (
    METHODS,
    Cost,
    activation,
    all_parameters,
    group_costs,
    layer_inputs,
    naive,
    second_moments,
    weighted,
)
from lmctheory.matching.objectives import LOSS, MidpointLoss, similarity
from lmctheory.matching.orders import plain, together
from lmctheory.matching.solvers import SOLVERS, Search, Solver
from lmctheory.measures.arguments import RandomSource, at_least, generator
from lmctheory.measures.display import some, some_items
from lmctheory.networks import AffineChain, Examples
from lmctheory.networks.calling import Inputs, rows
from lmctheory.networks.data import AnyExamples
from lmctheory.results import Result

__all__ = ["Matching", "match", "require_shapes", "shapes_of", "tried"]

_CENTRED = ("weighted", "activation")
_CHECKED = 4
"""Inputs on which a matching is checked; a wrong permutation shows on almost any one of them."""


@dataclass(frozen=True, eq=False, repr=False)
class Matching(Result):
    """Permutations of B's hidden neurons, and signs, that align them with A's.

    Attributes:
        method: one of `METHODS`, or "loss".
        solver: the name of the solver.
        permutations: for each group's name an index array ``[m]``: neuron ``perm[i]`` of B is
            aligned with neuron i of A.
        signs: for each group whose neurons may be negated an array ``[m]`` of 1 and -1: of neuron
            ``perm[i]``, times its sign.
        cost: for each group's name the cost per neuron (1/m) sum_i |a_i - s_i b_perm(i)|^2 in the
            method's own metric, the other groups aligned too. What a_i is: for `naive` and
            `weighted` the incoming weights, Euclidean or in the metric Sigma_{l-1} of A (for
            Gaussian rows R11 bounds the mean of both); for `activation` the activations, in mean
            square over the data; for `weight` and `loss` all parameters that touch the neuron.
        traces: for each start what the solver maximises, there and after each of its passes: the
            objective below, or for `loss` minus the mean loss at the midpoint.
        start: the start that was kept.
        objective: sum over all parameters of <theta_A, P theta_B>, whatever the method; for a chain
            the sum over layers of <W_A, P_l W_B P_{l-1}^T> + <b_A, P_l b_B>.
        function_change: max over inputs of |f_B(x) - f_{apply(B)}(x)|, in float64, on the first
            examples of the data or, for a chain, on Gaussian inputs: rounding alone.
        symmetry: the groups of the networks.
        shapes: of their parameters.
    """

    method: str
    solver: str
    permutations: Mapping[str, np.ndarray]
    signs: Mapping[str, np.ndarray]
    cost: Mapping[str, float]
    traces: Mapping[str, tuple[float, ...]]
    start: str
    objective: float
    function_change: float
    symmetry: Symmetry
    shapes: Mapping[str, tuple[int, ...]]

    def __repr__(self) -> str:
        return (
            f"Matching(method={self.method!r}, solver={self.solver!r}, start={self.start!r}, "
            f"objective={self.objective:.6g}, function_change={self.function_change:.2g}, "
            f"cost={some_items(self.cost)})"
        )

    @property
    def trace(self) -> tuple[float, ...]:
        """What was maximised, at the kept start and after each pass."""
        return self.traces[self.start]

    @property
    def orders(self) -> dict[str, np.ndarray]:
        """Permutations and signs as one array each, see `lmctheory.matching.orders`."""
        return together(self.permutations, self.signs)

    def apply(self, model_b: SomeNetwork) -> SomeNetwork:
        """A copy of `model_b` with its neurons aligned; it computes the same function.

        Raises:
            ValueError: if the model's parameters are not those of the networks that were matched.
        """
        require_shapes(
            "model_b must have the parameters of the networks that were matched",
            shapes_of(parameters(model_b)),
            self.shapes,
        )
        return permute(model_b, self.permutations, self.symmetry, self.signs)


def match(
    model_a: Network,
    model_b: Network,
    method: str = "weight",
    data: Inputs | AnyExamples | None = None,
    *,
    solver: str | Solver | None = None,
    signs: bool = True,
    centred: bool = False,
    restarts: int = 0,
    rng: RandomSource | None = None,
) -> Matching:
    """Permutes the hidden neurons of B, and negates some, so that they resemble A's.

    Neurons of an odd activation (tanh, erf, the identity) equal their own negatives, with negated
    weights before and after: where a group is signed (`PermutationGroup.signed`), each neuron is
    aligned as it is or negated, whichever is better. Every solver does so, but that ``sinkhorn``
    takes the signs of its start and of coordinate descent.

    ``naive``, ``weighted`` and ``activation`` go layer by layer from the input on and minimise the
    cost of one layer at a time (Ferbach et al. 2024). ``weight`` maximises the objective
    <theta_A, P theta_B> over all layers at once, and so minimises |theta_A - P theta_B|^2. ``loss``
    minimises the loss of the network (theta_A + P theta_B) / 2.

    The solvers of ``weight``: ``coordinate_descent`` (Git Re-Basin, the default) from the
    layer-by-layer matching of those weights whose inputs are matched already, from B as it came
    where that can be better and, where no layer is wider than 128, from both ends of
    ``frank_wolfe``; ``frank_wolfe`` from the mean of all permutations, and from halfway to B as it
    came; ``sinkhorn`` from the mean; ``exhaustive``, which tries all. The solvers of ``loss``:
    ``sinkhorn``, the default, from the mean and from halfway to the weight matching;
    ``straight_through`` from the weight matching; ``exhaustive``. The best end of all starts is
    kept.

    Args:
        model_a: any module of which `lmctheory.matching.symmetry` finds the groups, or a chain.
        model_b: another of the same architecture.
        method: one of `METHODS`, or "loss".
        data: inputs ``[n, ...]`` (a tensor, a tuple of them or a mapping by name) or examples;
            inputs are required by ``weighted``, ``activation`` and modules that
            `lmctheory.networks.affine_chain` cannot read, labels by ``loss``.
        solver: the name of one that solves the method's problem, or a
            `lmctheory.matching.solvers.Solver` of one's own; None is the method's default.
        signs: whether neurons may be negated where the function allows it.
        centred: for ``weighted`` and ``activation``, takes the covariance of activations in place
            of their second moment: the mean over the data is removed from each.
        restarts: so many further starts from random permutations, and signs.
        rng: draws the random starts and the order of the groups in ``coordinate_descent``; None,
            where nothing has to be drawn, goes from the input on.

    Warns:
        UserWarning: if none of the neurons can be reordered; it names the reasons.

    Raises:
        TypeError: for a bad `rng`; if a model cannot be traced, data are needed to do so, or it
            returns no tensor that is its output; if it keeps derivatives from autograd that
            ``loss`` needs; for data that are neither a tensor nor examples.
        ValueError: for an unknown method or solver or one that does not solve the method's problem,
            different architectures, NaN or infinite weights, data that are missing, empty, not
            finite or of the wrong width, labels that are missing or no classes, negative restarts,
            restarts of a solver without starts, a missing `rng`, too many permutations to try, or
            `centred` for a method that takes no moments of activations.

    Reference: theory key R1; Ferbach et al. 2024; Ainsworth et al. 2023; Crisostomi et al. 2024;
        Pena et al. 2023; Entezari et al. 2022.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP
        >>> a, b = (MLP((8, 16, 3), rng=torch.Generator().manual_seed(s)) for s in (0, 1))
        >>> matching = match(a, b)
        >>> matching.objective > matching.traces["identity"][0]
        True
        >>> aligned = matching.apply(b)
    """
    if centred and method not in _CENTRED:
        raise ValueError(f"centred is of methods {_CENTRED}, got {method!r}")
    chosen, rng = _solver(method, solver), None if rng is None else generator(rng)
    restarts = _checked_restarts(chosen, restarts, rng)
    a, b = as_chains(model_a, model_b)
    require_alike(a, b)
    inputs, seen, before = tried(b, data)
    groups = common_symmetry(a, b, inputs)
    groups = groups if signs else groups.unsigned
    pair = as_they_stand(a, b, groups)
    if not pair.symmetry.groups:
        reasons = some(f"{name!r}: {reason}" for name, reason in groups.fixed.items())
        warnings.warn(f"no neurons can be reordered: {reasons}", stacklevel=2)
    cost = _cost(method, a, b, inputs, centred=centred)
    objective = _midpoint_loss(b, data) if method == LOSS else similarity
    found = chosen.solve(Search(pair, method, cost, objective, restarts, rng))
    start = max(found, key=lambda name: found[name].trace[-1])
    best = found[start].alignment
    return Matching(
        method=method,
        solver=chosen.name,
        permutations=plain(best.orders),
        signs=groups.signs(best.orders),
        cost=group_costs(best, cost),
        traces={name: solution.trace for name, solution in found.items()},
        start=start,
        objective=best.objective,
        function_change=change_by(best.orders, b, groups, seen, before),
        symmetry=groups.on(parameters(model_b)) if isinstance(b, AffineChain) else groups,
        shapes=shapes_of(parameters(model_b)),
    )


def _solver(method: str, solver: str | Solver | None) -> Solver:
    require_choice("method", method, (*METHODS, LOSS))
    fitting = {name: known for name, known in SOLVERS.items() if method in known.methods}
    if solver is None:
        return next(iter(fitting.values()))
    if isinstance(solver, Solver):
        if method not in solver.methods:
            raise ValueError(f"solver {solver.name!r} is for {solver.methods}, got {method!r}")
        return solver
    if solver not in fitting:
        raise ValueError(
            f"solver for method {method!r} must be one of {list(fitting)}, got {solver!r}"
        )
    return fitting[solver]


def _checked_restarts(solver: Solver, restarts: int, rng: np.random.Generator | None) -> int:
    restarts = at_least("restarts", restarts, 0)
    if restarts and not solver.restarts:
        raise ValueError(f"solver {solver.name!r} has no start to choose, got restarts={restarts}")
    if restarts and rng is None:
        raise ValueError(f"restarts={restarts} needs rng, a NumPy generator, got None")
    return restarts


def _cost(
    method: str, model_a: Network, model_b: Network, inputs: Inputs | None, *, centred: bool
) -> Cost:
    if method == "naive":
        return naive
    if method in ("weight", LOSS):
        return all_parameters
    if inputs is None:
        raise ValueError(f"method {method!r} needs data, got None")
    if method == "weighted":
        return weighted(second_moments(model_a, inputs, centred=centred))
    seen = [layer_inputs(model, inputs) for model in (model_a, model_b)]
    if centred:
        seen = [{name: x - x.mean(0) for name, x in of.items()} for of in seen]
    return activation(*seen)


def _midpoint_loss(network: Network, data: Inputs | AnyExamples | None) -> MidpointLoss:
    if not isinstance(data, Examples):
        raise ValueError(
            f"method {LOSS!r} needs data with labels, Examples, got {type(data).__name__}"
        )
    objective = MidpointLoss.of(network, data)
    data.loss.require_fit(objective.outputs(2), data.labels)
    return objective


def shapes_of(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """By name the shapes of some tensors."""
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def require_shapes(
    required: str, found: Mapping[str, tuple[int, ...]], matched: Mapping[str, tuple[int, ...]]
) -> None:
    """Refuses a network that is none of those that were matched.

    Args:
        required: what the message says of it.
        found: the shapes of its tensors.
        matched: what they have to be.

    Raises:
        ValueError: naming the first that differs.
    """
    for name in [*matched, *found]:
        if found.get(name) != matched.get(name):
            raise ValueError(
                f"{required}, but {name!r} has shape {found.get(name)}, not {matched.get(name)}"
            )


def tried(
    network: Network, data: Inputs | AnyExamples | None
) -> tuple[Inputs | None, Inputs, Tensor]:
    """Refuses data with which a network could not be checked after the work.

    Returns:
        The inputs, if any; a few of them, or for a chain without any Gaussian ones; and what the
        network makes of those few.

    Raises:
        TypeError: for data that are neither a tensor nor examples, none where they are needed to
            find the network's neurons, or a network that returns no output.
        ValueError: for data that do not fit.
    """
    if data is None:
        seen = stand_ins(network, _CHECKED)
        return None, seen, outputs(network, seen)
    raw = data.inputs if isinstance(data, Examples) else data
    inputs = double_inputs(network, raw, "data")
    few = rows(inputs, slice(_CHECKED))
    return inputs, few, outputs(network, few, "data")
