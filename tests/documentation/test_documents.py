"""The tutorials, and the page of wishes: what they say is run, and prints what they show."""

from pathlib import Path

import numpy as np
import pytest

from lmctheory.networks.image_sets import cached
from tests.documentation.running import Reader, blocks, difference
from tests.simulations.small_potentials import WIDTHS, write_small

DOCS = Path(__file__).parents[2] / "docs"
TUTORIALS = sorted((DOCS / "tutorials").glob("*.md"))
PAGES = [*TUTORIALS, DOCS / "how_do_i.md"]


def potentials(folder):
    """The published ones where they are kept, else small ones; says which."""
    if cached("ani").is_dir():
        (folder / "ani").symlink_to(cached("ani"))
        return
    small = write_small(folder / "ani").path
    with (small / "model.py").open("a") as file:  # whose widths are those of the published ones
        file.write(f"\n\nWIDTHS.update({WIDTHS})\n")


INSTEAD = {
    "pip download --no-deps --dest wheels torchani==1.2 ase==3.29.0": lambda folder: None,
    "python -m simulations.potentials wheels --out ani": potentials,
}
"""What needs a network, or stands in a checkout."""


def run(page, folder):
    """Follows a page, and says where it prints something else."""
    reader = Reader(folder, INSTEAD)
    published = page.stem != "networks_of_others" or cached("ani").is_dir()
    try:
        for block in blocks(page.read_text(encoding="utf-8")):
            place, printed = f"{page.name}, line {block.line}", reader.run(block)
            if block.shown is None:
                assert block.language == "console" or not printed, f"{place} prints\n{printed}"
            else:
                found = difference(block.shown, printed, numbers=published)
                assert found is None, f"{place}\n{found}"
    finally:
        reader.leave()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_prints_what_it_shows(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(page, tmp_path)
    if page.stem == "two_checkpoints":
        written = {path.name for path in tmp_path.iterdir()}
        assert {"barrier.pdf", "B_matched.safetensors", "mean.safetensors"} <= written
        with np.load("permutations.npz") as arrays:
            assert {len(arrays[name]) for name in arrays.files} == {64}


def test_there_are_tutorials():
    assert len(TUTORIALS) == 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_code_and_shows_what_it_prints(page):
    found = blocks(page.read_text(encoding="utf-8"))
    assert len([block for block in found if block.shown is not None]) >= 2


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a  1.00 b", "a 1.05\nb\n", True),
        ("a 1.00 b", "a 1.2 b", False),
        ("a 1.00 b", "a 1.00 c", False),
        ("0.92(5)", "0.93(6)", True),
        ("0.92(5)", "0.92(9)", False),
        ("one ... last", "one\n2 3\nlast", True),
        ("one ... last", "one last", True),
        ("one ... last", "one 2 other", False),
        ("one ...", "one\n2\n3", True),
        ("...", "anything", True),
        ("... last 4", "first\nlast 4", True),
        ("layer C6 of 64-128", "layer C6 of 64-128", True),
        ("layer C6", "layer C5", False),
        ("1e-3", "1.05e-03", True),
        ("1e-3", "1e-2", False),
        ("8,442", "8,442 more", False),
        ("", "printed", False),
    ],
)
def test_what_is_shown_is_compared(shown, printed, same):
    assert (difference(shown, printed) is None) is same


def test_numbers_may_be_left_out():
    assert difference("a 1.0 b", "a 7 b", numbers=False) is None
    assert difference("a 1.0 b", "a 7 c", numbers=False) is not None


def test_a_page_that_prints_something_else_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(6 * 7)\n```\n\n```text\n42\n```\n")
    run(page, tmp_path)
    page.write_text("```python\nx = 6\n```\n\n```python\nprint(x * 8)\n```\n\n```text\n42\n```\n")
    with pytest.raises(AssertionError, match=r"page\.md, line 5\n *shown 42, printed 48"):
        run(page, tmp_path)
    page.write_text("```python\nprint(6 * 7)\n```\n")
    with pytest.raises(AssertionError, match=r"line 1 prints\n *42"):
        run(page, tmp_path)
    page.write_text("```console\n$ lmctheory bound matching \\\n    --width 0\n```\n")
    with pytest.raises(RuntimeError, match="Invalid value for '--width'"):
        run(page, tmp_path)
    page.write_text("```console\n$ rm everything\n```\n")
    with pytest.raises(ValueError, match="no way to run 'rm everything'"):
        run(page, tmp_path)


def test_blocks_of_unknown_kinds_are_refused():
    with pytest.raises(ValueError, match="line 1: neither code nor what it prints: 'sh'"):
        blocks("```sh\nls\n```\n")
    with pytest.raises(ValueError, match="line 1: this is printed by no code"):
        blocks("```text\n1\n```\n")
