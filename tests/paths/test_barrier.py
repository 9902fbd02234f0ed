"""Barriers against an ordinary loop over state dictionaries, and their exact cases."""

import copy
import dataclasses
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from lmctheory.networks import MLP, Examples, affine_chain
from lmctheory.paths import barrier, barriers


def networks(widths, count=2, seed=0, dtype=torch.float64, sigma="relu"):
    rng = torch.Generator().manual_seed(seed)
    models = [MLP(widths, sigma, rng=rng, dtype=dtype) for _ in range(count)]
    for model in models:
        for layer in model.linears:
            layer.bias.data.normal_(generator=rng)
    return models


def examples(n, inputs, classes, seed=0, dtype=torch.float64):
    rng = torch.Generator().manual_seed(seed)
    return Examples(
        torch.randn(n, inputs, generator=rng, dtype=dtype),
        torch.randint(classes, (n,), generator=rng),
    )


def stacked(models):
    chains = [affine_chain(model) for model in models]
    return dataclasses.replace(
        chains[0],
        weights=tuple(map(torch.stack, zip(*(chain.weights for chain in chains), strict=True))),
        biases=tuple(map(torch.stack, zip(*(chain.biases for chain in chains), strict=True))),
    )


def by_loop(model_a, model_b, data, points):
    """Loss and accuracy with each interpolated state dictionary loaded in turn."""
    a, b, model = model_a.state_dict(), model_b.state_dict(), copy.deepcopy(model_a).eval()
    losses, accuracies = [], []
    for t in np.linspace(0, 1, points):
        model.load_state_dict(
            {
                key: t * a[key] + (1 - t) * b[key] if a[key].is_floating_point() else a[key]
                for key in a
            }
        )
        with torch.no_grad():
            logits = model(data.inputs)
        losses.append(cross_entropy(logits, data.labels).item())
        accuracies.append((logits.argmax(-1) == data.labels).double().mean().item())
    return losses, accuracies


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
@pytest.mark.parametrize("widths", [(6, 4), (6, 9, 4), (6, 9, 8, 7, 4)])
def test_equals_the_loop_over_state_dictionaries(widths, dtype, tolerance):
    a, b = networks(widths, dtype=dtype)
    data = examples(50, 6, 4, dtype=dtype)
    curve = barrier(a, b, data, points=11)
    losses, accuracies = by_loop(a, b, data, 11)
    np.testing.assert_allclose(curve.t, np.linspace(0, 1, 11))
    np.testing.assert_allclose(curve.loss, losses, rtol=tolerance)
    np.testing.assert_allclose(curve.accuracy, accuracies)


@pytest.mark.parametrize("sigma", ["tanh", "gelu", "softplus"])
def test_equals_the_loop_for_other_activations(sigma):
    a, b = networks((6, 9, 8, 4), sigma=sigma)
    data = examples(20, 6, 4)
    np.testing.assert_allclose(barrier(a, b, data, 5).loss, by_loop(a, b, data, 5)[0], rtol=1e-12)


def convolutional(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = nn.Sequential(
            nn.Unflatten(1, (1, 6)),
            nn.Conv1d(1, 3, 3),
            nn.BatchNorm1d(3),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Flatten(),
            nn.Linear(12, 4),
        ).double()
        model(torch.randn(100, 6, dtype=torch.float64))  # running statistics of its own
    return model


def test_networks_that_are_no_chain_agree_with_the_loop_and_are_left_alone():
    a, b = convolutional(0), convolutional(1)
    before = {key: value.clone() for key, value in a.state_dict().items()}
    data = examples(300, 6, 4)
    curve = barrier(a, b, data, points=5)
    losses, accuracies = by_loop(a, b, data, 5)
    np.testing.assert_allclose(curve.loss, losses, rtol=1e-12)
    np.testing.assert_allclose(curve.accuracy, accuracies)
    assert a.training
    assert b.training
    assert all(torch.equal(value, before[key]) for key, value in a.state_dict().items())


def test_a_chain_agrees_with_the_same_network_evaluated_as_a_module():
    class Branching(nn.Module):  # the same function, but tracing finds no chain
        def __init__(self, chain):
            super().__init__()
            self.chain = chain

        def forward(self, x):
            return self.chain(x) + 0.0 * self.chain(x)

    a, b = networks((6, 9, 4))
    data = examples(30, 6, 4)
    chain, module = barrier(a, b, data, 7), barrier(Branching(a), Branching(b), data, 7)
    np.testing.assert_allclose(chain.loss, module.loss, rtol=1e-12)


def test_stacks_of_pairs_are_the_pairs(monkeypatch):
    a, b, c, d, e, f = networks((6, 9, 8, 4), count=6)
    data = examples(40, 6, 4)
    together = barriers(stacked([a, c, e]), stacked([b, d, f]), data, points=7)
    singles = [barrier(*pair, data, points=7) for pair in ((a, b), (c, d), (e, f))]
    np.testing.assert_allclose(together.loss, [single.loss for single in singles], rtol=1e-12)
    np.testing.assert_array_equal(together.accuracy, [single.accuracy for single in singles])
    np.testing.assert_allclose(together.max, [single.max for single in singles], atol=1e-12)
    assert together.midpoint.shape == (3,)


@pytest.mark.parametrize(
    "budget", [{"_WEIGHT_BYTES": 5000}, {"_WEIGHT_BYTES": 20_000}, {"_ACTIVATION_BYTES": 20_000}]
)
def test_blocks_of_pairs_points_and_examples_change_nothing(monkeypatch, budget):
    models = networks((6, 9, 8, 4), count=6)
    stacks, data = (stacked(models[:3]), stacked(models[3:])), examples(100, 6, 4)
    whole = barriers(*stacks, data, points=7)
    for name, size in budget.items():
        monkeypatch.setattr(f"lmctheory.paths.interpolation.{name}", size)
    monkeypatch.setattr("lmctheory.paths.interpolation._CACHE_BYTES", 1)
    blocked = barriers(*stacks, data, points=7)
    np.testing.assert_allclose(blocked.loss, whole.loss, rtol=1e-12)
    np.testing.assert_array_equal(blocked.accuracy, whole.accuracy)


def test_losses_are_means_over_examples_not_over_batches():
    a, b = networks((6, 9, 4), seed=3)
    large, small = examples(97, 6, 4, seed=1), examples(3, 6, 4, seed=2)
    both = Examples(
        torch.cat([large.inputs, small.inputs]), torch.cat([large.labels, small.labels])
    )
    parts = [barrier(a, b, data, 3).loss for data in (large, small)]
    expected = 0.97 * parts[0] + 0.03 * parts[1]
    np.testing.assert_allclose(barrier(a, b, both, 3).loss, expected, rtol=1e-12)


def test_the_end_t_1_is_a():
    a, b = networks((6, 9, 4))
    data = examples(30, 6, 4)
    curve = barrier(a, b, data, points=5)
    with torch.no_grad():
        losses = [cross_entropy(model(data.inputs), data.labels).item() for model in (b, a)]
    np.testing.assert_allclose(curve.loss[[0, -1]], losses, rtol=1e-12)
    np.testing.assert_array_equal(curve.barrier[[0, -1]], [0.0, 0.0])


def test_midpoint_and_maxima_by_hand():
    """One ReLU, f_A(x) = (relu(x), 0), f_B(x) = (-relu(-x), 0); the parameters cancel midway."""
    a, b = networks((1, 1, 2), count=2)
    with torch.no_grad():
        for model, sign in ((a, 1.0), (b, -1.0)):
            model.linears[0].weight.fill_(sign)
            model.linears[0].bias.zero_()
            model.linears[1].weight.copy_(torch.tensor([[sign], [0.0]]))
            model.linears[1].bias.zero_()
    data = Examples(torch.tensor([[1.0], [-1.0]], dtype=torch.float64), torch.tensor([0, 1]))
    curve = barrier(a, b, data, points=3)
    # A fires on the first example (logits 1, 0), B on the second (logits -1, 0)
    end = (np.log1p(np.exp(-1)) + np.log(2)) / 2
    np.testing.assert_allclose(curve.loss, [end, np.log(2), end])
    assert curve.midpoint == pytest.approx(np.log(2) - end)
    assert curve.max == curve.midpoint
    # equal logits count as class 0: B is right on both, A on the first only
    np.testing.assert_array_equal(curve.accuracy, [1.0, 0.5, 0.5])
    assert curve.midpoint_accuracy_drop == 0.25


@settings(deadline=None, max_examples=15)
@given(
    seed=st.integers(0, 2**31),
    widths=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    points=st.sampled_from([3, 5, 9]),
)
def test_invariants(seed, widths, points):
    a, b = networks(widths, seed=seed)
    data = examples(7, widths[0], widths[-1], seed=seed)
    forward, backward = barrier(a, b, data, points), barrier(b, a, data, points)
    np.testing.assert_allclose(forward.loss, backward.loss[::-1], rtol=1e-9)
    assert np.abs(barrier(a, a, data, points).barrier).max() < 1e-12
    assert forward.max >= forward.midpoint
    assert ((forward.accuracy >= 0) & (forward.accuracy <= 1)).all()
    np.testing.assert_allclose(forward.accuracy_drop[[0, -1]], 0, atol=1e-12)
    if len(widths) == 2:  # cross-entropy is convex in the parameters of a linear network
        assert forward.max <= 1e-12


def test_the_maximum_is_signed():
    a, b = networks((6, 4))
    curve = barrier(a, b, examples(60, 6, 4), points=5)
    assert curve.midpoint <= curve.max < -0.01  # a linear network: cross-entropy is convex
    assert curve.max == curve.barrier[1:-1].max()


def test_accuracy_drop():
    a, b = networks((6, 9, 4), seed=5)
    curve = barrier(a, b, examples(60, 6, 4), points=5)
    chord = curve.t * curve.accuracy[-1] + (1 - curve.t) * curve.accuracy[0]
    np.testing.assert_allclose(curve.accuracy_drop, chord - curve.accuracy)
    assert curve.midpoint_accuracy_drop == curve.accuracy_drop[2]
    assert curve.max_accuracy_drop == curve.accuracy_drop[1:-1].max()


def test_repr_summarises():
    a, b = networks((6, 9, 4))
    text = repr(barrier(a, b, examples(10, 6, 4), points=5))
    assert re.fullmatch(
        r"Barrier\(max=-?[\d.]+, midpoint=-?[\d.]+, max_accuracy_drop=-?[\d.]+, points=5\)", text
    )


@pytest.mark.parametrize("points", [-1, 1, 2, 24])
def test_grids_without_the_midpoint_are_refused(points):
    a, b = networks((6, 9, 4))
    with pytest.raises(ValueError, match=rf"points must be odd and >= 3, .*, got {points}"):
        barrier(a, b, examples(10, 6, 4), points)


def test_different_architectures_are_refused():
    data = examples(10, 6, 4)
    [a], [b] = networks((6, 9, 4), count=1), networks((6, 8, 4), count=1)
    with pytest.raises(ValueError, match=r"layer 'layers.0' have shape \(9, 6\) in model_a"):
        barrier(a, b, data)
    with pytest.raises(ValueError, match=r"'1.weight' has shape \(3, 1, 3\) in model_a and None"):
        barrier(convolutional(0), b, data)


def test_bad_weights_and_data_are_refused():
    a, b = networks((6, 9, 4))
    data = examples(10, 6, 4)
    with pytest.raises(ValueError, match=r"data.labels must lie in 0..3, got 4..4"):
        barrier(a, b, Examples(data.inputs, torch.full((10,), 4)))
    with pytest.raises(ValueError, match=r"data.labels must lie in 0..3, got -1..-1"):
        barrier(convolutional(0), convolutional(1), Examples(data.inputs, torch.full((10,), -1)))
    with pytest.raises(ValueError, match=r"data.inputs must have 6 coordinates, got 5"):
        barrier(a, b, Examples(data.inputs[:, :5], data.labels))
    with pytest.raises(ValueError, match=r"weights must be stacked as \[pairs, .* shape \(9, 6\)"):
        barriers(affine_chain(a), affine_chain(b), data)
    with torch.no_grad():
        a.linears[0].bias[0] = torch.inf
    with pytest.raises(ValueError, match=r"model_a has NaN or infinite weights in layer 'layers.0"):
        barrier(a, b, data)
    broken = convolutional(0)
    with torch.no_grad():
        broken[1].bias[0] = torch.nan
    with pytest.raises(ValueError, match=r"model_b has NaN or infinite values in '1.bias'"):
        barrier(convolutional(0), broken, data)
