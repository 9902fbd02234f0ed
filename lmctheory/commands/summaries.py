"""Lists of commands, whole however narrow the terminal."""

from typing import Any

from typer.core import TyperGroup

__all__ = ["WholeSummaries"]


class WholeSummaries(TyperGroup):
    """Says of each command its first sentence, which Typer cuts where a line ends."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes the list into the help."""
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, command.get_short_help_str(limit=10**4))
                    for name, command in commands.items()
                    if command is not None and not command.hidden
                ]
            )
