"""Two networks of one architecture as one list of operations: what certificates work on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from lmctheory.networks import AffineChain, Examples
from lmctheory.networks.chain import require_same_architecture
from lmctheory.paths.blends import Blend
from lmctheory.paths.certified_operations import Fixed, Operation, Pointwise
from lmctheory.paths.complete_operations import Followed
from lmctheory.paths.interpolation import require_fitting
from lmctheory.paths.layer_operations import Affine, Contrast, Node, Normalisation
from lmctheory.paths.linear_maps import Dense
from lmctheory.paths.regions import Point

__all__ = ["Program", "chain_program"]


@dataclass(frozen=True, eq=False)
class Program:
    """Operations in an order in which they can be carried out; node 0 is the inputs.

    Attributes:
        shape: of one input.
        operations: of nodes 1, 2, ...; the last gives the outputs ``[n, classes]``.
    """

    shape: tuple[int, ...]
    operations: tuple[Operation | Blend | Followed, ...]

    @cached_property
    def bounded(self) -> tuple[Operation, ...]:
        """All operations, where each has the Lipschitz constant that C1 to C4 ask for."""
        found = tuple(op for op in self.operations if isinstance(op, Operation))
        assert len(found) == len(self.operations)
        return found

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return self.operations[-1].node.shape[-1]

    @cached_property
    def still(self) -> list[bool]:
        """Which nodes have the same value in A, in B and in between, such as the inputs."""
        found = [True]
        for op in self.operations:
            same = op.fixed if isinstance(op, Affine | Normalisation) else True
            found.append(same and all(found[i] for i in op.node.inputs))
        return found

    @cached_property
    def exact(self) -> list[bool]:
        """Which nodes are known without any error: the inputs, whatever their shape."""
        found = [True]
        for op in self.operations:
            found.append(isinstance(op, Fixed) and op.moves and found[op.node.inputs[0]])
        return found

    @property
    def straight(self) -> list[bool]:
        """Which nodes are their chord at every t but for rounding there: inputs, first layers."""
        return [True] + [
            self.exact[i] or (isinstance(op, Affine) and self.exact[op.node.inputs[0]])
            for i, op in enumerate(self.operations, start=1)
        ]

    @property
    def numbers(self) -> int:
        """How many an example has at all nodes."""
        return sum(torch.Size(op.node.shape).numel() for op in self.operations)

    @property
    def reference(self) -> Tensor:
        """A tensor of the type and on the device of all."""
        return next(op.weights[0] for op in self.operations if isinstance(op, Affine | Blend))

    def at(self, t: Point) -> list[Callable[..., Tensor]]:
        """What the operations are at theta_t, or where else their family of networks has points."""
        return [op.at(t) for op in self.operations]  # type: ignore[arg-type]

    def contrasts(self, a: Sequence[Tensor], b: Sequence[Tensor]) -> list[Contrast | None]:
        """Of the operations that have parameters, with the values of all nodes."""
        return [
            op.contrast(a[op.node.inputs[0]], b[op.node.inputs[0]])
            if isinstance(op, Affine | Normalisation)
            else None
            for op in self.operations
        ]

    def values(self, maps: Sequence[Callable[..., Tensor]], x: Tensor) -> list[Tensor]:
        """All nodes' values, by the maps that the operations are at one t."""
        values = [x]
        for op, apply in zip(self.operations, maps, strict=True):
            values.append(apply(*(values[i] for i in op.node.inputs)))
        return values

    def folded(self) -> "Program":
        """The same functions, and in between too, with normalisations whose factors are near one.

        A normalisation's factor is brought into the layer before it, if that has no other reader:
        rows and bias times D, mean times D, gamma by D, for one D of A and B alike, and so for
        every t. The norm of D W is what the two together amount to; the product of the norms of
        W and of the factors can be far more.
        """
        operations = list(self.operations)
        for i, op in enumerate(operations):
            if isinstance(op, Normalisation) and op.node.inputs[0] > 0:
                source = op.node.inputs[0]
                before = operations[source - 1]
                readers = sum(other.node.inputs.count(source) for other in operations)
                if isinstance(before, Affine) and readers == 1:
                    operations[source - 1], operations[i] = _folded(before, op)
        return replace(self, operations=tuple(operations))


def _folded(before: Affine, norm: Normalisation) -> tuple[Affine, Normalisation]:
    factors = [norm.at(t).factor.abs() for t in (0.0, 0.5, 1.0)]
    D = torch.stack(factors).amax(0)
    D = torch.where(D > 0, D, 1.0)
    flat = D.flatten()
    rows = flat.view(-1, *[1] * (before.W_a.ndim - 1))
    moved = replace(
        before,
        W_a=rows * before.W_a,
        W_b=rows * before.W_b,
        b_a=flat * before.b_a,
        b_b=flat * before.b_b,
        ends=None,
    )
    (gamma_a, gamma_b), (mean_a, mean_b) = norm.gamma, norm.mean
    scaled = replace(norm, gamma=(gamma_a / D, gamma_b / D), mean=(mean_a * D, mean_b * D))
    return moved, scaled


def chain_program(
    a: AffineChain,
    b: AffineChain,
    data: Examples,
    norms: Sequence[tuple[float, float]] | None = None,
) -> Program:
    """The program of two chains.

    Args:
        a: network A.
        b: network B.
        data: the examples.
        norms: the operator norms of A's and of B's weights, layer by layer, if they are known.

    Raises:
        ValueError: if they differ in architecture, weights are NaN or infinite, or examples do not
            fit.
    """
    require_same_architecture(a, b)
    width = a.weights[0].shape[-1]
    require_fitting(data, outputs=a.weights[-1].shape[-2], inputs=width)
    a, b = a.to(dtype=torch.float64), b.to(dtype=torch.float64)
    shape = tuple(data.inputs.shape[1:])
    operations: list[Operation] = []

    def node(name: str, width: int) -> Node:
        return Node(name, (len(operations),), (width,))

    if shape != (width,):
        operations.append(Fixed(node("flatten", width), lambda x: x.flatten(1), shape, True))
    ends = [None] * len(a.weights) if norms is None else norms
    for i, (name, W_a, W_b, b_a, b_b, known) in enumerate(
        zip(a.names, a.weights, b.weights, a.biases, b.biases, ends, strict=True)
    ):
        operations.append(Affine(node(name, len(W_a)), Dense(), W_a, W_b, b_a, b_b, known))
        if i < a.depth:
            sigma = a.activations[i]
            operations.append(Pointwise(node(f"{name}'s {sigma.name}", len(W_a)), sigma))
    return Program(shape, tuple(operations))
