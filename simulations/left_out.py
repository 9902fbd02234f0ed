"""Choices that are made on other draws than those that judge them."""

import numpy as np
from jaxtyping import Float

__all__ = ["best_for_others"]


def best_for_others(values: Float[np.ndarray, "choices draws"]) -> Float[np.ndarray, " draws"]:
    """The value, in every draw, of the choice that is best in the mean of all other draws.

    A draw's own largest value is above that of its best choice for its noise alone; this is not.

    Args:
        values: of each choice in each draw, two draws or more.

    Example:
        >>> best_for_others(np.array([[3.0, 0.0, 0.0], [1.0, 1.0, 1.0]])).tolist()
        [1.0, 0.0, 0.0]
    """
    best = (values.sum(axis=1, keepdims=True) - values).argmax(axis=0)
    return np.asarray(values[best, np.arange(values.shape[1])])
