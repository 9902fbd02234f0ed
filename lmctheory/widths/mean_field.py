r"""Trained two-layer networks: noiseless gradient descent beside its mean-field limit (T5).

f(x; theta) = (1/N) sum_i sigma_*(x; theta_i), squared loss (one output), full batch, steps s_k:

    theta_i <- theta_i + 2 s_k E_x[(y - f(x)) grad sigma_*(x; theta_i)].

The mean-field particle Y_i starts where neuron X_i does and takes the same steps with f_rho, the
network of infinitely many neurons, in place of f; R_k = E|y - f_rho|^2 before step k. Everything
below is for this discrete dynamics and needs, on the convex hull of all neurons met:

    |Hess sigma_*| <= H,    |grad sigma_*| <= K,    |sigma_*| <= S,

for every input, or in L2(data) as the constants of `fixed_outputs.neuron_on_data`: then function
errors are root mean squares over the data, too.

*The flow* (derived). One step y -> y + 2 s E[(y - f_rho) grad sigma_*(.; y)] has the Lipschitz
constant 1 + 2 s H E|y - f_rho| at most, so the particles at the end are images of the initial ones
under one deterministic map with

    Lip(Phi) <= prod_k (1 + 2 s_k H sqrt(R_k))  <=  exp(2 H sum_k s_k sqrt(R_k)).

*The coupling* (derived, explicit). D^2 = (1/N) sum |X_i - Y_i|^2 before step k, f_X and f_Y the
networks of the X_i and of the Y_i, u = ||f_X - f_Y|| and e = ||f_rho - f_Y|| in L2(data), which is
the error of N independent draws. The step adds 2 s v_i to X_i - Y_i,

    v_i = E[(y - f_rho) (grad sigma_*(X_i) - grad sigma_*(Y_i))]
          + E[(f_rho - f_X) grad sigma_*(X_i)].

By Taylor's formula (1/N) sum <grad sigma_*(X_i), X_i - Y_i> = f_X - f_Y + r, where |r| <= G(D) for
G(d) = 4 E(d) of `two_layer`, at most H d^2 / 2: what a gap is for the weights t and 1-t, r is for
the weight 1 - s of Taylor's remainder, whose mean over the set on which it is largest is the same.
And f_rho - f_X = (f_rho - f_Y) - (f_X - f_Y): the risk is convex in f, its pull is *inwards*, with
-u^2 where a Lipschitz estimate has + K^2 D^2:

    (1/N) sum <X_i - Y_i, v_i> <= H sqrt(R) D^2 + e u - u^2 + (e + u) G(D),
    |v| <= H sqrt(R) D + K (e + u)    (root mean square),   u <= K D.

D'^2 = D^2 + 4 s <X - Y, v> + 4 s^2 |v|^2, at its largest over u (a parabola if s K^2 < 1), and
D' <= D + 2 s |v|, at u = K D, are recursions for D that start from 0; the lesser of both is taken
in every step. To first order in e and in the steps,

    D_n^2 <= sum_k s_k e_k^2 prod_{j>k} (1 + 2 s_j H sqrt(R_j))^2:

the coupling error is a multiple of N^{-1/2} and grows no faster than the flow spreads, where
Mei, Misiakiewicz and Montanari (2019) have an exponential in T whose rate is not explicit.

*Sampling* (derived). E e_k^2 = E_x Var_rho(sigma_*) / N <= S^2/N. Another initial neuron moves e_k
by at most 2S/N, so that by McDiarmid's inequality, with probability 1 - delta in all n steps,

    e_k <= S/sqrt(N) (1 + sqrt(2 ln(n/delta))).

*Two trained networks.* With the permutation that is optimal for the *initial* neurons,

    root mean square of |X_i^A - X_pi(i)^B| <= Lip(Phi) W_2(initial) + D^A + D^B,

and T2 turns this distance into a function error.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped
from numpy.typing import NDArray

from lmctheory.measures import Measure, Modulo
from lmctheory.measures.arguments import ArrayLike, array, at_least, number, positive, probability
from lmctheory.rates import deviation, upper_bound
from lmctheory.rates.bound import width
from lmctheory.widths.neuron_constants import Neuron, check_signs

__all__ = [
    "TrainedBound",
    "coupling_bound",
    "flow_lipschitz",
    "sampling_error",
    "trained_error_bound",
]

Steps = Shaped[ArrayLike, " n"]
Risks = Shaped[ArrayLike, " k"]
"""As many as there are steps."""


def flow_lipschitz(curvature: float, steps: Steps, risks: Risks) -> float:
    """Lip(Phi) <= prod_k (1 + 2 s_k H sqrt(R_k)): how far training drives neurons apart.

    Args:
        curvature: H >= 0, a bound of the neuron's Hessian in the parameters.
        steps: s_k ``[n]``, > 0: the step size, or the schedule xi times its time step.
        risks: R_k ``[n]``, the squared loss before each step; if the gradient's factor 2 is left
            out of the steps, halve them.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: for a curvature that is negative or infinite (a kink), or bad steps or risks.

    Reference:
        theory key T5, derived addition.

    Example:
        >>> import numpy as np
        >>> round(flow_lipschitz(1.0, np.full(1000, 1e-3), np.ones(1000)), 3)  # e^2, from below
        7.374
    """
    curvature, steps, risks = _checked(curvature, steps, risks)
    with np.errstate(over="ignore"):  # infinite
        return float(np.exp(np.log1p(2 * steps * curvature * np.sqrt(risks)).sum()))


def sampling_error(size: float, N: int, steps: int, delta: float) -> float:
    """Bounds ||f_rho - f_Y||, N independent mean-field neurons, in all steps at once.

    Args:
        size: S, a bound of |sigma_*|.
        N: number of neurons.
        steps: number n of steps.
        delta: failure probability in (0, 1).

    Raises:
        TypeError: unless all are real numbers.
        ValueError: if an argument is out of range.

    Reference:
        theory key T5; McDiarmid (1989).

    Example:
        >>> round(sampling_error(1.0, 10_000, 100, 0.01), 4)
        0.0529
    """
    size, delta = positive("size", size), probability("delta", delta)
    N, steps = at_least("N", N, 1), at_least("steps", steps, 1)
    return float(size / np.sqrt(N) * (1 + np.sqrt(2 * np.log(steps / delta))))


def coupling_bound(constants: Neuron, steps: Steps, risks: Risks, errors: Steps | float) -> float:
    """Bounds D = sqrt((1/N) sum |X_i - Y_i|^2) after all steps.

    Args:
        constants: of the neuron, on all neurons met in training.
        steps: s_k ``[n]``, with s_k K^2 < 1.
        risks: R_k ``[n]`` of the mean-field network.
        errors: e_k ``[n]``, ||f_rho - f_Y|| before each step, or a bound of all of them.

    Returns:
        The bound, in units of the parameters; infinite where it overflows.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: for bad arguments, or steps so large that s K^2 >= 1.

    Reference:
        theory key T5, derived here.

    Example:
        >>> import numpy as np
        >>> from lmctheory.widths.two_layer import neuron_with_fixed_output
        >>> tanh = neuron_with_fixed_output("tanh", radius=1.0, output=1.0)
        >>> steps, risks = np.full(100, 0.01), np.ones(100)
        >>> narrow, wide = (coupling_bound(tanh, steps, risks, N**-0.5) for N in (1e4, 1e6))
        >>> 9.9 < narrow / wide < 10.2
        True
    """
    _, steps, risks = _checked(constants.curvature, steps, risks)
    errors = np.broadcast_to(array("errors", errors, least=0.0), steps.shape)
    if not (steps * constants.lipschitz**2 < 1).all():
        least = constants.lipschitz**-2
        raise ValueError(f"steps must stay below 1/K^2 = {least:g}, got {steps.max():g}")
    D = 0.0
    with np.errstate(over="ignore"):
        for s, risk, e in zip(steps.tolist(), risks.tolist(), errors.tolist(), strict=True):
            D = _step(D, s, constants.curvature * risk**0.5, e, constants)
            if not np.isfinite(D):
                return np.inf
    return D


def _step(D: float, s: float, spread: float, e: float, constants: Neuron) -> float:
    """The lesser recursion; D'^2 <= c_0 + c_1 u - c_2 u^2 in one of them, spread is H sqrt(R)."""
    unit = max(D, e)  # squares of distances may leave the range of numbers where these do not
    if unit == 0:
        return 0.0
    K, remainder = constants.lipschitz, 4 * constants.function_error(D) / unit
    D, e = D / unit, e / unit
    drift = spread * D + K * e
    constant = D**2 + 4 * s * (spread * D**2 + remainder * e) + 4 * s**2 * drift**2
    linear = 4 * s * (remainder + e) + 8 * s**2 * K * drift
    quadratic = 4 * s * (1 - s * K**2)
    u = min(linear / (2 * quadratic), K * D)
    quadratic_bound = (constant + linear * u - quadratic * u**2) ** 0.5
    return unit * min(quadratic_bound, D + 2 * s * (drift + K**2 * D))


@dataclass(frozen=True)
class TrainedBound:
    """What is known of two trained networks before they are trained, B permuted as at the start.

    Attributes:
        initial: W_2 of the initial neurons.
        flow: Lipschitz constant of training.
        coupling: D, for either network.
        distance: root-mean-square distance of matched neurons after training.
        function_error: of f_t - t f_A - (1-t) f_B for every t, in the norm of the constants.
    """

    initial: float
    flow: float
    coupling: float
    distance: float
    function_error: float


def trained_error_bound(
    mu: Measure,
    N: int,
    constants: Neuron,
    *,
    size: float,
    steps: Steps,
    risks: Risks,
    delta: float,
    modulo: Modulo = None,
) -> TrainedBound:
    """Bounds the function error of two trained networks, with probability 1 - delta.

    R11 and R10 bound W_2 of the initial neurons, the flow carries it through the training, and two
    couplings lead to the networks of finite width; each of the three fails with probability
    delta / 3 at most.

    Args:
        mu: law of an initial neuron.
        N: number of neurons.
        constants: K and H of the neuron, valid for all neurons met in training: with fixed output
            weights they hold everywhere.
        size: S, a bound of |sigma_*| on them.
        steps: s_k ``[n]``.
        risks: R_k ``[n]`` of the mean-field network.
        delta: failure probability in (0, 1).
        modulo: "signs" for an odd activation, whose neurons may be negated before training: it
            negates them after training, too.

    Raises:
        TypeError: if R10 does not apply to the law.
        ValueError: for bad arguments, a neuron with a kink, and for signs of an activation that is
            not odd, or with fixed output weights.

    Reference:
        theory keys T5, S1; explicit form of Ferbach et al. (2024), Theorem 3.1, for noiseless
        training.

    Example:
        >>> import numpy as np
        >>> from lmctheory.measures import Gaussian
        >>> from lmctheory.widths.two_layer import neuron_with_fixed_output
        >>> tanh = neuron_with_fixed_output("tanh", radius=1.0, output=1.0)
        >>> training = {"size": 1.0, "steps": np.full(50, 0.02), "risks": np.full(50, 0.5)}
        >>> mu = Gaussian(spectrum=[1.0, 1.0])
        >>> trained_error_bound(mu, 10**6, tanh, **training, delta=0.01).function_error < 0.05
        True
    """
    N, delta = width("N", N), probability("delta", delta)
    check_signs(constants, modulo)
    mean = upper_bound(mu, N, modulo=modulo).value
    initial = deviation(mu, N, delta / 3, modulo=modulo).above(mean) ** 0.5
    flow = flow_lipschitz(constants.curvature, steps, risks)
    error = sampling_error(size, N, len(steps), delta / 3)
    coupling = coupling_bound(constants, steps, risks, error)
    distance = flow * initial + 2 * coupling
    return TrainedBound(initial, flow, coupling, distance, constants.function_error(distance))


def _checked(
    curvature: float, steps: Steps, risks: Risks
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    curvature = number("curvature", curvature, least=0.0, finite=False)
    if np.isinf(curvature):
        raise ValueError("curvature must be finite, got inf: T5 needs a neuron without a kink")
    steps, risks = array("steps", steps, "n"), array("risks", risks, "n", least=0.0)
    if steps.shape != risks.shape:
        raise ValueError(f"steps and risks must match, got shapes {steps.shape}, {risks.shape}")
    if not (steps > 0).all():
        raise ValueError("steps must be positive")
    return curvature, steps, risks
