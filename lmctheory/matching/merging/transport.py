"""Plans that transport the neurons of one layer to those of another."""

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

__all__ = ["distances", "gathered", "spread", "transport_plan"]

_MASS_ERROR = 1e-3
"""Largest relative error of a neuron's mass at which Sinkhorn's method counts as converged.

Plans are normalised wherever they act, so such an error leaves no trace in the scale of weights."""


def distances(x: Float64[Tensor, "n k"], y: Float64[Tensor, "m k"]) -> Float64[Tensor, "n m"]:
    """|x_i - y_j|^2."""
    apart = x.square().sum(1)[:, None] + y.square().sum(1) - 2 * (x @ y.mT)
    return apart.clamp(min=0.0)  # rounding alone can make it negative


def transport_plan(
    distances: Float64[Tensor, "n m"], regularisation: float
) -> Float64[Tensor, "n m"]:
    """Masses 1/n and 1/m transported at least cost, with an entropy where regularised.

    Raises:
        RuntimeError: if Sinkhorn's method does not converge.
    """
    import ot  # here because it takes half a second, which whoever needs no plan is spared

    cost = distances.cpu().numpy()
    masses = [np.full(size, 1 / size) for size in cost.shape]
    eps = regularisation * cost.mean()
    if eps == 0:
        plan = ot.emd(*masses, cost, numItermax=10**8)
    else:
        plan = ot.sinkhorn(*masses, cost, eps, method="sinkhorn_log", numItermax=10_000, warn=False)
        error = abs(plan.sum(1) * len(plan) - 1).max() + abs(plan.sum(0) * plan.shape[1] - 1).max()
        if not error <= _MASS_ERROR:
            raise RuntimeError(
                "Sinkhorn's method has not converged, its masses are off by "
                f"{error:.1e}: regularisation must be larger than {regularisation}"
            )
    return torch.from_numpy(plan).to(distances)


def gathered(plan: Float64[Tensor, "n m"]) -> Float64[Tensor, "n m"]:
    """R: for each target the mean over the sources that are brought to it."""
    return plan / plan.sum(1, keepdim=True)


def spread(plan: Float64[Tensor, "n m"]) -> Float64[Tensor, "m n"]:
    """C: for each source the shares of the targets to which it is brought."""
    return (plan / plan.sum(0)).mT
