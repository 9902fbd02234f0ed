"""What the two networks are."""

from dataclasses import dataclass

import numpy as np
from torch import nn

from lmctheory.comparison.compared_pair import UNMATCHED, ComparedPair
from lmctheory.comparison.section import Part, Section
from lmctheory.networks.state import slots
from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table

__all__ = ["NETWORKS"]


@dataclass(frozen=True)
class _Network:
    name: str
    kind: str
    parameters: int
    precision: str
    loss: Mean
    accuracy: Mean | None


_COLUMNS = (
    Column[_Network]("network", lambda one: one.name, left=True),
    Column[_Network]("class", lambda one: one.kind, left=True),
    Column[_Network]("parameters", lambda one: one.parameters, form=","),
    Column[_Network]("precision", lambda one: one.precision),
    Column[_Network]("loss", lambda one: one.loss),
    Column[_Network]("accuracy", lambda one: one.accuracy),
)


def _measured(pair: ComparedPair) -> Part:
    found = pair.losses[UNMATCHED]
    rows = [
        _network(f"network {name}", model, found.loss[at], found.hit[at])
        for name, model, at in (("A", pair.model_a, -1), ("B", pair.model_b, 0))
    ]
    a, b = (slots(model) for model in (pair.model_a, pair.model_b))
    moving = [name for name, tensor in a.items() if tensor.is_floating_point()]
    squares = [float((a[name].double() - b[name].double()).square().sum()) for name in moving]
    size = [float(a[name].double().square().sum()) for name in moving]
    distance = float(np.sqrt(sum(squares) / sum(size))) if sum(size) else 0.0
    caption = (
        f"On {len(pair.data)} examples, by {pair.data.loss.title}; in brackets the standard error "
        f"of the last digit. The weights lie |A - B| = {distance:.3g} |A| apart."
    )
    table = Table("The two networks", caption, _COLUMNS, rows)
    same = ("A and B have the same weights.",) if not any(squares) else ()
    return Part((table,), same)


def _network(name: str, model: nn.Module, losses: np.ndarray, hits: np.ndarray) -> _Network:
    types = {p.dtype for p in model.parameters()}
    return _Network(
        name=name,
        kind=type(model).__name__,
        parameters=sum(p.numel() for p in model.parameters()),
        precision=", ".join(sorted(str(kind).removeprefix("torch.") for kind in types)),
        loss=Mean.over(losses),
        accuracy=None if np.isnan(hits).all() else Mean.over(hits),
    )


NETWORKS = Section("networks", "The networks", "What is compared, and how each does.", _measured)
