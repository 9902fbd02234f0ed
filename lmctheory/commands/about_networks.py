"""The commands about users' own networks and laws, for the program to add."""

import typer

from lmctheory.commands.bound_command import bound
from lmctheory.commands.comparing import SECTION_COMMANDS
from lmctheory.commands.match_command import match
from lmctheory.commands.predict_command import predict
from lmctheory.commands.report_command import report

__all__ = ["add_commands"]


def add_commands(app: typer.Typer) -> None:
    """Adds them to a program."""
    app.add_typer(bound, name="bound")
    app.command()(match)
    for name, command in SECTION_COMMANDS.items():
        app.command(name)(command)
    app.command()(predict)
    app.command()(report)
