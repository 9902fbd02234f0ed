"""How a study of this folder is declared: once, for command line, tests and figures.

A study's configurations and records are dataclasses, and its plan is a function from options to the
configurations of its tasks. Its parameters are the options of the command line, its docstring is
their help::

    STUDY = study("width_sweep", 4, run, cost=cost)

    def width_sweep(
        widths: Annotated[list[int], typer.Option("--width", min=1)] = [16, 32],
        data_dir: DataDir = None,
    ) -> list[Task]:
        return [Task(width) for width in widths]

    DECLARATION = Declaration(STUDY, width_sweep, report, quick={"widths": [4]})
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, TypeVar

from lmctheory.sweeps import Config, Study
from lmctheory.sweeps.typed import TypedStudy, dump
from lmctheory.tables import Table

__all__ = ["Declaration", "Entry", "Part", "require_equal", "require_equal_but", "study"]

PLACES = ("data_dir",)
"""Options that say where things lie: bound to a study's `run`, and no part of what it measures."""


C = TypeVar("C")
R = TypeVar("R")

Part = Table[Any] | str
"""What reports are made of."""


def study(
    name: str, version: int, *tasks: Callable[..., R], cost: Callable[[C], float]
) -> TypedStudy[C, R]:
    """A study that this folder's program runs, see `TypedStudy.of`."""
    command = f"python -m simulations run {name}"
    return TypedStudy.of(name, version, *tasks, cost=cost, command=command)


@dataclass(frozen=True)
class Declaration(Generic[C, R]):
    """A study with its options and its report.

    Attributes:
        study: what a task does.
        plan: the tasks, from options; refuses bad ones with ValueError or OSError.
        report: tables and lines about what was measured.
        quick: the options of the smallest run that shows all of the report.
    """

    study: TypedStudy[C, R]
    plan: Callable[..., Iterable[C]]
    report: Callable[[Sequence[tuple[C, R]]], Sequence[Part]]
    quick: Mapping[str, object]

    @property
    def quick_results(self) -> Path:
        """Where the results of the smallest run go, lest they mix with others."""
        return self.study.results.parent / "quick" / self.study.results.name

    def planned(self, options: Mapping[str, object]) -> tuple[Study, list[Config]]:
        """The study with its places bound, and the tasks that these options ask for."""
        places = {name: options[name] for name in PLACES if name in options}
        bound = replace(self.study, run=partial(self.study.run, **places)) if places else self.study
        return bound, [dump(config) for config in self.plan(**options)]


@dataclass(frozen=True)
class Entry:
    """A study in the list of all, imported when it is asked for: most take seconds to import.

    Attributes:
        summary: what the list says of it.
        load: gives its declaration.
    """

    summary: str
    load: Callable[[], Declaration[Any, Any]]

    @classmethod
    def of(cls, name: str) -> "Entry":
        """Of the study in the package of that name; its summary is the package's first line."""
        package = import_module(f"simulations.{name}")

        def load() -> Declaration[Any, Any]:
            declared: Declaration[Any, Any] = import_module(
                f"{package.__name__}.command"
            ).DECLARATION
            return declared

        return cls((package.__doc__ or "").partition("\n")[0], load)


def require_equal(tasks: Iterable[object], names: Iterable[str]) -> None:
    """Refuses tasks of several studies.

    Args:
        tasks: configurations.
        names: of the fields that tasks of one study have in common.

    Raises:
        ValueError: if they differ in one, naming it.
    """
    tasks = list(tasks)
    for name in names:
        values = [getattr(task, name) for task in tasks]
        if any(value != values[0] for value in values):
            different = [value for k, value in enumerate(values) if value not in values[:k]]
            raise ValueError(f"the results mix studies with {name} {different}")


def require_equal_but(tasks: Iterable[Any], own: Collection[str]) -> None:
    """Refuses tasks that differ in more than some fields.

    Args:
        tasks: configurations, of one data class.
        own: the fields in which tasks of one study may differ.

    Raises:
        ValueError: if they differ in another one, naming it.
    """
    tasks = list(tasks)
    names = [field.name for task in tasks[:1] for field in fields(task)]
    require_equal(tasks, [name for name in names if name not in own])
