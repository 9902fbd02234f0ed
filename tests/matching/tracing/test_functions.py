"""Functions that act entry by entry."""

import pytest
import torch
from torch import nn

from lmctheory.matching import symmetry
from tests.matching.tracing.examples import found_in, inputs, sizes


class Scaled(nn.Module):
    """Hidden neurons times a vector of parameters, plus another."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(3, 5), nn.Linear(5, 2)
        self.scale, self.offset = nn.Parameter(torch.ones(5)), nn.Parameter(torch.zeros(1, 5))

    def forward(self, x):
        return self.last(self.scale * self.first(x).relu() + self.offset)


def test_vectors_move_with_the_rows_that_they_are_added_to():
    found = found_in(Scaled(), inputs(2, 3))
    assert sizes(found) == {"first": 5}
    assert {("scale", 0), ("offset", 1)} <= set(found["first"].axes)


def test_a_number_is_no_example():
    with pytest.raises(ValueError, match=r"example must hold at least one example, got \(\)"):
        symmetry(Scaled(), torch.tensor(1.0))
    with pytest.raises(ValueError, match=r"got \(0, 3\)"):
        symmetry(Scaled(), torch.zeros(0, 3))
    tokens = nn.Sequential(nn.Embedding(4, 3), nn.Linear(3, 2))
    assert sizes(symmetry(tokens, torch.tensor([1, 2]))) == {"0": 3}
