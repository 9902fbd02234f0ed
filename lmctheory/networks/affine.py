"""Reading any `nn.Module` that is a chain of affine maps and activations as one."""

from torch import nn
from torch.fx import Graph, Node

from lmctheory.networks.chain import AffineChain, gaussian_inputs
from lmctheory.networks.mlp import MLP
from lmctheory.networks.program import (
    Program,
    UnreadableError,
    described,
    needed,
    require_faithful,
    require_no_hooks,
    step_activation,
    symbolic,
)
from lmctheory.networks.program.named_operations import operation
from lmctheory.networks.state import Evaluation, copied, require_network, slots
from lmctheory.networks.torch_activations import Activation, activation, activation_of

__all__ = ["affine_chain", "evaluation_mode", "find_chain", "find_chains", "hidden_width"]

_NO_CHAIN = "the network is no affine chain"


def evaluation_mode(model: nn.Module) -> nn.Module:
    """The model itself if all of it is in evaluation mode, else a copy that is."""
    if not any(module.training for module in model.modules()):
        return model
    return copied(model).eval()


def affine_chain(model: nn.Module) -> AffineChain:
    """Reads a module as a chain of affine maps, by tracing it symbolically.

    Works for any module whose forward pass is a chain of `nn.Linear` (or `functional.linear`),
    pointwise activations, a leading flatten and (in evaluation mode, where it is the identity)
    dropout. Nothing is guessed: any other operation is refused by name. The tensors are the model's
    own, detached.

    Args:
        model: the network; its training flag is respected (dropout in training mode is refused).

    Raises:
        TypeError: if the module is no such chain, has forward hooks, which no trace sees, or
            weights that are computed from others; the message names the operation.

    See also: `find_chain`, for those that ask.
    """
    found = _read(model, evaluation=False)
    if isinstance(found, str):
        raise TypeError(f"{_NO_CHAIN}: {found}")
    return found


def hidden_width(model: nn.Module) -> int:
    """The number of neurons in every hidden layer of a chain.

    Raises:
        TypeError: for what is no chain of affine maps.
        ValueError: if its hidden layers are not of one width, or it has none.
    """
    widths = {W.shape[0] for W in affine_chain(model).weights[:-1]}
    if len(widths) != 1:
        raise ValueError(f"hidden layers must be of one width, got {sorted(widths)}")
    return widths.pop()


def find_chain(model: nn.Module, *, evaluation: bool = True) -> AffineChain | None:
    """The chain of affine maps that a module is; None if it is no such chain.

    Args:
        model: the network.
        evaluation: in evaluation mode, else in the mode that it is in.

    Example:
        >>> from torch import nn
        >>> find_chain(nn.Sequential(nn.Linear(2, 3), nn.Dropout(), nn.Linear(3, 1))).depth
        1
        >>> find_chain(nn.Sequential(nn.Conv2d(1, 1, 1))) is None
        True
    """
    found = _read(model, evaluation=evaluation)
    return None if isinstance(found, str) else found


def find_chains(model_a: nn.Module, model_b: nn.Module) -> tuple[AffineChain, AffineChain] | None:
    """The chains that two modules are in evaluation mode; None if one of them is none."""
    a = find_chain(model_a)
    b = None if a is None else find_chain(model_b)
    return None if a is None or b is None else (a, b)


def _read(model: nn.Module, *, evaluation: bool) -> AffineChain | str:
    """The chain, or why the module is none."""
    require_network(model, "the network")
    try:
        require_no_hooks(model, "")
    except UnreadableError as error:
        return str(error).removeprefix(": ")
    if type(model) is MLP and all(type(layer) is nn.Linear for layer in model.layers):
        # tracing costs milliseconds, which adds up over many networks
        names = [f"layers.{i}" for i in range(len(model.layers))]
        return _chain(model, names, [model.activation] * (len(names) - 1))
    if (plain := _in_sequence(model, evaluation=evaluation)) is not None:
        return plain
    try:
        graph, constants = symbolic(model, evaluation=evaluation)
        found = _along(model, graph)
        if isinstance(found, AffineChain):  # what is overwritten in place shows in no symbols
            own = Evaluation(model)
            examples = own.inputs(gaussian_inputs(found, 2))
            require_faithful(Program(graph, own.state, constants, own), examples)
    except UnreadableError as error:
        return f"it cannot be traced ({error})"
    return found


def _in_sequence(model: nn.Module, *, evaluation: bool) -> AffineChain | None:
    """The chain that `nn.Sequential` is whose layers are all plain; None is left to a trace."""
    if type(model) is not nn.Sequential:
        return None
    names: list[str] = []
    sigmas: list[Activation | None] = []
    for name, module in model._modules.items():
        kind = type(module)
        inactive = kind is nn.Dropout and (evaluation or not module.training)
        flat = isinstance(module, nn.Flatten) and module.start_dim == 1 and module.end_dim == -1
        if module._forward_pre_hooks or not kind.__module__.startswith("torch.nn.modules."):
            return None
        if kind is nn.Identity or inactive or (flat and not names):
            continue
        sigma = activation_of(module)
        if kind is nn.Linear:
            names.append(name)
            sigmas.append(None)
        elif sigma is not None and names and sigmas[-1] is None:
            sigmas[-1] = sigma
        else:
            return None
    parameters = [tensor for name in names for tensor in model._modules[name].parameters()]
    tied = len(set(map(id, parameters))) < len(parameters)
    if tied or not names or sigmas[-1] is not None:
        return None
    return _chain(model, names, [sigma or activation("identity") for sigma in sigmas[:-1]])


def _along(model: nn.Module, graph: Graph) -> AffineChain | str:
    names: list[str] = []
    sigmas: list[Activation | None] = []  # what follows each linear map; None: nothing yet
    used = needed(graph)
    previous, *steps, output = (
        node
        for node in graph.nodes
        if node.op == "placeholder" or (node in used and node.op != "get_attr")
    )
    for node in steps:
        if [source for source in node.all_input_nodes if source.op != "get_attr"] != [previous]:
            return f"{described(node)} does not take the operation before it alone"
        sigma = step_activation(node)
        if operation(node.target) == "linear":
            name = _layer(node)
            if name is None:
                return f"{described(node)} computes its weights from others"
            if name in names:
                return f"it uses one nn.Linear twice, {name!r}"
            names.append(name)
            sigmas.append(None)
        elif sigma is not None and names and sigmas[-1] is None:
            sigmas[-1] = sigma
        elif names or not _is_flatten(node):
            return f"{described(node)} is not supported"
        previous = node
    if output.args[0] is not previous or not names or sigmas[-1] is not None:
        return "its last operation must be nn.Linear"
    return _chain(model, names, [sigma or activation("identity") for sigma in sigmas[:-1]])


def _layer(node: Node) -> str | None:
    """The layer whose slots "weight" and "bias" a linear operation reads, if it is so."""
    arguments = dict(zip(("input", "weight", "bias"), node.args, strict=False)) | node.kwargs
    weight, bias = arguments["weight"], arguments.get("bias")
    if not isinstance(weight, Node) or weight.op != "get_attr":
        return None
    name, _, slot = f".{weight.target}".rpartition(".")
    known = bias is None or (isinstance(bias, Node) and f".{bias.target}" == f"{name}.bias")
    return name.removeprefix(".") if slot == "weight" and known else None


def _is_flatten(node: Node) -> bool:
    return operation(node.target) == "flatten" and _bounds(node) == (1, -1)


def _bounds(node: Node) -> tuple[object, object]:
    given = dict(zip(("start_dim", "end_dim"), node.args[1:], strict=False)) | node.kwargs
    return given.get("start_dim", 0), given.get("end_dim", -1)


def _chain(model: nn.Module, names: list[str], sigmas: list[Activation]) -> AffineChain:
    held = slots(model)
    weights = [held[f"{name}.weight".removeprefix(".")] for name in names]
    biases = [
        held.get(f"{name}.bias".removeprefix("."), W.new_zeros(len(W)))
        for name, W in zip(names, weights, strict=True)
    ]
    return AffineChain(tuple(names), tuple(weights), tuple(biases), tuple(sigmas))
