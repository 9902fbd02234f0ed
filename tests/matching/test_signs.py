"""Neurons that may be negated: found, drawn, matched, refused."""

from functools import cache

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from lmctheory.matching import (
    METHODS,
    function_change,
    match,
    match_several,
    permute,
    symmetry,
)
from lmctheory.matching.orders import encoded, inverse, neurons, selected, signs, then
from lmctheory.networks import MLP, affine_chain
from lmctheory.networks.torch_activations import Activation, activation
from tests.matching.tracing.examples import inputs, randomised
from tests.rarely import rarely


def shuffled(model, groups, seed):
    """A copy in another order, signs drawn too."""
    rng = np.random.default_rng(seed)
    orders = {g.name: rng.permutation(g.size) for g in groups.groups}
    sign = {g.name: rng.choice((1, -1), g.size) for g in groups.signed}
    return permute(model, orders, groups, sign)


class Of(nn.Module):
    """One hidden layer and what is done with it."""

    def __init__(self, function):
        super().__init__()
        self.first, self.last, self.function = nn.Linear(4, 6), nn.Linear(6, 3), function

    def forward(self, x):
        return self.last(self.function(self.first(x)))


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(4, 6), nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, x):
        return self.down(functional.silu(self.gate(x)) * self.up(x))


class Residual(nn.Module):
    """A stream that RMSNorm, written out, does not stop from being negated."""

    def __init__(self):
        super().__init__()
        self.start, self.inner, self.back = nn.Linear(4, 5), nn.Linear(5, 7), nn.Linear(7, 5)
        self.last, self.scale = nn.Linear(5, 3), nn.Parameter(torch.rand(5))

    def forward(self, x):
        h = self.start(x)
        normed = h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + 1e-5) * self.scale
        return self.last(h + self.back(torch.relu(self.inner(normed))))


class Recurrent(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.layer = nn.RNN(3, 5, batch_first=True, **options)
        width = 10 if options.get("bidirectional") else 5
        self.last = nn.Linear(width, 2)

    def forward(self, x):
        return self.last(self.layer(x)[0].mean(1))


def convolutions() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 5, 3), nn.BatchNorm2d(5), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(5, 6, 3), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2)),
    )


def encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, norm_first=True)
    return nn.Sequential(nn.Linear(3, 8), layer, nn.Linear(8, 2))


SIGNED = {
    **{
        name: (lambda f=f: Of(f), (8, 4), {"first"})
        for name, f in {
            "erf": torch.erf,
            "hardtanh": functional.hardtanh,
            "identity": lambda z: z,
            "sine": torch.sin,
            "softsign": functional.softsign,
            "tanh of both signs": lambda z: -torch.tanh(z) / 2,
            "times an even function": lambda z: z * torch.cos(z),
            "clipped": lambda z: z.clamp(-0.5, 0.5),
            "cube": lambda z: z.pow(3),
        }.items()
    },
    "gated": (Gated, (8, 4), {"gate"}),
    "residual": (Residual, (8, 4), {"start"}),
    "recurrent": (Recurrent, (8, 6, 3), {"layer.l0"}),
    "recurrent, two layers both ways": (
        lambda: Recurrent(num_layers=2, bidirectional=True),
        (8, 6, 3),
        {"layer.l0", "layer.l1", "layer.l0_reverse", "layer.l1_reverse"},
    ),
    "convolutions": (convolutions, (8, 1, 10, 10), {"0", "4"}),
    "attention": (
        *(encoder, (4, 5, 3)),
        {f"1.self_attn.{kind}.{head}" for kind in ("qk", "value") for head in (0, 1)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", rarely(SIGNED, ["recurrent, two layers both ways"]))
def test_signs_are_found_and_a_planted_transformation_undone(name):
    build, shape, expected = SIGNED[name]
    x = inputs(*shape).double()
    model = randomised(build().double())
    groups = symmetry(model, x)
    assert {group.name for group in groups.signed} == expected
    assert function_change(model, groups, x, rng=np.random.default_rng(0)) <= 1e-12
    b = shuffled(model, groups, 1)
    matching = match(model, b, data=x)
    for p, q in zip(matching.apply(b).parameters(), model.parameters(), strict=True):
        assert torch.equal(p, q)
    plain = match(model, b, data=x, signs=False)
    assert plain.signs == {}
    assert plain.objective < matching.objective


NOT_SIGNED = {
    "tanh(z) + 1": lambda z: torch.tanh(z) + 1,
    "tanh(z + 1)": lambda z: torch.tanh(z + 1),
    "tanh(z) with a scalar weight beside": lambda z: torch.tanh(z) + z.abs(),
    "relu": torch.relu,
    "hardtanh(-1, 2)": lambda z: functional.hardtanh(z, -1.0, 2.0),
    "clipped below": lambda z: z.clamp(min=-1),
    "mean removed": lambda z: torch.tanh(z) - torch.tanh(z).mean(-1, keepdim=True) * 0 + z.mean(),
    "maximum": lambda z: torch.maximum(z, -z / 2),
    "softmax": lambda z: z.softmax(-1),
    "square root of five": lambda z: z.abs().pow(0.5) + z,
    "shifted by the norm": lambda z: torch.tanh(z) + z.norm(dim=-1, keepdim=True),
    "shifted by a constant one": lambda z: torch.tanh(z) + torch.ones_like(z),
}


@pytest.mark.parametrize("name", NOT_SIGNED)
def test_nothing_that_is_not_odd_is_negated(name):
    model, x = randomised(Of(NOT_SIGNED[name]).double()), inputs(8, 4).double()
    groups = symmetry(model, x)
    assert not [group for group in groups.signed if group.name == "first"]
    assert function_change(model, groups, x, rng=np.random.default_rng(0)) <= 1e-12


def test_factors_of_normalisations_are_never_negated():
    layers = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))
    model = randomised(layers.double())
    assert not symmetry(model, inputs(8, 4).double()).signed


def test_an_activation_that_is_called_odd_is_tried():
    assert activation("tanh").is_odd
    assert activation("erf").is_odd
    assert not activation("gelu").is_odd
    shifted = Activation("tanh", (0.0, 1.0), 0.8, 2.0, lambda z: torch.tanh(z) + 1)
    assert not shifted.is_odd


@pytest.mark.parametrize("method", METHODS)
def test_every_method_undoes_signs_in_tanh_networks(method):
    a = MLP((6, 14, 11, 3), "tanh", rng=torch.Generator().manual_seed(0)).double()
    x = inputs(100, 6).double()
    b = shuffled(a, symmetry(a), 2)
    matching = match(a, b, method, x)
    for p, q in zip(matching.apply(b).parameters(), a.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=1e-12)
    assert max(matching.cost.values()) <= 1e-20
    assert {name: s.tolist() for name, s in matching.signs.items()} != {}


@cache
def narrow(seed):
    """Two random networks, and the best that signed and plain orders attain."""
    a, b = (
        MLP((3, 3, 3, 2), "tanh", rng=torch.Generator().manual_seed(2 * seed + k)).double()
        for k in (0, 1)
    )
    best, plain = (match(a, b, solver="exhaustive", signs=s).objective for s in (True, False))
    assert best > plain
    return a, b, best


@pytest.mark.parametrize(
    ("solver", "share"),
    [
        ("coordinate_descent", 0.97),
        ("frank_wolfe", 0.97),
        pytest.param("sinkhorn", 0.85, marks=pytest.mark.slow),
    ],
)
def test_solvers_come_near_the_best_of_all_signed_orders(solver, share):
    total, most = 0.0, 0.0
    for seed in range(2):
        a, b, best = narrow(seed)
        found = match(a, b, solver=solver).objective
        assert found <= best + 1e-12
        total, most = total + found, most + best
    assert total >= share * most


def test_the_objective_and_the_cost_are_those_of_the_aligned_networks():
    a, b = (
        MLP((5, 40, 30, 2), "tanh", rng=torch.Generator().manual_seed(k)).double() for k in (0, 1)
    )
    matching = match(a, b)
    aligned = matching.apply(b)
    pairs = zip(a.parameters(), aligned.parameters(), strict=True)
    shared = sum(float((p * q).sum().detach()) for p, q in pairs)
    assert matching.objective == pytest.approx(shared, rel=1e-12)
    x = inputs(20, 5).double()
    torch.testing.assert_close(aligned(x), b(x), rtol=1e-12, atol=1e-12)
    assert matching.objective > match(a, b, signs=False).objective
    naive = match(a, b, "naive")
    gap = naive.apply(b).linears[0].weight - a.linears[0].weight
    assert naive.cost["layers.0"] == pytest.approx(
        float(gap.square().sum().detach()) / 40, rel=1e-12
    )


@pytest.mark.parametrize("how", ["reference", "pairwise", "joint"])
def test_several_networks_are_matched_with_their_signs(how):
    a = MLP((5, 9, 8, 2), "tanh", rng=torch.Generator().manual_seed(0)).double()
    nets = [a, *(shuffled(a, symmetry(a), seed) for seed in (1, 2))]
    matching = match_several(nets, how=how)
    first, *others = matching.apply(nets)
    for other in others:
        for p, q in zip(first.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=1e-12)
    assert matching.total_cycle_consistency == 1
    for (j, k), orders in matching.pairs.items():
        moved = permute(nets[k], orders, matching.symmetry, matching.pair_signs[j, k])
        assert torch.equal(moved.linears[0].weight, nets[j].linears[0].weight)
    merged = matching.merge(nets)
    torch.testing.assert_close(merged(inputs(4, 5).double()), a(inputs(4, 5).double()))
    assert match_several(nets, how=how, signs=False).objective < matching.objective


def test_signs_that_do_not_fit_are_refused():
    tanh, relu = (
        MLP((4, 5, 2), name, rng=torch.Generator().manual_seed(0)) for name in ("tanh", "relu")
    )
    identity = {"layers.0": np.arange(5)}
    with pytest.raises(ValueError, match=r"signs must be for groups whose neurons may be negated"):
        permute(relu, identity, signs={"layers.0": np.ones(5, dtype=int)})
    for wrong in (np.ones(4, dtype=int), np.zeros(5, dtype=int), np.full(5, 2)):
        with pytest.raises(
            ValueError, match=r"the signs of group 'layers.0' must be 5 of 1 and -1"
        ):
            permute(tanh, identity, signs={"layers.0": wrong})


def test_orders_compose_and_invert_as_signed_matrices_do():
    rng = np.random.default_rng(0)

    def matrix(order):
        result = np.zeros((7, 7))
        result[np.arange(7), neurons(order)] = signs(order)
        return result

    for _ in range(20):
        first, second = (encoded(rng.permutation(7), rng.choice((1, -1), 7)) for _ in range(2))
        assert np.array_equal(matrix(then(first, second)), matrix(second) @ matrix(first))
        assert np.array_equal(then(first, inverse(first)), np.arange(7))
        x = torch.from_numpy(rng.standard_normal((3, 7, 2)))
        assert np.allclose(selected(x, 1, first), np.einsum("ij,njk->nik", matrix(first), x))


def test_the_chain_and_the_trace_find_the_same_signs():
    net = MLP((4, 6, 5, 2), "tanh", rng=torch.Generator().manual_seed(0)).double()
    traced, chain = symmetry(net, inputs(2, 4).double()), symmetry(affine_chain(net.eval()))
    found = [
        {(a.parameter, a.axis): a.negated for g in groups.groups for a in g.actions}
        for groups in (traced, chain)
    ]
    assert found[0] == found[1]
    assert all(found[0].values())
