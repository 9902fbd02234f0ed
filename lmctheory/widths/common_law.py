r"""When a barrier vanishes: one hidden layer whose neurons are draws of one law (T16).

f(x) = (1/m) sum_i v_i sigma(<w_i, x>), with the neurons (w_i, v_i) of both networks independent
draws of one law mu; |v_i| <= V. If mu is itself random, and shared, all means and variances are
given mu. They are matched in |w - w'|^2 + omega^2 |v - v'|^2, at the cost Mhat, M = E Mhat, and U
bounds M (R4 to R18). By P1a

    e_t = f_t - t f_A - (1-t) f_B = mean of v_t j - tau (v - v') (sigma_A - sigma_B), tau = t(1-t),

identically. In L2(data), with a and b the means of |w - w'|^2 and |v - v'|^2, a + omega^2 b = Mhat,
B of `neuron_gap` and lambda, the Lipschitz constant of a neuron on the data (`neuron_on_data`),

    ||e_t|| <= tau (V B(sqrt a) + lambda sqrt(a b)) <= tau c(Mhat),
    c(M) = min( V B(sqrt M) + lambda M / (2 omega),  (p + sqrt(p^2 + q^2)) M / 2 ),

p = V H / 2, q = lambda / omega, the second for a curvature H < infinity: both hold pathwise and for
all t at once, are increasing and concave in Mhat. Hence, for a convex loss

- that is K-Lipschitz in the prediction: E max_t barrier(t) <= (K/4) c(U(m));
- that is >= 0 with a beta-Lipschitz gradient: with R the expected risk of a network and
  Q = c(U)^2 (1 + Var Mhat / U^2),

      E barrier(t) <= tau sqrt(2 beta R) sqrt Q + beta tau^2 Q / 2.

Var Mhat <= Delta^4 / (2m), Delta the diameter of the law in the metric of the matching, as one
neuron moves Mhat by Delta^2 / m (Efron and Stein); and <= 8 C U / m where C is a log-Sobolev
constant, hence a Poincare constant, as |grad Mhat|^2 = 8 Mhat / m.

So a barrier falls with the matching cost of the law at least: as m^(-2/k) for a Lipschitz image of
the uniform law on a k-dimensional cube, k >= 3, and a smooth sigma; as its root for a kink; and as
the square of either, or as 1/m, where the networks fit their data and the loss is smooth.

*Matched by hidden weights alone*, the law of w has the smaller dimension, and P1 says what becomes
of v: with g(w) = E[v | w], G-Lipschitz and |g| <= V, and E|v - g(w)|^2 <= s^2, given all hidden
weights the rest is independent, and

    E barrier(t) <= K tau ( V B(sqrt M_w) + G lambda M_w + sqrt 2 s lambda sqrt(M_w / m) ).

*What fails.* Networks of different laws: E Mhat >= W_2^2(mu_A, mu_B) for every m. With mu_A at
(w, v) = (1, 1), mu_B at (-1, -1) and tanh the functions are equal, and e_{1/2} = -tanh(x). A law
that depends on m, as that of the standard parametrisation does, has an M of its own for every m.
By hidden weights alone the coherent part of the commutativity term is bounded through G, so that g
must be Lipschitz, and what is left of v independent given the hidden weights. It is enough for that
part, in the mean over networks, that the laws of w are one: matched pairs are exchangeable then,
and functions g_A and g_B of either network's own have

    E (g_A(w) - g_B(w')) (sigma_A - sigma_B)
        = E (g_A(w) - g_A(w') + g_B(w) - g_B(w')) (sigma_A - sigma_B) / 2.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from lmctheory.activations import pointwise
from lmctheory.measures import Bounded, LogSobolev, Measure
from lmctheory.measures.arguments import ArrayLike, array, at_least, number, positive, share
from lmctheory.rates import upper_bound
from lmctheory.results import Result
from lmctheory.widths.fixed_outputs import neuron_on_data
from lmctheory.widths.neuron_constants import Neuron
from lmctheory.widths.neuron_gap import largest_gap

__all__ = ["CommonLaw", "common_law_bound", "common_law_from_cost"]


@dataclass(frozen=True)
class CommonLaw(Result):
    """What neurons of one law have for function errors and barriers.

    Attributes:
        t: the place on the segment.
        cost: the bound of the matching cost per neuron that all rests on.
        curve: c, a bound of E sup_t ||e_t|| / (t(1-t)), root mean squares over the data.
        second_moment: Q, one of E sup_t (||e_t|| / (t(1-t)))^2; infinite for unbounded laws.
    """

    t: float
    cost: float
    curve: float
    second_moment: float

    @property
    def function_error(self) -> float:
        """A bound of E ||e_t||."""
        return self.t * (1 - self.t) * self.curve

    def lipschitz_barrier(self, lipschitz: float) -> float:
        """Bounds E max_t barrier(t) of a convex loss.

        Args:
            lipschitz: K >= 0, of the loss in the prediction; sqrt 2 for the cross-entropy.

        Raises:
            TypeError: unless it is a number.
            ValueError: for a negative one.

        Example:
            >>> CommonLaw(0.5, 0.1, 0.4, 0.2).lipschitz_barrier(1.0)
            0.1
        """
        return number("lipschitz", lipschitz, least=0.0) / 4 * self.curve

    def smooth_barrier(self, smoothness: float, risk: float) -> float:
        """Bounds E barrier(t) of a convex loss >= 0 with a Lipschitz gradient, at this t.

        Args:
            smoothness: beta >= 0, the gradient's Lipschitz constant in the prediction; 2 for the
                squared loss, 1/2 for the cross-entropy.
            risk: R >= 0, a bound of the expected loss of a network.

        Raises:
            TypeError: unless both are numbers.
            ValueError: for negative ones.

        Example:
            Networks that fit the data have a barrier of second order:

            >>> law = CommonLaw(0.5, 0.1, 0.4, 0.16)
            >>> round(law.smooth_barrier(2.0, risk=0.0), 12), law.lipschitz_barrier(1.0)
            (0.01, 0.1)
        """
        beta, risk = (
            number(name, value, least=0.0)
            for name, value in (("smoothness", smoothness), ("risk", risk))
        )
        square = (self.t * (1 - self.t)) ** 2 * self.second_moment
        if not np.isfinite(square):
            return float("inf") if beta else 0.0
        return float(np.sqrt(2 * beta * risk * square) + beta / 2 * square)


def common_law_bound(
    law: Measure,
    m: int,
    activation: str,
    *,
    inputs: Shaped[ArrayLike, "n m_0"],
    largest_output: float,
    scale: float = 1.0,
    t: float = 0.5,
) -> CommonLaw:
    """Function error and barrier of two networks whose neurons are draws of one law.

    Args:
        law: of a neuron (w, omega v), dimension m_0 plus the number of outputs, in the metric in
            which neurons are matched.
        m: number of neurons; outputs are means over neurons.
        activation: a name, see `lmctheory.activations.pointwise`.
        inputs: data ``[n, m_0]``, a column of ones for biases.
        largest_output: V >= 0, a bound of |v|, which the law must obey.
        scale: omega > 0, what output weights count in the metric.
        t: place on the segment, in [0, 1].

    Raises:
        TypeError: unless all are numbers.
        ValueError: for arguments out of range, an unknown activation, a law of dimension m_0 or
            less, and inputs that are empty, not finite or all 0.

    Reference:
        theory key T16; derived in the module's docstring.

    Example:
        In four dimensions, at sixteen times the width, a quarter of the barrier and a little more:

        >>> import numpy as np
        >>> from lmctheory.measures import UniformCube
        >>> few, many = (
        ...     common_law_bound(UniformCube(4), m, "tanh", inputs=np.eye(3), largest_output=0.5)
        ...     for m in (1000, 16_000)
        ... )
        >>> 3 < few.lipschitz_barrier(1.0) / many.lipschitz_barrier(1.0) < 4.5
        True
    """
    m = at_least("m", m, 1)
    cost = upper_bound(law, m).value
    inputs = array("inputs", inputs, "n m_0")
    if law.dimension <= inputs.shape[1]:
        raise ValueError(
            f"law must have more dimensions than inputs have, {inputs.shape[1]}, got "
            f"{law.dimension}"
        )
    variance = law.diameter**4 / (2 * m) if isinstance(law, Bounded) else np.inf
    if isinstance(law, LogSobolev):
        variance = min(variance, 8 * law.log_sobolev_constant * cost / m)
    return common_law_from_cost(
        cost,
        activation,
        inputs=inputs,
        largest_output=largest_output,
        scale=scale,
        variance=variance,
        t=t,
    )


def common_law_from_cost(
    cost: float,
    activation: str,
    *,
    inputs: Shaped[ArrayLike, "n m_0"],
    largest_output: float,
    scale: float = 1.0,
    variance: float = np.inf,
    t: float = 0.5,
) -> CommonLaw:
    """What follows from a bound of the expected matching cost, however it was found.

    With the cost of one given pair in its place, and a variance of 0, it bounds that pair.

    Args:
        cost: U >= 0, of the mean over neurons of |w - w'|^2 + omega^2 |v - v'|^2.
        activation: a name, see `lmctheory.activations.pointwise`.
        inputs: data ``[n, m_0]``, a column of ones for biases.
        largest_output: V >= 0, a bound of |v|.
        scale: omega > 0.
        variance: a bound of that of the cost; infinite where none is known.
        t: place on the segment, in [0, 1].

    Raises:
        TypeError: unless all are numbers.
        ValueError: for arguments out of range, an unknown activation, and inputs that are empty,
            not finite or all 0.

    Reference:
        theory key T16.

    Example:
        >>> import numpy as np
        >>> found = common_law_from_cost(0.1, "tanh", inputs=np.eye(2), largest_output=1.0)
        >>> 0 < found.function_error < 0.1
        True
    """
    cost, t = number("cost", cost, least=0.0), share("t", t)
    V, omega = number("largest_output", largest_output, least=0.0), positive("scale", scale)
    variance = number("variance", variance, least=0.0, finite=False)
    neuron = neuron_on_data(activation, output=1.0, inputs=inputs)
    q, smooth = neuron.lipschitz / omega, bool(np.isfinite(neuron.curvature))
    gap = largest_gap(cost**0.5, _spread(activation, neuron), neuron.curvature)
    curve = V * float(gap) + q * cost / 2
    if smooth:
        p = V * neuron.curvature / 2
        curve = min(curve, (p + float(np.hypot(p, q))) / 2 * cost)
    second_moment = curve**2 * (1 + variance / cost**2) if curve else 0.0
    return CommonLaw(t, cost, curve, second_moment)


def _spread(activation: str, neuron: Neuron) -> float:
    """Of slopes on the data; with a kink the second moment of the data is all that counts."""
    if np.isfinite(neuron.curvature):
        return neuron.spread
    sigma = pointwise(activation)
    return (sigma.slopes[1] - sigma.slopes[0]) / sigma.lipschitz * neuron.lipschitz
