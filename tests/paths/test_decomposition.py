"""The parts of a barrier, against what plain evaluation gives."""

import numpy as np
import pytest
import torch

from lmctheory.networks import MLP, Examples
from lmctheory.paths import barrier, decompose, interpolate


def pair(labels, loss):
    rng = torch.Generator().manual_seed(3)
    a, b = (MLP((5, 12, 12, labels), rng=rng, dtype=torch.float64) for _ in range(2))
    x = torch.randn(40, 5, generator=rng, dtype=torch.float64)
    match loss:
        case "cross_entropy":
            y = torch.randint(labels, (40,), generator=rng)
        case "squared":
            y = torch.randn(40, labels, generator=rng, dtype=torch.float64)
        case _:
            y = torch.randint(2, (40, 1), generator=rng).double()
    return a, b, Examples(x, y, loss)


CASES = [(4, "cross_entropy"), (3, "squared"), (1, "binary")]


def plain(a, b, data, t):
    """Barrier and parts, straight from their definitions."""

    def mean(outputs):
        return float(data.loss.mean(outputs, data.labels))

    with torch.no_grad():
        of_a, of_b, there = (net(data.inputs) for net in (a, b, interpolate(a, b, t)))
    chord = t * mean(of_a) + (1 - t) * mean(of_b)
    averaged = mean(t * of_a + (1 - t) * of_b)
    return mean(there) - chord, mean(there) - averaged, chord - averaged


@pytest.mark.parametrize(("outputs", "loss"), CASES)
def test_every_part_contains_what_is_measured(outputs, loss):
    a, b, data = pair(outputs, loss)
    found = decompose(a, b, data, points=5)
    assert found.t.tolist() == [0, 0.25, 0.5, 0.75, 1]
    parts = (found.barrier, found.interpolation, found.ensemble)
    for i, t in enumerate(found.t.tolist()):
        for (low, high), value in zip(
            (part[i] for part in parts), plain(a, b, data, t), strict=True
        ):
            assert low <= value <= high
            assert high - low <= 1e-9 * (1 + abs(value))


@pytest.mark.parametrize(("outputs", "loss"), CASES)
def test_the_parts_add_up_and_averaging_never_loses(outputs, loss):
    a, b, data = pair(outputs, loss)
    found = decompose(a, b, data, points=9)
    middle = [part.mean(1) for part in (found.barrier, found.interpolation, found.ensemble)]
    np.testing.assert_allclose(middle[0], middle[1] - middle[2], atol=1e-10)
    assert (found.ensemble[:, 1] >= 0).all()
    assert (found.ensemble[1:-1, 0] > 0).all()  # strictly convex, and A and B differ
    np.testing.assert_allclose(middle[0], barrier(a, b, data, points=9).barrier, atol=1e-10)
    for part in middle:
        np.testing.assert_allclose(part[[0, -1]], 0, atol=1e-10)


def test_linear_networks_are_their_own_average():
    a, b = (torch.nn.Linear(5, 3).double() for _ in range(2))
    x = torch.randn(20, 5, generator=torch.Generator().manual_seed(0)).double()
    found = decompose(a, b, Examples(x, torch.arange(20) % 3), points=3)
    assert np.abs(found.interpolation).max() < 1e-10
    assert "by interpolation" in repr(found)


def test_bad_input_is_refused():
    a, b, data = pair(4, "cross_entropy")
    with pytest.raises(ValueError, match="points must be odd"):
        decompose(a, b, data, points=4)
