"""Soft matching: against linear programming, permutations and networks that repeat neurons."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from torch import nn

from lmctheory.matching import fuse, match, permute, soft_match
from lmctheory.networks import MLP, affine_chain

METHODS = ("naive", "weighted", "activation")


def mlp(
    *widths: int, seed: int = 0, sigma: str = "relu", dtype: torch.dtype = torch.float64
) -> MLP:
    rng = torch.Generator().manual_seed(seed)
    net = MLP(widths, sigma, rng=rng, dtype=dtype)
    with torch.no_grad():
        for layer in net.linears:
            layer.bias.normal_(0.0, 0.3, generator=rng)
    return net


def inputs(n: int, width: int) -> torch.Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(9)).double()


def repeated(net: MLP, times: int, seed: int = 0) -> MLP:
    """Every hidden neuron several times, in random order, with outgoing weights divided."""
    hidden = [width * times for width in net.widths[1:-1]]
    result = mlp(net.widths[0], *hidden, net.widths[-1])
    source = [torch.arange(net.widths[0])]
    rng = torch.Generator().manual_seed(seed)
    source += [torch.randperm(width, generator=rng) // times for width in hidden]
    source.append(torch.arange(net.widths[-1]))
    with torch.no_grad():
        for k, (old, new) in enumerate(zip(net.linears, result.linears, strict=True)):
            share = times if k else 1
            new.weight.copy_(old.weight[source[k + 1]][:, source[k]] / share)
            new.bias.copy_(old.bias[source[k + 1]])
    return result


def assert_close(net: nn.Module, other: nn.Module) -> None:
    for p, q in zip(net.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_a_network_that_repeats_as_neurons_is_fused_onto_a_exactly(method):
    a, x = mlp(5, 6, 4, 3), inputs(40, 5)
    wide = repeated(a, times=3)
    torch.testing.assert_close(wide(x), a(x), rtol=1e-12, atol=1e-12)
    assert_close(fuse(a, wide, x, method=method, weight=0.0), a)
    assert_close(fuse(a, wide, x, method=method, weight=0.3), a)


@pytest.mark.parametrize("method", METHODS)
def test_a_network_is_spread_over_one_that_repeats_its_neurons(method):
    b, x = mlp(5, 6, 4, 3), inputs(40, 5)
    wide = repeated(b, times=2)
    spread = fuse(wide, b, x, method=method, weight=0.0)
    assert_close(spread, wide)


@pytest.mark.parametrize("method", METHODS)
def test_onto_a_multiple_of_its_widths_any_network_is_transported_exactly(method):
    a, b, x = mlp(5, 12, 6, 3, seed=1), mlp(5, 4, 3, 3, seed=2), inputs(40, 5)
    transported = soft_match(a, b, method, x).apply(b, a)
    assert transported.widths == (5, 12, 6, 3)
    torch.testing.assert_close(transported(x), b(x), rtol=1e-10, atol=1e-10)


def test_the_columns_of_singh_and_jaggi_would_change_the_function():
    a = mlp(5, 6, 3)
    wide = repeated(a, times=2)
    plan = soft_match(a, wide).plans["layers.0"]
    V = wide.linears[1].weight.detach()
    torch.testing.assert_close(V @ (12 * plan.mT), a.linears[1].weight.detach())
    torch.testing.assert_close(V @ (6 * plan.mT), a.linears[1].weight.detach() / 2)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_with_equal_widths_it_is_the_matching_layer_by_layer(method, dtype):
    a, b = mlp(6, 13, 9, 4, seed=1, dtype=dtype), mlp(6, 13, 9, 4, seed=2, dtype=dtype)
    x = inputs(60, 6).to(dtype)
    soft, hard = soft_match(a, b, method, x), match(a, b, method, x)
    for name, order in hard.permutations.items():
        expected = np.eye(len(order))[order] / len(order)
        np.testing.assert_allclose(soft.plans[name].numpy(), expected, rtol=1e-12)
        assert soft.cost[name] == pytest.approx(hard.cost[name], rel=1e-10)
    transported, aligned = soft.apply(b, a), hard.apply(b)
    for p, q in zip(transported.parameters(), aligned.parameters(), strict=True):
        assert p.dtype == dtype
        assert torch.equal(p, q)
    middle = fuse(a, b, x, method=method, weight=0.25)
    for p, q, r in zip(middle.parameters(), a.parameters(), aligned.parameters(), strict=True):
        torch.testing.assert_close(p, 0.25 * q + 0.75 * r)


def test_plans_attain_the_optimum_of_linear_programming():
    a, b = mlp(4, 3, 4, 2, seed=3), mlp(4, 5, 2, 2, seed=4)
    soft = soft_match(a, b)
    W_a = [layer.weight.detach().numpy() for layer in a.linears]
    W_b = [layer.weight.detach().numpy() for layer in b.linears]
    columns = np.eye(4)
    for k, name in enumerate(("layers.0", "layers.1")):
        y = W_b[k] @ columns
        n, m = len(W_a[k]), len(y)
        distances = ((W_a[k][:, None] - y) ** 2).sum(2)
        marginals = [np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))]
        masses = np.concatenate([np.full(n, 1 / n), np.full(m, 1 / m)])
        least = linprog(distances.ravel(), A_eq=np.vstack(marginals), b_eq=masses).fun
        plan = soft.plans[name].numpy()
        assert soft.cost[name] == pytest.approx(least, rel=1e-9)
        assert (plan * distances).sum() == pytest.approx(least, rel=1e-9)
        np.testing.assert_allclose(plan.sum(1), 1 / n, rtol=1e-12)
        np.testing.assert_allclose(plan.sum(0), 1 / m, rtol=1e-12)
        columns = m * plan.T


@pytest.mark.parametrize("regularisation", [0.0, 0.1])
def test_the_transported_network_by_the_formula(regularisation):
    a, b = mlp(4, 3, 5, 2, seed=3), mlp(4, 6, 4, 2, seed=4)
    x = inputs(30, 4)
    soft = soft_match(a, b, "activation", x, regularisation=regularisation)
    result = affine_chain(soft.apply(b, a))
    chain = affine_chain(b)
    T = [plan.numpy() for plan in soft.plans.values()]
    R = [*(len(plan) * plan for plan in T), np.eye(2)]
    C = [np.eye(4), *(plan.shape[1] * plan.T for plan in T)]
    for k in range(3):
        W, bias = chain.weights[k].numpy(), chain.biases[k].numpy()
        np.testing.assert_allclose(result.weights[k].numpy(), R[k] @ W @ C[k], rtol=1e-6)
        np.testing.assert_allclose(result.biases[k].numpy(), R[k] @ bias, rtol=1e-6)


def test_sinkhorns_plan_has_the_form_of_the_entropic_optimum():
    a, b = mlp(4, 7, 2, seed=3), mlp(4, 5, 2, seed=4)
    W_a, W_b = (net.linears[0].weight.detach().numpy() for net in (a, b))
    distances = ((W_a[:, None] - W_b) ** 2).sum(2)
    plan = soft_match(a, b, regularisation=0.2).plans["layers.0"].numpy()
    # ln T + distances / eps = u_i + v_j: the condition of optimality
    potentials = np.log(plan) + distances / (0.2 * distances.mean())
    centred = potentials - potentials.mean(0) - potentials.mean(1, keepdims=True)
    np.testing.assert_allclose(centred, -potentials.mean(), atol=1e-9)
    np.testing.assert_allclose(plan.sum(1), 1 / 7, rtol=1e-6)
    np.testing.assert_allclose(plan.sum(0), 1 / 5, rtol=1e-6)


def test_less_regularisation_costs_less_and_tends_to_exact_transport():
    a, b = mlp(4, 7, 2, seed=3), mlp(4, 5, 2, seed=4)
    costs = [soft_match(a, b, regularisation=eps).cost["layers.0"] for eps in (0.0, 0.01, 0.1, 1.0)]
    assert costs == sorted(costs)
    assert costs[1] == pytest.approx(costs[0], rel=1e-2)
    assert costs[3] > 1.3 * costs[0]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(METHODS), st.sampled_from([0.0, 0.2]))
def test_the_order_of_bs_neurons_does_not_matter(seed, method, regularisation):
    # with ReLU, neurons that are zero on all inputs would be equal
    a, b = mlp(5, 4, 6, 3, seed=1, sigma="tanh"), mlp(5, 7, 5, 3, seed=2, sigma="tanh")
    x = inputs(30, 5)
    rng = np.random.default_rng(seed)
    moved = permute(b, {"layers.0": rng.permutation(7), "layers.1": rng.permutation(5)})
    options = {"method": method, "regularisation": regularisation}
    fused, again = fuse(a, b, x, **options), fuse(a, moved, x, **options)
    for p, q in zip(fused.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-6, atol=1e-6)


def test_the_weight_goes_from_b_to_a_and_nothing_is_changed():
    a, b = mlp(5, 6, 3, seed=1), mlp(5, 8, 3, seed=2)
    before = [p.detach().clone() for net in (a, b) for p in net.parameters()]
    assert_close(fuse(a, b, weight=1.0), a)
    assert_close(fuse(a, b, weight=0.0), soft_match(a, b).apply(b, a))
    after = [p for net in (a, b) for p in net.parameters()]
    assert all(torch.equal(p, q) for p, q in zip(before, after, strict=True))
    assert fuse(a, b).widths == a.widths


def test_chains_are_fused_as_their_modules_are():
    a, b = mlp(5, 6, 4, 3, seed=1), mlp(5, 8, 7, 3, seed=2)
    chain = fuse(affine_chain(a), affine_chain(b))
    for layer, W, bias in zip(fuse(a, b).linears, chain.weights, chain.biases, strict=True):
        assert torch.equal(layer.weight, W)
        assert torch.equal(layer.bias, bias)


def test_networks_without_hidden_layer_or_bias():
    a, b = mlp(4, 2, seed=1), mlp(4, 2, seed=2)
    assert soft_match(a, b).plans == {}
    torch.testing.assert_close(
        fuse(a, b).linears[0].weight, (a.linears[0].weight + b.linears[0].weight) / 2
    )
    narrow, wide = (
        nn.Sequential(nn.Linear(4, m, bias=False), nn.Tanh(), nn.Linear(m, 2, bias=False))
        for m in (3, 6)
    )
    assert fuse(narrow, wide)[0].bias is None


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_a_weight_outside_the_unit_interval_is_refused(weight):
    with pytest.raises(ValueError, match=r"weight must lie in \[0, 1\], got"):
        fuse(mlp(3, 4, 2), mlp(3, 5, 2), weight=weight)


def test_what_does_not_fit_is_refused():
    a, b = mlp(3, 4, 2), mlp(3, 5, 2)
    with pytest.raises(ValueError, match=r"one of \['naive', .* layer by layer, got 'weight'"):
        fuse(a, b, method="weight")
    for value in (-1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="regularisation must be finite and >= 0, got"):
            fuse(a, b, regularisation=value)
    with pytest.raises(ValueError, match="method 'weighted' needs data, got None"):
        fuse(a, b, method="weighted")
    with pytest.raises(ValueError, match="at least one example"):
        fuse(a, b, torch.zeros(0, 3, dtype=torch.float64), method="activation")
    with pytest.raises(ValueError, match="the same layers and activations"):
        fuse(a, mlp(3, 4, 4, 2))
    with pytest.raises(ValueError, match=r"as many inputs and outputs, got \(3, 2\) and \(3, 4\)"):
        fuse(a, mlp(3, 4, 4))
    with pytest.raises(ValueError, match=r"the layers and widths of the plans"):
        soft_match(a, b).apply(a, b)
    biasless = nn.Sequential(nn.Linear(3, 4, bias=False), nn.ReLU(), nn.Linear(4, 2)).double()
    biased = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)).double()
    with pytest.raises(ValueError, match=r"the same parameters, but one alone has \['0.bias'\]"):
        fuse(biasless, biased)
    with torch.no_grad():
        b.linears[1].weight[0, 0] = float("nan")
    with pytest.raises(ValueError, match=r"model_b has NaN .* in layer 'layers\.1'"):
        fuse(a, b)


def test_sinkhorn_without_convergence_is_no_result():
    with pytest.raises(RuntimeError, match="regularisation must be larger than 1e-06"):
        fuse(mlp(3, 12, 2, seed=1), mlp(3, 15, 2, seed=2), regularisation=1e-6)
