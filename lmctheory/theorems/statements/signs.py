"""Statements on neurons of odd activations, which may be negated (S)."""

from lmctheory.theorems._registry import theorem

theorem(
    "S1",
    "The sandwich modulo signs",
    statement=(
        r"L_s(m) \le \mathbb E \min_{\pi, s} \frac1m \sum_i |a_i - s_i b_{\pi(i)}|^p \le U_s(m),"
        r" \quad L_s \ge \int_0^\infty \mathbb E \bigl(1 - \min(1, \mu(B(a, r)) + \mu(B(-a, r)))"
        r"\bigr)^m \, d(r^p), \quad U_s(m) \le U(m; \text{law folded to a half-space})"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived: R9 with both balls, R5-R15 folded, R6 with even eigenfunctions",
    hypotheses=("neurons independent, from one law", "their activation is odd"),
    functions=("rates.lower_bound", "rates.upper_bound", "rates.required_width"),
    checks="signs",
)

theorem(
    "S1a",
    "Signed permutations are transport of symmetrised samples",
    statement=(
        r"\min_{\pi, s} \frac1m \sum_i |a_i - s_i b_{\pi(i)}|^p = W_p^p\Bigl(\frac{1}{2m} \sum_i"
        r" \delta_{a_i} + \delta_{-a_i}, \frac{1}{2m} \sum_i \delta_{b_i} + \delta_{-b_i}\Bigr)"
    ),
    symbols={},
    status="derived",
    sources=("birkhoff1946",),
    note="derived: Birkhoff in the quotient, lifted",
    hypotheses=("two samples of equal size",),
    functions=("rates.wasserstein_pow", "rates.optimal_permutation", "rates.optimal_signs"),
    checks="signs",
)

theorem(
    "S1b",
    "Deep odd networks modulo signs",
    statement=(
        r"\mathbb E |f_t - \bar f|^2 \le s_{out}^2 n_{out} t(1-t) X_L \quad \text{of D1, with the"
        r" matching cost modulo signs for } M_l"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived",
    hypotheses=(
        "independent networks with Gaussian rows and an odd activation",
        "matched and negated layer by layer; for each t, kernels up to O(1/width)",
    ),
    functions=("widths.deep.error_bound", "widths.deep.required_widths"),
    checks="signs",
)
