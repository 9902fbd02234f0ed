"""What two published wheels hold, read as zip files: nothing in them is installed or run.

*torchani 1.2* (MIT licence) holds the potentials as NeuroChem wrote them. Under
``torchani/resources/ani-1x_8x`` and ``ani-1ccx_8x`` lie constants (``.params``) and for each of
eight members ``train0`` to ``train7``, ``networks/ANN-H.nnf`` and so on for C, N and O: a length
and ``=``, a newline, and compressed by bzip2 the layers with their sizes and activations. Weights
lie beside it, ``.wparam`` and ``.bparam``, as float32, lowest byte first, row by row.

*ASE* holds the geometries of the G2 set (Curtiss et al. 1997) as literals in
``ase/data/g2_1.py`` and ``g2_2.py``.
"""

import ast
import bz2
import hashlib
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from simulations.potentials.environments import Environment

__all__ = ["ENSEMBLES", "Geometry", "Published", "geometries", "potentials"]

ENSEMBLES = {"ani1x": "ani-1x_8x", "ani1ccx": "ani-1ccx_8x"}
"""Folders of torchani's resources by the names of ensembles."""
ELEMENTS = ("H", "C", "N", "O")

_RESOURCES = "torchani/resources"
_TORCHANI = "7bc9a0847cce136f7bdc92c2416321a8d6c9c28542d842387c3fa3854f502d88"
"""SHA-256 of torchani-1.2-py3-none-any.whl."""
_CELU, _LINEAR = 9, 6
_G2 = ("ase/data/g2_1.py", "ase/data/g2_2.py")


@dataclass(frozen=True, eq=False)
class Published:
    """The potentials of a wheel.

    Attributes:
        members: state dicts of `Energy` by name, ``ani1x_0`` and so on.
        environment: the constants of the vectors that they read.
    """

    members: Mapping[str, Mapping[str, Tensor]]
    environment: Environment


@dataclass(frozen=True, eq=False)
class Geometry:
    """One molecule.

    Attributes:
        name: of the set's.
        symbols: of the elements of its atoms.
        positions: in Angstrom.
    """

    name: str
    symbols: tuple[str, ...]
    positions: Float[np.ndarray, "atoms 3"]


def potentials(wheel: Path, *, checked: bool = True) -> Published:
    """Reads torchani's wheel.

    Args:
        wheel: the file.
        checked: whether it must be version 1.2 as published, by its SHA-256.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is another file, or its potentials are not what they should be.
    """
    if checked:
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if digest != _TORCHANI:
            raise ValueError(f"{wheel} must be torchani-1.2-py3-none-any.whl, its SHA-256 {digest}")
    with _opened(wheel) as archive:
        names = set(archive.namelist())
        constants = {
            archive.read(f"{_RESOURCES}/{folder}/{name}").decode()
            for folder in ENSEMBLES.values()
            for name in _params(names, folder, wheel)
        }
        if len(constants) != 1:
            raise ValueError(
                f"the ensembles of {wheel} must see atoms alike, by the same constants"
            )
        members = {
            f"{ensemble}_{k}": _member(archive, f"{_RESOURCES}/{folder}/train{k}/networks", wheel)
            for ensemble, folder in ENSEMBLES.items()
            for k in _numbers(names, folder)
        }
    environment = Environment.read(constants.pop())
    if environment.elements != ELEMENTS:
        raise ValueError(f"{wheel} must hold potentials of {ELEMENTS}, got {environment.elements}")
    return Published(members, environment)


def geometries(wheel: Path, *, atoms: tuple[int, int] = (4, 14)) -> list[Geometry]:
    """The molecules of the G2 set of H, C, N and O without magnetic moments, from ASE's wheel.

    Args:
        wheel: the file.
        atoms: the fewest and the most in a molecule.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds no G2 set.
    """
    found: dict[str, Geometry] = {}
    with _opened(wheel) as archive:
        for part in _G2:
            if part not in archive.namelist():
                raise ValueError(f"{wheel} must be ASE's, but holds no {part}")
            for name, entry in _literal(archive.read(part).decode(), part).items():
                symbols = _symbols(entry["symbols"])
                known = {*symbols} <= {*ELEMENTS} and entry["magmoms"] is None
                if known and atoms[0] <= len(symbols) <= atoms[1]:
                    found[name] = Geometry(name, symbols, np.array(entry["positions"], float))
    return [found[name] for name in sorted(found)]


def _opened(wheel: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(wheel)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{wheel} is no wheel: {error}") from error


def _params(names: set[str], folder: str, wheel: Path) -> list[str]:
    pattern = re.compile(rf"{_RESOURCES}/{folder}/([^/]+\.params)")
    found = [hit[1] for name in sorted(names) if (hit := pattern.fullmatch(name))]
    if not found:
        raise ValueError(f"{wheel} must hold {_RESOURCES}/{folder} with constants, .params")
    return found


def _numbers(names: set[str], folder: str) -> list[int]:
    pattern = re.compile(rf"{_RESOURCES}/{folder}/train(\d+)/networks/ANN-H\.nnf")
    return sorted(int(hit[1]) for name in names if (hit := pattern.fullmatch(name)))


def _member(archive: zipfile.ZipFile, folder: str, wheel: Path) -> dict[str, Tensor]:
    state = {}
    for symbol in ELEMENTS:
        layers = _layers(archive.read(f"{folder}/ANN-{symbol}.nnf"))
        for place, layer in enumerate(layers):
            last = place == len(layers) - 1
            if int(layer["activation"]) != (_LINEAR if last else _CELU):
                raise ValueError(
                    f"{wheel}: {folder} must have CELU between layers, got {layer['activation']}"
                )
            shape = int(layer["nodes"]), int(layer["blocksize"])
            for kind, setting, sizes in (
                ("weight", "weights", shape),
                ("bias", "biases", shape[:1]),
            ):
                file = f"{folder}/{_file_of(layer[setting])}"
                raw = archive.read(file)
                if len(raw) != 4 * int(np.prod(sizes)):
                    raise ValueError(f"{wheel}: {file} must hold {sizes} numbers of 4 bytes")
                values = np.frombuffer(raw, "<f4").reshape(sizes)
                state[f"{symbol.lower()}.{2 * place}.{kind}"] = torch.tensor(values)
    return state


def _layers(raw: bytes) -> list[dict[str, str]]:
    """Of a file ``.nnf``: by layer its settings as they are written."""
    text = bz2.decompress(raw[raw.index(b"=") + 2 :]).decode("ascii")
    settings = re.compile(r"(\w+)\s*=\s*([^;]+);")
    return [dict(settings.findall(body)) for body in re.findall(r"layer\s*\[(.*?)\n\]", text, re.S)]


def _file_of(setting: str) -> str:
    """The name in ``FILE:name[number]``."""
    return setting.removeprefix("FILE:").partition("[")[0]


def _literal(source: str, name: str) -> Mapping[str, Mapping[str, Any]]:
    """What a module assigns to `data`, without running it."""
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "data":
            found: Mapping[str, Mapping[str, Any]] = ast.literal_eval(statement.value)
            return found
    raise ValueError(f"{name} must assign a literal to data")


def _symbols(formula: str) -> tuple[str, ...]:
    """``C2H`` as C, C, H."""
    parts = re.findall(r"([A-Z][a-z]?)(\d*)", formula)
    return tuple(symbol for symbol, number in parts for _ in range(int(number or 1)))
