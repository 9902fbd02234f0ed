"""Coordinate descent against the assignment problems it has to solve."""

from importlib import import_module
from itertools import pairwise

import pytest
import torch
from torch import nn

from lmctheory.matching.alignment import side_by_side
from lmctheory.matching.solvers import coordinate_descent, propagated

pytestmark = pytest.mark.benchmark


def default_initialisation(width: int, seed: int) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        widths = (784, width, width, width, 10)
        layers = [nn.Linear(*fans) for fans in pairwise(widths)]
    return nn.Sequential(*(module for layer in layers for module in (layer, nn.ReLU())))[:-1]


@pytest.mark.parametrize(("width", "objective"), [(256, 37.2), (512, 61.5), (1024, 104.4)])
def test_coordinate_descent_costs_little_more_than_its_assignments(
    ratio, monkeypatch, width, objective
):
    pair = side_by_side(*(default_initialisation(width, seed) for seed in (0, 1)))
    starts = [pair, propagated(pair).alignment]
    module = import_module("lmctheory.matching.solvers.coordinate_descent")
    solve, gains = module.assignment, []
    monkeypatch.setattr(
        module, "assignment", lambda gain: gains.append(gain.clone()) or solve(gain)
    )
    ends = [coordinate_descent(start) for start in starts]
    monkeypatch.undo()
    assert max(end.trace[-1] for end in ends) >= objective
    measured = ratio(
        lambda: [solve(gain) for gain in gains],
        lambda: [coordinate_descent(start) for start in starts],
    )
    assert measured.median <= 6  # 2 on an idle core; the products are slower on a busy machine
