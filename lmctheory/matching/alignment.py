"""Two networks side by side, the second in the order found so far."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn

from lmctheory.matching._symmetry import (
    Network,
    as_chain,
    common_symmetry,
    own_chain,
    parameters,
)
from lmctheory.matching.groups import PermutationGroup, Symmetry, reorder
from lmctheory.networks import AffineChain
from lmctheory.networks.agreement import require_same_state
from lmctheory.networks.calling import Inputs
from lmctheory.networks.chain import require_same_architecture

__all__ = [
    "Alignment",
    "as_chains",
    "as_they_stand",
    "require_alike",
    "side_by_side",
]


@dataclass(frozen=True)
class Alignment:
    """The state of a solver.

    Attributes:
        symmetry: the groups of both networks, as they act on parameters.
        a: parameters of A, float64.
        b: parameters of B, float64, every group in the order of its permutation.
        permutations: for each group the neurons of B in that order.
    """

    symmetry: Symmetry
    a: Mapping[str, Tensor]
    b: Mapping[str, Tensor]
    permutations: Mapping[str, np.ndarray]

    def turned(self, group: PermutationGroup, order: np.ndarray) -> "Alignment":
        """The alignment after one group was reordered, relative to its present order.

        A group inside a block belongs to the block of B that stands in its slot by now.
        """
        name = self.occupant(group).name
        return replace(
            self,
            b=reorder(self.b, group, order),
            permutations={**self.permutations, name: self.permutations[name][order]},
        )

    def occupant(self, group: PermutationGroup) -> PermutationGroup:
        """The group of B that is in the place of `group`."""
        if group.parent is None:
            return group
        slot = self.permutations[group.parent][group.slot]
        return next(
            sibling
            for sibling in self.symmetry.children(self.symmetry[group.parent])
            if (sibling.family, sibling.slot) == (group.family, slot)
        )

    def in_order(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Tensors shaped as B's parameters, such as gradients, from the original order to this."""
        moved = dict(tensors)
        for group in self.symmetry.on(tensors.keys()).groups:
            moved = reorder(moved, group, self.permutations[group.name])
        return moved

    def entries(self, parameter: str, axis: int, size: int) -> Int[np.ndarray, " n"]:
        """For each place along an axis of a parameter the entry of B that is there by now.

        Args:
            parameter: qualified name.
            axis: of it.
            size: of the axis in B.
        """
        index = np.arange(size)
        for group in self.symmetry.groups:
            for action in group.actions:
                if (action.parameter, action.axis, action.within) == (parameter, axis, None):
                    order = self.permutations[group.name]
                    places = action.index.reshape(group.size, -1)
                    if len(order) != group.size:  # chains of different widths
                        places = np.arange(size)[:, None]
                    index[places.ravel()] = index[places[order].ravel()]
        return index

    @cached_property
    def objective(self) -> float:
        """Sum over all parameters of <theta_A, P theta_B>.

        For a chain the sum over layers of <W_A, P_l W_B P_{l-1}^T> + <b_A, P_l b_B>.
        |theta_A|^2 + |theta_B|^2 - 2 objective is the squared distance of the two networks.
        """
        return sum(float(torch.vdot(a.ravel(), self.b[name].ravel())) for name, a in self.a.items())

    @cached_property
    def norms(self) -> tuple[float, float]:
        """|theta_A| and |theta_B|, which no permutation changes."""
        a, b = (
            math.hypot(*(float(torch.linalg.vector_norm(t)) for t in net.values()))
            for net in (self.a, self.b)
        )
        return a, b

    @property
    def scale(self) -> float:
        """|theta_A| |theta_B|, which bounds the objective."""
        return self.norms[0] * self.norms[1]


def side_by_side(model_a: Network, model_b: Network, example: Inputs | None = None) -> Alignment:
    """The alignment of two networks as they stand.

    Args:
        model_a: a module or chain.
        model_b: another of the same architecture.
        example: inputs ``[n, ...]``; see `symmetry`.

    Raises:
        TypeError: if a module cannot be traced, or needs an example.
        ValueError: if the architectures differ, or parameters or buffers are not finite, or so
            large that their products are not.
    """
    a, b = as_chains(model_a, model_b)
    require_alike(a, b)
    groups = common_symmetry(a, b, example)
    return as_they_stand(a, b, groups.on(parameters(model_a)))


def as_chains(model_a: Network, model_b: Network) -> tuple[Network, Network]:
    """Two networks as chains, whose groups are known without a trace, or else as they are."""
    a = own_chain(model_a)
    b = None if a is None else own_chain(model_b)
    if a is None or b is None or _without_bias(a, model_a) != _without_bias(b, model_b):
        return model_a, model_b
    return a, b


def _without_bias(chain: AffineChain, network: Network) -> set[str]:
    held = parameters(network)
    return {name for name in chain.names if f"{name}.bias" not in held}


def require_alike(model_a: Network, model_b: Network) -> None:
    """Refuses networks that cannot be aligned.

    Raises:
        TypeError: for a chain and a module that is none.
        ValueError: if the architectures differ, or parameters or buffers are not finite.
    """
    if isinstance(model_a, nn.Module) and isinstance(model_b, nn.Module):
        require_same_state(model_a=model_a, model_b=model_b)
        return
    a, b = as_chain(model_a), as_chain(model_b)
    require_same_architecture(a, b)
    if a.names != b.names:
        raise ValueError(
            f"the layers of model_a and model_b must correspond, got {a.names} and {b.names}"
        )


def as_they_stand(model_a: Network, model_b: Network, groups: Symmetry) -> Alignment:
    """The alignment of two networks whose groups are known.

    Raises:
        ValueError: if products of their parameters are not finite.
    """
    a, b = (
        {name: t.double() for name, t in parameters(model).items() if t.is_floating_point()}
        for model in (model_a, model_b)
    )
    groups = groups.on(a.keys())
    pair = Alignment(groups, a, b, {group.name: np.arange(group.size) for group in groups.groups})
    if not math.isfinite(pair.scale):
        name, net = max((("model_a", a), ("model_b", b)), key=lambda item: _largest(item[1]))
        raise ValueError(
            f"{name} must have weights whose products are finite, got one of {_largest(net):.3g}"
        )
    return pair


def _largest(tensors: Mapping[str, Tensor]) -> float:
    return max((float(t.abs().max()) for t in tensors.values() if t.numel()), default=0.0)
