"""The study of learning rates: what it measures, its correlations, verdicts and tables."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import spearmanr

from lmctheory.matching import match
from lmctheory.networks import load_dataset
from lmctheory.paths import interpolate
from lmctheory.rates import participation_ratio
from simulations.learning_rate_sweep.command import learning_rate_sweep
from simulations.learning_rate_sweep.correlations import Correlation, power
from simulations.learning_rate_sweep.measurement import (
    MATCHINGS,
    THEIRS,
    UNMATCHED,
    Aligned,
    Compared,
    Measured,
    Pair,
    Task,
    run,
)
from simulations.learning_rate_sweep.summary import report, settings
from simulations.training import Training, trained_mlps

TRAINING = Training(1, 64, 0.05, warmup_steps=3, warmup_from=1e-6)
TASK = Task("digits", 2, 6, 1, 1, TRAINING, 0)


@pytest.fixture(scope="module")
def measured():
    [pair] = run(TASK).pairs
    return pair


@pytest.fixture(scope="module")
def networks():
    data, law = load_dataset("digits"), "lecun_truncated"
    a, b = trained_mlps(data, (64, 6, 6, 10), TRAINING.config, TASK.seeds, initialisation=law)
    return a, b, data


def test_pairs_keep_their_seeds_whatever_else_is_measured():
    both = replace(TASK, first=0, pairs=2)
    assert both.seeds[2:] == TASK.seeds
    assert len(set(both.seeds)) == 4
    other = replace(TASK, training=replace(TRAINING, learning_rate=0.01))
    assert not set(other.seeds) & set(both.seeds)


@torch.no_grad()
def test_dimensions_are_those_of_the_published_formulas(measured, networks):
    """W^T W, W Sigma W^T, and the second moment of activations, module by module."""
    a, _, data = networks
    x = data.train.inputs.double()
    for layer, linear in enumerate(a.linears[:-1]):
        W = linear.weight.double()
        about = W - W.mean(0)
        phi = torch.relu(x @ W.mT + linear.bias.double())
        sigma, covariance = x.mT @ x, x.mT.cov(correction=0)
        after = a.linears[layer + 1].weight.double()
        touched = torch.cat([W, linear.bias.double()[:, None], after.mT], 1)
        expected = {
            ("naive", "dimension"): W.mT @ W,
            ("naive", "centred"): about.mT @ about,
            ("weighted", "dimension"): W @ sigma @ W.mT,
            ("weighted", "centred"): W @ covariance @ W.mT,
            ("weighted", "law"): about @ sigma @ about.mT,
            ("covariance", "dimension"): phi.mT @ phi,
            ("covariance", "centred"): phi.mT.cov(),
            ("covariance", "law"): (phi - phi.mean(1, keepdim=True)).mT.cov(),
            ("activation", "dimension"): phi.mT @ phi,
            ("activation", "law"): _squares(phi - phi.mean(1, keepdim=True)),
            ("weight", "dimension"): _squares(touched),
        }
        for (matching, kind), S in expected.items():
            found = getattr(measured.aligned[matching].compared, kind)[layer]
            assert found == pytest.approx(participation_ratio(S.numpy()), rel=1e-6), matching
        x = phi


def _squares(rows):
    return rows.mT @ rows


@torch.no_grad()
def test_matchings_gain_what_the_published_algorithm_does(networks):
    """Layer by layer an assignment each, on weights or the covariance of activations."""
    a, b, data = networks
    x = data.train.inputs.double()
    for name in THEIRS:
        found = match(
            a,
            b,
            "activation" if name == "covariance" else name,
            data.train.inputs,
            centred=name == "covariance",
        )
        seen_a, seen_b, columns = x, x, np.arange(64)
        layers = zip(a.linears[:2], b.linears[:2], found.permutations.values(), strict=True)
        for of_a, of_b, order in layers:
            W_a, W_b = of_a.weight.double(), of_b.weight.double()[:, columns]
            sigma = seen_a.mT @ seen_a / len(x)
            seen_a, seen_b = (
                torch.relu(seen @ one.weight.double().mT + one.bias.double())
                for seen, one in ((seen_a, of_a), (seen_b, of_b))
            )
            gain = {
                "naive": W_a @ W_b.mT,
                "weighted": W_a @ sigma @ W_b.mT,
                "covariance": (seen_a - seen_a.mean(0)).mT @ (seen_b - seen_b.mean(0)),
            }[name].numpy()
            rows, columns = linear_sum_assignment(gain, maximize=True)
            # neurons that are dead may stand in any order
            assert gain[rows, order].sum() == pytest.approx(gain[rows, columns].sum()), name
            columns = order


@torch.no_grad()
def test_losses_are_those_of_the_aligned_networks(measured, networks):
    a, b, data = networks
    loss = torch.nn.CrossEntropyLoss()
    for name, found in measured.aligned.items():
        aligned = b
        if name != UNMATCHED:
            method = "activation" if name == "covariance" else name
            matching = match(a, b, method, data.train.inputs, centred=name == "covariance")
            aligned = matching.apply(b)
        middle = interpolate(a, aligned, 0.5)(data.test.inputs)
        assert found.midpoint == pytest.approx(float(loss(middle, data.test.labels)), rel=1e-5)
        assert found.barrier >= found.midpoint - np.mean(measured.losses) - 1e-6
        error = middle - (a(data.test.inputs) + b(data.test.inputs)) / 2
        scale = sum(net(data.test.inputs).square().sum() for net in (a, b)) / 2
        assert found.error == pytest.approx(float(error.square().sum() / scale) ** 0.5, rel=1e-4)
    ends = [float(loss(net(data.test.inputs), data.test.labels)) for net in (a, b)]
    assert measured.losses == pytest.approx(ends, rel=1e-5)


@torch.no_grad()
def test_costs_are_relative_to_neurons_with_nothing_in_common(measured, networks):
    a, b, data = networks
    matching = match(a, b, "naive")
    W = a.linears[0].weight
    apart = (W - matching.apply(b).linears[0].weight).square().sum() / (2 * W.square().sum())
    assert measured.aligned["naive"].compared.cost[0] == pytest.approx(float(apart), rel=1e-5)
    x = data.train.inputs
    aligned = match(a, b, "activation", x, centred=True).apply(b)
    phi, other = (torch.relu(net.linears[0](x)) for net in (a, aligned))
    phi, other = phi - phi.mean(0), other - other.mean(0)
    apart = (phi - other).square().sum() / (2 * phi.square().sum())
    found = measured.aligned["covariance"].compared.cost[0]
    assert found == pytest.approx(float(apart), rel=1e-4)
    Z = x @ W.mT
    differs = Z - x @ b.linears[0].weight.mT
    expected = differs.square().sum() / (2 * Z.square().sum())
    assert measured.aligned[UNMATCHED].on_data[0] == pytest.approx(float(expected), rel=1e-4)
    least = min(aligned.on_data[0] for aligned in measured.aligned.values())
    assert least == measured.aligned["weighted"].on_data[0]


def test_networks_that_did_not_train_have_not_moved():
    still = Training(1, 64, 1e-12)
    [pair] = run(replace(TASK, training=still)).pairs
    assert max(pair.moved) < 1e-12


def test_diverged_networks_are_refused():
    with pytest.raises(ValueError, match="training diverged to NaN weights at rate 1e"):
        run(replace(TASK, training=Training(2, 64, 1e20, momentum=0.0, schedule="constant")))


def test_sgd_is_trained_as_published_and_adam_at_a_constant_rate():
    tasks = list(learning_rate_sweep(pairs=1, width=[8]))
    rates = [task.training.learning_rate for task in tasks if task.training.optimiser == "sgd"]
    assert rates == pytest.approx(np.geomspace(1e-4, 0.1, 6), rel=1e-3)
    first = tasks[0].training.config
    assert first.rate(0, 100) == 1e-6
    assert first.rate(10, 100) == 1e-4
    adam = tasks[-1].training.config
    assert adam.rate(0, 100) == adam.rate(99, 100) == pytest.approx(0.01)


def test_correlations_within_cells():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 40))
    found = Correlation.of(x, y, [()] * 40)
    assert found.value == pytest.approx(spearmanr(x, y).statistic)
    assert np.arctanh(found.high) - np.arctanh(found.low) == pytest.approx(
        2 * 1.96 * np.sqrt(1.06 / 37), rel=1e-3
    )
    # a shift that cells have in common is no correlation within them, and none is left of it
    cells = np.repeat([0, 1], 20)
    shifted = Correlation.of(x + 10 * cells, y + 10 * cells, cells)
    assert Correlation.of(x + 10 * cells, y + 10 * cells, [()] * 40).value > 0.7
    assert abs(shifted.value) < 0.4
    assert shifted.freedom == 36
    assert Correlation.of([*x, np.nan], [*y, 1.0], [()] * 41) == found
    assert Correlation.of(np.tile(x, 3), np.tile(y, 3), [()] * 120, copies=3).freedom < 38
    assert Correlation.of(x[:6], y[:6], [()] * 6) is None
    assert Correlation.of(x, np.ones(40), [()] * 40) is None


def test_intervals_hold_no_correlation_as_often_as_they_say():
    """400 times; 20 misses of 5 % are expected, and more than 36 have a chance of 3e-4."""
    rng = np.random.default_rng(1)
    draws = rng.standard_normal((400, 2, 24))
    found = [Correlation.of(x, y, np.repeat([0, 1, 2], 8)) for x, y in draws]
    assert sum(one.low * one.high > 0 for one in found) <= 36


def test_the_power_is_the_share_of_intervals_without_0():
    assert power(0.0, 30) == pytest.approx(0.025, rel=1e-3)
    assert power(0.5, 10) < 0.8 < power(0.5, 30)


def pair_of(midpoints, barriers, dimension, accuracy):
    aligned = {UNMATCHED: Aligned(2.0, 1.5, 0.9, 1.2, [0.8, 0.7])}
    for name in MATCHINGS:
        compared = Compared([dimension] * 2, [7.0, 8.0], [2.0, 3.0], [0.5, 0.6])
        aligned[name] = Aligned(midpoints[name], barriers[name], 0.3, 1.1, [0.2, 0.1], compared)
    return Pair([0.1, 0.12], [accuracy, 0.92], [0.4, 0.5, 0.6], aligned)


def synthetic(naive_rises=1.0):
    """Losses fall with the rate, dimensions rise, naive is worst; the least rate learns nothing."""
    results = []
    for place, width in product(range(6), (8, 16)):
        training = replace(TRAINING, learning_rate=1e-4 * 4**place)
        pairs = []
        for k in range(4):
            rng = np.random.default_rng([place, width, k])
            loss = 1 / (1 + place) + 0.01 * rng.standard_normal()
            losses = dict.fromkeys(MATCHINGS, loss)
            losses["naive"] += naive_rises * 0.5 + 0.01 * rng.standard_normal()
            barriers = {name: value - 0.1 if place else 0.0 for name, value in losses.items()}
            accuracy = 0.9 if place else 0.89
            pairs.append(pair_of(losses, barriers, 1 + place + 0.1 * rng.random(), accuracy))
        results.append((Task("digits", 2, width, 0, 4, training, 0), Measured(pairs)))
    return results


def test_tables_show_what_was_measured():
    results = synthetic()
    losses, barriers, dimensions, centred, others, correlations, verdicts = report(results)
    assert [row["width"] for row in losses.records] == [8] * 6 + [16] * 6
    assert losses.records[0]["networks"] == pytest.approx(0.11)
    assert barriers.records[0]["unmatched"] == pytest.approx(1.5)
    assert barriers.records[0]["moved"] == pytest.approx(0.45)
    assert [row["naive dimension 2"] for row in dimensions.records] == sorted(
        row["naive dimension 2"] for row in dimensions.records
    )
    assert {row["weighted law 1"] for row in centred.records} == {2.0}
    assert others.records[0]["weight cost"] == pytest.approx(0.55)
    rows = {(row["matching"], row["predictor"]): row for row in correlations.records}
    assert rows["weighted", "dimension"]["given width"].startswith("-.1")
    assert rows["weighted", "cost"]["all pairs"] is None  # all the same
    found = {(row["claim"], row["matching"]): row["verdict"] for row in verdicts.records}
    for name in THEIRS:
        assert found["midpoint loss falls with rate", name] == "reproduced"
        rises = "different" if name == "naive" else "reproduced"
        assert found["dimension falls, rises, rises", name] == rises
        assert found["barrier falls with rate", name] == "not reproduced"
        assert found["... where accuracy is over .9", name] == "reproduced"
        assert found["... and accuracy is over .9", name] == "different"
        assert found["... given the rate as well", name] in ("not reproduced", "undecided")
    assert found["low dimension, low midpoint loss", "all three"] == "different"
    assert found["naive worst below the last rate", "naive"] == "reproduced"
    assert found["naive best at the last rate", "naive"] == "different"


def test_one_task_for_each_pair_says_the_same_as_one_for_all():
    apart = [
        (replace(task, first=k, pairs=1), Measured([pair]))
        for task, measured in synthetic()
        for k, pair in reversed(list(enumerate(measured.pairs)))
    ]
    assert settings(apart) == settings(synthetic())
    for one, other in zip(report(apart), report(synthetic()), strict=True):
        assert one.cells == other.cells


@pytest.mark.parametrize(
    ("rises", "expected"),
    [(-1.0, ["different", "reproduced"]), (0.0, ["undecided", "undecided"])],
)
def test_naive_is_not_worst_everywhere(rises, expected):
    [*_, verdicts] = report(synthetic(rises))
    assert [row["verdict"] for row in verdicts.records[-2:]] == expected


def test_the_published_size_stands_beside_the_published_figure():
    [task, measured] = synthetic()[0]
    training = Training(50, 500, 0.1, warmup_steps=10, warmup_from=1e-6)
    task = replace(task, dataset="mnist", depth=3, width=512, training=training)
    [*_, losses, dimensions] = report([(task, measured)])
    [row] = losses.records
    assert (row["networks"], row["naive fig."]) == (pytest.approx(0.11), 0.0845)
    assert dimensions.records[0]["naive fig."] == 218
    other = replace(task, training=replace(training, epochs=5))
    assert len(report([(other, measured)])) == len(report([(task, measured)])) - 2
