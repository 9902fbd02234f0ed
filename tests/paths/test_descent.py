"""Matching by a certificate: against the certificate itself, and against every exchange."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lmctheory.matching import match
from lmctheory.networks import CNN, MLP, Examples, affine_chain
from lmctheory.paths import barrier, certificate
from lmctheory.paths.descent import BOUNDS, match_by_certificate


def drawn(*sizes, seeds=(0, 1)):
    return [MLP(sizes, rng=torch.Generator().manual_seed(seed)) for seed in seeds]


def examples(width=4, classes=3, count=12):
    x = torch.randn(count, width, generator=torch.Generator().manual_seed(7))
    return Examples(x, torch.arange(count) % classes)


def value(a, b, data, bound):
    """What is minimised, from the public certificate."""
    found = certificate(a, b, data)
    if bound == "C3":
        return float(found.loss)
    errors = {
        "C1": found.function_error_c1,
        "C1'": found.function_error,
        "C2": found.function_error_c2,
    }[bound]
    return np.sqrt((errors**2).mean())


@pytest.mark.parametrize("bound", BOUNDS)
def test_what_is_minimised_is_the_certificate_of_the_pair(bound):
    a, b = drawn(4, 8, 6, 3)
    data = examples()
    start = match(a, b, "naive", data.inputs)
    found = match_by_certificate(
        a,
        b,
        data,
        bound,
        rng=np.random.default_rng(0),
        start=start.permutations,
        proposals=60,
    )
    assert found.bound == bound
    assert found.trace[0] == pytest.approx(value(a, start.apply(b), data, bound), rel=1e-12)
    assert found.trace[-1] == pytest.approx(value(a, found.apply(b), data, bound), rel=1e-12)
    assert found.trace[-1] < found.trace[0]


@pytest.mark.parametrize("bound", BOUNDS)
def test_after_many_proposals_no_exchange_lowers_the_bound(bound):
    a, b = drawn(4, 3, 3, 3)
    data = examples()
    found = match_by_certificate(a, b, data, bound, rng=np.random.default_rng(0), proposals=80)
    best = found.trace[-1]
    exchanges = 0
    for name, order in found.permutations.items():
        for i, j in combinations(range(len(order)), 2):
            other = order.copy()
            other[[i, j]] = other[[j, i]]
            moved = match_by_certificate(
                a,
                b,
                data,
                bound,
                rng=np.random.default_rng(0),
                start={**found.permutations, name: other},
                proposals=1,
            )
            exchanges += 1
            assert moved.trace[0] >= best * (1 - 1e-12)
    assert exchanges == 3 + 3


def test_with_two_neurons_it_is_the_better_of_two_orders():
    data = examples()
    swapped = 0
    for seed in range(8):
        a, b = drawn(4, 2, 3, seeds=(seed, 100 + seed))
        both = [
            match_by_certificate(a, b, data, start={"layers.0": order}, **once()).trace[0]
            for order in (np.array([0, 1]), np.array([1, 0]))
        ]
        found = match_by_certificate(a, b, data, rng=np.random.default_rng(0), proposals=1)
        assert found.trace[-1] == min(both)
        swapped += found.permutations["layers.0"].tolist() == [1, 0]
    assert 0 < swapped < 8


def once():
    return {"rng": np.random.default_rng(0), "proposals": 1}


def test_with_one_hidden_layer_the_vector_form_is_the_error_itself():
    a, b = drawn(4, 8, 3)
    data = examples()
    found = match_by_certificate(a, b, data, "C1'", rng=np.random.default_rng(0), proposals=100)
    aligned = found.apply(b)
    middle = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    ends = zip(middle.parameters(), a.parameters(), aligned.parameters(), strict=True)
    with torch.no_grad():
        for p, p_a, p_b in ends:
            p.copy_((p_a + p_b) / 2)
        gap = middle(data.inputs) - (a(data.inputs) + aligned(data.inputs)) / 2
    assert found.trace[-1] == pytest.approx(float(gap.square().sum(1).mean().sqrt()), rel=1e-5)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**16), bound=st.sampled_from(sorted(BOUNDS)))
def test_it_is_never_worse_than_its_start_and_leaves_the_function(seed, bound):
    a, b = drawn(4, 5, 4, 3, seeds=(seed, seed + 1))
    data = examples()
    rng = np.random.default_rng(seed)
    start = {"layers.0": rng.permutation(5), "layers.1": rng.permutation(4)}
    found = match_by_certificate(a, b, data, bound, rng=rng, start=start, proposals=10)
    assert all(np.diff(found.trace) <= 0)
    aligned = found.apply(b)
    assert torch.allclose(aligned(data.inputs), b(data.inputs), atol=1e-5)
    assert barrier(a, aligned, data, 3).loss[0] == pytest.approx(
        barrier(a, b, data, 3).loss[0], rel=1e-5
    )


def test_a_network_matched_with_itself_stays():
    [a] = drawn(4, 6, 3, seeds=(0,))
    data = examples()
    found = match_by_certificate(a, a, data, rng=np.random.default_rng(0), proposals=50)
    assert found.permutations["layers.0"].tolist() == list(range(6))
    assert found.trace[-1] < 1e-9


def test_chains_and_layers_without_bias_are_matched_alike():
    a, b = (
        nn.Sequential(nn.Linear(4, 5, bias=False), nn.ReLU(), nn.Linear(5, 3)) for _ in range(2)
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for model in (a, b):
            model[0].reset_parameters(), model[2].reset_parameters()
    data = examples()
    one, two = (
        match_by_certificate(*pair, data, rng=np.random.default_rng(0), proposals=40)
        for pair in ((a, b), (affine_chain(a), affine_chain(b)))
    )
    assert one.trace == pytest.approx(two.trace, rel=1e-12)
    assert value(a, one.apply(b), data, "C1") == pytest.approx(one.trace[-1], rel=1e-12)
    chain = two.apply(affine_chain(b))
    assert torch.equal(chain.weights[0], one.apply(b)[0].weight)


def test_what_cannot_be_matched_is_refused():
    a, b = drawn(4, 5, 3)
    data, rng = examples(), np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"bound must be one of \['C1', .*got 'C4'"):
        match_by_certificate(a, b, data, "C4", rng=rng)
    with pytest.raises(ValueError, match="proposals must be >= 1, got 0"):
        match_by_certificate(a, b, data, rng=rng, proposals=0)
    with pytest.raises(ValueError, match="permutations must be for the groups"):
        match_by_certificate(a, b, data, rng=rng, start={})
    with pytest.raises(ValueError, match=r"must hold each of 0, \.\.\., 4 once"):
        match_by_certificate(a, b, data, rng=rng, start={"layers.0": np.zeros(5, int)})
    with pytest.raises(ValueError, match="same architecture"):
        match_by_certificate(a, drawn(4, 6, 3)[0], data, rng=rng)
    images = [CNN((1, 4, 4), (2,), 3, rng=torch.Generator().manual_seed(s)) for s in (0, 1)]
    with pytest.raises(TypeError, match="chain"):
        match_by_certificate(*images, examples(16), rng=rng)
