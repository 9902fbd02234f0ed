"""The constants of each activation against its derivatives on a grid."""

import pytest
import torch
from torch import nn

from lmctheory.networks import Activation, activation, activation_of
from lmctheory.networks.torch_activations import leaky_relu

SMOOTH = [activation(name) for name in ("identity", "tanh", "erf", "sigmoid", "softplus", "gelu")]
KINKED = [activation("relu"), leaky_relu(0.1), leaky_relu(-0.5), leaky_relu(2.0)]


def names(sigma: Activation) -> str:
    return sigma.name


def derivatives(sigma: Activation) -> tuple[torch.Tensor, torch.Tensor]:
    z = torch.linspace(-9, 9, 180_001, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(sigma.apply(z).sum() + 0 * (z**2).sum(), z, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), z)
    return first.detach(), second


@pytest.mark.parametrize("sigma", SMOOTH + KINKED, ids=names)
def test_slopes_bound_the_derivative_and_are_attained(sigma: Activation) -> None:
    slope, _ = derivatives(sigma)
    low, high = sigma.slopes
    assert low <= slope.min()
    assert slope.max() <= high
    # softplus and the sigmoids reach 0 or 1 only at infinity
    assert slope.min() == pytest.approx(low, abs=2e-4)
    assert slope.max() == pytest.approx(high, abs=2e-4)
    assert sigma.lipschitz == max(abs(low), abs(high))


@pytest.mark.parametrize("sigma", SMOOTH, ids=names)
def test_curvature_bounds_the_second_derivative_and_is_attained(sigma: Activation) -> None:
    _, curvature = derivatives(sigma)
    assert curvature.abs().max() <= sigma.curvature * (1 + 1e-14)
    assert curvature.abs().max() == pytest.approx(sigma.curvature, abs=1e-7)


@pytest.mark.parametrize("sigma", KINKED, ids=names)
def test_a_kink_has_no_curvature_bound(sigma: Activation) -> None:
    assert sigma.curvature == float("inf")


@pytest.mark.parametrize(
    "module",
    [
        nn.Identity(),
        nn.ReLU(),
        nn.ReLU(inplace=True),
        nn.Tanh(),
        nn.Sigmoid(),
        nn.LeakyReLU(0.3),
        nn.Softplus(),
        nn.GELU(),
    ],
    ids=repr,
)
def test_activation_of_computes_what_the_module_computes(module: nn.Module) -> None:
    z = torch.linspace(-30, 30, 601, dtype=torch.float64)
    sigma = activation_of(module)
    assert sigma is not None
    torch.testing.assert_close(sigma.apply(z), module(z.clone()), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "module",
    [nn.GELU("tanh"), nn.Softplus(beta=2), nn.Softplus(threshold=1), nn.Hardtanh(), nn.ReLU6()],
    ids=repr,
)
def test_other_modules_are_no_known_activation(module: nn.Module) -> None:
    assert activation_of(module) is None


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"one of \['erf', .*'tanh'\], got 'swish'"):
        activation("swish")
