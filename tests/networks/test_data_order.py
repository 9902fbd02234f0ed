"""Networks that share a trunk: the same steps until it ends, and each its own after it."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from lmctheory.networks import MLP, Examples, TrainingConfig, seeded_generators, train_many
from lmctheory.networks.data_order import epochs

CONFIG = TrainingConfig(epochs=4, batch_size=8, learning_rate=0.2, warmup_steps=3)


def data() -> Examples:
    rng = torch.Generator().manual_seed(0)
    return Examples(torch.randn(42, 6, generator=rng, dtype=torch.float64), torch.arange(42) % 3)


def network() -> MLP:
    return MLP((6, 8, 3), rng=seeded_generators(0)[0], dtype=torch.float64)


def distance(a: nn.Module, b: nn.Module) -> float:
    pairs = zip(a.parameters(), b.parameters(), strict=True)
    return max(float((x - y).detach().abs().max()) for x, y in pairs)


def by_hand(seed: int, trunk_epochs: int) -> nn.Module:
    """One network whose order is the trunk's first and its own afterwards, by a plain loop."""
    net, examples = network(), data()
    trunk, own = (seeded_generators(each)[1] for each in (5, seed))
    orders = [
        [torch.randperm(42, generator=generator) for _ in range(4)] for generator in (trunk, own)
    ]
    optimiser = torch.optim.SGD(net.parameters(), lr=1.0, momentum=CONFIG.momentum)
    step = 0
    for epoch in range(4):
        for batch in orders[epoch >= trunk_epochs][epoch].split(8):
            optimiser.param_groups[0]["lr"] = CONFIG.rate(step, CONFIG.steps(42))
            optimiser.zero_grad()
            logits = net(examples.inputs[batch])
            nn.functional.cross_entropy(logits, examples.labels[batch]).backward()
            optimiser.step()
            step += 1
    return net


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("trunk_epochs", [0, 1, 3, 4])
def test_spawned_networks_take_the_steps_of_a_plain_loop(trunk_epochs: int) -> None:
    found = train_many([network()] * 3, data(), CONFIG, seeds=(5, 6, 7), trunk_epochs=trunk_epochs)
    for net, seed in zip(found, (5, 6, 7), strict=True):
        assert distance(net, by_hand(seed, trunk_epochs)) < 1e-9
    same = distance(found[0], found[1]) < 1e-12
    assert same == (trunk_epochs == 4)


def test_longer_trunks_leave_networks_closer() -> None:
    gaps = [
        distance(*train_many([network()] * 2, data(), CONFIG, seeds=(5, 6), trunk_epochs=k))
        for k in (0, 3, 4)
    ]
    assert gaps[0] > gaps[1] > gaps[2]


def test_what_follows_a_trunk_does_not_depend_on_it() -> None:
    alone, behind = (list(epochs(9, 5, 3, trunk=(1, k))) for k in (0, 2))
    trunk = list(epochs(9, 5, 1, trunk=(1, 0)))
    assert all(map(torch.equal, behind, [*trunk[:2], *alone[2:]]))


def test_trunks_that_cannot_be_are_refused() -> None:
    for trunk_epochs in (-1, 5):
        with pytest.raises(ValueError, match=rf"trunk_epochs must lie in 0..4, got {trunk_epochs}"):
            train_many([network()], data(), CONFIG, seeds=(0,), trunk_epochs=trunk_epochs)
    dropout = nn.Sequential(nn.Linear(6, 4), nn.Dropout(), nn.Linear(4, 3)).double()
    with pytest.raises(ValueError, match="must be 0 for networks with dropout, got 1"):
        train_many([dropout], data(), CONFIG, seeds=(0,), trunk_epochs=1)
    train_many([copy.deepcopy(dropout).eval()], data(), CONFIG, seeds=(0,), trunk_epochs=1)


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": (0.5, 1)}, "every seed must be an integer, got 0.5"),
        ({"seeds": ("0", 1)}, "every seed must be an integer, got '0'"),
        ({"trunk_epochs": 1.5}, "trunk_epochs must be an integer, got 1.5"),
    ],
)
def test_seeds_and_epochs_must_be_integers(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        train_many([network(), network()], data(), CONFIG, **{"seeds": (0, 1), **options})


@pytest.mark.usefixtures("as_users_call")
def test_a_seed_must_be_an_integer() -> None:
    with pytest.raises(TypeError, match=r"seed must be an integer, got 0\.5"):
        seeded_generators(0.5)  # type: ignore[arg-type]
    assert seeded_generators(3.0)[0].initial_seed() == seeded_generators(3)[0].initial_seed()  # type: ignore[arg-type]
