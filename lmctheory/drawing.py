"""What all pictures share; Matplotlib is imported when one is drawn."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["legend_beside", "name_places", "new_figure"]


def new_figure(width: float = 5.0, height: float = 3.2) -> "Figure":
    """An empty figure, in inches.

    Raises:
        ImportError: without Matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("plot needs Matplotlib: pip install matplotlib") from error
    return Figure(figsize=(width, height), layout="constrained")


def legend_beside(axes: "Axes") -> None:
    """A legend to the right of the axes, where no line is."""
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def name_places(axes: "Axes", names: Sequence[str]) -> None:
    """Names below the places 0, 1, ..., such as those of layers."""
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right")
