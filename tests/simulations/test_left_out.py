"""Choices made on other draws."""

import numpy as np

from simulations.left_out import best_for_others


def test_every_draw_is_left_out_in_turn():
    values = np.random.default_rng(0).standard_normal((4, 6))
    expected = [
        values[np.delete(values, draw, axis=1).mean(axis=1).argmax(), draw] for draw in range(6)
    ]
    np.testing.assert_array_equal(best_for_others(values), expected)


def test_noise_alone_is_no_gain():
    values = np.random.default_rng(1).standard_normal((20, 2000))
    assert abs(best_for_others(values).mean()) < 5 / 2000**0.5
    assert values.max(axis=0).mean() > 1
