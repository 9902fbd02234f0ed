r"""From below: what no permutation, or none of a named kind, does better than (T7 to T11, D7).

Two networks f = m^{-1/2} sum_i u_i s(<w_i, x>) of independent neurons, s leaky relu of slope a at
negative arguments, |a| <= 1, inputs with x ~ -x; e = f_t - t f_A - (1-t) f_B, |e|^2 includes E_x,
z = <w, x>, and |w|_Sigma^2 = E z^2.

*Two sides* (T7). All 2m output weights have mean 0 and variance 1, are uncorrelated, and
independent of hidden weights and permutation. Then E_u |e|^2 is the mean over matched pairs of

    c_t(w, w') = E_x { t^2 (s(z_t) - s(z))^2 + (1-t)^2 (s(z_t) - s(z'))^2 }.

For real p, q average (s(p) - s(q))^2 and (s(-p) - s(-q))^2: it is (1+a^2)/2 (p-q)^2 if p and q have
one sign, else at least (1+a)^2/4 (p-q)^2 (met at p = -q) and no more than before. As z_t lies
between z and z' it has the sign of one of them: with z_t - z = (1-t)(z'-z) and z_t - z' = t(z-z'),
and tau = t^2 (1-t)^2,

    { (1+a^2)/2 + (1+a)^2/4 } tau |w-w'|_Sigma^2 <= c_t <= (1+a^2) tau |w-w'|_Sigma^2,

and the least over permutations lies between these factors times L and U of the matching cost in
|.|_Sigma. *It is false for permutations that see the signs of u*: they can make the errors of
neurons cancel.

*Permutations that see |u|* (T8), not the signs: each pair costs at least (1+a)^2/4 tau
(u^2 + u'^2) |w-w'|_Sigma^2, and u_i^2 multiplies at least the distance of w_i to its nearest
neighbour, which is independent of it. With E u^2 = 1, E|e|^2 >= (1+a)^2/2 tau NN(m).

*Many outputs, every permutation* (T9). n outputs with independent normal u: given the hidden
weights and a permutation, |e|^2 is a weighted chi-square, sum_j l_j chi^2_n, and
P(|e|^2 <= x n C) <= exp(-(n/2)(x - 1 - ln x)) for x < 1 and C = sum_j l_j, by Chernoff and
prod_j (1 + 2 s l_j) >= 1 + 2 s C. There are m! permutations: with
(n/2)(x - 1 - ln x) = ln m! + ln(1/delta), with probability 1 - delta none has |e|^2 < x n c*,
c* the least of T7's mean costs.

*Equal output weights, every permutation* (T10). f = (a/N) sum relu(<w_i, x>): relu is convex, so
no pair's error is positive and E_x |e| adds up over pairs. For x ~ N(0, I) and t = 1/2 a pair's is
|a| / (2 sqrt(2 pi)) (|w| + |w'| - |w + w'|), where with r = |w|, r' = |w'| and directions v, v'

    min(r, r') |v-v'|^2 / 4 <= r + r' - |w + w'| <= min(r, r') |v-v'|^2 / 2

(|w + w'| lies between the difference and the sum of the norms): an assignment problem, whose least
value is the least E_x |e| of all permutations, and at most their least root mean square. Matched by
directions alone, which are independent of norms, isotropic Gaussian neurons pay in expectation at
most |a| / (4 sqrt(2 pi)) E min(r, r') times the matching cost of the sphere; and at least
the distance to the nearest neighbour in min(r, r') |v-v'|^2 / 4, whatever the permutation.

*A barrier from below* (T11). T10's networks, squared loss, labels of mean f* = E a relu(<w, x>)
and independent noise. With a > 0, f_{1/2} = f-bar + e and <-e, 1> >= T*, T* the least of T10: the
risk of f_{1/2} exceeds that of f* by at least <f* - f_{1/2}, 1>^2 >= max(0, X + T*)^2 with
X = <f* - f-bar, 1> of mean 0, hence in expectation by (E T*)^2 for the best permutation; those
of A and B exceed it by V/N in the mean, V = E (a relu)^2 - E_x f*^2 = a^2 d (1/2 - 1/(2 pi)):

    E min over permutations of barrier(1/2) >= (E T*)^2 - V / N.

*Any depth* (D7). Output weights as in T7, of variance s_out^2 / m_L: whatever phi^t of the last
layer, t^2 (phi^t - phi^A)^2 + (1-t)^2 (phi^t - phi^B)^2 >= tau / (t^2 + (1-t)^2) (phi^A - phi^B)^2,
so that one assignment of last layers bounds every choice of all permutations that are independent
of the output weights.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from scipy.integrate import quad
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.special import gammaincc, gammaincinv, gammaln, lambertw

from lmctheory.measures import Gaussian, HasSpectrum, Measure, UniformSphere
from lmctheory.measures.arguments import (
    ArrayLike,
    array,
    at_least,
    number,
    positive,
    probability,
    share,
)
from lmctheory.rates import lower_bound, upper_bound
from lmctheory.rates.least_width import first_width
from lmctheory.rates.lower.nearest_neighbour import power, survival_integral
from lmctheory.results import Result

__all__ = [
    "ErrorBetween",
    "equal_outputs_barrier",
    "equal_outputs_error",
    "equal_outputs_mean",
    "error_between",
    "every_permutation_share",
    "last_layer_bound",
    "necessary_width",
    "sufficient_width",
    "unsigned_error_bound",
]

_NEAREST = ("one neuron", "R9 density", "R9 nearest neighbour", "R9 tilted", "R9 isotropic")
"""Those lower bounds of matching costs that are bounds of the distance to the nearest neighbour."""
_CELLS = 400
"""Of the norm of a neuron, half of them in its lower tail, where neurons are cheap to pair."""
_UPPER = np.linspace(0.05, 1.0, _CELLS // 2 + 1)[1:]


@dataclass(frozen=True)
class ErrorBetween(Result):
    """The squared function error of the best of some permutations, between two bounds.

    Attributes:
        lower: of E min |f_t - t f_A - (1-t) f_B|^2, the mean over output weights inside.
        upper: likewise.
        scale: E f^2, in the same units.
    """

    lower: float
    upper: float
    scale: float

    def __post_init__(self) -> None:
        assert 0 <= self.lower <= self.upper


def _slope(slope: Any) -> float:
    found = number("slope", slope)
    if not -1 <= found <= 1:
        raise ValueError(f"slope must be between -1 and 1, got {slope}")
    return found


def error_between(mu: Measure, m: int, *, t: float = 0.5, slope: float = 0.0) -> ErrorBetween:
    """Both sides of the least function error over permutations that do not see output weights (T7).

    Args:
        mu: law of Sigma^{1/2} w, see `lmctheory.widths.metric_law`; of w itself where Sigma = I.
        m: number of neurons, >= 1.
        t: place on the line, in [0, 1].
        slope: a of the leaky relu, in [-1, 1]; 0 is the relu.

    Raises:
        TypeError: for a law without known moments, or what is no real number.
        ValueError: if one is out of range.

    Reference:
        theory key T7.

    Example:
        >>> found = error_between(Gaussian(spectrum=[1.0, 1.0]), 100)
        >>> round(found.lower / found.scale, 4), round(found.upper / found.scale, 4)
        (0.0059, 0.0225)
    """
    t, a = share("t", t), _slope(slope)
    if not isinstance(mu, HasSpectrum):
        raise TypeError(f"mu must be a law with known moments, got {type(mu).__name__}")
    moved = t**2 * (1 - t) ** 2
    least = ((1 + a**2) / 2 + (1 + a) ** 2 / 4) * moved
    most = (1 + a**2) * moved
    low, high = lower_bound(mu, m).value, upper_bound(mu, m).value
    scale = (1 + a**2) / 2 * mu.second_moment
    return ErrorBetween(least * low, most * high, scale)


def unsigned_error_bound(mu: Measure, m: int, *, t: float = 0.5, slope: float = 0.0) -> float:
    """What no permutation undercuts that may see hidden weights and |u|, but no sign of u (T8).

    Args:
        mu: law of Sigma^{1/2} w, see `lmctheory.widths.metric_law`.
        m: number of neurons, >= 1.
        t: place on the line, in [0, 1].
        slope: a of the leaky relu, in [-1, 1].

    Returns:
        A lower bound of E |f_t - t f_A - (1-t) f_B|^2.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: if one is out of range.

    Reference:
        theory key T8.

    Example:
        >>> mu = Gaussian(spectrum=[1.0, 1.0])
        >>> unsigned_error_bound(mu, 100) <= error_between(mu, 100).lower
        True
    """
    t, a = share("t", t), _slope(slope)
    terms = lower_bound(mu, m).terms
    nearest = max((terms[name] for name in _NEAREST if name in terms), default=0.0)
    return (1 + a) ** 2 / 2 * t**2 * (1 - t) ** 2 * nearest


def every_permutation_share(m: int, outputs: int, delta: float) -> float:
    """The share x of T7's least mean cost that no permutation at all undercuts (T9).

    Args:
        m: number of neurons, >= 1.
        outputs: their number n, >= 1, with independent normal weights.
        delta: failure probability in (0, 1).

    Returns:
        x in [0, 1): with probability 1 - delta every permutation has |e|^2 / n >= x c*.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: if one is out of range.

    Reference:
        theory key T9.

    Example:
        >>> [round(every_permutation_share(32, n, 0.01), 2) for n in (256, 1024, 4096)]
        [0.24, 0.53, 0.74]
    """
    m, n = at_least("m", m, 1), at_least("outputs", outputs, 1)
    needed = (gammaln(m + 1) - np.log(probability("delta", delta))) * 2 / n
    # x - ln x = 1 + needed
    return float(-lambertw(-np.exp(-1 - needed)).real)


def sufficient_width(rho: float, mu: Gaussian, *, t: float = 0.5, slope: float = 0.0) -> int:
    """A width at which some permutation has E |e|^2 <= rho E f^2, by the upper side of T7.

    Args:
        rho: tolerance of the squared error, relative to the outputs', > 0.
        mu: as in `error_between`.
        t: likewise.
        slope: likewise.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: if one is out of range.
        OutOfReach: a ValueError, if no width up to 10^12 is known to suffice.

    Reference:
        theory key T7.

    Example:
        >>> sufficient_width(0.03, Gaussian(spectrum=[1.0, 1.0]))
        66
    """
    return _first(rho, mu, t, slope, "upper")


def necessary_width(rho: float, mu: Gaussian, *, t: float = 0.5, slope: float = 0.0) -> int:
    """Below this width no permutation that does not see output weights has E |e|^2 <= rho E f^2.

    By the lower side of T7: the least m at which it allows such an error; by R2, none before does.

    Args:
        rho: tolerance of the squared error, relative to the outputs', > 0.
        mu: as in `error_between`.
        t: likewise.
        slope: likewise.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: if one is out of range.

    Reference:
        theory keys T7, R2.

    Example:
        >>> necessary_width(0.03, Gaussian(spectrum=[1.0, 1.0]))
        16
    """
    return _first(rho, mu, t, slope, "lower")


def _first(rho: float, mu: Gaussian, t: float, slope: float, side: str) -> int:
    rho = positive("rho", rho)
    scale = error_between(mu, 1, t=t, slope=slope).scale

    def bound(m: int) -> float:
        return float(getattr(error_between(mu, m, t=t, slope=slope), side))

    return first_width(bound, rho * scale)


def equal_outputs_error(
    a: Shaped[ArrayLike, "N d"], b: Shaped[ArrayLike, "N d"], output: float = 1.0
) -> float:
    """The least E_x |f_{1/2} - (f_A + f_B)/2| over all permutations, for inputs x ~ N(0, I) (T10).

    Args:
        a: hidden weights of A, ``[N, d]``; for inputs N(0, Sigma) those of Sigma^{1/2} w.
        b: those of B.
        output: the weight that all neurons have in both, f = (output/N) sum relu(<w_i, x>).

    Returns:
        The minimum, an assignment problem solved exactly; no more than the least root mean square.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: for arrays of different or empty shapes.

    Reference:
        theory key T10.

    Example:
        >>> import numpy as np
        >>> equal_outputs_error(np.eye(2), np.eye(2)[::-1])
        0.0
    """
    a, b = array("a", a, "N d"), array("b", b, "N d")
    if a.shape != b.shape or not a.size:
        raise ValueError(f"a and b must have one shape that is not empty, got {a.shape}, {b.shape}")
    pairs = np.linalg.norm(a[:, None] + b, axis=2)
    apart = np.linalg.norm(a, axis=1)[:, None] + np.linalg.norm(b, axis=1) - pairs
    rows, columns = linear_sum_assignment(apart)
    least = float(np.maximum(apart[rows, columns], 0.0).mean())
    return float(abs(number("output", output)) / (2 * np.sqrt(2 * np.pi)) * least)


def equal_outputs_mean(d: int, N: int, output: float = 1.0) -> tuple[float, float]:
    """Bounds of the mean of `equal_outputs_error` over neurons N(0, I_d), in advance (T10).

    Args:
        d: number of inputs, >= 2.
        N: number of neurons, >= 1.
        output: the weight that all neurons have.

    Returns:
        A lower and an upper bound.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: if one is out of range.

    Reference:
        theory key T10.

    Example:
        >>> low, high = equal_outputs_mean(5, 2048)
        >>> round(low, 4), round(high, 4)
        (0.0035, 0.0299)
    """
    d, N = at_least("d", d, 2), at_least("N", N, 1)
    factor = abs(number("output", output)) / (2 * np.sqrt(2 * np.pi))
    sphere = UniformSphere(d)
    smaller = float(quad(lambda r: gammaincc(d / 2, r * r / 2) ** 2, 0, np.inf)[0])
    high = factor * smaller * upper_bound(sphere, N).value / 2
    return float(factor * _nearest(sphere, d, N)), float(high)


def _nearest(sphere: UniformSphere, d: int, N: int) -> float:
    """E min over j of min(r, r'_j) |v - v'_j|^2 / 4, rounded down: norms by lower ends of cells."""
    levels = np.concatenate([[0.0], np.geomspace(1e-18, 0.05, _CELLS // 2), _UPPER])
    ends, masses = np.sqrt(2 * gammaincinv(d / 2, levels[:-1])), np.diff(levels)
    above = 1 - levels[:-1]  # of a norm in this cell or above

    def survival(x: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        with np.errstate(divide="ignore"):
            within = sphere.distance_cdf(2 * np.sqrt(x / np.maximum(ends[:, None], 1e-300)))
            smaller = masses[:, None] * within
            # a smaller norm r' counts itself, all others count as the norm r of the neuron
            q = np.cumsum(smaller, axis=0) - smaller + above[:, None] * within
            return masses @ power(np.log(np.minimum(q, 1.0)), N)

    return survival_integral(survival, 4.0 * np.sqrt(d), 2.0)


def equal_outputs_barrier(
    d: int, N: int, output: float = 1.0, *, error: float | None = None
) -> float:
    """What the barrier at t = 1/2 exceeds in the mean, for the best of all permutations (T11).

    Args:
        d: number of inputs, >= 2, which are N(0, I_d) as the neurons are.
        N: number of neurons, >= 1.
        output: the weight that all neurons have, f = (output/N) sum relu(<w_i, x>).
        error: a lower bound of the mean of `equal_outputs_error`; by default that of
            `equal_outputs_mean`.

    Returns:
        (E T*)^2 - V / N, for the squared loss and labels of the mean E f and independent noise;
        negative where it says nothing.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: if one is out of range.

    Reference:
        theory key T11.

    Example:
        >>> equal_outputs_barrier(20, 512) > 0.006, equal_outputs_barrier(5, 512) < 0
        (True, True)
    """
    low = equal_outputs_mean(d, N, output)[0]
    least = low if error is None else number("error", error, least=0.0)
    return least**2 - output**2 * d * (1 / 2 - 1 / (2 * np.pi)) / N


def last_layer_bound(
    phi_a: Shaped[ArrayLike, "n m"],
    phi_b: Shaped[ArrayLike, "n m"],
    *,
    t: float = 0.5,
    s_out: float = 1.0,
) -> float:
    """What no permutations of any layers undercut that do not see the output weights (D7).

    Args:
        phi_a: activations of A's last hidden layer, ``[n, m]``: n examples, m neurons.
        phi_b: those of B, in any order of the neurons.
        t: place on the line, in [0, 1].
        s_out: output weights have variance s_out^2 / m.

    Returns:
        A lower bound of E |f_t - t f_A - (1-t) f_B|^2 per output, the mean over output weights and
        examples.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: for arrays of different or empty shapes, or t or s_out out of range.

    Reference:
        theory key D7.

    Example:
        >>> import numpy as np
        >>> phi = np.maximum(np.random.default_rng(0).standard_normal((2, 20, 50)), 0)
        >>> last_layer_bound(phi[0], phi[0][:, ::-1]), last_layer_bound(*phi) > 0.01
        (0.0, True)
    """
    a, b = array("phi_a", phi_a, "n m"), array("phi_b", phi_b, "n m")
    if a.shape != b.shape or not a.size:
        raise ValueError(
            f"phi_a and phi_b must have one shape that is not empty, got {a.shape}, {b.shape}"
        )
    t, s_out = share("t", t), positive("s_out", s_out)
    costs = cdist(a.T, b.T, "sqeuclidean") / len(a)
    rows, columns = linear_sum_assignment(costs)
    moved = t**2 * (1 - t) ** 2 / (t**2 + (1 - t) ** 2)
    return s_out**2 * moved * float(costs[rows, columns].mean())
