"""Trained networks that statements about given networks are tried on."""

from functools import cache

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

__all__ = ["DEPTHS", "SEEDS", "WIDTHS", "test_examples", "trained_pair"]

DEPTHS, WIDTHS, SEEDS = (1, 2, 3), (8, 16, 32, 64), (0, 1)
"""What a trial chooses its pair from, so that a run trains few."""
_TRAINING = TrainingConfig(epochs=15)


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


def test_examples() -> Examples:
    """The 360 test examples of scikit-learn's digits, in float64."""
    return _digits().test


@cache
def _digits() -> Dataset:
    digits = load_dataset("digits")
    train, test = (data.to(dtype=torch.float64) for data in (digits.train, digits.test))
    return Dataset(digits.name, train, test, digits.classes)
