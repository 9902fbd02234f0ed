"""The tables that no study makes: what they say of small networks."""

import numpy as np
import pytest

from simulations import deep_levels, fluctuations, one_law


def test_neurons_of_small_networks():
    rows = list(one_law.one_laws(widths=(4,), count=4))
    assert [row.parametrisation for row in rows] == ["mu", "standard"]
    for row in rows:
        assert row.pairs == 2
        assert row.measured <= row.bound
        assert 0 < row.share < 1
        assert all(0 <= count <= 2 for count in row.rejected)


def test_levels_of_small_networks(monkeypatch):
    monkeypatch.setattr(deep_levels, "_INPUTS", (3,))
    monkeypatch.setattr(deep_levels, "_EXAMPLES", 20)
    monkeypatch.setattr(deep_levels, "_DEPTHS", (1, 2))
    for row in deep_levels.levels(width=8):
        assert row.k >= deep_levels.OUTPUTS
        assert row.mean <= 1.2
        assert row.mean * row.measured < row.known < row.bound


@pytest.mark.slow
def test_penalties_of_small_networks(monkeypatch):
    monkeypatch.setattr(deep_levels, "_INPUTS", (3,))
    monkeypatch.setattr(deep_levels, "_EXAMPLES", 20)
    for row in deep_levels.penalties(widths=(64,)):
        assert np.all(np.diff(row.factors) >= 0)
        assert row.factors[0] >= 1


def test_squares_of_small_networks_fall():
    rows = list(fluctuations.squares(inputs=(2,), widths=(8, 128), pairs=4))
    for row in rows:
        assert row.matched < row.unmatched
        assert row.share > 0
    narrow, wide = rows
    assert wide.cost < narrow.cost
    assert wide.difference < narrow.difference / 4
    (found,) = fluctuations.exponents(rows)
    assert found.difference == pytest.approx(
        np.log(narrow.difference / wide.difference) / np.log(16)
    )
