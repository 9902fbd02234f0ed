"""What it costs to align two neurons: one ingredient of a matching, the solver being the other.

A cost describes each neuron of a group by feature vectors x in a metric S. Aligning neuron i of A
with neuron j of B costs (x_i - y_j)^T S (x_i - y_j), and since the squares do not depend on the
permutation, minimising the cost is maximising the gain x_i^T S y_j. A permutation that minimises
the mean cost attains W_2^2 between the two layers' empirical measures (R1).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float64, Shaped
from torch import Tensor, nn

from lmctheory.matching._symmetry import Network, double_inputs
from lmctheory.matching.alignment import Alignment, side_by_side
from lmctheory.matching.costs.activation_costs import activation, pre_activation
from lmctheory.matching.costs.neuron_features import (
    Cost,
    Features,
    gain_matrix,
    gain_of,
    incoming,
)
from lmctheory.matching.costs.responses import (
    compressed_responses,
    layer_inputs,
    layer_outputs,
    second_moments,
)
from lmctheory.matching.groups import Action, PermutationGroup
from lmctheory.matching.orders import encoded, neurons, selected, signs
from lmctheory.networks import Examples
from lmctheory.networks.calling import call
from lmctheory.networks.losses import LossLike
from lmctheory.networks.state import copied, seeded

__all__ = [
    "METHODS",
    "Cost",
    "Features",
    "activation",
    "all_parameters",
    "combined",
    "compressed_responses",
    "gain_matrix",
    "gain_of",
    "gradient",
    "layer_costs",
    "layer_inputs",
    "layer_outputs",
    "naive",
    "pre_activation",
    "second_moments",
    "weighted",
]

METHODS = ("naive", "weighted", "activation", "weight")
"""The matchings by a cost of neurons that `match` knows."""


def naive(group: PermutationGroup, pair: Alignment) -> list[Features]:
    """Incoming weights without biases: gain W_A W_B^T, B's columns in the order found before.

    Neurons of a residual stream have several incoming weights, whose gains add up. Neurons that no
    weight makes (padding, low-rank factors) are described by all their parameters.

    Reference: Ferbach et al. 2024, "naive" matching. If the rows of A and B are independent
    samples of one law, the least cost is the W_2^2 that R11 bounds for that law.
    """
    if not incoming(group):
        return all_parameters(group, pair)
    return [_features(action, pair) for action in incoming(group)]


def weighted(
    moments: Mapping[str, Float64[Tensor, "_ _"]],
    moments_b: Mapping[str, Float64[Tensor, "_ _"]] | None = None,
) -> Cost:
    """Incoming weights in the metric of their inputs: gain W_A Sigma_{l-1} W_B^T.

    Its cost is the mean squared difference of the pre-activations without biases, both layers fed
    with the inputs behind Sigma. For Gaussian rows of covariance C, R11 bounds it at the spectrum
    of Sigma^{1/2} C Sigma^{1/2}.

    Args:
        moments: for each weight the second moment of its inputs, see `second_moments`; network A's
            in Ferbach et al. Weights without one (embeddings, grouped convolutions) are compared
            in the Euclidean metric.
        moments_b: those of B in its original order: the metric is then (Sigma_A + P Sigma_B P^T)/2,
            symmetric in the networks, as D1 needs it.

    Reference: Ferbach et al. 2024, "weighted" matching; theory key D1.
    """

    def metric(name: str, pair: Alignment) -> Tensor | None:
        of_a = moments.get(name)
        if of_a is None or moments_b is None:
            return of_a
        of_b = moments_b[name]
        kernel = pair.stored_a[name][0, 0].numel()
        entries = pair.entries(name, 1, len(of_b) // kernel)
        columns = encoded(
            (neurons(entries)[:, None] * kernel + np.arange(kernel)).ravel(),
            np.repeat(signs(entries), kernel),
        )
        return (of_a + selected(selected(of_b, 0, columns), 1, columns)) / 2

    def cost(group: PermutationGroup, pair: Alignment) -> list[Features]:
        if not incoming(group):
            return all_parameters(group, pair)
        return [_features(a, pair, metric(a.parameter, pair)) for a in incoming(group)]

    return cost


def gradient(
    model_a: nn.Module,
    model_b: nn.Module,
    inputs: Shaped[Tensor, "n ..."],
    labels: Shaped[Tensor, "n ..."],
    *,
    loss: LossLike = "cross_entropy",
) -> Cost:
    """Gradients of the mean loss with respect to all parameters that touch the neurons.

    Args:
        model_a: network A, evaluated in evaluation mode and float64.
        model_b: network B, in its original order.
        inputs: ``[n, ...]``, taken in one pass.
        labels: ``[n, ...]``, what the loss takes.
        loss: as `Examples` take it.
    """
    data = Examples(inputs, labels, loss)
    grads_a, grads_b = (_gradients(model, data) for model in (model_a, model_b))

    def cost(group: PermutationGroup, pair: Alignment) -> list[Features]:
        touched = {action.parameter for action in group.actions}
        b = pair.in_order({name: grads_b[name] for name in touched})
        return _joined(group.actions, grads_a, b)

    return cost


def combined(costs: Sequence[tuple[Cost, float]]) -> Cost:
    """A convex combination of costs, each in units of its own.

    Costs differ in units, so the features of each are first scaled to norm one: over all neurons
    of the group sum_i |a_i|^2 = 1 in A, likewise in B. Each gain is then at most one (Cauchy and
    Schwarz), one for equal features; a cost whose features vanish gains nothing.

    Args:
        costs: each with its share; shares are not negative and of sum one.

    Raises:
        ValueError: for no costs, or other shares.
    """
    shares = [share for _, share in costs]
    if not costs or min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
        raise ValueError(f"shares must be >= 0 and of sum one, got {shares}")

    def cost(group: PermutationGroup, pair: Alignment) -> list[Features]:
        return [
            features
            for part, share in costs
            if share > 0
            for features in _normalised(part(group, pair), share)
        ]

    return cost


def all_parameters(group: PermutationGroup, pair: Alignment) -> list[Features]:
    """All parameters that touch the neurons, biases and outgoing weights included.

    The gain at i = j sums to this group's share of `Alignment.objective`.

    Reference: Ainsworth et al. 2023 (Git Re-Basin), weight matching.
    """
    return _joined(group.actions, pair.a, pair.b)


def layer_costs(
    model_a: Network,
    model_b: Network,
    moments: Mapping[str, Float64[Tensor, "_ _"]] | None = None,
    example: Shaped[Tensor, "n ..."] | None = None,
) -> dict[str, float]:
    """Cost per neuron of each group's incoming weights, the networks aligned as they stand.

    (1/m_l) sum_i (w_i^A - w_i^B)^T S (w_i^A - w_i^B), w_i the rows of W_l, with S the identity or
    the second moment of the layer's inputs: comparable across all matchings.

    Args:
        model_a: a module or chain.
        model_b: another of the same architecture, its neurons aligned with A's.
        moments: S for each weight, see `second_moments`; None is the Euclidean metric.
        example: inputs ``[n, ...]``, if `lmctheory.matching.symmetry` needs them.

    Returns:
        For each group's name the cost.

    Raises:
        TypeError: if a module cannot be traced, or needs an example.
        ValueError: if the architectures differ or weights are not finite.

    Example:
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
        >>> layer_costs(net, net)
        {'0': 0.0}
    """
    pair = side_by_side(model_a, model_b, example)
    return group_costs(pair, naive if moments is None else weighted(moments))


def group_costs(pair: Alignment, cost: Cost) -> dict[str, float]:
    """Cost per neuron of each group, the networks aligned as they stand."""
    if cost is all_parameters:
        return _parameter_costs(pair)
    return {
        group.name: sum(features.cost for features in cost(group, pair))
        for group in pair.symmetry.groups
    }


def _parameter_costs(pair: Alignment) -> dict[str, float]:
    """`group_costs` by `all_parameters`: each parameter is compared once for all its groups."""
    sizes = {group.name: group.size for group in pair.symmetry.groups}
    costs = dict.fromkeys(sizes, 0.0)
    for parameter, actions in pair.symmetry.acting.items():
        squares = (pair.b[parameter] - pair.stored_a[parameter]).square_()
        whole = float(squares.sum())
        for name, action in actions:
            is_all = len(action.index) == squares.shape[action.axis]
            share = whole if is_all else float(action.rows(squares).sum())
            costs[name] += share / sizes[name]
    return costs


def _features(action: Action, pair: Alignment, metric: Tensor | None = None) -> Features:
    a, b = pair.a[action.parameter], pair.b[action.parameter]
    if a.shape[action.axis] != b.shape[action.axis]:  # chains of different widths
        return Features(a, b, metric)
    return Features(action.rows(a), action.rows(b), metric, action.negated)


def _joined(
    actions: Sequence[Action], in_a: Mapping[str, Tensor], in_b: Mapping[str, Tensor]
) -> list[Features]:
    # one wide product is faster than the sum of several
    found = []
    for negated in (False, True):
        alike = [action for action in actions if action.negated is negated]
        if alike:
            a, b = (
                torch.cat([action.rows(tensors[action.parameter]) for action in alike], dim=1)
                for tensors in (in_a, in_b)
            )
            found.append(Features(a, b, negated=negated))
    return found


def _normalised(found: Sequence[Features], share: float) -> list[Features]:
    squares = np.array([features.squares for features in found]).reshape(-1, 2).sum(axis=0)
    a, b = (share**0.5 / s**0.5 if s > 0 else 0.0 for s in squares.tolist())
    return [features.scaled(a, b) for features in found]


def _gradients(model: nn.Module, data: Examples) -> dict[str, Tensor]:
    model = copied(model).eval().double().requires_grad_()
    x = double_inputs(model, data.inputs, "inputs")
    named = dict(model.named_parameters())
    with seeded():
        outputs = call(model, x)
        loss = data.loss.mean(outputs, data.labels.to(outputs.device))
    found = torch.autograd.grad(loss, list(named.values()), materialize_grads=True)
    return dict(zip(named, found, strict=True))
