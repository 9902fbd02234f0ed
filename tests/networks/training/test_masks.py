"""Sparse networks: masks, training under them, and pruning with rewinding."""

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from lmctheory.networks import (
    MLP,
    VGG,
    TrainingConfig,
    ViT,
    magnitude_masks,
    random_masks,
    train_many,
)
from tests.networks.ordinary import ADAMW, CONFIG, blobs, distance, networks, ordinary


def zeros_of(model: nn.Module, mask: dict[str, Tensor]) -> bool:
    held = dict(model.named_parameters())
    return all(bool((held[name][~kept] == 0).all()) for name, kept in mask.items())


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("config", [CONFIG, replace(CONFIG, momentum=0.0), ADAMW])
def test_masked_training_is_the_ordinary_loop_with_masked_gradients(
    config: TrainingConfig,
) -> None:
    initial, data = networks(), blobs()
    # the second network is dense, the third sparse in one layer and in a bias
    third = {
        "layers.1.weight": torch.arange(40).view(5, 8) % 3 > 0,
        "layers.1.bias": torch.arange(5) > 2,
    }
    masks = [random_masks(initial[0], 0.4, rng=0), {}, third]
    trained = train_many(initial, data, config, seeds=(5, 6, 7), masks=masks)
    for before, after, seed, mask in zip(initial, trained, (5, 6, 7), masks, strict=True):
        assert distance(after, ordinary(before, data, config, seed, mask=mask)) < 1e-12
        assert zeros_of(after, mask)
    assert not zeros_of(initial[0], masks[0])


@pytest.mark.usefixtures("path")
def test_zeros_stay_zero_in_a_network_that_diverges() -> None:
    initial = networks(1)
    with torch.no_grad():
        for parameter in initial[0].parameters():
            parameter.mul_(1e200)
    masks = [random_masks(initial[0], 0.4, rng=0)]
    (found,) = train_many(initial, blobs(), CONFIG, seeds=(1,), masks=masks)
    assert found.linears[0].weight.isnan().any()
    assert zeros_of(found, masks[0])


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("config", [CONFIG, ADAMW])
def test_a_span_is_the_ordinary_loop_over_its_epochs(config: TrainingConfig) -> None:
    initial, data = networks(2), blobs()
    for span in ((0, 1), (1, 3), (2, 3)):
        found = train_many(initial, data, config, seeds=(5, 6), span=span)
        for before, after, seed in zip(initial, found, (5, 6), strict=True):
            assert distance(after, ordinary(before, data, config, seed, span=span)) < 1e-12


@pytest.mark.usefixtures("path")
def test_spans_without_momentum_make_up_the_whole() -> None:
    initial, data, config = networks(2), blobs(), replace(CONFIG, momentum=0.0)
    whole = train_many(initial, data, config, seeds=(5, 6), trunk_epochs=2)
    parts = initial
    for span in ((0, 1), (1, 3)):
        parts = train_many(parts, data, config, seeds=(5, 6), trunk_epochs=2, span=span)
    assert max(map(distance, whole, parts)) < 1e-12


@pytest.mark.usefixtures("path")
def test_iterative_pruning_with_rewinding() -> None:
    data, seeds = blobs(), (5, 6)
    early = train_many(networks(2), data, CONFIG, seeds=seeds, span=(0, 1))
    masks: list[dict[str, Tensor]] = [{}, {}]
    for round_ in (1, 2, 3):
        trained = train_many(early, data, CONFIG, seeds=seeds, span=(1, 3), masks=masks)
        smaller = [magnitude_masks(net, 0.6**round_) for net in trained]
        for mask, before in zip(smaller, masks, strict=True):
            assert all(bool((before[name] >= kept).all()) for name, kept in mask.items() if before)
        masks = smaller
    tickets = train_many(early, data, CONFIG, seeds=seeds, span=(1, 3), masks=masks)
    for start, ticket, seed, mask in zip(early, tickets, seeds, masks, strict=True):
        assert zeros_of(ticket, mask)
        assert {name: int(kept.sum()) for name, kept in mask.items()} == {
            "layers.0.weight": round(0.216 * 48),
            "layers.1.weight": round(0.216 * 40),
            "layers.2.weight": round(0.216 * 15),
        }
        by_hand = ordinary(start, data, CONFIG, seed, span=(1, 3), mask=mask)
        assert distance(ticket, by_hand) < 1e-12


def test_magnitude_keeps_the_largest() -> None:
    net = networks(1)[0]
    W = net.linears[1].weight.detach().abs()
    kept = magnitude_masks(net, 0.3)["layers.1.weight"]
    assert int(kept.sum()) == 12
    assert W[kept].min() > W[~kept].max()
    masks = magnitude_masks(net, 0.3, across_layers=True)
    held = dict(net.named_parameters())
    inside = torch.cat([held[name][kept].abs() for name, kept in masks.items()])
    outside = torch.cat([held[name][~kept].abs() for name, kept in masks.items()])
    assert len(inside) == round(0.3 * (48 + 40 + 15))
    assert inside.min() > outside.max()
    with torch.no_grad():
        net.linears[0].weight.zero_()
    assert int(magnitude_masks(net, 0.25)["layers.0.weight"].flatten()[:12].sum()) == 12


def test_random_masks_are_uniform() -> None:
    # 300 masks of 10 in 40: counts have mean 75 and variance 56; one of 40 is 5 deviations off
    # with probability 2e-5
    net = nn.Linear(10, 4)
    counts = sum(random_masks(net, 0.25, rng=seed)["weight"].double() for seed in range(300))
    assert counts.sum() == 3000
    assert float((counts - 75).abs().max()) < 5 * 56.25**0.5


def test_masks_are_of_weights() -> None:
    rng = torch.Generator().manual_seed(0)
    vgg = VGG((1, 4, 4), 3, depth=11, width=1, norm="batch", rng=rng)
    vit = ViT((1, 4, 4), 3, patch=2, width=4, depth=1, heads=2, rng=rng)
    for net in (vgg, vit):
        masked = set(random_masks(net, 0.5, rng=0))
        assert masked == set(magnitude_masks(net, 0.5))
        layers = (nn.Linear, nn.Conv2d, nn.MultiheadAttention)
        owners = {name.rpartition(".")[0] for name in masked}
        assert owners == {name for name, m in net.named_modules() if isinstance(m, layers)}


def test_arguments_stay_as_they_were() -> None:
    initial, data = networks(2), blobs()
    masks = [random_masks(net, 0.5, rng=0) for net in initial]
    before = copy.deepcopy((initial, masks))
    train_many(initial, data, CONFIG, seeds=(1, 2), masks=masks)
    magnitude_masks(initial[0], 0.5)
    assert max(map(distance, initial, before[0])) == 0
    for held, was in zip(masks, before[1], strict=True):
        assert all(torch.equal(held[name], was[name]) for name in was)


def broken() -> nn.Module:
    net = MLP((6, 8, 3), rng=torch.Generator())
    with torch.no_grad():
        net.linears[0].weight[0, 0] = torch.nan
    return net


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: random_masks(networks(1)[0], 0.0, rng=0), r"density must lie in \(0, 1\], got 0"),
        (lambda: magnitude_masks(networks(1)[0], 1.5), r"density must lie in \(0, 1\], got 1.5"),
        (lambda: random_masks(nn.ReLU(), 0.5, rng=0), "must have weights of two or more"),
        (lambda: magnitude_masks(broken(), 0.5), "must have no NaN .* 'layers.0.weight'"),
        (lambda: trained(masks=[{}]), "2 networks, 1 mappings"),
        (lambda: trained(masks=[{}, {"W": torch.ones(8, 6) > 0}]), r"masks\[1\] must name .* 'W'"),
        (
            lambda: trained(masks=[{"layers.0.weight": torch.ones(6, 8) > 0}, {}]),
            r"must have shape \[8, 6\], got \[6, 8\]",
        ),
        (lambda: trained(span=(1, 1)), r"span must be rising in 0\.\.3, got \(1, 1\)"),
        (lambda: trained(span=(0, 4)), r"span must be rising in 0\.\.3, got \(0, 4\)"),
        (lambda: trained(span=(-1, 2)), r"span must be rising in 0\.\.3, got \(-1, 2\)"),
    ],
)
def test_bad_arguments_are_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.usefixtures("as_users_call")
def test_arguments_of_other_types_are_refused() -> None:
    for mask, kind in ((torch.ones(8, 6), "torch.float32"), ([True], "list")):
        with pytest.raises(TypeError, match=f"must be a tensor of truth values, got {kind}"):
            trained(masks=[{"layers.0.weight": mask}, {}])
    with pytest.raises(TypeError, match=r"masks\[1\] must map names of parameters .* got list"):
        trained(masks=[{}, []])
    with pytest.raises(TypeError, match=r"rate_factors must map names of parameters .* got list"):
        trained(rate_factors=[2.0])
    for span in (3, (1,), (0, 1, 2)):
        with pytest.raises(ValueError, match="span must be"):
            trained(span=span)
    with pytest.raises(TypeError, match=r"every end of span must be an integer, got .*0\.5"):
        trained(span=(0, 0.5))


def trained(**options: object) -> list[nn.Module]:
    return train_many(networks(2), blobs(), CONFIG, seeds=(1, 2), **options)  # type: ignore[arg-type]
