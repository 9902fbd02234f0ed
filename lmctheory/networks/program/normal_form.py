"""One form for the steps that PyTorch's tracers give: see `Program`."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.fx import Graph, Node
from torch.fx.node import map_arg
from torch.nn import functional

from lmctheory.networks.program.named_operations import (
    Layer,
    Method,
    in_place,
    operation,
    out_of_place,
    qualified,
)

__all__ = ["UnreadableError", "normal_form"]


class UnreadableError(TypeError):
    """A forward pass, or a step of it, cannot be read; the message says why.

    A type of its own, so that nobody who asks whether a network can be read takes an error for no.
    """


def _batch_norm(
    x: Any, weight: Any, bias: Any, mean: Any, variance: Any, training: Any, *rest: Any
) -> tuple[Any, ...]:
    return (x, mean, variance, weight, bias, training, *rest[:2])


def _embedding(weight: Any, indices: Any, *_: Any) -> tuple[Any, ...]:
    return (indices, weight)


_ATEN: Mapping[Any, tuple[Callable[..., Any], Callable[..., tuple[Any, ...]]]] = {
    torch.ops.aten.batch_norm.default: (functional.batch_norm, _batch_norm),
    torch.ops.aten.embedding.default: (functional.embedding, _embedding),
}
"""ATen operators whose arguments come in another order than those of the function."""


def normal_form(
    graph: Graph,
    model: nn.Module,
    slot_of: Callable[[Node], str | None],
    prefix: str = "",
    places: Sequence[str | int | None] = (None,),
) -> Graph:
    """The steps of a traced network, none of them in place.

    Args:
        graph: as traced; left as it is.
        model: the network, whose submodules `Layer` steps call.
        slot_of: for a node that is a slot or a constant its name, else None.
        prefix: of the names of modules in the trace.
        places: for each placeholder that is no slot its place in the inputs; None is the whole.

    Raises:
        UnreadableError: for an operation that works in place and has no other form, or an output
            that is nothing but one tensor.
    """
    return _Rewriting(model, slot_of, prefix, places).rewritten(graph)


class _Rewriting:
    def __init__(
        self,
        model: nn.Module,
        slot_of: Callable[[Node], str | None],
        prefix: str,
        places: Sequence[str | int | None],
    ) -> None:
        self.model, self.slot_of, self.prefix = model, slot_of, prefix
        self.places = iter(places)
        self.graph = Graph()
        self.inputs = self.graph.placeholder("inputs")
        self.slots: dict[str, Node] = {}
        self.now: dict[Node, Any] = {}  # what a value of the trace is by now

    def rewritten(self, graph: Graph) -> Graph:
        for node in graph.nodes:
            name = self.slot_of(node)
            if name is not None:
                self.now[node] = self._slot(name)
            elif node.op == "placeholder":
                self.now[node] = self._given(next(self.places))
            elif node.op == "output":
                self._output(node)
            elif not operation(node.target).startswith(("_assert", "sym_constrain")):
                self._step(node)
        self.graph.lint()
        return self.graph

    def _given(self, place: str | int | None) -> Node:
        if place is None:
            return self.inputs
        return self.graph.call_function(operator.getitem, (self.inputs, place))

    def _output(self, node: Node) -> None:
        result = node.args[0]
        if isinstance(result, tuple | list) and len(result) == 1:
            (result,) = result
        self.graph.output(map_arg(result, self.now.__getitem__))

    def _slot(self, name: str) -> Node:
        if name not in self.slots:
            self.slots[name] = self.graph.create_node("get_attr", name)
        return self.slots[name]

    def _step(self, node: Node) -> None:
        args, kwargs = map_arg((node.args, node.kwargs), self.now.__getitem__)
        target: Any = node.target
        if node.op == "call_method":
            target = Method(str(node.target))
        elif node.op == "call_module":
            target, args = self._layer(str(node.target), args)
        if operation(target) == "dropout" and _idle(args, kwargs):
            self.now[node] = args[0]
            return
        overwrites = in_place(target) or kwargs.get("inplace") is True
        if in_place(target):
            replacement = out_of_place(target)
            if replacement is None:
                raise UnreadableError(f"{qualified(target)} works in place")
            target = replacement
        if "inplace" in kwargs:
            kwargs = {**kwargs, "inplace": False}
        if target in _ATEN:
            target, order = _ATEN[target]
            args = order(*args)
        step = self.graph.call_function(target, args, kwargs)
        step.meta["described"] = self._described(node, target)
        if overwrites:
            self._overwrite(node.args[0], step)
        self.now[node] = step

    def _overwrite(self, source: Any, step: Node) -> None:
        """All names of a value that was overwritten stand for what has taken its place."""
        before = self.now[source]
        for name, value in self.now.items():
            if value is before:
                self.now[name] = step

    def _layer(self, target: str, args: tuple[Any, ...]) -> tuple[Layer, tuple[Any, ...]]:
        name = f"{target}.".removeprefix(self.prefix).removesuffix(".")
        module = self.model.get_submodule(name)
        tensors = {
            inside: self._slot(f"{name}.{inside}" if name else inside)
            for inside, _ in [*module.named_parameters(), *module.named_buffers()]
        }
        return Layer(module, name), (tensors, *args)

    def _described(self, node: Node, target: Any) -> str:
        """The layer of torch.nn that an operation belongs to, else the function."""
        stack = [*(node.meta.get("nn_module_stack") or {}).values()]
        if not stack:
            return qualified(target)
        path, kind = stack[-1]
        kind = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
        known = kind.startswith(("torch.nn.modules", "torch.nn.utils.parametrize."))
        if not known or "container" in kind:
            return qualified(target)
        return f"{path.removeprefix(self.prefix)!r} ({kind.rpartition('.')[2]})"


def _idle(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    training = args[2] if len(args) > 2 else kwargs.get("training", kwargs.get("train", True))
    return training is False
