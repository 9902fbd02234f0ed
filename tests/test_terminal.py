"""Printing: nothing cut, nothing that the terminal cannot show."""

import io
import sys

import pytest

from lmctheory.terminal import WIDTH, make_table, print_any_text, show


def test_tables_are_as_wide_as_they_say_whatever_the_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    table = make_table("title", "caption", ("name", "kind", "number"), left=2)
    table.add_row("a", "b", "1")
    table.add_row("long" * 5, "long" * 5, "0.123456(7)" * 4)
    show(table, "below", "")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    [short] = [line for line in lines if line.split() == ["a", "b", "1"]]
    assert short.index("a") == 2  # left
    assert short.index("b") == 2 + 20 + 2
    assert short.rstrip() == short[:-1]  # right
    assert lines[-2].rstrip() == "below"
    assert lines[-1] == ""


def test_a_row_has_no_cells_beyond_the_columns():
    table = make_table("title", "caption", ("name",))
    table.add_row()
    with pytest.raises(AssertionError):
        table.add_row("a", "b")


@pytest.mark.parametrize("columns", ["40", "300"])
def test_a_table_that_is_too_wide_is_printed_whole(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", columns)
    table = make_table("[a title]", ":smile:", ("name", "number"))
    words = ("w" * 70 + " " + "x" * 70, "[y]")
    table.add_row(*words)
    show(table, "[z]")
    text = capsys.readouterr().out
    assert "…" not in text
    assert all(word in text for word in (*words, "[a title]", ":smile:", "[z]"))


def test_a_pipe_gets_no_colours(monkeypatch, capsys):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    show(make_table("title", "caption", ("name",)))
    assert "\x1b" not in capsys.readouterr().out


def test_characters_beyond_the_encoding_become_escapes(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    print_any_text()
    show(make_table("title", "caption", ("name",)), "≤ é")
    sys.stdout.flush()
    text = raw.getvalue().decode("ascii")
    assert r"\u2264 \xe9" in text
    assert "---" in text  # the rule below the head


def test_a_stream_without_an_encoding_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    print_any_text()
    print("≤")
    assert sys.stdout.getvalue() == "≤\n"
