"""Decisions about every t: what users get, and what is refused."""

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.networks import CNN, MLP, Examples
from lmctheory.paths import certify, interpolate
from tests.paths.architectures import generator
from tests.paths.pieces import image_pair, mlp_pair


def logits(a, b, data, t):
    return interpolate(a, b, float(t))(data.inputs)


@pytest.fixture
def pair():
    a, b, data = mlp_pair("relu", 0, widths=(4, 10, 8, 3), share=0.5, n=20)
    with torch.no_grad():
        labels = logits(a, b, data, 0.4).argmax(1)
    return a, b, Examples(data.inputs, labels)


@torch.no_grad()
def test_decisions_agree_with_networks_on_a_grid(pair):
    a, b, data = pair
    found = certify(a, b, data, complete=True)
    right = torch.stack(
        [logits(a, b, data, t).argmax(1) == data.labels for t in np.linspace(0, 1, 501)]
    ).all(0)
    assert (found.certified | found.refuted).all()
    assert (right.numpy() == found.certified).all()
    assert 3 <= found.certified.sum() <= 18
    assert found.undecided == ("",) * 20
    for i in np.flatnonzero(found.refuted):
        assert logits(a, b, data, found.t[i])[i].argmax() != data.labels[i]
    assert found.accuracy == pytest.approx(found.certified.mean())
    assert found.attainable == pytest.approx(found.accuracy)
    assert "20" not in repr(found).split("certified")[0]
    assert found.pieces[found.certified].min() >= 1
    assert 0 < found.narrowest <= 1


@torch.no_grad()
@pytest.mark.parametrize("name", ["CNN", pytest.param("ResNet20", marks=pytest.mark.slow)])
def test_images(name):
    a, b, data = image_pair(name, 0, share=0.02, n=6)
    data = Examples(data.inputs, logits(a, b, data, 0.3).argmax(1))
    found = certify(a, b, data, complete=True, budget=20.0)
    for t in np.linspace(0, 1, 41):
        right = (logits(a, b, data, t).argmax(1) == data.labels).numpy()
        assert not (found.certified & ~right).any()
    assert (found.certified | found.refuted).any()


def test_equal_networks_are_decided_at_once(pair):
    a, _, data = pair
    found = certify(a, a, data, complete=True)
    with torch.no_grad():
        right = (a(data.inputs).argmax(1) == data.labels).numpy()
    assert (found.certified == right).all()
    assert found.pieces.max() <= 1


def test_a_budget_leaves_the_rest_open_and_says_so(pair):
    a, b, data = pair
    found = certify(a, b, data, complete=True, budget=1e-9)
    open_ = np.array([reason != "" for reason in found.undecided])
    assert open_.any()
    assert not (found.certified & open_).any()
    assert all("budget" in reason for reason in found.undecided if reason)
    assert found.attainable > found.accuracy
    assert "undecided" in repr(found)


def test_the_binary_cross_entropy_and_classes_with_the_squared_error():
    a, b, data = mlp_pair("tanh", 1, widths=(3, 6, 1), share=0.5, n=10)
    with torch.no_grad():
        z = logits(a, b, data, 0.5)
    for labels in ((z > 0).double(), (z > 0).long(), (z > 0).long().flatten()):
        found = certify(a, b, Examples(data.inputs, labels, loss="binary"), complete=True)
        with torch.no_grad():
            right = torch.stack(
                [(logits(a, b, data, t) > 0) == (z > 0) for t in np.linspace(0, 1, 201)]
            ).all(0)
        assert (found.certified == right.flatten().numpy()).all()
    a, b, data = mlp_pair("tanh", 1, share=0.5)
    one = certify(a, b, data, complete=True)
    other = certify(a, b, Examples(data.inputs, data.labels, loss="squared"), complete=True)
    assert (one.certified == other.certified).all()


@pytest.mark.usefixtures("as_users_call")
def test_bad_input_is_refused(pair):
    a, b, data = pair
    for budget in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="budget"):
            certify(a, b, data, complete=True, budget=budget)
    with pytest.raises(TypeError, match="budget"):
        certify(a, b, data, complete=True, budget="long")
    with pytest.raises(ValueError, match="labels"):
        certify(a, b, Examples(data.inputs, data.labels + 3), complete=True)
    values = torch.randn(20, 3, generator=generator(0))
    with pytest.raises(ValueError, match="labels must be classes"):
        certify(a, b, Examples(data.inputs, values, loss="squared"), complete=True)
    with pytest.raises(ValueError, match="architecture"):
        certify(a, MLP((4, 9, 8, 3), rng=generator(0)).double(), data, complete=True)
    shrunk = nn.Sequential(nn.Linear(4, 3), nn.Softshrink(), nn.Linear(3, 3)).double()
    with pytest.raises(TypeError, match=r"no enclosure is known of .*shrink"):
        certify(shrunk, shrunk, data, complete=True)
    with torch.no_grad():
        b[0].weight[0, 0] = torch.nan
    with pytest.raises(ValueError, match="NaN"):
        certify(a, b, data, complete=True)


def test_networks_that_overflow_at_an_end_are_refused(pair):
    a, b, data = pair
    with torch.no_grad():
        for p in a.parameters():
            p.fill_(1e200)
    with pytest.raises(ValueError, match="overflows"):
        certify(a, b, data, complete=True)


def test_arguments_and_the_mode_of_networks_stay():
    a, b = (CNN((1, 6, 6), (3,), 3, "flatten", rng=generator(i)).train() for i in range(2))
    first = next(a.parameters()).requires_grad_(False)
    before = [p.clone() for p in (*a.parameters(), *b.parameters())]
    data = Examples(torch.randn(4, 1, 6, 6, generator=generator(2)), torch.arange(4) % 3)
    certify(a, b, data, complete=True, budget=5.0)
    assert all(map(torch.equal, before, (*a.parameters(), *b.parameters())))
    assert a.training
    assert not first.requires_grad


def test_data_in_many_parts_give_the_same(pair, monkeypatch):
    a, b, data = pair
    one = certify(a, b, data, complete=True)
    monkeypatch.setattr("lmctheory.paths.taylor_outputs._BYTES", 20000)
    other = certify(a, b, data, complete=True)
    assert (one.certified == other.certified).all()
    assert (one.refuted == other.refuted).all()
