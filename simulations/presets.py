"""Two more ways to set a plan's options: `--quick` all at once, `--set KEY=VALUE` one by one.

Options of their own on the command line come before `--set`, and that before `--quick`.
"""

import inspect
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from simulations.declaration import Declaration

__all__ = ["presets"]


def presets(declared: Declaration[Any, Any]) -> dict[str, object]:
    """Both options, as types of parameters by the parameters' names."""

    def take_quick(context: typer.Context, asked: bool) -> bool:
        if asked:
            values = {**declared.quick, "results": str(declared.quick_results)}
            context.default_map = {**values, **(context.default_map or {})}
        return asked

    def take_settings(context: typer.Context, given: list[str] | None) -> list[str] | None:
        many = {parameter.name for parameter in context.command.params if parameter.multiple}
        values = {
            key: value.split(",") if key in many else value
            for key, value in _settings(declared, given or ()).items()
        }
        context.default_map = {**(context.default_map or {}), **values}
        return given

    quick = typer.Option(
        "--quick",
        is_eager=True,  # before those that it sets
        callback=take_quick,
        help="The smallest plan, with results of its own.",
    )
    settings = typer.Option(
        "--set",
        is_eager=True,
        callback=take_settings,
        metavar="KEY=VALUE",
        help="Sets a field of the plan, several values by commas; may be repeated.",
    )
    return {"quick": Annotated[bool, quick], "settings": Annotated[list[str] | None, settings]}


def _settings(declared: Declaration[Any, Any], given: Sequence[str]) -> dict[str, str]:
    """Values by the names of fields.

    Raises:
        BadParameter: for a key that is no field of the plan, or that comes twice.
    """
    fields = list(inspect.signature(declared.plan).parameters)
    values: dict[str, str] = {}
    for setting in given:
        name, equals, value = setting.partition("=")
        key = name.strip().replace("-", "_")
        if not equals or key not in fields:
            raise typer.BadParameter(
                f"must be KEY=VALUE with a key of {', '.join(fields)}, got {setting!r}"
            )
        if key in values:
            raise typer.BadParameter(f"must name each key once, got {key} twice")
        values[key] = value
    return values
