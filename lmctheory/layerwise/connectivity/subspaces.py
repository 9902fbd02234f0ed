"""How far apart the leading directions of two networks' features, or weights, are.

Of features ``[n, m]`` (rows: examples, columns: neurons) and of weights ``[m, fan in]`` alike, the
first k right singular vectors span a subspace of the columns' space. Principal angles between two
subspaces do not change with the bases, but they do with the order of the neurons: a matching that
aligns features brings the subspaces together.
"""

import numpy as np
from jaxtyping import Float
from scipy.linalg import subspace_angles

from lmctheory.measures.arguments import array, integer

__all__ = ["principal_angles"]


def principal_angles(
    a: Float[np.ndarray, "n m"], b: Float[np.ndarray, "k m"], rank: int
) -> Float[np.ndarray, " rank"]:
    """Angles between the spans of the first `rank` right singular vectors of two matrices.

    The mean of their squared cosines is the share of one subspace that lies in the other: 1 for one
    and the same, rank / m on average for two drawn at random.

    Args:
        a: a matrix, such as `lmctheory.matching.layer_inputs` gives them.
        b: another with as many columns.
        rank: the dimension of both subspaces, at most the rank of either matrix.

    Returns:
        In radians, rising.

    Raises:
        TypeError: for what are no numbers.
        ValueError: for matrices that are not finite or differ in columns, or a rank below 1 or
            above theirs.

    Reference: Björck and Golub 1973; of weights in Zhou et al. 2023.

    Example:
        >>> import numpy as np
        >>> plane = np.eye(4)[:2]
        >>> tilted = np.array([[1.0, 0, 0, 0], [0, np.cos(0.3), np.sin(0.3), 0]])
        >>> principal_angles(plane, tilted, 2).round(6).tolist()
        [0.0, 0.3]
    """
    a, b = array("a", a, "n m"), array("b", b, "k m")
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"a and b must have as many columns, got {a.shape[1]} and {b.shape[1]}")
    rank = integer("rank", rank)
    spans = [_leading(name, matrix, rank) for name, matrix in (("a", a), ("b", b))]
    return np.asarray(subspace_angles(*spans))[::-1]


def _leading(name: str, matrix: np.ndarray, rank: int) -> np.ndarray:
    _, sizes, right = np.linalg.svd(matrix, full_matrices=False)
    rounding = sizes[0] * max(matrix.shape) * np.finfo(float).eps
    highest = int((sizes > rounding).sum())
    if not 1 <= rank <= highest:
        raise ValueError(f"rank must lie between 1 and that of {name}, {highest}, got {rank}")
    return np.asarray(right[:rank].T)
