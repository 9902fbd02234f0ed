"""Matrices trained on the loss of the path between two networks.

Every matrix is Q exp(S) of a skew-symmetric S, in the tangent space of its kind, that gradient
descent moves from zero: it stays orthogonal, B's function stays, and only the path changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lmctheory.matching.objectives import MidpointLoss
from lmctheory.matching.rotations.ascent import Turning, transformed
from lmctheory.matching.rotations.finding import RotationSymmetry
from lmctheory.matching.rotations.spaces import stacks
from lmctheory.networks.data import AnyExamples

__all__ = ["learned"]

_POINTS = (0.25, 0.5, 0.75)
"""Where on the path the loss is compared."""

_COMPARISONS = 10
"""So many times in a training all of the data are evaluated there."""

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Training:
    """How matrices are trained.

    Attributes:
        data: the examples.
        steps: of Adam.
        rate: its first learning rate, of angles in radians.
        batch_size: examples per step.
        rng: draws batches and points.
    """

    data: AnyExamples
    steps: int
    rate: float
    batch_size: int
    rng: np.random.Generator

    def batch(self, objective: MidpointLoss) -> MidpointLoss:
        """The objective on some of its examples."""
        count = len(objective.data)
        chosen = self.rng.choice(count, min(self.batch_size, count), replace=False)
        return replace(objective, data=objective.data[torch.from_numpy(chosen)])


def learned(
    found: RotationSymmetry,
    tensors: tuple[Tensors, Tensors],
    start: Turning,
    objective: MidpointLoss,
    training: Training,
) -> Turning:
    """Trains the matrices; the permutations stay.

    Each step of Adam draws a batch and a point t from (0, 1), with a rate that falls to zero along
    a cosine. The best matrices met are kept, those of the start among them.

    Args:
        found: the symmetries, as they act on parameters.
        tensors: parameters of A and of B, float64.
        start: how B is transformed at first.
        objective: minus the loss, of the network in float64.
        training: how long and how fast.

    Returns:
        The best transformation, with a trace of minus the mean loss at t = 1/4, 1/2 and 3/4.
    """
    a, b = tensors
    base = transformed(found, b, start)
    together = stacks(found.spaces)
    shapes = ((len(stack.spaces), *[stack.spaces[0].size] * 2) for stack in together)
    leaves = [torch.zeros(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    optimiser = torch.optim.Adam(leaves, lr=training.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, training.steps)

    def matrices() -> list[Tensor]:
        return [
            torch.linalg.matrix_exp(stack.spaces[0].tangent(x))
            for stack, x in zip(together, leaves, strict=True)
        ]

    def at(t: float, turns: list[Tensor], part: MidpointLoss) -> Tensor:
        turned = dict(base)
        for stack, turn in zip(together, turns, strict=True):
            turned |= stack.turn(turned, turn)
        theta = {name: (1 - t) * turned[name] + t * x for name, x in a.items()}
        return part(theta, theta)

    def compared(turns: list[Tensor]) -> float:
        with torch.no_grad():
            return float(np.mean([float(at(t, turns, objective)) for t in _POINTS]))

    best = [matrix.detach() for matrix in matrices()]
    trace = [compared(best)]
    every = max(1, training.steps // _COMPARISONS)
    for step in range(1, training.steps + 1):
        part, t = training.batch(objective), training.rng.random()
        optimiser.zero_grad()
        torch.autograd.backward(-at(t, matrices(), part))
        optimiser.step()
        schedule.step()
        if step % every == 0 or step == training.steps:
            now = [matrix.detach() for matrix in matrices()]
            value = compared(now)
            if value > trace[-1]:
                best = now
            trace.append(max(value, trace[-1]))
    after = {
        space.name: turn @ start.matrices[space.name]
        for stack, turns in zip(together, best, strict=True)
        for space, turn in zip(stack.spaces, turns, strict=True)
    }
    return Turning(start.orders, after, tuple(trace))
