"""Two networks side by side, the second in the order found so far."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lmctheory.matching.symmetry import (
    Network,
    PermutationGroup,
    Symmetry,
    as_chain,
    parameters,
    reorder,
    symmetry,
)
from lmctheory.networks import require_same_architecture

__all__ = ["Alignment", "side_by_side"]


@dataclass(frozen=True)
class Alignment:
    """The state of a solver.

    Attributes:
        symmetry: the groups of both networks.
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
        name = self._occupant(group).name
        return replace(
            self,
            b=reorder(self.b, group, order),
            permutations={**self.permutations, name: self.permutations[name][order]},
        )

    def _occupant(self, group: PermutationGroup) -> PermutationGroup:
        """The group of B that is in the place of `group`."""
        if group.parent is None:
            return group
        slot = self.permutations[group.parent][group.slot]
        return next(
            sibling
            for sibling in self.symmetry.children(self.symmetry[group.parent])
            if (sibling.family, sibling.slot) == (group.family, slot)
        )

    @property
    def objective(self) -> float:
        """Sum over layers of <W_A, P_l W_B P_{l-1}^T> + <b_A, P_l b_B>.

        |theta_A|^2 + |theta_B|^2 - 2 objective is the squared distance of the two networks.
        """
        return sum(float(torch.vdot(a.ravel(), self.b[name].ravel())) for name, a in self.a.items())

    @property
    def scale(self) -> float:
        """|theta_A| |theta_B|, which no permutation changes and which bounds the objective."""
        squares = [sum(float(t.square().sum()) for t in net.values()) for net in (self.a, self.b)]
        return float(np.sqrt(squares[0]) * np.sqrt(squares[1]))


def side_by_side(model_a: Network, model_b: Network) -> Alignment:
    """The alignment of two networks as they stand.

    Raises:
        TypeError: if either is no affine chain.
        ValueError: if the architectures differ or weights are not finite.
    """
    a, b = as_chain(model_a), as_chain(model_b)
    require_same_architecture(a, b)
    if a.names != b.names:
        raise ValueError(
            f"the layers of model_a and model_b must correspond, got {a.names} and {b.names}"
        )
    groups = symmetry(a)
    return Alignment(
        groups,
        parameters(a.to(dtype=torch.float64)),
        parameters(b.to(dtype=torch.float64)),
        {group.name: np.arange(group.size) for group in groups.groups},
    )
