r"""Atomic environment vectors: what ANI potentials see of an atom's surroundings.

Of atom i at distances r_j, with the cutoff f(r) = (1 + cos(pi r / R)) / 2 below R and 0 beyond,

    radial   1/4 sum_j exp(-eta (r_j - s)^2) f(r_j), by element of j, for all shifts s;
    angular  2 sum_{j<k} [(1 + cos(theta_jk - z)) / 2]^zeta
               exp(-eta ((r_j + r_k) / 2 - s)^2) f(r_j) f(r_k), by elements of j and k,
             for all shifts s and angles z, cos theta_jk = .95 <j, k> / (r_j r_k).

Reference: Smith et al. 2017; factors 1/4 and .95 are those of the published potentials.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement

import numpy as np
from jaxtyping import Float

__all__ = ["Environment"]

_SINGLE = ("Rcr", "Rca", "EtaR", "EtaA", "Zeta")
_NAMES = (*_SINGLE, "ShfR", "ShfA", "ShfZ")


@dataclass(frozen=True, eq=False)
class Environment:
    """The constants of environment vectors.

    Attributes:
        elements: their symbols, in order.
        radial_cutoff: R of the radial part, Angstrom.
        angular_cutoff: of the angular part.
        radial_eta: eta of the radial part, Angstrom^-2.
        radial_shifts: s of the radial part, Angstrom.
        angular_eta: eta of the angular part.
        angular_shifts: s of the angular part.
        zeta: the power.
        angles: z, radians.
    """

    elements: tuple[str, ...]
    radial_cutoff: float
    angular_cutoff: float
    radial_eta: float
    radial_shifts: Float[np.ndarray, " s"]
    angular_eta: float
    angular_shifts: Float[np.ndarray, " s"]
    zeta: float
    angles: Float[np.ndarray, " z"]

    @classmethod
    def read(cls, text: str) -> "Environment":
        """From lines such as ``Rcr = 5.2`` and ``ShfA = [.9,1.55]``, of files ``.params``.

        Raises:
            ValueError: for a constant that is missing, or is not what it should be.
        """
        pairs = [line.split("=") for line in text.splitlines() if "=" in line]
        given = {name.strip(): _listed(value) for name, value in pairs}
        lacking = sorted({*_NAMES, "Atyp"} - set(given))
        if lacking:
            raise ValueError(f"the constants of environments lack {lacking}")
        numbers = {name: np.array(given[name], float) for name in _NAMES}
        single = {name: _single(name, numbers[name]) for name in _SINGLE}
        return cls(
            elements=tuple(given["Atyp"]),
            radial_cutoff=single["Rcr"],
            angular_cutoff=single["Rca"],
            radial_eta=single["EtaR"],
            radial_shifts=numbers["ShfR"],
            angular_eta=single["EtaA"],
            angular_shifts=numbers["ShfA"],
            zeta=single["Zeta"],
            angles=numbers["ShfZ"],
        )

    @property
    def features(self) -> int:
        """Their number."""
        k = len(self.elements)
        angular = len(self.angular_shifts) * len(self.angles)
        return k * len(self.radial_shifts) + k * (k + 1) // 2 * angular

    def of(
        self, symbols: Sequence[str], positions: Float[np.ndarray, "atoms 3"]
    ) -> Float[np.ndarray, "atoms features"]:
        """The vectors of one molecule's atoms.

        Args:
            symbols: of the elements.
            positions: in Angstrom.

        Raises:
            ValueError: for an element without constants.
        """
        unknown = sorted({*symbols} - {*self.elements})
        if unknown:
            raise ValueError(f"symbols must be among {list(self.elements)}, got {unknown[0]!r}")
        kinds = [self.elements.index(symbol) for symbol in symbols]
        return np.stack([self._around(i, kinds, positions) for i in range(len(kinds))])

    def _around(self, i: int, kinds: Sequence[int], positions: np.ndarray) -> np.ndarray:
        towards = positions - positions[i]
        r = np.sqrt((towards**2).sum(1))
        others = [j for j in range(len(kinds)) if j != i]
        radial = np.zeros((len(self.elements), len(self.radial_shifts)))
        for j in others:
            bumps = np.exp(-self.radial_eta * (r[j] - self.radial_shifts) ** 2)
            radial[kinds[j]] += bumps * _cutoff(r[j], self.radial_cutoff) / 4
        both = list(combinations_with_replacement(range(len(self.elements)), 2))
        angular = np.zeros((len(both), len(self.angular_shifts), len(self.angles)))
        near = [j for j in others if r[j] < self.angular_cutoff]
        for j, k in combinations(near, 2):
            theta = np.arccos(0.95 * towards[j] @ towards[k] / (r[j] * r[k]))
            turned = ((1 + np.cos(theta - self.angles)) / 2) ** self.zeta
            bumps = np.exp(-self.angular_eta * ((r[j] + r[k]) / 2 - self.angular_shifts) ** 2)
            cut = _cutoff(r[j], self.angular_cutoff) * _cutoff(r[k], self.angular_cutoff)
            place = both.index((min(kinds[j], kinds[k]), max(kinds[j], kinds[k])))
            angular[place] += 2 * cut * np.outer(bumps, turned)
        return np.concatenate([radial.ravel(), angular.ravel()])


def _cutoff(r: float, radius: float) -> float:
    return float((1 + np.cos(np.pi * r / radius)) / 2) if r < radius else 0.0


def _listed(value: str) -> list[str]:
    return [part.strip() for part in value.strip().strip("[]").split(",")]


def _single(name: str, values: np.ndarray) -> float:
    if len(values) != 1:
        raise ValueError(f"{name} must be one number, got {values.tolist()}")
    return float(values[0])
