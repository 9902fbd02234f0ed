"""L3 against measured errors and barriers, and against its formula."""

import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lmctheory.layerwise.convexity.one_layer import layer_bounds
from lmctheory.layerwise.points.exchange import exchanged
from lmctheory.networks import MLP, Examples, affine_chain
from tests.paths.adversarial import interpolated

T = np.array([0.2, 0.5, 0.9])


def problem(widths=(5, 9, 8, 7, 3), sigma="relu", seed=0, scale=1.0, n=20):
    rng = torch.Generator().manual_seed(seed)
    models = [MLP(widths, sigma, rng=rng, dtype=torch.float64) for _ in range(2)]
    for model in models:
        for layer in model.linears:
            layer.weight.data.mul_(scale)
            layer.bias.data.normal_(generator=rng)
    data = Examples(
        torch.randn(n, widths[0], generator=rng, dtype=torch.float64),
        torch.randint(widths[-1], (n,), generator=rng),
    )
    return *models, data


def measured(model_a, model_b, data, k, t):
    """Function errors ``[n]``, edge barrier and layer barrier of layer k, by definition."""
    a, b = affine_chain(model_a), affine_chain(model_b)
    a_k = exchanged(a, b, [k])
    x, y = data.inputs, data.labels
    f_t, f_a, f_k = interpolated(a, a_k, t)(x), a(x), a_k(x)
    loss, loss_a, loss_k, loss_b = (float(cross_entropy(f, y)) for f in (f_t, f_a, f_k, b(x)))
    return (
        (f_t - t * f_a - (1 - t) * f_k).norm(dim=-1).numpy(),
        loss - t * loss_a - (1 - t) * loss_k,
        loss - t * loss_a - (1 - t) * loss_b,
    )


def violations(bounds, truths, factor=1.0):
    """How many measured values exceed `factor` times their bound."""
    count = 0
    for (k, i), (error, edge, layer) in truths.items():
        gap = layer - edge
        count += (~(error <= factor * bounds.function_error[k, i])).sum()
        count += (~(error <= factor * bounds.vector_function_error[k, i])).sum()
        count += not edge <= factor * bounds.lipschitz_edge_barrier[k, i]
        count += not edge <= factor * bounds.edge_barrier[k, i] + 1e-12
        count += not layer <= factor * (bounds.layer_barrier[k, i] - gap) + gap + 1e-12
    return count


def test_single_layers_of_random_networks_never_violate_the_bound():
    rng = np.random.default_rng(7)
    total = halved = 0
    for seed in range(40):
        inner = rng.integers(1, 12, size=int(rng.integers(0, 4))).tolist()
        widths = (int(rng.integers(1, 7)), *inner, int(rng.integers(2, 5)))
        sigma = str(rng.choice(["relu", "tanh", "gelu", "sigmoid", "softplus"]))
        model_a, model_b, data = problem(widths, sigma, seed, scale=10 ** rng.uniform(-1, 1))
        bounds = layer_bounds(model_a, model_b, data, T)
        truths = {
            (k, i): measured(model_a, model_b, data, k, t)
            for k in range(len(bounds.names))
            for i, t in enumerate(T.tolist())
        }
        total += violations(bounds, truths)
        halved += violations(bounds, truths, factor=0.5)
    assert total == 0
    assert halved > 100  # the same check finds bounds that are too small


def by_formula(model_a, model_b, data, k, t):
    """sum_{j>=k} J_j prod_{i>j} Lip_i |W_i^A|, ``[n]``."""
    a = affine_chain(model_a)
    a_k = exchanged(a, affine_chain(model_b), [k])
    total = torch.zeros(len(data), dtype=torch.float64)
    for j, ((z_a, phi_a), (z_b, phi_b)) in enumerate(
        zip(a.hidden(data.inputs), a_k.hidden(data.inputs), strict=True)
    ):
        sigma = a.activations[j]
        gap = sigma.apply(t * z_a + (1 - t) * z_b) - t * phi_a - (1 - t) * phi_b
        factor = 1.0
        for i in range(j + 1, a.depth + 1):
            lipschitz = a.activations[i].lipschitz if i < a.depth else 1.0
            factor *= lipschitz * float(torch.linalg.matrix_norm(a.weights[i], 2))
        total += gap.norm(dim=-1) * factor
    return total.numpy()


@pytest.mark.parametrize("sigma", ["relu", "sigmoid"])
def test_the_bound_is_the_formula(sigma):
    model_a, model_b, data = problem(sigma=sigma)
    bounds = layer_bounds(model_a, model_b, data, 0.3)
    for k in range(4):
        expected = by_formula(model_a, model_b, data, k, 0.3)
        np.testing.assert_allclose(bounds.function_error[k], expected, rtol=1e-7, atol=1e-9)
    assert (bounds.vector_function_error <= bounds.function_error * (1 + 1e-12)).all()
    assert bounds.vector_function_error[:-1].mean() < 0.9 * bounds.function_error[:-1].mean()


def test_one_hidden_layer_is_an_identity():
    model_a, model_b, data = problem((5, 9, 3))
    bounds = layer_bounds(model_a, model_b, data, 0.3)
    error, _, _ = measured(model_a, model_b, data, 0, 0.3)
    np.testing.assert_allclose(bounds.vector_function_error[0], error, rtol=1e-9, atol=1e-9)


def test_linear_networks_and_the_last_layer_have_no_error_and_no_edge_barrier():
    linear = layer_bounds(*problem(sigma="identity"), T)
    last = layer_bounds(*problem(), T)
    assert linear.function_error.max() < 1e-9
    assert last.function_error[-1].max() < 1e-9
    assert last.function_error[:-1].mean(axis=(1, 2)).min() > 0.1
    assert linear.edge_barrier.max() < 1e-9
    assert last.edge_barrier[-1].max() < 1e-9


def test_the_layer_barrier_adds_the_swapped_end():
    """No edge barrier, and yet a layer barrier: the scalar network of L1, with cross-entropy."""

    def scalars(w):
        net = nn.Sequential(*(nn.Linear(*fans, bias=False) for fans in ((1, 1), (1, 2))))
        net[0].weight.data.fill_(w)
        net[1].weight.data = torch.tensor([[w], [0.0]])
        return net.double()

    data = Examples(torch.ones(1, 1, dtype=torch.float64), torch.tensor([0]))
    bounds = layer_bounds(scalars(3.0), scalars(-3.0), data)
    assert bounds.edge_barrier[0] < 0
    assert bounds.loss_swapped[0] == pytest.approx(np.log1p(np.exp(9)))
    assert bounds.layer_barrier[0] == pytest.approx(np.log(2) - np.log1p(np.exp(-9)))


def test_repr_names_the_layers():
    text = repr(layer_bounds(*problem((5, 9, 3))))
    assert re.fullmatch(r"LayerBounds\(edge barriers: layers.0<=\S+, layers.1<=\S+\)", text)


def test_bad_arguments_are_refused():
    model_a, model_b, data = problem((5, 9, 3))
    with pytest.raises(ValueError, match=r"t must be a number in \[0, 1\]"):
        layer_bounds(model_a, model_b, data, 1.5)
    with pytest.raises(ValueError, match="same architecture"):
        layer_bounds(model_a, problem((5, 8, 3))[0], data)
    with pytest.raises(ValueError, match=r"data.labels must lie in 0..2"):
        layer_bounds(model_a, model_b, Examples(data.inputs, data.labels + 3))
    with pytest.raises(TypeError, match="no affine chain"):
        layer_bounds(nn.Softmax(1), nn.Softmax(1), data)
