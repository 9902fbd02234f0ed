"""The tables that the study prints, each at most 100 columns wide."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table
from simulations.declaration import Part
from simulations.trained_widths.means import product
from simulations.trained_widths.measurement import TESTS
from simulations.trained_widths.summary import (
    COST_PREDICTORS,
    ERROR_PREDICTORS,
    Results,
    Shape,
    summarise,
)

__all__ = ["report", "verdict"]

_KINDS = (
    ("untrained, layer 1 (independent by construction)", False, False),
    ("untrained, deeper layers (they share the layers before)", False, True),
    ("trained, layer 1", True, False),
    ("trained, deeper layers", True, True),
)
"""Layers that the tests of independence are counted for: name, trained, deeper than the first."""


class Place(NamedTuple):
    """A layer, counted from 0, at a width."""

    shape: Shape
    layer: int
    width: int

    @property
    def cost(self) -> Mean:
        """As measured."""
        return self.shape.cost(self.layer, self.width)

    @property
    def own(self) -> Mean:
        """Of the networks' own pool."""
        return self.shape.pseudo_cost(self.layer, self.width)

    def predicted(self, name: str) -> Mean:
        """By one of `COST_PREDICTORS`."""
        return self.shape.predicted_cost(self.layer, self.width, name)


class Row(NamedTuple):
    """All networks of a shape at a width."""

    shape: Shape
    width: int


def report(results: Results) -> list[Part]:
    """The tests of independence, then predicted costs and function errors."""
    shapes = summarise(results)
    tables = (_costs(shapes), _causes(shapes), _errors(shapes))
    return [_independence(shapes), verdict(shapes), "", *tables]


def verdict(shapes: Sequence[Shape]) -> str:
    """How many tests reject: where neurons are independent by construction, and elsewhere."""
    lines = ["Tests with p <= 0.05, of 5 % expected if neurons are independent:"]
    places = _places(shapes, unseen=False)
    for kind, trained, deeper in _KINDS:
        chosen = [
            at
            for at in places
            if (at.shape.task.training is not None, at.layer > 0) == (trained, deeper)
        ]
        counts = []
        for name in TESTS:
            tests = [at.shape.test(at.layer, at.width, name) for at in chosen]
            made = [test.p for test in tests if test is not None]
            if made:
                counts.append(f"{name} {sum(p <= 0.05 for p in made)} of {len(made)}")
        if counts:
            lines.append(f"  {kind}: {', '.join(counts)}")
    return "\n".join(lines)


def _places(shapes: Sequence[Shape], *, unseen: bool) -> list[Place]:
    return [
        Place(shape, layer, width)
        for shape in shapes
        for layer in range(shape.task.depth)
        for width in (shape.task.testing if unseen else shape.task.widths)
    ]


_PLACE = (
    Column[Place]("decay", lambda at: at.shape.task.phase),
    Column[Place]("layer", lambda at: f"{at.layer + 1} of {at.shape.task.depth}"),
    Column[Place]("width", lambda at: at.width, form="d"),
)


def _independence(shapes: Sequence[Shape]) -> Table[Place]:
    heads = zip(TESTS, ("ratio", "F mean", "F 2nd"), strict=True)
    return Table(
        "Are neurons of one network independent? Permutation tests with several networks",
        "decay: weight decay (those of one width share their initial weights), or untrained. cost:"
        " W_2^2 per neuron between networks, in brackets the standard error of the last digit; F:"
        " variance of the networks' means over that of independent neurons, of the neurons and of"
        " their second moments (< 1 repulsion, > 1 a shared effect). Ratios to what independent"
        " draws from the pool give, two-sided exact p."
        " *: p <= 0.05. -: not tested.",
        [
            *_PLACE,
            Column("cost", lambda at: at.cost),
            *(column for name, head in heads for column in _test(name, head)),
        ],
        _places(shapes, unseen=False),
    )


def _test(name: str, head: str) -> tuple[Column[Place], Column[Place]]:
    def of(field: str) -> Callable[[Place], float | None]:
        return lambda at: getattr(at.shape.test(at.layer, at.width, name), field, None)

    return (
        Column(head, of("ratio"), form=".3f"),
        Column(
            f"{head} p", of("p"), head="p", form=lambda p: f"{p:.2f}{'*' if p <= 0.05 else ' '}"
        ),
    )


def _costs(shapes: Sequence[Shape]) -> Table[Place]:
    def ratio(name: str) -> Column[Place]:
        return Column(name, lambda at: _over(at.predicted(name), at.cost))

    def side(name: str, place: int) -> Column[Place]:
        return Column(name, lambda at: _sides(at)[place], form=".2f")

    return Table(
        "Matching cost per neuron at unseen widths: predicted / measured",
        "pool: resampled from the neurons of the widest estimating networks; moved: the same, the"
        " movement of training rescaled; gauss: the Gaussian of that covariance, L and U its bounds"
        " (R11); slope: power law through the pool's costs; trend: through those measured at the"
        " estimating widths. In brackets the standard error of the last digit.",
        [
            *_PLACE,
            Column("measured", lambda at: at.cost),
            *map(ratio, COST_PREDICTORS),
            side("L", 0),
            side("U", 1),
        ],
        _places(shapes, unseen=True),
    )


def _sides(at: Place) -> tuple[float, float]:
    lower, upper = at.shape.sandwich(at.layer, at.width)
    return lower / at.cost.value, upper / at.cost.value


def _causes(shapes: Sequence[Shape]) -> Table[Place]:
    return Table(
        "Why the pool misses: pool / measured = law x dependence",
        "law: cost of the pool over that of the new width's own pool (independent neurons of the"
        " trained law at that width): how far the law of a neuron changes. dependence: the own"
        " pool's over the measured cost. moved: the prediction, likewise over the own pool's.",
        (
            *_PLACE,
            Column("pool/measured", lambda at: _over(at.predicted("pool"), at.cost)),
            Column("law", lambda at: _over(at.predicted("pool"), at.own)),
            Column("dependence", lambda at: _over(at.own, at.cost)),
            Column("moved", lambda at: _over(at.predicted("moved"), at.own)),
        ),
        _places(shapes, unseen=True),
    )


def _errors(shapes: Sequence[Shape]) -> Table[Row]:
    def ratio(name: str) -> Column[Row]:
        return Column(name, lambda row: _predicted(row, name), none="")

    return Table(
        "Function error at the midpoint of matched networks: predicted / measured",
        "measured: root mean square of f_1/2 - (f_A + f_B)/2 relative to f = incoherent (neurons"
        " contribute uncorrelated errors) x coherence. inc./D1: incoherent error over D1's, both"
        " from measured quantities. D1: from the last layer's cost as moved predicts it, a"
        " bound for independent rows only; corrected: times a power law through measured / D1 at"
        " the estimating widths; trend: power law through their errors.",
        [
            Column("decay", lambda row: row.shape.task.phase),
            Column("depth", lambda row: row.shape.task.depth, form="d"),
            Column("width", lambda row: row.width, form="d"),
            Column("accuracy", lambda row: row.shape.accuracy(row.width)),
            Column("measured", lambda row: row.shape.error(row.width)),
            Column("inc./D1", lambda row: _over(_incoherent(row), row.shape.d1(row.width))),
            Column("coherence", lambda row: _over(row.shape.error(row.width), _incoherent(row))),
            *map(ratio, ERROR_PREDICTORS),
        ],
        [Row(shape, width) for shape in shapes for width in shape.task.widths],
    )


def _incoherent(row: Row) -> Mean:
    return row.shape.incoherent(row.width)


def _predicted(row: Row, name: str) -> Mean | None:
    """Over the measured error; None at widths that are predicted from."""
    shape, width = row
    if width not in shape.task.testing:
        return None
    return _over(shape.predicted_error(width, name), shape.error(width))


def _over(predicted: Mean, measured: Mean) -> Mean:
    return product((predicted, 1), (measured, -1))
