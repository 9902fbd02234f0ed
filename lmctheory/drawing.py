"""What all pictures share; Matplotlib is imported when one is drawn."""

import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["as_svg", "legend_beside", "name_places", "new_figure"]


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


def as_svg(
    draw: "Callable[[Axes], object]", prefix: str, *, width: float = 6.4, height: float = 3.6
) -> str:
    """A picture to stand in a page: its black is the colour of the text there, its words are words.

    Args:
        draw: draws it on axes.
        prefix: of the names inside the picture, which are names of the whole page.
        width: in inches.
        height: in inches.

    Raises:
        ImportError: without Matplotlib.
    """
    figure = new_figure(width, height)
    import matplotlib as mpl

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": prefix, "font.size": 9}):
        figure.patch.set_alpha(0)
        axes = figure.subplots()
        axes.patch.set_alpha(0)
        axes.spines[["top", "right"]].set_visible(False)
        draw(axes)
        if legend := axes.get_legend():
            legend.get_frame().set_alpha(0)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    svg = re.sub(r"<!--.*?-->\s*", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r'\1 role="img"', svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r"#000000|\bblack\b", "currentColor", svg)
    # elements without a fill are black by default
    svg = re.sub(r"<text\b", '<text fill="currentColor"', svg)
    # names inside a picture are the page's, too
    svg = re.sub(r'\bid="', f'id="{prefix}', svg)
    svg = re.sub(r'href="#', f'href="#{prefix}', svg)
    return re.sub(r"url\(#", f"url(#{prefix}", svg)
