"""Gains that are corrected, against gains from scratch; and what single precision cannot tell."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.matching import match
from lmctheory.matching._symmetry import Action, PermutationGroup, Symmetry, permute
from lmctheory.matching.alignment import Alignment, side_by_side
from lmctheory.matching.costs.neuron_costs import all_parameters, gain_matrix, gain_of
from lmctheory.matching.orders import encoded, neurons, signs
from lmctheory.matching.solvers import coordinate_descent
from lmctheory.matching.solvers._assignment import best_order
from lmctheory.matching.solvers._frank_wolfe import _ascended
from lmctheory.matching.solvers.bilinear import ascended, is_bilinear
from lmctheory.matching.solvers.descent import descended
from lmctheory.matching.solvers.gains import Gains
from lmctheory.matching.solvers.propagation import propagate
from lmctheory.matching.solvers.relaxation import initial, rounded
from lmctheory.matching.solvers.terms import Problem
from lmctheory.matching.solvers.ties import _BLUR, untied
from lmctheory.networks import CNN, MLP, ResNet20, ViT


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pair(name: str, seed: int = 0) -> Alignment:
    build = NETWORKS[name]
    if name in ("both axes", "parts"):
        return build(seed)
    a, b = (build(generator(2 * seed + k)).double().eval() for k in (0, 1))
    return side_by_side(a, b, torch.randn(2, 64, generator=generator(9)).double())


def alignment(
    groups: tuple[PermutationGroup, ...], shapes: dict[str, tuple[int, ...]], seed: int
) -> Alignment:
    rng = generator(seed)
    a, b = (
        {name: torch.randn(shape, generator=rng).double() for name, shape in shapes.items()}
        for _ in (0, 1)
    )
    return Alignment(Symmetry(groups), a, b, {g.name: np.arange(g.size) for g in groups})


def places(start: int, stop: int) -> tuple[tuple[int, ...], ...]:
    return tuple((i,) for i in range(start, stop))


class Gated(nn.Module):
    """Of two halves of a layer one may be negated, the other may not."""

    def __init__(self, rng: torch.Generator):
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(64, 9), nn.Linear(64, 9), nn.Linear(9, 7)
        self.last = nn.Linear(7, 3)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.normal_(generator=rng)

    def forward(self, x):
        return self.last(torch.tanh(self.down(torch.relu(self.gate(x)) * self.up(x))))


def both_axes(seed: int) -> Alignment:
    """A group on both axes of a weight, and one after it."""
    stream = tuple(
        Action(parameter, axis, places(0, 7), reads=reads)
        for parameter, axis, reads in (
            *(("in", 0, False), ("square", 0, False), ("square", 1, True), ("out", 1, True)),
        )
    )
    after = (Action("out", 0, places(0, 5)), Action("bias", 0, places(0, 5)))
    groups = (
        PermutationGroup("stream", 7, stream, ("in", "square"), ("square", "out")),
        PermutationGroup("after", 5, after, ("out",), ()),
    )
    return alignment(groups, {"in": (7, 3), "square": (7, 7), "out": (5, 7), "bias": (5,)}, seed)


def parts(seed: int) -> Alignment:
    """Columns of one part of a grouped layer, and the rows of that part."""
    columns = (Action("first", 0, places(4, 8)), Action("last", 1, places(0, 4), within=(3, 6)))
    rows = (Action("last", 0, places(3, 6)), Action("bias", 0, places(3, 6)))
    groups = (
        PermutationGroup("columns", 4, columns, ("first",), ("last",)),
        PermutationGroup("rows", 3, rows, ("last",), ()),
    )
    return alignment(groups, {"first": (8, 3), "last": (6, 4, 2), "bias": (6,)}, seed)


NETWORKS = {
    "mlp": lambda rng: MLP((64, 12, 9, 11, 10), rng=rng),
    "tanh": lambda rng: MLP((64, 12, 9, 11, 10), "tanh", rng=rng),
    "gated": Gated,
    "cnn": lambda rng: CNN((1, 8, 8), (6, 7), 10, rng=rng),
    "resnet": lambda rng: ResNet20((1, 8, 8), 10, 4, "batch", rng=rng),
    "vit": lambda rng: ViT((1, 8, 8), 10, patch=4, width=12, depth=1, heads=3, rng=rng),
    "both axes": both_axes,
    "parts": parts,
}


def drawn(group: PermutationGroup, rng: np.random.Generator) -> np.ndarray:
    """An order, with signs where there are some."""
    sign = rng.choice((1, -1), group.size) if group.signed else None
    return encoded(rng.permutation(group.size), sign)


def wander(gains: Gains, rng: np.random.Generator, steps: int) -> None:
    """Random moves of random units, gains being kept in between."""
    problem = gains.problem
    for k in rng.integers(0, len(problem.units), steps).tolist():
        if k in problem.terms:
            gains.move(k, drawn(problem.units[k].group, rng))
        else:
            turned = gains.aligned(k)
            for group in problem.units[k].groups:
                turned = turned.turned(group, drawn(group, rng))
            gains.adopt(k, turned)
        for kept in list(problem.terms)[::2]:
            gains.of(kept)


@pytest.mark.parametrize("name", NETWORKS)
def test_gains_follow_every_move(name):
    start = pair(name)
    gains = Gains(Problem(start))
    wander(gains, np.random.default_rng(0), 12)
    there = gains.alignment()
    again = Gains(gains.problem, gains.orders)
    for k in gains.problem.terms:
        group = gains.problem.units[k].group
        expected = gain_of(all_parameters(group, there))
        a, b = gains.problem.lengths(k)
        held, sign = neurons(gains.order(k)), torch.as_tensor(signs(gains.order(k)))
        for gain in (gains.of(k), again.of(k)):
            parts = ((gain.plain, expected.plain, 1), (gain.signed, expected.signed, sign))
            for found, exact, factor in parts:
                if exact is None:
                    assert found is None
                    continue
                error = (found.double() * gains.problem.unit)[:, held] * factor - exact
                assert (error.abs() <= _BLUR * a[:, None] * b[held]).all()
                assert error.abs().max() > 0  # in single precision


@pytest.mark.parametrize("name", NETWORKS)
def test_rises_are_those_of_the_objective(name):
    start = pair(name, seed=1)
    gains, rng = Gains(Problem(start)), np.random.default_rng(1)
    wander(gains, rng, 5)
    before = gains.alignment().objective
    for k in gains.problem.terms:
        order = gains.order(k).copy()
        order[:3] = np.roll(order[:3], 1)
        for proposed in (order, rng.permutation(order)):
            rise = gains.rise(k, proposed)
            moved = Gains(gains.problem, gains.orders)
            moved.move(k, proposed)
            after = moved.alignment().objective
            assert rise == pytest.approx(after - before, rel=1e-9, abs=1e-11 * start.scale)
        assert gains.rise(k, gains.order(k)) == 0


def test_terms_that_are_left_out_are_added_when_they_are_asked_for():
    gains = Gains(Problem(pair("mlp")))
    whole = Gains(gains.problem).of(1).largest.clone()
    torch.testing.assert_close(gains.of(1, [0]).largest, sum_of(gains.problem, 1, [0]))
    gains.move(0, np.random.default_rng(0).permutation(12))
    gains.move(0, np.arange(12))
    torch.testing.assert_close(gains.of(1).largest, whole, atol=1e-5, rtol=1e-5)


def sum_of(problem: Problem, k: int, numbers: list[int]) -> torch.Tensor:
    actions = [problem.terms[k][number].action for number in numbers]
    group = replace(problem.units[k].group, actions=tuple(actions))
    return (gain_matrix(all_parameters(group, problem.start)) / problem.unit).float()


def near_twins(seed: int) -> tuple[nn.Sequential, nn.Sequential, dict[str, np.ndarray]]:
    """Networks whose neurons come in pairs that differ by a hundred-thousandth."""
    rng = generator(seed)
    layers = [nn.Linear(*fans).double() for fans in pairwise((9, 40, 40, 3))]
    with torch.no_grad():
        for layer in layers:
            for tensor in layer.parameters():
                tensor.normal_(generator=rng)
        for before, after in pairwise(layers):
            for tensor in (before.weight, before.bias, after.weight.T):
                noise = torch.randn(tensor[::2].shape, generator=rng).double()
                tensor[1::2] = tensor[::2] + 1e-5 * noise
    net = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    orders = {name: np.random.default_rng(seed).permutation(40) for name in ("0", "2")}
    return net, permute(net, orders), orders


def test_neurons_that_single_precision_cannot_tell_apart_are_matched_in_double():
    mistaken = 0
    for seed in range(3):
        a, b, planted = near_twins(seed)
        matching = match(a, b)
        for name, order in planted.items():
            assert np.array_equal(matching.permutations[name], np.argsort(order))
        gains = Gains(Problem(side_by_side(a, b)), matching.permutations)
        for k in gains.problem.terms:
            order = best_order(gains.of(k))
            mistaken += not np.array_equal(order, gains.order(k))
            assert np.array_equal(untied(gains, k, order), gains.order(k))
    assert mistaken


def test_neurons_that_are_dead_in_both_networks_are_left_as_they_are():
    a, b = (MLP((5, 30, 2), rng=generator(k), dtype=torch.float64) for k in (0, 1))
    with torch.no_grad():
        for net in (a, b):
            net.layers[0].weight[10:] = net.layers[0].bias[10:] = 0
            net.layers[1].weight[:, 10:] = 0
    gains = Gains(Problem(side_by_side(a, b)))
    gains.block = None  # not to be asked for
    order = best_order(gains.of(0))
    assert untied(gains, 0, order) is order


@pytest.mark.parametrize("scale", [1e-60, 1e60])
def test_the_scale_of_the_weights_does_not_matter(scale):
    start = pair("mlp", seed=2)
    a, b = ({n: t * s for n, t in net.items()} for net, s in ((start.a, scale), (start.b, 1 / 3)))
    expected = coordinate_descent(start)
    found = coordinate_descent(replace(start, stored_a=a, stored_b=b))
    for name, order in expected.alignment.orders.items():
        assert np.array_equal(found.alignment.orders[name], order)
    assert found.trace == pytest.approx([v * scale / 3 for v in expected.trace], rel=1e-9)


def test_weights_whose_products_are_not_finite_are_refused():
    a, b = (MLP((3, 4, 2), rng=generator(k), dtype=torch.float64) for k in (0, 1))
    with torch.no_grad():
        a.layers[0].weight.mul_(1e200)
    with pytest.raises(ValueError, match=r"model_a must have weights whose products are"):
        match(a, b)


@pytest.mark.parametrize("name", ["mlp", "cnn", "resnet", "both axes"])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_frank_wolfe_by_gains_goes_where_it_goes_by_autograd(name, share):
    problem = Problem(pair(name, seed=3))
    assert is_bilinear(problem)
    orders, trace = ascended(problem, share, iterations=8, tolerance=1e-5)
    centre = initial(problem.start, share)
    point, expected = _ascended(problem.start, centre, iterations=8, tolerance=1e-5)
    assert trace == pytest.approx(expected, rel=1e-5, abs=1e-5 * problem.start.scale)
    for group, order in rounded(problem.original, point).orders.items():
        assert np.array_equal(orders[group], order)


def test_blocks_and_three_groups_on_a_parameter_are_not_bilinear():
    assert not is_bilinear(Problem(pair("vit")))
    assert not is_bilinear(Problem(pair("parts")))


def gaussians(width: int, seed: int) -> MLP:
    return MLP((20, width, width, 5), rng=generator(seed), dtype=torch.float64)


def test_independent_neurons_gain_less_than_chance_and_related_ones_more():
    for width in (64, 200):
        a, b = gaussians(width, 0), gaussians(width, 1)
        independent = propagate(Gains(Problem(side_by_side(a, b))))
        assert 0.6 < independent < 0.9
        with torch.no_grad():
            for p, q in zip(a.parameters(), b.parameters(), strict=True):
                q.add_(p)
        assert propagate(Gains(Problem(side_by_side(a, b)))) > 1


def test_what_all_neurons_share_is_no_sign_of_anything():
    """The same constant on every weight: a gain for any order."""
    a, b = gaussians(100, 0), gaussians(100, 1)
    plain = propagate(Gains(Problem(side_by_side(a, b))))
    with torch.no_grad():
        for net in (a, b):
            net.layers[0].weight.add_(3.0)
    assert propagate(Gains(Problem(side_by_side(a, b)))) == pytest.approx(plain, rel=0.02)


def test_starts_share_what_does_not_depend_on_them(monkeypatch):
    problem = Problem(pair("mlp"))
    first = descended(Gains(problem))
    known = dict(problem._constant)
    second = descended(Gains(problem))
    assert first.trace == second.trace
    assert problem._constant.keys() == known.keys()
    assert all(problem._constant[key] is kept for key, kept in known.items())
