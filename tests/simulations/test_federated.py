"""Clients that average some of their layers: splits, rounds, noise, tables and claims."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lmctheory.networks import MLP, TrainingConfig, load_dataset, train_many
from simulations.federated.clients import (
    AVERAGED,
    OWN_START,
    SPLITS,
    mean_network,
    partly_averaged,
    rounds,
    split,
)
from simulations.federated.command import federated
from simulations.federated.measurement import (
    DIRECTIONS,
    Measured,
    Outcome,
    basis,
    directions,
    rises,
    run,
)
from simulations.federated.summary import claims, report, rows

DATA = load_dataset("digits")


def networks(count, widths=(64, 6, 5, 10)):
    return [MLP(widths, rng=torch.Generator().manual_seed(k)) for k in range(count)]


def weights(network):
    return torch.cat([value.detach().flatten() for value in network.parameters()])


@pytest.mark.parametrize("kind", SPLITS)
def test_every_example_is_one_clients(kind):
    parts = split(DATA.train, kind, 8, 2, np.random.default_rng(0))
    joined = torch.cat([part.inputs.flatten(1) for part in parts])
    expected = DATA.train.inputs.flatten(1)
    assert sorted(map(tuple, joined.tolist())) == sorted(map(tuple, expected.tolist()))
    assert {len(part) for part in parts} <= {178, 179, 180}


def test_sorted_pieces_hold_few_classes():
    counts = {
        kind: [
            len(set(part.labels.tolist()))
            for part in split(DATA.train, kind, 8, 2, np.random.default_rng(1))
        ]
        for kind in SPLITS
    }
    assert counts["iid"] == [10] * 8
    assert max(counts["shards"]) <= 4  # two pieces, each shorter than a class


def test_the_named_layers_are_averaged_and_no_others():
    clients = networks(3)
    before = [weights(one) for one in clients]
    shared = partly_averaged(clients, ["layers.1"])
    mean = torch.stack([one.layers[1].weight for one in clients]).mean(0)
    for one, other in zip(shared, clients, strict=True):
        torch.testing.assert_close(one.layers[1].weight, mean)
        assert torch.equal(one.layers[0].weight, other.layers[0].weight)
        assert torch.equal(one.layers[2].bias, other.layers[2].bias)
    assert all(torch.equal(weights(one), old) for one, old in zip(clients, before, strict=True))


@pytest.fixture(scope="module")
def two_rounds():
    parts = split(DATA.train[:120], "iid", 3, 1, np.random.default_rng(0))
    config = TrainingConfig(epochs=2, batch_size=16, learning_rate=0.05, schedule="constant")
    found = list(rounds(networks(3), parts, config, 1, np.random.default_rng(5)))
    return parts, config, found


def test_rounds_train_from_what_the_last_one_shared(two_rounds):
    parts, config, (first, second) = two_rounds
    seeds = np.random.default_rng(5).integers(2**31, size=3)
    for kind in ("none", "last", "all"):
        for k, part in enumerate(parts):
            one = train_many(
                [first.shared[kind][k]], part, config, seeds=[int(seeds[k])], span=(1, 2)
            )
            torch.testing.assert_close(weights(one[0]), weights(second.local[kind][k]))


def test_what_is_averaged_is_what_its_name_says(two_rounds):
    _, _, (_, last) = two_rounds
    for kind in AVERAGED:
        one, other = last.shared[kind][:2]
        layers = zip(one.layers, other.layers, strict=True)
        same = [torch.equal(a.weight, b.weight) for a, b in layers]
        if kind == "random half":
            assert sum(same) == 1
        else:
            expected = {
                "all": [True, True, True],
                "all but first": [False, True, True],
                "all but last": [True, True, False],
                "first": [True, False, False],
                "last": [False, False, True],
            }
            assert same == expected.get(kind, [False] * 3)
    mean = mean_network(last.local["all"])
    torch.testing.assert_close(weights(last.shared["all"][0]), weights(mean))


def test_clients_have_a_common_start_but_for_one_kind(two_rounds):
    parts, config, (first, _) = two_rounds
    seeds = np.random.default_rng(5).integers(2**31, size=3)
    for kind, start in ((OWN_START, networks(3)[1]), ("none", networks(3)[0])):
        [one] = train_many([start], parts[1], config, seeds=[int(seeds[1])], span=(0, 1))
        torch.testing.assert_close(weights(one), weights(first.local[kind][1]))


def test_clients_that_diverge_are_told_of_the_rate():
    config = TrainingConfig(epochs=4, batch_size=16, learning_rate=1e6, schedule="constant")
    parts = split(DATA.train[:120], "iid", 3, 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"diverged by epoch 2: lower the learning rate"):
        list(rounds(networks(3), parts, config, 2, np.random.default_rng(5)))


def test_noise_is_inside_or_outside_the_differences():
    clients = networks(4)
    vectors = torch.stack([weights(one).double() for one in clients])
    span = basis(vectors[1:] - vectors[0])
    assert span.shape[1] == 3
    rng = torch.Generator().manual_seed(99)  # no seed of weights: noise would be like them
    drawn = directions(clients, vectors, span, (1, 2), rng)
    torch.testing.assert_close(drawn["difference"], vectors[2] - vectors[1])
    for kind in DIRECTIONS:
        unit = drawn[kind] / drawn[kind].norm()
        inside = float((span.T @ unit).norm())
        assert inside == pytest.approx(0 if "outside" in kind else 1, abs=1e-9)
    # the first layer's share of the norm is the difference's, but for what is projected away
    first = 64 * 6 + 6
    gap = (vectors[2] - vectors[1])[:first].norm() / (vectors[2] - vectors[1]).norm()
    by_layer = drawn["outside by layer"]
    assert float(by_layer[:first].norm() / by_layer.norm()) == pytest.approx(float(gap), rel=0.05)


def loss(vector, like, data):
    moved = MLP(like.widths, rng=torch.Generator())
    torch.nn.utils.vector_to_parameters(vector, moved.parameters())
    with torch.no_grad():
        return float(torch.nn.functional.cross_entropy(moved(data.inputs), data.labels))


def test_rises_between_two_clients_are_those_on_their_line():
    a, b = clients = networks(2)
    few = DATA.test[:20]
    found = rises(clients, DATA.test, [few, few], 0.3, 2, torch.Generator().manual_seed(0))
    unit = (weights(b) - weights(a)) / (weights(b) - weights(a)).norm()
    for k, data in enumerate((DATA.test, few)):
        expected = np.mean(
            [
                np.mean([loss(weights(one) + sign * 0.3 * unit, one, data) for sign in (1, -1)])
                - loss(weights(one), one, data)
                for one in clients
            ]
        )
        assert found["difference"][k] == pytest.approx(expected, abs=1e-5)
        assert found["span"][k] == pytest.approx(expected, abs=1e-5)  # it is that line
        assert abs(found["outside"][k] - expected) > 1e-4


SMALL = {"architecture": "MLP 2", "width": 8, "clients": 3, "rounds": 2, "repetitions": 2}


@pytest.fixture(scope="module")
def measured():
    tasks = list(federated(**SMALL, local_epochs=1, draws=1))[:2]
    return [(task, run(task)) for task in tasks]


def test_measurements_agree_with_each_other(measured):
    for task, one in measured:
        assert set(one.outcomes) == set(AVERAGED)
        for outcome in one.outcomes.values():
            assert len(outcome.accuracy) == len(outcome.loss) == 2
            assert outcome.distance > 0
        all_, none = one.outcomes["all"], one.outcomes["none"]
        assert all_.mean_loss == pytest.approx(all_.loss[-1], rel=1e-5)
        assert none.local_loss == none.loss[-1]
        assert all_.local_loss != all_.loss[-1]
        if task.split == "iid":
            assert one.classes == 10
            assert none.own_accuracy == none.accuracy[-1]
            assert none.own_rises == none.rises
        else:
            assert one.classes < 7
            assert none.own_accuracy > none.accuracy[-1]


OUTCOME = Outcome(
    accuracy=[0.5, 0.9],
    loss=[1.0, 0.3],
    mean_accuracy=0.9,
    mean_loss=0.3,
    own_accuracy=0.95,
    local_accuracy=0.85,
    local_loss=0.5,
    path=2.0,
    single=[0.01, 0.0, 0.02],
    distance=3.0,
    rises=dict.fromkeys(DIRECTIONS, 0.1) | {"difference": 1.0},
    own_rises=dict.fromkeys(DIRECTIONS, 0.2),
)


def made(**changes):
    """Results of the plan, those of some kinds changed, with a spread over repetitions."""
    results = []
    for task in federated(repetitions=4):
        by_kind = {}
        for kind in AVERAGED:
            one = replace(OUTCOME, **changes.get(kind.replace(" ", "_"), {}))
            shift = 0.001 * task.repetition * (1 + len(kind) % 3)
            by_kind[kind] = replace(
                one,
                accuracy=[*one.accuracy[:-1], one.accuracy[-1] + shift],
                path=one.path + shift,
                rises={name: value + shift * len(name) for name, value in one.rises.items()},
            )
        results.append((task, Measured(by_kind, 10.0 if task.split == "iid" else 3.0)))
    return results


def verdicts(results):
    return {one.text: one.verdict for one in claims(rows(results))}


def test_claims_hold_where_the_data_say_so():
    found = verdicts(made())
    assert len(found) == 26
    assert set(found.values()) == {"reproduced"}


def test_claims_fail_where_the_data_say_so():
    found = verdicts(
        made(
            random_half={"accuracy": [0.5, 0.8]},
            none={"single": [0.01, 0.9, 0.0], "rises": dict.fromkeys(DIRECTIONS, 0.5)},
            own_start={"path": -1.0},
            all={"rises": dict.fromkeys(DIRECTIONS, 0.5) | {"difference": 0.2}},
        )
    )
    assert found["(a) iid: random half"] == "different"
    assert found["(a) iid: all but last"] == found["(a') iid: random half"] == "reproduced"
    assert found["(b) iid none: large"] == "reproduced"
    assert found["(b) iid none: nil"] == "different"
    assert found["(b) shards own start: large"] == "different"
    assert found["(b) shards own start: nil"] == "undecided"
    assert found["(c) shards none: diff."] == "not reproduced"
    assert found["(c) shards all: diff."] == "different"


def test_tables_show_what_was_measured(printed):
    text = printed(report, made())
    assert "nan" not in text
    accuracies, barriers, noise, _ = report(made())
    assert [row["averaged"] for row in accuracies.records] == list(AVERAGED) * 2
    assert [row["classes"] for row in accuracies.records][::8] == [10.0, 3.0]
    assert accuracies.records[0]["before"] == pytest.approx(0.85)
    assert {row["largest"] for row in barriers.records} == {0.02}
    assert {row["inner"] for row in barriers.records} == {0.0}
    assert [row["own: difference"] for row in noise.records] == pytest.approx([0.2] * 16)


def test_results_of_two_studies_are_refused():
    mixed = [*made(), (replace(next(federated()), seed=7), made()[0][1])]
    with pytest.raises(ValueError, match="mix studies with seed"):
        report(mixed)
