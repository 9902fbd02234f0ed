"""What it costs to align two neurons: one ingredient of a matching, the solver being the other.

A cost describes each neuron of a group by feature vectors x in a metric S. Aligning neuron i of A
with neuron j of B costs (x_i - y_j)^T S (x_i - y_j), and since the squares do not depend on the
permutation, minimising the cost is maximising the gain x_i^T S y_j. A permutation that minimises
the mean cost attains W_2^2 between the two layers' empirical measures (R1).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Float64, Shaped
from torch import Tensor

from lmctheory.matching.alignment import Alignment, side_by_side
from lmctheory.matching.symmetry import (
    Action,
    Network,
    PermutationGroup,
    as_chain,
    as_inputs,
)

__all__ = [
    "Cost",
    "Features",
    "activation",
    "all_parameters",
    "gain_matrix",
    "incoming_parameters",
    "layer_costs",
    "layer_inputs",
    "naive",
    "second_moments",
    "weighted",
]


@dataclass(frozen=True)
class Features:
    """Feature vectors of a group's neurons, B's in its present order.

    Attributes:
        a: ``[m, k]``, a row for each neuron of A.
        b: ``[m, k]``, likewise for B.
        metric: the metric S ``[k, k]``; None is the Euclidean one.
    """

    a: Float64[Tensor, "m k"]
    b: Float64[Tensor, "m k"]
    metric: Float64[Tensor, "k k"] | None = None

    @property
    def gain(self) -> Float64[Tensor, "m m"]:
        """The matrix a S b^T."""
        return (self.a if self.metric is None else self.a @ self.metric) @ self.b.mT

    @property
    def cost(self) -> float:
        """Mean over i of (a_i - b_i)^T S (a_i - b_i), neurons aligned as they stand."""
        gap = self.a - self.b
        weighted_gap = gap if self.metric is None else gap @ self.metric
        # a semi-definite form: rounding alone can make it negative
        return max(0.0, float((weighted_gap * gap).sum()) / len(gap))


Cost: TypeAlias = Callable[[PermutationGroup, Alignment], list[Features]]
"""From a group and the state of the other groups to its features; gains and costs add up."""


def gain_matrix(features: Iterable[Features]) -> Float64[Tensor, "m m"]:
    """Gain of aligning neuron i of A with neuron j of B, to be maximised."""
    first, *rest = features
    gain = first.gain
    for block in rest:
        gain += block.gain
    return gain


def naive(group: PermutationGroup, pair: Alignment) -> list[Features]:
    """Incoming weights without biases: gain W_A W_B^T, B's columns in the order found before.

    Reference: Ferbach et al. 2024, "naive" matching. If the rows of A and B are independent
    samples of one law, the least cost is the W_2^2 that R11 bounds for that law.
    """
    return [Features(pair.a[name], pair.b[name]) for name in group.incoming]


def weighted(moments: Mapping[str, Float64[Tensor, "k k"]]) -> Cost:
    """Incoming weights in the metric of their inputs: gain W_A Sigma_{l-1} W_B^T.

    Its cost is the mean squared difference of the pre-activations without biases, both layers fed
    with the inputs behind Sigma. For Gaussian rows of covariance C, R11 bounds it at the spectrum
    of Sigma^{1/2} C Sigma^{1/2}.

    Args:
        moments: for each weight the uncentred second moment of its inputs, see `second_moments`;
            network A's in Ferbach et al.

    Reference: Ferbach et al. 2024, "weighted" matching.
    """

    def cost(group: PermutationGroup, pair: Alignment) -> list[Features]:
        return [Features(pair.a[name], pair.b[name], moments[name]) for name in group.incoming]

    return cost


def activation(
    inputs_a: Mapping[str, Float64[Tensor, "n k"]], inputs_b: Mapping[str, Float64[Tensor, "n k"]]
) -> Cost:
    """Activations after the non-linearity: gain (1/n) sum over x of phi_A(x) phi_B(x)^T.

    B's other permutations do not matter: they leave the function of every neuron as it is and
    change only the order in which the next layer reads them.

    Args:
        inputs_a: inputs ``[n, m_{l-1}]`` of each weight of A, see `layer_inputs`.
        inputs_b: those of B, in its original order.

    Reference: Ferbach et al. 2024 and Ainsworth et al. 2023, activation matching.
    """

    def cost(group: PermutationGroup, pair: Alignment) -> list[Features]:
        phi_a, phi_b = inputs_a[group.outgoing[0]], inputs_b[group.outgoing[0]]
        order = torch.as_tensor(pair.permutations[group.name], device=phi_b.device)
        scale = len(phi_a) ** -0.5
        return [Features(phi_a.mT * scale, phi_b.index_select(1, order).mT * scale)]

    return cost


def incoming_parameters(group: PermutationGroup, pair: Alignment) -> list[Features]:
    """Incoming weights and biases: all that produces the neurons."""
    actions = [a for a in group.actions if a.parameter not in group.outgoing]
    return [_joined(pair, actions)]


def all_parameters(group: PermutationGroup, pair: Alignment) -> list[Features]:
    """All parameters that touch the neurons, biases and outgoing weights included.

    The gain at i = j sums to this group's share of `Alignment.objective`.

    Reference: Ainsworth et al. 2023 (Git Re-Basin), weight matching.
    """
    return [_joined(pair, group.actions)]


def _joined(pair: Alignment, actions: Iterable[Action]) -> Features:
    # one wide product is faster than the sum of several
    a, b = (
        torch.cat([action.rows(tensors[action.parameter]) for action in actions], dim=1)
        for tensors in (pair.a, pair.b)
    )
    return Features(a, b)


def layer_inputs(network: Network, data: Shaped[Tensor, "n ..."]) -> dict[str, Tensor]:
    """What each weight reads on the data: x for the first, phi_{l-1}(x) for W_l.

    Args:
        network: a module or chain.
        data: inputs ``[n, ...]``.

    Returns:
        For each weight's name a float64 matrix ``[n, m_{l-1}]``.

    Raises:
        ValueError: for empty data or inputs that do not fit.
    """
    chain = as_chain(network).to(dtype=torch.float64)
    x = as_inputs(chain, data, "data")
    inputs = [x, *(phi for _, phi in chain.hidden(x))]
    return {f"{name}.weight": phi for name, phi in zip(chain.names, inputs, strict=True)}


def second_moments(network: Network, data: Shaped[Tensor, "n ..."]) -> dict[str, Tensor]:
    """Sigma_{l-1} = (1/n) sum over x of phi_{l-1}(x) phi_{l-1}(x)^T, for each weight W_l.

    Args:
        network: a module or chain.
        data: inputs ``[n, ...]``.

    Returns:
        For each weight's name an uncentred second moment ``[m_{l-1}, m_{l-1}]``, float64.

    Raises:
        ValueError: for empty data or inputs that do not fit.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> second_moments(nn.Sequential(nn.Linear(2, 1)), torch.tensor([[3.0, 4.0]]))["0.weight"]
        tensor([[ 9., 12.],
                [12., 16.]], dtype=torch.float64)
    """
    inputs = layer_inputs(network, data)
    return {name: phi.mT @ phi / len(phi) for name, phi in inputs.items()}


def layer_costs(
    model_a: Network,
    model_b: Network,
    moments: Mapping[str, Float64[Tensor, "k k"]] | None = None,
) -> dict[str, float]:
    """Cost per neuron of each hidden layer's incoming weights, the networks aligned as they stand.

    (1/m_l) sum_i (w_i^A - w_i^B)^T S (w_i^A - w_i^B), w_i the rows of W_l, with S the identity or
    the second moment of the layer's inputs: comparable across all matchings.

    Args:
        model_a: a module or chain.
        model_b: another of the same architecture, its neurons aligned with A's.
        moments: S for each weight, see `second_moments`; None is the Euclidean metric.

    Returns:
        For each group's name the cost.

    Raises:
        ValueError: if the architectures differ or weights are not finite.

    Example:
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
        >>> layer_costs(net, net)
        {'0': 0.0}
    """
    pair = side_by_side(model_a, model_b)
    return group_costs(pair, naive if moments is None else weighted(moments))


def group_costs(pair: Alignment, cost: Cost) -> dict[str, float]:
    """Cost per neuron of each group, the networks aligned as they stand."""
    return {
        group.name: sum(features.cost for features in cost(group, pair))
        for group in pair.symmetry.groups
    }
