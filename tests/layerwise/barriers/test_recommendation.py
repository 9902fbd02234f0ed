"""Partial averaging: against brute force by state dicts, greedy against exact, bad arguments."""

import copy
from itertools import chain, combinations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from lmctheory.layerwise.barriers.recommendation import recommend
from lmctheory.networks import (
    MLP,
    Examples,
    TrainingConfig,
    load_dataset,
    seeded_generators,
    train_many,
)
from tests.rarely import rarely

NAMES = tuple(f"layers.{i}" for i in range(4))


@pytest.fixture(scope="module")
def trained():
    digits = load_dataset("digits")
    initial = [MLP((64, 16, 16, 16, 10), rng=seeded_generators(seed)[0]) for seed in (0, 1)]
    a, b = train_many(initial, digits.train, TrainingConfig(epochs=5), seeds=(0, 1))
    return a, b, digits.train, digits.test


def rng():
    return np.random.default_rng(0)


def loss_at(a, b, names, alpha, data):
    """With those layers moved, by state dicts."""
    state = {
        key: torch.lerp(value, b.state_dict()[key], alpha)
        if key.rpartition(".")[0] in names
        else value
        for key, value in a.state_dict().items()
    }
    model = copy.deepcopy(a)
    model.load_state_dict(state)
    with torch.no_grad():
        return float(cross_entropy(model(data.inputs), data.labels))


def subsets():
    return chain.from_iterable(combinations(NAMES, k) for k in range(5))


def size(model, names):
    return sum(v.numel() for k, v in model.state_dict().items() if k.rpartition(".")[0] in names)


@pytest.mark.parametrize(
    ("alpha", "reference", "maximise", "tolerance"),
    [
        (0.5, "base", "parameters", 1.2),
        (0.5, "mean", "layers", 1.7),
        (0.2, "base", "layers", 0.15),
        (0.2, "mean", "parameters", 0.25),
    ],
)
def test_exact_search_finds_what_brute_force_finds(trained, alpha, reference, maximise, tolerance):
    a, b, train, test = trained
    found = recommend(
        a,
        b,
        train,
        test,
        tolerance=tolerance,
        alpha=alpha,
        reference=reference,
        maximise=maximise,
        rng=rng(),
    )
    ends = [loss_at(a, b, (), 0.5, train), loss_at(b, a, (), 0.5, train)]
    limit = (ends[0] if reference == "base" else sum(ends) / 2) + tolerance
    losses = {names: loss_at(a, b, names, alpha, train) for names in subsets()}
    within = [names for names, value in losses.items() if value <= limit]
    best = max(
        within,
        key=lambda names: (len(names) if maximise == "layers" else size(a, names), -losses[names]),
    )
    assert 0 < len(best) < 4  # neither none nor all: the case says something
    assert found.search == "exact"
    assert found.layers == best
    assert found.limit == pytest.approx(limit, abs=1e-6)
    assert found.loss == pytest.approx(losses[best], abs=1e-6)
    assert found.parameters == pytest.approx(size(a, best) / size(a, NAMES))
    assert found.test_loss == pytest.approx(loss_at(a, b, best, alpha, test), abs=1e-6)
    test_ends = [loss_at(a, b, (), 0.5, test), loss_at(b, a, (), 0.5, test)]
    test_limit = (test_ends[0] if reference == "base" else sum(test_ends) / 2) + tolerance
    assert found.test_limit == pytest.approx(test_limit, abs=1e-6)
    assert found.holds == (found.test_loss <= found.test_limit)


def test_one_layer_that_costs_something_is_more_than_none(trained):
    a, b, train, test = trained
    losses = {name: loss_at(a, b, (name,), 0.5, train) for name in NAMES}
    least = min(losses, key=losses.__getitem__)
    tolerance = losses[least] - loss_at(a, b, (), 0.5, train) + 1e-5
    assert tolerance > 1e-3
    found = recommend(a, b, train, test, tolerance=tolerance, maximise="layers", rng=rng())
    assert found.layers == (least,)


def test_random_choices_have_as_many_layers(trained):
    a, b, train, test = trained
    found = recommend(a, b, train, test, tolerance=1.7, draws=30, rng=rng())
    size_ = len(found.layers)
    possible = [loss_at(a, b, names, 0.5, test) for names in combinations(NAMES, size_)]
    gaps = np.abs(found.random[:, None] - np.array(possible))
    assert (gaps.min(1) < 1e-6).all()
    assert found.random_mean == pytest.approx(found.random.mean())
    assert found.random_error == pytest.approx(found.random.std(ddof=1) / 30**0.5)
    assert found.random_holds == (found.random <= found.test_limit).mean()
    again = recommend(a, b, train, test, tolerance=1.7, draws=30, rng=rng())
    np.testing.assert_array_equal(found.random, again.random)


@pytest.mark.parametrize("tolerance", rarely([0.0, 0.9, 1.4, 1.7, 2.0], [0.9, 1.7]))
def test_greedy_search_stays_within_the_limit_and_never_beats_exact(trained, tolerance):
    a, b, train, test = trained
    exact, greedy = (
        recommend(
            a, b, train, test, tolerance=tolerance, maximise="layers", search=search, rng=rng()
        )
        for search in ("exact", "greedy")
    )
    assert greedy.loss <= greedy.limit
    assert len(greedy.layers) <= len(exact.layers)


def test_ends_of_the_tolerance(trained):
    a, b, train, test = trained
    everything = recommend(a, b, train, test, tolerance=1e3, rng=rng())
    assert everything.layers == NAMES
    assert everything.parameters == 1
    assert everything.holds
    same = recommend(a, copy.deepcopy(a), train, test, tolerance=0.0, search="greedy", rng=rng())
    assert same.layers == NAMES


def test_nothing_is_moved_where_every_set_is_beyond_the_tolerance():
    """Output bias of B favours wrong classes; the only layer moved is one too many."""
    a, b = (MLP((2, 2), rng=torch.Generator().manual_seed(0)) for _ in range(2))
    with torch.no_grad():
        b.linears[0].bias[1] += 10.0
    data = Examples(torch.zeros(4, 2), torch.zeros(4, dtype=torch.int64))
    for search in ("exact", "greedy"):
        found = recommend(a, b, data, data, tolerance=0.1, search=search, rng=rng())
        assert found.layers == ()
        assert found.parameters == 0
        assert found.test_loss == pytest.approx(np.log(2))
        np.testing.assert_allclose(found.random, np.log(2), rtol=1e-6)
    # the mean of both losses is below A's: no set is within, and nothing is moved
    beyond = recommend(b, a, data, data, tolerance=0.0, reference="mean", alpha=0.1, rng=rng())
    assert beyond.layers == ()
    assert not beyond.holds


def test_deep_networks_are_searched_greedily():
    generator = torch.Generator().manual_seed(0)
    a, b = (MLP((3, *[4] * 12, 2), rng=generator) for _ in range(2))
    data = Examples(torch.randn(10, 3, generator=generator), torch.arange(10) % 2)
    found = recommend(a, b, data, data, tolerance=0.01, draws=4, rng=rng())
    assert found.search == "greedy"
    assert found.loss <= found.limit
    with pytest.raises(ValueError, match="exact search must have at most 12 layers, got 13"):
        recommend(a, b, data, data, tolerance=0.01, search="exact", rng=rng())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tolerance": -0.1}, "tolerance must be finite and >= 0, got -0.1"),
        ({"tolerance": float("inf")}, "tolerance must be finite and >= 0"),
        ({"alpha": 0.0}, r"alpha must lie in \(0, 1\], got 0.0"),
        ({"alpha": 1.5}, r"alpha must lie in \(0, 1\], got 1.5"),
        ({"draws": 1}, "draws must be >= 2, got 1"),
        ({"reference": "best"}, r"reference must be one of \['base', 'mean'\], got 'best'"),
        ({"maximise": "width"}, "maximise must be one of"),
        ({"search": "random"}, "search must be one of"),
    ],
)
def test_bad_arguments_are_refused(trained, arguments, message):
    with pytest.raises(ValueError, match=message):
        recommend(*trained, rng=rng(), **({"tolerance": 0.1} | arguments))
