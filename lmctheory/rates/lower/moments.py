r"""Lower bounds from moments: where the samples' means lie, and how well they can be aligned (R9).

*Means.* W_p is at least the distance of the means, p >= 1. Z = mean a - mean b has the covariance
S = 2 Lambda / m: E|Z|^2 = tr S, and for p >= 2 E|Z|^p >= (tr S)^{p/2}. Below 2, by Hoelder,
E|Z|^p >= (E|Z|^2)^{(4-p)/2} (E|Z|^4)^{-(2-p)/2}. The laws concerned are *strictly sub-Gaussian*,
E e^{<t, X>} <= e^{<t, Lambda t>/2}, and so is Z; at small t this says that E<t, Z>^4 <=
3 <t, S t>^2, and the mean over standard normal t gives E|Z|^4 <= (tr S)^2 + 2 tr S^2.

*Exponential moment.* 2 tr - M = 2 E max over matchings of the mean <a_i, b_pi(i)>, bounded by
Jensen with a sum over all m! matchings:

    M >= 2 tr Lambda - 2 inf_{0<s<1/lambda_1} (1/s) [ln(m!)/m - 1/2 sum ln(1 - s^2 lambda_k^2)].

It needs E e^{s<a, b>} <= prod (1 - s^2 lambda_k^2)^{-1/2}, an equality for Gaussians. For strictly
sub-Gaussian laws, with g standard normal,
E e^{s<a, b>} <= E e^{s^2 <a, Lambda a>/2} = E e^{s<a, Lambda^{1/2} g>} <= E e^{s^2 |Lambda g|^2/2}.

*Modulo signs* (S1) the maximum is over 2^m signs as well: the sum has 2^m m! terms, and ln 2 joins
ln(m!)/m, as E e^{s|x|} <= E e^{sx} + E e^{-sx} = 2 E e^{sx} for x = <a, b> of a symmetric law.

Strictly sub-Gaussian are: Gaussians; symmetric laws on the line whose moments are at most those of
the normal law of their variance, E X^{2k} <= (2k - 1)!! (E X^2)^k: the uniform law on an interval,
3^k/(2k + 1) <= (2k - 1)!!, a sign, 1, and a coordinate of the sphere, d^k/(d (d + 2) ..
(d + 2k - 2)) <= 1 times (2k - 1)!!; products and convolutions of such; the sphere, whose law is
invariant under rotations; the ball, a projection of a sphere.
"""

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize_scalar
from scipy.special import gammaln

__all__ = ["exponential_moment_bound", "mean_bound"]


def mean_bound(spectrum: Float[np.ndarray, " d"], m: int, p: float) -> float:
    """The distance of the means of the samples (module docstring).

    Args:
        spectrum: eigenvalues of the covariance ``[d]``, of a strictly sub-Gaussian law if p < 2.
        m: number of neurons >= 1.
        p: exponent >= 1.

    Reference:
        theory key R9; derived here.
    """
    trace = 2 * float(spectrum.sum()) / m
    if p >= 2 or trace == 0:
        return trace ** (p / 2)
    share = float(np.square(spectrum / spectrum.sum()).sum())  # tr S^2 / (tr S)^2
    return float(trace ** (p / 2) * (1 + 2 * share) ** (p / 2 - 1))


def exponential_moment_bound(
    spectrum: Float[np.ndarray, " d"], m: int, *, signs: bool = False
) -> float:
    """The exponential-moment bound (module docstring), good in high dimension.

    Args:
        spectrum: eigenvalues of the covariance ``[d]`` of a strictly sub-Gaussian law, not all 0;
            modulo signs of one that is symmetric.
        m: number of neurons >= 1.
        signs: whether the cost is modulo signs.

    Reference:
        theory keys R9, S1; extended to strictly sub-Gaussian laws here.
    """
    top = float(spectrum.max())
    entropy = float(gammaln(m + 1)) / m + (float(np.log(2)) if signs else 0.0)
    ratios = spectrum / top

    def saving(u: float) -> float:  # u = s lambda_1
        return top / u * (entropy - float(np.log1p(-((u * ratios) ** 2)).sum()) / 2)

    best = minimize_scalar(saving, bounds=(1e-9, 1 - 1e-12), method="bounded")
    return max(2 * float(spectrum.sum()) - 2 * saving(float(best.x)), 0.0)
