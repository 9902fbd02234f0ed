"""Certificates of losses other than the cross-entropy, against networks on the segment."""

import dataclasses

import numpy as np
import pytest
import torch

from lmctheory.networks import CNN, MLP, Examples
from lmctheory.networks.losses import CrossEntropy, ExampleLoss, as_loss
from lmctheory.paths import barrier, certificate, certificates, certify, interpolate
from lmctheory.paths.certified_losses import AtPoint, OnPiece, certified_loss
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
@pytest.mark.parametrize("pairs", [15, pytest.param(1000, marks=pytest.mark.slow)])
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
@pytest.mark.parametrize("pairs", [15, pytest.param(1000, marks=pytest.mark.slow)])
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


LOSSES = {  # outputs, labels of n examples
    "cross_entropy": (4, lambda rng, n: rng.integers(4, size=n)),
    "binary": (1, lambda rng, n: rng.integers(2, size=n)),
    "squared": (4, lambda rng, n: rng.standard_normal((n, 4))),
}


def drawn(name, n=300):
    """A loss, what certificates know of it, and outputs and labels of n examples."""
    rng = np.random.default_rng(0)
    outputs, labels = LOSSES[name]
    loss = as_loss(name)
    centre = 3 * torch.from_numpy(rng.standard_normal((n, outputs)))
    return rng, loss, certified_loss(loss), centre, torch.from_numpy(labels(rng, n))


def slopes(loss, outputs, labels):
    """Gradients of the loss of each example."""
    with torch.enable_grad():
        point = outputs.clone().requires_grad_()
        [slope] = torch.autograd.grad(loss.each(point[None], labels)[0].sum(), point)
    return slope


def worst_way(name, loss, outputs, labels):
    """Where the loss rises most far away, a unit vector for each example."""
    if name == "cross_entropy":  # from the label to the largest of the others
        rivals = outputs.scatter(1, labels[:, None], -torch.inf).argmax(1, keepdim=True)
        way = torch.zeros_like(outputs).scatter(1, rivals, 1.0)
        return way.scatter(1, labels[:, None], -1.0) / 2**0.5
    slope = slopes(loss, outputs, labels)
    return slope / slope.norm(dim=1, keepdim=True)


def each(loss, outputs, labels):
    return loss.each(outputs[None], labels)[0]


@pytest.mark.parametrize("name", ["cross_entropy", "binary"])
def test_lipschitz_constants_are_the_largest_slopes(name):
    """And are attained far out, on the wrong side."""
    _, loss, known, centre, labels = drawn(name)
    largest = slopes(loss, centre, labels).norm(dim=1)
    assert (largest <= known.lipschitz).all()
    far = centre + 60 * worst_way(name, loss, centre, labels)
    np.testing.assert_allclose(slopes(loss, far, labels).norm(dim=1), known.lipschitz, rtol=1e-12)
    assert certified_loss(as_loss("squared")).lipschitz == np.inf  # it has none


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_at_a_point_is_bounded_and_attained(name):
    """By every rest of that norm; of two classes, because what is bounded is a difference."""
    rng, loss, known, centre, labels = drawn(name)
    if name == "cross_entropy":
        centre, labels = centre[:, :2], labels % 2
    radius = torch.from_numpy(10 ** rng.uniform(-2, 1, len(centre)))

    def apart(labels):
        return (2**0.5 * radius)[:, None].expand_as(centre)

    bound, certified = known.at(AtPoint(centre, radius, apart), labels)
    ways = torch.from_numpy(rng.standard_normal((20, *centre.shape)))
    way = worst_way(name, loss, centre, labels)
    ways = [*(ways / ways.norm(dim=-1, keepdim=True)), way, -way]
    found = torch.stack([each(loss, centre + radius[:, None] * rest, labels) for rest in ways])
    assert (found <= bound * (1 + 1e-12)).all()
    worst = found[-2:].amax(0)
    np.testing.assert_allclose(bound, worst, rtol=1e-12, atol=1e-14)
    assert certified.any() == (name != "squared")


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("largest", ["bend", "rest", "both"])
def test_the_loss_on_a_piece_is_bounded_and_attained(name, largest):
    """Chord, parabola and a rest; where both ends are one the middle attains the bounds."""
    rng, loss, known, centre, labels = drawn(name)
    way = worst_way(name, loss, centre, labels)
    size = torch.from_numpy(10 ** rng.uniform(-2, 1, (2, len(centre), 1)))
    bend = size[0] * way * (largest != "rest")
    rest = size[1] * way.abs() * (largest != "bend")

    def apart(labels):
        return rest + rest.gather(1, labels[:, None])

    for far in (0.0, 2.0):
        end = centre + far * torch.from_numpy(rng.standard_normal(centre.shape))
        certified, bound, convex = known.on(OnPiece((centre, end), bend, rest, apart), labels)
        for s in np.linspace(0, 1, 9):
            for sign in (way.sign(), -way.sign(), torch.ones_like(way)):
                outputs = (1 - s) * centre + s * end + s * (1 - s) * bend + sign * rest
                found = each(loss, outputs, labels)
                assert (found <= bound * (1 + 1e-12)).all()
                assert (found <= ((1 - s) * convex[0] + s * convex[1]) * (1 + 1e-12)).all()
        if far == 0:
            middle = each(loss, centre + bend / 4 + way.sign() * rest, labels)
            for attained in (bound, *convex):
                np.testing.assert_allclose(attained, middle, rtol=1e-12, atol=1e-14)
    assert certified.any() == (name != "squared")


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
