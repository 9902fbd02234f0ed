"""The layer-wise study, small: records against direct computation, tables, figures."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lmctheory.layerwise.barriers.layer_barriers import windows
from lmctheory.networks import Examples, load_dataset
from lmctheory.sweeps.typed import dump
from paper_figures import layerwise_barriers, layerwise_features
from simulations.layerwise.answers import middle_window, outer_windows, violations
from simulations.layerwise.command import STUDY, layerwise
from simulations.layerwise.measurement import run
from simulations.layerwise.networks import (
    JOINING,
    NETWORKS,
    least_squares_pair,
    trained_pair,
)
from simulations.layerwise.summary import (
    WAYS,
    cells,
    pooled,
    ratio,
    require_one_study,
)
from simulations.layerwise.tables import report


@pytest.fixture(scope="module")
def results():
    """Some of the tasks, with small networks and little training; few pairs of the less tested."""
    names = ["MLP 4", "MLP 2", "linear 3"]
    tasks = list(layerwise("digits", architecture=names, epochs=3, pairs=2, examples=20))
    chosen = [task for task in tasks if task.details and task.architecture == "MLP 4"]
    chosen += [
        replace(task, pairs=1)
        for task in tasks
        if task.epochs == 1
        or task.width == 16
        or (task.architecture, task.joining) == ("linear 3", "independent")
    ]
    chosen = [replace(task, width=8) for task in chosen]
    return [(task, run(task)) for task in chosen]


def networks_of(task, pair):
    data = load_dataset("digits")
    entropy = np.random.SeedSequence([task.seed, *task.architecture.encode()])
    seeds = entropy.generate_state(2 * task.pairs).tolist()[2 * pair : 2 * pair + 2]
    return trained_pair(
        NETWORKS[task.architecture],
        data,
        task.joining,
        seeds,
        width=task.width,
        epochs=task.epochs,
        schedule=task.schedule,
    )


def test_a_record_is_what_its_networks_give(results):
    task, record = results[0]
    data = load_dataset("digits")
    test = Examples(data.test.inputs[:20], data.test.labels[:20])
    a, b = networks_of(task, 1)
    found = windows(a, b, test)
    pair = record.unmatched[1]
    assert pair.path == found.path.midpoint[0, 0]
    count = pair.window_count
    np.testing.assert_array_equal(np.array(pair.full)[:, :count], found.full.midpoint)
    np.testing.assert_array_equal(np.array(pair.edge)[:, :count], found.edge.midpoint)
    np.testing.assert_allclose(pair.single, found.full.midpoint.mean(0)[:5])
    assert pair.half == 3
    assert len(pair.groups(3)) == 4
    assert pair.noise().shape == (5,)


def test_ways_of_joining_share_what_they_say():
    data = load_dataset("digits")
    training = {"width": 6, "epochs": 5, "schedule": "cosine"}
    pairs = {
        joining: trained_pair(NETWORKS["MLP 2"], data, joining, [1, 2], **training)
        for joining in JOINING
    }

    def distance(a, b):
        with torch.no_grad():
            pairs = zip(a.parameters(), b.parameters(), strict=True)
            return float(sum((p - q).square().sum() for p, q in pairs))

    gaps = {joining: distance(*pair) for joining, pair in pairs.items()}
    assert 0 < gaps["spawned"] < gaps["shared"] < gaps["independent"]
    # the shared initialisation is that of the first of the independent networks
    assert distance(pairs["shared"][0], pairs["independent"][0]) == 0


def test_linear_networks_are_fitted_and_differ():
    data = load_dataset("digits")
    a, b = least_squares_pair(data, "spawned", [0, 1])
    assert not torch.equal(a.linears[0].weight, b.linears[0].weight)
    with torch.no_grad():
        hits = a(data.test.inputs.double()).argmax(1) == data.test.labels
    assert hits.double().mean() > 0.85


def test_single_linear_layers_are_convex_and_bounds_hold(results):
    [record] = [record for task, record in results if task.architecture == "linear 3"]
    [pair] = record.unmatched
    assert [one.convex for one in pair.single] == [True] * 4
    assert len(pair.pairs) == 6
    found = cells(results)
    above, all_ = violations(pooled(found, "matched"))
    assert (above, all_) == (0, 2 * 5)
    halved = [
        replace(pair, l3=[bound - 1 for bound in pair.l3]) for pair in pooled(found, "matched")
    ]
    assert violations(halved)[0] > 0


def test_matching_leaves_spawned_networks_alone(results):
    [record] = [
        record
        for task, record in results
        if task.joining == "spawned" and task.architecture == "MLP 4"
    ]
    assert [pair.full for pair in record.matched] == [pair.full for pair in record.unmatched]
    assert len(record.matched) == 2


@pytest.mark.parametrize(("count", "middle"), [(3, [1]), (4, [1, 2]), (7, [3])])
def test_windows_are_in_the_middle_or_at_the_ends(results, count, middle):
    layers = 2 * (count - 1)
    heights = [float(2**place) for place in range(count)]
    pair = replace(
        results[0][1].unmatched[0],
        layers=list(map(str, range(layers))),
        subsets=[list(range(k, k + layers // 2)) for k in range(count)],
        window_count=count,
        full=[heights, heights],
    )
    assert pair.half == layers // 2
    assert middle_window(pair) in [heights[place] for place in middle]
    assert outer_windows(pair) == (heights[0] + heights[-1]) / 2


def test_the_ratio_of_means_has_the_jackknifes_error():
    pairs = [(1.0, 2.0), (2.0, 3.0), (6.0, 4.0)]
    found = ratio(pairs, lambda pair: pair[0], lambda pair: pair[1])
    left = np.array([8 / 7, 7 / 6, 3 / 5])
    assert found.value == pytest.approx(1.0)
    assert found.error == pytest.approx(np.sqrt(2 / 3 * ((left - left.mean()) ** 2).sum()))


def test_every_task_is_planned_once_and_costs_something():
    tasks = list(layerwise())
    assert len(set(tasks)) == len(tasks)
    assert all(STUDY.cost(dump(task)) > 0 for task in tasks)
    assert {task.joining for task in tasks} == set(JOINING)


def test_the_report_fits_into_100_columns_uncut_and_ends_with_five_answers(results, printed):
    output = printed(report, results)
    answers = output[output.index("Five questions") :]
    for question in ("(i)", "(ii)", "(iii)", "(iv)", "(v)"):
        assert question in answers
    assert answers.count("0 of 10") == 4  # above the bound, of two pairs with five edges each


def test_figures_show_what_was_measured(results):
    chosen = {cell.way: cell for cell in cells(results) if cell.task.architecture == "MLP 4"}
    assert list(chosen) == list(WAYS)
    barriers = layerwise_barriers.draw(results)
    lines = barriers.axes[0].lines
    expected = np.mean([pair.single for pair in chosen["unmatched"].pairs], axis=0)
    np.testing.assert_allclose(lines[0].get_ydata(), expected)
    shown = barriers.axes[3].images[0].get_array()  # by length and start, transposed
    path = np.mean([pair.path for pair in chosen["matched"].pairs])
    assert shown[-1, 0] == pytest.approx(path)
    assert shown.mask[-1, 1]
    features = layerwise_features.draw(results)
    matrix = features.axes[1].images[0].get_array()
    np.testing.assert_allclose(matrix, chosen["matched"].pairs[0].split.matrix)
    spawned = [pair.features.cosine for pair in chosen["spawned"].pairs]
    drawn = {line.get_label(): line for line in features.axes[2].containers}
    np.testing.assert_allclose(drawn["spawned"].lines[0].get_ydata(), 1 - np.mean(spawned, axis=0))


def test_results_of_several_studies_are_not_drawn_together(results):
    require_one_study(results)
    task, record = results[0]
    with pytest.raises(ValueError, match=r"mix studies with dataset \['digits', 'mnist'\]"):
        require_one_study([*results, (replace(task, dataset="mnist"), record)])
    with pytest.raises(ValueError, match="mix studies of"):
        require_one_study([*results, (replace(task, epochs=99), record)])
