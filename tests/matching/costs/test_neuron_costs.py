"""Costs of aligning neurons, for any architecture, against their definitions."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from lmctheory.matching import permute, symmetry
from lmctheory.matching.alignment import side_by_side
from lmctheory.matching.costs.neuron_costs import (
    activation,
    all_parameters,
    combined,
    compressed_responses,
    gain_matrix,
    gradient,
    group_costs,
    layer_costs,
    layer_inputs,
    layer_outputs,
    naive,
    pre_activation,
    second_moments,
    weighted,
)
from lmctheory.networks import CNN, MLP, VGG, ResNet20, ViT, affine_chain
from tests.rarely import rarely


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def inputs(*shape: int, seed: int = 9) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


ARCHITECTURES = {
    "mlp": lambda rng: MLP((64, 9, 7, 10), rng=rng),
    "cnn": lambda rng: CNN((1, 8, 8), (5, 6), 10, rng=rng),
    "vgg": lambda rng: VGG((1, 8, 8), 10, 11, 2, "batch", rng=rng),
    "resnet": lambda rng: ResNet20((1, 8, 8), 10, 2, rng=rng),
    "vit": lambda rng: ViT((1, 8, 8), 10, patch=4, width=12, depth=1, heads=3, rng=rng),
}


def network(name: str, seed: int = 0) -> nn.Module:
    """With biases, norms and statistics that matter."""
    rng = generator(seed)
    model = ARCHITECTURES[name](rng).double().eval()
    with torch.no_grad():
        for key, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if tensor.is_floating_point():
                tensor.add_(0.2 * torch.randn(tensor.shape, generator=rng).double())
                if key.endswith("running_var"):
                    tensor.abs_().add_(0.5)
    return model


def shuffled(model: nn.Module, x: torch.Tensor, seed: int = 0):
    rng = np.random.default_rng(seed)
    found = symmetry(model, x)
    orders = {group.name: rng.permutation(group.size) for group in found.groups}
    return permute(model, orders, found), orders


def costs_of(a: nn.Module, b: nn.Module, x: torch.Tensor):
    labels = torch.arange(len(x)) % 10
    moments = [second_moments(model, x) for model in (a, b)]
    return {
        "naive": naive,
        "weighted": weighted(*moments),
        "activation": activation(layer_inputs(a, x), layer_inputs(b, x)),
        "pre-activation": pre_activation(layer_outputs(a, x), layer_outputs(b, x)),
        "gradient": gradient(a, b, x, labels),
        "weight": all_parameters,
        "both": combined([(naive, 0.5), (gradient(a, b, x, labels), 0.5)]),
    }


@pytest.mark.parametrize("name", rarely(ARCHITECTURES, ["vgg"]))
def test_networks_in_another_order_cost_nothing_once_they_are_aligned(name):
    a, x = network(name), inputs(12, 64)
    b, orders = shuffled(a, x)
    start = side_by_side(a, b, x)
    there = start
    for group in reversed(start.symmetry.groups):  # whole blocks first, then what is inside
        there = there.turned(group, np.argsort(orders[group.name]))
    for name_of, parameter in there.b.items():
        assert torch.equal(parameter, there.a[name_of])
    for kind, cost in costs_of(a, b, x).items():
        aligned, unaligned = (group_costs(pair, cost) for pair in (there, start))
        scale = max(unaligned.values())
        assert max(aligned.values()) <= 1e-12 * max(1.0, scale), kind
        assert scale > 1e-6, kind


@pytest.mark.parametrize("name", rarely(["cnn", "resnet", "vit"], ["resnet"]))
def test_costs_follow_the_order_found_so_far(name):
    """Costs of a partly aligned pair are those of B permuted and taken as a new network."""
    a, b, x = network(name, 0), network(name, 1), inputs(6, 64)
    pair = side_by_side(a, b, x)
    rng = np.random.default_rng(3)
    for group in pair.symmetry.groups:
        pair = pair.turned(group, rng.permutation(group.size))
    moved = permute(b, pair.orders, symmetry(b, x))
    fresh = side_by_side(a, moved, x)
    assert pair.objective == pytest.approx(fresh.objective, rel=1e-12)
    for (kind, of_pair), of_fresh in zip(
        costs_of(a, b, x).items(), costs_of(a, moved, x).values(), strict=True
    ):
        expected = group_costs(fresh, of_fresh)
        assert group_costs(pair, of_pair) == pytest.approx(expected, rel=1e-9, abs=1e-11), kind


def test_naive_and_weighted_costs_of_a_convolution_by_hand():
    a, b = (network("cnn", seed) for seed in (0, 1))
    x = inputs(3, 64)
    W_a, W_b = (model.blocks[1][0].weight.detach() for model in (a, b))
    pair = side_by_side(a, b, x)
    group = pair.symmetry["blocks.1.0"]
    expected = torch.einsum("ichw,jchw->ij", W_a, W_b)
    torch.testing.assert_close(gain_matrix(naive(group, pair)), expected)
    # the metric: mean squared difference of the two convolutions on A's own inputs
    h = functional.max_pool2d(torch.relu(a.blocks[0][0](x.reshape(3, 1, 8, 8))), 2).detach()
    gap = functional.conv2d(h, W_a - W_b, padding=1)
    cost = group_costs(pair, weighted(second_moments(a, x)))["blocks.1.0"]
    assert cost == pytest.approx(float(gap.square().mean()), rel=1e-10)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv1d(2, 3, 3, stride=2, padding=2, dilation=2),
        nn.Conv2d(2, 3, (3, 2), stride=(1, 2), padding="valid"),
        nn.Conv2d(2, 3, 3, padding="same", padding_mode="circular"),
        nn.Conv3d(2, 3, 2, padding=1, padding_mode="reflect"),
    ],
)
def test_moments_of_patches_are_those_of_what_the_layer_computes(layer):
    size = len(layer.kernel_size)
    model = nn.Sequential(layer, nn.Flatten())
    x = inputs(4, 2, *(6,) * size)
    moment = second_moments(model, x)["0.weight"]
    W = layer.weight.detach().double().flatten(1)
    y = layer.double()(x).detach() - layer.bias.detach().reshape(-1, *(1,) * size)
    y = y.movedim(1, -1).reshape(-1, 3)
    torch.testing.assert_close(W @ moment @ W.mT, y.mT @ y / len(y))
    covariance = second_moments(model, x, centred=True, batch_size=3)["0.weight"]
    torch.testing.assert_close(W @ covariance @ W.mT, torch.cov(y.mT, correction=0))


def test_what_a_layer_reads_and_writes():
    model, x = network("vit"), inputs(3, 64)
    read, written = layer_inputs(model, x), layer_outputs(model, x)
    block = model.blocks[0]
    for name in ("blocks.0.mlp.1", "head"):
        layer = model.get_submodule(name)
        torch.testing.assert_close(layer(read[f"{name}.weight"]), written[f"{name}.weight"])
    attention = block.attention
    rows = read["blocks.0.attention.in_proj_weight"]
    assert rows.shape == (3 * 5, 12)
    expected = functional.linear(rows, attention.in_proj_weight, attention.in_proj_bias)
    torch.testing.assert_close(written["blocks.0.attention.in_proj_weight"], expected)
    heads = read["blocks.0.attention.out_proj.weight"]
    mixed = attention(*(rows.reshape(3, 5, 12),) * 3)[0]
    torch.testing.assert_close(attention.out_proj(heads), mixed.reshape(-1, 12))
    torch.testing.assert_close(written["blocks.0.attention.out_proj.weight"], mixed.reshape(-1, 12))


def test_chains_and_modules_read_and_write_alike():
    model, x = network("mlp"), inputs(5, 64)
    for seen in (layer_inputs, layer_outputs, second_moments):
        of_module, of_chain = seen(model, x), seen(affine_chain(model), x)
        assert list(of_module) == list(of_chain)
        for name, expected in of_chain.items():
            torch.testing.assert_close(of_module[name], expected)


@pytest.mark.parametrize(
    ("before", "name"), rarely(product([False, True], ["mlp", "resnet", "vit"]), [(True, "resnet")])
)
def test_compressed_responses_have_the_same_inner_products(name, before):
    models, x = [network(name, seed) for seed in (0, 1)], inputs(200, 64)
    short = compressed_responses(models, x, before=before, batch_size=30)
    centred = compressed_responses(models, x, before=before, centred=True, batch_size=30)
    full = [(layer_outputs if before else layer_inputs)(model, x) for model in models]
    for key in full[0]:
        rows = [torch.cat([of[key] for of in seen], dim=1) for seen in (short, centred, full)]
        assert len(rows[0]) <= 2 * (rows[0].shape[1] + 1)
        gram, cov = (r.mT @ r / len(r) for r in rows[:2])
        torch.testing.assert_close(gram, rows[2].mT @ rows[2] / len(rows[2]))
        torch.testing.assert_close(cov, torch.cov(rows[2].mT, correction=0), atol=1e-12, rtol=1e-9)


def test_correlation_against_numpy_and_neurons_that_never_vary():
    a, b, x = network("mlp", 0), network("mlp", 1), inputs(50, 64)
    with torch.no_grad():
        a.layers[0].weight[2] = 0
        a.layers[0].bias[2] = 1e3  # constant
        b.layers[0].bias[4] = -1e6  # dead
    pair = side_by_side(a, b)
    cost = activation(*compressed_responses([a, b], x, centred=True), correlation=True)
    gain = gain_matrix(cost(pair.symmetry["layers.0"], pair))
    assert not gain[2].any()
    assert not gain[:, 4].any()
    phi = [layer_inputs(model, x)["layers.1.weight"].numpy() for model in (a, b)]
    alive = [[0, 1, 3, 4, 5, 6, 7, 8], [0, 1, 2, 3, 5, 6, 7, 8]]
    expected = np.corrcoef(phi[0][:, alive[0]].T, phi[1][:, alive[1]].T)[:8, 8:]
    np.testing.assert_allclose(gain.numpy()[np.ix_(*alive)], expected, atol=1e-12)


def test_gradients_against_autograd_on_the_permuted_network():
    a, b, x = network("cnn", 0), network("cnn", 1), inputs(8, 64)
    labels = torch.arange(8)
    pair = side_by_side(a, b, x)
    group = pair.symmetry["blocks.1.0"]
    gradients = []
    for model in (a, b):
        model.zero_grad()
        functional.cross_entropy(model(x), labels).backward()
        W, out = model.blocks[1][0], model.head
        parts = [W.weight.grad.flatten(1), W.bias.grad[:, None], out.weight.grad.T.reshape(6, -1)]
        gradients.append(torch.cat(parts, dim=1))
    gain = gain_matrix(gradient(a, b, x, labels)(group, pair))
    torch.testing.assert_close(gain, gradients[0] @ gradients[1].mT)


def test_a_combination_is_free_of_units():
    a, b, x = network("cnn", 0), network("cnn", 1), inputs(8, 64)
    pair = side_by_side(a, b, x)
    group = pair.symmetry["blocks.0.0"]

    def louder(group, pair):
        return [features.scaled(10.0, 1000.0) for features in naive(group, pair)]

    mixed, loud = (
        gain_matrix(combined([(cost, 0.25), (all_parameters, 0.75)])(group, pair))
        for cost in (naive, louder)
    )
    torch.testing.assert_close(mixed, loud)
    assert abs(float(mixed.trace())) <= 1
    same = side_by_side(a, a, x)
    both = combined([(naive, 0.25), (all_parameters, 0.75)])(group, same)
    assert float(gain_matrix(both).trace()) == pytest.approx(1, rel=1e-12)
    for shares in ([], [0.5], [1.5, -0.5]):
        with pytest.raises(ValueError, match=r"shares must be >= 0 and of sum one"):
            combined([(naive, share) for share in shares])


def test_networks_that_are_not_alike_are_refused():
    x = inputs(2, 64)
    a = network("cnn")
    other = CNN((1, 8, 8), (5, 7), 10, rng=generator()).double()
    with pytest.raises(
        ValueError, match=r"'blocks.1.0.weight' has shape \(6, 5, 3, 3\) in model_a"
    ):
        side_by_side(a, other, x)
    with pytest.raises(ValueError, match=r"torch.float64 on cpu in model_a and torch.float32"):
        side_by_side(a, network("cnn").float(), x)
    broken = network("cnn")
    with torch.no_grad():
        broken.blocks[0][0].weight[0] = torch.nan
    with pytest.raises(
        ValueError, match=r"model_b has NaN or infinite values in 'blocks.0.0.weight'"
    ):
        side_by_side(a, broken, x)
    with pytest.raises(TypeError, match="needs an example"):
        layer_costs(a, a)
    strided = network("cnn")
    strided.flatten = nn.Sequential(nn.Flatten(), nn.Softmax(1))
    with pytest.raises(ValueError, match="must have the same architecture"):
        side_by_side(a, strided, x)


def test_data_that_do_not_fit_are_refused():
    model = network("cnn")
    with pytest.raises(ValueError, match=r"data of shape \[2, 63\] does not fit the network"):
        layer_inputs(model, inputs(2, 63))
    with pytest.raises(ValueError, match="data must be finite"):
        second_moments(model, torch.full((2, 64), torch.nan))
    with pytest.raises(ValueError, match=r"data must hold at least one example, got \(0, 64\)"):
        compressed_responses([model], torch.zeros(0, 64))
    with pytest.raises(ValueError, match="networks must be one or more, got none"):
        compressed_responses([], torch.zeros(1, 64))


@pytest.mark.usefixtures("as_users_call")
def test_batches_hold_examples():
    model, x = nn.Sequential(nn.Linear(3, 2)), torch.ones(4, 3)
    for call in (
        lambda size: second_moments(model, x, batch_size=size),
        lambda size: compressed_responses([model], x, batch_size=size),
    ):
        with pytest.raises(ValueError, match="batch_size must be >= 1, got 0"):
            call(0)
        with pytest.raises(TypeError, match=r"batch_size must be an integer, got 2\.5"):
            call(2.5)
