r"""The even part of a diffusion: R6 modulo signs (S1).

W_2 modulo signs is W_2 between the symmetrised samples, (1/2m) sum of delta_{a_i} + delta_{-a_i}:
a coupling of one lifts to the other, at no cost. If the law is symmetric and its diffusion commutes
with x -> -x, the symmetrised sample is smoothed to a density that is even: of the eigenfunctions
only the even ones count, and the mean of ||f - 1||_{H^-1}^2 is

    (1/m) integral_{2t}^infinity (tr_even P_s - 1) ds,   tr_even P_s = (tr P_s + tr R P_s) / 2,

R the reflection. Nothing else in R6, R6a and R6b changes: displacement, contraction and the
constant are those of the law, and the proofs couple symmetrised samples with the law itself.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lmctheory.measures.measure import EvenDiffusive

__all__ = ["EvenPart"]


@dataclass(frozen=True)
class EvenPart:
    """A law with a diffusion of which only the even eigenfunctions count.

    Args:
        law: symmetric, with a diffusion that is.

    Reference:
        theory keys R6, S1; derived here.
    """

    law: EvenDiffusive

    @property
    def dimension(self) -> int:
        """The dimension d of the space."""
        return self.law.dimension

    @property
    def spectrum(self) -> Float[np.ndarray, " d"]:
        """Of the law."""
        return self.law.spectrum

    @property
    def semigroup_constant(self) -> float:
        """Of the law."""
        return self.law.semigroup_constant

    def sample(self, m: int, *, rng: np.random.Generator) -> Float[np.ndarray, "m d"]:
        """Draws m independent neurons ``[m, d]``."""
        return self.law.sample(m, rng=rng)

    def heat_trace(self, s: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """tr_even P_s."""
        return self.law.even_heat_trace(s)

    def mean_squared_displacement(self, t: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """Of the law."""
        return self.law.mean_squared_displacement(t)

    def contraction(self, t: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """Of the law."""
        return self.law.contraction(t)
