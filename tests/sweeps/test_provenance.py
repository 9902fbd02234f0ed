"""With what a task was computed."""

import platform
import shutil
import subprocess

import pytest
import torch

import lmctheory
from lmctheory.sweeps.provenance import provenance, revision


def test_versions_device_and_threads_are_named():
    made = provenance()
    assert made["lmctheory"].split()[0] == lmctheory.__version__
    assert made["python"] == platform.python_version()
    assert torch.__version__.startswith(made["torch"])  # or with +cu124 and such
    assert made["device"].startswith("cpu: ")
    assert made["threads"] == str(torch.get_num_threads())
    assert all(made.values())


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_commit_is_that_of_the_package_and_of_no_other_repository(tmp_path):
    def git(*command):
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        return subprocess.run(
            ["git", *who, *command], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    package, beside = tmp_path / "package", tmp_path / "environment"
    for folder in (package, beside):
        folder.mkdir()
        (folder / "__init__.py").touch()
    assert revision(package) == ""  # no repository yet
    git("init")
    git("add", "package")
    git("commit", "-m", "x")
    assert revision(package) == git("rev-parse", "--short", "HEAD")
    assert revision(beside) == ""
    (package / "__init__.py").write_text("changed")
    assert revision(package).endswith("-dirty")
