"""Commands about checkpoints, from the shell alone."""

import csv
import io
import json
import sys

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from lmctheory.cli import app
from lmctheory.comparison import compare
from lmctheory.files import build_model, load_network, read_state
from lmctheory.matching import match
from lmctheory.networks import MLP, Examples, TrainingConfig, seeded_generators, train_many
from tests.commands.conftest import in_sequence
from tests.comparison.pairs import WIDTHS, trained

MODEL = ("--model", "net.py:mlp", "--model-args", f"[{list(WIDTHS)}]")


def invoke(*arguments, exit_code=0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == exit_code, result.output
    return result.output


@pytest.fixture(autouse=True)
def _forget_the_model():
    yield
    sys.modules.pop("net", None)


def networks():
    empty = build_model("net.py:mlp", f"[{list(WIDTHS)}]")
    return [load_network(empty, f"{name}.safetensors") for name in "ab"]


def data():
    digits = trained()[2]
    return Examples(digits.test.inputs[:80], digits.test.labels[:80])


@pytest.mark.parametrize(
    ("command", "section"),
    [("barrier", "barriers"), ("certify", "certificates"), ("layers", "layers")],
)
def test_sections_print_and_write_the_numbers_of_the_comparison(command, section, folder):
    given = (command, "a.safetensors", "b.safetensors", *MODEL, "--data", "data.npz")
    given += ("--match", "weight", "--points", 5)
    expected = compare(*networks(), data(), methods=("weight",), points=5, sections=[section])
    table = expected.parts[section].tables[0]
    printed = invoke(*given, "--json", "n.json")
    written = json.loads((folder / "n.json").read_text())
    assert written["tables"][table.title] == table.records
    assert table.title.split()[0] in printed


def test_numbers_are_printed_in_every_form(folder):
    given = (*BARRIER, *MODEL, "--data", "data.npz", "--match", "naive", "--points", 5)
    invoke(*given, "--json", "n.json")
    written = json.loads((folder / "n.json").read_text())
    assert written == json.loads(invoke(*given, "--format", "json"))
    [[row, *_], *_] = written["tables"].values()
    text = invoke(*given, "--format", "csv")
    first = next(csv.DictReader(io.StringIO(text)))
    assert first == {key: "" if v is None else str(v) for key, v in row.items()}
    assert r"\toprule" in invoke(*given, "--format", "latex")


@pytest.mark.parametrize(
    "suffix", [".png", *(pytest.param(s, marks=pytest.mark.slow) for s in (".pdf", ".svg"))]
)
def test_pictures_are_written(suffix, folder):
    given = ("a.safetensors", "b.safetensors", *MODEL, "--data", "data.npz", "--points", 5)
    invoke("barrier", *given, "--figure", f"f{suffix}")
    assert (folder / f"f{suffix}").stat().st_size > 5000
    assert "is nothing to draw" in invoke("certify", *given, "--figure", "g.png", exit_code=2)


def test_match_writes_b_its_permutation_and_the_mean(folder):
    files = ("--out", "bm.safetensors", "--permutations", "p.npz", "--average", "mean.pt")
    text = invoke("match", "a.safetensors", "b.safetensors", *MODEL, *files)
    assert "The order changes outputs by" in text
    a, b = networks()
    found = match(a, b)
    for name, tensor in found.apply(b).state_dict().items():
        torch.testing.assert_close(read_state("bm.safetensors")[name], tensor)
        mean = (tensor + a.state_dict()[name]) / 2
        torch.testing.assert_close(read_state("mean.pt")[name], mean)
    with np.load("p.npz") as arrays:
        assert set(arrays.files) == set(found.permutations)
        for name, perm in found.permutations.items():
            assert np.array_equal(arrays[name], perm)


def test_match_takes_several_networks_and_repairs_two(folder):
    three = ("a.safetensors", "b.safetensors", "c.safetensors")
    (folder / "all").mkdir()
    invoke("match", *three, *MODEL, "--out", "all", "--permutations", "p.npz")
    assert sorted(path.name for path in (folder / "all").iterdir()) == sorted(three)
    with np.load("p.npz") as arrays:
        assert sorted(arrays.files) == [f"{k}/{name}" for k in (1, 2, 3) for name in ("0", "2")]
    x = data().inputs
    empty = networks()[0]
    for name in three:
        before, after = (load_network(empty, path)(x) for path in (name, f"all/{name}"))
        torch.testing.assert_close(before, after)
    two = ("match", *three[:2], *MODEL, "--data", "data.npz", "--method", "activation")
    invoke(*two, "--average", "mean.safetensors")
    invoke(*two, "--average", "repaired.safetensors", "--repair")
    plain, repaired = (read_state(f"{name}.safetensors") for name in ("mean", "repaired"))
    assert any(not torch.equal(plain[name], repaired[name]) for name in plain)


def test_report_is_one_page_with_its_tables(folder):
    given = ("a.safetensors", "b.safetensors", *MODEL, "--data", "data.npz", "--points", 5)
    text = invoke("report", *given, "--out", "r.html", "--match", "weight")
    assert "wrote r.html and 18 tables beside it" in text
    page = (folder / "r.html").read_text()
    assert "a.safetensors and b.safetensors" in page
    assert len(list(folder.glob("r-*.csv"))) == len(list(folder.glob("r-*.tex"))) == 9


def narrow_folders(folder):
    """As many narrow networks as it takes, each width in a folder of its own."""
    train = trained()[2].train
    for width in (6, 12):
        (folder / f"narrow{width}").mkdir()
        initial = [MLP((64, width, width, 10), rng=seeded_generators(k)[0]) for k in range(6)]
        config = TrainingConfig(epochs=4, learning_rate=0.1)
        for k, network in enumerate(train_many(initial, train, config, seeds=range(6))):
            torch.save({"model": in_sequence(network)}, folder / f"narrow{width}" / f"{k}.pt")


NARROW = ("--narrow", "narrow6", "--narrow", "narrow12")


def test_predict_reads_widths_off_checkpoints(folder):
    narrow_folders(folder)
    given = ("a.safetensors", "b.safetensors", *MODEL, "--data", "data.npz", "--points", 5)
    printed = invoke("predict", *given, *NARROW, "--match", "weight", "--figure", "f.png")
    assert "Predicted barriers" in printed
    assert (folder / "f.png").stat().st_size > 5000
    narrow = {
        width: [
            load_network(build_model("net.py:mlp", f"[[64, {width}, {width}, 10]]"), path)
            for path in sorted((folder / f"narrow{width}").iterdir())
        ]
        for width in (6, 12)
    }
    sections = {"sections": ["prediction"], "narrow": narrow, "points": 5}
    expected = compare(*networks(), data(), methods=("weight",), **sections)
    [sentence] = expected.findings
    assert sentence in " ".join(printed.split())
    text = invoke("report", *given, *NARROW, "--out", "r.html", "--match", "weight")
    assert sentence in " ".join(text.split())
    assert "wrote r.html and 20 tables beside it" in text
    assert "What narrower networks predict" in (folder / "r.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--narrow", "narrow6"), "narrow must hold networks of two widths or more"),
        (("--narrow", "a.safetensors", *NARROW), "width must be at least twice those of narrow"),
        (("--narrow", "none.pt"), "none.pt is no file"),
        (("--narrow", "."), "uneven.pt: hidden layers must be of one width, got [4, 8]"),
        (("--narrow", "empty"), "empty holds no checkpoints, which end in .safetensors"),
        (("--narrow", "deep/net.pt"), "deep/net.pt does not fit Sequential; unexpected: 6.weight"),
        ((), "Missing option '--narrow'"),
    ],
)
def test_narrow_networks_that_are_none_end_with_their_message(arguments, message, folder):
    narrow_folders(folder)
    for path, widths in (("uneven.pt", [64, 4, 8, 10]), ("deep/net.pt", [64, 4, 4, 4, 10])):
        (folder / path).parent.mkdir(exist_ok=True)
        network = build_model("net.py:mlp", f"[{widths}]")
        torch.save(network.state_dict(), folder / path)
    (folder / "empty").mkdir()
    given = ("predict", "a.safetensors", "b.safetensors", *MODEL, "--data", "data.npz")
    assert message in " ".join(invoke(*given, *arguments, exit_code=2).split())


BARRIER = ("barrier", "a.safetensors", "b.safetensors")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*BARRIER, *MODEL, "--data", "nothing.npz"), "nothing.npz is no file"),
        ((*BARRIER, *MODEL, "--data", "data.npz", "--loss", "hinge"), "loss must be one of"),
        ((*BARRIER, *MODEL, "--data", "data.npz", "--match", "best"), "methods must be one of"),
        ((*BARRIER, *MODEL, "--data", "data.npz", "--points", "4"), "points must be odd"),
        ((*BARRIER, *MODEL, "--data", "data.npz", "--format", "xml"), "format must be one of"),
        ((*BARRIER, *MODEL, "--data", "data.npz", "--json", "no/n.json"), "no is no folder"),
        (
            (*BARRIER, *MODEL, "--data", "data.npz", "--device", "tpu"),
            "'tpu' cannot be used",
        ),
        ((*BARRIER, *MODEL, "--data", "data.npz", "--input-shape", "1,a"), "such as 1,28,28"),
        (
            (*BARRIER, *MODEL, "--data", "data.npz", "--input-shape", "1,9,9"),
            "does not hold",
        ),
        (
            (*BARRIER, *MODEL, "--data", "data.npz", "--split", "valid"),
            "split must be one of ['train', 'test'], got 'valid'",
        ),
        ((*BARRIER, "--model", "net.py:cnn", "--data", "data.npz"), "has no 'cnn', but nn, mlp"),
        (("barrier", "a.safetensors", "x.pt", *MODEL, "--data", "data.npz"), "x.pt is no file"),
        (("match", "a.safetensors", *MODEL), "needs two checkpoints or more"),
        (("match", *BARRIER[1:], *MODEL, "--out", "b.npz"), "must end in .safetensors"),
        (("match", *BARRIER[1:], *MODEL, "--permutations", "p.txt"), "must end in .npz"),
        (("match", *BARRIER[1:], *MODEL, "--out", "b.safetensors"), "would be overwritten"),
        (("match", *BARRIER[1:], *MODEL, "--average", "./a.safetensors"), "would be overwritten"),
        (("match", *BARRIER[1:], "c.safetensors", *MODEL, "--out", "."), "would be overwritten"),
        (("match", *BARRIER[1:], "a.pt", *MODEL, "--out", "."), "different names"),
        (("match", *BARRIER[1:], *MODEL, "--method", "activation"), "needs data"),
        (("match", *BARRIER[1:], *MODEL, "--average", "m.pt", "--repair"), "need --data"),
        (("report", *BARRIER[1:], *MODEL, "--data", "data.npz", "--out", "r.pdf"), "end in .html"),
    ],
)
def test_bad_input_ends_with_its_message(arguments, message, folder):
    before = sorted(path.name for path in folder.iterdir() if path.name != "__pycache__")
    text = " ".join(invoke(*arguments, exit_code=2).split())
    assert message in text
    assert "Traceback" not in text
    assert sorted(p.name for p in folder.iterdir() if p.name != "__pycache__") == before
