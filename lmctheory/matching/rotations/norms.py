"""The gains of normalisations, and the layers that read what they scale.

A gain g multiplies the directions of a residual stream one by one, and no orthogonal matrix
commutes with that. If nothing but linear maps reads g * n(h) + c, the gain can be moved into them:
W (g * n + c) = (W diag(g)) n + W c, W c being part of the bias. In a post-norm network the next sum
reads it too, and the gain has to stay.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch.fx import Node

from lmctheory.networks.program import Layer, Program, described, operation

__all__ = ["Norm", "Reader", "norms"]

_MOVES = frozenset(
    (
        *("alias", "clone", "contiguous", "detach", "dropout", "expand", "flatten", "float"),
        *("getitem", "reshape", "select", "slice", "squeeze", "to", "transpose", "unflatten"),
        *("unsqueeze", "view"),
    )
)
"""Operations that put vectors elsewhere; one that cuts them up is found out by evaluation."""

_SHAPES = frozenset(("dim", "getattr", "numel", "size", "stride", "sym_size"))

Rows = tuple[int, int] | None


@dataclass(frozen=True)
class Reader:
    """A linear map that reads the normalised vectors.

    Attributes:
        weight: qualified name.
        axis: of it, over which it sums.
        rows: the range of the other axis that does so; None is all of it.
        bias: name of what it adds, if anything.
        bias_rows: the range of it that belongs to the rows.
    """

    weight: str
    axis: int
    rows: Rows = None
    bias: str | None = None
    bias_rows: Rows = None


@dataclass(frozen=True)
class Norm:
    """A gain.

    Attributes:
        gain: name of the parameter.
        shift: name of the bias of the normalisation, if it has any.
        centred: whether the normalisation takes off the mean: LayerNorm, not RMSNorm.
        readers: of the product.
        obstacle: why it cannot be moved into them; None if it can.
    """

    gain: str
    shift: str | None
    centred: bool
    readers: tuple[Reader, ...]
    obstacle: str | None = None


class _ObstacleError(Exception):
    pass


def norms(program: Program) -> dict[str, Norm]:
    """All gains of a network, by name."""
    found: dict[str, list[tuple[Node, str | None, bool]]] = {}
    for node in program.graph.nodes:
        scaled = _scaled(program, node)
        if scaled is not None and node in program.needed:
            gain, shift, centred = scaled
            found.setdefault(gain, []).append((node, shift, centred))
    return {gain: _norm(program, gain, uses) for gain, uses in found.items()}


def _scaled(program: Program, node: Node) -> tuple[str, str | None, bool] | None:
    """The gain, the shift and whether the mean is off, if a step multiplies by a gain."""
    if node.op != "call_function":
        return None
    name = operation(node.target)
    if name in ("layer_norm", "rms_norm"):
        gain = _slot(program, _argument(node, 2, "weight"))
        shift = _slot(program, _argument(node, 3, "bias")) if name == "layer_norm" else None
        return None if gain is None else (gain, shift, name == "layer_norm")
    if name in ("mul", "multiply"):
        slots = [_slot(program, argument) for argument in node.args]
        gains = [slot for slot in slots if slot is not None and program.state[slot].ndim == 1]
        return (gains[0], None, False) if len(gains) == 1 else None
    return None


def _argument(node: Node, position: int, name: str) -> Any:
    return node.args[position] if position < len(node.args) else node.kwargs.get(name)


def _slot(program: Program, node: Any) -> str | None:
    """The parameter that a node reads."""
    if not isinstance(node, Node) or node.op != "get_attr":
        return None
    name = program.evaluation.first_name(str(node.target))
    return name if name in program.state else None


def _norm(program: Program, gain: str, uses: list[tuple[Node, str | None, bool]]) -> Norm:
    shifts, kinds = {shift for _, shift, _ in uses}, {centred for _, _, centred in uses}
    (shift, *more), (centred, *_) = shifts, kinds
    readers: dict[Reader, Node] = {}
    obstacle = f"{gain!r} is used in different ways" if more or len(kinds) > 1 else None
    try:
        for node, _, _ in uses:
            readers |= {reader: by for by, reader in _readers(program, node, gain)}
        _require_own(program, readers)
    except _ObstacleError as error:
        obstacle = str(error)
    return Norm(gain, shift, centred, tuple(readers), obstacle)


def _readers(program: Program, node: Node, gain: str) -> Iterator[tuple[Node, Reader]]:
    for user in node.users:
        if user not in program.needed or operation(user.target) in _SHAPES:
            continue
        if user.op == "call_function" and operation(user.target) in _MOVES:
            yield from _readers(program, user, gain)
            continue
        found = [(user, reader) for reader in _linear(program, user, node)]
        if not found:
            what = "the output" if user.op == "output" else described(user)
            raise _ObstacleError(
                f"the gain {gain!r} cannot be moved into the layers that follow: {what} reads what "
                "it scales, and is no linear map"
            )
        yield from found


def _linear(program: Program, user: Node, source: Node) -> Iterator[Reader]:
    """How a step reads a vector, if it is a linear map of it."""
    if user.op != "call_function":
        return
    if isinstance(user.target, Layer):
        yield from _attention(program, user, source)
        return
    name = operation(user.target)
    places = {"linear": (0, 1, 2, 1), "addmm": (1, 2, 0, 0), "mm": (0, 1, 3, 0)}
    places["matmul"] = places["mm"]
    if name not in places:
        return
    x, weight, bias, axis = places[name]
    names = {"linear": ("input", "weight", "bias")}.get(name, ("", "", ""))
    read = _slot(program, _argument(user, weight, names[1]))
    is_weight = read is not None and program.state[read].ndim == 2
    if read is not None and is_weight and _argument(user, x, names[0]) is source:
        yield Reader(read, axis, bias=_slot(program, _argument(user, bias, names[2])))


def _attention(program: Program, user: Node, source: Node) -> Iterator[Reader]:
    """The projections of `nn.MultiheadAttention`, which lie in one tensor or in three."""
    held = user.args[0]
    if type(user.target.module).__name__ != "MultiheadAttention" or not isinstance(held, Mapping):  # type: ignore[union-attr]
        return
    together = _slot(program, held.get("in_proj_weight"))
    bias = _slot(program, held.get("in_proj_bias"))
    width = user.target.module.embed_dim  # type: ignore[union-attr]
    inputs = [_argument(user, k + 1, name) for k, name in enumerate(("query", "key", "value"))]
    for k, (x, part) in enumerate(zip(inputs, "qkv", strict=True)):
        if x is source:
            rows = (k * width, (k + 1) * width)
            if together is not None:
                yield Reader(together, 1, rows, bias, None if bias is None else rows)
            else:
                weight = _slot(program, held.get(f"{part}_proj_weight"))
                if weight is not None:
                    yield Reader(weight, 1, None, bias, None if bias is None else rows)


def _require_own(program: Program, readers: Mapping[Reader, Node]) -> None:
    """Refuses weights that something else reads too: a change of them would change that."""
    for reader in readers:
        by = {node for other, node in readers.items() if other.weight == reader.weight}
        for node in program.graph.nodes:
            if _slot(program, node) == reader.weight:
                others = [u for u in node.users if u in program.needed and u not in by]
                if others:
                    raise _ObstacleError(
                        f"{reader.weight!r} reads the normalised vectors, and "
                        f"{described(others[0])} uses it too"
                    )
