"""Convolutions without weight sharing against convolutions, and against their sum."""

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from scipy.stats import kstest, norm
from torch import Tensor, nn

from lmctheory.matching import match, permute, symmetry
from lmctheory.networks import Examples, LocallyConnected2d, TrainingConfig, train_many
from tests.networks.ordinary import distance, ordinary


def layer(*sizes: object, seed: int = 0, **options: object) -> LocallyConnected2d:
    rng = torch.Generator().manual_seed(seed)
    return LocallyConnected2d(*sizes, rng=rng, dtype=torch.float64, **options)  # type: ignore[arg-type]


def images(n: int, *shape: int) -> Tensor:
    rng = torch.Generator().manual_seed(9)
    return torch.randn(n, *shape, generator=rng, dtype=torch.float64)


def network(seed: int = 0) -> nn.Module:
    head = nn.utils.skip_init(nn.Linear, 20, 3, dtype=torch.float64)
    rng = torch.Generator().manual_seed(seed + 100)
    for parameter in head.parameters():
        parameter.data.normal_(generator=rng)
    first = layer(1, 4, (5, 5), 3, 2, 1, initialisation="uniform", seed=seed)
    second = layer(4, 5, (3, 3), 2, initialisation="uniform", seed=seed + 50)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Flatten(), head)


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (1, 2), (2, 1), (3, 0)])
def test_equal_filters_are_a_convolution(stride: int, padding: int) -> None:
    local = layer(2, 3, (6, 7), 3, stride, padding)
    x = images(4, 2, 6, 7)
    with torch.no_grad():
        local.weight.copy_(local.weight[:, :, :1, :1].expand_as(local.weight))
        local.bias.copy_(torch.arange(3.0)[:, None, None].expand_as(local.bias))
    expected = nn.functional.conv2d(
        x, local.weight[:, :, 0, 0], local.bias[:, 0, 0], stride, padding
    )
    torch.testing.assert_close(local(x), expected, rtol=1e-12, atol=1e-12)


def test_filters_of_their_own_by_the_sum() -> None:
    local, x = layer(2, 3, (5, 4), 2, 2, 1, initialisation="uniform"), images(3, 2, 5, 4)
    padded = nn.functional.pad(x, (1, 1, 1, 1))
    found = local(x)
    assert found.shape == (3, 3, 3, 3)
    for i, j in itertools.product(range(3), range(3)):
        patch = padded[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        by_hand = torch.einsum("nckl,ockl->no", patch, local.weight[:, :, i, j])
        torch.testing.assert_close(found[:, :, i, j], by_hand + local.bias[:, i, j])
    assert layer(2, 3, (5, 4), 2, bias=False).bias is None


def test_weights_have_the_law_of_a_convolution_s() -> None:
    local = layer(3, 50, (8, 8), 3)
    entries = local.weight.detach().flatten().numpy()  # 48,600 of them, seed fixed: one in 10^4
    assert kstest(entries, norm(scale=math.sqrt(2 / 27)).cdf).pvalue > 1e-4
    assert not local.bias.any()


def test_its_channels_are_found_by_symmetry_and_matched() -> None:
    a, x = network(), images(6, 1, 5, 5)
    found = symmetry(a, x)
    assert [group.axes for group in found.groups] == [
        (("0.weight", 0), ("0.bias", 0), ("2.weight", 1)),
        (("2.weight", 0), ("2.bias", 0), ("5.weight", 1)),
    ]
    rng = torch.Generator().manual_seed(1)
    chosen = {
        group.name: torch.randperm(group.size, generator=rng).numpy() for group in found.groups
    }
    shuffled = permute(a, chosen, found)
    torch.testing.assert_close(shuffled(x), a(x), rtol=1e-12, atol=1e-12)
    assert distance(shuffled, a) > 0.1
    assert distance(match(a, shuffled, "weight", x).apply(shuffled), a) == 0


def test_channels_of_one_position_may_be_permuted_by_themselves() -> None:
    a, b, x = network(), network(), images(6, 1, 5, 5)
    order = torch.tensor([2, 0, 1, 4, 3])
    with torch.no_grad():  # at position (1, 0) of the second layer, column 2 of each channel's 4
        b[2].weight[:, :, 1, 0] = a[2].weight[order][:, :, 1, 0]
        b[2].bias[:, 1, 0] = a[2].bias[order][:, 1, 0]
        b[5].weight.view(3, 5, 4)[:, :, 2] = a[5].weight.view(3, 5, 4)[:, order, 2]
    torch.testing.assert_close(b(x), a(x), rtol=1e-12, atol=1e-12)


def test_it_trains_as_in_the_ordinary_loop() -> None:
    initial, data = [network(0), network(1)], Examples(images(30, 1, 5, 5), torch.arange(30) % 3)
    config = TrainingConfig(epochs=2, batch_size=8, learning_rate=0.05)
    for before, after, seed in zip(
        initial, train_many(initial, data, config, seeds=(1, 2)), (1, 2), strict=True
    ):
        assert distance(after, ordinary(before, data, config, seed)) < 1e-12


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layer(0, 3, (5, 5), 2), "in_channels must be >= 1, got 0"),
        (lambda: layer(1, 0, (5, 5), 2), "out_channels must be >= 1, got 0"),
        (lambda: layer(1, 3, (5,), 2), r"sides must be height and width, got \(5,\)"),
        (lambda: layer(1, 3, (5, 0), 2), "every side must be >= 1, got 0"),
        (lambda: layer(1, 3, (5, 5), 0), "kernel_size must be >= 1, got 0"),
        (lambda: layer(1, 3, (5, 3), 6, 1, 1), "must be at most 5, the padded image, got 6"),
        (lambda: layer(1, 3, (5, 5), 2, 0), "stride must be >= 1, got 0"),
        (lambda: layer(1, 3, (5, 5), 2, 1, -1), "padding must be >= 0, got -1"),
        (lambda: layer(1, 3, (5, 5), 2, initialisation="ones"), "initialisation must be one of"),
    ],
)
def test_bad_sizes_are_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
