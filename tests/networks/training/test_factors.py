"""Rates, decays and added functions of single parameters and networks."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lmctheory.networks import TrainingConfig, seeded_generators, train_many
from tests.networks.ordinary import (
    ADAM,
    ADAMW,
    CONFIG,
    blobs,
    distance,
    networks,
    share_of_peak,
)

RATES = {"layers.0.weight": 0.5, "layers.0.bias": 2.0, "layers.2.weight": 3.0}
DECAYS = {"layers.0.weight": 7.0, "layers.2.bias": 0.25}
EPSILONS = {"layers.1.weight": 1e4, "layers.2.bias": 1e5}


def by_hand(model: nn.Module, added: Tensor, seed: int, config: TrainingConfig) -> nn.Module:
    """SGD or Adam written out, by parameters, with a function added to the outputs."""
    model, data = copy.deepcopy(model), blobs()
    _, order = seeded_generators(seed)
    first, second = (
        {name: torch.zeros_like(p) for name, p in model.named_parameters()} for _ in range(2)
    )
    share, step = share_of_peak(config, len(data)), 0
    for _ in range(config.epochs):
        for rows in torch.randperm(len(data), generator=order).split(config.batch_size):
            outputs = model(data.inputs[rows]) + added[rows]
            loss = nn.functional.cross_entropy(outputs, data.labels[rows])
            gradients = torch.autograd.grad(loss, list(model.parameters()))
            with torch.no_grad():
                for (name, p), g in zip(model.named_parameters(), gradients, strict=True):
                    rate = config.learning_rate * share(step) * RATES.get(name, 1.0)
                    decay = config.weight_decay * DECAYS.get(name, 1.0)
                    if config.optimiser == "sgd":
                        first[name] = config.momentum * first[name] + g + decay * p
                        p.sub_(rate * first[name])
                        continue
                    if config.optimiser == "adamw":
                        p.mul_(1 - rate * decay)
                    whole = g + decay * p if config.optimiser == "adam" else g
                    (beta_1, beta_2), s = config.betas, step + 1
                    first[name] = beta_1 * first[name] + (1 - beta_1) * whole
                    second[name] = beta_2 * second[name] + (1 - beta_2) * whole**2
                    root = (second[name] / (1 - beta_2**s)).sqrt()
                    eps = config.eps * EPSILONS.get(name, 1.0)
                    p.sub_(rate * first[name] / (1 - beta_1**s) / (root + eps))
            step += 1
    return model


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("config", [CONFIG, ADAM, ADAMW], ids=["sgd", "adam", "adamw"])
def test_factors_and_offsets_are_those_of_the_optimiser_written_out(config: TrainingConfig) -> None:
    initial, data = networks(2), blobs()
    rng = torch.Generator().manual_seed(3)
    added = torch.randn(2, len(data), 3, generator=rng, dtype=torch.float64)
    options: dict[str, Any] = {"rate_factors": RATES, "decay_factors": DECAYS, "offsets": added}
    if config.optimiser != "sgd":
        options["eps_factors"] = EPSILONS
    trained = train_many(initial, data, config, seeds=(5, 6), **options)
    for before, after, own, seed in zip(initial, trained, added, (5, 6), strict=True):
        assert distance(after, by_hand(before, own, seed, config)) < 1e-12
    for name in options:
        plain = train_many(initial, data, config, seeds=(5, 6), **options | {name: None})
        assert distance(plain[0], trained[0]) > 1e-3


@pytest.mark.usefixtures("path")
def test_factors_of_one_and_offsets_of_zero_change_no_bit() -> None:
    initial, data = networks(2), blobs()
    ones = dict.fromkeys(dict(initial[0].named_parameters()), 1.0)
    trained = train_many(
        initial,
        data,
        CONFIG,
        seeds=(5, 6),
        rate_factors=ones,
        decay_factors=ones,
        offsets=torch.zeros(2, len(data), 3),
    )
    usual = train_many(initial, data, CONFIG, seeds=(5, 6))
    assert [distance(*pair) for pair in zip(trained, usual, strict=True)] == [0, 0]


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"decay_factors": [2.0]}, TypeError, "decay_factors must map names .* got list"),
        ({"decay_factors": {"W": 2.0}}, ValueError, "decay_factors must name parameters"),
        ({"decay_factors": {"layers.0.bias": 0.0}}, ValueError, "must be positive"),
        ({"eps_factors": {"layers.0.bias": 2.0}}, ValueError, '"adam" and "adamw": "sgd" has none'),
        ({"offsets": [0.0]}, TypeError, "offsets must be a tensor of floating-point .* got list"),
        ({"offsets": torch.zeros(1, 90, 3)}, ValueError, r"offsets must have shape"),
        ({"offsets": torch.full((2, 90, 3), torch.nan)}, ValueError, "offsets must be finite"),
        ({"offsets": torch.zeros(2, 90, 4)}, ValueError, r"offsets must have shape \[2, 90, 3\]"),
    ],
)
def test_factors_and_offsets_that_do_not_fit_are_refused(
    options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        train_many(networks(2), blobs(), CONFIG, seeds=(5, 6), **options)  # type: ignore[arg-type]
