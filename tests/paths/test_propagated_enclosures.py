"""How enclosures pass single operations."""

import numpy as np
import pytest
import torch

from lmctheory.networks import activation
from lmctheory.paths.certified_operations import Fixed, MaxPool, Pointwise, Sum
from lmctheory.paths.layer_operations import Node, Normalisation
from lmctheory.paths.propagated_enclosures import between
from tests.paths.remainders import layer, rest_of, row

S = [*np.linspace(0, 1, 11).tolist(), 0.5 - 3**0.5 / 6]  # where |s(1-s)(s-1/2)| is largest


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


def test_the_factor_of_batch_norm_is_enclosed_where_it_falls_at_once():
    """Third derivatives say nothing here: what counts is its range, and how far its arch goes."""
    deviation, error = factors((1, 1), (1e-6, 1))
    assert 0.6 * error < deviation <= error * (1 + 1e-12)


def test_the_factor_of_batch_norm_is_enclosed_wherever_it_moves():
    rng = torch.Generator().manual_seed(0)
    for _ in range(60):
        gamma = torch.randn(2, generator=rng).tolist()
        variance = torch.exp(2 * torch.randn(2, generator=rng)).tolist()
        deviation, error = factors(gamma, variance)
        assert deviation <= error * (1 + 1e-12)


def used(op, ends, before, rest):
    """The largest share of what the enclosure allows that networks between the two use.

    One example. In any direction v the three kinds of remainder reach |v| box, and the smaller of
    |v| entries and |v| norm.
    """
    start, end = op.at(0.0), op.at(1.0)
    values = start(ends[0]), end(ends[1])
    found = between(op, start, end)([ends], [before])
    share = 0.0
    for s in S:
        inside = torch.lerp(*ends, s) + s * (1 - s) * before.bend + rest
        off = op.at(s)(inside) - torch.lerp(*values, s) - s * (1 - s) * found.bend
        off, most = off.flatten(), found.box.flatten()
        for v in (*torch.eye(len(off)).double(), off / (off.norm() + 1e-300)):
            allowed = v.abs() @ most + sum(
                min(float(v.abs() @ part.entries.flatten()), float(v.norm() * part.norm))
                for part in (found.omega, found.eta)
            )
            share = max(share, float((v @ off).abs() / (allowed + 1e-12)))
    return share


def norm_layer(gamma, variance, mean=(0.0, 0.0)):
    pairs = [tuple(row(x)[0] for x in pair) for pair in (gamma, (0.0, 0.0), mean, variance)]
    return Normalisation(Node("norm", (0,), (1,)), *pairs)


RANK_ONE = torch.outer(row(3, 1, 2)[0], row(1, 2, 2, 4)[0])  # of positive numbers: all is attained
KINDS = ["box", "entries", "norm", "ball"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_carries_remainders_as_far_as_it_says(kind):
    op, like, x = layer(RANK_ONE, RANK_ONE), row(1, 2, 2, 4), row(5, 6, 7, 8)
    assert 1 - 1e-6 < used(op, (x, x), rest_of(kind, like), like) < 1 + 1e-6
    found = between(op, op.at(0.0), op.at(1.0))([(x, x)], [rest_of(kind, like)])
    off = like @ RANK_ONE.mT
    assert off[0].norm() == pytest.approx(float(found.omega.norm + found.eta.norm), rel=1e-6)
    torch.testing.assert_close(found.reach, off, rtol=1e-6, atol=0.0)
    assert found.size == pytest.approx(float(off.norm()), rel=1e-6)


def test_a_layer_that_moves_adds_a_cubic():
    rng = torch.Generator().manual_seed(0)
    W_a, W_b = torch.randn(2, 3, 4, generator=rng, dtype=torch.float64)
    x = torch.randn(1, 4, generator=rng, dtype=torch.float64)
    before = rest_of(None, x, bend=torch.randn(1, 4, generator=rng, dtype=torch.float64))
    assert 1 - 1e-6 < used(layer(W_a, W_b), (x, x), before, 0 * x) < 1 + 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_no_layer_carries_remainders_further(kind):
    rng = torch.Generator().manual_seed(1)
    for _ in range(8):
        W_a, W_b = torch.randn(2, 3, 4, generator=rng, dtype=torch.float64)
        x, y, bend, like = torch.randn(4, 1, 4, generator=rng, dtype=torch.float64)
        assert used(layer(W_a, W_b), (x, y), rest_of(kind, like, bend), like) < 1 + 1e-6


NEAR = (1.0, 1 + 1e-3)
"""Variances between which the factor is all but a parabola."""


@pytest.mark.parametrize(
    ("op", "ends", "bend", "kind", "least"),
    [
        (norm_layer((1, 1), NEAR), (-1, 1), 0, None, 0.99),  # alpha du
        (norm_layer((1, -1), (1.1, 1)), (1, 1), 0, None, 0.8),  # e u-bar
        (norm_layer((1, 1), (1e-6, 1)), (0, 1), 0, None, 0.3),  # e u-bar, which moves
        (norm_layer((1, 3), (2, 2)), (0, 0), 1, None, 0.99),  # da k
        (norm_layer((NEAR[0], NEAR[1] ** 0.5), NEAR), (0, 0), 1, None, 0.99),  # (a - a-bar) k
        (norm_layer((3, 2), (1, 2)), (1, 1), 0, "box", 0.9),
        (norm_layer((3, 2), (1, 2)), (1, 1), 0, "entries", 0.9),
        (norm_layer((3, 2), (1, 2)), (1, 1), 0, "norm", 0.9),
        (norm_layer((3, 2), (1, 2)), (1, 1), 0, "ball", 0.9),
    ],
)
def test_batch_norm_carries_remainders_as_far_as_it_says(op, ends, bend, kind, least):
    like = row(100.0 if kind else 0.0)
    before = rest_of(kind, like, bend=row(bend))
    assert least < used(op, tuple(map(row, ends)), before, like) < 1 + 1e-6


def test_batch_norm_carries_nothing_further():
    rng = np.random.default_rng(0)
    for _ in range(25):
        gamma, mean, ends = rng.standard_normal((3, 2))
        op = norm_layer(gamma, np.exp(2 * rng.standard_normal(2)), mean)
        bend, like = row(rng.standard_normal()), row(rng.standard_normal())
        before = rest_of(rng.choice(KINDS), like, bend)
        assert used(op, tuple(map(row, ends)), before, like) < 1 + 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_a_fixed_map_carries_remainders_as_far_as_it_says(kind):
    op = Fixed(Node("mean", (0,), (1,)), lambda x: x.mean(1, keepdim=True), (4,))
    like, x = row(1, 1, 1, 1), row(1, 2, 3, 4)
    assert 1 - 1e-6 < used(op, (x, x), rest_of(kind, like), like) < 1 + 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_what_branches_that_are_alike_leave_adds_up(kind):
    op, like, x = Sum(Node("sum", (0, 0), (2,))), row(1, 2), (row(5, 6), row(7, 8))
    one = rest_of(kind, like, bend=row(3, 4))
    both = between(op, op, op)([x, x], [one, one])
    for found, half in ((both.bend, one.bend), (both.reach, one.reach), (both.size, one.size)):
        torch.testing.assert_close(found, 2 * half)
    assert between(op, op, op)([x, x], [None, one]) == one


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_an_activation_carries_remainders_as_far_as_it_says(name, kind):
    """Of a neuron that is on, of one at 0, where the slope is 1; one that wakes up is not dead."""
    op, size = Pointwise(Node("sigma", (0,), (2,)), activation(name)), 1e-4
    x = row(0, 0) if name == "tanh" else row(9, 8)
    like = row(size, size)
    assert 0.999 < used(op, (x, x), rest_of(kind, like), like) < 1 + 1e-6
    if name == "relu":
        asleep, like = row(-0.9, -1.8), row(1, 2)
        assert 0.09 < used(op, (asleep, asleep), rest_of(kind, like), like) < 1 + 1e-6


def test_an_activation_adds_what_its_image_lacks():
    op = Pointwise(Node("sigma", (0,), (1,)), activation("relu"))
    x, still = (row(-1), row(1)), rest_of(None, row(0))
    assert 0.9 < used(op, x, still, 0.0) < 1 + 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_a_maximum_carries_remainders_as_far_as_it_says(kind):
    """Of the largest entry, which two windows see, of one that overtakes it, and of all."""
    pool = MaxPool(Node("pool", (0,), (2,)), torch.tensor([[0, 1], [1, 2]]), 1)
    for x, like, least in (
        (row(0, 9, 0), row(0, 1, 0), 1 - 1e-6),
        (row(0, -0.9, 0), row(0, 1, 0), 0.09),
        (row(0, 0, 0), row(1, 1, 1), 0.4 if kind in ("norm", "ball") else 1 - 1e-6),
    ):
        assert least < used(pool, (x, x), rest_of(kind, like), like) < 1 + 1e-6


def test_a_maximum_adds_what_its_image_lacks():
    pool = MaxPool(Node("pool", (0,), (1,)), torch.tensor([[0, 1]]), 1)
    ends, still = (row(-1, 0), row(1, 0)), rest_of(None, row(0, 0))
    assert 0.9 < used(pool, ends, still, 0.0) < 1 + 1e-6
