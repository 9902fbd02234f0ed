"""What `width_exponents` measured, as tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.measured import UNMATCHED
from lmctheory.tables import Column, Table
from simulations.claims import Exponent, claims_table
from simulations.declaration import Part, require_equal_but
from simulations.effects import effects_table
from simulations.printing import rounded
from simulations.width_exponents.curves import Curve, Draws, Results, curves, exponent
from simulations.width_exponents.measurement import ALIGNMENTS, MATCHED, Seen
from simulations.width_exponents.verdicts import SAME, WIDEST, comparisons, published

__all__ = ["report", "require_one_study"]

_HEADS = {UNMATCHED: "none", "activation": "activ."}
_OTHER = "other"
_OF_ERRORS = (UNMATCHED, MATCHED, "activation")
_short = rounded(1e-3)


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than activation and shape.
    """
    require_equal_but((task for task, _ in results), ("activation", "depth", "width"))


def report(results: Results) -> list[Part]:
    """Barriers, their exponents, those of costs, and claims."""
    require_one_study(results)
    found = curves(results)
    cells = [_Cell(curve, m) for curve in found for m in curve.seen]
    return [
        _barriers(cells),
        _others(cells),
        _exponents(found),
        _promised(found),
        _costs(found),
        effects_table(
            published(found),
            "Means over depths of powers of the width (falls: below 0), wide: of the three widest;"
            " deeper: logarithm of the deepest networks' barrier over the shallowest's, mean over"
            " widths; later: exponents of later layers' costs less the first's; slower: of the"
            " barrier, by layer of depth; U/2: of the matched barrier beyond half of U's; without"
            " signs, with scales: what that adds to the matched barrier, relative.",
        ),
        claims_table(comparisons(found)),
        f"Two exponents are the same (reproduced) if the interval of their difference lies within"
        f" {SAME:g}.",
    ]


_OF_CURVE = (
    Column[Curve]("activation", lambda one: one.activation, head=" ", left=True, once=True),
    Column[Curve]("depth", lambda one: one.depth, head="d", form="d"),
)


@dataclass(frozen=True)
class _Cell:
    """One width of a curve."""

    curve: Curve
    width: int

    @property
    def seen(self) -> Seen:
        return self.curve.seen[self.width]

    def mean(self, draws: Draws) -> Mean | None:
        return Mean.over(draws[self.width]) if self.width in draws else None


_OF_CELL: tuple[Column[_Cell], ...] = (
    Column("activation", lambda one: one.curve.activation, head=" ", left=True, once=True),
    Column("depth", lambda one: one.curve.depth, head="d", form="d", once=True),
    Column("width", lambda one: one.width, head="m", form="d"),
)


def _barriers(found: Sequence[_Cell]) -> Table[_Cell]:
    return Table(
        "Barriers of the test loss: signed maximum over t, mean over pairs",
        "d: hidden layers, m: their width. acc.: accuracy of the networks. none: without matching;"
        " other: weighted, for tanh without signs, for relu with scales. In brackets the standard"
        " error, at least 1 in the third decimal.",
        [
            *_OF_CELL,
            Column("accuracy", lambda one: one.seen.measured.accuracy(), form=_short, head="acc."),
            *(_barrier(name, "loss", _HEADS.get(name, name)) for name in ALIGNMENTS),
            _mean(_OTHER, Curve.otherwise),
        ],
        found,
        sections=lambda one: (one.curve.activation, one.curve.depth),
    )


def _others(found: Sequence[_Cell]) -> Table[_Cell]:
    def bound(side: str, head: str) -> Column[_Cell]:
        return _mean(side, lambda one: one.bounds(side), head)

    return Table(
        "Barriers of the test error, and matching costs between their bounds",
        "Barriers without matching and with two. cost: in the metric of the data (weighted), over"
        " a random order's, mean over layers, between L and U (R11), modulo signs for tanh:"
        f" {_held(found)}. C3: the barrier of the loss at t = 1/2 that the two ends certify.",
        [
            *_OF_CELL,
            *(_barrier(name, "error", _HEADS.get(name, name)) for name in _OF_ERRORS),
            bound("lower", "L"),
            _mean("cost", lambda one: one.costs()),
            bound("upper", "U"),
            _mean("certified", Curve.certified, "C3"),
        ],
        found,
        sections=lambda one: (one.curve.activation, one.curve.depth),
    )


def _held(found: Sequence[_Cell]) -> str:
    inside = [
        one.seen.measured.sandwiched("data", layer)
        for one in found
        for layer in range(one.curve.depth)
    ]
    return f"{sum(inside)} of {len(inside)} layers' within 4 standard errors"


def _barrier(alignment: str, quantity: str, head: str) -> Column[_Cell]:
    return _mean(f"{quantity} {alignment}", lambda one: one.barriers(alignment, quantity), head)


def _mean(name: str, of: Callable[[Curve], Draws], head: str = "") -> Column[_Cell]:
    return Column(name, lambda one: one.mean(of(one.curve)), form=_short, head=head or name)


def _fitted(name: str, of: Callable[[Curve], Draws], head: str = "") -> Column[Curve]:
    return Column(name, lambda one: exponent(of(one)), form=_printed, head=head or name)


def _printed(found: Exponent) -> str:
    """Without decimals that the interval does not know."""
    digits = 2 if found.error < 1 else 1
    return f"{found.value:.{digits}f}+-{found.error:.{digits}f}"


def _exponents(found: Sequence[Curve]) -> Table[Curve]:
    def of(alignment: str, quantity: str = "loss") -> Callable[[Curve], Draws]:
        return lambda one: one.barriers(alignment, quantity)

    return Table(
        "Exponents r of barriers ~ m^-r, with 95 % intervals",
        "d: hidden layers. Of the loss, by matching; other as above. err.: of the error; -: a mean"
        " is not positive. Intervals cover the scatter of pairs, and of means about the law.",
        [
            *_OF_CURVE,
            *(_fitted(f"loss {name}", of(name), _HEADS.get(name, name)) for name in ALIGNMENTS),
            _fitted(_OTHER, lambda one: one.otherwise()),
            _fitted("error unmatched", of(UNMATCHED, "error"), "err."),
        ],
        found,
        sections=lambda one: one.activation,
    )


def _promised(found: Sequence[Curve]) -> Table[Curve]:
    def part(side: slice) -> Callable[[Curve], Draws]:
        def of(curve: Curve) -> Draws:
            draws = curve.barriers(MATCHED)
            return {m: draws[m] for m in sorted(draws)[side]}

        return of

    def half(curve: Curve) -> float | None:
        found = exponent(curve.bounds("upper"))
        return None if found is None else found.value / 2

    return Table(
        "Matched barriers beside what bounds them: exponents with 95 % intervals",
        "narrow, wide: of the three narrowest and the three widest. err. w.: of the error. cost:"
        " over a random order's, mean over layers: P1 has the barrier fall as it, C1' at least as"
        " U/2, half the exponent of its bound U. C3: the barrier that the two ends certify.",
        [
            *_OF_CURVE,
            _fitted("barrier", lambda one: one.barriers(MATCHED)),
            _fitted("narrow", part(slice(WIDEST))),
            _fitted("wide", part(slice(-WIDEST, None))),
            _fitted("error", lambda one: one.barriers(MATCHED, "error"), "err. w."),
            _fitted("cost", lambda one: one.costs()),
            Column("half of U", half, head="U/2", form=".2f"),
            _fitted("certified", Curve.certified, "C3"),
        ],
        found,
        sections=lambda one: one.activation,
    )


@dataclass(frozen=True)
class _Layer:
    """One hidden layer of a curve, counted from 0."""

    curve: Curve
    layer: int


def _costs(found: Sequence[Curve]) -> Table[_Layer]:
    def of(draws: Callable[[_Layer], Draws]) -> Callable[[_Layer], Exponent | None]:
        return lambda one: exponent(draws(one))

    def bound(side: str, head: str) -> Column[_Layer]:
        def value(one: _Layer) -> float | None:
            found = exponent(one.curve.bounds(side, one.layer))
            return None if found is None else found.value

        return Column(side, value, form=".2f", head=head)

    return Table(
        "Matching costs by layer, over a random order's: exponents with 95 % intervals",
        "d: hidden layers. k: participation ratio of the layer's law, metric of the data, mean over"
        " widths. publ.: 2/d of d inputs (Ferbach et al.), for later layers 2/m, towards 0. 2/k:"
        " for a law of dimension k (D4). L, U: of the bounds (R11) at these widths, modulo signs"
        " for tanh.",
        [
            Column("activation", lambda one: one.curve.activation, head=" ", left=True, once=True),
            Column("depth", lambda one: one.curve.depth, head="d", form="d", once=True),
            Column("layer", lambda one: one.layer + 1, form="d"),
            Column("dimension", lambda one: one.curve.dimension(one.layer), head="k", form=".1f"),
            Column(
                "published",
                lambda one: 0.0 if one.layer else 2 / one.curve.inputs,
                head="publ.",
                form=".3f",
            ),
            Column(
                "by dimension",
                lambda one: 2 / one.curve.dimension(one.layer),
                head="2/k",
                form=".2f",
            ),
            bound("lower", "L"),
            Column("cost", of(lambda one: one.curve.costs(one.layer)), form=_printed),
            bound("upper", "U"),
        ],
        [_Layer(curve, k) for curve in found for k in range(curve.depth)],
        sections=lambda one: (one.curve.activation, one.curve.depth),
    )
