"""Linear combinations of neurons: how relaxed permutations act."""

import torch
from jaxtyping import Float
from torch import Tensor

from lmctheory.matching._symmetry import Action

__all__ = ["blended", "mixed"]


def mixed(
    action: Action, tensor: Float[Tensor, "..."], matrix: Float[Tensor, "m m"]
) -> Float[Tensor, "..."]:
    """A tensor in which place i holds sum_j matrix[i, j] times neuron j.

    With a permutation matrix it is `Action.reorder`. Differentiable in the tensor and the matrix.
    """
    across = action.part(tensor).movedim(action.axis, 0)
    moved = (matrix @ action.rows(tensor)).reshape(-1, *across.shape[1:])
    return _put_back(action, tensor, across, moved)


def blended(action: Action, tensor: Float[Tensor, "..."], share: float) -> Float[Tensor, "..."]:
    """`mixed` by a mean of the identity (share) and of all orders (the rest), in one pass.

    The mean of all orders is J/m, J of ones; with all signs it is zero.
    """
    across = action.part(tensor).movedim(action.axis, 0)
    rows = action.rows(tensor)
    mean = rows.new_zeros(()) if action.negated else rows.mean(0, keepdim=True)
    moved = torch.lerp(mean, rows, share).reshape(-1, *across.shape[1:])
    return _put_back(action, tensor, across, moved)


def _put_back(action: Action, tensor: Tensor, across: Tensor, moved: Tensor) -> Tensor:
    """A tensor with other entries where the action can reach."""
    if not action.fills_in_order(len(across)):
        moved = across.index_copy(0, torch.as_tensor(action.index, device=tensor.device), moved)
    moved = moved.movedim(0, action.axis)
    return moved if action.within is None else tensor.slice_scatter(moved, 0, *action.within)
