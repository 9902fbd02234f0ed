"""What `alignment_free` measured, as tables, and the claims that it tests."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from scipy import stats

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.typed import of_kind
from lmctheory.tables import Column, Table
from simulations.alignment_free.measurement import Cheapest, Measured, PairTask, SwapTask
from simulations.alignment_free.networks import KINDS, STARTED
from simulations.declaration import Part, require_equal
from simulations.effects import Claim, Effect, effects_table
from simulations.power_law import Trend, power_law

__all__ = ["Results", "Row", "Rows", "claims", "predicted", "report", "require_one_study", "rows"]

Results = Sequence[tuple[PairTask | SwapTask, Measured | Cheapest]]

_EFFECTS = (
    "Lim et al. 2024; Buergin et al. 2026. Effects on barriers, without matching, are logarithms of"
    " ratios: in means over pairs, over all widths; of the loss: share of the ordinary networks'"
    " loss; correlation: Kendall's, of swap cost in weights and barrier over settings."
)


@dataclass(frozen=True)
class Row:
    """Pairs of one setting."""

    task: PairTask
    found: Measured

    def mean(self, name: str) -> Mean | None:
        """Of what was measured of all pairs, None where it was not."""
        values = getattr(self.found, name)
        return Mean.over(values) if values else None

    def weight_cost(self, layer: int) -> Mean | None:
        """Of a hidden layer, from 0."""
        costs = [of_pair[layer] for of_pair in self.found.weight_cost if len(of_pair) > layer]
        return Mean.over(costs) if costs else None


@dataclass(frozen=True)
class Rows:
    """All settings in groups.

    Attributes:
        widths: by kind and width.
        kappas: fixed and shared networks of one width.
        dimensions: a teacher's, by dimension and kind.
        swaps: untrained neurons.
    """

    widths: Sequence[Row]
    kappas: Sequence[Row]
    dimensions: Sequence[Row]
    swaps: Sequence[tuple[SwapTask, Cheapest]]


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than what the study varies.
    """
    require_equal([task for task, _ in results], ("seed",))
    pairs = [task for task, _ in results if isinstance(task, PairTask)]
    require_equal(pairs, ("depth", "pairs", "training"))
    require_equal([task for task in pairs if not task.dimension], ("dataset",))
    require_equal([task for task in pairs if task.kind in STARTED], ("share",))


def rows(results: Results) -> Rows:
    """In the order in which tables show them."""
    pairs = [Row(task, found) for task, found in of_kind(results, PairTask, Measured)]
    swaps = of_kind(results, SwapTask, Cheapest)
    data = [row for row in pairs if row.task.dimension == 0]
    usual = _usual_kappa(data)
    tried = {row.task.width for row in data if row.task.kappa not in (0.0, usual)}
    tried |= {row.task.width for row in data if row.task.kind in STARTED and row.task.kappa == 0}

    def order(row: Row) -> tuple[int, int, int, float]:
        task = row.task
        return task.dimension, task.width, KINDS.index(task.kind), task.kappa

    return Rows(
        sorted(
            (row for row in data if row.task.kind not in STARTED or row.task.kappa == usual),
            key=order,
        ),
        sorted(
            (row for row in data if row.task.kind in STARTED and row.task.width in tried),
            key=order,
        ),
        sorted((row for row in pairs if row.task.dimension), key=order),
        sorted(swaps, key=lambda pair: pair[0].dimension),
    )


def _usual_kappa(data: Sequence[Row]) -> float:
    """The one that was tried at most widths."""
    widths: dict[float, set[int]] = {}
    for row in data:
        if row.task.kind == "fixed":
            widths.setdefault(row.task.kappa, set()).add(row.task.width)
    return max(widths, key=lambda kappa: len(widths[kappa]), default=0.0)


def report(results: Results) -> list[Part]:
    """Barriers against width, kappa and dimension, swap costs, and claims."""
    found = rows(results)
    return [
        _barriers(
            "Barrier of the test loss against width",
            found.widths,
            Column("width", lambda row: row.task.width, head="m", form="d", once=True),
        ),
        _barriers(
            "The same against the norm of fixed over trained entries",
            found.kappas,
            Column("kappa", lambda row: row.task.kappa, form="g"),
        ),
        _barriers(
            "The same against the dimension of inputs, a teacher's task",
            found.dimensions,
            Column("dimension", lambda row: row.task.dimension, head="k", form="d", once=True),
        ),
        _swaps(found.widths),
        _cheapest(found.swaps),
        effects_table(claims(found), _EFFECTS),
    ]


def _barriers(title: str, found: Sequence[Row], place: Column[Row]) -> Table[Row]:
    return Table(
        title,
        "none: networks as they are. stay: share of the neurons that the matching leaves where"
        " they are. swap 1, 2: cost in weights of swapping two neurons of a hidden layer, over"
        " what they cost as they are, medians. In brackets the standard error over pairs.",
        [
            place,
            Column("kind", lambda row: row.task.kind, left=True),
            Column("unmatched", lambda row: row.mean("unmatched"), head="none"),
            Column("matched", lambda row: row.mean("matched")),
            Column("stay", lambda row: row.mean("stay")),
            Column("swap 1", lambda row: row.weight_cost(0)),
            Column("swap 2", lambda row: row.weight_cost(1)),
            Column("loss", lambda row: row.mean("loss")),
            Column("accuracy", lambda row: row.mean("accuracy")),
        ],
        found,
        sections=lambda row: (row.task.dimension, row.task.width),
    )


def _swaps(found: Sequence[Row]) -> Table[Row]:
    return Table(
        "Swapping two neurons of the last hidden layer, outgoing weights left where they are",
        "|v_i - v_j| |phi_i - phi_j| over the root mean square of the outputs: median over pairs,"
        " and over neurons for the nearest other. Random swaps: what they do to the test loss, and"
        " what they may at most.",
        [
            Column("width", lambda row: row.task.width, head="m", form="d", once=True),
            Column("kind", lambda row: row.task.kind, left=True),
            Column("typical", lambda row: row.mean("typical")),
            Column("nearest", lambda row: row.mean("nearest")),
            Column("loss change", lambda row: row.mean("loss_change")),
            Column("loss bound", lambda row: row.mean("loss_bound"), head="bound"),
        ],
        [row for row in found if row.found.typical],
        sections=lambda row: row.task.width,
    )


def predicted(task: SwapTask) -> dict[str, float]:
    """Exponents of the cheapest swaps, see `simulations.alignment_free.swaps`."""
    dimensions = min(task.dimension, task.outputs)
    return {"least": -0.5 - 2 / dimensions, "nearest": -0.5 - 1 / dimensions}


def _trend(task: SwapTask, found: Cheapest, name: str) -> Trend | None:
    means = dict(zip(task.widths, map(Mean.over, getattr(found, name)), strict=True))
    return power_law(means) if len(means) > 1 else None


@dataclass(frozen=True)
class _Exponent:
    task: SwapTask
    name: str
    trend: Trend | None


def _exponents(swaps: Sequence[tuple[SwapTask, Cheapest]]) -> list[_Exponent]:
    return [
        _Exponent(task, name, _trend(task, found, name))
        for task, found in swaps
        for name in ("least", "nearest")
    ]


def _cheapest(swaps: Sequence[tuple[SwapTask, Cheapest]]) -> Table[_Exponent]:
    return Table(
        "The cheapest swap of untrained neurons, relu, ten outputs: exponent of the number m",
        "least: of all pairs, expected -1/2 - 2/d; nearest: of one neuron, -1/2 - 1/d. misfit: well"
        " above 1, it is no power law at these m.",
        [
            Column("d", lambda one: one.task.dimension, form="d", once=True),
            Column("swap", lambda one: one.name, left=True),
            Column("expected", lambda one: predicted(one.task)[one.name], form=".3f"),
            Column("measured", lambda one: None if one.trend is None else one.trend.slope),
            Column("misfit", lambda one: None if one.trend is None else one.trend.misfit),
        ],
        _exponents(swaps),
        sections=lambda one: one.task.dimension,
    )


def claims(found: Rows) -> list[Claim]:
    """What was published, and what controls say."""
    by_kind: dict[str, dict[int, Row]] = {kind: {} for kind in KINDS}
    for row in found.widths:
        by_kind[row.task.kind][row.task.width] = row
    none, large = (_at_kappa(found, end) for end in (min, max))
    lim, buergin = "Lim", "Buergin"
    half = float(np.log(0.5))
    return [
        Claim(
            "fixed below ordinary",
            *(lim, _ratio(by_kind["fixed"], by_kind["ordinary"]), half),
        ),
        Claim(
            "fixed below ordinary, matched",
            *("control", _ratio(by_kind["fixed"], by_kind["ordinary"], "matched"), half),
        ),
        Claim(
            "largest kappa: below matched",
            *("control", _ratio(large["fixed"], by_kind["ordinary"], "matched"), half),
        ),
        Claim(
            "gated below ordinary",
            *(lim, _ratio(by_kind["gated"], by_kind["ordinary"]), half),
        ),
        Claim("fixed: falls with width", lim, _slope(by_kind["fixed"]), -0.25),
        Claim(
            "fixed below shared start",
            *("control", _ratio(by_kind["fixed"], by_kind["shared"]), half),
        ),
        Claim(
            "largest kappa: below shared start",
            *("control", _ratio(large["fixed"], large["shared"]), half),
        ),
        Claim(
            "own loss: fixed above ordinary",
            *(lim, _loss(by_kind["fixed"], by_kind["ordinary"]), 0.1),
        ),
        Claim(
            "least kappa: below ordinary",
            *("control", _ratio(none["fixed"], by_kind["ordinary"]), half),
        ),
        Claim(
            "swap cost rises with dimension",
            *(buergin, _cost_of_swaps(found.dimensions), 0.25),
        ),
        Claim(
            "costlier swaps, lower barriers",
            *(buergin, _correlation(found), -0.5),
        ),
    ]


def _at_kappa(found: Rows, end: Callable[[Iterable[float]], float]) -> dict[str, dict[int, Row]]:
    """Of fixed and shared networks by width, the least or largest kappa that was tried."""
    kappas = {row.task.kappa for row in found.kappas}
    chosen = end(kappas) if kappas else 0.0
    return {
        kind: {
            row.task.width: row
            for row in found.kappas
            if row.task.kind == kind and row.task.kappa == chosen
        }
        for kind in STARTED
    }


def _logarithm(row: Row, name: str) -> Mean | None:
    """Of a barrier, with its error to first order; None where it is not positive."""
    mean = row.mean(name)
    if mean is None or mean.value <= 0:
        return None
    return Mean(float(np.log(mean.value)), mean.error / mean.value)


def _ratio(
    first: Mapping[int, Row], second: Mapping[int, Row], name: str = "unmatched"
) -> Effect | None:
    """Of the first barrier, unmatched, to the second, mean of logarithms over common widths."""
    pairs = [
        (a, b)
        for width in first.keys() & second.keys()
        if (a := _logarithm(first[width], "unmatched")) is not None
        and (b := _logarithm(second[width], name)) is not None
    ]
    freedom = sum(len(row.found.unmatched) - 1 for row in first.values())
    found = [Mean(a.value - b.value, float(np.hypot(a.error, b.error))) for a, b in pairs]
    return Effect.over_means(found, freedom) if found else None


def _loss(first: Mapping[int, Row], second: Mapping[int, Row]) -> Effect | None:
    differences = []
    for width in sorted(first.keys() & second.keys()):
        a, b = (Mean.over(row.found.loss) for row in (first[width], second[width]))
        unit = b.value
        differences.append(
            Mean((a.value - b.value) / unit, float(np.hypot(a.error, b.error)) / unit)
        )
    freedom = sum(len(row.found.loss) - 1 for row in first.values())
    return Effect.over_means(differences, freedom) if differences else None


def _slope(by_width: Mapping[int, Row]) -> Effect | None:
    means = {width: Mean.over(row.found.unmatched) for width, row in sorted(by_width.items())}
    freedom = sum(len(row.found.unmatched) - 1 for row in by_width.values())
    return Effect.of_slope(means, freedom)


def _cost_of_swaps(rows: Sequence[Row]) -> Effect | None:
    """The exponent of the first layer's swap cost in the dimension, of fixed networks."""
    costs = {row.task.dimension: row for row in rows if row.task.kind == "fixed"}
    means = {d: mean for d, row in costs.items() if (mean := row.weight_cost(0)) is not None}
    return Effect.of_slope(means, sum(len(costs[d].found.weight_cost) - 1 for d in means))


def _correlation(found: Rows) -> Effect | None:
    """Kendall's tau of the swap cost in the first layer and the barrier without matching.

    Over all settings of fixed networks, each barrier in those of ordinary networks of the same task
    and width; its standard error without ties and under independence.
    """
    everything = list(chain(found.widths, found.kappas, found.dimensions))
    ordinary = {
        (row.task.dimension, row.task.width): row.mean("unmatched")
        for row in everything
        if row.task.kind == "ordinary"
    }
    points = {}
    for row in everything:
        task = row.task
        reference = ordinary.get((task.dimension, task.width))
        cost, own = row.weight_cost(0), row.mean("unmatched")
        if task.kind == "fixed" and reference and cost and own and reference.value > 0:
            points[task.dimension, task.width, task.kappa] = (
                cost.value,
                own.value / reference.value,
            )
    n = len(points)
    if n < 3:
        return None
    tau = float(stats.kendalltau(*np.transpose(list(points.values()))).statistic)
    return Effect(Mean(tau, float(np.sqrt(2 * (2 * n + 5) / (9 * n * (n - 1))))), n - 2)
