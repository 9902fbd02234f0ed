"""What `star` measured, as tables, and the claims that it tests."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table
from simulations.declaration import Part, require_equal
from simulations.effects import Claim, Effect, effects_table
from simulations.power_law import power_law
from simulations.star.measurement import CENTRES, TRIANGLES, Measured, Rays, Task

__all__ = ["Results", "Shape", "claims", "report", "require_one_study", "shapes"]

Results = Sequence[tuple[Task, Measured]]
_SAID_LEFT = -0.58
"""Of the barrier of the training loss to held-out networks against that of pairs: the released
results of Sonthalia et al. for MLPs with one hidden layer of 16 to 256 neurons on MNIST."""
_SAID_UNSEEN = 0.21
"""What held-out networks have more than sources there, in barriers of pairs."""

_EFFECTS = (
    "Sonthalia et al. 2024, Sharma et al. 2024, Lin, Li and Wu 2024. Effects are differences of"
    " barriers, of the training loss for the star and of the test loss below it, in barriers of"
    " pairs; shares of the long network's test loss; an exponent; distances beyond 1.1. longest:"
    " the star that was trained for most epochs, to unseen networks."
)


@dataclass(frozen=True)
class Shape:
    """All repetitions of one shape.

    Attributes:
        depth: hidden layers.
        width: of each.
        sources: networks that centres were made of.
        epochs: of the star and of the long network.
        found: by repetition.
    """

    depth: int
    width: int
    sources: int
    epochs: int
    found: Sequence[Measured]

    def draws(self, of: Callable[[Measured], float]) -> list[float]:
        """A number of every repetition."""
        return [of(one) for one in self.found]

    def mean(self, of: Callable[[Measured], float]) -> Mean:
        """With the standard error over repetitions."""
        return Mean.over(self.draws(of))

    def relative(
        self,
        first: Callable[[Measured], float],
        second: Callable[[Measured], float],
        unit: Callable[[Measured], float],
    ) -> list[float]:
        """By repetition by how much the first is above the second, in means of a third."""
        scale = self.mean(unit).value
        return [(first(one) - second(one)) / scale for one in self.found]


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than shapes, repetitions, sources and the star's epochs.
    """
    names = ("dataset", "held_out", "method", "training", "seed")
    require_equal([task for task, _ in results], names)


def shapes(results: Results) -> tuple[list[Shape], list[Shape]]:
    """Those of the usual star, and all of the width at which other stars are tried."""
    grouped: dict[tuple[int, int, int, int], list[tuple[int, Measured]]] = {}
    for task, one in results:
        key = task.depth, task.width, task.sources, task.centre_epochs
        grouped.setdefault(key, []).append((task.repetition, one))
    found = [
        Shape(*key, [one for _, one in sorted(members, key=lambda each: each[0])])
        for key, members in sorted(grouped.items())
    ]
    if not found:
        return [], []
    stars = Counter((shape.sources, shape.epochs) for shape in found)
    usual, _ = stars.most_common(1)[0]
    tried = {(s.depth, s.width) for s in found if (s.sources, s.epochs) != usual}
    return (
        [shape for shape in found if (shape.sources, shape.epochs) == usual],
        [shape for shape in found if (shape.depth, shape.width) in tried],
    )


def report(results: Results) -> list[Part]:
    """Barriers to centres, what centres are themselves, simplices, and claims."""
    usual, tried = shapes(results)
    decided = [shape for shape in usual if shape.found[0].triangles["joint"].certified is not None]
    parts: list[Part] = [
        _training(usual),
        _test(usual),
        _own(usual),
        _other_stars(tried),
        _strong(usual),
        _triangles(usual),
    ]
    if decided:
        parts.append(_certified(decided))
    return [*parts, effects_table(claims(usual, tried), _EFFECTS)]


_PLACE = (
    Column[Shape]("layers", lambda shape: shape.depth, form="d", once=True),
    Column[Shape]("width", lambda shape: shape.width, head="m", form="d"),
)


def _column(name: str, of: Callable[[Measured], float], head: str = "") -> Column[Shape]:
    return Column(name, lambda shape: shape.mean(of), head=head)


def _pairs(one: Measured) -> Rays:
    return one.pairs


def _seen(centre: str) -> Callable[[Measured], Rays]:
    return lambda one: one.centres[centre].sources


def _unseen(centre: str) -> Callable[[Measured], Rays]:
    return lambda one: one.centres[centre].held_out


def _through(centre: str) -> Callable[[Measured], Rays]:
    return lambda one: one.centres[centre].through


def _train(of: Callable[[Measured], Rays]) -> Callable[[Measured], float]:
    return lambda one: of(one).train


def _on_test(of: Callable[[Measured], Rays]) -> Callable[[Measured], float]:
    return lambda one: of(one).test


def _training(rows: Sequence[Shape]) -> Table[Shape]:
    columns = [
        _column(f"{centre} {kind}", _train(of(centre)), head=centre if kind == "seen" else "unseen")
        for centre in ("star", "long", "mean")
        for kind, of in (("seen", _seen), ("unseen", _unseen))
    ]
    return Table(
        "Barrier of the training loss, everything matched with the centre",
        "pairs: ordinary networks. star, long, mean: from the centre to the networks that it was"
        " made of; unseen: to others. In brackets the standard error over repetitions.",
        [*_PLACE, _column("pairs", _train(_pairs)), *columns],
        rows,
        sections=lambda shape: shape.depth,
    )


def _test(rows: Sequence[Shape]) -> Table[Shape]:
    barriers = [_column(centre, _on_test(_unseen(centre))) for centre in ("star", "long", "mean")]
    peaks = [
        _column(f"peak of {centre}", _peak(centre), head="peak" if centre == "star" else centre)
        for centre in ("star", "long", "mean")
    ]
    return Table(
        "Barrier of the test loss to unseen networks, and the largest test loss on the way",
        "pairs: ordinary networks. peak: the largest test loss on the way from the star, from the"
        " long network and from the mean, and between pairs.",
        [
            *_PLACE,
            _column("pairs", _on_test(_pairs)),
            *barriers,
            *peaks,
            _column("peak of pairs", lambda one: one.pairs.peak, head="pairs"),
        ],
        rows,
        sections=lambda shape: shape.depth,
    )


def _peak(centre: str) -> Callable[[Measured], float]:
    return lambda one: one.centres[centre].held_out.peak


def _loss(centre: str) -> Callable[[Measured], float]:
    return lambda one: one.centres[centre].loss


def _accuracy(centre: str) -> Callable[[Measured], float]:
    return lambda one: one.centres[centre].accuracy


def _own(rows: Sequence[Shape]) -> Table[Shape]:
    return Table(
        "The centres themselves: test loss, and test accuracy",
        "ordinary: a network trained as sources are.",
        [
            *_PLACE,
            *(_column(f"loss of {name}", _loss(name), head=name) for name in CENTRES),
            *(_column(f"accuracy of {name}", _accuracy(name), head=name) for name in CENTRES),
        ],
        rows,
        sections=lambda shape: shape.depth,
    )


def _other_stars(rows: Sequence[Shape]) -> Table[Shape]:
    return Table(
        "Other stars: the number of their sources, and how long they are trained",
        "Barriers of the training loss; long: from the network trained as long to unseen ones."
        " beyond: of what pairs have, the share by which unseen networks exceed sources. loss: own"
        " test loss of the star, and of the long network.",
        [
            *_PLACE,
            Column("sources", lambda shape: shape.sources, form="d"),
            Column("epochs", lambda shape: shape.epochs, form="d"),
            _column("pairs", _train(_pairs)),
            _column("seen", _train(_seen("star"))),
            _column("unseen", _train(_unseen("star"))),
            _column("long", _train(_unseen("long"))),
            Column("beyond", lambda shape: Mean.over(_beyond(shape))),
            _column("loss of the star", _loss("star"), head="loss"),
            _column("loss of the long network", _loss("long"), head="long"),
        ],
        rows,
        sections=lambda shape: shape.depth,
    )


def _beyond(shape: Shape) -> list[float]:
    return shape.relative(_train(_unseen("star")), _train(_seen("star")), _train(_pairs))


def _strong(rows: Sequence[Shape]) -> Table[Shape]:
    return Table(
        "Held-out networks that are matched with a third one only: barrier of the test loss",
        "pairs: matched with each other. length: of the way over the star, in distances.",
        [
            *_PLACE,
            _column("pairs", _on_test(_pairs)),
            *(_column(centre, _on_test(_through(centre))) for centre in CENTRES),
            _column("length", _length),
            _column("over ordinary", lambda one: one.centres["ordinary"].length),
        ],
        rows,
        sections=lambda shape: shape.depth,
    )


def _triangles(rows: Sequence[Shape]) -> Table[Shape]:
    return Table(
        "Three networks: the largest barrier of the test loss among all convex combinations",
        "On a grid. Three held-out networks: jointly matched, or with the star, or with an"
        " ordinary network; and the star with two of them.",
        [
            *_PLACE,
            *(_column(name, _largest(name)) for name in TRIANGLES),
        ],
        rows,
        sections=lambda shape: shape.depth,
    )


def _largest(name: str) -> Callable[[Measured], float]:
    return lambda one: one.triangles[name].barrier


def _certified(rows: Sequence[Shape]) -> Table[Shape]:
    def share(name: str, kind: str) -> Column[Shape]:
        head = name if kind == "certified" else "not"
        return Column(
            f"{name} {kind}",
            lambda shape: shape.mean(lambda one: 100 * (getattr(one.triangles[name], kind) or 0.0)),
            head=head,
        )

    return Table(
        "The same, decided for every convex combination (C5): per cent of the examples",
        "Certified: right for all combinations; not: wrong for one. The rest is undecided.",
        [
            *_PLACE,
            *(share(name, kind) for name in TRIANGLES for kind in ("certified", "refuted")),
        ],
        rows,
        sections=lambda shape: shape.depth,
    )


def claims(rows: Sequence[Shape], tried: Sequence[Shape] = ()) -> list[Claim]:
    """What was published and what controls say.

    Args:
        rows: shapes of the usual star, over which effects are means.
        tried: other stars; the one that was trained for longest is judged by itself.
    """
    pairs, star = _train(_pairs), _train(_unseen("star"))
    pairs_test = _on_test(_pairs)

    def over(
        first: Callable[[Measured], float],
        second: Callable[[Measured], float],
        unit: Callable[[Measured], float],
        among: Sequence[Shape] = rows,
    ) -> Effect | None:
        found = [shape.relative(first, second, unit) for shape in among]
        return Effect.over(found) if found else None

    longest = max((shape.epochs for shape in tried), default=0)
    ends = [
        shape
        for shape in tried
        if shape.epochs == longest and longest > max(row.epochs for row in rows)
    ]
    lengths = [[value - 1.1 for value in shape.draws(_length)] for shape in rows]
    through, ordinary = _on_test(_through("star")), _on_test(_through("ordinary"))
    sonthalia, sharma = "Sonthalia", "Sharma"
    return [
        Claim("unseen: star below pairs", sonthalia, over(star, pairs, pairs), _SAID_LEFT, True),
        Claim(
            "star: unseen above sources",
            *(sonthalia, over(star, _train(_seen("star")), pairs), _SAID_UNSEEN, True),
        ),
        Claim(
            "unseen: star below long",
            *("control", over(star, _train(_unseen("long")), pairs), _SAID_LEFT),
        ),
        Claim(
            "longest: star below pairs",
            *(sonthalia, over(star, pairs, pairs, ends), _SAID_LEFT, True),
        ),
        Claim(
            "longest: star below long",
            *("control", over(star, _train(_unseen("long")), pairs, ends), _SAID_LEFT),
        ),
        Claim(
            "unseen: star below mean",
            *("control", over(star, _train(_unseen("mean")), pairs), _SAID_LEFT),
        ),
        Claim(
            "own test loss: star below long",
            *(sonthalia, over(_loss("star"), _loss("long"), _loss("long")), -0.1),
        ),
        Claim(
            "one matching for all above own",
            *(sharma, over(ordinary, pairs_test, pairs_test), 0.5),
        ),
        Claim(
            "that by the star below another's",
            *("control", over(through, ordinary, pairs_test), -0.5),
        ),
        Claim(
            "barrier of three falls with width",
            *(sharma, _slope(rows, _largest("through ordinary")), -0.25),
        ),
        Claim(
            "way over star below 1.1 distances",
            *("Lin", Effect.over(lengths) if lengths else None, -0.1),
        ),
    ]


def _length(one: Measured) -> float:
    return one.centres["star"].length


def _slope(rows: Sequence[Shape], of: Callable[[Measured], float]) -> Effect | None:
    """The exponent of the width, mean over depths; None where it cannot be fitted."""
    by_depth: dict[int, dict[int, Mean]] = {}
    for shape in rows:
        by_depth.setdefault(shape.depth, {})[shape.width] = shape.mean(of)
    fitted = [means for means in by_depth.values() if len(means) > 1]
    every = [mean for means in fitted for mean in means.values()]
    if not every or any(mean.value <= 0 or not mean.error > 0 for mean in every):
        return None
    freedom = sum(len(shape.found) - 1 for shape in rows)
    return Effect.over_means([power_law(means).slope for means in fitted], freedom)
