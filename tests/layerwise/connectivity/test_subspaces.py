"""Principal angles of subspaces that are known, and of networks that are matched."""

import numpy as np
import pytest
import torch

from lmctheory.layerwise import principal_angles
from lmctheory.matching import layer_inputs
from lmctheory.networks import MLP


def rotated(rng, dimension):
    return np.linalg.qr(rng.standard_normal((dimension, dimension)))[0]


@pytest.mark.parametrize("angles", [(0.0, 0.2, 1.5), (0.4, 0.4, 0.4)])
def test_known_angles_are_found(angles):
    """Rows of falling lengths span the subspaces; what is left is shorter than any of them."""
    rng = np.random.default_rng(0)
    basis = rotated(rng, 8)
    first, across = basis[:3], basis[3:6]
    sizes = np.array([9.0, 8.0, 7.0])
    second = np.cos(angles)[:, None] * first + np.sin(angles)[:, None] * across
    rest = 0.1 * basis[6:]
    a = np.vstack([sizes[:, None] * first, rest])
    b = np.vstack([sizes[:, None] * second, rest])
    found = principal_angles(rotated(rng, 5) @ a, rotated(rng, 5) @ b, 3)
    np.testing.assert_allclose(found, np.sort(angles), atol=1e-7)


def test_squared_cosines_are_the_share_of_one_projection_in_the_other():
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 30, 6))
    projections = []
    for matrix in (a, b):
        _, vectors = np.linalg.eigh(matrix.T @ matrix)
        projections.append(vectors[:, -2:] @ vectors[:, -2:].T)
    cosines = np.cos(principal_angles(a, b, 2))
    assert np.square(cosines).sum() == pytest.approx(np.trace(projections[0] @ projections[1]))


def test_the_order_of_neurons_matters():
    net = MLP((5, 12, 3), rng=torch.Generator().manual_seed(0))
    x = torch.randn(60, 5, generator=torch.Generator().manual_seed(1))
    features = layer_inputs(net, x)["layers.1.weight"].numpy()
    shuffled = features[:, np.random.default_rng(2).permutation(12)]
    assert principal_angles(features, features[::-1], 2).max() < 1e-6
    assert principal_angles(features, shuffled, 2).max() > 0.3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"b": np.eye(4)}, "as many columns, got 3 and 4"),
        ({"rank": 0}, "rank must lie between 1 and that of a, 3, got 0"),
        ({"b": np.diag([1.0, 1.0, 0.0]), "rank": 3}, "that of b, 2, got 3"),
        ({"a": np.diag([1.0, np.nan, 1.0])}, "a must be finite"),
        ({"a": np.zeros((0, 3))}, "a must be a non-empty array"),
    ],
)
def test_bad_matrices_and_ranks_are_refused(change, message):
    given = {"a": np.eye(3), "b": np.eye(3), "rank": 2} | change
    with pytest.raises(ValueError, match=message):
        principal_angles(**given)
