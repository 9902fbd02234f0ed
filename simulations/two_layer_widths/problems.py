"""What the mean-field networks learn: inputs in a ball, targets, and the neurons' output weight."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lmctheory.networks import load_dataset

__all__ = ["PROBLEMS", "Problem"]

EXAMPLES = 256


@dataclass(frozen=True, eq=False)
class Problem:
    """One regression problem, for networks f(x) = (a/N) sum_i tanh(<w_i, x>), w_i ~ N(0, I).

    Attributes:
        inputs: ``[n, d]``, the last column 1; the others in the unit ball.
        targets: ``[n]``.
        output: a, fixed.
    """

    inputs: Float[np.ndarray, "n d"]
    targets: Float[np.ndarray, " n"]
    output: float

    @property
    def dimension(self) -> int:
        """The dimension d of a neuron, its bias included."""
        return self.inputs.shape[1]

    @property
    def radius(self) -> float:
        """Largest norm of an input."""
        return float(np.linalg.norm(self.inputs, axis=1).max())


def _teacher(dimension: int) -> Problem:
    """Three tanh neurons of the teacher's own, in the plane or in space."""
    rng = np.random.default_rng(dimension)
    x = rng.standard_normal((EXAMPLES, dimension))
    x /= np.linalg.norm(x, axis=1).max()
    w = 4 * rng.standard_normal((3, dimension))
    return _with_bias(x, np.tanh(x @ w.T) @ np.array([1.0, -1.0, 0.5]))


def _digits(components: int | None) -> Problem:
    """Even or odd, +1 or -1, from the first principal components of some digits or all pixels."""
    data = load_dataset("digits").train
    x = data.inputs[:EXAMPLES].double().numpy()
    x = x - x.mean(axis=0)
    if components is not None:
        x = x @ np.linalg.svd(x, full_matrices=False)[2][:components].T
    y = 1.0 - 2.0 * (data.labels[:EXAMPLES].numpy() % 2)
    return _with_bias(x / np.linalg.norm(x, axis=1).max(), y)


def _with_bias(x: np.ndarray, y: np.ndarray) -> Problem:
    return Problem(np.c_[x, np.ones(len(x))], y, output=4.0)


PROBLEMS: Mapping[str, Callable[[], Problem]] = {
    "teacher, 2 inputs": lambda: _teacher(2),
    "digits, 3 components": lambda: _digits(3),
    "digits, 64 pixels": lambda: _digits(None),
}
"""By name."""
