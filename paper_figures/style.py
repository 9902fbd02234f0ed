"""One look for all figures: column width, paper fonts, colours that survive greyscale."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

__all__ = [
    "COLOURS",
    "COLUMN",
    "GREY",
    "HasError",
    "decimals",
    "hidden_layers",
    "means",
    "save",
    "use",
    "width_axis",
]

COLUMN = 3.25
"""Width of a column, in inches."""


class HasError(Protocol):
    """A number and its error, as `Mean` is."""

    @property
    def value(self) -> float:
        """The number."""

    @property
    def error(self) -> float:
        """Of either side."""


COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's palette, told apart by colour-blind readers."""
GREY = "#777777"


def use() -> None:
    """Makes matplotlib's defaults those of a paper; text stays text in the PDF."""
    mpl.use("agg")
    mpl.rcParams.update(
        {
            "font.family": "serif",
            "font.serif": ["STIXGeneral"],
            "mathtext.fontset": "stix",
            "font.size": 7.5,
            "axes.titlesize": 7.5,
            "axes.labelsize": 7.5,
            "legend.fontsize": 6.5,
            "xtick.labelsize": 6.5,
            "ytick.labelsize": 6.5,
            "axes.linewidth": 0.5,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "lines.linewidth": 1.0,
            "lines.markersize": 2.5,
            "legend.frameon": False,
            "pdf.fonttype": 42,
            "savefig.dpi": 300,
        }
    )


def width_axis(axes: Axes, widths: Sequence[int]) -> None:
    """A logarithmic axis with a tick at every width, of which every other has a label."""
    axes.set_xscale("log", base=2)
    axes.set_xticks(widths[::2], [f"{width}" for width in widths[::2]])
    axes.set_xticks(widths, [""] * len(widths), minor=True)


def hidden_layers(depth: int) -> str:
    """The title of what is shown of networks of that depth.

    Example:
        >>> hidden_layers(1), hidden_layers(2)
        ('1 hidden layer', '2 hidden layers')
    """
    return f"{depth} hidden layer{'s' * (depth > 1)}"


def means(
    axes: Axes,
    x: Sequence[float],
    values: Sequence[HasError],
    form: str,
    colour: str,
    label: str | None = None,
) -> None:
    """A curve of values with their errors as thin bars.

    Args:
        axes: to draw in.
        x: where.
        values: as many.
        form: marker and line, as of `plot`.
        colour: of all.
        label: in the legend.
    """
    axes.errorbar(
        x,
        [one.value for one in values],
        [one.error for one in values],
        fmt=form,
        color=colour,
        elinewidth=0.6,
        label=label,
    )


def save(figure: Figure, stem: Path) -> None:
    """Writes PDF and PNG beside each other and says where."""
    for suffix in (".pdf", ".png"):
        # without a date the same results give the same file
        metadata = {"CreationDate": None} if suffix == ".pdf" else None
        figure.savefig(stem.with_suffix(suffix), metadata=metadata)
    print(f"wrote {stem.with_suffix('.pdf')} and {stem.with_suffix('.png')}")


def decimals(*axes: Axis, subs: Sequence[int] = (1, 2, 5)) -> None:
    """Writes logarithmic axes as 0.02, 0.05, 0.1 and so on, not as powers of ten."""
    for axis in axes:
        axis.set_major_locator(LogLocator(subs=subs))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
