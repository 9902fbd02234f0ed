"""Pages in a real browser, and read by a parser that is strict."""

import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

__all__ = ["Reader", "needs_browser", "title_in_browser"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")


class Reader(HTMLParser):
    """Checks that elements close, and collects ids and what is loaded from elsewhere."""

    VOID = frozenset({"meta", "link", "br", "img", "input"})

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.loaded = [], [], []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if "id" in values:
            self.ids.append(values["id"])
        self.loaded += [
            values[key]
            for key in ("src", "href", "xlink:href")
            if key in values and not values[key].startswith("#")
        ]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def title_in_browser(text, script, folder):
    """The title of a page, once a script that ends it has run there and changed it."""
    path = folder / "page.html"
    path.write_text(text.replace("</body>", script + "</body>"), encoding="utf-8")
    ran = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,800"),
            *(f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=5000"),
            *("--dump-dom", path.as_uri()),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return re.search(r"<title>(.*?)</title>", ran.stdout)[1]
