r"""Deep networks with independent Gaussian rows (D1): function error at given widths, and back.

A and B are independent; rows of W_l are N(0, (s_w^2/m_{l-1}) I), biases N(0, s_b^2), output rows
N(0, (s_out^2/m_L) I). Layers are matched from the input on, layer l in the metric
E_x[phi-bar phi-bar^T], phi-bar = (phi^A + phi^B)/2 of the layer before, B aligned. M_l is the
expected matching cost per neuron of layer l, and

    G_0 = 0,  G_l = kappa (M_l + s_w^2 G_{l-1})                     bounds |phi^A - phi^B|^2 / m_l,
    X_0 = 0,  X_l = kappa (s_w^2 X_{l-1} + [M_l/2 + (t-1/2)^2 s_w^2 G_{l-1}] / (2(t^2 + (1-t)^2))),
    E |f_t - t f_A - (1-t) f_B|^2 <= s_out^2 n_out t(1-t) X_L,

means over weights and over the data, for every fixed t. kappa is Lip(sigma)^2, but 1/2 for the
relu: flipping the signs of a layer in both networks leaves law and matching unchanged, and
|relu(u) - relu(v)|^2 + |relu(-u) - relu(-v)|^2 <= |u - v|^2.

*From data alone.* M_l is the mean of a concave, monotone function of the Gram matrix of phi-bar,
which is at most the mean of those of A and B; so M_l <= U(m_l, spectrum of s_w^2 E K_{l-1} + s_b^2,
divided by the number of examples), with U any bound for Gaussian neurons (R11). E K_0 and E K_1 are
the kernels of `lmctheory.widths.kernels` at every width; for later layers these hold up to
O(1/width), and `ensemble` takes others (`sampled_kernels`).

The bound is a sum over layers, c_l M_l(m_l), in which only U depends on the widths: that is what
`required_widths` optimises over.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from lmctheory.activations import pointwise
from lmctheory.measures import Gaussian
from lmctheory.measures.arguments import positive
from lmctheory.rates import MAX_WIDTH, upper_bound
from lmctheory.widths.kernels import Activation, nngp_kernels

__all__ = ["DeepBound", "Ensemble", "ensemble", "error_bound", "required_widths"]

MatchingCost = Callable[[Gaussian, int], float]
"""An upper bound of the matching cost of m Gaussian neurons."""

_OBJECTIVES = ("neurons", "parameters")


def _by_spectrum(mu: Gaussian, m: int) -> float:
    return upper_bound(mu, m).value


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Gaussian networks of one depth on a data set, whatever their widths.

    Attributes:
        laws: of a neuron of hidden layers 1..L, in the metric of the data.
        mean_square: mean over the data of K_L(x, x), the mean square of an output if s_out = 1.
        kappa: contraction of a squared difference by the activation.
        s_w: hidden weights have variance s_w^2 / m_{l-1}.
        inputs: number m_0 of inputs.
    """

    laws: tuple[Gaussian, ...]
    mean_square: float
    kappa: float
    s_w: float
    inputs: int

    @property
    def depth(self) -> int:
        """Number L of hidden layers."""
        return len(self.laws)

    def recursion(self, costs: Sequence[float], t: float) -> tuple[list[float], float]:
        """G_1, ..., G_L and X_L of the module docstring, linear in the matching costs."""
        gaps, G, X = [], 0.0, 0.0
        for M in costs:
            middle = (M / 2 + (t - 0.5) ** 2 * self.s_w**2 * G) / (2 * (t**2 + (1 - t) ** 2))
            X = self.kappa * (self.s_w**2 * X + middle)
            G = self.kappa * (M + self.s_w**2 * G)
            gaps.append(G)
        return gaps, X

    def shares(self, t: float) -> Float[np.ndarray, " L"]:
        """How much each layer's matching cost counts: X_L = sum_l share_l M_l."""
        return np.array([self.recursion(list(unit), t)[1] for unit in np.eye(self.depth)])


def ensemble(
    data: Float[np.ndarray, "n m_0"],
    depth: int,
    activation: Activation = "relu",
    *,
    s_w: float = 2**0.5,
    s_b: float = 0.0,
    kernels: Sequence[Float[np.ndarray, "n n"]] | None = None,
) -> Ensemble:
    """Gaussian networks on a data set, by their kernels.

    Args:
        data: inputs ``[n, m_0]``.
        depth: number L of hidden layers, >= 1.
        activation: a name, or a smooth 1-Lipschitz function, see `kernels.dual_kernel`.
        s_w: hidden weights have variance s_w^2 / m_{l-1}; sqrt 2 is He's initialisation.
        s_b: standard deviation of the biases.
        kernels: K_0, ..., K_L ``[n, n]``, where those of infinite width will not do.

    Raises:
        ValueError: for depth < 1, bad data, or another number of kernels than depth + 1.

    Reference:
        theory key D1.

    Example:
        >>> import numpy as np
        >>> ensemble(np.eye(3), depth=2).depth
        2
    """
    if depth < 1:
        raise ValueError(f"depth must be >= 1, got {depth}")
    if kernels is None:
        kernels = nngp_kernels(data, depth, activation, s_w=s_w, s_b=s_b)
    if len(kernels) != depth + 1:
        raise ValueError(f"kernels must be K_0, ..., K_{depth}, got {len(kernels)} of them")
    spectra = (np.linalg.eigvalsh((s_w**2 * K + s_b**2) / len(K))[::-1] for K in kernels[:-1])
    return Ensemble(
        laws=tuple(Gaussian(spectrum=np.maximum(spectrum, 0.0)) for spectrum in spectra),
        mean_square=float(np.diag(kernels[-1]).mean()),
        kappa=_kappa(activation),
        s_w=s_w,
        inputs=data.shape[1],
    )


def _kappa(activation: Activation) -> float:
    if activation == "relu":
        return 0.5
    return pointwise(activation).lipschitz ** 2 if isinstance(activation, str) else 1.0


@dataclass(frozen=True)
class DeepBound:
    """A bound on the function error of two matched networks joined by a line.

    Attributes:
        value: bound of E |f_t - t f_A - (1-t) f_B|^2, summed over outputs, mean over the data.
        scale: E |f_A|^2, likewise.
        matching_cost: M_l, bounds per neuron of hidden layers 1..L.
        gap: G_l, bounds of |phi_l^A - phi_l^B|^2 per neuron, l = 1..L.
    """

    value: float
    scale: float
    matching_cost: tuple[float, ...]
    gap: tuple[float, ...]

    @property
    def relative(self) -> float:
        """Root mean square error, relative to the outputs."""
        return float(np.sqrt(self.value / self.scale))

    def __float__(self) -> float:
        return self.value


def error_bound(
    widths: Sequence[int],
    networks: Ensemble,
    *,
    t: float = 0.5,
    s_out: float = 1.0,
    n_out: int = 1,
    matching_cost: MatchingCost = _by_spectrum,
) -> DeepBound:
    """Bounds the function error of matched Gaussian networks on the line between them.

    In expectation over the weights and over the data, for this t; with probability 1 - delta the
    squared error is below value / delta (Markov).

    Args:
        widths: m_1, ..., m_L.
        networks: the ensemble, see `ensemble`.
        t: where on the line, in [0, 1].
        s_out: output weights have variance s_out^2 / m_L.
        n_out: number of outputs.
        matching_cost: a bound of the cost of m Gaussian neurons; the default is U of R11.

    Raises:
        ValueError: for another number of widths than the depth, a width < 1, t outside [0, 1].

    Reference:
        theory key D1; explicit form of Ferbach et al. (2024), Lemma 4.1 and Theorem 5.2.

    Example:
        >>> import numpy as np
        >>> nets = ensemble(np.random.default_rng(0).standard_normal((50, 8)), depth=1)
        >>> error_bound((1024,), nets).relative < error_bound((64,), nets).relative < 1
        True
    """
    if len(widths) != networks.depth:
        raise ValueError(f"widths must name {networks.depth} hidden layers, got {tuple(widths)}")
    if any(m < 1 for m in widths):
        raise ValueError(f"every width must be >= 1, got {tuple(widths)}")
    if not 0 <= t <= 1:
        raise ValueError(f"t must lie in [0, 1], got {t}")
    positive("s_out", s_out)
    costs = [matching_cost(law, m) for law, m in zip(networks.laws, widths, strict=True)]
    gaps, X = networks.recursion(costs, t)
    return DeepBound(
        value=s_out**2 * n_out * t * (1 - t) * X,
        scale=s_out**2 * n_out * networks.mean_square,
        matching_cost=tuple(costs),
        gap=tuple(gaps),
    )


def required_widths(
    eps: float,
    networks: Ensemble,
    *,
    delta: float | None = None,
    t: float = 0.5,
    objective: str | None = None,
    matching_cost: MatchingCost = _by_spectrum,
) -> tuple[int, ...]:
    """Widths that bring the root mean square function error below eps (s_out = n_out = 1).

    Args:
        eps: tolerance > 0, in units of an output; times the root of `Ensemble.mean_square` it is
            relative.
        networks: the ensemble.
        delta: if given, the error is below eps with probability 1 - delta (Markov), not on average.
        t: where on the line, in (0, 1).
        objective: None for equal widths; "neurons" or "parameters" for the fewest of them.
        matching_cost: as in `error_bound`; non-increasing in m.

    Returns:
        m_1, ..., m_L. Equal widths are the least that this bound gives; free ones are near the
        least: no single layer can be narrower.

    Raises:
        ValueError: for arguments out of range, or if no width up to 10^12 is known to suffice.

    Reference:
        theory key D1.

    Example:
        >>> import numpy as np
        >>> nets = ensemble(np.random.default_rng(0).standard_normal((50, 4)), depth=1)
        >>> (m,) = required_widths(0.2, nets)
        >>> error_bound((m,), nets).value <= 0.2**2 < error_bound((m - 1,), nets).value
        True
    """
    positive("eps", eps)
    if delta is not None and not 0 < delta < 1:
        raise ValueError(f"delta must lie in (0, 1), got {delta}")
    if not 0 < t < 1:
        raise ValueError(f"t must lie in (0, 1), got {t}")
    if objective is not None and objective not in _OBJECTIVES:
        raise ValueError(f"objective must be None or one of {_OBJECTIVES}, got {objective!r}")
    cost = cache(lambda i, m: matching_cost(networks.laws[i], m))
    shares = t * (1 - t) * networks.shares(t)
    tolerance = eps**2 * (1.0 if delta is None else delta)

    def suffices(widths: Sequence[int]) -> bool:
        return float(shares @ [cost(i, m) for i, m in enumerate(widths)]) <= tolerance

    equal = _least(lambda m: suffices([m] * networks.depth))
    if objective is None:
        return (equal,) * networks.depth
    shape = _best_shape(objective, networks.inputs, equal, shares, cost, tolerance)
    scale = _least(lambda k: suffices(_scaled(shape, k)))
    widths = _scaled(shape, scale)
    for i in reversed(range(len(widths))):
        widths[i] = _least(partial(_suffices_with, suffices, widths, i), widths[i])
    return tuple(widths)


_UNIT = 1024
"""A shape is scaled in steps of one part in that many."""


def _least(suffices: Callable[[int], bool], high: int | None = None) -> int:
    """The least integer >= 1 that suffices, larger ones being no worse; `high` is known to."""
    low = 0
    if high is None:
        high = 1
        while not suffices(high):
            if high == MAX_WIDTH:
                raise ValueError("eps is too small: no width up to 10^12 brings the bound below it")
            low, high = high, min(16 * high, MAX_WIDTH)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high


def _suffices_with(
    suffices: Callable[[Sequence[int]], bool], widths: list[int], i: int, m: int
) -> bool:
    return suffices([*widths[:i], m, *widths[i + 1 :]])


def _scaled(shape: Float[np.ndarray, " L"], scale: int) -> list[int]:
    return [max(1, min(int(m), MAX_WIDTH)) for m in np.ceil(shape * scale / _UNIT)]


def _best_shape(
    objective: str,
    inputs: int,
    equal: int,
    shares: Float[np.ndarray, " L"],
    cost: Callable[[int, int], float],
    tolerance: float,
) -> Float[np.ndarray, " L"]:
    """Real widths near the least objective, by interpolation of log M against log m."""
    grid = np.unique(np.clip(equal * 2.0 ** np.arange(-8, 8.5, 1.0), 1, MAX_WIDTH).astype(int))
    log_m = np.log(grid)
    tables = [[cost(i, int(m)) for m in grid] for i in range(len(shares))]
    log_costs = np.log(np.maximum(tables, np.finfo(float).tiny))

    def size(x: Float[np.ndarray, " L"]) -> float:
        m = np.exp(x)
        if objective == "neurons":
            return float(np.log(m.sum()))
        return float(np.log(m @ np.append(inputs, m[:-1])))

    def room(x: Float[np.ndarray, " L"]) -> float:
        predicted = [np.interp(u, log_m, row) for u, row in zip(x, log_costs, strict=True)]
        return float(np.log(tolerance) - np.log(shares @ np.exp(predicted)))

    start = np.full(len(shares), np.log(equal))
    found = minimize(
        size,
        start,
        method="SLSQP",
        bounds=[(log_m[0], log_m[-1])] * len(shares),
        constraints=[{"type": "ineq", "fun": room}],
    )
    return np.exp(found.x if found.success else start)
