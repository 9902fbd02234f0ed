r"""What takes the place of derivatives between two matched neurons: exact, without an integral.

phi = a sigma(z), z = <w, x>, a in R^c. Between neurons with outputs a, a' (mean a-bar, difference
alpha) and z, z' (difference Delta), s is the secant slope (sigma(z) - sigma(z')) / Delta, and

    c = (sigma'(z) - s) / Delta,       c' = (s - sigma'(z')) / Delta,

the integrals of theta sigma'' and (1 - theta) sigma'' over the segment. Products of differences are
sums of such with means, so that with sigma-bar = (sigma + sigma')/2 and residuals r, r' of the
two networks, r-bar their mean, rho their difference, exactly

    phi - phi'                    = sigma-bar alpha + a-bar s Delta,
    r sigma - r' sigma'           = sigma-bar rho + r-bar s Delta,
    <r, a> sigma' - <r', a'> sigma'' = s <rho, a-bar> + (c <r, a-bar> + c' <r', a-bar>) Delta
                                    + 1/2 <sigma'(z) r + sigma'(z') r', alpha>

(sigma'' in the last line stands for sigma'(z')). Times x and averaged, this is the difference of
the gradients of two matched neurons as A rho + B D, D their difference, with <D, A rho> =
E<rho, phi - phi'>. No second derivative is needed: it holds for activations with a kink, where c
may be as large as 1/|Delta|. Pairs on one input that are nearer than `near` get c = c' = 0, and
what is then missing is *counted* as left over (`pair_step`): a kick instead of a curvature.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lmctheory.activations import Pointwise

__all__ = ["Secants", "secants"]

_SAME = 1e-6
"""Between pre-activations nearer than this the secant of a smooth activation is its slope."""


@dataclass(frozen=True, eq=False)
class Secants:
    """Of matched pre-activations ``[n, N]``.

    Attributes:
        mean: sigma-bar.
        slope: s.
        first: c.
        second: c'.
        slopes: sigma'(z) and sigma'(z').
    """

    mean: Float[np.ndarray, "n N"]
    slope: Float[np.ndarray, "n N"]
    first: Float[np.ndarray, "n N"]
    second: Float[np.ndarray, "n N"]
    slopes: tuple[Float[np.ndarray, "n N"], Float[np.ndarray, "n N"]]


def secants(
    sigma: Pointwise,
    z: Float[np.ndarray, "n N"],
    other: Float[np.ndarray, "n N"],
    *,
    near: float = 0.0,
) -> Secants:
    """The secants of an activation between pre-activations z and z' ``[n, N]``.

    Args:
        sigma: the activation.
        z: of one network.
        other: z', of the other.
        near: below this distance, or below 1e-6, there is no curvature between two.
    """
    gap = z - other
    ends = sigma.function(z), sigma.function(other)
    slopes = sigma.derivative(z), sigma.derivative(other)
    # beside a kink the quotient of rounded numbers is right at any distance
    slope = _quotient(ends[0] - ends[1], gap, _SAME if np.isfinite(sigma.curvature) else 0.0)
    slope = np.where(np.isnan(slope), (slopes[0] + slopes[1]) / 2, slope)
    first, second = (
        np.nan_to_num(_quotient(difference, gap, max(near, _SAME)))
        for difference in (slopes[0] - slope, slope - slopes[1])
    )
    return Secants((ends[0] + ends[1]) / 2, slope, first, second, slopes)


def _quotient(
    difference: Float[np.ndarray, "n N"], gap: Float[np.ndarray, "n N"], near: float
) -> Float[np.ndarray, "n N"]:
    """NaN up to that distance."""
    nowhere = np.full_like(gap, np.nan)
    found: Float[np.ndarray, "n N"] = np.divide(
        difference, gap, out=nowhere, where=np.abs(gap) > near
    )
    return found
