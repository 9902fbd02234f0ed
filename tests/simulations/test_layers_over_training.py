"""The study of layers along training: what a task measures, and claims of made-up courses."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lmctheory.layerwise import layers
from lmctheory.networks import (
    MLP,
    CausalTransformer,
    ViT,
    load_dataset,
    seeded_generators,
    train_many,
)
from lmctheory.networks.state import placed, slots
from simulations.layers_over_training.command import layers_over_training
from simulations.layers_over_training.measurement import (
    MATCHED,
    SHARED,
    UNMATCHED,
    WAYS,
    Measured,
    Pair,
    Task,
    run,
)
from simulations.layers_over_training.networks import NETWORKS, groups_of
from simulations.layers_over_training.summary import (
    Course,
    claims,
    courses,
    report,
    require_one_study,
)

TASK = Task("digits", "MLP", 8, 2, 1, 2, 50, 1, 1, NETWORKS["MLP"].training(2))
GROUPS = ["embed", "att 1", "fc 1", "att 2", "fc 2", "att 3", "fc 3", "head"]


@pytest.fixture(scope="module")
def measured():
    return run(TASK)


def test_groups_hold_every_layer_once():
    rng = torch.Generator().manual_seed(0)
    vit = ViT((1, 8, 8), 10, patch=2, width=8, depth=3, heads=4, rng=rng)
    text = CausalTransformer(27, context=16, width=8, depth=3, heads=4, rng=rng)
    for model in (vit, text):
        found = groups_of(model)
        assert list(found) == GROUPS
        names = [name for group in found.values() for name in group]
        assert sorted(names) == sorted(layer.name for layer in layers(model))
        assert found["att 2"] == (
            "blocks.1.attention_norm",
            "blocks.1.attention",
            "blocks.1.attention.out_proj",
        )
        assert found["head"] == ("norm", "head")
    mlp = MLP((4, 3, 2), rng=rng)
    assert groups_of(mlp) == {"1": ("layers.0",), "2": ("layers.1",)}


def test_barriers_are_those_of_averaged_weights(measured):
    data = load_dataset("digits")
    test = data.test[: TASK.examples]
    first, second = TASK.seeds[0]
    starts = [MLP((64, 8, 8, 10), rng=seeded_generators(s)[0]) for s in (first, second, first)]
    seeds = [first, second, second]
    a, b, twin = train_many(starts, data.train, TASK.training.config, seeds=seeds, span=(0, 1))

    def loss(model):
        with torch.no_grad():
            outputs = model(test.inputs)
        return float(torch.nn.functional.cross_entropy(outputs, test.labels))

    def averaged(base, other, names):
        ours, theirs = slots(base), slots(other)
        moved = {
            key: (ours[key] + theirs[key]) / 2
            for layer in layers(base)
            for key in layer.keys
            if layer.name in names
        }
        return placed(base, moved)

    for way, other in ((UNMATCHED, b), (SHARED, twin)):
        pair = measured.ways[way][0]
        ends = (loss(a) + loss(other)) / 2
        assert pair.losses == pytest.approx([loss(a), loss(other)], rel=1e-5)
        for names, found in (
            (["layers.1"], pair.single[1]),
            (["layers.0", "layers.1"], pair.from_input[1]),
            (["layers.1", "layers.2"], pair.from_output[1]),
        ):
            sides = [averaged(a, other, names), averaged(other, a, names)]
            expected = np.mean([loss(side) for side in sides]) - ends
            assert found == pytest.approx(expected, abs=1e-5)


def test_whole_sides_are_the_path(measured):
    assert measured.groups == ["1", "2", "3"]
    for way in WAYS:
        for pair in measured.ways[way]:
            assert pair.from_input[-1] == pytest.approx(pair.path)
            assert pair.from_output[-1] == pytest.approx(pair.path)
            assert pair.from_input[0] == pytest.approx(pair.single[0])
            assert pair.from_output[0] == pytest.approx(pair.single[-1])
            assert pair.edge[-1] <= 1e-6  # of the last layer: L1
            assert pair.curvature[-1] >= -1e-6
    assert measured.ways[MATCHED][0].losses == pytest.approx(measured.ways[UNMATCHED][0].losses)


def made(single, *, groups=GROUPS, whole=3.0, noise=0.01, pairs=6, seed=0):
    """A course of two times, of barriers of groups about the same numbers."""
    rng = np.random.default_rng(seed)
    times = []
    for _ in range(2):
        drawn = np.array(single) + noise * rng.standard_normal((pairs, len(groups)))
        flat = [0.1] * len(groups)
        times.append(
            [
                Pair([0.1, 0.1], whole, one.tolist(), flat, flat, flat, flat, flat, flat)
                for one in drawn
            ]
        )
    return Course("ViT", UNMATCHED, groups, (1, 2), times)


def verdicts(course):
    return {claim.text[:3]: claim.verdict for claim in claims([course])}


def test_early_layers_that_are_sensitive_are_seen():
    early = made([0.1, 1, 1, 0.2, 0.2, 0.2, 0.2, 0.1])
    assert verdicts(early) == {
        "(a)": "different",  # 1 is no tenth of 3
        "(b)": "reproduced",
        "(c)": "reproduced",
        "(d)": "reproduced",
        "(e)": "reproduced",
    }
    late = made([0.9, 0.1, 0.1, 0.1, 0.5, 0.1, 0.5, 0.9])
    assert verdicts(late) == {
        "(a)": "different",
        "(b)": "different",
        "(c)": "not reproduced",
        "(d)": "different",
        "(e)": "different",
    }


def test_nil_barriers_need_a_whole_one():
    assert verdicts(made([0.1] * 8))["(a)"] == "reproduced"
    assert verdicts(made([0.0] * 8, whole=0.05))["(a)"] == "undecided"
    assert verdicts(made([0.1] * 8, noise=1.0))["(b)"] == "undecided"


def test_other_networks_have_no_attention():
    mlp = made([0.1, 0.5, 0.1], groups=["1", "2", "3"])
    assert verdicts(mlp) == {"(a)": "different", "(b)": "reproduced"}


def test_results_of_one_study_alone_are_reported(measured):
    results = [(TASK, measured), (replace(TASK, epoch=2), measured)]
    assert [course.epochs for course in courses(results)] == [[1, 2]] * 3
    tables = report(results)
    assert len(tables) == 5
    assert max(len(line) for table in tables for line in table.text("table").splitlines()) <= 100
    with pytest.raises(ValueError, match="the results mix studies with seed"):
        require_one_study([*results, (replace(TASK, seed=5), measured)])
    with pytest.raises(ValueError, match="the results mix studies with width"):
        require_one_study([*results, (replace(TASK, width=9), measured)])
    other = replace(TASK, network="ViT", width=9)
    require_one_study([*results, (other, Measured([], {}))])


def test_the_study_names_all_times_of_every_network():
    tasks = list(layers_over_training(network=["characters", "MLP"], epoch=[2, 1], width=8))
    assert [(task.network, task.epoch) for task in tasks] == [
        *(("characters", 1), ("characters", 2), ("MLP", 1), ("MLP", 2))
    ]
    assert {task.training.epochs for task in tasks} == {2}
    assert tasks[0].seeds != tasks[2].seeds
    assert tasks[0].seeds == tasks[1].seeds
