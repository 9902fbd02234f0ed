r"""One neuron against one (R1, S1): what there is to choose is a sign, and the cost is exact.

M(1) = 2 tr Cov, and modulo signs

    M_s(1) = 2 E|X|^2 - 2 E|<X, X'>|.

For a Gaussian <X, X'> is normal given X, and the mean of its modulus is the square root of 2/pi
times E (sum lambda_i^2 chi^2_1)^{1/2}, as in the cost of two neurons against two (`pairs`),
M(2) = 2 tr Lambda - E|<X, X'>|. In the ball and on the sphere it is (E|X|)^2 E|u_1|, u uniform on
the unit sphere, E|u_1| = Gamma(d/2) / (sqrt pi Gamma((d+1)/2)).
"""

import numpy as np
from scipy.special import gammaln

from lmctheory.measures import Gaussian, HasSpectrum, Measure, UniformBall, UniformSphere
from lmctheory.rates.bound import NotApplicable
from lmctheory.rates.upper.pairs import normal_pair_costs

__all__ = ["mean_cosine", "mean_norm", "one_neuron_cost"]


def one_neuron_cost(mu: Measure, *, signs: bool) -> float:
    """M(1) or M_s(1), exactly, in squared units of the weights.

    Args:
        mu: a law with a known covariance; modulo signs a Gaussian, or the uniform law in a ball or
            on a sphere.
        signs: whether it is modulo signs.

    Raises:
        NotApplicable: if there is no closed form for this law.

    Reference:
        theory key S1; derived here.

    Example:
        >>> round(one_neuron_cost(UniformSphere(3), signs=True), 12)
        1.0
    """
    if not signs:
        if not isinstance(mu, HasSpectrum):
            raise NotApplicable("a known covariance")
        return 2 * float(mu.spectrum.sum())
    if isinstance(mu, Gaussian):
        spectrum = mu.spectrum[mu.spectrum > 0]
        if not spectrum.size:
            return 0.0
        top = float(spectrum[0])
        pair = float(normal_pair_costs(spectrum / top, 1)[0])
        return top * (2 * pair - 2 * float((spectrum / top).sum()))
    if not isinstance(mu, UniformBall | UniformSphere):
        raise NotApplicable(
            f"{type(mu).__name__} is neither Gaussian nor uniform in a ball or on a sphere"
        )
    return 2 * mu.second_moment - 2 * mean_norm(mu) ** 2 * mean_cosine(mu.dimension)


def mean_norm(mu: UniformBall | UniformSphere) -> float:
    """E|X|, in units of the weights."""
    d = mu.dimension
    return mu.radius * (d / (d + 1) if isinstance(mu, UniformBall) else 1.0)


def mean_cosine(d: int) -> float:
    """E|u_1| for u uniform on the unit sphere in R^d."""
    return float(np.exp(gammaln(d / 2) - gammaln((d + 1) / 2))) / np.pi**0.5
