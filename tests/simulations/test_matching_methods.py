"""The study of matching methods, small: tasks, planted permutations, tables, figure."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from typer.testing import CliRunner

import simulations.matching_methods.measurement as measurement_module
import simulations.matching_methods.planted as planted_module
from lmctheory.matching import match, permute, symmetry
from lmctheory.networks import CNN, MLP, ResNet20, ViT, load_dataset
from lmctheory.paths import interpolate
from lmctheory.sweeps.typed import dump
from paper_figures import matching_methods as figure_module
from simulations import command_line
from simulations.__main__ import STUDIES
from simulations.command_line import application
from simulations.matching_methods.architectures import ARCHITECTURES, Architecture
from simulations.matching_methods.measurement import repaired, run_pair
from simulations.matching_methods.methods import CURVES, METHODS
from simulations.matching_methods.narrow import (
    NETWORKS,
    SEARCHES,
    git_rebasin,
    run_narrow,
    similarity,
)
from simulations.matching_methods.planted import NOISES, is_tied, noisy, recovery, shares
from simulations.matching_methods.summary import (
    Narrow,
    Summary,
    narrow,
    require_one_study,
    summarise,
)
from simulations.matching_methods.tables import report, verdict
from simulations.matching_methods.tasks import (
    Line,
    NarrowPairs,
    NarrowTask,
    Pair,
    PairTask,
    Recovery,
    Search,
)

DIGITS = load_dataset("digits")
QUICK = ("naive", "activation", "weight, descent")


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def config(name="MLP", pair=0, seed=0):
    return PairTask(name, pair, seed)


def on_the_line(value):
    return Line(value, value, value, value)


def pair_record(name, pair, *, lost=0):
    """Every barrier is 1 + pair/10, and `activation` misses `lost` of 128 neurons."""
    matched = dataclasses.replace(on_the_line(1 + pair / 10), seconds=2.0, change=1e-14)
    found = dict.fromkeys(METHODS, matched)
    recovered = {
        method: [1.0] if method not in CURVES else [1.0, *[1 / (1 + n) for n in NOISES[1:]]]
        for method in found
    }
    recovered["activation"][0] = 1 - lost / 128
    tied = dict.fromkeys(found, True) | {"weighted": False}
    return Pair(
        parameters=8970,
        groups=2,
        neurons=128,
        accuracy=[0.95, 0.97],
        planted=Recovery(recovered, tied),
        lines={"unmatched": on_the_line(2.0), **found},
    )


def narrow_record(shape, pairs):
    found = {
        search: Search(
            cosine=[0.1 * k] * pairs,
            bend=[0.5] * pairs,
            barrier=[0.2] * pairs if shape == "digits" else [],
        )
        for k, search in enumerate(SEARCHES)
    }
    return NarrowPairs([0.96] * 2 * pairs if shape == "digits" else [], found)


@pytest.fixture
def results():
    pairs = [
        (config(name, pair), pair_record(name, pair, lost=6 * (name == "MLP")))
        for name in ARCHITECTURES
        for pair in range(2)
    ]
    shapes = [(NarrowTask(shape, 20, seed=0), narrow_record(shape, 20)) for shape in NETWORKS]
    return pairs + shapes


def tiny(monkeypatch):
    """A network in the place of the MLP that is quick to train and to match by all methods."""
    usual = ARCHITECTURES["MLP"]
    quick = Architecture(
        "digits",
        "64-8-8-10",
        lambda generator: MLP((64, 8, 8, 10), rng=generator),
        usual.training.__class__(1, learning_rate=0.05),
        1.0,
    )
    monkeypatch.setattr(measurement_module, "ARCHITECTURES", {"MLP": quick})
    monkeypatch.setattr(measurement_module, "METHODS", QUICK)


def test_a_task_records_its_methods_and_nothing_but_its_own_draws(monkeypatch):
    tiny(monkeypatch)
    record, again = (timeless(run_pair(config())) for _ in range(2))
    lines = record.lines
    assert set(QUICK) < set(lines)
    assert again == record
    for name in QUICK:
        assert lines[name].change < 1e-12
        assert lines[name].cosine <= 1
        assert lines[name].midpoint <= lines[name].barrier
    assert lines["weight, descent"].cosine > lines["unmatched"].cosine
    monkeypatch.setattr(measurement_module, "METHODS", ())
    for other in (config(pair=1), config(seed=1)):
        assert run_pair(other).lines["unmatched"] != lines["unmatched"]


def timeless(record):
    lines = {name: dataclasses.replace(line, seconds=None) for name, line in record.lines.items()}
    return dataclasses.replace(record, lines=lines)


def test_the_barrier_after_repair_is_a_loss_less_the_chord(monkeypatch):
    """One hidden layer, by hand: REPAIR of each neuron's pre-activation."""
    a, b = (MLP((64, 8, 10), rng=rng(seed)) for seed in (0, 1))
    curve = measurement_module.barrier(a, b, DIGITS.test, 11)
    x, test = DIGITS.train.inputs[:512], DIGITS.test
    middle = interpolate(a, b, 0.5)
    with torch.no_grad():
        z, z_a, z_b = (net.linears[0](x) for net in (middle, a, b))
        scale = (z_a.std(0) + z_b.std(0)) / 2 / z.std(0)
        shift = (z_a.mean(0) + z_b.mean(0)) / 2 - scale * z.mean(0)
        hidden = (scale * middle.linears[0](test.inputs) + shift).relu()
        loss = cross_entropy(middle.linears[1](hidden), test.labels)
        chord = sum(cross_entropy(net(test.inputs), test.labels) for net in (a, b)) / 2
    found = repaired(a, b, DIGITS, curve)
    assert found == pytest.approx(float(loss - chord), abs=1e-5)


def test_half_of_a_permutation_is_recovered_at_the_noise_between():
    at = pair_record("MLP", 0)
    steep = [1.0, 1.0, 1.0, 0.9, 0.75, 0.25, 0.0]
    kept, lost = [1.0] * len(NOISES), [1.0] + [0.4] * (len(NOISES) - 1)
    shares = {"naive": steep, "weighted": kept, "activation": lost}
    planted = dataclasses.replace(at.planted, recovered={**at.planted.recovered, **shares})
    one = Summary("MLP", (dataclasses.replace(at, planted=planted), at))
    assert one.half_recovered("naive") == pytest.approx([2**0.5, 1.0])
    assert one.half_recovered("weighted")[0] == NOISES[-1]
    assert one.half_recovered("activation")[0] == NOISES[1]


@pytest.mark.parametrize(
    "model",
    [
        MLP((64, 12, 12, 10), rng=rng()),
        CNN((1, 8, 8), (4, 8), 10, rng=rng()),
        pytest.param(
            ResNet20((1, 8, 8), 10, width=4, norm="batch", rng=rng()), marks=pytest.mark.slow
        ),
        pytest.param(
            ViT((1, 8, 8), 10, patch=4, width=8, depth=1, heads=2, rng=rng()),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_planted_permutation_is_recovered_exactly_without_noise(model, monkeypatch):
    monkeypatch.setattr(planted_module, "NOISES", (0.0, 100.0))
    methods = ["naive", "weight, by layer", "weight, descent"]
    found = recovery(model.eval(), DIGITS.train, methods, 0)
    for name in methods:
        exact, hidden = found.recovered[name]
        assert exact == 1
        assert found.tied[name]
        assert hidden < 0.8


def test_curves_are_drawn_of_quick_methods_alone(monkeypatch):
    monkeypatch.setattr(planted_module, "NOISES", (0.0, 1.0))
    found = recovery(MLP((64, 4, 10), rng=rng()), DIGITS.train, ["naive", "loss, straight"], 0)
    assert [len(values) for values in found.recovered.values()] == [2, 1]


def test_a_local_optimum_of_the_loss_is_no_tie(monkeypatch):
    monkeypatch.setattr(planted_module, "NOISES", (0.0,))
    model = MLP((64, 3, 10), rng=rng())
    train = DIGITS.train[:64]
    other = permute(model, {"layers.0": np.array([1, 2, 0])})
    found = match(model, other, "loss", train, solver="exhaustive")
    assert is_tied(found, model, train)
    with torch.no_grad():
        planted = -float(cross_entropy(model.double()(train.inputs.double()), train.labels))
    assert found.trace[-1] >= planted  # of two random networks the mean may be better
    for change, tied in ((0.0, True), (-1e-6, False)):
        other = dataclasses.replace(found, traces={found.start: (planted + change,)})
        assert is_tied(other, model, train) == tied


def test_shares_of_a_half_found_permutation():
    """Heads and what they hold: one wrong block misplaces all that is in it."""
    model = ViT((1, 8, 8), 10, patch=4, width=8, depth=1, heads=2, rng=rng()).eval()
    example = DIGITS.train.inputs[:2]
    groups = symmetry(model, example)
    generator = np.random.default_rng(1)
    planted = {group.name: generator.permutation(group.size) for group in groups.groups}
    other = permute(model, planted, groups)
    found = dict(match(model, other, "weight", example).permutations)
    assert shares(model, example, planted, found).all()
    heads = next(group for group in groups.groups if group.size == 2 and groups.children(group))
    inside = sum(child.size for child in groups.children(heads))
    exchanged = found | {heads.name: found[heads.name][::-1]}
    assert (~shares(model, example, planted, exchanged)).sum() == 2 + inside
    largest = max(groups.groups, key=lambda group: group.size)
    order = found[largest.name].copy()
    order[[0, 1]] = order[[1, 0]]
    assert (~shares(model, example, planted, found | {largest.name: order})).sum() == 2


def test_neurons_that_a_method_cannot_tell_apart_are_ties_and_others_are_not():
    model = MLP((64, 6, 10), rng=rng())
    with torch.no_grad():
        model.linears[0].bias[:3] = -1e3  # dead
    found = recovery(model, DIGITS.train, ["activation", "naive"], 3)
    assert found.recovered["activation"][0] < 1
    assert found.recovered["naive"][0] == 1
    assert found.tied == {"activation": True, "naive": True}


def test_noise_has_the_norm_that_it_says():
    model = MLP((64, 200, 10), rng=rng())
    moved = noisy(model, 0.5, rng=rng(1))
    change = moved.linears[0].weight - model.linears[0].weight
    # 12,800 entries: the norm of the noise varies by 0.6 %, six of these
    ratio = (change.norm() / model.linears[0].weight.norm()).item()
    assert ratio == pytest.approx(0.5, rel=0.04)
    assert torch.equal(noisy(model, 0.0, rng=rng(1)).linears[1].weight, model.linears[1].weight)


def test_git_rebasin_ends_where_no_layer_can_be_improved():
    a, b = (MLP((6, 7, 5, 3), rng=rng(seed)) for seed in (0, 1))
    orders = git_rebasin(a, b, np.random.default_rng(0))
    names = [f"layers.{k}" for k in range(2)]
    aligned = permute(b, dict(zip(names, orders, strict=True)))
    assert similarity(a, aligned) > similarity(a, b)
    for name, order in zip(names, orders, strict=True):
        for i in range(len(order)):
            for j in range(i):
                swapped = np.arange(len(order))
                swapped[[i, j]] = j, i
                rest = {other: np.arange(len(o)) for other, o in zip(names, orders, strict=True)}
                worse = permute(aligned, rest | {name: swapped})
                assert similarity(a, worse) <= similarity(a, aligned) + 1e-9


def test_searches_of_narrow_networks_keep_their_order():
    record = run_narrow(NarrowTask("random", pairs=1, seed=0))
    cosine = {name: found.cosine[0] for name, found in record.searches.items()}
    # what one search tries, the other tries too
    assert cosine["its best of 20 orders"] >= cosine["Git Re-Basin, transcribed"] - 1e-9
    assert cosine["coord. descent, four starts"] >= cosine["coord. descent, from identity"] - 1e-9
    assert cosine["Frank-Wolfe, 20 restarts"] >= cosine["Frank-Wolfe, two starts"] - 1e-9
    assert record.searches["unmatched"].barrier == []


def test_best_counts_pairs_and_ties():
    record = narrow_record("random", 2)
    unmatched = dataclasses.replace(record.searches["unmatched"], cosine=[0.8, 0.7])
    one = Narrow("random", NarrowPairs([], record.searches | {"unmatched": unmatched}))
    last = list(SEARCHES)[-1]
    assert one.best("unmatched") == (1, 2)  # equal in the first pair
    assert one.best(last) == (2, 2)


def test_the_report_fits_into_100_columns_uncut(results, printed):
    text = printed(report, results)
    assert "1.05(5)" in text  # the barrier of every method
    assert "244/256=" in text
    assert "20/20" in text


def test_the_verdict_counts_ties_and_failures(results):
    measured = summarise(results)
    cells = len(ARCHITECTURES) * len(METHODS)
    assert verdict(measured).startswith(f"{cells - 1} of {cells} exact; 1 others (=)")
    results[0][1].planted.recovered["weighted"][0] = 0.5
    text = verdict(summarise(results))
    assert text.startswith(f"{cells - 2} of {cells} exact; 1 others (=)")
    assert "1 (!)" in text


def test_the_figure_shows_what_was_stored(results):
    [axes] = figure_module.draw(results).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(ARCHITECTURES)
    shown = [line for line in axes.lines if line.get_linestyle() == "-"]
    assert len(shown) == len(ARCHITECTURES) * len(CURVES)
    for line in shown:  # of two pairs whose share is 1/2 at the noise 1
        np.testing.assert_allclose(line.get_xdata(), [1, 1])


def test_the_command_asks_for_what_its_options_say(results, monkeypatch):
    asked = []

    def run_study(study, configs, **kwargs):
        asked.extend(configs)
        return [(dump(task), dump(record)) for task, record in results]

    monkeypatch.setattr(command_line, "run_study", run_study)
    options = ["--architecture", "ViT", "--architecture", "CNN", "--pairs", "2", "--seed", "5"]
    ran = CliRunner().invoke(application(STUDIES), ["matching_methods", *options])
    assert ran.exit_code == 0, ran.output
    assert asked == [
        *(dump(config(name, pair, 5)) for name in ("CNN", "ViT") for pair in range(2)),
        *(dump(NarrowTask(shape, 20, seed=5)) for shape in NETWORKS),
    ]
    asked.clear()
    CliRunner().invoke(application(STUDIES), ["matching_methods"])
    without_data = [name for name, one in ARCHITECTURES.items() if one.dataset == "digits"]
    assert {c["architecture"] for c in asked if "architecture" in c} == set(without_data)


def test_results_that_are_not_complete_are_not_drawn(results):
    require_one_study(results)
    with pytest.raises(ValueError, match="not complete, pairs by architecture"):
        require_one_study(results[1:])
    with pytest.raises(ValueError, match="not complete: resume"):
        require_one_study(results[-1:])
    assert len(narrow(results)) == len(NETWORKS)
