"""Intervals of the function error against dense grids of networks."""

import copy
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lmctheory.matching import match
from lmctheory.networks import Examples
from lmctheory.paths import certified_deviation, interpolate
from lmctheory.paths._certified_deviation import _Search
from lmctheory.paths.reading import program_of
from lmctheory.paths.regions import Piece
from lmctheory.paths.segment_search import Segment
from lmctheory.paths.taylor_models import value_at
from tests.paths.architectures import generator
from tests.paths.pieces import image_pair, mlp, mlp_pair
from tests.rarely import rarely


@torch.no_grad()
def measured(a, b, data, points):
    """The largest deviation at equidistant t, ``[n]``, and that in the middle."""
    a, b, x = copy.deepcopy(a).double(), copy.deepcopy(b).double(), data.inputs.double()
    fa, fb = a(x), b(x)
    off = torch.stack(
        [
            (interpolate(a, b, t)(x) - (t * fa + (1 - t) * fb)).norm(dim=1)
            for t in np.linspace(0, 1, points).tolist()
        ]
    )
    return off.amax(0).numpy(), off[points // 2].numpy()


@pytest.mark.parametrize(
    ("sigma", "seed"),
    rarely([("relu", 0), ("leaky", 1), ("tanh", 2), ("gelu", 3)], [("leaky", 1), ("tanh", 2)]),
)
def test_it_contains_the_largest_of_a_grid(sigma, seed):
    a, b, data = mlp_pair(sigma, seed, widths=(4, 12, 9, 3), n=12)
    found = certified_deviation(a, b, data, tolerance=0.02)
    largest, middle = measured(a, b, data, 501)
    assert found.converged.all()
    assert (largest <= found.upper).all()
    assert (found.upper <= 1.02 * found.lower).all()
    # between two of 501 points there is little more
    assert (found.lower <= 1.001 * largest + 1e-9).all()
    assert (found.midpoint[:, 0] <= middle + 1e-12).all()
    assert (middle <= found.midpoint[:, 1] + 1e-12).all()
    assert (found.midpoint[:, 1] - found.midpoint[:, 0] < 1e-9).all()
    assert largest.max() in found.max or found.max.lower <= 1.001 * largest.max()


@pytest.mark.parametrize("name", ["CNN", pytest.param("ResNet20", marks=pytest.mark.slow)])
def test_convolutions_and_residual_blocks(name):
    a, b, data = image_pair(name, 0, 0.05)
    found = certified_deviation(a, b, data, tolerance=0.1, budget=60)
    largest, _ = measured(a, b, data, 101)
    assert (largest <= found.upper).all()
    assert (found.lower <= 1.01 * largest).all()
    assert found.converged.all()


def test_labels_and_loss_are_of_no_account():
    a, b, data = mlp_pair("relu", 3, widths=(4, 8, 3), n=10)
    values = Examples(data.inputs, torch.zeros(10, 3), loss="squared")
    one, other = (certified_deviation(a, b, each) for each in (data, values))
    np.testing.assert_allclose(one.upper, other.upper, rtol=0.02)
    assert (one.lower <= other.upper).all()
    assert (other.lower <= one.upper).all()


def test_equal_networks_deviate_by_rounding_only():
    a, _, data = mlp_pair("tanh", 0, n=6)
    found = certified_deviation(a, a, data)
    assert found.converged.all()
    assert (found.upper < 1e-6).all()
    assert (found.lower < 1e-12).all()


def test_without_time_it_still_contains_the_truth():
    a, b, data = mlp_pair("relu", 2, widths=(4, 12, 9, 3), n=12)
    found = certified_deviation(a, b, data, budget=1e-9)
    largest, _ = measured(a, b, data, 101)
    assert not found.converged.all()
    assert "not converged" in repr(found)
    assert (largest <= found.upper).all()
    assert (found.lower <= 1.01 * largest).all()


def test_nothing_is_changed_and_bad_input_is_refused():
    a, b, data = mlp_pair("relu", 2, widths=(4, 6, 3), n=5)
    before = copy.deepcopy([*a.parameters(), *b.parameters(), data.inputs])
    certified_deviation(a, b, data)
    assert all(map(torch.equal, before, [*a.parameters(), *b.parameters(), data.inputs]))
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="tolerance"):
            certified_deviation(a, b, data, tolerance=wrong)
        with pytest.raises(ValueError, match="budget"):
            certified_deviation(a, b, data, budget=wrong)
    other = mlp((4, 5, 3), torch.nn.ReLU(), generator(0))
    with pytest.raises(ValueError, match="same architecture"):
        certified_deviation(a, other, data)
    large = copy.deepcopy(a)
    with torch.no_grad():
        for parameter in large.parameters():
            parameter.fill_(1e200)
    with pytest.raises(ValueError, match="overflows"):
        certified_deviation(a, large, data)


@pytest.mark.slow
@pytest.mark.skipif("LMCTHEORY_ANI" not in os.environ, reason="LMCTHEORY_ANI names no potentials")
def test_two_published_potentials(monkeypatch):
    """Members of an ensemble of interatomic potentials, which nobody here has trained."""
    directory = Path(os.environ["LMCTHEORY_ANI"])
    monkeypatch.setattr(sys, "path", [str(directory), *sys.path])
    from model import Energy

    def member(name):
        net = Energy()
        net.load_state_dict(load_file(directory / f"{name}.safetensors"))
        return net.double().eval()

    a, b = member("ani1x_0"), member("ani1x_1")
    molecules = load_file(directory / "molecules.safetensors")
    rows = slice(0, 48, 6)
    data = Examples(
        molecules["inputs"][rows].double(), molecules["targets"][rows].double(), loss="squared"
    )
    matched = match(a, b, "weight", data.inputs).apply(b)
    largest = []
    for end in (b, matched):
        found = certified_deviation(a, end, data, tolerance=0.05, budget=120)
        truth, _ = measured(a, end, data, 51)
        assert (truth <= found.upper).all()
        assert (found.lower <= 1.01 * truth).all()
        largest.append(found.rms.upper)
    assert largest[1] < largest[0] / 2


@torch.no_grad()
@pytest.mark.parametrize("sigma", ["relu", "tanh"])
def test_on_a_piece_it_is_the_polynomial_but_for_the_rest(sigma):
    a, b, data = mlp_pair(sigma, 5, widths=(4, 9, 7, 3), n=10)
    segment = Segment.of(program_of(a, b, data), data)
    piece = Piece(0.25, 0.375)
    off, rest = _Search(segment, 0.01)._off(piece, segment.everything)
    fa, fb = a(data.inputs), b(data.inputs)
    for s in np.linspace(-1, 1, 21):
        t = piece.at(float(s))
        true = interpolate(a, b, t)(data.inputs) - (t * fa + (1 - t) * fb)
        assert ((true - value_at(off, float(s))).abs() <= rest).all()
    assert (rest < 0.1 * off.abs().sum(0).amax()).all()
