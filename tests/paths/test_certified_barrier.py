"""Intervals of the barrier against dense grids of networks."""

import copy
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.networks import MLP, Examples
from lmctheory.networks.losses import as_loss
from lmctheory.paths import certified_barrier
from lmctheory.paths.barrier_search import Interval, mixed
from lmctheory.paths.reading import program_of
from tests.paths.architectures import generator
from tests.paths.pieces import image_pair, mlp_pair
from tests.rarely import rarely


@torch.no_grad()
def measured(a, b, data, points):
    """Barrier and accuracy drop at equidistant t."""
    program, kind = program_of(a, b, data), as_loss(data.loss)
    x = data.inputs.double()
    losses, hits = [], []
    t = np.linspace(0, 1, points)
    for each in t:
        values = program.values(program.at(float(each)), x)[-1][None]
        losses.append(float(kind.each(values, data.labels).mean()))
        hits.append(float(kind.hits(values, data.labels).double().mean()))
    chords = [t * v[-1] + (1 - t) * v[0] for v in (losses, hits)]
    return np.array(losses) - chords[0], chords[1] - np.array(hits)


def with_labels(kind, seed, n=30, share=1.0):
    name = ["relu", "tanh"][seed % 2]
    outputs = 1 if kind == "binary" else 3
    a, b, data = mlp_pair(name, seed, widths=(3, 8, 6, outputs), n=n, share=share)
    labels, loss = data.labels, kind
    if kind == "binary":
        labels = (data.inputs[:, 0] > 0).long()
    if kind == "probabilities":
        a, b, data = mlp_pair(name, seed, widths=(3, 8, 1), n=n, share=share)
        labels, loss = torch.rand(n, 1, generator=generator(seed)).double(), "binary"
    if kind == "values":
        labels, loss = torch.randn(n, 3, generator=generator(seed)).double(), "squared"
    return a, b, Examples(data.inputs, labels, loss=loss)


def contains(found, a, b, data, points):
    barrier, drop = measured(a, b, data, points)
    room = 1e-15
    assert found.max.lower <= barrier.max() + 2e-3 * abs(barrier.max()) + 1e-9  # a grid misses it
    assert barrier.max() <= found.max.upper + room
    middle = float(barrier[points // 2])
    assert found.midpoint.lower - room <= middle <= found.midpoint.upper + room
    assert found.midpoint.upper - found.midpoint.lower <= 1e-4 * (1 + abs(middle))
    if not np.isnan(drop).any():
        assert drop.max() <= found.accuracy_drop.upper + room
        assert found.accuracy_drop.lower <= found.accuracy_drop.upper
    return barrier, drop


KINDS = ["cross_entropy", "binary", "probabilities", "squared", "values"]


@pytest.mark.parametrize(
    ("kind", "seed"),  # ReLU and tanh, by turns
    rarely(product(KINDS, (0, 1)), [(kind, 1 - k % 2) for k, kind in enumerate(KINDS)]),
)
def test_the_barrier_is_in_its_interval(kind, seed):
    a, b, data = with_labels(kind, seed)
    found = certified_barrier(a, b, data, tolerance=0.02)
    contains(found, a, b, data, 201)
    assert found.converged
    assert found.max.upper - found.max.lower <= 0.02 * max(found.max.lower, 1e-3)
    if kind == "values":
        assert np.isnan(found.accuracy_drop.lower)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_barrier_is_in_its_interval_on_fine_grids(kind):
    for seed in range(2, 12):
        a, b, data = with_labels(kind, seed, share=[1.0, 0.1][seed % 3 == 0])
        found = certified_barrier(a, b, data, tolerance=0.005)
        barrier, drop = contains(found, a, b, data, 2001)
        assert found.max.lower <= barrier.max() + 1e-5
        assert found.accuracy_drop.lower <= drop.max() + 1.5 / 30 or np.isnan(drop).any()


@pytest.mark.slow
def test_images():
    a, b, data = image_pair("ResNet20", 0, share=0.05)
    found = certified_barrier(a, b, data, tolerance=0.3, budget=10.0)
    contains(found, a, b, data, 41)


def test_a_tighter_tolerance_gives_an_interval_inside():
    a, b, data = with_labels("cross_entropy", 0)
    loose = certified_barrier(a, b, data, tolerance=0.2)
    tight = certified_barrier(a, b, data, tolerance=0.002)
    assert loose.max.lower <= tight.max.lower
    assert tight.max.upper <= loose.max.upper
    assert tight.pieces >= loose.pieces
    barrier, _ = measured(a, b, data, 1001)
    at_t, _ = measured(a, b, data, 2)
    program = program_of(a, b, data)
    values = program.values(program.at(tight.t), data.inputs)[-1]
    chord = tight.t * float(
        data.loss.mean(program.values(program.at(1.0), data.inputs)[-1], data.labels)
    )
    chord += (1 - tight.t) * float(
        data.loss.mean(program.values(program.at(0.0), data.inputs)[-1], data.labels)
    )
    there = float(data.loss.mean(values, data.labels)) - chord
    assert there == pytest.approx(tight.max.lower, abs=1e-9)
    assert abs(at_t).max() < 1e-12
    assert barrier.max() <= tight.max.upper


def test_barriers_that_are_zero_or_less():
    a, _, data = with_labels("cross_entropy", 1)
    same = certified_barrier(a, a, data)
    for interval in (same.max, same.midpoint, same.accuracy_drop):
        assert interval.lower <= 0 <= interval.upper <= 1e-9
    assert same.max.lower == 0
    relu, _, data = with_labels("cross_entropy", 0)
    same = certified_barrier(relu, relu, data)  # nothing depends on s
    assert 0 in [same.max.lower]
    assert same.max.upper < 1e-9
    # one layer, convex: never a barrier
    a, b, data = mlp_pair("relu", 0, widths=(3, 3), n=20)
    found = certified_barrier(a, b, data)
    assert found.max.lower == 0
    assert found.max.upper <= 1e-5
    assert found.midpoint.upper < 0


def test_intervals_of_shares_are_never_inverted():
    """1 - 9/10 is less than 1/10 in floating point."""
    for n in (3, 10):
        a, _, data = mlp_pair("relu", 2, widths=(3, 4, 3), n=n)
        with torch.no_grad():
            right = a(data.inputs).argmax(1)
        for wrong in {0, 1, n - 1, n}:
            labels = right.clone()
            labels[:wrong] = (labels[:wrong] + 1) % 3
            drop = certified_barrier(a, a, Examples(data.inputs, labels)).accuracy_drop
            assert drop.lower == 0 <= drop.upper <= 1e-14


def test_a_tolerance_below_rounding_ends():
    a, b, data = with_labels("cross_entropy", 0, n=4)
    b = copy.deepcopy(a)
    with torch.no_grad():
        b[4].bias += 0.1  # the piece that is refined is at an end
    found = certified_barrier(a, b, data, tolerance=1e-30, budget=60.0)
    assert not found.converged
    assert "not converged" in repr(found)


def test_a_budget_is_kept_and_the_interval_still_holds():
    a, b, data = with_labels("cross_entropy", 0)
    found = certified_barrier(a, b, data, tolerance=1e-9, budget=0.05)
    assert not found.converged
    assert found.pieces < certified_barrier(a, b, data, tolerance=1e-3).pieces
    contains(found, a, b, data, 101)


def test_networks_that_overflow_only_float32_have_a_midpoint():
    a, b, data = with_labels("cross_entropy", 0)
    a, b = copy.deepcopy(a), copy.deepcopy(b)
    with torch.no_grad():
        for net in (a, b):
            for p in net.parameters():
                p.mul_(1e15)
    found = certified_barrier(a, b, data, budget=1.0)
    barrier, _ = measured(a, b, data, 3)
    assert found.midpoint.lower <= barrier[1] <= found.midpoint.upper
    assert found.max.upper >= found.max.lower


def test_intervals():
    assert 0.5 in Interval(0.0, 1.0)
    assert 2.0 not in Interval(0.0, 1.0)
    assert "x" not in Interval(0.0, 1.0)


@pytest.mark.usefixtures("as_users_call")
def test_bad_input_is_refused():
    a, b, data = with_labels("cross_entropy", 0)
    for name in ("tolerance", "budget"):
        for bad in (0.0, -1.0, float("nan")):
            with pytest.raises(ValueError, match=name):
                certified_barrier(a, b, data, **{name: bad})
        with pytest.raises(TypeError, match=name):
            certified_barrier(a, b, data, **{name: "much"})
    with pytest.raises(ValueError, match="labels"):
        certified_barrier(a, b, Examples(data.inputs, data.labels + 3))
    with pytest.raises(ValueError, match="architecture"):
        certified_barrier(a, MLP((3, 9, 6, 3), rng=generator(0)).double(), data)
    smooth = as_loss("cross_entropy").__class__(label_smoothing=0.1)
    with pytest.raises(ValueError, match="smoothed"):
        certified_barrier(a, b, Examples(data.inputs, data.labels, loss=smooth))
    shrunk = nn.Sequential(nn.Flatten(), nn.Linear(16, 3), nn.Softshrink(), nn.Linear(3, 3))
    images = Examples(torch.randn(3, 1, 4, 4), torch.zeros(3, dtype=torch.long))
    with pytest.raises(TypeError, match=r"no enclosure is known of .*shrink"):
        certified_barrier(shrunk, shrunk, images)
    with torch.no_grad():
        for p in a.parameters():
            p.fill_(1e200)
    with pytest.raises(ValueError, match="overflows"):
        certified_barrier(a, b, data)


def test_mixtures_of_intervals_are_rounded_outward():
    """Shares below zero cancel, so that what is rounded is far from what is left."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        ends = np.sort(rng.standard_normal((3, 2)), axis=1) * 10.0 ** rng.integers(-3, 4)
        first, second = rng.uniform(-0.5, 1.5, 2).tolist()
        shares = [first, second, 1 - first - second]
        found = mixed([Interval(*pair) for pair in ends.tolist()], shares)
        exact = [
            sum(
                Fraction(a) * Fraction(pair[k if a >= 0 else 1 - k])
                for a, pair in zip(shares, ends, strict=True)
            )
            for k in (0, 1)
        ]
        assert Fraction(found.lower) <= exact[0]
        assert exact[1] <= Fraction(found.upper)
