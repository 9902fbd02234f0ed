r"""The layers that read a group, and in which directions their weights may be moved.

Let V [n, r] be the weights of a layer, a row for each number that it reads (of a kernel for each
place), and a last row for its bias, which reads 1. A vector kappa with sum_e kappa_e h_e = 0, of
what it reads, makes any V + kappa w^T as good as V. Redundant neurons h_j = f_j g give all kappa
on their entries that are orthogonal to f; dead ones all; constants, with the bias, all that are
orthogonal to (f, 1). What layers read is unchanged by it, *so all layers may be moved at once*.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from lmctheory.matching.groups import Action, PermutationGroup
from lmctheory.matching.redundant.neurons import DATA, RedundantNeurons

__all__ = ["Reader", "readers"]


@dataclass(frozen=True)
class Reader:
    """A weight that reads a group of neurons.

    Attributes:
        action: of the group on the weight.
        bias: the name of the bias that is added to what the weight makes, wherever it does; None if
            there is none.
    """

    action: Action
    bias: str | None

    def stacked(self, held: Mapping[str, Tensor]) -> Float64[Tensor, "n r"]:
        """V: the weight, a row for each entry and place, and the bias."""
        weight = held[self.action.parameter].movedim(self.action.axis, 0).movedim(1, -1)
        rows = weight.flatten(0, -2)
        return rows if self.bias is None else torch.cat([rows, held[self.bias][None]])

    def unstacked(
        self, stacked: Float64[Tensor, "n r"], held: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """The weight and the bias that V holds."""
        name, axis = self.action.place
        shape = held[name].movedim(axis, 0).movedim(1, -1).shape
        rows = stacked if self.bias is None else stacked[:-1]
        found = {name: rows.reshape(shape).movedim(-1, 1).movedim(0, axis)}
        return found if self.bias is None else found | {self.bias: stacked[-1]}

    def free(
        self, sets: Iterable[RedundantNeurons], held: Mapping[str, Tensor]
    ) -> Float64[Tensor, "n k"]:
        """Directions kappa, columns, that the sets leave free; some may depend on others."""
        length = len(self.stacked(held))
        found = [torch.zeros(length, 0, dtype=torch.float64)]
        for rows, factors in self.relations(sets, held):
            directions = torch.zeros(length, len(rows), dtype=torch.float64)
            directions[rows, range(len(rows))] = 1
            if factors.any():
                directions = directions @ _complement(torch.from_numpy(factors))
            found.append(directions)
        return torch.cat(found, 1)

    def relations(
        self, sets: Iterable[RedundantNeurons], held: Mapping[str, Tensor]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows of V that read multiples of one function, and the multiples.

        The first row is the bias, where it takes part, or one of the first neuron.
        """
        weight = held[self.action.parameter]
        places = weight.movedim(self.action.axis, 0)[0, 0].numel()
        for one in sets:
            own = self.action.index.reshape(len(self.action.positions), -1)[one.neurons]
            rows = own[:, :, None] * places + np.arange(places)  # [neuron, entry, place]
            if one.kind == "constant" and self.bias is not None:
                every = np.repeat(one.factors, rows[0].size)
                last = weight.shape[self.action.axis] * places
                yield np.append(last, rows), np.append(1.0, every)
            elif one.kind == "constant":
                every = np.repeat(one.factors, rows.shape[1])
                yield from ((rows[:, :, p].ravel(), every) for p in range(places))
            elif one.kind != "silent":
                factors = self.factors(one)
                yield from ((column, factors) for column in rows.reshape(len(rows), -1).T)

    def factors(self, one: RedundantNeurons) -> Float64[np.ndarray, " k"]:
        """The multiples as this weight reads them: it may not see signs."""
        measured = self.action.negated or one.found_by == DATA
        return one.factors if measured else np.abs(one.factors)


def _complement(factors: Float64[Tensor, " k"]) -> Float64[Tensor, "k l"]:
    """An orthonormal basis of what is orthogonal to the factors."""
    return torch.linalg.qr(factors[:, None], mode="complete").Q[:, 1:]


def readers(model: nn.Module, group: PermutationGroup) -> list[Reader]:
    """The weights that read a group."""
    return [Reader(action, _bias(model, action)) for action in group.actions if action.reads]


def _bias(model: nn.Module, action: Action) -> str | None:
    prefix, _, name = action.parameter.rpartition(".")
    layer = model.get_submodule(prefix) if name == "weight" else None
    plain = isinstance(layer, nn.Linear | _ConvNd) and not isinstance(layer, _ConvTransposeNd)
    if not plain or layer is None or layer.bias is None or _adds_zeros(layer):
        return None
    return f"{prefix}.bias" if prefix else "bias"


def _adds_zeros(layer: nn.Module) -> bool:
    """Whether a constant that a layer reads is none at its borders."""
    if not isinstance(layer, _ConvNd) or layer.padding_mode != "zeros":
        return False
    padding = layer.padding
    return padding != "valid" if isinstance(padding, str) else any(padding)
