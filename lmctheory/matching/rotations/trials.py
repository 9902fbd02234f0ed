"""Trying symmetries on inputs, and saying which operation is in the way of one.

Outputs are analytic in weights, inputs and matrices wherever all activations are (piecewise so for
relu). An analytic function that vanishes at a point drawn from a law with a density vanishes
everywhere, with probability one. So a network is tried not only with its own weights, where an
accident such as equal gains or idle neurons would deceive, but with noise on all of them.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from lmctheory.matching._symmetry import function_change, outputs
from lmctheory.matching.groups import Symmetry
from lmctheory.matching.rotations.spaces import Space
from lmctheory.networks.calling import Inputs, each, rows
from lmctheory.networks.program import Program, described
from lmctheory.networks.state import Evaluation

__all__ = ["Trial", "relative_change"]

_FEW = 3
"""Examples on which symmetries are tried."""

_EXACT, _COARSE = 1e-10, 1e-5
"""Relative changes that are rounding: of a network that computes in float64, and at most."""

_CLEAR = 100
"""By how many times what rounding explains a norm has to change to be said to have changed."""


class Trial:
    """A network with its own weights, and with noise on them.

    Args:
        model: left as it is.
        groups: its permutation symmetry.
        example: inputs ``[n, ...]``.
        pinned: parameters that a symmetry needs as they are, such as gains that are one.
        rng: draws noise and matrices.
    """

    def __init__(
        self,
        model: nn.Module,
        groups: Symmetry,
        example: Inputs,
        pinned: Collection[str] = (),
        *,
        rng: np.random.Generator,
    ) -> None:
        self.rng = rng
        self.inputs = self._with_noise(rows(example, slice(_FEW)))
        own = self._evaluation(model)
        self.evaluation = own
        self.states = (dict(own.state), self._noisy(model, own, frozenset(pinned)))
        self.before = [own(self.inputs, state) for state in self.states]
        size = float(outputs(model, self.inputs, "example").abs().max())
        rounding = function_change(model, groups, self.inputs, rng=rng) / max(size, 1e-300)
        self.allowed = min(_COARSE, max(_EXACT, 100 * rounding))

    def _with_noise(self, example: Inputs) -> Inputs:
        """Examples, and as many random ones: of a special kind, such as zeros, all may agree."""

        def extended(x: Tensor) -> Tensor:
            if not x.is_floating_point():
                return torch.cat([x, x.flip(0)])
            noise = torch.from_numpy(self.rng.standard_normal(tuple(x.shape))).to(x)
            return torch.cat([x, x.mean() + noise])

        return each(example, extended)

    def _evaluation(self, model: nn.Module) -> Evaluation:
        try:
            evaluation = Evaluation(model, torch.float64)
            evaluation(self.inputs)
        except RuntimeError:  # it makes numbers of its own type
            return Evaluation(model)
        return evaluation

    def _noisy(
        self, model: nn.Module, evaluation: Evaluation, pinned: frozenset[str]
    ) -> dict[str, Tensor]:
        names = {evaluation.first_name(name) for name, _ in model.named_parameters()}
        state = {}
        for name in names - pinned:
            tensor = evaluation.state[name]
            if tensor.is_floating_point():
                noise = torch.from_numpy(self.rng.standard_normal(tuple(tensor.shape)))
                scale = 0.1 + float(tensor.square().mean().sqrt())
                state[name] = tensor + scale * noise.to(tensor)
        return state

    def holds(self, spaces: Sequence[Space]) -> bool:
        """Whether random matrices, on all spaces at once, leave the outputs as they are."""
        for state, before in zip(self.states, self.before, strict=True):
            matrices = [space.random(self.rng) for space in spaces]
            after = self.evaluation(self.inputs, self._turned(state, spaces, matrices))
            if relative_change(before, after) > self.allowed:
                return False
        return True

    def _turned(
        self, state: Mapping[str, Tensor], spaces: Sequence[Space], matrices: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        held = dict(self.evaluation.state) | dict(state)
        changed: dict[str, Tensor] = dict(state)
        for space, matrix in zip(spaces, matrices, strict=True):
            changed |= space.turn(held | changed, matrix)
        return changed

    def passing(self, spaces: Sequence[Space]) -> list[Space]:
        """Those that hold: found by halving, since mostly all do or none does."""
        if not spaces or self.holds(spaces):
            return list(spaces)
        if len(spaces) == 1:
            return []
        half = len(spaces) // 2
        return self.passing(spaces[:half]) + self.passing(spaces[half:])

    def obstacle(self, space: Space, program: Program) -> str | None:
        """The first operation whose result does not turn with the space: its norm changes."""
        like = self.evaluation.like.dtype
        program = program if program.evaluation.like.dtype == like else program.to(like)
        noisy = dict(self.states[1])
        turned = self._turned(noisy, [space], [space.random(self.rng)])
        x = program.evaluation.inputs(self.inputs)
        before, after = (
            program.run(x, self._everywhere(program, state)) for state in (noisy, turned)
        )
        with torch.no_grad():
            for (node, *_, old), (*_, new) in zip(before, after, strict=True):
                pairs = zip(_norms(old), _norms(new), strict=True)
                changed = any(abs(a - b) > _CLEAR * self.allowed * a for a, b in pairs)
                if node.op == "call_function" and changed:
                    return f"{described(node)} does not commute with turning them"
        return None

    def _everywhere(self, program: Program, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A state under the names of all slots, tied ones too."""
        first = program.evaluation.first_name
        return {name: state.get(first(name), own) for name, own in program.state.items()}


def _norms(result: object) -> list[float]:
    """Of the tensors in a result."""
    parts = result if isinstance(result, tuple | list) else [result]
    return [
        float(part.double().nan_to_num(0, 0, 0).norm())
        for part in parts
        if isinstance(part, Tensor) and part.is_floating_point()
    ]


def relative_change(before: Tensor, after: Tensor) -> float:
    """Largest change of an output over the largest output."""
    before, after = before.nan_to_num(0, 0, 0), after.nan_to_num(0, 0, 0)
    change, size = float((after - before).abs().max()), float(before.abs().max())
    return change / size if size > 0 else change
