"""What `initialisation` measured, as tables and claims."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.typed import of_kind
from lmctheory.tables import Column, Table
from simulations.claims import Claim, Exponent, Verdict, claims_table
from simulations.declaration import Part, require_equal
from simulations.initial_networks import DeepTask, LayerTask
from simulations.initialisation.measurement import (
    MATCHINGS,
    Aligned,
    Deep,
    Layer,
    Task,
)

__all__ = [
    "Results",
    "Shape",
    "by_all_weights",
    "by_hidden_weights",
    "claims",
    "deep_shapes",
    "exponent",
    "published",
    "report",
    "require_one_study",
    "shapes",
]

Results = Sequence[tuple[Task, Layer | Deep]]
_ERRORS = 4.0
"""Standard errors within which a mean is not beyond a bound."""
_ENTEZARI = "Entezari 2022"
_CERTAIN = 2.0
"""Standard errors by which a barrier is below 0, or one error above another."""


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if their seeds differ, or there are no networks with one hidden layer.
    """
    require_equal([task for task, _ in results], ("seed",))
    if not shapes(results):
        raise ValueError("the results hold no networks with one hidden layer: resume the study")


def published(d: int) -> float:
    """The exponent of Entezari et al. (2022), Theorem 3.1."""
    return 1 / (2 * d + 4)


def by_hidden_weights(d: int) -> float:
    """That of the root of a cube's matching cost (T7), up to logarithms."""
    return 1 / max(d, 2)


def by_all_weights(d: int) -> tuple[float, float]:
    """What neurons at distance D ~ h^{-1/(d+1)} leave if their errors have independent signs.

    Away from the kink a neuron's error is of order D^2, next to it, where it is with a probability
    of order D, it is of order D: its mean square is of order D^4 and D^3. The last prevails in the
    end, and the first exponent is its; until then it may be up to the second. No theorem.
    """
    return 3 / (2 * (d + 1)), 2 / (d + 1)


@dataclass(frozen=True)
class Shape:
    """One shape of networks; errors are roots of mean squares over those of the outputs.

    Attributes:
        inputs: d.
        depth: hidden layers.
        width: h.
        found: what was measured.
    """

    inputs: int
    depth: int
    width: int
    found: Layer | Deep

    def draws(self, name: str, what: str = "error") -> list[float] | None:
        """Relative to the mean square of the outputs, or to its root for the largest error."""
        aligned: Aligned | None = self.found.aligned.get(name)
        if aligned is None:
            return None
        unit = self.found.scale ** (0.5 if what == "largest" else 1.0)
        return [value / unit for value in getattr(aligned, what)]

    def error(self, name: str) -> Mean | None:
        """Root of the mean square, over pairs and inputs."""
        draws = self.draws(name)
        return None if draws is None else _root(Mean.over(draws))

    def mean(self, name: str, what: str) -> Mean | None:
        """Of any other measurement."""
        draws = self.draws(name, what)
        return None if draws is None else Mean.over(draws)

    def bound(self, name: str) -> float:
        """A bound of the error of networks with one hidden layer."""
        assert isinstance(self.found, Layer)
        if name == "supremum":
            return self.found.supremum / self.found.scale**0.5
        return float((getattr(self.found, name) / self.found.scale) ** 0.5)


def _root(mean: Mean) -> Mean:
    root = float(mean.value**0.5)
    return Mean(root, mean.error / (2 * root) if root else 0.0)


def shapes(results: Results) -> list[Shape]:
    """With one hidden layer, by inputs and width."""
    rows = [Shape(t.inputs, 1, t.width, r) for t, r in of_kind(results, LayerTask, Layer)]
    return sorted(rows, key=lambda row: (row.inputs, row.width))


def deep_shapes(results: Results) -> list[Shape]:
    """Of the deep study, by inputs, depth and width."""
    rows = [Shape(t.inputs, t.depth, t.width, r) for t, r in of_kind(results, DeepTask, Deep)]
    return sorted(rows, key=lambda row: (row.inputs, row.depth, row.width))


def exponent(rows: Sequence[Shape], name: str, what: str = "error") -> Exponent | None:
    """How fast an error falls with the width, over rows of one kind."""
    draws = {row.width: found for row in rows if (found := row.draws(name, what)) is not None}
    return Exponent.of(draws, 1.0 if what == "largest" else 0.5)


def report(results: Results) -> list[Part]:
    """Errors, exponents, barriers, depth, and claims."""
    rows, deep = shapes(results), deep_shapes(results)
    return [
        _errors(rows),
        _exponents(rows),
        _barriers([*_ends(rows), *_ends([row for row in deep if row.depth > 1])]),
        _deep(deep),
        _deep_exponents(deep),
        claims_table(claims(results)),
    ]


def _error(name: str, head: str = "") -> Column[Shape]:
    return Column(name, lambda row: row.error(name), head=head)


def _errors(rows: Sequence[Shape]) -> Table[Shape]:
    def bound(name: str, head: str) -> Column[Shape]:
        return Column(name, lambda row: row.bound(name), head=head)

    return Table(
        "One hidden layer: error at t = 1/2, root mean square over that of the outputs",
        "T8, T7: bounds of permutations that see no signs of output weights, none of them. Matched"
        " by hidden weights, by all, and by swaps from there on (canc.), judged at new inputs. max:"
        " the largest error found, hidden weights, mean over pairs; T2: its bound for all weights.",
        [
            Column("inputs", lambda row: row.inputs, head="d", form="d", once=True),
            Column("width", lambda row: row.width, head="h", form="d"),
            _error("none"),
            bound("unsigned", "T8"),
            bound("lower", "T7 from"),
            _error("hidden"),
            bound("upper", "to"),
            _error("all"),
            Column("cancelling", lambda row: row.error("cancelling"), head="canc.", form=_short),
            Column("largest", lambda row: row.mean("hidden", "largest"), head="max"),
            bound("supremum", "T2"),
        ],
        rows,
        sections=lambda row: row.inputs,
    )


def _short(mean: Mean) -> str:
    return mean.short()


@dataclass(frozen=True)
class _Curve:
    """All widths of one kind of networks."""

    rows: Sequence[Shape]

    @property
    def inputs(self) -> int:
        return self.rows[0].inputs

    def of(self, name: str, what: str = "error") -> Exponent | None:
        return exponent(self.rows, name, what)

    def bound(self, name: str) -> float | None:
        """Of a bound, which has no error."""
        found = Exponent.of({row.width: [row.bound(name)] * 2 for row in self.rows})
        return None if found is None else found.value


def _curves(rows: Sequence[Shape]) -> list[_Curve]:
    kinds = dict.fromkeys((row.inputs, row.depth) for row in rows)
    return [_Curve([row for row in rows if (row.inputs, row.depth) == kind]) for kind in kinds]


def _exponents(rows: Sequence[Shape]) -> Table[_Curve]:
    def fitted(name: str, what: str = "error", head: str = "") -> Column[_Curve]:
        return Column(f"{name} {what}", lambda one: one.of(name, what), form=str, head=head or name)

    def theory(name: str, of: Callable[[int], float], head: str) -> Column[_Curve]:
        return Column(name, lambda one: of(one.inputs), form=".3f", head=head)

    def bound(name: str, head: str) -> Column[_Curve]:
        return Column(f"{name} bound", lambda one: one.bound(name), form=".3f", head=head)

    return Table(
        "Exponents r of errors ~ h^-r, one hidden layer, with 95 % intervals",
        "publ.: 1/(2d+4), Entezari et al. 1/d: T7, from both sides, up to a logarithm at d = 2; L,"
        " U: its bounds, fitted to the same widths. max: of the largest error, hidden weights."
        " 3/2(d+1): heuristic, for all weights.",
        [
            Column("inputs", lambda one: one.inputs, head="d", form="d"),
            theory("published", published, "publ."),
            theory("by hidden weights", by_hidden_weights, "1/d"),
            bound("lower", "L"),
            bound("upper", "U"),
            fitted("hidden"),
            fitted("hidden", "largest", "max"),
            theory("by all weights", lambda d: by_all_weights(d)[0], "3/2(d+1)"),
            fitted("all"),
            fitted("cancelling", head="canc."),
        ],
        _curves(rows),
    )


def _ends(rows: Sequence[Shape]) -> list[Shape]:
    """The narrowest and the widest of each kind."""
    return [one for curve in _curves(rows) for one in (curve.rows[0], curve.rows[-1])]


def _barriers(rows: Sequence[Shape]) -> Table[Shape]:
    def column(name: str, what: str) -> Column[Shape]:
        def of(row: Shape) -> Mean | None:
            deep = {"hidden": "activation", "all": "weight"}
            return row.mean(name if isinstance(row.found, Layer) else deep.get(name, name), what)

        return Column(f"{name} {what}", of, head=name)

    return Table(
        "Barriers of the squared loss, labels from a third such network, over E f^2",
        "First three: at t = 1/2; last three: largest over 0 < t < 1. With two and three layers the"
        " package's matchings: by activations (hidden) and by weights (all). Negative: the line is"
        " better than its ends.",
        [
            Column("inputs", lambda row: row.inputs, head="d", form="d", once=True),
            Column("depth", lambda row: row.depth, head="layers", form="d"),
            Column("width", lambda row: row.width, head="h", form="d"),
            *(column(name, what) for what in ("midpoint", "barrier") for name in MATCHINGS[:3]),
        ],
        sorted(rows, key=lambda row: (row.inputs, row.depth, row.width)),
        sections=lambda row: row.inputs,
    )


def _deep(rows: Sequence[Shape]) -> Table[Shape]:
    def of(row: Shape) -> Deep:
        assert isinstance(row.found, Deep)
        return row.found

    return Table(
        "Depth: error at t = 1/2, root mean square over that of the outputs",
        "The package's matchings by weights and by activations; layers: D1's, one layer after"
        " another, mean over output weights, between D7 (all permutations that do not see them) and"
        " D1 with D5's uniform weights.",
        [
            Column("inputs", lambda row: row.inputs, head="d", form="d", once=True),
            Column("depth", lambda row: row.depth, head="layers", form="d", once=True),
            Column("width", lambda row: row.width, head="h", form="d"),
            _error("none"),
            _error("weight"),
            _error("activation"),
            Column("D7", lambda row: _root(Mean.over(of(row).lower)).value),
            Column("layers", lambda row: _root(Mean.over(of(row).layerwise))),
            Column("D1", lambda row: of(row).upper ** 0.5),
        ],
        rows,
        sections=lambda row: (row.inputs, row.depth),
    )


def _layerwise(rows: Sequence[Shape]) -> Exponent | None:
    draws = {row.width: row.found.layerwise for row in rows if isinstance(row.found, Deep)}
    return Exponent.of(draws, 0.5)


def _deep_exponents(rows: Sequence[Shape]) -> Table[_Curve]:
    return Table(
        "Exponents r of errors ~ h^-r by depth, with 95 % intervals",
        "publ.: 1/(2d+4), of one hidden layer; no exponent is published for more.",
        [
            Column("inputs", lambda one: one.inputs, head="d", form="d", once=True),
            Column("depth", lambda one: one.rows[0].depth, head="layers", form="d"),
            Column("published", lambda one: published(one.inputs), head="publ.", form=".3f"),
            *(
                Column(name, lambda one, name=name: one.of(name), form=str)  # type: ignore[misc]
                for name in ("none", "weight", "activation")
            ),
            Column("layers", lambda one: _layerwise(one.rows), form=str),
        ],
        _curves(rows),
        sections=lambda one: one.inputs,
    )


def claims(results: Results) -> list[Claim]:
    """What the study decides."""
    rows, deep = shapes(results), deep_shapes(results)
    curves = _curves(rows)
    hidden = {one.inputs: found for one in curves if (found := one.of("hidden")) is not None}
    whole = {one.inputs: found for one in curves if (found := one.of("all")) is not None}
    first = [*_published(hidden), *_predicted(rows, hidden, whole)] if hidden else []
    bounds = [_sandwich(rows), *_signs(rows)]
    return [*first, *bounds, *_barrier_claims(rows), *(_depth(deep) if deep else [])]


def _published(found: Mapping[int, Exponent]) -> list[Claim]:
    faster = [d for d, r in found.items() if r.low > published(d)]
    slower = [d for d, r in found.items() if r.high < published(d)]
    shown = " ".join(f"x{r.value / published(d):.1f}" for d, r in found.items())
    bound: Verdict = "undecided"
    if slower:
        bound = "not reproduced"
    elif len(faster) == len(found):
        bound = "reproduced"
    rate: Verdict = "different" if faster else "undecided"
    return [
        Claim("error at most ~ h^-1/(2d+4)", _ENTEZARI, bound, f"r is {shown}"),
        Claim(
            "... and 1/(2d+4) is sharp",
            "no claim",
            rate,
            f"r is larger in {len(faster)} of {len(found)} d",
        ),
    ]


def _predicted(
    rows: Sequence[Shape], hidden: Mapping[int, Exponent], whole: Mapping[int, Exponent]
) -> list[Claim]:
    beyond = {d: r for d, r in whole.items() if d > 2 and d in hidden}
    faster = [d for d, r in beyond.items() if r.low > hidden[d].high]
    verdict: Verdict = "reproduced" if len(faster) == len(beyond) > 0 else "undecided"
    return [
        _law("hidden weights: r = 1/d", "T7, h large", hidden, _twice(by_hidden_weights)),
        _law("hidden weights: r of T7's bounds", "T7, these h", hidden, _slopes(rows)),
        _law("all weights: 3/2(d+1) to 2/(d+1)", "heuristic", whole, by_all_weights),
        Claim(
            "all beat hidden weights, d > 2",
            "heuristic",
            verdict,
            f"intervals apart in {len(faster)} of {len(beyond)}",
        ),
    ]


def _twice(of: Callable[[int], float]) -> Callable[[int], tuple[float, float]]:
    return lambda d: (of(d), of(d))


def _slopes(rows: Sequence[Shape]) -> Callable[[int], tuple[float, float]]:
    """Exponents of U and L at the widths measured, the lesser first."""
    found = {
        one.inputs: sorted(one.bound(side) or 0.0 for side in ("lower", "upper"))
        for one in _curves(rows)
    }
    return lambda d: (found[d][0], found[d][1])


def _law(
    claim: str,
    source: str,
    found: Mapping[int, Exponent],
    of: Callable[[int], tuple[float, float]],
) -> Claim:
    """Whether all intervals meet a range, or a point.

    Undecided while one is so wide that it says nothing: half of the exponent on either side.
    """
    nearest = {d: float(np.clip(r.value, *of(d))) for d, r in found.items()}
    off = [d for d, r in found.items() if not r.holds(nearest[d])]
    wide = [d for d, r in found.items() if r.error > nearest[d] / 2]
    verdict: Verdict = "different" if off else "undecided" if wide else "reproduced"
    shown = " ".join(f"{r.value - nearest[d]:+.2f}" for d, r in found.items())
    return Claim(claim, source, verdict, f"off {shown}")


def _sandwich(rows: Sequence[Shape]) -> Claim:
    def beyond(row: Shape) -> bool:
        mean = Mean.over(row.draws("hidden") or [])
        slack = _ERRORS * mean.error
        low, high = row.bound("lower") ** 2, row.bound("upper") ** 2
        return not low - slack <= mean.value <= high + slack

    out = sum(map(beyond, rows))
    verdict: Verdict = "not reproduced" if out else "reproduced"
    return Claim(
        "hidden weights: between T7's bounds", "T7", verdict, f"{len(rows) - out} of {len(rows)}"
    )


def _signs(rows: Sequence[Shape]) -> list[Claim]:
    """Whether permutations that see output weights go below what others cannot."""
    found = []
    for name, claim in (("all", "all weights"), ("cancelling", "cancelling")):
        seen = [(row, draws) for row in rows if (draws := row.draws(name)) is not None]
        means = [(row, Mean.over(draws)) for row, draws in seen]
        below = [m.value + _ERRORS * m.error < row.bound("unsigned") ** 2 for row, m in means]
        verdict: Verdict = "different" if any(below) else "undecided"
        text = f"below it in {sum(below)} of {len(below)}"
        found.append(Claim(f"T8 holds for {claim} as well", "signs seen", verdict, text))
    return found


def _barrier_claims(rows: Sequence[Shape]) -> list[Claim]:
    found = []
    for name, claim in (("hidden", "matched"), ("none", "unmatched")):
        draws = [draws for row in rows if (draws := row.draws(name, "midpoint"))]
        means = [Mean.over(ones) for ones in draws]
        below = sum(one.value + _CERTAIN * one.error < 0 for one in means)
        above = sum(one.value - _CERTAIN * one.error > 0 for one in means)
        verdict: Verdict = "undecided"
        if above:
            verdict = "not reproduced"
        elif below == len(means):
            verdict = "reproduced"
        text = f"below 0: {below}, above: {above}, of {len(means)}"
        found.append(Claim(f"no barrier, {claim}", _ENTEZARI, verdict, text))
    return found


def _depth(rows: Sequence[Shape]) -> list[Claim]:
    errors = {(row.inputs, row.depth, row.width): row for row in rows}
    pairs = [
        (row, deeper)
        for (d, depth, h), row in errors.items()
        if (deeper := errors.get((d, depth + 1, h))) is not None
    ]

    def layerwise(row: Shape) -> Mean:
        assert isinstance(row.found, Deep)
        return Mean.over(row.found.layerwise)

    def inside(row: Shape) -> bool:
        assert isinstance(row.found, Deep)
        mean, low = layerwise(row), Mean.over(row.found.lower)
        slack = _ERRORS * mean.error
        return low.value - slack <= mean.value <= row.found.upper + slack

    grown = sum(layerwise(deeper).value > layerwise(row).value for row, deeper in pairs)
    kept = sum(map(inside, rows))
    verdict: Verdict = "reproduced" if grown == len(pairs) else "different"
    bounds: Verdict = "reproduced" if kept == len(rows) else "not reproduced"
    return [
        Claim("errors grow with depth", "D1", verdict, f"{grown} of {len(pairs)} steps"),
        Claim("layer by layer: between D7 and D1", "D1, D5, D7", bounds, f"{kept} of {len(rows)}"),
    ]
