"""What holds for every study: its command, refused options, its figure."""

import inspect
import re
import shlex
from dataclasses import dataclass
from importlib import import_module

import pytest
from typer.testing import CliRunner

from lmctheory.sweeps.store import encode, read, writing
from simulations.__main__ import STUDIES
from simulations.command_line import application


@dataclass(frozen=True)
class Small:
    """What the smallest run of a study stores and prints."""

    tasks: int
    text: str


SMALL = {
    "width_sweep": Small(2, "Barrier of the test loss after training"),
    "matching_rates": Small(58, "24 of 24 measured costs lie between L and U"),
    "matching_methods": Small(3, "channels 16-32"),
    "trained_widths": Small(2, "predicted / measured"),
    "path_certificates": Small(1, "0 are below what they bound"),
    "deep_widths": Small(7, "Dropout stability (D6)"),
    "two_layer_widths": Small(67, "Students of a ReLU teacher"),
    "layerwise": Small(3, "linear networks, two layers (L2)"),
}
SLOW = ("deep_widths", "matching_methods", "two_layer_widths")
NOT_DRAWN = {
    "deep_widths": "the results hold one width",
    "layerwise": "the results hold no chain",
}
"""Studies whose smallest run has no figure, and why."""

REFUSED = {
    "width_sweep": {
        "--width 0": "greater than or equal to 1",
        "--dataset cifar": "must be one of",
        "--dataset mnist --data-dir /nowhere": "train-images-idx3-ubyte",
        "--learning-rate -1": "learning_rate must be positive",
    },
    "matching_rates": {
        "--dimension 11": "less than or equal to 10",
        "--widest 63": "greater than or equal to 64",
        "--draws 1": "greater than or equal to 2",
    },
    "matching_methods": {
        "--architecture LSTM": "architecture must be one of ['MLP',",
        "--architecture 'MLP mnist'": "'MLP mnist' needs --data-dir",
        "--data-dir missing": "missing",
        "--pairs 0": "greater than or equal to 1",
    },
    "two_layer_widths": {
        "--widest 63": "greater than or equal to 64",
        "--draws 1": "greater than or equal to 2",
        "--pairs 1": "greater than or equal to 2",
        "--reference 1000": "reference must be a power of 2, got 1000",
    },
    "deep_widths": {
        "--width 15": "greater than or equal to 16",
        "--width 17": "widths must be even",
        "--depth 0": "greater than or equal to 1",
        "--draws 1": "greater than or equal to 2",
        "--examples 2000": "examples must lie between 1 and 1437, got 2000",
        "--dataset letters": "name must be one of",
    },
    "trained_widths": {
        "--dataset cifar": "must be one of",
        "--learning-rate -1": "learning_rate must be positive",
        "--estimating 16 --estimating 32": "three widths",
        "--testing 2048": "256 < width <= 1024, got",
        "--testing 256": "256 < width <= 1024, got",
        "--permutations 18": "greater than or equal to 19",
    },
    "path_certificates": {
        "--architecture LSTM": "architecture must be one of ['MLP 1',",
        "--dataset mnist --data-dir missing": "missing",
        "--pairs 0": "greater than or equal to 1",
        "--weight-decay -1": "greater than or equal to 0",
    },
    "layerwise": {
        "--architecture LSTM": "architecture must be one of ['MLP 2',",
        "--dataset mnist --data-dir missing": "missing",
        "--pairs 0": "greater than or equal to 1",
        "--epochs 1": "greater than or equal to 2",
    },
}


def invoke(study, options, results, charset="utf-8"):
    arguments = [study, *shlex.split(options), "--results", str(results)]
    return CliRunner(charset).invoke(application(STUDIES), arguments)


def figure_of(study):
    return import_module(f"paper_figures.{study}")


@pytest.mark.parametrize("study", STUDIES)
def test_the_figure_names_the_command_that_makes_its_results(study, tmp_path):
    with pytest.raises(SystemExit, match=f"make them with: python -m simulations run {study}"):
        figure_of(study).main(tmp_path / "none.sqlite", tmp_path / "figure")


def test_every_study_is_called_by_its_name():
    for name, entry in STUDIES.items():
        declared = entry.load()
        assert declared.plan.__name__ == declared.study.name == name
        assert (declared.plan.__doc__ or "").strip()
        assert set(declared.quick) <= set(inspect.signature(declared.plan).parameters)
        assert entry.summary


@pytest.mark.filterwarnings("ignore:no neurons can be reordered:UserWarning")  # at width 1
@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize(
    "study",
    [pytest.param(s, marks=pytest.mark.slow if s in SLOW else ()) for s in STUDIES],
)
def test_the_command_stores_reports_and_feeds_the_figure(study, tmp_path):
    small, results = SMALL[study], tmp_path / "[é].sqlite"
    ran = invoke(study, "--quick", results, charset="ascii")
    assert ran.exit_code == 0, ran.output
    assert small.text in ran.output
    assert max(map(len, ran.stdout.splitlines())) <= 100
    assert "\\" not in ran.stdout  # of which escapes are made
    assert r"[\xe9].sqlite" in ran.stderr
    assert "nan" not in re.findall(r"\w+", ran.stdout)
    figure, of_study = figure_of(study), import_module(f"simulations.{study}.command").STUDY
    stored = read(of_study, results)
    assert len(stored) == small.tasks
    if study in NOT_DRAWN:
        with pytest.raises(SystemExit, match=NOT_DRAWN[study]):
            figure.main(results, tmp_path / "figure")
        return
    figure.main(results, tmp_path / "figure")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")
    # a second study in the same file, of which another seed is a part
    config, record = stored[0]
    with writing(results) as store:
        store.add(of_study, config | {"seed": config["seed"] + 1}, encode(record), 1.0, "{}")
    with pytest.raises(SystemExit, match=r"the results mix (studies|sweeps)"):
        figure.main(results, tmp_path / "figure")


@pytest.mark.parametrize(
    ("study", "options"), [(study, options) for study in STUDIES for options in REFUSED[study]]
)
def test_bad_options_are_refused_before_any_work(study, options, tmp_path):
    results = tmp_path / "results.sqlite"
    ran = invoke(study, options, results)
    assert ran.exit_code == 2
    assert REFUSED[study][options] in " ".join(ran.output.split())
    assert not results.exists()
