"""Reading any `nn.Module` that is a chain of affine maps and activations as one."""

import copy
from itertools import pairwise

import torch
from torch import nn

from lmctheory.networks.activations import Activation, activation, activation_of
from lmctheory.networks.chain import AffineChain
from lmctheory.networks.mlp import MLP

__all__ = [
    "affine_chain",
    "evaluation_mode",
    "functional_activation",
    "require_no_hooks",
    "require_own_weights",
]

_NO_CHAIN = "the network is no affine chain"


def evaluation_mode(model: nn.Module) -> nn.Module:
    """The model itself if all of it is in evaluation mode, else a copy that is."""
    if not any(module.training for module in model.modules()):
        return model
    return copy.deepcopy(model).eval()


_FUNCTIONS = {
    torch.relu: "relu",
    nn.functional.relu: "relu",
    "relu": "relu",
    torch.tanh: "tanh",
    "tanh": "tanh",
    torch.sigmoid: "sigmoid",
    "sigmoid": "sigmoid",
    nn.functional.softplus: "softplus",
}
"""Functions and tensor methods that compute a known activation without further arguments."""


def functional_activation(node: torch.fx.Node) -> Activation | None:
    """The activation that a traced call of a function or tensor method computes, if it is one."""
    if node.target is nn.functional.gelu and not node.kwargs:
        return activation("gelu")
    options = {key: value for key, value in node.kwargs.items() if key != "inplace"}
    name = _FUNCTIONS.get(node.target) if not options and len(node.args) == 1 else None
    return None if name is None else activation(name)


def _is_flatten(node: torch.fx.Node, module: nn.Module | None) -> bool:
    if module is not None:
        return isinstance(module, nn.Flatten) and module.start_dim == 1 and module.end_dim == -1
    return node.target in (torch.flatten, "flatten") and tuple(node.args[1:]) == (1,)


def affine_chain(model: nn.Module) -> AffineChain:
    """Reads a module as a chain of affine maps, by tracing it symbolically.

    Works for any module whose forward pass is a chain of `nn.Linear`, pointwise activations, a
    leading flatten and (in evaluation mode, where it is the identity) dropout. Nothing is guessed:
    any other operation is refused by name. The tensors are the model's own, detached.

    Args:
        model: the network; its training flag is respected (dropout in training mode is refused).

    Raises:
        TypeError: if the module is no such chain, has forward hooks, which no trace sees, or
            parametrised weights; the message names the operation.
    """
    require_no_hooks(model, _NO_CHAIN)
    require_own_weights(model, _NO_CHAIN)
    if type(model) is MLP:  # tracing costs milliseconds, which adds up over many networks
        return _chain(
            [(f"layers.{i}", layer) for i, layer in enumerate(model.linears)],
            [model.activation] * (len(model.layers) - 1),
        )
    linears: list[tuple[str, nn.Linear]] = []
    sigmas: list[Activation | None] = []  # what follows each linear map; None: nothing yet
    for node, module in _straight_line(model):
        if _is_inactive(module):
            continue
        sigma = functional_activation(node) if module is None else activation_of(module)
        if isinstance(module, nn.Linear):
            linears.append((str(node.target), module))
            sigmas.append(None)
        elif sigma is not None and linears and sigmas[-1] is None:
            sigmas[-1] = sigma
        elif linears or not _is_flatten(node, module):
            raise TypeError(f"{_NO_CHAIN}: {_name(node, module)} is not supported")
    if not linears or sigmas[-1] is not None:
        raise TypeError(f"{_NO_CHAIN}: its last operation must be nn.Linear")
    return _chain(linears, [sigma or activation("identity") for sigma in sigmas[:-1]])


def _is_inactive(module: nn.Module | None) -> bool:
    dropout = isinstance(module, nn.Dropout) and not module.training
    return dropout or isinstance(module, nn.Identity)


def require_no_hooks(model: nn.Module, refusal: str) -> None:
    """Refuses a module that does more than a trace of it sees.

    Raises:
        TypeError: beginning with `refusal` and naming the submodule, if one has a forward hook or a
            forward method of its own.
    """
    for name, module in model.named_modules():
        if module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module):
            raise TypeError(
                f"{refusal}: {name or 'the whole'} ({type(module).__name__}) has a forward hook"
                " or a forward method of its own"
            )


def require_own_weights(model: nn.Module, refusal: str) -> None:
    """Refuses a module some weights of which are not interpolated linearly where its state is.

    Raises:
        TypeError: beginning with `refusal` and naming the submodule, if one has a parametrisation.
    """
    for name, module in model.named_modules():
        if nn.utils.parametrize.is_parametrized(module):
            raise TypeError(
                f"{refusal}: {name or 'the whole'} ({type(module).__name__}) computes its weights"
                " from others, by a parametrisation"
            )


def _name(node: torch.fx.Node, module: nn.Module | None) -> str:
    if module is None:
        return node.format_node() or node.name
    mode = ", in training mode" if isinstance(module, nn.Dropout) else ""
    return f"{node.target!r} ({type(module).__name__}{mode})"


def _straight_line(model: nn.Module) -> list[tuple[torch.fx.Node, nn.Module | None]]:
    """The operations of a traced model, checked to form one line from input to output."""
    try:
        graph = torch.fx.Tracer().trace(model)
    except Exception as error:
        raise TypeError(f"{_NO_CHAIN}: it cannot be traced ({error})") from error
    nodes = list(graph.nodes)
    for previous, node in pairwise(nodes):
        if node.all_input_nodes != [previous]:
            raise TypeError(
                f"{_NO_CHAIN}: {node.format_node()} does not take the operation before it alone"
            )
    modules = dict(model.named_modules())
    return [
        (node, modules[str(node.target)] if node.op == "call_module" else None)
        for node in nodes
        if node.op not in ("placeholder", "output")
    ]


def _chain(linears: list[tuple[str, nn.Linear]], sigmas: list[Activation]) -> AffineChain:
    if len({id(layer) for _, layer in linears}) < len(linears):
        raise TypeError(f"{_NO_CHAIN}: it uses one nn.Linear twice")
    weights = tuple(layer.weight.detach() for _, layer in linears)
    biases = tuple(
        layer.bias.detach() if layer.bias is not None else W.new_zeros(W.shape[0])
        for (_, layer), W in zip(linears, weights, strict=True)
    )
    return AffineChain(tuple(name for name, _ in linears), weights, biases, tuple(sigmas))
