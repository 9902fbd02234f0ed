"""The width sweep, small: measurements, table, figure."""

from dataclasses import replace

import numpy as np
import pytest

from lmctheory.sweeps.measured import METRICS, Measured
from paper_figures import width_sweep as figure_module
from simulations.training import Training
from simulations.width_sweep.measurement import ALIGNMENTS, ENCLOSED, PHASES, Task, run
from simulations.width_sweep.summary import costs, report, require_one_study, summarise
from tests.rarely import rarely

TIMES = np.linspace(0, 1, 25)
TRAINING = Training(epochs=2, batch_size=64, learning_rate=0.05)
EMPTY = Measured(layers=[], aligned={})


def config(phase="trained", depth=2, width=8, pairs=2):
    training = TRAINING if phase == "trained" else None
    return Task("digits", phase, depth, width, pairs, seed=0, training=training)


@pytest.fixture(scope="module")
def records():
    return {phase: run(config(phase)) for phase in PHASES}


@pytest.mark.parametrize("phase", rarely(PHASES, ["trained"]))
def test_a_task_is_reproducible(records, phase):
    assert run(config(phase)) == records[phase]


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("alignment", ALIGNMENTS)
def test_every_alignment_is_measured(records, phase, alignment):
    measured = records[phase].aligned[alignment]
    for split in (measured.train, measured.test):
        loss = np.array(split.loss)
        assert loss.shape == (2, len(TIMES))
        barrier = loss - (TIMES * loss[:, -1:] + (1 - TIMES) * loss[:, :1])
        np.testing.assert_allclose(split.max, barrier[:, 1:-1].max(axis=1), atol=1e-6)
        np.testing.assert_allclose(split.midpoint, barrier[:, len(TIMES) // 2], atol=1e-6)


def test_intervals_contain_the_barriers_of_trained_networks(records):
    for phase in PHASES:
        for alignment, measured in records[phase].aligned.items():
            asked = phase == "trained" and alignment in ENCLOSED
            assert (measured.enclosed is not None) == asked
    found = records["trained"].aligned["weighted"]
    for interval, largest in zip(found.enclosed, found.test.max, strict=True):
        # measured in float32 at some points, enclosed in float64 between them too
        assert interval.lower - 1e-3 <= largest <= interval.upper + 1e-5
        assert interval.upper - interval.lower <= 0.01 * max(interval.lower, 1e-3)


@pytest.mark.parametrize("phase", PHASES)
def test_matchings_are_optimal_in_their_metric(records, phase):
    """In the first layer, whose rows no earlier permutation touches."""
    for metric, method in METRICS.items():
        costs = {name: np.array(records[phase].aligned[name].cost[metric]) for name in ALIGNMENTS}
        for name in ALIGNMENTS:
            assert (costs[method][:, 0] <= costs[name][:, 0] * (1 + 1e-9)).all()


def test_shapes_of_one_phase_are_sorted_by_depth_and_width():
    shapes = [("trained", 2, 8), ("trained", 1, 16), ("initial", 1, 4), ("trained", 1, 8)]
    results = [(config(*shape), EMPTY) for shape in shapes]
    shapes = summarise(results, "trained")
    assert [(shape.task.depth, shape.task.width) for shape in shapes] == [(1, 8), (1, 16), (2, 8)]


def test_the_report_fits_into_100_columns_uncut(records, printed):
    results = [(config(phase), record) for phase, record in records.items()]
    text = printed(report, results)
    assert str(records["trained"].barrier("naive")) in text


def test_the_figure_shows_what_was_stored(records):
    figure = figure_module.draw(
        [(config(phase, width=w), records[phase]) for phase in PHASES for w in (8, 16)]
    )
    upper, lower = figure.axes
    lines = {line.get_label(): line.get_ydata() for line in upper.lines}
    naive = records["trained"].barrier("naive").value
    assert lines["naive"][0] == pytest.approx(naive)
    assert set(lines) >= set(ALIGNMENTS)
    measured = records["initial"].cost("weighted", "data", 1).value
    assert any(line.get_ydata()[0] == pytest.approx(measured) for line in lower.lines)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pairs": 3}, r"mix studies with pairs \[2, 3\]"),
        ({"training": replace(TRAINING, epochs=3)}, "different training options"),
        ({"width": 16}, "not complete"),
    ],
)
def test_results_of_several_studies_are_not_drawn_together(changes, message):
    results = [(config(phase), EMPTY) for phase in PHASES]
    require_one_study(results)
    with pytest.raises(ValueError, match=message):
        require_one_study([*results, (replace(config(), **changes), EMPTY)])


def test_one_pair_does_not_test_the_sandwich():
    single = config("initial", depth=1, width=4, pairs=1)
    shapes = summarise([(single, run(single))], "initial")
    assert "not tested, as one pair" in costs(shapes, "initial").caption


def test_shapes_share_no_networks():
    seeds = [s for d in (1, 2) for w in (8, 16) for s in config(depth=d, width=w).seeds]
    assert len(set(seeds)) == len(seeds)


def test_a_diverged_training_says_so():
    diverging = replace(config(), training=replace(TRAINING, learning_rate=1e30))
    with pytest.raises(ValueError, match="lower --learning-rate"):
        run(diverging)


@pytest.mark.parametrize("dataset", ["breast_cancer", "diabetes"])
def test_other_losses_and_tables_are_swept(dataset, printed):
    results = [
        (task, run(task))
        for phase in PHASES
        for task in [replace(config(phase, depth=1, width=4, pairs=1), dataset=dataset)]
    ]
    text = printed(report, results)
    assert "nan" not in text
    shown = summarise(results, "trained")[0].measured
    assert np.isnan(shown.accuracy().value) == (dataset == "diabetes")
    enclosed = shown.enclosed("weighted")
    assert enclosed is not None
    # the certified maximum is over all t, the ends among them, where the barrier is 0
    largest = max(0.0, shown.barrier("weighted").value)
    assert enclosed.lower - 1e-3 <= largest <= enclosed.upper + 1e-4
