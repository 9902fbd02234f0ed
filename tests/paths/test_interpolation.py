"""Interpolating modules of any architecture."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.networks import CNN, MLP, Examples, ResNet20, ViT
from lmctheory.paths import barrier, interpolate, with_layers_of
from tests.layerwise.cube_pairs import Opaque


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def residual(seed: int) -> nn.Module:
    """With running statistics of its own, after a number of batches of its own."""
    model = ResNet20((1, 8, 8), 3, 4, rng=rng(seed), dtype=torch.float64)
    for batch in range(seed + 1):
        model(torch.randn(8, 64, generator=rng(seed + batch), dtype=torch.float64))
    return model


def data(n: int = 30, dtype: torch.dtype = torch.float64) -> Examples:
    return Examples(torch.randn(n, 64, generator=rng(7), dtype=dtype), torch.arange(n) % 3)


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_parameters_and_running_statistics_are_interpolated(t: float) -> None:
    a, b = residual(0), residual(1).eval()
    before = copy.deepcopy((a.state_dict(), b.state_dict()))
    middle = interpolate(a, b, t)
    for key, value in middle.state_dict().items():
        A, B = (state[key] for state in before)
        if value.is_floating_point():
            torch.testing.assert_close(value, t * A + (1 - t) * B, rtol=1e-12, atol=1e-12)
        assert torch.equal(value, A) or t < 1
        assert torch.equal(value, B) or t > 0 or not value.is_floating_point()
        assert torch.equal(a.state_dict()[key], A)
        assert torch.equal(b.state_dict()[key], B)
    assert int(middle.stem[1].num_batches_tracked) == 1  # A's; B has seen two
    assert middle.training
    assert middle.stem[1].running_mean is not a.stem[1].running_mean


BUILD: dict[str, Callable[[int], nn.Module]] = {
    "CNN": lambda seed: CNN((1, 8, 8), (4, 6), 3, rng=rng(seed), dtype=torch.float64),
    "ResNet20": residual,
    "ViT": lambda seed: ViT(
        (1, 8, 8), 3, patch=4, width=8, depth=2, heads=2, rng=rng(seed), dtype=torch.float64
    ),
}


@pytest.mark.parametrize("name", BUILD)
def test_the_barrier_is_the_loss_of_interpolated_networks(name: str) -> None:
    a, b = BUILD[name](0), BUILD[name](1)
    examples = data(300)  # more than one block
    curve = barrier(a, b, examples, points=5)
    for t, loss in zip(curve.t, curve.loss, strict=True):
        logits = interpolate(a, b, float(t)).eval()(examples.inputs)
        expected = nn.functional.cross_entropy(logits, examples.labels)
        assert loss == pytest.approx(expected.item(), rel=1e-10)


def test_both_ways_to_a_barrier_agree() -> None:
    a, b = (MLP((64, 9, 8, 3), rng=rng(seed), dtype=torch.float64) for seed in (0, 1))
    chain, module = barrier(a, b, data(300)), barrier(Opaque(a), Opaque(b), data(300))
    np.testing.assert_allclose(chain.loss, module.loss, rtol=1e-12)
    np.testing.assert_array_equal(chain.accuracy, module.accuracy)


def test_data_are_cast_to_the_type_of_the_networks() -> None:
    a, b = (BUILD["CNN"](seed).float() for seed in (0, 1))
    examples = data(dtype=torch.float32)
    single, double = (
        barrier(a, b, examples.to(dtype=dtype), 3) for dtype in (torch.float32, torch.float64)
    )
    np.testing.assert_array_equal(single.loss, double.loss)


@pytest.mark.parametrize("t", [-0.1, 1.1, float("nan")])
def test_points_off_the_segment_are_refused(t: float) -> None:
    with pytest.raises(ValueError, match=r"t must lie in \[0, 1\], got"):
        interpolate(residual(0), residual(1), t)


def test_networks_that_differ_are_refused() -> None:
    a = nn.Sequential(nn.Linear(64, 4), nn.ReLU(), nn.Linear(4, 3))
    with pytest.raises(ValueError, match=r"'2.weight' has shape \(3, 4\) in model_a and None"):
        interpolate(a, nn.Sequential(nn.Linear(64, 4)), 0.5)
    with pytest.raises(ValueError, match=r"'0.weight' has shape None in model_a and \(4, 64\)"):
        interpolate(nn.Sequential(), nn.Sequential(nn.Linear(64, 4)), 0.5)
    with pytest.raises(ValueError, match="same architecture, but '1' is ReLU in model_a and Tanh"):
        interpolate(a, nn.Sequential(a[0], nn.Tanh(), a[2]), 0.5)
    with pytest.raises(ValueError, match=r"one type and device, but '0.weight' has torch.float32"):
        interpolate(a, copy.deepcopy(a).double(), 0.5)
    with pytest.raises(
        ValueError, match="model_b must hold numbers in dense tensors, got a tensor on the meta"
    ):
        interpolate(a, copy.deepcopy(a).to("meta"), 0.5)
    broken = copy.deepcopy(a)
    with torch.no_grad():
        broken[0].bias[0] = torch.nan
    with pytest.raises(ValueError, match=r"model_b has NaN or infinite values in '0.bias'"):
        interpolate(a, broken, 0.5)


def test_data_that_do_not_fit_a_module_are_refused() -> None:
    a, b = BUILD["CNN"](0), BUILD["CNN"](1)
    with pytest.raises(ValueError, match=r"inputs of shape \[63\] do not fit"):
        barrier(a, b, Examples(data().inputs[:, 1:], data().labels))
    with pytest.raises(ValueError, match=r"data.labels must lie in 0..2, got 3..3"):
        barrier(a, b, Examples(data().inputs, torch.full((30,), 3)))


class Tied(nn.Module):
    """One matrix, read twice under two names."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        self.first, self.second = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
        self.first.weight = nn.Parameter(torch.randn(3, 3, generator=rng))
        self.second.weight = self.first.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.tanh(self.first(x)).sigmoid())


def test_tied_parameters_stay_tied_on_the_segment() -> None:
    a, b = Tied(0), Tied(1)
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(2))
    data = Examples(x, torch.arange(6) % 3)
    middle = interpolate(a, b, 0.5)
    expected = nn.functional.cross_entropy(middle(x), data.labels)
    assert barrier(a, b, data, points=3).loss[1] == pytest.approx(float(expected.detach()))


def test_a_tied_layer_is_not_taken_alone() -> None:
    a, b = Tied(0), Tied(1)
    with pytest.raises(ValueError, match=r"must name 'second\.weight' too"):
        with_layers_of(a, b, ["first"])
    far = with_layers_of(a, b, ["first", "second"])
    assert torch.equal(far.first.weight, b.first.weight)
