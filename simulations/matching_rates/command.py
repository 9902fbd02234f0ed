"""The study of matching rates, and its command."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from lmctheory.sweeps.typed import TypedStudy
from simulations.declaration import Declaration, study
from simulations.matching_rates.known_dimensions import DATA
from simulations.matching_rates.laws import (
    CANTOR,
    CUBES,
    DIMENSIONS,
    ENCLOSED,
    GIVEN,
    LOW_RANK,
    SANDWICHED,
    SHARPENED,
)
from simulations.matching_rates.measurement import Record, run_cost, run_dimensions, run_interval
from simulations.matching_rates.tables import (
    GIVEN_WIDTHS,
    SANDWICH_WIDTHS,
    SHARPENED_WIDTH,
    report,
)
from simulations.matching_rates.tasks import (
    CURVE_WIDTHS,
    EXPONENTS,
    CostTask,
    DimensionTask,
    IntervalTask,
    Task,
    cost_of,
)
from simulations.options import Seed

__all__ = ["DECLARATION", "STUDY", "matching_rates"]

STUDY: TypedStudy[Task, Record] = study(
    "matching_rates", 3, run_cost, run_dimensions, run_interval, cost=cost_of
)
_CURVES = {*CUBES.values(), *CANTOR.values(), *LOW_RANK.values()}


def matching_rates(
    dimension: Annotated[
        list[int] | None,
        typer.Option(min=DIMENSIONS[0], max=DIMENSIONS[-1], help="For exponents; may be repeated."),
    ] = None,
    widest: Annotated[int, typer.Option(min=64, help="Largest width.")] = 4096,
    draws: Annotated[int, typer.Option(min=2, help="Draws at small widths.")] = 64,
    seed: Seed = 0,
) -> Iterator[Task]:
    """Matching costs between their bounds, exponents and dimensions, measured beside the theory."""

    def costs(
        laws: Sequence[str], widths: Sequence[int], powers: Sequence[float]
    ) -> Iterator[CostTask]:
        """A cost that tables and curves share comes more than once."""
        for law in laws:
            for width in widths:
                if width <= widest:
                    repeats = _repeats(law, width, draws)
                    yield from (CostTask(law, width, p, repeats, seed) for p in powers)

    yield from costs(list(SANDWICHED), SANDWICH_WIDTHS, EXPONENTS)
    chosen = sorted(set(dimension or DIMENSIONS))
    curves = [names[d] for names in (CUBES, CANTOR) for d in chosen]
    yield from costs(curves, CURVE_WIDTHS, EXPONENTS)
    yield from costs(list(LOW_RANK.values()), CURVE_WIDTHS, (2.0,))
    yield from costs(list(SHARPENED), (SHARPENED_WIDTH,), (2.0,))
    yield from costs(list(GIVEN), GIVEN_WIDTHS, (2.0,))
    enclosed = [(law, width) for law in ENCLOSED for width in GIVEN_WIDTHS if width <= widest]
    yield from (
        # costs at small widths take no time
        IntervalTask(law, width, 6 * draws * max(1, 1000 // width), seed)
        for law, width in enclosed
    )
    yield from (DimensionTask(data, min(2000, widest), min(8, draws), seed) for data in DATA)


def _repeats(law: str, width: int, draws: int) -> int:
    """Fewer draws beyond a width of 500; many more on the line, where an exact draw is a sort."""
    if law == CUBES[1]:
        return 16 * draws
    least = 6 if law in _CURVES else 4  # an interval needs degrees of freedom
    return min(draws, max(least, int(draws * min(1, (500 / width) ** 2))))


DECLARATION = Declaration(
    STUDY,
    matching_rates,
    report,
    quick={"dimension": [1], "widest": 64, "draws": 2},
)
