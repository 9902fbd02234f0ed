"""Everything that takes a device, on a GPU beside the CPU: the same numbers but for rounding."""

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import lmctheory as lmc
from lmctheory.cli import app
from lmctheory.files import write_state
from lmctheory.matching import match
from lmctheory.networks import (
    MLP,
    TrainingConfig,
    load_dataset,
    seeded_generators,
    train_many,
)
from lmctheory.paths import barrier, certified_barrier, certify, connect

pytestmark = pytest.mark.cuda

SHORT = TrainingConfig(epochs=2, learning_rate=0.05)
DIGITS = load_dataset("digits")


@pytest.fixture(scope="module")
def device():
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU on this machine")
    return "cuda"


def networks(width=16, count=2):
    return [MLP((64, width, 10), rng=seeded_generators(seed)[0]) for seed in range(count)]


def trained(device):
    """In double precision, so that nothing but the order of sums differs."""
    initial = [model.double() for model in networks()]
    return train_many(initial, DIGITS.train, SHORT, seeds=(0, 1), device=device)


def on(device, data):
    return data.to(device=device, dtype=torch.float64)


def test_training(device):
    for there, here in zip(trained(device), trained("cpu"), strict=True):
        for name, value in there.state_dict().items():
            assert value.device.type == device
            np.testing.assert_allclose(value.cpu(), here.state_dict()[name], atol=1e-9)


@pytest.mark.parametrize("method", ["naive", "weighted", "activation", "weight"])
def test_matching_and_barriers(device, method):
    found = []
    for place in (device, "cpu"):
        a, b = (model.to(place) for model in trained("cpu"))
        matched = match(a, b, method, on(place, DIGITS.train)).apply(b)
        found.append(barrier(a, matched, on(place, DIGITS.test)))
    there, here = found
    np.testing.assert_allclose(there.loss, here.loss, atol=1e-9)


def test_certificates(device):
    found = []
    for place in (device, "cpu"):
        a, b = (model.to(place) for model in trained("cpu"))
        few = on(place, DIGITS.test[:50])
        found.append((certify(a, b, few, complete=True), certified_barrier(a, b, few)))
    (decided, bounds), (decided_here, bounds_here) = found
    assert decided.accuracy == decided_here.accuracy
    assert bounds.max.lower <= bounds_here.max.upper
    assert bounds_here.max.lower <= bounds.max.upper


def test_curves_of_low_loss(device):
    a, b = trained("cpu")
    there, here = (connect(a, b, DIGITS.train, SHORT, device=place) for place in (device, "cpu"))
    assert there.barrier(DIGITS.test).max == pytest.approx(here.barrier(DIGITS.test).max, abs=1e-6)


def test_sweeps(device, tmp_path):
    def found(place):
        return lmc.sweep(
            lambda width, rng: MLP((64, width, 10), rng=rng),
            DIGITS,
            (4,),
            pairs=2,
            training=SHORT,
            methods=("weighted",),
            store=tmp_path / f"{place}.sqlite",
            device=place,
        ).records

    for there, here in zip(found(device), found("cpu"), strict=True):
        assert there["test_barrier"] == pytest.approx(here["test_barrier"], abs=1e-3)


@pytest.mark.parametrize("command", ["barrier", "match", "report"])
def test_the_shell(device, command, tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\n"
        "def mlp():\n"
        "    return nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))\n"
    )
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        torch.manual_seed(ord(name))
        model = torch.nn.Sequential(
            torch.nn.Linear(64, 16), torch.nn.ReLU(), torch.nn.Linear(16, 10)
        )
        write_state(model, f"{name}.safetensors")
    found = []
    for place in (device, "cpu"):
        arguments = [command, "a.safetensors", "b.safetensors", "--model", "net.py:mlp"]
        arguments += ["--device", place, "--data", "digits"]
        arguments += ["--out", f"{place}.html"] if command == "report" else []
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        found.append([line.split()[:1] for line in result.output.splitlines()])
    assert len(found[0]) == len(found[1]) > 0
