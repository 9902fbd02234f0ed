"""How a study of this folder is declared: once, for command line, tests and figures.

A study's plan is a function from options to the configurations of its tasks. Its parameters are
the options of the command line, its docstring is their help::

    STUDY = study("width_sweep", version=4, run=run, cost=cost)

    def width_sweep(
        widths: Annotated[list[int], typer.Option("--width", min=1)] = [16, 32],
        data_dir: DataDir = None,
    ) -> list[Config]:
        return [{"width": width} for width in widths]

    DECLARATION = Declaration(STUDY, width_sweep, print_report, quick={"widths": [4]})
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path

from lmctheory.sweeps import Config, Record, Study

__all__ = ["Declaration", "Entry", "study"]

PLACES = ("data_dir",)
"""Options that say where things lie: bound to a study's `run`, and no part of what it measures."""


def study(
    name: str,
    *,
    version: int,
    run: Callable[..., Record],
    cost: Callable[[Config], float],
) -> Study:
    """A study that this folder's program runs, see `lmctheory.sweeps.Study`."""
    return Study(name, version, run, cost, command=f"python -m simulations run {name}")


@dataclass(frozen=True)
class Declaration:
    """A study with its options and its report.

    Attributes:
        study: what a task does.
        plan: the tasks, from options; refuses bad ones with ValueError or OSError.
        report: prints what was measured.
        quick: the options of the smallest run that shows all of the report.
    """

    study: Study
    plan: Callable[..., Iterable[Config]]
    report: Callable[[list[tuple[Config, Record]]], None]
    quick: Mapping[str, object]

    @property
    def quick_results(self) -> Path:
        """Where the results of the smallest run go, lest they mix with others."""
        return self.study.results.parent / "quick" / self.study.results.name

    def planned(self, options: Mapping[str, object]) -> tuple[Study, list[Config]]:
        """The study with its places bound, and the tasks that these options ask for."""
        places = {name: options[name] for name in PLACES if name in options}
        bound = replace(self.study, run=partial(self.study.run, **places)) if places else self.study
        return bound, list(self.plan(**options))


@dataclass(frozen=True)
class Entry:
    """A study in the list of all, imported when it is asked for: most take seconds to import.

    Attributes:
        summary: what the list says of it.
        load: gives its declaration.
    """

    summary: str
    load: Callable[[], Declaration]

    @classmethod
    def of(cls, name: str) -> "Entry":
        """Of the study in the package of that name; its summary is the package's first line."""
        package = import_module(f"simulations.{name}")

        def load() -> Declaration:
            declared: Declaration = import_module(f"{package.__name__}.command").DECLARATION
            return declared

        return cls((package.__doc__ or "").partition("\n")[0], load)
