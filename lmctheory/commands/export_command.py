"""`lmctheory export`: theorems for a paper."""

import os
from pathlib import Path
from typing import Annotated

import typer

from lmctheory.theorems import registry

__all__ = ["export"]


def export(
    what: Annotated[
        list[str], typer.Argument(help="A folder to write, keys of theorems, or both.")
    ],
    seed: Annotated[int, typer.Option(min=0, help="Of simulations and trials.")] = 0,
    numbers: Annotated[
        bool, typer.Option(help="Tables and figures too, which take minutes.")
    ] = True,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
) -> None:
    """Writes theorems, bibliography, tables and figures into a folder, for a paper to input.

    Without a folder it prints the theorems of the keys given as LaTeX.
    """
    from lmctheory.commands.given import refusals
    from lmctheory.theorems.export import environments
    from lmctheory.theorems.export import export as exported

    known = registry()
    keys = [word for word in what if word in known]
    folders = [word for word in what if word not in known]
    if len(folders) > 1:
        raise typer.BadParameter(f"one folder at most, and known keys, got {folders}")
    if not folders:
        typer.echo(environments([known[key] for key in dict.fromkeys(keys)]), nl=False)
        return
    with refusals():
        files = exported(Path(folders[0]), keys or None, seed=seed, numbers=numbers, jobs=jobs)
    typer.echo(f"wrote {len(files)} files to {folders[0]}; pdflatex main.tex shows them all")
