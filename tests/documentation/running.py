"""Pages of documentation run as a reader would: their blocks in order, in one empty folder.

A page holds fenced blocks: `python`, run in one namespace, or written to a file if its first line
is a name; `console`, whose lines after a dollar are typed; and, behind either, what is printed.
"""

import io
import re
import runpy
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from typer.testing import CliRunner

from lmctheory.cli import app

CODE = ("python", "console")
PRINTED = ("text", "latex", "bibtex", "csv")

_FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\w+\.py)\n")
_NUMBER = re.compile(r"(?<![\w.])-?(?:\d+(?:,\d{3})*(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?")
_RULE = re.compile(r"─+")
_SHARE, _UNITS = 0.1, 2
"""Numbers agree if they differ by no more of their size, or units of their last digit."""


@dataclass(frozen=True)
class Block:
    """A block of code, and what its page says that it prints; None if it says nothing."""

    language: str
    code: str
    shown: str | None
    line: int


def blocks(page: str) -> list[Block]:
    """The code of a page, in order."""
    found: list[Block] = []
    for fence in _FENCE.finditer(page):
        language, text = fence[2], fence[3]
        line = page.count("\n", 0, fence.start()) + 1
        if language in PRINTED:
            if not found or found[-1].shown is not None:
                raise ValueError(f"line {line}: this is printed by no code")
            last = found.pop()
            found.append(Block(last.language, last.code, text, last.line))
        elif language in CODE:
            found.append(Block(language, text, None, line))
        else:
            raise ValueError(f"line {line}: neither code nor what it prints: {language!r}")
    return found


class Reader:
    """Types what a page says, in a folder.

    Args:
        folder: empty.
        instead: what is done in place of commands that need more than the folder.
    """

    def __init__(self, folder: Path, instead: Mapping[str, Callable[[Path], object]]) -> None:
        self.folder, self.instead = folder, instead
        self.names: dict[str, object] = {"__name__": "__main__"}
        self.known = set(sys.modules)

    def run(self, block: Block) -> str:
        """What a block prints."""
        if block.language == "console":
            commands = re.findall(r"^\$ (.*)$", block.code.replace("\\\n", ""), re.MULTILINE)
            return "".join(map(self.type, commands))
        if named := _FILE.match(block.code):
            (self.folder / named[1]).write_text(block.code, encoding="utf-8")
            return ""
        with _terminal() as printed:
            exec(compile(block.code, "the page", "exec"), self.names)
        return printed.getvalue()

    def type(self, command: str) -> str:
        """What a command prints."""
        if command in self.instead:
            self.instead[command](self.folder)
            return ""
        program, *arguments = shlex.split(command)
        if program == "python" and len(arguments) == 1:
            return self._script(arguments[0])
        if program != "lmctheory":
            raise ValueError(f"no way to run {command!r}")
        ran = CliRunner().invoke(app, arguments)
        if ran.exit_code:
            raise RuntimeError(f"{command}\n{ran.output}") from ran.exception
        return ran.output

    def _script(self, name: str) -> str:
        """Run in this process: another one would take seconds to import PyTorch."""
        with mock.patch.object(sys, "path", [str(self.folder), *sys.path]), _terminal() as printed:
            runpy.run_path(str(self.folder / name), run_name="__main__")
        return printed.getvalue()

    def leave(self) -> None:
        """Forgets the modules of the folder: other pages have others of the same names."""
        own = {path.stem for pattern in ("*.py", "*/*.py") for path in self.folder.glob(pattern)}
        for name in own - self.known:
            sys.modules.pop(name, None)


@contextmanager
def _terminal() -> Iterator[io.StringIO]:
    """Both streams, as a reader sees them."""
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        yield printed


def difference(shown: str, printed: str, *, numbers: bool = True) -> str | None:
    """How what a page shows differs from what is printed; None if it does not.

    White space and rules may differ, three dots stand for anything, and numbers agree roughly.

    Args:
        shown: on the page.
        printed: by its code.
        numbers: whether they are compared.
    """
    shown, printed = (_RULE.sub(" ", text) for text in (shown, printed))
    hit = re.fullmatch(rf"\s*{_pattern(shown)}\s*", printed, re.DOTALL)
    if hit is None:
        return f"shown:\n{shown}\nprinted:\n{printed}"
    wanted = _NUMBER.findall(shown)
    for mine, found in zip(wanted, hit.groups(), strict=True):
        if numbers and not _close(mine, found):
            return f"shown {mine}, printed {found} in\n{printed}"
    return None


def _pattern(shown: str) -> str:
    words = [r".*?" if word == "..." else _word(word) for word in shown.split()]
    return r"\s+".join(words).replace(r"\s+.*?", r"(?:\s.*?)?")


def _word(word: str) -> str:
    parts, end = [], 0
    for number in _NUMBER.finditer(word):
        parts += [re.escape(word[end : number.start()]), f"({_NUMBER.pattern})"]
        end = number.end()
    return "".join([*parts, re.escape(word[end:])])


def _close(shown: str, printed: str) -> bool:
    one, other = (float(number.replace(",", "")) for number in (shown, printed))
    mantissa = shown.partition("e")[0]
    unit = abs(one) / abs(float(mantissa.replace(",", ""))) if one else 1.0
    unit *= 10.0 ** -len(mantissa.partition(".")[2])
    return abs(one - other) <= max(_SHARE * max(abs(one), abs(other)), _UNITS * unit)
