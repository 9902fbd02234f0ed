"""`lmctheory verify`: every theorem tried, and false variants of it."""

import json
import os
import shlex
import textwrap
from collections.abc import Sequence
from inspect import isfunction
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from lmctheory.progress import tracked
from lmctheory.tables import Table, as_json
from lmctheory.terminal import show
from lmctheory.theorems import Check, Theorem, registry
from lmctheory.theorems.step import StepCheck
from lmctheory.theorems.trial import KINDS, Kind
from lmctheory.theorems.verification import Variant, verify_steps, verify_variants
from lmctheory.theorems.verification import verify as verified
from lmctheory.theorems.verification_tables import checks_table, steps_table, variants_table

__all__ = ["verify"]

_SHOWN = 5
"""Violations of a theorem that are shown one by one."""


def verify(
    keys: Annotated[list[str] | None, typer.Argument(help="Theory keys; all by default.")] = None,
    full: Annotated[
        bool, typer.Option("--full/--quick", help="500 instances each, 100,000 where cheap; or 25.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random instances.")] = 0,
    variants: Annotated[
        bool, typer.Option("--variants", help="Try false variants, which must be caught.")
    ] = False,
    steps: Annotated[
        bool, typer.Option("--steps", help="Check the steps of proofs, one by one.")
    ] = False,
    trial: Annotated[
        int | None, typer.Option(min=1, help="Show this trial of one theorem, and what it drew.")
    ] = None,
    kind: Annotated[
        Kind | None, typer.Option(help="Of the trial shown; random by default.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the numbers as JSON.")
    ] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the table as CSV.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
) -> None:
    """Tries theorems on instances: random, from trained networks, searched towards violation.

    Fails if one is violated, if a false variant is not caught, or if a step of a proof does not
    hold. The instances of a theorem depend on its key and the seed alone.
    """
    chosen = _chosen(keys)
    files = [file for file in (json_file, csv_file) if file is not None]
    if files:
        from lmctheory.commands.output import require_output

        require_output("table", *files)
    if steps and variants:
        raise typer.BadParameter("--steps and --variants make a table each: give one of them")
    if kind is not None and trial is None:
        raise typer.BadParameter("--kind needs --trial")
    if trial is not None:
        if files or variants or steps:
            raise typer.BadParameter(
                "--trial shows one trial: no --json, --csv, --variants or --steps"
            )
        if len(chosen) > 1:
            raise typer.BadParameter(f"--trial needs one key, got {len(chosen)}")
        good = _show_instance(chosen[0], seed, trial, kind or "random")
    else:
        names = [entry.key for entry in chosen]
        table, good = (
            _try_steps(chosen, seed, jobs)
            if steps
            else _try_variants(names, seed, jobs)
            if variants
            else _try(names, seed, full, jobs)
        )
        if files:
            _write(table, json_file, csv_file)
    if not good:
        raise typer.Exit(1)


def _chosen(keys: list[str] | None) -> list[Theorem]:
    known = registry()
    if unknown := sorted(set(keys or ()) - set(known)):
        raise typer.BadParameter(f"unknown keys {unknown}; known are {list(known)}")
    return [known[key] for key in dict.fromkeys(keys or known)]


def _try(keys: Sequence[str], seed: int, full: bool, jobs: int) -> tuple[Table[Check], bool]:
    found = verified(keys, seed, quick=not full, jobs=jobs)
    checks = list(tracked(found, "verifying", len(keys)))
    table = checks_table(checks)
    show(table, *_false_alarm(checks))
    for check in checks:
        _echo_violations(check, seed)
    return table, not any(check.violations for check in checks)


def _false_alarm(checks: Sequence[Check]) -> list[str]:
    from lmctheory.theorems.checks.simulation import FALSE_ALARM

    trials = [trial for check in checks for kind in KINDS for trial in check.of(kind)]
    simulated = sum(trial.slack > 0 for trial in trials)
    if not simulated:
        return []
    return [
        f"{len(trials)} trials, of which at most {simulated} are simulated: were all theorems true,"
        f" one would fail with a probability below {simulated * FALSE_ALARM:.0e}."
    ]


def _try_variants(keys: Sequence[str], seed: int, jobs: int) -> tuple[Table[Variant], bool]:
    every = tracked(verify_variants(keys, seed, jobs=jobs), "verifying", len(keys))
    found = [variant for of_one in every for variant in of_one]
    table = variants_table(found)
    show(table)
    return table, all(variant.caught or variant.least is not None for variant in found)


def _try_steps(chosen: Sequence[Theorem], seed: int, jobs: int) -> tuple[Table[StepCheck], bool]:
    names = [entry.key for entry in chosen if entry.step_numbers]
    if not names:
        raise typer.BadParameter("no proof of these theorems is told in steps")
    every = tracked(verify_steps(names, seed, jobs=jobs), "verifying", len(names))
    found = [check for of_one in every for check in of_one]
    table = steps_table(found)
    show(table, _tally(found, chosen))
    return table, all(check.good for check in found)


def _tally(found: Sequence[StepCheck], chosen: Sequence[Theorem]) -> str:
    computed = {(check.key, check.step) for check in found if not check.in_words}
    words = {(check.key, check.step) for check in found} - computed
    seen = computed | words
    text = (
        f"{len(seen)} steps of {len({key for key, _ in seen})} proofs: {len(computed)} checked,"
        f" {len(words)} in words."
    )
    every = {(entry.key, number) for entry in chosen for number in entry.step_numbers}
    keys = [entry.key for entry in chosen if entry.key in {key for key, _ in every - seen}]
    return f"{text} Not looked at: {len(every - seen)} of {', '.join(keys)}." if keys else text


def _write(
    table: Table[Check] | Table[Variant] | Table[StepCheck],
    json_file: Path | None,
    csv_file: Path | None,
) -> None:
    from lmctheory.files import writing

    if json_file is not None:
        with writing(json_file) as beside:
            text = json.dumps(as_json(table.records), indent=2, allow_nan=False)
            beside.write_text(text + "\n", encoding="utf-8")
    if csv_file is not None:
        with writing(csv_file) as beside:
            beside.write_text(table.text("csv"), encoding="utf-8")


def _echo_violations(check: Check, seed: int) -> None:
    for kind, number in check.violated[:_SHOWN]:
        typer.echo(f"{check.key}, {kind} trial {number}: not {check.of(kind)[number - 1]}; see")
        option = "" if kind == "random" else f" --kind {kind}"
        command = f"lmctheory verify {shlex.quote(check.key)} --seed {seed} --trial {number}"
        typer.echo(f"  {command}{option}")
    if check.violations > _SHOWN:
        typer.echo(f"{check.key}: and {check.violations - _SHOWN} more trials")


def _show_instance(entry: Theorem, seed: int, number: int, kind: Kind) -> bool:
    try:
        trial, drawn = entry.instance(number, kind=kind, rng=entry.stream(seed))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    verdict = "holds" if trial.holds else "is violated"
    typer.echo(f"{entry.key}, seed {seed}, {kind} trial {number}: {trial} {verdict}, where")
    with np.printoptions(threshold=30):
        for name, value in drawn.items():
            if not isfunction(value) and not isinstance(value, np.random.Generator):
                typer.echo(f"  {name} = {textwrap.shorten(repr(value), 200, placeholder=' ...')}")
    return trial.holds
