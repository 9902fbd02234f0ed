"""What a sweep found: a table, flat records, a plot."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lmctheory.choices import require_choice
from lmctheory.drawing import new_figure
from lmctheory.files.writing import writing
from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.measured import METRICS, UNMATCHED, Curves, Measured
from lmctheory.tables import csv_text, frame
from lmctheory.terminal import WIDTH

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Sweep", "SweepTask"]

_HEAD = ("width", "accuracy", "alignment", "barrier", "certified", "L", "cost", "U")


@dataclass(frozen=True)
class SweepTask:
    """All networks of one width, as `lmctheory.sweep` was asked for them.

    Attributes:
        width: of the networks.
        pairs: how many.
        seed: of everything.
        points: of the grid on the segment.
        methods: matchings.
        certify: whether to compute certificates.
        training: in what it differs from the defaults of `lmctheory.networks.TrainingConfig`: a
            field that is added later leaves old tasks known; None without training.
        factory: its name.
        data: their fingerprint.
        network: that of the first network.
    """

    width: int
    pairs: int
    seed: int
    points: int
    methods: list[str]
    certify: bool
    training: dict[str, Any] | None
    factory: str
    data: str
    network: str


@dataclass(frozen=True, eq=False, repr=False)
class Sweep:
    """Measurements of pairs of networks by width; means are over pairs, with standard errors.

    Attributes:
        results: task and measurements of each width.
    """

    results: tuple[tuple[SweepTask, Measured], ...]

    @cached_property
    def _records(self) -> dict[int, Measured]:
        return {task.width: record for task, record in self.results}

    @property
    def widths(self) -> tuple[int, ...]:
        """As they were asked for."""
        return tuple(self._records)

    @property
    def alignments(self) -> tuple[str, ...]:
        """As the networks came, and after every method."""
        return (UNMATCHED, *self.results[0][0].methods)

    def accuracy(self, width: int) -> Mean:
        """Test accuracy of the networks themselves."""
        return self._of(width).accuracy()

    def barrier(
        self, width: int, alignment: str, *, split: str = "test", where: str = "max"
    ) -> Mean:
        """Barrier of the loss, signed.

        Args:
            width: of the networks.
            alignment: of `alignments`.
            split: "train" or "test".
            where: "max", over the path, or "midpoint".
        """
        return self._of(width).barrier(alignment, split=split, where=where)

    def certified(self, width: int, alignment: str, *, where: str = "max") -> Mean | None:
        """Certified barrier (C3) of the test loss; None if there is none."""
        return self._of(width).certified(alignment, where=where)

    @property
    def no_certificate(self) -> str:
        """Why there is no certificate; empty if there is one, or none was asked for."""
        return self.results[0][1].aligned[UNMATCHED].no_certificate or ""

    def cost(self, width: int, alignment: str, *, metric: str = "data") -> Mean | None:
        """Cost per neuron of the last hidden layer; None if its neurons cannot be reordered.

        Args:
            width: of the networks.
            alignment: of `alignments`.
            metric: "data", the second moment of what the layer of A reads, or "euclidean".
        """
        return self._of(width).cost(alignment, metric)

    def bound(self, width: int, side: str, *, metric: str = "data") -> Mean | None:
        """L ("lower") or U ("upper") of the least cost in a metric, or "trivial", 2 tr.

        For Gaussian neurons of the sample covariance the expected cost of an optimal matching,
        ``weighted`` in the metric of the data and ``naive`` in the Euclidean one, lies between L
        and U; L bounds the cost of every other alignment, too.
        """
        return self._of(width).bound(side, metric)

    def _of(self, width: int) -> Measured:
        require_choice("width", width, self.widths)
        return self._records[width]

    @property
    def records(self) -> list[dict[str, Any]]:
        """One flat row for each width, alignment and pair, as for a data frame."""
        return [
            self._row(width, alignment, pair)
            for width in self.widths
            for alignment in self.alignments
            for pair in range(len(self._of(width).seeds or ()) // 2)
        ]

    def _row(self, width: int, alignment: str, pair: int) -> dict[str, Any]:
        whole = self._of(width)
        record, seeds = whole.aligned[alignment], whole.seeds or ()
        row: dict[str, Any] = {"width": width, "alignment": alignment, "pair": pair}
        row |= {"seed_a": seeds[2 * pair], "seed_b": seeds[2 * pair + 1]}
        row |= _segment("train", record.train, pair) | _segment("test", record.test, pair)
        if record.certificate is not None:
            row["certified_barrier"] = record.certificate[pair].c3.max
        for metric in METRICS:
            if costs := record.cost[metric][pair]:
                bounds = whole.layers[-1][metric][pair]
                row |= {
                    f"{metric}_cost": costs[-1],
                    f"{metric}_lower": bounds.lower,
                    f"{metric}_upper": bounds.upper,
                }
        return row

    def to_frame(self) -> "pandas.DataFrame":
        """The records as a data frame of pandas; ImportError without it."""
        return frame(self.records)

    def to_csv(self, path: str | Path) -> None:
        """Writes `records` as comma-separated values, whole or not at all."""
        with writing(path) as beside:
            beside.write_text(csv_text(self.records), encoding="utf-8")

    def __repr__(self) -> str:
        rows = [_HEAD] + [
            self._cells(width, alignment) for width in self.widths for alignment in self.alignments
        ]
        sizes = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.rjust(size) for cell, size in zip(row, sizes, strict=True))
            for row in rows
        ]
        notes = [
            "barrier: of the test loss, signed maximum over the path; certified: its bound C3.",
            "cost: per neuron of the last hidden layer, in the metric of A's data; L, U bound it.",
        ]
        if self.no_certificate:
            notes.append(f"no certificate: {self.no_certificate}")
        wrapped = [line for note in notes for line in textwrap.wrap(note, WIDTH)]
        return "\n".join([*lines, *wrapped])

    def _cells(self, width: int, alignment: str) -> tuple[str, ...]:
        cost = self.cost(width, alignment)
        lower, upper = (self.bound(width, side) for side in ("lower", "upper"))
        certified = self.certified(width, alignment)
        return (
            str(width),
            str(self.accuracy(width)),
            alignment,
            self.barrier(width, alignment).short(),
            "-" if certified is None else certified.short(),
            "-" if lower is None else f"{lower.value:.3g}",
            "-" if cost is None else cost.short(),
            "-" if upper is None else f"{upper.value:.3g}",
        )

    def plot(self, axes: "Sequence[Axes] | None" = None) -> "Figure":
        """Barriers, and matching costs in their bounds, against the width.

        Args:
            axes: two of Matplotlib, to draw into; those of a new figure if None.

        Returns:
            Their figure: ``sweep.plot().savefig("sweep.pdf")``.

        Raises:
            ImportError: without Matplotlib, which is imported for a new figure.
        """
        left, right = new_figure(7.0, 3.0).subplots(1, 2) if axes is None else axes
        for alignment in self.alignments:
            barriers = [self.barrier(width, alignment) for width in self.widths]
            self._draw(left, barriers, alignment)
            costs = [self.cost(width, alignment) for width in self.widths]
            self._draw(right, [cost for cost in costs if cost is not None], alignment)
        bounds = [
            [found.value for width in self.widths if (found := self.bound(width, side)) is not None]
            for side in ("lower", "upper")
        ]
        if bounds[0]:
            lower, upper = bounds
            right.fill_between(self.widths, lower, upper, color="0.8", linewidth=0, label="L to U")
        left.set_ylabel("test loss barrier, max over t")
        right.set_ylabel("matching cost per neuron")
        for side in (left, right):
            side.set_xscale("log", base=2)
            side.set_xlabel("width")
        left.legend(fontsize="small")
        return left.figure  # type: ignore[return-value]

    def _draw(self, axes: Any, means: Sequence[Mean], label: str) -> None:
        """A line with error bars; on a logarithmic axis what is not positive is a gap."""
        if not means:
            return
        values = np.array([mean.value for mean in means])
        errors = np.nan_to_num([mean.error for mean in means])
        shown = np.where(values > 0, values, np.nan)
        axes.errorbar(self.widths, shown, errors, marker="o", markersize=3, label=label)
        if (values > 0).any():
            axes.set_yscale("log")


def _segment(split: str, curves: Curves, pair: int) -> dict[str, Any]:
    """Of one pair; A is at t = 1."""
    return {
        f"{split}_barrier": curves.max[pair],
        f"{split}_barrier_midpoint": curves.midpoint[pair],
        f"{split}_accuracy_a": curves.accuracy[pair][-1],
        f"{split}_accuracy_b": curves.accuracy[pair][0],
    }
