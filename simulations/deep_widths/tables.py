"""The tables that the study prints, each at most 100 columns wide."""

import math
from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.study import Config, Record
from lmctheory.terminal import make_table, show
from simulations.deep_widths.measurement import DELTA
from simulations.deep_widths.plan import MARGINALS, TIMES
from simulations.deep_widths.summary import (
    Required,
    Summary,
    coverage,
    required,
    summarise,
)
from simulations.power_law import power_law

__all__ = ["print_report", "verdict"]


def print_report(results: Sequence[tuple[Config, Record]]) -> None:
    """Prints errors, costs, dropout, other laws and required widths, uncut."""
    shapes = summarise(results)
    show(_errors(shapes), verdict(shapes), "")
    show(_costs(shapes), _dropout(shapes))
    if others := [shape for law in MARGINALS for shape in summarise(results, law)]:
        show(_laws(others, shapes))
    show(_required(required(results)))


def verdict(shapes: Sequence[Summary]) -> str:
    """How many bounds hold, within 4 standard errors and without any allowance."""
    depths = [(shape, depth) for shape in shapes for depth in range(1, shape.depth + 1)]
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


def _errors(shapes: Sequence[Summary]) -> Table:
    others = [head for t in TIMES[1:] for head in (f"t = {t:g}", "D1/t")]
    table = make_table(
        "Function error on the line, relative to the outputs (root mean square), and its bound D1",
        "In brackets, the standard error of the last digit. Bounds hold for every fixed t, in"
        " expectation over weights and examples; from layer 3 on up to O(1/width). sim.: from"
        f" simulated matchings, with probability {1 - DELTA:g}.",
        ("width", "depth", "t = 1/2", "D1", "D1/t", "sim.", "sim./t", *others),
    )
    for shape in shapes:
        _section(table, str(shape.width), (_error(shape, d) for d in range(1, shape.depth + 1)))
    return table


def _section(table: Table, name: str, rows: Iterable[Sequence[str]]) -> None:
    """Adds rows, of which the first alone shows the name, and a line after them."""
    for place, row in enumerate(rows):
        table.add_row("" if place else name, *row)
    table.add_section()


def _error(shape: Summary, depth: int) -> list[str]:
    measured, simulated = shape.error(depth), shape.simulated_bound(depth)
    cells = [str(depth), str(measured), f"{shape.error_bound(depth):.3f}", _over(shape, depth)]
    cells += [_number(simulated), _number(simulated, measured.value, 2)]
    for t in TIMES[1:]:
        cells += [str(shape.error(depth, t)), _over(shape, depth, t)]
    return cells


def _over(shape: Summary, depth: int, t: float = TIMES[0]) -> str:
    return f"{shape.error_bound(depth, t) / shape.error(depth, t).value:.2f}"


def _number(value: float | None, unit: float = 1.0, digits: int = 3) -> str:
    return "-" if value is None else f"{value / unit:.{digits}f}"


def _costs(shapes: Sequence[Summary]) -> Table:
    table = make_table(
        "Matching cost per neuron, layer by layer (mean square of pre-activations, outputs' is 2)",
        "M: in the metric of phi-bar, which is minimised; U: its bound. Own: the same matching in"
        " the metric of A's activations, for which L (D2) bounds all permutations from below. G:"
        " mean square of phi^A - phi^B; D1: its bound.",
        ("width", "layer", "M", "U", "U/M", "L", "own", "own/L", "G", "D1", "D1/G"),
    )
    for shape in shapes:
        _section(table, str(shape.width), (_cost(shape, k) for k in range(1, shape.depth + 1)))
    return table


def _cost(shape: Summary, layer: int) -> tuple[str, ...]:
    cost, own, G = (shape.layer(name, layer) for name in ("cost", "own_cost", "gap"))
    upper, lower = shape.bound["cost"][layer - 1], shape.lower(layer)
    gap = sum(shape.bound["cost"][:layer]) / 2
    return (
        str(layer),
        *(str(cost), f"{upper:.3f}", f"{upper / cost.value:.2f}", f"{lower:.3f}"),
        *(str(own), f"{own.value / lower:.2f}", str(G), f"{gap:.3f}", f"{gap / G.value:.2f}"),
    )


def _dropout(shapes: Sequence[Summary]) -> Table:
    table = make_table(
        "Dropout stability (D6): half of the neurons of every layer kept, error as above",
        "merged: kept neurons take over their partners' outgoing weights; doubled: they double"
        " their own. LMC: error at t = 1/2 between two networks. r: error ~ m^-r over all widths,"
        " with the standard error of the fit, widened by the misfit.",
        ("width", "depth", "merged", "D6", "D6/merged", "doubled", "LMC", "merged/LMC"),
    )
    for shape in shapes:
        _section(table, str(shape.width), (_half(shape, depth) for depth in shape.chosen_depths))
    if len(shapes) > 1:
        for depth in shapes[0].chosen_depths:
            merged = _decay({shape.width: shape.reduced(depth) for shape in shapes})
            doubled = _decay({shape.width: shape.reduced(depth, "doubled") for shape in shapes})
            line = _decay({shape.width: shape.error(depth) for shape in shapes})
            table.add_row("r", str(depth), merged, "", "", doubled, line)
    return table


def _half(shape: Summary, depth: int) -> tuple[str, ...]:
    merged, bound, line = shape.reduced(depth), shape.reduced_bound(depth), shape.error(depth)
    return (
        *(str(depth), str(merged), f"{bound:.3f}", f"{bound / merged.value:.2f}"),
        *(str(shape.reduced(depth, "doubled")), str(line), f"{merged.value / line.value:.2f}"),
    )


def _decay(means: Mapping[int, Mean]) -> str:
    """The exponent r of means that fall like m^-r."""
    slope = power_law(means).slope
    return str(Mean(-slope.value, slope.error))


def _laws(others: Sequence[Summary], shapes: Sequence[Summary]) -> Table:
    gaussian = next(shape for shape in shapes if shape.width == others[0].width)
    table = make_table(
        f"Weights that are not Gaussian (D5), width {gaussian.width}, error at t = 1/2 as above",
        "D5: the bound from a Gaussian part of the law; kernels as for Gaussian rows, exact for"
        " layer 1 and up to O(1/inputs) beyond.",
        ("law", "depth", "error", "D5", "D5/error", "M_1", "bound", "bound/M_1"),
        left=1,
    )
    for shape in (gaussian, *others):
        _section(table, shape.law, (_of_law(shape, depth) for depth in shape.chosen_depths))
    return table


def _of_law(shape: Summary, depth: int) -> tuple[str, ...]:
    error, bound = shape.error(depth), shape.error_bound(depth)
    cells = (str(depth), str(error), f"{bound:.3f}", f"{bound / error.value:.2f}")
    if depth > 1:
        return cells
    cost, upper = shape.layer("cost", 1), shape.bound["cost"][0]
    return *cells, str(cost), f"{upper:.3f}", f"{upper / cost.value:.2f}"


def _required(rows: Sequence[Required]) -> Table:
    table = make_table(
        "Width for a function error below eps at t = 1/2, relative to the outputs",
        "measured: where the errors above pass eps. D1 equal: one width for all layers; free: the"
        " fewest neurons. published: width of the last layer at the rate of Ferbach et al. (2024),"
        " Theorem 5.2 (D3), constants set to 1.",
        ("depth", "eps", "measured", "D1 equal", "equal/measured", "D1 free", "published"),
    )
    for one in rows:
        table.add_row(
            str(one.depth),
            f"{one.eps:g}",
            "-" if math.isnan(one.measured) else f"{one.measured:.0f}",
            _width(one.equal),
            "-" if math.isnan(one.equal / one.measured) else f"{one.equal / one.measured:.3g}",
            ", ".join(map(_width, one.free)) if math.isfinite(one.equal) else "",
            str(one.published),
        )
    return table


def _width(m: float) -> str:
    if not math.isfinite(m):
        return "> 10^12"
    return f"{m:.0f}" if m < 1e7 else f"{m:.1e}"
