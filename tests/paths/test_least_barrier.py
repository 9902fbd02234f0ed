"""The least barrier over all permutations, against all of them, and the counterexample."""

import copy
from itertools import permutations, product

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.matching import match, permute
from lmctheory.networks import MLP, Examples
from lmctheory.paths import barrier, certified_barrier, least_barrier
from lmctheory.paths.permutation_search import extended
from simulations.least_barriers.measurement import two_ways
from tests.paths.architectures import generator
from tests.paths.pieces import SIGMAS, mlp, mlp_pair


def apart(sigma, widths, seed, kind="classes"):
    """Two networks with large weights, and labels that both nearly predict."""
    g = generator(seed)
    a, b = (mlp(widths, SIGMAS[sigma], g) for _ in range(2))
    x = torch.randn(15, 3, generator=g, dtype=torch.float64)
    with torch.no_grad():
        for layer in (*a[::2], *b[::2]):
            layer.weight.mul_(2.0)
        y = (a(x) + b(x)) / 2
    if kind == "values":
        return a, b, Examples(x, y, loss="squared")
    return a, b, Examples(x, y.argmax(1))


def test_no_permutation_connects_the_two_ways_of_one_function():
    a, b, data = two_ways(generator(0))
    x, f = data.inputs, data.labels
    assert torch.allclose(a(x)[:, 0], f, atol=1e-12)
    assert torch.allclose(b(x)[:, 0], f, atol=1e-12)
    found = least_barrier(a, b, data)
    assert found.converged
    assert found.arrangements == 4
    names = list(found.permutations)
    every = product(*[[np.array(p) for p in permutations(range(2))] for _ in names])
    truth = min(
        float(barrier(a, permute(b, dict(zip(names, orders, strict=True))), data, 101).max)
        for orders in every
    )
    assert truth > 0.08
    assert 0.98 * truth < found.barrier.lower <= truth * (1 + 1e-9)
    assert found.barrier.upper >= truth


@pytest.mark.parametrize(
    ("sigma", "widths", "seed", "kind"),
    [
        ("relu", (3, 4, 3), 0, "classes"),
        pytest.param("relu", (3, 3, 3, 3), 0, "classes", marks=pytest.mark.slow),
        pytest.param("gelu", (3, 3, 2, 2), 1, "classes", marks=pytest.mark.slow),
        ("gelu", (3, 3, 2, 2), 2, "values"),
    ],
)
def test_it_is_the_least_of_all(sigma, widths, seed, kind):
    a, b, data = apart(sigma, widths, seed, kind)
    found = least_barrier(a, b, data, signs=False)
    names = list(found.permutations)
    orders = [[np.array(p) for p in permutations(range(m))] for m in widths[1:-1]]
    every = list(product(*orders))
    truth = min(
        float(barrier(a, permute(b, dict(zip(names, each, strict=True))), data, 129).max)
        for each in every
    )
    assert truth > 0.01
    assert found.converged
    assert found.arrangements == len(every)
    assert found.barrier.lower <= 1.001 * truth  # the maximum may lie between 129 points
    assert found.barrier.lower >= 0.985 * truth
    own = certified_barrier(a, permute(b, found.permutations), data).max
    assert found.best.max.lower <= own.upper
    assert own.lower <= found.barrier.upper


def test_negated_neurons_are_found():
    a, _, data = apart("tanh", (3, 5, 3), 0)
    data = Examples(data.inputs, a(data.inputs), loss="squared")
    chain = match(a, a).symmetry
    hidden = permute(
        a, {"0": np.array([4, 2, 0, 1, 3])}, chain, {"0": np.array([1, -1, -1, 1, -1])}
    )
    signed, unsigned = (least_barrier(a, hidden, data, signs=s, budget=20) for s in (True, False))
    assert signed.barrier.upper < 1e-6
    assert signed.arrangements == 120 * 32
    assert unsigned.barrier.lower > 1e-3
    assert unsigned.signs == {}
    restored = permute(hidden, signed.permutations, chain, signed.signs)
    assert torch.allclose(restored[0].weight, a[0].weight)


def test_it_is_no_more_than_any_matching_and_changes_nothing():
    a, b, data = apart("relu", (3, 5, 3), 4)
    before = copy.deepcopy([*a.parameters(), *b.parameters(), data.inputs])
    found = least_barrier(a, b, data, tolerance=0.05)
    for method in ("weight", "activation"):
        matched = match(a, b, method, data.inputs).apply(b)
        assert found.barrier.lower <= certified_barrier(a, matched, data).max.upper
    assert all(map(torch.equal, before, [*a.parameters(), *b.parameters(), data.inputs]))


def test_without_time_it_still_contains_the_truth():
    a, b, data = apart("relu", (3, 3, 3, 3), 0)
    early, late = (least_barrier(a, b, data, budget=s) for s in (1e-9, 60))
    assert not early.converged
    assert early.barrier.lower <= late.barrier.lower
    assert early.barrier.upper >= late.barrier.lower
    assert "not converged" in repr(early)
    assert "not converged" not in repr(late)


@pytest.mark.parametrize("n", [1, 3])
def test_only_one_or_two_hidden_layers_are_searched(n):
    widths = (3, *[3] * (0 if n == 1 else 3), 2)
    a, b, data = mlp_pair("relu", 0, widths=widths, n=5)
    with pytest.raises(ValueError, match="one or two hidden layers"):
        least_barrier(a, b, data)


def test_what_cannot_be_searched_is_refused():
    a, b, data = mlp_pair("relu", 0, widths=(3, 40, 40, 3), n=1000)
    with pytest.raises(ValueError, match="too wide for 1000 examples"):
        least_barrier(a, b, data)
    small = data[:5]
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="tolerance"):
            least_barrier(a, b, small, tolerance=wrong)
        with pytest.raises(ValueError, match="budget"):
            least_barrier(a, b, small, budget=wrong)
    other = MLP((3, 4, 3), rng=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match="same architecture"):
        least_barrier(a, other, small)
    with pytest.raises(TypeError, match="chains"):
        least_barrier(nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4)), a, small)


def test_a_single_neuron_is_where_it_is():
    a, b, data = apart("relu", (3, 1, 3), 0)
    found = least_barrier(a, b, data)
    assert found.permutations == {}
    assert found.arrangements == 1
    assert permute(b, found.permutations) is not b


def test_a_place_is_given_every_neuron_that_is_left():
    assert set(extended((None, 2, None), 0, False)) == {(0, 2, None), (1, 2, None)}
    found = set(extended((None, None, ~0), 1, True))
    assert found == {(None, held, ~0) for held in (1, ~1, 2, ~2)}
