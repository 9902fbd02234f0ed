r"""Energies of matched neurons with weights of their own (T13), with and without a force.

Norms, w and w' as in `growth`; e = ||xi|| is 0 for two networks. For a network beside neurons Y in
the field of its limit, rho = Lambda (f - f_Y + xi), xi = f_Y - f_limit, and E grows by

    E' <= f E + 2 g e sqrt(E) + h^2 e^2

where, with S = mean w' ||A||^2, G = mean k^2/w, V1^2 = mean (k w')^2/w and X as in `growth`,
||rho|| <= beta (sqrt(G E) + e) gives

    f = 1 + s c beta [sqrt(G) V1 - mean k^2 w'/w] + 2 s^2 beta sqrt(G) X + s^2 beta^2 G S,
    g = s c beta V1 + s^2 beta X + s^2 beta^2 sqrt(G) S,              h = s beta sqrt(S),

and the pull of the mean weight W, -2 s c W (u^2/beta - u e), at its worst u, with
P = 2 s c W/beta - s^2 S > 0 and b = s c V + s^2 X,

    f = 1 + b^2/P,      g = b s c W/P,      h = s c W/sqrt(P).

What the curvature does not count (`secants`: pairs that are near, many of them beside a kink) moves
neurons besides: sqrt(E') grows by the root of mean w' l^2, l what is left of a step.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from lmctheory.widths.trained_pair.norms import StepNorms

__all__ = ["LEVELS", "Growth", "energy_weights", "uneven_growth"]


class Growth(NamedTuple):
    """sqrt(E') <= sqrt(factor E + 2 cross e sqrt(E) + own^2 e^2) + kick sqrt(E) + left."""

    factor: float
    cross: float
    own: float
    left: float = 0.0
    kick: float = 0.0


_NOTHING = Growth(np.inf, np.inf, np.inf, np.inf, np.inf)
_LEAST = 1e-100
"""Of bounds of ||c - s B||^2, which must be positive."""
LEVELS = 0.0, 0.5, 1.0
"""Quantiles of `energy_weights` to be tried: every neuron by itself, those that spread, none."""


def energy_weights(steps: list[StepNorms], level: float) -> Float[np.ndarray, "times N"]:
    """Logarithms of the weights before each step, and 0 at the end.

    A step divides weights by bounds of ||c - s B||^2.

    Args:
        steps: their norms.
        level: a quantile of each step's ||c - s B||^2 that stands for all below it: weights that
            differ without need make neurons' mutual pull smaller.
    """
    transfer = np.array([step.transfer for step in steps])
    least = np.quantile(transfer, level, axis=1, keepdims=True, method="higher")
    logarithms = np.log(np.maximum(np.maximum(transfer, least), _LEAST))
    ends = np.zeros((1, logarithms.shape[1]))
    return np.concatenate([np.cumsum(logarithms[::-1], axis=0)[::-1], ends])


def uneven_growth(
    step: StepNorms,
    before: Float[np.ndarray, " N"],
    after: Float[np.ndarray, " N"],
    beta: float,
    *,
    relative: bool = False,
) -> list[Growth]:
    """Both estimates of a step; the second only where steps are small enough.

    Args:
        step: its norms.
        before: logarithms of the weights before it.
        after: of w', those after it.
        beta: smoothness of the loss.
        relative: whether each estimate is given once more with what is left as a multiple of
            sqrt(E), which kicks beside a kink are: they fall with the distance.
    """
    # E' <= f E needs only ratios of weights, and what is forced is of the unit of sqrt(E)
    unit = after.max()
    with np.errstate(
        over="ignore", divide="ignore", invalid="ignore"
    ):  # weights too uneven bound nothing
        found = _estimates(step, np.exp(before - unit), np.exp(after - unit), beta)
        force = float(np.exp(unit / 2))
        left = float((np.exp(after - unit) * np.square(step.left)).mean()) ** 0.5
        energy = float((np.exp(before - unit) * np.square(step.apart)).mean()) ** 0.5
        rests = [(left * force, 0.0)]
        if relative and energy > 0:
            rests.append((0.0, left / energy))
        scaled = [Growth(f, g * force, h * force, *rest) for rest in rests for f, g, h, *_ in found]
    return [growth for growth in scaled if not np.isnan(growth).any()] or [_NOTHING]


def _estimates(
    step: StepNorms, w: Float[np.ndarray, " N"], later: Float[np.ndarray, " N"], beta: float
) -> list[Growth]:
    s, c, gain2 = step.size, step.kept, np.square(step.gain)
    S = float((later * np.square(step.features)).mean())
    X = float((np.square(later * step.curvature * step.features) / w).mean()) ** 0.5
    G = float((gain2 / w).mean())
    V1 = float((gain2 * later**2 / w).mean()) ** 0.5
    mutual = max(G**0.5 * V1 - float((gain2 * later / w).mean()), 0.0)
    found = [
        Growth(
            1 + s * c * beta * mutual + 2 * s**2 * beta * G**0.5 * X + (s * beta) ** 2 * G * S,
            s * c * beta * V1 + s**2 * beta * X + (s * beta) ** 2 * G**0.5 * S,
            s * beta * S**0.5,
        )
    ]
    W = float(later.mean())
    pull = 2 * s * c * W / beta - s**2 * S
    if pull > 0:
        V = float((gain2 * np.square(later - W) / w).mean()) ** 0.5
        b = s * c * V + s**2 * X
        found.append(Growth(1 + b**2 / pull, b * s * c * W / pull, s * c * W / pull**0.5))
    return found
