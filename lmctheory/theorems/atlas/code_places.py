"""Where the code of public functions is."""

import inspect
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

import lmctheory

__all__ = ["CodePlace", "code_place"]


@dataclass(frozen=True)
class CodePlace:
    """Where something public is defined.

    Attributes:
        name: below `lmctheory`.
        path: of its file, from the repository's root.
        line: where its definition begins.
        address: of a page that shows it; empty if there is no public repository.
    """

    name: str
    path: str
    line: int
    address: str


def code_place(name: str, repository: str = "") -> CodePlace:
    """Finds a public function or class.

    Args:
        name: below `lmctheory`, as in ``rates.upper_bound``.
        repository: address of the repository at some revision, as in
            ``https://example.org/lmctheory/blob/HEAD``.

    Raises:
        AttributeError: if there is nothing of that name.

    Example:
        >>> code_place("rates.upper_bound").path
        'lmctheory/rates/upper/sandwich_above.py'
    """
    found = inspect.unwrap(attrgetter(name)(lmctheory))
    root = Path(lmctheory.__file__).parents[1]
    path = Path(inspect.getfile(found)).relative_to(root).as_posix()
    line = inspect.getsourcelines(found)[1]
    return CodePlace(name, path, line, f"{repository}/{path}#L{line}" if repository else "")
