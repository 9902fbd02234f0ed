"""What is measured of all networks of one shape, pair by pair and in every alignment."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from torch import nn

from lmctheory.matching.costs.neuron_features import Features
from lmctheory.measures import Gaussian
from lmctheory.networks import Dataset
from lmctheory.networks.program import UnreadableError
from lmctheory.paths import Certificate
from lmctheory.sweeps.aligned_pairs import AlignedPairs, aligned_pairs
from lmctheory.sweeps.measured import (
    METRICS,
    UNMATCHED,
    Aligned,
    Certified,
    Curves,
    Enclosed,
    Measured,
    Peak,
    Sandwich,
)
from lmctheory.sweeps.neuron_laws import features_law, sandwich

__all__ = ["measure"]

Law = Callable[[Sequence[Features]], Gaussian]
"""The law of a layer's neurons, from the features of one pair."""


def measure(
    models: Sequence[nn.Module],
    data: Dataset,
    methods: Sequence[str],
    *,
    points: int = 25,
    certify: bool = True,
    enclose: Collection[str] = (),
    law: Law | None = None,
    bounded: Collection[str] = tuple(METRICS),
) -> Measured:
    """Measures pairs of networks, unmatched and after every matching.

    Args:
        models: A and B of the first pair, of the second, and so on.
        data: matched on its training examples.
        methods: of `lmctheory.matching.match`.
        points: of the grid on the segment, odd.
        certify: whether to compute certificates.
        enclose: the alignments in which the barrier is enclosed.
        law: of a layer's neurons; by default the Gaussian with their sample covariance.
        bounded: the metrics in which costs are bounded, of `METRICS`; for deep networks bounds take
            longer than all else.
    """
    pairs = aligned_pairs(models, data.train, methods)
    times = np.linspace(0, 1, points)
    aligned = {
        name: Aligned(
            train=Curves.of(pairs.barrier(name, data.train, points)),
            test=Curves.of(pairs.barrier(name, data.test, points)),
            cost=_costs(pairs, name),
            **(_certified(pairs, name, data, times) if certify else {}),
            enclosed=_enclosed(pairs, name, data) if name in enclose else None,
        )
        for name in pairs.aligned
    }
    return Measured(_predictions(pairs, law, bounded), aligned)


def _certified(
    pairs: AlignedPairs[Any], alignment: str, data: Dataset, times: np.ndarray
) -> dict[str, Any]:
    """Fields of `Aligned`."""
    try:
        found = pairs.certificates(alignment, data.test, times)
    except UnreadableError as error:  # for operations that have no Lipschitz constant
        return {"no_certificate": str(error)}
    return {"certificate": [_bounds(certificate) for certificate in found]}


def _enclosed(pairs: AlignedPairs[Any], alignment: str, data: Dataset) -> list[Enclosed]:
    return [Enclosed(*found.max) for found in pairs.enclosed(alignment, data.test)]


def _bounds(certificate: Certificate) -> Certified:
    return Certified(
        c1=_peak(_rms(certificate.function_error_c1)),
        c1_prime=_peak(_rms(certificate.function_error)),
        c2=_peak(_rms(certificate.function_error_c2)),
        c3=_peak(np.asarray(certificate.barrier)),
        inaccuracy=_peak(1 - np.asarray(certificate.accuracy)),
    )


def _rms(errors: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt((errors**2).mean(axis=-1)))


def _peak(curve: np.ndarray) -> Peak:
    """The largest over 0 < t < 1, as for the barrier."""
    return Peak(midpoint=float(curve[len(curve) // 2]), max=float(curve[1:-1].max()))


def _costs(pairs: AlignedPairs[Any], alignment: str) -> dict[str, list[list[float]]]:
    return {
        metric: [
            [
                sum(features.cost for features in layer)
                for layer in pairs.layers(alignment, k, data_metric=metric == "data")
            ]
            for k in range(len(pairs.pairs))
        ]
        for metric in METRICS
    }


def _predictions(
    pairs: AlignedPairs[Any], law: Law | None, metrics: Collection[str]
) -> list[dict[str, list[Sandwich]]]:
    """For every layer and metric the sandwich of each pair: ``[layers][metric][pairs]``."""
    by_metric = {metric: _sandwiches(pairs, metric, law) for metric in metrics}
    return [
        {metric: [pair[layer] for pair in found] for metric, found in by_metric.items()}
        for layer in range(len(pairs.signed))
    ]


def _sandwiches(pairs: AlignedPairs[Any], metric: str, law: Law | None) -> list[list[Sandwich]]:
    """``[pairs][layers]``."""
    matched = METRICS[metric] if METRICS[metric] in pairs.aligned else list(pairs.aligned)[-1]
    as_they_came, in_order = (
        [pairs.layers(name, k, data_metric=metric == "data") for k in range(len(pairs.pairs))]
        for name in (UNMATCHED, matched)
    )

    def of_layer(k: int, layer: int) -> Gaussian:
        own = as_they_came[k][layer]
        if law is not None:
            return law(own)
        if pairs.reads_inputs[layer]:
            return features_law(own, [pair[layer] for pair in as_they_came])
        # the coordinates are the neurons of the layer before, which each pair has for itself
        return features_law(own, [in_order[k][layer]])

    return [
        [
            sandwich(of_layer(k, i), len(layer[0].a), signs=pairs.signed[i])
            for i, layer in enumerate(layers)
        ]
        for k, layers in enumerate(as_they_came)
    ]
