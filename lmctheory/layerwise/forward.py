"""Forward passes at many points of the layer cube that compute once what they have in common.

Of two points that agree in the layers that a value depends on, the value is the same. So each
operation of a traced forward pass keeps its result, and from one point to the next only those
operations are repeated that depend on a layer which has moved. If the points come in lexicographic
order (layers in order of execution), a network that is one straight line walks the trie of their
prefixes once, with the activations of a single point in memory.

A trace is believed only if, on an example, it changes none of its values in place and reproduces
the module itself, at points that reuse results too. A module that fails this, or that cannot be
traced, is evaluated whole.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.fx import Graph, Node
from torch.fx.node import map_arg
from torch.nn.functional import linear

from lmctheory.layerwise.graph import keys_read, traced, whole
from lmctheory.layerwise.pair import Pair

__all__ = ["Forward", "forward_of"]

_Arguments: TypeAlias = tuple[tuple[Any, ...], dict[str, Any]]

_VALUE_BYTES = 2**20
"""The largest result of an operation: blocks of memory so small are used again and again."""

_FEWEST_ROWS = 16
"""Examples that are evaluated together in any case."""

_MODULE_ROWS = 256
"""Examples per forward pass of a module about which nothing is known."""


@dataclass(frozen=True, eq=False)
class _Step:
    """One operation.

    Attributes:
        node: the operation.
        module: the submodule that it calls, if it calls one.
        keys: names of the parameters and buffers that it reads.
        columns: the layers that its result depends on.
    """

    node: Node
    module: nn.Module | None
    keys: tuple[str, ...]
    columns: frozenset[int]


def _steps(pair: Pair, model: nn.Module, graph: Graph) -> list[_Step]:
    column_of = {key: c for c, layer in enumerate(pair.layers) for key in layer.keys}
    modules = dict(model.named_modules(remove_duplicate=False))
    columns: dict[Node, frozenset[int]] = {}
    steps = []
    for node in graph.nodes:
        keys = keys_read(node, pair.state_a)
        own = frozenset(column_of[key] for key in keys if key in column_of)
        columns[node] = own.union(*(columns[source] for source in node.all_input_nodes))
        module = modules[str(node.target)] if node.op == "call_module" else None
        steps.append(_Step(node, module, keys, columns[node]))
    return steps


class Forward:
    """The forward pass of a pair of networks in steps.

    Args:
        pair: the networks.
        model: the module whose steps they are.
        graph: the steps.

    Attributes:
        order: the layers in the order in which the steps need them.
        rows: examples that should be evaluated together.
    """

    def __init__(self, pair: Pair, model: nn.Module, graph: Graph) -> None:
        self._pair, self._model = pair, model
        self._steps = _steps(pair, model, graph)
        needed = [column for step in self._steps for column in sorted(step.columns)]
        self.order = list(dict.fromkeys([*needed, *range(len(pair.layers))]))
        self.rows = _MODULE_ROWS

    def along(self, inputs: Tensor, points: Sequence[Sequence[float]]) -> Iterator[Tensor]:
        """The logits ``[n, classes]`` at each of the points, for inputs ``[n, ...]``."""
        for values, _ in self._along(inputs, points):
            yield values[self._steps[-1].node]

    def _along(
        self, inputs: Tensor, points: Sequence[Sequence[float]]
    ) -> Iterator[tuple[dict[Node, Any], dict[Node, int]]]:
        """All results at each of the points, and how often each had been changed when new."""
        values: dict[Node, Any] = {}
        versions: dict[Node, int] = {}
        state = dict(self._pair.state_a)
        last: Sequence[float] = [float("nan")] * len(self._pair.layers)
        for point in points:
            moved = {c for c, (old, new) in enumerate(zip(last, point, strict=True)) if old != new}
            for column in moved:
                state |= self._pair.moved(column, point[column])
            with torch.no_grad():
                for step in self._steps:
                    if step.node not in values or not step.columns.isdisjoint(moved):
                        values[step.node] = self._result(step, inputs, values, state)
                        versions[step.node] = getattr(values[step.node], "_version", 0)
            last = point
            yield values, versions

    def _result(
        self, step: _Step, inputs: Tensor, values: dict[Node, Any], state: dict[str, Tensor]
    ) -> Any:
        node = step.node
        if node.op == "placeholder":  # the first is the input, others have defaults
            return node.args[0] if node.args else inputs
        if node.op == "get_attr":
            return _attribute(self._model, state, str(node.target))
        args, kwargs = cast("_Arguments", map_arg((node.args, node.kwargs), values.__getitem__))
        match node.op:
            case "output":
                return args[0]
            case "call_function":
                return cast("Callable[..., Any]", node.target)(*args, **kwargs)
            case "call_method":
                return getattr(args[0], str(node.target))(*args[1:], **kwargs)
            case _:
                own = {key.removeprefix(f"{node.target}."): state[key] for key in step.keys}
                return _call(cast("nn.Module", step.module), own, args, kwargs)

    def is_faithful(self, example: Tensor) -> bool:
        """Whether the steps compute what the module does; if so, `rows` is set.

        Args:
            example: one input, ``[1, ...]``.
        """
        later = self.order[len(self.order) // 2 :]
        end = [(column + 1) / (len(self.order) + 1) for column in range(len(self.order))]
        points = [[0.0] * len(end), [a if c in later else 0.0 for c, a in enumerate(end)], end]
        for point, (values, versions) in zip(points, self._along(example, points), strict=True):
            state = dict(self._pair.state_a)
            for column, a in enumerate(point):
                state |= self._pair.moved(column, a)
            with torch.no_grad():
                expected = _call(self._pair.model, state, (example,), {})
            unchanged = all(getattr(values[n], "_version", 0) == v for n, v in versions.items())
            if not (unchanged and _close(values[self._steps[-1].node], expected)):
                return False
        largest = max(value.nbytes for value in values.values() if isinstance(value, Tensor))
        self.rows = max(_FEWEST_ROWS, _VALUE_BYTES // largest)
        return True


def _call(
    module: nn.Module, state: dict[str, Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if not state:
        return module(*args, **kwargs)
    if type(module) is nn.Linear and not kwargs:  # functional_call outlasts a small product
        return linear(args[0], state["weight"], state.get("bias"))
    # entries that are one parameter of the module come as two tensors of the same value
    return functional_call(module, state, args, kwargs, tie_weights=False)


def _close(found: Any, expected: Tensor) -> bool:
    """Equal but for rounding: the operations are the same, so a wrong trace is far off."""
    size = expected.abs().max().item()
    return isinstance(found, Tensor) and torch.allclose(found, expected, rtol=0, atol=1e-3 * size)


def _attribute(model: nn.Module, state: dict[str, Tensor], target: str) -> Any:
    owner, _, name = target.rpartition(".")
    return state[target] if target in state else getattr(model.get_submodule(owner), name)


def forward_of(pair: Pair, example: Tensor) -> Forward:
    """The forward pass of a pair, in the finest steps that can be relied on.

    Args:
        pair: the networks.
        example: one input, ``[1, ...]``, in the networks' type.
    """
    own = copy.deepcopy(pair.model)
    try:
        forward = Forward(pair, own, traced(own))
        faithful = forward.is_faithful(example)
    except Exception:  # an operation that does not work outside its module
        faithful = False
    return forward if faithful else Forward(pair, pair.model, whole())
