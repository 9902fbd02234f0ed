"""Where neurons may be negated (S1): activations that are odd, by evaluation and not by name."""

import numpy as np

from lmctheory.measures import Modulo
from lmctheory.measures.quotient import by_signs
from lmctheory.widths.kernels import Activation, function

__all__ = ["is_odd", "require_odd"]

_ARGUMENTS = np.r_[0.0, np.geomspace(1e-6, 50.0, 400)]
_ROUNDING = 1e-12


def is_odd(activation: Activation) -> bool:
    """Whether sigma(-z) = -sigma(z) at 0 and at 400 z up to 50, to rounding.

    Args:
        activation: a name, or a function that acts on arrays elementwise.

    Raises:
        ValueError: if the name is unknown.

    Example:
        >>> is_odd("tanh"), is_odd(lambda z: np.tanh(z) + 1)
        (True, False)
    """
    sigma = function(activation)
    right, left = np.asarray(sigma(_ARGUMENTS)), np.asarray(sigma(-_ARGUMENTS))
    return bool((np.abs(right + left) <= _ROUNDING * (1 + np.abs(right))).all())


def require_odd(modulo: Modulo, activation: Activation) -> None:
    """Refuses signs where the activation is not odd: negated neurons compute something else.

    Raises:
        ValueError: naming modulo.
    """
    if by_signs(modulo) and not is_odd(activation):
        name = activation if isinstance(activation, str) else getattr(activation, "__name__", "?")
        raise ValueError(
            f"modulo must be None, as neurons may be negated only if their activation is odd, and "
            f"{name} is not"
        )
