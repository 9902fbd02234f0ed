"""Trained networks that statements about given networks are tried on."""

from functools import cache

import numpy as np
import torch

from lmctheory.networks import (
    MLP,
    Dataset,
    Examples,
    TrainingConfig,
    load_dataset,
    seeded_generators,
    train_many,
)

__all__ = ["DEPTHS", "SEEDS", "WIDTHS", "test_examples", "trained_neurons", "trained_pair"]

DEPTHS, WIDTHS, SEEDS = (1, 2, 3), (8, 32, 64), (0,)
"""What a trial chooses its pair from, so that a run trains few."""
_TRAINING = TrainingConfig(epochs=10)


@cache
def trained_pair(
    depth: int, width: int, seed: int, activation_name: str = "relu"
) -> tuple[MLP, MLP]:
    """Two networks that were trained independently on scikit-learn's digits, in float64.

    They are shared by all who ask for them: copy what is to be changed.

    Args:
        depth: number of hidden layers.
        width: of each of them.
        seed: >= 0, of the pair.
        activation_name: see `lmctheory.networks.activation`.
    """
    widths, seeds = (64, *[width] * depth, 10), (2 * seed, 2 * seed + 1)
    initial = [
        MLP(widths, activation_name, rng=seeded_generators(each)[0], dtype=torch.float64)
        for each in seeds
    ]
    a, b = train_many(initial, _digits().train, _TRAINING, seeds=seeds)
    assert isinstance(a, MLP)
    assert isinstance(b, MLP)
    return a.eval(), b.eval()


def trained_neurons(
    rng: np.random.Generator, m: int, activation_name: str = "relu"
) -> tuple[np.ndarray, np.ndarray]:
    """Weights with bias ``[m, d]`` of m neurons of one hidden layer of each of a pair of networks.

    Args:
        rng: picks the pair, the layer and the neurons.
        m: their number, at most the least of `WIDTHS`.
        activation_name: of the networks.
    """
    depth, width, seed = (int(rng.choice(choices)) for choices in (DEPTHS, WIDTHS, SEEDS))
    layer = int(rng.integers(depth))
    a, b = (net.linears[layer] for net in trained_pair(depth, width, seed, activation_name))
    rows = (torch.cat([of.weight, of.bias[:, None]], 1).detach().numpy() for of in (a, b))
    first, second = (each[rng.permutation(width)[:m]] for each in rows)
    return first, second


def test_examples() -> Examples:
    """The 360 test examples of scikit-learn's digits, in float64."""
    return _digits().test


@cache
def _digits() -> Dataset:
    digits = load_dataset("digits")
    train, test = (data.to(dtype=torch.float64) for data in (digits.train, digits.test))
    return Dataset(digits.name, train, test, digits.classes)
