"""Pairs of networks at initialisation, matched layer by layer from the input on, and what is left.

Layers are matched in the metric E[phi-bar phi-bar^T] of D1, exactly. All networks have zero biases
and relu, so that a row is all there is to a neuron; outputs are never drawn, as their mean over
independent output weights of variance 1/m is known:

    E |f_t - t f_A - (1-t) f_B|^2 = (t^2 |phi^t - phi^A|^2 + (1-t)^2 |phi^t - phi^B|^2) / m.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment
from torch import nn

__all__ = [
    "DeepTask",
    "Layer",
    "LayerTask",
    "Reduction",
    "last_layers",
    "matched_layers",
    "reduced_layers",
    "relu_network",
]

Rows = Callable[[int, int], np.ndarray]
"""Draws a layer: from m and the number of inputs to independent weights ``[m, inputs]`` of variance
2 over the inputs."""
Array = Float[np.ndarray, "n m"]


@dataclass(frozen=True)
class LayerTask:
    """Pairs of networks with one hidden layer.

    Attributes:
        inputs: d.
        width: of the layer.
        pairs: how many.
        seed: of all draws.
    """

    inputs: int
    width: int
    pairs: int
    seed: int


@dataclass(frozen=True)
class DeepTask:
    """Pairs of networks with hidden layers of one width.

    Attributes:
        inputs: d.
        depth: hidden layers.
        width: of all of them.
        pairs: how many.
        seed: of all draws.
    """

    inputs: int
    depth: int
    width: int
    pairs: int
    seed: int


@dataclass(frozen=True)
class Layer:
    """A hidden layer of a matched pair; squares are means over neurons and examples.

    Attributes:
        cost: matching cost in the metric that was minimised.
        own_cost: the same pairs in the metric of A's activations (D2).
        moment: E phi phi^T over the width, of A's activations below ``[n, n]``, as a Gram matrix.
        gap: of phi^A - phi^B.
        square: of phi^A.
        errors: of the outputs on the line, at each t, for output weights of variance 1/m.
        activations: phi^A and phi^B ``[n, m]``.
    """

    cost: float
    own_cost: float
    moment: Float[np.ndarray, "n n"]
    gap: float
    square: float
    errors: tuple[float, ...]
    activations: tuple[Array, Array]


def matched_layers(
    x: Float[np.ndarray, "n d"], width: int, depth: int, times: Sequence[float], rows: Rows
) -> Iterator[Layer]:
    """Layer after layer of two networks of one width, B permuted."""
    a = b = x
    middle = [x] * len(times)
    for _ in range(depth):
        W_a, W_b = rows(width, a.shape[1]), rows(width, a.shape[1])
        moment = a @ a.T / a.shape[1]
        a_A, b_A, a_B, b_B = a @ W_a.T, b @ W_a.T, a @ W_b.T, b @ W_b.T
        order = _match(a_A + b_A, a_B + b_B)
        W_b, a_B, b_B = W_b[order], a_B[:, order], b_B[:, order]
        cost = float(((a_A + b_A - a_B - b_B) ** 2).mean() / 4)
        own_cost = float(((a_A - a_B) ** 2).mean())
        middle = [
            _relu(y @ (t * W_a + (1 - t) * W_b).T) for t, y in zip(times, middle, strict=True)
        ]
        a, b = _relu(a_A), _relu(b_B)
        errors = tuple(
            float((t**2 * (y - a) ** 2 + (1 - t) ** 2 * (y - b) ** 2).mean())
            for t, y in zip(times, middle, strict=True)
        )
        gap, square = float(((a - b) ** 2).mean()), float((a**2).mean())
        yield Layer(cost, own_cost, moment, gap, square, errors, (a, b))


def last_layers(x: Float[np.ndarray, "n d"], task: DeepTask, rows: Rows) -> list[Layer]:
    """The last hidden layer of every pair, with its error at t = 1/2."""
    return [
        list(matched_layers(x, task.width, task.depth, (0.5,), rows))[-1] for _ in range(task.pairs)
    ]


@dataclass(frozen=True)
class Reduction:
    """A network of which half of the neurons of every hidden layer were kept (D6).

    Attributes:
        merged: mean squared output error if every kept neuron takes over the outgoing weights of
            its partner among the others.
        doubled: if it has its own outgoing weights twice.
    """

    merged: float
    doubled: float


def reduced_layers(
    x: Float[np.ndarray, "n d"], width: int, depth: int, rows: Rows
) -> Iterator[Reduction]:
    """Layer after layer of one network, the first half of each kept; for outputs as above."""
    half = width // 2
    whole = merged = x  # [n, m], in merged every dropped neuron shows its partner's activation
    doubled = x  # [n, kept], twice the activations
    for _ in range(depth):
        W = rows(width, whole.shape[1])
        z, merged_z = whole @ W.T, merged @ W.T
        partner = _match((z + merged_z)[:, half:], (z + merged_z)[:, :half])
        kept = _relu(merged_z[:, :half])
        merged = np.concatenate([kept, kept[:, partner]], axis=1)
        doubled = 2 * _relu(doubled @ W[:half, : doubled.shape[1]].T)
        whole = _relu(z)
        alone = ((doubled - whole[:, :half]) ** 2).mean() + (whole[:, half:] ** 2).mean()
        yield Reduction(float(((merged - whole) ** 2).mean()), float(alone / 2))


def relu_network(*weights: np.ndarray) -> nn.Sequential:
    """The network without biases whose layers have these weights, relus in between; no gradients.

    Args:
        weights: ``[m_1, m_0]``, ``[m_2, m_1]`` and so on.
    """
    parts: list[nn.Module] = []
    for weight in weights:
        layer = nn.Linear(weight.shape[1], len(weight), bias=False, dtype=torch.float64)
        layer.weight = nn.Parameter(torch.from_numpy(np.ascontiguousarray(weight)))
        parts += [layer, nn.ReLU()]
    return nn.Sequential(*parts[:-1]).requires_grad_(False)


def _relu(z: Array) -> Array:
    return np.maximum(z, 0.0)


def _match(a: Array, b: Array) -> np.ndarray:
    """For every neuron of A the one of B whose values on the examples are matched with it."""
    return np.asarray(linear_sum_assignment(a.T @ b, maximize=True)[1])
