"""The barrier of a width that nobody trained, from narrow networks of one's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import norm
from torch import Tensor, nn

from lmctheory.measures.arguments import RandomSource, generator, integer
from lmctheory.networks import Examples
from lmctheory.networks.agreement import require_fit
from lmctheory.prediction.barrier_prediction import BarrierPrediction
from lmctheory.prediction.drifts import (
    BARRIER,
    FUNCTION_ERROR,
    Drift,
    extrapolated_drift,
)
from lmctheory.prediction.narrower import UNIONS, require_narrower
from lmctheory.prediction.pairs import Jackknifed, PairCurves, all_pairs
from lmctheory.prediction.unions import union_each

__all__ = ["NoBarrier", "predict_barrier"]

_SPAN = 3
_LEVEL = 0.95

_EXCHANGEABLE = "networks of one width are independent and alike in law, their neurons exchangeable"
_DRIFTS = (
    "what the law's move with the width does to barriers goes on as at the given widths or, where"
    " these leave it open, does nothing (a model)"
)
_SHAPE = "the curve keeps its shape"


class NoBarrier(ValueError):  # noqa: N818  a state of the networks
    """Networks have no barrier, or no function error, of which a logarithm could be taken."""


@dataclass(frozen=True, eq=False)
class _Logs:
    """Logarithms of a maximum and of a function error, with variances; and the curve."""

    values: np.ndarray
    variances: np.ndarray
    curve: Float[np.ndarray, " points"]


def predict_barrier(
    networks: Mapping[int, Sequence[nn.Module]],
    width: int,
    data: Examples,
    *,
    inputs: Tensor | None = None,
    method: str | None = "weighted",
    points: int = 25,
    rng: RandomSource,
) -> BarrierPrediction:
    """Predicts the barrier of a width from narrower networks, as they are; nothing is trained.

    With U(n, m) the barrier of unions (`union`) of m / n networks of width n, and B(n) = U(n, n)
    theirs, and n the widest that is given,

        log barrier(m) = log U(n, m) + drift(n, m),

    where U(n, m), at one law of neurons, is measured on unions as large as three of them can be
    made of the networks given, and extrapolated from there as a power law; and the drift, what the
    move of that law with the width does, is extrapolated from log [B(n') / U(n'', n')] at given
    widths n'' < n' that follow each other, shrunk towards none
    (`lmctheory.prediction.drifts`). Families need no such thing: where networks can be trained,
    `predict_family_barrier` is the better choice.

    Args:
        networks: by hidden width the trained networks: chains of affine maps with one activation
            and hidden layers of that width; six or more of the widest.
        width: m, above all of these.
        data: the examples to judge by.
        inputs: unlabelled, to match and to draw rows with; those of the data if None.
        method: of matching, see `all_pairs`.
        points: of the curve, odd.
        rng: draws the rows of unions.

    Returns:
        The prediction. Its 90 % interval holds the errors over networks and of the drift.

    Raises:
        TypeError: for what is no mapping, or networks that are no chains.
        ValueError: for no or unequal widths, too few networks, a width that is not above them,
            networks of several kinds, and data that do not fit.
        NoBarrier: a ValueError, for networks without a barrier: there is no logarithm of what is
            not positive.

    Example:
        >>> from lmctheory.networks import MLP, TrainingConfig, load_dataset
        >>> from lmctheory.networks import seeded_generators, train_many
        >>> digits = load_dataset("digits")
        >>> def trained(m):
        ...     initial = [MLP((64, m, 10), rng=seeded_generators(k)[0]) for k in range(6)]
        ...     return train_many(initial, digits.train, TrainingConfig(epochs=3), seeds=range(6))
        >>> found = predict_barrier({m: trained(m) for m in (4, 8)}, 16, digits.test, rng=0)
        >>> bool(found.interval[0] < found.max < found.interval[1])
        True
    """
    widths = require_narrower(networks, width)
    width, widest = integer("width", width), widths[-1]
    require_fit(networks[widest][0], data)
    rows = torch.Generator().manual_seed(int(generator(rng).integers(2**62)))
    inputs = data.inputs if inputs is None else inputs

    def pairs_of(n: int, q: int) -> PairCurves:
        stand_ins = union_each(networks[n], q, inputs, rng=rows)
        return all_pairs(stand_ins, data, method=method, inputs=inputs, points=points, span=_SPAN)

    def at_law(n: int, m: int, own: _Logs) -> _Logs:
        """U(n, m) with its error, from B(n)."""
        q = min(len(networks[n]) // UNIONS, m // n)
        if q < 2:
            raise ValueError(
                f"networks must hold {2 * UNIONS} or more of width {n}, got {len(networks[n])}"
            )
        reached = _logs(pairs_of(n, q), n)
        # what is missing from q to m / n, along the power law from 1 to q
        steps = np.log(m / (n * q)) / np.log(q)
        values = reached.values + steps * (reached.values - own.values)
        variances = (1 + steps) ** 2 * reached.variances + steps**2 * own.variances
        return _Logs(values, variances, reached.curve)

    own = {n: _logs(pairs_of(n, 1), n) for n in widths}
    observed: list[list[Drift]] = [[], []]
    for n, wider in pairwise(widths):
        if len(networks[n]) < 2 * UNIONS or wider < 2 * n:
            continue
        at = at_law(n, wider, own[n])
        for k, drifts in enumerate(observed):
            total = float(own[wider].values[k] - at.values[k])
            variance = float(own[wider].variances[k] + at.variances[k])
            drifts.append(
                Drift(float(np.log2(n / widest)), float(np.log2(wider / n)), total, variance)
            )
    law = at_law(widest, width, own[widest])
    further = float(np.log2(width / widest))
    ahead = [
        extrapolated_drift(drifts, further, prior)
        for drifts, prior in zip(observed, (BARRIER, FUNCTION_ERROR), strict=True)
    ]
    values, variances = (
        known + np.array(added)
        for known, added in zip((law.values, law.variances), zip(*ahead, strict=True), strict=True)
    )
    reach = norm.ppf(_LEVEL) * np.sqrt(variances)
    low, high = np.exp(values - reach), np.exp(values + reach)
    top, error = np.exp(values)
    return BarrierPrediction(
        width=width,
        route=f"unions of networks of width {widest}, with the drift of the widths {widths}",
        t=np.linspace(0, 1, points),
        curve=law.curve / law.curve[1:-1].max() * top,
        max=float(top),
        interval=(float(low[0]), float(high[0])),
        function_error=float(error),
        function_error_interval=(float(low[1]), float(high[1])),
        hypotheses=(_EXCHANGEABLE, _DRIFTS, _SHAPE),
    )


def _logs(pairs: PairCurves, n: int) -> _Logs:
    found: tuple[Jackknifed, ...] = (pairs.max, pairs.function_error)
    if any(one.value <= 0 for one in found):
        raise NoBarrier(
            f"networks must have a barrier to be extrapolated, got {found[0].value:.3g} at {n}"
        )
    return _Logs(
        np.log([one.value for one in found]),
        np.array([one.relative_error**2 for one in found]),
        pairs.curve,
    )
