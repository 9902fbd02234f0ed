"""What several steps are tried on."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from lmctheory.theorems._registry import registry
from lmctheory.theorems.adversary import Trials
from lmctheory.theorems.trial import Trial

__all__ = [
    "Loss",
    "Pairs",
    "convex_loss",
    "finite_law",
    "huber",
    "leaky",
    "link",
    "listed",
    "printed",
    "rms",
    "secant",
    "step_density",
    "value",
]

Pairs = Iterator[tuple[Any, Any]]
"""Expressions, or numbers, that are claimed to be the same."""


class Loss(NamedTuple):
    """A loss that is convex, at least 0, and has a ``smoothness``-Lipschitz gradient."""

    value: Callable[[np.ndarray], float]
    gradient: Callable[[np.ndarray], np.ndarray]
    smoothness: float


def convex_loss(rng: np.random.Generator, outputs: int) -> Loss:
    """Square, square with a metric, cross-entropy, or root of one plus the square.

    Args:
        rng: the random numbers.
        outputs: how many.
    """
    kind, y = rng.integers(4), rng.standard_normal(outputs)
    if kind == 0:
        beta = float(rng.uniform(0.1, 3))
        return Loss(lambda f: beta / 2 * float((f - y) @ (f - y)), lambda f: beta * (f - y), beta)
    if kind == 1:
        root = rng.standard_normal((outputs, outputs))
        metric = root @ root.T
        beta = float(np.linalg.eigvalsh(metric)[-1])
        return Loss(
            lambda f: float((f - y) @ metric @ (f - y)) / 2, lambda f: metric @ (f - y), beta
        )
    if kind == 2:
        label = np.eye(outputs)[rng.integers(outputs)]
        return Loss(
            lambda f: float(np.logaddexp.reduce(f) - label @ f),
            lambda f: np.exp(f - np.logaddexp.reduce(f)) - label,
            0.5,
        )
    return Loss(
        lambda f: float((np.sqrt(1 + (f - y) ** 2) - 1).sum()),
        lambda f: (f - y) / np.sqrt(1 + (f - y) ** 2),
        1.0,
    )


def huber(d: float, b: float, H: float) -> float:
    """``H/2 min(d, b/H)^2 + b max(d - b/H, 0)``."""
    return H / 2 * min(d, b / H) ** 2 + b * max(d - b / H, 0.0)


def leaky(z: Any, a: float) -> Any:
    """``max(z, 0) + a min(z, 0)``."""
    return np.maximum(z, 0) + a * np.minimum(z, 0)


def link(trials: Callable[[np.random.Generator], Iterator[tuple[Trial, ...]]], k: int) -> Trials:
    """One of several inequalities that are drawn together, so that each is caught by itself.

    Args:
        trials: draws all of them.
        k: which.
    """
    return lambda rng: (drawn[k] for drawn in trials(rng))


def listed(values: Sequence[float] | np.ndarray) -> Callable[[float], float]:
    """Numbers as a function of their place from 1 on, as formulas index them."""
    return lambda place: float(values[int(place) - 1])


def printed(key: str, line: int, **values: Any) -> Any:
    """The right-hand side of a formula of a statement, which a proof must arrive at.

    Args:
        key: of the statement.
        line: which of its formulas.
        values: what its symbols are here, by name.
    """
    right = registry()[key].formulas[line].right
    names = {symbol.name: symbol for symbol in right.free_symbols}
    return right.subs({names[name]: value for name, value in values.items()}, simultaneous=True)


def value(key: str, line: int, **given: Any) -> float:
    """The same in numbers.

    Args:
        key: of the statement.
        line: which of its formulas.
        given: a number for every symbol and a function for every function, by name.
    """
    return registry()[key].formulas[line].value(**given)


def rms(values: np.ndarray) -> float:
    """Root mean square over the first axis of norms over the others."""
    squares = np.square(np.asarray(values, dtype=float))
    return float(np.sqrt(squares.sum() / len(squares)))


def secant(of: Callable[[np.ndarray], np.ndarray], z: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Slope between two points that differ."""
    slope: np.ndarray = (of(z) - of(w)) / (z - w)
    return slope


def finite_law(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Atoms, their chances, and a neuron."""
    chance = rng.exponential(size=3)
    return rng.standard_normal((3, 2)), chance / chance.sum(), rng.standard_normal(2)


def step_density(rng: np.random.Generator) -> tuple[float, float]:
    """A step density f on [0, 1]: W_2^2 to the uniform law, and the squared norm of f - 1.

    By the integrals of squares of quantiles and of distribution functions, less those of the
    uniform law; f is often near 1.
    """
    cells = int(rng.integers(2, 5))
    masses = rng.dirichlet(np.full(cells, 10.0 ** rng.integers(0, 7)))
    apart = np.r_[0.0, np.cumsum(masses)] - np.linspace(0, 1, cells + 1)
    # what goes linearly from one value to another
    squares = (apart[:-1] ** 2 + apart[:-1] * apart[1:] + apart[1:] ** 2) / 3
    return float(masses @ squares), float(squares.mean())
