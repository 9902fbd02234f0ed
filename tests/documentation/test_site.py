"""The site is built, needs no network, and has every theorem and every public name."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import pytest
from lunr import lunr

import lmctheory as lmc
from documentation.mathematics import with_formulas
from documentation.theory import address, with_theorems
from lmctheory.theorems.atlas.families import family

pytest.importorskip("mkdocstrings", reason="the site is built with the extra docs")

ROOT = Path(__file__).parents[2]
MODULES = [
    name for name in lmc.__all__ if isinstance(getattr(lmc, name), ModuleType)
]  # the others are functions of these


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as `make docs` does: strictly."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONWARNINGS": "default"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def page(site, markdown):
    return (site / markdown.removesuffix(".md") / "index.html").read_text(encoding="utf-8")


class Loaded(HTMLParser):
    """Addresses of what a browser loads with a page."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        if tag in ("script", "img", "iframe") and named.get("src"):
            self.found.append(named["src"])
        if tag == "link" and named.get("rel") not in ("canonical", "next", "prev"):
            self.found.append(named["href"])


def test_no_page_loads_anything_from_elsewhere(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 40
    for path in pages:
        reader = Loaded()
        reader.feed(path.read_text(encoding="utf-8"))
        assert reader.found
        elsewhere = [it for it in reader.found if re.match(r"[a-z]+:|//", it)]
        assert all(it.startswith("data:") for it in elsewhere), (path, elsewhere)
        if path.name != "404.html":  # whose addresses begin at the root
            missing = [
                it for it in reader.found if not (path.parent / it.partition("?")[0]).exists()
            ]
            assert set(missing) <= set(elsewhere), (path, missing)


def test_every_theorem_stands_on_its_page_with_formulas_set(site):
    for key, theorem in lmc.theorems.registry().items():
        text = page(site, address(family(key))).replace("&#39;", "'")
        found = re.search(rf'<article id="{re.escape(key)}".*?</article>', text, re.DOTALL)
        assert found, key
        assert "<math" in found[0], key
        for name in theorem.functions:
            assert re.search(rf'<a [^>]*href="[^"]*#lmctheory\.{name}"', found[0]), (key, name)


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_has_its_place(site, module):
    text = page(site, f"reference/{module}.md")
    for name in getattr(lmc, module).__all__:
        assert f'id="lmctheory.{module}.{name}"' in text, name


def test_every_wish_is_found_by_one_search(site):
    """By the words of its heading, with the Python port of the library that the site has."""
    found = json.loads((site / "search/search_index.json").read_text())["docs"]
    sections = [
        {name: re.sub("<[^>]+>", " ", one[name]) for name in ("location", "title", "text")}
        for one in found
    ]
    index = lunr("location", ({"field_name": "title", "boost": 1000}, "text"), sections)
    wishes = {one["location"]: one["title"] for one in sections if "how_do_i/#" in one["location"]}
    assert len(wishes) >= 10
    for location, title in wishes.items():
        words = title.removeprefix("How do I ").rstrip("?")
        assert location in [result["ref"] for result in index.search(words)[:2]], title


def test_nothing_is_left_as_it_was_written(site):
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        for trace in (
            'class="arithmatex"',
            "<!-- theorem",
            "<autoref",
            "&lt;sub&gt;",
            "&lt;sup&gt;",
        ):
            assert trace not in text, (path, trace)


def test_formulas_are_set():
    set_ = with_formulas(r'<p><span class="arithmatex">\(a &lt; b\)</span></p>')
    assert "<mo>&lt;</mo>" in set_
    assert 'display="block"' in with_formulas(r'<div class="arithmatex">\[x\]</div>')
    with pytest.raises(ValueError, match="cannot render"):
        with_formulas(r'<span class="arithmatex">\(\nosuchcommand\)</span>')


def test_a_theorem_that_is_none_is_an_error():
    with pytest.raises(KeyError, match="R99"):
        with_theorems("<!-- theorem R99 -->")
