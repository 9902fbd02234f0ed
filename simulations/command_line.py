"""What the commands of all studies share: common options, and how errors are shown.

A study's command is a function whose parameters are its options, the last three among them::

    def width_sweep(
        widths: Annotated[list[int], typer.Option("--width", min=1)] = [16, 32],
        results: Results = STUDY.results,
        jobs: Jobs = 1,
        scheduler: Scheduler = None,
    ) -> None:
        with bad_options():
            configs = [...]
        print_table(run_study(STUDY, configs, results=results, jobs=jobs, scheduler=scheduler))
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from simulations.runner import RunError
from simulations.store import StoreError

__all__ = [
    "DataDir",
    "DataSet",
    "Jobs",
    "Results",
    "Scheduler",
    "application",
    "bad_options",
    "launch",
]

DataSet = Annotated[str, typer.Option(help="digits or mnist.")]
DataDir = Annotated[Path | None, typer.Option(help="Directory of MNIST's four IDX files.")]
Results = Annotated[Path, typer.Option(help="Results file; tasks stored there are not run again.")]
Jobs = Annotated[int, typer.Option(min=1, help="Worker processes on this machine.")]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Dask scheduler, whose workers are used instead; they must run in this repository.",
    ),
]


@contextmanager
def bad_options() -> Iterator[None]:
    """Shows a ValueError or OSError that an option's value causes as a usage error, exit code 2."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from error


def application(studies: Mapping[str, Callable[..., None]]) -> typer.Typer:
    """The program whose commands are the given studies, by name."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,  # errors in a line, not in a box
        pretty_exceptions_enable=False,
    )

    @app.callback(help="Runs a numerical study, or resumes it, and prints its report.")
    def _simulations() -> None: ...  # a group: the study's name is needed even if there is but one

    for name, command in studies.items():
        app.command(name)(command)
    return app


def launch(studies: Mapping[str, Callable[..., None]]) -> None:
    """Runs the command that the program's arguments name.

    Args:
        studies: command of each study by the study's name.
    """
    try:
        application(studies)(prog_name="python -m simulations")
    except (RunError, StoreError) as error:
        sys.exit(f"error: {error}")
