r"""One hidden layer whose output weights follow its hidden ones: errors add up, barriers too (P1).

f(x) = (1/N) sum_i v_i sigma(<w_i, x>), v_i = g(w_i) + noise. Networks A and B are matched by
their hidden weights alone, at the cost M = mean |w_i - w'_i|^2. Given all hidden weights the
noise of different neurons is independent, with mean 0 and E|noise|^2 <= s^2; g is G-Lipschitz,
|g| <= V. With tau = t(1-t), and j = sigma_t - t sigma_A - (1-t) sigma_B the gap of a neuron,
identically

    e_t = f_t - t f_A - (1-t) f_B = mean of v_t j - tau (v - v') (sigma_A - sigma_B) over neurons.

*The coherent part* E[e_t | w] has g in place of v. Norms are those of L2(data), where
E<x, u>^2 <= lambda; M_x <= lambda M is the mean of E<w_i - w'_i, x>^2, the cost in the metric of
the data, and L = sup|sigma'|. With B of `neuron_gap` (constants of `neuron_on_data`),
B(|w_i - w'_i|) averages to at most B(sqrt M), and by Cauchy and Schwarz
|g - g'| |sigma_A - sigma_B| to at most G sqrt(M) L sqrt(M_x):

    ||E[e_t | w]|| <= tau (V B(sqrt M) + G L sqrt(M M_x)) =: c,

of order M for a smooth sigma, whatever N is: a field that all pairs of networks share.

*The fluctuation*. In e_t the factor of v_i is t (sigma_t - sigma_A), of v'_i
(1-t) (sigma_t - sigma_B), each at most tau L |<w_i - w'_i, x>| in size:

    E ||e_t - E[e_t | w]||^2 <= 2 tau^2 s^2 L^2 M_x / N =: q^2.

*The squared loss*, summed over outputs: T3 for the networks E[f | w], and the variances, where

    (s^2 / N) (t^2 sigma_t^2 - t sigma_A^2) <= (s^2 / N) t^2 (1-t) L^2 <w - w', x>^2,

the largest value of t^2 (a + u)^2 - t a^2 being t^2 u^2 / (1-t). Their sum over A and B is tau:

    E barrier(t) <= -tau D^2 + 2 sqrt(R) c + c^2 + tau s^2 L^2 M_x / N,

R and D^2 the risk of t E[f_A | w] + (1-t) E[f_B | w] and how far these are apart. So at a fixed
law, smooth sigma, the barrier is a M + O(M^2) + O(M / N) at most.

*The cross-entropy* is sqrt(2)-Lipschitz in the logits, its gradient 1/2-Lipschitz, and the barrier
is at most E[loss(f_t) - loss(f-bar)], by convexity. E barrier <= sqrt(2) sqrt(c^2 + q^2); or,
where S^2 bounds E sigma^2 over neurons and data, the gradient at f-bar is decomposed: its part that
the noise moves has the standard deviation r / 2, r^2 = (t^2 + (1-t)^2) s^2 S^2 / N, and

    E barrier(t) <= sqrt(2) c + r q / 2 + (c^2 + q^2) / 4.

All expectations are over the noise: the bounds hold for M as it is found.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from lmctheory.activations import pointwise
from lmctheory.measures.arguments import ArrayLike, at_least, number, share
from lmctheory.results import Result
from lmctheory.widths.fixed_outputs import neuron_on_data
from lmctheory.widths.neuron_gap import largest_gap
from lmctheory.widths.two_layer import squared_loss_barrier

__all__ = ["CoherentError", "OutputLaw", "coherent_error_bound"]


@dataclass(frozen=True)
class OutputLaw:
    """How the output weights v = g(w) + noise of a neuron follow its hidden weights w.

    Attributes:
        size: V >= 0, a bound of |g|, in units of an output.
        lipschitz: G >= 0, of g.
        noise: s >= 0, a bound of the root mean square of |noise| given w.
    """

    size: float
    lipschitz: float
    noise: float = 0.0

    def __post_init__(self) -> None:
        for name in ("size", "lipschitz", "noise"):
            number(name, getattr(self, name), least=0.0)


@dataclass(frozen=True)
class CoherentError(Result):
    """Bounds of the function error e_t, root mean squares over data, and of expected barriers.

    Attributes:
        t: the place on the segment.
        coherent: c, of the part that all pairs of networks share.
        fluctuation: q, of the rest, in root mean square over the noise.
        variance: tau s^2 L^2 M_x / N, what noise adds to a squared loss at most.
        output_deviation: s sqrt((t^2 + (1-t)^2) / N), of f-bar in units of an activation.
    """

    t: float
    coherent: float
    fluctuation: float
    variance: float
    output_deviation: float

    @property
    def root_mean_square(self) -> float:
        """sqrt(c^2 + q^2), of e_t over noise and data."""
        return float(np.hypot(self.coherent, self.fluctuation))

    def squared_loss_barrier(self, risk: float, apart: float = 0.0) -> float:
        """Bounds the expected barrier at t of the squared loss, summed over outputs.

        Args:
            risk: R >= 0, of the chord of the networks' means given hidden weights; the expected
                risk of f-bar is no less.
            apart: D >= 0, a root mean square: how far these means are apart at least.

        Raises:
            ValueError: if either is negative or not finite.

        Example:
            >>> round(CoherentError(0.5, 0.1, 0.0, 0.0, 0.0).squared_loss_barrier(risk=1.0), 12)
            0.21
        """
        return squared_loss_barrier(self.coherent, risk, apart, self.t) + self.variance

    def cross_entropy_barrier(self, activity: float = np.inf) -> float:
        """Bounds the expected barrier at t of the cross-entropy, in nats.

        Args:
            activity: S >= 0, a bound of the root mean square of activations over neurons and data;
                infinite where none is known.

        Raises:
            ValueError: for a negative S or NaN.

        Example:
            >>> found = CoherentError(0.5, 0.1, 0.1, 0.01, 0.1)
            >>> found.cross_entropy_barrier(activity=1.0) < found.cross_entropy_barrier()
            True
        """
        activity = number("activity", activity, least=0.0, finite=False)
        lipschitz = np.sqrt(2) * self.root_mean_square
        if not np.isfinite(activity):
            return float(lipschitz)
        moved = self.output_deviation * activity * self.fluctuation / 2
        smooth = np.sqrt(2) * self.coherent + moved + self.root_mean_square**2 / 4
        return float(min(lipschitz, smooth))


def coherent_error_bound(
    cost: float,
    N: int,
    activation: str,
    outputs: OutputLaw,
    *,
    inputs: Shaped[ArrayLike, "n m_0"],
    data_cost: float | None = None,
    t: float = 0.5,
) -> CoherentError:
    """The function error of matched networks whose output weights follow their hidden ones.

    Args:
        cost: M >= 0, the mean of |w_i - w'_i|^2 over matched neurons, found without looking at
            output weights; their bound `lmctheory.rates.upper_bound` for a law.
        N: number of neurons.
        activation: a name, see `lmctheory.activations.pointwise`.
        outputs: how output weights follow; of N times the weight where outputs are plain sums.
        inputs: data ``[n, m_0]``, a column of ones for biases.
        data_cost: M_x >= 0, the mean of <w_i - w'_i, x>^2 over neurons and data; None for the most
            that it can be.
        t: place on the segment, in [0, 1].

    Raises:
        TypeError: unless all are real numbers.
        ValueError: for arguments out of range, an unknown activation, and inputs that are empty,
            not finite or all 0.

    Reference:
        theory key P1; derived in the module's docstring.

    Example:
        The coherent part does not fall with the number of neurons, only with the cost:

        >>> import numpy as np
        >>> law = OutputLaw(size=1.0, lipschitz=1.0, noise=1.0)
        >>> few, many = (
        ...     coherent_error_bound(0.1, N, "tanh", law, inputs=np.eye(2)) for N in (10, 1000)
        ... )
        >>> few.coherent == many.coherent, few.fluctuation > 9 * many.fluctuation
        (True, True)
    """
    cost, N, t = number("cost", cost, least=0.0), at_least("N", N, 1), share("t", t)
    neuron = neuron_on_data(activation, output=1.0, inputs=inputs)
    moved = neuron.lipschitz * np.sqrt(cost)  # a bound of L sqrt(M_x)
    if data_cost is not None:
        data_cost = number("data_cost", data_cost, least=0.0)
        moved = min(moved, pointwise(activation).lipschitz * np.sqrt(data_cost))
    tau, noise = t * (1 - t), outputs.noise * moved / np.sqrt(N)
    gap = float(largest_gap(np.sqrt(cost), neuron.spread, neuron.curvature))
    return CoherentError(
        t=t,
        coherent=float(tau * (outputs.size * gap + outputs.lipschitz * np.sqrt(cost) * moved)),
        fluctuation=float(np.sqrt(2) * tau * noise),
        variance=float(tau * noise**2),
        output_deviation=float(outputs.noise * np.sqrt((t**2 + (1 - t) ** 2) / N)),
    )
