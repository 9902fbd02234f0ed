"""Networks from the libraries that people use: symmetry, function, planted orders, barriers."""

import time

import numpy as np
import pytest
import torch

from lmctheory.matching import match, permute, symmetry
from lmctheory.matching._symmetry import function_change, outputs
from lmctheory.networks.calling import call, rows
from lmctheory.networks.program import _capture
from lmctheory.networks.state import copied, slots
from lmctheory.paths import barrier
from tests.matching.families import FAMILIES, built, trained, varied

SLOW = (
    *("torchvision resnet18", "torchvision resnet50", "torchvision bottleneck"),
    *("transformers bert", "transformers gpt2", "transformers llama", "transformers vit"),
)
ALL = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in FAMILIES]


def random_orders(found, seed):
    rng = np.random.default_rng(seed)
    return {group.name: rng.permutation(group.size) for group in found.groups}


def blocks(found):
    return [group for group in found.groups if group.parent is None and found.children(group)]


def wrong(found, expected):
    """The slots in which two networks differ."""
    return [
        name for name, tensor in slots(found).items() if not torch.equal(tensor, expected[name])
    ]


def float32_change(model, found, example, seed):
    """Largest relative change of an output by random orders, as the network computes."""
    moved = permute(model, random_orders(found, seed), found)
    with torch.no_grad():
        before, after = call(model, example), call(moved, example)
    return float((after - before).abs().max() / before.abs().max())


@pytest.fixture
def exports(monkeypatch):
    """Notes which networks are exported, since they could not be traced."""
    noted, by_export = [], _capture.exported

    def noting(evaluation, *args):
        noted.append(evaluation)
        return by_export(evaluation, *args)

    monkeypatch.setattr(_capture, "exported", noting)
    return noted


@pytest.mark.parametrize("name", ALL)
def test_a_planted_order_is_found_and_the_function_kept(name, exports):
    family = FAMILIES[name]
    model, example = varied(built(family)), family.example
    before = {key: tensor.clone() for key, tensor in slots(model).items()}
    found = symmetry(model, example)
    assert (len(found.groups), len(blocks(found))) == (family.groups, family.blocks)
    assert bool(exports) == family.exported
    scale = float(outputs(model, example).abs().max())
    for seed in range(2):
        rng = np.random.default_rng(seed)
        assert function_change(model, found, example, rng=rng) <= family.tolerance * scale
        assert float32_change(model, found, example, seed) <= 1e-5
    planted = permute(model, random_orders(found, 5), found)
    assert len(wrong(planted, before)) > 2
    matching = match(model, planted, data=example)
    assert not wrong(matching.apply(planted), before)
    assert not wrong(model, before)
    assert not model.training


def test_heads_of_grouped_queries_move_within_groups_which_move_as_blocks():
    family = FAMILIES["transformers llama"]
    found = symmetry(built(family), family.example)
    (outer, _) = blocks(found)
    inside = {g.name.rpartition("self_attn.")[2]: g.size for g in found.children(outer)}
    assert outer.size == 2
    assert inside == {"q_proj.heads.0": 2, "q_proj.heads.1": 2, "v_proj.0": 8, "v_proj.1": 8}
    moved = {parameter for group in found.children(outer) for parameter, _ in group.axes}
    assert not any("k_proj" in parameter for parameter in moved)  # channels turned by angles


def test_tied_tables_move_as_one():
    family = FAMILIES["transformers gpt2"]
    model = varied(built(family))
    found = symmetry(model, family.example)
    moved = permute(model, random_orders(found, 1), found)
    assert moved.lm_head.weight is moved.transformer.wte.weight
    assert not torch.equal(moved.lm_head.weight, model.lm_head.weight)


@pytest.mark.parametrize(
    "name", [pytest.param("transformers gpt2", marks=pytest.mark.slow), "timm vit"]
)
def test_activations_find_a_planted_order(name):
    family = FAMILIES[name]
    model = varied(built(family))
    found = symmetry(model, family.example)
    planted = permute(model, random_orders(found, 1), found)
    inputs = rows(family.data().inputs, slice(64))
    assert not wrong(match(model, planted, "activation", inputs).apply(planted), slots(model))


def rise(a, b, data):
    return barrier(a, b, data, points=11).max


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_barriers_of_trained_networks(name, capsys):
    """Prints a row of the table: `pytest -m slow tests/matching/test_families.py -s`."""
    family = FAMILIES[name]
    data = family.data()[:500]
    a, b = (trained(family, seed) for seed in (1, 2))
    found = symmetry(a, family.example)
    start = time.perf_counter()
    matching = match(a, b, data=family.example)
    seconds = time.perf_counter() - start
    before, after = rise(a, b, data), rise(a, matching.apply(b), data)
    near = copied(a)
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in near.parameters():
            tensor.add_(0.3 * tensor.std(correction=0) * torch.randn(tensor.shape, generator=rng))
    near = permute(near, random_orders(found, 3), found)
    perturbed = rise(a, near, data), rise(a, match(a, near, data=family.example).apply(near), data)
    assert after <= before + 0.05
    assert perturbed[1] <= 0.05
    change = max(float32_change(a, found, family.example, seed) for seed in range(3))
    planted = permute(a, random_orders(found, 5), found)
    exact = not wrong(match(a, planted, data=family.example).apply(planted), slots(a))
    assert exact
    with capsys.disabled():
        row = (
            *(name, "export" if family.exported else "fx"),
            f"{len(found.groups)} ({len(blocks(found))})",
            *(f"{change:.0e}", "exact" if exact else "no"),
            *(f"{before:.2f}", f"{after:.2f}"),
            *(f"{value:.2f}" for value in perturbed),
            f"{seconds:.1f}",
        )
        print("\n| " + " | ".join(row) + " |")
