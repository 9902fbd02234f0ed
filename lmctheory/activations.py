"""Pointwise activations without a framework: functions on arrays, and their constants."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, expit, ndtr

from lmctheory.choices import require_choice

__all__ = ["KNOWN", "Constants", "Pointwise", "pointwise"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Constants:
    """What the theory needs of a pointwise map sigma.

    Attributes:
        name: the field's name for it.
        slopes: ``(alpha, beta)``, bounds on the derivative: alpha <= sigma' <= beta (T1b).
        curvature: an upper bound of ``|sigma''|``; infinite where sigma has a kink.
        jerk: an upper bound of ``|sigma'''|``; infinite where sigma'' jumps or sigma has a kink.
    """

    name: str
    slopes: tuple[float, float]
    curvature: float
    jerk: float

    @property
    def lipschitz(self) -> float:
        """The Lipschitz constant max(|alpha|, |beta|)."""
        return max(abs(slope) for slope in self.slopes)


@dataclass(frozen=True)
class Pointwise(Constants):
    """A pointwise map on arrays.

    Attributes:
        contraction: kappa, the largest (sigma'(z)^2 + sigma'(-z)^2)/2: how much of a squared
            difference is left, at most, on average over both signs.
        span: sup sigma - inf sigma; infinite where sigma is unbounded.
        function: sigma, elementwise on an array.
        derivative: sigma', likewise; at a kink its value on the left.
    """

    contraction: float
    span: float
    function: Callable[[Array], Array] = field(repr=False, compare=False)
    derivative: Callable[[Array], Array] = field(repr=False, compare=False)


# slopes are symmetric about 1/2: sigma'(z) + sigma'(-z) = 1
_GELU = (-0.1289041452, 1.1289041452)

KNOWN = {
    sigma.name: sigma
    for sigma in (
        Pointwise("identity", (1.0, 1.0), 0.0, 0.0, 1.0, np.inf, lambda z: z, np.ones_like),
        Pointwise(
            "relu",
            (0.0, 1.0),
            np.inf,
            np.inf,
            0.5,
            np.inf,
            lambda z: np.maximum(z, 0.0),
            lambda z: np.where(z > 0, 1.0, 0.0),
        ),
        # max |tanh''| = 4 / (3 sqrt 3), at tanh^2 = 1/3; tanh''' = -2 at 0
        Pointwise(
            "tanh",
            (0.0, 1.0),
            0.769800358919502,
            2.0,
            1.0,
            2.0,
            np.tanh,
            lambda z: 1 - np.tanh(z) ** 2,
        ),
        # max |sigmoid''| = 1 / (6 sqrt 3); sigmoid''' = -1/8 at 0
        Pointwise(
            "sigmoid",
            (0.0, 0.25),
            0.0962250448649377,
            0.125,
            0.0625,
            1.0,
            expit,
            lambda z: expit(z) * expit(-z),
        ),
        # erf' = (2/sqrt pi) exp(-z^2), erf'' = -2 z erf' is extreme at z^2 = 1/2, erf''' at 0
        Pointwise(
            "erf",
            (0.0, 1.1283791670955126),
            0.967882898076574,
            2.256758334191026,
            1.2732395447351628,
            2.0,
            erf,
            lambda z: 2 / np.sqrt(np.pi) * np.exp(-(z**2)),
        ),
        Pointwise(
            "softplus",
            (0.0, 1.0),
            0.25,
            0.0962250448649377,
            0.5,
            np.inf,
            lambda z: np.logaddexp(z, 0.0),
            expit,
        ),
        # z Phi(z): sigma' = Phi + z phi is extreme at z = -+ sqrt 2, sigma'' = phi (2 - z^2) at 0,
        # sigma''' = phi (z^3 - 4z) at z^2 = (7 - sqrt 33)/2
        Pointwise(
            "gelu",
            _GELU,
            0.797884560802866,
            0.778769635056,
            (_GELU[0] ** 2 + _GELU[1] ** 2) / 2,
            np.inf,
            lambda z: z * ndtr(z),
            lambda z: ndtr(z) + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi),
        ),
    )
}


def pointwise(name: str) -> Pointwise:
    """The activation of that name.

    Raises:
        ValueError: if the name is unknown.
    """
    require_choice("activation", name, sorted(KNOWN))
    return KNOWN[name]
