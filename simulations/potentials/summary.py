"""What `potentials` measured, as tables."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.typed import of_kind
from lmctheory.tables import Column, Table
from simulations.declaration import Part, require_equal
from simulations.potentials.aligned import MATCHINGS, NAMES, UNMATCHED
from simulations.potentials.estimates import (
    CCX,
    ONE_X,
    TUNED,
    Estimate,
    Measured,
    kind_of,
    mean_rms,
    verdict,
)
from simulations.potentials.measurement import (
    EXPLAINED,
    FITTED,
    LAYERED,
    AtElement,
    AtLayer,
    Average,
    AverageTask,
    Costs,
    CostTask,
    Pair,
    PairTask,
)
from simulations.potentials.recalibration import RECOVERIES

__all__ = [
    "KINDS",
    "Results",
    "mean_of",
    "off",
    "pairs_of",
    "recovered",
    "report",
    "require_one_study",
]

Results: TypeAlias = Sequence[tuple[PairTask | AverageTask | CostTask, Pair | Average | Costs]]
KINDS = (ONE_X, CCX, TUNED)


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in their halves, or hold no pair of ANI-1x.
    """
    require_equal([task for task, _ in results], ("seed",))
    if not pairs_of(results, ONE_X):
        raise ValueError("the results hold no pair of ANI-1x")


def pairs_of(results: Results, kind: str) -> list[tuple[PairTask, Pair]]:
    """Pairs of one kind."""
    return [one for one in of_kind(results, PairTask, Pair) if kind_of(one[0]) == kind]


def off(measured: Measured, name: str) -> Estimate:
    """Root mean square deviation of the midpoint by the name of the matching."""
    return Estimate.of(measured, mean_rms(lambda pair: pair.matched[name].squares))


def recovered(measured: Measured, name: str, what: str) -> Estimate:
    """The same by the names of the matching and of what was fitted anew."""
    return Estimate.of(measured, mean_rms(lambda pair: pair.recovered[name][what]))


def mean_of(measured: Measured, take: Callable[[Pair], float]) -> Mean:
    """The mean over pairs of a number, with its error over members."""
    return Estimate.of(
        measured, lambda pairs, _: float(np.mean([take(pair) for pair in pairs]))
    ).mean


def report(results: Results) -> list[Part]:
    """Midpoints, elements, layers, why, what is recovered, several members, and claims."""
    kinds = {kind: found for kind in KINDS if (found := pairs_of(results, kind))}
    parts: list[Part] = [_midpoints(kinds), _elements(kinds)]
    if ONE_X in kinds:
        one_x = kinds[ONE_X]
        costs = [found for _, found in of_kind(results, CostTask, Costs)]
        parts += [_layers(one_x, costs), _depths(kinds), _alone(kinds), _recoveries(kinds)]
    parts.append(_averages(of_kind(results, AverageTask, Average)))
    if {ONE_X, TUNED} <= set(kinds):
        parts.append(_claims(kinds))
    return parts


@dataclass(frozen=True)
class _Line:
    """A row of the first table: its name, and its number by kind of pair."""

    name: str
    by_kind: dict[str, Estimate]
    distance: Mean | None
    error: Estimate | None
    barrier: Mean | None


def _midpoints(kinds: Mapping[str, Measured]) -> Table[_Line]:
    one_x = kinds.get(ONE_X, [])

    def error(of: Callable[[Pair], Sequence[float]]) -> Estimate | None:
        return Estimate.of(one_x, mean_rms(of)) if one_x else None

    def by_kind(of: Callable[[Pair], Sequence[float]]) -> dict[str, Estimate]:
        return {kind: Estimate.of(found, mean_rms(of)) for kind, found in kinds.items()}

    def matched(name: str) -> _Line:
        return _Line(
            name,
            by_kind(lambda pair: pair.matched[name].squares),
            mean_of(one_x, lambda pair: pair.matched[name].distance) if one_x else None,
            error(lambda pair: pair.matched[name].errors),
            mean_of(one_x, lambda pair: pair.barriers[name]) if name in FITTED and one_x else None,
        )

    differ, member = by_kind(lambda pair: pair.differ), error(lambda pair: pair.errors["member"])
    lines = [
        _Line("A and B differ", differ, None, member, None),
        _Line("mean function", {}, None, error(lambda pair: pair.errors["mean function"]), None),
        *(matched(name) for name in MATCHINGS),
    ]

    def value(kind: str) -> Column[_Line]:
        return Column(kind, lambda one: one.by_kind[kind].mean if kind in one.by_kind else None)

    def molecules(kind: str) -> Column[_Line]:
        return Column(
            f"{kind} by molecules",
            lambda one: one.by_kind[kind].by_molecules if kind in one.by_kind else None,
            head="mol.",
            form=".2f",
        )

    spread = kinds.get(ONE_X, next(iter(kinds.values())))
    energies = mean_of(spread, lambda pair: pair.spread).value
    columns = [column for kind in kinds for column in (value(kind), molecules(kind))]
    return Table(
        "How far the midpoint is off the mean of the two functions, kcal/mol per atom",
        "Root mean square over geometries, mean over pairs; in brackets the standard error over"
        " members (jackknife), mol.: over molecules. own: every element by itself on its own"
        " atoms, else jointly. distance: |A - B|^2 / (|A|^2 + |B|^2); error: against the mean of"
        " the whole ensemble; barrier: of its square over all t (5 points); all three ANI-1x."
        f" Energies vary by {energies:.1f} among the geometries.",
        [
            Column("matching", lambda one: one.name, left=True),
            *columns,
            Column("distance", lambda one: one.distance),
            Column("error", lambda one: None if one.error is None else one.error.mean),
            Column("barrier", lambda one: one.barrier),
        ],
        lines,
    )


_ELEMENTS = dict(zip(NAMES, ("H", "C", "N", "O"), strict=True))


@dataclass(frozen=True)
class _AtElement:
    kind: str
    name: str
    measured: Measured

    def mean(self, take: Callable[[AtElement], float]) -> Mean:
        return mean_of(self.measured, lambda pair: take(pair.elements[self.name]))

    def matched(self, take: str, matching: str = EXPLAINED) -> Mean:
        return mean_of(
            self.measured,
            lambda pair: float(getattr(pair.matched[matching].elements[self.name], take)),
        )


def _elements(kinds: Mapping[str, Measured]) -> Table[_AtElement]:
    rows = [_AtElement(kind, name, found) for kind, found in kinds.items() for name in NAMES]
    return Table(
        f"By element, energies of single atoms in kcal/mol ({EXPLAINED})",
        "varies: standard deviation of the mean function among atoms. differ: A from B. none, off:"
        " the midpoint without and with matching; bias: its mean. share: of the molecules' squared"
        " deviation. C1': certified. D1: of independent Gaussian networks of these widths on these"
        " atoms (relu), and of networks with the measured matching costs, over what varies.",
        [
            Column("pairs", lambda one: one.kind, left=True, once=True),
            Column("element", lambda one: _ELEMENTS[one.name], head=" ", left=True),
            Column("varies", lambda one: one.mean(lambda at: at.spread).value, form=".1f"),
            Column("differ", lambda one: one.mean(lambda at: at.differ)),
            Column("none", lambda one: one.matched("off", UNMATCHED).value, form=".1f"),
            Column("off", lambda one: one.mean(lambda at: at.off)),
            Column(
                "off / varies", lambda one: one.mean(lambda at: at.off / at.spread), head="rel."
            ),
            Column("bias", lambda one: one.matched("bias")),
            Column("share", lambda one: one.matched("share").value, form=".2f"),
            Column("C1'", lambda one: one.mean(lambda at: at.certified).value, form=".0f"),
            Column("D1", lambda one: one.mean(lambda at: at.gaussian).value, form=".2f"),
            Column(
                "D1 measured",
                lambda one: one.mean(lambda at: at.measured).value,
                form=".2f",
                head="costs",
            ),
        ],
        rows,
        sections=lambda one: one.kind,
    )


@dataclass(frozen=True)
class _AtLayer:
    name: str
    depth: int
    measured: Measured
    costs: Sequence[Costs]

    @property
    def weighted(self) -> float | None:
        found = [one.layers[self.name][self.depth] for one in self.costs]
        return float(np.mean(found)) if found else None

    def value(self, take: Callable[[AtLayer], float]) -> float:
        def of(pair: Pair) -> float:
            return take(pair.elements[self.name].layers[self.depth])

        return mean_of(self.measured, of).value


def _layers(measured: Measured, costs: Sequence[Costs]) -> Table[_AtLayer]:
    depth = len(measured[0][1].elements[NAMES[0]].layers)
    rows = [_AtLayer(name, k, measured, costs) for name in NAMES for k in range(depth)]

    def dimension(name: str, place: int) -> Column[_AtLayer]:
        return Column(
            f"dimension {name}", lambda one: one.value(lambda at: at.dimension[place]), head=name
        )

    def column(name: str, take: Callable[[AtLayer], float], head: str = "") -> Column[_AtLayer]:
        return Column(name, lambda one: one.value(take), form=".2f", head=head)

    return Table(
        f"Hidden layers of pairs of ANI-1x ({EXPLAINED})",
        "Approximate dimension tr(S)^2 / tr(S^2) of incoming weights (naive), in the metric of"
        " their inputs (wtd), of activations (act.) and of these less their mean (cent.). cost: of"
        " matched neurons in that metric over 2 tr; min.: after weighted matching, which makes it"
        " least; L and U: bounds of that for Gaussian neurons of this covariance. Distances, 1 for"
        " nothing in common: of pre-activations without matching (none) and with (apart), of"
        " weights. sd: the midpoint's over the ends'.",
        [
            Column("element", lambda one: _ELEMENTS[one.name], head=" ", left=True, once=True),
            Column("layer", lambda one: one.depth + 1, form="d", head="l"),
            Column("width", lambda one: one.value(lambda at: at.width), form=".0f", head="m"),
            dimension("naive", 0),
            dimension("wtd", 1),
            dimension("act.", 2),
            dimension("cent.", 3),
            column("cost", lambda at: at.cost),
            Column("cost weighted", lambda one: one.weighted, head="min.", form=".2f"),
            column("lower", lambda at: at.lower, "L"),
            column("upper", lambda at: at.upper, "U"),
            column("unmatched", lambda at: at.unmatched, "none"),
            column("apart", lambda at: at.apart),
            column("weights", lambda at: at.weights),
            column("sd", lambda at: at.shrunk),
        ],
        rows,
        sections=lambda one: one.name,
    )


@dataclass(frozen=True)
class _AtDepth:
    matching: str
    depth: int | None
    kinds: Mapping[str, Measured]

    def mean(self, kind: str, what: str) -> Mean | None:
        if kind not in self.kinds:
            return None

        def of(pair: Pair) -> float:
            found = pair.depths[self.matching]
            return found.total if self.depth is None else float(getattr(found, what)[self.depth])

        return mean_of(self.kinds[kind], of)


def _depths(kinds: Mapping[str, Measured]) -> Table[_AtDepth]:
    depth = len(kinds[ONE_X][0][1].depths[EXPLAINED].alone)
    places: list[int | None] = [*range(depth), None]
    rows = [_AtDepth(name, place, kinds) for name in LAYERED for place in places]

    def column(kind: str, what: str) -> Column[_AtDepth]:
        head = kind if what == "alone" else what
        return Column(f"{kind} {what}", lambda one: one.mean(kind, what), head=head)

    return Table(
        "Which layer breaks: what averaging it adds to the squared error, (kcal/mol per atom)^2",
        "Against the mean function; layers of all elements, the others those of A or of B. By kind"
        " of pair, averaging this one only; shapley: its share of averaging all, over all orders.",
        [
            Column("matching", lambda one: one.matching, left=True, once=True),
            Column(
                "layer", lambda one: "all" if one.depth is None else f"{one.depth + 1}", left=True
            ),
            *(column(kind, what) for kind in kinds for what in ("alone", "shapley")),
        ],
        rows,
        sections=lambda one: one.matching,
    )


@dataclass(frozen=True)
class _Alone:
    kind: str
    name: str
    measured: Measured

    def mean(self, place: int) -> Mean:
        return mean_of(
            self.measured,
            lambda pair: float(
                np.sqrt(max(0.0, pair.depths[EXPLAINED].elements[self.name][place]))
            ),
        )


def _alone(kinds: Mapping[str, Measured]) -> Table[_Alone]:
    rows = [_Alone(kind, name, found) for kind, found in kinds.items() for name in NAMES]
    layers = len(kinds[ONE_X][0][1].depths[EXPLAINED].elements[NAMES[0]]) - 1

    def column(place: int) -> Column[_Alone]:
        name = "all layers" if place == layers else f"layer {place + 1}"
        return Column(name, lambda one: one.mean(place))

    return Table(
        f"One layer of one element averaged, kcal/mol of single atoms ({EXPLAINED})",
        "Root of what it adds to the mean squared error against the mean function.",
        [
            Column("pairs", lambda one: one.kind, left=True, once=True),
            Column("element", lambda one: _ELEMENTS[one.name], head=" ", left=True),
            *map(column, range(layers + 1)),
        ],
        rows,
        sections=lambda one: one.kind,
    )


@dataclass(frozen=True)
class _Recovery:
    what: str
    by_matching: dict[str, Estimate]
    ccx: Mean | None
    tuned: Mean | None


def _recoveries(kinds: Mapping[str, Measured]) -> Table[_Recovery]:
    rows = [
        _Recovery(
            what,
            {name: recovered(kinds[ONE_X], name, what) for name in FITTED},
            recovered(kinds[CCX], EXPLAINED, what).mean if CCX in kinds else None,
            recovered(kinds[TUNED], UNMATCHED, what).mean if TUNED in kinds else None,
        )
        for what in RECOVERIES
    ]

    def value(name: str) -> Column[_Recovery]:
        head = name.removesuffix(", own")
        return Column(name, lambda one: one.by_matching[name].mean, head=head)

    def molecules(name: str) -> Column[_Recovery]:
        return Column(
            f"{name} by molecules",
            lambda one: one.by_matching[name].by_molecules,
            head="mol.",
            form=".2f",
        )

    return Table(
        "What the midpoint recovers: deviation from the mean function, kcal/mol per atom",
        "Fitted to the mean function on half of the molecules, judged on the other half, and the"
        " other way round; pairs of ANI-1x by matching (own atoms), errors as above. REPAIR:"
        " means and deviations of neurons. scale and shift: of each element's output. last layer:"
        f" all output weights. ccx: pairs of ANI-1ccx, {EXPLAINED}; tuned: fine-tuned ones, not"
        " matched.",
        [
            Column("fitted anew", lambda one: one.what, left=True),
            *(column for name in FITTED for column in (value(name), molecules(name))),
            Column("ANI-1ccx", lambda one: one.ccx, head="ccx"),
            Column("fine-tuned", lambda one: one.tuned, head="tuned"),
        ],
        rows,
    )


@dataclass(frozen=True)
class _Several:
    ensemble: str
    members: int
    found: Sequence[Average]

    def mean(self, name: str) -> Mean:
        values = [
            float(np.sqrt(np.sum(one.squares[name]) / np.sum(one.counts))) for one in self.found
        ]
        return Mean.over(values)


def _first_1x(group: tuple[tuple[str, int], list[Average]]) -> tuple[bool, int]:
    (ensemble, members), _ = group
    return ensemble != "ani1x", members


def _averages(averages: Sequence[tuple[AverageTask, Average]]) -> Table[_Several]:
    groups: dict[tuple[str, int], list[Average]] = {}
    for task, found in averages:
        ensemble = task.members[0].rpartition("_")[0]
        groups.setdefault((ensemble, len(task.members)), []).append(found)
    rows = [_Several(*key, found) for key, found in sorted(groups.items(), key=_first_1x)]

    def matched(name: str) -> Column[_Several]:
        return Column(name, lambda one: one.mean(name))

    return Table(
        "Several members averaged: off the mean of their functions, kcal/mol per atom",
        "Brought into one order by joint matching, every element on its own atoms; mean over"
        " disjoint groups of members, in brackets its standard error.",
        [
            Column("ensemble", lambda one: one.ensemble, left=True, once=True),
            Column("members", lambda one: one.members, form="d"),
            Column("groups", lambda one: len(one.found), form="d"),
            *map(matched, FITTED),
        ],
        rows,
        sections=lambda one: one.ensemble,
    )


@dataclass(frozen=True)
class _Claim:
    text: str
    source: str
    published: float | None
    found: Estimate


def _claimed(kinds: Mapping[str, Measured]) -> list[_Claim]:
    one_x, tuned = kinds[ONE_X], kinds[TUNED]

    def pooled(name: str) -> Callable[[Sequence[Pair], np.ndarray], float]:
        return mean_rms(lambda pair: pair.matched[name].squares)

    def share(of: str, by: str, power: int = 1) -> Estimate:
        def removed(pairs: Sequence[Pair], kept: np.ndarray) -> float:
            return 1 - (pooled(of)(pairs, kept) / pooled(by)(pairs, kept)) ** power

        return Estimate.of(one_x, removed)

    def repair(what: str) -> Estimate:
        def removed(pairs: Sequence[Pair], kept: np.ndarray) -> float:
            after = mean_rms(lambda pair: pair.recovered[EXPLAINED][what])(pairs, kept)
            return 1 - (after / pooled(EXPLAINED)(pairs, kept)) ** 2

        return Estimate.of(one_x, removed)

    def kept_by_tuning(pairs: Sequence[Pair], kept: np.ndarray) -> float:
        differ = mean_rms(lambda pair: pair.differ)(pairs, kept)
        return 1 - pooled(UNMATCHED)(pairs, kept) / differ

    def of_depths(take: Callable[[Pair], float]) -> Estimate:
        return Estimate.of(one_x, lambda pairs, _: float(np.mean([take(pair) for pair in pairs])))

    def middle(pair: Pair) -> float:
        first, *inner, last = pair.depths[UNMATCHED].shapley
        return (float(np.mean(inner)) - (first + last) / 2) / pair.depths[UNMATCHED].total

    def single(pair: Pair) -> float:
        found = pair.depths[UNMATCHED]
        return 1 - max(found.alone) / found.total

    ferbach, adilova = "Ferbach 2024", "Adilova 2024"
    vanished, connected = share(EXPLAINED, UNMATCHED, 2), Estimate.of(tuned, kept_by_tuning)
    return [
        _Claim("matching makes the barrier vanish", "Ainsworth 2023", 1.0, vanished),
        _Claim("activations beat weights alone", ferbach, None, share("activation", "naive")),
        _Claim("the same, on own atoms", ferbach, None, share(EXPLAINED, "naive")),
        _Claim("REPAIR removes 60 to 100 % of it", "Jordan 2023", 0.6, repair("REPAIR, own atoms")),
        _Claim("fine-tuned networks are connected", "Neyshabur 2020", 1.0, connected),
        _Claim("single layers have hardly a barrier", adilova, 1.0, of_depths(single)),
        _Claim("middle layers make the barrier", adilova, None, of_depths(middle)),
    ]


def _claims(kinds: Mapping[str, Measured]) -> Table[_Claim]:
    return Table(
        "What was claimed, and what is seen",
        "found: part of the squared deviation that is gone (matching, REPAIR; own atoms), of the"
        " deviation (activations, against naive), 1 - deviation / difference (fine-tuned), 1 -"
        " alone / all layers (single), Shapley share of layers 2, 3 less 1, 4 (middle; both not"
        " matched)."
        " By 90 % intervals over members, different: surely smaller than claimed, or of the other"
        " sign; not reproduced: not surely positive, where it would have been seen with 80 %.",
        [
            Column("claim", lambda one: one.text, left=True),
            Column("source", lambda one: one.source, left=True),
            Column("found", lambda one: one.found.mean),
            Column("claimed", lambda one: one.published, none="> 0"),
            Column("verdict", lambda one: verdict(one.found, one.published), left=True),
        ],
        _claimed(kinds),
    )
