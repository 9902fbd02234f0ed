"""Layer-wise analysis by losses other than the cross-entropy of one label: the same identities."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lmctheory.layerwise import (
    curvature,
    evaluate,
    interaction_matrix,
    layer_barriers,
    layer_bounds,
    layer_cube,
    recalibrated_barrier,
)
from lmctheory.matching import match
from lmctheory.networks import MLP, Examples
from lmctheory.networks.losses import CrossEntropy
from lmctheory.paths import barrier, interpolate
from tests.layerwise.cube_pairs import Opaque
from tests.rarely import rarely

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(14, 5, generator=GENERATOR, dtype=torch.float64)
CLASSES = torch.arange(14) % 3


def quartic(outputs: Tensor, values: Tensor) -> Tensor:
    return ((outputs - values) ** 4).sum(1)


PROBLEMS = {
    "squared": (3, torch.randn(14, 3, generator=GENERATOR), "squared"),
    "one value": (1, torch.randn(14, generator=GENERATOR), "squared"),
    "binary": (1, CLASSES % 2, "binary"),
    "weighted": (3, CLASSES, CrossEntropy((1.0, 3.0, 0.5), 0.1)),
    "ignored": (3, CLASSES, CrossEntropy(ignore_index=1)),
    "own": (3, torch.randn(14, 3, generator=GENERATOR), quartic),
}


def problem(name, sigma="relu"):
    outputs, labels, loss = PROBLEMS[name]
    rng = torch.Generator().manual_seed(1)
    a, b = (MLP((5, 6, 5, outputs), sigma, rng=rng, dtype=torch.float64) for _ in range(2))
    return a, b, Examples(X, labels, loss)


def mean(model, data):
    with torch.no_grad():
        return float(data.loss.mean(model(data.inputs), data.labels))


@pytest.mark.parametrize("name", PROBLEMS)
def test_barriers_are_differences_of_mean_losses(name):
    a, b, data = problem(name)
    found = barrier(a, b, data, points=5)
    chains = [mean(interpolate(a, b, t), data) for t in found.t]
    np.testing.assert_allclose(found.loss, chains, rtol=1e-12)
    opaque = barrier(Opaque(a), Opaque(b), data, points=5)
    np.testing.assert_allclose(opaque.loss, found.loss, rtol=1e-12)
    np.testing.assert_allclose(opaque.accuracy, found.accuracy, rtol=1e-12)
    assert np.isnan(found.accuracy).all() == data.labels.is_floating_point()
    assert ("accuracy" in repr(found)) != data.labels.is_floating_point()


@pytest.mark.parametrize(
    ("name", "sigma"),
    rarely(product(PROBLEMS, ("relu", "tanh")), product(set(PROBLEMS) - {"squared"}, ("tanh",))),
)
def test_curvature_and_interactions_add_up_to_the_barrier(name, sigma):
    a, b, data = problem(name, sigma)
    found = curvature(a, b, data, points=5)
    assert np.abs(found.residual).max() <= 1e-8 * np.abs(found.barrier).max()
    np.testing.assert_allclose(found.barrier, barrier(a, b, data, points=5).barrier, atol=1e-12)
    split = interaction_matrix(a, b, data, 0.5, tolerance=1e-9)
    assert abs(split.residual) <= 1e-8 * np.abs(split.matrix).max()
    if sigma == "tanh":  # the module's way, by autograd
        other = curvature(Opaque(a), Opaque(b), data, points=5)
        np.testing.assert_allclose(
            other.second_derivative, found.second_derivative, rtol=1e-7, atol=1e-9
        )


@pytest.mark.parametrize("name", PROBLEMS)
def test_layers_are_judged_by_the_loss(name):
    a, b, data = problem(name)
    found = layer_barriers(a, b, data, points=3)
    assert found.path.midpoint[0, 0] == pytest.approx(barrier(a, b, data, 3).midpoint, abs=1e-10)
    corners = np.array([[0.0] * 3, [1.0] * 3, [0.5, 0.0, 0.0]])
    values = evaluate(a, b, data, corners)
    assert values.loss[0] == pytest.approx(mean(a, data))
    np.testing.assert_allclose(found.loss_ends, values.loss[:2])
    step = 1e-5 * np.eye(3)
    cube = layer_cube(a, b, data, corners[2:] + 0.1)
    for k in range(3):
        sides = evaluate(a, b, data, corners[2:] + 0.1 + np.stack([step[k], -step[k]])).loss
        assert cube.gradient[0, k] == pytest.approx(
            (sides[0] - sides[1]) / 2e-5, rel=1e-4, abs=1e-8
        )


@pytest.mark.parametrize("name", ["squared", "one value", "binary"])
def test_bounds_of_single_layers_hold(name):
    a, b, data = problem(name)
    bounds = layer_bounds(a, b, data, t=[0.25, 0.5, 0.75])
    measured = layer_barriers(a, b, data, points=5).edge.value[0][:, 1:-1]
    assert (measured <= bounds.edge_barrier + 1e-12).all()
    assert np.isinf(bounds.lipschitz_edge_barrier).all() == (name != "binary")


def test_matching_by_the_loss_lowers_it():
    a, b, data = problem("squared")
    before = mean(interpolate(a, b, 0.5), data)
    found = match(a, b, "loss", data)
    assert mean(interpolate(a, found.apply(b), 0.5), data) < before
    assert -found.traces[found.start][-1] == pytest.approx(
        mean(interpolate(a, found.apply(b), 0.5), data)
    )


class Tokens(nn.Module):
    """From tokens to logits of the next ones."""

    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.table, self.hidden, self.head = nn.Embedding(7, 5), nn.Linear(5, 6), nn.Linear(6, 7)

    def forward(self, x):
        return self.head(self.hidden(self.table(x)).relu().cumsum(1))


def test_tokens_that_count_are_averaged():
    a, b = Tokens(0), Tokens(1)
    x = torch.randint(7, (6, 4), generator=torch.Generator().manual_seed(0))
    labels = x.roll(-1, 1)
    labels[:, -1] = labels[2] = -100
    data = Examples(x, labels)
    found = barrier(a, b, data, points=3)
    with torch.no_grad():
        outputs = interpolate(a, b, 0.5)(x)
    expected = nn.CrossEntropyLoss()(outputs.flatten(0, 1), labels.flatten())
    assert found.loss[1] == pytest.approx(float(expected), rel=1e-6)
    right = (outputs.argmax(-1) == labels).sum() / 15
    assert found.accuracy[1] == pytest.approx(float(right))
    layers = layer_barriers(a, b, data, points=3)
    assert layers.path.midpoint[0, 0] == pytest.approx(found.midpoint, abs=1e-6)


def test_derivatives_of_networks_of_tokens():
    a, b = Tokens(0).double(), Tokens(1).double()
    x = torch.randint(7, (6, 4), generator=torch.Generator().manual_seed(0))
    data = Examples(x, x.roll(-1, 1))
    alpha = np.full((1, 3), 0.4)
    cube = layer_cube(a, b, data, alpha, hessian=True)
    for k, step in enumerate(1e-4 * np.eye(3)):
        beside = layer_cube(a, b, data, np.concatenate([alpha + step, alpha - step]))
        slopes = (beside.loss[0] - beside.loss[1]) / 2e-4
        assert cube.gradient[0, k] == pytest.approx(slopes, rel=1e-5, abs=1e-8)
        curved = (beside.gradient[0] - beside.gradient[1]) / 2e-4
        assert cube.hessian[0, k] == pytest.approx(curved, rel=1e-4, abs=1e-7)


def test_temperatures_are_for_the_cross_entropy():
    a, b, data = problem("squared")
    with pytest.raises(
        ValueError, match="data must be judged by the cross-entropy, got the squared"
    ):
        recalibrated_barrier(a, b, data, data)
