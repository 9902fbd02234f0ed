r"""Soft matching: transport plans instead of permutations, also between networks of other widths.

Layer after layer from the input on, the m_B neurons of B are transported to the m_A neurons of A: a
plan T ``[m_A, m_B]`` of row sums 1/m_A and column sums 1/m_B that minimises

    sum_ij T_ij |x_i - y_j|^2  (+ eps sum_ij T_ij ln T_ij, entropic),

x_i and y_j the features of a layer-by-layer matching, y_j after the layers before were transported.

*What is done to B.* Its layer z -> V sigma(W z + b) becomes V' sigma(W' z + b') of A's widths,

    W' = R W,  b' = R b,  V' = V C,      R = m_A T  ``[m_A, m_B]``,  C = m_B T^T  ``[m_B, m_A]``.

Rows of R sum to one: neuron i of the result is the mean of the neurons that T brings to it (the
barycentric projection of Singh & Jaggi 2020). Rows of C sum to one too: what neuron j of B gave to
the next layer is given in the proportions of T by the neurons to which it was brought, in the same
sum. *So the function is preserved exactly if T brings to neuron i only neurons of B with rows equal
to W'_i:* sum_j V_j sigma(w_j z) = sum_j V_j sum_i C_ji sigma(w_j z), and C_ji > 0 only where
w_j = W'_i. This holds where B repeats every neuron of A r times with outgoing weights divided by
r and, for eps = 0, for any two networks with m_A = r m_B: a vertex of the plans brings one neuron
of B to each of A. Otherwise the function changes: averages of different neurons compute neither's.
Sinkhorn's plans always average, the more the larger eps; so do exact ones where neurons are
repeated unequally often, since all have the same mass.

Singh & Jaggi divide the columns of V T^T by the masses of A, V' = m_A V T^T. For m_A = m_B this is
the same; else it multiplies every layer after the first by m_A/m_B and preserves no function, for
plain networks, in which V sums over neurons. It fits networks that average, with V/m.

*Other architectures* are refused: where layers do not follow each other in one line, a weight may
read neurons of which no plan is known yet. At equal widths exact transport is what `match` does.

*Equal widths.* With masses 1/m and eps = 0 there is an optimal plan that is a permutation divided
by m (Birkhoff, R1), and the simplex method ends at a vertex, so fusion is the layer-by-layer
matching followed by interpolation, if no two matchings cost the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float64, Shaped
from torch import Tensor, nn

from lmctheory.matching._symmetry import Network, SomeNetwork, as_chain, chain_inputs
from lmctheory.matching.merging.means import average
from lmctheory.matching.merging.transport import distances, gathered, spread, transport_plan
from lmctheory.measures.arguments import number, share
from lmctheory.measures.display import some, some_items
from lmctheory.networks import AffineChain
from lmctheory.networks.chain import require_finite
from lmctheory.networks.state import placed, slots
from lmctheory.results import Result

__all__ = ["SoftMatching", "fuse", "soft_match"]

_METHODS = ("naive", "weighted", "activation")


@dataclass(frozen=True, eq=False, repr=False)
class SoftMatching(Result):
    """Transport plans from B's hidden neurons to A's.

    Attributes:
        method: "naive", "weighted" or "activation".
        plans: for each hidden layer's name T ``[m_A, m_B]``: which share of all mass goes from
            neuron j of B to neuron i of A; of sum one.
        cost: for each hidden layer's name sum_ij T_ij |x_i - y_j|^2, the entropy not counted. With
            eps = 0 W_2^2 of the two layers' empirical measures; for equal widths `Matching.cost`.
    """

    method: str
    plans: Mapping[str, Float64[Tensor, "_ _"]]
    cost: Mapping[str, float]

    def __repr__(self) -> str:
        shapes = some(f"{name!r}: {len(T)} x {T.shape[1]}" for name, T in self.plans.items())
        return (
            f"SoftMatching(method={self.method!r}, plans {{{shapes}}}, "
            f"cost={some_items(self.cost)})"
        )

    def apply(self, model_b: SomeNetwork, model_a: SomeNetwork) -> SomeNetwork:
        """B transported: a copy of A with weights R_l W_l C_{l-1} and biases R_l b_l.

        Raises:
            TypeError: if a model is no affine chain.
            ValueError: if the networks are not those that were matched.
        """
        a, b = _chains(model_a, model_b)
        widths = {
            name: (len(a.weights[k]), len(b.weights[k])) for k, name in enumerate(a.names[:-1])
        }
        if widths != {name: tuple(plan.shape) for name, plan in self.plans.items()}:
            raise ValueError("model_b and model_a must have the layers and widths of the plans")
        weights, biases = list(b.weights), list(b.biases)
        for k, plan in enumerate(self.plans.values()):
            weights[k], biases[k] = gathered(plan) @ weights[k], gathered(plan) @ biases[k]
            weights[k + 1] = weights[k + 1] @ spread(plan)
        return _with_weights(model_a, replace(a, weights=tuple(weights), biases=tuple(biases)))


def soft_match(
    model_a: Network,
    model_b: Network,
    method: str = "naive",
    data: Shaped[Tensor, "n ..."] | None = None,
    *,
    regularisation: float = 0.0,
) -> SoftMatching:
    """Transports B's hidden neurons to A's, layer by layer from the input on.

    Args:
        model_a: a module that `lmctheory.networks.affine_chain` can read, or such a chain.
        model_b: another with the same layers; hidden widths may differ.
        method: "naive" (incoming weights), "weighted" (in the metric of A's second moments) or
            "activation", as in `lmctheory.matching.match`.
        data: inputs ``[n, ...]``; required by "weighted" and "activation".
        regularisation: eps divided by the mean of |x_i - y_j|^2 over all i and j; 0 is exact
            transport by the network simplex method, otherwise Sinkhorn's method is used.

    Raises:
        TypeError: if a model is no affine chain.
        ValueError: for an unknown method, a negative or infinite regularisation, networks that
            differ in more than hidden widths, NaN or infinite weights, missing or unfit data.
        RuntimeError: if Sinkhorn's method does not converge, the regularisation being too small.

    Reference: Singh & Jaggi 2020 (model fusion via optimal transport); theory key R1.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP
        >>> a, b = (MLP((8, m, 3), rng=torch.Generator().manual_seed(m)) for m in (4, 6))
        >>> plan = soft_match(a, b).plans["layers.0"]
        >>> tuple(plan.shape), torch.allclose(plan.sum(1), torch.tensor(1 / 4).double())
        ((4, 6), True)
    """
    if method not in _METHODS:
        raise ValueError(
            f"method must be one of {list(_METHODS)}, which go layer by layer, got {method!r}"
        )
    regularisation = number("regularisation", regularisation, least=0.0)
    a, b = _chains(model_a, model_b)
    inputs = _inputs(method, a, b, data)
    plans, costs = {}, {}
    columns = torch.eye(b.weights[0].shape[1]).to(b.weights[0])
    for k, name in enumerate(a.names[:-1]):
        apart = distances(*_features(method, a.weights[k], b.weights[k] @ columns, inputs, k))
        plans[name] = transport_plan(apart, regularisation)
        costs[name] = float((plans[name] * apart).sum())
        columns = spread(plans[name])
    return SoftMatching(method, plans, costs)


def fuse(
    model_a: SomeNetwork,
    model_b: SomeNetwork,
    data: Shaped[Tensor, "n ..."] | None = None,
    *,
    method: str = "naive",
    regularisation: float = 0.0,
    weight: float = 0.5,
) -> SomeNetwork:
    """The average ``weight A + (1 - weight) B'``, B' being B transported to A's neurons.

    Args:
        model_a: the network whose architecture the result has.
        model_b: see `soft_match`.
        data: see `soft_match`.
        method: see `soft_match`.
        regularisation: see `soft_match`.
        weight: of A, in [0, 1].

    Raises:
        ValueError: for a weight outside [0, 1], and as `soft_match`.

    Reference: Singh & Jaggi 2020.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP
        >>> a, b = (MLP((8, m, 3), rng=torch.Generator().manual_seed(m)) for m in (4, 6))
        >>> fuse(a, b).widths
        (8, 4, 3)
    """
    weight = share("weight", weight)
    soft = soft_match(model_a, model_b, method, data, regularisation=regularisation)
    return average([model_a, soft.apply(model_b, model_a)], [weight, 1 - weight])


def _chains(model_a: Network, model_b: Network) -> tuple[AffineChain, AffineChain]:
    a, b = as_chain(model_a), as_chain(model_b)
    _require_same_but_for_widths(a, b)
    _require_same_names(model_a, model_b)
    return a.to(dtype=torch.float64), b.to(dtype=torch.float64)


def _require_same_but_for_widths(a: AffineChain, b: AffineChain) -> None:
    if a.names != b.names or a.activations != b.activations:
        described = [
            f"{chain.names} with {[sigma.name for sigma in chain.activations]}" for chain in (a, b)
        ]
        raise ValueError(
            "model_a and model_b must have the same layers and activations, got "
            f"{described[0]} and {described[1]}"
        )
    ends = [(chain.weights[0].shape[1], chain.weights[-1].shape[0]) for chain in (a, b)]
    if ends[0] != ends[1]:
        raise ValueError(
            f"model_a and model_b must have as many inputs and outputs, got {ends[0]} and {ends[1]}"
        )
    require_finite(a, "model_a")
    require_finite(b, "model_b")


def _require_same_names(model_a: Network, model_b: Network) -> None:
    if isinstance(model_a, nn.Module) and isinstance(model_b, nn.Module):
        only_one = {*slots(model_a)} ^ {*slots(model_b)}
        if only_one:
            raise ValueError(
                "model_a and model_b must have the same parameters, but one alone has "
                f"{sorted(only_one)}"
            )


def _inputs(
    method: str, a: AffineChain, b: AffineChain, data: Tensor | None
) -> tuple[list[Tensor], list[Tensor]]:
    """What each weight of A and of B reads, where the method needs it."""
    if method == "naive":
        return [], []
    if data is None:
        raise ValueError(f"method {method!r} needs data, got None")
    x = chain_inputs(a, data, "data")
    of_a, of_b = ([x, *(phi for _, phi in chain.hidden(x))] for chain in (a, b))
    return of_a, of_b


def _features(
    method: str, W_a: Tensor, W_b: Tensor, inputs: tuple[list[Tensor], list[Tensor]], k: int
) -> tuple[Float64[Tensor, "n k"], Float64[Tensor, "m k"]]:
    """A row x_i for each neuron of A, a row y_j for each of B; W_b reads the neurons of A."""
    if method == "naive":
        return W_a, W_b
    of_a, of_b = inputs
    scale = len(of_a[0]) ** -0.5
    if method == "activation":
        return of_a[k + 1].mT * scale, of_b[k + 1].mT * scale
    root = torch.linalg.qr(of_a[k] * scale, mode="r").R.mT  # Sigma = root root^T
    return W_a @ root, W_b @ root


def _with_weights(network: SomeNetwork, chain: AffineChain) -> SomeNetwork:
    """A copy of the network with the chain's weights, in its own type."""
    if isinstance(network, AffineChain):
        own = chain.to(dtype=network.weights[0].dtype)
        return replace(network, weights=own.weights, biases=own.biases)
    state: dict[str, Tensor] = {}
    for name, W, bias in zip(chain.names, chain.weights, chain.biases, strict=True):
        state |= {f"{name}.weight": W, f"{name}.bias": bias}
    result: SomeNetwork = placed(network, state)
    return result
