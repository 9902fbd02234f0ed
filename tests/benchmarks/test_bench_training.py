"""Training eight networks at once against PyTorch's ordinary loop over networks."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lmctheory.networks import (
    MLP,
    Examples,
    TrainingConfig,
    load_dataset,
    seeded_generators,
    train_many,
)


def ordinary_loop(models: list[nn.Module], data: Examples, config: TrainingConfig) -> None:
    for seed, initial in enumerate(models):
        model = copy.deepcopy(initial)
        optimiser = torch.optim.SGD(
            model.parameters(), lr=config.learning_rate, momentum=config.momentum
        )
        loader = DataLoader(
            TensorDataset(data.inputs, data.labels),
            batch_size=config.batch_size,
            shuffle=True,
            generator=torch.Generator().manual_seed(seed),
        )
        for _ in range(config.epochs):
            for x, y in loader:
                optimiser.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimiser.step()


@pytest.mark.benchmark
@pytest.mark.parametrize(
    ("hidden", "epochs", "required"),
    [
        ((128, 128), 10, 4.0),
        ((1024, 1024), 1, 0.9),  # arithmetic binds: no slower, as far as a timing can tell
    ],
)
def test_training_eight_networks_at_once(
    ratio: Callable[..., object], hidden: tuple[int, ...], epochs: int, required: float
) -> None:
    data = load_dataset("digits").train
    config = TrainingConfig(epochs, batch_size=64, schedule="constant")
    models: list[nn.Module] = [
        MLP((64, *hidden, 10), rng=seeded_generators(seed)[0]) for seed in range(8)
    ]
    measured = ratio(
        lambda: train_many(models, data, config, seeds=range(8)),
        lambda: ordinary_loop(models, data, config),
    )
    assert measured.median >= required
