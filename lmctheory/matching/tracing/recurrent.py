"""How neurons pass recurrent layers.

The gates of unit i of a recurrent layer have one row each in its weights, h_t[i] and, in an LSTM,
c_t[i] are computed from these alone, and all gates read all of h_{t-1}. So units can be reordered
if all gates are reordered alike, and with them the columns that read h_{t-1}. With a projection,
h = W_hr (o tanh c), the units and the numbers that it makes of them are reordered apart. Each
direction of each layer of a stack has units of its own, and the layer above reads those of both
directions side by side.

An initial state holds numbers for the units of all layers along one axis, and lets them move only
alike, unless they are all equal, as zeros are. A final state holds those of each layer by
themselves (`States`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from lmctheory.matching.tracing.folding import combined
from lmctheory.matching.tracing.labelling import Call, Labelling, Slot, Value
from lmctheory.matching.tracing.movements import movement
from lmctheory.matching.tracing.neurons import Labels
from lmctheory.networks.program import Layer

__all__ = ["States", "recurrent", "recurrent_cell", "recurrent_function"]


class States(Value):
    """Final states of several layers and directions, one after the other along axis 0.

    Taken out one by one they move as their own units do; used together all have to move alike.
    """

    def __init__(self, tensor: Tensor, units: Sequence[Labels | None], labelling: Labelling):
        vars(self).update(tensor=tensor, units=tuple(units), _labelling=labelling)

    units: tuple[Labels | None, ...]
    _labelling: Labelling

    @property
    def labels(self) -> tuple[Labels | None, ...]:
        """Of its axes, all units moving alike."""
        alike = self.units[0]
        for other in self.units[1:]:
            alike = self._labelling.neurons.unify(alike, other, combined("what reads all states"))
        return (*(None,) * (self.tensor.ndim - 1), alike)

    def item(self, labelling: Labelling, call: Call) -> Any:
        """What an index takes out of it."""
        index = call.args[1]
        first, *others = index if isinstance(index, tuple) else (index,)
        if not isinstance(first, int):
            return movement(labelling, call)
        one = Value(self.tensor[first], (*(None,) * (self.tensor.ndim - 2), self.units[first]))
        return movement(labelling, replace(call, args=(one, tuple(others)))) if others else one


def recurrent(labelling: Labelling, call: Call) -> Any:
    """`nn.RNN`, `nn.LSTM` and `nn.GRU`; None for packed sequences."""
    layer: Layer = call.run  # type: ignore[assignment]
    module: Any = layer.module
    name, weights = layer.name, call.args[0]
    x, begin = call.argument(1, "input"), call.argument(2, "hx")
    if not isinstance(x, Value):
        return None
    for labels in x.labels[:-1]:
        labelling.neurons.fix(labels, f"{call.name} runs along it")
    layers = [
        {
            f"{name}.l{k}{suffix}": {kind: weights.get(f"{kind}_l{k}{suffix}") for kind in _KINDS}
            for suffix in ("", "_reverse")[: 1 + module.bidirectional]
        }
        for k in range(module.num_layers)
    ]
    read, units = _stacked(labelling, layers, x, begin, call.name)
    outputs, final = call.result
    known = Value(outputs, (*(None,) * (outputs.ndim - 1), read))
    if isinstance(final, tuple):
        return known, tuple(
            States(tensor, of, labelling) for tensor, of in zip(final, units, strict=True)
        )
    return known, States(final, units[0], labelling)


def recurrent_function(labelling: Labelling, call: Call) -> Any:
    """The functions that `nn.RNN`, `nn.LSTM` and `nn.GRU` call; None for packed sequences."""
    if not isinstance(call.args[3], bool):
        return None
    x, begin, weights, biased, count, _, _, both_ways = call.args[:8]
    directions = 2 if both_ways else 1
    step = len(weights) // (count * directions)
    kinds = [kind for kind in _KINDS if "bias" not in kind or biased][:step]
    cells: list[tuple[str, Mapping[str, Value | None]]] = []
    for k in range(0, len(weights), step):
        own: dict[str, Value | None] = dict.fromkeys(_KINDS)
        own |= dict(zip(kinds, weights[k : k + step], strict=True))
        slot = own["weight_ih"]
        name = slot.name if isinstance(slot, Slot) else f"computed.{k // step}"
        cells.append((name.replace("weight_ih_", ""), own))
    layers = [dict(cells[k : k + directions]) for k in range(0, len(cells), directions)]
    for labels in x.labels[:-1]:
        labelling.neurons.fix(labels, f"{call.name} runs along it")
    read, units = _stacked(labelling, layers, x, begin, call.name)
    outputs, *final = call.result
    known = Value(outputs, (*(None,) * (outputs.ndim - 1), read))
    states = (States(t, of, labelling) for t, of in zip(final, units, strict=False))
    return known, *states


def _stacked(
    labelling: Labelling,
    layers: Sequence[Mapping[str, Mapping[str, Value | None]]],
    x: Value,
    begin: Any,
    name: str,
) -> tuple[Labels | None, tuple[list[Labels | None], list[Labels | None]]]:
    """What a stack of layers hands on, and the numbers that it keeps: made of units, and units.

    Args:
        labelling: of all.
        layers: from the input on the directions by name, each with its weights.
        x: the inputs.
        begin: the initial states.
        name: of the operation.
    """
    read = x.labels[-1]
    cells, states = list[Labels | None](), list[Labels | None]()
    for directions in layers:
        beside = []
        for origin, own in directions.items():
            units, made = _direction(labelling, own, read, origin)
            cells.append(units)
            beside.append(made)
        states.extend(beside)
        carried = next(iter(directions.values()))["weight_hh"]
        assert carried is not None
        read = _side_by_side(beside, carried.tensor.shape[1])
    _begin(labelling, begin, (states, cells), name)
    return read, (states, cells)


def recurrent_cell(labelling: Labelling, call: Call) -> Any:
    """`nn.RNNCell`, `nn.LSTMCell` and `nn.GRUCell`, and the functions that they call."""
    if isinstance(call.args[0], Mapping):
        layer: Layer = call.run  # type: ignore[assignment]
        weights, name = call.args[0], layer.name
        x, begin = call.argument(1, "input"), call.argument(2, "hx")
    else:
        x, begin, *slots = call.args
        weights = dict(zip(_KINDS, slots, strict=False))
        slot = weights["weight_ih"]
        name = slot.name.rpartition(".")[0] or slot.name if isinstance(slot, Slot) else "computed"
    for labels in x.labels[:-1]:
        labelling.neurons.fix(labels, f"{call.name} takes its entries one by one")
    own = {kind: weights.get(kind) for kind in _KINDS}
    units, _ = _direction(labelling, own, x.labels[-1], name)
    _begin(labelling, begin, ([units], [units]), call.name)

    def known(tensor: Tensor) -> Value:
        return Value(tensor, (*(None,) * (tensor.ndim - 1), units))

    return known(call.result) if isinstance(call.result, Tensor) else tuple(map(known, call.result))


_KINDS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")


def _direction(
    labelling: Labelling, own: Mapping[str, Value | None], read: Labels | None, name: str
) -> tuple[Labels | None, Labels | None]:
    """The units of one direction of one layer, and what it hands on of them."""
    weight, carried, projection = own["weight_ih"], own["weight_hh"], own["weight_hr"]
    assert weight is not None
    assert carried is not None
    size = carried.tensor.shape[1] if projection is None else projection.tensor.shape[1]
    units = labelling.neurons.fresh(size, name) if size > 1 else None
    gates = len(weight.tensor) // size
    rows = None if units is None else np.tile(units, gates)
    for kind in _KINDS[:4]:
        labelling.axis(own[kind], 0, labels=rows, role="made" if "weight" in kind else "")
    labelling.axis(weight, 1, labels=read, role="read")
    made = units
    if projection is not None:
        labelling.axis(projection, 1, labels=units, role="read")
        made = labelling.axis(projection, 0, name=f"{name}.projection", role="made")
    labelling.axis(carried, 1, labels=made, role="read")
    return units, made


def _side_by_side(parts: Sequence[Labels | None], size: int) -> Labels | None:
    if all(part is None for part in parts):
        return None
    fixed = np.zeros(size, dtype=np.int64)
    return np.concatenate([fixed if part is None else part for part in parts])


def _begin(
    labelling: Labelling,
    begin: Any,
    units: tuple[Sequence[Labels | None], Sequence[Labels | None]],
    name: str,
) -> None:
    """What the initial state, or a pair of them, requires of the units of all layers."""
    states = [begin] if isinstance(begin, Value) else begin or ()
    for state, own in zip(states, units, strict=False):
        if labelling.neurons.are_equal(state.labels[-1]):
            continue
        for labels in state.labels[:-1]:
            labelling.neurons.fix(labels, f"{name} begins with it")
        for each in own:
            reason = f"{name} begins with a state that cannot move with them"
            labelling.neurons.unify(state.labels[-1], each, reason)
