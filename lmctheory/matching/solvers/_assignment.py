"""The exact step of every solver: the best permutation for one matrix of gains."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from lmctheory.matching.costs.neuron_features import Gain

__all__ = ["assignment", "best_order"]

_solve: Callable[[np.ndarray], Any]  # rows and columns
try:
    from lap import lapjvr  # of lapx; two to four times as fast on gains of neurons

    _solve = partial(lapjvr, return_cost=False)
except ImportError:  # a platform without its wheels, or the package lap, which has the same name
    _solve = linear_sum_assignment


def assignment(gain: Float[Tensor, "m m"]) -> Int[np.ndarray, " m"]:
    """The permutation that maximises sum_i gain[i, perm[i]], exactly.

    Reference: Jonker and Volgenant 1987, by the package lapx or, where that cannot be had, SciPy.

    Example:
        >>> import torch
        >>> assignment(torch.tensor([[1.0, 3.0], [2.0, 9.0]], dtype=torch.float64)).tolist()
        [0, 1]
    """
    return np.asarray(_solve(-gain.detach().cpu().numpy())[1])


def best_order(gain: Gain) -> Int[np.ndarray, " m"]:
    """The order of neurons, and their signs, that gain most, exactly."""
    return gain.with_signs(assignment(gain.largest))
