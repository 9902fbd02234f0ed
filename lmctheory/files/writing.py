"""Files that are there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

__all__ = ["require_folder", "writing"]


@contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """A path beside the wanted one, which takes its place when the block ends without an error.

    Whoever is interrupted leaves what was there before. It has the wanted name's suffix.

    Raises:
        FileNotFoundError: if the folder does not exist, before anything is done.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with writing(Path(folder, "note.txt")) as beside:
        ...     _ = beside.write_text("whole")
        >>> Path(folder, "note.txt").read_text()
        'whole'
    """
    wanted = Path(path)
    require_folder(wanted)
    with NamedTemporaryFile(
        dir=wanted.parent, prefix=f".{wanted.stem}-", suffix=wanted.suffix, delete=False
    ) as file:
        beside = Path(file.name)
    try:
        yield beside
        mask = os.umask(0)
        os.umask(mask)
        beside.chmod(0o666 & ~mask)  # as any new file, where temporary ones are their owner's
        beside.replace(wanted)
    finally:
        beside.unlink(missing_ok=True)


def require_folder(path: Path) -> None:
    """Refuses a file for which there is no folder, or in whose place there is one.

    Raises:
        FileNotFoundError: naming both.
        IsADirectoryError: naming it.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, where a file is to be written")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is no folder to write {path.name} to")
