"""Trying freedoms: weights are moved at random as far as they are said to be free."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor, nn

from lmctheory.matching._symmetry import evaluated, parameters
from lmctheory.matching.groups import PermutationGroup
from lmctheory.matching.redundant.neurons import RedundantNeurons
from lmctheory.matching.redundant.reading import Reader
from lmctheory.networks.calling import Inputs
from lmctheory.networks.state import Evaluation

__all__ = ["Trial", "with_rows"]

_KEPT = 1e-4
"""Change of outputs, relative to the largest, that rounding and the tolerance may leave."""


@dataclass(frozen=True, eq=False)
class Trial:
    """Tries freedoms.

    Attributes:
        model: the network.
        readers: of each of its groups.
        held: its tensors.
        inputs: on which outputs are compared.
    """

    model: nn.Module
    readers: Mapping[str, Sequence[Reader]]
    held: Mapping[str, Tensor]
    inputs: Inputs

    def kept(
        self, group: PermutationGroup, sets: Sequence[RedundantNeurons]
    ) -> tuple[list[RedundantNeurons], list[str]]:
        """The sets of a group whose freedom leaves the outputs, and the kinds of the others."""
        silent = [one for one in sets if one.kind == "silent"]
        others = [one for one in sets if one.kind != "silent"]
        found: list[RedundantNeurons] = []
        lost: list[str] = []
        for some_sets, moved in ((silent, self._incoming), (others, self._outgoing)):
            if not some_sets or self.stays(moved(group, some_sets)):
                found += some_sets
            else:
                lost += [one.kind for one in some_sets]
        return found, lost

    @cached_property
    def _tried(self) -> tuple[Evaluation, Float64[Tensor, "..."]]:
        """The network, in double precision if it can compute in it, and its outputs."""
        refusal = None
        for dtype in (torch.float64, None):
            evaluation = Evaluation(self.model, dtype)
            try:
                return evaluation, evaluated(evaluation, self.inputs, "data").double()
            except ValueError as error:
                refusal = refusal or error
        assert refusal is not None
        raise refusal

    @torch.no_grad()
    def change(self, moved: Mapping[str, Tensor]) -> float:
        """The largest change of an output if some tensors are replaced, relative to the largest."""
        evaluation, before = self._tried
        state = {name: tensor.to(evaluation.state[name]) for name, tensor in moved.items()}
        change = float((evaluation(self.inputs, state) - before).abs().max())
        largest = float(before.abs().max())
        return change / largest if largest else change

    def stays(self, moved: Mapping[str, Tensor]) -> bool:
        """Whether outputs stay if some tensors are replaced."""
        return self.change(moved) <= _KEPT

    def _incoming(
        self, group: PermutationGroup, sets: Sequence[RedundantNeurons]
    ) -> dict[str, Tensor]:
        rng = torch.Generator().manual_seed(0)
        noise = {
            name: torch.randn(tensor.shape, generator=rng, dtype=torch.float64)
            for name, tensor in parameters(self.model).items()
            if tensor.is_floating_point()
        }
        neurons = np.concatenate([one.neurons for one in sets])
        return with_rows(group, neurons, self.held, noise)

    def _outgoing(
        self, group: PermutationGroup, sets: Sequence[RedundantNeurons]
    ) -> dict[str, Tensor]:
        rng = torch.Generator().manual_seed(0)
        held = dict(self.held)
        moved: dict[str, Tensor] = {}
        for reader in self.readers[group.name]:
            V, free = reader.stacked(held), reader.free(sets, held)
            shift = torch.randn(free.shape[1], V.shape[1], generator=rng, dtype=torch.float64)
            moved |= reader.unstacked(V + V.abs().max() * (free @ shift), held)
            held |= moved
        return moved


def with_rows(
    group: PermutationGroup,
    neurons: np.ndarray,
    held: Mapping[str, Tensor],
    others: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Tensors with all that makes some neurons, in place of what is held, taken from others."""
    found: dict[str, Tensor] = {}
    for action in group.actions:
        name = action.parameter
        if not action.reads and name in others:
            new = action.rows(others[name])[neurons]
            found[name] = action.replaced(found.get(name, held[name]), neurons, new)
    return found
