"""Where statements are registered, and what tries them is declared."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import Any, TypeVar

from lmctheory.theorems.formula import Formula
from lmctheory.theorems.step import Step, StepKind, both_ways
from lmctheory.theorems.theorem import Status, Theorem, Tried
from lmctheory.theorems.trial import Trial

__all__ = [
    "breaks",
    "equality",
    "identity",
    "inequality",
    "registry",
    "theorem",
    "tries",
    "tries_trained",
    "unchecked",
]

_THEOREMS: dict[str, Theorem] = {}
_TRIED: dict[str, Tried] = {}
_STEPS: dict[str, tuple[Step, ...]] = {}


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
        partial(_steps, key),
    )


def _tried(key: str, checks: str) -> Tried:
    # what checks a theorem needs PyTorch and more, what lists them does not
    import_module(f"lmctheory.theorems.checks.{checks}")
    return _TRIED[key]


def _steps(key: str) -> tuple[Step, ...]:
    # what checks steps needs SymPy
    import_module("lmctheory.theorems.checks.steps")
    return _STEPS.get(key, ())


_Drawn = TypeVar("_Drawn", bound=Callable[..., Iterator[Trial]])


def tries(
    key: str, *, counts: tuple[int, int] = (25, 500), searched: int = 0
) -> Callable[[_Drawn], _Drawn]:
    """Declares the decorated generator to draw the random trials of a registered statement.

    Args:
        key: of the statement.
        counts: of trials, in a quick check and in a full one.
        searched: instances that a quick search tries, if both sides of every trial are exact.
    """

    def declare(trials: _Drawn) -> _Drawn:
        assert key in _THEOREMS, key
        assert key not in _TRIED, key
        _TRIED[key] = Tried(trials, counts, searched)
        return trials

    return declare


def tries_trained(key: str, *, counts: tuple[int, int] = (5, 50)) -> Callable[[_Drawn], _Drawn]:
    """Declares the decorated generator to draw trials from trained networks, after `tries`.

    Args:
        key: of the statement.
        counts: of trials, in a quick check and in a full one.
    """

    def declare(trials: _Drawn) -> _Drawn:
        assert _TRIED[key].trained is None, key
        _TRIED[key] = replace(_TRIED[key], trained=trials, trained_counts=counts)
        return trials

    return declare


def breaks(key: str, wrong: str) -> Callable[[_Drawn], _Drawn]:
    """Declares the decorated generator to draw the trials of a false variant, after `tries`.

    Args:
        key: of the statement.
        wrong: what is wrong in the variant: a constant, an exponent, a hypothesis that is dropped.
    """

    def declare(trials: _Drawn) -> _Drawn:
        assert wrong not in _TRIED[key].wrong, (key, wrong)
        _TRIED[key] = replace(_TRIED[key], wrong={**_TRIED[key].wrong, wrong: trials})
        return trials

    return declare


_Sides = TypeVar("_Sides", bound=Callable[..., Any])


def _declare(key: str, step: Step) -> None:
    assert key in _THEOREMS, key
    assert step.number in _THEOREMS[key].step_numbers, (key, step.number)
    _STEPS[key] = (*_STEPS.get(key, ()), step)


def identity(key: str, number: int, what: str) -> Callable[[_Sides], _Sides]:
    """Declares that the decorated function gives both sides of identities, as SymPy expressions.

    Args:
        key: of the statement whose proof has the step.
        number: of the step.
        what: a few words.
    """

    def declare(sides: _Sides) -> _Sides:
        _declare(key, Step(number, "identity", what, sides))
        return sides

    return declare


def equality(key: str, number: int, what: str, *, count: int = 100) -> Callable[[_Sides], _Sides]:
    """Declares the decorated generator to draw pairs of numbers that a step says are equal.

    Args:
        key: of the statement whose proof has the step.
        number: of the step.
        what: a few words.
        count: of pairs.
    """

    def declare(sides: _Sides) -> _Sides:
        _declare(key, Step(number, "equality", what, both_ways(sides), count=2 * count))
        return sides

    return declare


def inequality(
    key: str, number: int, what: str, *, slack: float = 0.0, count: int = 200
) -> Callable[[_Drawn], _Drawn]:
    """Declares the decorated generator to draw trials of a step.

    Args:
        key: of the statement whose proof has the step.
        number: of the step.
        what: a few words.
        slack: by which part of the larger side the inequality is not attained.
        count: of trials.
    """

    def declare(trials: _Drawn) -> _Drawn:
        _declare(key, Step(number, "inequality", what, trials, slack, count))
        return trials

    return declare


def unchecked(key: str, number: int, kind: StepKind, what: str) -> None:
    """Declares that there is nothing to compute in a step.

    Args:
        key: of the statement whose proof has the step.
        number: of the step.
        kind: whether it cites, defines or argues.
        what: a few words.
    """
    _declare(key, Step(number, kind, what))


def registry() -> Mapping[str, Theorem]:
    """All registered theorems by key, in the order of the theory.

    Example:
        >>> import numpy as np
        >>> from lmctheory.theorems import registry
        >>> registry()["R1"].check(rng=np.random.default_rng(0)).violations
        0
    """
    return MappingProxyType(_THEOREMS)
