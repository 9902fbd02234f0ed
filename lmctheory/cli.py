"""The command line."""

import shlex
import textwrap
from inspect import isfunction
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

import lmctheory
from lmctheory.commands.about_networks import add_commands
from lmctheory.tables import Column, Table
from lmctheory.terminal import print_any_text, show
from lmctheory.theorems import Check, Theorem, registry

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # errors in a line, not in a box
    pretty_exceptions_enable=False,
)
_SHOWN = 5
"""Violations of a theorem that are shown one by one."""


def _print_version(asked: bool) -> bool:
    if asked:
        typer.echo(f"lmctheory {lmctheory.__version__}")
        raise typer.Exit
    return asked


add_commands(app)


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
    for entry in registry().values():
        if latex:
            hypotheses = "; ".join(entry.assumptions)
            typer.echo(f"% {entry.key}: {entry.title} ({entry.source})\n% if {hypotheses}")
            typer.echo(f"{entry.latex()}\n")
        else:
            typer.echo(f"{entry.key:5}{entry.title}")
            typer.echo(f"     {entry.source}")
            typer.echo(f"     {', '.join(entry.functions)}")


@app.command()
def verify(
    keys: Annotated[list[str] | None, typer.Argument(help="Theory keys; all by default.")] = None,
    full: Annotated[bool, typer.Option(help="500 trials each instead of 25.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random instances.")] = 0,
    trial: Annotated[
        int | None, typer.Option(min=1, help="Show this trial of one theorem, and what it drew.")
    ] = None,
) -> None:
    """Tries theorems on random instances; fails if one is violated.

    The instances of a theorem depend on its key and the seed alone.
    """
    known = registry()
    if unknown := sorted(set(keys or ()) - set(known)):
        raise typer.BadParameter(f"unknown keys {unknown}; known are {list(known)}")
    chosen = [known[key] for key in dict.fromkeys(keys or known)]
    if trial is not None:
        if len(chosen) > 1:
            raise typer.BadParameter(f"--trial needs one key, got {len(chosen)}")
        held = _show_instance(chosen[0], seed, trial)
    else:
        held = _show_checks(chosen, seed, full)
    if not held:
        raise typer.Exit(1)


def _show_checks(chosen: list[Theorem], seed: int, full: bool) -> bool:
    progress = Console(stderr=True)
    checks = [
        entry.check(rng=entry.stream(seed), quick=not full)
        for entry in track(chosen, description="verifying", console=progress, transient=True)
    ]
    columns = [
        Column[tuple[Theorem, Check]]("Key", lambda row: row[0].key, left=True),
        Column[tuple[Theorem, Check]]("Theorem", lambda row: row[0].title, left=True),
        Column[tuple[Theorem, Check]]("Trials", lambda row: len(row[1].trials), form="d"),
        Column[tuple[Theorem, Check]]("Violations", lambda row: row[1].violations, form="d"),
        Column[tuple[Theorem, Check]]("Tightness", lambda row: row[1].tightness),
    ]
    rows = list(zip(chosen, checks, strict=True))
    show(Table("", "Tightness: median of right-hand over left-hand side.", columns, rows))
    for check in checks:
        _echo_violations(check, seed)
    return not any(check.violations for check in checks)


def _echo_violations(check: Check, seed: int) -> None:
    for number in check.violated[:_SHOWN]:
        typer.echo(f"{check.key}, trial {number}: not {check.trials[number - 1]}; see")
        typer.echo(f"  lmctheory verify {shlex.quote(check.key)} --seed {seed} --trial {number}")
    if check.violations > _SHOWN:
        typer.echo(f"{check.key}: and {check.violations - _SHOWN} more trials")


def _show_instance(entry: Theorem, seed: int, number: int) -> bool:
    trial, drawn = entry.instance(number, rng=entry.stream(seed))
    verdict = "holds" if trial.holds else "is violated"
    typer.echo(f"{entry.key}, seed {seed}, trial {number}: {trial} {verdict}, where")
    with np.printoptions(threshold=30):
        for name, value in drawn.items():
            if not isfunction(value) and not isinstance(value, np.random.Generator):
                typer.echo(f"  {name} = {textwrap.shorten(repr(value), 200, placeholder=' ...')}")
    return trial.holds
