"""BatchNorm statistics, REPAIR and temperatures: against hand computation and their targets."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.parametrizations import weight_norm

from lmctheory.matching import (
    NoBestTemperatureError,
    calibrate_temperature,
    repair,
    reset_batch_norm,
)
from lmctheory.networks import (
    CNN,
    MLP,
    VGG,
    ResNet20,
    TrainingConfig,
    ViT,
    load_dataset,
    seeded_generators,
    train_many,
)
from lmctheory.paths import barrier, interpolate


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def inputs(n: int = 60, seed: int = 7, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(n, 64, generator=rng(seed), dtype=dtype)


def states_equal(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


def with_biases(model: nn.Module, seed: int) -> nn.Module:
    """Biases and norms away from 0 and 1, so that means matter."""
    generator = rng(100 + seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn(parameter.shape, generator=generator).to(parameter))
    return model


# reset_batch_norm


def normalised(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = nn.Sequential(
            nn.Linear(64, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.ReLU(), nn.BatchNorm1d(5)
        ).double()
        model.append(nn.Linear(5, 3, dtype=torch.float64))
        model(torch.randn(50, 64, dtype=torch.float64))
    return model


def test_reset_statistics_are_those_computed_by_hand() -> None:
    model, x = normalised().train(), inputs(25)
    model[1].momentum = 0.3
    before = copy.deepcopy(model)
    result = reset_batch_norm(model, x, batch_size=10)
    # 25 in batches of at most 10: 9, 8, 8
    expected = torch.zeros(4, 5, dtype=torch.float64)
    for batch in (x[:9], x[9:17], x[17:]):
        z = model[0](batch).detach()
        mean, variance = z.mean(0), z.var(0, correction=0)
        h = model[1].weight * (z - mean) / (variance + 1e-5).sqrt() + model[1].bias
        h = torch.relu(h).detach()  # no dropout
        own = (mean, z.var(0), h.mean(0), h.var(0))
        expected += len(batch) / 25 * torch.stack(own)
    found = [result[k].get_buffer(f"running_{part}") for k in (1, 4) for part in ("mean", "var")]
    torch.testing.assert_close(torch.stack(found), expected, rtol=1e-12, atol=1e-12)
    assert states_equal(model, before)
    assert [m.training for m in result.modules()] == [m.training for m in before.modules()]
    assert result[1].momentum == 0.3
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), result.parameters()))  # noqa: B905


def test_one_batch_makes_evaluation_and_training_mode_agree_but_for_the_variance() -> None:
    model, x = ResNet20((1, 8, 8), 3, 4, rng=rng(), dtype=torch.float64), inputs(40)
    result = reset_batch_norm(model.eval(), x, batch_size=40)
    convolved = model.stem[0](model.input(x))
    variance, mean = torch.var_mean(convolved.detach(), dim=(0, 2, 3))
    torch.testing.assert_close(result.stem[1].running_mean, mean)
    torch.testing.assert_close(result.stem[1].running_var, variance)
    assert not any(m.training for m in result.modules())
    # correction n/(n-1), n = 40 at least: 1.3 % of a standard deviation per layer
    torch.testing.assert_close(result(x), copy.deepcopy(model).train()(x), rtol=0.2, atol=0.2)


def test_statistics_of_a_diverged_average_are_forgotten() -> None:
    model = normalised()
    broken = copy.deepcopy(model)
    broken[1].running_var.fill_(torch.nan)
    assert states_equal(reset_batch_norm(broken, inputs()), reset_batch_norm(model, inputs()))


@pytest.mark.parametrize(("n", "batch_size"), [(1, 10), (25, 1), (3, 2), (25, 0), (25, -3)])
def test_batches_of_one_are_refused(n: int, batch_size: int) -> None:
    with pytest.raises(ValueError, match=f"at least 2 examples, got {n} and {batch_size}"):
        reset_batch_norm(normalised(), inputs(n), batch_size)


def test_models_and_inputs_that_cannot_be_reset_are_refused() -> None:
    with pytest.raises(ValueError, match="must have a BatchNorm layer with running statistics"):
        reset_batch_norm(MLP((64, 5, 3), rng=rng()), inputs())
    batch_only = nn.BatchNorm1d(64, track_running_stats=False, dtype=torch.float64)
    with pytest.raises(ValueError, match="must have a BatchNorm layer with running statistics"):
        reset_batch_norm(batch_only, inputs())
    with pytest.raises(ValueError, match=r"inputs of shape \[63\] do not fit"):
        reset_batch_norm(normalised(), inputs()[:, 1:])
    with pytest.raises(ValueError, match="inputs must be finite"):
        reset_batch_norm(normalised(), inputs() / 0)
    with pytest.raises(ValueError, match="inputs must hold at least one example"):
        reset_batch_norm(normalised(), inputs(0))


# repair

BUILD: dict[str, Callable[[int, torch.dtype], nn.Module]] = {
    "MLP": lambda seed, dtype: MLP((64, 9, 8, 3), rng=rng(seed), dtype=dtype),
    "CNN": lambda seed, dtype: CNN((1, 8, 8), (4, 6), 3, rng=rng(seed), dtype=dtype),
    "VGG": lambda seed, dtype: VGG((1, 8, 8), 3, 11, 2, rng=rng(seed), dtype=dtype),
    "ResNet20": lambda seed, dtype: ResNet20((1, 8, 8), 3, 4, None, rng=rng(seed), dtype=dtype),
    "ResNet20 layer": lambda seed, dtype: ResNet20(
        (1, 8, 8), 3, 4, "layer", rng=rng(seed), dtype=dtype
    ),
    "ViT": lambda seed, dtype: ViT(
        (1, 8, 8), 3, patch=4, width=8, depth=2, heads=2, rng=rng(seed), dtype=dtype
    ),
}
LAYERS = nn.Linear | nn.Conv2d | nn.GroupNorm | nn.LayerNorm


def statistics(model: nn.Module, x: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Means and standard deviations of every channel, measured in a pass of its own."""
    found = {}

    def measure(name: str) -> Callable[..., None]:
        def hook(layer: nn.Module, _: object, z: Tensor) -> None:
            z = z.detach().double()
            axes = (0, *range(2, z.ndim)) if z.ndim == 4 else tuple(range(z.ndim - 1))
            found[name] = (z.mean(axes), z.std(axes, correction=0))

        return hook

    watched = copy.deepcopy(model).eval()
    for name, module in watched.named_modules():
        if isinstance(module, LAYERS):
            module.register_forward_hook(measure(name))
    watched(x)
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", BUILD)
@pytest.mark.parametrize("t", [0.5, 0.2])
def test_channels_get_the_interpolated_statistics(name: str, t: float, dtype: torch.dtype) -> None:
    a, b = (with_biases(BUILD[name](seed, dtype), seed) for seed in (0, 1))
    middle, x = interpolate(a, b, t), inputs(dtype=dtype)
    before = copy.deepcopy(middle)
    repaired = repair(middle, a, b, x, t)
    stats_a, stats_b, now, unrepaired = (statistics(m, x) for m in (a, b, repaired, middle))
    *names, last = stats_a
    assert last == "head" or name == "MLP"
    changed = 0.0
    for layer in names:
        mean, deviation = now[layer]
        target_mean, target_deviation = (
            t * A + (1 - t) * B for A, B in zip(stats_a[layer], stats_b[layer], strict=True)
        )
        scale = float(target_deviation.mean())
        torch.testing.assert_close(deviation, target_deviation, rtol=1e-5, atol=1e-5 * scale)
        if before.get_submodule(layer).bias is not None:
            torch.testing.assert_close(mean, target_mean, rtol=1e-5, atol=1e-5 * scale)
        changed = max(changed, float((unrepaired[layer][1] / target_deviation - 1).abs().max()))
    assert changed > 0.05  # the average was wrong
    head = list(middle.named_modules())[-1][0] if name == "MLP" else "head"
    assert torch.equal(repaired.get_submodule(head).weight, middle.get_submodule(head).weight)
    assert states_equal(middle, before)
    assert repaired.training
    assert not any(module._forward_hooks for m in (a, b, repaired) for module in m.modules())


@pytest.mark.parametrize("name", BUILD)
def test_the_ends_come_back_unchanged_to_the_bit(name: str) -> None:
    a, b = (with_biases(BUILD[name](seed, torch.float32), seed) for seed in (0, 1))
    x = inputs(dtype=torch.float32)
    assert states_equal(repair(a, a, b, x, 1.0), a)
    assert states_equal(repair(b, a, b, x, 0.0), b)
    assert states_equal(repair(a, a, a, x), a)
    assert not states_equal(repair(a, a, b, x), a)


def test_equals_the_naive_algorithm() -> None:
    """One layer at a time, each with passes of its own over the network corrected so far."""
    a, b = (with_biases(BUILD["MLP"](seed, torch.float64), seed) for seed in (0, 1))
    middle, x = interpolate(a, b, 0.5), inputs()
    naive = copy.deepcopy(middle)
    for layer in ("layers.0", "layers.1"):
        (m_a, s_a), (m_b, s_b), (m, s) = (statistics(net, x)[layer] for net in (a, b, naive))
        linear = naive.get_submodule(layer)
        with torch.no_grad():
            linear.weight.mul_(((s_a + s_b) / 2 / s)[:, None])
            linear.bias.copy_((s_a + s_b) / 2 / s * (linear.bias - m) + (m_a + m_b) / 2)
    found = repair(middle, a, b, x).state_dict()
    for key, value in naive.state_dict().items():
        torch.testing.assert_close(found[key], value, rtol=1e-9, atol=1e-9, msg=key)


def test_constant_channels_are_shifted_only() -> None:
    a, b = (with_biases(BUILD["MLP"](seed, torch.float32), seed) for seed in (0, 1))
    middle, x = interpolate(a, b, 0.5), inputs(dtype=torch.float32)
    with torch.no_grad():
        middle.layers[0].weight[2] = 0.0  # constant in the average alone
        for model in (a, b):
            model.layers[0].weight[4] = 0.0  # constant at both ends alone
        for model in (a, b, middle):
            model.layers[1].weight[5] = 0.0  # constant everywhere
            model.layers[1].bias[5] = 0.1
    repaired = repair(middle, a, b, x)
    assert all(torch.isfinite(p).all() for p in repaired.parameters())
    (m_a, _), (m_b, _), (m, s) = (statistics(net, x)["layers.0"] for net in (a, b, repaired))
    torch.testing.assert_close(m, (m_a + m_b) / 2, rtol=1e-5, atol=1e-5)
    assert s[2] == 0
    assert s[4] < 1e-6
    assert repaired.layers[1].bias[5].item() == pytest.approx(0.1)


def test_layers_without_bias_keep_their_means_up_to_scale() -> None:
    a, b = (
        nn.Sequential(nn.Linear(64, 5, bias=False), nn.ReLU(), nn.Linear(5, 3)).double()
        for _ in range(2)
    )
    x = inputs()
    middle = interpolate(a, b, 0.5)
    repaired = repair(middle, a, b, x)
    (_, s_a), (_, s_b), (m, s), (m_before, s_before) = (
        statistics(net, x)["0"] for net in (a, b, repaired, middle)
    )
    torch.testing.assert_close(s, (s_a + s_b) / 2)
    torch.testing.assert_close(m, m_before * s / s_before)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.last = nn.Linear(64, 64), nn.Linear(64, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.layer(self.layer(x)))


def tied() -> nn.Module:
    model = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 3))
    model[1].weight = model[0].weight
    return model


def test_networks_that_cannot_be_repaired_are_refused() -> None:
    with torch.random.fork_rng():
        twice, pair = Twice().double(), tied().double()
        reparametrised = nn.Sequential(weight_norm(nn.Linear(64, 4)), nn.Linear(4, 3)).double()
    x = inputs()
    with pytest.raises(TypeError, match="use every layer once, but it uses 'layer' twice"):
        repair(twice, twice, twice, x)
    with pytest.raises(TypeError, match="must not tie or re-parametrise the parameters of '0'"):
        repair(pair, pair, pair, x)
    with pytest.raises(TypeError, match="must not tie or re-parametrise the parameters of '0'"):
        repair(reparametrised, reparametrised, reparametrised, x)
    with pytest.raises(ValueError, match=r"no BatchNorm layers .* use reset_batch_norm"):
        repair(*[normalised()] * 3, x)
    a, b = (BUILD["MLP"](seed, torch.float64) for seed in (0, 1))
    with pytest.raises(ValueError, match=r"model and model_b must have the same architecture"):
        repair(a, a, BUILD["CNN"](0, torch.float64), x)
    with pytest.raises(ValueError, match=r"t must lie in \[0, 1\], got 1.5"):
        repair(a, a, b, x, 1.5)
    with pytest.raises(ValueError, match=r"inputs of shape \[63\] do not fit"):
        repair(a, a, b, x[:, 1:])
    with pytest.raises(ValueError, match="inputs must hold at least one example"):
        repair(a, a, b, x[:0])
    with torch.no_grad():
        b.layers[0].bias[0] = torch.inf
    with pytest.raises(ValueError, match=r"model_b has NaN or infinite values in 'layers.0.bias'"):
        repair(a, a, b, x)


# calibrate_temperature


def mistaken(n: int, seed: int = 3, classes: int = 3) -> Tensor:
    return torch.randint(classes, (n,), generator=rng(seed))


def favoured(model: nn.Module, x: Tensor, seed: int = 3) -> Tensor:
    """Labels that the model gets right more often than not, and wrong at least once."""
    labels = model(x).argmax(1)
    labels[::4] = mistaken(len(labels), seed)[::4]
    labels[0] = (model(x[:1]).argmax() + 1) % 3
    return labels


def loss(model: nn.Module, x: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        return cross_entropy(model(x), labels).item()


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31), scale=st.floats(-6, 6))
def test_the_temperature_is_optimal(seed: int, scale: float) -> None:
    model, x = MLP((64, 9, 3), rng=rng(seed), dtype=torch.float64), inputs(40, seed)
    with torch.no_grad():
        for parameter in model.linears[-1].parameters():
            parameter.mul_(10.0**scale)
    labels = favoured(model, x, seed)
    before = copy.deepcopy(model)
    found = calibrate_temperature(model, x, labels)
    logits = found.model(x).detach()
    torch.testing.assert_close(logits, model(x).detach() / found.temperature)
    power = torch.ones((), dtype=torch.float64, requires_grad=True)
    cross_entropy(power * logits, labels).backward()
    # d loss / d log(1/T) = 0, on the scale of the logits
    assert abs(float(power.grad)) < 1e-12 * max(1.0, float(logits.abs().max()))
    best = loss(found.model, x, labels)
    assert best <= loss(model, x, labels) + 1e-15
    assert best <= min(float(cross_entropy(r * logits, labels)) for r in (0.99, 1.01))
    assert states_equal(model, before)
    again = calibrate_temperature(found.model, x, labels)
    assert again.temperature == pytest.approx(1, rel=1e-10)


def test_two_classes_by_hand() -> None:
    """Logits (4, 0), right for 3 of 4: p = 1/(1 + exp(-4/T)) = 3/4 at T = 4 / log 3."""
    model = nn.Linear(1, 2)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0], [-1.0]]))
        model.bias.copy_(torch.tensor([1.0, -1.0]))
    found = calibrate_temperature(model, torch.ones(4, 1), torch.tensor([0, 1, 0, 0]))
    assert found.temperature == pytest.approx(4 / np.log(3))
    expected = [float(np.log(3) / 2), -float(np.log(3) / 2)]
    assert found.model(torch.ones(1, 1)).tolist()[0] == pytest.approx(expected)
    assert repr(found) == f"CalibratedNetwork(temperature={found.temperature})"


def test_single_precision_and_blocks_of_examples() -> None:
    model, x = BUILD["CNN"](0, torch.float32), inputs(600, dtype=torch.float32)
    labels = favoured(model, x)
    found = calibrate_temperature(model.eval(), x.double(), labels)
    assert found.model.head.weight.dtype == torch.float32
    assert not found.model.training
    double = calibrate_temperature(model.double(), x.double(), labels)
    assert found.temperature == pytest.approx(double.temperature, rel=1e-5)


def test_no_best_temperature_is_refused() -> None:
    model, x = BUILD["MLP"](0, torch.float64), inputs()
    with pytest.raises(NoBestTemperatureError, match="every label has the largest logit"):
        calibrate_temperature(model, x, model(x).argmax(1))
    with pytest.raises(NoBestTemperatureError, match="more than the average logit"):
        calibrate_temperature(model, x, model(x).argmin(1))


def test_networks_and_data_that_cannot_be_calibrated_are_refused() -> None:
    model, x = BUILD["MLP"](0, torch.float64), inputs()
    labels = favoured(model, x)
    with torch.random.fork_rng():
        softmax = nn.Sequential(nn.Linear(64, 3), nn.LogSoftmax(1)).double()
        shared = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64)).double()
    shared[1].weight = shared[0].weight
    for other, message in (
        (softmax, "must end in an nn.Linear"),
        (normalised()[:2], "must end in an nn.Linear"),
        (shared, "parameters of the output layer"),
    ):
        with pytest.raises(TypeError, match=message):
            calibrate_temperature(other, x, labels)
    with pytest.raises(ValueError, match=r"data.labels must lie in 0..2, got 3..3"):
        calibrate_temperature(model, x, torch.full((60,), 3))
    with pytest.raises(ValueError, match="60 inputs do not match 59 labels"):
        calibrate_temperature(model, x, labels[1:])
    with pytest.raises(ValueError, match=r"inputs of shape \[63\] do not fit"):
        calibrate_temperature(model, x[:, 1:], labels)
    with pytest.raises(ValueError, match="inputs must be finite"):
        calibrate_temperature(model, x / 0, labels)
    with torch.no_grad():
        model.layers[0].weight.fill_(1e300)
        model.layers[1].weight.fill_(1e300)
    with pytest.raises(ValueError, match="must have finite outputs"):
        calibrate_temperature(model, x, labels)


# What they are for: the middle of the segment between two trained networks


def test_recalibration_lowers_the_loss_midway() -> None:
    digits = load_dataset("digits")
    options = TrainingConfig(epochs=3, learning_rate=0.05)
    seeds = (0, 1)
    for build, correct in (
        (lambda g: MLP((64, 128, 128, 10), rng=g), repair),
        (
            lambda g: VGG((1, 8, 8), 10, 11, 8, "batch", rng=g),
            lambda middle, _a, _b, x: reset_batch_norm(middle, x),
        ),
    ):
        initial = [build(seeded_generators(0)[0]) for _ in seeds]  # one initialisation
        a, b = train_many(initial, digits.train, options, seeds=seeds)
        x, y = digits.train.inputs, digits.train.labels
        middle = interpolate(a, b, 0.5)
        corrected = correct(middle, a, b, x)
        losses = [loss(net.eval(), x, y) for net in (middle, corrected)]
        assert losses[1] < losses[0]
        calibrated = calibrate_temperature(corrected, x, y).model
        assert loss(calibrated.eval(), x, y) <= losses[1] + 1e-6
        assert losses[0] == pytest.approx(barrier(a, b, digits.train, 3).loss[1], rel=1e-4)
