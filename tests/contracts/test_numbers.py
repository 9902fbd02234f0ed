"""The right numbers where networks are not as tests like them."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lmctheory import paths
from lmctheory.layerwise import (
    curvature,
    feature_connectivity,
    layer_barriers,
    layer_cube,
    layer_hessian,
    windows,
)
from lmctheory.matching import match, reset_batch_norm
from lmctheory.networks import CNN, Examples, ResNet20
from lmctheory.paths import barrier, certificate, interpolate
from tests.contracts.awkward import CLASSES, WIDTH, built, data, layers


def loss(net, examples):
    with torch.no_grad():
        return float(cross_entropy(net.eval()(examples.inputs.clone()), examples.labels))


def test_inputs_that_are_overwritten_count_as_given():
    a, b = built("overwriting", 0), built("overwriting", 1)
    shifted = Examples((data().inputs - 0.5) / 2, data().labels)
    expected = barrier(a.net, b.net, shifted, 5)
    np.testing.assert_allclose(barrier(a, b, data(), 5).loss, expected.loss, rtol=1e-12)
    np.testing.assert_allclose(
        layer_barriers(a, b, data(), points=3).loss,
        layer_barriers(a.net, b.net, shifted, points=3).loss,
        rtol=1e-12,
    )
    matched = match(a, b, "activation", data().inputs)
    assert matched.function_change < 1e-12


def test_the_ends_of_the_segment_are_the_networks():
    for name in ("stateful", "alias", "tied", "keeping", "batch norm in training mode"):
        a, b = built(name, 0), built(name, 1)
        if name == "stateful":
            b.shift.mul_(5)  # it is not in the state dict
        found = barrier(a, b, data(), 3)
        assert found.loss[-1] == pytest.approx(loss(a, data()), rel=1e-12)
        assert found.loss[0] == pytest.approx(loss(b, data()), rel=1e-12)
        assert loss(interpolate(a, b, 0.0), data()) == pytest.approx(loss(b, data()), rel=1e-12)
        assert loss(interpolate(a, b, 1.0), data()) == pytest.approx(loss(a, data()), rel=1e-12)


def test_masks_that_differ_are_refused_and_pruned_networks_are_not():
    a, b = built("pruned", 0), built("pruned", 1)
    expected = barrier(*(made_permanent(net) for net in (a, b)), data(), 3)
    np.testing.assert_allclose(barrier(a, b, data(), 3).loss, expected.loss, rtol=1e-12)
    b[0].weight_mask[0, 0] = 1 - b[0].weight_mask[0, 0]
    for function in (barrier, layer_barriers, certificate):
        with pytest.raises(ValueError, match=r"but '0.weight_mask' \(float64\) differs"):
            function(a, b, data())


def made_permanent(net):
    plain = layers().double()
    with torch.no_grad():
        for new, old in zip(plain, net, strict=True):
            if isinstance(new, nn.Linear):
                new.weight.copy_(old.weight)
                new.bias.copy_(old.bias)
        masked = net[0].weight_orig * net[0].weight_mask
        plain[0].weight.copy_(masked)
    return plain


@pytest.mark.parametrize("solver", ["sinkhorn", "straight_through"])
def test_a_loss_is_not_matched_by_derivatives_that_are_missing(solver):
    a, b = built("detaching", 0), built("detaching", 1)
    with pytest.raises(TypeError, match=r"parameter 'net\.0\.weight' the loss has slope .*gives 0"):
        match(a, b, "loss", data(), solver=solver)


@pytest.mark.parametrize("function", [layer_hessian, layer_cube, curvature])
def test_derivatives_that_autograd_was_kept_from_are_no_zeros(function):
    a, b = built("detaching", 0), built("detaching", 1)
    points = {"alpha": np.zeros((1, 3))} if function is layer_cube else {}
    with pytest.raises(TypeError, match=r"layer 'net\.0' the loss has slope .*autograd gives 0"):
        function(a, b, data(), **points)


def test_derivatives_of_what_autograd_sees_are_not_refused():
    a, b = (CNN((1, 8, 8), (3,), 3, rng=torch.Generator().manual_seed(s)) for s in (0, 1))
    examples = Examples(torch.rand(5, 64), torch.arange(5) % 3)
    assert layer_hessian(a, b, examples).shape == (2, 2)


@pytest.mark.parametrize("name", ["half precision", "bfloat16"])
def test_half_precision_is_evaluated_as_it_is_and_summed_wider(name):
    a, b = built(name, 0), built(name, 1)
    wide_a, wide_b = (layers().double() for _ in "ab")
    for wide, net in ((wide_a, a), (wide_b, b)):
        wide.load_state_dict({k: v.double() for k, v in net.state_dict().items()})
    for function in (layer_barriers, windows):
        found = function(a, b, data(), points=3)
        expected = function(wide_a, wide_b, data(), points=3)
        np.testing.assert_allclose(found.loss, expected.loss, rtol=0.02)
    found, expected = barrier(a, b, data(), 3), barrier(wide_a, wide_b, data(), 3)
    np.testing.assert_allclose(found.loss, expected.loss, rtol=0.02)
    measured = feature_connectivity(a, b, data()).mean("cosine")
    np.testing.assert_allclose(
        measured, feature_connectivity(wide_a, wide_b, data()).mean("cosine")
    )


class Undefined(nn.Module):
    """0/0 in one class where the first input is large."""

    def __init__(self):
        super().__init__()
        self.net = layers()

    def forward(self, x):
        y = self.net(x)
        zero = torch.where(x[:, :1] > 0.5, 0.0, 1.0)
        return torch.cat([y[:, :1] * zero / zero, y[:, 1:]], 1)


def test_a_logit_that_is_no_number_is_no_hit():
    a, b = Undefined().double(), Undefined().double()
    found = barrier(a, b, data(), 3)
    assert np.isnan(found.loss).all()
    assert np.isnan(found.accuracy).all()
    assert np.isnan(found.max_accuracy_drop)
    assert np.isnan(layer_barriers(a, b, data(), points=3).full_accuracy.value).any()


def test_labels_have_one_axis():
    inputs = torch.zeros(3, WIDTH)
    model = built("single precision", 0)
    column = Examples(inputs, torch.zeros(3, 1, dtype=torch.int64))  # of one token each
    with pytest.raises(ValueError, match=r"must give outputs \[n, 1, classes\], got"):
        paths.barrier(model, model, column)
    with pytest.raises(TypeError, match=r"float32: use labels\.argmax\(1\) if they are one-hot"):
        Examples(inputs, nn.functional.one_hot(torch.zeros(3).long(), CLASSES).float())


def test_inputs_may_require_gradients():
    a, b = built("single precision", 0), built("single precision", 1)
    inputs = torch.rand(4, WIDTH, requires_grad=True)
    found = barrier(a, b, Examples(inputs, torch.arange(4) % CLASSES), 3)
    assert np.isfinite(found.loss).all()
    assert match(a, b, "activation", inputs).function_change < 1e-6
    assert inputs.grad is None


def test_batch_norm_is_measured_anew_at_every_point_if_asked():
    a, b = (ResNet20((1, 8, 8), 3, 2, rng=torch.Generator().manual_seed(s)) for s in (0, 1))
    inputs = torch.randn(40, 64, generator=torch.Generator().manual_seed(2))
    examples = Examples(inputs[:20], torch.arange(20) % 3)
    found = barrier(a, b, examples, 3, reset_batch_norm=inputs)
    for t, value in zip(found.t, found.loss, strict=True):
        net = reset_batch_norm(interpolate(a, b, float(t)), inputs)
        assert value == pytest.approx(loss(net, examples), rel=1e-5)
    assert abs(found.midpoint - barrier(a, b, examples, 3).midpoint) > 1e-3
    plain = layers()
    with pytest.raises(ValueError, match="must have a BatchNorm layer"):
        barrier(plain, plain, data(), 3, reset_batch_norm=data().inputs)


def test_curvature_costs_no_more_than_is_asked_for():
    a, b = (CNN((1, 8, 8), (2,), 3, rng=torch.Generator().manual_seed(s)) for s in (0, 1))
    examples = Examples(torch.rand(6, 64), torch.arange(6) % 3)
    few, more = (curvature(a, b, examples, 3, evaluations=n) for n in (30, 300))
    assert few.quadrature_error > more.quadrature_error > 0
    with pytest.raises(ValueError, match=r"evaluations must be >= 30 for so many points, got 29"):
        curvature(a, b, examples, 3, evaluations=29)
