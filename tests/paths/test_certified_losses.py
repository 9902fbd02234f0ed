"""Certificates of losses other than the cross-entropy, against networks on the segment."""

import dataclasses

import numpy as np
import pytest
import torch

from lmctheory.networks import CNN, MLP, Examples
from lmctheory.networks.losses import CrossEntropy, ExampleLoss
from lmctheory.paths import barrier, certificate, certificates, certify, interpolate
from lmctheory.paths.whole_path import certify_chains
from tests.paths.adversarial import interpolated, random_pair


def one_output(chain):
    """The same with the first output alone."""
    weights, biases = (*chain.weights[:-1], chain.weights[-1][:1]), chain.biases
    return dataclasses.replace(chain, weights=weights, biases=(*biases[:-1], biases[-1][:1]))


def as_classes(a, b, data, rng):
    return a, b, Examples(data.inputs, data.labels, "squared")


def as_values(a, b, data, rng):
    size = 10 ** rng.uniform(-2, 2)
    values = size * rng.standard_normal((len(data), len(a.weights[-1])))
    return a, b, Examples(data.inputs, torch.from_numpy(values), "squared")


def as_binary(a, b, data, rng):
    labels = torch.from_numpy(rng.integers(2, size=len(data)))
    return one_output(a), one_output(b), Examples(data.inputs, labels, "binary")


def as_probability(a, b, data, rng):
    labels = torch.from_numpy(rng.random(len(data)))
    return one_output(a), one_output(b), Examples(data.inputs, labels, "binary")


PROBLEMS = [as_classes, as_values, as_binary, as_probability]


def stacked(chain):
    return dataclasses.replace(
        chain,
        weights=tuple(W[None] for W in chain.weights),
        biases=tuple(b[None] for b in chain.biases),
    )


def measured(a, b, data, t):
    outputs = interpolated(a, b, t)(data.inputs)[None]
    hits = data.loss.hits(outputs, data.labels)[0].numpy()
    return data.loss.each(outputs, data.labels)[0].numpy(), hits


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("pairs", [40, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_point_of_the_segment_never_violates_its_bounds(problem, pairs):
    rng = np.random.default_rng(1)
    halved = certified = 0
    for _ in range(pairs):
        a, b, data, t = random_pair(rng)
        a, b, data = problem(a, b, data, rng)
        for vector in (True, False):
            [found] = certificates(stacked(a), stacked(b), data, t, vector=vector)
            for i, point in enumerate(t.tolist()):
                loss, hits = measured(a, b, data, point)
                assert (loss <= found.example_loss[i]).all()
                assert (hits[found.certified[i]] == 1).all()
                halved += int((loss > found.example_loss[i] / 2).sum())
                certified += int(found.certified[i].sum())
    assert halved > 20 * pairs
    assert (certified > 5 * pairs) == (problem is not as_values)


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("pairs", [40, pytest.param(1000, marks=pytest.mark.slow)])
def test_no_point_of_a_piece_violates_its_bounds(problem, pairs):
    rng = np.random.default_rng(2)
    weakened = certified = 0
    for _ in range(pairs):
        a, b, data, _ = random_pair(rng)
        a, b, data = problem(a, b, data, rng)
        found = certify_chains(a, b, data, nodes=int(rng.integers(1, 5)))
        for piece, (start, end) in enumerate(zip(found.t[:-1], found.t[1:], strict=True)):
            for t in np.linspace(start, end, 7):
                loss, hits = measured(a, b, data, float(t))
                assert (loss <= found.example_loss[piece] * (1 + 1e-12)).all()
                assert loss.mean() <= found.piece_loss[piece] * (1 + 1e-12)
                assert (hits[found.certified[piece]] == 1).all()
                weakened += int((loss > found.example_loss[piece] / 2).sum())
                certified += int(found.certified[piece].sum())
    assert weakened > 20 * pairs
    assert (certified > 5 * pairs) == (problem is not as_values)


def generator(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("loss", ["squared", "binary", "cross_entropy"])
def test_bounds_of_close_networks_are_sharp(loss):
    """And equal what is measured where the two networks are one."""
    a = MLP((5, 16, 16, 1 if loss == "binary" else 3), rng=generator(0)).double()
    b = MLP((5, 16, 16, 1 if loss == "binary" else 3), rng=generator(1)).double()
    near = interpolate(a, b, 1 - 1e-4)
    x = torch.randn(30, 5, generator=generator(2), dtype=torch.float64)
    data = Examples(x, torch.arange(30) % 2, loss)
    truth = barrier(a, near, data, points=3)
    for found in (certificate(a, near, data), certify(a, near, data, nodes=2)):
        assert found.loss == pytest.approx(truth.loss[1], rel=1e-3)
        assert found.accuracy == pytest.approx(truth.accuracy[1])
    same = certificate(a, a, data)
    assert same.loss == pytest.approx(barrier(a, a, data, points=3).loss[1], rel=1e-9)


def test_convolutional_networks_are_certified_by_the_squared_error():
    a, b = (CNN((1, 6, 6), (2, 3), 3, rng=generator(seed)).double() for seed in range(2))
    x = torch.randn(12, 1, 6, 6, generator=generator(2), dtype=torch.float64)
    values = torch.randn(12, 3, generator=generator(3), dtype=torch.float64)
    data = Examples(x, values, "squared")
    truth = barrier(a, b, data, points=9)
    found = certificate(a, b, data, t=truth.t)
    assert (truth.loss <= found.loss).all()
    assert truth.loss.max() <= certify(a, b, data).loss
    assert np.isnan(truth.accuracy).all()
    assert not found.certified.any()


@pytest.mark.parametrize(
    "loss",
    [CrossEntropy(label_smoothing=0.1), CrossEntropy((1.0, 2.0, 1.0)), ExampleLoss(torch.sub)],
)
def test_losses_without_a_proof_are_refused_by_name(loss):
    a = MLP((5, 4, 3), rng=generator(0))
    data = Examples(torch.zeros(3, 5), torch.arange(3), loss)
    if isinstance(loss, ExampleLoss):
        data = Examples(torch.zeros(3, 5), torch.arange(3), lambda f, y: f[:, 0] - y)
    for call in (certificate, certify):
        with pytest.raises(ValueError, match="certificates are proved for the cross-entropy"):
            call(a, a, data)
