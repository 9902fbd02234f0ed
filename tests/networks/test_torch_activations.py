"""The constants of each activation against its derivatives on a grid."""

import pytest
import torch
from torch import nn

from lmctheory.networks import Activation, activation, activation_of
from lmctheory.networks.torch_activations import activation_called, leaky_relu

PLAIN = (
    *("identity", "tanh", "erf", "sigmoid", "softplus", "gelu"),
    *("silu", "mish", "gelu_tanh", "logsigmoid", "tanhshrink"),
)
JUMPING = [activation(name) for name in ("celu", "softsign")]
JUMPING += [activation_of(module) for module in (nn.CELU(0.3), nn.CELU(2.5))]
SMOOTH = [activation(name) for name in PLAIN] + [activation_of(nn.Softplus(beta=1.5))]
KINKED = [activation("relu"), leaky_relu(0.1), leaky_relu(-0.5), leaky_relu(2.0)]


def names(sigma: Activation) -> str:
    return sigma.name


def derivatives(sigma: Activation) -> tuple[torch.Tensor, torch.Tensor]:
    z = torch.linspace(-9, 9, 180_001, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(sigma.apply(z).sum() + 0 * (z**2).sum(), z, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), z)
    return first.detach(), second


@pytest.mark.parametrize("sigma", SMOOTH + JUMPING + KINKED, ids=names)
def test_slopes_bound_the_derivative_and_are_attained(sigma: Activation) -> None:
    slope, _ = derivatives(sigma)
    low, high = sigma.slopes
    assert low <= slope.min()
    assert slope.max() <= high
    # softplus, softsign and the sigmoids reach 0 or 1 only at infinity
    assert slope.min() == pytest.approx(low, abs=3e-2 if sigma in JUMPING else 2e-4)
    assert slope.max() == pytest.approx(high, abs=2e-4)
    assert sigma.lipschitz == max(abs(low), abs(high))


@pytest.mark.parametrize("sigma", SMOOTH + JUMPING, ids=names)
def test_curvature_bounds_the_second_derivative_and_is_attained(sigma: Activation) -> None:
    slope, curvature = derivatives(sigma)
    if sigma in JUMPING:  # at 0 no one-sided derivative, but the slope's difference quotients
        curvature = slope.diff() / 1e-4
        assert curvature.abs().max() <= sigma.curvature * (1 + 1e-9)
        assert curvature.abs().max() >= (1 - 1e-3) * sigma.curvature
        return
    assert curvature.abs().max() <= sigma.curvature * (1 + 1e-14)
    assert curvature.abs().max() == pytest.approx(sigma.curvature, abs=1e-7)


@pytest.mark.parametrize("alpha", [0.3, 1.0, 2.5])
def test_the_slope_of_celu_has_the_precision_of_its_values(alpha: float) -> None:
    sigma = activation_of(nn.CELU(alpha))
    assert sigma is not None
    z = torch.linspace(-3, 3, 101, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(sigma.apply(z).sum(), z)
    torch.testing.assert_close(
        slope, (z.detach().clamp(max=0) / alpha).exp(), rtol=1e-14, atol=1e-15
    )


@pytest.mark.parametrize("sigma", SMOOTH, ids=names)
def test_jerk_bounds_the_third_derivative_and_is_attained(sigma: Activation) -> None:
    _, curvature = derivatives(sigma)
    jerk = (curvature.diff() / 1e-4).abs().max()  # a mean of the third derivative
    assert jerk <= sigma.jerk + 1e-7
    assert jerk == pytest.approx(sigma.jerk, abs=1e-6)


@pytest.mark.parametrize("sigma", JUMPING + KINKED, ids=names)
def test_a_jump_of_the_second_derivative_has_no_jerk_bound(sigma: Activation) -> None:
    assert sigma.jerk == float("inf")


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
        nn.Softplus(beta=2),
        nn.GELU(),
        nn.GELU("tanh"),
        nn.CELU(),
        nn.CELU(0.3),
        nn.ELU(),
        nn.SiLU(),
        nn.Mish(),
        nn.Softsign(),
        nn.LogSigmoid(),
        nn.Tanhshrink(),
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
    [
        *(nn.ELU(0.5), nn.SELU(), nn.CELU(-1.0), nn.Softplus(beta=-1), nn.Softplus(threshold=1)),
        *(nn.Hardtanh(), nn.ReLU6(), nn.Hardswish(), nn.Softshrink(), nn.PReLU()),
    ],
    ids=repr,
)
def test_other_modules_are_no_known_activation(module: nn.Module) -> None:
    assert activation_of(module) is None


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"one of \['celu', .*'tanhshrink'\], got 'swish'"):
        activation("swish")


@pytest.mark.parametrize(
    ("name", "args", "options", "found"),
    [
        ("celu", (0.5,), {}, "celu(0.5)"),
        ("celu", (), {"alpha": 0.5}, "celu(0.5)"),
        ("celu", (), {}, "celu"),
        ("elu", (1.0, 1.0, 1), {}, "celu"),
        ("elu", (1.0, 2.0), {}, None),
        ("softplus", (3.0,), {}, "softplus(3)"),
        ("gelu", (), {"approximate": "tanh"}, "gelu_tanh"),
        ("gelu", ("other",), {}, None),
        ("log_sigmoid", (), {}, "logsigmoid"),
        ("relu", (1,), {}, None),
        ("selu", (), {}, None),
    ],
)
def test_functions_are_known_with_their_arguments(name, args, options, found) -> None:
    sigma = activation_called(name, args, options)
    assert (sigma and sigma.name) == found
