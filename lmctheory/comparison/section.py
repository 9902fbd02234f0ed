"""What a comparison is made of: sections, each of which is one file in `sections`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lmctheory.comparison.compared_pair import ComparedPair
from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Drawing", "Part", "Section", "is_clear"]


_CLEAR = 3.0
"""Standard errors from which on a difference is one."""


def is_clear(mean: Mean) -> bool:
    """Whether a figure differs from zero by more than its error explains."""
    return abs(mean.value) > _CLEAR * mean.error


@dataclass(frozen=True)
class Drawing:
    """A picture that a section draws.

    Attributes:
        caption: says what is seen.
        draw: into axes of Matplotlib.
    """

    caption: str
    draw: "Callable[[Axes], None]"


@dataclass(frozen=True)
class Part:
    """What a section found.

    Attributes:
        tables: its numbers.
        findings: what follows from them: sentences with their numbers, each of which passed a test.
        drawings: of the numbers.
        notes: what could not be measured, and why.
    """

    tables: "tuple[Table[Any], ...]" = ()
    findings: tuple[str, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """One section of a comparison.

    Attributes:
        name: its key.
        title: its heading.
        about: what is measured, in a sentence or two.
        measure: measures it.
        needs_narrow: whether there is nothing to measure without narrower networks.
    """

    name: str
    title: str
    about: str
    measure: Callable[[ComparedPair], Part]
    needs_narrow: bool = False
