r"""Two neurons against two: the exact cost of the better of the two pairings.

For independent a, a', b, b' the two pairings differ by 2 <a - a', b - b'>, so the cost per neuron
is M(2) = 2 tr - (1/2) E|S|, S = sum_i (a_i - a'_i)(b_i - b'_i), and E|S| follows from the
characteristic function phi of S: E|S| = (2/pi) integral_0^infinity (1 - phi(t)) / t^2 dt.
It replaces the cut of a single coordinate at the leaves of R13 and R14.
"""

import numpy as np
from jaxtyping import Float
from scipy.special import sici

__all__ = ["normal_pair_costs", "uniform_pair_gains"]


_STEP = 0.25
"""Of ln s: the trapezoidal rule errs by e^{-2 pi^2 / step}, singularities being at Im ln s = pi."""
_RANGE = 75.0


def normal_pair_costs(spectrum: Float[np.ndarray, " d"], count: int) -> Float[np.ndarray, " n"]:
    """M(2) for N(0, Lambda) = 2 tr Lambda - (2/pi)^{1/2} E (sum lambda_i^2 chi^2_1)^{1/2}.

    For the first `count` tails lambda_i, lambda_{i+1}, ... of a spectrum. Given a - a', S is
    normal; and E Q^{1/2} = (4 pi)^{-1/2} integral (1 - E e^{-sQ}) s^{-3/2} ds.

    Args:
        spectrum: positive eigenvalues ``[d]``, decreasing.
        count: number of tails, at most d.
    """
    log_ratios = np.log(spectrum) - np.log(spectrum[0])
    reach = -4 * max(float(log_ratios[count - 1]), -350.0) if count else 0.0
    log_s = np.arange(-_RANGE, _RANGE + reach, _STEP)

    def exponent(logs: np.ndarray) -> np.ndarray:  # -(1/2) sum log(1 + 2 s lambda^2)
        return -np.logaddexp(0.0, np.log(2) + log_s + 2 * logs[:, None]).sum(axis=0) / 2

    parts = np.array_split(log_ratios[count:], (len(spectrum) - count) // 1000 + 1)
    exponents = np.sum([exponent(part) for part in parts], axis=0)
    roots = np.empty(count)
    for i in reversed(range(count)):
        exponents = exponents + exponent(log_ratios[i : i + 1])
        roots[i] = -(np.expm1(exponents) * np.exp(-log_s / 2)).sum() * _STEP / np.sqrt(4 * np.pi)
    tails = np.cumsum(spectrum[::-1])[::-1][:count]
    return 2 * tails - np.sqrt(2 / np.pi) * spectrum[0] * roots


def uniform_pair_gains(weights: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
    """What the better pairing saves in each coordinate of the unit cube, per neuron, rounded down.

    Pairings are chosen by the sign of S = sum_i w_i D_i E_i, with D = u - u' and E = v - v'
    triangular on [-1, 1]. The saving in coordinate i is (1/2) E[sign(S) D_i E_i], which is
    (1/2) d/dw_i E|S| = (1/pi) integral -phi_1'(w_i t) prod_{j != i} phi_1(w_j t) dt / t, phi_1 the
    characteristic function of D E.

    Args:
        weights: w ``[d]``, >= 0, not all zero.
    """
    w = weights / weights.max()
    log_t = np.linspace(np.log(1e-3), np.log(1e6), 2400)
    phi, slope = _product_law(np.outer(w, np.exp(log_t)))
    log_phi = np.log(phi)
    integrand = -slope * np.exp(log_phi.sum(axis=0) - log_phi)
    beneath = w * 1e-3 / 36  # phi_1'(x) = -x/36 near 0
    quadrature = 1 - 1e-7  # the rule errs by 1e-8 at most
    return quadrature * (np.trapezoid(integrand, log_t, axis=1) + beneath) / np.pi


def _product_law(
    t: Float[np.ndarray, "d n"],
) -> tuple[Float[np.ndarray, "d n"], Float[np.ndarray, "d n"]]:
    """phi_1(t) = (4/t^2) [t Si(t) - (1 - cos t) - Cin(t)] and its derivative."""
    small = t < 0.02  # there the closed form cancels
    x = np.where(small, 1.0, t)
    si, ci = sici(x)
    phi = 4 / x**2 * (x * si - (1 - np.cos(x)) - (np.euler_gamma + np.log(x) - ci))
    slope = -2 * phi / x + 4 / x**2 * (si - (1 - np.cos(x)) / x)
    phi = np.where(small, 1 - t**2 / 72 + t**4 / 5400, phi)
    return phi, np.where(small, -t / 36 + t**3 / 1350, slope)
