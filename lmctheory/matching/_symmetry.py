"""The permutation symmetry of a network, and its use: reordering neurons.

The groups of any module are found by tracing it (`tracing`); a chain's are known. How they act is
the matter of `groups`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias, TypeVar

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor, nn

from lmctheory.matching.groups import (
    Action,
    Coupling,
    PermutationGroup,
    Symmetry,
)
from lmctheory.matching.orders import encoded, together
from lmctheory.matching.tracing import SINGLE, assembled, labelled
from lmctheory.measures.arguments import RandomSource, generator
from lmctheory.networks import AffineChain, affine_chain, evaluation_mode, find_chain
from lmctheory.networks.calling import Inputs, as_inputs, each, parts, rows, shapes
from lmctheory.networks.chain import SAME_ARCHITECTURE, gaussian_inputs
from lmctheory.networks.program import Program, capture, require_program
from lmctheory.networks.state import Evaluation, copied, release_copies, tensors

__all__ = [
    "Action",
    "Coupling",
    "Network",
    "PermutationGroup",
    "Symmetry",
    "chain_inputs",
    "common_symmetry",
    "double_inputs",
    "function_change",
    "holding",
    "outputs",
    "own_chain",
    "parameters",
    "permute",
    "stand_ins",
    "symmetry",
]

Network: TypeAlias = nn.Module | AffineChain
"""Whatever can be matched: a user's module, or a chain taken out of a stack of networks."""

SomeNetwork = TypeVar("SomeNetwork", nn.Module, AffineChain)


def symmetry(model: Network, example: Inputs | None = None) -> Symmetry:
    """The (signed) permutation groups of a network: of all that its neurons allow, what was found.

    Reordering the neurons of a hidden layer permutes the rows of its weight and the columns of
    those that read it; what a network does in between (normalisation, pooling, residual sums,
    attention) decides which layers must be reordered alike, and which neurons only as blocks.
    Every permutation of every group leaves the function as it is; the converse is not promised:
    neurons that enter an operation which is not known stay fixed, see `Symmetry.fixed`. Neurons of
    an odd activation may be negated as well, and so may whatever else only linear maps, odd
    functions and products see (`PermutationGroup.signed`): a head's values, its queries with its
    keys, the ungated half of a gated unit.

    Args:
        model: any module whose forward pass can be traced or exported; or a chain.
        example: inputs ``[n, ...]``, a tensor, a tuple of them or a mapping by name (see
            `lmctheory.networks.calling`), two of which are run through the model. Not needed for a
            module that `lmctheory.networks.affine_chain` can read.

    Raises:
        TypeError: if the module cannot be traced, or needs an example.
        ValueError: if the chain is a stack of networks, or `example` does not fit.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))
        >>> group, = symmetry(net, torch.zeros(1, 1, 4, 4)).groups
        >>> group.axes
        (('0.weight', 0), ('0.bias', 0), ('3.weight', 1))
        >>> group.actions[2].positions[1]
        (4, 5, 6, 7)
    """
    if isinstance(model, AffineChain):
        return _chain_symmetry(as_chain(model))
    program, inputs = _read(model, example)
    return assembled(*labelled(program, inputs), parameters(model))


def common_symmetry(model_a: Network, model_b: Network, example: Inputs | None = None) -> Symmetry:
    """The permutation groups of two networks with the same parameters and buffers.

    Args:
        model_a: a module or chain.
        model_b: another.
        example: see `symmetry`.

    Raises:
        TypeError: as `symmetry` does.
        ValueError: likewise, and if their neurons can be reordered differently.
    """
    if isinstance(model_a, AffineChain) or isinstance(model_b, AffineChain):
        return symmetry(as_chain(model_a))
    found = _common(model_a, model_b, example)
    release_copies(model_a)
    return found


def _common(model_a: nn.Module, model_b: nn.Module, example: Inputs | None) -> Symmetry:
    program, inputs = _read(model_a, example)
    found = assembled(*labelled(program, inputs), parameters(model_a))
    try:
        require_program(program, model_b, inputs)
    except ValueError:  # they may differ in what does not matter here
        if symmetry(model_b, inputs).groups != found.groups:
            raise ValueError(
                f"{SAME_ARCHITECTURE}, but their neurons can be reordered differently"
            ) from None
    return found


def _read(model: nn.Module, example: Inputs | None) -> tuple[Program, Inputs]:
    """A network's program, and inputs in its type."""
    example = as_inputs(_example(model) if example is None else example, "example")
    program = capture(model, example)
    return program, program.evaluation.inputs(rows(example, slice(2)))


def _example(model: nn.Module) -> Tensor:
    try:
        chain = affine_chain(evaluation_mode(model))
    except TypeError as error:
        raise TypeError(f"the symmetry needs an example of the inputs: {error}") from None
    return chain.weights[0].new_zeros(1, chain.weights[0].shape[-1])


def own_chain(network: Network) -> AffineChain | None:
    """The network as a chain if each layer of it has parameters of its own, else None.

    Raises:
        ValueError: if it is a stack of several.
    """
    if isinstance(network, AffineChain):
        return as_chain(network)
    named, held = parameters(network), tensors(network)  # of tied ones the first alone is named
    if any(tensor.ndim > 2 for tensor in named.values()):
        return None  # without a trace
    chain = find_chain(network)
    if chain is None:
        return None
    own = all(
        f"{name}.weight" in named and (f"{name}.bias" in named or f"{name}.bias" not in held)
        for name in chain.names
    )
    return chain if own else None


def _chain_symmetry(chain: AffineChain) -> Symmetry:
    groups = []
    layers = zip(chain.names, chain.weights, chain.names[1:], chain.activations, strict=False)
    for name, W, after, sigma in layers:
        weight, following, odd = f"{name}.weight", f"{after}.weight", sigma.is_odd
        positions = tuple((i,) for i in range(len(W)))
        if len(W) > 1:
            groups.append(
                PermutationGroup(
                    name=name,
                    size=len(W),
                    actions=(
                        Action(weight, 0, positions, negated=odd),
                        Action(f"{name}.bias", 0, positions, negated=odd),
                        Action(following, 1, positions, reads=True, negated=odd),
                    ),
                    incoming=(weight,),
                    outgoing=(following,),
                )
            )
    moved = {action.parameter for group in groups for action in group.actions}
    fixed = {
        name: SINGLE
        for name, W in zip(chain.names, chain.weights, strict=True)
        if f"{name}.weight" not in moved and W.numel() > 1
    }
    if len(chain.weights[-1]) > 1:
        fixed[chain.names[-1]] = "its neurons are outputs of the network"
    return Symmetry(tuple(groups), fixed)


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


def double_inputs(network: Network, data: Inputs, argument: str) -> Inputs:
    """Inputs ``[n, ...]`` on the network's device, in float64 if they are floating point.

    Raises:
        TypeError: naming `argument`, for inputs of no form that `lmctheory.networks.calling` knows;
            for a chain, for several tensors.
        ValueError: for no examples, NaN or infinities, or, for a chain, another width.
    """
    if isinstance(network, AffineChain):
        return chain_inputs(network, data, argument)
    device = next((tensor.device for tensor in parameters(network).values()), None)
    return each(as_inputs(data, argument), lambda x: _double(x.detach().to(device), argument))


def stand_ins(network: Network, count: int) -> Float64[Tensor, "n d"]:
    """So many Gaussian inputs, where no data are given.

    Raises:
        TypeError: for a network that is no chain: what its inputs look like is not known.
    """
    chain = network if isinstance(network, AffineChain) else find_chain(network)
    if chain is None:
        raise TypeError(
            "data must be given for networks that are no chains of affine maps, got None: "
            "their neurons are found by an example of the inputs"
        )
    return gaussian_inputs(chain, count)


def chain_inputs(chain: AffineChain, data: Inputs, argument: str) -> Float64[Tensor, "n d"]:
    """What a chain reads.

    Raises:
        TypeError: naming `argument`, for several tensors.
        ValueError: for no examples, NaN or infinities, or another width.
    """
    data = as_inputs(data, argument)
    if not isinstance(data, Tensor):
        raise TypeError(f"{argument} must be a tensor, got {type(data).__name__}")
    x = data.detach().to(chain.weights[0].device).reshape(len(data), -1).double()
    width = chain.weights[0].shape[-1]
    if x.shape[1] != width:
        raise ValueError(f"{argument} must have {width} numbers per example, got {x.shape[1]}")
    return _double(x, argument)


def _double(x: Tensor, argument: str) -> Tensor:
    if not x.is_floating_point():
        return x
    if not torch.isfinite(x).all():
        raise ValueError(f"{argument} must be finite, got NaN or infinite values")
    return x.double()


def parameters(network: Network) -> dict[str, Tensor]:
    """What a matching compares: every parameter by its qualified name, detached.

    A parameter that is tied to others has one name only. Buffers, such as running statistics, are
    reordered with the neurons but not compared.
    """
    if isinstance(network, AffineChain):
        named: dict[str, Tensor] = {}
        for name, W, b in zip(network.names, network.weights, network.biases, strict=True):
            named |= {f"{name}.weight": W, f"{name}.bias": b}
        return named
    return {name: tensor.detach() for name, tensor in network.named_parameters()}


def holding(chain: AffineChain, tensors: Mapping[str, Tensor]) -> AffineChain:
    """A chain with some of its `parameters` replaced."""
    held = parameters(chain) | dict(tensors)
    return replace(
        chain,
        weights=tuple(held[f"{name}.weight"] for name in chain.names),
        biases=tuple(held[f"{name}.bias"] for name in chain.names),
    )


def permute(
    network: SomeNetwork,
    permutations: Mapping[str, np.ndarray],
    groups: Symmetry | None = None,
    signs: Mapping[str, np.ndarray] | None = None,
) -> SomeNetwork:
    """The same function with its hidden neurons reordered.

    Groups inside blocks are reordered first, then whole blocks: ``permutations[child]`` refers to
    the neurons of the block that the child belongs to in `network`, wherever that comes to stand.

    Args:
        network: a module or chain; it is copied, not changed.
        permutations: for each group's name its index array ``[m]``; neuron i of the result is
            neuron ``permutations[name][i]`` of `network`.
        groups: of the network; may be left out if `symmetry` needs no example.
        signs: for signed groups by name their signs ``[m]``: neuron i of the result is multiplied
            by ``signs[name][i]``, 1 or -1; what is left out is 1.

    Raises:
        TypeError: if the groups are needed.
        ValueError: if the names are not the network's groups, or an array is no permutation of
            ``0, ..., m - 1`` or no signs, or the groups are those of another network.

    Example:
        >>> import numpy as np, torch
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
        >>> swapped = permute(net, {"0": np.array([1, 0])})
        >>> torch.equal(swapped[0].weight, net[0].weight.flip(0))
        True
    """
    groups = symmetry(network) if groups is None else groups
    _require_permutations(groups.groups, permutations)
    orders = _with_signs(groups, permutations, signs or {})
    if isinstance(network, AffineChain):
        held = parameters(network)
        _require_tensors(groups, held)
        moved = {name: groups.arranged(name, held[name], orders) for name in groups.acting}
        return holding(network, moved)  # type: ignore[return-value]  # it is of its type
    result: nn.Module = copied(network)
    _move_neurons(result, orders, groups)
    return result


def _with_signs(
    groups: Symmetry, permutations: Mapping[str, np.ndarray], signs: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Permutations and signs as orders."""
    signed = {group.name: group.size for group in groups.groups if group.signed}
    for name, sign in signs.items():
        if name not in signed:
            raise ValueError(
                f"signs must be for groups whose neurons may be negated, {sorted(signed)}, "
                f"got {name!r}"
            )
        if np.shape(sign) != (signed[name],) or not np.isin(sign, (1, -1)).all():
            raise ValueError(f"the signs of group {name!r} must be {signed[name]} of 1 and -1")
    return together(permutations, signs)


def _move_neurons(network: nn.Module, orders: Mapping[str, np.ndarray], groups: Symmetry) -> None:
    """Reorders the neurons of a network of our own, tensor by tensor."""
    held = tensors(network)
    _require_tensors(groups, held)
    moving = {id(held[name]): name for name in groups.acting}  # what is tied moves once
    with torch.no_grad():
        for name in moving.values():
            held[name].copy_(groups.arranged(name, held[name], orders))


def _require_tensors(groups: Symmetry, tensors: Mapping[str, Tensor]) -> None:
    for name, actions in groups.acting.items():
        tensor = tensors.get(name)
        for group, action in actions:
            if tensor is None or action.index.max() >= action.part(tensor).shape[action.axis]:
                shape = None if tensor is None else tuple(tensor.shape)
                raise ValueError(
                    f"the groups must be those of the network: {group!r} moves axis {action.axis} "
                    f"of {name!r}, whose shape is {shape}"
                )


@torch.no_grad()
def outputs(network: Network, x: Inputs, argument: str = "x") -> Float64[Tensor, "..."]:
    """What the network computes in evaluation mode, in float64.

    A network that makes numbers of its own type, such as a first state of zeros, computes in that
    type, and the result is converted.

    Args:
        network: a module or chain; it is not changed.
        x: inputs ``[n, ...]``, floating point or integers.
        argument: the name that messages give them.

    Raises:
        TypeError: if it returns nothing that is its output, see `lmctheory.networks.calling`.
        ValueError: as `double_inputs` does.
    """
    if isinstance(network, AffineChain):
        return network(chain_inputs(network, x, argument))
    return _outputs_after(lambda _: None, network, double_inputs(network, x, argument), argument)


def _outputs_after(
    change: Callable[[nn.Module], None], network: nn.Module, x: Inputs, argument: str
) -> Tensor:
    """What a copy of a network computes after some change, in float64 if it can."""

    def found(dtype: torch.dtype | None) -> Tensor:
        evaluation = Evaluation(network, dtype)
        change(evaluation.model)
        return evaluated(evaluation, x, argument).double()

    try:
        return found(torch.float64)
    except ValueError as error:
        try:
            return found(None)
        except ValueError:
            raise error from None


def evaluated(evaluation: Evaluation, x: Inputs, argument: str) -> Tensor:
    """The output for the inputs.

    Raises:
        TypeError: if there is none, see `lmctheory.networks.calling`.
        ValueError: naming `argument`, if the inputs do not fit.
    """
    try:
        return evaluation(x)
    except (RuntimeError, IndexError) as error:
        types = {t.dtype for t in parts(x).values() if not t.is_floating_point()}
        kind = f" and type {', '.join(map(str, types))}" if types else ""
        raise ValueError(
            f"{argument} of shape {shapes(x)}{kind} does not fit the network: {error}"
        ) from error


def function_change(
    model: Network,
    groups: Symmetry,
    example: Inputs,
    *,
    rng: RandomSource,
) -> float:
    """Largest change of an output, in float64, after all groups were reordered at random.

    It would show a group that does not preserve the function: rounding alone should remain.

    Args:
        model: a module or chain.
        groups: its `symmetry`.
        example: inputs ``[n, ...]``.
        rng: draws a permutation for each group, and signs where it has some.

    Example:
        >>> import numpy as np, torch
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
        >>> rng = np.random.default_rng(0)
        >>> function_change(net, symmetry(net), torch.ones(1, 3), rng=rng) < 1e-12
        True
    """
    rng = generator(rng)
    drawn = {
        group.name: encoded(
            rng.permutation(group.size),
            rng.choice((1, -1), group.size) if group.signed else None,
        )
        for group in groups.groups
    }
    return change_by(drawn, model, groups, example, outputs(model, example, "example"))


def change_by(
    orders: Mapping[str, np.ndarray],
    model: Network,
    groups: Symmetry,
    x: Inputs,
    before: Float64[Tensor, "..."],
) -> float:
    """Largest change of an output, in float64, by these orders.

    Args:
        orders: of the groups.
        model: a module or chain.
        groups: its symmetry.
        x: inputs ``[n, ...]``.
        before: its `outputs` there.
    """
    if isinstance(model, AffineChain):
        moved = {n: groups.arranged(n, t, orders) for n, t in parameters(model).items()}
        after = outputs(holding(model, moved), x)
    else:  # one copy of a large network is enough
        after = _outputs_after(
            lambda moved: _move_neurons(moved, orders, groups),
            model,
            double_inputs(model, x, "x"),
            "x",
        )
    return float((after - before).abs().max())


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
