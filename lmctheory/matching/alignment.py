"""Two networks side by side, the second in the order found so far."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int, Shaped
from torch import Tensor, nn

from lmctheory.matching.groups import PermutationGroup, Symmetry, reorder
from lmctheory.matching.symmetry import Network, as_chain, parameters, symmetry
from lmctheory.networks import require_same_architecture
from lmctheory.networks.agreement import require_same_state
from lmctheory.networks.chain import SAME_ARCHITECTURE

__all__ = ["Alignment", "side_by_side"]


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

    @property
    def objective(self) -> float:
        """Sum over all parameters of <theta_A, P theta_B>.

        For a chain the sum over layers of <W_A, P_l W_B P_{l-1}^T> + <b_A, P_l b_B>.
        |theta_A|^2 + |theta_B|^2 - 2 objective is the squared distance of the two networks.
        """
        return sum(float(torch.vdot(a.ravel(), self.b[name].ravel())) for name, a in self.a.items())

    @property
    def scale(self) -> float:
        """|theta_A| |theta_B|, which no permutation changes and which bounds the objective."""
        squares = [sum(float(t.square().sum()) for t in net.values()) for net in (self.a, self.b)]
        return float(np.sqrt(squares[0]) * np.sqrt(squares[1]))


def side_by_side(
    model_a: Network, model_b: Network, example: Shaped[Tensor, "n ..."] | None = None
) -> Alignment:
    """The alignment of two networks as they stand.

    Args:
        model_a: a module or chain.
        model_b: another of the same architecture.
        example: inputs ``[n, ...]``; see `symmetry`.

    Raises:
        TypeError: if a module cannot be traced, or needs an example.
        ValueError: if the architectures differ, or parameters or buffers are not finite.
    """
    _require_same_architecture(model_a, model_b)
    found = symmetry(model_a, example)
    if isinstance(model_a, nn.Module) and symmetry(model_b, example).groups != found.groups:
        raise ValueError(f"{SAME_ARCHITECTURE}, but their neurons can be reordered differently")
    a, b = (
        {name: t.double() for name, t in parameters(model).items() if t.is_floating_point()}
        for model in (model_a, model_b)
    )
    groups = found.on(a.keys())
    return Alignment(groups, a, b, {group.name: np.arange(group.size) for group in groups.groups})


def _require_same_architecture(model_a: Network, model_b: Network) -> None:
    try:
        a, b = as_chain(model_a), as_chain(model_b)
    except TypeError:
        if not (isinstance(model_a, nn.Module) and isinstance(model_b, nn.Module)):
            raise
        require_same_state(model_a=model_a, model_b=model_b)
        return
    require_same_architecture(a, b)
    if a.names != b.names:
        raise ValueError(
            f"the layers of model_a and model_b must correspond, got {a.names} and {b.names}"
        )
