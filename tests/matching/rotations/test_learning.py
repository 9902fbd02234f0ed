"""Matrices trained on the loss: never worse than the start, and orthogonal of their kind."""

import numpy as np
import pytest
import torch

from lmctheory.matching import rotate
from lmctheory.matching.rotations.spaces import Space
from lmctheory.networks import Examples
from lmctheory.networks.state import copied
from lmctheory.paths import barrier
from tests.matching.rotations.examples import change, small

STEPS = 20


def generator():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def pair():
    (a, _), (b, _) = small("pre-norm", 0), small("pre-norm", 1)
    x = torch.randn(64, 5, 8, generator=torch.Generator().manual_seed(0))
    return a, b, Examples(x, a(x).argmax(1))


@pytest.fixture(scope="module")
def learnt(pair):
    return rotate(*pair, "loss", steps=STEPS, rng=generator())


@pytest.fixture(scope="module")
def weight(pair):
    return rotate(*pair)


@pytest.mark.parametrize("kind", ["orthogonal", "mean", "halves", "pairs"])
def test_exponentials_of_tangents_are_of_the_kind_and_reach_all_near_the_identity(kind):
    space = Space("s", 6, kind, ())
    rng = np.random.default_rng(0)
    tangent = space.tangent(torch.from_numpy(0.3 * rng.standard_normal((6, 6))))
    assert torch.allclose(tangent, -tangent.mT, atol=1e-12)
    matrix = torch.linalg.matrix_exp(tangent)
    assert torch.allclose(space.nearest(matrix), matrix, atol=1e-12)
    assert (matrix - torch.eye(6)).abs().max() > 0.05
    drawn = [
        space.tangent(torch.from_numpy(rng.standard_normal((6, 6)))).ravel() for _ in range(30)
    ]
    dimension = {"orthogonal": 15, "mean": 10, "halves": 3, "pairs": 3}[kind]
    assert torch.linalg.matrix_rank(torch.stack(drawn)) == dimension


def test_training_lowers_the_barrier_and_keeps_the_function(pair, learnt, weight):
    a, b, data = pair
    trace = learnt.traces["loss"]
    assert learnt.start == "loss"
    assert (np.diff(trace) >= 0).all()
    before, after = (barrier(*found.pair(a, b), data, 5) for found in (weight, learnt))
    assert trace[0] == pytest.approx(-before.loss[1:4].mean(), rel=1e-4)
    assert trace[-1] == pytest.approx(-after.loss[1:4].mean(), rel=1e-4)
    assert trace[-1] > trace[0] + 0.05
    assert change(b, learnt.apply(b), data.inputs) < 1e-5
    for name, order in learnt.permutations.items():
        assert np.array_equal(order, weight.permutations[name])


def test_the_same_generator_gives_the_same_matrices(pair, learnt):
    again = rotate(*pair, "loss", steps=STEPS, rng=generator())
    for name, matrix in learnt.matrices.items():
        assert np.array_equal(matrix, again.matrices[name])


def test_what_cannot_be_bettered_stays(pair):
    a, _, data = pair
    wild = rotate(a, copied(a), data, "loss", steps=2, rate=1e3, batch_size=1, rng=generator())
    assert len(set(wild.traces["loss"])) == 1
    for matrix in wild.matrices.values():
        assert np.allclose(matrix, np.eye(len(matrix)), atol=1e-5)


def test_bad_arguments_are_refused(pair):
    a, b, data = pair
    with pytest.raises(ValueError, match="needs data with labels, Examples, and rng"):
        rotate(a, b, data.inputs, "loss", rng=generator())
    with pytest.raises(ValueError, match="needs data with labels, Examples, and rng"):
        rotate(a, b, data, "loss")
    with pytest.raises(ValueError, match="method must be one of"):
        rotate(a, b, data, "activation")
    for name, value in (("steps", 0), ("batch_size", 0), ("rate", 0.0)):
        with pytest.raises(ValueError, match=name):
            rotate(a, b, data, "loss", rng=generator(), **{name: value})
    labels = torch.full((64,), 99)
    with pytest.raises(ValueError, match="labels"):
        rotate(a, b, Examples(data.inputs, labels), "loss", rng=generator())
