"""The program of all studies.

Its commands::

    python -m simulations list
    python -m simulations run STUDY [--quick] [--set KEY=VALUE] [OPTIONS]
    python -m simulations status STUDY [the same]
    python -m simulations export STUDY --csv | --tables FORMAT

``run`` may be left out. A study is imported when it is asked for.
"""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from lmctheory.choices import require_choice
from lmctheory.sweeps import RunError, StoreError, run_study
from lmctheory.sweeps.flat import flat_row
from lmctheory.sweeps.status import status
from lmctheory.sweeps.store import read_rows
from lmctheory.tables import FORMATS, Table, csv_text, tables_text
from lmctheory.terminal import WIDTH, print_any_text, show
from simulations.declaration import Declaration, Entry
from simulations.options import Jobs, Results, Scheduler
from simulations.presets import presets

__all__ = ["application", "launch"]

Build = Callable[[Declaration[Any, Any]], Callable[..., None]]
"""From a study to the function of a command about it."""


def application(studies: Mapping[str, Entry]) -> typer.Typer:
    """The program for the given studies, by name."""
    app = _typer(_about_a_study(studies, _run))

    @app.callback(help="Runs numerical studies, or resumes them, and prints their reports.")
    def _simulations() -> None:
        print_any_text()

    @app.command("list", help="Names the studies.")
    def _list() -> None:
        longest = max(map(len, studies))
        show(*(f"{name:<{longest}}  {entry.summary}" for name, entry in studies.items()))

    for verb, build, help_ in (
        ("run", _run, "Runs a study, or resumes it, and prints its report."),
        ("status", _status, "Says what is done, what failed and why, and what is left."),
        ("export", _export, "Writes a study's results, or the tables of its report."),
    ):
        group = _typer(_about_a_study(studies, build))
        group.callback(help=help_)(lambda: None)
        _add(group, studies)
        app.add_typer(group, name=verb)
    _add(app, studies, hidden=True)  # `run` may be left out
    return app


def _add(group: typer.Typer, studies: Mapping[str, Entry], hidden: bool = False) -> None:
    """Placeholders, for help and for names."""
    for name, entry in studies.items():
        group.command(name, short_help=entry.summary, hidden=hidden)(lambda: None)


def _about_a_study(studies: Mapping[str, Entry], build: Build) -> type[TyperGroup]:
    class Studies(TyperGroup):
        """Knows the names; the command that is asked for replaces its placeholder."""

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            name, command, rest = super().resolve_command(ctx, args)
            if name in studies:
                app = _typer()
                app.command()(build(studies[str(name)].load()))
                command = get_command(app)
            return name, command, rest

    return Studies


def _typer(group: type[TyperGroup] = TyperGroup) -> typer.Typer:
    return typer.Typer(
        cls=group,
        context_settings={"max_content_width": WIDTH},
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,  # errors in a line, not in a box
        pretty_exceptions_enable=False,
    )


def _run(declared: Declaration[Any, Any]) -> Callable[..., None]:
    def run(
        options: dict[str, Any], results: Path, jobs: int, scheduler: str | None = None
    ) -> None:
        with _bad_options():
            study, configs = declared.planned(options)
        found = run_study(study, configs, results=results, jobs=jobs, scheduler=scheduler)
        show(*declared.report(declared.study.typed(found)))

    return _planning(declared, run, results=Results, jobs=Jobs, scheduler=Scheduler)


def _status(declared: Declaration[Any, Any]) -> Callable[..., None]:
    def tell(options: dict[str, Any], results: Path, jobs: int) -> None:
        with _bad_options():
            study, configs = declared.planned(options)
        found = status(study, configs, results)
        show(f"{study.name} version {study.version} in {results}", *found.lines(jobs))

    return _planning(declared, tell, results=Results, jobs=Jobs)


def _export(declared: Declaration[Any, Any]) -> Callable[..., None]:
    study = declared.study

    def export(
        csv: Annotated[
            bool, typer.Option("--csv", help="One flat row per task, as comma-separated values.")
        ] = False,
        tables: Annotated[
            str | None,
            typer.Option(metavar="FORMAT", help=f"The report's tables: {', '.join(FORMATS)}."),
        ] = None,
        results: Results = study.results,
        output: Annotated[
            Path | None, typer.Option(help="File to write; standard output without it.")
        ] = None,
    ) -> None:
        if csv == (tables is not None):
            raise typer.BadParameter("name a format: --csv, or --tables with one")
        with _bad_options():
            if tables is None:
                text = _rows_text(declared, results)
            else:
                text = _tables_text(declared, results, tables)
        if output is None:
            typer.echo(text, nl=False)
            return
        with _bad_options():
            output.write_text(text, encoding="utf-8")

    export.__doc__ = f"Writes the results of {study.name}, or the tables of its report."
    return export


def _rows_text(declared: Declaration[Any, Any], results: Path) -> str:
    rows = read_rows(declared.study, results)
    return csv_text(flat_row(declared.study, row) for row in rows)


def _tables_text(declared: Declaration[Any, Any], results: Path, form: str) -> str:
    require_choice("--tables", form, FORMATS)
    parts = declared.report(declared.study.read(results))
    return tables_text([part for part in parts if isinstance(part, Table)], form)


def _planning(
    declared: Declaration[Any, Any], act: Callable[..., None], **machine: object
) -> Callable[..., None]:
    """A command with the options of a study's plan, the presets, and options of the machine.

    Args:
        declared: the study.
        act: is called with the plan's options, a dictionary, and the machine's.
        machine: types of the machine's options.
    """
    keyword = inspect.Parameter.KEYWORD_ONLY
    own = [p.replace(kind=keyword) for p in inspect.signature(declared.plan).parameters.values()]
    usual = {"results": declared.study.results, "jobs": 2, "quick": False}
    added = [
        inspect.Parameter(name, keyword, default=usual.get(name), annotation=kind)
        for name, kind in (machine | presets(declared)).items()
    ]

    def command(**values: Any) -> None:
        act({p.name: values[p.name] for p in own}, **{name: values[name] for name in machine})

    parameters = [*own, *added]
    command.__doc__ = declared.plan.__doc__
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


@contextmanager
def _bad_options() -> Iterator[None]:
    """Shows a ValueError or OSError that an option's value causes as a usage error, exit code 2."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from error


def launch(studies: Mapping[str, Entry]) -> None:
    """Runs the command that the program's arguments name.

    Args:
        studies: by name.
    """
    try:
        application(studies)(prog_name="python -m simulations")
    except (RunError, StoreError) as error:
        sys.exit(f"error: {error}")
