r"""Two layers with output weights that are all a and fixed: only w moves, and may be Gaussian (T2).

f(x) = (a/N) sum_i sigma(<w_i, x>), w ~ N(0, Lambda), on given inputs x. What counts of a matched
pair is D = <w - w', x>, and E_x D^2 = |w - w'|_Sigma^2 with Sigma = E x x^T: neurons are matched in
this metric, where the law of a neuron is N(0, Sigma^{1/2} Lambda Sigma^{1/2}) and the matching
costs M = M_Sigma(N). In expectation over the networks, e_t = f_t - t f_A - (1-t) f_B:

    sup_t ||e_t||_{L2} <= (beta - alpha)/4 |a| sqrt M,        E_x sup_t |e_t| <= |a|/4 B(sqrt M).

The first is T1b and Minkowski's inequality; the second T1b and Jensen's, as B is concave in the
square of the distance.

*ReLU gains a power, too* (derived). On average over x, most pairs do not straddle the kink: h > 0
only if |z| < |z - z'| = D, and then h = |z| (1 - |z|/D). Let g bound the density of z = <w, x>, and
A = E D^p, p > 1. For every lambda > 0, h <= lambda D^p + v(|z|), v(z) = max over D of
z - z^2/D - lambda D^p, attained at z^2 = p lambda D^{p+1}, where it is z - (p+1) lambda D^p. It is
positive up to z_0 = ((p+1)^{p+1} p^{-p} lambda)^{-1/(p-1)}, and

    E h <= lambda A + 2 g int_0^{z_0} v = lambda A + g z_0^2 (p-1)/(3p+1).

The least over lambda is c_p (g A^{2/(p-1)})^{(p-1)/(p+1)}, for p = 2

    E_x sup_t |e_t| <= |a| c g^{1/3} M^{2/3},     c = 3/2 (32/5103)^{1/3} = 0.2766,

with Hoelder's inequality over x: g = E_x (2 pi x^T Lambda x)^{-1/2}. No use is made of how z and D
depend on each other. So the kink costs M^{2/3} and not M^{1/2}: a rate N^{-4/(3d)} instead of
N^{-1/d}; with M_p in place of M it tends to the N^{-2/d} of a smooth neuron as p grows.

*A neuron on data* (derived). Where norms are those of L2(data), R^2 is more than is needed. For a
unit vector u let E<x, u>^2 <= lambda = |Sigma| and E<x, u>^4 <= mu^2 = |E |x|^2 x x^T|. Then

    ||<grad, u>|| <= K = |a| Lip sqrt(lambda),        ||u^T Hess u|| <= H = |a| sup|sigma''| mu,

and with the spread b sqrt(mu), b = |a| (beta - alpha), the L2 norm of |a| B(<w - w', x>) is at most
B_{b sqrt(mu), H}(|w - w'|): B is the least over q <= sup|sigma''| of the parabolas
q s^2 / 2 + (beta - alpha)^2 (1/q - 1/sup|sigma''|) / 2, and ||<w - w', x>^2|| <= mu |w - w'|^2.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from lmctheory.activations import pointwise
from lmctheory.measures import Gaussian
from lmctheory.measures.arguments import ArrayLike, array, number, positive
from lmctheory.rates import upper_bound
from lmctheory.widths.neuron_gap import largest_gap
from lmctheory.widths.two_layer import Neuron

__all__ = ["DataError", "data_error_bound", "kink_bound", "metric_law", "neuron_on_data"]


@dataclass(frozen=True)
class DataError:
    """Bounds of the function error e_t = f_t - t f_A - (1-t) f_B on data, in units of an output.

    Attributes:
        root_mean_square: of sup_t ||e_t||_{L2(data)}, in expectation.
        mean: of E_x sup_t |e_t(x)|, in expectation: what a Lipschitz loss needs (T3).
        matching_cost: M, the bound per neuron in the metric of the data that they rest on.
    """

    root_mean_square: float
    mean: float
    matching_cost: float


def metric_law(mu: Gaussian, inputs: Shaped[ArrayLike, "n m_0"]) -> Gaussian:
    """The law of Sigma^{1/2} w, whose Euclidean metric is |w|_Sigma, Sigma = mean of x x^T.

    Args:
        mu: law of w on R^{m_0}.
        inputs: data ``[n, m_0]``, a column of ones for biases.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: for no inputs, inputs that are not finite, or of another dimension than mu.

    Example:
        >>> import numpy as np
        >>> metric_law(Gaussian(spectrum=[1.0, 1.0]), np.eye(2)).spectrum
        array([0.5, 0.5])
    """
    inputs = array("inputs", inputs, "n m_0")
    if inputs.shape[1] != mu.dimension:
        raise ValueError(f"inputs must have {mu.dimension} columns, got {inputs.shape[1]}")
    # the spectrum of Sigma^{1/2} Lambda Sigma^{1/2} is that of R Lambda R^T, R^T R = Sigma
    root = np.linalg.qr(inputs, mode="r") / np.sqrt(len(inputs))
    spectrum = np.linalg.eigvalsh(root @ mu.covariance @ root.T)
    return Gaussian(spectrum=np.maximum(spectrum, 0.0))


def data_error_bound(
    mu: Gaussian,
    N: int,
    activation: str,
    *,
    output: float,
    inputs: Shaped[ArrayLike, "n m_0"],
) -> DataError:
    """Bounds the function error on data of two networks matched in the metric of the data.

    Args:
        mu: law of w, the bias included.
        N: number of neurons.
        activation: a name, see `lmctheory.activations.pointwise`.
        output: |a|, the same for all neurons of both networks and kept.
        inputs: data ``[n, m_0]``, a column of ones for biases.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: for an unknown activation, a bad output or N, or inputs as in `metric_law`.

    Reference:
        theory key T2, its last line; the exponent of ReLU derived here.

    Example:
        >>> import numpy as np
        >>> mu, x = Gaussian(spectrum=[1.0, 1.0]), np.eye(2)
        >>> relu = data_error_bound(mu, 1000, "relu", output=1.0, inputs=x)
        >>> relu.mean < relu.root_mean_square / 2
        True
    """
    output, inputs = positive("output", output), array("inputs", inputs, "n m_0")
    sigma = pointwise(activation)
    spread = sigma.slopes[1] - sigma.slopes[0]
    cost = upper_bound(metric_law(mu, inputs), N).value
    mean = float(largest_gap(cost**0.5, spread, sigma.curvature)) / 4
    if activation == "relu":
        mean = min(mean, kink_bound(_mean_density(mu, inputs), cost))
    return DataError(output * spread / 4 * cost**0.5, output * mean, cost)


def neuron_on_data(activation: str, *, output: float, inputs: Shaped[ArrayLike, "n m_0"]) -> Neuron:
    """The constants of w -> a sigma(<w, x>) in L2(data): they bound root mean squares over inputs.

    Args:
        activation: a name, see `lmctheory.activations.pointwise`.
        output: |a|, the same for all neurons of both networks and kept.
        inputs: data ``[n, m_0]``, a column of ones for biases.

    Returns:
        Constants below those of `two_layer.neuron_with_fixed_output` at the largest input.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: for an unknown activation, a bad output, or inputs that are empty, not finite
            or all 0.

    Reference:
        theory keys T2, T5; derived in the module's docstring.

    Example:
        >>> import numpy as np
        >>> round(neuron_on_data("tanh", output=1.0, inputs=np.eye(4)).lipschitz, 12)
        0.5
    """
    output, inputs = positive("output", output), array("inputs", inputs, "n m_0")
    sigma = pointwise(activation)
    if not inputs.any():
        raise ValueError("inputs must not all be 0")
    weighted = inputs * np.linalg.norm(inputs, axis=1, keepdims=True)
    second, fourth = (np.linalg.norm(x, 2) / np.sqrt(len(x)) for x in (inputs, weighted))
    curvature = output * sigma.curvature * float(fourth)
    spread = output * (sigma.slopes[1] - sigma.slopes[0]) * float(np.sqrt(fourth))
    return Neuron(output * sigma.lipschitz * float(second), curvature, spread, curvature, mixed=0.0)


def kink_bound(density: float, cost: float, p: float = 2.0) -> float:
    """E h <= c_p (g A^{2/(p-1)})^{(p-1)/(p+1)}: the mean gap of a ReLU, over pairs (z, z').

    Args:
        density: g, a bound of the density of z near 0, > 0, possibly infinite.
        cost: A = E|z - z'|^p >= 0.
        p: exponent > 1.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: if an argument is out of range.

    Reference:
        theory keys T1b, T2; derived in the module's docstring.

    Example:
        >>> round(kink_bound(1.0, 1.0), 4)
        0.2766
    """
    density = number("density", density, least=0.0, finite=False)
    cost, p = number("cost", cost, least=0.0), number("p", p)
    if density == 0:
        raise ValueError(f"density must be > 0, got {density}")
    if p <= 1:
        raise ValueError(f"p must be > 1, got {p}")
    if cost == 0:  # even where the density is infinite
        return 0.0
    s = 2 / (p - 1)
    # g z_0^2 (p-1)/(3p+1) = share g lambda^{-s}; the least of lambda A + share g lambda^{-s}
    # in logarithms, as the share underflows near p = 1, where the bound tends to A/4
    log_share = s * (p * np.log(p) - (p + 1) * np.log(p + 1)) + np.log((p - 1) / (3 * p + 1))
    log_slope = (np.log(s) + log_share + np.log(density)) / (1 + s)
    return float((1 + 1 / s) * np.exp(log_slope) * cost ** (s / (1 + s)))


def _mean_density(mu: Gaussian, inputs: np.ndarray) -> float:
    """E_x of the density (2 pi x^T Lambda x)^{-1/2} of <w, x> at 0."""
    variances = np.einsum("ni,ij,nj->n", inputs, mu.covariance, inputs)
    with np.errstate(divide="ignore"):
        return float((1 / np.sqrt(2 * np.pi * np.maximum(variances, 0.0))).mean())
