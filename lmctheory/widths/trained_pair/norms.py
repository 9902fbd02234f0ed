"""What the bounds of T12 to T15 need of every step of two paths, forwards and backwards."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lmctheory.widths.trained_pair.pair_step import PairStep, pair_step
from lmctheory.widths.trained_pair.training import Path, Schedule, Task

__all__ = [
    "INFLATION",
    "Propagated",
    "StepNorms",
    "cost",
    "mean_square",
    "propagate",
    "step_norms",
]

INFLATION = 1 + 1e-9
"""Of computed norms."""
_NEAR = 2.0, 0.02
"""Beside a kink: pairs nearer than this times the mean distance have no curvature of their own.

Every choice gives true bounds. Curvatures of 1/|Delta| spoil T12 and T13, which need their norms,
and hardly T14.
"""
_LARGEST = 1e100
"""Of propagators: beyond, squares may overflow, and all that is known of differences is nothing."""
_EXACT_GRAM = 2500
"""The largest matrix whose spectral norm is computed; lambda is bounded by a sum beyond."""


def mean_square(v: Float[np.ndarray, "N p"]) -> float:
    """Of the rows' lengths."""
    return float(np.square(v).sum(axis=1).mean())


def cost(a: Path, b: Path, task: Task, k: int) -> float:
    """M before step k, the mean square of matched neurons' distances; after all with the last k."""
    return mean_square(a.parameters(k, task) - b.parameters(k, task))


@dataclass(frozen=True, eq=False)
class StepNorms:
    """Norms of one step, of every neuron ``[N]`` unless said otherwise.

    Attributes:
        size: s, a number.
        kept: c, a number.
        transfer: ||c - s B_i||^2.
        curvature: ||B_i||.
        features: ||A_i||.
        gain: k_i.
        left: |l_i|.
        apart: |D_i| before the step.
    """

    size: float
    kept: float
    transfer: Float[np.ndarray, " N"]
    curvature: Float[np.ndarray, " N"]
    features: Float[np.ndarray, " N"]
    gain: Float[np.ndarray, " N"]
    left: Float[np.ndarray, " N"]
    apart: Float[np.ndarray, " N"]


def step_norms(
    a: Path, b: Path, task: Task, schedule: Schedule, *, driver: Path | None = None
) -> list[StepNorms]:
    """Of every step of two paths; for `driver` see `pair_step`."""
    near = _NEAR[0] if np.isinf(task.sigma.curvature) else 0.0
    found = []
    for k in range(a.steps):
        step = pair_step(a, b, task, schedule, k, driver=driver, near=near)
        apart = np.linalg.norm(step.apart, axis=1)
        gap = np.sqrt(np.square(step.gap).sum(axis=2).mean(axis=1))
        gain = np.divide(gap, apart, out=np.zeros_like(gap), where=apart > 0)
        norms = StepNorms(
            size=step.size,
            kept=step.kept,
            transfer=np.linalg.norm(step.transfer, 2, axis=(1, 2)) ** 2 * INFLATION,
            curvature=np.linalg.norm(step.curvature, 2, axis=(1, 2)) * INFLATION,
            features=np.sqrt(_largest(_products(step, step.features))) * INFLATION,
            gain=gain * INFLATION,
            left=np.linalg.norm(step.left, axis=1) + _rounding(a, b, task, k),
            apart=apart,
        )
        found.append(norms)
    return found


def _rounding(a: Path, b: Path, task: Task, k: int) -> Float[np.ndarray, " N"]:
    """Of both sides of a step, for each neuron: sums of n + p terms none of which is larger."""
    terms = len(task.inputs) + a.weights.shape[2] + 8
    sizes = [np.linalg.norm(p.parameters(j, task), axis=1) for p in (a, b) for j in (k, k + 1)]
    return np.finfo(np.float64).eps * terms * np.sum(sizes, axis=0)


@dataclass(frozen=True, eq=False)
class Propagated:
    """The differences at the end, in terms of what made them.

    Attributes:
        images: U_i D_i(0) ``[N, p]``.
        gains: sqrt(lambda) of every step ``[K]``.
        interaction: sum of s sqrt(lambda) u.
        left: sum of rms |F_i l_i|.
    """

    images: Float[np.ndarray, "N p"]
    gains: Float[np.ndarray, " K"]
    interaction: float
    left: float

    @property
    def linear(self) -> float:
        """The root mean square of |U_i D_i(0)|."""
        return mean_square(self.images) ** 0.5 * INFLATION


def propagate(
    a: Path, b: Path, task: Task, schedule: Schedule, *, driver: Path | None = None
) -> Propagated:
    """Runs through the steps from the last to the first; for `driver` see `pair_step`."""
    near = _NEAR[1] if np.isinf(task.sigma.curvature) else 0.0
    start = a.parameters(0, task) - b.parameters(0, task)
    onward = np.tile(np.eye(start.shape[1]), (len(start), 1, 1))
    gains = np.zeros(a.steps)
    interaction = left = 0.0
    for k in reversed(range(a.steps)):
        step = pair_step(a, b, task, schedule, k, driver=driver, near=near)
        gains[k] = _spectral(
            step, np.einsum("ipq,iqnc->ipnc", onward, step.features, optimize=True)
        )
        interaction += step.size * gains[k] * mean_square(step.rho) ** 0.5
        left += mean_square(np.einsum("ipq,iq->ip", onward, step.left)) ** 0.5
        rounding = np.linalg.norm(onward, axis=(1, 2)) * _rounding(a, b, task, k)
        left += float(np.square(rounding).mean()) ** 0.5
        onward = onward @ step.transfer
        if not np.abs(onward).max() < _LARGEST:
            return Propagated(np.full_like(start, np.inf), gains, np.inf, np.inf)
    images = np.einsum("ipq,iq->ip", onward, start)
    return Propagated(images, gains, interaction * INFLATION, left * INFLATION)


def _spectral(step: PairStep, carried: Float[np.ndarray, "N p n c"]) -> float:
    """sqrt(lambda); a sum of single neurons' where matrices would be too large."""
    N, p, n, c = carried.shape
    if min(N * p, n * c) > _EXACT_GRAM:
        return float(_largest(_products(step, carried)).mean()) ** 0.5 * INFLATION
    rows = carried.reshape(N * p, n * c)
    gram = rows.T @ rows if n * c < N * p else rows @ rows.T
    return float(max(np.linalg.eigvalsh(gram)[-1], 0.0) / (N * n)) ** 0.5 * INFLATION


def _products(step: PairStep, features: Float[np.ndarray, "N p n c"]) -> Float[np.ndarray, "N p p"]:
    """F_i A_i A_i^T F_i^T."""
    rows = features.reshape(*features.shape[:2], -1)
    found: Float[np.ndarray, "N p p"] = rows @ rows.transpose(0, 2, 1) / len(step.rho)
    return found


def _largest(matrices: Float[np.ndarray, "N p p"]) -> Float[np.ndarray, " N"]:
    found: Float[np.ndarray, " N"] = np.linalg.eigvalsh(matrices)[:, -1]
    return np.maximum(found, 0.0)
