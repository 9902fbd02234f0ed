"""Steps that hold nodes with the examples along the second axis: sequences, time first, and states.

Such a step is a node ``[n, time, ...]`` that is `Turned`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lmctheory.paths.complete_operations import Concatenation
from lmctheory.paths.following import Call, Found, Rule, Turned, Writer
from lmctheory.paths.recognition import Carried

__all__ = ["chosen", "stacked", "turning_rules"]


def chosen(w: Writer, name: str, x: int, t: int) -> int:
    """A node at one time, or one of several states."""
    return w.moved(name, x, lambda v: v.select(1, t), w.shape(x)[1:])


def stacked(w: Writer, name: str, nodes: Sequence[int]) -> int:
    """Nodes along a new first axis."""
    shape = w.shape(nodes[0])
    rows = [w.moved(name, x, lambda v: v.unsqueeze(1), (1, *shape)) for x in nodes]
    return w.write(
        lambda node: Concatenation(node, -1 - len(shape)), name, rows, (len(rows), *shape)
    )


def _exchanging(w: Writer, carried: Carried, call: Call) -> Found | None:
    """What exchanges the first two axes and leaves the others."""
    source, value = call.source("input"), call.value("input")
    ndim = value.ndim
    order = list(range(ndim))
    if "dim0" in call.values:
        i, j = (call.value(name) % ndim for name in ("dim0", "dim1"))
        order[i], order[j] = order[j], order[i]
    else:
        rest = carried.args[1:]
        dims = call.value("dims", rest[0] if len(rest) == 1 else rest)
        order = [d % ndim for d in dims]
    if order != [1, 0, *range(2, ndim)]:
        return None
    if source in w.turned:
        return w.turned[source]
    number = w.node(source, ndim)
    return None if number is None else Turned(number)


def _selected(w: Writer, carried: Carried, call: Call) -> int | None:
    """One of what lies along the first axis of a turned node."""
    source = call.source("input")
    if source not in w.turned:
        return None
    *axis, index = carried.args[1:] or (None,)
    count = w.shape(w.turned[source])[0]
    if axis not in ([], [0]) or not isinstance(index, int) or not -count <= index < count:
        return None
    return chosen(w, carried.step.name, w.turned[source], index % count)


def _squeezed(w: Writer, carried: Carried, call: Call) -> int | None:
    """A turned node of one."""
    source = call.source("input")
    if source not in w.turned or call.value("dim") != 0 or w.shape(w.turned[source])[0] != 1:
        return None
    return chosen(w, carried.step.name, w.turned[source], 0)


def _unsqueezed(w: Writer, carried: Carried, call: Call) -> Found | None:
    """A node as one of several states."""
    number = w.node(call.source("input"), carried.result.ndim - 1)
    if number is None or call.value("dim") != 0:
        return None
    return Turned(stacked(w, carried.step.name, [number]))


turning_rules: Mapping[str, tuple[Rule, tuple[str, ...]]] = {
    **dict.fromkeys(
        ("transpose", "swapaxes", "swapdims"), (_exchanging, ("input", "dim0", "dim1"))
    ),
    "permute": (_exchanging, ("input",)),
    **dict.fromkeys(("getitem", "select"), (_selected, ("input",))),
    "squeeze": (_squeezed, ("input", "dim")),
    "unsqueeze": (_unsqueezed, ("input", "dim")),
}
"""What is done with nodes whose first axis is not the examples'."""
