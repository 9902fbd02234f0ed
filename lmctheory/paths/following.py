"""Steps of a network's program that only enclosures of whole pieces can follow, as operations.

A step becomes one operation or several: attention is its projections and what they are taken to,
a clipped activation a difference of relus. What depends on no input is a network's own numbers:
those of A and of B are known, and if nothing but moving them was done to parameters, they are
affine in t.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.fx import Node as Step
from torch.fx.node import map_arg

from lmctheory.networks import Activation, activation
from lmctheory.networks.program import operation
from lmctheory.paths.certified_operations import Fixed, Operation, Pointwise
from lmctheory.paths.complete_operations import Combination, Followed, Product
from lmctheory.paths.layer_operations import Affine, Node
from lmctheory.paths.linear_maps import Dense
from lmctheory.paths.parameters import Parameters
from lmctheory.paths.recognition import Carried

__all__ = ["Call", "Found", "Rule", "Turned", "Writer", "is_index", "without_examples"]

Pair = tuple[Tensor, Tensor]


class Turned(NamedTuple):
    """A node of which a step holds the first two axes, the examples' and one more, exchanged."""

    number: int


Found = int | Turned | list["Found"]
"""The node that a step is, or those of several tensors."""

_MOVES = (
    *("broadcast_to", "cat", "clone", "concat", "contiguous", "detach", "embedding", "expand"),
    *("expand_as", "flatten", "getitem", "index_select", "permute", "repeat", "reshape"),
    *("select", "slice", "squeeze", "stack", "t", "to", "transpose", "unflatten", "unsqueeze"),
    "view",
)
"""What takes parameters to numbers that are linear in them."""


@dataclass
class Writer:
    """What is known of a program so far.

    Attributes:
        slots: of A and of B, by name.
        numbers: of the steps that are nodes.
        inputs: the shape of an input.
        operations: of nodes 1, 2, ...
        given: of steps that depend on no input, A's and B's tensors.
        plain: values that are no tensors.
        parts: of steps that give several tensors, the nodes that these are.
        turned: of steps whose second axis is the examples'.
    """

    slots: tuple[Mapping[str, Tensor], Mapping[str, Tensor]]
    numbers: dict[Step, int]
    inputs: tuple[int, ...]
    operations: list[Operation] = field(default_factory=list)
    given: dict[Step, Pair] = field(default_factory=dict)
    plain: dict[Step, Any] = field(default_factory=dict)
    parts: dict[Step, list[Found]] = field(default_factory=dict)
    turned: dict[Step, int] = field(default_factory=dict)

    def knows(self, step: Step) -> bool:
        """Whether a step depends on the inputs and has been written down."""
        return step in self.numbers or step in self.parts or step in self.turned

    def hold(self, step: Step, found: Found) -> None:
        """Notes what a step is."""
        match found:
            case Turned(number):
                self.turned[step] = number
            case list():
                self.parts[step] = found
            case number:
                self.numbers[step] = number

    def note(self, step: Step, result: Any) -> None:
        """A step that depends on no input, or gives no tensor."""
        if not isinstance(result, Tensor):
            self.plain[step] = result
        elif step.op == "get_attr":
            name = str(step.target)
            known = name in self.slots[0]
            self.given[step] = (
                (self.slots[0][name], self.slots[1][name]) if known else (result, result)
            )
        elif (pair := self._carried(step, result)) is not None:
            self.given[step] = pair

    def _carried(self, step: Step, result: Tensor) -> Pair | None:
        sources = step.all_input_nodes
        if any(source not in self.given and source not in self.plain for source in sources):
            return None
        pairs = [self.given[source] for source in sources if source in self.given]
        if all(torch.equal(*pair) for pair in pairs):
            return result, result
        if operation(step.target) not in _MOVES:
            return None

        def of_b(source: Step) -> Any:
            return self.given[source][1] if source in self.given else self.plain[source]

        args, kwargs = map_arg((step.args, step.kwargs), of_b)
        target: Any = step.target
        return result, target(*args, **kwargs)

    def write(
        self,
        make: Callable[[Node], Operation | Followed],
        name: str,
        inputs: Sequence[int],
        shape: Sequence[int],
    ) -> int:
        """The number of a new node."""
        made: Any = make(Node(name, tuple(inputs), tuple(shape)))
        self.operations.append(made)
        return len(self.operations)

    def shape(self, number: int) -> tuple[int, ...]:
        """Of a node."""
        return self.operations[number - 1].node.shape if number else self.inputs

    def node(self, source: Any, ndim: int) -> int | None:
        """The number of a step, of parameters or of a constant, with so many axes; None if none."""
        if isinstance(source, Step) and source in self.numbers:
            number = self.numbers[source]
            return number if len(self.shape(number)) == ndim - 1 else None
        if isinstance(source, Step) and source in self.plain:
            source = self.plain[source]
        if isinstance(source, float | int):
            value = torch.full((1,) * (ndim - 1), float(source), dtype=torch.float64)
            return self.parameters("a constant", (value, value))
        if not isinstance(source, Step) or source not in self.given:
            return None
        pair = [without_examples(value, ndim) for value in self.given[source]]
        if pair[0] is None or pair[1] is None:
            return None
        return self.parameters(source.name, (pair[0], pair[1]))

    def parameters(self, name: str, pair: Pair) -> int:
        """A node of the network's own numbers, without the examples' axis."""
        a, b = (value.double() for value in pair)
        return self.write(lambda node: Parameters(node, (a, b)), name, (0,), a.shape)

    def moved(
        self, name: str, number: int, apply: Callable[[Tensor], Tensor], shape: Sequence[int]
    ) -> int:
        """A node whose entries are those of another."""
        before = self.shape(number)
        return self.write(lambda n: Fixed(n, apply, before, True), name, (number,), shape)

    def affine(self, name: str, number: int, weights: Pair, biases: Pair | None) -> int:
        """A linear layer."""
        nothing = weights[0].new_zeros(len(weights[0]))
        offsets = (nothing, nothing) if biases is None else biases
        shape = (*self.shape(number)[:-1], len(weights[0]))
        return self.write(
            lambda node: Affine(node, Dense(), *weights, *offsets), name, (number,), shape
        )

    def activated(self, name: str, number: int, sigma: Activation) -> int:
        """An activation."""
        return self.write(lambda node: Pointwise(node, sigma), name, (number,), self.shape(number))

    def relu(self, name: str, number: int) -> int:
        """The positive part."""
        return self.activated(name, number, activation("relu"))

    def summed(self, name: str, *terms: tuple[int, int]) -> int:
        """The sum of nodes, each with its sign."""
        signs, numbers = zip(*terms, strict=True)
        shape = _together(*map(self.shape, numbers))
        return self.write(lambda node: Combination(node, signs), name, numbers, shape)

    def times(self, name: str, one: int, other: int) -> int:
        """The product, entry by entry."""
        shape = _together(self.shape(one), self.shape(other))
        return self.write(lambda node: Product(node, torch.mul), name, (one, other), shape)

    def constant(self, value: float, like: int) -> int:
        """A number, to be added or multiplied."""
        number = self.node(value, len(self.shape(like)) + 1)
        assert number is not None
        return number


def _together(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Of what has shapes that differ in axes of length one."""
    return tuple(map(max, zip(*shapes, strict=True)))


def without_examples(value: Tensor, ndim: int) -> Tensor | None:
    """Numbers that are the same for all examples, without their axis, of `ndim` axes with it."""
    if value.ndim < ndim:
        return value.reshape(*[1] * (ndim - 1 - value.ndim), *value.shape)
    if value.ndim > ndim or not (value == value[:1]).all():
        return None
    return value[0]


def is_index(step: Step) -> bool:
    """Whether a step takes one of several tensors."""
    return step.target is operator.getitem and isinstance(step.args[1], int)


class Call:
    """A step's arguments by name: values and, where they are steps, the steps."""

    def __init__(self, carried: Carried, names: tuple[str, ...]) -> None:
        step = carried.step
        self.values = dict(zip(names, carried.args, strict=False)) | dict(carried.kwargs)
        self.sources = dict(zip(names, step.args, strict=False)) | dict(step.kwargs)

    def value(self, name: str, default: Any = None) -> Any:
        """Of an argument."""
        return self.values.get(name, default)

    def source(self, name: str) -> Any:
        """The step that gives it, or the value itself."""
        return self.sources.get(name)


Rule = Callable[[Writer, Carried, Call], Found | None]
"""What writes a step down: what it is, or None if it cannot."""
