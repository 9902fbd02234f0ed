"""The commands of the tutorial, in its order, in an empty folder."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lmctheory.cli import app

PAGE = (Path(__file__).parents[1] / "docs" / "your_own_networks.md").read_text(encoding="utf-8")
FILES = {
    code.split("\n", 1)[0].removeprefix("# "): code
    for code in re.findall(r"```python\n(# \w+\.py\n.*?)```", PAGE, re.DOTALL)
}
COMMANDS = re.findall(r"^\$ lmctheory (.*)$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("user")
    for name, code in FILES.items():
        (folder / name).write_text(code)
    for script in ("train.py", "train_narrow.py"):
        subprocess.run([sys.executable, script], cwd=folder, check=True)
    return folder


def test_every_command_runs_and_what_it_writes_is_there(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert set(FILES) == {"model.py", "train.py", "train_narrow.py"}
    assert len(COMMANDS) == 8
    said = {}
    for command in COMMANDS:
        ran = CliRunner().invoke(app, shlex.split(command))
        assert ran.exit_code == 0, (command, ran.output)
        said[command.split()[0]] = ran.output
    sys.modules.pop("model", None)
    assert "Matching by weight lowers" in said["barrier"] or "by activation" in said["barrier"]
    assert "Certified: the largest barrier over all t" in said["certify"]
    assert "% of the examples are classified" in said["certify"]
    assert "Narrower networks predict a barrier of" in said["predict"]
    written = {path.name for path in folder.iterdir()}
    assert {"barrier.pdf", "B_matched.safetensors", "mean.safetensors", "report.html"} <= written
    with np.load("permutations.npz") as arrays:
        assert {len(arrays[name]) for name in arrays.files} == {64}
