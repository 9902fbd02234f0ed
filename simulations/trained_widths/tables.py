"""The tables that the study prints, each at most 100 columns wide."""

from collections.abc import Sequence

from rich.table import Table

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.study import Config, Record
from lmctheory.terminal import make_table, show
from simulations.trained_widths.means import product
from simulations.trained_widths.measurement import TESTS
from simulations.trained_widths.summary import (
    COST_PREDICTORS,
    ERROR_PREDICTORS,
    Shape,
    summarise,
)

__all__ = ["print_report", "verdict"]

_SHAPE = ("decay", "depth", "width")
_PLACE = ("decay", "layer", "width")
_KINDS = (
    ("untrained, layer 1 (independent by construction)", False, False),
    ("untrained, deeper layers (they share the layers before)", False, True),
    ("trained, layer 1", True, False),
    ("trained, deeper layers", True, True),
)
"""Layers that the tests of independence are counted for: name, trained, deeper than the first."""


def print_report(results: Sequence[tuple[Config, Record]]) -> None:
    """Prints the tests of independence, then predicted costs and function errors, uncut."""
    shapes = summarise(results)
    show(_independence(shapes), verdict(shapes), "")
    show(_costs(shapes), _causes(shapes), _errors(shapes))


def _over(predicted: Mean, measured: Mean) -> str:
    return str(product((predicted, 1), (measured, -1)))


def verdict(shapes: Sequence[Shape]) -> str:
    """How many tests reject: where neurons are independent by construction, and elsewhere."""
    lines = ["Tests with p <= 0.05, of 5 % expected if neurons are independent:"]
    for kind, trained, deeper in _KINDS:
        counts = []
        for name in TESTS:
            tests = [
                shape.test(layer, width, name)
                for shape in shapes
                if (shape.phase != "initial") == trained
                for layer in range(shape.depth)
                if (layer > 0) == deeper
                for width in shape.widths
            ]
            made = [test[1] for test in tests if test is not None]
            if made:
                counts.append(f"{name} {sum(p <= 0.05 for p in made)} of {len(made)}")
        if counts:
            lines.append(f"  {kind}: {', '.join(counts)}")
    return "\n".join(lines)


def _independence(shapes: Sequence[Shape]) -> Table:
    table = make_table(
        "Are neurons of one network independent? Permutation tests with several networks",
        "decay: weight decay (those of one width share their initial weights), or untrained. cost:"
        " W_2^2 per neuron between networks, in brackets the standard error of the last digit; F:"
        " variance of the networks' means over that of independent neurons, of the neurons and of"
        " their second moments (< 1 repulsion, > 1 a shared effect). Ratios to what independent"
        " draws from the pool give, two-sided exact p."
        " *: p <= 0.05. -: not tested.",
        (*_PLACE, "cost", "ratio", "p", "F mean", "p", "F 2nd", "p"),
    )
    for shape in shapes:
        for layer in range(shape.depth):
            for width in shape.widths:
                tests = [shape.test(layer, width, name) for name in TESTS]
                table.add_row(
                    *_place(shape, layer, width),
                    str(shape.cost(layer, width)),
                    *(cell for test in tests for cell in _tested(test)),
                )
    return table


def _tested(test: tuple[float, float] | None) -> tuple[str, str]:
    if test is None:
        return "-", "-"
    ratio, p = test
    return f"{ratio:.3f}", f"{p:.2f}{'*' if p <= 0.05 else ' '}"


def _costs(shapes: Sequence[Shape]) -> Table:
    table = make_table(
        "Matching cost per neuron at unseen widths: predicted / measured",
        "pool: resampled from the neurons of the widest estimating networks; moved: the same, the"
        " movement of training rescaled; gauss: the Gaussian of that covariance, L and U its bounds"
        " (R11); slope: power law through the pool's costs; trend: through those measured at the"
        " estimating widths. In brackets the standard error of the last digit.",
        (*_PLACE, "measured", *COST_PREDICTORS, "L", "U"),
    )
    for shape, layer, width in _tested_places(shapes):
        measured = shape.cost(layer, width)
        table.add_row(
            *_place(shape, layer, width),
            str(measured),
            *(
                _over(shape.predicted_cost(layer, width, name), measured)
                for name in COST_PREDICTORS
            ),
            *(f"{side / measured.value:.2f}" for side in shape.sandwich(layer, width)),
        )
    return table


def _causes(shapes: Sequence[Shape]) -> Table:
    table = make_table(
        "Why the pool misses: pool / measured = law x dependence",
        "law: cost of the pool over that of the new width's own pool (independent neurons of the"
        " trained law at that width): how far the law of a neuron changes. dependence: the own"
        " pool's over the measured cost. moved: the prediction, likewise over the own pool's.",
        (*_PLACE, "pool/measured", "law", "dependence", "moved"),
    )
    for shape, layer, width in _tested_places(shapes):
        measured, own = shape.cost(layer, width), shape.pseudo_cost(layer, width)
        pool, moved = (shape.predicted_cost(layer, width, name) for name in ("pool", "moved"))
        table.add_row(
            *_place(shape, layer, width),
            _over(pool, measured),
            _over(pool, own),
            _over(own, measured),
            _over(moved, own),
        )
    return table


def _errors(shapes: Sequence[Shape]) -> Table:
    table = make_table(
        "Function error at the midpoint of matched networks: predicted / measured",
        "measured: root mean square of f_1/2 - (f_A + f_B)/2 relative to f = incoherent (neurons"
        " contribute uncorrelated errors) x coherence. inc./D1: incoherent error over D1's, both"
        " from measured quantities. D1: from the last layer's cost as moved predicts it, a"
        " bound for independent rows only; corrected: times a power law through measured / D1 at"
        " the estimating widths; trend: power law through their errors.",
        (*_SHAPE, "accuracy", "measured", "inc./D1", "coherence", *ERROR_PREDICTORS),
    )
    for shape in shapes:
        for width in shape.widths:
            measured, incoherent = shape.error(width), shape.incoherent(width)
            unseen = width in shape.config["testing"]
            table.add_row(
                shape.phase,
                str(shape.depth),
                str(width),
                str(shape.accuracy(width)),
                str(measured),
                _over(incoherent, shape.d1(width)),
                _over(measured, incoherent),
                *(
                    _over(shape.predicted_error(width, name), measured) if unseen else ""
                    for name in ERROR_PREDICTORS
                ),
            )
    return table


def _tested_places(shapes: Sequence[Shape]) -> list[tuple[Shape, int, int]]:
    return [
        (shape, layer, width)
        for shape in shapes
        for layer in range(shape.depth)
        for width in shape.config["testing"]
    ]


def _place(shape: Shape, layer: int, width: int) -> tuple[str, str, str]:
    return shape.phase, f"{layer + 1} of {shape.depth}", str(width)
