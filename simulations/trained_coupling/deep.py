r"""Deep networks: T12 for all parameters at once, its norms by Lanczos' method.

theta' = theta - s grad, D = theta_A - theta_B, r_tau and theta_tau on the segments of residuals and
parameters. With H = int Hess E<r_tau, f>(theta_tau) and A rho = int E grad<rho, f>(theta_tau), a
step makes (I - s H) D - s A rho of D, so that |D|^2 grows by max |1 - s lambda(H)|^2 at most and by
-2s <(I - s H) D, A rho> + s^2 |A rho|^2, which is measured: it is a pull, nearly always. Integrals
are sums over Gauss' nodes and eigenvalues are Ritz values, held for a few steps: an estimate of
T12's bound, not a certificate.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor, nn
from torch.func import functional_call, grad

from lmctheory.matching import match
from lmctheory.networks import MLP, load_dataset, seeded_generators
from lmctheory.sweeps.typed import entropy_of

__all__ = ["Deep", "DeepTask", "run_deep"]

_NODES = ((1 - 0.6**0.5) / 2, 5 / 18), (0.5, 8 / 18), ((1 + 0.6**0.5) / 2, 5 / 18)
_EXAMPLES = 300
_SHARE = 0.1
"""Of the loss, at which training ends."""


@dataclass(frozen=True)
class DeepTask:
    """Pairs of tanh networks on digits, gradient descent on the cross-entropy.

    Attributes:
        depth: hidden layers.
        width: of all of them.
        trained: pairs, how many.
        step: size.
        longest: steps at most.
        every: steps between two looks at the curvature.
        seed: of all draws.
    """

    depth: int
    width: int
    trained: int
    step: float
    longest: int
    every: int
    seed: int


@dataclass(frozen=True)
class Deep:
    """By pair.

    Attributes:
        growth: |D|^2 over its initial value, matched before training.
        along: the same if each step did to |D|^2 what curvature does along D.
        bound: T12's estimate of it.
        moved: |theta_A - its start|^2 over the initial |D|^2.
        steps: until A's loss is a tenth of the first one, or the last step.
        share: of the loss that was reached.
    """

    growth: list[float]
    along: list[float]
    bound: list[float]
    moved: list[float]
    steps: list[int]
    share: list[float]


class _Network:
    """A module's function and loss of one vector of parameters."""

    def __init__(self, model: MLP, inputs: Tensor, labels: Tensor) -> None:
        self.model, self.inputs = model, inputs
        self.targets = torch.nn.functional.one_hot(labels, 10).to(inputs.dtype)
        self._shapes = {name: p.shape for name, p in model.named_parameters()}

    def vector(self, model: nn.Module) -> Tensor:
        return torch.cat([p.detach().reshape(-1) for p in model.parameters()])

    def outputs(self, theta: Tensor) -> Tensor:
        pieces = torch.split(theta, [shape.numel() for shape in self._shapes.values()])
        named = zip(self._shapes.items(), pieces, strict=True)
        parameters = {name: piece.reshape(shape) for (name, shape), piece in named}
        found: Tensor = functional_call(self.model, parameters, (self.inputs,))
        return found

    def residual(self, theta: Tensor) -> Tensor:
        return self.outputs(theta).softmax(dim=1) - self.targets

    def loss(self, theta: Tensor) -> Tensor:
        return -(self.outputs(theta).log_softmax(dim=1) * self.targets).sum(dim=1).mean()


def run_deep(task: DeepTask) -> Deep:
    """Trains pairs beside each other and looks at the curvature between them."""
    digits = load_dataset("digits").train
    inputs, labels = digits.inputs[:_EXAMPLES].double(), digits.labels[:_EXAMPLES]
    rng = np.random.default_rng(entropy_of(task))
    seeds = rng.integers(2**31, size=(task.trained, 2)).tolist()
    pairs = [_follow(task, inputs, labels, of_a, of_b) for of_a, of_b in seeds]
    return Deep(*(list(column) for column in zip(*pairs, strict=True)))


def _follow(
    task: DeepTask, inputs: Tensor, labels: Tensor, *seeds: int
) -> tuple[float, float, float, float, int, float]:
    widths = (64, *[task.width] * task.depth, 10)
    models = [
        MLP(widths, "tanh", rng=seeded_generators(seed)[0], dtype=torch.float64) for seed in seeds
    ]
    matched = match(models[0], models[1], method="weight").apply(models[1])
    network = _Network(models[0], inputs, labels)
    a, b = (network.vector(model) for model in (models[0], matched))
    first, start = float((a - b).square().sum()), a
    initial, along, bound = float(network.loss(a)), 1.0, 1.0
    factors = 1.0, 1.0
    gradient = grad(network.loss)
    steps = 0
    while steps < task.longest and float(network.loss(a)) > _SHARE * initial:
        if steps % task.every == 0:
            factors = _factors(network, a, b, task.step)
        along, bound = along * factors[0], bound * factors[1]
        a, b = a - task.step * gradient(a), b - task.step * gradient(b)
        steps += 1
    share = float(network.loss(a)) / initial
    apart, moved = float((a - b).square().sum()), float((a - start).square().sum())
    return apart / first, along, bound, moved / first, steps, share


def _factors(network: _Network, a: Tensor, b: Tensor, s: float) -> tuple[float, float]:
    """Of |D|^2 in one step: curvature along D, and at its largest with what rho adds."""
    r_a, r_b = network.residual(a), network.residual(b)
    n, apart, rho = len(r_a), a - b, r_a - r_b

    def product(theta: Tensor, r: Tensor) -> Tensor:
        return (r * network.outputs(theta)).sum() / n

    def curved(v: Tensor) -> Tensor:
        found = torch.zeros_like(v)
        for tau, weight in _NODES:
            of = partial(product, r=tau * r_a + (1 - tau) * r_b)
            # reverse over reverse: forward mode would script its formulas, with a warning
            found += weight * grad(lambda theta, of=of: grad(of)(theta) @ v)(b + tau * apart)
        return found

    pull = torch.zeros_like(a)
    for tau, weight in _NODES:
        pull += weight * grad(product)(b + tau * apart, rho)
    least, largest = _extreme(curved, len(a), "SA"), _extreme(curved, len(a), "LA")
    spread = max(abs(1 - s * least), abs(1 - s * largest)) ** 2
    kept, size = apart - s * curved(apart), float(apart @ apart)
    mutual = float(-2 * s * kept @ pull + s**2 * pull @ pull)
    return float(kept @ kept) / size, spread + max(mutual / size, 0.0)


def _extreme(product: Callable[[Tensor], Tensor], size: int, which: Literal["SA", "LA"]) -> float:
    def apply(v: np.ndarray) -> np.ndarray:
        found: np.ndarray = product(torch.from_numpy(v.reshape(-1).copy())).numpy()
        return found

    operator = LinearOperator((size, size), matvec=apply, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(size)
    found = eigsh(operator, k=1, which=which, v0=start, tol=1e-3, return_eigenvectors=False)
    return float(found[0])
