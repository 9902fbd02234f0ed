"""What stands in several files of the project says the same in all: versions, targets, minima."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import lmctheory

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
WORKFLOWS = sorted(path.name for path in (ROOT / ".github/workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
OLDEST, USED = "constraints-lowest.txt", "constraints.txt"
NOT_TRIED = {
    "mypy": "other versions judge the same code in other ways",
    "ruff": "likewise",
    "pandas-stubs": "likewise",
    "scipy-stubs": "likewise",
    "mkdocs-material": "the site is made with one version",
    "mkdocstrings": "likewise",
    "lunr": "tries the search of the site",
}
"""What is not run with its oldest version, and why."""


def workflow(name):
    return yaml.safe_load((ROOT / ".github/workflows" / name).read_text())


def steps(name):
    return [step for job in workflow(name)["jobs"].values() for step in job["steps"]]


def pythons(name):
    """Every version of Python that a workflow runs."""
    asked = [step["with"]["python-version"] for step in steps(name) if "setup-python" in str(step)]
    matrices = [
        job.get("strategy", {}).get("matrix", {}) for job in workflow(name)["jobs"].values()
    ]
    for matrix in matrices:
        asked += matrix.get("python", [])
        asked += [included["python"] for included in matrix.get("include", [])]
    return {version for version in asked if "matrix" not in version}


def targets():
    """What `make` can make, by its own account."""
    listed = subprocess.run(
        ["make", "--print-data-base", "--question", "--no-builtin-rules", "list"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return set(re.findall(r"^([a-z][a-z-]*):", listed.stdout, re.MULTILINE))


def pins(name):
    lines = (ROOT / name).read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(package): Version(version) for package, version in pairs}


def requirements():
    """All that pyproject.toml asks for, extras included, by name."""
    groups = (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    asked = [Requirement(line) for group in groups for line in group]
    return {canonicalize_name(one.name): one.specifier for one in asked}


def test_the_version_is_one():
    assert PROJECT["dynamic"] == ["version"]
    heading, released = re.findall(r"^## \[(.*?)\](?: - (\S+))?$", CHANGELOG, re.MULTILINE)[:2]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert heading == ("Unreleased", "")
    assert released == (citation["version"], str(citation["date-released"]))
    assert released[0] == lmctheory.__version__


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_name_what_there_is(name):
    """Targets, and versions of Python that the package admits."""
    commands = " ".join(step.get("run", "") for step in steps(name))
    assert set(re.findall(r"\bmake ([a-z-]+)", commands)) <= targets()
    assert pythons(name)
    assert all(version in SpecifierSet(PROJECT["requires-python"]) for version in pythons(name))


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_may_read_and_no_more(name):
    """But for the identity by which a release is published; actions have a major version."""
    text = (ROOT / ".github/workflows" / name).read_text()
    assert workflow(name)["permissions"] == {"contents": "read"}
    for job in workflow(name)["jobs"].values():
        assert job.get("permissions", {}) in ({}, {"id-token": "write"})
        assert job["timeout-minutes"] <= 90
    assert "secrets" not in text
    assert "://" not in text
    for action in (step["uses"] for step in steps(name) if "uses" in step):
        assert re.fullmatch(r"[\w/-]+@(release/)?v\d+", action), action


def test_classifiers_are_the_versions_that_are_tested():
    listed = {line.rpartition(" ")[2] for line in PROJECT["classifiers"] if "Python :: 3." in line}
    assert listed == pythons("tests.yml")
    assert f">={min(listed, key=Version)}" == PROJECT["requires-python"]


@pytest.mark.parametrize("package", sorted(requirements().keys() - NOT_TRIED))
def test_the_oldest_version_that_is_admitted_is_the_one_tried(package):
    oldest = pins(OLDEST)[package]
    assert oldest in requirements()[package]
    [bound] = requirements()[package]
    admitted = bound.version.removesuffix(".*")
    assert oldest == Version(admitted), f"say {package}>={oldest}"


def test_what_is_used_satisfies_what_is_asked():
    for package, asked in requirements().items():
        assert pins(USED)[package] in asked


def test_what_is_not_tried_is_asked_for():
    assert set(NOT_TRIED) <= set(requirements())


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_forms_ask_each_question_once(form):
    read = yaml.safe_load(form.read_text())
    if form.stem == "config":
        return
    assert {"name", "description", "body"} <= read.keys()
    ids = [question["id"] for question in read["body"]]
    assert len(ids) == len(set(ids)) > 0
    assert all(question["attributes"]["label"] for question in read["body"])


def test_hooks_need_no_network_and_no_host_is_named():
    text = (ROOT / ".pre-commit-config.yaml").read_text()
    assert {repository["repo"] for repository in yaml.safe_load(text)["repos"]} == {"local"}
    hooks = [hook for one in yaml.safe_load(text)["repos"] for hook in one["hooks"]]
    assert {hook["language"] for hook in hooks} <= {"system", "pygrep"}
    for hook in hooks:
        if hook["language"] == "pygrep":
            re.compile(hook["entry"])
