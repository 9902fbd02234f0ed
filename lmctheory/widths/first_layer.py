r"""The first layer of D1 from drawn matchings: it sees the data, so that drawn pairs are its own.

With the lines of `lmctheory.widths.contraction`, chosen before the draws, a and b the
pre-activations of a matched pair, z = t a + (1-t) b and r = t/(1-t),

    G_1 = line(M_1) - E gone(a, b),
    X_1 = r line_A((1-t)^2 M_1) + line_B(t^2 M_1) / r - E [r gone_A(a, z) + gone_B(b, z) / r]

at most, where gone(u, v) is how far |s(u) - s(v)|^2 lies below its line, >= 0 pair by pair. For the
relu these are equalities: the line is M_1/2, and gone what is cut off where signs differ. By hand,
over the two signs of a layer, with p = t|a| and q = (1-t)|b|,

    G_1 = M_1/2     - E |ab| 1{ab < 0},
    X_1 = t(1-t) M_1 - E 1{ab < 0} (q (p - q) / t  if p > q,  p (q - p) / (1-t)  else).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lmctheory.widths.contraction import Line, both_signs, symmetric_gap
from lmctheory.widths.ensembles import Ensemble
from lmctheory.widths.kernels import Activation, function

__all__ = ["FirstLayer", "first_layer"]


@dataclass(frozen=True, eq=False)
class FirstLayer:
    """Lines for G_1, and for X_1 at several t.

    Attributes:
        activation: its name or function.
        gap: the line for z^A - z^B.
        ends: for every t, (t, the line for z^t - z^A, that for z^t - z^B).
    """

    activation: Activation
    gap: Line
    ends: tuple[tuple[float, Line, Line], ...]

    def bounds(self, cost: float) -> list[float]:
        """G_1, then X_1 for every t, from M_1, before anything is taken off."""
        X = [_ends(t, A((1 - t) ** 2 * cost), B(t**2 * cost)) for t, A, B in self.ends]
        return [self.gap(cost), *X]

    def gone(self, a: Float[np.ndarray, "m n"], b: Float[np.ndarray, "m n"]) -> list[float]:
        """Means over neurons and examples of what comes off G_1, then off X_1 for every t.

        Args:
            a: pre-activations of A's neurons ``[m, n]``.
            b: those of their partners in B ``[m, n]``.
        """
        pairs, sigma = a.size, function(self.activation)
        if self.activation == "relu":  # equal signs lose nothing
            apart = a * b < 0
            a, b = a[apart], b[apart]

        s_a, s_b = both_signs(sigma, a), both_signs(sigma, b)
        found = [_below(self.gap, a, b, s_a, s_b)]
        for t, A, B in self.ends:
            z = t * a + (1 - t) * b
            s_z = both_signs(sigma, z)
            found.append(_ends(t, _below(A, a, z, s_a, s_z), _below(B, b, z, s_b, s_z)))
        return [one / pairs for one in found]


def _below(line: Line, u: np.ndarray, v: np.ndarray, s_u: np.ndarray, s_v: np.ndarray) -> float:
    # negative by rounding alone
    return float(np.maximum(line.above(u, v) - symmetric_gap(s_u, s_v), 0.0).sum())


def _ends(t: float, of_A: float, of_B: float) -> float:
    """t/(1-t) times what belongs to A and (1-t)/t times what belongs to B; 0 at the ends."""
    return t / (1 - t) * of_A + (1 - t) / t * of_B if 0 < t < 1 else 0.0


def first_layer(networks: Ensemble, cost: float, times: Sequence[float]) -> FirstLayer:
    """The lines that are best if the matching cost is as given.

    Args:
        networks: the ensemble.
        cost: M_1, or a bound of it; any will do.
        times: where on the line, each in [0, 1].
    """
    best = networks.contraction(1).best
    ends = tuple((t, best((1 - t) ** 2 * cost), best(t**2 * cost)) for t in times)
    return FirstLayer(networks.activation, best(cost), ends)
