"""Data in R^12 whose intrinsic dimension is known, for the estimators of R12."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lmctheory.measures import UniformSphere

__all__ = ["DATA", "Sampler"]

_AMBIENT = 12


@dataclass(frozen=True)
class Sampler:
    """A law in R^12, by how it is drawn.

    Attributes:
        intrinsic: its dimension.
        draw: the coordinates that are not 0, from a number of points and a generator.
    """

    intrinsic: int
    draw: Callable[[int, np.random.Generator], np.ndarray]
    dimension: int = _AMBIENT

    def sample(self, m: int, *, rng: np.random.Generator) -> Float[np.ndarray, "m d"]:
        """Draws m points ``[m, 12]``."""
        x = self.draw(m, rng)
        return np.pad(x, ((0, 0), (0, self.dimension - x.shape[1])))


def _cube(d: int) -> Sampler:
    return Sampler(d, lambda m, rng: rng.random((m, d)))


def _sphere(d: int) -> Sampler:
    return Sampler(d - 1, lambda m, rng: UniformSphere(d).sample(m, rng=rng))


def _spiral(m: int, rng: np.random.Generator) -> np.ndarray:
    t = 1 + rng.random(m)
    return np.stack([t * np.cos(9 * t), t * np.sin(9 * t)], axis=1)


def _roll(m: int, rng: np.random.Generator) -> np.ndarray:
    return np.c_[_spiral(m, rng), 2 * rng.random(m)]


def _noisy(deviation: float) -> Sampler:
    def draw(m: int, rng: np.random.Generator) -> np.ndarray:
        plane = np.pad(rng.random((m, 2)), ((0, 0), (0, _AMBIENT - 2)))
        return plane + deviation * rng.standard_normal((m, _AMBIENT))

    return Sampler(2, draw)


def _clusters(m: int, rng: np.random.Generator) -> np.ndarray:
    """Three unit squares, far apart, one above another."""
    return np.c_[rng.random((m, 2)), 5 * rng.integers(0, 3, m)]


DATA: Mapping[str, Sampler] = {
    "plane": _cube(2),
    "cube d = 5": _cube(5),
    "cube d = 10": _cube(10),
    "sphere in R^3": _sphere(3),
    "sphere in R^6": _sphere(6),
    "spiral": Sampler(1, _spiral),
    "Swiss roll": Sampler(2, _roll),
    "plane + 0.001": _noisy(0.001),
    "plane + 0.02": _noisy(0.02),
    "3 planes": Sampler(2, _clusters),
}
"""Linear, curved, noisy and clustered; "plane + s" has noise of deviation s in all coordinates."""
