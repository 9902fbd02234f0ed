"""Which networks are measured, at which widths and how often."""

from collections.abc import Iterator

from lmctheory.sweeps.study import Config
from simulations.two_layer_widths.problems import PROBLEMS
from simulations.two_layer_widths.sampling import LAWS
from simulations.two_layer_widths.teacher import INPUTS, STUDENTS

__all__ = ["CASES", "WIDTHS", "plan"]

WIDTHS = tuple(2**k for k in range(5, 14))
CASES = ((1, False), (2, False), (3, False), (5, False), (2, True))
"""Numbers of inputs, and whether neurons have biases."""
_WIDEST_FIRST_POWER = 1024
_TRAINED = (32, 64, 128, 256, 512, 1024, 2048, 4096)


def plan(widest: int, draws: int, reference: int, pairs: int, seed: int) -> Iterator[Config]:
    """All tasks.

    Args:
        widest: the largest width; 8192 is measured for two inputs only.
        draws: of sampled networks at small widths; fewer at large ones, which take longer.
        reference: neurons that stand for infinitely many.
        pairs: of students per width.
        seed: of everything.
    """
    for law in LAWS:
        for inputs, bias in CASES:
            for p in (1, 2):
                for width in _widths(widest, inputs, bias, p):
                    yield {
                        "part": "sampling",
                        "law": law,
                        "inputs": inputs,
                        "bias": bias,
                        "p": p,
                        "width": width,
                        "draws": _repeats(width, draws),
                        "seed": seed,
                    }
    widths = [width for width in _TRAINED if width <= widest]
    for problem in PROBLEMS:
        yield {
            "part": "mean_field",
            "problem": problem,
            "reference": reference,
            "widths": widths,
            "seed": seed,
        }
    for inputs in INPUTS:
        for width in STUDENTS:
            if width <= widest:
                yield {
                    "part": "teacher",
                    "inputs": inputs,
                    "width": width,
                    "pairs": pairs,
                    "seed": seed,
                }


def _widths(widest: int, inputs: int, bias: bool, p: int) -> Iterator[int]:
    for width in WIDTHS:
        costly = width > 4096 and (inputs != 2 or bias)
        if width <= widest and not costly and (p == 2 or width <= _WIDEST_FIRST_POWER):
            yield width


def _repeats(width: int, draws: int) -> int:
    """All draws up to a width of 512; then fewer, which vary less, down to a single one."""
    return max(1, min(draws, draws * 512 // width))
