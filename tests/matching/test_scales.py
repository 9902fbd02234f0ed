"""Scales of neurons: the best of a pair, planted ones, what is refused."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from torch import nn

from lmctheory.matching import match, rescale
from lmctheory.matching.scales import best_scales
from lmctheory.networks import MLP
from lmctheory.networks.torch_activations import activation


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def scaled(net, *, seed):
    """The same function, every hidden neuron times exp(N(0, 1/4))."""
    result = MLP(
        [net.linears[0].in_features, *(layer.out_features for layer in net.linears)],
        rng=generator(),
        dtype=torch.float64,
    )
    result.load_state_dict(net.state_dict())
    rng = generator(seed)
    with torch.no_grad():
        for layer, after in zip(result.linears, result.linears[1:], strict=False):
            c = (torch.randn(layer.out_features, generator=rng).double() / 2).exp()
            layer.weight.mul_(c[:, None])
            layer.bias.mul_(c)
            after.weight.div_(c)
    return result


def test_the_best_scale_is_the_least_of_the_quartic():
    rng = generator(1)
    for k in range(60):
        a, b, u, v = (torch.randn(1, 3, generator=rng).double() for _ in range(4))
        u = u * 10 ** (k % 3)

        def worth(t, rows=(a, b, u, v)):
            a, b, u, v = (row.numpy() for row in rows)
            c = np.exp(np.atleast_1d(t))[:, None]
            return np.square(a - c * b).sum(1) + np.square(u - v / c).sum(1)

        grid = np.linspace(-8, 8, 4001)
        start = grid[worth(grid).argmin()]
        bracket = (start - 0.01, start + 0.01)
        least = minimize_scalar(lambda t: worth(t)[0], bracket=bracket, tol=1e-12).fun
        assert worth(float(best_scales(a, b, u, v).log())) <= least * (1 + 1e-9)


def test_neurons_of_which_nothing_is_known_stay_as_they_are():
    zero, one = torch.zeros(2, 3).double(), torch.ones(2, 3).double()
    assert best_scales(one, zero, one, one).tolist() == [1, 1]
    assert best_scales(one, one, one, zero).tolist() == [1, 1]


@pytest.mark.parametrize("widths", [(6, 30, 4), (6, 30, 20, 25, 4)])
def test_planted_scales_are_undone_after_matching(widths):
    a = MLP(widths, rng=generator(), dtype=torch.float64)
    with torch.no_grad():
        for layer in a.linears:
            layer.bias.normal_(0, 0.3, generator=generator(3))
    b = scaled(a, seed=1)
    x = torch.randn(50, 6, generator=generator(5)).double()
    torch.testing.assert_close(b(x), a(x))
    aligned = match(a, b).apply(b)
    found = rescale(a, aligned)
    assert (np.diff(found.distances) <= 1e-12).all()
    back = found.apply(aligned)
    torch.testing.assert_close(back(x), a(x))
    ends = [(a, aligned), (a, back)]
    errors = []
    for first, second in ends:
        middle = MLP(widths, rng=generator(), dtype=torch.float64)
        state = {n: (t + second.state_dict()[n]) / 2 for n, t in first.state_dict().items()}
        middle.load_state_dict(state)
        errors.append(float((middle(x) - a(x)).norm().detach() / a(x).norm().detach()))
    assert errors[0] > 0.02
    assert errors[1] < 1e-4


def test_layers_that_are_not_homogeneous_are_left_alone():
    a, b = (
        nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 2))
        for _ in range(2)
    )
    found = rescale(a, b)
    assert list(found.factors) == ["2"]
    assert activation("relu").is_homogeneous
    assert not activation("tanh").is_homogeneous
    assert not activation("softplus").is_homogeneous
    x = torch.randn(7, 4)
    torch.testing.assert_close(found.apply(b)(x), b(x), rtol=1e-4, atol=1e-5)


def test_what_is_no_chain_is_refused():
    conv = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2, 1))
    with pytest.raises(TypeError, match=r"Conv2d|conv2d"):
        rescale(conv, conv)
    a, wide = (MLP((4, m, 2), rng=generator()) for m in (5, 6))
    with pytest.raises(ValueError, match=r"architecture|shape"):
        rescale(a, wide)
    with pytest.raises(ValueError, match=r"must have 5 neurons in layer 'layers.0', got 6"):
        rescale(a, a).apply(wide)
