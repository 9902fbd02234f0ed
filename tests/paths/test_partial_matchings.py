"""Bounds of partial matchings against all their completions, one by one."""

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
import torch

from lmctheory.networks import Examples, activation
from lmctheory.networks.affine import find_chains
from lmctheory.paths import interpolate
from lmctheory.paths.ascending_losses import ascending_loss
from lmctheory.paths.partial_matchings import Between, _range, rearranged
from tests.paths.pieces import mlp_pair


def between(sigma, seed, widths, t=0.5, loss="cross_entropy", n=12, signs=True):
    """All networks at one t, and the examples."""
    a, b, data = mlp_pair(sigma, seed, widths=widths, n=n)
    if loss == "squared":
        rng = torch.Generator().manual_seed(seed)
        labels = torch.randn(n, widths[-1], generator=rng, dtype=torch.float64)
        data = Examples(data.inputs, labels, loss="squared")
    if loss == "binary":
        data = Examples(data.inputs, (data.inputs[:, 0] > 0).long(), loss="binary")
    a, b = find_chains(a, b)
    signed = tuple(signs and sigma.is_odd for sigma in a.activations)
    worth = ascending_loss(data, widths[-1])
    return Between(a, b, data.inputs.double(), worth, signed, t), data


def completions(order, signed):
    """All complete orders of a layer that hold what is decided."""
    m = len(order)
    for places in permutations(range(m)):
        for signs in product((1, -1) if signed else (1,), repeat=m):
            full = tuple(j if s > 0 else ~j for j, s in zip(places, signs, strict=True))
            if all(held in (None, mine) for held, mine in zip(order, full, strict=True)):
                yield full


def least_loss(pair, data, layers):
    """The least mean loss over completions, network by network."""
    found = np.inf
    for orders in product(*(completions(o, s) for o, s in zip(layers, pair.signed, strict=True))):
        moved = rearranged(pair.b, orders)
        both = zip(pair.a.weights + pair.a.biases, moved.weights + moved.biases, strict=True)
        mixed = [pair.t * A + (1 - pair.t) * B for A, B in both]
        half = len(mixed) // 2
        network = replace(moved, weights=tuple(mixed[:half]), biases=tuple(mixed[half:]))
        found = min(found, float(data.loss.mean(network(pair.x), data.labels)))
    return found


CASES = [
    ("relu", (3, 4, 3), [(None, None, None, None)], "cross_entropy"),
    ("relu", (3, 4, 3), [(2, None, None, 0)], "cross_entropy"),
    ("tanh", (3, 3, 3), [(None, ~0, None)], "cross_entropy"),
    ("gelu", (3, 4, 1), [(None, 0, None, None)], "binary"),
    ("relu", (3, 3, 3, 3), [(None, None, None), (None, None, None)], "cross_entropy"),
    ("relu", (3, 3, 3, 2), [(1, None, None), (None, None, 0)], "squared"),
    ("gelu", (3, 3, 3, 3), [(None, 2, None), (None, None, None)], "cross_entropy"),
    ("tanh", (3, 2, 2, 3), [(None, None), (~1, None)], "cross_entropy"),
    ("tanh", (3, 2, 3, 1), [(~1, None), (None, None, ~0)], "binary"),
    ("relu", (3, 3, 3, 3), [(2, 0, 1), (None, None, None)], "cross_entropy"),
]


@pytest.mark.parametrize(("sigma", "widths", "layers", "loss"), CASES)
@pytest.mark.parametrize("t", [0.5, 0.3])
def test_no_completion_has_less(sigma, widths, layers, loss, t):
    for seed in range(3):
        pair, data = between(sigma, seed, widths, t, loss)
        truth = least_loss(pair, data, layers)
        bound = pair.matchings(*layers).least(np.inf).lower
        assert bound <= truth
        assert bound >= truth - 3.0  # not minus infinity


@pytest.mark.parametrize(("sigma", "widths"), [("relu", (3, 4, 3)), ("tanh", (3, 4, 3, 3))])
def test_a_complete_matching_has_its_loss_but_for_rounding(sigma, widths):
    pair, data = between(sigma, 0, widths)
    layers = [(1, 0, 3, 2), (2, 0, 1)][: len(widths) - 2]
    truth = least_loss(pair, data, layers)
    assert truth - 1e-10 < pair.matchings(*layers).least(np.inf).lower <= truth


def test_the_bound_over_one_layer_is_nearly_attained():
    """Two networks that are permutations of each other: the loss at the middle is theirs."""
    pair, data = between("relu", 0, (3, 6, 3))
    own = Between(pair.a, pair.a, pair.x, pair.loss, pair.signed, 0.5)
    truth = least_loss(own, data, [tuple(range(6))])
    found = own.matchings((None,) * 6).least(np.inf)
    assert found.lower <= truth


def test_what_is_wanted_ends_the_search():
    pair, _ = between("relu", 0, (3, 6, 3), n=40)
    open_ = pair.matchings((None,) * 6)
    best = open_.least(np.inf).lower
    assert open_.least(best - 0.05).lower >= best - 0.05
    assert open_.least(best + 0.05).lower <= best + 1e-3


def test_the_error_of_rounding_grows_with_the_networks():
    small, _ = between("relu", 0, (3, 4, 3, 3))
    large = Between(
        *(
            type(c)(c.names, tuple(1e3 * W for W in c.weights), c.biases, c.activations)
            for c in (small.a, small.b)
        ),
        small.x,
        small.loss,
        small.signed,
        0.5,
    )
    assert (small._error > 0).all()
    assert (large._error > 1e8 * small._error).all()


def test_a_matching_is_what_interpolating_the_permuted_network_gives():
    a, b, data = mlp_pair("relu", 3, widths=(3, 4, 3), n=10)
    chains = find_chains(a, b)
    pair = Between(*chains, data.inputs.double(), ascending_loss(data, 3), (False,), 0.25)
    with torch.no_grad():
        truth = float(data.loss.mean(interpolate(a, b, 0.25)(data.inputs), data.labels))
    assert pair.matchings((0, 1, 2, 3)).least(np.inf).lower == pytest.approx(truth, abs=1e-10)


@pytest.mark.parametrize("sigma", ["relu", "tanh", "gelu"])
@pytest.mark.parametrize("first", [(None, None, None), (None, 0, None), (None, None, 2)])
def test_second_layers_are_within_their_ranges_and_reach_them(sigma, first):
    for seed in range(4):
        pair, _ = between(sigma, seed, (3, 3, 3, 2), signs=False)
        low, high = pair._ranges(first)
        every = np.stack([pair._ranges(order)[0] for order in completions(first, False)])
        assert (low <= every.min(0) + 1e-12).all()
        assert (high >= every.max(0) - 1e-12).all()
        if sigma != "gelu" and first.count(None) == 2:  # of two orders one is often the least
            assert (low >= every.min(0) - 1e-12).any()


def test_ranges_of_an_activation_that_falls_and_rises():
    gelu = activation("gelu")
    low, high = np.array([-3.0, -1.0, -0.9, 0.2]), np.array([0.1, -0.5, -0.6, 0.3])
    least, most = _range(gelu, low, high)
    inside = gelu.apply(torch.from_numpy(np.linspace(low, high, 201))).numpy()
    assert (least <= inside.min(0)).all()
    assert (most >= inside.max(0)).all()
    assert least[0] > -2.0


@pytest.mark.parametrize("widths", [(3, 4, 3), (3, 4, 3, 3)])
def test_what_rounding_can_make_is_taken_off(widths):
    pair, _ = between("tanh", 0, widths)
    layers = [(1, 0, 3, 2), (2, 0, 1)][: len(widths) - 2]
    moved = rearranged(pair.b, layers)
    both = zip(pair.a.weights + pair.a.biases, moved.weights + moved.biases, strict=True)
    mixed = [pair.t * A + (1 - pair.t) * B for A, B in both]
    half = len(mixed) // 2
    network = replace(moved, weights=tuple(mixed[:half]), biases=tuple(mixed[half:]))
    outputs = network(pair.x).numpy()
    own = outputs[np.arange(len(outputs)), pair.loss.labels]
    u = outputs - own[:, None]
    found = pair.matchings(*layers)
    assert (found.constant <= u - 0.5 * pair._error[:, None]).all()
    assert found.least(np.inf).lower < pair.loss.each(found.constant).mean() - 1e-14
