"""Two networks side by side, the second in the order found so far."""

import math
from collections.abc import Callable, Iterator, Mapping
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
from lmctheory.matching.groups import PermutationGroup, Symmetry
from lmctheory.matching.orders import then
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


_AT_ONCE = 2**22
"""Numbers that sums take in double precision together."""


class _Doubled(Mapping[str, Tensor]):
    """Parameters in some order and float64, each made as it is asked for, unless they are kept."""

    def __init__(
        self,
        stored: Mapping[str, Tensor],
        arranged: Callable[[str, Tensor], Tensor],
        *,
        kept: bool,
    ) -> None:
        self._stored = stored
        self._arranged = arranged
        self._kept: dict[str, Tensor] | None = {} if kept else None

    def __getitem__(self, name: str) -> Tensor:
        if self._kept is None:
            return self._made(name)
        if name not in self._kept:
            self._kept[name] = self._made(name)
        return self._kept[name]

    def _made(self, name: str) -> Tensor:
        return self._arranged(name, self._stored[name]).double()

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)


@dataclass(frozen=True)
class Alignment:
    """The state of a solver.

    It holds nothing but the networks' own tensors and the permutations: of a large network no copy
    in another order or type fits in memory.

    Attributes:
        symmetry: the groups of both networks, as they act on parameters.
        stored_a: parameters of A, in its type.
        stored_b: parameters of B, in its type and original order.
        orders: for each group the neurons of B in the order that was found, see `orders`.
        kept: whether `a` and `b` keep what they have been asked for, as few parameters may.
    """

    symmetry: Symmetry
    stored_a: Mapping[str, Tensor]
    stored_b: Mapping[str, Tensor]
    orders: Mapping[str, np.ndarray]
    kept: bool = False

    @cached_property
    def a(self) -> Mapping[str, Tensor]:
        """Parameters of A, float64."""
        return _Doubled(self.stored_a, lambda _, tensor: tensor, kept=self.kept)

    @cached_property
    def b(self) -> Mapping[str, Tensor]:
        """Parameters of B, float64, every group in its order."""
        return _Doubled(self.stored_b, self.arranged, kept=self.kept)

    def arranged(self, parameter: str, tensor: Tensor) -> Tensor:
        """A tensor shaped as one of B's parameters from the original order to this."""
        return self.symmetry.arranged(parameter, tensor, self.orders)

    def turned(self, group: PermutationGroup, order: np.ndarray) -> "Alignment":
        """The alignment after one group was reordered, relative to its present order.

        A group inside a block belongs to the block of B that stands in its slot by now.
        """
        name = self.occupant(group).name
        return replace(
            self,
            orders={**self.orders, name: then(self.orders[name], order)},
        )

    def occupant(self, group: PermutationGroup) -> PermutationGroup:
        """The group of B that is in the place of `group`."""
        if group.parent is None:
            return group
        slot = self.orders[group.parent][group.slot]
        return next(
            sibling
            for sibling in self.symmetry.children(self.symmetry[group.parent])
            if (sibling.family, sibling.slot) == (group.family, slot)
        )

    def in_order(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Tensors shaped as B's parameters, such as gradients, from the original order to this."""
        return {name: self.arranged(name, tensor) for name, tensor in tensors.items()}

    def entries(self, parameter: str, axis: int, size: int) -> Int[np.ndarray, " n"]:
        """For each place along an axis of a parameter the entry of B there by now, see `orders`.

        Args:
            parameter: qualified name.
            axis: of it.
            size: of the axis in B.
        """
        index = np.arange(size)
        for group in self.symmetry.groups:
            for action in group.actions:
                if (action.parameter, action.axis, action.within) == (parameter, axis, None):
                    order = self.orders[group.name]
                    if len(order) == group.size:
                        index[action.index] = then(index, action.entries(order))
                    else:  # chains of different widths
                        index = then(index, order)
        return index

    @cached_property
    def objective(self) -> float:
        """Sum over all parameters of <theta_A, P theta_B>.

        For a chain the sum over layers of <W_A, P_l W_B P_{l-1}^T> + <b_A, P_l b_B>.
        |theta_A|^2 + |theta_B|^2 - 2 objective is the squared distance of the two networks.
        """
        return sum(
            _inner(a, self.arranged(name, self.stored_b[name])) for name, a in self.stored_a.items()
        )

    @cached_property
    def norms(self) -> tuple[float, float]:
        """|theta_A| and |theta_B|, which no permutation changes."""
        a, b = (
            math.hypot(*(_norm(t) for t in net.values())) for net in (self.stored_a, self.stored_b)
        )
        return a, b

    @property
    def scale(self) -> float:
        """|theta_A| |theta_B|, which bounds the objective."""
        return self.norms[0] * self.norms[1]


def _inner(a: Tensor, b: Tensor) -> float:
    """<a, b> in double precision."""
    parts = zip(_in_parts(a), _in_parts(b), strict=True)
    return sum(float(torch.vdot(x.double().ravel(), y.double().ravel())) for x, y in parts)


def _norm(tensor: Tensor) -> float:
    return math.hypot(*(float(torch.linalg.vector_norm(x.double())) for x in _in_parts(tensor)))


def _in_parts(tensor: Tensor) -> Iterator[Tensor]:
    """The tensor, row by row as many as are converted at once."""
    if tensor.numel() <= _AT_ONCE:
        return iter((tensor,))
    return iter(torch.split(tensor, max(1, _AT_ONCE * len(tensor) // tensor.numel())))


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
        {name: t for name, t in parameters(model).items() if t.is_floating_point()}
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
