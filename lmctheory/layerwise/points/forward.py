"""Forward passes at many points of the layer cube that compute once what they have in common.

Of two points that agree in the layers that a value depends on, the value is the same. So each
operation of a traced forward pass keeps its result, and from one point to the next only those
operations are repeated that depend on a layer which has moved. If the points come in lexicographic
order (layers in order of execution), a network that is one straight line walks the trie of their
prefixes once, with the activations of a single point in memory.

A network whose forward pass cannot be read in steps is evaluated whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node
from torch.fx.node import map_arg

from lmctheory.layerwise.points.pair import Pair
from lmctheory.networks.calling import Inputs
from lmctheory.networks.program import Program, UnreadableError, capture, opaque

__all__ = ["Forward", "forward_of"]

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
        columns: the layers that its result depends on.
    """

    node: Node
    columns: frozenset[int]


def _steps(pair: Pair, program: Program) -> list[_Step]:
    column_of = {key: c for c, layer in enumerate(pair.layers) for key in layer.keys}
    columns: dict[Node, frozenset[int]] = {}
    steps = []
    for node in program.graph.nodes:
        if node in program.needed:
            name = str(node.target) if node.op == "get_attr" else None
            own = {column_of[name]} if name in column_of else set()
            columns[node] = frozenset(own).union(*(columns[s] for s in node.all_input_nodes))
            steps.append(_Step(node, columns[node]))
    return steps


class Forward:
    """The forward pass of a pair of networks in steps.

    Args:
        pair: the networks.
        program: the steps.
        rows: examples that should be evaluated together.

    Attributes:
        order: the layers in the order in which the steps need them.
        rows: as given.
    """

    def __init__(self, pair: Pair, program: Program, rows: int) -> None:
        self._pair, self._program = pair, program
        self._steps = _steps(pair, program)
        needed = [column for step in self._steps for column in sorted(step.columns)]
        self.order = list(dict.fromkeys([*needed, *range(len(pair.layers))]))
        self.rows = rows

    def along(self, inputs: Inputs, points: Sequence[Sequence[float]]) -> Iterator[Tensor]:
        """The logits ``[n, classes]`` at each of the points, for inputs ``[n, ...]``."""
        values: dict[Node, Any] = {}
        state = dict(self._pair.state_a)
        last: Sequence[float] = [float("nan")] * len(self._pair.layers)
        for point in points:
            moved = {c for c, (old, new) in enumerate(zip(last, point, strict=True)) if old != new}
            for column in moved:
                state |= self._pair.moved(column, point[column])
            with torch.no_grad():
                for step in self._steps:
                    if step.node not in values or not step.columns.isdisjoint(moved):
                        node = step.node
                        args, kwargs = map_arg((node.args, node.kwargs), values.__getitem__)
                        values[node] = self._program.carried_out(node, inputs, args, kwargs, state)
            last = point
            yield values[self._program.output]


def forward_of(pair: Pair, example: Inputs) -> Forward:
    """The forward pass of a pair, in the finest steps that can be relied on.

    Args:
        pair: the networks.
        example: one input, ``[1, ...]``, in the networks' type.
    """
    try:
        program = capture(pair.model, example)
    except UnreadableError:
        return Forward(pair, opaque(pair.model), _MODULE_ROWS)
    largest = max(
        value.nbytes
        for node, *_, value in program.run(example)
        if node in program.fed and isinstance(value, Tensor)  # weights are there whatever the rows
    )
    return Forward(pair, program, max(_FEWEST_ROWS, _VALUE_BYTES // largest))
