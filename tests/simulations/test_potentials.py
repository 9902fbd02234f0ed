"""The study of published potentials: folders, what it measures, and its tables."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from lmctheory.networks.image_sets import cached
from simulations.potentials.__main__ import main
from simulations.potentials.aligned import MATCHINGS, NAMES, energies, total
from simulations.potentials.command import potentials
from simulations.potentials.environments import Environment
from simulations.potentials.estimates import CCX, ONE_X, TUNED, Estimate, kind_of, mean_rms, verdict
from simulations.potentials.folder import HARTREE, Folder, folder_of, write_folder
from simulations.potentials.measurement import (
    EXPLAINED,
    FITTED,
    AverageTask,
    CostTask,
    PairTask,
    run_average,
    run_costs,
    run_pair,
)
from simulations.potentials.recalibration import RECOVERIES, recovered
from simulations.potentials.summary import report, require_one_study
from simulations.potentials.wheels import geometries
from simulations.potentials.wheels import potentials as published_in
from tests.simulations.small_potentials import (
    ATOMS,
    PARAMS,
    WHEEL_FEATURES,
    small_member,
    small_molecules,
    write_ase,
    write_small,
    write_torchani,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_small(tmp_path_factory.mktemp("potentials"))


@pytest.fixture(scope="module")
def tasks(folder):
    return list(potentials(data_dir=folder.path, members=3))


@pytest.fixture(scope="module")
def pair(folder, tasks):
    return run_pair(tasks[0], folder.path)


@pytest.fixture
def wheels(tmp_path):
    found = tmp_path / "wheels"
    found.mkdir()
    states = write_torchani(found / "torchani-1.2-py3-none-any.whl")
    write_ase(found / "ase-3.29.0-py3-none-any.whl")
    return found, states


def test_wheels_are_read_as_they_were_written(wheels):
    found, states = wheels
    published = published_in(found / "torchani-1.2-py3-none-any.whl", checked=False)
    assert list(published.members) == ["ani1x_0", "ani1x_1", "ani1ccx_0", "ani1ccx_1"]
    for name, state in states.items():
        assert set(published.members[name]) == set(state)
        assert all(torch.equal(published.members[name][key], state[key]) for key in state)
    assert published.environment.features == WHEEL_FEATURES
    molecules = geometries(found / "ase-3.29.0-py3-none-any.whl")
    assert [(one.name, one.symbols) for one in molecules] == [
        ("CH4", ("C", "H", "H", "H", "H")),
        ("H2CO", ("O", "C", "H", "H")),
    ]
    assert molecules[1].positions[1] == pytest.approx([1.1, 0.0, 0.11])


def test_a_folder_from_wheels_holds_the_mean_of_ani_1x(wheels, tmp_path, monkeypatch, capsys):
    found, _ = wheels
    monkeypatch.setenv("LMCTHEORY_CACHE", str(tmp_path / "cache"))
    main(found, any_version=True)
    assert "wrote 4 potentials and 2 molecules" in capsys.readouterr().out
    made = folder_of(None)
    assert made.path == cached("ani")
    assert made.members("ani1x") == made.members("ani1ccx") == [0, 1]
    data, which = made.molecules()
    assert which.tolist() == [0] * 6 + [1] * 6
    of_1x = [made.member(f"ani1x_{k}")(data.inputs) for k in (0, 1)]
    # stored as float32, of Hartree
    torch.testing.assert_close(data.labels, (of_1x[0] + of_1x[1]) / 2, atol=1e-3, rtol=1e-5)
    # the model that lies beside them reads them
    code = (
        "import torch; from safetensors.torch import load_file; from model import Energy; "
        f"widths = {{name: ({WHEEL_FEATURES}, 1) for name in 'hcno'}}; print(len(Energy(widths).h))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=made.path, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "1"


def test_wheels_that_are_others_are_refused(wheels, tmp_path, capsys):
    found, _ = wheels
    with pytest.raises(SystemExit, match="SHA-256"):
        main(found)
    with pytest.raises(
        SystemExit, match=r"must hold one wheel of torchani, got \[\]; pip download"
    ):
        main(tmp_path)
    write_torchani(found / "torchani-1.2-py3-none-any.whl", activation=5)
    with pytest.raises(ValueError, match="must have CELU between layers, got 5"):
        published_in(found / "torchani-1.2-py3-none-any.whl", checked=False)
    write_torchani(found / "torchani-1.2-py3-none-any.whl", cut=4)
    with pytest.raises(ValueError, match=r"wparam must hold \(5, 68\) numbers of 4 bytes"):
        published_in(found / "torchani-1.2-py3-none-any.whl", checked=False)
    (found / "ase-3.29.0-py3-none-any.whl").write_bytes(b"none")
    with pytest.raises(ValueError, match="is no wheel"):
        geometries(found / "ase-3.29.0-py3-none-any.whl")
    with pytest.raises(ValueError, match="must be ASE's"):
        geometries(found / "torchani-1.2-py3-none-any.whl")


def test_environments_are_sums_over_neighbours():
    """Transcribed from the formulas for three atoms on a line and off it."""
    seen = Environment.read(PARAMS)
    symbols, positions = ("O", "H", "C"), np.array([[0, 0, 0], [0, 0, 1.0], [1.2, 0, -0.1]])
    [oxygen, *_] = seen.of(symbols, positions)
    radial, angular = oxygen[:8].reshape(4, 2), oxygen[8:].reshape(10, 2, 3)
    r = np.sqrt([1.0, 1.2**2 + 0.1**2])
    for row, distance in zip(radial[:2], r, strict=True):
        cut = 0.5 * np.cos(np.pi * distance / 5.2) + 0.5
        assert row == pytest.approx(0.25 * np.exp(-16 * (distance - [0.9, 1.16875]) ** 2) * cut)
    assert (radial[2:] == 0).all()
    theta = np.arccos(0.95 * -0.1 / (r[0] * r[1]))
    cut = np.prod(0.5 * np.cos(np.pi * r / 3.5) + 0.5)
    for j, s in enumerate((0.9, 1.55)):
        for k, z in enumerate((0.19634954, 0.58904862, 2.5)):
            expected = 2 * ((1 + np.cos(theta - z)) / 2) ** 32 * np.exp(-8 * (r.mean() - s) ** 2)
            assert angular[1, j, k] == pytest.approx(expected * cut)  # of the pair H, C
    assert (angular[[0, *range(2, 10)]] == 0).all()
    turned = positions @ np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    np.testing.assert_allclose(seen.of(symbols, turned + 3.0)[0], oxygen, atol=1e-12)
    with pytest.raises(ValueError, match="got 'P'"):
        seen.of(("P",), np.zeros((1, 3)))
    with pytest.raises(ValueError, match=r"lack \['Zeta'\]"):
        Environment.read(PARAMS.replace("Zeta", "Other"))


def test_a_folder_gives_energies_per_atom(folder, tmp_path):
    data, which = folder.molecules()
    network = folder.member("ani1x_0")
    molecules = small_molecules([small_member(0)])
    per_atom = torch.tensor([HARTREE / len(ATOMS[k]) for k in which])[:, None]
    expected = network(molecules["inputs"].double()) * per_atom
    torch.testing.assert_close(network(data.inputs), expected)
    torch.testing.assert_close(total(network, data.inputs), expected)
    assert set(energies(network, data.inputs)) == set(NAMES)
    # without numbers, runs of equal composition are molecules
    del molecules["molecule"]
    other = write_folder(tmp_path / "other", {"ani1x_0": small_member(0)}, molecules)
    assert other.molecules()[1].tolist() == which.tolist()
    assert other.digest("ani1x_0") != folder.digest("ani1x_0") == folder.digest("ani1x_0")
    write_folder(tmp_path / "bad", {}, {"inputs": torch.zeros(2, 3)})
    with pytest.raises(ValueError, match=r"must hold inputs \[n, atoms, features \+ 4\]"):
        Folder(tmp_path / "bad").molecules()
    (tmp_path / "other" / "ani1x_1.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is no potential"):
        other.member("ani1x_1")


def test_a_lack_of_potentials_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("LMCTHEORY_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="pip download --no-deps --dest WHEELS torchani"):
        list(potentials())
    few = write_folder(tmp_path / "few", {"ani1x_0": small_member(0)}, {"x": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"three members of ani1x or more, got \[0\]"):
        list(potentials(data_dir=few.path))


def test_a_pair_is_what_its_networks_give(folder, tasks, pair):
    task = tasks[0]
    assert kind_of(task) == ONE_X
    data, which = folder.molecules()
    a, b = folder.member(task.a), folder.member(task.b)
    with torch.no_grad():
        mean = (a(data.inputs) + b(data.inputs)) / 2
        middle = folder.member(task.a)
        for p, q in zip(middle.parameters(), b.parameters(), strict=True):
            p.copy_((p + q) / 2)
        off = (middle(data.inputs) - mean)[:, 0].numpy()
    none = pair.matched["none"]
    np.testing.assert_allclose(none.squares, np.bincount(which, off**2))
    assert pair.counts == [3] * 5
    assert sum(one.share for one in none.elements.values()) == pytest.approx(1)
    assert pair.matched["weight"].distance < none.distance
    # the midpoint alone is all of the rise, and so are Shapley values
    depths = pair.depths["none"]
    assert sum(depths.shapley) == pytest.approx(depths.total)
    ends = np.sum(pair.differ) / 4
    assert depths.total == pytest.approx((np.sum(none.squares) - ends) / 15)
    for name in FITTED:
        assert pair.recovered[name]["as it is"] == pytest.approx(pair.matched[name].squares)
        assert set(pair.recovered[name]) == set(RECOVERIES)
    for name, at in pair.elements.items():
        assert at.off <= at.certified <= at.certified_c1
        assert at.off == pytest.approx(pair.matched[EXPLAINED].elements[name].off)
        for layer in at.layers:
            assert layer.lower <= layer.upper <= 1
            assert all(1 <= dimension <= layer.width for dimension in layer.dimension)


def test_permuted_potentials_are_matched_exactly(folder, tmp_path):
    """Every method finds the order of a copy whose neurons were permuted, and nothing is off."""
    state = small_member(0)
    permuted = dict(state)
    for name in NAMES:
        for k in (0, 2, 4):
            order = torch.randperm(len(state[f"{name}.{k}.bias"]))
            for kind in ("weight", "bias"):
                permuted[f"{name}.{k}.{kind}"] = permuted[f"{name}.{k}.{kind}"][order]
            after = f"{name}.{k + 2}.weight"
            permuted[after] = permuted[after][:, order]
    made = write_folder(
        tmp_path / "permuted",
        {"ani1x_0": state, "ani1x_1": {k: v.contiguous() for k, v in permuted.items()}},
        small_molecules([state]),
    )
    pair = run_pair(PairTask("ani1x_0", "ani1x_1", "", 0), made.path)
    assert np.sum(pair.matched["none"].squares) > 1
    for name in set(MATCHINGS) - {"none"}:
        assert np.sum(pair.matched[name].squares) < 1e-10, name
        assert pair.matched[name].distance < 1e-12
    average = run_average(AverageTask(["ani1x_0", "ani1x_1"], "", 0), made.path)
    assert average.squares["none"] == pytest.approx(pair.matched["none"].squares)
    assert np.sum(average.squares[EXPLAINED]) < 1e-10


@torch.no_grad()
def test_what_is_fitted_is_judged_on_other_molecules(folder):
    data, which = folder.molecules()
    a, b = folder.member("ani1x_0"), folder.member("ani1x_0")
    for name in NAMES:  # outputs alone are scaled and shifted
        last = getattr(b, name)[-1]
        last.weight *= 0.5
        last.bias += 0.3
    half = torch.from_numpy(np.isin(which, [0, 1, 3]))
    middle, mean = a, (a(data.inputs) + b(data.inputs)) / 2
    found = {
        name: (recovered(fit, middle, a, b, data.inputs, half) - mean).abs().max()
        for name, fit in RECOVERIES.items()
    }
    assert found["as it is"] > 1
    assert found["last layer"] < found["as it is"] / 2
    # a half has atoms of fewer elements than it would take to tell all eight numbers
    everything = torch.ones_like(half)
    fitted = RECOVERIES["scale and shift"](middle, a, b, data.inputs[everything])
    torch.testing.assert_close(fitted(data.inputs), mean)


def test_errors_are_jackknifed_over_members_and_molecules():
    class Record:
        def __init__(self, *squares):
            self.squares, self.counts = squares, [1, 1]

    measured = [
        (PairTask(f"ani1x_{i}", f"ani1x_{j}", "", 0), Record(*squares))
        for i, j, squares in ((0, 1, (1, 1)), (0, 2, (4, 4)), (1, 2, (9, 9)))
    ]
    found = Estimate.of(measured, mean_rms(lambda pair: pair.squares))
    assert found.value == pytest.approx(2)
    left = np.array([3.0, 2.0, 1.0])
    assert found.error == pytest.approx(np.sqrt(2 / 3 * ((left - 2) ** 2).sum()))
    assert found.by_molecules == pytest.approx(0)
    assert np.isnan(Estimate.of(measured[:1], mean_rms(lambda pair: pair.squares)).error)


@pytest.mark.parametrize(
    ("value", "error", "published", "expected"),
    [
        (0.5, 0.1, None, "reproduced"),
        (-0.5, 0.1, None, "different"),
        (0.1, 0.1, None, "undecided"),
        (0.5, 0.1, 0.6, "reproduced"),
        (0.3, 0.1, 1.0, "different"),
        (-0.5, 0.1, 0.6, "different"),
        (0.0, 0.1, 0.6, "not reproduced"),
        (0.0, 0.3, 0.6, "undecided"),
        (0.5, float("nan"), 0.6, "undecided"),
    ],
)
def test_verdicts(value, error, published, expected):
    assert verdict(Estimate(value, error, 0.0, 8), published) == expected


def test_tables_hold_every_kind(folder, tasks, pair):
    averaged = run_average(AverageTask(["ani1x_0", "ani1x_1"], "", 0), folder.path)

    def times(factor):  # of squares, in place of further pairs
        matched = {
            name: replace(one, squares=[factor * value for value in one.squares])
            for name, one in pair.matched.items()
        }
        return replace(pair, matched=matched)

    others = {
        AverageTask: averaged,
        CostTask: run_costs(CostTask("ani1x_0", "ani1x_1", "activation", "", 0), folder.path),
    }
    for name, costs in others[CostTask].layers.items():
        assert costs == pytest.approx([layer.cost for layer in pair.elements[name].layers])
    results = [
        (task, times((k % 3 + 1) ** 2) if isinstance(task, PairTask) else others[type(task)])
        for k, task in enumerate(tasks)
    ]
    tables = report(results)
    midpoints, elements, layers, depths, alone, recoveries, averages, claims = tables
    rows = {row["matching"]: row for row in midpoints.records}
    rms = np.sqrt(np.sum(pair.matched["naive"].squares) / 15)
    for kind in (ONE_X, CCX, TUNED):
        assert rows["naive"][kind] == pytest.approx(2 * rms)
        # of three pairs one is left without a member, or two of fine-tuned ones
        left = rms * np.array([1.5, 2.0, 2.5] if kind == TUNED else [1.0, 2.0, 3.0])
        error = np.sqrt(2 / 3 * ((left - left.mean()) ** 2).sum())
        assert rows["naive"][f"{kind} error"] == pytest.approx(error)
    assert rows["mean function"]["error"] < rows["A and B differ"]["error"]
    assert len(elements.records) == len(layers.records) == len(alone.records) == 12
    assert [row["layer"] for row in depths.records] == ["1", "2", "3", "4", "all"] * 2
    assert [row["fitted anew"] for row in recoveries.records] == list(RECOVERIES)
    assert [(row["ensemble"], row["members"]) for row in averages.records] == [
        ("ani1x", 2),
        ("ani1ccx", 2),
    ]
    assert len(claims.records) == 7
    for table in tables:
        assert max(map(len, table.text("table").splitlines())) <= 100


def test_a_figure_needs_pairs_of_one_study(tasks, pair):
    results = [(task, pair) for task in tasks if isinstance(task, PairTask)]
    require_one_study(results)
    with pytest.raises(ValueError, match="mix studies with seed"):
        require_one_study([*results, (replace(tasks[0], seed=1), pair)])
    with pytest.raises(ValueError, match="no pair of ANI-1x"):
        require_one_study([one for one in results if kind_of(one[0]) != ONE_X])
