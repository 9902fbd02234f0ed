"""How enclosures pass single operations."""

import pytest
import torch

from lmctheory.paths.layer_operations import Node, Normalisation
from lmctheory.paths.propagated_enclosures import between


def factors(gamma, variance):
    """BatchNorm's factor between two networks, and its enclosure."""
    column = [torch.tensor([float(value)], dtype=torch.float64) for value in (*gamma, *variance)]
    zero = (torch.zeros(1).double(),) * 2
    op = Normalisation(
        Node("norm", (0,), (1,)), gamma=tuple(column[:2]), beta=zero, mean=zero,
        variance=tuple(column[2:]),
    )  # fmt: skip
    inside = between(op, op.at(0.0), op.at(1.0))
    s = torch.linspace(0, 1, 101, dtype=torch.float64)
    found = torch.stack([op.at(float(t)).factor[0] for t in s])
    chord = (1 - s) * found[0] + s * found[-1]
    deviation = (found - chord - s * (1 - s) * inside.alpha).abs().max()
    return float(deviation), float(inside.error)


def test_the_factor_of_batch_norm_is_enclosed_where_scale_and_variance_move():
    """Here the variance alone would give 1.5e-5: most of it is their product."""
    deviation, error = factors((1, -1), (1.1, 1))
    assert deviation == pytest.approx(3.27e-4, rel=0.01)
    assert error == pytest.approx(3.76e-4, rel=0.01)


def test_the_factor_of_batch_norm_is_enclosed_wherever_it_moves():
    rng = torch.Generator().manual_seed(0)
    for _ in range(60):
        gamma = torch.randn(2, generator=rng).tolist()
        variance = torch.exp(2 * torch.randn(2, generator=rng)).tolist()
        deviation, error = factors(gamma, variance)
        assert deviation <= error * (1 + 1e-12)
