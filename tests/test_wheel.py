"""The package as users get it: built, installed into an empty environment, used there."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import lmctheory

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
TUTORIALS = Path("tests/documentation/test_documents.py")
SHIPPED = {".py", ".typed", ".html", ".css", ".js", ".csv"}
"""Kinds of files in the package."""


def run(*command, cwd):
    """Without a trace of this tree and of this environment."""
    own = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if name not in own}
    ran = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, (command, ran.stdout[-2000:], ran.stderr[-2000:])
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, as building may leave traces."""
    folder = tmp_path_factory.mktemp("built")
    source = folder / "source"
    source.mkdir()
    for name in ("lmctheory", "tests", "simulations"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    run(
        sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, source, cwd=folder
    )
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def empty(wheel, tmp_path_factory):
    """A folder with an environment that holds the wheel and what it needs, no more."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder / "env", with_pip=True)
    limits = ROOT / "constraints.txt"
    pip = folder / "env/bin/pip"
    run(pip, "install", "--constraint", limits, wheel, cwd=folder)
    return folder


def test_it_holds_the_package_and_nothing_else(wheel):
    assert wheel.name == f"lmctheory-{lmctheory.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        held = {Path(name) for name in archive.namelist()}
    information = f"lmctheory-{lmctheory.__version__}.dist-info"
    assert {path.parts[0] for path in held} == {"lmctheory", information}
    assert Path(information, "licenses/LICENSE") in held
    ours = {
        path.relative_to(ROOT)
        for path in (ROOT / "lmctheory").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {path for path in held if path.parts[0] == "lmctheory"} == ours
    assert {path.suffix for path in ours} == SHIPPED


def test_it_is_used_from_an_empty_environment(empty):
    program = empty / "env/bin/lmctheory"
    assert run(program, "--version", cwd=empty) == f"lmctheory {lmctheory.__version__}\n"
    assert "Commands:" in run(program, "--help", cwd=empty)
    assert run(program, "theorems", cwd=empty).startswith("R1 ")
    widths = ("bound", "width", "--eps", "0.3", "--depth", "1", "--data", "digits")
    assert "Widths of 20 bring the relative error below 0.3" in run(program, *widths, cwd=empty)


def test_the_tutorials_are_followed_there(empty):
    """They need a test runner, figures and frames besides; lmctheory is the installed one."""
    limits = ROOT / "constraints.txt"
    besides = ("pytest", "matplotlib", "pandas")
    run(empty / "env/bin/pip", "install", "--constraint", limits, *besides, cwd=empty)
    for name in ("docs", "simulations", "tests"):
        shutil.copytree(ROOT / name, empty / name, ignore=shutil.ignore_patterns("__pycache__"))
    program = (empty / "env/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    text = run(*program, TUTORIALS, cwd=empty)
    assert "passed" in text
    assert "failed" not in text
