"""The exact step of every solver: the best permutation for one matrix of gains."""

import numpy as np
from jaxtyping import Float64, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

__all__ = ["assignment"]


def assignment(gain: Float64[Tensor, "m m"]) -> Int[np.ndarray, " m"]:
    """The permutation that maximises sum_i gain[i, perm[i]], exactly.

    Example:
        >>> import torch
        >>> assignment(torch.tensor([[1.0, 3.0], [2.0, 9.0]], dtype=torch.float64)).tolist()
        [0, 1]
    """
    return np.asarray(linear_sum_assignment(gain.detach().cpu().numpy(), maximize=True)[1])
