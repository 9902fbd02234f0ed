"""The first examples run, and every theorem has its row where functions are listed."""

import re
from pathlib import Path

import pytest

from lmctheory.theorems import registry

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMPUTED = (ROOT / "docs/computed.md").read_text()
FIRST_PAGES = README + (ROOT / "docs/index.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", FIRST_PAGES, flags=re.DOTALL)


@pytest.mark.parametrize("key", registry())
def test_every_theorem_has_its_row(key):
    theorem = registry()[key]
    functions = ", ".join(f"`{name}`" for name in theorem.functions)
    assert f"| {key} | {theorem.title} | {theorem.note} | {functions} |" in COMPUTED


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_runs(example, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})
    assert capsys.readouterr().out


def test_there_are_examples():
    assert len(EXAMPLES) == 3
