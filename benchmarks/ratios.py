"""The speed ratios of `tests/benchmarks`, measured by these tests themselves."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests" / "benchmarks"


class _Recorder:
    """Remembers what is collected, and the ratios that are measured."""

    def __init__(self) -> None:
        self.nodes: list[str] = []
        self.ratios: list[float] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.nodes += [item.nodeid for item in session.items if "ratio" in item.fixturenames]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            self.ratios += [value for name, value in report.user_properties if name == "ratio"]


def _run(*arguments: str) -> _Recorder:
    """In this process, silently; the package is the installed one, that of the commit."""
    recorder = _Recorder()
    usual = ("-c", str(ROOT / "pyproject.toml"), "-o", "addopts=", "-m", "benchmark")
    silent = ("-p", "no:terminal", "-p", "no:cacheprovider")
    # which needs the studies, and is no ratio
    without = ("--ignore", str(TESTS / "test_bench_relaxations.py"))
    pytest.main([*usual, *silent, *without, *arguments], plugins=[recorder])
    return recorder


class Ratios:
    """How many times faster than its alternative a program is, for every claim."""

    params = _run("--collect-only", str(TESTS)).nodes
    param_names = ("test",)
    unit = "times faster"
    timeout = 900

    def track_least(self, test: str) -> float:
        """The least of a test's ratios: what slows the program slows it against all."""
        return min(_run(str(ROOT / test)).ratios, default=float("nan"))
