r"""One step of two matched networks: D' = (c I - s B) D - s A rho + what is left.

D_i is the difference of neuron i of A and neuron i of B (permuted once, before training), B_i and
A_i are made of secants (`secants`), rho is the difference of the two derivatives of the loss and
c = 1 - s mu. What a recorded step has besides - a batch of B's own, momentum, rounding, pairs that
are too near - is left over: it is the difference of both sides, and measured. Whatever made the
recorded paths, the identity holds.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lmctheory.widths.trained_pair.secants import secants
from lmctheory.widths.trained_pair.training import Path, Schedule, Task

__all__ = ["PairStep", "pair_step"]


@dataclass(frozen=True, eq=False)
class PairStep:
    """What moves the differences in a step.

    Attributes:
        size: s.
        kept: c.
        curvature: B_i ``[N, p, p]``, not symmetric where output weights are trained.
        features: A_i as features of the examples ``[N, p, n, c]``: A_i rho is the mean of their
            products with rho over examples, summed over outputs.
        rho: ``[n, c]``.
        gap: phi_i - phi'_i ``[N, n, c]``.
        apart: D_i before the step ``[N, p]``.
        left: what is left ``[N, p]``.
    """

    size: float
    kept: float
    curvature: Float[np.ndarray, "N p p"]
    features: Float[np.ndarray, "N p n c"]
    rho: Float[np.ndarray, "n c"]
    gap: Float[np.ndarray, "N n c"]
    apart: Float[np.ndarray, "N p"]
    left: Float[np.ndarray, "N p"]

    @property
    def transfer(self) -> Float[np.ndarray, "N p p"]:
        """The matrices c I - s B_i."""
        return self.kept * np.eye(self.apart.shape[1]) - self.size * self.curvature


def pair_step(
    a: Path,
    b: Path,
    task: Task,
    schedule: Schedule,
    k: int,
    *,
    driver: Path | None = None,
    near: float = 0.0,
) -> PairStep:
    """Step k of two paths, whose neurons are in matched order.

    Args:
        a: of one network.
        b: of the other.
        task: what they are trained on.
        schedule: the steps.
        k: from 0.
        driver: the network whose residuals move the neurons of b, if they are not b's own.
        near: see `secants`, in units of the root mean square of pre-activations' differences.
    """
    task = task.on(schedule.batch(k))
    size = float(schedule.steps[k])
    kept = 1 - size * schedule.decay
    x, n = task.inputs, len(task.inputs)
    difference = x @ (a.weights[k] - b.weights[k]).T
    near *= float(np.square(difference).mean()) ** 0.5
    found = secants(task.sigma, x @ a.weights[k].T, x @ b.weights[k].T, near=near)
    r, r_b = (_residuals(path, task, k) for path in (a, driver or b))
    mean, alpha = (a.outputs[k] + b.outputs[k]) / 2, a.outputs[k] - b.outputs[k]
    bent = r @ mean.T * found.first + r_b @ mean.T * found.second
    curvature = np.einsum("ni,nd,ne->ide", bent, x, x, optimize=True) / n
    features = np.einsum("ic,ni,nd->idnc", mean, found.slope, x, optimize=True)
    gap = np.einsum("ic,ni->inc", mean, found.slope * difference)
    gap += np.einsum("ic,ni->inc", alpha, found.mean)
    if task.train_outputs:
        upper = np.einsum("nc,ni,nd->icd", (r + r_b) / 2, found.slope, x, optimize=True) / n
        slopes, slopes_b = found.slopes
        lower = sum(
            np.einsum("nc,ni,nd->idc", of, slope / 2, x, optimize=True) / n
            for of, slope in ((r, slopes), (r_b, slopes_b))
        )
        corner = np.zeros((len(upper), alpha.shape[1], alpha.shape[1]))
        curvature = np.block([[corner, upper], [lower, curvature]])
        own = np.einsum("ni,cb->icnb", found.mean, np.eye(alpha.shape[1]))
        features = np.concatenate([own, features], axis=1)
    before, after = (a.parameters(j, task) - b.parameters(j, task) for j in (k, k + 1))
    pull = np.einsum("ipnc,nc->ip", features, r - r_b, optimize=True) / n
    moved = kept * before - size * (np.einsum("ipq,iq->ip", curvature, before) + pull)
    return PairStep(size, kept, curvature, features, r - r_b, gap, before, after - moved)


def _residuals(path: Path, task: Task, k: int) -> Float[np.ndarray, "n c"]:
    outputs = task.outputs(path.weights[k], path.outputs[k])
    found: Float[np.ndarray, "n c"] = task.criterion.derivative(outputs, task.targets)
    return found
