"""Laws of neurons whose dimension k is known, in or near R^20.

That a subspace or a sphere lies in a space of more dimensions changes no distance, so they are
drawn in coordinates of their own. Noise is isotropic in all of R^20, of root mean square eta in
total.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lmctheory.measures import (
    Empirical,
    Gaussian,
    GaussianMixture,
    LowRankPlusNoise,
    Measure,
    UniformSphere,
)

__all__ = ["AMBIENT", "ETAS", "LAWS", "Law"]

AMBIENT = 20
ETAS = (0.1, 0.2, 0.4)
_DIMENSIONS = (1, 2, 3, 5)
_NOISY = (1, 2, 3)
_CLUSTERS = 8


@dataclass(frozen=True)
class Law:
    """A law of one neuron's hidden weights.

    Attributes:
        kind: "linear", "sphere", "noisy" or "clusters".
        k: dimension of what it is near to.
        eta: root mean square distance from that.
        measure: the law.
        near: the law without its noise, itself if there is none.
    """

    kind: str
    k: int
    eta: float
    measure: Measure
    near: Measure

    @property
    def name(self) -> str:
        """As tables have it."""
        shown = "clusters" if self.kind == "clusters" else f"{self.kind} {self.k}"
        return f"{shown}, eta {self.eta:g}" if self.eta else shown


def _linear(k: int) -> Law:
    law = Gaussian(spectrum=np.ones(k))
    return Law("linear", k, 0.0, law, law)


def _sphere(k: int) -> Law:
    law = UniformSphere(k + 1)
    return Law("sphere", k, 0.0, law, law)


def _noisy(k: int, eta: float) -> Law:
    law = LowRankPlusNoise(k, AMBIENT, eta)
    return Law("noisy", k, eta, law, Gaussian(spectrum=np.ones(k)))


def _clusters(eta: float) -> Law:
    means = np.random.default_rng(0).standard_normal((_CLUSTERS, AMBIENT)) / AMBIENT**0.5
    spread = Gaussian(spectrum=np.full(AMBIENT, eta**2 / AMBIENT))
    law = GaussianMixture([1 / _CLUSTERS] * _CLUSTERS, means, [spread] * _CLUSTERS)
    return Law("clusters", 0, eta, law, Empirical(means))


LAWS: Mapping[str, Law] = {
    law.name: law
    for law in (
        *map(_linear, _DIMENSIONS),
        *map(_sphere, _DIMENSIONS),
        *(_noisy(k, eta) for k in _NOISY for eta in ETAS),
        *(_clusters(eta) for eta in ETAS[::2]),
    )
}
"""By name."""
