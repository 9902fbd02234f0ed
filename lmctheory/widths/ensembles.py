"""Gaussian networks of one depth on a data set, whatever their widths: what D1 knows of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from jaxtyping import Bool, Float

from lmctheory.activations import pointwise
from lmctheory.measures import Gaussian
from lmctheory.measures.arguments import at_least
from lmctheory.widths.contraction import Contraction, Line, contraction
from lmctheory.widths.kernels import Activation, function, nngp_kernels, require_data

__all__ = ["Ensemble", "Split", "ensemble", "spectrum_of"]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Gaussian networks of one depth on a data set, whatever their widths.

    Attributes:
        covariances: Lambda_1, ..., Lambda_L ``[n, n]`` of a neuron's pre-activations on the n
            examples, over n, on average: Lambda_l = (s_w^2 E K_{l-1} + s_b^2) / n.
        mean_square: mean over the data of K_L(x, x), the mean square of an output if s_out = 1.
        activation: its name or function.
        s_w: hidden weights have variance s_w^2 / m_{l-1}.
        inputs: number m_0 of inputs.
    """

    covariances: tuple[Float[np.ndarray, "n n"], ...]
    mean_square: float
    activation: Activation
    s_w: float
    inputs: int

    @property
    def depth(self) -> int:
        """Number L of hidden layers."""
        return len(self.covariances)

    def contraction(self, layer: int, *, gaussian: bool = True) -> Contraction:
        """What the activation leaves of a squared distance in a layer, counted from 1.

        Args:
            layer: 1, ..., L.
            gaussian: whether rows are Gaussian; if they are only symmetric, there are kappa and the
                span of the activation.
        """
        return _contraction(self, layer, gaussian)

    @cached_property
    def laws(self) -> tuple[Gaussian, ...]:
        """Of a neuron of hidden layers 1..L, in the metric of the data."""
        return tuple(Gaussian(spectrum=spectrum_of(covariance)) for covariance in self.covariances)

    def recursion(
        self,
        costs: Sequence[float],
        t: float,
        first: tuple[float, float] | None = None,
        *,
        gaussian: bool = True,
    ) -> tuple[list[float], float]:
        """G_1, ..., G_L and X_L of `lmctheory.widths.deep`.

        Args:
            costs: M_1, ..., M_L.
            t: where on the line, in [0, 1].
            first: G_1 and X_1, where more is known of them than M_1.
            gaussian: as in `contraction`; if not, what A and B differ by counts twice at t != 1/2.
        """
        S = [self.contraction(i + 1, gaussian=gaussian) for i in range(len(costs))]
        return self._through(S, costs, t, first, times=1 if gaussian else 2)

    def shares(self, t: float) -> Float[np.ndarray, " L"]:
        """How much each layer's matching cost counts by kappa alone: X_L <= sum_l share_l M_l."""
        kappa = Contraction(self.contraction(1).lines[:1])
        units = np.eye(self.depth)
        return np.array([self._through([kappa] * self.depth, unit, t, None)[1] for unit in units])

    def _through(
        self,
        S: Sequence[Contraction],
        costs: Sequence[float] | Float[np.ndarray, " L"],
        t: float,
        first: tuple[float, float] | None,
        times: int = 1,
    ) -> tuple[list[float], float]:
        G, X = first or (S[0](costs[0]), S[0].chord(costs[0], t))
        gaps = [G]
        for shrink, M in zip(S[1:], costs[1:], strict=True):
            apart = times * (t - 0.5) ** 2 * self.s_w**2 * G
            middle = (M / 2 + apart) / (2 * (t**2 + (1 - t) ** 2))
            X = shrink.line(self.s_w**2 * X + middle, t)
            G = shrink(M + self.s_w**2 * G)
            gaps.append(G)
        return gaps, X

    def axes(self, layer: int) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "n d"]]:
        """Eigenvalues > 0 of Lambda_l (at least one), decreasing, with eigenvectors; l from 1."""
        return _axes_beyond_rounding(self, layer)

    def split(self, layer: int, k: int) -> "Split":
        """Cuts the directions of a layer 2..L (counted from 1) behind the k-th, k < n."""
        return _split(self, layer, k)


@dataclass(frozen=True, eq=False)
class Split:
    """The k leading eigendirections of Lambda_l, and the others.

    Attributes:
        head: law of a neuron of layer l along the k.
        tail: sum of the other eigenvalues.
        directions: the others, orthonormal columns ``[n, n - k]``.
        below: law of a pre-activation of layer l - 1 along the others.
    """

    head: Gaussian
    tail: float
    directions: Float[np.ndarray, "n k"]
    below: Gaussian

    def matching_cost(self, head: float, gain: float) -> float:
        """A bound of M_l from one for the head, and what averaging takes off (`averaging_gain`).

        By exact kernels the gain is never more than the tail: the matching below costs no more than
        a random one. By sampled kernels it may be, and is cut.
        """
        return head + 2 * self.tail - min(gain, self.tail)


@lru_cache(maxsize=64)
def _contraction(networks: Ensemble, layer: int, gaussian: bool) -> Contraction:
    if not isinstance(networks.activation, str):
        return Contraction((Line(1.0, 0.0),))
    variances = np.diag(networks.covariances[layer - 1]) * len(networks.covariances[0])
    sigma = pointwise(networks.activation)
    return contraction(sigma, np.maximum(variances, 0.0) if gaussian else np.zeros(1))


@lru_cache(maxsize=64)
def _split(networks: Ensemble, layer: int, k: int) -> Split:
    values, vectors = _axes(networks, layer)
    rest = vectors[:, k:]
    return Split(
        Gaussian(spectrum=values[:k]),
        float(values[k:].sum()),
        rest,
        Gaussian(spectrum=spectrum_of(rest.T @ networks.covariances[layer - 2] @ rest)),
    )


@lru_cache(maxsize=16)
def _axes(
    networks: Ensemble, layer: int
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n n"]]:
    values, vectors = np.linalg.eigh(networks.covariances[layer - 1])
    return np.maximum(values[::-1], 0.0), vectors[:, ::-1]


@lru_cache(maxsize=16)
def _axes_beyond_rounding(
    networks: Ensemble, layer: int
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "n d"]]:
    values, vectors = _axes(networks, layer)
    kept = _beyond_rounding(values)
    kept[0] = True
    return values[kept], vectors[:, kept]


_ROUNDING = 1e-14
"""Share of the largest eigenvalue below which another is the rounding error of a zero."""


def spectrum_of(covariance: Float[np.ndarray, "n n"]) -> Float[np.ndarray, " d"]:
    """Eigenvalues, decreasing, those that are rounding errors of zero left out."""
    values = np.linalg.eigvalsh(covariance)[::-1]
    positive = _beyond_rounding(values)
    return values[positive] if positive.any() else np.zeros(1)


def _is_covariance(K: Float[np.ndarray, "n n"]) -> bool:
    values = np.linalg.eigvalsh(K)
    symmetric = np.allclose(K, K.T, rtol=1e-6, atol=1e-6 * np.abs(K).max())
    return symmetric and bool(values[0] >= -1e-6 * abs(values[-1]))


def _beyond_rounding(values: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Which eigenvalues, decreasing, are no rounding errors of zero."""
    return values > _ROUNDING * len(values) * values[0]


def _require_lipschitz(activation: Activation) -> None:
    """Of functions without a name D1 knows kappa = 1 alone."""
    sigma = function(activation)  # refuses an unknown name
    if isinstance(activation, str):
        return
    z = np.sinh(np.linspace(-8.0, 8.0, 4001))
    steepest = float(np.abs(np.diff(sigma(z)) / np.diff(z)).max())
    if not steepest <= 1 + 1e-6:
        raise ValueError(f"activation must be 1-Lipschitz, got a slope of {steepest:g}")


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
        TypeError: for a depth that is no integer.
        ValueError: for depth < 1, bad data, an unknown activation or a function that is steeper
            than 1, negative s_w or s_b, another number of kernels than depth + 1, kernels that are
            not finite or of another size, or kernels that vanish: all inputs are 0, and so are all
            functions.

    Reference:
        theory key D1.

    Example:
        >>> import numpy as np
        >>> ensemble(np.eye(3), depth=2).depth
        2
    """
    depth = at_least("depth", depth, 1)
    require_data(data, s_w, s_b)
    data = data.astype(np.float64)
    _require_lipschitz(activation)
    own = kernels is not None
    if kernels is None:
        kernels = nngp_kernels(data, depth, activation, s_w=s_w, s_b=s_b)
    if len(kernels) != depth + 1:
        raise ValueError(f"kernels must be K_0, ..., K_{depth}, got {len(kernels)} of them")
    n = len(data)
    if not all(K.shape == (n, n) and np.isfinite(K).all() for K in kernels):
        raise ValueError(f"kernels must be finite, of shape {(n, n)} as there are {n} examples")
    if own and not all(_is_covariance(K) for K in kernels):
        raise ValueError("kernels must be symmetric and positive semi-definite")
    mean_square = float(np.diag(kernels[-1]).mean())
    if not mean_square > 0:
        raise ValueError("data must not be 0 everywhere: the networks vanish on them")
    return Ensemble(
        covariances=tuple((s_w**2 * K + s_b**2) / len(K) for K in kernels[:-1]),
        mean_square=mean_square,
        activation=activation,
        s_w=s_w,
        inputs=data.shape[1],
    )
