"""Matching of several networks: exhaustion, planted permutations, walks around cycles."""

import copy
from itertools import combinations, product
from itertools import permutations as all_permutations

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.matching import layer_inputs, match, match_several, permute, symmetry
from lmctheory.matching._symmetry import Action, PermutationGroup, Symmetry
from lmctheory.matching.alignment import Alignment, side_by_side
from lmctheory.matching.merging.composition import numbers, occupation, permutations_of
from lmctheory.matching.merging.joint import (
    coordinate_ascent,
    frank_wolfe,
    joint_objective,
    ordered,
)
from lmctheory.networks import CNN, MLP, Examples, ResNet20, ViT, affine_chain
from tests.rarely import rarely

HOW = ("reference", "pairwise", "joint")


def mlp(*widths: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> MLP:
    rng = torch.Generator().manual_seed(seed)
    net = MLP(widths, rng=rng, dtype=dtype)
    with torch.no_grad():
        for layer in net.linears:
            layer.bias.normal_(0.0, 0.3, generator=rng)
    return net


def several(n: int, *widths: int, seed: int = 0) -> list[MLP]:
    return [mlp(*widths, seed=100 * seed + k) for k in range(n)]


def vector(net: nn.Module) -> np.ndarray:
    return torch.cat([p.detach().ravel() for p in net.parameters()]).numpy()


def in_common(nets) -> float:
    """The objective, as it is written."""
    return sum(vector(a) @ vector(b) for a, b in combinations(nets, 2))


def inputs(n: int, width: int) -> torch.Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(9)).double()


def in_every_order(net) -> np.ndarray:
    """The parameters of the network in all orders of its neurons, a row each."""
    found = symmetry(net)
    orders = product(*(all_permutations(range(group.size)) for group in found.groups))
    names = [group.name for group in found.groups]
    return np.array(
        [
            vector(permute(net, dict(zip(names, map(np.array, o), strict=True)), found))
            for o in orders
        ]
    )


def noisy_copies(n: int, *widths: int, noise: float, seed: int):
    """Shuffled copies of one network, to each layer of which Gaussian noise was added."""
    base, rng = mlp(*widths, seed=seed), np.random.default_rng(seed)
    nets, planted = [], []
    for k in range(n):
        net, normal = copy.deepcopy(base), torch.Generator().manual_seed(100 * seed + k)
        with torch.no_grad():
            for p in net.parameters():
                error = torch.randn(p.shape, generator=normal, dtype=p.dtype)
                p.add_(noise * p.std() * error)
        planted.append({g.name: rng.permutation(g.size) for g in symmetry(net).groups})
        nets.append(permute(net, planted[-1]))
    return nets, planted


def share_recovered(matching, planted) -> float:
    right = [
        np.mean(planted[k][name][order] == planted[j][name])
        for (j, k), orders in matching.pairs.items()
        for name, order in orders.items()
    ]
    return float(np.mean(right))


def test_one_hidden_layer_of_three_networks_attains_the_maximum_over_all_orders():
    for seed in range(3):
        nets = several(3, 3, 4, 2, seed=seed)
        a, b, c = vector(nets[0]), in_every_order(nets[1]), in_every_order(nets[2])
        best = (b @ c.T + (b @ a)[:, None] + c @ a).max()
        joint = match_several(nets)
        assert joint.objective == pytest.approx(best, rel=1e-10)
        assert in_common(joint.apply(nets)) == pytest.approx(best, rel=1e-10)


@pytest.mark.slow
def test_two_hidden_layers_of_three_networks_against_all_orders():
    ratios = []
    for seed in range(3):
        nets = several(3, 3, 3, 3, 2, seed=seed)
        a, b, c = vector(nets[0]), in_every_order(nets[1]), in_every_order(nets[2])
        best = (b @ c.T + (b @ a)[:, None] + c @ a).max()
        ratios.append(match_several(nets).objective / best)
    assert max(ratios) <= 1 + 1e-10
    assert sorted(ratios)[1] == pytest.approx(1.0, abs=1e-10)  # local optima: not every one
    assert min(ratios) > 0.9


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("method", ["weight", "activation"])
def test_the_objective_is_that_of_the_applied_permutations(how, method):
    nets = several(3, 5, 7, 6, 3)
    before = [vector(net) for net in nets]
    matching = match_several(nets, method, inputs(40, 5), how=how)
    applied = matching.apply(nets)
    assert matching.objective == pytest.approx(in_common(applied), rel=1e-10)
    x = inputs(20, 5)
    for net, moved, old in zip(nets, applied, before, strict=True):
        torch.testing.assert_close(moved(x), net(x), rtol=1e-10, atol=1e-10)
        assert np.array_equal(vector(net), old)
    by_pair = sum(
        vector(nets[j]) @ vector(permute(nets[k], orders))
        for (j, k), orders in matching.pairs.items()
    )
    assert matching.pair_objective == pytest.approx(by_pair, rel=1e-10)
    if how != "pairwise":
        assert matching.pair_objective == matching.objective


def test_the_merged_network_is_the_mean_and_the_closer_the_larger_the_objective():
    nets = several(4, 5, 6, 3)
    squares = sum(vector(net) @ vector(net) for net in nets)
    for how in HOW:
        matching = match_several(nets, how=how)
        moved = [vector(net) for net in matching.apply(nets)]
        mean = vector(matching.merge(nets))
        np.testing.assert_allclose(mean, np.mean(moved, axis=0), rtol=1e-12, atol=1e-14)
        distance = sum(((v - mean) ** 2).sum() for v in moved)
        expected = (1 - 1 / 4) * squares - 2 / 4 * matching.objective
        assert distance == pytest.approx(expected, rel=1e-10)


def test_solvers_never_lower_the_objective_and_report_it():
    for seed in range(2):
        nets = several(4, 6, 12, 10, 9, 3, seed=seed)
        members = tuple(side_by_side(nets[0], net) for net in nets)
        assert joint_objective(members) == pytest.approx(in_common(nets), rel=1e-10)
        for solver in (coordinate_ascent, frank_wolfe):
            found, trace = solver(members)
            slack = 1e-12 * abs(trace[-1])
            assert (np.diff(trace) >= -slack).all(), "rounding of the relaxation included"
            assert len(trace) > 3
            moved = [permute(n, m.orders) for n, m in zip(nets, found, strict=True)]
            assert trace[-1] == pytest.approx(in_common(moved), rel=1e-10)


def test_the_end_of_coordinate_ascent_cannot_be_improved_for_any_network():
    nets = several(3, 6, 12, 10, 3)
    found, _ = coordinate_ascent(tuple(side_by_side(nets[0], net) for net in nets))
    moved = [permute(n, m.orders) for n, m in zip(nets, found, strict=True)]
    again, trace = coordinate_ascent(found)
    assert trace == (trace[0], trace[0])
    assert joint_objective(again) == pytest.approx(in_common(moved), rel=1e-10)


def test_a_joint_matching_lies_between_reference_and_pairs_where_pairs_are_exact():
    for seed in range(3):
        nets = several(3, 8, 20, 3, seed=seed)
        reference, pairwise, joint = (match_several(nets, how=how) for how in HOW)
        assert reference.objective < joint.objective < pairwise.pair_objective
        assert pairwise.objective <= joint.objective + 1e-9
        assert pairwise.total_cycle_consistency < 1


def test_joint_is_never_below_the_reference():
    for method in ("weight", "activation"):
        nets = several(4, 6, 12, 10, 3)
        joint = match_several(nets, method, inputs(30, 6))
        assert set(joint.traces) == {"reference", "Frank-Wolfe"}
        starts = joint.traces["reference"]
        assert max(trace[-1] for trace in joint.traces.values()) >= starts[0]
    assert joint.traces["reference"][-1] > joint.traces["reference"][0]


def test_joint_activation_matching_by_the_formula():
    nets, x = several(3, 6, 12, 10, 3), inputs(50, 6)
    joint = match_several(nets, "activation", x)
    total = 0.0
    for name, after in (("layers.0", "layers.1.weight"), ("layers.1", "layers.2.weight")):
        phi = [
            layer_inputs(net, x)[after].numpy()[:, order[name]]
            for net, order in zip(nets, joint.permutations, strict=True)
        ]
        total += sum((p * q).sum() / 50 for p, q in combinations(phi, 2))
    best = max(trace[-1] for trace in joint.traces.values())
    assert best == pytest.approx(total, rel=1e-10)
    labelled = Examples(x, torch.zeros(50, dtype=torch.int64))
    again = match_several(nets, "activation", labelled)
    assert again.objective == joint.objective


@pytest.mark.parametrize("seed", range(3))
def test_planted_permutations_are_found_jointly(seed):
    nets, planted = noisy_copies(4, 16, 32, 32, 8, noise=1.0, seed=seed)
    assert share_recovered(match_several(nets), planted) == 1


@pytest.mark.parametrize("seed", rarely(range(3), [1, 2]))
def test_planted_permutations_are_found_jointly_where_pairs_disagree(seed):
    nets, planted = noisy_copies(4, 16, 32, 32, 8, noise=1.2, seed=seed)
    reference, pairwise, joint = (match_several(nets, how=how) for how in HOW)
    assert share_recovered(joint, planted) > 0.85
    assert share_recovered(reference, planted) < 0.7
    assert share_recovered(pairwise, planted) < 0.65
    assert pairwise.total_cycle_consistency < 0.4
    assert joint.total_cycle_consistency == 1
    assert joint.objective > reference.objective


def walk(pairs, i: int, j: int, name: str, neuron: int) -> int:
    if i < j:
        return int(pairs[i, j][name][neuron])
    return int(np.flatnonzero(pairs[j, i][name] == neuron)[0])


def test_cycle_consistency_by_walking_around_every_triple():
    nets = several(4, 5, 9, 7, 3)
    matching = match_several(nets, how="pairwise")
    for name, size in (("layers.0", 9), ("layers.1", 7)):
        for turn in ((0, 1, 2), (2, 0, 1), (2, 1, 0)):  # any start and direction
            back = []
            for triple in combinations(range(4), 3):
                i, j, k = (triple[t] for t in turn)
                for neuron in range(size):
                    there = walk(matching.pairs, i, j, name, neuron)
                    there = walk(matching.pairs, j, k, name, there)
                    back.append(walk(matching.pairs, k, i, name, there) == neuron)
            assert matching.cycle_consistency[name] == pytest.approx(np.mean(back))
            assert 0 < np.mean(back) < 1
    total = 9 * matching.cycle_consistency["layers.0"] + 7 * matching.cycle_consistency["layers.1"]
    assert matching.total_cycle_consistency == pytest.approx(total / 16)


@pytest.mark.parametrize("how", ["reference", "joint"])
def test_a_common_order_is_consistent_around_every_cycle(how):
    matching = match_several(several(4, 5, 6, 5, 3), how=how)
    assert matching.cycle_consistency == {"layers.0": 1.0, "layers.1": 1.0}
    for i, j, k in combinations(range(4), 3):
        for name in ("layers.0", "layers.1"):
            through = matching.pairs[j, k][name][matching.pairs[i, j][name]]
            assert np.array_equal(through, matching.pairs[i, k][name])


def test_pairs_and_reference_are_those_of_match():
    nets = several(3, 5, 9, 7, 3)
    pairwise, reference = (
        match_several(nets, "naive", how=how) for how in ("pairwise", "reference")
    )
    for (j, k), orders in pairwise.pairs.items():
        alone = match(nets[j], nets[k], "naive").permutations
        assert all(np.array_equal(orders[name], alone[name]) for name in alone)
    for k in (1, 2):
        alone = match(nets[0], nets[k], "naive").permutations
        assert all(np.array_equal(reference.permutations[k][name], alone[name]) for name in alone)
    assert all(
        np.array_equal(order, np.arange(len(order))) for order in reference.permutations[0].values()
    )


def test_pairwise_matchings_are_merged_in_the_order_of_the_best_connected_network():
    nets, _ = noisy_copies(4, 8, 16, 4, noise=0.8, seed=1)
    stranger = mlp(8, 16, 4, seed=50)
    matching = match_several([stranger, *nets], how="pairwise")
    fixed = [
        all(np.array_equal(order, np.arange(len(order))) for order in orders.values())
        for orders in matching.permutations
    ]
    totals = np.zeros(5)
    for (j, k), orders in matching.pairs.items():
        both = vector([stranger, *nets][j]) @ vector(permute([stranger, *nets][k], orders))
        totals[[j, k]] += both
    assert fixed.index(True) == totals.argmax() != 0


def blocks(heads: int, width: int) -> Symmetry:
    """Heads that can be exchanged, each with channels that can be."""
    children = tuple(
        PermutationGroup(
            name=f"head {s}",
            size=width,
            actions=(Action("w", 0, tuple((s * width + i,) for i in range(width))),),
            incoming=("w",),
            outgoing=(),
            parent="heads",
            family="channels",
            slot=s,
        )
        for s in range(heads)
    )
    whole = tuple(tuple(range(s * width, (s + 1) * width)) for s in range(heads))
    actions = (Action("w", 0, whole), Action("h", 0, tuple((s,) for s in range(heads))))
    outer = PermutationGroup("heads", heads, actions, incoming=(), outgoing=())
    return Symmetry((*children, outer))


def test_permutations_of_blocks_are_composed_as_they_act():
    groups, rng = blocks(4, 3), np.random.default_rng(0)
    identity = {group.name: np.arange(group.size) for group in groups.groups}
    own = {"w": torch.arange(12), "h": torch.arange(12, 16)}  # every neuron by its number
    start = Alignment(groups, own, own, identity)

    def shuffled() -> Alignment:
        orders = {group.name: rng.permutation(group.size) for group in groups.groups}
        return ordered((start,), [orders])[0]

    for _ in range(10):
        first, second = shuffled(), shuffled()
        seen = [torch.cat([m.b["w"], m.b["h"]]).long().numpy() for m in (first, second)]
        for member, there in zip((first, second), seen, strict=True):
            assert np.array_equal(occupation(member), there)
            back = permutations_of(groups, there)
            assert all(np.array_equal(back[n], member.orders[n]) for n in identity)
        composed = seen[1][np.argsort(seen[0])]
        (pair,) = ordered((start,), [permutations_of(groups, composed)])
        assert np.array_equal(occupation(pair), composed)
    assert numbers(groups)["heads"] == slice(12, 16)


@pytest.mark.parametrize("how", HOW)
def test_two_networks_of_one_hidden_layer_are_matched_as_by_match(how):
    nets = several(2, 5, 9, 3)
    matching = match_several(nets, how=how)
    assert matching.objective == pytest.approx(match(*nets).objective, rel=1e-12)
    assert matching.cycle_consistency == {"layers.0": 1.0}


@pytest.mark.parametrize("how", HOW)
def test_networks_without_hidden_layer_and_chains(how):
    linear = several(3, 4, 2)
    with pytest.warns(UserWarning, match="no neurons can be reordered"):
        matching = match_several(linear, how=how)
    assert matching.permutations == ({}, {}, {})
    assert matching.total_cycle_consistency == 1
    nets = several(3, 5, 9, 3)
    chains = [affine_chain(net) for net in nets]
    of_modules, of_chains = match_several(nets, how=how), match_several(chains, how=how)
    assert of_chains.objective == pytest.approx(of_modules.objective, rel=1e-12)
    merged, chain = of_modules.merge(nets), of_chains.merge(chains)
    for layer, W in zip(merged.linears, chain.weights, strict=True):
        torch.testing.assert_close(layer.weight.detach(), W)


def test_merging_keeps_the_type():
    single = [net.float() for net in several(3, 5, 9, 3)]
    assert match_several(single).merge(single).linears[0].weight.dtype == torch.float32


BUILD = {
    "cnn": lambda rng: CNN((1, 4, 4), (4, 5), 3, rng=rng, dtype=torch.float64),
    "vit": lambda rng: ViT(
        (1, 4, 4), 3, patch=2, width=6, depth=1, heads=2, rng=rng, dtype=torch.float64
    ),
    "resnet": lambda rng: ResNet20((1, 4, 4), 3, 2, rng=rng, dtype=torch.float64),
}


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("cnn", "pairwise"),
        ("cnn", "joint"),
        ("vit", "pairwise"),
        pytest.param("vit", "joint", marks=pytest.mark.slow),
        ("resnet", "reference"),
        pytest.param("resnet", "joint", marks=pytest.mark.slow),
    ],
)
def test_any_architecture_keeps_its_function_and_running_statistics(name, how):
    rng, x = torch.Generator().manual_seed(0), inputs(8, 16).reshape(8, 1, 4, 4)
    nets = [BUILD[name](rng) for _ in range(3)]
    for net in nets:
        for tensor in [*net.parameters(), *net.buffers()]:
            if tensor.is_floating_point():  # norms and running statistics that differ
                tensor.data.add_(torch.rand(tensor.shape, generator=rng, dtype=torch.float64) / 5)
        net.eval()
    matching = match_several(nets, data=x, how=how)
    applied = matching.apply(nets)
    for net, moved in zip(nets, applied, strict=True):
        torch.testing.assert_close(moved(x), net(x), rtol=1e-9, atol=1e-9)
    pairs = zip(nets, applied, strict=True)
    assert any(not np.array_equal(vector(net), vector(moved)) for net, moved in pairs)
    assert matching.objective == pytest.approx(in_common(applied), rel=1e-10)
    by_pair = sum(
        vector(nets[j])
        @ vector(permute(nets[k], orders, matching.symmetry, matching.pair_signs[j, k]))
        for (j, k), orders in matching.pairs.items()
    )
    assert matching.pair_objective == pytest.approx(by_pair, rel=1e-10)
    merged = matching.merge(nets)
    for key, value in merged.state_dict().items():
        each = [moved.state_dict()[key] for moved in applied]
        if value.is_floating_point():
            torch.testing.assert_close(value, torch.stack(each).mean(0))
        else:
            assert torch.equal(value, each[0])


def test_the_order_of_visits_is_drawn_by_rng_and_global_state_is_left_alone():
    nets = several(4, 6, 16, 16, 3)
    state = torch.get_rng_state()
    runs = [match_several(nets, rng=np.random.default_rng(seed)) for seed in (7, 7, 8)]
    assert runs[0].traces == runs[1].traces
    assert runs[0].traces["reference"] != runs[2].traces["reference"]
    assert torch.equal(torch.get_rng_state(), state)


def test_what_does_not_fit_is_refused():
    nets = several(3, 3, 4, 2)
    for few in ([], nets[:1]):
        with pytest.raises(ValueError, match=f"at least two networks, got {len(few)}"):
            match_several(few)
    with pytest.raises(ValueError, match=r"how must be one of \['reference', .* got 'cyclic'"):
        match_several(nets, how="cyclic")
    for method in ("naive", "weighted", "loss", "hungarian"):
        with pytest.raises(ValueError, match=rf"one of \['weight', 'activation'\], got '{method}'"):
            match_several(nets, method)
    with pytest.raises(ValueError, match=r"method must be one of .* got 'hungarian'"):
        match_several(nets, "hungarian", how="pairwise")
    with pytest.raises(ValueError, match=r"models\[2\] as model_b: .*same architecture"):
        match_several([*nets[:2], mlp(3, 5, 2)])
    with pytest.raises(ValueError, match="needs data, got None"):
        match_several(nets, "activation")
    with pytest.raises(ValueError, match="at least one example"):
        match_several(nets, "activation", torch.zeros(0, 3, dtype=torch.float64))
    broken = copy.deepcopy(nets[1])
    with torch.no_grad():
        broken.linears[0].weight[0, 0] = float("inf")
    with pytest.raises(ValueError, match=r"models\[1\] as model_b: .* NaN or infinite"):
        match_several([nets[0], broken])


def test_a_matching_is_for_the_networks_that_were_matched():
    matching = match_several(several(3, 3, 4, 2))
    with pytest.raises(ValueError, match="models must be the 3 that were matched, got 2"):
        matching.apply(several(2, 3, 4, 2))
    for width in (3, 5):
        with pytest.raises(ValueError, match=r"models\[0\] must .* 'layers\.0\.weight' has shape"):
            matching.merge(several(3, 3, width, 2))
