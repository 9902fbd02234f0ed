"""L4: the identity on smooth and piecewise linear networks, and its parts against other routes."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.layerwise.second_order.curvature import curvature
from lmctheory.networks import MLP, Examples, ViT
from lmctheory.paths import barrier, interpolate


def problem(widths=(5, 7, 6, 3), sigma="tanh", seed=0, n=12):
    rng = torch.Generator().manual_seed(seed)
    models = [MLP(widths, sigma, rng=rng, dtype=torch.float64) for _ in range(2)]
    for model in models:
        for layer in model.linears:
            layer.weight.data.mul_(1.5)
            layer.bias.data.normal_(generator=rng)
    x = torch.randn(n, widths[0], generator=rng, dtype=torch.float64)
    return *models, Examples(x, torch.randint(widths[-1], (n,), generator=rng))


@pytest.mark.parametrize("sigma", ["tanh", "gelu", "sigmoid", "softplus", "identity"])
@pytest.mark.parametrize("widths", [(5, 3), (5, 7, 3), (5, 7, 6, 5, 3)])
def test_smooth_networks_obey_the_identity(sigma, widths):
    a, b, data = problem(widths, sigma)
    found = curvature(a, b, data, points=9)
    assert np.abs(found.residual).max() <= 1e-8 * np.abs(found.barrier).max()
    assert found.quadrature_error <= 1e-8 * np.abs(found.barrier).max()
    assert len(found.kinks) == 0
    assert not found.kinked.any()
    np.testing.assert_allclose(found.barrier, barrier(a, b, data, points=9).barrier, atol=1e-12)


@pytest.mark.parametrize("widths", [(5, 7, 3), (5, 7, 6, 3), (4, 5, 5, 5, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_relu_networks_obey_it_with_their_kinks(widths, seed):
    a, b, data = problem(widths, "relu", seed)
    found = curvature(a, b, data, points=9)
    scale = np.abs(found.barrier).max()
    assert np.abs(found.residual).max() <= 1e-9 * scale
    assert np.abs(found.kinked).max() > 0.02 * scale  # without them it does not hold


def test_leaky_relus_too():
    rng = torch.Generator().manual_seed(1)
    nets = []
    for _ in range(2):
        first, second = MLP((4, 6, 3), rng=rng, dtype=torch.float64).linears
        nets.append(nn.Sequential(first, nn.LeakyReLU(-0.5), second))
    data = Examples(torch.randn(10, 4, generator=rng, dtype=torch.float64), torch.arange(10) % 3)
    found = curvature(*nets, data, points=5)
    assert np.abs(found.residual).max() <= 1e-8 * np.abs(found.barrier).max()
    assert np.abs(found.kinked).max() > 1e-3


def mean_loss(model, data):
    with torch.no_grad():
        return float(nn.functional.cross_entropy(model(data.inputs), data.labels))


@pytest.mark.parametrize("sigma", ["tanh", "relu"])
def test_the_second_derivative_is_the_difference_quotient(sigma):
    a, b, data = problem(sigma=sigma, n=3)
    found = curvature(a, b, data, points=6)
    h = 1e-4
    for t, second in list(zip(found.t, found.second_derivative, strict=True))[1:-1]:
        near = [mean_loss(interpolate(a, b, s), data) for s in (t - h, t, t + h)]
        assert second == pytest.approx((near[0] - 2 * near[1] + near[2]) / h**2, rel=1e-4, abs=1e-5)


def test_the_ends_are_not_exchanged():
    a, b, data = problem()
    found = curvature(a, b, data, points=5)
    assert found.loss[-1] == pytest.approx(mean_loss(a, data))
    back = curvature(b, a, data, points=5)
    np.testing.assert_allclose(back.smooth, found.smooth[::-1], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(back.second_derivative, found.second_derivative[::-1], rtol=1e-10)


class Opaque(nn.Module):
    """A module that is no chain, since nothing is known of it."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x) * 1


def test_modules_give_what_chains_give():
    a, b, data = problem(n=5)
    chain, module = curvature(a, b, data, 5), curvature(Opaque(a), Opaque(b), data, 5)
    assert module.kinks is None
    for name in ("loss", "second_derivative", "smooth"):
        np.testing.assert_allclose(
            getattr(module, name), getattr(chain, name), rtol=1e-8, atol=1e-10
        )


@pytest.mark.slow
def test_a_vision_transformer_obeys_the_identity():
    """LayerNorm, attention and GELU: smooth, no chain, and float32 to begin with."""
    rng = torch.Generator().manual_seed(0)
    a, b = (ViT((1, 8, 8), 3, patch=4, width=8, depth=1, heads=2, rng=rng) for _ in range(2))
    data = Examples(torch.randn(6, 1, 8, 8, generator=rng), torch.arange(6) % 3)
    found = curvature(a, b, data, points=5, rtol=1e-7)
    assert np.abs(found.residual).max() <= 1e-6 * np.abs(found.barrier).max()
    assert a.state_dict()["head.weight"].dtype == torch.float32


def test_running_statistics_of_batch_norm_are_part_of_the_path():
    rng = torch.Generator().manual_seed(0)
    nets = []
    for _ in range(2):
        net = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 3)).double()
        for tensor in net.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=rng) + 0.2)
        nets.append(net)
    x = torch.randn(10, 4, generator=rng, dtype=torch.float64)
    found = curvature(*nets, Examples(x, torch.arange(10) % 3), points=5)
    assert np.abs(found.residual).max() <= 1e-8 * np.abs(found.barrier).max()


@pytest.mark.slow
def test_the_residual_of_a_module_with_kinks_is_what_they_add():
    a, b, data = problem((5, 7, 3), "relu", n=4)
    chain = curvature(a, b, data, 3)
    module = curvature(Opaque(a), Opaque(b), data, 3, rtol=1e-2)
    np.testing.assert_allclose(module.residual, chain.kinked, atol=0.05 * abs(chain.kinked).max())


@pytest.mark.parametrize("widths", [(5, 1, 4, 3), (5, 3, 3, 3), (5, 2, 2, 2, 2, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_bias_free_networks_obey_it_where_whole_layers_die(widths, seed):
    a, b, data = problem(widths, "relu", seed)
    for layer in (*a.linears, *b.linears):
        layer.bias.data.zero_()
    assert np.abs(curvature(a, b, data, points=9).residual).max() <= 1e-12


def test_identical_networks_have_no_curvature():
    a, _, data = problem(sigma="relu")
    found = curvature(a, a, data, points=3)
    assert np.abs(found.second_derivative).max() < 1e-12
    assert np.abs(found.residual).max() < 1e-12


def test_repr():
    a, b, data = problem((5, 4, 3), n=3)
    pattern = r"Curvature\(at t=\S+: barrier=\S+, smooth=\S+, kinked=\S+, residual=\S+; kinks: 0\)"
    assert re.fullmatch(pattern, repr(curvature(a, b, data, 3)))
    text = repr(curvature(Opaque(a), Opaque(b), data, 3, rtol=1e-3))
    assert text.endswith("kinks: not looked for)")


def test_bad_arguments_are_refused():
    a, b, data = problem()
    with pytest.raises(ValueError, match=r"points must be >= 3, got 2"):
        curvature(a, b, data, points=2)
    with pytest.raises(ValueError, match=r"rtol must lie in \(0, 1\), got 0.0"):
        curvature(a, b, data, rtol=0.0)
    with pytest.raises(ValueError, match="same architecture"):
        curvature(a, problem((5, 4, 3))[0], data)
    with pytest.raises(ValueError, match="same architecture"):
        curvature(Opaque(a), Opaque(problem((5, 4, 3))[0]), data)
    bad = Examples(data.inputs, data.labels + 3)
    for pair in ((a, b), (Opaque(a), Opaque(b))):
        with pytest.raises(ValueError, match=r"data.labels must lie in 0..2"):
            curvature(*pair, bad)
