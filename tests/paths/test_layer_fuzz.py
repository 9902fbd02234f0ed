"""Every layer that certificates follow, attacked; how soon enclosures that are too small fail."""

import numpy as np
import pytest
import torch

from lmctheory.paths import taylor_curves, taylor_products
from tests.paths.layer_fuzz import LAYERS, attacked, table

QUICK = ["convolution", "max pool", "tanh", "group norm", "GRU"]
FEW = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in LAYERS]


@pytest.mark.parametrize("name", FEW)
def test_nothing_leaves(name):
    found = attacked(name, 3 if name in QUICK else 20, seed=1)
    assert found.points > 3000
    assert not found.left[1.0]


@pytest.mark.parametrize("name", ["relu", "product", "residual stream", "quotient"])
def test_enclosures_that_are_too_small_by_a_hundredth_are_left(name):
    found = attacked(name, 4)
    assert found.first[0.99] < 2000
    assert found.left[0.99] >= found.left[1.0] == 0


def test_a_mistake_in_a_proof_is_found(monkeypatch):
    """A remainder without the second derivative; squares whose rest is left out."""
    plain = taylor_curves.remainder
    monkeypatch.setattr(taylor_curves, "remainder", lambda M, p, order: 0.3 * plain(M, p, order))
    assert attacked("exp", 6).left[1.0]
    monkeypatch.undo()
    economised = taylor_products.economised

    def wrong(coefficients, degree):
        polynomial, error = economised(coefficients, degree)
        return polynomial, 0 * error

    monkeypatch.setattr(taylor_products, "economised", wrong)
    assert attacked("square", 6).left[1.0]


def test_the_table():
    lines = table(1, ["linear", "embedding"]).splitlines()
    assert len(lines) == 4
    assert len({len(line) for line in lines}) == 1
    assert lines[2].split()[:3] == ["linear", "1,280", "0"]


def test_attacks_are_the_same_for_the_same_seed():
    state = torch.get_rng_state()
    one, other = (attacked("tanh", 2, seed=3) for _ in range(2))
    assert one == other
    assert torch.equal(state, torch.get_rng_state())
    assert np.isfinite(one.most)
