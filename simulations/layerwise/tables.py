"""The tables that the study prints, each at most 100 columns wide."""

from collections.abc import Sequence

import numpy as np
from rich.table import Table

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.study import Config, Record
from lmctheory.terminal import make_table, show
from simulations.layerwise.answers import answers
from simulations.layerwise.measurement import TOLERANCE
from simulations.layerwise.plan import LEWC, TRAINED
from simulations.layerwise.summary import (
    WAYS,
    Cell,
    by_epochs,
    by_width,
    cells,
    groups,
    half,
    noise,
    single,
    windows,
)

__all__ = ["print_report"]

_OF_LAST_DIGIT = "In brackets, the standard error of the last digit, over pairs."


def print_report(results: Sequence[tuple[Config, Record]]) -> None:
    """Prints barriers beside their null models, features, recommendations, and five answers."""
    found = cells(results)
    if found:
        show(_singles(found), _windows(found), _splits(found), _recommended(found))
    if followed := [cell for cell in found if cell.architecture == TRAINED]:
        show(_features(followed))
    if trained := by_epochs(results):
        show(_training(trained))
    if widths := by_width(results):
        show(_recalibrated(widths))
    show(answers(results))


def _singles(found: Sequence[Cell]) -> Table:
    table = _table(
        "Single layers: barriers of the test loss at t = 1/2, means over layers and base networks",
        "path: all layers. full, edge: against the full networks, the swapped ends. share: path /"
        " layers. noise: in random directions of the same norm. curv.: curvature towards the other"
        f" network / at random. worst: layer of the largest mean barrier. {_OF_LAST_DIGIT}",
        ("path", "full", "share", "noise", "edge", "curv.", "worst"),
    )
    for cell in found:
        count = len(cell.pairs[0]["layers"])
        towards, random = (
            np.sum([pair["curvature"][name] for pair in cell.pairs])
            for name in ("towards", "random")
        )
        worst = int(np.mean([single(pair) for pair in cell.pairs], axis=0).argmax())
        table.add_row(
            *_place(cell, found),
            str(cell.mean(lambda pair: pair["path"])),
            str(cell.mean(lambda pair: single(pair).mean())),
            str(cell.mean(lambda pair: pair["path"] / len(pair["layers"]))),
            str(cell.mean(lambda pair: noise(pair).mean())),
            str(cell.mean(lambda pair: single(pair, "edge").mean())),
            f"{towards / random:.2f}",
            f"{worst + 1}/{count}",
        )
    return table


def _windows(found: Sequence[Cell]) -> Table:
    table = _table(
        "Windows of w consecutive layers, half of all: barriers at t = 1/2 by where they are",
        "random: groups of w layers anywhere. share: w / layers of the path's barrier. noise: in"
        " random directions of the same norm, same windows (ResNet-20: those at the ends)."
        f" {_OF_LAST_DIGIT}",
        ("w", "first", "middle", "last", "random", "share", "noise"),
    )
    for cell in found:
        w = half(cell.pairs[0])
        places = np.array([windows(pair, w)[[0, _middle(pair), -1]] for pair in cell.pairs])
        table.add_row(
            *_place(cell, found),
            str(w),
            *(str(Mean.over(column.tolist())) for column in places.T),
            str(cell.mean(lambda pair: groups(pair, half(pair)).mean())),
            str(cell.mean(lambda pair: pair["path"] * half(pair) / len(pair["layers"]))),
            str(cell.mean(lambda pair: noise(pair, half(pair)).mean())),
        )
    return table


def _middle(pair: Record) -> int:
    return (len(pair["layers"]) - half(pair)) // 2


def _splits(found: Sequence[Cell]) -> Table:
    table = _table(
        "The path's barrier split into layers (L5), and Shapley values",
        "curvature: diagonal, single layers along the full path (one pair, few examples). Shapley:"
        " of the midpoint's loss, the largest layer's part of the sum of absolute values (1/L if"
        " all are equal). drop: of the accuracy at t = 1/2, single layers."
        f" {_OF_LAST_DIGIT}",
        ("barrier", "curvature", "interaction", "Shapley", "layer", "1/L", "drop"),
    )
    for cell in found:
        values = np.abs([pair["shapley"] for pair in cell.pairs])
        parts = values.max(1) / values.sum(1)
        split = cell.pairs[0].get("split")
        numbers: tuple[str, ...] = ("-",) * 3
        if split:
            matrix = np.array(split["matrix"])
            trace = float(matrix.trace())
            numbers = tuple(
                f"{x:.3g}" for x in (split["barrier"], trace, float(matrix.sum()) - trace)
            )
        table.add_row(
            *_place(cell, found),
            *numbers,
            str(Mean.over(parts.tolist())),
            f"{int(values.mean(0).argmax()) + 1}/{values.shape[1]}",
            f"{1 / values.shape[1]:.3f}",
            str(cell.mean(lambda pair: single(pair, "accuracy drop").mean())),
        )
    return table


def _recommended(found: Sequence[Cell]) -> Table:
    table = _table(
        f"Most parameters that can be averaged at {TOLERANCE:g} nats more than the base's loss",
        "Chosen on training data; layers, param.: part of all that is moved. rise: of the test"
        " loss. holds: part of the pairs within the tolerance there. random: as many layers, 20"
        f" draws. {_OF_LAST_DIGIT}",
        ("layers", "param.", "rise", "holds", "random: rise", "holds"),
    )
    for cell in found:
        table.add_row(
            *_place(cell, found),
            str(cell.mean(lambda pair: len(pair["recommended"]["layers"]) / len(pair["layers"]))),
            *(
                str(cell.mean(lambda pair, name=name: float(pair["recommended"][name])))  # type: ignore[misc]
                for name in ("parameters", "rise", "holds", "random rise", "random holds")
            ),
        )
    return table


def _features(found: Sequence[Cell]) -> Table:
    table = make_table(
        f"Features of the midpoint, {found[0].architecture}: LLFC and LEWC, means over test"
        " examples",
        "1 - cos to the mean of both networks' features (1 - cos between the networks), and the"
        " coefficient, which is 1 under LLFC and 2^(1-l) under LEWC.",
        ("layer", "LEWC", *(name for way in WAYS for name in (way, "c"))),
    )
    depths = found[0].pairs[0]["features"]["depth"]
    for k, depth in enumerate(depths):
        row = [str(k + 1), f"{2.0 ** (1 - depth):.3g}"]
        for cell in found:
            cosine, baseline, coefficient = (
                np.mean([pair["features"][name][k] for pair in cell.pairs])
                for name in ("cosine", "baseline", "coefficient")
            )
            row += [f"{1 - cosine:.3f} ({1 - baseline:.2f})", f"{coefficient:.2f}"]
        table.add_row(*row)
    return table


def _training(found: Sequence[Cell]) -> Table:
    table = make_table(
        f"Along training, constant learning rate: {TRAINED}, independent networks",
        f"As above; means over layers and base networks. {_OF_LAST_DIGIT}",
        ("epochs", "loss", "path", "full", "noise", "path, matched", "full", "noise"),
    )
    for unmatched, matched in zip(found[::2], found[1::2], strict=True):
        row = [
            str(unmatched.config["epochs"]),
            str(unmatched.mean(lambda pair: float(np.mean(pair["losses"])))),
        ]
        for cell in (unmatched, matched):
            row += [
                str(cell.mean(lambda pair: pair["path"])),
                str(cell.mean(lambda pair: single(pair).mean())),
                str(cell.mean(lambda pair: noise(pair).mean())),
            ]
        table.add_row(*row)
    return table


def _recalibrated(found: Sequence[Cell]) -> Table:
    table = make_table(
        f"LEWC (L8): {LEWC} by width, without matching, temperature recalibrated on training data",
        "recal.: of the midpoint alone. coefficient, LLFC, LEWC: at the last hidden layer, the last"
        f" two relative errors of the predicted features; LEWC predicts 1/2. {_OF_LAST_DIGIT}",
        ("width", "path", "recal.", "coefficient", "LLFC", "LEWC", "path, matched", "LLFC"),
    )
    for unmatched, matched in zip(found[::2], found[1::2], strict=True):
        features = [
            unmatched.mean(lambda pair, name=name: pair["features"][name][-2])  # type: ignore[misc]
            for name in ("coefficient", "llfc_error", "lewc_error")
        ]
        table.add_row(
            str(unmatched.config["width"]),
            str(unmatched.mean(lambda pair: pair["path"])),
            str(unmatched.mean(_recalibrated_barrier)),
            *map(str, features),
            str(matched.mean(lambda pair: pair["path"])),
            str(matched.mean(lambda pair: pair["features"]["llfc_error"][-2])),
        )
    return table


def _recalibrated_barrier(pair: Record) -> float:
    return float("nan") if pair["recalibrated"] is None else float(pair["recalibrated"])


def _table(title: str, caption: str, columns: Sequence[str]) -> Table:
    return make_table(title, caption, ("", "", *columns), left=2)


def _place(cell: Cell, found: Sequence[Cell]) -> tuple[str, str]:
    """Architecture, where it changes, and way."""
    first = next(one for one in found if one.architecture == cell.architecture)
    return (cell.architecture if cell is first else ""), cell.way
