"""Predictions by families against networks that were trained at the target's width."""

from collections.abc import Callable

import numpy as np
import pytest

from lmctheory.networks import TrainingConfig, load_dataset, seeded_generators, train_many
from lmctheory.prediction import (
    BarrierPrediction,
    MupFamily,
    all_pairs,
    family_unions,
    predict_family_barrier,
)
from tests.networks.ordinary import CONFIG, blobs


def predicted(n: int = 4, **options: object) -> BarrierPrediction:
    family = MupFamily((6, 8, 8, 3), CONFIG)
    small = blobs()  # in float64, the networks in float32
    return predict_family_barrier(family, n, small, small, **{"unions": 3, "rng": 0} | options)  # type: ignore[arg-type]


def test_the_same_randomness_gives_the_same_prediction() -> None:
    first, second, other = predicted(), predicted(rng=np.random.default_rng(0)), predicted(rng=1)
    assert (first.max, first.interval) == (second.max, second.interval)
    assert first.max != other.max
    assert (first.width, first.route) == (8, "unions of 2 members of width 4")
    assert first.curve[[0, -1]] == pytest.approx(0, abs=1e-12)
    assert first.max == max(first.curve[1:-1])
    assert len(first.hypotheses) == 4


@pytest.mark.parametrize("method", [None, "naive", "activation", "weight"])
def test_any_matching_of_the_unions_is_predicted(method: str | None) -> None:
    family, data = MupFamily((6, 8, 8, 3), CONFIG), blobs()
    unions = family_unions(family, 4, data, unions=3, rng=0)
    found = predicted(method=method)
    assert found.max == all_pairs(unions, data, method=method).max.value
    assert found.max != predicted().max


@pytest.mark.slow
def test_the_barrier_of_wide_networks_on_digits() -> None:
    """At m = 128: within .25, three standard errors of 4 unions and 5 networks."""
    digits = load_dataset("digits")
    family = MupFamily((64, 128, 10), TrainingConfig(epochs=10, learning_rate=0.05))
    found = predict_family_barrier(family, 32, digits.train, digits.test, unions=4, points=5, rng=0)
    networks = train_many(
        [family.initial(128, rng=seeded_generators(seed)[0]) for seed in range(5)],
        digits.train,
        family.config,
        seeds=range(5),
    )
    measured = all_pairs(networks, digits.test, inputs=digits.train.inputs, points=5)
    assert abs(np.log(found.max / measured.max.value)) < 0.25
    assert abs(np.log(found.function_error / measured.function_error.value)) < 0.06


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: predicted(n=3), "n must divide 8, the target's width, below it, got 3"),
        (lambda: predicted(n=8), "below it, got 8"),
        (lambda: predicted(unions=2), "unions must be >= 3, got 2"),
        (lambda: predicted(method="best"), "method must be one of"),
        (lambda: predicted(points=4), "points must be"),
    ],
)
def test_bad_arguments_are_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
