"""The study of barriers along training: what a task measures, and claims of made-up courses."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lmctheory.networks import MLP, load_dataset, seeded_generators, train_many
from lmctheory.sweeps.measured import UNMATCHED, Aligned, Curves, Measured
from paper_figures.training_time import draw
from simulations.training import Training
from simulations.training_time.command import training_time
from simulations.training_time.measurement import ALIGNMENTS, MATCHED, AtMidpoint, Seen, Task, run
from simulations.training_time.summary import (
    FITTED,
    Course,
    claims,
    courses,
    report,
    require_one_study,
)

EPOCHS = (0, 1, 2, 4, 8, 16)
TASK = Task("digits", 1, 6, 2, 3, 1, Training(4, learning_rate=0.05, schedule="constant"))


@pytest.fixture(scope="module")
def seen():
    return run(TASK)


def test_networks_are_those_of_one_training(seen):
    data = load_dataset("digits")
    initial = [MLP((64, 6, 10), rng=seeded_generators(seed)[0]) for seed in TASK.seeds]
    config = TASK.training.config
    later = train_many(initial, data.train, config, seeds=TASK.seeds, span=(0, 2))
    accuracy = [
        float((network(data.test.inputs).argmax(1) == data.test.labels).float().mean())
        for network in later
    ]
    curves = seen.measured.aligned[UNMATCHED].test.accuracy
    assert [ends[k] for ends in curves for k in (-1, 0)] == pytest.approx(accuracy)
    assert replace(TASK, epoch=0).seeds == TASK.seeds != replace(TASK, width=7).seeds
    before = run(replace(TASK, epoch=0)).measured.aligned[UNMATCHED].train.accuracy
    assert np.mean(before) < 0.3 < np.mean([ends[0] for ends in curves])


def test_certificates_bound_what_is_measured(seen):
    for name in ALIGNMENTS:
        at, test = seen.midpoint[name], seen.measured.aligned[name].test
        assert np.all(np.array(at.certified_barrier) >= np.array(test.midpoint) - 1e-6)
        assert np.all(np.array(at.error_bound) >= np.array(at.function_error) * (1 - 1e-5))
        middle = np.array(test.accuracy)[:, 5]
        assert np.all(np.array(at.certified_accuracy) <= middle + 1e-6)
        assert min(at.function_error) > 0.1
    assert sum(seen.midpoint[MATCHED].function_error) < sum(seen.midpoint[UNMATCHED].function_error)


def test_the_function_error_is_that_of_the_midpoint(seen):
    data = load_dataset("digits")
    initial = [MLP((64, 6, 10), rng=seeded_generators(seed)[0]) for seed in TASK.seeds]
    a, b = train_many(
        initial, data.train, TASK.training.config, seeds=TASK.seeds, span=(0, TASK.epoch)
    )[:2]
    middle = MLP((64, 6, 10), rng=torch.Generator())
    with torch.no_grad():
        for p, p_a, p_b in zip(middle.parameters(), a.parameters(), b.parameters(), strict=True):
            p.copy_((p_a + p_b) / 2)
        x = data.test.inputs
        apart = middle(x) - (a(x) + b(x)) / 2
    found = seen.midpoint[UNMATCHED].function_error[0]
    assert found == pytest.approx(float(apart.square().sum(1).mean().sqrt()), rel=1e-4)


def test_diverged_networks_are_named():
    diverging = replace(TASK.training, learning_rate=1e30)
    with pytest.raises(ValueError, match="training diverged to NaN weights"):
        run(replace(TASK, training=diverging))


def curves(barriers, accuracy):
    """Three points: the ends are without loss, and the error rises as the loss does."""
    loss = [[0.0, value, 0.0] for value in barriers]
    hit = [
        [share, share - value / 10, share] for share, value in zip(accuracy, barriers, strict=True)
    ]
    return Curves(loss, hit, list(barriers), list(barriers))


def made(size, *, depth=1, width=8, fitted=4, pairs=6, noise=0.01, seed=0):
    """A course of barriers about size(epoch), of networks that fit from an epoch on."""
    rng = np.random.default_rng([seed, depth, width])
    found = []
    for epoch in EPOCHS:
        values = size(epoch) + noise * rng.standard_normal(pairs)
        share = [1.0 if epoch >= fitted else 0.5] * pairs
        both = curves(values.tolist(), share)
        aligned = {name: Aligned(both, both, {"data": [[0.1]] * pairs}) for name in ALIGNMENTS}
        at = AtMidpoint(*[[0.1] * pairs] * 4)
        found.append(Seen(Measured([], aligned), dict.fromkeys(ALIGNMENTS, at)))
    return Course(depth, width, EPOCHS, found)


def bump(height, at=4):
    return lambda epoch: height * 0.5 ** abs(np.log2((1 + epoch) / (1 + at)))


def verdicts(found, kind):
    return {claim.text: claim.verdict for claim in claims(found) if claim.text.startswith(kind)}


def test_a_peak_where_networks_fit_is_reproduced():
    found = [made(bump(2), width=8), made(bump(1), width=16)]
    assert set(verdicts(found, "(a)").values()) == {"reproduced"}
    assert set(verdicts(found, "(b)").values()) == {"reproduced"}
    assert set(verdicts(found, "(c)").values()) == {"reproduced"}
    assert set(verdicts(found, "(f)").values()) == {"reproduced"}
    assert set(verdicts(found, "(d)").values()) == {"undecided"}  # of one depth
    assert set(verdicts(found, "(e)").values()) == {"undecided"}  # all widths fit


def test_a_peak_elsewhere_is_different():
    early = [made(bump(2, at=0), fitted=8)]
    assert set(verdicts(early, "(a)").values()) == {"different"}
    rising = [made(lambda epoch: 1.0 + epoch)]
    assert set(verdicts(rising, "(a)").values()) == {"different"}
    assert set(verdicts(rising, "(b)").values()) == {"not reproduced"}


def test_noise_alone_does_not_fall_after_its_peak():
    effects = [
        claim.effect.mean.value
        for seed in range(60)
        for claim in claims([made(lambda _: 1.0, noise=0.1, seed=seed)])
        if claim.text == "(b) 1 loss none"
    ]
    course = made(lambda _: 1.0, noise=0.1)
    own = course.barrier(UNMATCHED, "test loss")
    assert np.mean(own.max(0) - own[-1]) > 0.08
    assert abs(np.mean(effects)) < 4 * np.std(effects) / np.sqrt(len(effects))


def test_depth_and_width_are_judged_on_their_own_sides():
    shallow = [made(bump(1), width=width) for width in (8, 16)]
    deep = [made(bump(3), depth=3, width=width) for width in (8, 16)]
    [claim, *_] = [claim for claim in claims(shallow + deep) if claim.text.startswith("(d)")]
    assert claim.effect.mean.value == pytest.approx(2, abs=0.02)
    assert set(verdicts(shallow + deep, "(d)").values()) == {"reproduced"}
    turned = [replace(one, depth=4 - one.depth) for one in shallow + deep]
    assert set(verdicts(turned, "(d)").values()) == {"different"}
    # over widths: the narrowest does not fit, the next has the largest barrier
    narrow = made(bump(0.5), width=4, fitted=99)
    found = [narrow, made(bump(2), width=8), made(bump(1), width=16)]
    assert not narrow.fits
    assert set(verdicts(found, "(e)").values()) == {"reproduced"}
    assert narrow.fitted == [None] * 6
    higher = [made(bump(5), width=4, fitted=99), *found[1:]]
    assert set(verdicts(higher, "(e)").values()) == {"different"}


def test_times_are_those_of_every_pair():
    course = made(bump(2, at=8), fitted=2)
    assert course.fitted == [2] * 6
    assert course.peaks(MATCHED, "test loss") == [8] * 6
    assert course.delays(MATCHED, "test loss") == pytest.approx([np.log2(3)] * 6)
    assert course.barrier(MATCHED, "test error") == pytest.approx(
        course.barrier(MATCHED, "test loss") / 10
    )
    assert FITTED == 0.99


def test_results_of_one_study_alone_are_reported(seen):
    tasks = [replace(TASK, epoch=epoch) for epoch in (0, 2)]
    results = [(task, seen) for task in tasks]
    [course] = courses(results)
    assert course.epochs == [0, 2]
    assert len(report(results)) == 4
    assert draw(results).axes
    with pytest.raises(ValueError, match="the results mix studies"):
        require_one_study([*results, (replace(TASK, seed=5), seen)])


def test_the_study_names_all_times_of_every_shape():
    tasks = list(training_time(width=[8, 4], epoch=[2, 0], depth=[2]))
    assert [(task.width, task.epoch) for task in tasks] == [(4, 0), (4, 2), (8, 0), (8, 2)]
    assert {task.training.epochs for task in tasks} == {2}
    assert {task.training.schedule for task in tasks} == {"constant"}
