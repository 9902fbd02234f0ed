"""A sweep of one's own: end to end on tiny networks, resumed, refused."""

import csv
import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

import lmctheory as lmc
from lmctheory.matching import match
from lmctheory.networks import CNN, MLP, Dataset, Examples, TrainingConfig, seeded_generators
from lmctheory.networks import train_many as train
from lmctheory.paths import barrier
from lmctheory.sweeps import RunError, _sweep
from lmctheory.sweeps.aligned_pairs import _aligned, _Chains, _Modules, aligned_pairs
from lmctheory.sweeps.measured import Measured
from lmctheory.sweeps.store import reading
from lmctheory.sweeps.sweep_result import SweepTask
from lmctheory.sweeps.typed import dump

TRAINING = TrainingConfig(epochs=2, batch_size=16, learning_rate=0.05)


def examples(n, rng):
    labels = torch.arange(n) % 3
    inputs = torch.randn(n, 6, generator=rng)
    inputs[torch.arange(n), labels] += 2.0
    return Examples(inputs, labels)


@pytest.fixture(scope="module")
def data():
    rng = torch.Generator().manual_seed(0)
    return Dataset("blobs", examples(60, rng), examples(30, rng), 3)


def mlp(width, rng):
    return MLP((6, width, width, 3), rng=rng)


def swept(data, store, factory=mlp, widths=(3, 5), **options):
    options = {
        "pairs": 2,
        "training": TRAINING,
        "methods": ("naive", "weighted"),
        "points": 5,
    } | options
    return lmc.sweep(factory, data, widths, store=store, **options)


@pytest.fixture(scope="module")
def found(data, tmp_path_factory):
    return swept(data, tmp_path_factory.mktemp("sweep") / "my.sqlite")


def test_the_table_is_readable_anywhere(found):
    text = repr(found)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 100
    head, *rows = text.splitlines()[:7]
    assert head.split() == [
        *("width", "accuracy", "alignment", "barrier", "certified", "L", "cost", "U")
    ]
    assert [row.split()[::2][0] for row in rows] == ["3"] * 3 + ["5"] * 3
    assert str(found.barrier(5, "naive").short()) in rows[4]


def test_what_is_measured_is_what_the_parts_measure(data, found):
    for task, record in found.results:
        seeds = record.seeds
        models = [mlp(task.width, seeded_generators(seed)[0]) for seed in seeds]
        a, b, *_ = train(models, data.train, TRAINING, seeds=seeds)
        for method in ("naive", "weighted"):
            aligned = match(a, b, method, data.train).apply(b)
            expected = barrier(a, aligned, data.test, points=5)
            test = record.aligned[method].test
            np.testing.assert_allclose(test.loss[0], expected.loss, rtol=1e-5)
            np.testing.assert_allclose(test.max[0], expected.max, rtol=1e-3, atol=1e-6)


def test_certificates_and_bounds_hold(found):
    for width in found.widths:
        assert found.bound(width, "lower").value < found.bound(width, "upper").value
        for alignment in found.alignments:
            certified = found.certified(width, alignment)
            assert certified.value >= found.barrier(width, alignment).value - 1e-5
        for metric, best in (("data", "weighted"), ("euclidean", "naive")):
            costs = {
                name: [row[f"{metric}_cost"] for row in found.records if row["alignment"] == name]
                for name in found.alignments
            }
            assert np.mean(costs[best]) <= np.mean(costs["unmatched"])
    assert found.no_certificate == ""


def test_records_are_flat_and_can_be_written(found, tmp_path):
    assert len(found.records) == 2 * 3 * 2
    row = found.records[-1]
    assert (row["width"], row["alignment"], row["pair"]) == (5, "weighted", 1)
    barriers = [r["test_barrier"] for r in found.records[-2:]]
    assert np.mean(barriers) == pytest.approx(found.barrier(5, "weighted").value)
    found.to_csv(tmp_path / "x.csv")
    with (tmp_path / "x.csv").open() as file:
        back = list(csv.DictReader(file))
    assert [float(r["data_cost"]) for r in back] == [r["data_cost"] for r in found.records]
    assert len({r["seed_a"] for r in back} | {r["seed_b"] for r in back}) == 2 * 2 * 2


def test_it_plots_itself(found, tmp_path):
    figure = found.plot()
    left, right = figure.axes
    naive = next(c for c in left.containers if c.get_label() == "naive")
    drawn = [found.barrier(width, "naive").value for width in found.widths]
    expected = [value if value > 0 else np.nan for value in drawn]
    np.testing.assert_array_equal(naive.lines[0].get_ydata(), expected)
    assert len(right.collections) > 3  # error bars, and L to U
    figure.savefig(tmp_path / "x.png")
    own = Figure()
    assert found.plot(own.subplots(2, 1)) is own
    assert len(own.axes[0].containers) == len(left.containers)


def test_it_is_a_data_frame(found):
    pytest.importorskip("pandas")
    frame = found.to_frame()
    assert frame.to_dict("records")[0]["width"] == found.records[0]["width"]
    assert len(frame) == len(found.records)


def test_unknown_widths_and_alignments_are_refused(found):
    with pytest.raises(ValueError, match=r"width must be one of \[3, 5\], got 4"):
        found.accuracy(4)
    with pytest.raises(ValueError, match="alignment must be one of"):
        found.barrier(3, "loss")
    with pytest.raises(ValueError, match="split must be one of"):
        found.barrier(3, "naive", split="all")
    with pytest.raises(ValueError, match="where must be one of"):
        found.certified(3, "naive", where="mean")
    with pytest.raises(ValueError, match="metric must be one of"):
        found.cost(3, "naive", metric="cosine")
    with pytest.raises(ValueError, match="side must be one of"):
        found.bound(3, "middle")


def test_a_task_stands_in_the_store_as_it_always_did():
    task = {
        "width": 3,
        "pairs": 2,
        "seed": 0,
        "points": 5,
        "methods": ["naive"],
        "certify": True,
        "training": {"epochs": 2},
        "factory": "f",
        "data": "d",
        "network": "n",
    }
    assert dump(SweepTask(**task)) == task


@pytest.fixture
def counted(monkeypatch):
    """Widths of the tasks that are run; nothing is measured."""
    widths = []

    def measure(models, *args, **options):
        widths.append(models[0].linears[0].out_features)
        return Measured(layers=[], aligned={})

    monkeypatch.setattr(_sweep, "measure", measure)
    return widths


def test_a_sweep_resumes_and_grows(data, tmp_path, counted):
    store = tmp_path / "my.sqlite"
    first = swept(data, store, widths=(2, 3), methods=("naive",))
    assert counted == [3, 2]
    again = swept(data, store, widths=(4, 3, 2), methods="naive")
    assert counted == [3, 2, 4]
    assert again.widths == (4, 3, 2)
    assert again.results[2] == first.results[0]


def scaled(model):
    with torch.no_grad():
        model.linears[0].weight *= 2
    return model


def test_what_a_task_is_known_by(data, tmp_path, counted):
    def run(**changes):
        options = {
            "data": data,
            "widths": (2,),
            "methods": ("naive",),
            "pairs": 1,
            "certify": False,
        } | changes
        counted.clear()
        swept(store=tmp_path / "my.sqlite", **options)
        return len(counted)

    shifted = replace(data, test=Examples(data.test.inputs + 1, data.test.labels))
    assert run() == 1
    for change in (
        {"name": "another"},
        {"data": shifted},
        {"pairs": 2},
        {"seed": 1},
        {"points": 7},
        {"training": replace(TRAINING, momentum=0.5)},
        {"training": None},
        {"methods": ("weighted",)},
        {"certify": True},
    ):
        assert run(**change) == 1, change
        assert run(**change) == 0, change
    named = {"name": f"{__name__}.mlp"}
    assert run(**named, factory=partial(mlp)) == 0  # the same networks
    assert run(**named, factory=lambda width, rng: MLP((6, width, 3), rng=rng)) == 1
    assert run(**named, factory=lambda width, rng: scaled(mlp(width, rng))) == 1


def test_a_failed_width_does_not_stop_the_others(data, tmp_path, monkeypatch):
    store, run = tmp_path / "my.sqlite", _sweep.measure

    def measure(models, *args, **options):
        if models[0].linears[0].out_features == 3:
            raise ArithmeticError("no such luck")
        return run(models, *args, **options)

    monkeypatch.setattr(_sweep, "measure", measure)
    with pytest.raises(RunError, match=r"(?s)1 not done.*\"width\":3.*no such luck"):
        swept(data, store, widths=(2, 3, 4), methods=("naive",))
    monkeypatch.setattr(_sweep, "measure", run)
    assert swept(data, store, widths=(2, 3, 4), methods=("naive",)).widths == (2, 3, 4)


def test_diverged_training_says_so(data, tmp_path):
    with pytest.raises(RunError, match="training diverged to NaN weights: lower its learning"):
        swept(data, tmp_path / "x", widths=(2,), training=replace(TRAINING, learning_rate=1e30))


def test_every_row_carries_seeds_and_provenance(data, tmp_path, monkeypatch):
    studies = []
    run = _sweep.run_study

    def noting(study, *args, **options):
        studies.append(study)
        return run(study, *args, **options)

    monkeypatch.setattr(_sweep, "run_study", noting)
    swept(data, tmp_path / "x", widths=(2,), methods=("naive",))
    with reading(tmp_path / "x") as store:
        [row] = store.rows(studies[0])
    assert len(set(row.record["seeds"])) == 4
    assert row.provenance["device"].startswith("cpu: ")
    assert row.seconds > 0


@pytest.mark.slow
def test_worker_processes_measure_the_same(data, tmp_path):
    options = {"widths": (2,), "methods": ("naive",), "pairs": 1}
    here = swept(data, tmp_path / "a", **options)
    there = swept(data, tmp_path / "b", jobs=1, **options)
    np.testing.assert_allclose(
        there.results[0][1].aligned["naive"].test.loss,
        here.results[0][1].aligned["naive"].test.loss,
        rtol=1e-5,
    )


def image_data(data):
    pattern = torch.linspace(-1, 1, 16).view(1, 1, 4, 4)

    def images(part):
        noise = part.inputs.mean(1).view(-1, 1, 1, 1)
        return Examples(pattern * part.labels.view(-1, 1, 1, 1) + noise, part.labels)

    return Dataset("images", images(data.train), images(data.test), 3)


class Normalised(nn.Module):
    """A convolution whose normalisation has no Lipschitz constant, of PyTorch's own layers."""

    def __init__(self, width):
        super().__init__()
        self.convolution = nn.Conv2d(1, width, 3)
        self.norm = nn.GroupNorm(1, width)
        self.head = nn.Linear(4 * width, 3)

    def forward(self, x):
        return self.head(self.norm(self.convolution(x)).relu().flatten(1))


def test_a_cnn_is_certified_and_one_without_a_certificate_says_why(data, tmp_path):
    images = image_data(data)
    options = {"widths": (3,), "methods": ("weighted",)}
    plain = swept(
        images, tmp_path / "x", lambda width, rng: CNN((1, 4, 4), (2, width), 3, rng=rng), **options
    )
    assert plain.certified(3, "weighted").value >= plain.barrier(3, "weighted").value - 1e-5
    assert plain.cost(3, "weighted").value <= plain.cost(3, "unmatched").value
    assert plain.bound(3, "lower").value < plain.bound(3, "upper").value
    normed = swept(images, tmp_path / "x", lambda width, rng: Normalised(width), **options)
    assert normed.certified(3, "weighted") is None
    assert "layer and group norms" in normed.no_certificate
    assert f"no certificate: {normed.no_certificate[:20]}" in repr(normed)
    assert max(map(len, repr(normed).splitlines())) <= 100
    assert "certified_barrier" not in normed.records[0]
    assert normed.cost(3, "weighted").value <= normed.cost(3, "unmatched").value


def test_chains_and_modules_are_measured_alike(data):
    """One MLP by two ways: layers in a stack, and the last group of a traced module."""
    models = [mlp(4, seeded_generators(seed)[0]) for seed in range(4)]
    chains = aligned_pairs(models, data.train, ("weighted",))
    modules = _aligned(_Modules, models, data.train, ("weighted",))
    assert isinstance(chains, _Chains)
    times = np.linspace(0, 1, 5)
    for name in ("unmatched", "weighted"):
        one, other = (pairs.barrier(name, data.test, 5) for pairs in (chains, modules))
        np.testing.assert_allclose(one.loss, other.loss, rtol=1e-5)
        np.testing.assert_array_equal(one.accuracy, other.accuracy)
        for pair in range(2):
            a, b = (pairs.certificates(name, data.test, times)[pair] for pairs in (chains, modules))
            np.testing.assert_allclose(a.barrier, b.barrier, rtol=1e-6, atol=1e-9)
            for data_metric in (False, True):
                [last] = modules.layers(name, pair, data_metric=data_metric)
                own = chains.layers(name, pair, data_metric=data_metric)[-1]
                assert last[0].cost == pytest.approx(own[0].cost, rel=1e-9)
    assert chains.reads_inputs == [True, False]
    assert modules.reads_inputs == [False]


def test_nothing_that_was_passed_is_changed(data, tmp_path):
    state, inputs = torch.get_rng_state(), data.train.inputs.clone()
    drawn = [
        swept(
            data,
            tmp_path / name,
            lambda width, rng: nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 3)),
            widths=(2,),
            methods=("naive",),
        ).results[0][1]
        for name in ("a", "b")
    ]
    assert drawn[0] == drawn[1]  # drawn from PyTorch's global generator, seeded for it
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(data.train.inputs, inputs)


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"widths": ()}, ValueError, "widths must name at least one width"),
        ({"widths": (2, 2)}, ValueError, r"widths must differ, got \[2, 2\]"),
        ({"widths": (0,)}, ValueError, "every width must be >= 1, got 0"),
        ({"widths": 4}, TypeError, "widths must be integers"),
        ({"widths": (2.5,)}, TypeError, "every width must be an integer, got 2.5"),
        ({"pairs": 0}, ValueError, "pairs must be >= 1, got 0"),
        ({"seed": -1}, ValueError, "seed must be >= 0"),
        ({"points": 4}, ValueError, "points must be odd"),
        ({"points": 1}, ValueError, "points must be >= 3"),
        ({"jobs": -1}, ValueError, "jobs must be >= 0"),
        (
            {"jobs": 2, "factory": lambda width, rng: MLP((6, width), rng=rng)},
            ValueError,
            "jobs must be 0",
        ),
        ({"methods": ("naive", "hope")}, ValueError, "methods must be of .*, got 'hope'"),
        ({"methods": ("naive", "naive")}, ValueError, "methods must differ"),
        ({"training": {"epochs": 1}}, TypeError, "training must be a TrainingConfig, got dict"),
        ({"data": "digits"}, TypeError, "data must be a Dataset, got str"),
        ({"factory": 3}, TypeError, "factory must be a function, got int"),
        ({"factory": lambda width, rng: 3}, TypeError, r"factory\(3, rng\) must be an nn.Module"),
        ({"factory": lambda width, rng: MLP((5, 3), rng=rng)}, ValueError, "inputs"),
        (
            {"factory": lambda width, rng: MLP((6, 3), rng=torch.Generator().manual_seed(0))},
            ValueError,
            r"factory\(3, rng\) must draw its weights, got the same network for two seeds",
        ),
    ],
)
def test_bad_arguments_are_refused_before_any_work(data, tmp_path, change, error, message):
    with pytest.raises(error, match=message):
        swept(**{"data": data, "store": tmp_path / "x"} | change)
    assert not (tmp_path / "x").exists()


def test_the_package_and_the_runner_load_without_pytorch():
    program = (
        "import sys, lmctheory, lmctheory.sweeps\n"
        "print({'torch', 'numpy', 'distributed', 'matplotlib'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ran.stdout == b"set()\n"
    assert lmc.sweep is lmc.sweeps.sweep is _sweep.sweep
