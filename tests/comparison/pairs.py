"""Pairs of networks of which different things are true."""

from functools import cache

import numpy as np
import torch
from torch import nn

from lmctheory.matching import permute, symmetry
from lmctheory.networks import MLP, TrainingConfig, load_dataset, seeded_generators, train_many

WIDTHS = (64, 48, 48, 10)


@cache
def trained():
    digits = load_dataset("digits")
    start = [MLP(WIDTHS, rng=seeded_generators(seed)[0]) for seed in range(2)]
    config = TrainingConfig(epochs=12, learning_rate=0.05)
    return *train_many(start, digits.train, config, seeds=range(2)), digits


@cache
def finetuned():
    """Two networks that go on from one, with other orders of the data."""
    start, _, digits = trained()
    config = TrainingConfig(epochs=2, learning_rate=0.005)
    return *train_many([start, start], digits.train, config, seeds=(5, 6)), digits


def permuted():
    a, _, digits = trained()
    found = symmetry(a)
    rng = np.random.default_rng(0)
    orders = {group.name: rng.permutation(group.size) for group in found.groups}
    return a, permute(a, orders, found), digits


class Attention(nn.Module):
    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        return self.head(self.layer(x.view(-1, 8, 8)).mean(1))
