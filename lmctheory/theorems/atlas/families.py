"""Families of theorems: what the first letter of a key says."""

from collections.abc import Iterable

__all__ = ["family", "family_names"]

_NAMES = {
    "B": "Parts of barriers",
    "C": "Certificates",
    "D": "Deep networks",
    "L": "Layers",
    "M": "Matching",
    "P": "Prediction",
    "R": "Rates of matching",
    "S": "Symmetries",
    "T": "Two-layer networks",
}


def family(key: str) -> str:
    """The family of a theorem.

    Args:
        key: of the theorem.

    Example:
        >>> family("R6a")
        'R'
    """
    return key[0]


def family_names(keys: Iterable[str]) -> dict[str, str]:
    """The families of some theorems, in the order in which they come, and their names.

    Args:
        keys: of the theorems.
    """
    return {letter: _NAMES.get(letter, letter) for letter in dict.fromkeys(map(family, keys))}
