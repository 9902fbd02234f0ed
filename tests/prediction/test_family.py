"""The family: its member n = m is the target itself, and duplicated neurons train alike."""

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn

from lmctheory.networks import MLP, TrainingConfig, seeded_generators, train_many
from lmctheory.prediction import MupFamily
from tests.networks.ordinary import ADAM, ADAMW, CONFIG, blobs, distance

DOUBLE = torch.float64


COARSE = replace(ADAM, eps=1e-2)  # gradients are about as large
OPTIMISERS = {
    "sgd": CONFIG,
    "adam": ADAM,
    "adamw": ADAMW,
    "adam, eps": COARSE,
    "adamw, eps": replace(ADAMW, eps=1e-2),
}


def family(
    width: int = 8, depth: int = 1, config: TrainingConfig = CONFIG, **options: object
) -> MupFamily:
    widths = (6, *[width] * depth, 3)
    return MupFamily(widths, config, "tanh", dtype=DOUBLE, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("config", [CONFIG, ADAM, ADAMW], ids=["sgd", "adam", "adamw"])
@pytest.mark.parametrize("parametrisation", ["standard", "mu"])
@pytest.mark.parametrize("depth", [1, 2])
def test_the_widest_member_is_the_network_itself_bit_for_bit(
    depth: int, parametrisation: str, config: TrainingConfig
) -> None:
    target = family(8, depth, config, parametrisation=parametrisation)
    found = target.member(8, blobs(), seed=4)
    own = MLP(
        (6, *[8] * depth, 3),
        "tanh",
        parametrisation=parametrisation,
        rng=seeded_generators(4)[0],
        dtype=DOUBLE,
    )
    factors = own.rate_factors(config.optimiser)
    (usual,) = train_many([own], blobs(), config, seeds=(4,), rate_factors=factors)
    assert found.share == 0
    assert distance(found.network, usual) == 0
    assert torch.equal(found(blobs().inputs), usual(blobs().inputs))


def duplicated(narrow: MLP, copies: int) -> MLP:
    """A network with so many copies of every neuron, of the same function."""
    widths = (narrow.widths[0], *[copies * m for m in narrow.widths[1:-1]], narrow.widths[-1])
    wide = MLP(widths, "tanh", rng=torch.Generator(), dtype=DOUBLE)
    with torch.no_grad():
        for k, (layer, own) in enumerate(zip(wide.linears, narrow.linears, strict=True)):
            last = layer is wide.linears[-1]
            rows = own.weight if last else own.weight.repeat_interleave(copies, 0)
            layer.weight.copy_(rows.repeat_interleave(copies, 1) / copies if k else rows)
            layer.bias.copy_(own.bias if last else own.bias.repeat_interleave(copies))
    return wide


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize(
    ("depth", "parametrisation"),
    [(1, "standard"), (2, "standard"), (3, "standard"), (1, "mean_field"), (2, "mu")],
)
def test_a_member_is_the_target_with_duplicated_neurons(
    depth: int, optimiser: str, parametrisation: str
) -> None:
    """What P2 rests on: all rates, decays and eps but these would tear the copies apart."""
    config, data = OPTIMISERS[optimiser], blobs()
    if parametrisation != "standard" and optimiser != "sgd":
        config = replace(config, learning_rate=0.1)  # else outputs hardly move
    target = family(12, depth, config, parametrisation=parametrisation)
    member = target.member(4, data, seed=2)
    wide = duplicated(member.initial, 3)
    with torch.no_grad():
        offsets = member.frozen(data.inputs)[None]
    (trained,) = train_many(
        [wide],
        data,
        config,
        seeds=(2,),
        rate_factors=target.rate_factors(12),
        offsets=offsets,
    )
    assert distance(trained, duplicated(member.network, 3)) < 1e-12
    with torch.no_grad():
        moved = (member.network(data.inputs) - member.initial(data.inputs)).abs().max()
        error = (trained(data.inputs) - member.network(data.inputs)).abs().max()
    assert error < 1e-12 < 0.1 < moved


def test_eps_must_follow_the_gradients() -> None:
    """With one eps for all, duplicates part: by no rounding where gradients are as small as it."""
    target, data = family(12, 2, COARSE), blobs()
    member = target.member(4, data, seed=2)
    (other,) = train_many(
        [member.initial],
        data,
        COARSE,
        seeds=(2,),
        rate_factors=target.rate_factors(4),
        decay_factors=target.decay_factors(4),
        offsets=member.frozen(data.inputs)[None],
    )
    assert distance(other, member.network) > 1e-2


def test_members_begin_with_the_function_of_the_target_in_law() -> None:
    """The variance of f - (1 - sqrt r) f_0 is the target's: 4000 draws, 5 standard errors."""
    x = torch.ones(1, 6, dtype=DOUBLE)
    target, rng = family(8), torch.Generator().manual_seed(0)
    with torch.no_grad():
        at_target, at_two = (
            torch.stack([(n / 8) ** 0.5 * target.initial(n, rng=rng)(x) for _ in range(4000)])
            for n in (8, 2)
        )
    ratio = at_two.square().mean() / at_target.square().mean()
    assert abs(ratio - 1) < 5 * (2 * 3 / 12000) ** 0.5  # kurtosis of narrow sums included


def test_training_members_changes_no_data_and_no_generator() -> None:
    data = blobs()
    inputs, state = data.inputs.clone(), torch.get_rng_state()
    first, second = (family(8).members(4, data, seeds=(0, 1))[1] for _ in range(2))
    assert torch.equal(data.inputs, inputs)
    assert torch.equal(torch.get_rng_state(), state)
    assert distance(first, second) == 0
    again = copy.deepcopy(first)
    first(data.inputs)
    assert distance(first, again) == 0


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MupFamily((6, 3), CONFIG), "widths must name hidden layers of one width"),
        (lambda: MupFamily((6, 8, 4, 3), CONFIG), "of one width, got"),
        (lambda: family(8, parametrisation="ntk"), "parametrisation must be one of"),
        (lambda: family(8).member(9, blobs(), seed=0), "n must be <= 8, the target's width, got 9"),
        (lambda: family(8).member(0, blobs(), seed=0), "n must be >= 1, got 0"),
        (lambda: family(8).members(4, blobs(), seeds=()), "seeds must be one or more, got none"),
    ],
)
def test_bad_arguments_are_refused(call: Callable[[], nn.Module], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_the_config_is_any_sgd() -> None:
    other = TrainingConfig(epochs=1, schedule="constant", momentum=0.0, warmup_steps=1)
    found = MupFamily((6, 8, 3), other).member(2, blobs(dtype=torch.float32), seed=0)
    assert found.network.widths == (6, 2, 3)
