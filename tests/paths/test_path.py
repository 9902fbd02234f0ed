"""Curves of networks: what they are, and what is certified along them."""

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.networks import MLP, Examples
from lmctheory.paths import Path, barrier, certified_barrier, certify, interpolate
from tests.paths.architectures import generator, shaken
from tests.paths.pieces import image_pair
from tests.paths.test_simplex import near, network
from tests.rarely import rarely

SHARES = {
    "bezier": lambda t: (t * t, 2 * t * (1 - t), (1 - t) ** 2),
    "polygon": lambda t: (max(0, 2 * t - 1), 1 - abs(2 * t - 1), max(0, 1 - 2 * t)),
}


@pytest.mark.parametrize("kind", SHARES)
def test_networks_on_a_path(kind):
    models, data = near(3)
    path = Path(kind, models)
    assert torch.equal(path.at(1.0)(data.inputs), models[0](data.inputs))
    assert torch.equal(path.at(0.0)(data.inputs), models[2](data.inputs))
    for t in (0.25, 0.5, 0.9):
        wanted = network(models, SHARES[kind](t))(data.inputs)
        assert torch.allclose(path.at(t)(data.inputs), wanted)
    assert path.at(0.3) is not path.at(0.3)
    assert "1 bend)" in repr(path)


@pytest.mark.parametrize("kind", rarely(SHARES, ["bezier"]))
def test_a_bend_in_the_middle_is_the_segment(kind):
    [a, b, _], data = near(3)
    middle = interpolate(a, b, 0.5)
    segment = barrier(a, b, data)
    path = Path(kind, (a, middle, b))
    assert path.barrier(data).loss == pytest.approx(segment.loss)
    assert (path.certify(data).certified == certify(a, b, data, complete=True).certified).all()
    one, other = path.certified_barrier(data), certified_barrier(a, b, data)
    assert one.max.lower <= other.max.upper
    assert other.max.lower <= one.max.upper


@torch.no_grad()
@pytest.mark.parametrize(("kind", "count"), [("bezier", 3), ("polygon", 3), ("polygon", 4)])
def test_decisions_agree_with_networks_on_a_grid(kind, count):
    models, data = near(count, seed=3, share=0.15)
    path = Path(kind, models)
    found = path.certify(data)
    right = torch.stack(
        [path.at(t)(data.inputs).argmax(1) == data.labels for t in np.linspace(0, 1, 301)]
    ).all(0)
    assert (found.certified | found.refuted).all()
    assert (found.certified == right.numpy()).all()
    assert 2 <= found.certified.sum() <= 18
    for i in np.flatnonzero(found.refuted):
        assert path.at(float(found.t[i]))(data.inputs)[i].argmax() != data.labels[i]


@pytest.mark.parametrize(
    ("kind", "count"),
    rarely([("bezier", 3), ("polygon", 3), ("polygon", 4)], [("polygon", 3)]),
)
def test_the_barrier_is_in_its_interval(kind, count):
    models, data = near(count, seed=4)
    data = Examples(data.inputs, data.labels.roll(1))
    path = Path(kind, models)
    found = path.certified_barrier(data, tolerance=0.05)
    curve = path.barrier(data, 401)
    assert found.converged
    assert found.max.upper <= found.max.lower + 0.05 * max(found.max.lower, 1e-3)
    assert 0 <= curve.barrier.max() <= found.max.upper
    if found.max.lower:
        assert curve.barrier.max() >= 0.95 * found.max.lower
    assert found.midpoint.lower - 1e-12 <= float(curve.midpoint) <= found.midpoint.upper + 1e-12
    assert float(curve.accuracy_drop.max()) <= found.accuracy_drop.upper + 1e-12


def test_losses_are_those_of_the_networks():
    models, data = near(3)
    path = Path("bezier", models)
    losses, curve = path.losses(data, 5), path.barrier(data, 5)
    assert losses.loss.shape == (5, 20)
    assert losses.loss.mean(1) == pytest.approx(curve.loss)
    assert losses.hit.mean(1) == pytest.approx(curve.accuracy)
    middle = path.at(0.5)
    with torch.no_grad():
        assert curve.loss[2] == pytest.approx(
            float(data.loss.mean(middle(data.inputs), data.labels))
        )


def test_convolutions():
    a, b, data = image_pair("CNN", 0, share=0.05, n=6)
    path = Path("bezier", (a, shaken(a, 0.05, generator(3)), b))
    with torch.no_grad():
        data = Examples(data.inputs, path.at(0.4)(data.inputs).argmax(1))
        found = path.certify(data, budget=20.0)
        assert (found.certified | found.refuted).any()
        for t in np.linspace(0, 1, 41):
            right = (path.at(t)(data.inputs).argmax(1) == data.labels).numpy()
            assert not (found.certified & ~right).any()


def test_what_is_refused():
    models, data = near(3)
    with pytest.raises(ValueError, match="kind must be one of"):
        Path("cubic", models)
    with pytest.raises(ValueError, match="A, the bend and B"):
        Path("bezier", models[:2])
    with pytest.raises(ValueError, match="at least 3"):
        Path("polygon", models[:2])
    with pytest.raises(TypeError, match=r"models\[2\] must be an nn.Module"):
        Path("polygon", (*models[:2], None))
    with pytest.raises(ValueError, match="same architecture"):
        Path("bezier", (*models[:2], MLP((4, 8, 3), rng=generator(0))))
    path = Path("bezier", models)
    with pytest.raises(ValueError, match="t must"):
        path.at(1.5)
    with pytest.raises(ValueError, match="points"):
        path.barrier(data, 4)
    with pytest.raises(ValueError, match="budget"):
        path.certify(data, budget=-1.0)
    with pytest.raises(ValueError, match="tolerance"):
        path.certified_barrier(data, tolerance=0.0)
    norm = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    with pytest.raises(ValueError, match="without BatchNorm, got 1:"):
        Path("bezier", (norm, norm, norm))
