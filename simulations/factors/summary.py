"""What `factors` measured, as effects, interactions, comparisons and verdicts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from scipy.stats import fisher_exact
from scipy.stats import t as student

from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table
from simulations.claims import Claim, Verdict
from simulations.declaration import Part, require_equal
from simulations.factors.design import Design, Word, design_of, spelled
from simulations.factors.effects import LEVEL, Effect, Fit, fit, holm
from simulations.factors.measurement import WAYS, Joined, Measured, Task
from simulations.factors.settings import FACTORS, GROUPS, VARIANTS

__all__ = [
    "CONNECTED",
    "FLOOR",
    "Factorial",
    "Oftener",
    "Results",
    "at_once",
    "changed_alone",
    "factorial",
    "report",
    "require_one_study",
]

Results: TypeAlias = Sequence[tuple[Task, Measured]]

FLOOR = 0.01
"""Nats of test loss: barriers below count as this one where logarithms are taken."""
CONNECTED = 0.02
"""Error barrier below which two networks count as connected (Frankle et al. 2020)."""
_DOUBLED = float(np.log(2))
"""Effect at which power is stated: no published one is known."""
_POWER = 0.8
_FITTED = "unmatched", "matched"
_SHOWN = 12


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they mix studies, or lack some runs of the design.
    """
    require_equal([task.setup for task, _ in results], ("dataset", "other", "side", "channels"))
    require_equal([task.setup for task, _ in results], ("examples", "steps"))
    require_equal([task for task, _ in results], ("seed",))
    for part in ("design", "alone"):
        require_equal([task for task, _ in results if task.part == part], ("pairs",))
    factorial(results)


@dataclass(frozen=True)
class Factorial:
    """The runs of the design, in its order.

    Attributes:
        design: of them.
        names: of the factors, in the order of its letters.
        runs: what was measured.
    """

    design: Design
    names: Sequence[str]
    runs: Sequence[Measured]

    def values(self, of: Callable[[Measured], Sequence[float]]) -> Float[np.ndarray, "runs pairs"]:
        """One number of each pair."""
        return np.array([of(run) for run in self.runs])

    def fitted(self, of: Callable[[Measured], Sequence[float]], floor: float = FLOOR) -> Fit:
        """Effects on the logarithm of a number, of a floor at least."""
        return fit(self.design, np.log(np.maximum(self.values(of), floor)))

    def heights(self, way: str) -> Float[np.ndarray, "runs pairs"]:
        """Barriers of the test loss."""
        return self.values(lambda run: run.joined[way].barrier)

    def barriers(self, way: str) -> Fit:
        """Effects on their logarithm."""
        return self.fitted(lambda run: run.joined[way].barrier)

    def word(self, *names: str) -> Word:
        """The letters of factors."""
        return frozenset(self.design.letters[self.names.index(name)] for name in names)

    def named(self, effect: Effect) -> str:
        """The factors of an effect."""
        letters = self.design.letters
        return " x ".join(self.names[letters.index(one)] for one in sorted(effect.word))

    def broken(self, way: str, name: str | None = None, changed: bool = True) -> float:
        """Share of runs, at one level of a factor or all, whose mean error barrier is too large."""
        drops = self.values(lambda run: run.joined[way].drop).mean(1)
        if name is not None:
            levels = self.design.levels()[:, self.names.index(name)]
            drops = drops[(levels > 0) == changed]
        return float((drops > CONNECTED).mean())

    def oftener(self, way: str) -> dict[str, "Oftener"]:
        """By factor in how many runs barriers exceed the floor, in the mean over pairs."""
        above = self.heights(way).mean(1) > FLOOR
        counts = [
            (int(above[levels > 0].sum()), int(above[levels < 0].sum()))
            for levels in self.design.levels().T
        ]
        half = len(above) // 2
        p = [
            float(fisher_exact(np.array([[high, half - high], [low, half - low]])).pvalue)
            for high, low in counts
        ]
        rows = zip(self.names, counts, holm(p), strict=True)
        return {name: Oftener(*pair, half, adjusted) for name, pair, adjusted in rows}


@dataclass(frozen=True)
class Oftener:
    """Runs whose barriers exceed the floor.

    Attributes:
        changed: where a factor is changed.
        base: where it is not.
        of: as many runs each.
        adjusted: p of no difference (Fisher's exact test), after Holm over all factors.
    """

    changed: int
    base: int
    of: int
    adjusted: float

    @property
    def raised(self) -> bool:
        """Whether there are certainly more where it is changed."""
        return self.adjusted < LEVEL and self.changed > self.base


def factorial(results: Results) -> Factorial:
    """The runs of the design.

    Raises:
        ValueError: if some are missing.
    """
    found = {frozenset(task.changed): one for task, one in results if task.part == "design"}
    names = [name for name in FACTORS if any(name in changed for changed in found)]
    design = design_of(len(names))
    settings = [
        frozenset(name for name, level in zip(names, row, strict=True) if level > 0)
        for row in design.levels()
    ]
    if missing := sum(one not in found for one in settings):
        raise ValueError(f"the results lack {missing} of {len(settings)} runs of the design")
    return Factorial(design, names, [found[one] for one in settings])


def changed_alone(results: Results) -> dict[tuple[str, ...], Measured]:
    """What was measured where one factor is changed, by what is; the robust network first."""
    order = [*FACTORS, *VARIANTS]
    found = {tuple(task.changed): one for task, one in results if task.part == "alone"}
    return dict(sorted(found.items(), key=lambda pair: [order.index(one) for one in pair[0]]))


def at_once(draws: Sequence[float], tests: int = 1) -> tuple[float, float]:
    """Interval of 95 % for a mean, for so many means at once (Bonferroni)."""
    mean, freedom = Mean.over(draws), len(draws) - 1
    reach = mean.error * float(student.isf(LEVEL / (2 * tests), freedom))
    return mean.value - reach, mean.value + reach


def report(results: Results) -> list[Part]:
    """The design, effects, interactions, each change alone, checks and verdicts."""
    all_runs, alone = factorial(results), changed_alone(results)
    fits = {way: all_runs.barriers(way) for way in _FITTED}
    return [
        _described(all_runs),
        _effects(all_runs, fits),
        _same_start(all_runs),
        _interactions(all_runs, fits),
        _alone(alone),
        *_architectures(alone),
        _checks(all_runs, alone),
        _other_scales(all_runs),
        _verdicts(all_runs, fits, alone),
    ]


def _described(found: Factorial) -> str:
    design, further = found.design, len(found.design.generators)
    size = f"2^({len(design.letters)}-{further})" if further else f"2^{len(design.letters)}"
    levels = [
        f"{letter} {name}: {FACTORS[name].base} | {FACTORS[name].changed}"
        for letter, name in zip(design.letters, found.names, strict=True)
    ]
    lines = [
        f"{size} design of {2 ** len(design.basic)} runs, "
        + (f"resolution {_roman(design.resolution)}" if design.resolution else "all combinations"),
        _wrapped(levels, "; "),
    ]
    if further:
        lines.append(_wrapped(["I", *map(spelled, design.defining_relation)], " = "))
    return "\n".join(lines)


def _roman(number: int) -> str:
    return {3: "III", 4: "IV", 5: "V", 6: "VI", 7: "VII"}[number]


def _wrapped(parts: Sequence[str], between: str, width: int = 96) -> str:
    """In lines of limited width."""
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(between) + len(part) > width:
            lines[-1] += between.rstrip()
            lines.append(part)
        else:
            lines[-1] += between + part
    return "\n".join(lines)


def _ratio(of: Fit, effect: Effect) -> str:
    """What the effect multiplies by, its interval of 95 %, and a star if it is found."""
    low, high = np.exp(of.interval(effect))
    return f"{np.exp(effect.value):.2f} ({low:.2f}-{high:.2f}){'*' if effect.found else ' '}"


def _effects(found: Factorial, fits: dict[str, Fit]) -> Table[str]:
    loss = found.fitted(lambda run: run.loss, floor=0.0)

    def column(name: str, of: Fit) -> Column[str]:
        return Column(name, lambda factor: _ratio(of, of.effect(found.word(factor))))

    def broken(head: str, changed: bool) -> Column[str]:
        return Column(
            f"broken {head}",
            lambda factor: 100 * found.broken("matched", factor, changed),
            form=".0f",
            head=head,
        )

    return Table(
        "What each component multiplies barriers of the test loss by",
        "Mean over all levels of the others, intervals of 95 %; *: found, Holm over all effects of"
        " a column. loss: of the networks. Last two: % of runs with more than 2 % error barrier"
        " after matching, at the base level and changed.",
        [
            Column("component", lambda factor: factor, left=True),
            Column("changed", lambda factor: FACTORS[factor].changed, left=True),
            *(column(way, fits[way]) for way in _FITTED),
            column("loss", loss),
            broken("base", False),
            broken("ch.", True),
        ],
        found.names,
        sections=lambda factor: FACTORS[factor].group,
    )


def _same_start(found: Factorial) -> str:
    barriers = found.heights("same start")
    drops = found.values(lambda run: run.joined["same start"].drop).mean(1)
    broken = found.design.levels()[drops > CONNECTED]
    lines = [
        f"Networks of the same start: {int((barriers > FLOOR).sum())} of {barriers.size} barriers"
        f" exceed {FLOOR:g} nats (largest: {barriers.max():.3f}).",
        f"Mean error barriers exceed 2 % in {len(broken)} of {len(drops)} runs"
        f" (largest: {100 * drops.max():.1f} %).",
    ]
    if len(broken):
        names = [name for name, row in zip(found.names, broken.T, strict=True) if (row > 0).all()]
        others = [name for name, row in zip(found.names, broken.T, strict=True) if (row < 0).all()]
        lines.append(
            f"Changed in all of these: {', '.join(names) or 'nothing'}; in none:"
            f" {', '.join(others) or 'nothing'}."
        )
    lines += [
        f"Runs above {FLOOR:g} nats are more where {name} is changed: {one.changed} against"
        f" {one.base} of {one.of} (p = {one.adjusted:.1g}, Fisher and Holm)."
        for name, one in found.oftener("same start").items()
        if one.raised
    ]
    return "\n".join(lines)


@dataclass(frozen=True)
class _Interaction:
    """One that is found."""

    way: str
    fit: Fit
    effect: Effect
    name: str


def _interactions(found: Factorial, fits: dict[str, Fit]) -> Part:
    rows = []
    for way, of in fits.items():
        ones = [one for one in of.effects if len(one.word) == 2 and one.found]
        ones.sort(key=lambda one: -abs(one.value))
        rows += [_Interaction(way, of, one, found.named(one)) for one in ones[:_SHOWN]]
    counts = ", ".join(
        f"{sum(len(one.word) == 2 and one.found for one in of.effects)} {way}"
        for way, of in fits.items()
    )
    pairs = len(found.names) * (len(found.names) - 1) // 2
    if not rows:
        return f"No pair of components is found whose effects are not a product, of {pairs}."
    return Table(
        "Pairs of components whose effects are not a product",
        f"Found of {pairs}: {counts}; the {_SHOWN} largest of each. The square of the ratio is what"
        " changing one multiplies the other's effect by.",
        [
            Column("barrier", lambda one: one.way, left=True, once=True),
            Column("pair", lambda one: one.name, left=True),
            Column("ratio", lambda one: _ratio(one.fit, one.effect)),
            Column("p (Holm)", lambda one: one.effect.adjusted, form=".1g"),
        ],
        rows,
        sections=lambda one: one.way,
    )


Alone = tuple[tuple[str, ...], Measured]


def _label(changed: Sequence[str]) -> str:
    """What is changed, the last word of several."""
    if not changed:
        return "nothing (fully connected)"
    name = changed[-1]
    return VARIANTS[name] if name in VARIANTS else f"{name}: {FACTORS[name].changed}"


def _alone(alone: dict[tuple[str, ...], Measured]) -> Table[Alone]:
    def barrier(way: str) -> Column[Alone]:
        return Column(way, lambda row: Mean.over(row[1].joined[way].barrier))

    def drop(way: str, head: str) -> Column[Alone]:
        return Column(
            f"error {way}",
            lambda row: Mean.over([100 * one for one in row[1].joined[way].drop]),
            head=head,
        )

    return Table(
        "One change of the robust network",
        "Barriers of the test loss in nats, then of the test error in % (same start, unmatched,"
        " matched).",
        [
            Column("changed", lambda row: _label(row[0]), left=True),
            Column("accuracy", lambda row: Mean.over(row[1].accuracy)),
            *map(barrier, WAYS),
            *(drop(*pair) for pair in zip(WAYS, ("% same", "% unm.", "% mat."), strict=True)),
        ],
        [(changed, one) for changed, one in alone.items() if changed[-1:] != ("local",)],
    )


def _architectures(alone: dict[tuple[str, ...], Measured]) -> Iterator[Table[Alone]]:
    order = ((), ("local",), ("sharing",))
    if not all(one in alone for one in order):
        return
    names = dict(zip(order, ("fully connected", "locally connected", "convolution"), strict=True))

    def barrier(way: str, head: str = "") -> Column[Alone]:
        def of(row: Alone) -> Mean | None:
            joined: Joined | None = row[1].joined.get(way)
            return None if joined is None else Mean.over(joined.barrier)

        return Column(way, of, head=head)

    yield Table(
        "Weight sharing, with as many hidden neurons in all",
        "as shared: neurons of all places in one order, the permutations of a convolution, where"
        " each place has an order of its own.",
        [
            Column("architecture", lambda row: names[row[0]], left=True),
            Column("loss", lambda row: Mean.over(row[1].loss)),
            *map(barrier, WAYS),
            barrier("matched as shared", "as shared"),
            Column(
                "error matched",
                lambda row: Mean.over([100 * one for one in row[1].joined["matched"].drop]),
                head="% error",
            ),
        ],
        [(one, alone[one]) for one in order],
    )


@dataclass(frozen=True)
class _Check:
    """One response."""

    way: str
    fit: Fit
    floored: float
    apart: list[float]


def _checks(found: Factorial, alone: dict[tuple[str, ...], Measured]) -> Table[_Check]:
    rows = []
    for way in _FITTED:
        values, of = found.heights(way), found.barriers(way)
        apart = [
            float(np.log(np.maximum(one.joined[way].barrier, FLOOR)).mean())
            - of.predict(found.word(*changed))
            for changed, one in alone.items()
            if not set(changed) & set(VARIANTS)
        ]
        rows.append(_Check(way, of, float((values <= FLOOR).mean()), apart))
    return Table(
        "Is the model of main effects and pairs whole?",
        "Logarithms. sd: of residuals between runs, of repetitions alone; p: of no lack of fit."
        " largest: residual over its standard error. alone: root mean square and mean of what is"
        " measured less what the model has for the robust network and each change of it.",
        [
            Column("barrier", lambda one: one.way, left=True),
            Column("at the floor", lambda one: 100 * one.floored, form=".0f", head="% floor"),
            Column("explained", lambda one: one.fit.explained, form=".3f", head="R^2"),
            Column("sd runs", lambda one: one.fit.residual, form=".3f"),
            Column("sd pure", lambda one: one.fit.pure, form=".3f"),
            Column("p", lambda one: one.fit.lack_of_fit, form=".1g"),
            Column("largest", lambda one: one.fit.extreme, form=".1f"),
            Column("error", lambda one: one.fit.error, form=".3f"),
            Column("power", lambda one: one.fit.power(_DOUBLED), form=".3f", head="power x2"),
            Column("alone", lambda one: float(np.sqrt(np.mean(np.square(one.apart)))), form=".2f"),
            Column("bias", lambda one: float(np.mean(one.apart)), form="+.2f"),
        ],
        rows,
    )


def _other_scales(found: Factorial) -> Table[str]:
    fits = {
        f"floor {FLOOR / 3:.2g}": found.fitted(
            lambda run: run.joined["matched"].barrier, FLOOR / 3
        ),
        f"floor {3 * FLOOR:g}": found.fitted(lambda run: run.joined["matched"].barrier, 3 * FLOOR),
        "training loss": found.fitted(lambda run: run.trained),
    }
    error = fit(found.design, 100 * found.values(lambda run: run.joined["matched"].drop))

    def ratio(name: str, of: Fit) -> Column[str]:
        return Column(name, lambda factor: _ratio(of, of.effect(found.word(factor))))

    def points(factor: str) -> str:
        effect = error.effect(found.word(factor))
        low, high = error.interval(effect)
        return f"{effect.value:+.1f} ({low:+.1f} to {high:+.1f}){'*' if effect.found else ' '}"

    return Table(
        "Does the scale matter? Effects on matched barriers, measured otherwise",
        "As above with another floor, of the training loss (with its wrong labels), and of the"
        " test error in points of %.",
        [
            Column("component", lambda factor: factor, left=True),
            *(ratio(name, of) for name, of in fits.items()),
            Column("test error", points),
        ],
        found.names,
        sections=lambda factor: FACTORS[factor].group,
    )


_CLAIMS = {
    "architecture": "sparsity or sharing",
    "training": "the optimisation",
    "data": "the data set",
}


def _verdicts(
    found: Factorial, fits: dict[str, Fit], alone: dict[tuple[str, ...], Measured]
) -> Table[Claim]:
    rows = [_robust(alone[()], way) for way in WAYS]
    for way in ("same start", "matched"):
        of = fits.get(way)
        judged = {name: _breaks(found, of, name, alone[(name,)], way) for name in found.names}
        if "sharing" in judged:
            rows.append(_spoken("convolutions lack it", way, [judged["sharing"]]))
        for group in GROUPS:
            ones = [one for name, one in judged.items() if FACTORS[name].group == group]
            if ones:
                rows.append(_spoken(f"{_CLAIMS[group]} breaks it", way, ones))
    return Table(
        "Altintas et al. 2023, claim by claim",
        "Broken: more than 2 % error barrier where one component is changed alone, by the interval"
        " of 95 % for all of the claim at once. different: raises barriers, and breaks nothing;"
        " not reproduced: neither, with 80 % power for a doubling. v.: runs of the design above"
        f" {FLOOR:g} nats, changed against base. The first claim is that of the paper's summary,"
        " the second of its introduction, others of its abstract.",
        [
            Column("claim", lambda one: one.claim, left=True, once=True),
            Column("networks", lambda one: one.of, left=True),
            Column("number", lambda one: one.found, left=True),
            Column("verdict", lambda one: one.verdict, left=True),
        ],
        sorted(rows, key=lambda row: [one.claim for one in rows].index(row.claim)),
    )


def _percent(low: float, high: float) -> str:
    return f"{100 * low:.1f} to {100 * high:.1f} %"


def _robust(base: Measured, way: str) -> Claim:
    low, high = at_once(base.joined[way].drop)
    verdict: Verdict = "undecided"
    if high < CONNECTED:
        verdict = "reproduced"
    elif low > CONNECTED:
        verdict = "not reproduced"
    return Claim("two layers are robust", way, verdict, f"error barrier {_percent(low, high)}")


@dataclass(frozen=True)
class _Judged:
    """One component: what changing it alone does, and whether it raises barriers in the design."""

    name: str
    drop: Sequence[float]
    ratio: str
    raised: bool
    powerful: bool

    def verdict(self, tests: int) -> Verdict:
        low, high = at_once(self.drop, tests)
        if low > CONNECTED:
            return "reproduced"
        if high > CONNECTED:
            return "undecided"
        if self.raised:
            return "different"
        return "not reproduced" if self.powerful else "undecided"


_RANKS = ("reproduced", "different", "undecided", "not reproduced")


def _breaks(found: Factorial, of: Fit | None, name: str, one: Measured, way: str) -> _Judged:
    drop = one.joined[way].drop
    if of is None:  # most barriers are at the floor, and an error barrier below 2 % is decisive
        counts = found.oftener(way)[name]
        words = f"{counts.changed} v. {counts.base} runs, "
        return _Judged(name, drop, words, counts.raised, powerful=True)
    effect = of.effect(found.word(name))
    ratio = f"x {np.exp(effect.value):.2f}, "
    powerful = of.power(_DOUBLED) >= _POWER
    return _Judged(name, drop, ratio, effect.found and effect.value > 0, powerful)


def _spoken(claim: str, way: str, judged: Sequence[_Judged]) -> Claim:
    """Of the component that comes nearest to what is claimed."""
    tests = len(judged)
    best = min(
        judged,
        key=lambda one: (_RANKS.index(one.verdict(tests)), -float(np.mean(one.drop))),
    )
    number = f"{best.name}: {best.ratio}{_percent(*at_once(best.drop, tests))}"
    return Claim(claim, way, best.verdict(tests), number)
