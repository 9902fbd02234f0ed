"""Solvers: against exhaustion, planted permutations and naive transcriptions."""

import importlib.util
import sys
from dataclasses import replace
from functools import partial
from importlib import import_module
from itertools import permutations as all_permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import Polynomial
from scipy.optimize import linear_sum_assignment

from lmctheory.matching import permute
from lmctheory.matching._symmetry import Action, PermutationGroup, Symmetry, reorder
from lmctheory.matching.alignment import Alignment, side_by_side
from lmctheory.matching.costs.neuron_costs import all_parameters
from lmctheory.matching.objectives import MidpointLoss, similarity
from lmctheory.matching.solvers import (
    assignment,
    coordinate_descent,
    doubly_stochastic,
    exhaustive,
    frank_wolfe,
    layer_by_layer,
    propagated,
    sinkhorn,
    straight_through,
)
from lmctheory.matching.solvers._frank_wolfe import best_step, relaxed_optimum
from lmctheory.matching.solvers.relaxation import degree, initial, relaxed
from lmctheory.matching.solvers.terms import Problem
from lmctheory.matching.solvers.units import units
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


def gaussian(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def mlp(*widths: int, seed: int = 0) -> MLP:
    rng = torch.Generator().manual_seed(seed)
    net = MLP(widths, rng=rng, dtype=torch.float64)
    with torch.no_grad():
        for layer in net.linears:
            layer.bias.normal_(0.0, 0.3, generator=rng)
    return net


def pair(*widths: int, seed: int = 0) -> Alignment:
    return side_by_side(mlp(*widths, seed=2 * seed), mlp(*widths, seed=2 * seed + 1))


def singles(m: int) -> tuple[tuple[int, ...], ...]:
    return tuple((i,) for i in range(m))


def alignment(groups: Symmetry, shapes: dict[str, tuple[int, ...]], seed: int) -> Alignment:
    a, b = (
        {
            name: gaussian(*shape, seed=97 * seed + 2 * k + net)
            for k, (name, shape) in enumerate(shapes.items())
        }
        for net in (0, 1)
    )
    return Alignment(groups, a, b, {g.name: np.arange(g.size) for g in groups.groups})


def attention(heads: int, size: int, seed: int, stream: int = 0) -> Alignment:
    """Heads with two families inside, all in one projection, which may read a stream."""
    width = heads * size
    blocks = [range(h * size, (h + 1) * size) for h in range(heads)]
    groups = []
    for slot, block in enumerate(blocks):
        keys = tuple((i, width + i) for i in block)
        values = tuple((2 * width + i,) for i in block)
        out = Action("out", 1, tuple((i,) for i in block))
        for family, actions in (
            ("keys", (Action("in", 0, keys),)),
            ("values", (Action("in", 0, values), out)),
        ):
            name = f"{family} {slot}"
            groups.append(
                PermutationGroup(
                    name, size, actions, (), (), parent="heads", family=family, slot=slot
                )
            )
    rows = tuple(tuple(part * width + i for part in range(3) for i in block) for block in blocks)
    # a number for each head, which the blocks hold besides their neurons
    actions = (
        Action("in", 0, rows),
        Action("out", 1, tuple(map(tuple, blocks))),
        Action("slope", 0, singles(heads)),
    )
    groups.append(PermutationGroup("heads", heads, actions, (), ()))
    if stream:
        reads = (Action("embed", 0, singles(stream)), Action("in", 1, singles(stream)))
        groups.append(
            PermutationGroup("stream", stream, (*reads, Action("out", 0, singles(stream))), (), ())
        )
    shapes = {"in": (3 * width, stream or 4), "out": (stream or 3, width), "slope": (heads,)}
    return alignment(
        Symmetry(tuple(groups)), shapes | ({"embed": (stream, 5)} if stream else {}), seed
    )


def quadratic(m: int, seed: int) -> Alignment:
    """A group that acts on both axes of one weight."""
    actions = (
        Action("in", 0, singles(m)),
        Action("square", 0, singles(m)),
        Action("square", 1, singles(m)),
    )
    groups = Symmetry((PermutationGroup("stream", m, actions, ("in",), ("square",)),))
    return alignment(groups, {"in": (m, 3), "square": (m, m)}, seed)


def planted(start: Alignment, seed: int) -> Alignment:
    """B is A in another order."""
    rng, b = np.random.default_rng(seed), start.a
    for group in start.symmetry.groups:
        b = reorder(b, group, rng.permutation(group.size))
    return replace(start, b=b)


def is_recovered(start: Alignment, found: Alignment) -> bool:
    return all(torch.equal(found.b[name], tensor) for name, tensor in start.a.items())


# units and coordinate descent


@pytest.mark.parametrize(("heads", "size"), [(1, 3), (2, 2), (3, 2), (2, 3)])
def test_heads_and_the_channels_inside_them_are_solved_together_exactly(heads, size):
    for seed in range(3):
        start = attention(heads, size, seed)
        (unit,) = units(start.symmetry)
        assert unit.is_linear
        solution = coordinate_descent(start)
        best = _best_of_all(start)
        assert solution.trace[-1] == pytest.approx(best, rel=1e-12)
        assert similarity(start.a, solution.alignment.b) == pytest.approx(best, rel=1e-12)


def _best_of_all(start: Alignment) -> float:
    """Every element of the wreath product, by orders of whole projections."""
    heads = start.symmetry["heads"].size
    size = start.symmetry["keys 0"].size
    width, best = heads * size, -np.inf
    inner = list(all_permutations(range(size)))
    in_a, out_a, slope_a = (start.a[k].numpy() for k in ("in", "out", "slope"))
    in_b, out_b, slope_b = (start.b[k].numpy() for k in ("in", "out", "slope"))
    for outer in all_permutations(range(heads)):
        total = slope_a @ slope_b[list(outer)]
        for place, head in enumerate(outer):
            here, there = place * size, head * size
            keys, values = [], []
            for order in inner:
                rows = [there + i for i in order]
                keys.append(
                    (in_a[here : here + size] * in_b[rows]).sum()
                    + (
                        in_a[width + here : width + here + size] * in_b[[width + r for r in rows]]
                    ).sum()
                )
                values.append(
                    (
                        in_a[2 * width + here : 2 * width + here + size]
                        * in_b[[2 * width + r for r in rows]]
                    ).sum()
                    + (out_a[:, here : here + size] * out_b[:, rows]).sum()
                )
            total += max(keys) + max(values)
        best = max(best, total)
    return best


def test_the_permutations_of_blocks_reproduce_the_alignment():
    start = attention(3, 2, seed=4, stream=6)
    found = coordinate_descent(start, rng=np.random.default_rng(0)).alignment
    b = start.b
    for group in start.symmetry.groups:
        b = reorder(b, group, found.permutations[group.name])
    for name, tensor in found.b.items():
        assert torch.equal(b[name], tensor)


@pytest.mark.parametrize("build", [partial(attention, 3, 2, stream=7), partial(quadratic, 6)])
def test_the_objective_never_falls_with_blocks_and_with_a_group_on_both_axes(build):
    for seed in range(20):
        start = build(seed=seed)
        solution = coordinate_descent(start, rng=np.random.default_rng(seed))
        assert (np.diff(solution.trace) >= 0).all()
        assert solution.trace[-1] == pytest.approx(float(similarity(start.a, solution.alignment.b)))


def test_a_group_on_both_axes_is_no_worse_than_its_start_and_no_better_than_the_best():
    for seed in range(6):
        start = quadratic(5, seed)
        assert not units(start.symmetry)[0].is_linear
        best = exhaustive(start, similarity).trace[-1]
        for found in (coordinate_descent(start), frank_wolfe(start)):
            assert start.objective <= found.trace[-1] + 1e-10 or found.trace[-1] >= found.trace[0]
            assert found.trace[-1] <= best + 1e-10


# planted permutations, without noise

STARTS = {
    "mlp": lambda seed: pair(6, 12, 9, 11, 3, seed=seed),
    "attention": lambda seed: attention(4, 3, seed, stream=10),
    "both axes": lambda seed: quadratic(9, seed),
}
SOLVERS = {
    "propagated": propagated,
    "coordinate descent from there": lambda start: coordinate_descent(propagated(start).alignment),
    "Frank-Wolfe": frank_wolfe,
    "Sinkhorn": lambda start: sinkhorn(start, similarity, steps=30),
}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("network", STARTS)
def test_a_planted_permutation_is_recovered(solver, network):
    for seed in range(2):
        start = planted(STARTS[network](seed), seed)
        assert is_recovered(start, SOLVERS[solver](start).alignment)


def test_propagation_does_not_see_the_order_of_b():
    start = attention(3, 2, seed=1, stream=8)
    rng, b = np.random.default_rng(5), start.b
    for group in start.symmetry.groups:
        b = reorder(b, group, rng.permutation(group.size))
    direct, again = propagated(start).alignment, propagated(replace(start, b=b)).alignment
    for name, tensor in direct.b.items():
        assert torch.equal(again.b[name], tensor)


def test_a_group_of_which_no_weight_is_known_is_matched_by_its_sorted_weights():
    """Two weights between two groups, and no others."""
    hidden = PermutationGroup(
        "a", 6, (Action("first", 0, singles(6)), Action("second", 1, singles(6))), (), ()
    )
    loose = PermutationGroup(
        "b", 7, (Action("first", 1, singles(7)), Action("second", 0, singles(7))), (), ()
    )
    start = planted(alignment(Symmetry((hidden, loose)), {"first": (6, 7), "second": (7, 6)}, 0), 3)
    assert is_recovered(start, propagated(start).alignment)


# relaxation and Frank-Wolfe


@pytest.mark.parametrize("build", [partial(attention, 2, 3, stream=5), partial(quadratic, 5)])
def test_permutation_matrices_act_as_permutations_do(build):
    start, rng = build(seed=0), np.random.default_rng(2)
    matrices, turned = {}, start
    for group in start.symmetry.groups:
        order = rng.permutation(group.size)
        turned = turned.turned(group, order)
        matrices[group.name] = torch.eye(group.size, dtype=torch.float64)[order]
    for name, tensor in relaxed(start, matrices).items():
        torch.testing.assert_close(tensor, turned.b[name], rtol=0, atol=1e-14)


def test_matrices_act_within_one_part_of_a_grouped_layer_only():
    part = Action("weight", 1, singles(2), within=(2, 4))
    groups = Symmetry((PermutationGroup("g", 2, (part,), (), ()),))
    start = alignment(groups, {"weight": (6, 2)}, 0)
    swap = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    moved = relaxed(start, {"g": swap})["weight"]
    expected = start.b["weight"].clone()
    expected[2:4] = expected[2:4].flip(1)
    assert torch.equal(moved, expected)


def test_the_degree_counts_groups_that_act_on_one_parameter():
    assert degree(pair(3, 4, 2).symmetry) == 1
    assert degree(pair(3, 4, 5, 2).symmetry) == 2
    assert degree(quadratic(4, 0).symmetry) == 2
    assert degree(attention(2, 2, 0).symmetry) == 3
    assert degree(pair(3, 2).symmetry) == 1


@given(
    coefficients=st.lists(st.floats(-3, 3), min_size=3, max_size=5),
    value=st.floats(-3, 3),
    slope=st.floats(0.01, 3),
)
@settings(max_examples=50, deadline=None)
def test_the_line_search_finds_the_best_point_of_the_segment(coefficients, value, slope):
    along = Polynomial([value, slope, *coefficients])
    samples = {s: float(along(s)) for s in np.linspace(0, 1, len(coefficients) + 1)[1:].tolist()}
    grid = along(np.linspace(0, 1, 2001)).max()
    assert along(best_step(value, slope, samples)) >= grid - 1e-6


@pytest.mark.parametrize(
    "build", [lambda s: pair(5, 9, 8, 7, 3, seed=s), lambda s: attention(2, 3, s, stream=5)]
)
def test_frank_wolfe_never_lowers_the_relaxed_objective(build):
    for seed in range(5):
        start = build(seed)
        centre = float(similarity(start.a, relaxed(start, initial(start, 0.0))))
        trace = frank_wolfe(start).trace
        assert trace[0] == pytest.approx(centre, rel=1e-10)
        fall = int(np.argmin(np.diff(trace)))  # the rounding, if it lowers anything
        assert (np.diff(trace[: fall + 1]) >= -1e-10).all()
        assert (np.diff(trace[fall + 1 :]) >= -1e-10).all()
        ends, _ = relaxed_optimum(Problem(start), 0.0)
        assert ends.alignment().objective >= 0.7 * trace[-1]


def test_frank_wolfe_is_exact_for_one_group_and_bounded_by_exhaustion():
    one = pair(3, 6, 2)
    assert frank_wolfe(one).trace[-1] == pytest.approx(exhaustive(one, similarity).trace[-1])
    for seed in range(2):
        two = pair(3, 4, 4, 2, seed=seed)
        assert frank_wolfe(two).trace[-1] <= exhaustive(two, similarity).trace[-1] + 1e-10


# Sinkhorn


def unrolled(logits: torch.Tensor) -> torch.Tensor:
    for _ in range(500):
        logits = logits - logits.logsumexp(1, keepdim=True)
        logits = logits - logits.logsumexp(0, keepdim=True)
    return logits.exp()


@pytest.mark.parametrize("m", [1, 2, 7])
def test_rows_and_columns_sum_to_one(m):
    P = doubly_stochastic(3 * gaussian(m, m, seed=m))
    torch.testing.assert_close(P.sum(0), torch.ones(m).double(), rtol=1e-8, atol=0)
    torch.testing.assert_close(P.sum(1), torch.ones(m).double(), rtol=1e-8, atol=0)
    torch.testing.assert_close(P, unrolled(3 * gaussian(m, m, seed=m)), rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("scale", [0.1, 1.0, 4.0])
def test_the_implicit_gradient_is_that_of_the_unrolled_iteration(scale):
    weights = gaussian(6, 6, seed=1)
    gradients = []
    for normalise in (partial(doubly_stochastic, tolerance=1e-13), unrolled):
        logits = (scale * gaussian(6, 6, seed=2)).requires_grad_()
        (normalise(logits).square() * weights).sum().backward()
        gradients.append(logits.grad)
    torch.testing.assert_close(*gradients, rtol=1e-7, atol=1e-11)


def test_the_implicit_gradient_against_finite_differences():
    logits = gaussian(4, 4, seed=3).requires_grad_()
    exact = partial(doubly_stochastic, tolerance=1e-14, iterations=10_000)
    assert torch.autograd.gradcheck(exact, (logits,), eps=1e-5, atol=1e-7)


def test_the_gradient_is_finite_at_a_permutation():
    logits = (200 * torch.eye(5, dtype=torch.float64)).requires_grad_()
    (doubly_stochastic(logits) * gaussian(5, 5, seed=0)).sum().backward()
    assert logits.grad.abs().max() < 1e-8


# exhaustion


def test_exhaustion_evaluates_every_arrangement_once():
    start, seen = pair(2, 3, 2, 2), set()

    def objective(a, b):
        seen.add(
            tuple(b["layers.0.weight"].ravel().tolist() + b["layers.2.weight"].ravel().tolist())
        )
        return similarity(a, b)

    best = exhaustive(start, objective).trace[-1]
    assert len(seen) == 6 * 2
    values = []
    for p in all_permutations(range(3)):
        for q in all_permutations(range(2)):
            orders = {"layers.0": np.array(p), "layers.1": np.array(q)}
            moved = permute(mlp(2, 3, 2, 2, seed=1), orders)
            values.append(float(similarity(start.a, dict(moved.named_parameters())).detach()))
    assert best == pytest.approx(max(values), rel=1e-12)


def test_exhaustion_refuses_more_than_it_can_try():
    with pytest.raises(ValueError, match=r"at most 200000 arrangements, got 3.63e\+06 .* \[10\]"):
        exhaustive(pair(3, 10, 2), similarity)


# the loss at the midpoint


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
    "solver", [partial(sinkhorn, share=0.5), partial(straight_through, steps=20)]
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


def test_no_permutation_connects_two_narrow_trained_networks(narrow):
    a, b, data = narrow
    start = side_by_side(a, b)
    found = exhaustive(start, MidpointLoss.of(b, data)).alignment  # all 24^2 of them
    assert barrier(a, permute(b, found.permutations), data, points=3).midpoint > 0.2


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


def test_layer_by_layer_solves_blocks_by_any_cost():
    start = planted(attention(3, 2, seed=2), 1)

    assert is_recovered(start, layer_by_layer(start, all_parameters).alignment)


# assignments


def matrices(m: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Gains on which solvers have been seen to fail, or to go on for ever."""
    plain = rng.standard_normal((m, m))
    repeated = plain[rng.integers(0, 1 + m // 3, m)][:, rng.integers(0, 1 + m // 3, m)]
    dead = plain * (rng.random((m, 1)) < 0.5) * (rng.random(m) < 0.5)
    return {
        "plain": plain,
        "low rank": plain[:, :2] @ plain[:2],
        "integers": rng.integers(0, 3, (m, m)).astype(float),
        "constant": np.full((m, m), 0.1),
        "repeated": repeated,
        "almost repeated": repeated + 1e-16 * rng.standard_normal((m, m)),
        "dead": dead,
        "large": 1e300 * plain,
        "small": 1e-300 * plain,
        "of all sizes": plain * 10.0 ** rng.integers(-12, 12, (m, m)),
        "far from zero": 1e8 + plain,
    }


def check_assignments(solve) -> None:
    rng = np.random.default_rng(0)
    for m in (1, 2, 3, 7, 20, 65):
        for name, gain in matrices(m, rng).items():
            for dtype in (torch.float64, *([torch.float32] if abs(gain).max() < 1e30 else [])):
                tensor = torch.from_numpy(gain).to(dtype)
                order = solve(tensor)
                exact = tensor.double().numpy()
                rows, columns = linear_sum_assignment(exact, maximize=True)
                assert np.array_equal(np.sort(order), rows), name
                best, found = exact[rows, columns], exact[rows, order]
                tolerance = 1e-13 * np.abs(exact).max()
                assert ((best - found) / m).sum() <= tolerance, name


def test_assignments_are_exact_for_gains_of_every_kind():
    check_assignments(assignment)


def test_assignments_are_exact_without_the_fast_package(monkeypatch):
    module = import_module("lmctheory.matching.solvers._assignment")
    monkeypatch.setitem(sys.modules, "lap", None)
    fallback = importlib.util.module_from_spec(module.__spec__)
    module.__spec__.loader.exec_module(fallback)
    assert fallback._solve is linear_sum_assignment
    assert module._solve is not linear_sum_assignment
    check_assignments(fallback.assignment)
