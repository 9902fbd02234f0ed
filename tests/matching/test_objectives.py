"""The loss at the midpoint, and what solvers make of it."""

from functools import partial

import numpy as np
import pytest
import torch

from lmctheory.matching import permute
from lmctheory.matching.alignment import side_by_side
from lmctheory.matching.objectives import MidpointLoss
from lmctheory.matching.solvers import (
    exhaustive,
    sinkhorn,
    straight_through,
)
from lmctheory.networks import (
    MLP,
    Examples,
    TrainingConfig,
    affine_chain,
    load_dataset,
    seeded_generators,
    train_many,
)
from lmctheory.paths import barrier


@pytest.fixture(scope="module")
def narrow():
    """Two networks of four neurons a layer, trained on digits."""
    digits = load_dataset("digits")
    initial_networks = [MLP((64, 4, 4, 10), rng=seeded_generators(seed)[0]) for seed in (0, 1)]
    a, b = train_many(initial_networks, digits.train, TrainingConfig(epochs=10), seeds=(0, 1))
    return a, b, digits.train


def test_the_loss_at_the_midpoint_is_that_of_the_barrier(narrow):
    a, b, data = narrow
    measured = barrier(a, b, data, points=3)
    start = side_by_side(a, b)
    for network in (b, affine_chain(b)):
        value = MidpointLoss.of(network, data)(start.a, start.b)
        assert -float(value) == pytest.approx(measured.loss[1], rel=1e-5)


@pytest.mark.parametrize(
    "solver",
    [
        pytest.param(partial(sinkhorn, share=0.5), marks=pytest.mark.slow),
        partial(straight_through, steps=20),
    ],
)
def test_solvers_lower_the_loss_and_stay_above_the_truth(narrow, solver):
    a, b, data = narrow
    start = side_by_side(a, b)
    loss = MidpointLoss.of(b, data)
    solution = solver(start, loss)
    best = exhaustive(start, loss).trace[-1]
    assert (np.diff(solution.trace) >= 0).all()
    assert solution.trace[0] < solution.trace[-1] <= best + 1e-12
    assert float(loss(start.a, solution.alignment.b)) == pytest.approx(solution.trace[-1])


@pytest.mark.slow
def test_no_permutation_connects_two_narrow_trained_networks(narrow):
    a, b, data = narrow
    start = side_by_side(a, b)
    found = exhaustive(start, MidpointLoss.of(b, data)).alignment  # all 24^2 of them
    assert barrier(a, permute(b, found.orders), data, points=3).midpoint > 0.2


def test_no_permutation_connects_two_exact_solutions_of_two_units_a_layer():
    """Label 1 where x_1 < 0 and x_2 > 0, on a grid of [-1, 1]^2 that keeps off the axes.

    A's first layer is (x_1^+, x_2^-), whose sum vanishes on class 1 alone; B's is (x_1^-, x_2^+),
    whose minimum is positive on class 1 alone. The mean of the first layers is zero or, exchanged,
    reads x_1 + x_2 alone. So the midpoint cannot tell (x_1, x_2) from (x_2, x_1), of which one in
    quadrant two has the other in quadrant four: whatever follows, it is wrong on a quarter of all
    examples at least. Ainsworth et al. 2023 exhibit such a pair for the same problem.
    """
    side = (torch.arange(20, dtype=torch.float64) + 0.5) / 10 - 1
    x = torch.cartesian_prod(side, side)
    data = Examples(x, ((x[:, 0] < 0) & (x[:, 1] > 0)).long())

    def network(first, second, last, bias):
        net = MLP((2, 2, 2, 2), rng=torch.Generator().manual_seed(0), dtype=torch.float64)
        with torch.no_grad():
            for layer, weight in zip(net.linears, (first, second, last), strict=True):
                layer.weight.copy_(torch.tensor(weight, dtype=torch.float64))
                layer.bias.zero_()
            net.linears[2].bias.copy_(torch.tensor([0.0, bias]))
        return net

    eye = [[1.0, 0.0], [0.0, 1.0]]
    a = network([[1.0, 0.0], [0.0, -1.0]], eye, [[0, 0], [-400.0, -400.0]], 10.0)
    b = network(
        [[-1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, -1.0]], [[0, 0], [400.0, -400.0]], -10.0
    )
    ends = barrier(a, b, data, points=3)
    assert ends.accuracy[0] == ends.accuracy[2] == 1
    orders = [np.array([0, 1]), np.array([1, 0])]
    for p in orders:
        for q in orders:
            moved = permute(b, {"layers.0": p, "layers.1": q})
            between = barrier(a, moved, data, points=3)
            assert between.accuracy[1] <= 0.75
            assert between.midpoint > 0.1
    best = exhaustive(side_by_side(a, b), MidpointLoss.of(b, data))
    assert -best.trace[-1] > 0.1
