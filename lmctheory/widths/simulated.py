r"""D1 with simulated matching costs: nearly sharp, and true with probability 1 - delta (R2, R10).

M_1 is at most `simulated_upper_bound`. Later layers use the split of `lmctheory.widths.averaging`:
M(m_l, head) is simulated from above and, for the relu, <P, D> from below, as the matching cost of
P relu(z), z ~ N(0, Lambda_{l-1}), at the width of the layer below. That law is the image of a
normal vector under a map with Lipschitz constant lambda_1(Lambda_{l-1})^{1/2}, so that R10 applies.
Each of the 2L - 1 (for other activations L) simulations fails with its share of delta.
"""

from collections.abc import Sequence

import numpy as np

from lmctheory.measures import Gaussian, LipschitzImage
from lmctheory.rates import simulated_lower_bound, simulated_upper_bound
from lmctheory.rates.concentration import checked_delta
from lmctheory.widths.averaging import halvings
from lmctheory.widths.deep import DeepBound, bound_from_costs, require_widths
from lmctheory.widths.ensembles import Ensemble, Split

__all__ = ["simulated_error_bound"]

_MORE = 2
"""Directions that an optimal matching still sees beyond the halvings of a tree; any number is
right, this one is good at widths that can be simulated."""


def simulated_error_bound(
    widths: Sequence[int],
    networks: Ensemble,
    *,
    t: float = 0.5,
    repeats: int = 16,
    delta: float = 0.01,
    rng: np.random.Generator,
) -> DeepBound:
    """The bound of `deep.error_bound` with simulated matching costs (s_out = n_out = 1).

    It bounds the mean squared error, over weights and data and for this t, with probability
    1 - delta over its own simulations.

    Args:
        widths: m_1, ..., m_L; a layer costs `repeats` exact assignments of that size, or two times
            as many.
        networks: the ensemble.
        t: where on the line, in [0, 1].
        repeats: independent pairs of samples per simulation, >= 1.
        delta: probability of failure, between 0 and 1.
        rng: source of randomness.

    Raises:
        ValueError: for arguments out of range.

    Reference:
        theory keys D1, R2, R10.

    Example:
        >>> import numpy as np
        >>> from lmctheory.widths.deep import ensemble, error_bound
        >>> rng = np.random.default_rng(0)
        >>> nets = ensemble(rng.standard_normal((50, 8)), depth=2)
        >>> simulated = simulated_error_bound((256, 256), nets, repeats=32, rng=rng)
        >>> simulated.value < error_bound((256, 256), nets).value
        True
    """
    require_widths(widths, networks)
    checked_delta(delta)
    averages = networks.activation == "relu"
    share = delta / (2 * networks.depth - 1 if averages else networks.depth)

    def above(law: Gaussian, m: int) -> float:
        bound = simulated_upper_bound(law, m, width=m, repeats=repeats, delta=share, rng=rng)
        return min(bound.value, 2 * law.second_moment)

    def below(split: Split, layer: int, m: int) -> float:
        law = _behind_the_relu(networks, layer, split)
        return simulated_lower_bound(law, m, width=m, repeats=repeats, delta=share, rng=rng).value

    costs = []
    examples = len(networks.covariances[0])
    for layer, (law, m) in enumerate(zip(networks.laws, widths, strict=True), start=1):
        k = halvings(m) + _MORE
        if layer == 1 or not averages or k >= examples:
            costs.append(above(law, m))
            continue
        split = networks.split(layer, k)
        gain = networks.s_w**2 / 2 * below(split, layer - 1, widths[layer - 2])
        costs.append(split.matching_cost(above(split.head, m), gain))
    return bound_from_costs(costs, networks, t=t)


_SEEN = 128
"""Directions that the lower simulation looks along: fewer are a projection, hence lower still."""


def _behind_the_relu(networks: Ensemble, layer: int, split: Split) -> LipschitzImage:
    """The law of P relu(z), z a pre-activation of a layer (counted from 1)."""
    values, vectors = np.linalg.eigh(networks.covariances[layer - 1])
    kept = values > 1e-12 * values[-1]  # what is dropped is below the rounding of the kernel
    root = vectors[:, kept] * np.sqrt(values[kept])

    def image(x: np.ndarray) -> np.ndarray:
        return np.maximum(x @ root.T, 0.0) @ split.directions[:, :_SEEN]

    return LipschitzImage(image, float(values[-1] ** 0.5), Gaussian(spectrum=np.ones(kept.sum())))
