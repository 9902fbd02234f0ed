"""Theorems tried beside each other, and false variants that the same checks must catch."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TypeVar

import joblib

from lmctheory.results import Result
from lmctheory.theorems._registry import registry
from lmctheory.theorems.step import StepCheck
from lmctheory.theorems.theorem import Theorem
from lmctheory.theorems.trial import KINDS, Check, Kind, Trial

__all__ = [
    "SCALE",
    "Variant",
    "check_steps",
    "variants",
    "verify",
    "verify_both",
    "verify_steps",
    "verify_variants",
]

_Found = TypeVar("_Found")
SCALE = 0.9
"""What every bound is multiplied by in the variant that all theorems have."""
_MOST = 2000
"""Instances of a false variant that are tried before it is given up."""


@dataclass(frozen=True)
class Variant(Result):
    """A false variant of a theorem, and whether its check catches it.

    Attributes:
        key: of the theorem.
        wrong: what is wrong in it.
        caught: the first trial that violates it, counted from 1; None if none does.
        kind: of that trial.
        least: for a scaled bound, the factor from which on some trial sees it: all smaller ones are
            caught.
    """

    key: str
    wrong: str
    caught: int | None
    kind: Kind | None = None
    least: float | None = None


def verify(
    keys: Sequence[str], seed: int = 0, *, quick: bool = True, jobs: int = 1
) -> Iterator[Check]:
    """Tries theorems with the random numbers of their own, in the order given.

    Args:
        keys: of the theorems.
        seed: >= 0.
        quick: as in `Theorem.check`.
        jobs: processes.
    """
    return _each(partial(_check, seed=seed, quick=quick), keys, jobs)


def verify_variants(
    keys: Sequence[str], seed: int = 0, *, jobs: int = 1
) -> Iterator[tuple[Variant, ...]]:
    """The false variants of theorems, in the order given.

    Args:
        keys: of the theorems.
        seed: >= 0.
        jobs: processes.
    """
    return _each(partial(_variants, seed=seed), keys, jobs)


def verify_both(
    keys: Sequence[str], seed: int = 0, *, jobs: int = 1
) -> Iterator[tuple[Check, tuple[Variant, ...]]]:
    """Theorems tried at quick size, and their false variants on the same trials, in this order.

    Args:
        keys: of the theorems.
        seed: >= 0.
        jobs: processes.
    """
    return _each(partial(_both, seed=seed), keys, jobs)


def verify_steps(
    keys: Sequence[str], seed: int = 0, *, jobs: int = 1
) -> Iterator[tuple[StepCheck, ...]]:
    """The steps of proofs, in the order given; nothing for a proof of which none is declared.

    Args:
        keys: of the theorems.
        seed: >= 0.
        jobs: processes.
    """
    return _each(partial(_steps, seed=seed), keys, jobs)


def check_steps(theorem: Theorem, seed: int = 0) -> tuple[StepCheck, ...]:
    """Tries the steps of one proof.

    Args:
        theorem: whose proof it is.
        seed: >= 0.

    Example:
        >>> [(check.step, check.good) for check in check_steps(registry()["T3"])]
        [(1, True), (2, True), (3, True), (3, True)]
    """
    streams = theorem.stream(seed).spawn(len(theorem.steps))
    return tuple(
        step.check(theorem.key, rng) for step, rng in zip(theorem.steps, streams, strict=True)
    )


def _steps(key: str, seed: int) -> tuple[StepCheck, ...]:
    return check_steps(registry()[key], seed)


def _each(function: Callable[[str], _Found], keys: Sequence[str], jobs: int) -> Iterator[_Found]:
    """What a function gives for each key, in their order; processes have one thread each."""
    with warnings.catch_warnings(), joblib.parallel_config("loky", inner_max_num_threads=1):
        # PyTorch, once imported, looks like a leak; the worker is replaced and nothing is lost
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs")
        tasks = map(joblib.delayed(function), keys)
        yield from joblib.Parallel(n_jobs=min(jobs, len(keys)), return_as="generator")(tasks)


def _both(key: str, seed: int) -> tuple[Check, tuple[Variant, ...]]:
    check = _check(key, seed, quick=True)
    return check, variants(registry()[key], seed, check)


def _check(key: str, seed: int, quick: bool) -> Check:
    theorem = registry()[key]
    return theorem.check(rng=theorem.stream(seed), quick=quick)


def _variants(key: str, seed: int) -> tuple[Variant, ...]:
    return variants(registry()[key], seed)


def variants(theorem: Theorem, seed: int = 0, check: Check | None = None) -> tuple[Variant, ...]:
    """Every false variant of a theorem: its bound scaled by .9, and those that its check names.

    Args:
        theorem: whose variants are tried.
        seed: >= 0.
        check: its check with that seed, or None: it is made here.

    Example:
        >>> first, *_ = variants(registry()["T3"])
        >>> first.wrong, first.caught is not None
        ('bound x 0.9', True)
    """
    found = [_scaled(theorem, check or theorem.check(rng=theorem.stream(seed)))]
    for wrong, trials in theorem.tried.wrong.items():
        drawn = enumerate(islice(trials(theorem.stream(seed)), _MOST), start=1)
        caught = next((number for number, trial in drawn if not trial.holds), None)
        found.append(Variant(theorem.key, wrong, caught, "random" if caught else None))
    return tuple(found)


def _scaled(theorem: Theorem, check: Check) -> Variant:
    """No new trials are needed: scaling changes the larger sides alone."""
    every = [
        (kind, number, trial)
        for kind in KINDS
        for number, trial in enumerate(check.of(kind), start=1)
    ]
    seen = ((kind, number) for kind, number, trial in every if _needed(trial) > SCALE)
    kind, number = next(seen, (None, None))
    least = max(_needed(trial) for *_, trial in every)
    return Variant(theorem.key, f"bound x {SCALE:g}", number, kind, least)


def _needed(trial: Trial) -> float:
    """The smallest factor of the larger side with which the trial still holds."""
    if trial.larger > 0:
        return (trial.smaller - trial.slack) / trial.larger
    return 0.0
