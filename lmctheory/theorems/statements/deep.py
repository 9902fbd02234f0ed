"""Statements on deep networks with independent neurons (D)."""

from lmctheory.theorems._registry import theorem

_INITIAL = ("independent networks of relus under He's initialisation",)

theorem(
    "D1",
    "Deep Gaussian networks",
    statement=(
        r"\mathbb E |f_t - \bar f|^2 \le s_{out}^2 n_{out} t(1-t) X_L, \quad"
        r" X_1 = \tfrac{t}{1-t} S_1((1-t)^2 M_1) + \tfrac{1-t}{t} S_1(t^2 M_1), \quad"
        r" X_l = w\, S_l\Bigl(\frac1w \Bigl(s_w^2 X_{l-1} +"
        r" \frac{M_l/2 + (t - \frac12)^2 s_w^2 G_{l-1}}{2(t^2 + (1-t)^2)}\Bigr)\Bigr), \quad"
        r" w = \tfrac{t^2 + (1-t)^2}{t(1-t)}, \quad G_l = S_l(M_l + s_w^2 G_{l-1}), \; G_0 = 0,"
        r" \quad S_l(d^2) = \inf_{\lambda, \gamma \ge 0} \lambda d^2 + 3 \gamma q_l^2 + \mathbb E"
        r" \sup_v |\varsigma(u) - \varsigma(v)|^2 - \lambda (u-v)^2 - \gamma v^4, \; u \sim"
        r" N(0, q_l), \; \varsigma(z) = \frac{(\sigma(z), \sigma(-z))}{\sqrt 2}"
    ),
    symbols={},
    status="derived",
    sources=("ferbach2024",),
    note="derived; compare Ferbach et al. 2024, Theorem 5.2",
    hypotheses=(
        "independent networks with Gaussian rows",
        "matched layer by layer; for each t, kernels up to O(1/width)",
    ),
    functions=("widths.deep.error_bound", "widths.deep.required_widths"),
    checks="deep",
)

theorem(
    "D2",
    "No permutation of a layer does better",
    statement=(
        r"\frac{1}{m_l} \mathbb E |(W_A - \Pi W_B) \phi_{l-1}|^2 \ge \mathbb E L\bigl(m_l,"
        r" \tfrac{s_w^2}{m_{l-1}} \Sigma_{l-1}\bigr) \quad \text{for every } \Pi"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived",
    hypotheses=(*_INITIAL, "B's earlier layers were permuted by functions of those layers alone"),
    functions=("widths.matching_lower_bounds",),
    checks="deep",
)

theorem(
    "D4",
    "Approximately low-dimensional weights",
    statement=(
        r"M(m) \le \bigl(M_k(m)^{1/2} + 2\eta\bigr)^2, \quad M(m) \le M_k(m) + 2\eta^2"
        r" \text{ if the rest is independent}"
    ),
    symbols={},
    status="derived",
    sources=("ferbach2024",),
    note="explicit form of Ferbach et al. 2024, Theorem 5.4",
    hypotheses=("neurons independent, within eta of a law of dimension k",),
    functions=(
        "widths.low_dimensional_bound",
        "widths.crossover_width",
    ),
    checks="deep",
)

theorem(
    "D5",
    "Rows that are not Gaussian",
    statement=(
        r"M(m) \le s^2 F(\Lambda) + 2 (1 - v) \operatorname{tr} \Lambda, \quad \mathbb E[\zeta"
        r" \mid g] = g, \; g \sim e^{-V} N(0, s^2), \; V \text{ convex}, \; v ="
        r" \operatorname{Var} g"
    ),
    symbols={},
    status="derived",
    sources=("caffarelli2000", "strassen1965"),
    note="derived, with Caffarelli 2000 and Strassen 1965",
    hypotheses=("coordinates of a row independent, symmetric, of one law", "any metric"),
    functions=("widths.non_gaussian_cost", "widths.gaussian_parts"),
    checks="deep",
)

theorem(
    "D6",
    "Dropout stability",
    statement=(
        r"\mathbb E |\tilde f - f|^2 \le s_{out}^2 n_{out} Y_L, \quad Y_l = \kappa \bigl(s_w^2"
        r" Y_{l-1} + M(m_l/2)/2\bigr)"
    ),
    symbols={},
    status="derived",
    sources=("ferbach2024", "kuditipudi2019"),
    note="derived; compare Ferbach et al. 2024, B.14, and Kuditipudi et al. 2019",
    hypotheses=(
        *_INITIAL,
        "kept neurons take over their partners' outgoing weights; kernels up to O(1/width)",
    ),
    functions=("widths.dropout_bound",),
    checks="deep",
)
