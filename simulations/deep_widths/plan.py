"""Which networks are matched, at which widths and how often."""

from collections.abc import Iterator, Sequence

from lmctheory.sweeps.study import Config

__all__ = ["DEPTH", "EPS", "GAUSSIAN", "MARGINALS", "SIMULATED", "TIMES", "WIDTHS", "plan"]

WIDTHS = (64, 128, 256, 512, 1024, 2048, 4096)
DEPTH = 6
"""Hidden layers: a pair of that depth measures all smaller ones."""
TIMES = (0.5, 0.25, 0.1)
"""Points t of the line; the bound is symmetric about 1/2."""
GAUSSIAN = "Gaussian"
MARGINALS = ("uniform", "truncated normal", "signs + noise")
"""Other laws of a weight (D5), at one width."""
NON_GAUSSIAN_WIDTH = 512
SIMULATED = (256, 1024)
"""Widths at which the bound is computed with simulated costs, too."""
EPS = (0.5, 0.4, 0.3, 0.2)
"""Tolerances of the function error, relative to the root mean square of an output."""
DEEPEST_REQUIRED = 3
"""Hidden layers up to which required widths are computed."""


def plan(
    dataset: str, examples: int, widths: Sequence[int], depth: int, draws: int, seed: int
) -> Iterator[Config]:
    """All tasks: pairs of networks, and bounds.

    Args:
        dataset: "digits" or "mnist".
        examples: how many, from the front of the training set.
        widths: of all hidden layers.
        depth: of the deepest networks.
        draws: pairs at small widths; fewer at large ones.
        seed: of everything.
    """
    common = {"dataset": dataset, "examples": examples, "depth": depth, "seed": seed}

    def pairs(width: int, law: str, number: int) -> Iterator[Config]:
        for draw in range(number):
            yield common | {"task": "pair", "width": width, "law": law, "draw": draw}

    for width in widths:
        yield from pairs(width, GAUSSIAN, _repeats(width, draws))
        yield common | {"task": "bound", "width": width, "law": GAUSSIAN}
    if NON_GAUSSIAN_WIDTH in widths:
        for law in MARGINALS:
            yield from pairs(NON_GAUSSIAN_WIDTH, law, max(2, draws // 2))
            yield common | {"task": "bound", "width": NON_GAUSSIAN_WIDTH, "law": law}
    for width in set(SIMULATED) & set(widths):
        yield common | {"task": "simulation", "width": width, "repeats": 16 * draws}
    for layers in range(1, min(depth, DEEPEST_REQUIRED) + 1):
        for eps in EPS:
            yield common | {"task": "required", "depth": layers, "eps": eps}


def _repeats(width: int, draws: int) -> int:
    """Fewer beyond a width of 256, whose errors vary less and take longer; at least four."""
    return min(draws, max(4, int(draws * 256 / width)))
