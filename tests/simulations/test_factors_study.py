"""The factorial design of components: what it confuses, what it finds, and what is measured."""

from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.stats import t as student

from lmctheory.matching import match, symmetry
from lmctheory.networks import MLP, load_dataset
from lmctheory.paths import barrier
from lmctheory.sweeps.typed import entropy_of
from simulations.factors.command import factors
from simulations.factors.design import LETTERS, Design, design_of, effects_of
from simulations.factors.effects import fit, holm
from simulations.factors.measurement import WAYS, Joined, Measured, Task, _trained, run
from simulations.factors.networks import ARCHITECTURES, ByPlace, places_of
from simulations.factors.settings import FACTORS, Setup, config_of, data_of, source_of
from simulations.factors.summary import (
    at_once,
    changed_alone,
    factorial,
    report,
    require_one_study,
)

SETUP = Setup("digits", "teacher", 8, 2, 80, 20)


def word(letters):
    return frozenset(letters)


@pytest.mark.parametrize("factors", range(3, 12))
def test_designs_tell_main_effects_and_pairs_apart(factors):
    design = design_of(factors)
    levels, effects = design.levels(), effects_of(design)
    runs = len(levels)
    assert levels.shape == (runs, factors)
    assert len(np.unique(levels, axis=0)) == runs
    assert len(effects) == factors * (factors + 1) // 2 < runs - 1
    X = np.column_stack([np.ones(runs), design.contrasts(effects)])
    np.testing.assert_array_equal(X.T @ X, runs * np.eye(len(effects) + 1))
    # no word of up to four letters is constant: brute force over all of them
    columns = dict(zip(design.letters, levels.T, strict=True))
    shortest = min(
        (
            length
            for length in range(1, factors + 1)
            for letters in combinations(design.letters, length)
            if abs(np.prod([columns[one] for one in letters], axis=0).sum()) == runs
        ),
        default=None,
    )
    assert design.resolution == shortest
    assert shortest is None or shortest >= 5


def test_the_design_of_eleven_factors():
    design = design_of(11)
    assert len(design.levels()) == 128
    words = design.defining_relation
    assert len(words) == len(set(words)) == 15
    np.testing.assert_array_equal(design.contrasts(words), 1)
    for effect in effects_of(design):
        aliases = design.aliases(effect)
        assert min(map(len, aliases)) >= 3
        np.testing.assert_array_equal(
            design.contrasts(aliases), design.contrasts([effect] * len(aliases))
        )


def test_a_design_that_confuses_pairs_says_so():
    half = Design("ABC", {"D": word("ABC")})
    assert half.resolution == 4
    assert half.aliases(word("AB")) == [word("CD")]
    with pytest.raises(ValueError, match="factors must be 3 to 11, got 12"):
        design_of(len(LETTERS) + 1)


@pytest.mark.parametrize("factors", [4, 7])
def test_effects_are_those_of_least_squares(factors):
    design = design_of(factors)
    rng = np.random.default_rng(0)
    effects = effects_of(design)
    X = np.column_stack([np.ones(len(design.levels())), design.contrasts(effects)])
    values = rng.standard_normal((len(X), 3))
    found = fit(design, values)
    coefficients, *_ = np.linalg.lstsq(X, values.mean(1), rcond=None)
    left = values.mean(1) - X @ coefficients
    variance = left @ left / (len(X) - X.shape[1])
    errors = np.sqrt(variance * np.diag(np.linalg.inv(X.T @ X)))
    assert found.mean == pytest.approx(coefficients[0])
    assert [one.value for one in found.effects] == pytest.approx(2 * coefficients[1:])
    assert 2 * errors[1:] == pytest.approx(np.full(len(effects), found.error))
    t = coefficients[1] / errors[1]
    expected = 2 * student.sf(abs(t), len(X) - X.shape[1])
    assert found.effects[0].p == pytest.approx(expected)
    assert found.residual**2 == pytest.approx(3 * variance)
    assert found.pure**2 == pytest.approx(values.var(axis=1, ddof=1).mean())
    assert found.explained == pytest.approx(1 - left @ left / (values.mean(1).var() * len(X)))
    fitted = X @ coefficients
    for row, value in zip(design.levels(), fitted, strict=True):
        changed = word(
            letter for letter, level in zip(design.letters, row, strict=True) if level > 0
        )
        assert found.predict(changed) == pytest.approx(value)
    low, high = found.interval(found.effects[0])
    assert (low < 0 < high) == (found.effects[0].p > 0.05)


def planted(design, effects, spread, rng, pairs=2):
    X = design.contrasts([word(one) for one in effects] or [word("")])
    means = X @ np.array(list(effects.values()) or [0.0]) / 2
    return means[:, None] + spread * rng.standard_normal((len(X), pairs))


def test_planted_effects_are_found_and_no_others():
    design = design_of(8)
    values = planted(design, {"A": 1.0, "BC": -0.5}, 0.2, np.random.default_rng(1))
    found = fit(design, values)
    assert {one.word for one in found.effects if one.found} == {word("A"), word("BC")}
    assert found.effect(word("BC")).value == pytest.approx(-0.5, abs=4 * found.error)
    assert found.lack_of_fit > 0.01
    # of three factors: the model lacks it, and the error of all effects is larger for it
    lacking = fit(design, values + planted(design, {"ACE": 1.0}, 0.0, np.random.default_rng(1)))
    assert lacking.lack_of_fit < 1e-6
    assert lacking.error > 2 * found.error
    with pytest.raises(ValueError, match=r"values must be \[64, 2 or more\], got \[64, 1\]"):
        fit(design, values[:, :1])


def test_no_effects_are_found_in_noise_and_power_is_what_it_says():
    # 400 fits: the share of families with a false alarm is at most .05 (.05 + 4 sd = .094); that of
    # effects of the size at which power is .8 is .8 within 4 sd = .08
    design, rng = design_of(4), np.random.default_rng(2)
    error = 2 * 0.5 / np.sqrt(32)
    size = next(
        k * error
        for k in np.arange(3, 12, 0.01)
        if fit_of_error(design, error).power(k * error) >= 0.8
    )
    alarms = hits = 0
    for _ in range(400):
        noise = 0.5 * rng.standard_normal((16, 2))
        alarms += any(one.found for one in fit(design, noise).effects)
        shifted = fit(design, noise + planted(design, {"A": size}, 0.0, rng))
        effect = shifted.effect(word("A"))
        hits += effect.p < 0.05 / len(shifted.effects)
    assert alarms < 0.094 * 400
    assert abs(hits / 400 - 0.8) < 0.08


def fit_of_error(design, error):
    values = np.random.default_rng(0).standard_normal((len(design.levels()), 2))
    found = fit(design, values)
    return fit(design, values * error / found.error)


def test_holm():
    p = [0.01, 0.04, 0.03, 0.005]
    assert holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]


def test_architectures_have_as_many_neurons():
    hidden = {}
    for name, build in ARCHITECTURES.items():
        network = build(8, 3, 10, torch.Generator().manual_seed(0))
        assert network(torch.zeros(5, 64)).shape == (5, 10)
        *_, last = (m for m in network.modules() if isinstance(m, torch.nn.Linear))
        hidden[name] = last.in_features
    assert set(hidden.values()) == {3 * places_of(8)} == {48}


def test_local_networks_show_the_symmetry_of_each_place():
    network = ARCHITECTURES["local"](8, 3, 10, torch.Generator().manual_seed(0))
    by_place, x = ByPlace(network), torch.randn(7, 64)
    torch.testing.assert_close(by_place(x), network(x))
    assert [group.size for group in symmetry(network, x).groups] == [3]
    assert [group.size for group in symmetry(by_place, x).groups] == [3] * 16


def test_data_at_their_levels():
    source = source_of(SETUP, [], None)
    rng = np.random.default_rng
    base = data_of(SETUP, [], source, rng(0))
    assert len(base.train) == 80
    assert base.classes == 10
    assert len(data_of(SETUP, ["size"], source, rng(0)).train) == 20
    merged = data_of(SETUP, ["classes"], source, rng(0))
    assert merged.classes == 5
    assert torch.equal(merged.train.labels, base.train.labels % 5)
    noisy = data_of(SETUP, ["noise"], source, rng(0))
    assert int((noisy.train.labels != base.train.labels).sum()) == 16
    assert torch.equal(noisy.test.labels, base.test.labels)
    assert not torch.equal(data_of(SETUP, [], source, rng(1)).train.inputs, base.train.inputs)
    other = data_of(SETUP, ["data set"], source_of(SETUP, ["data set"], None), rng(0))
    digits = load_dataset("digits").train.inputs
    assert float(other.train.inputs.square().mean()) == pytest.approx(
        float(digits.square().mean()), rel=0.2
    )


def test_images_are_averaged_to_the_side_that_is_asked_for():
    small = Setup("digits", "teacher", 4, 2, 80, 20)
    source = source_of(small, [], None)
    assert source is not None
    found = data_of(small, [], source, np.random.default_rng(0)).test.inputs
    image = source.test.inputs[0].view(8, 8)
    assert float(found[0, 0]) == pytest.approx(float(image[:2, :2].mean()))
    assert found.shape[1] == 16


def test_batches_and_data_leave_the_number_of_steps():
    setup = Setup("digits", "teacher", 8, 16, 1400, 500)
    for changed, examples in (([], 1400), (["batch"], 1400), (["size"], 350)):
        config = config_of(setup, changed, examples)
        assert config.steps(examples) == pytest.approx(500, rel=0.1)
    assert config_of(setup, ["rate"], 1400).learning_rate == pytest.approx(0.2)
    adam = config_of(setup, ["optimiser", "rate", "warm-up"], 1400)
    assert (adam.optimiser, adam.learning_rate) == ("adam", pytest.approx(0.008))
    assert adam.warmup_steps == pytest.approx(100, rel=0.05)


def zeros(network):
    return [(p == 0) for name, p in network.named_parameters() if name.endswith("weight")]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(zeros(a), zeros(b), strict=True))


@pytest.mark.parametrize("architecture", [[], ["sharing"]])
def test_weights_that_are_zero_stay_so(architecture):
    task = Task("alone", [*architecture, "sparsity"], 2, SETUP, 0)
    data = data_of(SETUP, [], source_of(SETUP, [], None), np.random.default_rng(0))
    a, alike, b = _trained(task, data, np.random.default_rng(0))
    for layer in zeros(a):
        assert float(layer.float().mean()) == pytest.approx(0.8, abs=0.05)
    assert same(a, alike)
    assert not same(a, b)
    common = Task("alone", [*architecture, "sparsity", "one mask"], 2, SETUP, 0)
    one, other, another = _trained(common, data, np.random.default_rng(0))
    assert same(one, other)
    assert same(one, another)


def test_barriers_are_those_of_the_networks():
    task = Task("design", ["noise"], 2, SETUP, 0)
    found = run(task)
    assert list(found.joined) == list(WAYS)
    source = source_of(SETUP, task.changed, None)
    for k, seed in enumerate(np.random.SeedSequence(entropy_of(task)).spawn(2)):
        rng = np.random.default_rng(seed)
        data = data_of(SETUP, task.changed, source, rng)
        a, alike, b = _trained(task, data, rng)
        curve = barrier(a, b, data.test, 9)
        assert found.joined["unmatched"].barrier[k] == pytest.approx(float(curve.max))
        assert found.joined["unmatched"].drop[k] == pytest.approx(float(curve.max_accuracy_drop))
        assert found.loss[k] == pytest.approx(float((curve.loss[0] + curve.loss[-1]) / 2))
        near = barrier(a, alike, data.test, 9)
        assert found.joined["same start"].barrier[k] == pytest.approx(float(near.max))
        aligned = match(a, b, "activation", data.train.inputs).apply(b)
        trained = barrier(a, aligned, data.train, 9)
        assert found.trained[k] == pytest.approx(float(trained.max))


def test_local_networks_are_matched_in_both_ways():
    local = run(Task("alone", ["local"], 2, SETUP, 0))
    assert list(local.joined) == [*WAYS, "matched as shared"]
    assert local.joined["matched"] != local.joined["matched as shared"]


def test_networks_of_one_start_differ_by_the_order_of_data_alone():
    task = Task("alone", [], 2, Setup("digits", "teacher", 8, 2, 80, 10), 0)
    data = data_of(SETUP, [], source_of(SETUP, [], None), np.random.default_rng(0))
    a, alike, b = _trained(task, data, np.random.default_rng(0))
    assert isinstance(a, MLP)
    near, far = (
        sum(
            float((p - q).detach().square().sum())
            for p, q in zip(a.parameters(), other.parameters(), strict=True)
        )
        for other in (alike, b)
    )
    assert 0 < near < 0.1 * far
    assert float(barrier(a, alike, data.test, 11).max) < 0.01


RAISED = {"noise": 3.0, "rate": 2.0}
BROKEN = {"noise"}


def results(seed=0, **options):
    """Barriers that noise and rate raise, and that noise, changed alone, breaks."""
    rng = np.random.default_rng(seed)
    found = []
    for task in factors(**options):
        factor = np.prod([RAISED.get(name, 1.0) for name in task.changed])
        joined = {}
        for way, height in zip((*WAYS, "matched as shared"), (0.001, 0.3, 0.05, 0.2), strict=True):
            above = 20 if way == "same start" and "rate" in task.changed else 1
            heights = above * height * factor * np.exp(0.1 * rng.standard_normal(task.pairs))
            top = 0.05 if way == "unmatched" or BROKEN & set(task.changed) else 0.005
            drops = top + 0.002 * rng.standard_normal(task.pairs)
            joined[way] = Joined(heights.tolist(), drops.tolist())
        trained = joined["matched"].barrier
        found.append((task, Measured(joined, trained, [0.1] * task.pairs, [0.9] * task.pairs)))
    return found


@pytest.fixture(scope="module")
def planted_results():
    # equal losses have no error
    found = results()
    rng = np.random.default_rng(3)
    for _, one in found:
        one.loss[:] = (0.1 * np.exp(0.1 * rng.standard_normal(len(one.loss)))).tolist()
    return found


def table(parts, title):
    return next(part for part in parts if not isinstance(part, str) and title in part.title)


def test_tables_show_what_was_planted(planted_results, printed):
    text = printed(report, planted_results)
    assert "2^(11-4) design of 128 runs, resolution V" in text
    assert "No pair of components is found" in text
    assert "where rate is changed: 64 against 0 of 64" in text
    assert "Changed in all of these: noise; in none: nothing." in text
    parts = report(planted_results)
    effects = {row["component"]: row for row in table(parts, "What each component").records}
    starred = {name for name, row in effects.items() if row["matched"].endswith("*")}
    assert starred == set(RAISED)
    assert effects["noise"]["matched"].startswith(("2.9", "3.0", "3.1"))
    assert (effects["noise"]["broken base"], effects["noise"]["broken ch."]) == (0, 100)
    assert effects["rate"]["broken base"] == 50
    verdicts = {
        (row["claim"], row["networks"]): row["verdict"]
        for row in table(parts, "claim by claim").records
    }
    assert verdicts == {
        ("two layers are robust", "same start"): "reproduced",
        ("two layers are robust", "unmatched"): "not reproduced",
        ("two layers are robust", "matched"): "reproduced",
        ("convolutions lack it", "same start"): "not reproduced",
        ("convolutions lack it", "matched"): "not reproduced",
        ("sparsity or sharing breaks it", "same start"): "not reproduced",
        ("sparsity or sharing breaks it", "matched"): "not reproduced",
        ("the optimisation breaks it", "same start"): "different",
        ("the optimisation breaks it", "matched"): "different",
        ("the data set breaks it", "same start"): "reproduced",
        ("the data set breaks it", "matched"): "reproduced",
    }
    check = table(parts, "model").records
    assert all(row["p"] > 0.001 and abs(row["bias"]) < 0.1 for row in check)


def test_results_are_put_in_the_order_of_the_design(planted_results):
    found = factorial(planted_results[::-1])
    assert found.names == list(FACTORS)
    matched = found.barriers("matched")
    assert matched.effect(found.word("rate")).value == pytest.approx(np.log(2), abs=0.1)
    assert list(changed_alone(planted_results[::-1]))[:3] == [
        (),
        ("sparsity",),
        ("sparsity", "one mask"),
    ]
    with pytest.raises(ValueError, match="the results lack 1 of 128 runs of the design"):
        require_one_study(planted_results[1:])


def test_runs_above_the_floor_are_counted(planted_results):
    counts = factorial(planted_results).oftener("same start")
    assert (counts["rate"].changed, counts["rate"].base, counts["rate"].of) == (64, 0, 64)
    assert [name for name, one in counts.items() if one.raised] == ["rate"]
    assert counts["size"].adjusted == 1


def test_power_of_certain_effects_is_a_number():
    design = design_of(11)
    found = fit(design, planted(design, {}, 0.1, np.random.default_rng(0)))
    assert found.power(1.0) == pytest.approx(1.0)


def test_intervals_of_several_means_at_once_are_wider():
    low, high = at_once([1.0, 2.0, 3.0])
    reach = float(student.isf(0.025, 2)) / 3**0.5
    assert (low, high) == pytest.approx((2 - reach, 2 + reach))
    wider = at_once([1.0, 2.0, 3.0], 5)
    assert wider[0] < low < high < wider[1]
