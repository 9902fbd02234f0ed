"""Training many networks at once against PyTorch's ordinary loop, one network at a time."""

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from lmctheory.networks import MLP, Examples, TrainingConfig, seeded_generators, train_many
from lmctheory.networks.losses import CrossEntropy, LossLike
from tests.networks.ordinary import ADAM, ADAMW, CONFIG, DROPS, blobs, distance, networks, ordinary


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        replace(CONFIG, schedule="constant", momentum=0.0),
        TrainingConfig(epochs=1, batch_size=1000),
        ADAM,
        ADAMW,
        replace(ADAM, schedule="linear", weight_decay=0.0),
        DROPS,
    ],
)
def test_equal_to_the_ordinary_loop(path: str, config: TrainingConfig) -> None:
    initial, data = networks(), blobs()
    trained = train_many(initial, data, config, seeds=(5, 6, 7))
    for before, after, seed in zip(initial, trained, (5, 6, 7), strict=True):
        assert distance(after, ordinary(before, data, config, seed)) < 1e-12
        assert distance(after, before) > 1e-2


def two_classes() -> tuple[list[nn.Module], Examples]:
    """Networks of one logit."""
    data = blobs()
    models = [MLP((6, 8, 1), rng=seeded_generators(k)[0], dtype=torch.float64) for k in range(2)]
    return models, Examples(data.inputs, data.labels % 2, "binary")


def judged(data: Examples, loss: LossLike) -> Examples:
    return Examples(data.inputs, data.labels, loss)


def gap(outputs: Tensor, labels: Tensor) -> Tensor:
    """A loss of one's own."""
    return torch.nn.functional.multi_margin_loss(outputs, labels, reduction="none")


SLOW = replace(CONFIG, learning_rate=CONFIG.learning_rate / 5)


def test_other_losses_are_those_of_the_ordinary_loop(path: str) -> None:
    values = torch.randn(len(blobs()), 3, generator=torch.Generator().manual_seed(0))
    for config, models, data in (
        (SLOW, networks(2), judged(blobs(), "squared")),
        (SLOW, networks(2), Examples(blobs().inputs, values.double(), "squared")),
        (CONFIG, *two_classes()),
        (ADAMW, *two_classes()),
        (CONFIG, networks(2), judged(blobs(), CrossEntropy((1.0, 2.0, 0.5), 0.1))),
        (CONFIG, networks(2), judged(blobs(), gap)),
    ):
        trained = train_many(models, data, config, seeds=(5, 6))
        for before, after, seed in zip(models, trained, (5, 6), strict=True):
            assert distance(after, ordinary(before, data, config, seed)) < 1e-12
            assert distance(after, before) > 1e-2


def test_one_logit_trains_as_two_of_which_one_stays_zero() -> None:
    class Padded(nn.Module):
        def __init__(self, model: nn.Module) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.pad(self.model(x), (1, 0))

    models, data = two_classes()
    one = train_many(models, data, CONFIG, seeds=(1, 2))
    padded, classes = [Padded(model) for model in models], judged(data, "cross_entropy")
    two = train_many(padded, classes, CONFIG, seeds=(1, 2))
    assert max(map(distance, one, two)) < 1e-12


def test_single_precision_stays_near_the_ordinary_loop() -> None:
    initial, data = networks(dtype=torch.float32), blobs(dtype=torch.float32)
    trained = train_many(initial, data, CONFIG, seeds=(5, 6, 7))
    assert trained[0].linears[0].weight.dtype == torch.float32
    for before, after, seed in zip(initial, trained, (5, 6, 7), strict=True):
        assert distance(after, ordinary(before, data, CONFIG, seed)) < 1e-4


def test_a_network_does_not_depend_on_its_company(path: str) -> None:
    initial, data = networks(4), blobs()
    together = train_many(initial, data, CONFIG, seeds=(1, 2, 3, 4))
    (alone,) = train_many(initial[2:3], data, CONFIG, seeds=(3,))
    assert distance(together[2], alone) < 1e-12


def test_divergence_of_one_leaves_the_others_alone(path: str) -> None:
    initial, data = networks(), blobs()
    with torch.no_grad():
        for parameter in initial[1].parameters():
            parameter.fill_(1e200)
    trained = train_many(initial, data, CONFIG, seeds=(1, 2, 3))
    assert trained[1].linears[0].weight.isnan().any()
    for k in (0, 2):
        assert distance(trained[k], ordinary(initial[k], data, CONFIG, k + 1)) < 1e-12


def test_same_seeds_same_bits_and_nothing_else_moves(path: str) -> None:
    initial, data = networks(dtype=torch.float32), blobs(dtype=torch.float32)
    before = copy.deepcopy(initial)
    inputs = data.inputs.clone()
    state = torch.random.get_rng_state()
    first = train_many(initial, data, CONFIG, seeds=(1, 2, 3))
    second = train_many(initial, data, CONFIG, seeds=(1, 2, 3))
    assert [distance(a, b) for a, b in zip(first, second, strict=True)] == [0, 0, 0]
    assert [distance(a, b) for a, b in zip(initial, before, strict=True)] == [0, 0, 0]
    assert torch.equal(data.inputs, inputs)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_shared_initialisation_with_different_orders(path: str) -> None:
    initial = networks(1) * 2
    a, b = train_many(initial, blobs(), CONFIG, seeds=(1, 2))
    assert distance(a, b) > 1e-4
    c, d = train_many(initial, blobs(), CONFIG, seeds=(1, 1))
    assert distance(a, c) == 0
    assert distance(c, d) < 1e-12


def test_a_trained_network_is_a_plain_module_of_its_own() -> None:
    a, _ = train_many(networks(2), blobs(), CONFIG, seeds=(1, 2))
    assert type(a) is MLP
    assert all(parameter.is_leaf and parameter.requires_grad for parameter in a.parameters())
    weight = a.linears[0].weight
    assert weight.untyped_storage().nbytes() == weight.numel() * weight.element_size()


class Residual(nn.Module):
    """No chain: it branches, normalises, and one of its layers is frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 6)
        self.norm = nn.BatchNorm1d(6)
        self.last = nn.Linear(6, 3)
        self.first.bias.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.norm(torch.tanh(self.first(x))) + x)


def no_bias() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(6, 5, bias=False), nn.LeakyReLU(0.1), nn.Linear(5, 3)
    )


def frozen() -> nn.Module:
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    model[0].requires_grad_(False)
    return model


def parametrised() -> nn.Module:
    first = nn.utils.parametrizations.weight_norm(nn.Linear(6, 5))
    return nn.Sequential(first, nn.ReLU(), nn.Linear(5, 3))


@pytest.mark.parametrize("config", [CONFIG, ADAM, ADAMW], ids=["sgd", "adam", "adamw"])
@pytest.mark.parametrize("build", [no_bias, frozen, parametrised, Residual])
def test_any_module_trains_as_in_the_ordinary_loop(
    build: Callable[[], nn.Module], config: TrainingConfig
) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        initial = [build().double() for _ in range(2)]
    if build is frozen:  # in one network only
        initial[1].requires_grad_(True)
    data = blobs()
    trained = train_many(initial, data, config, seeds=(1, 2))
    for before, after, seed in zip(initial, trained, (1, 2), strict=True):
        assert distance(after, ordinary(before, data, config, seed)) < 1e-12


def test_dropout_is_drawn_from_the_network_s_seed() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Dropout(0.5), nn.Linear(9, 3))
    state = torch.random.get_rng_state()
    data = blobs(dtype=torch.float32)
    _, b = train_many([model, model], data, CONFIG, seeds=(1, 2))
    (alone,) = train_many([model], data, CONFIG, seeds=(2,))
    assert distance(alone, b) == 0
    assert torch.equal(torch.random.get_rng_state(), state)


def test_weights_and_order_of_one_seed_are_independent_streams() -> None:
    initial, order = seeded_generators(3)
    assert initial.initial_seed() != order.initial_seed()
    again = seeded_generators(3)
    assert (initial.initial_seed(), order.initial_seed()) == tuple(g.initial_seed() for g in again)
    seeds = {g.initial_seed() for seed in range(500) for g in seeded_generators(seed)}
    assert len(seeds) == 1000
    with pytest.raises(ValueError, match="seed must be >= 0, got -1"):
        seeded_generators(-1)


def poisoned() -> list[nn.Module]:
    models = networks()
    with torch.no_grad():
        models[1].linears[1].weight[0, 0] = torch.inf
    return models


def other_activation() -> list[nn.Module]:
    tanh = MLP((6, 8, 5, 3), "tanh", rng=torch.Generator(), dtype=torch.float64)
    return [*networks(2), tanh]


def other_width() -> list[nn.Module]:
    return [*networks(2), MLP((6, 8, 4, 3), rng=torch.Generator(), dtype=torch.float64)]


@pytest.mark.parametrize(
    ("models", "seeds", "data", "config", "message"),
    [
        ([], (), blobs(), CONFIG, "at least one network"),
        ([nn.ReLU()], (1,), blobs(), CONFIG, "must have parameters"),
        (other_width(), (1, 2, 3), blobs(), CONFIG, "number 2 differs from number 0"),
        (other_activation(), (1, 2, 3), blobs(), CONFIG, r"2 has activations \['tanh', 'tanh'\]"),
        (poisoned(), (1, 2, 3), blobs(), CONFIG, "layers.1.weight of number 1 is NaN or inf"),
        (networks(), (1, 2), blobs(), CONFIG, "3 networks, 2 seeds"),
        (networks(), (1, -2, 3), blobs(), CONFIG, "every seed must be >= 0, got -2"),
        (
            networks(),
            (1, 2, 3),
            Examples(torch.zeros(4, 7), torch.arange(4) % 3),
            CONFIG,
            r"data.inputs of shape \[7\] do not fit the networks",
        ),
        (
            [nn.Sequential(nn.Linear(6, 3))],
            (1,),
            Examples(torch.zeros(4, 2, 6), torch.arange(4) % 3),
            CONFIG,
            r"must give outputs \[n, classes\], got \[1, 2, 3\] for one example",
        ),
        (
            networks(),
            (1, 2, 3),
            Examples(torch.zeros(4, 6), torch.arange(4)),
            CONFIG,
            r"data.labels must lie in 0\.\.2, got 0\.\.3",
        ),
        (
            networks(),
            (1, 2, 3),
            Examples(torch.zeros(2, 6), torch.tensor([-1, 0])),
            CONFIG,
            r"got -1\.\.0",
        ),
        (
            networks(),
            (1, 2, 3),
            judged(two_classes()[1], "binary"),
            CONFIG,
            r"models must give one output, the logit of class 1, .* got \[1, 3\]",
        ),
        (
            networks(),
            (1, 2, 3),
            blobs(),
            replace(CONFIG, warmup_steps=18),
            "warmup_steps must be < 18, all steps, got 18",
        ),
    ],
)
def test_bad_input_is_refused(
    models: list[nn.Module],
    seeds: tuple[int, ...],
    data: Examples,
    config: TrainingConfig,
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message):
        train_many(models, data, config, seeds=seeds)
