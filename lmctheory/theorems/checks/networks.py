"""Networks that trials draw number by number, so that a search can move every weight and input."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from lmctheory.matching import match
from lmctheory.networks import MLP, Examples
from lmctheory.theorems.checks.trained import DEPTHS, SEEDS, test_examples, trained_pair
from lmctheory.theorems.trial import Trial

__all__ = [
    "ACTIVATIONS",
    "Pairs",
    "drawn",
    "equal",
    "random_examples",
    "random_network",
    "random_widths",
    "some",
    "trained",
]

ACTIVATIONS = ("relu", "tanh", "gelu", "sigmoid")
_WIDTH = 16
"""Of trained networks: at that, certificates and least barriers take little time."""

Pairs = Callable[[np.random.Generator], tuple[nn.Module, nn.Module, Examples, float]]
"""Draws A, B, examples and t."""


def drawn(rng: np.random.Generator, *shape: int) -> Tensor:
    """Independent standard normals."""
    return torch.from_numpy(np.asarray(rng.standard_normal(shape)))


def random_widths(rng: np.random.Generator, hidden: tuple[int, int]) -> tuple[int, ...]:
    """One neuron in every layer, or 1 to 6; 2 to 4 outputs.

    Norms of products are products of norms, and triangle inequalities equalities, most often where
    there is nothing but one number.

    Args:
        rng: the random numbers.
        hidden: least and largest number of hidden layers.
    """
    depth, most = int(rng.integers(hidden[0], hidden[1] + 1)), int(rng.choice([1, 6]))
    inner = (1 + rng.integers(most, size=depth + 1)).tolist()
    return (*inner, int(rng.integers(2, 5)))


def random_network(
    rng: np.random.Generator, widths: tuple[int, ...], name: str, scale: float, bias: float
) -> MLP:
    """Gaussian weights of standard deviation scale / sqrt(inputs), and biases.

    Args:
        rng: the random numbers.
        widths: as of `MLP`.
        name: of the activation.
        scale: of both.
        bias: their share of it.
    """
    model = MLP(widths, name, rng=torch.Generator(), dtype=torch.float64).eval()
    with torch.no_grad():
        for layer in model.linears:
            shape = layer.weight.shape
            layer.weight.copy_(scale * shape[1] ** -0.5 * drawn(rng, *shape))
            layer.bias.copy_(scale * bias * drawn(rng, shape[0]))
    return model


def random_examples(rng: np.random.Generator, widths: tuple[int, ...], n: int) -> Examples:
    """Gaussian inputs, and labels that have nothing to do with them."""
    labels = torch.from_numpy(np.asarray(rng.integers(widths[-1], size=n)))
    return Examples(drawn(rng, n, widths[0]), labels)


def some(rng: np.random.Generator, n: int) -> Examples:
    """Some test examples of the trained networks, perhaps one twice."""
    data = test_examples()
    chosen = torch.from_numpy(np.asarray(rng.integers(len(data), size=n)))
    return Examples(data.inputs[chosen], data.labels[chosen])


def trained(
    rng: np.random.Generator, depths: tuple[int, ...] = DEPTHS, activation: str = "relu"
) -> tuple[MLP, MLP]:
    """A trained pair, as it is or matched by its weights.

    Args:
        rng: the random numbers.
        depths: to choose from.
        activation: its name.
    """
    depth, seed = (int(options[int(rng.integers(len(options)))]) for options in (depths, SEEDS))
    a, b = trained_pair(depth, _WIDTH, seed, activation)
    matched = match(a, b, "weight").apply(b) if rng.random() < 0.5 else b
    assert isinstance(matched, MLP)
    return a, matched


def equal(found: float, expected: float, size: float | None = None) -> Trial:
    """An identity as a trial: it holds iff the two differ by rounding.

    Args:
        found: one side.
        expected: the other.
        size: of what they are sums of, where they may be much smaller; rounding is relative to it.
    """
    size = abs(expected) if size is None else size
    return Trial(size + abs(found - expected), size)
