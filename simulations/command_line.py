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
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command
from typer.models import OptionInfo

from lmctheory.sweeps.runner import RunError
from lmctheory.sweeps.store import StoreError
from lmctheory.terminal import print_any_text

__all__ = [
    "BatchSize",
    "Command",
    "DataDir",
    "DataSet",
    "Epochs",
    "FirstSeed",
    "Jobs",
    "LearningRate",
    "Momentum",
    "Pairs",
    "Results",
    "Scheduler",
    "Seed",
    "Widths",
    "application",
    "architecture_option",
    "bad_options",
    "launch",
    "require_architectures",
]

DataSet = Annotated[str, typer.Option(help="digits or mnist.")]
DataDir = Annotated[Path | None, typer.Option(help="Directory of MNIST's four IDX files.")]
Widths = Annotated[list[int] | None, typer.Option(min=1, help="Widths; may be repeated.")]
Pairs = Annotated[int, typer.Option(min=1, help="Independent pairs per shape.")]
Epochs = Annotated[int, typer.Option(min=1, help="Training epochs.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Examples per step.")]
LearningRate = Annotated[float, typer.Option(help="Peak learning rate.")]
Momentum = Annotated[float, typer.Option(help="Momentum.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all draws.")]
FirstSeed = Annotated[int, typer.Option(min=0, help="Seed of the first network.")]
Results = Annotated[Path, typer.Option(help="Results file; tasks stored there are not run again.")]
Jobs = Annotated[int, typer.Option(min=1, help="Worker processes on this machine.")]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Dask scheduler, whose workers are used instead; they must run in this repository.",
    ),
]


def architecture_option(known: Collection[str], default: str = "") -> OptionInfo:
    """The option that chooses among architectures, of a parameter of type list[str] | None.

    Args:
        known: names of the architectures.
        default: a sentence on what is taken without the option.
    """
    option: OptionInfo = typer.Option(
        help=f"Of: {', '.join(known)}; may be repeated. {default}".rstrip()
    )
    return option


def require_architectures(names: Collection[str] | None, known: Collection[str]) -> None:
    """Refuses architectures that there are not.

    Raises:
        ValueError: naming the first that is not known.
    """
    for name in names or ():
        if name not in known:
            raise ValueError(f"architecture must be one of {list(known)}, got {name!r}")


@contextmanager
def bad_options() -> Iterator[None]:
    """Shows a ValueError or OSError that an option's value causes as a usage error, exit code 2."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from error


@dataclass(frozen=True)
class Command:
    """A study's command, imported when it is asked for: most studies take seconds to import.

    Attributes:
        summary: what the list of studies says of it.
        load: gives the function whose parameters are its options.
    """

    summary: str
    load: Callable[[], Callable[..., None]]

    @classmethod
    def of(cls, study: str) -> "Command":
        """Of the study in the package of that name; its summary is the package's first line."""
        package = import_module(f"simulations.{study}")

        def load() -> Callable[..., None]:
            function: Callable[..., None] = getattr(
                import_module(f"{package.__name__}.command"), study
            )
            return function

        return cls((package.__doc__ or "").partition("\n")[0], load)


def application(studies: Mapping[str, Command]) -> typer.Typer:
    """The program whose commands are the given studies, by name."""

    class Studies(TyperGroup):
        """Knows the names; the command that is asked for replaces its placeholder."""

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            name, _, rest = super().resolve_command(ctx, args)
            return name, _command(studies[str(name)].load()), rest

    app = _typer(Studies)

    @app.callback(help="Runs a numerical study, or resumes it, and prints its report.")
    def _simulations() -> None:
        print_any_text()

    for name, command in studies.items():
        app.command(name, short_help=command.summary)(lambda: None)
    return app


def _command(function: Callable[..., None]) -> Any:
    app = _typer()
    app.command()(function)
    return get_command(app)


def _typer(group: type[TyperGroup] = TyperGroup) -> typer.Typer:
    return typer.Typer(
        cls=group,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,  # errors in a line, not in a box
        pretty_exceptions_enable=False,
    )


def launch(studies: Mapping[str, Command]) -> None:
    """Runs the command that the program's arguments name.

    Args:
        studies: command of each study by the study's name.
    """
    try:
        application(studies)(prog_name="python -m simulations")
    except (RunError, StoreError) as error:
        sys.exit(f"error: {error}")
