"""Certificates against the truth, against a transcription by loops, and on closed forms."""

import dataclasses
import importlib
import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lmctheory.networks import MLP, Examples, affine_chain
from lmctheory.paths import Certificate, certificate, certificates, operator_norms
from lmctheory.paths.linear_maps import Dense
from tests.paths.adversarial import SIGMAS, interpolated, map_parameters, random_chain, random_pair


def stack(chain):
    return map_parameters(chain, lambda x: x[None])


def certify(a, b, data, t, **options) -> Certificate:
    [result] = certificates(stack(a), stack(b), data, t, **options)
    return result


def truth(a, b, data, t):
    """Measured function error, feature errors, cross-entropy and correctness at theta_t."""
    middle = interpolated(a, b, t)
    f_a, f_b, f_t = (chain(data.inputs) for chain in (a, b, middle))
    features = [
        (p_t - (t * p_a + (1 - t) * p_b)).norm(dim=-1).numpy()
        for (_, p_a), (_, p_b), (_, p_t) in zip(
            *(chain.hidden(data.inputs) for chain in (a, b, middle)), strict=True
        )
    ]
    return (
        (f_t - (t * f_a + (1 - t) * f_b)).norm(dim=-1).numpy(),
        np.array(features).reshape(a.depth, len(f_t)),
        cross_entropy(f_t, data.labels, reduction="none").numpy(),
        (f_t.argmax(-1) == data.labels).numpy(),
    )


def violations(result, measured, factor=1.0):
    """How many bounds, each times `factor`, the measured values exceed: by kind of bound."""
    errors, features, losses, correct = (
        np.stack(values, axis=axis) for values, axis in zip(measured, (0, 1, 0, 0), strict=True)
    )
    return {
        "C1'": (~(errors <= factor * result.function_error)).sum(),
        "C1": (~(errors <= factor * result.function_error_c1)).sum(),
        "C2": (~(errors <= factor * result.function_error_c2)).sum(),
        "s_l": (~(features <= factor * result.feature_error)).sum(),
        "C3": (~(losses <= factor * result.example_loss)).sum(),
        "C3 mean": (~(losses.mean(-1) <= factor * result.loss)).sum(),
        "C3 accuracy": (result.certified & ~correct).sum(),
    }


@pytest.mark.parametrize("pairs", [100, pytest.param(3000, marks=pytest.mark.slow)])
def test_random_and_adversarial_pairs_never_violate_a_certificate(pairs):
    rng = np.random.default_rng(20240611)
    found, halved = [], []
    for a, b, data, t in (random_pair(rng) for _ in range(pairs)):
        measured = list(zip(*(truth(a, b, data, point) for point in t), strict=True))
        for vector in (True, False):
            result = certify(a, b, data, t, vector=vector)
            found.append(violations(result, measured))
            halved.append(violations(result, measured, factor=0.5))
    total = {key: sum(counts[key] for counts in found) for key in found[0]}
    assert total == dict.fromkeys(total, 0)
    # the same check does find violations, of every kind, when the bounds are too small
    seen = {key: sum(counts[key] for counts in halved) for key in total if key != "C3 accuracy"}
    assert all(count > pairs // 5 for count in seen.values()), seen


def by_loops(a, b, data, t):
    """C1, C1', C2 and C3 (from C1) transcribed example by example, in NumPy."""
    weights = [[W.numpy() for W in chain.weights] for chain in (a, b)]
    biases = [[v.numpy() for v in chain.biases] for chain in (a, b)]
    c1, c1_vector, c2, losses = [], [], [], []
    for x, y in zip(data.inputs.numpy(), data.labels.tolist(), strict=True):
        phi_a = phi_b = x
        s = radius = u = v = 0.0
        j = np.zeros_like(x)
        for k in range(a.depth + 1):
            W_a, W_b, b_a, b_b = weights[0][k], weights[1][k], biases[0][k], biases[1][k]
            last = k == a.depth
            lip = 1.0 if last else a.activations[k].lipschitz
            W = t * W_a + (1 - t) * W_b
            norm = np.linalg.svd(W, compute_uv=False)[0]
            c = -t * (1 - t) * (W_a - W_b) @ (phi_a - phi_b)
            u = lip * (norm * u + (1 - t) * np.linalg.norm((W_a - W_b) @ phi_a + b_a - b_b))
            v = lip * (norm * v + t * np.linalg.norm((W_a - W_b) @ phi_b + b_a - b_b))
            radius = lip * (np.linalg.norm(W @ j + c) + norm * radius)
            z_a, z_b = W_a @ phi_a + b_a, W_b @ phi_b + b_b
            z_bar = t * z_a + (1 - t) * z_b
            if last:
                margins = [
                    z_bar[i] - z_bar[y] + c[i] - c[y] + np.linalg.norm(W[i] - W[y]) * s
                    for i in range(len(z_bar))
                    if i != y
                ]
                losses.append(np.log1p(np.exp(margins).sum()))
                j = np.zeros_like(z_bar)
            else:

                def sigma(z, k=k):
                    return a.activations[k].apply(torch.from_numpy(z)).numpy()

                phi_a, phi_b = sigma(z_a), sigma(z_b)
                j = sigma(z_bar) - t * phi_a - (1 - t) * phi_b
            s = lip * norm * s + lip * np.linalg.norm(c) + np.linalg.norm(j)
        c1.append(s)
        c1_vector.append(radius)
        c2.append(t * u + (1 - t) * v)
    return c1, c1_vector, c2, losses


@pytest.mark.parametrize("depth", [0, 1, 2, 4])
def test_bounds_are_the_formulas_of_the_theory(depth):
    rng = np.random.default_rng(depth)
    widths = rng.integers(2, 9, size=depth + 2)
    sigmas = [SIGMAS[i] for i in rng.integers(len(SIGMAS), size=depth)]
    a, b = (random_chain(rng, widths, sigmas, [0.5] * (depth + 1)) for _ in range(2))
    data = examples(rng, widths[0], widths[-1])
    grid = np.array([0.0, 0.3, 0.5, 1.0])  # few enough points for exact operator norms
    result = certify(a, b, data, grid)
    scalar = certify(a, b, data, grid, vector=False)
    for i, t in enumerate(grid):
        c1, c1_vector, c2, losses = by_loops(a, b, data, t)
        close = {"rtol": 1e-7, "atol": 1e-8}
        np.testing.assert_allclose(result.function_error_c1[i], c1, **close)
        np.testing.assert_allclose(result.function_error[i], c1_vector, **close)
        np.testing.assert_allclose(result.function_error_c2[i], c2, **close)
        np.testing.assert_allclose(scalar.example_loss[i], losses, **close)
        np.testing.assert_array_equal(scalar.function_error, scalar.function_error_c1)


def examples(rng, inputs, classes, n=8):
    return Examples(
        torch.from_numpy(rng.standard_normal((n, inputs))),
        torch.from_numpy(rng.integers(classes, size=n)),
    )


def random_mlps(widths, count=2, seed=0, sigma="relu", dtype=torch.float64):
    rng = torch.Generator().manual_seed(seed)
    models = [MLP(widths, sigma, rng=rng, dtype=dtype) for _ in range(count)]
    for model in models:
        for layer in model.linears:
            layer.bias.data.normal_(generator=rng)
    return models


@pytest.mark.parametrize("sigma", ["relu", "tanh", "gelu"])
def test_with_one_hidden_layer_the_vector_form_is_an_identity(sigma):
    a, b = random_mlps((5, 7, 3), sigma=sigma)
    data = examples(np.random.default_rng(0), 5, 3, n=50)
    for t in (0.2, 0.5, 0.9):
        result = certificate(a, b, data, t)
        error, _, losses, correct = truth(affine_chain(a), affine_chain(b), data, t)
        np.testing.assert_allclose(result.function_error, error, rtol=1e-9)
        np.testing.assert_allclose(result.example_loss, losses, rtol=1e-9)
        np.testing.assert_array_equal(result.certified, correct)
        assert result.accuracy == correct.mean()


def test_without_hidden_layers_there_is_no_error():
    a, b = random_mlps((5, 3))
    data = examples(np.random.default_rng(0), 5, 3)
    result = certificate(a, b, data, 0.3)
    assert result.feature_error.shape == (0, 8)
    assert result.function_error.max() < 1e-11
    loss = truth(affine_chain(a), affine_chain(b), data, 0.3)[2].mean()
    assert result.loss == pytest.approx(loss, rel=1e-11)
    assert result.barrier < 0  # cross-entropy is convex in the logits


def test_weak_additivity_gap_of_relu_in_closed_form():
    """|j| = min(t |z_A|, (1-t) |z_B|) where the signs differ, 0 where they agree."""
    a, b = random_mlps((5, 7, 3))
    data = examples(np.random.default_rng(1), 5, 3)
    t = 0.3
    z_a, z_b = (affine_chain(model).hidden(data.inputs)[0][0] for model in (a, b))
    gap = torch.where(z_a * z_b < 0, torch.minimum(t * z_a.abs(), (1 - t) * z_b.abs()), 0.0)
    result = certificate(a, b, data, t)
    np.testing.assert_allclose(result.weak_additivity[0], gap.norm(dim=-1), rtol=1e-12)
    np.testing.assert_allclose(result.feature_error[0], gap.norm(dim=-1), atol=1e-11)


def test_linear_networks_have_no_weak_additivity_gap():
    a, b = random_mlps((5, 7, 6, 3), sigma="identity")
    result = certificate(a, b, examples(np.random.default_rng(1), 5, 3), 0.5)
    assert result.weak_additivity.max() < 1e-13
    assert result.commutativity.min() > 0


def test_vector_form_is_never_above_the_scalar_form():
    a, b = random_mlps((5, 9, 8, 7, 3))
    data = examples(np.random.default_rng(2), 5, 3, n=100)
    grid = np.linspace(0, 1, 9)
    vector, scalar = (certificate(a, b, data, grid, vector=choice) for choice in (True, False))
    assert (vector.function_error <= scalar.function_error * (1 + 1e-12)).all()
    assert (vector.example_loss <= scalar.example_loss * (1 + 1e-12)).all()
    assert vector.function_error.mean() < 0.9 * scalar.function_error.mean()


def test_identical_networks_and_the_ends_have_no_error():
    a, b = random_mlps((5, 9, 8, 3))
    data = examples(np.random.default_rng(3), 5, 3)
    same = certificate(a, a, data, [0.0, 0.4, 1.0])
    ends = certificate(a, b, data, [0.0, 1.0])
    for result in (same, ends):
        for bound in (result.function_error_c1, result.function_error_c2, result.function_error):
            assert bound.max() < 1e-9
        assert np.abs(result.barrier).max() < 1e-9
    # the end t = 1 must be A, not B
    loss_a = cross_entropy(a(data.inputs), data.labels).item()
    assert ends.loss[1] == pytest.approx(loss_a, rel=1e-9)
    assert ends.accuracy[1] == (a(data.inputs).argmax(-1) == data.labels).double().mean()


def test_a_grid_agrees_with_its_points_up_to_the_interpolated_operator_norms():
    a, b = random_mlps((5, 9, 8, 3))
    data = examples(np.random.default_rng(4), 5, 3)
    grid = np.linspace(0, 1, 9)
    whole = certificate(a, b, data, grid)
    for i, t in enumerate(grid):
        single = certificate(a, b, data, float(t))
        assert (whole.function_error[i] >= single.function_error * (1 - 1e-12)).all()
        assert (whole.function_error[i] <= single.function_error * 1.1 + 1e-12).all()
        if i % 2 == 0:  # a node, where the norm is exact
            np.testing.assert_allclose(whole.function_error_c2[i], single.function_error_c2)


def test_norms_of_the_ends_are_shared_by_alignments(monkeypatch):
    rng = torch.Generator().manual_seed(0)
    a, b = (affine_chain(MLP((5, 7, 6, 3), rng=rng, dtype=torch.float64)) for _ in range(2))
    order = torch.randperm(7, generator=rng)
    aligned = dataclasses.replace(
        b,
        weights=(b.weights[0][order], b.weights[1][:, order], b.weights[2]),
        biases=(b.biases[0][order], *b.biases[1:]),
    )
    inputs = torch.randn(9, 5, generator=rng, dtype=torch.float64)
    data = Examples(inputs, torch.arange(9) % 3)
    norms = operator_norms(stack(a)), operator_norms(stack(b))
    assert norms[0] == [[pytest.approx(float(np.linalg.norm(W, 2))) for W in a.weights]]
    computed, norm = [], Dense.norm

    def counted(self, W):
        computed.append(W)
        return norm(self, W)

    monkeypatch.setattr(Dense, "norm", counted)
    t = [0.0, 0.3, 1.0]
    found, known = certify(a, aligned, data, t), certify(a, aligned, data, t, norms=norms)
    assert len(computed) == 2 * 3 + 2 * 1  # the first layer's norm is not needed
    for field in dataclasses.fields(found):
        np.testing.assert_allclose(
            getattr(known, field.name), getattr(found, field.name), rtol=1e-12
        )


def test_certificates_of_stacks_are_those_of_the_pairs():
    a, b, c, d = random_mlps((5, 9, 3), count=4)
    data = examples(np.random.default_rng(5), 5, 3)
    stacks = [
        dataclasses.replace(
            affine_chain(x),
            weights=tuple(map(torch.stack, zip(x_chain.weights, y_chain.weights, strict=True))),
            biases=tuple(map(torch.stack, zip(x_chain.biases, y_chain.biases, strict=True))),
        )
        for x, x_chain, y_chain in (
            (a, affine_chain(a), affine_chain(c)),
            (b, affine_chain(b), affine_chain(d)),
        )
    ]
    both = certificates(*stacks, data, t=[0.5])
    for found, pair in zip(both, ((a, b), (c, d)), strict=True):
        np.testing.assert_allclose(found.loss, certificate(*pair, data, t=[0.5]).loss)


def test_chunks_of_examples_change_nothing(monkeypatch):
    a, b = random_mlps((5, 9, 8, 3))
    data = examples(np.random.default_rng(6), 5, 3, n=23)
    whole = certificate(a, b, data, [0.3, 0.5])
    module = importlib.import_module("lmctheory.paths._certificate")
    monkeypatch.setattr(module, "_CHUNK_BYTES", 10_000)
    chunked = certificate(a, b, data, [0.3, 0.5])
    for field in dataclasses.fields(whole):
        one, other = getattr(whole, field.name), getattr(chunked, field.name)
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_float32_models_are_certified_in_float64_and_left_alone():
    a, b = random_mlps((5, 9, 8, 3), dtype=torch.float32)
    before = [p.clone() for p in a.parameters()]
    data = examples(np.random.default_rng(7), 5, 3)
    result = certificate(a.train(), b, data)
    assert result.loss.dtype == np.float64
    assert a.training
    assert all(map(torch.equal, before, a.parameters()))
    wide = certificate(a.double(), b.double(), data)
    np.testing.assert_array_equal(result.example_loss, wide.example_loss)


def test_repr_summarises():
    a, b = random_mlps((5, 9, 3))
    text = repr(certificate(a, b, examples(np.random.default_rng(8), 5, 3), [0.25, 0.5]))
    assert re.fullmatch(
        r"Certificate\(at t=0\.\d+ of 2, the largest loss: function_error<=.* in the mean, "
        r"loss<=.*, barrier<=.*, accuracy>=.*; 1 hidden layers, 8 examples\)",
        text,
    )


@pytest.mark.parametrize("t", [-0.1, 1.1, float("nan"), [0.5, 2.0], []])
def test_t_outside_the_segment_is_refused(t):
    a, b = random_mlps((5, 9, 3))
    data = examples(np.random.default_rng(0), 5, 3)
    with pytest.raises(ValueError, match=r"t must be a number in \[0, 1\] or a list of them, got"):
        certificate(a, b, data, t)


def test_different_architectures_are_refused():
    [a] = random_mlps((5, 9, 3), count=1)
    data = examples(np.random.default_rng(0), 5, 3)
    same = "model_a and model_b must have the same architecture, but "
    for widths, sigma, message in (
        (
            (5, 8, 3),
            "relu",
            "the weights of layer 'layers.0' have shape (9, 5) in model_a and (8, 5",
        ),
        ((5, 9, 3), "tanh", "layer 'layers.0' is followed by relu in model_a and tanh in model_b"),
        ((5, 9, 9, 3), "relu", "model_a has 1 hidden layers and model_b has 2"),
    ):
        [b] = random_mlps(widths, count=1, sigma=sigma)
        with pytest.raises(ValueError, match=re.escape(same + message)):
            certificate(a, b, data)


def test_bad_weights_and_data_are_refused():
    a, b = random_mlps((5, 9, 3))
    data = examples(np.random.default_rng(0), 5, 3)
    labels = torch.full((8,), 3)
    with pytest.raises(ValueError, match=r"data.labels must lie in 0..2, got 3..3"):
        certificate(a, b, Examples(data.inputs, labels))
    with pytest.raises(ValueError, match=r"data.inputs must have 5 coordinates, got 4"):
        certificate(a, b, Examples(data.inputs[:, :4], data.labels))
    with pytest.raises(ValueError, match=r"weights must be stacked as \[pairs, m_l, m_\(l-1\)\]"):
        certificates(affine_chain(a), affine_chain(b), data)
    with torch.no_grad():
        b.linears[1].weight[0, 0] = torch.nan
    with pytest.raises(
        ValueError, match=r"model_b has NaN or infinite weights in layer 'layers.1'"
    ):
        certificate(a, b, data)


def chain_of(*weights, last_hidden_bias=None):
    layers = []
    for W in (torch.tensor(rows, dtype=torch.float64) for rows in weights):
        linear = nn.Linear(W.shape[1], W.shape[0], dtype=torch.float64)
        linear.weight.data, linear.bias.data = W, torch.zeros(len(W), dtype=torch.float64)
        layers += [linear, nn.ReLU()]
    if last_hidden_bias is not None:
        layers[-2].bias.data = torch.tensor(last_hidden_bias, dtype=torch.float64)
    return nn.Sequential(*layers[:-1])


def test_norms_whose_squares_underflow_are_still_bounded():
    def net(s):
        weights = [[s], [s]], [[1, 0], [0, 1]], [[1e80, 0], [0, 1e80]], [[4e83, 0], [0, 0]]
        return chain_of(*weights, last_hidden_bias=[0.0, 1.0])

    data = Examples(torch.ones(1, 1, dtype=torch.float64), torch.tensor([0]))
    a, b = net(1e-163), net(-1e-163)
    result = certificate(a, b, data, 0.5)
    error, _, losses, _ = truth(affine_chain(a), affine_chain(b), data, 0.5)
    assert error[0] == pytest.approx(2)
    for bound in (result.function_error, result.function_error_c1, result.function_error_c2):
        assert bound[0] >= error[0]
    assert result.example_loss[0] >= losses[0]
    assert not result.certified[0]


def test_bounds_that_overflow_are_infinite_and_certify_nothing():
    net = chain_of([[1.0]], [[1e200], [0.0]], [[1e-200, 0.0], [0.0, 1e-200]])
    data = Examples(torch.ones(1, 1, dtype=torch.float64), torch.tensor([0]))
    result = certificate(net, net, data, 0.5)
    for field in dataclasses.fields(result):
        assert not np.isnan(getattr(result, field.name)).any(), field.name


def test_networks_that_overflow_are_refused():
    net = chain_of([[1e200]], [[1e200], [0.0]])
    data = Examples(torch.ones(1, 1, dtype=torch.float64), torch.tensor([0]))
    with pytest.raises(ValueError, match="overflows on the data"):
        certificate(net, net, data)


def test_networks_with_hooks_are_no_chains():
    net = chain_of([[1.0]], [[1.0], [0.0]])
    net[0].register_forward_hook(lambda module, inputs, output: 2 * output)
    data = Examples(torch.ones(1, 1, dtype=torch.float64), torch.tensor([0]))
    with pytest.raises(TypeError, match=r"0 \(Linear\) has a forward hook"):
        certificate(net, net, data)


def test_text_is_no_place_on_the_segment(as_users_call):
    a, b = random_mlps((5, 9, 3))
    data = examples(np.random.default_rng(0), 5, 3)
    with pytest.raises(TypeError, match="t must hold real numbers, got <U3"):
        certificate(a, b, data, t="0.5")
