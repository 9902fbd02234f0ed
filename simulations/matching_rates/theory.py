"""Exponents that the theory predicts for the curves of the study, M ~ m^-rate (log m)^power."""

from dataclasses import dataclass

__all__ = ["Rate", "any_law", "cube"]


@dataclass(frozen=True)
class Rate:
    """A rate of decay.

    Attributes:
        exponent: >= 0, of 1/m.
        log_power: of log m; not 0 in a critical dimension only.
    """

    exponent: float
    log_power: float = 0.0


def any_law(d: int, p: float) -> Rate:
    """R4 for every law of bounded support, attained by Cantor dust: critical at d = 2p."""
    return Rate(min(0.5, p / d), float(d == 2 * p))


def cube(d: int, p: float) -> Rate:
    """The uniform law in a cube, p >= 1: critical at d = 2 for every p.

    Reference:
        Ajtai, Komlos and Tusnady (1984) for d = 2; Talagrand (1994) for d >= 3; for d = 1 Bobkov
        and Ledoux (2019), Theorem 5.3 and R7.
    """
    return Rate(p / max(d, 2), p / 2 if d == 2 else 0.0)
