"""The tables that the study prints, each at most 100 columns wide."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from lmctheory.tables import Column, Table
from simulations.declaration import Part
from simulations.layerwise.answers import answers
from simulations.layerwise.measurement import TOLERANCE
from simulations.layerwise.pair import Features, Pair, Recommended
from simulations.layerwise.summary import Cell, Results, by_epochs, by_width, cells
from simulations.layerwise.tasks import LEWC, TRAINED

__all__ = ["report"]

_OF_LAST_DIGIT = "In brackets, the standard error of the last digit, over pairs."

Quantity = Callable[[Pair], float | None]


def report(results: Results) -> list[Part]:
    """Barriers beside their null models, features, recommendations, and five answers."""
    found = cells(results)
    parts: list[Part] = []
    if found:
        parts += [_singles(found), _windows(found), _splits(found), _recommended(found)]
    if followed := [cell for cell in found if cell.task.architecture == TRAINED]:
        parts.append(_features(followed))
    if trained := by_epochs(results):
        parts.append(_training(_both(trained)))
    if widths := by_width(results):
        parts.append(_recalibrated(_both(widths)))
    return [*parts, answers(results)]


_PLACE = (
    Column[Cell[Pair]](
        "network", lambda cell: cell.task.architecture, head=" ", left=True, once=True
    ),
    Column[Cell[Pair]]("joined", lambda cell: cell.way, head=" ", left=True),
)


def _mean(name: str, quantity: Quantity, head: str = "") -> Column[Cell[Pair]]:
    return Column(name, lambda cell: cell.mean(quantity), head=head)


def _singles(found: Sequence[Cell[Pair]]) -> Table[Cell[Pair]]:
    return Table(
        "Single layers: barriers of the test loss at t = 1/2, means over layers and base networks",
        "path: all layers. full, edge: against the full networks, the swapped ends. share: path /"
        " layers. noise: in random directions of the same norm. curv.: curvature towards the other"
        f" network / at random. worst: layer of the largest mean barrier. {_OF_LAST_DIGIT}",
        [
            *_PLACE,
            _mean("path", lambda pair: pair.path),
            _mean("full", lambda pair: pair.single.mean()),
            _mean("share", lambda pair: pair.share),
            _mean("noise", lambda pair: pair.noise().mean()),
            _mean("edge", lambda pair: pair.of_single(pair.edge).mean()),
            Column("curv.", _curvatures, form=".2f"),
            Column("worst", lambda cell: _largest([pair.single for pair in cell.pairs])),
        ],
        found,
    )


def _curvatures(cell: Cell[Pair]) -> float:
    towards = np.sum([pair.curvature.towards for pair in cell.pairs])
    return float(towards / np.sum([pair.curvature.random for pair in cell.pairs]))


def _largest(values: Sequence[np.ndarray]) -> str:
    """The layer of the largest mean over pairs, of all layers."""
    return f"{np.mean(values, axis=0).argmax() + 1}/{len(values[0])}"


def _windows(found: Sequence[Cell[Pair]]) -> Table[Cell[Pair]]:
    def window(name: str, place: Callable[[Pair], int]) -> Column[Cell[Pair]]:
        return _mean(name, lambda pair: pair.windows(pair.half)[place(pair)])

    return Table(
        "Windows of w consecutive layers, half of all: barriers at t = 1/2 by where they are",
        "random: groups of w layers anywhere. share: w / layers of the path's barrier. noise: in"
        " random directions of the same norm, same windows (ResNet-20: those at the ends)."
        f" {_OF_LAST_DIGIT}",
        [
            *_PLACE,
            Column("w", lambda cell: cell.pairs[0].half, form="d"),
            window("first", lambda _: 0),
            window("middle", lambda pair: (pair.count - pair.half) // 2),
            window("last", lambda _: -1),
            _mean("random", lambda pair: pair.groups(pair.half).mean()),
            _mean("share", lambda pair: pair.path * pair.half / pair.count),
            _mean("noise", lambda pair: pair.noise(pair.half).mean()),
        ],
        found,
    )


def _splits(found: Sequence[Cell[Pair]]) -> Table[Cell[Pair]]:
    def split(name: str, of: Callable[[float, np.ndarray], float]) -> Column[Cell[Pair]]:
        def value(cell: Cell[Pair]) -> float | None:
            one = cell.pairs[0].split
            return None if one is None else of(one.barrier, np.array(one.matrix))

        return Column(name, value)

    return Table(
        "The path's barrier split into layers (L5), and Shapley values",
        "curvature: diagonal, single layers along the full path (one pair, few examples). Shapley:"
        " of the midpoint's loss, the largest layer's part of the sum of absolute values (1/L if"
        " all are equal). drop: of the accuracy at t = 1/2, single layers."
        f" {_OF_LAST_DIGIT}",
        [
            *_PLACE,
            split("barrier", lambda barrier, _: barrier),
            split("curvature", lambda _, matrix: matrix.trace()),
            split("interaction", lambda _, matrix: matrix.sum() - matrix.trace()),
            _mean("Shapley", lambda pair: _shapley(pair).max() / _shapley(pair).sum()),
            Column("layer", lambda cell: _largest([_shapley(pair) for pair in cell.pairs])),
            Column("1/L", lambda cell: 1 / cell.pairs[0].count, form=".3f"),
            _mean("drop", lambda pair: pair.of_single(pair.accuracy_drop).mean()),
        ],
        found,
    )


def _shapley(pair: Pair) -> np.ndarray:
    return np.abs(pair.shapley or [])


def _recommended(found: Sequence[Cell[Pair]]) -> Table[Cell[Pair]]:
    def mean(
        name: str, of: Callable[[Pair, Recommended], float], head: str = ""
    ) -> Column[Cell[Pair]]:
        def quantity(pair: Pair) -> float | None:
            return None if pair.recommended is None else of(pair, pair.recommended)

        return _mean(name, quantity, head)

    return Table(
        f"Most parameters that can be averaged at {TOLERANCE:g} nats more than the base's loss",
        "Chosen on training data; layers, param.: part of all that is moved. rise: of the test"
        " loss. holds: part of the pairs within the tolerance there. random: as many layers, 20"
        f" draws. {_OF_LAST_DIGIT}",
        [
            *_PLACE,
            mean("layers", lambda pair, one: len(one.layers) / pair.count),
            mean("param.", lambda _, one: one.parameters),
            mean("rise", lambda _, one: one.rise),
            mean("holds", lambda _, one: one.holds),
            mean("random: rise", lambda _, one: one.random_rise),
            mean("random: holds", lambda _, one: one.random_holds, "holds"),
        ],
        found,
    )


def _features(found: Sequence[Cell[Pair]]) -> Table[int]:
    depths = found[0].pairs[0].features.depth
    return Table(
        f"Features of the midpoint, {found[0].task.architecture}: LLFC and LEWC, means over test"
        " examples",
        "1 - cos to the mean of both networks' features (1 - cos between the networks), and the"
        " coefficient, which is 1 under LLFC and 2^(1-l) under LEWC.",
        [
            Column("layer", lambda k: k + 1, form="d"),
            Column("LEWC", lambda k: 2.0 ** (1 - depths[k])),
            *(column for cell in found for column in _similarity(cell)),
        ],
        range(len(depths)),
    )


def _similarity(cell: Cell[Pair]) -> tuple[Column[int], Column[int]]:
    def mean(of: Callable[[Features], list[float]], k: int) -> float:
        return float(np.mean([of(pair.features)[k] for pair in cell.pairs]))

    def angles(k: int) -> str:
        cosine, baseline = mean(lambda one: one.cosine, k), mean(lambda one: one.baseline, k)
        return f"{1 - cosine:.3f} ({1 - baseline:.2f})"

    return (
        Column(cell.way, angles),
        Column(f"{cell.way}: c", lambda k: mean(lambda one: one.coefficient, k), ".2f", "c"),
    )


class Both(NamedTuple):
    """The same networks, before and after matching."""

    unmatched: Cell[Pair]
    matched: Cell[Pair]


def _both(found: Sequence[Cell[Pair]]) -> list[Both]:
    return [Both(*pair) for pair in zip(found[::2], found[1::2], strict=True)]


def _before(name: str, quantity: Quantity) -> Column[Both]:
    return Column(name, lambda both: both.unmatched.mean(quantity))


def _after(name: str, quantity: Quantity, head: str = "") -> Column[Both]:
    return Column(name, lambda both: both.matched.mean(quantity), head=head)


def _training(found: Sequence[Both]) -> Table[Both]:
    return Table(
        f"Along training, constant learning rate: {TRAINED}, independent networks",
        f"As above; means over layers and base networks. {_OF_LAST_DIGIT}",
        [
            Column("epochs", lambda both: both.unmatched.task.epochs, form="d"),
            _before("loss", lambda pair: float(np.mean(pair.losses))),
            _before("path", lambda pair: pair.path),
            _before("full", lambda pair: pair.single.mean()),
            _before("noise", lambda pair: pair.noise().mean()),
            _after("path, matched", lambda pair: pair.path),
            _after("full, matched", lambda pair: pair.single.mean(), "full"),
            _after("noise, matched", lambda pair: pair.noise().mean(), "noise"),
        ],
        found,
    )


def _recalibrated(found: Sequence[Both]) -> Table[Both]:
    return Table(
        f"LEWC (L8): {LEWC} by width, without matching, temperature recalibrated on training data",
        "recal.: of the midpoint alone. coefficient, LLFC, LEWC: at the last hidden layer, the last"
        f" two relative errors of the predicted features; LEWC predicts 1/2. {_OF_LAST_DIGIT}",
        [
            Column("width", lambda both: both.unmatched.task.width, form="d"),
            _before("path", lambda pair: pair.path),
            _before("recal.", lambda pair: pair.recalibrated),
            _before("coefficient", lambda pair: pair.features.coefficient[-2]),
            _before("LLFC", lambda pair: pair.features.llfc_error[-2]),
            _before("LEWC", lambda pair: pair.features.lewc_error[-2]),
            _after("path, matched", lambda pair: pair.path),
            _after("LLFC, matched", lambda pair: pair.features.llfc_error[-2], "LLFC"),
        ],
        found,
    )
