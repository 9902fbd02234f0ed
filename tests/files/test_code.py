"""Users' code by name."""

import inspect
import sys

import pytest
import torch
from torch import nn

from lmctheory.files import build_model, load_object

MODEL = """
from dataclasses import dataclass
from torch import nn
from helper import WIDTH

@dataclass
class Options:
    depth: int = 1

class Net(nn.Module):
    def __init__(self, inputs, *, outputs=2):
        super().__init__()
        self.layer = nn.Linear(inputs, outputs * WIDTH)

    @staticmethod
    def small():
        return Net(1)

def fails():
    raise KeyError("width")

size = 3
"""


@pytest.fixture
def model_file(tmp_path):
    (tmp_path / "helper.py").write_text("WIDTH = 5")
    (tmp_path / "mine.py").write_text(MODEL)
    yield str(tmp_path / "mine.py")
    sys.modules.pop("helper", None)


def test_factories_are_found_in_files_and_modules(model_file):
    path = list(sys.path)
    found = build_model(f"{model_file}:Net", '{"inputs": 3, "outputs": 4}')
    assert found.layer.weight.shape == (20, 3)
    assert build_model(f"{model_file}:Net", "[7]").layer.weight.shape == (10, 7)
    assert build_model(f"{model_file}:Net.small").layer.weight.shape == (10, 1)
    assert isinstance(build_model("torch.nn:ReLU"), nn.ReLU)
    assert load_object("torch.nn.functional:relu") is torch.nn.functional.relu
    assert sys.path == path


def test_modules_in_the_working_folder_are_found(tmp_path, monkeypatch):
    (tmp_path / "project.py").write_text("value = 4")
    monkeypatch.chdir(tmp_path)
    assert load_object("project:value") == 4
    sys.modules.pop("project")


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("Net", "{}", "model must be package.module:name or path/to/file.py:name, got 'Net'"),
        ("{file}:Nets", "{}", "has no 'Nets', but dataclass, nn, WIDTH, Options, Net, fails, size"),
        ("{file}x.py:Net", "{}", "is no file"),
        ("no_such_package:Net", "{}", "cannot be imported: ModuleNotFoundError"),
        ("{file}:Net", "{'inputs': 3}", "model arguments must be JSON"),
        ("{file}:Net", "3", "must be a JSON object or list"),
        ("{file}:Net", "{}", r"failed with {}: TypeError: .*missing 1 required positional"),
        ("{file}:fails", "{}", "failed with {}: KeyError: 'width'"),
        ("{file}:Options", "{}", "must give an nn.Module, got Options"),
        ("{file}:size", "{}", "must name a class or a function"),
    ],
)
def test_what_makes_no_network_is_refused(name, arguments, message, model_file):
    with pytest.raises(ValueError, match=message):
        build_model(name.replace("{file}", model_file), arguments)


def test_files_that_fail_are_named(tmp_path):
    (tmp_path / "broken.py").write_text("import no_such_package")
    with pytest.raises(ValueError, match=r"broken.py cannot be run: ModuleNotFoundError"):
        load_object(f"{tmp_path / 'broken.py'}:anything")


def test_files_of_one_name_do_not_stand_in_for_each_other(tmp_path):
    for folder, width in (("a", 3), ("b", 4)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(
            MODEL.replace("from helper import WIDTH", f"WIDTH = {width}")
        )
    networks = [build_model(f"{tmp_path / folder}/mine.py:Net", "[1]") for folder in "ab"]
    assert "mine" not in sys.modules
    assert [inspect.getmodule(type(network)).WIDTH for network in networks] == [3, 4]
