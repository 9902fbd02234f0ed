"""Strengths of merged features where they are known, and by loops."""

import numpy as np
import pytest
import torch

from lmctheory.layerwise import vanishing
from lmctheory.matching import repair
from lmctheory.networks import CNN, MLP
from lmctheory.paths import interpolate


def problem(widths=(5, 9, 8, 3), sigma="relu", seed=0):
    rng = torch.Generator().manual_seed(seed)
    a, b = (MLP(widths, sigma, rng=rng, dtype=torch.float64) for _ in range(2))
    for model in (a, b):
        for layer in model.linears:
            layer.bias.data.normal_(generator=rng)
    return a, b, torch.randn(50, widths[0], generator=rng, dtype=torch.float64)


def pre_activations(network, x):
    found = []
    for layer in network.linears:
        z = layer(x)
        found.append(z.detach().numpy())
        x = network.activation.apply(z)
    return found


@pytest.mark.parametrize("t", [0.5, 0.2])
def test_ratios_are_those_of_loops(t):
    a, b, x = problem()
    middle = interpolate(a, b, t)
    found = vanishing(middle, a, b, x, t)
    zero = torch.zeros(1, 5, dtype=torch.float64)
    assert found.names == tuple(f"layers.{k}.weight" for k in range(3))
    for k in range(3):
        induced, variance, share = [], [], []
        for network in (middle, a, b):
            z, offset = pre_activations(network, x)[k], pre_activations(network, zero)[k]
            induced.append(np.mean((z - offset) ** 2))
            variance.append(np.mean([z[:, channel].var() for channel in range(z.shape[1])]))
            share.append(np.mean(z**2))
        weights = np.array([t, 1 - t])
        assert found.induced[k] == pytest.approx((induced[0] / (weights @ induced[1:])) ** 0.5)
        assert found.deviation[k] == pytest.approx((variance[0] / (weights @ variance[1:])) ** 0.5)
        assert found.share[k] == pytest.approx((induced[0] / share[0]) ** 0.5)
        of_ends = (weights @ induced[1:]) / (weights @ share[1:])
        assert found.end_share[k] == pytest.approx(of_ends**0.5)


@pytest.mark.parametrize(("t", "end"), [(1.0, 0), (0.0, 1)])
def test_nothing_vanishes_at_the_ends(t, end):
    a, b, x = problem()
    found = vanishing((a, b)[end], a, b, x, t)
    np.testing.assert_allclose(found.induced, 1)
    np.testing.assert_allclose(found.deviation, 1)
    np.testing.assert_allclose(found.share, found.end_share)


def test_opposite_linear_networks_leave_nothing():
    a, b, x = problem(sigma="identity")
    for own, other in zip(a.linears, b.linears, strict=True):
        other.weight.data, other.bias.data = -own.weight.data, own.bias.data
    found = vanishing(interpolate(a, b, 0.5), a, b, x)
    np.testing.assert_array_equal(found.induced, 0)
    np.testing.assert_array_equal(found.share, 0)
    np.testing.assert_allclose(found.deviation, 0, atol=1e-12)


def test_repair_puts_deviations_back():
    a, b, x = problem((5, 40, 40, 40, 3))
    middle = interpolate(a, b, 0.5)
    before, after = (vanishing(one, a, b, x) for one in (middle, repair(middle, a, b, x)))
    assert before.deviation[2] < 0.6
    assert (after.deviation[:3] > 0.9).all()


def test_convolutions_are_compared_channel_by_channel():
    rng = torch.Generator().manual_seed(0)
    a, b = (CNN((1, 6, 6), (3, 4), 2, rng=rng, dtype=torch.float64) for _ in range(2))
    x = torch.rand(9, 36, generator=rng, dtype=torch.float64)
    a.blocks[0][0].bias.data.fill_(0.3)
    found = vanishing(a, a, b, x, 0.5)

    def first(network, inputs):
        return network.blocks[0][0](inputs.view(-1, 1, 6, 6)).detach()

    squares = [
        (first(network, x) - first(network, torch.zeros_like(x[:1]))).square().mean()
        for network in (a, b)
    ]
    assert found.induced[0] == pytest.approx(float((squares[0] / np.mean(squares)) ** 0.5))


def test_dead_ends_have_no_ratio():
    a, b, x = problem()
    for network in (a, b):
        network.linears[1].weight.data.zero_()
    found = vanishing(a, a, b, x)
    assert np.isnan(found.induced[1])
    assert found.share[1] == 0


def test_bad_arguments_are_refused():
    a, b, x = problem()
    with pytest.raises(ValueError, match="t must lie in"):
        vanishing(a, a, b, x, 1.5)
    with pytest.raises(ValueError, match="same architecture"):
        vanishing(a, a, problem((5, 9, 7, 3))[0], x)
    with pytest.raises(ValueError, match="inputs"):
        vanishing(a, a, b, x[:0])
