"""A network's forward pass as a list of operations on its inputs and its slots."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Graph, Node
from torch.fx.node import map_arg

from lmctheory.networks.calling import Inputs
from lmctheory.networks.program.named_operations import Layer
from lmctheory.networks.state import Evaluation

__all__ = ["Program", "described", "needed", "opaque"]


@dataclass(frozen=True, eq=False)
class Program:
    """What a network computes, step by step, in evaluation mode.

    The graph holds one placeholder (the inputs; where they are several ``getitem`` steps take
    the single ones), a ``get_attr`` for each slot or constant that is
    read, one ``call_function`` for each operation, none of which works in place, and the output.
    Functions, methods, modules and ATen operators that are the same operation have one name,
    `operation`; modules that are one operation and no function (attention, recurrent layers) are
    calls of a `Layer`.

    Attributes:
        graph: the steps.
        state: for each slot of the network its number, by qualified name, see `slots`.
        constants: other tensors that the steps read.
        evaluation: the network itself, which the steps were compared with.
    """

    graph: Graph
    state: Mapping[str, Tensor]
    constants: Mapping[str, Tensor]
    evaluation: Evaluation

    @property
    def model(self) -> nn.Module:
        """A copy of the network."""
        return self.evaluation.model

    @property
    def output(self) -> Node:
        """The step that gives the output."""
        return _last(self.graph)

    @property
    def inputs(self) -> Node:
        """The step that stands for the inputs."""
        return next(iter(self.graph.nodes))

    @cached_property
    def needed(self) -> frozenset[Node]:
        """The steps on which the output depends."""
        return needed(self.graph)

    @cached_property
    def fed(self) -> frozenset[Node]:
        """The steps that depend on the inputs."""
        found = {self.inputs}
        for node in self.graph.nodes:
            if not found.isdisjoint(node.all_input_nodes):
                found.add(node)
        return frozenset(found)

    def to(self, dtype: torch.dtype) -> "Program":
        """The same steps with floating-point numbers of another type."""

        def cast(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {
                name: tensor.to(dtype) if tensor.is_floating_point() else tensor
                for name, tensor in tensors.items()
            }

        evaluation = Evaluation(self.model, dtype)
        return replace(
            self, state=cast(self.state), constants=cast(self.constants), evaluation=evaluation
        )

    def attribute(self, node: Node, state: Mapping[str, Tensor]) -> Tensor:
        """What a ``get_attr`` step reads."""
        name = str(node.target)
        return state[name] if name in state else self.constants[name]

    def run(
        self, inputs: Inputs, state: Mapping[str, Tensor] | None = None
    ) -> Iterator[tuple[Node, tuple[Any, ...], dict[str, Any], Any]]:
        """Carries the steps out one by one: each with its arguments and its result.

        A result is held no longer than a later step needs it.

        Args:
            inputs: ``[n, ...]`` in the network's type, in the form that it was captured with.
            state: instead of the network's own, all of it.
        """
        state = self.state if state is None else state
        values: dict[Node, Any] = {}
        for node in self.graph.nodes:
            args, kwargs = map_arg((node.args, node.kwargs), values.__getitem__)
            values[node] = self.carried_out(node, inputs, args, kwargs, state)
            yield node, args, kwargs, values[node]
            for spent in self._last_uses.get(node, ()):
                del values[spent]

    @cached_property
    def _last_uses(self) -> dict[Node, list[Node]]:
        """For each step the values that no step after it needs."""
        last = {source: node for node in self.graph.nodes for source in node.all_input_nodes}
        spent: dict[Node, list[Node]] = {}
        for source, node in last.items():
            spent.setdefault(node, []).append(source)
        return spent

    def carried_out(
        self, node: Node, inputs: Inputs, args: Any, kwargs: Any, state: Mapping[str, Tensor]
    ) -> Any:
        """What one step gives, for values of its arguments."""
        match node.op:
            case "placeholder":
                return inputs
            case "get_attr":
                return self.attribute(node, state)
            case "output":
                return args[0]
            case _:
                target: Callable[..., Any] = node.target  # type: ignore[assignment]
                return target(*args, **kwargs)

    def __call__(self, inputs: Inputs, state: Mapping[str, Tensor] | None = None) -> Any:
        """What the steps make of inputs ``[n, ...]``."""
        *_, (_, _, _, result) = self.run(inputs, state)
        return result


def needed(graph: Graph) -> frozenset[Node]:
    """The steps on which the output depends."""
    found = {_last(graph)}
    for node in reversed(graph.nodes):
        if node in found:
            found.update(node.all_input_nodes)
    return frozenset(found)


def _last(graph: Graph) -> Node:
    return next(iter(reversed(graph.nodes)))  # of PyTorch 2.8, `reversed` gives no iterator


def opaque(model: nn.Module) -> Program:
    """The program of a network that is one single step."""
    evaluation = Evaluation(model)

    def network(tensors: Mapping[str, Tensor], inputs: Inputs) -> Tensor:
        return evaluation(inputs, tensors)

    graph = Graph()
    inputs = graph.placeholder("inputs")
    slots = {name: graph.create_node("get_attr", name) for name in evaluation.state}
    graph.output(graph.call_function(network, (slots, inputs)))
    return Program(graph, evaluation.state, {}, evaluation)


def described(node: Node) -> str:
    """An operation as messages call it: the layer of torch.nn that it is, else the function."""
    if isinstance(node.target, Layer):
        return f"{node.target.name!r} ({type(node.target.module).__name__})"
    return str(node.meta.get("described") or node.name)
