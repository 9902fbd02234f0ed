"""The command line."""

from typing import Annotated

import typer

import lmctheory
from lmctheory.commands.about_networks import add_commands
from lmctheory.commands.atlas_command import atlas
from lmctheory.commands.export_command import export
from lmctheory.commands.summaries import WholeSummaries
from lmctheory.commands.verify_command import verify
from lmctheory.terminal import WIDTH, print_any_text
from lmctheory.theorems import registry

__all__ = ["app"]

app = typer.Typer(
    cls=WholeSummaries,
    context_settings={"max_content_width": WIDTH},
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # errors in a line, not in a box
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> bool:
    if asked:
        typer.echo(f"lmctheory {lmctheory.__version__}")
        raise typer.Exit
    return asked


add_commands(app)
app.command()(verify)
app.command()(export)
app.command()(atlas)


@app.callback()
def _main(
    version: Annotated[  # noqa: ARG001  # its callback acts
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """The theory of linear mode connectivity: its statements, and their numerical checks."""
    print_any_text()


@app.command()
def theorems(
    latex: Annotated[bool, typer.Option(help="Print the statements as LaTeX instead.")] = False,
) -> None:
    """Lists the registered theorems: key, title, source, functions."""
    # print, and not Typer's echo, which writes UTF-8 where the locale is ASCII
    for entry in registry().values():
        if latex:
            hypotheses = "; ".join(entry.hypotheses)
            print(f"% {entry.key}: {entry.title} ({entry.note})\n% if {hypotheses}")
            print(f"{entry.latex()}\n")
        else:
            print(f"{entry.key:5}{entry.title}")
            print(f"     {entry.note}")
            print(f"     {', '.join(entry.functions)}")
