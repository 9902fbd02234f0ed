"""Convex combinations of several networks: decisions, barriers, and what is refused."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.networks import CNN, MLP, Examples
from lmctheory.networks.losses import CrossEntropy, SquaredError
from lmctheory.paths import (
    certified_barrier,
    certified_simplex_barrier,
    certify,
    certify_simplex,
    certify_star,
)
from lmctheory.paths.regions import Box
from lmctheory.paths.simplex_search import Simplex
from lmctheory.paths.taylor_outputs import PARTS, Outputs
from tests.paths.architectures import generator, shaken
from tests.paths.families import several
from tests.paths.pieces import image_pair


class Sorting(nn.Module):
    """A step that nothing follows."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3).double()

    def forward(self, x):
        return self.layer(x).sort(1).values


def near(count, seed=0, n=20, widths=(4, 6, 5, 3), share=0.3):
    """Networks between which about half of the examples change."""
    rng = np.random.default_rng(seed)
    models, data = several(rng, count, widths, scale=1.0, n=n, sigma="relu", share=share)
    with torch.no_grad():
        labels = network(models, [1 / count] * count)(data.inputs).argmax(1)
        labels[:3] = (labels[:3] + 1) % 3  # wrong in the middle
    return models, Examples(data.inputs, labels)


def network(models, shares):
    """Their combination, by another way than the package's."""
    found = shaken(models[0], 0.0, generator(0))
    with torch.no_grad():
        for p, *members in zip(found.parameters(), *(m.parameters() for m in models), strict=True):
            p.copy_(sum(float(x) * member for x, member in zip(shares, members, strict=True)))
    return found


def grid(count, parts):
    return [
        tuple(k / parts for k in x)
        for x in product(range(parts + 1), repeat=count)
        if sum(x) == parts
    ]


@torch.no_grad()
@pytest.mark.parametrize("count", [2, 3, pytest.param(4, marks=pytest.mark.slow)])
def test_decisions_agree_with_networks_on_a_grid(count):
    models, data = near(count)
    found = certify_simplex(models, data)
    right = torch.stack(
        [
            network(models, x)(data.inputs).argmax(1) == data.labels
            for x in grid(count, {2: 300, 3: 30, 4: 9}[count])
        ]
    ).all(0)
    assert (found.certified | found.refuted).all()
    assert not (found.certified & ~right.numpy()).any()
    assert 2 <= found.certified.sum() <= 17
    for i in np.flatnonzero(found.refuted):
        x = found.shares[i]
        assert (x >= 0).all()
        assert x.sum() == pytest.approx(1, abs=1e-15)
        assert network(models, x)(data.inputs)[i].argmax() != data.labels[i]
    assert found.undecided == ("",) * 20
    assert found.accuracy == pytest.approx(found.attainable)
    assert f"{count} networks" in repr(found)


def test_of_two_networks_the_simplex_is_the_segment():
    models, data = near(2)
    whole, segment = certify_simplex(models, data), certify(*models, data, complete=True)
    assert (whole.certified == segment.certified).all()
    one = certified_simplex_barrier(models, data, tolerance=0.02)
    other = certified_barrier(*models, data, tolerance=0.02)
    assert one.max.lower <= other.max.upper
    assert other.max.lower <= one.max.upper
    assert one.converged


@torch.no_grad()
@pytest.mark.parametrize("count", [3, pytest.param(4, marks=pytest.mark.slow)])
@pytest.mark.parametrize("loss", [CrossEntropy(), SquaredError()], ids=["cross-entropy", "square"])
def test_the_barrier_is_in_its_interval(count, loss):
    models, data = near(count, seed=1)
    data = Examples(data.inputs, data.labels.roll(1), loss)
    found = certified_simplex_barrier(models, data, tolerance=0.2, budget=2.0)

    def mean(model):
        return float(loss.mean(model(data.inputs), data.labels))

    ends = [mean(model) for model in models]

    def barrier(x):
        return mean(network(models, x)) - float(np.dot(x, ends))

    rng = np.random.default_rng(0)
    points = grid(count, 12) + [tuple(x) for x in rng.dirichlet(np.ones(count), 100)]
    values = np.array([barrier(x) for x in points])
    assert found.max.lower <= found.max.upper
    assert values.max() <= found.max.upper
    if found.converged:  # or time was up
        assert found.max.upper <= found.max.lower + 0.2 * max(found.max.lower, 1e-3)
    assert barrier(found.shares) == pytest.approx(found.max.lower, abs=1e-9)
    assert found.middle.lower <= barrier([1 / count] * count) <= found.middle.upper
    for x, value in zip(points, values, strict=True):
        inside = ((found.low <= x[1:]) & (x[1:] <= found.high)).all(1)
        assert inside.any()
        assert value <= found.upper[inside].max() + 1e-12


@torch.no_grad()
def test_boxes_hold_as_many_right_examples_as_they_say():
    models, data = near(3)
    found = certified_simplex_barrier(models, data, tolerance=0.3, budget=5.0)
    for x in grid(3, 20):
        right = int((network(models, x)(data.inputs).argmax(1) == data.labels).sum())
        inside = ((found.low <= x[1:]) & (x[1:] <= found.high)).all(1)
        assert right >= found.certified[inside].max()


def outputs(values, moved):
    """Known outputs of one example, one number."""
    values = torch.tensor(values).double()[:, None, None]
    moved = torch.tensor(moved).double()[:, :, None, None]
    nothing = torch.zeros(1, 1).double()
    return Outputs(values, nothing, None, nothing, moved, moved)


@pytest.mark.parametrize(
    ("box", "moved", "largest"),
    [
        (Box((0.0, 0.0), (0.5, 0.5)), [[-2.0], [0.0]], 144.0),  # w = 1
        (Box((0.0, 0.0), (0.5, 0.5)), [[2.0], [0.0]], 144.0),  # w = -1
        (Box((0.0, 0.0), (0.5, 0.5)), [[0.0], [3.0]], 169.0),  # s w at a corner
        (Box((0.0, 0.0), (1.0, 1.0)), [[0.0], [3.0]], 169.0),  # of a box that is cut
        (Box((0.0, 0.0), (1.0, 1.0)), [[-2.0], [0.0]], 144.0),  # w = 1 where s = -1
        (Box((0.0, 0.0, 0.0), (0.25, 0.25, 0.25)), [[1.0, -2.0], [0.0, 1.0]], 196.0),
    ],
)
def test_losses_on_a_box_are_largest_at_its_places(box, moved, largest):
    found = outputs([0.0, 0.0], moved)
    losses = found.losses_on(box, SquaredError(), torch.full((1, 1), 10.0).double())
    assert float(losses.max()) == pytest.approx(largest, rel=1e-9)


@pytest.mark.parametrize(("moved", "certain"), [([0.6, 0.3], True), ([0.6, -0.5], False)])
def test_examples_are_certified_for_all_parameters_of_the_weights(moved, certain):
    known = outputs([0.0], [[moved[0]], [moved[1]]])
    found = replace(known, contrasts=torch.full((1, 1, 1), -1.0).double())
    assert bool(found.certified()) == certain


def test_where_the_simplex_cuts_a_box():
    box = Box((0.0, 0.0), (1.0, 1.0))
    assert box.is_cut
    assert max(w for s, (w,) in box.places(PARTS) if s == 1.0) == pytest.approx(-1.0)
    for s, (w,) in box.places(PARTS):
        assert sum(box.coordinates(s, (w,))) <= 1 + 1e-12
    kinked = Box((0.25, 0.3), (0.75, 0.7))
    hull: dict[float, float] = {}
    for s, (w,) in kinked.places(PARTS):
        hull[s] = max(w, hull.get(s, w))
    for s in np.linspace(-1, 1, 257):
        top = np.interp(s, list(hull), list(hull.values()))
        h = kinked.halves
        assert top >= min(1, (1 - sum(kinked.centre) - h[0] * s) / h[1]) - 1e-12


@pytest.mark.parametrize("count", [2, 3, 4])
def test_parts_cover_the_simplex(count):
    rng = np.random.default_rng(0)
    whole = Box((0.0,) * (count - 1), (1.0,) * (count - 1))
    for parts in (1, 2, 8, 64):
        boxes = whole.cut(parts)
        assert len(boxes) <= parts
        low, high = (np.array([getattr(box, end) for box in boxes]) for end in ("low", "high"))
        for x in rng.dirichlet(np.ones(count), 200)[:, 1:]:
            assert ((low <= x) & (x <= high)).all(1).any()
        assert all(sum(box.low) < 1 for box in boxes)


@pytest.mark.slow
def test_equal_networks_and_degenerate_simplices():
    models, data = near(3)
    a, b, _ = models
    whole = certify_simplex([a, a, a], data)
    with torch.no_grad():
        right = (a(data.inputs).argmax(1) == data.labels).numpy()
    assert (whole.certified == right).all()
    found = certified_simplex_barrier([a, a, a], data)
    assert found.max.upper == pytest.approx(0.0, abs=1e-4)
    triangle, segment = certify_simplex([a, b, b], data), certify(a, b, data, complete=True)
    assert (triangle.certified == segment.certified).all()
    line = certify_simplex([a, between(a, b), b], data)
    assert (line.certified == segment.certified).all()


def between(a, b):
    return network([a, b], [0.5, 0.5])


def test_convolutions():
    a, b, data = image_pair("CNN", 0, share=0.02, n=6)
    c = shaken(a, 0.02, generator(5))
    with torch.no_grad():
        data = Examples(data.inputs, a(data.inputs).argmax(1))
        found = certify_simplex([a, b, c], data, budget=20.0)
        assert (found.certified | found.refuted).any()
        for x in grid(3, 6):
            right = (network([a, b, c], x)(data.inputs).argmax(1) == data.labels).numpy()
            assert not (found.certified & ~right).any()


@pytest.mark.slow
def test_a_star_is_its_segments():
    models, data = near(4)
    found = certify_star(models[0], models[1:], data)
    rays = [certify(models[0], model, data, complete=True) for model in models[1:]]
    assert (found.certified == np.all([ray.certified for ray in rays], 0)).all()
    assert (found.refuted == ~found.certified).all()
    assert found.accuracy == pytest.approx(found.attainable)
    whole = certify_simplex(models, data)
    assert not (whole.certified & ~found.certified).any()
    assert "3 segments" in repr(found)


def test_a_budget_leaves_examples_open():
    models, data = near(3)
    found = certify_simplex(models, data, budget=1e-9)
    assert not found.certified.any()
    assert all(bool(why) != out for why, out in zip(found.undecided, found.refuted, strict=True))
    assert not certified_simplex_barrier(models, data, budget=1e-9).converged


def test_points_and_grids():
    models, data = near(3)
    simplex = Simplex.spanned(models, data)
    assert simplex.count == 3
    assert all(sum(x) == 1 for x in simplex.grid)
    assert set(simplex.ends) <= set(simplex.grid)
    assert sum(simplex.middle) == pytest.approx(1)
    with torch.no_grad():
        for end, model in zip(simplex.ends, models, strict=True):
            values = simplex.program.values(simplex.program.at(end), data.inputs)
            assert torch.equal(values[-1], model(data.inputs))


def test_what_is_refused():
    models, data = near(3)
    with pytest.raises(ValueError, match="two networks or more, got 1"):
        certify_simplex(models[:1], data)
    with pytest.raises(ValueError, match="at least one network"):
        certify_star(models[0], [], data)
    with pytest.raises(ValueError, match="budget must be"):
        certify_simplex(models, data, budget=0)
    with pytest.raises(ValueError, match="tolerance must be"):
        certified_simplex_barrier(models, data, tolerance=0)
    with pytest.raises(TypeError, match=r"models\[1\] must be an nn.Module"):
        certify_simplex([models[0], 3], data)
    values = Examples(data.inputs, torch.zeros(20, 3).double(), SquaredError())
    with pytest.raises(ValueError, match="classes"):
        certify_simplex(models, values)
    sorts = Sorting()
    with pytest.raises(TypeError, match=r"no enclosure is known of .*sort"):
        certify_simplex([sorts, shaken(sorts, 0.1, generator(0)), sorts], data)
    big = shaken(models[0], 0.0, generator(0))
    with torch.no_grad():
        big[0].weight.mul_(1e308)
    with pytest.raises(ValueError, match="overflows"):
        certify_simplex([models[0], big, models[1]], data)
    other = CNN((1, 8, 8), (3, 4), 3, "flatten", rng=generator(0))
    with pytest.raises(ValueError, match="same architecture"):
        certify_simplex([models[0], models[1], other], data)


def test_nothing_is_changed():
    models = [MLP((4, 6, 3), rng=generator(seed)) for seed in range(3)]
    before = [{k: v.clone() for k, v in model.state_dict().items()} for model in models]
    data = Examples(torch.randn(5, 4, generator=generator(0)), torch.arange(5) % 3)
    state = torch.random.get_rng_state()
    certify_simplex(models, data)
    certified_simplex_barrier(models, data, tolerance=0.5)
    assert torch.equal(torch.random.get_rng_state(), state)
    for model, held in zip(models, before, strict=True):
        assert model.training
        assert all(torch.equal(v, held[k]) for k, v in model.state_dict().items())
