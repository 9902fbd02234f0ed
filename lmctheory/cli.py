"""The command line: `lmctheory verify` and `lmctheory theorems`."""

from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from lmctheory.theorems import Check, Theorem, registry

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def _main() -> None:
    """The theory of linear mode connectivity: its statements, and their numerical checks."""


@app.command()
def theorems(
    latex: Annotated[bool, typer.Option(help="Print the statements as LaTeX instead.")] = False,
) -> None:
    """Lists the registered theorems: key, title, source, functions."""
    if latex:
        for entry in registry().values():
            hypotheses = "; ".join(entry.assumptions)
            typer.echo(f"% {entry.key}: {entry.title} ({entry.source})\n% if {hypotheses}")
            typer.echo(f"{entry.latex()}\n")
        return
    table = Table("Key", "Theorem", "Source", "Functions")
    for entry in registry().values():
        table.add_row(entry.key, entry.title, entry.source, "\n".join(entry.functions))
    Console().print(table)


@app.command()
def verify(
    keys: Annotated[list[str] | None, typer.Argument(help="Theory keys; all by default.")] = None,
    full: Annotated[bool, typer.Option(help="500 trials each instead of 25.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random instances.")] = 0,
) -> None:
    """Tries every theorem on random instances; fails if one is violated."""
    known = registry()
    if unknown := sorted(set(keys or ()) - set(known)):
        raise typer.BadParameter(f"unknown keys {unknown}; known are {list(known)}")
    chosen = [known[key] for key in keys or known]
    streams = np.random.default_rng(seed).spawn(len(chosen))
    checks = [
        entry.check(rng=rng, quick=not full)
        for entry, rng in track(
            zip(chosen, streams, strict=True),
            total=len(chosen),
            description="verifying",
            console=Console(stderr=True),
            transient=True,
        )
    ]
    _print_checks(chosen, checks)
    if any(check.violations for check in checks):
        raise typer.Exit(1)


def _print_checks(chosen: list[Theorem], checks: list[Check]) -> None:
    table = Table("Key", "Theorem", caption="tightness: median of right-hand over left-hand side")
    for title in ("Trials", "Violations", "Tightness"):
        table.add_column(title, justify="right")
    for entry, check in zip(chosen, checks, strict=True):
        table.add_row(
            entry.key,
            entry.title,
            str(len(check.trials)),
            str(check.violations),
            f"{check.tightness:.3g}",
        )
    Console().print(table)
