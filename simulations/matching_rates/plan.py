"""Which costs and dimensions are measured, at which widths and how often."""

from collections.abc import Iterator, Sequence

from lmctheory.sweeps.study import Config
from simulations.matching_rates.known_dimensions import DATA
from simulations.matching_rates.laws import CANTOR, CUBES, LOW_RANK, SANDWICHED, SHARPENED

__all__ = ["CURVE_WIDTHS", "EXPONENTS", "SANDWICH_WIDTHS", "SHARPENED_WIDTH", "plan"]

SANDWICH_WIDTHS = (10, 100, 1000, 4096)
CURVE_WIDTHS = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
SHARPENED_WIDTH = 1000
EXPONENTS = (1.0, 2.0)
"""The p of W_p^p."""
_CURVES = {*CUBES.values(), *CANTOR.values(), *LOW_RANK.values()}


def plan(dimensions: Sequence[int], widest: int, draws: int, seed: int) -> Iterator[Config]:
    """All tasks: a cost that tables and curves share comes more than once.

    Args:
        dimensions: of the cubes and the Cantor dusts.
        widest: the largest width.
        draws: at small widths; fewer at large ones, whose draws vary less and take longer.
        seed: of everything.
    """

    def costs(
        laws: Sequence[str], widths: Sequence[int], powers: Sequence[float]
    ) -> Iterator[Config]:
        for law in laws:
            for width in widths:
                if width <= widest:
                    repeats = _repeats(law, width, draws)
                    for p in powers:
                        yield {"law": law, "width": width, "p": p, "repeats": repeats, "seed": seed}

    yield from costs(list(SANDWICHED), SANDWICH_WIDTHS, EXPONENTS)
    curves = [names[d] for names in (CUBES, CANTOR) for d in dimensions]
    yield from costs(curves, CURVE_WIDTHS, EXPONENTS)
    yield from costs(list(LOW_RANK.values()), CURVE_WIDTHS, (2.0,))
    yield from costs(list(SHARPENED), (SHARPENED_WIDTH,), (2.0,))
    for data in DATA:
        yield {"data": data, "points": min(2000, widest), "repeats": min(8, draws), "seed": seed}


def _repeats(law: str, width: int, draws: int) -> int:
    """Fewer draws beyond a width of 500; many more on the line, where an exact draw is a sort."""
    if law == CUBES[1]:
        return 16 * draws
    least = 6 if law in _CURVES else 4  # an interval needs degrees of freedom
    return min(draws, max(least, int(draws * min(1, (500 / width) ** 2))))
