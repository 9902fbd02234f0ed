"""The permutation symmetry of a network: which axes of which parameters move together."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Float64, Int, Shaped
from torch import Tensor, nn

from lmctheory.networks import AffineChain, affine_chain, evaluation_mode

__all__ = [
    "Action",
    "Coupling",
    "Network",
    "PermutationGroup",
    "Site",
    "Symmetry",
    "parameters",
    "permute",
    "symmetry",
]

Network: TypeAlias = nn.Module | AffineChain
"""Whatever can be matched: a user's module, or a chain taken out of a stack of networks."""

SomeNetwork = TypeVar("SomeNetwork", nn.Module, AffineChain)


@dataclass(frozen=True)
class Action:
    """How a group acts on one parameter: neuron i owns the entries ``positions[i]`` of an axis.

    Reordering the neurons puts the entries of neuron ``perm[i]`` where those of neuron i were. One
    neuron owns one entry of a linear layer's rows, but a whole block of the columns that read a
    flattened convolution, and an attention head owns a block of rows in each of its projections.

    Attributes:
        parameter: qualified name.
        axis: of the parameter.
        positions: for each neuron its entries ``[m][k]``.
        within: the range of axis 0 to which it is confined, where weights of independent parts of
            a layer lie in one tensor (grouped convolutions); None is all of it.
    """

    parameter: str
    axis: int
    positions: tuple[tuple[int, ...], ...]
    within: tuple[int, int] | None = None

    @cached_property
    def index(self) -> Int[np.ndarray, " n"]:
        """All entries, neuron after neuron."""
        return np.array(self.positions).ravel()

    def part(self, tensor: Tensor) -> Tensor:
        """A view of what the action can reach."""
        return tensor if self.within is None else tensor[slice(*self.within)]

    def rows(self, tensor: Tensor) -> Float[Tensor, "m k"]:
        """All that belongs to each neuron, a row each."""
        part = self.part(tensor)
        if not self._in_order(part.shape[self.axis]):
            index = torch.as_tensor(self.index, device=part.device)
            part = part.index_select(self.axis, index)
        return part.movedim(self.axis, 0).reshape(len(self.positions), -1)

    def reorder(self, tensor: Tensor, order: Int[np.ndarray, " m"]) -> Tensor:
        """A tensor in which place i holds neuron ``order[i]``."""
        part = self.part(tensor)
        index = np.arange(part.shape[self.axis])
        index[self.index] = np.array(self.positions)[order].ravel()
        moved = part.index_select(self.axis, torch.as_tensor(index, device=part.device))
        if self.within is None:
            return moved
        result = tensor.clone()
        self.part(result).copy_(moved)
        return result

    def _in_order(self, size: int) -> bool:
        return len(self.index) == size and bool((np.diff(self.index) == 1).all())


@dataclass(frozen=True)
class Site:
    """Where a group's neurons can be seen at work: an axis of a module's input or output.

    Attributes:
        module: qualified name.
        axis: of the tensor, examples being axis 0.
        positions: for each neuron its entries ``[m][k]``, as in `Action`.
    """

    module: str
    axis: int
    positions: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class PermutationGroup:
    """Neurons that can be reordered without changing the function.

    A permutation is an index array: ``perm[i]`` is the neuron of B that is aligned with neuron i of
    A, so ``W_B[perm]`` is the aligned layer.

    Attributes:
        name: of the layer whose neurons they are.
        size: number m of neurons.
        actions: on every parameter that it moves.
        incoming: the weights whose rows are the neurons.
        outgoing: the weights that read the neurons.
        writes: outputs of modules that hold the neurons before the non-linearity.
        reads: inputs of modules that hold them after it.
        parent: for neurons inside a block (a head's channels) the group that moves whole blocks.
        family: which of the parent's blocks they lie in: blocks of one family are alike.
        slot: the number of that block.
    """

    name: str
    size: int
    actions: tuple[Action, ...]
    incoming: tuple[str, ...]
    outgoing: tuple[str, ...]
    writes: tuple[Site, ...] = ()
    reads: tuple[Site, ...] = ()
    parent: str | None = None
    family: str = ""
    slot: int = 0

    @property
    def axes(self) -> tuple[tuple[str, int], ...]:
        """Every ``(parameter, axis)`` that the permutation acts on."""
        return tuple((action.parameter, action.axis) for action in self.actions)


@dataclass(frozen=True)
class Coupling:
    """A parameter on which two groups act: `action` is the one's, `other_action` the other's."""

    action: Action
    other: PermutationGroup
    other_action: Action


@dataclass(frozen=True)
class Symmetry:
    """All permutation groups of a network, from the input on. Input and output stay fixed.

    Attributes:
        groups: a group that moves blocks comes after those inside its blocks, and is applied after
            them.
        fixed: for each layer whose neurons cannot be reordered, the reason.
    """

    groups: tuple[PermutationGroup, ...]
    fixed: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> PermutationGroup:
        """The group of a name."""
        return next(group for group in self.groups if group.name == name)

    def couplings(self, group: PermutationGroup) -> Iterator[Coupling]:
        """The parameters that `group` shares with other groups."""
        for action in group.actions:
            for other in self.groups:
                for other_action in other.actions:
                    if other_action.parameter == action.parameter and other != group:
                        yield Coupling(action, other, other_action)

    def children(self, parent: PermutationGroup) -> tuple[PermutationGroup, ...]:
        """The groups inside the blocks that `parent` moves."""
        return tuple(group for group in self.groups if group.parent == parent.name)

    @property
    def interacts(self) -> bool:
        """Whether any two groups share a parameter; if none do, each can be solved on its own."""
        return any(True for group in self.groups for _ in self.couplings(group))


def symmetry(model: Network, example: Shaped[Tensor, "n ..."] | None = None) -> Symmetry:
    """The permutation groups of a network, one for each hidden layer.

    Reordering the neurons of hidden layer l permutes the rows of W_l, the entries of b_l and the
    columns of W_{l+1}; pointwise activations commute with it, so the function stays the same.

    Args:
        model: a module that `lmctheory.networks.affine_chain` can read, or such a chain.
        example: inputs ``[n, ...]``; where given, the model must be able to take them.

    Raises:
        TypeError: if the module is no affine chain, or a parameter is tied or re-parametrised.
        ValueError: if the chain is a stack of networks, or `example` does not fit.

    Example:
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
        >>> symmetry(net).groups[0].axes
        (('0.weight', 0), ('0.bias', 0), ('2.weight', 1))
    """
    chain = as_chain(model)
    if example is not None:
        as_inputs(chain, example, "example")
    own = parameters(model)
    groups = []
    for name, W, after in zip(chain.names, chain.weights, chain.names[1:], strict=False):
        weight, bias, following = f"{name}.weight", f"{name}.bias", f"{after}.weight"
        axes = ((weight, 0), (bias, 0), (following, 1))
        positions = tuple((i,) for i in range(len(W)))
        groups.append(
            PermutationGroup(
                name=name,
                size=len(W),
                actions=tuple(
                    Action(parameter, axis, positions)
                    for parameter, axis in axes
                    if parameter in own
                ),
                incoming=(weight,),
                outgoing=(following,),
                writes=(Site(name, -1, positions),),
                reads=(Site(after, -1, positions),),
            )
        )
    return Symmetry(tuple(groups))


def as_chain(network: Network) -> AffineChain:
    """The network as one chain of affine maps.

    Raises:
        TypeError: if it is none.
        ValueError: if it is a stack of several.
    """
    chain = network if isinstance(network, AffineChain) else affine_chain(evaluation_mode(network))
    if chain.weights[0].ndim != 2:
        raise ValueError(
            "matching takes one network at a time, got a stack: the weights of layer "
            f"{chain.names[0]!r} have shape {tuple(chain.weights[0].shape)}"
        )
    return chain


def as_inputs(chain: AffineChain, data: Tensor, argument: str) -> Float64[Tensor, "n m_0"]:
    """Inputs ``[n, ...]`` as a float64 matrix that fits the network.

    Raises:
        ValueError: naming `argument`, for no examples, another width, or NaN and infinities.
    """
    if data.ndim == 0 or data.numel() == 0:
        raise ValueError(f"{argument} must hold at least one example, got {tuple(data.shape)}")
    x = data.detach().reshape(len(data), -1).to(chain.weights[0].device, torch.float64)
    width = chain.weights[0].shape[1]
    if x.shape[1] != width:
        raise ValueError(f"{argument} must have {width} numbers per example, got {x.shape[1]}")
    if not torch.isfinite(x).all():
        raise ValueError(f"{argument} must be finite, got NaN or infinite values")
    return x


def parameters(network: Network) -> dict[str, Tensor]:
    """The weights and biases that permutations act on, by qualified name, detached.

    Raises:
        TypeError: if a parameter is tied to another or computed from others, so that it cannot be
            permuted on its own.
    """
    chain = as_chain(network)
    named: dict[str, Tensor] = {}
    for name, W, b in zip(chain.names, chain.weights, chain.biases, strict=True):
        named |= {f"{name}.weight": W, f"{name}.bias": b}
    if isinstance(network, AffineChain):
        return named
    own = dict(network.named_parameters())  # a tied parameter is listed once only
    for name in chain.names:
        if network.get_submodule(name).bias is None:
            del named[f"{name}.bias"]
    for name in named:
        if name not in own:
            raise TypeError(f"{name!r} is tied to another parameter or re-parametrised")
    return named


def reorder(
    tensors: Mapping[str, Tensor], group: PermutationGroup, order: np.ndarray
) -> dict[str, Tensor]:
    """The tensors after one group's neurons were put in the given order; the rest is shared."""
    moved = dict(tensors)
    for action in group.actions:
        moved[action.parameter] = action.reorder(moved[action.parameter], order)
    return moved


def permute(network: SomeNetwork, permutations: Mapping[str, np.ndarray]) -> SomeNetwork:
    """The same function with its hidden neurons reordered.

    Args:
        network: a module or chain; it is copied, not changed.
        permutations: for each group's name its index array ``[m]``; neuron i of the result is
            neuron ``permutations[name][i]`` of `network`.

    Raises:
        ValueError: if the names are not the network's groups, or an array is no permutation of
            ``0, ..., m - 1``.

    Example:
        >>> import numpy as np, torch
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
        >>> swapped = permute(net, {"0": np.array([1, 0])})
        >>> torch.equal(swapped[0].weight, net[0].weight.flip(0))
        True
    """
    groups = symmetry(network).groups
    _require_permutations(groups, permutations)
    moved = parameters(network)
    for group in groups:
        moved = reorder(moved, group, permutations[group.name])
    if isinstance(network, AffineChain):
        return replace(
            network,
            weights=tuple(moved[f"{name}.weight"] for name in network.names),
            biases=tuple(moved[f"{name}.bias"] for name in network.names),
        )
    result = copy.deepcopy(network)
    with torch.no_grad():
        for name, tensor in moved.items():
            result.get_parameter(name).copy_(tensor)
    return result


def _require_permutations(
    groups: tuple[PermutationGroup, ...], permutations: Mapping[str, np.ndarray]
) -> None:
    names = {group.name for group in groups}
    if set(permutations) != names:
        raise ValueError(
            f"permutations must be for the groups {sorted(names)} of the network, "
            f"got {sorted(permutations)}"
        )
    for group in groups:
        order = np.asarray(permutations[group.name])
        if order.shape != (group.size,):
            raise ValueError(
                f"the permutation of group {group.name!r} must have shape ({group.size},), "
                f"got {order.shape}"
            )
        if not np.array_equal(np.sort(order), np.arange(group.size)):
            raise ValueError(
                f"the permutation of group {group.name!r} must hold each of 0, ..., "
                f"{group.size - 1} once"
            )
        if not np.issubdtype(order.dtype, np.integer):
            raise ValueError(
                f"the permutation of group {group.name!r} must be integers, got {order.dtype}"
            )
