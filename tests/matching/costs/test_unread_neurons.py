"""Neurons that no layer reads are described by what their own layer makes."""

import pytest
import torch
from torch import nn

from lmctheory.matching import layer_inputs, symmetry
from lmctheory.matching.alignment import as_they_stand
from lmctheory.matching.costs.activation_costs import activation


class Weighed(nn.Module):
    """Channels of a convolution, weighed and added up."""

    def __init__(self, seed, kernel):
        super().__init__()
        torch.manual_seed(seed)
        self.conv, self.scale = nn.Conv2d(2, 5, kernel), nn.Parameter(torch.randn(5, 1, 1))

    def forward(self, x):
        return (self.scale * self.conv(x).relu()).sum(1).flatten(1)


@pytest.mark.parametrize("kernel", [1, 3, (1, 2)])
def test_kernels_are_compared_place_by_place(kernel):
    a, b = Weighed(0, kernel).double(), Weighed(1, kernel).double()
    x = torch.randn(4, 2, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    found = symmetry(a, x)
    [group] = found.groups
    cost = activation(layer_inputs(a, x), layer_inputs(b, x))
    [features] = cost(group, as_they_stand(a, b, found))
    read = x.movedim(1, -1).flatten(0, 2)
    expected = 0.0
    difference = (a.conv.weight - b.conv.weight).detach().flatten(2)
    for place in range(difference.shape[2]):
        expected += float((difference[:, :, place] @ read.mT).square().sum()) / len(read)
    assert features.cost == pytest.approx(expected / 5)
