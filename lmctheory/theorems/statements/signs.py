"""Statements on neurons that may be negated, scaled or turned (S)."""

from lmctheory.theorems._registry import theorem
from lmctheory.theorems.formula import Formula

_NEURONS = {
    "m": "number of neurons of the layer, its width",
    "a_i": "neurons of network A, vectors of weights",
    "b_i": "neurons of network B",
    r"\pi": r"permutation of $1, \dots, m$",
    "s_i": r"signs, $\pm 1$",
    "p": "exponent of the cost, $> 0$",
}

theorem(
    "S1",
    "The sandwich modulo signs",
    statement=(
        r"L_s(m) \le \mathbb E \min_{\pi, s} \frac1m \sum_{i=1}^m |a_i - s_i b_{\pi(i)}|^p"
        r" \le U_s(m)",
        r"L_s(m) \ge \int_0^\infty \mathbb E \bigl(1 - \min(1, \mu(B(a, r)) + \mu(B(-a, r)))"
        r"\bigr)^m \, d(r^p)",
        r"U_s(m) \le U(m; \mu'), \quad \mu' \text{ the law of } \mu \text{ folded}",
    ),
    symbols={
        **_NEURONS,
        r"\mu": "law of a neuron",
        "L_s": "the largest of all lower bounds modulo signs",
        "U_s": "the least of all upper bounds modulo signs",
        "U": r"any upper bound of $\mathbb E W_p^p$, of a law (R4 to R18)",
        r"\mu'": r"law of $x$ or $-x$, $x \sim \mu$, whichever has a coordinate $x_1 \ge 0$",
        "a": r"a neuron, with the law $\mu$",
        "B(a, r)": "the ball of radius $r$ around $a$",
        "r": "a distance",
    },
    status="derived",
    sources=(),
    note="derived: R9 and R22 in the quotient, R5-R18 folded, R6 with even eigenfunctions",
    hypotheses=(
        r"the neurons of A and of B are independent draws from one law $\mu$",
        "their activation is odd, so that a neuron may be negated",
    ),
    depends=(
        "R1",
        "R5",
        "R6a",
        "R6b",
        "R6c",
        "R9",
        "R11",
        "R13",
        "R14",
        "R15",
        "R16",
        "R18",
        "R22",
        "S1a",
    ),
    functions=("rates.lower_bound", "rates.upper_bound", "rates.required_width"),
    checks="signs",
    proof=r"""
\textbf{1.} Given $\pi$, each sign may be chosen for itself: the cost is that of the metric
$\min(|x - y|, |x + y|)$ of vectors modulo sign. What is at least $L_s$ and at most $U_s$ is the
mean of one random number; it remains to prove the two bounds that are printed.

\textbf{2.} Below. Every neuron pays at least what its nearest among $\pm b_1, \dots, \pm b_m$
costs. Given $a$, the probability that none of them is in $B(a, r)$ is $(1 - \mu(B(a,r) \cup
B(-a,r)))^m$, as $-b \in B(a,r)$ means $b \in B(-a,r)$; it is at least $(1 - \min(1, \mu(B(a,r)) +
\mu(B(-a,r))))^m$. The mean of a nonnegative number's $p$-th power is $\int_0^\infty P(\cdot >
r)\,d(r^p)$.

\textbf{3.} Above. Let $\varepsilon_x = \pm1$ be such that the chosen coordinate of
$\varepsilon_xx$ is not negative ($1$ if it is 0). For any $\pi$ take $s_i =
\varepsilon_{a_i}\varepsilon_{b_{\pi(i)}}$: then $|a_i - s_ib_{\pi(i)}| = |\varepsilon_{a_i}a_i -
\varepsilon_{b_{\pi(i)}}b_{\pi(i)}|$. The least over $\pi$ is $W_p^p$ of
two independent samples from $\mu'$ (R1), of expectation at most $U(m;\mu')$.
""",
)

theorem(
    "S1a",
    "Signed permutations are transport of symmetrised samples",
    statement=(
        r"\min_{\pi, s} \frac1m \sum_{i=1}^m |a_i - s_i b_{\pi(i)}|^p"
        r" = W_p^p(\bar\mu_m, \bar\nu_m)",
        r"\bar\mu_m = \frac{1}{2m} \sum_{i=1}^m (\delta_{a_i} + \delta_{-a_i}), \quad"
        r" \bar\nu_m = \frac{1}{2m} \sum_{i=1}^m (\delta_{b_i} + \delta_{-b_i})",
    ),
    symbols={
        **_NEURONS,
        "W_p": r"Wasserstein distance of order $p$; $W_p^p$ is the least cost of $|x - y|^p$",
        r"\bar\mu_m": "symmetrised sample of network A",
        r"\bar\nu_m": "symmetrised sample of network B",
        r"\delta_x": "unit mass at $x$",
    },
    status="derived",
    sources=("birkhoff1946",),
    note="derived: Birkhoff in the quotient, lifted",
    hypotheses=("two samples of equal size",),
    depends=("R1",),
    functions=("rates.wasserstein_pow", "rates.optimal_permutation", "rates.optimal_signs"),
    checks="signs",
    proof=r"""
\textbf{1.} For given $\pi$ the best signs cost $c(a_i, b_{\pi(i)})$ each, $c(x, y) = \min(|x -
y|^p, |x + y|^p)$. By Birkhoff's theorem the left-hand side is the least cost of $c$ over the
couplings of $\mu_m$ and $\nu_m$.

\textbf{2.} Let $(x, y)$ be a pair drawn from the best of them, $s$ its better sign and
$\varepsilon$ a fair sign: $(\varepsilon x, \varepsilon s y)$ has the marginals $\bar\mu_m$ and
$\bar\nu_m$ and the same cost: the right-hand side is not larger.

\textbf{3.} Conversely a coupling of $\bar\mu_m$ and $\bar\nu_m$ gives one of the pairs $\pm x$ and
$\pm y$, whose cost $c$, which has no signs, is not larger.
""",
)

theorem(
    "S1b",
    "Deep odd networks modulo signs",
    statement=(
        r"\mathbb E |f_t - \bar f_t|^2 \le s_{\mathrm{out}}^2 n_{\mathrm{out}} t (1 - t) X_L",
        r"X_L \text{ of D1, with the matching cost modulo signs for } M_l",
    ),
    symbols={
        "f_t": "outputs of the network at $t$ between A and the matched B",
        r"\bar f_t": r"$t f_A + (1 - t) f_B$, the chord of the outputs",
        "t": "position on the segment, in $(0, 1)$; 1 is A",
        r"s_{\mathrm{out}}": "standard deviation of an output weight, times the square root of its"
        " layer's width",
        r"n_{\mathrm{out}}": "number of outputs",
        "X_L": "what D1's recursion reaches at the last hidden layer $L$",
        "M_l": "matching cost of layer $l$ in the metric of its inputs",
    },
    status="derived",
    sources=(),
    note="derived",
    hypotheses=(
        "as for D1, with an odd activation",
        "matched and negated layer by layer",
    ),
    depends=("D1", "S1"),
    functions=("widths.deep.error_bound", "widths.deep.required_widths"),
    checks="signs",
    proof=r"""
D1's proof holds with signed permutations: the neuron $s_i\beta_{\pi(i)}$, $s_i = \pm1$, in place
of $\beta_{\pi(i)}$, biases included, and outgoing weights times $s_i$. As $\sigma$ is odd, its
activations are multiplied by $s_i$, and the function of B is unchanged. Step by step:

\textbf{1.} Signs and orders below layer $l$ do not depend on its rows: B's rows, columns ordered
and negated, are still independent draws of $N(0,C)$.

\textbf{2.} If the samples are exchanged, a signed permutation becomes its inverse: $(\alpha,
s\beta)$ has the law of $(s\beta,\alpha)$ up to a common sign $s$, as $|\alpha-s\beta| =
|s\alpha-\beta|$, and second moments do not see a common sign. So $\mathbb E\alpha(s\beta)^T$ is
symmetric, and $\mathbb E(s\beta)(s\beta)^T = \mathbb E\beta\beta^T = C$.

\textbf{3.} To change the sign of one coordinate in both samples changes no cost, of any signed
permutation. At weight 0 the optimal signed permutation is independent of coordinate $k$, and then
$\mathbb Eg_k\,sg'_k = 0$ and $\mathbb E(g_k-sg'_k)^2 = 2$. The rest is as it was: $N \le C$.

\textbf{4.} Steps 4 and 5 use second moments and the exchange of A and B alone.

\textbf{5.} Step 6: to change the signs of all rows of a layer in both networks changes no signed
permutation. $u = z^A$ or $u = sz^B$; what is asked of them and of $v$, the mean of $v^4$ and of
the
function $\sup_{v'}[\dots]$ of $u$, which is even because $|\varsigma(u)-\varsigma(v)|$ is
unchanged
if both arguments change their signs, does not see a sign. $z^t$ is a mean of $\alpha\cdot p$ and
$s\beta\cdot p$, and fourth moments are even.

\textbf{6.} Steps 8 and 9 stand; $W^B$, columns ordered and negated, has the law of $W^B$ and is
independent of what is below. In step 10 the cost modulo signs is a minimum of linear functions,
too, which the bounds of S1 bound.
""",
)

theorem(
    "S2",
    "Scales of matched neurons",
    statement=(
        r"\min_{\alpha > 0} |a - \alpha b|^2 + |u - v/\alpha|^2 \text{ is attained at a positive}"
        r" \text{ root of}",
        Formula(
            "0",
            "=",
            "B*alpha**4 - P*alpha**3 + Q*alpha - V",
            names={
                "B": "|b|^2",
                "P": r"(a \cdot b)",
                "Q": r"(u \cdot v)",
                "V": "|v|^2",
                "alpha": r"\alpha",
            },
        ),
    ),
    symbols={
        r"\alpha": "what multiplies the neuron's incoming weights; the outgoing ones are divided",
        "a": "incoming weights, with the bias, of a neuron of A",
        "b": "those of its partner in B",
        "u": "outgoing weights of the neuron of A",
        "v": "those of its partner in B",
    },
    status="derived",
    sources=(),
    note="derived",
    hypotheses=(
        r"the activation is positively homogeneous, $\sigma(\alpha z) = \alpha \sigma(z)$ for"
        r" $\alpha > 0$: scaling leaves the function",
        r"$b \ne 0$ and $v \ne 0$; of up to three positive roots the best is taken",
    ),
    functions=("matching.rescale",),
    checks="symmetries",
    proof=r"""
\textbf{1.} The distance is differentiable in $\alpha > 0$ and tends to infinity as $\alpha \to
\infty$, as $b \ne 0$, and as $\alpha \to 0$, as $v \ne 0$.

\textbf{2.} Hence it is least where its derivative $2 \alpha |b|^2 - 2 a \cdot b + 2 (u \cdot
v)/\alpha^2 - 2 |v|^2/\alpha^3$ vanishes; times $\alpha^3/2$ this is the quartic.
""",
)

theorem(
    "S3",
    "Orthogonal symmetries of heads and residual streams",
    statement=(
        r"f(x; Q \theta) = f(x; \theta), \quad Q \theta: \; W_w \mapsto Q W_w, \; W_r \mapsto W_r"
        r" Q^\top",
        r"\max_Q \langle \theta_A, Q \theta_B \rangle = \operatorname{tr} S \; \text{ at } Q = U"
        r" V^\top, \quad \sum A B^\top = U S V^\top",
    ),
    symbols={
        "f": "the network's function",
        "x": "its input",
        r"\theta": r"its parameters; $\theta_A$ and $\theta_B$ those of two networks",
        "Q": "an orthogonal matrix: of the space between queries and keys, or values and outputs,"
        " of a head, or of a residual stream",
        "W_w": "parameters that write to the space",
        "W_r": "parameters that read from it",
        "A, B": "all that belongs to the directions of the space in either network, as rows",
        "U, S, V": "singular value decomposition",
    },
    status="published",
    sources=("theus2025", "schonemann1966"),
    note="Theus et al. 2025; Schönemann 1966",
    hypotheses=(
        "nothing but linear maps writes to the space or reads from it, besides norms",
        "a stream is normalised before it is read, by norms whose gains have been moved into their"
        " readers; where they subtract the mean, $Q$ keeps the mean: $Q 1 = \\pm 1$",
        "with rotary embeddings, queries and keys are turned in their planes alone",
        "the second line is for spaces that admit every orthogonal matrix",
    ),
    functions=("matching.rotations", "matching.rotate", "matching.folded"),
    checks="symmetries",
)
