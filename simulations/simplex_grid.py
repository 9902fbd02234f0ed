"""Convex combinations of several networks on a grid, and how each does."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from lmctheory.networks import Examples
from lmctheory.networks.state import in_type_of, placed, slots
from lmctheory.paths.blends import blended_state

__all__ = ["combined", "grid_shares", "judged"]


def grid_shares(count: int, parts: int) -> list[tuple[float, ...]]:
    """A grid of the simplex: shares of so many networks that are multiples of 1 / parts.

    Example:
        >>> grid_shares(2, 2)
        [(1.0, 0.0), (0.5, 0.5), (0.0, 1.0)]
    """
    grid = np.stack(np.meshgrid(*[np.arange(parts + 1)] * (count - 1)), -1).reshape(-1, count - 1)
    rest = parts - grid.sum(1)
    return [
        tuple((np.array([k, *row]) / parts).tolist())
        for k, row in zip(rest, grid, strict=True)
        if k >= 0
    ]


def combined(models: Sequence[nn.Module], shares: tuple[float, ...]) -> nn.Module:
    """The network whose parameters are a convex combination of those of others."""
    return placed(models[0], blended_state([slots(model) for model in models], shares))


def judged(model: nn.Module, examples: Examples) -> tuple[float, np.ndarray]:
    """The mean loss, and which examples are classified as labelled."""
    with torch.no_grad():
        logits = model(in_type_of(model, examples.inputs))
    loss = float(examples.loss.mean(logits, examples.labels))
    return loss, (logits.argmax(1) == examples.labels).numpy()
