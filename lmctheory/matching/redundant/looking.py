"""Looking at one group of neurons for redundant ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lmctheory.matching.groups import PermutationGroup
from lmctheory.matching.redundant.neurons import (
    DATA,
    WEIGHTS,
    RedundantNeurons,
    constants,
    duplicates,
)
from lmctheory.matching.redundant.reading import Reader

__all__ = ["Look"]

_NORMS = (_BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)


@dataclass(frozen=True, eq=False)
class Look:
    """One group of a network, looked at.

    Attributes:
        model: the network.
        group: of it.
        readers: of the group.
        held: the network's tensors.
        read: what its weights read.
        tolerance: see `redundancy`.
    """

    model: nn.Module
    group: PermutationGroup
    readers: Sequence[Reader]
    held: Mapping[str, Tensor]
    read: Mapping[str, Tensor]
    tolerance: float

    @cached_property
    def seen(self) -> Float64[Tensor, "m n"]:
        """Activations as they are read, a row for each neuron."""
        parts = []
        for reader in self.readers:
            columns = self.read[reader.action.parameter].cpu()
            index = torch.from_numpy(reader.action.index)
            parts.append(columns.index_select(1, index).mT.reshape(self.group.size, -1))
        return torch.cat(parts, 1)

    def made(self, *, negated: bool) -> Float64[Tensor, "m n"]:
        """Of all that makes the neurons, a row for each, what is negated with them, or is not."""
        parts = [
            action.rows(self.held[action.parameter])
            for action in self.group.actions
            if not action.reads and action.parameter in self.held and action.negated is negated
        ]
        return torch.cat([torch.zeros(self.group.size, 0, dtype=torch.float64), *parts], 1)

    def by_weights(self) -> Iterator[RedundantNeurons]:
        """What is redundant for every input."""
        silent = self._zero([reader.action.parameter for reader in self.readers], reads=True)
        yield from self._one("silent", WEIGHTS, silent)
        cut = ~silent & self._cut
        dead, constant, mean = constants(self.seen, self.tolerance)
        yield from self._one("dead", WEIGHTS, cut & dead)
        yield from self._one("constant", WEIGHTS, cut & constant, mean)
        rest = ~silent & ~(cut & (dead | constant))
        yield from self._duplicated(
            WEIGHTS, rest, self.made(negated=True), self.made(negated=False)
        )

    def by_data(self, silent: Sequence[int]) -> Iterator[RedundantNeurons]:
        """What of all but the silent neurons is redundant for the data."""
        rest = torch.ones(self.group.size, dtype=torch.bool)
        rest[list(silent)] = False
        dead, constant, mean = constants(self.seen, self.tolerance)
        yield from self._one("dead", DATA, rest & dead)
        yield from self._one("constant", DATA, rest & constant, mean)
        nothing = torch.zeros(self.group.size, 0, dtype=torch.float64)
        yield from self._duplicated(DATA, rest & ~dead & ~constant, self.seen, nothing)

    def _zero(self, names: Sequence[str], *, reads: bool) -> Tensor:
        """Neurons whose part of all these parameters is zero."""
        zero = torch.ones(self.group.size, dtype=torch.bool)
        for action in self.group.actions:
            if action.parameter in names and action.reads is reads:
                size = action.rows(self.held[action.parameter]).abs().amax(1)
                zero &= size <= self.tolerance * size.max()
        return zero

    @property
    def _cut(self) -> Tensor:
        """Neurons that inputs can hardly reach: of zero weights, or zero gains."""
        made = self._zero(self.group.incoming, reads=False)
        cut = made if self.group.incoming else torch.zeros_like(made)
        for action in self.group.actions:
            prefix, _, name = action.parameter.rpartition(".")
            if name == "weight" and isinstance(self.model.get_submodule(prefix), _NORMS):
                cut = cut | self._zero([action.parameter], reads=False)
        return cut

    def _one(
        self, kind: str, found_by: str, mask: Tensor, values: Tensor | None = None
    ) -> Iterator[RedundantNeurons]:
        neurons = mask.nonzero().squeeze(1).numpy()
        if not len(neurons):
            return
        factors = np.full(len(neurons), np.nan if kind == "silent" else 0.0)
        if values is not None:  # the first of them must not depend on their order
            largest = np.argsort(-values[neurons].abs().numpy(), kind="stable")
            neurons = neurons[largest]
            factors = values[neurons].numpy()
        kept = kind == "constant" and any(reader.bias is None for reader in self.readers)
        yield RedundantNeurons(
            self.group.name, kind, found_by, neurons, factors, len(neurons) - kept
        )

    def _duplicated(
        self, found_by: str, mask: Tensor, negated: Tensor, kept: Tensor
    ) -> Iterator[RedundantNeurons]:
        numbers = mask.nonzero().squeeze(1).numpy()
        scaled = found_by == DATA
        for places, factors in duplicates(negated[mask], kept[mask], self.tolerance, scaled=scaled):
            yield RedundantNeurons(
                self.group.name,
                "duplicated",
                found_by,
                numbers[places],
                factors,
                len(places) - 1,
            )
