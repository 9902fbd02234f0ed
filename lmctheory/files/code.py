"""Users' own code by name: models, data and losses, from modules or from files."""

import hashlib
import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

__all__ = ["build_model", "load_object"]


def load_object(name: str, argument: str = "name") -> Any:
    """What a name such as ``package.module:factory`` or ``path/to/file.py:factory`` stands for.

    The code is run, as an import does.

    Args:
        name: module or file, a colon, and what it holds; dots reach further down.
        argument: what messages call the name.

    Raises:
        ValueError: if there is no such module, file or object, or the code fails; says what is
            there.

    Example:
        >>> load_object("math:sqrt")(9.0)
        3.0
    """
    place, colon, path = name.rpartition(":")
    if not colon or not place or not path:
        raise ValueError(
            f"{argument} must be package.module:name or path/to/file.py:name, got {name!r}"
        )
    found = _file(Path(place), argument) if place.endswith(".py") else _module(place, argument)
    reached: Any = found
    for part in path.split("."):
        if not hasattr(reached, part):
            public = [key for key in vars(found) if not key.startswith("_")]
            raise ValueError(f"{argument}: {place} has no {path!r}, but {', '.join(public)}")
        reached = getattr(reached, part)
    return reached


def _module(name: str, argument: str) -> ModuleType:
    try:
        with _beside(Path.cwd()):
            return importlib.import_module(name)
    except Exception as error:
        raise ValueError(f"{argument}: {name} cannot be imported: {_said(error)}") from error


def _file(path: Path, argument: str) -> ModuleType:
    if not path.is_file():
        raise ValueError(f"{argument}: {path} is no file")
    spec = importlib.util.spec_from_file_location(_name_of(path), path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        with _beside(path.parent.resolve()):
            sys.modules[module.__name__] = module  # data classes look their module up
            spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"{argument}: {path} cannot be run: {_said(error)}") from error
    return module


def _name_of(path: Path) -> str:
    """A name that no import means, and no other file of the same name has."""
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()
    return f"{path.stem}_{digest[:8]}"


@contextmanager
def _beside(folder: Path) -> Iterator[None]:
    """Within it, modules of a folder can be imported."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def build_model(name: str, arguments: str = "{}") -> nn.Module:
    """The network that a factory makes.

    Args:
        name: of a class or function, see `load_object`.
        arguments: JSON, an object of keyword arguments or a list of positional ones.

    Raises:
        ValueError: as `load_object`, for what is no JSON, and if the factory fails or makes no
            network.

    Example:
        >>> build_model("torch.nn:Linear", '{"in_features": 3, "out_features": 2}')
        Linear(in_features=3, out_features=2, bias=True)
    """
    try:
        given = json.loads(arguments)
    except json.JSONDecodeError as error:
        raise ValueError(f"model arguments must be JSON, got {arguments!r}: {error}") from error
    if not isinstance(given, dict | list):
        raise ValueError(f"model arguments must be a JSON object or list, got {arguments!r}")
    factory = load_object(name, "model")
    if not callable(factory):
        raise ValueError(f"model must name a class or a function, {name} is none")
    try:
        model = factory(**given) if isinstance(given, dict) else factory(*given)
    except Exception as error:
        raise ValueError(f"model: {name} failed with {given}: {_said(error)}") from error
    if not isinstance(model, nn.Module):
        raise ValueError(f"model: {name} must give an nn.Module, got {type(model).__name__}")
    return model
