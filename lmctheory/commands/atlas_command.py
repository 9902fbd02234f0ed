"""`lmctheory atlas`: every theorem on one page."""

import os
import shlex
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Annotated

import typer

from lmctheory.theorems import registry

__all__ = ["atlas"]


def atlas(
    out: Annotated[Path, typer.Argument(metavar="OUT.html", help="The page.")],
    verify: Annotated[
        bool, typer.Option(help="Try every theorem, and false variants of it, at quick size.")
    ] = True,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random instances.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
) -> None:
    """Writes a page of all theorems: statements, proofs, sources, dependencies, checks.

    It needs no network. Fails if a theorem is violated, after the page is written.
    """
    from lmctheory.commands.given import refusals
    from lmctheory.drawing import new_figure
    from lmctheory.files.writing import require_folder
    from lmctheory.progress import tracked
    from lmctheory.terminal import show
    from lmctheory.theorems.atlas import write_atlas
    from lmctheory.theorems.verification import verify_both

    with refusals():
        if out.suffix != ".html":
            raise ValueError(f"OUT.html must end in .html, got {out}")
        require_folder(out)
        if verify:
            new_figure()  # without Matplotlib, before any work
    known = registry()
    tests = None
    if verify:
        found = verify_both(list(known), seed, jobs=jobs)
        tests = dict(zip(known, tracked(found, "verifying", len(known)), strict=True))
    command = shlex.join(["lmctheory", *sys.argv[1:]])
    with refusals():
        write_atlas(out, known, tests, seed=seed, command=command, repository=_repository())
    violated = [key for key, (check, _) in (tests or {}).items() if check.violations]
    show(f"wrote {out}: {len(known)} theorems")
    if violated:
        show(f"violated: {', '.join(violated)}; see lmctheory verify --seed {seed}")
        raise typer.Exit(1)


def _repository() -> str:
    """Address of the package's files, if its metadata name a public repository."""
    try:
        urls = metadata("lmctheory").get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    named = dict(url.split(", ", 1) for url in urls)
    address = named.get("Repository", "").rstrip("/")
    return f"{address}/blob/HEAD" if address else ""
