r"""Matching as alignment of singular vectors.

For two matrices W_A = sum_i s_i u_i v_i^T and W_B = sum_j s'_j u'_j v'_j^T of one shape, and any
P and Q that permute outputs and inputs,

    <W_A, P W_B Q^T> = sum_ij s_i s'_j <u_i, P u'_j> <v_i, Q v'_j>,

since both sides are bilinear and <u v^T, p q^T> = <u, p> <v, q>. What weight matching maximises is
thus how well singular vectors agree, each pair weighted by both singular values: the leading ones
can be aligned though the distance |W_A - P W_B Q^T| hardly falls.

Reference: theory key M1; Ito et al. 2024.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from lmctheory.measures.arguments import array
from lmctheory.results import Result

__all__ = ["SingularAlignment", "singular_alignment"]


@dataclass(frozen=True, eq=False, repr=False)
class SingularAlignment(Result):
    """How the singular vectors of two aligned layers agree; r = min(m, n).

    Attributes:
        values_a: ``[r]`` s_i, singular values of W_A, the largest first.
        values_b: ``[r]`` s'_j, those of W_B.
        left: ``[r, r]`` cosines <u_i, P u'_j> of the left singular vectors.
        right: ``[r, r]`` cosines <v_i, Q v'_j> of the right ones.
    """

    values_a: Float[np.ndarray, " r"]
    values_b: Float[np.ndarray, " r"]
    left: Float[np.ndarray, "r r"]
    right: Float[np.ndarray, "r r"]

    @property
    def inner_product(self) -> float:
        """sum_ij s_i s'_j <u_i, P u'_j> <v_i, Q v'_j> = <W_A, P W_B Q^T>."""
        return float(self.values_a @ (self.left * self.right) @ self.values_b)

    @property
    def cosine(self) -> float:
        """The inner product over both Frobenius norms; NaN if one of them is zero."""
        norms = float(np.linalg.norm(self.values_a) * np.linalg.norm(self.values_b))
        return self.inner_product / norms if norms else np.nan

    def __repr__(self) -> str:
        agreement = float(abs(self.left[0, 0] * self.right[0, 0]))
        return (
            f"SingularAlignment(inner_product={self.inner_product:.4g}, "
            f"cosine={self.cosine:.4g}, leading pair {agreement:.4g}, rank <= {len(self.left)})"
        )


def singular_alignment(
    W_A: ArrayLike, W_B: ArrayLike, P: ArrayLike, Q: ArrayLike
) -> SingularAlignment:
    """Splits the inner product that weight matching maximises over pairs of singular vectors.

    Args:
        W_A: weights of one layer of A, ``[m, n]``.
        W_B: those of B, ``[m, n]``.
        P: permutation of the outputs, ``[m]``: the aligned layer is ``W_B[P][:, Q]``.
        Q: permutation of the inputs, ``[n]``; ``range(n)`` where these are not permuted, as in the
            first layer.

    Returns:
        Singular values, both matrices of cosines, and their weighted sum. Where singular values
        coincide the vectors, and with them the cosines, are not unique; the sum is.

    Raises:
        TypeError: for weights that are no real numbers.
        ValueError: for weights that are empty, of different shape or not finite, and for P or Q
            that are no permutations of the right size.

    Reference:
        Key M1; Ito et al. 2024.

    Example:
        >>> import numpy as np
        >>> W = np.array([[2.0, 0.0], [0.0, 1.0]])
        >>> found = singular_alignment(W, W[[1, 0]], [1, 0], [0, 1])
        >>> found.inner_product, round(found.cosine, 9)  # |W|^2 = 5: row for row the same
        (5.0, 1.0)
    """
    a, b = (array(name, W, "m n") for name, W in (("W_A", W_A), ("W_B", W_B)))
    if a.shape != b.shape:
        raise ValueError(f"W_A and W_B must have one shape, got {a.shape} and {b.shape}")
    rows, columns = _permutation("P", P, a.shape[0]), _permutation("Q", Q, a.shape[1])
    u, values_a, v = np.linalg.svd(a, full_matrices=False)
    u_b, values_b, v_b = np.linalg.svd(b, full_matrices=False)
    return SingularAlignment(values_a, values_b, u.T @ u_b[rows], v @ v_b[:, columns].T)


def _permutation(name: str, values: ArrayLike, size: int) -> Int[np.ndarray, " size"]:
    found = array(name, values, "m")
    if not np.array_equal(np.sort(found), np.arange(size)):
        raise ValueError(f"{name} must be a permutation of 0, ..., {size - 1}, got {found}")
    return found.astype(np.int64)
