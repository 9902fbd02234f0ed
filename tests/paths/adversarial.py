"""Pairs of networks that try to break certificates."""

import dataclasses

import numpy as np
import torch
from torch import nn

from lmctheory.networks import AffineChain, Examples, activation, activation_of

SIGMAS = [
    activation(name)
    for name in ("identity", "relu", "tanh", "sigmoid", "softplus", "gelu", "silu", "celu", "mish")
] + [sigma for sigma in (activation_of(nn.LeakyReLU(-1.5)),) if sigma is not None]


def random_chain(rng, widths, sigmas, scales):
    def draw(*shape, scale):
        return torch.from_numpy(rng.standard_normal(shape) * scale)

    return AffineChain(
        tuple(f"layer{i}" for i in range(len(scales))),
        tuple(draw(m, k, scale=s) for m, k, s in zip(widths[1:], widths[:-1], scales, strict=True)),
        tuple(draw(m, scale=s) for m, s in zip(widths[1:], scales, strict=True)),
        tuple(sigmas),
    )


def map_parameters(chain, change):
    return dataclasses.replace(
        chain,
        weights=tuple(map(change, chain.weights)),
        biases=tuple(map(change, chain.biases)),
    )


def sum_of(a, b):
    return dataclasses.replace(
        a,
        weights=tuple(x + y for x, y in zip(a.weights, b.weights, strict=True)),
        biases=tuple(x + y for x, y in zip(a.biases, b.biases, strict=True)),
    )


def interpolated(a, b, t):
    """As `interpolate`: layers that are equal stay as they are."""
    return dataclasses.replace(
        a,
        weights=tuple(torch.lerp(y, x, t) for x, y in zip(a.weights, b.weights, strict=True)),
        biases=tuple(torch.lerp(y, x, t) for x, y in zip(a.biases, b.biases, strict=True)),
    )


def dead_neurons(chain):
    """Half the neurons of each hidden layer get no input and a large negative bias."""
    weights, biases = [W.clone() for W in chain.weights], [b.clone() for b in chain.biases]
    for W, b in zip(weights[:-1], biases[:-1], strict=True):
        W[::2] = 0
        b[::2] = -1e3
    return dataclasses.replace(chain, weights=tuple(weights), biases=tuple(biases))


def duplicated_neurons(chain):
    """All neurons of a hidden layer are copies of the first."""
    weights = tuple(W[:1].expand_as(W).clone() for W in chain.weights[:-1])
    biases = tuple(b[:1].expand_as(b).clone() for b in chain.biases[:-1])
    return dataclasses.replace(
        chain,
        weights=(*weights, chain.weights[-1]),
        biases=(*biases, chain.biases[-1]),
    )


def random_pair(rng):
    """Two networks of one random architecture, two in three pairs adversarial ones."""
    depth = int(rng.integers(0, 5))
    widths = rng.integers(1, 41, size=depth + 2)
    if rng.random() < 0.1:
        widths[1:-1] = 1
    sigmas = [SIGMAS[i] for i in rng.integers(len(SIGMAS), size=depth)]
    scales = 10 ** rng.uniform(-3, 3, size=depth + 1)
    a, b = (random_chain(rng, widths, sigmas, scales) for _ in range(2))
    match rng.integers(10):
        case 0:
            b = a
        case 1:
            b = map_parameters(a, torch.neg)
        case 2:  # so close that rounding is a good part of the error
            b = sum_of(a, map_parameters(b, lambda x: 1e-12 * x))
        case 3:
            a, b = dead_neurons(a), dead_neurons(b)
        case 4:
            a, b = duplicated_neurons(a), duplicated_neurons(b)
        case 5:
            b = map_parameters(b, lambda x: 1e3 * x)
        case 6:  # equal at first
            equal = int(rng.integers(1, depth + 2))
            weights, biases = (
                (*x[:equal], *y[equal:]) for x, y in ((a.weights, b.weights), (a.biases, b.biases))
            )
            b = dataclasses.replace(b, weights=weights, biases=biases)
    data = Examples(
        torch.from_numpy(rng.standard_normal((8, widths[0])) * 10 ** rng.uniform(-2, 2, (8, 1))),
        torch.from_numpy(rng.integers(widths[-1], size=8)),
    )
    t = np.array([0.0, 1e-12, 0.5, 1.0, *rng.random(2)])
    return a, b, data, t
