"""Nearest pairs: closed forms, planted transformations undone, functions kept, what is refused."""

import pytest
import torch
from torch import nn

from lmctheory.matching import spread
from lmctheory.networks import MLP
from lmctheory.networks.state import slots
from tests.matching.redundant.planted import (
    CASES,
    inputs,
    middle,
    planted,
    respread,
    seeded,
    shuffled,
)


def pair(widths=(3, 6, 2), activation="relu"):
    nets = [MLP(widths, activation, rng=seeded(s), dtype=torch.float64) for s in (0, 1)]
    with torch.no_grad():
        for k, net in enumerate(nets):
            for layer in net.linears:
                layer.bias.normal_(0, 0.3, generator=seeded(10 + k))
    return nets


def set_neuron(net, neuron, weight, bias):
    with torch.no_grad():
        net.linears[0].weight[neuron] = weight
        net.linears[0].bias[neuron] = bias


def squared(a, b):
    return sum(
        float((p - q).detach().square().sum())
        for p, q in zip(a.parameters(), b.parameters(), strict=True)
    )


def test_duplicates_share_their_sum_as_the_formula_says():
    a, b = pair()
    set_neuron(a, 4, a.linears[0].weight[1], a.linears[0].bias[1])
    set_neuron(b, 1, a.linears[0].weight[1] + 0.01, 0.0)  # near, so that both go on
    set_neuron(b, 4, a.linears[0].weight[1] - 0.01, 0.0)
    u, v = (net.linears[1].weight.detach()[:, [1, 4]] for net in (a, b))
    near, other = spread(a, b).pair(a, b)
    expected = v + (u.sum(1) - v.sum(1))[:, None] / 2
    torch.testing.assert_close(near.linears[1].weight.detach()[:, [1, 4]], expected)
    assert all(torch.equal(t, slots(b)[key]) for key, t in slots(other).items())


def test_a_negative_copy_shares_the_difference():
    a, b = pair(activation="tanh")
    set_neuron(a, 4, -a.linears[0].weight[1], -a.linears[0].bias[1])
    set_neuron(b, 1, a.linears[0].weight[1] + 0.01, 0.0)
    set_neuron(b, 4, -a.linears[0].weight[1] + 0.01, 0.0)
    u, v = (net.linears[1].weight.detach()[:, [1, 4]] for net in (a, b))
    sign = torch.tensor([1.0, -1.0]).double()
    near, _ = spread(a, b).pair(a, b)
    expected = v + sign * ((u - v) @ sign)[:, None] / 2
    torch.testing.assert_close(near.linears[1].weight.detach()[:, [1, 4]], expected)


def test_of_duplicates_that_are_far_from_the_others_one_goes_on():
    a, b = pair()
    set_neuron(a, 4, a.linears[0].weight[1], a.linears[0].bias[1])
    set_neuron(b, 1, 9.0, 0.0)
    set_neuron(b, 4, -9.0, 0.0)
    near, _ = spread(a, b).pair(a, b)
    silent = [n for n in (1, 4) if not near.linears[1].weight[:, n].any()]
    assert len(silent) == 1
    assert torch.equal(near.linears[0].weight[silent], b.linears[0].weight[silent])
    x = torch.randn(9, 3, generator=seeded(8)).double()
    torch.testing.assert_close(near(x), a(x))


def test_a_dead_neuron_becomes_what_is_nearest():
    for size, silenced in ((0.1, True), (10.0, False)):
        a, b = pair()
        set_neuron(a, 2, 0.0, -0.5)
        with torch.no_grad():
            b.linears[1].weight[:, 2] = size
        near, _ = spread(a, b).pair(a, b)
        if silenced:  # the outgoing weights are small, so they are what is given up
            assert not near.linears[1].weight[:, 2].any()
            assert torch.equal(near.linears[0].weight[2], b.linears[0].weight[2])
        else:
            torch.testing.assert_close(near.linears[1].weight[:, 2], b.linears[1].weight[:, 2])
            assert not near.linears[0].weight[2].any()


@pytest.mark.parametrize("side", [0, 1])
def test_a_constant_moves_with_the_next_bias(side):
    nets = pair()
    set_neuron(nets[side], 2, 0.0, 0.5)
    near = spread(*nets).pair(*nets)
    last, moved, goal = (net.linears[1] for net in (nets[side], near[side], nets[1 - side]))
    gap_u, gap_b = goal.weight[:, 2] - last.weight[:, 2], goal.bias - last.bias
    # orthogonally to (1/2, 1)
    along = (0.5 * gap_u + gap_b) / 1.25
    torch.testing.assert_close(moved.weight[:, 2] - last.weight[:, 2], gap_u - 0.5 * along)
    torch.testing.assert_close(moved.bias - last.bias, gap_b - along)


def test_where_both_are_constant_both_move_as_little_as_they_can():
    a, b = pair()
    for net in (a, b):
        set_neuron(net, 2, 0.0, 0.5)
    near = spread(a, b).pair(a, b)
    u, c = (getattr(b.linears[1], n) - getattr(a.linears[1], n) for n in ("weight", "bias"))
    rest = 0.5 * (0.5 * u[:, 2] + c) / 1.25  # of the gap, along (1/2, 1)
    moved = [
        near[k].linears[1].weight[:, 2] - net.linears[1].weight[:, 2]
        for k, net in enumerate((a, b))
    ]
    torch.testing.assert_close(moved[0], (u[:, 2] - rest) / 2)
    torch.testing.assert_close(moved[1], -moved[0])


def test_a_silent_neuron_takes_over_what_makes_the_other():
    a, b = pair()
    with torch.no_grad():
        a.linears[1].weight[:, 3] = 0
    found = spread(a, b)
    near, _ = found.pair(a, b)
    for key in ("weight", "bias"):
        moved, goal = (getattr(net.linears[0], key)[3] for net in (near, b))
        assert torch.equal(moved, goal)
    assert found.distances[1] < found.distances[0]


@pytest.mark.parametrize("name", CASES)
def test_both_functions_are_kept_and_the_distance_never_rises(name):
    case, x = CASES[name], inputs(CASES[name])
    a = planted(case)
    b, _ = shuffled(case, a, 4)  # unmatched
    before = [{key: t.clone() for key, t in slots(net).items()} for net in (a, b)]
    found = spread(a, b, x)
    near = found.pair(a, b)
    new = torch.randn(7, *case.shape, generator=seeded(77), dtype=torch.float64)
    for old, moved, held, change in zip((a, b), near, before, found.function_change, strict=True):
        torch.testing.assert_close(moved(new), old(new))
        assert change < 1e-12
        assert all(torch.equal(t, held[key]) for key, t in slots(old).items())
    assert found.distances[0] ** 2 == pytest.approx(squared(a, b))
    assert found.distances[2] ** 2 == pytest.approx(squared(*near))
    assert found.distances[2] < found.distances[0] * 0.999
    assert found.distances[1] <= found.distances[0] * (1 + 1e-12)
    again = spread(*near, x)
    assert again.distances[2] <= found.distances[2] * (1 + 1e-12)


@pytest.mark.parametrize("name", CASES)
def test_a_planted_split_is_undone(name):
    case, x = CASES[name], inputs(CASES[name])
    a = planted(case)
    b = respread(case, a, 1)
    found = spread(a, b, x)
    assert found.distances[0] > 1
    assert found.distances[2] < 1e-10
    near = found.pair(a, b)
    torch.testing.assert_close(middle(*near)(x), a(x))


def test_networks_without_redundant_neurons_stay_as_they_are():
    a, b = pair()
    found = spread(a, b)
    assert found.distances == (found.distances[0],) * 3
    assert not found.tensors_a
    assert not found.tensors_b
    assert repr(found).startswith("Spreading(distances=(")


def test_by_data_more_is_free_and_the_data_see_no_change():
    a, b = pair((3, 40, 2))
    x = torch.randn(6, 3, generator=seeded(1)).double()
    exact, measured = spread(a, b, x), spread(a, b, x, by_data=True)
    assert exact.distances[2] == exact.distances[0]
    assert measured.distances[2] < 0.95 * measured.distances[0]
    for old, new in zip((a, b), measured.pair(a, b), strict=True):
        torch.testing.assert_close(new(x), old(x))


def test_what_does_not_fit_is_refused():
    a, b = pair()
    (wide, _) = pair((3, 7, 2))
    with pytest.raises(ValueError, match=r"same architecture"):
        spread(a, wide)
    with pytest.raises(ValueError, match="by_data needs data, got None"):
        spread(a, b, by_data=True)
    with pytest.raises(ValueError, match="model_b must have the parameters of the networks that"):
        spread(a, b).pair(a, wide)
    tanh = MLP((3, 6, 2), "tanh", rng=seeded(), dtype=torch.float64)
    with pytest.raises(ValueError, match=r"same architecture|reordered differently"):
        spread(a, tanh)
    with pytest.raises(TypeError, match="data must be given"):
        spread(*[nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2, 1))] * 2)
