"""The commands about checkpoints, for the program to add."""

import typer

from lmctheory.commands.comparing import SECTION_COMMANDS
from lmctheory.commands.match_command import match
from lmctheory.commands.report_command import report

__all__ = ["add_commands"]


def add_commands(app: typer.Typer) -> None:
    """Adds them to a program."""
    app.command()(match)
    for name, command in SECTION_COMMANDS.items():
        app.command(name)(command)
    app.command()(report)
