"""What `learning_rate_sweep` measured, as tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table
from simulations.claims import Claim
from simulations.declaration import Part, require_equal
from simulations.learning_rate_sweep.correlations import Correlation
from simulations.learning_rate_sweep.measurement import (
    MATCHINGS,
    THEIRS,
    UNMATCHED,
    Measured,
    Pair,
    Task,
)
from simulations.learning_rate_sweep.observations import (
    PREDICTORS,
    Observation,
    correlated,
    observations,
)
from simulations.learning_rate_sweep.published import DIMENSIONS, LOSSES, RATES
from simulations.learning_rate_sweep.verdicts import verdicts

__all__ = ["Results", "Setting", "layers_shown", "report", "require_one_study", "settings"]

Results = Sequence[tuple[Task, Measured]]


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than width, training, and pairs.
    """
    require_equal([task for task, _ in results], ("dataset", "depth", "seed"))
    trainings = [task.training for task, _ in results]
    require_equal(trainings, ("epochs", "batch_size"))


@dataclass(frozen=True)
class Setting:
    """All pairs of one optimiser, width and learning rate."""

    optimiser: str
    width: int
    rate: float
    pairs: Sequence[Pair]

    @property
    def loss(self) -> Mean:
        """Test loss of the networks themselves."""
        return self.mean(lambda pair: float(np.mean(pair.losses)))

    def mean(self, of: Callable[[Pair], float]) -> Mean:
        """Over pairs."""
        return Mean.over([of(pair) for pair in self.pairs])

    def dimension(self, matching: str, layer: int, kind: str = "dimension") -> Mean:
        """Of a field of `Compared`."""
        return self.mean(lambda pair: getattr(pair.aligned[matching].compared, kind)[layer])


def settings(results: Results) -> list[Setting]:
    """By optimiser, width, rate."""
    found: dict[tuple[str, int, float], list[Pair]] = {}
    for task, measured in sorted(results, key=lambda result: result[0].first):
        training = task.training
        key = training.optimiser, task.width, training.learning_rate
        found.setdefault(key, []).extend(measured.pairs)
    order = sorted(found, key=lambda key: (key[0] != "sgd", key))
    return [Setting(*key, found[key]) for key in order]


def layers_shown(setting: Setting) -> list[int]:
    """First, middle and last hidden layer, counted from 0."""
    depth = len(setting.pairs[0].aligned[UNMATCHED].on_data)
    return sorted({0, depth // 2, depth - 1})


def report(results: Results) -> list[Part]:
    """Losses and barriers, dimensions, what else there is, correlations, verdicts."""
    rows = settings(results)
    widest = {row.optimiser: row.width for row in rows}
    shown = [row for row in rows if row.width == widest[row.optimiser]]
    seen = observations(results)
    return [
        _losses(rows),
        _barriers(rows),
        _dimensions(shown),
        _centred(shown),
        _others(shown),
        *(_correlations(optimiser, seen) for optimiser in widest),
        *(_verdicts(optimiser, verdicts(optimiser, seen)) for optimiser in widest),
        *(_beside_published(own) if (own := _of_published_size(results)) else []),
    ]


_OPTIMISER = Column[Setting]("optimiser", lambda row: row.optimiser, head=" ", left=True, once=True)
_WIDTH = Column[Setting]("width", lambda row: row.width, head="m", form="d", once=True)
_RATE = Column[Setting]("rate", lambda row: row.rate, form=".2g")
_SHOWN = (UNMATCHED, *MATCHINGS)
_HEADS = {"unmatched": "none", "covariance": "covar.", "activation": "activ."}


def _section(row: Setting) -> object:
    return row.optimiser, row.width


def _of_alignments(field: str, names: Sequence[str] = _SHOWN) -> list[Column[Setting]]:
    def column(name: str) -> Column[Setting]:
        def mean(row: Setting) -> Mean:
            return row.mean(lambda pair: getattr(pair.aligned[name], field))

        return Column(name, mean, head=_HEADS.get(name, name))

    return [column(name) for name in names]


def _losses(rows: Sequence[Setting]) -> Table[Setting]:
    return Table(
        "Test loss at the midpoint, as Ferbach et al. plot it",
        "Means over pairs, in brackets the standard error. networks: their own test loss. Theirs:"
        " naive, weighted, covar. (activation matching of their code). Others: activ., which does"
        " not take off the mean; weight.",
        [
            *(_OPTIMISER, _WIDTH, _RATE),
            Column("networks", lambda row: row.loss),
            *_of_alignments("midpoint"),
        ],
        rows,
        sections=_section,
    )


def _barriers(rows: Sequence[Setting]) -> Table[Setting]:
    return Table(
        "Barrier of the test loss: signed maximum over t above the chord",
        "moved: |W - W_0|^2 / |W_0|^2 of the weights of hidden layers, mean over layers.",
        [
            *(_OPTIMISER, _WIDTH, _RATE),
            Column("moved", lambda row: row.mean(lambda pair: float(np.mean(pair.moved[:-1])))),
            *_of_alignments("barrier"),
        ],
        rows,
        sections=_section,
    )


def _by_layer(rows: Sequence[Setting], kinds: Sequence[tuple[str, str]]) -> list[Column[Setting]]:
    """Columns of fields of `Compared`, by matching, field and layer."""

    def column(matching: str, kind: str, layer: int) -> Column[Setting]:
        of = partial(Setting.dimension, matching=matching, layer=layer, kind=kind)
        head = f"{_HEADS.get(matching, matching)[:5]} {layer + 1}"
        return Column(f"{matching} {kind} {layer + 1}", of, head=head)

    layers = layers_shown(rows[0]) if rows else []
    return [column(*kind, layer) for kind in kinds for layer in layers]


def _dimensions(rows: Sequence[Setting]) -> Table[Setting]:
    kinds = [(name, "dimension") for name in THEIRS]
    return Table(
        "Approximate dimension tr(S)^2 / tr(S^2), by layer, the widest networks",
        "S: W^T W (naive), W Sigma W^T (weigh.), second moment of activations (covar.), of A, as"
        " Ferbach et al.",
        [_OPTIMISER, _RATE, *_by_layer(rows, kinds)],
        rows,
        sections=_section,
    )


def _centred(rows: Sequence[Setting]) -> Table[Setting]:
    kinds = [("weighted", "centred"), ("covariance", "centred"), ("weighted", "law")]
    return Table(
        "The same of centred moments",
        "First weigh. and covar.: activations about their mean over the data. Last weigh.: neurons"
        " about their mean, as rates of matching have it, Sigma not centred.",
        [_OPTIMISER, _RATE, *_by_layer(rows, kinds)],
        rows,
        sections=_section,
    )


def _others(rows: Sequence[Setting]) -> Table[Setting]:
    def cost(name: str) -> Column[Setting]:
        def mean(row: Setting) -> Mean:
            return row.mean(lambda pair: float(np.mean(pair.aligned[name].compared.cost)))  # type: ignore[union-attr]

        return Column(f"{name} cost", mean, head=_HEADS.get(name, name))

    def coherence(name: str) -> Column[Setting]:
        def mean(row: Setting) -> Mean | None:
            found = row.mean(lambda pair: pair.aligned[name].coherence)
            return None if np.isnan(found.value) else found

        return Column(f"{name} coherence", mean, head=_HEADS.get(name, name))

    return Table(
        "What else could foretell barriers, the widest networks",
        "First: matching cost, mean over layers, about 1 for neurons with nothing in common. Last:"
        " coherence, how much the errors of the last hidden neurons add up.",
        [
            _OPTIMISER,
            _RATE,
            *(cost(name) for name in _COMPARED),
            *(coherence(name) for name in _COMPARED),
        ],
        rows,
        sections=_section,
    )


_COMPARED = (*THEIRS, "weight")


@dataclass(frozen=True)
class _Correlated:
    """One predictor of the barriers of one matching, or of all three together."""

    matching: str
    predictor: str
    whole: Correlation | None
    given_width: Correlation | None
    given_rate: Correlation | None
    given_both: Correlation | None

    @classmethod
    def of(
        cls, matching: str, predictor: str, seen: Sequence[Observation], copies: int = 1
    ) -> "_Correlated":
        def given(*shared: str) -> Correlation | None:
            own = ("matching", *shared) if copies > 1 and shared else shared
            return correlated(predictor, "barrier", seen, own, copies=copies)

        return cls(
            matching,
            predictor,
            *(given(), given("width"), given("rate"), given("width", "rate")),
        )


def _correlations(optimiser: str, seen: Sequence[Observation]) -> Table[_Correlated]:
    own = [one for one in seen if one.optimiser == optimiser]
    rows = [
        _Correlated.of(name, predictor, [one for one in own if one.matching == name])
        for name in MATCHINGS
        for predictor in PREDICTORS
    ]
    theirs = [one for one in own if one.matching in THEIRS]
    rows += [
        _Correlated.of("all three", predictor, theirs, copies=len(THEIRS))
        for predictor in PREDICTORS
    ]

    def column(name: str, field: str) -> Column[_Correlated]:
        def text(row: _Correlated) -> str | None:
            found = getattr(row, field)
            return None if found is None else str(found)

        return Column(name, text)

    return Table(
        f"What goes with the barrier, by {optimiser}: rank correlations over pairs, and 95 %",
        "Given: within each width, rate, or both (seeds alone vary); of all three of theirs also"
        " within each matching. dimension, centred, law: approximate, mean log over layers. cost:"
        " in what the matching compares; on data: in pre-activations.",
        [
            Column("matching", lambda row: row.matching, left=True, once=True),
            Column("predictor", lambda row: row.predictor.replace("_", " "), left=True),
            column("all pairs", "whole"),
            column("given width", "given_width"),
            column("given rate", "given_rate"),
            column("given both", "given_both"),
        ],
        rows,
        sections=lambda row: row.matching,
    )


def _verdicts(optimiser: str, rows: Sequence[Claim]) -> Table[Claim]:
    published = optimiser == "sgd"
    return Table(
        f"What Figure 2 of Ferbach et al. shows, and what {optimiser} does",
        "Rank correlations given the width, with 95 %. Not reproduced: with a power of 80 % or more"
        " at a correlation of .5, less than the figure's. Dimensions fall, rise, rise in the"
        " figure. Barriers" + (" are" if published else ", and adam, are") + " not in it.",
        [
            Column("claim", lambda row: row.claim, left=True, once=True),
            Column("matching", lambda row: row.of, left=True),
            Column("number", lambda row: row.found, left=True),
            Column("verdict", lambda row: row.verdict, left=True),
        ],
        rows,
        sections=lambda row: row.claim,
    )


def _of_published_size(results: Results) -> list[Setting]:
    def is_one(task: Task) -> bool:
        shape, training = (task.dataset, task.depth, task.width), task.training
        published = shape == ("mnist", 3, 512) and training.learning_rate in RATES
        return published and (training.optimiser, training.epochs) == ("sgd", 50)

    return settings([result for result in results if is_one(result[0])])


def _beside_published(rows: Sequence[Setting]) -> list[Table[Setting]]:
    def loss(name: str) -> Callable[[Setting], Mean]:
        if name == "networks":
            return lambda row: row.loss
        return lambda row: row.mean(lambda pair: pair.aligned[name].midpoint)

    def dimension(name: str) -> Callable[[Setting], Mean]:
        return lambda row: row.dimension(name, 0)

    kinds = (
        ("Test losses, of networks and at the midpoint", LOSSES, loss),
        ("Approximate dimensions of the first layer", DIMENSIONS, dimension),
    )
    return [
        Table(
            f"{title}, beside the published figure",
            "fig.: read off the figure to 1 or 2 %.",
            [
                _RATE,
                *(c for name in read_off for c in _beside(name, of(name), read_off[name])),
            ],
            rows,
        )
        for title, read_off, of in kinds
    ]


def _beside(
    name: str, measured: Callable[[Setting], Mean], published: Sequence[float]
) -> list[Column[Setting]]:
    return [
        Column(name, measured),
        Column(f"{name} fig.", lambda row: published[RATES.index(row.rate)], head="fig."),
    ]
