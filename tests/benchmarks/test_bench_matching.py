"""Weight matching against plain Git Re-Basin, and against the assignment problems it solves."""

from importlib import import_module
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.matching import match
from lmctheory.matching.alignment import side_by_side
from lmctheory.matching.solvers import coordinate_descent, propagated
from lmctheory.networks import MLP
from simulations.matching_methods.narrow import git_rebasin

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


def test_two_starts_cost_less_than_two_runs_of_plain_git_rebasin(ratio):
    a, b = (
        MLP((784, 512, 512, 512, 10), rng=torch.Generator().manual_seed(seed), dtype=torch.float64)
        for seed in (0, 1)
    )
    measured = ratio(
        lambda: match(a, b),
        lambda: [git_rebasin(a, b, np.random.default_rng(seed)) for seed in (0, 1)],
    )
    assert measured.median > 1
