"""The page of all figures and claims says what the pages behind it say."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
GALLERY = (ROOT / "docs/gallery.md").read_text()
ROW = re.compile(r"^\| (.+) \| (.+) \| (.+) \| (.+) \| \[\w+\]\((\w+\.md)\) \|$", re.MULTILINE)


def test_every_figure_stands_with_its_command():
    shown = re.findall(r"!\[(\w+)\]\(\.\./paper_figures/(\w+)\.png\)\n\n`make ([a-z-]+)`", GALLERY)
    assert {name for _, name, _ in shown} == {
        path.stem for path in (ROOT / "paper_figures").glob("*.png")
    }
    makefile = (ROOT / "Makefile").read_text()
    for _, name, target in shown:
        [study] = re.findall(rf"^{target}: STUDY = (\w+)$", makefile, re.MULTILINE)
        assert name.startswith(study)


def test_every_claim_is_one_line_of_its_page():
    rows = ROW.findall(GALLERY)
    assert len(rows) == GALLERY.count("](") - 2 * GALLERY.count("###") > 20
    for claim, _, verdict, number, page in rows:
        lines = (ROOT / "docs" / page).read_text().splitlines()
        assert any(number in line and re.search(rf"\b{verdict}\b", line) for line in lines), claim
