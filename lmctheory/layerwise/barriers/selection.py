"""Which layers are moved together: single ones, cumulative groups, moving windows, random groups.

Single layers are the windows of length 1, cumulative groups those that touch the first or the last
layer: the L(L+1)/2 windows of L layers hold them all.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from lmctheory.choices import require_choice
from lmctheory.measures.arguments import RandomSource, at_least, generator, integer

__all__ = [
    "Subset",
    "cumulative",
    "members",
    "moving_windows",
    "random_groups",
    "require_subsets",
    "single_layers",
]

Subset: TypeAlias = tuple[str, ...]
"""Names of layers that are moved together, in the order of the network."""

_SIDES = ("input", "output")


def single_layers(names: Sequence[str]) -> tuple[Subset, ...]:
    """Each layer alone.

    Example:
        >>> single_layers(["a", "b"])
        (('a',), ('b',))
    """
    return tuple((name,) for name in names)


def cumulative(names: Sequence[str], side: str) -> tuple[Subset, ...]:
    """The first k layers, or the last k, for k = 1, ..., L.

    Args:
        names: of the layers, from the input on.
        side: "input" or "output", where the groups grow from.

    Raises:
        ValueError: for another side.

    Example:
        >>> cumulative(["a", "b"], "output")
        (('b',), ('a', 'b'))
    """
    require_choice("side", side, _SIDES)
    names = tuple(names)
    lengths = range(1, len(names) + 1)
    return tuple(names[:k] if side == "input" else names[-k:] for k in lengths)


def moving_windows(
    names: Sequence[str], lengths: Iterable[int] | None = None
) -> tuple[Subset, ...]:
    """All runs of consecutive layers, by length and then by start.

    Args:
        names: of the layers, from the input on.
        lengths: of the windows, each in 1..L; all of them if None.

    Raises:
        TypeError: for a length that is no integer.
        ValueError: for a length outside 1..L, or none.

    Example:
        >>> moving_windows(["a", "b", "c"], [2])
        (('a', 'b'), ('b', 'c'))
    """
    names = tuple(names)
    lengths = range(1, len(names) + 1) if lengths is None else lengths
    lengths = tuple(integer("every length", length) for length in lengths)
    wrong = [length for length in lengths if not 1 <= length <= len(names)]
    if wrong or not lengths:
        raise ValueError(
            f"lengths must lie in 1..{len(names)}, got {wrong[0] if wrong else 'none'}"
        )
    return tuple(
        names[start : start + length]
        for length in lengths
        for start in range(len(names) - length + 1)
    )


def random_groups(
    names: Sequence[str], size: int, count: int, *, rng: RandomSource
) -> tuple[Subset, ...]:
    """Groups of so many different layers, each group drawn uniformly and independently.

    Args:
        names: of the layers, from the input on.
        size: layers per group, in 1..L.
        count: of the groups; the same one may come more than once.
        rng: the generator.

    Raises:
        TypeError: for a size or count that is no integer.
        ValueError: for a size outside 1..L or count < 1.

    Example:
        >>> import numpy as np
        >>> groups = random_groups(["a", "b", "c"], 2, 4, rng=np.random.default_rng(0))
        >>> [len(group) for group in groups]
        [2, 2, 2, 2]
    """
    size = integer("size", size)
    if not 1 <= size <= len(names):
        raise ValueError(f"size must lie in 1..{len(names)}, got {size}")
    count = at_least("count", count, 1)
    rng = generator(rng)
    draws = (np.sort(rng.choice(len(names), size, replace=False)) for _ in range(count))
    return tuple(tuple(names[i] for i in draw) for draw in draws)


def members(names: Sequence[str], subsets: Sequence[Subset]) -> Float[np.ndarray, "subsets L"]:
    """One row per subset: 1 for the layers that are in it, else 0."""
    return np.array([[float(name in subset) for name in names] for subset in subsets])


def require_subsets(
    subsets: Sequence[Sequence[str]] | None, names: Sequence[str]
) -> tuple[Subset, ...]:
    """Subsets in the order of the network; every layer alone for None.

    Raises:
        ValueError: for no subsets, or one that is empty, or names an unknown layer or one twice.
    """
    if subsets is None:
        return single_layers(names)
    if not subsets or not all(subsets):
        raise ValueError(f"subsets must name at least one layer each, got {list(subsets)}")
    for subset in subsets:
        unknown = [name for name in subset if name not in names]
        if unknown:
            raise ValueError(f"subsets must name layers among {list(names)}, got {unknown[0]!r}")
        if len(set(subset)) < len(subset):
            raise ValueError(f"a subset must name each layer once, got {list(subset)}")
    return tuple(tuple(name for name in names if name in subset) for subset in subsets)
