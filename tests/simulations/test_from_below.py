"""The study of errors from below: closed forms against sampling, annealing against all orders."""

from itertools import permutations

import numpy as np
import pytest

from simulations.from_below.measurement import (
    SignTask,
    WidthTask,
    _annealed,
    _mean_costs,
    run_layer,
    run_signs,
    run_widths,
)
from simulations.initial_networks import LayerTask


def test_mean_costs_are_those_of_many_inputs():
    rng = np.random.default_rng(0)
    w, v = rng.standard_normal((2, 4, 3))
    x = rng.standard_normal((200_000, 3))
    s, s_prime = np.maximum(w @ x.T, 0), np.maximum(v @ x.T, 0)
    s_t = np.maximum((w[:, None] + v) @ x.T / 2, 0)
    squares = (np.square(s_t - s[:, None]) + np.square(s_t - s_prime)) / 4
    errors = squares.std(axis=2) / len(x) ** 0.5
    assert np.all(np.abs(_mean_costs(w, v) - squares.mean(axis=2)) < 6 * errors)
    # one neuron twice costs nothing, and its opposite what both cost at the origin
    assert _mean_costs(w, w).diagonal() == pytest.approx(0, abs=1e-12)
    opposite = _mean_costs(w, -w).diagonal()
    assert opposite == pytest.approx(np.square(w).sum(axis=1) / 4)


def test_annealing_finds_the_least_of_all_orders():
    rng = np.random.default_rng(1)
    for _ in range(5):
        errors = rng.standard_normal((4, 4, 6))
        least = min(
            float(np.square(errors[range(4), list(p)].sum(axis=0)).mean())
            for p in permutations(range(4))
        )
        assert _annealed(errors, np.arange(4), rng) == pytest.approx(least)


def test_records_hold_what_the_theorems_say():
    found = run_layer(LayerTask(2, 16, 8, 0))
    assert found.unsigned <= found.lower[0] <= np.mean(found.least) <= found.upper
    assert found.scale == 1.0
    signs = run_signs(SignTask(2, 8, 3, 0))
    assert all(best <= blind for best, blind in zip(signs.found, signs.blind, strict=True))
    widths = run_widths(WidthTask(2, [0.1]))
    assert (widths.necessary, widths.sufficient) == ([4], [10])
