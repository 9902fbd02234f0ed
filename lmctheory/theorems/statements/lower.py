"""Statements from below (T7 to T11): what permutations cannot do."""

from lmctheory.theorems._registry import theorem
from lmctheory.theorems.formula import Formula

_NETWORKS = (
    r"$f(x) = m^{-1/2} \sum_i u_i s(\langle w_i, x \rangle)$, $s(z) = \max(z, 0) + a \min(z, 0)$,"
    r" $|a| \le 1$",
    "$x$ and $-x$ have one law",
)
_SYMBOLS = {
    "e": r"$f_t - t f_A - (1-t) f_B$, B's neurons in the order $\pi$; $\|e\|^2$ is its mean square"
    " over $x$, summed over outputs; there is one unless said otherwise",
    "f": "a network; $f_t$ has the weights $t A + (1-t) B$",
    "t": "place on the segment, in $[0, 1]$",
    "m": "number of neurons",
    "a": "slope of the activation at negative arguments; 0 for the relu",
    r"\pi": "a permutation of B's neurons",
    r"|w|_\Sigma": r"$|w|_\Sigma^2 = \mathbb E \langle w, x \rangle^2$",
}
_LAYER = {"w, w'": r"hidden weights of A and B", "u, u'": "output weights of A and B"}
_LEMMA = r"""
\textbf{1.} For real $p, q$ let $D(p, q)$ be the mean of $(s(p) - s(q))^2$ and $(s(-p) - s(-q))^2$.
If $p q \ge 0$, $D = \frac{1+a^2}2 (p-q)^2$. If $p > 0 > q$, with $n = -q$,
\[ 2 D = (1-a)^2 (p^2 + n^2) + 2 a (p+n)^2 = (1+a^2)(p+n)^2 - 2 (1-a)^2 p n . \]

\textbf{2.} The first form and $p^2 + n^2 \ge \frac12 (p+n)^2$ give $2 D \ge \frac{(1+a)^2}2
(p+n)^2$, the second and $p n \ge 0$ give $2 D \le (1+a^2)(p+n)^2$. Hence $\frac{(1+a)^2}4 (p-q)^2
\le D \le \frac{1+a^2}2 (p-q)^2$ always."""

theorem(
    "T7",
    "Function error of the best permutation, from both sides",
    statement=(
        Formula(
            r"\mathbb E \min_\pi \mathbb E_u \|e\|^2",
            r"\ge",
            "((1 + a**2)/2 + (1 + a)**2/4)*t**2*(1 - t)**2*L",
            names={"L": "L(m)"},
        ),
        Formula(
            r"\mathbb E \min_\pi \mathbb E_u \|e\|^2",
            r"\le",
            "(1 + a**2)*t**2*(1 - t)**2*U",
            names={"U": "U(m)"},
        ),
        Formula(r"\mathbb E f^2", "=", "(1 + a**2)/2*z", names={"z": r"\mathbb E |w|_\Sigma^2"}),
    ),
    hypotheses=(
        *_NETWORKS,
        "output weights of both networks have mean 0 and variance 1, are uncorrelated, and"
        r" independent of all hidden weights and of $\pi$",
        "hidden weights have one law (for the last line)",
        r"$L(m) \le \mathbb E \min_\pi \frac1m \sum_i |w_i - w'_{\pi(i)}|_\Sigma^2 \le U(m)$",
    ),
    symbols={
        **_SYMBOLS,
        **_LAYER,
        r"\mathbb E_u": "mean over output weights",
        "L(m), U(m)": "bounds of the matching cost of hidden weights in this metric, as of R11",
    },
    status="derived",
    sources=(),
    note="derived; false for permutations that see the signs of output weights",
    depends=("R11",),
    functions=(
        "widths.lower.error_between",
        "widths.lower.necessary_width",
        "widths.lower.sufficient_width",
    ),
    checks="lower",
    proof=_LEMMA
    + r"""

\textbf{3.} Let $z, z'$ be the pre-activations of a pair and $z_t = t z + (1-t) z'$. Given hidden
weights and $\pi$, what is left of $\mathbb E_u \|e\|^2$ are the squares of the terms $t u_i (s(z_t)
- s(z)) + (1-t) u'_i (s(z_t) - s(z'))$: it is the mean over pairs of $c_t = \mathbb E_x [t^2 (s(z_t)
- s(z))^2 + (1-t)^2 (s(z_t) - s(z'))^2]$.

\textbf{4.} As $x$ and $-x$ have one law, the squares may be replaced by $D$; $z_t - z = (1-t)(z' -
z)$ and $z_t - z' = t (z - z')$ give $c_t \le (1 + a^2) t^2 (1-t)^2 |w - w'|_\Sigma^2$.

\textbf{5.} From below, $z_t$ lies between $z$ and $z'$ and
has, where it is not 0, the sign of one of them: the one term is $\frac{1+a^2}2$ and the other at
least $\frac{(1+a)^2}4$ times $t^2 (1-t)^2 (z - z')^2$. Take the mean over pairs, the minimum over
$\pi$ and the mean over hidden weights.

\textbf{6.} Last, $\mathbb E f^2 = \mathbb E s(z)^2$, which is $\frac{1+a^2}2 \mathbb E z^2$ as $x$
and $-x$ have one law.
""",
)

theorem(
    "T8",
    "Permutations that see no sign of an output weight",
    statement=(
        Formula(
            r"\mathbb E \|e\|^2",
            r"\ge",
            "(1 + a)**2/2*t**2*(1 - t)**2*N",
            names={"N": r"\mathrm{NN}(m)"},
        ),
        r"\mathrm{NN}(m) = \mathbb E \min_{j \le m} |w_1 - w'_j|_\Sigma^2",
    ),
    hypotheses=(
        *_NETWORKS,
        "the signs of all output weights are independent and fair, given their sizes, all hidden"
        r" weights and $\pi$",
        r"sizes of output weights are independent of hidden weights, and $\mathbb E u^2 = 1$",
        "hidden weights are independent, from one law",
    ),
    symbols={**_SYMBOLS, **_LAYER},
    status="derived",
    sources=(),
    note="derived; nearest neighbours of R9",
    depends=("R9", "T7"),
    functions=("widths.lower.unsigned_error_bound",),
    checks="lower",
    proof=_LEMMA
    + r"""

\textbf{3.} The mean over signs leaves the squares of the terms of each network, so that given
everything else $\|e\|^2$ is in the mean at least $\frac{(1+a)^2}4 t^2 (1-t)^2$ times the mean over
pairs of $(u_i^2 + u'^2_{\pi(i)}) |w_i - w'_{\pi(i)}|_\Sigma^2$.

\textbf{4.} Here $u_i^2$ multiplies at least
$\min_j |w_i - w'_j|_\Sigma^2$, whatever $\pi$ is, and $u'^2_j$ at least the distance of $w'_j$ to
its nearest neighbour in A. Sizes are independent of hidden weights, so each sum has the mean
$\mathrm{NN}(m)$.
""",
)

theorem(
    "T9",
    "Many outputs, every permutation",
    statement=(
        r"P\Bigl( \|e\|^2 \ge \theta\, n\, c^* \text{ for every } \pi \Bigr) \ge 1 - \delta,"
        r" \quad 0 < \theta < 1",
        Formula(
            r"\log m! + \log \tfrac1\delta",
            "=",
            "n/2*(theta - 1 - log(theta))",
            names={"theta": r"\theta"},
        ),
    ),
    hypotheses=(
        *_NETWORKS,
        "there are $n$ outputs, whose output weights are independent standard normal and"
        " independent of all hidden weights",
        r"$\pi$ may depend on everything",
    ),
    symbols={
        **_SYMBOLS,
        "n": "number of outputs",
        r"\delta": "failure probability",
        r"\theta": "the share that is certain; near 0 for few outputs",
        "c^*": r"$\min_\pi \mathbb E_u \|e\|^2$ of one output given the hidden weights, see T7",
    },
    status="derived",
    sources=(),
    note="derived: Chernoff and a union over all permutations",
    depends=("T7",),
    functions=("widths.lower.every_permutation_share",),
    checks="lower",
    proof=r"""
\textbf{1.} Fix $\pi$ and the hidden weights. The error of one output is linear in its normal
output weights, so $\|e\|^2 = \sum_j \lambda_j X_j$ with $\lambda_j \ge 0$ and independent $X_j \sim
\chi^2_n$; $C = \sum_j \lambda_j = \mathbb E_u \|e\|^2 \ge c^*$ for one output.

\textbf{2.} For $s > 0$, by Markov's inequality and $\prod_j (1 + 2 s \lambda_j) \ge 1 + 2 s C$,
\[ P(\|e\|^2 \le \theta n C) \le e^{s \theta n C} \prod_j (1 + 2 s \lambda_j)^{-n/2}
\le e^{s \theta n C} (1 + 2 s C)^{-n/2}, \]
and at $1 + 2 s C = 1/\theta$ this is $e^{-\frac n2 (\theta - 1 - \ln \theta)}$.

\textbf{3.} There are $m!$ permutations.
""",
)

_EQUAL = (
    r"$f(x) = \frac aN \sum_i \max(\langle w_i, x \rangle, 0)$ with one $a$ for all neurons of both"
    " networks",
    r"$x \sim N(0, I_d)$; $t = \frac12$",
)
_EQUAL_SYMBOLS = {
    "e": r"$f_{1/2} - \frac12 (f_A + f_B)$, B's neurons in the order $\pi$",
    r"\pi": "a permutation of B's neurons, which may depend on everything",
    "a": "output weight of every neuron",
    "N": "number of neurons",
    "w, w'": "hidden weights of A and B",
    "T^*": "the least mean error of all permutations, an assignment problem",
}

theorem(
    "T10",
    "Equal output weights, every permutation",
    statement=(
        r"\min_\pi \mathbb E_x |e| = T^* = \min_\pi \frac{|a|}{2 \sqrt{2 \pi_0}} \frac1N \sum_i"
        r" \bigl( |w_i| + |w'_{\pi(i)}| - |w_i + w'_{\pi(i)}| \bigr) \le \min_\pi \|e\|",
        Formula(
            r"\mathbb E T^*",
            r"\le",
            "Abs(a)/(4*sqrt(2*pi_0))*r*M",
            names={
                "pi_0": r"\pi_0",
                "r": r"\mathbb E \min(|w|, |w'|)",
                "M": r"M_{\text{sphere}}(N)",
            },
        ),
        Formula(
            r"\mathbb E T^*",
            r"\ge",
            "Abs(a)/(8*sqrt(2*pi_0))*R",
            names={"pi_0": r"\pi_0", "R": "R(N)"},
        ),
        r"R(N) = \mathbb E \min_{j \le N} \min(|w_1|, |w'_j|)"
        r" \bigl|\tfrac{w_1}{|w_1|} - \tfrac{w'_j}{|w'_j|}\bigr|^2",
    ),
    hypotheses=(*_EQUAL, "for the last three lines: hidden weights are independent, $N(0, I_d)$"),
    symbols={
        **_EQUAL_SYMBOLS,
        r"\pi_0": "the number $3.14159\\dots$",
        r"M_{\text{sphere}}(N)": "matching cost of $N$ points that are uniform on the unit sphere",
    },
    status="derived",
    sources=("cho2009",),
    note="derived: relu is convex, no pair's error is positive",
    depends=("R11",),
    functions=("widths.lower.equal_outputs_error", "widths.lower.equal_outputs_mean"),
    checks="lower",
    proof=r"""
\textbf{1.} Let $a > 0$. The relu is convex: every pair's error
$s(\frac{z + z'}2) - \frac12 s(z) - \frac12 s(z')$ is at most 0, so that $|e|$ is the mean over
pairs of their sizes. With $\mathbb E s(\langle w, x \rangle) = |w| / \sqrt{2 \pi_0}$ the first line
follows, and $\mathbb E_x |e| \le \|e\|$.

\textbf{2.} For $r = |w| \le r' = |w'|$ and the cosine $c$ of their
angle,
\[ r + r' - |w + w'| = \frac{2 r r' (1 - c)}{r + r' + |w + w'|}, \qquad
r' - r \le |w + w'| \le r + r' \le 2 r' , \]
so this lies between $\frac12 r (1 - c)$ and $r (1 - c)$, where $1 - c$ is half the squared distance
of the directions.

\textbf{3.} Norms of $N(0, I_d)$ are independent of directions: matched by these alone, the
pairs' norms are independent, which gives the second line; the third holds as every neuron of A pays
at least what its cheapest partner costs.
""",
)

theorem(
    "T11",
    "A barrier from below, for every permutation",
    statement=(
        Formula(
            r"\mathbb E \min_\pi \mathrm{barrier}(\tfrac12)",
            r"\ge",
            "T**2 - a**2*d*(1 - 1/pi_0)/(2*N)",
            names={"T": r"\mathbb E T^*", "pi_0": r"\pi_0"},
        ),
    ),
    hypotheses=(
        *_EQUAL,
        "hidden weights are independent, $N(0, I_d)$",
        r"squared loss, population risk, labels of mean $f^*(x) = \mathbb E f(x)$ and independent"
        " noise",
    ),
    symbols={
        **_EQUAL_SYMBOLS,
        "d": "number of inputs",
        r"\pi_0": "the number $3.14159\\dots$",
        r"\mathrm{barrier}(\frac12)": "risk of $f_{1/2}$ less the mean risk of A and B",
    },
    status="derived",
    sources=(),
    note="derived",
    depends=("T10",),
    functions=("widths.lower.equal_outputs_barrier",),
    checks="lower",
    proof=r"""
\textbf{1.} Let $a > 0$, $\bar f = \frac12 (f_A + f_B)$ and $X = \mathbb E_x (f^* - \bar f)$,
which has mean 0. The risk of $f_{1/2} = \bar f + e$ exceeds that of $f^*$ by
$\|f_{1/2} - f^*\|^2 \ge (\mathbb E_x [f^* - f_{1/2}])^2$, and
$\mathbb E_x [f^* - f_{1/2}] = X + \mathbb E_x |e| \ge X + T^*$, see T10.

\textbf{2.} So the least over $\pi$ is
at least $\max(0, X + T^*)^2$, and its mean at least $(\mathbb E T^*)^2$ by Jensen's inequality.

\textbf{3.} The risks of A and B exceed that of $f^*$ by $V / N$ in the mean,
$V = \mathbb E (a s(\langle w, x \rangle))^2 - \mathbb E_x f^*(x)^2$,
$\mathbb E s(\langle w, x \rangle)^2 = d / 2$ and $f^*(x) = a |x| / \sqrt{2 \pi_0}$.
""",
)
