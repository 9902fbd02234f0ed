"""Linear combinations of neurons: how relaxed permutations act."""

import torch
from jaxtyping import Float
from torch import Tensor

from lmctheory.matching.symmetry import Action

__all__ = ["mixed"]


def mixed(
    action: Action, tensor: Float[Tensor, "..."], matrix: Float[Tensor, "m m"]
) -> Float[Tensor, "..."]:
    """A tensor in which place i holds sum_j matrix[i, j] times neuron j.

    With a permutation matrix it is `Action.reorder`. Differentiable in the tensor and the matrix.
    """
    across = action.part(tensor).movedim(action.axis, 0)
    moved = (matrix @ action.rows(tensor)).reshape(-1, *across.shape[1:])
    if not action.fills_in_order(len(across)):
        moved = across.index_copy(0, torch.as_tensor(action.index, device=tensor.device), moved)
    moved = moved.movedim(0, action.axis)
    return moved if action.within is None else tensor.slice_scatter(moved, 0, *action.within)
