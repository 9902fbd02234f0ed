"""Statements on the rate at which the matching cost falls with width (R)."""

from lmctheory.theorems._registry import theorem

_GAUSSIAN = ("neurons independent, from one Gaussian law N(0, Lambda)",)
_SEMIGROUP = r"""M(m) \le 2 \Bigl( \sqrt{D(2t)/2} + L_t \varepsilon_t \Bigr)^2, \quad
 \varepsilon_t^2 = \frac{CONSTANT}{m} \int_{2t}^\infty (\operatorname{tr} P_s - 1) \, ds"""

theorem(
    "R1",
    "Matching is optimal transport",
    statement=r"W_p^p(\mu_m, \nu_m) = \min_\pi \frac1m \sum_i |a_i - b_{\pi(i)}|^p",
    symbols={},
    status="published",
    sources=("ferbach2024", "birkhoff1946"),
    note="Birkhoff; Ferbach et al. 2024, Lemma B.3",
    hypotheses=("two samples of equal size",),
    functions=("rates.wasserstein_pow", "rates.optimal_permutation"),
    checks="rates",
)

theorem(
    "R2",
    "Wider layers match better",
    statement=r"\mathbb E W_p^p(\mu_{m+1}, \nu_{m+1}) \le \mathbb E W_p^p(\mu_m, \nu_m)",
    symbols={},
    status="derived",
    sources=(),
    note="derived: convexity and leave-one-out samples",
    hypotheses=("one law for all widths",),
    functions=("rates.upper_bound", "rates.lower_bound"),
    checks="rates",
)

theorem(
    "R4",
    "Explicit dyadic bound",
    statement=(
        r"\mathbb E W_p^p \le d^{p/2} \tfrac{2^p - 1}{2} \sum_{l \ge 1} 2^{-pl} E_l, \quad"
        r" E_l = 2^{dl} g(2^{-dl}) \le \min\bigl(2, \sqrt{2(2^{dl} - 1)/m}\bigr)"
    ),
    symbols={},
    status="derived",
    sources=("fournier2023",),
    note="Fournier 2023; series and left-over g sharpened here",
    hypotheses=("neurons independent, from one law in the unit cube",),
    functions=("rates.fournier_bound", "rates.dyadic_bound"),
    checks="laws",
)

theorem(
    "R5",
    "Multi-scale covering bound",
    statement=(
        r"\mathbb E W_p^p \le \tfrac12 \sum_{Q} \bigl(\operatorname{diam}(\hat Q)^p -"
        r" \operatorname{diam}(Q)^p\bigr)\, \mathbb E |\mu_m(Q) - \nu_m(Q)|,"
        r" \quad \hat Q \text{ the parent of } Q"
    ),
    symbols={},
    status="derived",
    sources=("weed2019",),
    note="after Weed and Bach 2019; tree of cells derived",
    hypotheses=("neurons independent, from one law of bounded support",),
    functions=("rates.covering_bound", "rates.upper_bound"),
    checks="laws",
)

theorem(
    "R6a",
    "Semigroup bound",
    statement=_SEMIGROUP.replace("CONSTANT", "4"),
    symbols={},
    status="derived",
    sources=("peyre2018", "ledoux2019"),
    note="derived, with Peyre 2018 and Ledoux 2019",
    hypotheses=("neurons independent, from the invariant law of a reversible diffusion",),
    functions=("rates.semigroup_bound", "rates.upper_bound"),
    checks="laws",
)

theorem(
    "R6b",
    "Semigroup bound on flat and round spaces",
    statement=_SEMIGROUP.replace("CONSTANT", "c_n")
    + r", \quad c_n = \frac{e + 1}{1 + (e/4) 4^{-1/e}}, \; e = \tfrac{2(n-1)}{3}",
    symbols={},
    status="derived",
    sources=(),
    note="derived: the Hopf-Lax flow",
    hypotheses=("neurons independent, uniform on a cube, a sphere or in a ball",),
    functions=("rates.semigroup_bound", "rates.upper_bound"),
    checks="laws",
)

theorem(
    "R6c",
    "Truncated Gaussians",
    statement=(
        r"M \le (1-P)^2 \tilde M + \operatorname{tr} \Lambda \, (2P(1-P)(o + v) + 2P^2 o),"
        r" \quad P = P(|Z| > \rho)"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived",
    hypotheses=("neurons independent, from one Gaussian law N(0, Lambda)",),
    functions=("rates.truncated_gaussian_bound", "rates.upper_bound"),
    checks="laws",
)

theorem(
    "R7",
    "One dimension, exactly",
    statement=r"M(m) = \frac2m \sum_{i=1}^m \operatorname{Var} Z_{(i:m)}",
    symbols={},
    status="published",
    sources=("bobkov2019",),
    note="Bobkov and Ledoux 2019",
    hypotheses=("neurons independent, from one normal law on the line",),
    functions=("rates.normal_matching_cost",),
    checks="rates",
)

theorem(
    "R8",
    "Match the first coordinate alone",
    statement=r"M(m) \le \lambda_1 M_1(m) + 2 \sum_{i>1} \lambda_i",
    symbols={},
    status="derived",
    sources=(),
    note="derived: projection",
    hypotheses=_GAUSSIAN,
    functions=("rates.upper_bound",),
    checks="rates",
)

theorem(
    "R9",
    "Small-ball lower bounds",
    statement=(
        r"M(m) \ge \int_0^\infty \mathbb E \bigl(1 - \mu(B(a, \sqrt x))\bigr)^m \, dx, \quad"
        r" \mu(B(a, \sqrt x)) \le \frac{e^{-Q_s(a)}}{\prod_i (1 + 2 s \lambda_i)^{1/2}}"
        r" \min\Bigl(e^{sx}, \tfrac{g_s}{s} (e^{sx} - 1)\Bigr)"
    ),
    symbols={},
    status="derived",
    sources=("ferbach2024",),
    note="after Ferbach et al. 2024, Theorem 5.3; tilted form derived",
    hypotheses=_GAUSSIAN,
    functions=("rates.lower_bound",),
    checks="rates",
)

theorem(
    "R10",
    "Concentration",
    statement=(
        r"P(W_p^p \ge \mathbb E W_p^p + s) \le e^{-m s^2 / D^{2p}}, \quad"
        r" P(W_2 \ge \mathbb E W_2 + s) \le e^{-m s^2 / (4C)}, \quad"
        r" \operatorname{Var} W_2 \le \frac{2C}{m}"
    ),
    symbols={},
    status="published",
    sources=("mcdiarmid1989", "ledoux2001"),
    note="McDiarmid 1989; Herbst, see Ledoux 2001",
    hypotheses=("neurons independent; support of diameter D, or log-Sobolev constant C",),
    functions=("rates.deviation", "rates.simulated_upper_bound", "rates.simulated_lower_bound"),
    checks="laws",
)

theorem(
    "R11",
    "The sandwich",
    statement=r"L(m, \Lambda) \le M(m) \le U(m, \Lambda)",
    symbols={},
    status="derived",
    sources=(),
    note="derived: the best of all above",
    hypotheses=_GAUSSIAN,
    functions=("rates.lower_bound", "rates.upper_bound", "rates.required_width"),
    checks="rates",
)

theorem(
    "R13",
    "Rank-block tree",
    statement=(
        r"M(m) \le T_1(m), \quad T_i(b) = \min_{s} \Bigl\{ \lambda_i \Bigl(2 - \tfrac2b \sum_k"
        r" \tfrac{S_k^2}{s_k}\Bigr) + \sum_k \tfrac{s_k}{b} T_{i+1}(s_k) \Bigr\}"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived",
    hypotheses=_GAUSSIAN,
    functions=("rates.upper_bound",),
    checks="rates",
)

theorem(
    "R14",
    "k-d tree of a box",
    statement=(
        r"M(m) \le \sum_i a_i^2 K_i, \quad K = \sum_{\text{halves}} \tfrac{s}{b} \bigl(\tfrac23"
        r" \operatorname{Var} X_s + (\mathbb E X_s)^2 K_s\bigr) \text{ in the coordinate cut}"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived",
    hypotheses=("neurons independent, uniform on a box",),
    functions=("rates.box_tree",),
    checks="rates",
)

theorem(
    "R15",
    "k-d tree of a product law",
    statement=(
        r"M(m) \le 2 \operatorname{tr} \Lambda - 2 \sum_{\text{leaves}} \tfrac{b}{m} G,"
        r" \quad G = |h|^2 \text{ or } |h|^2 + \tfrac14 \mathbb E |S|"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived",
    hypotheses=_GAUSSIAN,
    functions=("rates.product_tree", "rates.upper_bound"),
    checks="rates",
)
