r"""What an activation leaves of a squared distance (D1): kappa of it, and less where it saturates.

*Both signs.* Rows are symmetric, so flipping the signs of a layer in both networks leaves law and
matching unchanged, and |sigma(u) - sigma(v)|^2 is on average |s(u) - s(v)|^2 with

    s(z) = (sigma(z), sigma(-z)) / sqrt 2,    |s'|^2 <= kappa:

Lip(sigma)^2 if sigma is odd up to a constant, 1/2 for relu and softplus, .646 for gelu.

*Statement.* If u ~ N(0, q), if v is below N(0, q) in convex order and E|u - v|^2 = d^2, then for
all lambda, gamma >= 0

    E|s(u) - s(v)|^2 <= lambda d^2 + E f(u) + 3 gamma q^2,
    f(u) = sup over v of |s(u) - s(v)|^2 - lambda (u - v)^2 - gamma v^4.

It holds pointwise before the means are taken, v^4 is convex and has the mean 3 q^2 under N(0, q).
With means over examples, each with its q, too, the least of finitely many such lines is S(d^2):
concave, increasing, at most kappa d^2 (lambda = kappa, f = 0). For bounded sigma it saturates.

*Who u and v are.* u = z^A, given the layers before. v = z^B; or v = z^t, for a matched pair of rows
t alpha.p + (1-t) beta.p with p = phi^t of the layer before: a mean of two variables N(0, q_p), and
Jensen's inequality is the convex order, whatever the matching, as it uses each row once. Bounded
sigma need nothing of v: gamma = 0. For softplus and gelu |s|^2 is convex, so E|phi^t|^2 is at most
that of Gaussian pre-activations, layer by layer, and q_p is at most q. In the first layer q is what
it is; in later ones that of wide networks, up to O(1/width) as kernels are.

*How sharp.* With v free the best line is the supremum over all v that depend on u: for gamma = 0
nothing is lost. With v ~ N(0, q), too, it is a transport problem, of which f(u) and gamma v^4 are
dual potentials; solved as a linear program it lies below S by a sixth at most for tanh, by a tenth
for softplus and gelu. The supremum is not attained by a Gaussian coupling unless sigma is affine:
for small d it is kappa d^2, as a coupling may move only those u at which |s'|^2 is largest, where
a Gaussian one has the mean of |s'|^2. Matched pairs behave nearly as Gaussian ones in more than a
few dimensions, which for tanh at q = 4 leaves half of S or less; what is missing is a proof, at
any width, that they do.

*Suprema on a grid* are made bounds by what lies between its nodes: h^2/8 times a bound of the
negative second derivative, 2 lambda + 12 gamma v^2 + 2 |s(u) - s(v)| |s''|, with |s''| at most
curvature exp(-(|z| - 3)_+). Beyond the last v the function falls: where lambda (u - v)^2 exceeds
the square of sigma's span, or gamma v^2 exceeds kappa - lambda and |v| exceeds |u|.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from lmctheory.activations import Pointwise

__all__ = ["Contraction", "Line", "both_signs", "contraction", "symmetric_gap"]

Array = Float[np.ndarray, "..."]


def both_signs(sigma: Callable[[Array], Array], z: Array) -> Array:
    """s(z), along a new first axis.

    Args:
        sigma: the activation.
        z: any shape.
    """
    return np.stack([sigma(z), sigma(-z)]) / 2**0.5


def symmetric_gap(s_u: Array, s_v: Array) -> Array:
    """|s(u) - s(v)|^2: the mean of |sigma(u) - sigma(v)|^2 over the sign of both.

    Args:
        s_u: s(u), see `both_signs`.
        s_v: s(v); both may be broadcast.
    """
    return np.asarray(np.square(s_u - s_v).sum(axis=0))


@dataclass(frozen=True, eq=False)
class Line:
    """|s(u) - s(v)|^2 <= slope (u - v)^2 + f(u) + quartic (v / scale)^4 for all u and v.

    Attributes:
        slope: lambda.
        intercept: the mean of f(u) + quartic (v / scale)^4, at most.
        quartic: gamma, times the fourth power of the scale.
        scale: the largest standard deviation.
        nodes: u >= 0 ``[k]`` at which f is tabulated, to nine times the scale.
        values: f there ``[k]``; f is even, and linear in between.
    """

    slope: float
    intercept: float
    quartic: float = 0.0
    scale: float = 1.0
    nodes: Float[np.ndarray, " k"] = field(default_factory=lambda: np.zeros(1))
    values: Float[np.ndarray, " k"] = field(default_factory=lambda: np.zeros(1))

    def __call__(self, square: float) -> float:
        """A bound of E|s(u) - s(v)|^2 from one of E|u - v|^2."""
        return self.slope * square + self.intercept

    def above(self, u: Array, v: Array) -> Array:
        """The right-hand side, pair by pair."""
        constant = len(self.nodes) == 1
        f = self.values if constant else np.interp(np.abs(u), self.nodes, self.values)
        fourth = self.quartic * np.square(np.square(v / self.scale)) if self.quartic else 0.0
        return np.asarray(self.slope * np.square(u - v) + f + fourth)


@dataclass(frozen=True, eq=False)
class Contraction:
    """S, the least of lines; the first of them has the slope kappa and nothing else."""

    lines: tuple[Line, ...]

    def __call__(self, square: float) -> float:
        """S: a bound of E|s(u) - s(v)|^2 from one of E|u - v|^2."""
        return self.best(square)(square)

    def best(self, square: float) -> Line:
        """The line that is least there."""
        return min(self.lines, key=lambda line: line(square))

    def chord(self, square: float, t: float) -> float:
        """Bounds E[t/(1-t) |s(z^t) - s(z^A)|^2 + (1-t)/t |s(z^t) - s(z^B)|^2] in the first layer.

        Args:
            square: of E|z^A - z^B|^2; z^t = t z^A + (1-t) z^B.
            t: where on the line, in [0, 1].
        """
        if t * (1 - t) < _END:
            return 2 * self.lines[0].slope * t * (1 - t) * square
        r = t / (1 - t)
        return r * self((1 - t) ** 2 * square) + self(t**2 * square) / r

    def line(self, square: float, t: float) -> float:
        """Bounds the same from E[t/(1-t) |z^t - z^A|^2 + (1-t)/t |z^t - z^B|^2], in any layer.

        By concavity: both weights, of sum (t^2 + (1-t)^2) / (t(1-t)), at the mean distance.
        """
        tau = t * (1 - t)
        if tau < _END:
            return self.lines[0].slope * square
        weight = (1 - 2 * tau) / tau
        return weight * self(square / weight)


_END = 1e-150
"""t(1-t) below which distances are as good as 0."""


def contraction(sigma: Pointwise, variances: Float[np.ndarray, " n"]) -> Contraction:
    """S for pre-activations N(0, q), each example with its q.

    Args:
        sigma: the activation.
        variances: q ``[n]``, >= 0.

    Returns:
        S of the module docstring; kappa d^2 where sigma is linear or has a kink, or without
            variances.

    Reference:
        theory key D1; derived here.

    Example:
        >>> import numpy as np
        >>> from lmctheory.activations import pointwise
        >>> S = contraction(pointwise("tanh"), np.array([4.0]))
        >>> [round(S(d2), 1) for d2 in (0.1, 1.0, 4.0, 16.0)]
        [0.1, 0.7, 1.7, 3.0]
    """
    lines = [Line(sigma.contraction, 0.0)]
    bounded = sigma.span < np.inf
    if bounded:
        lines.append(Line(0.0, sigma.span**2, values=np.array([sigma.span**2])))
    if 0 < sigma.curvature < np.inf and 0 < variances.max() < _LARGEST:
        grid = _Grid(sigma, variances)
        lines.extend(grid.saturating() if bounded else grid.unbounded())
    return Contraction(tuple(lines))


_NODES, _PARTNERS = 200, 801
"""Of u, to 9 times the largest deviation, and of v, to 100 times."""
_SLOPES, _QUARTICS = 40, 10
_LARGEST = 1e100
"""Variance beyond which such tables are too coarse to be of use."""


class _Grid:
    """|s(u) - s(v)|^2, (u - v)^2 and v^4 at nodes u >= 0 and v, with what lies between them."""

    def __init__(self, sigma: Pointwise, variances: Float[np.ndarray, " n"]) -> None:
        self.sigma, self.spread = sigma, float(variances.max() / variances.mean())
        self.scale, typical = float(variances.max()) ** 0.5, float(variances.mean()) ** 0.5
        unit = min(1.0, typical)
        self.u = unit * np.sinh(np.linspace(0, np.arcsinh(9 * self.scale / unit), _NODES))
        end = np.arcsinh(100 * self.scale / unit)
        u, v = self.u[:, None], unit * np.sinh(np.linspace(-end, end, _PARTNERS))[None, :]
        h, k = _spacing(self.u)[:, None], _spacing(v[0])
        apart = np.abs(u - v)
        gap = np.minimum(sigma.span, sigma.contraction**0.5 * (apart + h + k))
        bends = h**2 * _bend(sigma, u, h) + k**2 * _bend(sigma, v, k)
        s_u, s_v = both_signs(sigma.function, u), both_signs(sigma.function, v)
        self.gap = symmetric_gap(s_u, s_v) + gap * bends / 4
        self.square = apart**2 - (h**2 + k**2) / 4
        x, k = v / self.scale, k / self.scale
        self.fourth = x**4 - 1.5 * ((np.abs(x) + k) * k) ** 2
        self.mean_fourth = 3 * float(np.square(variances / variances.max()).mean())
        self.beyond = _mean_excess(self.u, variances)

    def saturating(self) -> Iterator[Line]:
        """Lines for a bounded sigma, gamma = 0."""
        least = (self.sigma.span / (91 * self.scale)) ** 2
        if least < (kappa := self.sigma.contraction):
            for slope in np.geomspace(least, kappa, _SLOPES, endpoint=False).tolist():
                yield self._line(slope, 0.0)

    def unbounded(self) -> Iterator[Line]:
        """Lines for a sigma with sigma(z) - sigma(-z) = 2 a z, whose least slope is a^2."""
        kappa, odd = self.sigma.contraction, sum(self.sigma.slopes) / 2
        for slope in np.linspace(odd**2, kappa, _SLOPES // 3, endpoint=False).tolist():
            quartics = np.geomspace((kappa - slope) / 1e4, 3 * kappa * self.spread, _QUARTICS)
            lines = [self._line(slope, one) for one in (quartics * self.scale**2).tolist()]
            yield min(lines, key=lambda line: line.intercept)

    def _line(self, slope: float, quartic: float) -> Line:
        f = (self.gap - slope * self.square - quartic * self.fourth).max(axis=1)
        mean = float(f[0] - (np.diff(f) / np.diff(self.u)) @ np.diff(self.beyond))
        return Line(slope, mean + quartic * self.mean_fourth, quartic, self.scale, self.u, f)


def _bend(sigma: Pointwise, z: Array, h: Array) -> Array:
    """A bound of |s''| within h of z."""
    return sigma.curvature * np.exp(-np.maximum(np.abs(z) - h - 3, 0.0))


def _spacing(x: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    """The larger of the distances to both neighbours."""
    h = np.diff(x)
    return np.maximum(np.append(h, h[-1]), np.append(h[0], h))


def _mean_excess(
    u: Float[np.ndarray, " k"], variances: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " k"]:
    """The mean of (|z| - u)_+ over z ~ N(0, q) and over all q."""
    deviation = np.sqrt(variances[variances > 0])[:, None]
    x = u / deviation
    excess = 2 * deviation * (np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) - x * ndtr(-x))
    return np.asarray(excess.sum(axis=0) / len(variances))
