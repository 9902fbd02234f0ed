"""The permutation symmetry of a network: which axes of which parameters move together."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

import numpy as np
import torch
from jaxtyping import Float64, Shaped
from torch import Tensor, nn

from lmctheory.networks import AffineChain, affine_chain, evaluation_mode

__all__ = [
    "Coupling",
    "Network",
    "PermutationGroup",
    "Symmetry",
    "parameters",
    "permute",
    "symmetry",
]

Network: TypeAlias = nn.Module | AffineChain
"""Whatever can be matched: a user's module, or a chain taken out of a stack of networks."""

SomeNetwork = TypeVar("SomeNetwork", nn.Module, AffineChain)


@dataclass(frozen=True)
class PermutationGroup:
    """Neurons that can be reordered without changing the function.

    A permutation is an index array: ``perm[i]`` is the neuron of B that is aligned with neuron i of
    A, so ``W_B[perm]`` is the aligned layer.

    Attributes:
        name: of the layer whose neurons they are.
        size: number m of neurons.
        axes: every ``(parameter, axis)`` that the permutation acts on.
        incoming: the weights whose rows are the neurons.
        outgoing: the weights that read the neurons; their input is where activations are taken.
    """

    name: str
    size: int
    axes: tuple[tuple[str, int], ...]
    incoming: tuple[str, ...]
    outgoing: tuple[str, ...]


@dataclass(frozen=True)
class Coupling:
    """A parameter on which two groups act: `axis` belongs to one, `other_axis` to `other`."""

    parameter: str
    axis: int
    other: PermutationGroup
    other_axis: int


@dataclass(frozen=True)
class Symmetry:
    """All permutation groups of a network, from the input on. Input and output stay fixed."""

    groups: tuple[PermutationGroup, ...]

    def couplings(self, group: PermutationGroup) -> Iterator[Coupling]:
        """The parameters that `group` shares with other groups."""
        for parameter, axis in group.axes:
            for other in self.groups:
                for name, other_axis in other.axes:
                    if name == parameter and other != group:
                        yield Coupling(parameter, axis, other, other_axis)

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
        groups.append(
            PermutationGroup(
                name=name,
                size=len(W),
                axes=tuple((parameter, axis) for parameter, axis in axes if parameter in own),
                incoming=(weight,),
                outgoing=(following,),
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
    for name, axis in group.axes:
        index = torch.as_tensor(order, device=moved[name].device)
        moved[name] = moved[name].index_select(axis, index)
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
