"""Results kept in the repository, so that figures can be drawn without running their studies.

`python -m paper_figures.kept NAME ...` keeps results/NAME.sqlite, compressed.
"""

import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

__all__ = ["keep", "stored"]

FOLDER = Path(__file__).parent / "results"


@contextmanager
def stored(results: Path, folder: Path = FOLDER) -> Iterator[Path]:
    """Results, or, where there are none, a copy of those of that name which are kept.

    Args:
        results: path of a study's results.
        folder: where results are kept.
    """
    compressed = _compressed(results, folder)
    if results.exists() or not compressed.exists():
        yield results
        return
    with TemporaryDirectory() as place:
        copy = Path(place) / results.name
        copy.write_bytes(lzma.decompress(compressed.read_bytes()))
        yield copy


def keep(results: Path, folder: Path = FOLDER) -> Path:
    """Compresses results into the folder, and returns the file.

    Args:
        results: path of a study's results.
        folder: where they go; made if needed.

    Raises:
        OSError: if they cannot be read.
    """
    data = lzma.compress(results.read_bytes(), preset=9)
    compressed = _compressed(results, folder)
    compressed.parent.mkdir(parents=True, exist_ok=True)
    compressed.write_bytes(data)
    return compressed


def _compressed(results: Path, folder: Path) -> Path:
    return folder / f"{results.name}.xz"


def main(names: Annotated[list[str], typer.Argument(help="Studies.")]) -> None:
    """Keeps results of studies in the repository."""
    for name in names:
        typer.echo(keep(Path("results") / f"{name}.sqlite"))


if __name__ == "__main__":
    typer.run(main)
