"""Statements on what a matching of layers aligns (M)."""

from lmctheory.theorems._registry import theorem

theorem(
    "M1",
    "Weight matching aligns singular vectors",
    statement=(
        r"\langle W_A, P W_B Q^\top \rangle_F = \sum_{i,j} s_i\, s'_j\,"
        r" \langle u_i, P u'_j \rangle \langle v_i, Q v'_j \rangle",
        r"W_A = \sum_i s_i u_i v_i^\top, \quad W_B = \sum_j s'_j u'_j v'^\top_j",
    ),
    symbols={
        "W_A, W_B": "weights of one layer of the two networks, of equal shape",
        "P, Q": "permutation matrices of its outputs and of its inputs",
        r"\langle \cdot, \cdot \rangle_F": "sum of the products of all entries",
        "s_i, s'_j": "singular values of $W_A$ and of $W_B$",
        "u_i, v_i": "left and right singular vectors of $W_A$",
        "u'_j, v'_j": "left and right singular vectors of $W_B$",
    },
    status="published",
    sources=("ito2024",),
    note="Ito et al. 2024",
    hypotheses=("two real matrices of equal shape", "any two matrices $P$ and $Q$ that fit"),
    functions=("matching.singular_alignment",),
    checks="matching",
    proof=r"""
\textbf{1.} $P W_B Q^\top = \sum_j s'_j (P u'_j)(Q v'_j)^\top$, and $\langle u v^\top, p q^\top
\rangle_F = \langle u, p \rangle \langle v, q \rangle$; both sides are bilinear.
""",
)
