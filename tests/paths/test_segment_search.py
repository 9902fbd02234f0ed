"""Branch and bound against exact paths of two hidden relu layers, and its parts one by one."""

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.networks import Examples
from lmctheory.paths import segment_search
from lmctheory.paths.reading import program_of
from lmctheory.paths.regions import Effort, Piece
from lmctheory.paths.segment_search import BOXES, EFFORTS, Plan, Search, Segment, pilot
from lmctheory.paths.taylor_models import bounds
from tests.paths.architectures import generator
from tests.paths.pieces import CubicPieces, mlp, mlp_pair


def segment_of(a, b, data):
    return Segment.of(program_of(a, b, data), data)


def logits(a, b, x, t):
    program = program_of(a, b, Examples(x, torch.zeros(len(x), dtype=torch.long)))
    return program.values(program.at(t), x)[-1]


def decidable(seed, widths=(4, 12, 10, 3), share=0.5, n=12):
    """A pair whose labels are those of one of its networks."""
    a, b, data = mlp_pair("relu", seed, widths=widths, share=share, n=n)
    return a, b, Examples(data.inputs, logits(a, b, data.inputs, 0.4).argmax(1))


def finished(segment):
    search = Search(segment)
    for _ in search.steps():
        pass
    return search


def test_the_reference_is_the_network():
    a, b, data = mlp_pair("relu", 0, widths=(4, 7, 6, 3), n=3)
    paths = [CubicPieces(a, b, x) for x in data.inputs]
    assert max(len(exact.pieces) for exact in paths) >= 5
    for x, exact in zip(data.inputs, paths, strict=True):
        for t in np.linspace(0, 1, 50):
            there = logits(a, b, x[None], float(t))[0].numpy()
            np.testing.assert_allclose(exact.outputs(t), there, atol=1e-12)


@pytest.mark.parametrize("effort", EFFORTS, ids=str)
def test_every_decision_is_that_of_the_exact_path(effort, monkeypatch):
    """Two hidden relu layers, outputs piecewise cubic in t: the least margin in closed form."""
    monkeypatch.setattr(segment_search, "pilot", lambda *_: Plan(effort, 4))
    counts = np.zeros(2, int)
    for seed in range(4):
        a, b, data = decidable(seed)
        search = finished(segment_of(a, b, data))
        assert not (search.open | search.unclear).any()
        for i, x in enumerate(data.inputs):
            least = CubicPieces(a, b, x).least_margin(int(data.labels[i]))
            assert (least > 0) == (not search.refuted[i])
            counts[int(least > 0)] += 1
            if search.refuted[i]:
                t = float(search.counterexample[i])
                assert logits(a, b, x[None], t).argmax() != data.labels[i]
    assert counts.min() >= 5


@pytest.mark.parametrize("effort", [*EFFORTS, Effort(2, 4, torch.float64)], ids=str)
def test_least_margins_are_enclosed_ever_more_closely(effort):
    a, b, data = decidable(1, n=4)
    segment = segment_of(a, b, data)
    least = np.array(
        [
            CubicPieces(a, b, x).least_margin(int(y))
            for x, y in zip(data.inputs, data.labels, strict=True)
        ]
    )
    gaps = []
    for parts in (4, 16, 64):
        found = [
            segment.outputs(piece, segment.everything, effort)
            for piece in Piece(0.0, 1.0).cut(parts)
        ]
        highs = [bounds(each.contrasts)[1] + each.apart for each in found]
        asked = torch.stack(highs).scatter(2, data.labels.view(1, -1, 1).expand(parts, 4, 1), -1e9)
        gaps.append(least + asked.amax((0, 2)).numpy())
        assert (gaps[-1] >= -1e-12).all()
    assert gaps[2].max() < gaps[0].max() / 20
    assert gaps[2].max() < 0.01


def test_a_wrong_label_between_grid_points_is_found():
    """Wrong on [.301, .309] only: 25 points do not see it, the enclosures do."""
    a, b = (mlp((1, 2, 2), nn.ReLU(), generator(0)) for _ in range(2))
    with torch.no_grad():
        for net, t in ((a, 1.0), (b, 0.0)):
            net[0].weight.zero_()
            net[0].bias.copy_(torch.tensor([t - 0.305, 0.305 - t]))
            net[2].weight.copy_(torch.tensor([[1.0, 1.0], [0.0, 0.0]]))  # |t - .305|
            net[2].bias.copy_(torch.tensor([0.0, 0.004]))
    data = Examples(torch.zeros(1, 1).double(), torch.zeros(1, dtype=torch.long))
    search = finished(segment_of(a, b, data))
    assert 0.301 < float(search.counterexample[0]) < 0.309
    assert search.tried[0] > 0
    with torch.no_grad():
        for net in (a, b):
            net[2].bias[1] = -1e-6  # right everywhere, by a hair
    search = finished(segment_of(a, b, data))
    assert search.refuted.sum() + search.open.sum() + search.unclear.sum() == 0


def test_ties_are_neither_certified_nor_refuted():
    """Two outputs that are the same at every t."""
    a, b, data = mlp_pair("relu", 0, widths=(3, 5, 2), n=4)
    with torch.no_grad():
        for net in (a, b):
            net[2].weight[1], net[2].bias[1] = net[2].weight[0], net[2].bias[0]
    for label in (0, 1):
        search = finished(segment_of(a, b, Examples(data.inputs, torch.full((4,), label))))
        assert not search.refuted.any()
        assert (search.unclear | search.open).all()


def test_a_tie_at_one_end_is_not_certified():
    """f_0 - f_1 = 1 - t, no more than zero at t = 1."""
    a, b = (mlp((1, 2, 2), nn.ReLU(), generator(0)) for _ in range(2))
    with torch.no_grad():
        for net, margin in ((a, 0.0), (b, 1.0)):
            net[0].weight.zero_()
            net[0].bias.fill_(1.0)
            net[2].weight.zero_()
            net[2].bias.copy_(torch.tensor([margin, 0.0]))
    data = Examples(torch.zeros(1, 1).double(), torch.zeros(1, dtype=torch.long))
    search = finished(segment_of(a, b, data))
    assert not search.refuted.any()
    assert search.unclear.all()


def test_what_is_left_off_is_open():
    a, b, data = decidable(0)
    search = Search(segment_of(a, b, data))
    for count, _ in enumerate(search.steps()):
        known = search.refuted | search.unclear
        assert (search.open | known | (search.tried > 0)).all()
        if count < 24:
            assert torch.equal(search.open, ~known)
        if count == 26:
            break
    assert search.open.any()


def test_a_pilot_takes_what_costs_least():
    a, b, data = decidable(0)
    segment = segment_of(a, b, data)
    always = pilot(segment, segment.everything, lambda *_: True)
    assert always == Plan(BOXES, 1)
    never = pilot(segment, segment.everything, lambda *_: False)
    assert never.effort == EFFORTS[-1]
    only = pilot(segment, segment.everything, lambda found, _: bool((found.apart < 1e-3).all()))
    assert only.pieces > 1


def test_networks_at_points_are_judged_in_double_precision():
    a, b, data = decidable(0)
    with torch.no_grad():
        for net in (a, b):
            net[2].weight *= 1e25
            net[4].weight *= 1e25
    wrong = (logits(a, b, data.inputs, 0.5).argmax(1) + 1) % 3
    search = Search(segment_of(a, b, Examples(data.inputs, wrong)))
    next(search.steps())
    assert search.refuted.all()


def test_pieces_as_short_as_rounding_are_given_up(monkeypatch):
    monkeypatch.setattr(segment_search, "NARROWEST", 0.5)
    monkeypatch.setattr(segment_search, "pilot", lambda *_: Plan(BOXES, 1))
    a, b, data = decidable(3, share=1.0)
    search = finished(segment_of(a, b, data))
    assert search.unclear.any()
    assert not search.open.any()
    assert search.narrowest >= 2.0**-4
