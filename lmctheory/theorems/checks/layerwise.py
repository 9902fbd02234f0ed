"""Checks on layers (L)."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from lmctheory.layerwise.connectivity.linearity import feature_connectivity
from lmctheory.layerwise.convexity.convexity import two_layer_convexity
from lmctheory.layerwise.convexity.one_layer import layer_bounds
from lmctheory.layerwise.points.exchange import exchanged
from lmctheory.layerwise.second_order.curvature import curvature
from lmctheory.layerwise.second_order.interaction import interaction_matrix
from lmctheory.networks import MLP, AffineChain, Examples, affine_chain
from lmctheory.theorems._registry import tries
from lmctheory.theorems.trial import Trial

_ACTIVATIONS = ("relu", "tanh", "gelu", "sigmoid")


def _random_pair(
    rng: np.random.Generator,
    activations: tuple[str, ...] = _ACTIVATIONS,
    hidden: tuple[int, int] = (0, 3),
) -> tuple[MLP, MLP, Examples]:
    """Width up to 8, weights scaled by up to 3 either way, 10 examples, one pair of four bias-free.

    There ReLU layers die together, and many kinks lie at one place.
    """
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    inner = rng.integers(1, 9, size=int(rng.integers(hidden[0], hidden[1] + 1))).tolist()
    widths = (int(rng.integers(1, 7)), *inner, int(rng.integers(2, 5)))
    name = str(rng.choice(activations))
    pair = [MLP(widths, name, rng=generator, dtype=torch.float64) for _ in range(2)]
    scale = 3 ** rng.uniform(-1, 1)
    with torch.no_grad():
        for parameter in (parameter for net in pair for parameter in net.parameters()):
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.mul_(scale).add_(0.3 * scale * noise)
        if rng.random() < 0.25:
            for layer in (layer for net in pair for layer in net.linears):
                layer.bias.zero_()
    inputs = torch.randn(10, widths[0], generator=generator, dtype=torch.float64)
    labels = torch.randint(widths[-1], (10,), generator=generator)
    return pair[0], pair[1], Examples(inputs, labels)


def _equal(found: float, expected: float) -> Trial:
    """An identity as a trial: it holds iff the two differ by at most the registry's rounding."""
    return Trial(abs(expected) + abs(found - expected), abs(expected))


def _rounding(model_a: MLP, model_b: MLP, data: Examples) -> float:
    """Of a barrier, which is a difference of losses: that of dead networks is nothing else."""
    with torch.no_grad():
        losses = [float(cross_entropy(net(data.inputs), data.labels)) for net in (model_a, model_b)]
    return 1e-15 * sum(losses)


def _squared(outputs: Tensor, labels: Tensor) -> Tensor:
    return (outputs - one_hot(labels, outputs.shape[1])).square().sum(1).mean()


_LOSSES: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (_squared, cross_entropy)


def _between(a: AffineChain, b: AffineChain, t: float) -> AffineChain:
    return replace(
        a,
        weights=tuple(torch.lerp(y, x, t) for x, y in zip(a.weights, b.weights, strict=True)),
        biases=tuple(torch.lerp(y, x, t) for x, y in zip(a.biases, b.biases, strict=True)),
    )


@tries("L1")
def _one_layer(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        linear = rng.random() < 0.5
        model_a, model_b, data = _random_pair(rng, ("identity",) if linear else _ACTIVATIONS)
        a, b = affine_chain(model_a), affine_chain(model_b)
        a_k = exchanged(a, b, [int(rng.integers(a.depth + 1)) if linear else a.depth])
        t, loss = float(rng.random()), _LOSSES[int(rng.integers(2))]
        ends = [float(loss(chain(data.inputs), data.labels)) for chain in (a, a_k)]
        middle = float(loss(_between(a, a_k, t)(data.inputs), data.labels))
        yield Trial(middle, t * ends[0] + (1 - t) * ends[1])


@tries("L2")
def _two_layers(rng: np.random.Generator) -> Iterator[Trial]:
    """The loss that the four inner products predict against the measured one."""
    while True:
        model_a, model_b, data = _random_pair(rng, ("identity",), hidden=(1, 1))
        t = float(rng.random())
        a, b = affine_chain(model_a), affine_chain(model_b)
        loss_t, loss_a, loss_b = (
            float(_squared(chain(data.inputs), data.labels)) for chain in (_between(a, b, t), a, b)
        )
        predicted = two_layer_convexity(model_a, model_b, data).barrier(t)
        yield _equal(loss_t, float(predicted) + t * loss_a + (1 - t) * loss_b)


@tries("L3")
def _nonlinear(rng: np.random.Generator) -> Iterator[Trial]:
    """The example on which the bound is relatively closest to the error, or beyond it."""
    while True:
        model_a, model_b, data = _random_pair(rng, hidden=(1, 3))
        t = float(rng.uniform(0.05, 0.95))
        a = affine_chain(model_a)
        k = int(rng.integers(a.depth))
        a_k = exchanged(a, affine_chain(model_b), [k])
        chord = torch.lerp(a_k(data.inputs), a(data.inputs), t)
        error = (_between(a, a_k, t)(data.inputs) - chord).norm(dim=-1).numpy()
        bound = layer_bounds(model_a, model_b, data, t).function_error[k]
        worst = int(np.argmax(error / np.maximum(bound, np.finfo(float).tiny)))
        yield Trial(float(error[worst]), float(bound[worst]))


@tries("L4")
def _curvature(rng: np.random.Generator) -> Iterator[Trial]:
    """At the t where the barrier is largest in size."""
    while True:
        pair = _random_pair(rng)
        found = curvature(*pair, points=5)
        largest = int(np.argmax(np.abs(found.barrier)))
        sums = float((found.smooth + found.kinked)[largest])
        yield replace(_equal(sums, float(found.barrier[largest])), slack=_rounding(*pair))


@tries("L5")
def _cube(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        pair = _random_pair(rng, hidden=(1, 2))
        found = interaction_matrix(*pair, float(rng.uniform(0.2, 0.8)))
        trial = _equal(float(found.matrix.sum()), found.barrier)
        yield replace(trial, slack=found.error * found.matrix.size + _rounding(*pair))


def _reciprocal_pair(rng: np.random.Generator) -> tuple[MLP, MLP, Examples]:
    model_a, model_b, data = _random_pair(rng, ("relu",), hidden=(1, 3))
    with torch.no_grad():
        for number, model in enumerate((model_a, model_b)):
            for i, layer in enumerate(model.linears):
                layer.bias.zero_()
                # odd neurons live in A, even ones in B
                if i < len(model.linears) - 1:
                    layer.weight[number::2] = 0
                if i > 0:
                    layer.weight[:, number::2] = 0
    return model_a, model_b, data


@tries("L8")
def _exponential(rng: np.random.Generator) -> Iterator[Trial]:
    """ReLU networks whose hidden neurons are alive in one of the two only."""
    while True:
        model_a, model_b, data = _reciprocal_pair(rng)
        found = feature_connectivity(model_a, model_b, data, float(rng.uniform(0.1, 0.9)))
        yield _equal(float(np.nanmax(found.lewc_error)) + 1, 1.0)
