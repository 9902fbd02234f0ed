"""L1 and L2: the algebra, and networks against it."""

import dataclasses
import re

import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

from lmctheory.layerwise.convexity.convexity import TwoLayerConvexity, two_layer_convexity
from lmctheory.layerwise.convexity.proofs import PROOFS, Step, proof
from lmctheory.layerwise.points.exchange import exchanged
from lmctheory.networks import MLP, Examples, activation, affine_chain
from tests.paths.adversarial import interpolated, random_chain

IDENTITY = activation("identity")


@pytest.mark.parametrize("key", PROOFS)
def test_every_step_of_a_proof_holds_identically(key):
    assert [step.claim for step in proof(key).steps if not step.verify()] == []
    assert proof(key).verify()


@pytest.mark.parametrize("key", PROOFS)
def test_a_proof_with_a_wrong_step_fails(key):
    """Every step is one that a change of its right-hand side breaks."""
    for step in proof(key).steps:
        wrong = 2 * step.right
        broken = dataclasses.replace(
            proof(key), derive=lambda step=step, w=wrong: (dataclasses.replace(step, right=w),)
        )
        assert not broken.verify(), step.claim


def test_a_sign_that_is_not_obvious_is_not_accepted():
    x = sp.Symbol("x", real=True)
    assert Step("a square", x**2 + 2 * x + 1, (x + 1) ** 2, non_negative=True).verify()
    assert not Step("no square", x**2 - 1, x**2 - 1, non_negative=True).verify()


def test_latex_states_the_theorem_and_every_step():
    text = proof("L2").latex()
    assert text.startswith(r"\[ \mathcal{L}''(t) = 12 \|c\|^2")
    assert text.count(r"\[") == 1 + len(proof("L2").steps)
    assert r"\langle c, m \rangle" in text
    assert r"\ge 0" in proof("L1").latex()


def test_unknown_proofs_are_refused():
    with pytest.raises(ValueError, match=r"key must be one of \['L1', 'L2'\], got 'L3'"):
        proof("L3")


def linear_pair(rng, depth, outputs=None):
    widths = rng.integers(1, 7, size=depth + 2)
    widths[-1] = outputs or max(2, widths[-1])
    sigmas = [IDENTITY] * depth
    a, b = (random_chain(rng, widths, sigmas, [1.0] * (depth + 1)) for _ in range(2))
    x = torch.from_numpy(rng.standard_normal((7, widths[0])))
    return a, b, x, torch.from_numpy(rng.integers(widths[-1], size=7))


def squared(logits, labels):
    return (logits - one_hot(labels, logits.shape[-1])).square().sum(-1).mean()


def along(a, b, x, labels, loss, t):
    return np.array([float(loss(interpolated(a, b, s)(x), labels)) for s in t])


def second_difference(values):
    return values[2:] - 2 * values[1:-1] + values[:-2]


@pytest.mark.parametrize("loss", [squared, cross_entropy])
def test_deep_linear_networks_are_convex_along_any_single_layer(loss):
    rng = np.random.default_rng(1)
    t = np.linspace(0, 1, 11)
    full = []
    for _ in range(40):
        a, b, x, labels = linear_pair(rng, depth=int(rng.integers(0, 5)))
        k = int(rng.integers(a.depth + 1))
        values = along(a, exchanged(a, b, [k]), x, labels, loss, t)
        assert second_difference(values).min() >= -1e-12 * abs(values).max()
        full.append(second_difference(along(a, b, x, labels, loss, t)).min())
    assert min(full) < -1e-2  # all layers at once: not convex, so the check can fail


@pytest.mark.parametrize("loss", [squared, cross_entropy])
def test_the_last_layer_of_any_network_is_convex(loss):
    rng = np.random.default_rng(2)
    t = np.linspace(0, 1, 11)
    for name in ("relu", "tanh", "gelu"):
        widths = (4, 6, 5, 3)
        a, b = (random_chain(rng, widths, [activation(name)] * 2, [1.0] * 3) for _ in range(2))
        x = torch.from_numpy(rng.standard_normal((9, 4)))
        labels = torch.from_numpy(rng.integers(3, size=9))
        values = along(a, exchanged(a, b, [2]), x, labels, loss, t)
        assert second_difference(values).min() >= -1e-12 * abs(values).max()


def modules(chain):
    """The chain as a module of PyTorch's own layers."""
    parts = []
    for W, b, sigma in zip(
        chain.weights, chain.biases, (*chain.activations, IDENTITY), strict=True
    ):
        layer = nn.Linear(W.shape[1], W.shape[0], dtype=torch.float64)
        layer.weight.data, layer.bias.data = W.clone(), b.clone()
        parts += [layer, {"identity": nn.Identity, "tanh": nn.Tanh}[sigma.name]()]
    return nn.Sequential(*parts[:-1])


def test_two_layers_obey_the_closed_form_and_their_vectors_are_those_of_the_theory():
    rng = np.random.default_rng(3)
    t = np.linspace(0, 1, 9)
    verdicts = set()
    for _ in range(60):
        a, b, x, labels = linear_pair(rng, depth=1)
        scale = 10 ** rng.uniform(-1, 0.5)
        b = interpolated(a, b, 1 - scale)  # near or far
        found = two_layer_convexity(modules(a), modules(b), Examples(x, labels))
        y = one_hot(labels, a.weights[-1].shape[0])
        z = x @ (a.weights[0] - b.weights[0]).mT + a.biases[0] - b.biases[0]
        c = z @ (a.weights[1] - b.weights[1]).mT
        v, m = a(x) - b(x), interpolated(a, b, 0.5)(x) - y
        for value, p, q in (
            (found.cc, c, c), (found.vv, v, v), (found.vc, v, c), (found.mc, m, c)
        ):  # fmt: skip
            assert value == pytest.approx(float((p * q).sum(-1).mean()), rel=1e-9, abs=1e-11)
        loss = along(a, b, x, labels, squared, t)
        barrier = loss - (t * loss[-1] + (1 - t) * loss[0])
        np.testing.assert_allclose(found.barrier(t), barrier, rtol=1e-9, atol=1e-12 * loss.max())
        verdicts.add((found.convex, found.has_barrier))
    assert verdicts == {(True, False), (False, True), (False, False)}


@pytest.mark.parametrize("layers", [[0, 1], [1, 2], [0, 3], [2]])
def test_two_layers_of_a_deeper_network(layers):
    """Not adjacent too; what precedes the first of them may be anything."""
    rng = np.random.default_rng(4)
    sigmas = [activation("tanh") if i < min(layers) else IDENTITY for i in range(3)]
    a, b = (random_chain(rng, (3, 4, 5, 4, 2), sigmas, [1.0] * 4) for _ in range(2))
    b = exchanged(a, b, layers)
    data = Examples(torch.from_numpy(rng.standard_normal((6, 3))), torch.arange(6) % 2)
    targets = torch.from_numpy(rng.standard_normal((6, 2)))
    found = two_layer_convexity(modules(a), modules(b), data, targets=targets)
    t = np.linspace(0, 1, 201)
    loss = along(a, b, data.inputs, targets, lambda f, y: (f - y).square().sum(-1).mean(), t)
    h = t[1] - t[0]
    numeric = second_difference(loss) / h**2 - 2 * found.cc * h**2  # exact for a quartic
    np.testing.assert_allclose(found.curvature(t)[1:-1], numeric, atol=1e-7 * abs(numeric).max())
    np.testing.assert_allclose(
        found.barrier(t), loss - (t * loss[-1] + (1 - t) * loss[0]), rtol=1e-9, atol=1e-12
    )
    if layers == [2]:
        assert found.cc == 0
        assert found.convex


@given(*(st.floats(-3, 3) for _ in range(4)), st.floats(0, 2), st.floats(0, 2))
def test_verdicts_agree_with_a_fine_grid(c_1, c_2, v_1, v_2, m_1, m_2):
    """Any vectors c, v, m of the plane: the minimum over a grid cannot lie below the minimum."""
    c, v, m = np.array([c_1, c_2]), np.array([v_1, v_2]), np.array([m_1 - 1, m_2 - 1])
    found = TwoLayerConvexity(cc=float(c @ c), vv=float(v @ v), vc=float(v @ c), mc=float(m @ c))
    t = np.linspace(0, 1, 2001)
    curvature, barrier = found.curvature(t), found.barrier(t)
    assert found.min_curvature == pytest.approx(curvature.min(), abs=1e-4)
    assert found.min_curvature <= curvature.min() + 1e-12
    assert found.max_barrier == pytest.approx(barrier.max(), abs=1e-4)
    assert found.max_barrier >= barrier.max() - 1e-12
    assert found.has_barrier == (found.max_barrier > 0) or abs(found.max_barrier) < 1e-9
    if found.convex:
        assert not found.has_barrier


def test_the_smallest_example():
    """((2t-1)^2 - 1)^2: c = 4, v = 0, m = -1."""
    found = TwoLayerConvexity(cc=16.0, vv=0.0, vc=0.0, mc=-4.0)
    t = np.linspace(0, 1, 11)
    np.testing.assert_allclose(found.barrier(t), ((2 * t - 1) ** 2 - 1) ** 2, atol=1e-15)
    assert found.min_curvature == -16
    assert found.max_barrier == 1
    assert found.flattest == 0.5


def test_identical_networks_are_convex_without_curvature():
    a, _, x, labels = linear_pair(np.random.default_rng(5), depth=1)
    found = two_layer_convexity(modules(a), modules(a), Examples(x, labels))
    assert dataclasses.astuple(found) == (0, 0, 0, 0)
    assert found.convex
    assert found.max_barrier == 0


def test_what_the_theorem_excludes_is_refused():
    rng = np.random.default_rng(6)
    a, b, x, labels = linear_pair(rng, depth=2)
    data = Examples(x, labels)
    with pytest.raises(ValueError, match=r"differ in at most two layers, got \['0', '2', '4'\]"):
        two_layer_convexity(modules(a), modules(b), data)
    c, d = (random_chain(rng, (3, 4, 2), [activation("tanh")], [1.0, 1.0]) for _ in range(2))
    message = "must be the identity, but layer '0' is followed by tanh"
    with pytest.raises(ValueError, match=message):
        two_layer_convexity(modules(c), modules(d), Examples(x[:, :1].expand(-1, 3), labels % 2))
    with pytest.raises(ValueError, match=re.escape("targets must be finite and of shape [7, ")):
        two_layer_convexity(modules(a), modules(a), data, targets=torch.zeros(7, 11))
    with pytest.raises(ValueError, match=r"data.inputs must have"):
        two_layer_convexity(modules(a), modules(a), Examples(torch.zeros(7, 9), labels))
    with pytest.raises(TypeError, match="no affine chain"):
        two_layer_convexity(nn.Sequential(nn.Softmax(1)), nn.Sequential(nn.Softmax(1)), data)
    rng = torch.Generator().manual_seed(0)
    wide, narrow = MLP((3, 4, 2), rng=rng), MLP((3, 3, 2), rng=rng)
    with pytest.raises(ValueError, match="same architecture"):
        two_layer_convexity(wide, narrow, data)


def test_exchanged_takes_the_layers_that_are_named():
    rng = torch.Generator().manual_seed(0)
    a, b = (affine_chain(MLP((3, 4, 4, 2), rng=rng)) for _ in range(2))
    mixed = exchanged(a, b, [1])
    assert [W is own for W, own in zip(mixed.weights, a.weights, strict=True)] == [
        True,
        False,
        True,
    ]
    assert mixed.weights[1] is b.weights[1]
    assert mixed.biases[1] is b.biases[1]
