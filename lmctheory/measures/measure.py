"""What every law of neurons offers."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

__all__ = ["Measure"]


@runtime_checkable
class Measure(Protocol):
    """A law of one neuron's weight vector on R^d."""

    def sample(self, m: int, *, rng: np.random.Generator) -> Float[np.ndarray, "m d"]:
        """Draws m independent neurons ``[m, d]``."""
        ...
