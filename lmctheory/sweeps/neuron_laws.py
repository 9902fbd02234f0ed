"""The Gaussian laws that stand for the neurons of a layer, and what the theory predicts for them.

At initialisation the rows of layer l are N(0, 2/m_{l-1} I), independent of all earlier layers,
hence of the metric and of the order of B's columns: the sandwich (R11) holds in expectation, in the
Euclidean metric as in that of A's data. After training the Gaussian is a model, with the sample
covariance of the trained rows.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lmctheory.matching.costs.neuron_features import Features
from lmctheory.measures import Gaussian, Modulo
from lmctheory.rates import lower_bound, participation_ratio, upper_bound
from lmctheory.sweeps.measured import Sandwich

__all__ = ["features_law", "initial_law", "sandwich", "trained_law"]


def initial_law(fan_in: int, metric: Float[Tensor, "k k"] | None) -> Gaussian:
    """The law of He-initialised rows, N(0, 2/fan_in I), in a metric S (None: Euclidean).

    |w|_S^2 = |S^{1/2} w|^2, so its spectrum is that of (2/fan_in) S.
    """
    if metric is None:
        return Gaussian(spectrum=np.full(fan_in, 2 / fan_in))
    return Gaussian(spectrum=_spectrum(2 / fan_in * metric))


def trained_law(
    rows: Sequence[Float[Tensor, "m k"]], metric: Float[Tensor, "k k"] | None
) -> Gaussian:
    """The Gaussian with the pooled sample covariance C of some layers' rows, in a metric S.

    With S = R R^T its spectrum is that of R^T C R: the part of S along zero eigenvalues, and a
    ridge of 1e-12 that makes the Cholesky factor exist, are below what anything here resolves.
    """
    covariance = torch.cat(list(rows)).double().mT.cov().reshape(rows[0].shape[1], -1)
    if metric is not None and not metric.any():  # all neurons of the layer before are dead
        covariance = torch.zeros_like(covariance)
    elif metric is not None:
        root = _root(metric)
        covariance = root.mT @ covariance @ root
    return Gaussian(spectrum=_spectrum(covariance))


def features_law(own: Sequence[Features], pool: Sequence[Sequence[Features]]) -> Gaussian:
    """`trained_law` of the neurons of several pairs, in the metric of one.

    Neurons with several incoming weights (of a residual stream) are described by all of them, one
    after another; a weight of which a neuron owns several rows is compared row by row.

    Args:
        own: the features of a layer's neurons in the pair whose metric is taken.
        pool: likewise for each pair whose neurons are taken.
    """
    if len(own) == 1 and (own[0].metric is None or len(own[0].metric) == own[0].a.shape[1]):
        return trained_law([rows for [f] in pool for rows in (f.a, f.b)], own[0].metric)
    coordinates = [
        _coordinates(torch.cat([rows for f in parts for rows in (f.a, f.b)]), first.metric)
        for first, parts in zip(own, zip(*pool, strict=True), strict=True)
    ]
    return trained_law([torch.cat(coordinates, 1)], None)


def _coordinates(
    rows: Float[Tensor, "m k"], metric: Float[Tensor, "c c"] | None
) -> Float[Tensor, "m k"]:
    """Vectors whose Euclidean distances are those of the rows in the metric."""
    if metric is None:
        return rows
    return (rows.reshape(len(rows), -1, len(metric)) @ _root(metric)).flatten(1)


def _root(metric: Float[Tensor, "c c"]) -> Float[Tensor, "c c"]:
    ridge = 1e-12 * metric.trace() * torch.eye(len(metric), dtype=metric.dtype)
    return torch.linalg.cholesky(metric + ridge)


def _spectrum(covariance: Float[Tensor, "k k"]) -> Float[np.ndarray, " k"]:
    # eigenvalues alone cost a fraction of what Gaussian(covariance=...) needs for its samples
    return torch.linalg.eigvalsh(covariance).clamp(min=0).numpy()


def sandwich(law: Gaussian, m: int, *, signs: bool = False) -> Sandwich:
    """L <= M <= U, the trivial bound 2 tr, and the participation ratio.

    Args:
        law: of a layer's neurons.
        m: how many there are.
        signs: whether matchings may negate them, which makes the costs those modulo signs (S1).
    """
    modulo: Modulo = "signs" if signs else None
    return Sandwich(
        lower=lower_bound(law, m, modulo=modulo).value,
        upper=upper_bound(law, m, modulo=modulo).value,
        trivial=2 * law.second_moment,
        dimension=participation_ratio(law.spectrum) if law.second_moment else 0.0,
    )
