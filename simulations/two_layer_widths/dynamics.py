"""Noiseless gradient descent of two-layer networks in the mean-field scaling, and its limit (T5).

In single precision, whose rounding is far below every coupling error that is measured.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import ndtri
from scipy.stats import qmc
from torch import Tensor

from simulations.two_layer_widths.problems import Problem

__all__ = ["Limit", "Spread", "descend", "mean_field_limit", "predict"]

Weights = Float[np.ndarray, "... N d"]


def predict(problem: Problem, weights: Weights) -> Float[np.ndarray, "... n"]:
    """The networks' outputs, in double precision."""
    z = torch.from_numpy(weights @ problem.inputs.T)
    return problem.output * z.tanh_().mean(dim=-2).numpy()


def descend(
    problem: Problem,
    weights: Weights,
    size: float,
    steps: int,
    residuals: Float[np.ndarray, "steps n"] | None = None,
) -> tuple[Weights, Float[np.ndarray, "steps ... n"]]:
    """Full-batch steps w + 2 s E[(y - f) a tanh'(<w, x>) x], and f before each of them.

    Args:
        problem: what to learn.
        weights: of any number of networks of N neurons.
        size: s.
        steps: how many.
        residuals: y - f of another network, whose field the neurons follow; by default each network
            follows its own.
    """
    x, y, w = (
        torch.from_numpy(a.astype(np.float32)) for a in (problem.inputs, problem.targets, weights)
    )
    given = None if residuals is None else torch.from_numpy(residuals.astype(np.float32))
    outputs = []
    for k in range(steps):
        tanh = (w @ x.T).tanh_()
        outputs.append(problem.output * tanh.mean(dim=-2))
        residual = y - outputs[-1] if given is None else given[k]
        slope = tanh.square_().neg_().add_(1).mul_(residual[..., None, :])
        w = w + 2 * size * problem.output / len(x) * (slope @ x)
    return w.double().numpy(), torch.stack(outputs).double().numpy()


@dataclass(frozen=True, eq=False)
class Spread:
    """How far the flow has driven neighbours apart, before each step and at the end ``[k]``.

    Attributes:
        largest: largest singular value of the flow's derivative, over all neurons.
        mean_square: its root mean square over neurons.
        local: product of the factors by which each neuron's own steps may stretch, largest over
            all neurons.
        bound: product of 1 + 2 s H sqrt(R), for any neurons.
    """

    largest: Float[np.ndarray, " k"]
    mean_square: Float[np.ndarray, " k"]
    local: Float[np.ndarray, " k"]
    bound: Float[np.ndarray, " k"]


@dataclass(frozen=True, eq=False)
class Limit:
    """A wide reference, whose residuals stand for those of the mean-field limit.

    Attributes:
        problem: what it learnt.
        size: of a step.
        residuals: y - f before each step ``[steps, n]``.
        risk: squared loss at the end.
    """

    problem: Problem
    size: float
    residuals: Float[np.ndarray, "steps n"]
    risk: float

    @property
    def steps(self) -> Float[np.ndarray, " steps"]:
        """The size of every step."""
        return np.full(len(self.residuals), self.size)

    @property
    def risks(self) -> Float[np.ndarray, " steps"]:
        """R_k before each step."""
        return np.square(self.residuals).mean(axis=1)

    def carry(self, weights: Weights) -> tuple[Weights, Float[np.ndarray, "steps ..."]]:
        """Phi of the neurons, and ||f_rho - f_Y|| in L2(data) before each step on the way."""
        ends, outputs = descend(
            self.problem, weights, self.size, len(self.residuals), self.residuals
        )
        nets = (1,) * (weights.ndim - 2)
        limit = (self.problem.targets - self.residuals).reshape(len(self.residuals), *nets, -1)
        return ends, np.sqrt(np.square(limit - outputs).mean(axis=-1))

    def spread(self, weights: Float[np.ndarray, "N d"], curvature: float) -> Spread:
        """Follows the derivative of the flow along the paths of some neurons."""
        derivative = np.tile(np.eye(weights.shape[1]), (len(weights), 1, 1))
        stretch = np.ones(len(weights))
        norms, local = [stretch], [1.0]
        for residual in self.residuals:
            force = _force_derivative(self.problem, weights, residual)
            derivative = derivative + self.size * force @ derivative
            values = np.linalg.eigvalsh(force)[:, [0, -1]]  # symmetric: a largest factor at an end
            stretch = stretch * np.abs(1 + self.size * values).max(axis=1)
            norms.append(np.linalg.norm(derivative, 2, axis=(1, 2)))
            local.append(float(stretch.max()))
            weights, _ = descend(self.problem, weights, self.size, 1, residual[None])
        found = np.array(norms)
        return Spread(
            found.max(axis=1),
            np.sqrt(np.square(found).mean(axis=1)),
            np.array(local),
            np.cumprod(np.r_[1.0, 1 + 2 * self.size * curvature * np.sqrt(self.risks)]),
        )


def mean_field_limit(
    problem: Problem, neurons: int, size: float, steps: int, *, rng: np.random.Generator
) -> Limit:
    """Trains a reference whose neurons start at scrambled Sobol points of the Gaussian law.

    They stand for the law better than independent ones.

    Args:
        problem: what to learn.
        neurons: of the reference, a power of 2.
        size: of a step.
        steps: how many.
        rng: source of randomness.
    """
    points = qmc.Sobol(problem.dimension, rng=rng).random(neurons)
    weights = ndtri(np.clip(points, 1e-12, 1 - 1e-12))
    weights, outputs = descend(problem, weights, size, steps)
    risk = float(np.square(problem.targets - predict(problem, weights)).mean())
    return Limit(problem, size, problem.targets - outputs, risk)


def _force_derivative(problem: Problem, weights: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """2 E[(y - f) a tanh''(<w, x>) x x^T] ``[N, d, d]``."""
    tanh = torch.from_numpy(weights @ problem.inputs.T).tanh_()
    bends = -2 * tanh * (1 - tanh.square()) * torch.from_numpy(residual)
    x = torch.from_numpy(problem.inputs)
    pairs = (x[:, :, None] * x[:, None, :]).flatten(1)
    force: Tensor = 2 * problem.output / len(x) * (bends @ pairs)
    return force.reshape(len(weights), x.shape[1], x.shape[1]).numpy()
