"""The study of certificates, small: records against direct computation, tables, figure, options."""

import copy

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import simulations.path_certificates.tables as tables_module
from lmctheory.matching import match
from lmctheory.networks import Examples, load_dataset
from lmctheory.paths import certify, interpolate
from paper_figures import path_certificates as figure_module
from simulations.__main__ import STUDIES
from simulations.command_line import application
from simulations.path_certificates import ALIGNMENTS, NODES, STUDY, require_one_study, summarise
from simulations.path_certificates.measurement import _trained, run
from simulations.path_certificates.summary import matching_ratios, violations
from simulations.store import read


def config(**changes):
    usual = {
        "dataset": "digits",
        "architecture": "MLP 2",
        "width": 8,
        "weight_decay": 1e-3,
        "pairs": 2,
        "examples": 40,
        "seed": 0,
    }
    return usual | changes


@pytest.fixture(scope="module")
def results():
    one = config()
    wider = config(width=12, pairs=2)
    return [(one, run(one)), (wider, run(wider))]


def test_a_record_is_what_its_networks_give(results):
    task, record = results[0]
    data = load_dataset("digits")
    test = Examples(data.test.inputs[:40], data.test.labels[:40])
    a, b = _trained(task, data)[2:]
    aligned = match(a, b, "activation", data.train.inputs).apply(b)
    whole = certify(a, aligned, test, nodes=NODES[-1])
    pair = record["activation"][1]
    assert pair["C4"] == {
        str(NODES[-1]): {
            "accuracy": whole.accuracy,
            "attainable": whole.attainable,
            "loss": whole.loss,
            "barrier": whole.barrier,
        }
    }
    x = test.inputs.double()
    gap = interpolate(a, aligned, 0.5)(x) - (a(x) + aligned(x)) / 2
    assert pair["error"] == pytest.approx(
        float(gap.detach().square().sum(1).mean().sqrt()), rel=1e-12
    )


def test_pairs_and_shapes_share_no_network():
    data = load_dataset("digits")
    first = _trained(config(), data)
    others = [
        *_trained(config(weight_decay=0.0), data),
        *_trained(config(seed=1), data),
        *_trained(config(architecture="MLP 1"), data),
    ]
    weights = [model.linears[0].weight for model in (*first, *others)]
    assert all(not torch.equal(u, v) for i, u in enumerate(weights) for v in weights[:i])


def test_no_certificate_is_below_what_it_bounds_and_halved_ones_are(results):
    shapes = summarise(results)
    wrong, all_ = violations(shapes)
    per_pair = 4 * len(ALIGNMENTS) + 3 * (len(ALIGNMENTS) - 1 + len(NODES))
    assert (wrong, all_) == (0, 4 * per_pair)
    halved = copy.deepcopy(shapes)
    for pair in halved[0].record["weighted"]:
        pair["C4"]["8"]["barrier"] /= 2
    assert violations(halved)[0] > 0


def test_ratios_are_geometric_and_count_the_best(results):
    shapes = summarise(copy.deepcopy(results))
    for shape in shapes:
        for alignment in ALIGNMENTS:
            factor = 0.25 if alignment == "naive" else 2.0 if alignment == "weight" else 1.0
            for pair in shape.record[alignment]:
                pair["C1"] = factor
    ratios = matching_ratios(shapes)
    mean, best = ratios["naive"]["C1"]
    assert (mean.value, mean.error, best) == (pytest.approx(np.log10(0.25)), 0.0, 1.0)
    assert ratios["weight"]["C1"][0].value == pytest.approx(np.log10(2))
    assert ratios["weight"]["C1"][1] == 0


def test_the_report_fits_into_100_columns_uncut(results, capsys):
    tables_module.print_report(results)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert not any("…" in line for line in lines)
    assert sum("MLP 2" in line for line in lines) == 4


def test_the_figure_has_a_point_for_every_pair(results):
    figure = figure_module.draw(results)
    scatter, curves = figure.axes
    points = scatter.lines[0].get_xydata()
    assert len(points) == 4
    assert (points[:, 1] >= points[:, 0]).all()
    assert len(curves.lines) == 2


def test_the_command_stores_reports_and_feeds_the_figure(tmp_path):
    results = tmp_path / "certificates.sqlite"
    options = ["--architecture", "MLP 1", "--width", "8", "--weight-decay", "0", "--pairs", "1"]
    arguments = ["path_certificates", *options, "--examples", "20", "--results", str(results)]
    ran = CliRunner().invoke(application(STUDIES), [*arguments, "--jobs", "1"])
    assert ran.exit_code == 0, ran.output
    assert "0 are below what they bound" in ran.output
    assert [task for task, _ in read(STUDY, results)] == [
        config(architecture="MLP 1", weight_decay=0.0, pairs=1, examples=20)
    ]
    figure_module.main(results, tmp_path / "figure")
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--architecture", "LSTM"], "architecture must be one of ['MLP 1',"),
        (["--dataset", "mnist", "--data-dir", "missing"], "missing"),
        (["--pairs", "0"], "greater than or equal to 1"),
        (["--weight-decay", "-1"], "greater than or equal to 0"),
    ],
)
def test_bad_options_are_refused_before_any_work(tmp_path, options, message):
    results = tmp_path / "certificates.sqlite"
    arguments = ["path_certificates", *options, "--results", str(results)]
    ran = CliRunner().invoke(application(STUDIES), arguments)
    assert ran.exit_code == 2
    assert message in " ".join(ran.output.split())
    assert not results.exists()


def test_results_of_several_studies_are_not_drawn_together(results):
    require_one_study(results)
    with pytest.raises(ValueError, match=r"mix studies with seed \[0, 1\]"):
        require_one_study([*results, (config(seed=1), results[0][1])])
