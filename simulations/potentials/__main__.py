"""``python -m simulations.potentials WHEELS`` makes a folder of potentials from published wheels.

The wheels are those that ``pip download --no-deps --dest WHEELS torchani==1.2 ase==3.29.0`` saves.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from lmctheory.networks.image_sets import cached
from lmctheory.terminal import print_any_text, show
from simulations.potentials.folder import MAKING, make_folder
from simulations.potentials.wheels import geometries, potentials

__all__ = ["main"]


def main(
    wheels: Annotated[Path, typer.Argument(help="Folder with the wheels torchani 1.2 and ase.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; the study's without it.")
    ] = None,
    any_version: Annotated[
        bool, typer.Option(help="Take a torchani wheel that is not the one known by its SHA-256.")
    ] = False,
) -> None:
    """Writes all members of ANI-1x and ANI-1ccx, and six geometries of 52 molecules."""
    print_any_text()
    path = cached("ani") if out is None else out
    try:
        torchani, ase = (_wheel(wheels, name) for name in ("torchani", "ase"))
        published = potentials(torchani, checked=not any_version)
        molecules = geometries(ase)
        make_folder(path, published, molecules)
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    show(f"wrote {len(published.members)} potentials and {len(molecules)} molecules to {path}")


def _wheel(folder: Path, name: str) -> Path:
    found = sorted(folder.glob(f"{name}-*.whl"))
    if len(found) != 1:
        raise ValueError(
            f"{folder} must hold one wheel of {name}, got {[path.name for path in found]}; {MAKING}"
        )
    return found[0]


if __name__ == "__main__":
    typer.run(main)
