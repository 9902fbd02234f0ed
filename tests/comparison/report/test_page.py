"""The page, as files and in a browser."""

import csv
import re

import pytest

from lmctheory.comparison import compare
from lmctheory.comparison.report import page, write_report
from tests.browser import Reader, needs_browser, title_in_browser
from tests.comparison.pairs import trained


@pytest.fixture(scope="module")
def found():
    a, b, digits = trained()
    return compare(a, b, digits.test[:20], methods=("weight",), points=5)


def test_the_page_is_whole_and_asks_for_nothing(found):
    text = page(found, title="<A> & B", command="lmctheory report 'a b'")
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids)
    assert reader.loaded == []
    assert "&lt;A&gt; &amp; B" in text
    assert "lmctheory report &#39;a b&#39;" in text
    for sentence in found.findings:
        assert sentence.split(":")[0].replace("'", "&#39;") in text
    assert "url(http" not in text
    assert text.count("<svg") == 4
    assert not re.search(r"#000000", text.split("<svg", 1)[1])


def test_tables_lie_beside_it(found, tmp_path):
    written = write_report(found, tmp_path / "r.html")
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in written}
    assert len(written) == 1 + 2 * len(found.tables)
    [barriers] = tmp_path.glob("r-*-barriers-on-the-segment.csv")
    with barriers.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["alignment"] for row in rows] == ["unmatched", "weight"]
    [latex] = tmp_path.glob("r-*-barriers-on-the-segment.tex")
    assert r"\label{tab:barriers-on-the-segment}" in latex.read_text()
    with pytest.raises(FileNotFoundError, match="is no folder"):
        write_report(found, tmp_path / "missing" / "r.html")


CLICKS = """
<script>
addEventListener("load", () => setTimeout(async () => {
  const root = document.documentElement, said = [];
  const colour = () => getComputedStyle(document.body).backgroundColor;
  const light = colour();
  document.getElementById("theme").click();
  said.push(colour() !== light ? "themes" : "one theme");
  document.getElementById("theme").click();
  said.push(colour() === light ? "back" : "not back");
  const button = document.querySelector("button[data-copy]");
  let text = "";
  const clipboard = {writeText: async (given) => { text = given; }};
  Object.defineProperty(navigator, "clipboard", {value: clipboard});
  button.click();
  await new Promise((done) => setTimeout(done, 100));
  said.push(button.textContent, text.split(",")[0]);
  root.style.width = "WIDTHpx";
  const wide = [...document.querySelectorAll("body *")].filter(
    (part) => !part.closest(".scroll, pre") || part.matches(".scroll, pre"));
  const right = Math.max(...wide.map((part) => part.getBoundingClientRect().right));
  said.push(right <= WIDTH ? "fits" : "too wide: " + right);
  document.querySelector("nav a[href='#barriers']").click();
  await new Promise((done) => setTimeout(done, 100));
  said.push(Math.abs(document.getElementById("barriers").getBoundingClientRect().top) < 5
    ? "there" : "elsewhere");
  document.title = said.join("|");
}, 100));
</script>
"""


@needs_browser
@pytest.mark.parametrize("width", [360, pytest.param(1200, marks=pytest.mark.slow)])
def test_in_a_browser_it_fits_and_its_buttons_work(width, found, tmp_path):
    """On a telephone and on a desk."""
    title = title_in_browser(page(found), CLICKS.replace("WIDTH", str(width)), tmp_path)
    assert title == "themes|back|Copied|network|fits|there"
