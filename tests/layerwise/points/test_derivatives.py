"""Gradient and Hessian in alpha against finite differences, the path and closed forms."""

import numpy as np
import pytest
import torch
from scipy.special import expit

from lmctheory.layerwise import evaluate, groups, layer_cube, layers
from lmctheory.layerwise.points.differentiable import differentiable
from lmctheory.networks import Examples
from lmctheory.paths import barrier, interpolate
from tests.layerwise.cube_pairs import ARCHITECTURES, examples, mlps, pair
from tests.rarely import rarely


def scalar_pair():
    """f = w_2 w_1 x, A = (1, 1), B = (-1, -1), x = 1 (L1), as logits (f, 0) of class 0."""
    a, b = mlps((1, 1, 2), "identity")
    with torch.no_grad():
        for model, w in ((a, 1.0), (b, -1.0)):
            model.linears[0].weight.fill_(w)
            model.linears[1].weight.copy_(torch.tensor([[w], [0.0]]))
            for layer in model.linears:
                layer.bias.zero_()
    return a, b, Examples(torch.ones(1, 1, dtype=torch.float64), torch.tensor([0]))


def test_two_scalar_layers_by_hand():
    """loss = log(1 + e^{-u}), u = (1 - 2 alpha_1)(1 - 2 alpha_2)."""
    alpha = np.random.default_rng(0).random((5, 2))
    found = layer_cube(*scalar_pair(), alpha, hessian=True)
    v = 1 - 2 * alpha
    u = v.prod(1)
    first, second = -expit(-u), expit(u) * expit(-u)
    np.testing.assert_allclose(found.loss, np.log1p(np.exp(-u)), rtol=1e-12)
    np.testing.assert_allclose(found.gradient, -2 * first[:, None] * v[:, ::-1], rtol=1e-12)
    expected = 4 * second[:, None, None] * v[:, ::-1, None] * v[:, None, ::-1]
    expected += 4 * first[:, None, None] * np.array([[0, 1], [1, 0]])
    np.testing.assert_allclose(found.hessian, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", rarely(ARCHITECTURES, ["resnet", "resnet without norm"]))
def test_derivatives_against_finite_differences(name):
    a, b = pair(name)
    data, L, h = examples(2), len(layers(a)), 1e-6  # so few that no kink lies within h
    rng = np.random.default_rng(1)
    alpha, direction = rng.uniform(0.2, 0.8, (1, L)), rng.uniform(-1, 1, L)
    found = layer_cube(a, b, data, alpha, hessian=True)
    ends = layer_cube(a, b, data, np.concatenate([alpha + h * direction, alpha - h * direction]))
    slope = (ends.loss[0] - ends.loss[1]) / (2 * h)
    assert found.gradient[0] @ direction == pytest.approx(slope, abs=1e-7)
    change = (ends.gradient[0] - ends.gradient[1]) / (2 * h)
    scale = max(np.abs(change).max(), 1)
    np.testing.assert_allclose(found.hessian[0] @ direction, change, atol=1e-6 * scale)
    np.testing.assert_allclose(found.hessian[0], found.hessian[0].T, atol=1e-10 * scale)
    assert np.count_nonzero(found.hessian) > 0


@pytest.mark.parametrize("name", ["deep mlp", "vit"])
def test_sums_are_the_derivatives_of_the_path(name):
    """sum g_l = - d loss / dt and sum g_lk = d^2 loss / dt^2 at theta_t, t = 1 - alpha."""
    a, b = pair(name)
    data, t, h = examples(2), 0.4, 1e-4
    curve = barrier(interpolate(a, b, t + h), interpolate(a, b, t - h), data, 3).loss
    found = layer_cube(a, b, data, np.full((1, len(layers(a))), 1 - t), hessian=True)
    assert -found.gradient.sum() == pytest.approx((curve[2] - curve[0]) / (2 * h), rel=1e-5)
    second = (curve[2] - 2 * curve[1] + curve[0]) / h**2
    assert found.hessian.sum() == pytest.approx(second, rel=1e-3)


def test_values_are_those_of_evaluate_and_the_hessian_is_optional():
    a, b = pair("cnn")
    data, alpha = examples(20), np.random.default_rng(0).random((4, 3))
    found, values = layer_cube(a, b, data, alpha), evaluate(a, b, data, alpha)
    np.testing.assert_array_equal(found.loss, values.loss)
    np.testing.assert_array_equal(found.accuracy, values.accuracy)
    assert found.hessian is None
    assert found.layers == ("blocks.0.0", "blocks.1.0", "head")


def test_groups_add_up():
    a, b = pair("deep mlp")
    data, alpha = examples(10), np.array([[0.3, 0.6]])
    names = [layer.name for layer in layers(a)]
    grouped = layer_cube(a, b, data, alpha, layers=groups(a, [names[:4], names[4:]]), hessian=True)
    single = layer_cube(a, b, data, np.repeat(alpha, [4, 5], axis=1), hessian=True)
    member = np.array([[1.0] * 4 + [0] * 5, [0] * 4 + [1.0] * 5])
    np.testing.assert_allclose(grouped.gradient, single.gradient @ member.T, atol=1e-12)
    np.testing.assert_allclose(grouped.hessian, member @ single.hessian @ member.T, atol=1e-12)


def test_a_layer_that_does_nothing_has_no_derivative():
    class Idle(torch.nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model, self.idle = model, torch.nn.Linear(2, 2).double()

        def forward(self, x):
            return self.model(x)

    a, b = map(Idle, mlps((5, 4, 3)))
    found = layer_cube(a, b, examples(10, 5, 3), np.full((1, 3), 0.5), hessian=True)
    assert found.gradient[0, 2] == 0
    assert not found.hessian[0, 2].any()
    assert not found.hessian[0, :, 2].any()
    assert found.gradient[0, :2].all()


def test_more_examples_than_a_block(monkeypatch):
    a, b = mlps((5, 6, 4), "tanh")
    data, alpha = examples(50, 5, 4), np.full((1, 2), 0.3)
    whole = layer_cube(a, b, data, alpha, hessian=True)
    monkeypatch.setattr("lmctheory.layerwise.points.derivatives._ROWS", 7)
    blocked = layer_cube(a, b, data, alpha, hessian=True)
    np.testing.assert_allclose(blocked.gradient, whole.gradient, rtol=1e-10)
    np.testing.assert_allclose(blocked.hessian, whole.hessian, rtol=1e-10, atol=1e-14)


def weight_norm(dim):
    """Its fused kernel has a second derivative that is wrong in PyTorch 2.13."""

    def build():
        layer = torch.nn.Linear(5, 6).double()
        norm = torch.nn.utils.parametrizations.weight_norm(layer, dim=dim)
        return torch.nn.Sequential(norm, torch.nn.Tanh(), torch.nn.Linear(6, 3).double())

    return build


def instance_norm():
    norm = torch.nn.InstanceNorm1d(3, affine=True, track_running_stats=True).double()
    shape = torch.nn.Unflatten(1, (1, 5))
    conv, head = torch.nn.Conv1d(1, 3, 2).double(), torch.nn.Linear(12, 3).double()
    return torch.nn.Sequential(shape, conv, norm, torch.nn.Tanh(), torch.nn.Flatten(), head)


@pytest.mark.parametrize(
    "build", [weight_norm(0), weight_norm(1), weight_norm(None), instance_norm]
)
def test_second_derivatives_of_normalised_networks(build):
    a, b = build().eval(), build().eval()
    generator = torch.Generator().manual_seed(0)
    for model in (a, b):
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.uniform_(0.2, 1.5, generator=generator)
    data, h = examples(6, 5, 3), 1e-5
    L = len(layers(a))
    alpha = np.full((1, L), 0.37)
    found = layer_cube(a, b, data, alpha, hessian=True).hessian[0]
    ends = layer_cube(a, b, data, np.concatenate([alpha + h * np.eye(L), alpha - h * np.eye(L)]))
    expected = (ends.gradient[:L] - ends.gradient[L:]) / (2 * h)
    np.testing.assert_allclose(found, expected, atol=1e-7 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize(
    "norm",
    [torch.nn.BatchNorm1d(3), torch.nn.BatchNorm1d(3, affine=False), torch.nn.BatchNorm2d(3)],
)
def test_batch_norm_written_out(norm):
    norm = norm.double().eval()
    for value in norm.state_dict().values():
        if value.is_floating_point():
            value.uniform_(0.5, 2.0, generator=torch.Generator().manual_seed(0))
    shape = (4, 3, 5, 5) if isinstance(norm, torch.nn.BatchNorm2d) else (4, 3)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for model in (norm, torch.nn.Sequential(norm)):
        written_out = differentiable(model)
        torch.testing.assert_close(written_out(x), model(x), rtol=1e-12, atol=1e-12)
        assert set(written_out.state) == set(model.state_dict())


def test_refusals_are_those_of_evaluate():
    a, b = mlps((6, 5, 4))
    with pytest.raises(ValueError, match=r"alpha must lie in \[0, 1\], got 1.5"):
        layer_cube(a, b, examples(10, 6, 4), np.array([[0.5, 1.5]]))
