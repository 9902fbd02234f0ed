r"""Small-ball lower bounds for Gaussians (R9): no matching beats the nearest neighbour.

With q_r(a) = mu(B(a, r)), every matching of two samples of m neurons, p = 2, costs at least

    M(m) >= integral_0^infinity E_a (1 - q_{sqrt x}(a))^m dx.

Any *upper* bound on q keeps it a lower bound. Two arguments:

*Isotropic.* mu = N(0, lambda I_k): q depends on |a| alone and is a noncentral chi-square
distribution function. For a general spectrum, Lambda >= lambda_min I contracts onto it.

*Tilted (sharpens R9).* For s > 0, tilting by e^{-s|X-a|^2} makes X - a Gaussian with variances
lambda'_i = lambda_i / (1 + 2 s lambda_i), so that with Q_s(a) = sum_i s a_i^2 / (1 + 2 s lambda_i)

    q(a) = prod_i (1 + 2 s lambda_i)^{-1/2} e^{-Q_s(a)} E_tilted[ e^{s|Y|^2}; |Y|^2 <= x ]
        <= prod_i (1 + 2 s lambda_i)^{-1/2} e^{-Q_s(a)} min(e^{sx}, g_s (e^{sx} - 1)/s),

where g_s = (1/2 pi) integral prod_i (1 + 4 lambda'_i^2 w^2)^{-1/4} dw bounds the density of |Y|^2
for every a (its characteristic function has no larger modulus). Chernoff's bound lacks the factor
g_s / s; averaging over a instead of Jensen's (1 - E q)^m keeps most of the nearest-neighbour cost.
Q_s(a) is a weighted sum of chi-squares, and enters increasingly: it may be replaced by anything
stochastically smaller. Groups of nearly equal weights are replaced by their geometric mean (of all
ellipsoids of one volume the ball has the largest Gaussian measure, so sum w_i chi^2_1 is
stochastically larger than gm(w) chi^2_k), and every sum is rounded down to a grid.

Both hold for every p > 0, with d(x^{p/2}) for dx. For p = 2 superadditivity (`blocks`) combines
them with each other, with R7 and with the exponential moment (`moments`), and the means of the
samples cost extra:

*Translation (sharpens R9).* With Y ~ N(0, (1 - 2/m) Lambda) independent of b_1..b_m, and m >= 2,

    M(m) >= (2/m) tr Lambda + E min_j |Y - b_j|^2.

*Proof.* The cost of a matching is |mean a - mean b|^2, of mean (2/m) tr Lambda, plus its cost
between the centred samples, at least E min_j |y - c_j|^2 with y = a_1 - mean a ~
N(0, (1 - 1/m) Lambda) independent of c_j = b_j - mean b. The c_j are independent of mean b
~ N(0, Lambda/m) =: G, which has the law of any other such G: min_j |Y - b_j| =
min_j |(Y - G) - c_j|, where Y - G is independent of the c_j and has the law of y. For m = 2 and
d = 1 this is an equality.

*Modulo signs* (S1) q_r(a) + q_r(-a) = 2 q_r(a) takes the place of q_r(a); R7 is that of absolute
values, in every coordinate; blocks add up, as |a - s b| is at least the distance modulo signs in
each; the translation is lost, as signs change the means.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.signal import fftconvolve
from scipy.special import chdtri, gammainc, gammaln

from lmctheory.rates.lower.blocks import best_block_sum, block_edges
from lmctheory.rates.lower.moments import exponential_moment_bound
from lmctheory.rates.lower.nearest_neighbour import power, survival_integral
from lmctheory.rates.upper.half_normal import half_normal_matching_cost
from lmctheory.rates.upper.order_statistics import normal_matching_cost

Array = NDArray[np.float64]

__all__ = ["NEGLIGIBLE", "isotropic_bound", "small_ball_bound", "tilted_bound"]


@lru_cache(maxsize=4096)
def isotropic_bound(
    dimension: int, m: int, p: float = 2.0, spread: float = 1.0, copies: int = 1
) -> float:
    """The small-ball bound for N(0, I_k): integral E (1 - F(x; k, |a|^2))^m d(x^{p/2}).

    It is E min_j |a - b_j|^p for a ~ N(0, spread I), rounded down. The mean over |a|^2, in which
    the integrand increases, is rounded down to the left ends of cells, finer and finer in the upper
    tail: in low dimension outliers carry much of the cost. Within 4 % of the nearest-neighbour cost
    for k >= 3; for k = 1 and 2 that holds up to m = 10^3 and 10^6 only, but R7 is far better there
    anyway.

    Args:
        dimension: k >= 1.
        m: number of neurons >= 1.
        p: exponent > 0.
        spread: the variance of a in units of that of b, <= 1.
        copies: 2 for a symmetric law modulo signs.

    Reference:
        theory keys R9 (its first form), S1; the nearest-neighbour argument of Ferbach et al.
        (2024), Theorem 5.3.
    """
    half = dimension / 2
    survival = np.r_[np.linspace(1.0, 0.05, 600), np.geomspace(0.05, 1e-10, 401)[1:]]
    norms = spread * np.asarray(
        chdtri(dimension, survival), np.float64
    )  # left ends of the cells of |a|^2
    mass = survival - np.append(survival[1:], 0.0)
    terms = np.arange(int(norms[-1] / 2 + 8 * np.sqrt(norms[-1] / 2) + 24))
    log_poisson = np.where(
        norms[:, None] > 0,
        terms * np.log(np.maximum(norms[:, None], 1e-300) / 2),
        np.where(terms == 0, 0.0, -np.inf),
    )
    poisson = np.exp(log_poisson - norms[:, None] / 2 - gammaln(terms + 1))
    poisson[:, -1] += np.maximum(1 - poisson.sum(axis=1), 0.0)  # rounds the cdf up

    def mean_power(x: Array) -> Array:
        q = poisson @ gammainc(half + terms[:, None], x / 2)
        with np.errstate(divide="ignore"):
            return mass @ power(np.log(copies * q), m)

    return survival_integral(mean_power, 4.0 * dimension + 40.0, p)


def tilted_bound(
    spectrum: Float[np.ndarray, " d"],
    m: int,
    p: float = 2.0,
    spread: float = 1.0,
    copies: int = 1,
) -> float:
    """The tilted small-ball bound (module docstring), the best s for every x.

    Args:
        spectrum: positive eigenvalues ``[d]``.
        m: number of neurons >= 1.
        p: exponent > 0.
        spread: the covariance of a in units of that of b, <= 1.
        copies: 2 for a symmetric law modulo signs.

    Reference:
        theory keys R9, S1; derived here.
    """
    centre = _typical_tilt(spectrum, max(copies * m, 2))
    factors = np.geomspace(0.25, 4.0, 9)
    tilts = [_Tilt(spectrum, m, centre * factor, spread, copies) for factor in factors]
    return survival_integral(
        lambda x: np.max([tilt.mean_power(x) for tilt in tilts], axis=0),
        4.0 * float(spectrum.sum()),
        p,
    )


def _typical_tilt(spectrum: np.ndarray, m: int) -> float:
    """The s that suits the distance within which a typical neuron has one neighbour.

    Any s gives a bound; this one is near the best.
    """

    def log_neighbours(log_s: float) -> float:
        s = np.exp(log_s)
        shrink = 1 / (1 + 2 * s * spectrum)
        x = spectrum @ shrink + spectrum @ shrink**2
        return np.log(m) + s * x - np.log1p(2 * s * spectrum).sum() / 2 - s * spectrum @ shrink

    low = -np.log(spectrum.sum()) - 30
    return float(np.exp(brentq(log_neighbours, low, 40 - np.log(spectrum[-1]) + 2 * np.log(m))))


class _Tilt:
    """The tilted bound at one s: the law of Q_s on a grid, and E (1 - q)^m as a function of x."""

    cells = 1024

    def __init__(self, spectrum: np.ndarray, m: int, s: float, spread: float, copies: int) -> None:
        self.s = s
        self.log_volume = np.log(copies) - np.log1p(2 * s * spectrum).sum() / 2
        weights, counts = _grouped(s * spectrum / (1 + 2 * s * spectrum))
        mean, deviation = weights @ counts, np.sqrt(2 * weights**2 @ counts)
        reach = np.log(m) + 20
        self.step = max(mean + 8 * deviation + 30 * weights.max(), reach) / self.cells
        law = self._law(spread * weights, counts)
        self.offset = int(np.ceil(reach / self.step))
        y = self.step * np.arange(-self.offset - self.cells + 1, self.cells)
        self.table = np.clip(fftconvolve(power(y, m), law, mode="valid"), 0.0, 1.0)
        self.table = np.minimum.accumulate(self.table)
        self.log_density = np.log(_density_bound(weights / s, counts) / s)

    def _law(self, weights: np.ndarray, counts: Array) -> Array:
        """Probabilities of the cells of Q_s, every sum rounded down."""
        edges = self.step * np.arange(self.cells)
        law = np.zeros(self.cells)
        law[0] = 1.0
        for w, k in zip(weights, counts, strict=True):
            if w * k > self.step:  # less would be rounded down to nothing
                part = np.diff(gammainc(k / 2, edges / (2 * w)), append=1.0)
                total = np.maximum(_convolved(law, part), 0.0)
                law = total[: self.cells]
                law[-1] += total[self.cells :].sum()
        return law

    def mean_power(self, x: Array) -> Array:
        """A lower bound of E (1 - q(a))^m, decreasing in x."""
        with np.errstate(divide="ignore"):
            gain = np.minimum(self.log_density + np.log(-np.expm1(-self.s * x)), 0.0)
        height = self.log_volume + self.s * x + gain
        cell = np.clip(np.ceil(height / self.step) + self.offset, 0, len(self.table)).astype(int)
        return np.append(self.table, 0.0)[cell]


def _convolved(a: Array, b: Array) -> Array:
    """As SciPy's fftconvolve, which takes three times as long to look at its arguments."""
    size = 2 * len(a)
    return np.fft.irfft(np.fft.rfft(a, size) * np.fft.rfft(b, size), size)[:-1]


def _grouped(weights: Array) -> tuple[np.ndarray, Array]:
    """Geometric means and sizes of groups of weights within a factor of 1.25."""
    log_weight = np.log(weights)
    _, group = np.unique(np.floor(log_weight / np.log(1.25)), return_inverse=True)
    counts = np.bincount(group)
    return np.exp(np.bincount(group, log_weight) / counts), counts.astype(np.float64)


def _density_bound(variances: np.ndarray, counts: Array) -> float:
    """An upper bound of g_s; grouping raises it, as log(1 + e^{2y}) is convex in y."""
    k = counts.sum()
    if k < 3:
        return np.inf
    scale = 1 / np.sqrt(4 * variances**2 @ counts)
    w = np.r_[0.0, scale * np.geomspace(1e-3, 1e9, 2400)]
    values = np.exp(-counts @ np.log1p(4 * np.outer(variances, w) ** 2) / 4)
    # beyond the grid the integrand falls at least like w^(-1-t), t as reached at its end
    fall = counts @ (1 - 1 / (1 + 4 * (variances * w[-1]) ** 2)) / 2 - 1
    tail = values[-1] * w[-1] / fall if fall > 0 else np.inf
    return float(np.diff(w) @ values[:-1] + tail) / np.pi


def small_ball_bound(
    spectrum: Float[np.ndarray, " d"], m: int, p: float = 2.0, *, signs: bool = False
) -> dict[str, float]:
    """The best lower bound of each argument and, for p = 2, of their best sum over blocks.

    Args:
        spectrum: positive eigenvalues ``[d]``, decreasing.
        m: number of neurons >= 1.
        p: exponent > 0.
        signs: whether the cost is modulo signs.

    Returns:
        Bounds of E W_p^p by argument; "R9 blocks" is at least as large as the others.

    Reference:
        theory keys R9, S1.
    """
    whole = _arguments(spectrum, m, p, signs)
    if p != 2:
        return whole

    def block(start: int, stop: int) -> float:
        part = spectrum[start:stop]
        same = len(part) == len(spectrum)
        return max((whole if same else _arguments(part, m, p, signs)).values())

    return whole | {"R9 blocks": best_block_sum(block_edges(spectrum), block)}


NEGLIGIBLE = 1e-100
"""Eigenvalues or sides below this multiple of the largest are left out: their squares underflow,
and heat traces overflow."""
_MANY = 500
"""Dimension beyond which the exponential moment is as good as the isotropic bound, and cheaper."""


def _arguments(spectrum: Array, m: int, p: float, signs: bool) -> dict[str, float]:
    values: dict[str, float] = {}
    top = float(spectrum[0])
    unit = spectrum[spectrum > NEGLIGIBLE * top] / top
    if p == 2:
        one = half_normal_matching_cost(m) if signs else normal_matching_cost(m)
        values["R7 in every coordinate"] = float(spectrum.sum()) * one
        if len(unit) == 1:  # R7 is exact there
            return values
        values["R9 exponential moment"] = top * exponential_moment_bound(unit, m, signs=signs)
    split = p == 2 and m > 1 and not signs
    copies = 1 + signs
    means, spread = (2 * float(spectrum.sum()) / m, 1 - 2 / m) if split else (0.0, 1.0)
    values["R9 tilted"] = means + top ** (p / 2) * tilted_bound(unit, m, p, spread, copies)
    order = np.arange(1, len(unit) + 1)
    # which k leading coordinates to contract onto: the growth of the isotropic bound with k
    k = int(np.argmax(np.log(unit * order) - 2 / order * np.log(m))) + 1
    if k <= _MANY and unit[k - 1] * k > unit.sum() / 2:  # else too much is contracted away to win
        ball = isotropic_bound(k, m, p, spread, copies)
        values["R9 isotropic"] = means + float(top * unit[k - 1]) ** (p / 2) * ball
    return values
