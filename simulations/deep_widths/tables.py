"""The tables that the study prints, each at most 100 columns wide."""

import math
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter

from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Cell, Cells, Column, Table
from simulations.declaration import Part
from simulations.deep_widths.measurement import DELTA
from simulations.deep_widths.summary import (
    Required,
    Results,
    Summary,
    required,
    summarise,
)
from simulations.deep_widths.tasks import MARGINALS, TIMES
from simulations.power_law import power_law
from simulations.student import coverage

__all__ = ["report", "verdict"]

_WIDTH = Column[Cells]("width", form="d", once=True)
_first = itemgetter(0)


def report(results: Results) -> list[Part]:
    """Errors, costs, dropout, other laws and required widths."""
    shapes = summarise(results)
    others = [shape for law in MARGINALS for shape in summarise(results, law)]
    return [
        _errors(shapes),
        verdict(shapes),
        "",
        _costs(shapes),
        _dropout(shapes),
        *([_laws(others, shapes)] if others else []),
        _required(required(results)),
    ]


def verdict(shapes: Sequence[Summary]) -> str:
    """How many bounds hold, within 4 standard errors and without any allowance."""
    depths = [(shape, depth) for shape in shapes for depth in shape.depths]
    gaps = [
        (shape.error(depth, t), shape.error_bound(depth, t))
        for shape, depth in depths
        for t in TIMES
    ]
    within, strictly = (
        sum(one.value - errors * one.error <= bound for one, bound in gaps) for errors in (4.0, 0.0)
    )
    floors = sum(not shape.undercut(layer) for shape, layer in depths)
    fewest = min(len(shape.pairs) for shape in shapes)
    return (
        f"{within} of {len(gaps)} measured errors (t = {', '.join(f'{t:g}' for t in TIMES)}) lie"
        f" below D1 within 4 standard errors,\n{strictly} without any allowance;"
        f" {floors} of {len(depths)} costs lie above D2 within 4.\nThe fewest pairs are {fewest}:"
        f" an interval of 4 standard errors covers {coverage(fewest):.0%} then (Student's t)."
    )


def _errors(shapes: Sequence[Summary]) -> Table[Cells]:
    def row(shape: Summary, depth: int) -> Iterator[Cell]:
        simulated, error = shape.simulated_bound(depth), shape.error(depth)
        yield from (shape.width, depth, error, shape.error_bound(depth), shape.over(depth))
        yield from (simulated, None if simulated is None else simulated / error.value)
        for t in TIMES[1:]:
            yield from (shape.error(depth, t), shape.over(depth, t))

    return Table(
        "Function error on the line, relative to the outputs (root mean square), and its bound D1",
        "In brackets, the standard error of the last digit. Bounds hold for every fixed t, in"
        " expectation over weights and examples; from layer 3 on up to O(1/width). sim.: from"
        f" simulated matchings, with probability {1 - DELTA:g}.",
        [
            _WIDTH,
            Column("depth", form="d"),
            Column("t = 1/2"),
            Column("D1", form=".3f"),
            Column("D1/t", form=".2f"),
            Column("sim.", form=".3f"),
            Column("sim./t", form=".2f"),
            *(
                column
                for t in TIMES[1:]
                for column in (
                    Column[Cells](f"t = {t:g}"),
                    Column[Cells](f"D1/t at {t:g}", head="D1/t", form=".2f"),
                )
            ),
        ],
        [[*row(shape, depth)] for shape in shapes for depth in shape.depths],
        sections=_first,
    )


def _costs(shapes: Sequence[Summary]) -> Table[Cells]:
    def row(shape: Summary, k: int) -> Iterator[Cell]:
        cost = shape.layer(lambda pair: pair.cost, k)
        own = shape.layer(lambda pair: pair.own_cost, k)
        gap = shape.layer(lambda pair: pair.gap, k)
        upper, lower, gap_bound = shape.bound.cost[k - 1], shape.lower(k), shape.gap_bound(k)
        yield from (shape.width, k, cost, upper, upper / cost.value)
        yield from (lower, own, own.value / lower, gap, gap_bound, gap_bound / gap.value)

    return Table(
        "Matching cost per neuron, layer by layer (mean square of pre-activations, outputs' is 2)",
        "M: in the metric of phi-bar, which is minimised; U: its bound. Own: the same matching in"
        " the metric of A's activations, for which L (D2) bounds all permutations from below. G:"
        " mean square of phi^A - phi^B; D1: its bound.",
        [
            _WIDTH,
            Column("layer", form="d"),
            Column("M"),
            Column("U", form=".3f"),
            Column("U/M", form=".2f"),
            Column("L", form=".3f"),
            Column("own"),
            Column("own/L", form=".2f"),
            Column("G"),
            Column("D1", form=".3f"),
            Column("D1/G", form=".2f"),
        ],
        [[*row(shape, layer)] for shape in shapes for layer in shape.depths],
        sections=_first,
    )


def _dropout(shapes: Sequence[Summary]) -> Table[Cells]:
    def row(shape: Summary, depth: int) -> Iterator[Cell]:
        merged, bound, line = shape.merged(depth), shape.reduced_bound(depth), shape.error(depth)
        yield from (str(shape.width), depth, merged, bound, bound / merged.value)
        yield from (shape.doubled(depth), line, merged.value / line.value)

    def exponents(depth: int) -> Iterator[Cell]:
        merged, doubled, line = (
            _decay({shape.width: error(shape, depth) for shape in shapes})
            for error in (Summary.merged, Summary.doubled, Summary.error)
        )
        yield from ("r", depth, merged, None, None, doubled, line, None)

    rows = [[*row(shape, depth)] for shape in shapes for depth in shape.chosen_depths]
    if len(shapes) > 1:
        rows += ([*exponents(depth)] for depth in shapes[0].chosen_depths)
    return Table(
        "Dropout stability (D6): half of the neurons of every layer kept, error as above",
        "merged: kept neurons take over their partners' outgoing weights; doubled: they double"
        " their own. LMC: error at t = 1/2 between two networks. r: error ~ m^-r over all widths,"
        " with the standard error of the fit, widened by the misfit.",
        [
            _WIDTH,
            Column("depth", form="d"),
            Column("merged"),
            Column("D6", form=".3f", none=""),
            Column("D6/merged", form=".2f", none=""),
            Column("doubled"),
            Column("LMC"),
            Column("merged/LMC", form=".2f", none=""),
        ],
        rows,
        sections=_first,
    )


def _decay(means: Mapping[int, Mean]) -> Mean:
    """The exponent r of means that fall like m^-r."""
    slope = power_law(means).slope
    return Mean(-slope.value, slope.error)


def _laws(others: Sequence[Summary], shapes: Sequence[Summary]) -> Table[Cells]:
    gaussian = next(shape for shape in shapes if shape.width == others[0].width)

    def row(shape: Summary, depth: int) -> Iterator[Cell]:
        cost, upper = shape.layer(lambda pair: pair.cost, 1), shape.bound.cost[0]
        yield from (shape.law, depth)
        yield from (shape.error(depth), shape.error_bound(depth), shape.over(depth))
        yield from (cost, upper, upper / cost.value) if depth == 1 else (None,) * 3

    return Table(
        f"Weights that are not Gaussian (D5), width {gaussian.width}, error at t = 1/2 as above",
        "D5: the bound from a Gaussian part of the law; kernels as for Gaussian rows, exact for"
        " layer 1 and up to O(1/inputs) beyond.",
        [
            Column("law", left=True, once=True),
            Column("depth", form="d"),
            Column("error"),
            Column("D5", form=".3f"),
            Column("D5/error", form=".2f"),
            Column("M_1", none=""),
            Column("bound", form=".3f", none=""),
            Column("bound/M_1", form=".2f", none=""),
        ],
        [[*row(shape, depth)] for shape in (gaussian, *others) for depth in shape.chosen_depths],
        sections=_first,
    )


def _required(rows: Sequence[Required]) -> Table[Required]:
    return Table(
        "Width for a function error below eps at t = 1/2, relative to the outputs",
        "measured: where the errors above pass eps. D1 equal: one width for all layers; free: the"
        " fewest neurons. published: width of the last layer at the rate of Ferbach et al. (2024),"
        " Theorem 5.2 (D3), constants set to 1.",
        [
            Column("depth", lambda one: one.depth, form="d"),
            Column("eps", lambda one: one.eps, form="g"),
            Column("measured", lambda one: _known(one.measured), form=".0f"),
            Column("D1 equal", lambda one: one.equal, form=_width),
            Column("equal/measured", lambda one: _known(one.equal / one.measured)),
            Column("D1 free", _free),
            Column("published", lambda one: str(one.published)),
        ],
        rows,
    )


def _free(one: Required) -> str:
    return ", ".join(map(_width, one.free)) if math.isfinite(one.equal) else ""


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _width(m: float) -> str:
    if not math.isfinite(m):
        return "> 10^12"
    return f"{m:.0f}" if m < 1e7 else f"{m:.1e}"
