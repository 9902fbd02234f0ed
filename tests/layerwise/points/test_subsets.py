"""Shapley values and Moebius terms against their definitions."""

from itertools import permutations

import numpy as np
import pytest

from lmctheory.layerwise import groups, layers, moebius, shapley
from lmctheory.paths import barrier
from tests.layerwise.cube_pairs import examples, mlps, one_by_one, pair


def worth(a, b, data, subset, base="a"):
    """v(S), with one state dictionary."""
    L = len(layers(a))
    inside = np.isin(np.arange(L), list(subset)) / 2
    return one_by_one(a, b, data, (inside if base == "a" else 1 - inside)[None])[0][0]


@pytest.mark.parametrize("base", ["a", pytest.param("b", marks=pytest.mark.slow)])
def test_shapley_values_are_means_over_all_orders(base):
    a, b = mlps((5, 6, 6, 6, 3))
    data, L = examples(10, 5, 3), 4
    expected = np.zeros(L)
    orders = list(permutations(range(L)))
    for order in orders:
        values = [worth(a, b, data, order[:k], base) for k in range(L + 1)]
        expected[list(order)] += np.diff(values) / len(orders)
    found = shapley(a, b, data, base=base)
    np.testing.assert_allclose(found.values, expected, atol=1e-12)
    assert found.values.sum() == pytest.approx(found.total, abs=1e-12)
    np.testing.assert_array_equal(found.standard_error, 0)
    np.testing.assert_array_equal(found.interval(), np.stack([found.values] * 2, axis=1))


@pytest.mark.parametrize("base", ["a", "b"])
def test_moebius_terms_by_definition_and_inverted(base):
    a, b = mlps((5, 6, 6, 3), seed=1)
    data = examples(10, 5, 3)
    found = moebius(a, b, data, base=base)
    for S in range(8):
        layers_of_s = [layer for layer in range(3) if S >> layer & 1]
        assert found.loss[S] == pytest.approx(worth(a, b, data, layers_of_s, base), rel=1e-12)
        subsets = [T for T in range(8) if T & S == T]
        signs = [(-1.0) ** (S ^ T).bit_count() for T in subsets]
        assert found.terms[S] == pytest.approx(np.dot(signs, found.loss[subsets]), abs=1e-12)
        assert found.loss[S] == pytest.approx(found.terms[subsets].sum(), abs=1e-12)
    assert found.by_order.sum() == pytest.approx(found.loss[-1])
    assert found.by_order[1] == pytest.approx(found.terms[[1, 2, 4]].sum())
    assert found.term("layers.2", "layers.0") == found.terms[5]
    assert found.term() == found.loss[0]


def test_the_total_is_the_midpoint_of_the_path_less_the_base():
    a, b = pair("cnn")
    data = examples(20)
    curve = barrier(a, b, data, 3).loss
    assert shapley(a, b, data).total == pytest.approx(curve[1] - curve[2], abs=1e-12)
    assert shapley(a, b, data, base="b").total == pytest.approx(curve[1] - curve[0], abs=1e-12)


def test_layers_that_agree_contribute_nothing_and_equal_ones_alike():
    a, b = mlps((4, 4, 4, 4), "identity")
    for model in (a, b):
        for layer in model.linears:
            layer.bias.data.zero_()
    b.layers[2].load_state_dict(a.layers[2].state_dict())
    found = shapley(a, b, examples(10, 4, 4))
    assert abs(found.values[2]) < 1e-14
    assert np.abs(found.values[:2]).min() > 1e-3


def test_layers_outside_the_groups_stay_those_of_the_base():
    a, b = mlps((5, 6, 6, 3))
    data = examples(10, 5, 3)
    chosen = groups(a, [["layers.0"], ["layers.2"]])
    for base in ("a", "b"):
        found = moebius(a, b, data, base=base, layers=chosen)
        assert found.loss[0] == pytest.approx(worth(a, b, data, [], base))
        assert found.loss[3] == pytest.approx(worth(a, b, data, [0, 2], base))
    assert found.layers == ("layers.0", "layers.2")


def test_sampled_orders_agree_with_exact_values():
    """Fixed beforehand: 200 pairs of orders, seed 0. Student's t beyond 4.5 with 199 degrees of
    freedom has probability 1.2e-5, five layers: a false alarm once in 17 000 seeds."""
    a, b = mlps((5, 6, 6, 6, 6, 3), seed=2)
    data = examples(10, 5, 3)
    exact = shapley(a, b, data)
    found = shapley(a, b, data, draws=200, rng=np.random.default_rng(0))
    assert found.values.sum() == pytest.approx(found.total, abs=1e-12)
    assert found.total == pytest.approx(exact.total, abs=1e-12)
    assert (found.standard_error > 0).all()
    assert (np.abs(found.values - exact.values) < 4.5 * found.standard_error).all()
    wide, narrow = found.interval(0.99), found.interval(0.5)
    assert (wide[:, 0] < narrow[:, 0]).all()
    np.testing.assert_allclose(narrow.mean(1), found.values)
    # Student's quantile at 199 degrees of freedom
    np.testing.assert_allclose(wide[:, 1] - found.values, 2.6008 * found.standard_error, rtol=1e-4)


@pytest.mark.slow
def test_intervals_cover():
    """Fixed beforehand: 100 runs of 20 pairs of orders, level 0.9. Binomial(100, 0.9) < 78 has
    probability 2e-4 per layer; draws are few and bounded, so Student's level is not exact."""
    a, b = mlps((4, 4, 4, 4, 3), seed=3)
    data = examples(5, 4, 3)
    exact = shapley(a, b, data).values
    rng = np.random.default_rng(1)
    covered = np.zeros(4)
    for _ in range(100):
        low, high = shapley(a, b, data, draws=20, rng=rng).interval(0.9).T
        covered += (low <= exact) & (exact <= high)
    assert (covered >= 78).all()
    assert covered.mean() < 99.5


def test_deep_networks_are_sampled():
    a, b = mlps((5, *[5] * 13, 3))
    found = shapley(a, b, examples(5, 5, 3), draws=3, rng=np.random.default_rng(0))
    assert found.values.shape == (14,)
    assert found.draws == 3
    assert found.values.sum() == pytest.approx(found.total, abs=1e-12)


def test_refusals():
    a, b = mlps((5, *[5] * 12, 3))
    data = examples(5, 5, 3)
    with pytest.raises(ValueError, match=r"at most 12 layers .*, got 13; form groups"):
        moebius(a, b, data)
    with pytest.raises(ValueError, match="or draw orders for Shapley values"):
        shapley(a, b, data)
    with pytest.raises(ValueError, match="draws must be 0 or >= 2, got 1"):
        shapley(a, b, data, draws=1, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="rng must be given to draw orders, got None"):
        shapley(a, b, data, draws=5)
    a, b = mlps((5, 4, 3))
    with pytest.raises(ValueError, match="base must be 'a' or 'b', got 'c'"):
        moebius(a, b, data, base="c")
    with pytest.raises(ValueError, match=r"names must be among .*, got 'head'"):
        moebius(a, b, data).term("head")
    with pytest.raises(ValueError, match=r"confidence must lie in \(0, 1\), got 1.5"):
        shapley(a, b, data).interval(1.5)


@pytest.mark.usefixtures("as_users_call")
def test_draws_are_counted_in_integers():
    with pytest.raises(TypeError, match=r"draws must be an integer, got 2\.5"):
        shapley(*mlps((5, 4, 3)), examples(5, 5, 3), draws=2.5, rng=np.random.default_rng(0))
