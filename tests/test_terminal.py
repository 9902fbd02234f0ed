"""Printing: nothing cut, nothing that the terminal cannot show."""

import io
import os
import pty
import re
import subprocess
import sys

import pytest

from lmctheory.tables import Column, Table
from lmctheory.terminal import WIDTH, print_any_text, show


def test_tables_are_as_wide_as_they_say_whatever_the_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    columns = (Column("name", left=True), Column("kind", left=True), Column("number"))
    rows = (("a", "b", "1"), ("long" * 5, "long" * 5, "0.123456(7)" * 4))
    show(Table("title", "caption", columns, rows), "below", "")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    [short] = [line for line in lines if line.split() == ["a", "b", "1"]]
    assert short.index("a") == 2  # left
    assert short.index("b") == 2 + 20 + 2
    assert short.rstrip() == short[:-1]  # right
    assert lines[-2].rstrip() == "below"
    assert lines[-1] == ""


def test_a_caption_does_not_touch_the_next_title(capsys):
    one, other = (Table(name, "caption", (Column("column"),), [("cell",)]) for name in "ab")
    show(one, other, "below")
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[lines.index("b") - 2 : lines.index("b")] == ["caption", ""]
    assert lines[-2:] == ["caption", "below"]


@pytest.mark.parametrize("columns", ["40", "300"])
def test_a_table_that_is_too_wide_is_printed_whole(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", columns)
    words = ("w" * 70 + " " + "x" * 70, "[y]")
    table = Table("[a title]", ":smile:", (Column("name"), Column("number")), [words])
    show(table, "[z]")
    text = capsys.readouterr().out
    assert "…" not in text
    assert all(word in text for word in (*words, "[a title]", ":smile:", "[z]"))


def test_a_pipe_gets_no_colours(monkeypatch, capsys):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    show(Table("title", "caption", (Column("name"),), ()))
    assert "\x1b" not in capsys.readouterr().out


def test_characters_beyond_the_encoding_become_escapes(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    print_any_text()
    show(Table("title", "caption", (Column("name"),), ()), "≤ é")
    sys.stdout.flush()
    text = raw.getvalue().decode("ascii")
    assert r"\u2264 \xe9" in text
    assert "---" in text  # the rule below the head


def test_a_stream_without_an_encoding_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    print_any_text()
    print("≤")
    assert sys.stdout.getvalue() == "≤\n"


REPORT = """
from lmctheory.sweeps.run_progress import tracking
from lmctheory.tables import Column, Table
from lmctheory.terminal import show

with tracking([1.0]) as advance:
    advance(1.0)
show(Table("title", "caption", (Column("name"),), ()))
"""


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_colours_unless_it_wants_none(environment, coloured):
    """In a terminal of its own: a bar on standard error, a table on standard output."""
    usual = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    mine, theirs = pty.openpty()
    ran = subprocess.run(
        [sys.executable, "-c", REPORT],
        env={**usual, "TERM": "xterm-256color", "COLUMNS": "100", **environment},
        stdout=theirs,
        stderr=theirs,
        check=True,
    )
    assert ran.returncode == 0
    shown = os.read(mine, 10**5).decode()
    os.close(mine)
    os.close(theirs)
    assert "1/1 tasks" in shown
    assert "title" in shown
    assert bool(re.search(r"\x1b\[(3[0-9]|9[0-7]|38;|48;)", shown)) == coloured
