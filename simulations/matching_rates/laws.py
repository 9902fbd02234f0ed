"""The laws of neurons whose matching costs are measured, by name.

`SANDWICHED` are twelve, every kind of law that the package has. `CUBES` and `CANTOR` show exponents
in dimensions 1 to 10, `LOW_RANK` a crossover.

Of all laws in d dimensions R4 promises m^{-min(1/2, p/d)}, and log m more at d = 2p. A cube is
faster where it can be: in d = 1 and 2 its cost falls like m^{-p/2}, with (log m)^{p/2} more in
d = 2 (Ajtai, Komlos and Tusnady 1984), and like m^{-p/d} beyond. `CantorDust` is as slow as R4
allows: its gaps on all scales make the imbalance of neighbouring cells, 1/sqrt(m), cost something.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from jaxtyping import Float

from lmctheory.measures import (
    Empirical,
    Gaussian,
    GaussianMixture,
    Laplace,
    LipschitzImage,
    LowRankPlusNoise,
    Measure,
    SubGaussianProduct,
    TruncatedNormal,
    UniformBall,
    UniformCube,
    UniformSphere,
)
from lmctheory.measures.arguments import at_least
from lmctheory.networks import MLP, TrainingConfig, load_dataset, seeded_generators, train_many

__all__ = [
    "CANTOR",
    "CUBES",
    "DIMENSIONS",
    "ENCLOSED",
    "FIRST_GIVEN",
    "GIVEN",
    "LAWS",
    "LOW_RANK",
    "RANK",
    "SANDWICHED",
    "SHARPENED",
    "CantorDust",
]

DIMENSIONS = tuple(range(1, 11))
ETAS = (0.0, 0.1, 0.2, 0.5)
RANK = 2


@dataclass(frozen=True)
class CantorDust:
    """The uniform law on the d + 1-fold product of a Cantor set, of dimension d in all.

    x = (1 - r) sum_{k>=0} b_k r^k in every coordinate, b_k independent fair bits, r = 2^{-(d+1)/d}.

    Args:
        intrinsic: d >= 1.
    """

    intrinsic: int

    @property
    def dimension(self) -> int:
        """The dimension d + 1 of the surrounding space."""
        return self.intrinsic + 1

    @property
    def ratio(self) -> float:
        """The size of a part over that of the whole."""
        return float(2 ** -(self.dimension / self.intrinsic))

    @property
    def spectrum(self) -> Float[np.ndarray, " d"]:
        """Eigenvalues (1 - r)/(1 + r)/4 of the covariance ``[d + 1]``."""
        variance = (1 - self.ratio) / (1 + self.ratio) / 4
        return np.full(self.dimension, variance)

    @property
    def second_moment(self) -> float:
        """E|X|^2, every coordinate of mean 1/2."""
        return float((self.spectrum + 1 / 4).sum())

    @property
    def diameter(self) -> float:
        """That of the unit cube."""
        return float(np.sqrt(self.dimension))

    def sample(self, m: int, *, rng: np.random.Generator) -> Float[np.ndarray, "m d"]:
        """Draws m independent neurons ``[m, d + 1]``."""
        at_least("m", m, 1)
        digits = np.arange(np.ceil(53 / -np.log2(self.ratio)))  # the rest is below rounding
        bits = rng.integers(0, 2, (m, self.dimension, len(digits)))
        return bits @ ((1 - self.ratio) * self.ratio**digits)

    def nested_partition(
        self, levels: int
    ) -> tuple[Float[np.ndarray, " levels"], Float[np.ndarray, " levels"]]:
        """2^{j(d+1)} parts of diameter r^j sqrt(d + 1) at levels j = 1..levels (R5)."""
        j = np.arange(1, levels + 1)
        return np.exp2(j * float(self.dimension)), self.diameter * self.ratio**j


def _gaussian(spectrum: tuple[float, ...]) -> Gaussian:
    return Gaussian(spectrum=spectrum)


def _clusters() -> GaussianMixture:
    """Four small Gaussians in corners of a cube, no two of which are neighbours."""
    corners = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    return GaussianMixture([0.25] * 4, corners, [Gaussian(spectrum=[0.01] * 3)] * 4)


def _torus() -> LipschitzImage:
    """Two circles of length 1: rolling up a unit square lengthens no distance."""

    def roll(x: np.ndarray) -> np.ndarray:
        return np.c_[np.cos(2 * np.pi * x), np.sin(2 * np.pi * x)] / (2 * np.pi)

    return LipschitzImage(roll, 1.0, UniformCube(2))


def _points(n: int, scales: tuple[float, ...]) -> Empirical:
    """Independent Gaussian points, given once and for all."""
    return Empirical(np.random.default_rng(n).standard_normal((n, len(scales))) * scales)


def _small_clusters() -> GaussianMixture:
    """Eight small Gaussians around Gaussian points."""
    centres = _points(8, (1.0,) * 5).points
    return GaussianMixture([1 / 8] * 8, centres, [Gaussian(spectrum=[0.01] * 5)] * 8)


@cache
def _trained_neurons() -> Empirical:
    """First-layer weights of an MLP 64-512-10, trained on digits."""
    digits = load_dataset("digits")
    network = MLP((64, 512, 10), rng=seeded_generators(0)[0])
    [trained] = train_many([network], digits.train, TrainingConfig(epochs=15), seeds=(0,))
    return Empirical(next(trained.parameters()).detach().double().numpy())


CUBES = {d: f"cube, d = {d}" for d in DIMENSIONS}
CANTOR = {d: f"Cantor dust, d = {d}" for d in DIMENSIONS}
LOW_RANK = {eta: f"rank {RANK} + noise {eta:g}" for eta in ETAS}
"""Names of the laws of a curve, by dimension or noise."""

SANDWICHED: Mapping[str, Callable[[], Measure]] = {
    "Gaussian, d = 5": lambda: Gaussian(spectrum=[1.0] * 5),
    "Gaussian 1/i": lambda: Gaussian(spectrum=[1 / i for i in range(1, 51)]),
    LOW_RANK[0.2]: lambda: LowRankPlusNoise(RANK, 50, eta=0.2),
    CUBES[2]: lambda: UniformCube(2),
    CUBES[5]: lambda: UniformCube(5),
    "sphere, d = 3": lambda: UniformSphere(3),
    "ball, d = 3": lambda: UniformBall(3),
    "cut normal, d = 5": lambda: SubGaussianProduct(TruncatedNormal(cut=2.0), scales=[1.0] * 5),
    "Laplace, d = 5": lambda: SubGaussianProduct(Laplace(), scales=[1.0] * 5),
    "clusters, d = 3": _clusters,
    "torus in R^4": _torus,
    "trained neurons": _trained_neurons,
}
"""Twelve laws for the sandwich."""

SHARPENED: Mapping[str, tuple[float | None, float]] = {
    "Gaussian, d = 2": (0.0126, 0.103),
    "Gaussian, d = 3": (0.087, 0.422),
    "Gaussian, d = 5": (0.570, 1.94),
    "Gaussian, d = 10": (3.49, 8.80),
    "Gaussian 1/i": (2.96, 4.97),
    "Gaussian 1/i^2": (0.284, 0.561),
    "Gaussian, spiked": (1.60, 2.21),
    CUBES[2]: (None, 0.0037),
    CUBES[3]: (None, 0.0229),
    CUBES[5]: (None, 0.110),
    CUBES[8]: (None, 0.355),
}
"""At m = 1000 and p = 2, L and U of R9, R13 and R6a in their first form, before the departures."""

GIVEN: Mapping[str, Callable[[], Measure]] = {
    "200 points, d = 1": partial(_points, 200, (1.0,)),
    "300 points, d = 2": partial(_points, 300, (1.0,) * 2),
    "500 points, d = 3": partial(_points, 500, (1.0,) * 3),
    "500 points, 1/i": partial(_points, 500, tuple(1 / i for i in range(1, 7))),
    "500 points, d = 10": partial(_points, 500, (1.0,) * 10),
    "1000 points, d = 100": partial(_points, 1000, (1.0,) * 100),
    "160 points, 1/i": partial(_points, 160, tuple(1 / i for i in range(1, 386))),
    "8 atoms, d = 5": partial(_points, 8, (1.0,) * 5),
    "8 clusters, d = 5": _small_clusters,
}
"""Laws of given points, as a trained layer is one, and of clusters."""

ENCLOSED = (*(law for law in GIVEN if "points" in law or "atoms" in law), "trained neurons")
"""Those of finitely many points, whose costs are enclosed by simulated ones."""

FIRST_GIVEN: Mapping[str, Mapping[int, tuple[float, float]]] = {
    "200 points, d = 1": {100: (0.0222, 2.22), 1000: (0.00222, 0.741), 4096: (0.000542, 0.366)},
    "300 points, d = 2": {100: (0.0705, 3.47), 1000: (0.00347, 1.5), 4096: (0.000846, 0.742)},
    "500 points, d = 3": {100: (0.303, 6.07), 1000: (0.0183, 2.61), 4096: (0.00148, 1.29)},
    "500 points, 1/i": {100: (0.215, 3.35), 1000: (0.0199, 1.4), 4096: (0.000817, 0.694)},
    "500 points, d = 10": {100: (4.79, 20.1), 1000: (0.565, 11.2), 4096: (0.00491, 5.58)},
    "1000 points, d = 100": {100: (130.0, 199.0), 1000: (48.5, 136.0), 4096: (2.15, 70.4)},
    "160 points, 1/i": {100: (0.31, 2.71), 1000: (0.00334, 0.884), 4096: (0.000816, 0.438)},
    "8 atoms, d = 5": {100: (0.131, 3.53), 1000: (0.0131, 1.12), 4096: (0.00319, 0.553)},
    "8 clusters, d = 5": {100: (0.132, 3.6), 1000: (0.0132, 1.16)},
    "clusters, d = 3": {100: (0.0606, 0.807), 1000: (0.00606, 0.256)},
}
"""By width, p = 2, L and U of these laws and of one of the above before R16, R18, R19 and R22."""

LAWS: Mapping[str, Callable[[], Measure]] = {
    **SANDWICHED,
    **GIVEN,
    **{f"Gaussian, d = {d}": partial(_gaussian, (1.0,) * d) for d in (2, 3, 10)},
    "Gaussian 1/i^2": partial(_gaussian, tuple(i**-2.0 for i in range(1, 51))),
    "Gaussian, spiked": partial(_gaussian, (10.0, 1.0, *(0.01,) * 98)),
    **{name: partial(UniformCube, d) for d, name in CUBES.items()},
    **{name: partial(CantorDust, d) for d, name in CANTOR.items()},
    **{name: partial(LowRankPlusNoise, RANK, 50, eta) for eta, name in LOW_RANK.items()},
}
"""All of them."""
