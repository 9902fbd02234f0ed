r"""From losses alone: how far training takes matched neurons apart (T12).

In place of secants the mean B_i of the Hessians over the segment between two neurons and the mean
A_i of gradients; the same identity holds. With |phi| curved by H and K-Lipschitz in L2(data),

    ||B_i|| <= kappa = H/2 (||r_A|| + ||r_B||) <= H/2 (sqrt(2 beta l_A) + sqrt(2 beta l_B)),

r derivatives of a nonnegative loss with beta-Lipschitz derivative in the outputs, l its means: for
such a loss |r|^2 <= 2 beta l. Squared loss: kappa = H (sqrt(R_A) + sqrt(R_B)). The step of T12 is

    M' <= [c^2 + 2 s c kappa + 2 c s^2 kappa^2 / (2c - s beta K^2)] M,       c = 1 - s mu.

The limit of many neurons has no part in this, so that nothing of order N^{-1/2} is added to the
distance, as it is in T5, whose flow grows at the same rate.
"""

import numpy as np
from jaxtyping import Shaped

from lmctheory.measures.arguments import ArrayLike, array, number, positive
from lmctheory.widths.neuron_constants import Neuron

__all__ = ["loss_growth"]


def loss_growth(
    constants: Neuron,
    steps: Shaped[ArrayLike, " K"],
    losses: Shaped[ArrayLike, "networks K"],
    *,
    smoothness: float = 2.0,
    decay: float = 0.0,
) -> float:
    """Bounds W_2 of trained neurons by W_2 of the initial ones they were matched in.

    Args:
        constants: K and H of a neuron, for all inputs or in L2(data) (`neuron_on_data`), valid on
            the segments between matched neurons.
        steps: s_k ``[K]``, of N times the mean loss's gradient.
        losses: mean losses before each step, of A and of B ``[2, K]``; or bounds of them.
        smoothness: beta, of a nonnegative convex loss in the outputs: 2 for |f - y|^2, 1/2 for
            the cross-entropy.
        decay: mu >= 0.

    Returns:
        The factor of W_2; its square is that of the mean square distance.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: for a neuron with a kink, bad arguments, or steps so large that
            s beta K^2 >= 2 (1 - s mu).

    Reference:
        theory key T12, derived here.

    Example:
        >>> import numpy as np
        >>> from lmctheory.widths.two_layer import neuron_with_fixed_output
        >>> tanh = neuron_with_fixed_output("tanh", radius=1.0, output=1.0)
        >>> losses = np.tile(0.1 * 0.9 ** np.arange(20), (2, 1))
        >>> round(loss_growth(tanh, np.full(20, 0.1), losses), 3)
        1.838
    """
    steps, losses = array("steps", steps, "K"), array("losses", losses, "networks K", least=0.0)
    beta, decay = positive("smoothness", smoothness), number("decay", decay, least=0.0)
    if losses.shape != (2, len(steps)):
        raise ValueError(f"losses must be [2, {len(steps)}], got {losses.shape}")
    if not (steps > 0).all():
        raise ValueError("steps must be positive")
    if np.isinf(constants.curvature):
        raise ValueError("constants must have a finite curvature: T12 needs it without a kink")
    kept = 1 - steps * decay
    room = 2 * kept - steps * beta * constants.lipschitz**2
    if not (room > 0).all():
        raise ValueError("steps must satisfy s beta K^2 < 2 (1 - s mu)")
    bent = steps * constants.curvature / 2 * np.sqrt(2 * beta * losses).sum(axis=0)
    with np.errstate(over="ignore"):  # infinite
        # c^2 + 2 s c kappa + 2 c (s kappa)^2 / room; minus 1 a small c would be lost
        return float(np.exp(np.log(kept**2 + 2 * kept * bent * (1 + bent / room)).sum() / 2))
