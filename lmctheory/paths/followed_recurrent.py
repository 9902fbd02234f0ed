r"""Recurrent layers among the steps of a program, unrolled to the length of the sequences.

All gates of a layer are rows of its two weights, z_t = W x_t + b and u_t = U h_{t-1} + c:

    RNN    h_t = sigma(z_t + u_t),
    GRU    r, i = logistic(z^r + u^r), logistic(z^i + u^i),  n = tanh(z^n + r u^n),
           h_t = n + i (h_{t-1} - n),
    LSTM   i, f, o = logistic(z + u), g = tanh(z^g + u^g),
           c_t = f c_{t-1} + i g,  h_t = o tanh(c_t), or P times that.

The z_t of all times are one layer; every other step is an operation that is known, the weights of
each time the same.

A layer is one step: of a network that was traced the module, of one that was exported the function
that it calls. The last states ``[layers, n, width]`` and sequences with the time first are nodes
that are `Turned` (`lmctheory.paths.turned_steps`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn

from lmctheory.networks import activation
from lmctheory.networks.program import operation
from lmctheory.paths.complete_operations import Concatenation
from lmctheory.paths.following import Call, Found, Turned, Writer, without_examples
from lmctheory.paths.recognition import Carried
from lmctheory.paths.turned_steps import chosen, stacked

__all__ = ["cell_rule", "recurrent_function_rule", "recurrent_rule"]

Pair = tuple[Tensor, Tensor]
_GATES = {nn.RNN: 1, nn.GRU: 3, nn.LSTM: 4, nn.RNNCell: 1, nn.GRUCell: 3, nn.LSTMCell: 4}
_FUNCTIONS = {"rnn_tanh": (1, "tanh"), "rnn_relu": (1, "relu"), "gru": (3, ""), "lstm": (4, "")}
"""Of each function the gates and, of an RNN, sigma."""
_KINDS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
"""The weights of one layer in one direction, in the order that functions take them in."""


class _State(NamedTuple):
    """Nodes of h and, in an LSTM, of c; None is zero."""

    h: int | None
    c: int | None = None


class _Cell(NamedTuple):
    """One layer in one direction.

    Attributes:
        gates: 1 of an RNN, 3 of a GRU, 4 of an LSTM.
        sigma: of an RNN.
        width: of a gate.
        held: A's and B's weights by name, less the number of the layer.
    """

    w: Writer
    name: str
    gates: int
    sigma: str
    width: int
    held: Mapping[str, Pair]

    def inputs(self, x: int) -> int:
        """The z of all times, or of one."""
        return self.w.affine(self.name, x, self.held["weight_ih"], self.held.get("bias_ih"))

    def step(self, z: int, state: _State) -> _State:
        """The state that comes after one, from the z of that time."""
        u = self._turned(state.h)
        if self.gates == 1:
            return _State(self._of(self.sigma, self._sum(z, u)))
        if self.gates == 3:
            return _State(self._gated(z, u, state.h))
        i, f, g, o = (
            self._of("tanh" if k == 2 else "sigmoid", self._gate(self._sum(z, u), k))
            for k in range(4)
        )
        c = self._times(i, g)
        if state.c is not None:
            c = self._sum(self._times(f, state.c), c)
        h = self._times(o, self._of("tanh", c))
        if "weight_hr" in self.held:
            h = self.w.affine(self.name, h, self.held["weight_hr"], None)
        return _State(h, c)

    def _turned(self, h: int | None) -> int | None:
        """The node u; None is zero."""
        bias = self.held.get("bias_hh")
        if h is not None:
            return self.w.affine(self.name, h, self.held["weight_hh"], bias)
        return None if bias is None else self.w.parameters(self.name, bias)

    def _gated(self, z: int, u: int | None, h: int | None) -> int:
        r, i = (
            self._of("sigmoid", self._sum(self._gate(z, k), self._gate(u, k))) for k in range(2)
        )
        new, own = self._gate(z, 2), self._gate(u, 2)
        n = self._of("tanh", new if own is None else self._sum(new, self._times(r, own)))
        apart = ((-1, n),) if h is None else ((1, h), (-1, n))
        return self._sum(n, self._times(i, self.w.summed(self.name, *apart)))

    def _gate(self, x: int | None, k: int) -> Any:
        """The rows of one gate."""
        if x is None:
            return None
        rows = slice(k * self.width, (k + 1) * self.width)
        return self.w.moved(self.name, x, lambda v: v[..., rows], (self.width,))

    def _of(self, sigma: str, x: int) -> int:
        return self.w.activated(self.name, x, activation(sigma))

    def _sum(self, x: int, y: int | None) -> int:
        return x if y is None else self.w.summed(self.name, (1, x), (1, y))

    def _times(self, x: int, y: int) -> int:
        return self.w.times(self.name, x, y)

    def along(self, x: int, state: _State, backwards: bool) -> tuple[int, _State]:
        """The states at all times as one node, and the last."""
        z = self.inputs(x)
        states: list[Any] = []
        times = range(self.w.shape(x)[0])
        for t in reversed(times) if backwards else times:
            state = self.step(chosen(self.w, self.name, z, t), state)
            states.append(state.h)
        if backwards:
            states.reverse()
        return stacked(self.w, self.name, states), state


def _joined(w: Writer, name: str, nodes: Sequence[int]) -> int:
    """Nodes side by side along their last axis."""
    if len(nodes) == 1:
        return nodes[0]
    *shape, _ = w.shape(nodes[0])
    total = sum(w.shape(x)[-1] for x in nodes)
    return w.write(lambda node: Concatenation(node, -1), name, nodes, (*shape, total))


class _Stack(NamedTuple):
    """Several layers, in one direction or both.

    Attributes:
        gates: 1 of an RNN, 3 of a GRU, 4 of an LSTM.
        sigma: of an RNN.
        layers: how many.
        directions: 1 or 2.
        batch_first: else the time is the first axis.
        held: A's and B's weights, by the names that they have in a module.
    """

    gates: int
    sigma: str
    layers: int
    directions: int
    batch_first: bool
    held: Mapping[str, Pair]

    def unrolled(self, w: Writer, name: str, call: Call) -> list[Found] | None:
        """The outputs, the last h of all layers and, of an LSTM, the last c."""
        source = call.source("input")
        x = w.node(source, 3) if self.batch_first else w.turned.get(source)
        first = _states(w, call, self.layers * self.directions)
        if x is None or first is None:
            return None
        last = list[Any]()
        for i in range(self.layers):
            sides = []
            for k in range(self.directions):
                cell = self._cell(w, name, f"_l{i}" + "_reverse" * k)
                side, state = cell.along(x, first[self.directions * i + k], bool(k))
                sides.append(side)
                last.append(state)
            x = _joined(w, name, sides)
        h, c = map(list, zip(*last, strict=True))
        states = (h, c) if self.gates == 4 else (h,)
        out: Found = x if self.batch_first else Turned(x)
        return [out, *(Turned(stacked(w, name, of_layers)) for of_layers in states)]

    def _cell(self, w: Writer, name: str, suffix: str) -> _Cell:
        held = self.held
        own = {key.removesuffix(suffix): held[key] for key in held if key.endswith(suffix)}
        width = len(own["weight_ih"][0]) // self.gates
        return _Cell(w, name, self.gates, self.sigma, width, own)


def recurrent_rule(w: Writer, carried: Carried, call: Call) -> list[Found] | None:
    """`nn.RNN`, `nn.GRU` and `nn.LSTM`, of several layers, in one direction or both."""
    layer: nn.RNNBase = carried.step.target.module  # type: ignore[union-attr]
    held = _held(carried, call.source("tensors"))
    if held is None:
        return None
    gates, directions = _GATES[type(layer)], 1 + layer.bidirectional
    stack = _Stack(gates, _sigma(layer), layer.num_layers, directions, layer.batch_first, held)
    found = stack.unrolled(w, carried.step.name, call)
    return [found[0], found[1:]] if found and type(layer) is nn.LSTM else found


def recurrent_function_rule(w: Writer, carried: Carried, call: Call) -> list[Found] | None:
    """The functions that these modules call; None for packed sequences."""
    biased, weights = call.value("has_biases"), call.source("params")
    if not isinstance(biased, bool):
        return None
    layers, directions = call.value("num_layers"), 1 + call.value("bidirectional")
    suffixes = [f"_l{i}" + "_reverse" * k for i in range(layers) for k in range(directions)]
    kinds = [kind for kind in _KINDS if biased or "bias" not in kind]
    kinds = kinds[: len(weights) // len(suffixes)]
    names = [kind + suffix for suffix in suffixes for kind in kinds]
    held = _held(carried, dict(zip(names, weights, strict=True)))
    if held is None:
        return None
    gates, sigma = _FUNCTIONS[operation(carried.step.target)]
    stack = _Stack(gates, sigma, layers, directions, call.value("batch_first"), held)
    return stack.unrolled(w, carried.step.name, call)


def _held(carried: Carried, slots: Mapping[str, Any]) -> dict[str, Pair] | None:
    """A's and B's weights of a layer by name; None if it computes one of them."""
    pairs = {name: carried.slot(slot) for name, slot in slots.items()}
    known = {name: pair for name, pair in pairs.items() if pair is not None}
    return known if len(known) == len(pairs) else None


def _sigma(layer: Any) -> str:
    return str(getattr(layer, "nonlinearity", "tanh")).removeprefix("RNN_").lower()


def _states(w: Writer, call: Call, count: int) -> list[_State] | None:
    """What each layer begins with; None if that is not known."""
    found = [_initial(w, part, count) for part in _given(w, call)]
    if any(each is None for each in found):
        return None
    return [_State(*states) for states in zip(*found, strict=True)]


def _given(w: Writer, call: Call) -> Sequence[Any]:
    """The states that a layer is given: steps, or what they have been written down as."""
    given = call.source("hx")
    if isinstance(given, tuple | list):
        return given
    return w.parts.get(given, (given,))


def _initial(w: Writer, source: Any, count: int) -> list[int | None] | None:
    """One node for each layer, zeros left out."""
    if source is None:
        return [None] * count
    known = source if isinstance(source, Turned) else w.turned.get(source)
    if known is not None:
        number = known.number if isinstance(known, Turned) else known
        return [chosen(w, "states", number, i) for i in range(count)]
    pair = w.given.get(source)
    if pair is None or pair[0].ndim != 3:
        return None
    found: list[int | None] = []
    for a, b in zip(*pair, strict=True):
        own = without_examples(a, 2), without_examples(b, 2)
        if own[0] is None or own[1] is None:
            return None
        zero = not (own[0].any() or own[1].any())
        found.append(None if zero else w.parameters(source.name, own))  # type: ignore[arg-type]
    return found


def cell_rule(w: Writer, carried: Carried, call: Call) -> int | list[Found] | None:
    """`nn.RNNCell`, `nn.GRUCell` and `nn.LSTMCell`."""
    layer: nn.RNNCellBase = carried.step.target.module  # type: ignore[union-attr]
    x, held, parts = (
        w.node(call.source("input"), 2),
        _held(carried, call.source("tensors")),
        _given(w, call),
    )
    states = [part if part is None or isinstance(part, int) else w.node(part, 2) for part in parts]
    unknown = any(s is None and part is not None for s, part in zip(states, parts, strict=True))
    if x is None or unknown or held is None:
        return None
    name = str(carried.step.name)
    cell = _Cell(w, name, _GATES[type(layer)], _sigma(layer), layer.hidden_size, held)
    state = cell.step(cell.inputs(x), _State(*states))
    assert state.h is not None
    return state.h if state.c is None else [state.h, state.c]
