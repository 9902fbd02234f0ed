"""What users choose from a list, checked in one wording.

It stands apart from the other checks of arguments (`lmctheory.measures.arguments`), which compute:
a command line that only names its choices should not wait for NumPy.
"""

from collections.abc import Collection

__all__ = ["require_choice"]


def require_choice(name: str, value: object, choices: Collection[object]) -> None:
    """Refuses a value that is none of the choices.

    Raises:
        ValueError: naming it and them.
    """
    if value not in choices:
        raise ValueError(f"{name} must be one of {list(choices)}, got {value!r}")
