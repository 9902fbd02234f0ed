r"""What swapping two neurons costs: in function, and in weights.

*In function.* Let f = sum_k v_k phi_k + c with outgoing weights v_k of the last hidden layer. If
neurons i and j swap what makes phi_i and phi_j and keep v_i and v_j, f changes by v_i phi_j + v_j
phi_i - v_i phi_i - v_j phi_j, that is by

    (v_i - v_j) (phi_j - phi_i),

so that its root mean square is S_ij = |v_i - v_j| |phi_i - phi_j|, and a loss of gradient at most G
changes by at most G S_ij (cross-entropy: G = sqrt 2).

*The cheapest swap.* Of m independent neurons whose phi has d dimensions and whose v has c (and
bounded densities), P(S_ij <= eps) is of the order of eps^min(d, c), up to a logarithm for d = c:
the factor with fewer dimensions is the one that is small, as E |v_i - v_j|^-d is finite for d < c.
The cheapest swap of one neuron is then of the order of m^(-1/min(d, c)), and that of all m (m - 1)
/ 2 pairs m^(-2/min(d, c)); v of variance 1/m multiplies both by m^(-1/2).

*In weights.* Neuron i of a partly fixed layer, with fixed weights F_i and trained entries D_i, does
on inputs of span U what neuron j does if U^T (F_i + D_i u) = a_j = U^T w_j. The least |u|^2 is

    M_ij = (a_j - U^T F_i)^T (U^T D_i U)^+ (a_j - U^T F_i),

and M_ij + M_ji - M_ii - M_jj is what a swap costs. With nothing fixed it is zero: M_ij = |a_j|^2.
Where U^T D_i U = q 1 it is (2 / q) <a_i - a_j, U^T (F_i - F_j)>, in the mean a multiple of the
dimension of U if every entry of F has one variance.

Reference: Buergin et al. 2026 (costs in weights).
"""

from jaxtyping import Float
from torch import Tensor, cdist, linalg

__all__ = ["function_swaps", "realisation_costs", "span_of", "weight_swaps"]


def function_swaps(
    activations: Float[Tensor, "n m"], outgoing: Float[Tensor, "c m"]
) -> Float[Tensor, "m m"]:
    """S_ij, root mean squares over examples.

    Args:
        activations: phi of the last hidden layer on n examples.
        outgoing: its outgoing weights.
    """
    return _distances(outgoing) * _distances(activations) / len(activations) ** 0.5


def _distances(columns: Tensor) -> Tensor:
    """Without the cancellation of squared norms: near neurons are what this is about."""
    return cdist(columns.T, columns.T, compute_mode="donot_use_mm_for_euclid_dist")


def span_of(inputs: Float[Tensor, "n d"], variance: float = 0.9) -> Float[Tensor, "d k"]:
    """Orthonormal U of so many principal components that they have that share of the variance.

    Inputs are centred first: biases, which are all trained, make up for their mean.
    """
    centred = (inputs - inputs.mean(0)).double()
    _, sizes, directions = linalg.svd(centred, full_matrices=False)
    shares = sizes.square().cumsum(0) / sizes.square().sum()
    return directions[: int((shares < variance).sum()) + 1].T


def realisation_costs(
    span: Float[Tensor, "d k"],
    effective: Float[Tensor, "m d"],
    fixed: Float[Tensor, "m d"],
    trained: Float[Tensor, "m d"],
) -> Float[Tensor, "m m"]:
    """M_ij: the least square of trained weights with which neuron i does what neuron j does.

    Args:
        span: U.
        effective: w_j.
        fixed: F_i.
        trained: the diagonals of D_i.
    """
    span, effective, fixed, trained = (one.double() for one in (span, effective, fixed, trained))
    grams = (span.T * trained[:, None]) @ span  # [m, k, k]
    gaps = (effective @ span)[None] - (fixed @ span)[:, None]  # a_j - U^T F_i, [i, j, k]
    return ((gaps @ linalg.pinv(grams, hermitian=True)) * gaps).sum(-1)


def weight_swaps(costs: Float[Tensor, "m m"]) -> Float[Tensor, "m m"]:
    """M_ij + M_ji - M_ii - M_jj."""
    own = costs.diagonal()
    return costs + costs.T - own - own[:, None]
