"""Features of networks that part: training, measurements, settings, tables and claims."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lmctheory.layerwise import feature_connectivity, principal_angles
from lmctheory.matching import match
from lmctheory.networks import load_dataset, seeded_generators, train_many
from lmctheory.paths import barrier, interpolate, with_layers_of
from paper_figures.features import draw
from simulations.features import measurement
from simulations.features.claims import claims
from simulations.features.command import features
from simulations.features.measurement import (
    MATCHINGS,
    MIDDLE,
    POINTS,
    UNMATCHED,
    Aligned,
    Features,
    Measured,
    Stitched,
    Strength,
    Subspaces,
    run,
)
from simulations.features.settings import settings
from simulations.features.summary import report, require_one_study

DATA = load_dataset("digits")
SMALL = {"architecture": ["MLP 2"], "width": 8, "epochs": 2, "spawn": [0, 1], "pairs": 3}


def weights(network):
    return torch.cat([value.detach().flatten() for value in network.parameters()])


@pytest.fixture(scope="module")
def trained():
    tasks = {task.spawn: task for task in features(**SMALL) if task.pair == 0}
    return {spawn: (task, measurement._trained(task, DATA)) for spawn, task in tasks.items()}


def test_the_first_network_is_the_same_whenever_the_second_parts(trained):
    first = {spawn: weights(a) for spawn, (_, (a, _)) in trained.items()}
    torch.testing.assert_close(first[None], first[0])
    torch.testing.assert_close(first[0], first[1])
    second = [weights(b) for _, (_, b) in trained.values()]
    assert all((one - first[0]).norm() > 0.1 for one in second)
    assert (second[1] - second[2]).norm() > 0.1


def test_the_second_network_starts_where_its_setting_says(trained):
    task, (_, b) = trained[1]
    first, _, *orders = task.seeds
    build = measurement.NETWORKS["MLP 2"].build
    start = build(8, 8, seeded_generators(first)[0])
    again = train_many(
        [start, start], DATA.train, task.training.config, seeds=orders, trunk_epochs=1
    )
    torch.testing.assert_close(weights(again[1]), weights(b))
    apart = train_many([start], DATA.train, task.training.config, seeds=orders[1:])
    torch.testing.assert_close(weights(apart[0]), weights(trained[0][1][1]))


@pytest.fixture(scope="module")
def measured():
    return [(task, run(task)) for task in features(**SMALL, examples=60) if task.pair == 0]


def test_measurements_are_those_of_the_package(trained, measured):
    by_spawn = {task.spawn: one for task, one in measured if task.pair == 0}
    a, b = trained[None][1]
    few, train = DATA.test[:60], DATA.train[:60]
    other = match(a, b, "activation", train.inputs).apply(b)
    found = by_spawn[None].aligned["activation"]
    path = barrier(a, other, few, 11)
    assert found.barrier == pytest.approx(float(path.max), abs=1e-6)
    assert found.error == pytest.approx(float(path.max_accuracy_drop), abs=1e-6)
    assert found.midpoint.barrier == pytest.approx(float(path.midpoint), abs=1e-5)
    for place, t in enumerate(POINTS):
        expected = feature_connectivity(a, other, few, t)
        ours = found.features
        np.testing.assert_allclose(ours.dissimilarity[place], 1 - expected.mean("cosine"))
        np.testing.assert_allclose(ours.lewc_error[place], expected.mean("lewc_error"))
        np.testing.assert_allclose(ours.additivity[place], expected.mean("weak_additivity")[:-1])
    weight = [network.linears[1].weight.detach().numpy() for network in (a, other)]
    cosines = np.cos(principal_angles(*weight, 5))
    assert found.subspaces.read[1] == pytest.approx(np.square(cosines).mean())
    middle = interpolate(a, other, 0.5)
    kept = [with_layers_of(middle, end, ["layers.2"]) for end in (a, other)]
    losses = [float(barrier(one, one, few, 3).loss[0]) for one in kept]
    chord = float(path.loss[[0, -1]].mean())
    assert found.kept_last[1] == pytest.approx(np.mean(losses) - chord, abs=1e-5)
    first = [with_layers_of(x, y, ["layers.0"]) for x, y in ((b, a), (a, b))]
    errors = [1 - float(barrier(one, one, few, 3).accuracy[0]) for one in first]
    assert by_spawn[None].aligned[UNMATCHED].stitched.error[0] == pytest.approx(np.mean(errors))
    assert set(by_spawn[1].aligned) == {UNMATCHED}
    assert set(by_spawn[0].aligned) == {UNMATCHED, *MATCHINGS}


def test_layers_of_convolutions_are_counted_by_their_maps():
    task = next(features(architecture=["CNN"], width=4, epochs=1, spawn=[1]))
    found = run(replace(task, examples=40)).aligned["weight"]
    assert [len(row) for row in found.features.dissimilarity] == [4] * len(POINTS)
    assert [len(row) for row in found.features.additivity] == [3] * len(POINTS)
    assert len(found.stitched.error) == len(found.subspaces.angle) == 3
    assert len(found.kept_first) == len(found.midpoint.induced) == 4
    assert found.features.commutativity[0] == pytest.approx(0, abs=1e-12)
    assert np.isfinite(found.features.additivity).all()


def aligned(shift=0.0, *, connected=True):
    """All laws hold, or none does."""
    off = 0.0 if connected else 1.0
    small = 0.01 + 0.6 * off + shift
    strength = Strength(
        induced=[0.99 - 0.1 * off, 0.98 - 0.5 * off, 0.97 - 0.9 * off + shift],
        deviation=[1.0, 1.0 - 0.5 * off, 1.0 - 0.9 * off],
        share=[1.0] * 3,
        end_share=[1.0] * 3,
        barrier=0.01 + 2 * off,
        error=0.0,
    )
    return Aligned(
        barrier=0.001 + 2 * off + shift,
        error=0.001 + 0.5 * off + shift / 10,
        half=0.01 + 2 * off + shift,
        recalibrated=0.01 + off,
        features=Features(
            dissimilarity=[[small] * 3] * len(POINTS),
            coefficient=[[1.0 - small] * 3] * len(POINTS),
            llfc_error=[[small] * 3] * len(POINTS),
            lewc_error=[[small / 2] * 3] * len(POINTS),
            additivity=[[small] * 2] * len(POINTS),
            baseline=[0.3] * 3,
            commutativity=[0.0, off + shift, off],
            weights=[0.2 + 0.5 * off + shift] * 3,
            distance=[0.2 + 0.5 * off + shift] * 3,
        ),
        stitched=Stitched(
            loss=[0.2] * 2,
            error=[0.031 + 0.8 * off + shift / 10] * 2,
            fitted_loss=[0.1] * 2,
            fitted_error=[0.031 + shift / 10] * 2,
        ),
        subspaces=Subspaces(
            angle=[20.0 + 50 * off] * 2,
            overlap=[0.9 - 0.6 * off + shift] * 2,
            chance=[0.08] * 2,
            weights=[0.9 - 0.6 * off] * 3,
            read=[0.9 - 0.6 * off + shift] * 3,
        ),
        midpoint=strength,
        repaired=replace(
            strength, induced=[0.99, 0.98, 0.97], barrier=strength.barrier / 2 + shift
        ),
        kept_first=[0.1, 0.05, 0.0 + shift],
        kept_last=[0.1, 0.2, 0.2],
    )


def made(**changes):
    """Results of the plan, with a spread over pairs; what never met is apart unless matched."""
    results = []
    for task in features(pairs=4):
        shift = 0.001 * (1 + task.pair)
        apart = task.spawn in (None, 0)
        kinds = {UNMATCHED: aligned(shift, connected=not apart)}
        if not task.spawn:
            kinds |= {name: aligned(shift * (2 + k)) for k, name in enumerate(MATCHINGS)}
        kinds = {
            name: replace(one, **changes.get(f"{task.spawn} {name}", {}))
            for name, one in kinds.items()
        }
        results.append((task, Measured([0.1, 0.12], [0.03, 0.03], kinds)))
    return results


def verdicts(results, name="MLP 4"):
    found = {one.text: one.verdict for one in claims(settings(results)) if name in one.text}
    return {text.split(" ")[0]: verdict for text, verdict in found.items()}


def test_claims_hold_where_the_data_say_so():
    found = verdicts(made())
    assert len(found) == 36
    without_barriers = {"(f6)", "(f8)", "(f9)", "(f10)"}
    assert {key for key, verdict in found.items() if verdict == "undecided"} == without_barriers
    assert found["(a1)"] == "different"
    small = {"(c6)", "(c7)", "(e3)", "(f5)", "(f7)"}  # differences between two connected kinds
    others = {key for key, verdict in found.items() if verdict != "reproduced"}
    assert others <= small | without_barriers | {"(a1)"}


def test_claims_fail_where_the_data_say_so():
    bad = aligned(0.001, connected=False)
    rising = replace(bad.midpoint, induced=[0.9, 0.95, 0.99])
    found = verdicts(
        made(
            **{
                "4 unmatched": {"features": bad.features, "stitched": bad.stitched},
                "None weight": {"error": 0.3, "midpoint": bad.midpoint},
                "None unmatched": {"recalibrated": 5.0, "midpoint": rising},
            }
        )
    )
    assert found["(b1)"] == found["(b6)"] == found["(c1)"] == found["(d1)"] == "different"
    assert found["(b2)"] == found["(c2)"] == found["(d2)"] == "undecided"
    assert found["(f6)"] == found["(f9)"] == "reproduced"
    assert found["(b3)"] == found["(c3)"] == found["(d3)"] == "reproduced"
    assert found["(f1)"] == found["(g2)"] == "different"


def test_networks_that_are_connected_say_nothing_of_those_that_are_not():
    found = verdicts(made(**{"None unmatched": {"error": 0.001}}))
    assert found["(b4)"] == "undecided"


def test_tables_show_what_was_measured(printed):
    results = made()
    text = printed(report, results)
    assert "nan" not in text
    barriers, along, apart, by_layer, stitched, *_ = report(results)
    shown = {(row["network"], row["shared"], row["matching"]): row for row in barriers.records}
    assert shown["CNN", "own", "none"]["barrier"] == pytest.approx(2.0035)
    assert shown["CNN", "4", "none"]["error"] == pytest.approx(0.03)
    assert [row["matching"] for row in barriers.records][:3] == ["none", "weight", "activ."]
    llfc = [row["t = 0.5"] for row in along.records if row["law"] == "LLFC"]
    assert llfc[0] == pytest.approx(0.6125)
    assert apart.records[0]["com."] == pytest.approx(1.00125)
    assert by_layer.records[2]["add."] is None
    assert by_layer.records[0]["1-cos"] == pytest.approx(0.6125)
    assert stitched.records[0]["l = 1"] == pytest.approx(83.125)
    assert stitched.records[0]["fit 2"] == pytest.approx(3.125)


def test_the_plan_names_all_settings():
    tasks = list(features())
    assert {task.spawn for task in tasks} == {None, 0, 1, 2, 4}
    assert len(tasks) == 3 * 5 * 6
    assert {task.width for task in tasks if task.architecture == "CNN"} == {12}
    assert len({tuple(task.seeds) for task in tasks}) == 3 * 6


def test_figures_and_tables_want_one_study(measured):
    assert draw(measured).axes
    other = replace(measured[0][0], seed=7)
    with pytest.raises(ValueError, match="mix studies with seed"):
        require_one_study([*measured, (other, measured[0][1])])
    wide = replace(measured[0][0], width=9)
    with pytest.raises(ValueError, match="mix studies with width"):
        report([*measured, (wide, measured[0][1])])


def test_the_middle_is_in_the_middle():
    assert POINTS[MIDDLE] == 0.5
