"""Rescaled neurons: the same segment to the last digits, a smaller bound, and a known optimum."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lmctheory.networks import CNN, MLP, Examples
from lmctheory.paths import certificate, interpolate
from lmctheory.paths.rescaling import rescaled

BOUNDS = ("C1", "C1'", "C2")


def drawn(*sizes, seeds=(0, 1)):
    return [MLP(sizes, rng=torch.Generator().manual_seed(seed)).double() for seed in seeds]


def examples(width=4, classes=3, count=12):
    x = torch.randn(count, width, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    return Examples(x, torch.arange(count) % classes)


def value(a, b, data, bound):
    found = certificate(a, b, data)
    errors = {
        "C1": found.function_error_c1,
        "C1'": found.function_error,
        "C2": found.function_error_c2,
    }[bound]
    return np.sqrt((errors**2).mean())


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**16), bound=st.sampled_from(BOUNDS), t=st.floats(0, 1))
def test_the_segment_computes_what_it_did_and_the_bound_is_no_larger(seed, bound, t):
    a, b = drawn(4, 5, 6, 3, seeds=(seed, seed + 1))
    data = examples()
    found = rescaled(a, b, data, bound)
    with torch.no_grad():
        before, after = (
            interpolate(*pair, t)(data.inputs) for pair in ((a, b), (found.model_a, found.model_b))
        )
    assert torch.allclose(after, before, rtol=1e-12, atol=1e-12)
    assert found.after <= found.before
    assert found.before == pytest.approx(value(a, b, data, bound), rel=1e-9)
    assert found.after == pytest.approx(value(found.model_a, found.model_b, data, bound), rel=1e-9)
    assert all((d > 0).all() for d in found.factors.values())


@pytest.mark.parametrize("bound", BOUNDS)
def test_it_gains_what_random_factors_do_not(bound):
    a, b = drawn(4, 6, 6, 3)
    data = examples()
    found = rescaled(a, b, data, bound)
    assert found.after < 0.97 * found.before
    for seed in range(20):
        others = (scaled_by_hand(m, torch.Generator().manual_seed(seed)) for m in (a, b))
        assert value(*others, data, bound) > found.after


def scaled_by_hand(model, generator):
    """Every hidden neuron times its own factor, transcribed."""
    net = MLP((4, 6, 6, 3), rng=torch.Generator().manual_seed(0)).double()
    net.load_state_dict(model.state_dict())
    layers = [module for module in net.modules() if isinstance(module, nn.Linear)]
    with torch.no_grad():
        for layer, reader in pairwise(layers):
            for i in range(len(layer.weight)):
                d = float(torch.exp(0.3 * torch.randn(1, generator=generator)))
                layer.weight[i] *= d
                layer.bias[i] *= d
                reader.weight[:, i] /= d
    return net


def test_one_layer_one_output_one_example_has_a_known_optimum():
    a, b = (nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)).double() for _ in range(2))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in (*a.parameters(), *b.parameters()):
            p.copy_(torch.randn(p.shape, generator=generator))
        for model in (a, b):
            model[2].weight[1] = 0
    x = torch.randn(1, 3, generator=generator, dtype=torch.float64)
    found = rescaled(a, b, Examples(x, torch.tensor([0])))
    with torch.no_grad():
        z_a, z_b = a[0](x), b[0](x)
        gap = torch.relu((z_a + z_b) / 2) - (torch.relu(z_a) + torch.relu(z_b)) / 2
        w = (a[2].weight + b[2].weight)[0] / 2
        c = -(torch.relu(z_a) - torch.relu(z_b)) @ (a[2].weight - b[2].weight).T / 4
        optimum = float((w.abs() * gap.abs()).sum() + c.norm())
        assert 0 < (gap != 0).sum() < 5
    assert optimum <= found.after * (1 + 1e-9)
    assert found.after == pytest.approx(optimum, rel=1e-3)
    assert found.before > 1.05 * optimum


def test_what_no_factor_changes_keeps_its_weights():
    a, b = drawn(4, 1, 3)  # one neuron: its factor cancels
    found = rescaled(a, b, examples())
    assert found.after == pytest.approx(found.before, rel=1e-9)
    same = rescaled(a, a, examples())
    assert torch.equal(same.factors["layers.0"], torch.ones(1, dtype=torch.float64))
    assert torch.equal(same.model_a.linears[0].weight, a.linears[0].weight)


def test_nothing_is_mutated_and_leaky_networks_without_bias_are_rescaled():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        a, b = (
            nn.Sequential(nn.Linear(4, 5, bias=False), nn.LeakyReLU(0.1), nn.Linear(5, 3)).double()
            for _ in range(2)
        )
    weight = a[0].weight.clone()
    found = rescaled(a, b, examples(), "C2")
    assert torch.equal(a[0].weight, weight)
    assert found.after < found.before
    x = examples().inputs
    assert torch.allclose(found.model_b(x), b(x), rtol=1e-12, atol=1e-12)


def test_what_cannot_be_rescaled_is_refused():
    data = examples()
    a, b = drawn(4, 5, 3)
    with pytest.raises(ValueError, match=r"bound must be one of \['C1', .*got 'C3'"):
        rescaled(a, b, data, "C3")
    smooth = [nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)) for _ in range(2)]
    with pytest.raises(TypeError, match="before tanh: not homogeneous"):
        rescaled(*smooth, data)
    with pytest.raises(ValueError, match="same architecture"):
        rescaled(a, drawn(4, 6, 3)[0], data)
    images = [CNN((1, 4, 4), (2,), 3, rng=torch.Generator().manual_seed(s)) for s in (0, 1)]
    with pytest.raises(TypeError, match="chain"):
        rescaled(*images, examples(16))
