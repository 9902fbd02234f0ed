"""The study of certificates, small: records against direct computation, tables, figure."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lmctheory.matching import match
from lmctheory.networks import Examples, load_dataset
from lmctheory.paths import barrier, certified_barrier, certify, interpolate
from paper_figures import path_certificates as figure_module
from simulations.path_certificates.command import path_certificates
from simulations.path_certificates.decisions import run_decided, wrongly_refuted
from simulations.path_certificates.measurement import ALIGNMENTS, NODES, run
from simulations.path_certificates.networks import NETWORKS, trained_pairs
from simulations.path_certificates.summary import (
    decided,
    matching_ratios,
    outside,
    require_one_study,
    summarise,
    violations,
)
from simulations.path_certificates.tables import report
from simulations.path_certificates.tasks import (
    Decided,
    DecidingTask,
    Measured,
    Task,
    Whole,
)


def config(**changes):
    usual = Task("digits", "MLP 2", width=8, weight_decay=1e-3, pairs=2, examples=20, seed=0)
    return replace(usual, **changes)


def deciding(**changes):
    usual = DecidingTask("digits", "MLP 2", 8, 1e-3, pairs=2, examples=20, seed=0, budget=300)
    return replace(usual, **changes)


@pytest.fixture(scope="module")
def decisions():
    tasks = [deciding(), deciding(architecture="MLP 8 near", width=8, pairs=1)]
    return [(task, run_decided(task)) for task in tasks]


@pytest.fixture(scope="module")
def results():
    one = config()
    wider = config(width=12, pairs=1)
    return [(one, run(one)), (wider, run(wider))]


@pytest.fixture(scope="module")
def convolutional():
    tasks = [
        config(architecture=name, width=2, pairs=1, examples=10) for name in ("CNN", "CNN near")
    ]
    return [(task, run(task)) for task in tasks]


def test_a_record_is_what_its_networks_give(results):
    task, record = results[0]
    data = load_dataset("digits")
    test = Examples(data.test.inputs[:20], data.test.labels[:20])
    a, b = trained_pairs(task, data)[1]
    aligned = match(a, b, "activation", data.train.inputs).apply(b)
    whole = certify(a, aligned, test, nodes=NODES[-1])
    pair = record.pairs["activation"][1]
    assert pair.c4 == {
        NODES[-1]: Whole(whole.accuracy, whole.attainable, whole.loss, whole.barrier)
    }
    x = test.inputs.double()
    gap = interpolate(a, aligned, 0.5)(x) - (a(x) + aligned(x)) / 2
    assert pair.error == pytest.approx(float(gap.detach().square().sum(1).mean().sqrt()), rel=1e-12)


def test_a_decision_is_what_its_networks_give(decisions):
    task, record = decisions[0]
    data = load_dataset("digits")
    test = Examples(data.test.inputs[:20], data.test.labels[:20])
    a, b = trained_pairs(task, data)[1]
    pair = record.pairs["unmatched"][1]
    whole, curve = certify(a, b, test, complete=True), barrier(a, b, test)
    assert (pair.certified, pair.refuted) == (whole.accuracy, whole.refuted.mean())
    assert (pair.undecided, pair.wrong, pair.narrowest) == (0, 0, whole.narrowest)
    assert pair.c4 == certify(a, b, test, nodes=NODES[-1]).accuracy <= pair.certified
    assert (pair.barrier, pair.midpoint) == (curve.max, curve.midpoint)
    x, labels = test.inputs.double(), test.labels
    right = [interpolate(a, b, t)(x).argmax(1) == labels for t in curve.t.tolist()]
    assert pair.attainable == torch.stack(right).all(0).double().mean()
    enclosed = certified_barrier(a, b, test)
    assert pair.intervals.barrier == enclosed.max
    assert pair.intervals.drop == enclosed.accuracy_drop
    assert pair.intervals.found == pytest.approx(enclosed.max.lower, rel=1e-6)
    assert min(pair.grid, pair.seconds, pair.c4_seconds, pair.intervals.seconds) > 0


def test_deep_networks_are_decided_only_on_few_examples(decisions):
    _, record = decisions[1]
    (pair,) = record.pairs["weighted"]
    assert list(record.pairs) == ["weighted"]
    assert (pair.c4, pair.c4_seconds, pair.intervals) == (None, None, None)
    assert pair.certified + pair.refuted == pytest.approx(1)
    near = NETWORKS["ResNet-20 near"]
    assert (near.examples(360), near.examples(10), near.pairs(9)) == (200, 10, 4)
    assert NETWORKS["MLP 3"].examples(360) == 360
    plan = path_certificates(architecture=["MLP 8", "CNN"], width=[8])
    assert [(type(task), task.architecture) for task in plan] == [
        (Task, "CNN"),
        (DecidingTask, "MLP 8"),
        (DecidingTask, "CNN"),
    ]
    assert {type(task) for task in path_certificates(part=["bounded"])} == {Task}


def test_an_example_that_is_refuted_where_it_is_right_counts_as_wrong():
    data = load_dataset("digits")
    test = Examples(data.test.inputs[:20], data.test.labels[:20])
    a, b = trained_pairs(deciding(pairs=1), data)[0]
    whole = certify(a, b, test, complete=True)
    assert whole.refuted.any()
    assert wrongly_refuted(a, b, test, whole) == 0
    assert wrongly_refuted(a, b, test, replace(whole, t=np.full(20, 0.5))) > 0


def test_what_contradicts_a_decision_is_counted(decisions):
    shapes = decided(decisions)
    assert outside(shapes) == (0, 4 * 4 + 1)
    first, *rest = shapes

    def contradictions(change):
        pairs = [change(pair) for pair in first.pairs["weighted"]]
        changed = replace(first, pairs=first.pairs | {"weighted": pairs})
        return outside([changed, *rest])[0]

    def narrowed(field, factor):
        def change(pair):
            ends = tuple(factor * end for end in getattr(pair.intervals, field))
            return replace(pair, intervals=replace(pair.intervals, **{field: ends}))

        return change

    for field in ("barrier", "midpoint", "drop"):
        assert contradictions(narrowed(field, 0.9)) == 2
    assert contradictions(narrowed("barrier", 1.1)) == 2
    assert contradictions(lambda pair: replace(pair, wrong=1)) == 2


def test_pairs_and_shapes_share_no_network():
    data = load_dataset("digits")
    pairs = [
        *trained_pairs(config(), data),
        *trained_pairs(config(weight_decay=0.0), data),
        *trained_pairs(config(seed=1), data),
        *trained_pairs(config(architecture="MLP 1"), data),
    ]
    weights = [model.linears[0].weight for pair in pairs for model in pair]
    assert all(not torch.equal(u, v) for i, u in enumerate(weights) for v in weights[:i])


def test_spawned_networks_are_near_and_few():
    data = load_dataset("digits")

    def distances(name):
        pairs = trained_pairs(config(architecture=name, width=2, pairs=2), data)
        return [float((a.head.weight - b.head.weight).norm().detach()) for a, b in pairs]

    apart, near = distances("CNN"), distances("CNN near")
    assert len(apart) == len(near) == 2
    assert 0 < max(near) < min(apart) / 2
    assert [NETWORKS[name].pairs(5) for name in ("MLP 1", "CNN near")] == [5, 4]


def test_no_certificate_is_below_what_it_bounds_and_halved_ones_are(results, convolutional):
    shapes = summarise([*results, *convolutional])
    wrong, all_ = violations(shapes)
    per_pair = 4 * len(ALIGNMENTS) + 3 * (len(ALIGNMENTS) - 1 + len(NODES))
    convolutional_pair = 4 + 3 * len(NODES)
    assert (wrong, all_) == (0, 3 * per_pair + 2 * convolutional_pair)
    first, *rest = shapes
    halved = [
        replace(pair, c4=pair.c4 | {8: replace(pair.c4[8], barrier=pair.c4[8].barrier / 2)})
        for pair in first.pairs["weighted"]
    ]
    changed = replace(first, pairs=first.pairs | {"weighted": halved})
    assert violations([changed, *rest])[0] > 0


def test_ratios_are_geometric_and_count_the_best(results):
    factors = dict.fromkeys(ALIGNMENTS, 1.0) | {"naive": 0.25, "weight": 2.0}
    shapes = [
        replace(
            shape,
            pairs={
                name: [replace(pair, c1=factors[name]) for pair in pairs]
                for name, pairs in shape.pairs.items()
            },
        )
        for shape in summarise(results)
    ]
    ratios = matching_ratios(shapes)
    assert ratios.pairs == 3
    mean = ratios.logs["naive"]["C1"]
    assert (mean.value, mean.error) == (pytest.approx(np.log10(0.25)), 0.0)
    assert ratios.best["naive"]["C1"] == 1
    assert ratios.logs["weight"]["C1"].value == pytest.approx(np.log10(2))
    assert ratios.best["weight"]["C1"] == 0


def test_the_report_fits_into_100_columns_uncut(results, convolutional, decisions, printed):
    long = deciding(architecture="ResNet-20 BN near", width=8, weight_decay=1e-3)
    one = decisions[0][1].pairs["weighted"][0]
    slow = replace(one, seconds=12345.6, grid=1 / 7, c4_seconds=1e-4, pieces=98765.4)
    deep = Decided({"weighted": [slow, replace(one, intervals=None)]})
    all_ = [*results, *convolutional, *decisions, (long, deep)]
    lines = printed(report, all_).splitlines()
    assert sum("MLP 2" in line for line in lines) == 4 + 3 * 2
    assert sum("MLP 8 near" in line for line in lines) == 2
    assert sum("ResNet-20 BN near" in line for line in lines) == 3
    assert sum("CNN near" in line for line in lines) == 2
    assert any(line.strip().startswith("activation ") for line in lines)


def test_the_report_of_convolutional_networks_alone_compares_no_matchings(convolutional, printed):
    assert "relative to" not in printed(report, convolutional)


def test_the_figure_has_a_point_for_every_pair(results, convolutional):
    figure = figure_module.draw([*results, *convolutional])
    scatter, curves = figure.axes
    counts = [len(line.get_xydata()) for line in scatter.lines[:3]]
    assert counts == [3, 1, 1]
    for line in scatter.lines[:3]:
        x, y = line.get_xydata().T
        assert (y >= x).all()
    assert len(curves.lines) == 4


def test_the_figure_has_an_interval_for_every_decided_pair(results, decisions):
    figure = figure_module.draw([*results, *decisions])
    for axes in figure.axes[2:]:
        (intervals,), (measured, *_) = axes.collections, axes.lines
        ends = np.array([segment[:, 1] for segment in intervals.get_segments()])
        assert len(ends) == 2
        assert (measured.get_ydata() <= ends[:, 1]).all()
    with pytest.raises(ValueError, match="no certificates C1 to C4"):
        figure_module.draw(decisions)


def test_results_of_several_studies_are_not_drawn_together(results):
    one, wider = results[0], (config(width=12), Measured({}))
    require_one_study([one, wider])
    with pytest.raises(ValueError, match=r"mix studies with examples \[20, 50\]"):
        require_one_study([one, (config(examples=50), Measured({}))])
    fewer = (deciding(pairs=1), Decided({}))
    require_one_study([one, fewer])
    with pytest.raises(ValueError, match=r"mix studies with pairs \[1, 2\]"):
        require_one_study([one, fewer, (deciding(), Decided({}))])
