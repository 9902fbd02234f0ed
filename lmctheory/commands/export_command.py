"""`lmctheory export`: theorems for a paper."""

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from lmctheory.theorems import registry

__all__ = ["export"]

_KEY = re.compile(r"[A-Za-z]\d+\w?'?")
"""What looks like a key of a theorem."""


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
    unknown = [word for word in folders if _KEY.fullmatch(word)]
    if unknown:
        raise typer.BadParameter(
            f"unknown keys {unknown}; known are {list(known)}; a folder of that name is written"
            f" ./{unknown[0]}"
        )
    if len(folders) > 1 or "" in folders:
        raise typer.BadParameter(f"one folder at most, and known keys, got {folders}")
    if not folders:
        typer.echo(environments([known[key] for key in dict.fromkeys(keys)]), nl=False)
        return
    with refusals():
        files = exported(Path(folders[0]), keys or None, seed=seed, numbers=numbers, jobs=jobs)
    typer.echo(f"wrote {len(files)} files to {folders[0]}; pdflatex main.tex shows them all")
