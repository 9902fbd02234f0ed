"""Configurations: schedules against PyTorch's, and what is refused."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest
import torch

from lmctheory.networks import TrainingConfig
from tests.networks.ordinary import ADAM, CONFIG, DROPS


def test_the_schedule_warms_up_to_its_peak_and_decays() -> None:
    config = TrainingConfig(epochs=1, learning_rate=2.0, warmup_steps=3)
    rates = [config.rate(step, 13) for step in range(14)]
    assert rates[:4] == [0.5, 1.0, 1.5, 2.0]
    assert rates[8] == pytest.approx(1.0)  # half-way between 3 and 13
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert rates[13] == pytest.approx(0.0)
    assert replace(config, schedule="constant").rate(12, 13) == 2.0
    assert TrainingConfig(epochs=3, batch_size=16).steps(90) == 18


@pytest.mark.parametrize(
    ("config", "schedule"),
    [
        (
            TrainingConfig(epochs=9, schedule="step", milestones=(2, 5), factor=0.5),
            lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [8, 20], 0.5),
        ),
        (
            TrainingConfig(epochs=9, schedule="linear"),
            lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.0, 36),
        ),
        (
            TrainingConfig(epochs=9),
            lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 36),
        ),
    ],
)
def test_schedules_are_pytorch_s(config: TrainingConfig, schedule: Callable[..., Any]) -> None:
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=config.learning_rate)
    scheduler = schedule(optimiser)
    for step in range(36):
        assert config.rate(step, 36) == pytest.approx(scheduler.get_last_lr()[0], abs=1e-14)
        optimiser.step()
        scheduler.step()


def test_warm_up_from_a_given_rate_is_optax_s() -> None:
    """`warmup_cosine_decay_schedule(1e-6, 0.1, 10, 110)`: linear, then a cosine to 0."""
    config = TrainingConfig(epochs=1, learning_rate=0.1, warmup_steps=10, warmup_from=1e-6)
    rates = [config.rate(step, 110) for step in range(110)]
    assert rates[:10] == pytest.approx([1e-6 + (0.1 - 1e-6) * step / 10 for step in range(10)])
    expected = [0.05 * (1 + math.cos(math.pi * (step - 10) / 100)) for step in range(10, 110)]
    assert rates[10:] == pytest.approx(expected)
    falling = replace(config, warmup_from=0.2, schedule="constant")
    assert [falling.rate(step, 110) for step in (0, 5, 10)] == pytest.approx([0.2, 0.15, 0.1])


def test_drops_fall_at_their_epochs_whatever_the_warm_up() -> None:
    config = TrainingConfig(epochs=4, schedule="step", milestones=[1, 3], warmup_steps=2)
    assert config.milestones == (1, 3)
    rates = [config.rate(step, 12) / config.learning_rate for step in range(12)]
    assert rates == pytest.approx([1 / 3, 2 / 3, 1, *[0.1] * 6, *[0.01] * 3])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"optimiser": "Adam"}, "optimiser must be one of .* got 'Adam'"),
        ({"optimiser": "adam", "momentum": 0.5}, "momentum is of optimiser .*'adam' has none"),
        ({"betas": (0.5, 0.9)}, "betas is of optimiser .*'sgd' has none, got"),
        ({"eps": 1e-3}, "eps is of optimiser"),
        ({"optimiser": "adam", "eps": 0.0}, "eps must be positive and finite, got 0"),
        ({"optimiser": "adam", "betas": (0.5, 1.0)}, r"every beta must lie in \[0, 1\), got 1"),
        ({"optimiser": "adam", "betas": (0.5,)}, "betas must be two numbers"),
        ({"milestones": (3,)}, "milestones is of schedule"),
        ({"factor": 0.5}, "factor is of schedule"),
        ({"schedule": "step"}, r"milestones must be rising epochs in 1\.\.0, got \(\)"),
        ({"epochs": 4, "schedule": "step", "milestones": (2, 2)}, "must be rising"),
        ({"epochs": 4, "schedule": "step", "milestones": (2, 4)}, r"1\.\.3, got \(2, 4\)"),
        ({"epochs": 4, "schedule": "step", "milestones": (0, 2)}, "every milestone must be >= 1"),
        (
            {"epochs": 4, "schedule": "step", "milestones": (2,), "factor": 0.0},
            r"factor must lie in \(0, 1\]",
        ),
        ({"epochs": 0}, "epochs must be >= 1, got 0"),
        ({"batch_size": 0}, "batch_size must be >= 1, got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be positive and finite"),
        ({"learning_rate": math.nan}, "learning_rate must be positive and finite"),
        ({"momentum": 1.0}, r"momentum must lie in \[0, 1\), got 1"),
        ({"weight_decay": -1.0}, "weight_decay must be finite and >= 0, got -1"),
        ({"weight_decay": math.inf}, "weight_decay must be finite and >= 0, got inf"),
        ({"schedule": "exponential"}, "schedule must be one of .* got 'exponential'"),
        ({"warmup_steps": -1}, "warmup_steps must be >= 0, got -1"),
        ({"warmup_from": 0.1}, "warmup_from needs warmup_steps > 0, got warmup_from=0.1"),
        ({"warmup_steps": 2, "warmup_from": -0.1}, "warmup_from must be finite and >= 0, got -0.1"),
    ],
)
def test_bad_configurations_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**{"epochs": 1, **wrong})  # type: ignore[arg-type]


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": "3"}, "epochs must be an integer, got '3'"),
        ({"batch_size": 2.5}, "batch_size must be an integer, got 2.5"),
        ({"learning_rate": None}, "learning_rate must be a number, got None"),
        ({"optimiser": "adam", "betas": "ab"}, "betas must hold real numbers"),
        ({"schedule": "step", "epochs": 4, "milestones": (1.5,)}, "every milestone must be an int"),
    ],
)
def test_configurations_of_other_types_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        TrainingConfig(**{"epochs": 1, **wrong})


def test_a_configuration_survives_json() -> None:
    for config in (CONFIG, ADAM, DROPS, replace(CONFIG, warmup_from=1e-6)):
        again = TrainingConfig(**json.loads(json.dumps(asdict(config))))
        assert again == config
        assert hash(again) == hash(config)
