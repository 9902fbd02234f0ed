"""Matching costs at large widths, predicted from networks of smaller widths alone.

From the pool of K networks of the widest estimating width m_0:

- "pool": the cost at the new width between samples of the pool, without replacement. It supposes
  that neurons are independent and that their law does not change with the width.
- "moved": the same with the movement of training rescaled. Writing a trained neuron as c x_0 +
  (x - c x_0), x_0 the same neuron at initialisation, whose law is the same at every width in the
  first layer, and nearly so in deeper ones, only the second part should depend on the width: its
  mean square is extrapolated by a power law through the estimating widths.
- "gauss": the Gaussian with the covariance of "moved", simulated; "lower" and "upper" are its L and
  U (R11).
- "slope": a power law through the costs of the pool at m_0 / 8, ..., m_0, with the slope that
  defines the Wasserstein dimension (R12), extrapolated.

That the measured costs themselves follow a power law ("trend") needs no pool, see `summary`.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from lmctheory.measures import Gaussian
from lmctheory.rates import lower_bound, matching_cost, upper_bound
from lmctheory.rates.empirical.pooling import pooled_matching_cost
from lmctheory.sweeps.mean import Mean
from simulations.power_law import power_law
from simulations.trained_widths.networks import Neurons
from simulations.trained_widths.tasks import Prediction

__all__ = ["predict"]

_PARTS = (8, 4, 2, 1)
"""The slope is that of the pool's costs at the width over these."""
_DRAWS = 4


def predict(
    layer: Neurons,
    movements: Sequence[Mean],
    estimating: Sequence[int],
    testing: Sequence[int],
    rng: np.random.Generator,
) -> dict[int, Prediction]:
    """For each testing width the predictions.

    Args:
        layer: of the networks of the last estimating width.
        movements: mean square of the movement at every estimating width.
        estimating: widths that may be used.
        testing: widths to predict, at most K/2 times the last estimating one.
        rng: source of randomness.
    """
    narrow = [layer.neurons.shape[1] // part for part in _PARTS]
    slope = power_law({width: _pooled(layer.neurons, width, rng) for width in narrow})
    found = {}
    for width in testing:
        moved = layer.with_movement(_scale(movements, estimating, width))
        law = _gaussian(moved)
        draws = matching_cost(law, width, repeats=_DRAWS, rng=rng)
        found[width] = Prediction(
            pool=_pair(_pooled(layer.neurons, width, rng)),
            moved=_pair(_pooled(moved, width, rng)),
            gauss=(draws.mean, draws.standard_error),
            slope=_pair(slope.at(width)),
            lower=lower_bound(law, width).value,
            upper=upper_bound(law, width).value,
        )
    return found


def _pair(mean: Mean) -> tuple[float, float]:
    return mean.value, mean.error


def _scale(movements: Sequence[Mean], estimating: Sequence[int], width: int) -> float:
    """By how much movement changes from the last estimating width to this one; 1 for none."""
    here = movements[-1].value
    if here < 1e-12:  # untrained, up to rounding
        return 1.0
    there = power_law(dict(zip(estimating, movements, strict=True))).at(width)
    return float(np.sqrt(there.value / here))


def _pooled(neurons: Float[np.ndarray, "K m n"], width: int, rng: np.random.Generator) -> Mean:
    cost = pooled_matching_cost(neurons, width, rng=rng)
    return Mean(cost.mean, cost.standard_error)


def _gaussian(neurons: Float[np.ndarray, "K m n"]) -> Gaussian:
    pool = neurons.reshape(-1, neurons.shape[2])
    values = np.linalg.svd(pool - pool.mean(axis=0), compute_uv=False)
    return Gaussian(spectrum=values**2 / (len(pool) - 1))
