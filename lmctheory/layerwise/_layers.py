"""What a layer is: the parameters of one module, moved together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import nn

from lmctheory.networks.program import UnreadableError, symbolic
from lmctheory.networks.state import interpolable, require_network, tensors

__all__ = ["Layer", "groups", "layers"]


@dataclass(frozen=True)
class Layer:
    """Parameters that are moved together: one layer, or a group of them.

    Attributes:
        name: the module's qualified name; "(root)" for parameters of the network itself, and the
            names of a group joined by "+".
        keys: its slots: parameters and floating-point buffers by qualified name.
    """

    name: str
    keys: tuple[str, ...]


def layers(model: nn.Module) -> tuple[Layer, ...]:
    """The layers of a network, in the order of execution where a trace shows it.

    A layer is everything that one module owns directly: weights, bias and floating-point buffers
    (running means and variances). Modules that share a tensor are one layer, named after the first.

    Args:
        model: any module; left as it is.

    Returns:
        The layers; every parameter and floating-point buffer is in one of them.

    Raises:
        ValueError: if the module has no parameters.

    Reference: Adilova et al. 2024, section 3; theory section L.

    Example:
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        >>> [layer.name for layer in layers(model)]
        ['0', '2']
        >>> layers(model)[1].keys
        ('2.weight', '2.bias')
    """
    require_network(model, "the network")
    state = {name: tensor for name, tensor in tensors(model).items() if interpolable(tensor)}
    if not state:
        raise ValueError("the network must have parameters, got a module without any")
    family: dict[str, str] = {}  # modules that share a tensor have one value
    first_owner: dict[int, str] = {}
    for key, tensor in state.items():
        owner = _owner(key)
        family.setdefault(owner, owner)
        kept, lost = family[first_owner.setdefault(id(tensor), owner)], family[owner]
        family = {module: kept if head == lost else head for module, head in family.items()}
    members: dict[str, set[str]] = {}
    for key in _in_order_of_execution(model, state):
        members.setdefault(family[_owner(key)], set()).add(key)
    return tuple(_layer(tuple(key for key in state if key in keys)) for keys in members.values())


def _layer(keys: tuple[str, ...]) -> Layer:
    return Layer(_owner(keys[0]) or "(root)", keys)


def _owner(key: str) -> str:
    """The module of an entry; parametrisations, such as weight normalisation, are part of it."""
    module, inside, _ = f".{key}".partition(".parametrizations.")
    return (module if inside else module.rpartition(".")[0]).removeprefix(".")


def _in_order_of_execution(model: nn.Module, state: Iterable[str]) -> list[str]:
    try:
        graph, _ = symbolic(model)
    except UnreadableError:
        return list(state)
    read = [
        str(source.target)
        for node in graph.nodes
        for source in node.all_input_nodes
        if source.op == "get_attr"
    ]
    return [key for key in dict.fromkeys([*read, *state]) if key in state]


def groups(model: nn.Module, names: Sequence[Sequence[str]] | None = None) -> tuple[Layer, ...]:
    """The layers of a network, or groups of them, each to be moved as one.

    Args:
        model: any module.
        names: for each group the names of its layers (see `layers`); every layer is a group of its
            own if None. Layers in no group are never moved.

    Returns:
        One `Layer` per group, in the order given.

    Raises:
        ValueError: if a group is empty, a name is unknown, or a layer is named twice.

    Example:
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 3), nn.Linear(3, 2))
        >>> [group.name for group in groups(model, [["0", "1"], ["2"]])]
        ['0+1', '2']
    """
    known = {layer.name: layer for layer in layers(model)}
    if names is None:
        return tuple(known.values())
    if not names or not all(names):
        raise ValueError(f"groups must name at least one layer each, got {list(names)}")
    flat = [name for group in names for name in group]
    unknown = [name for name in flat if name not in known]
    if unknown:
        raise ValueError(f"groups must name layers among {list(known)}, got {unknown[0]!r}")
    repeated = [name for name in known if flat.count(name) > 1]
    if repeated:
        raise ValueError(f"groups must not overlap, but {repeated[0]!r} is named twice")
    return tuple(
        Layer("+".join(group), tuple(key for name in group for key in known[name].keys))
        for group in names
    )
