"""Bounds from the shell, beside the functions that they come from."""

import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from lmctheory.cli import app
from lmctheory.files import write_state
from lmctheory.measures import Empirical, Gaussian
from lmctheory.networks import load_dataset
from lmctheory.rates import lower_bound, upper_bound
from lmctheory.widths import deep, ensemble


def invoke(*arguments, exit_code=0):
    result = CliRunner().invoke(app, ["bound", *map(str, arguments)])
    assert result.exit_code == exit_code, result.output
    return result.output


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("layer.npy", [1.0, 0.5, 0.25])
    np.save("covariance.npy", np.diag([1.0, 0.5, 0.25]))
    torch.manual_seed(0)
    write_state(torch.nn.Sequential(torch.nn.Linear(3, 40), torch.nn.Linear(40, 2)), "net.pt")
    return tmp_path


def terms(*arguments):
    found = json.loads(invoke("matching", *arguments, "--format", "json"))
    [rows] = found["tables"].values()
    return {(row["side"], row["argument"]): row for row in rows}


@pytest.mark.parametrize("given", [("--spectrum", "layer.npy"), ("--covariance", "covariance.npy")])
def test_costs_lie_between_all_arguments(given, folder):
    found, law = terms(*given, "--width", 64), Gaussian(spectrum=[1.0, 0.5, 0.25])
    for side, bound in (("lower", lower_bound(law, 64)), ("upper", upper_bound(law, 64))):
        own = {key: row for (where, key), row in found.items() if where == side}
        assert {key: row["value"] for key, row in own.items()} == pytest.approx(dict(bound.terms))
        assert [key for key, row in own.items() if row["tightest"]] == [bound.key]
    text = invoke("matching", *given, "--width", 64)
    assert "Not applicable" not in text
    reasons = invoke("matching", *given, "--width", 64, "--why")
    assert "R4 published, Gaussian has no diameter" in reasons


def test_a_layer_of_a_checkpoint_is_a_law(folder):
    state = torch.load("net.pt")
    rows = torch.cat([state["0.weight"], state["0.bias"][:, None]], 1)
    given = ("--weights", "net.pt", "--layer", "0", "--width", 64)
    upper = [row["value"] for (side, _), row in terms(*given).items() if side == "upper"]
    law = Gaussian(covariance=rows.double().mT.cov())
    assert min(upper) == pytest.approx(upper_bound(law, 64).value)
    found = terms(*given, "--law", "empirical", "--p", 1)
    upper = [row["value"] for (side, _), row in found.items() if side == "upper"]
    assert min(upper) == pytest.approx(upper_bound(Empirical(rows), 64, 1.0).value)


def test_widths_and_errors_of_networks_on_data(folder):
    x = load_dataset("digits").train.inputs[:60].double().numpy()
    networks = ensemble(x, 2)
    given = ("--depth", 2, "--data", "digits", "--examples", 60, "--format", "json")
    found = json.loads(invoke("width", "--eps", 0.4, *given))
    widths = deep.required_widths(0.4 * networks.mean_square**0.5, networks)
    assert found["findings"][0].startswith(f"Widths of {widths[0]} and {widths[1]} bring")
    [rows] = found["tables"].values()
    assert [row["width"] for row in rows] == list(widths)
    np.savez("values.npz", inputs=x, targets=x[:, :2])  # their labels are not asked for
    on_values = ("--depth", 2, "--data", "values.npz", "--examples", 60, "--format", "json")
    assert json.loads(invoke("width", "--eps", 0.4, *on_values)) == found
    error = json.loads(invoke("error", "--width", 100, "--width", 80, *given))
    bound = deep.error_bound((100, 80), networks)
    assert f"at most {bound.relative:.4g}" in error["findings"][0]
    [rows] = error["tables"].values()
    assert [row["matching cost per neuron"] for row in rows] == pytest.approx(bound.matching_cost)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("matching", "--width", 8), "give one of --spectrum, --covariance and --weights, got 0"),
        (
            ("matching", "--width", 8, "--spectrum", "layer.npy", "--weights", "net.pt"),
            "got 2 of them",
        ),
        (("matching", "--width", 8, "--spectrum", "no.npy"), "no.npy is no file"),
        (("matching", "--width", 8, "--spectrum", "net.pt"), "is no array of numbers"),
        (("matching", "--width", 8, "--covariance", "layer.npy"), "covariance"),
        (
            ("matching", "--width", 8, "--weights", "net.pt", "--layer", "fc"),
            "['0.weight', ",
        ),
        (
            ("matching", "--width", 8, "--spectrum", "layer.npy", "--law", "empirical"),
            "is for --weights",
        ),
        (("width", "--eps", 0, "--data", "digits"), "eps"),
        (("width", "--eps", 1e-9, "--data", "digits"), "10^12"),
        (("error", "--width", 3, "--width", 4, "--depth", 3, "--data", "digits"), "widths"),
        (("error", "--width", 3, "--data", "digits", "--activation", "sine"), "activation"),
    ],
)
def test_bad_input_ends_with_its_message(arguments, message, folder):
    text = " ".join(invoke(*arguments, exit_code=2).split())
    assert message in text
    assert "Traceback" not in text
