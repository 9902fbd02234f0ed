"""Where statements are registered, and what tries them is declared."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import Protocol, TypeVar

from lmctheory.theorems.adversary import Trials
from lmctheory.theorems.formula import Formula
from lmctheory.theorems.theorem import Status, Theorem, Tried

__all__ = ["breaks", "registry", "theorem", "tries", "tries_trained"]

_THEOREMS: dict[str, Theorem] = {}
_TRIED: dict[str, Tried] = {}


def theorem(
    key: str,
    title: str,
    *,
    statement: str | Formula | tuple[str | Formula, ...],
    hypotheses: tuple[str, ...],
    symbols: Mapping[str, str],
    status: Status,
    sources: tuple[str, ...],
    note: str,
    functions: tuple[str, ...],
    checks: str,
    depends: tuple[str, ...] = (),
    proof: str = "",
) -> None:
    """Registers a statement, whose parts `Theorem` explains.

    Args:
        key: of the theorem.
        title: of the theorem.
        statement: its lines.
        hypotheses: of the theorem.
        symbols: of its statement.
        status: of the theorem.
        sources: of the theorem.
        note: on its sources.
        functions: that compute it.
        checks: the module of `lmctheory.theorems.checks` that `tries` it.
        depends: what it uses.
        proof: of the theorem.
    """
    assert key not in _THEOREMS, key
    lines = statement if isinstance(statement, tuple) else (statement,)
    _THEOREMS[key] = Theorem(
        key,
        title,
        lines,
        hypotheses,
        MappingProxyType(dict(symbols)),
        status,
        sources,
        note,
        depends,
        functions,
        proof,
        partial(_tried, key, checks),
    )


def _tried(key: str, checks: str) -> Tried:
    # what checks a theorem needs PyTorch and more, what lists them does not
    import_module(f"lmctheory.theorems.checks.{checks}")
    return _TRIED[key]


Drawing = TypeVar("Drawing", bound=Trials)


class Declared(Protocol):
    """A decorator that gives back what it is given, options and all."""

    def __call__(self, trials: Drawing, /) -> Drawing: ...


def tries(key: str, *, counts: tuple[int, int] = (25, 500), searched: int = 0) -> Declared:
    """Declares the decorated generator to draw the random trials of a registered statement.

    Args:
        key: of the statement.
        counts: of trials, in a quick check and in a full one.
        searched: instances that a quick search tries, if both sides of every trial are exact.
    """

    def declare(trials: Drawing) -> Drawing:
        assert key in _THEOREMS, key
        assert key not in _TRIED, key
        _TRIED[key] = Tried(trials, counts, searched)
        return trials

    return declare


def tries_trained(key: str, *, counts: tuple[int, int] = (5, 50)) -> Declared:
    """Declares the decorated generator to draw trials from trained networks, after `tries`.

    Args:
        key: of the statement.
        counts: of trials, in a quick check and in a full one.
    """

    def declare(trials: Drawing) -> Drawing:
        assert _TRIED[key].trained is None, key
        _TRIED[key] = replace(_TRIED[key], trained=trials, trained_counts=counts)
        return trials

    return declare


def breaks(key: str, wrong: str) -> Declared:
    """Declares the decorated generator to draw the trials of a false variant, after `tries`.

    Args:
        key: of the statement.
        wrong: what is wrong in the variant: a constant, an exponent, a hypothesis that is dropped.
    """

    def declare(trials: Drawing) -> Drawing:
        assert wrong not in _TRIED[key].wrong, (key, wrong)
        _TRIED[key] = replace(_TRIED[key], wrong={**_TRIED[key].wrong, wrong: trials})
        return trials

    return declare


def registry() -> Mapping[str, Theorem]:
    """All registered theorems by key, in the order of the theory.

    Example:
        >>> import numpy as np
        >>> from lmctheory.theorems import registry
        >>> registry()["R1"].check(rng=np.random.default_rng(0)).violations
        0
    """
    return MappingProxyType(_THEOREMS)
