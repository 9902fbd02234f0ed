"""The forward pass of any module as a graph of operations, and which parameters each one reads."""

import operator
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.fx import Graph, Node

from lmctheory.networks.tracing import require_no_hooks

__all__ = ["floating", "keys_read", "traced", "whole"]

_OUT_OF_PLACE = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
}


def traced(model: nn.Module) -> Graph:
    """The operations of a module, none of them in place; the whole module where no trace is found.

    Args:
        model: a copy of one's own, because tracing stores constants in it and its activations are
            set to work out of place.
    """
    try:
        require_no_hooks(model, "the network cannot be traced")
        graph = torch.fx.Tracer().trace(model)
    except Exception:  # whatever a user's forward pass raises on symbols: it is no trace
        return whole()
    for module in model.modules():
        if getattr(module, "inplace", False):
            setattr(module, "inplace", False)  # noqa: B010
    for node in graph.nodes:
        if node.op == "call_function":
            node.target = _OUT_OF_PLACE.get(node.target, node.target)
            if node.kwargs.get("inplace"):
                node.kwargs = {**node.kwargs, "inplace": False}
    return graph


def whole() -> Graph:
    """The graph of a module that is one operation."""
    graph = Graph()
    graph.output(graph.call_module("", (graph.placeholder("inputs"),)))
    return graph


def keys_read(node: Node, state: Iterable[str]) -> tuple[str, ...]:
    """Names of the parameters and buffers that an operation reads, of those in a state dict."""
    target = str(node.target)
    if node.op == "get_attr":
        return tuple(key for key in state if key == target)
    if node.op != "call_module":
        return ()
    return tuple(key for key in state if key.startswith(f"{target}.") or not target)


def floating(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The entries of a state dict that can be interpolated."""
    return {
        key: value
        for key, value in state.items()
        if isinstance(value, Tensor) and value.is_floating_point()
    }
