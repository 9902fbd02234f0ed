"""Statements on the rate at which the matching cost falls with width (R)."""

from lmctheory.theorems._registry import theorem
from lmctheory.theorems.formula import Formula

_SAMPLES = {
    "m": "number of neurons of the layer, its width",
    r"\mu": r"law of a neuron: of its vector of weights in $\mathbb R^d$",
    r"\mu_m": r"$\frac1m \sum_i \delta_{a_i}$, of the neurons $a_1, \dots, a_m$ of network A",
    r"\nu_m": r"$\frac1m \sum_i \delta_{b_i}$, of the neurons $b_1, \dots, b_m$ of network B",
    "W_p": r"Wasserstein distance of order $p$; $W_p^p$ is the least cost of $|x - y|^p$",
    "p": "exponent of the cost, $> 0$",
}
_TWO = {name: _SAMPLES[name] for name in ("m", r"\mu_m", r"\nu_m", "W_p", "p")}
_COST = {
    "M(m)": r"$\mathbb E W_2^2(\mu_m, \nu_m)$: mean squared distance of matched neurons",
    "m": _SAMPLES["m"],
}
_LAMBDA = {r"\lambda_i": r"eigenvalues of $\Lambda$, decreasing; $d$ of them", "d": "dimension"}
_INDEPENDENT = r"the neurons of A and of B are independent draws from one law $\mu$"
_GAUSSIAN = (r"the neurons of A and of B are independent draws from one law $N(\mu_0, \Lambda)$",)
_TREES = "nodes are cut in coordinates and at ranks that do not depend on the samples"
_DIFFUSION = {
    "t": "any time $> 0$; the best is taken",
    "D": r"$D(t) = \mathbb E |X_t - X_0|^2$, displacement of the stationary diffusion",
    "L_t": r"Lipschitz constant of $y \mapsto \mathbb E[X_0 \mid X_t = y]$",
    r"\operatorname{tr} P_s": "heat trace: trace of the semigroup of the diffusion at time $s$",
}
_SEMIGROUP = (
    r"$X_t$ is an ergodic reversible diffusion with invariant law $\mu$ and carré du champ"
    r" $|\nabla f|^2$",
    r"its semigroup $P_s$ has a discrete spectrum, and $\operatorname{tr} P_{2t} < \infty$",
)


def _semigroup(left: str, constant: str, names: dict[str, str]) -> Formula:
    return Formula(
        left,
        r"\le",
        f"2*(sqrt(D(2*t)/2) + L*sqrt({constant}/m*Integral(P(s) - 1, (s, 2*t, oo))))**2",
        names={"L": "L_t", "P": r"\operatorname{tr} P", **names},
        indexed=("P",),
    )


theorem(
    "R1",
    "Matching is optimal transport",
    statement=r"W_p^p(\mu_m, \nu_m) = \min_\pi \frac1m \sum_{i=1}^m |a_i - b_{\pi(i)}|^p",
    symbols={
        **_TWO,
        "a_i": "neurons of network A",
        "b_i": "neurons of network B",
        r"\pi": r"permutation of $1, \dots, m$",
    },
    status="published",
    sources=("ferbach2024", "birkhoff1946"),
    note="Birkhoff; Ferbach et al. 2024, Lemma B.3",
    hypotheses=("two samples of equal size",),
    functions=("rates.wasserstein_pow", "rates.optimal_permutation"),
    checks="rates",
    proof=r"""
\textbf{1.} A coupling of $\mu_m$ and $\nu_m$ is $\frac1m S$ with a doubly stochastic matrix $S$,
and its cost is linear in $S$, hence least at an extreme point of the set of such matrices. By
Birkhoff's theorem these are the permutation matrices.
""",
)

theorem(
    "R2",
    "Wider layers match better",
    statement=r"\mathbb E W_p^p(\mu_{m+1}, \nu_{m+1}) \le \mathbb E W_p^p(\mu_m, \nu_m)",
    symbols=_TWO,
    status="derived",
    sources=(),
    note="derived: convexity and leave-one-out samples",
    hypotheses=(
        _INDEPENDENT,
        r"$\mu$ is the same for all widths",
        r"$\mathbb E W_p^p(\mu_m, \nu_m) < \infty$",
    ),
    functions=("rates.upper_bound", "rates.lower_bound"),
    checks="rates",
    proof=r"""
\textbf{1.} Let $\mu^{(j)}$ and $\nu^{(j)}$ be the empirical measures of all neurons but the $j$-th.
Then $\mu_{m+1} = \frac1{m+1} \sum_j \mu^{(j)}$, and likewise $\nu_{m+1}$.

\textbf{2.} The mean of couplings is a coupling of the means, so $W_p^p(\mu_{m+1}, \nu_{m+1}) \le
\frac1{m+1} \sum_j W_p^p(\mu^{(j)}, \nu^{(j)})$.

\textbf{3.} Every term on the right has the law of $W_p^p(\mu_m, \nu_m)$.
""",
)

theorem(
    "R3",
    "One sample against two",
    statement=(
        r"\mathbb E W_p^p(\mu_m, \mu) \le \mathbb E W_p^p(\mu_m, \nu_m)",
        r"\mathbb E W_p^p(\mu_m, \nu_m) \le \max(2, 2^{p-1}) \, \mathbb E W_p^p(\mu_m, \mu)",
    ),
    symbols=_SAMPLES,
    status="derived",
    sources=(),
    note="derived: both samples coupled with one neuron",
    hypotheses=(
        _INDEPENDENT,
        r"$|\cdot|$ is the Euclidean norm, which the proof of the second needs for $p > 1$",
        r"$\mathbb E W_p^p(\mu_m, \mu) < \infty$",
    ),
    functions=("rates.covering_bound", "rates.dyadic_bound", "rates.semigroup_bound"),
    checks="laws",
    proof=r"""
\textbf{1.} The first: $\mu = \mathbb E \nu_m$, and $W_p^p(\mu_m, \cdot)$ is convex.

\textbf{2.} The second: couple each sample optimally with the same $z \sim \mu$, independently given
$z$. Let $x$ and $y$ be the neurons of A and of B that go with $z$; given $z$, $X = x - z$ and $Y =
y - z$ are independent with one law, and $\mathbb E |X|^p = \mathbb E W_p^p(\mu_m, \mu)$. It remains
to see that $\mathbb E |X - Y|^p \le \max(2, 2^{p-1}) \mathbb E |X|^p$.

\textbf{3.} The map $f(x) \mapsto f(x) - f(y)$ has norm $2$ from $L^1$ to $L^1$ and from $L^\infty$
to $L^\infty$ and norm at most $\sqrt 2$ from $L^2$ to $L^2$, as $\mathbb E |f(X) - f(Y)|^2 = 2
\mathbb E |f(X)|^2 - 2 |\mathbb E f(X)|^2$.

\textbf{4.} By the theorem of Riesz and Thorin the power $p$ of its norm on $L^p$ is at most $2$ for
$1 \le p \le 2$ and $2^{p-1}$ for $p \ge 2$. For $p < 1$, $|X - Y|^p \le |X|^p + |Y|^p$.
""",
)

theorem(
    "R4",
    "Explicit dyadic bound",
    statement=(
        Formula(
            r"\mathbb E W_p^p(\mu_m, \nu_m)",
            r"\le",
            "(2**p - 1)/2*D**p*Sum(2**(-p*l)*E(l), (l, 1, oo))",
            indexed=("E",),
        ),
        Formula("E_l", "=", "2**(d*l)*g(2**(-d*l))"),
        Formula("E_l", r"\le", "Min(2, sqrt(2*(2**(d*l) - 1)/m))"),
        Formula(
            "g(q)",
            "=",
            "Integral((1 - (1 - 4*q*(1 - q)*sin(u)**2)**m)/sin(u)**2, (u, 0, pi/2))/(pi*m)",
        ),
        Formula(
            r"\text{published:} \quad \mathbb E W_p^p(\mu_m, \nu_m)",
            r"\le",
            "D**p*kappa*N**(-Min(1/2, p/d))",
            names={"kappa": r"\kappa"},
        ),
        Formula(r"\kappa_{p > d/2}", "=", "2**(d/2 - 1)/(1 - 2**(d/2 - p))"),
        Formula(
            r"\kappa_{p = d/2}",
            "=",
            "2**(p - 1)/(p*log(2))*Max(0, log((2**(1 - p) - 2**(1 - 2*p))*sqrt(N)))"
            " + 2**(p - 1)/(1 - 2**(-p))",
        ),
        Formula(
            r"\kappa_{p < d/2}",
            "=",
            "2**(p - 2*p/d)*(1 - 2**(-d/2))**(1 - 2*p/d)/(1 - 2**(p - d/2))",
        ),
    ),
    symbols={
        **_TWO,
        "d": "dimension",
        "D": r"Euclidean diameter of the cube: $\sqrt d$ times its side",
        "E_l": "mean left-over of level $l$, if its cells have equal masses: no masses have more",
        "l": r"level of the dyadic cubes, of which there are $2^{dl}$",
        "g": r"$g(q) = \mathbb E |\mu_m(Q) - \nu_m(Q)|$ for a set $Q$ of mass $q$",
        "q": "mass of a set",
        "u": "variable of integration",
        r"\kappa": "Fournier's constant, by the case that holds",
        "N": "$m/2$: two samples of $m$ neurons count like one of $N$",
    },
    status="derived",
    sources=("fournier2023",),
    note="Fournier 2023; series and left-over g sharpened here",
    hypotheses=(_INDEPENDENT, r"the support of $\mu$ lies in a cube"),
    depends=("R5",),
    functions=("rates.fournier_bound", "rates.dyadic_bound"),
    checks="laws",
    proof=r"""
\textbf{1.} Apply R5 to the cube and its $2^{dl}$ subcubes of level $l = 1, 2, \dots$, of diameter
$2^{-l}D$ (which tends to 0). A cell of level $l$ has the factor $D^p(2^{-p(l-1)}-2^{-pl}) =
D^p(2^p-1)2^{-pl}$, and the first line follows with $\sum_Q\mathbb E|\mu_m(Q)-\nu_m(Q)| =
\sum_Qg(\mu(Q))$ over the cells of level $l$ in place of $E_l$.

\textbf{2.} For a set of mass $q$, $m(\mu_m-\nu_m)(Q)$ is a sum $\Sigma$ of $m$ independent terms,
each $1$ or $-1$ with probability $h/2$, $h = 2q(1-q)$, and 0 otherwise: $\mathbb E\cos t\Sigma =
(1-h(1-\cos t))^m$. For whole numbers $n$, $|n| = \frac1\pi\int_0^\pi\frac{1-\cos nt}{1-\cos
t}\,dt$ (Fej\'er). With $t = 2u$, $1-\cos t = 2\sin^2u$, this is the formula for $g$.

\textbf{3.} As $0 \le h(1-\cos t) \le 1$, $1-(1-h(1-\cos t))^m$ is concave and rises in $h$, and
$h$ is concave in $q$: so $g$ is concave on $[0,1]$. The $2^{dl}$ masses of a level sum to 1: by
Jensen's inequality $\sum_Qg(\mu(Q)) \le 2^{dl}g(2^{-dl}) = E_l$.

\textbf{4.} $g(q) \le 2q$, and $g(q) \le (\operatorname{Var}\Sigma)^{1/2}/m = (2q(1-q)/m)^{1/2}$:
the third line.

\textbf{5.} The published line, from this series. By step 4, with $N = m/2$, the right-hand side of
the first line is at most $D^pS$, $S = \frac{2^p-1}2\sum_{l\ge1}2^{-pl}\min(2, (2^{dl}/N)^{1/2})$.
If $p > d/2$, the second term of the minimum gives $S \le \frac{2^p-1}2N^{-1/2}
\frac{2^{d/2-p}}{1-2^{d/2-p}} \le \kappa N^{-1/2}$.

\textbf{6.} $p = d/2$. Put $b = 2^p$ and let $\tau$ be defined by $(2^{1-p}-2^{1-2p})\sqrt N =
b^\tau$, that is $2\sqrt N = b^{\tau+1}/(1-\frac1b)$. For every whole $l_0 \ge 0$, with the second
term up to $l_0$ and the first beyond,
\[ \sqrt N\,S \le \frac{b-1}2\Bigl[l_0 + \frac{2\sqrt N\,b^{-l_0-1}}{1-\frac1b}\Bigr] =
2^{p-1}\Bigl[(1-\tfrac1b)l_0 + \frac{b^{\tau-l_0}}{1-\frac1b}\Bigr] . \]
If $\tau \le 0$, $l_0 = 0$ gives at most $2^{p-1}/(1-\frac1b)$. If $\tau > 0$ let $l_0 = \tau+x$,
$0
\le x < 1$: the bracket is at most $\tau + (1-\frac1b)x + b^{-x}/(1-\frac1b)$, which is convex in
$x$, is $\tau + 1/(1-\frac1b)$ at 0 and less at 1, as $(1-\frac1b)^2+\frac1b \le 1$. Now
$2^{p-1}\tau = \frac{2^{p-1}}{p\ln2}\ln b^\tau$.

\textbf{7.} $p < d/2$. Let $\beta = 2p/d$, $a = (2^p-1)/(2(1-2^{p-d/2}))$. Cutting the series at
$l_0$, with $y = 2^{dl_0/2}N^{-1/2}$ and $2^{-pl_0} = y^{-\beta}N^{-p/d}$,
\[ S \le \frac{2^p-1}2N^{-1/2}\frac{2^{(d/2-p)l_0}}{1-2^{p-d/2}} + 2^{-pl_0} =
N^{-p/d}\,y^{-\beta}(1+ay) . \]
As $N \ge \frac12$, $y = N^{-1/2} < 2$ for $l_0 = 0$; $y$ grows by factors $2^{d/2}$, so that some
$l_0 \ge 0$ has $y \in [2^{1-d/2}, 2]$. There $y^{-\beta}(1+ay)$, convex in $\ln
y$, is at most its larger value at the ends, which are equal: $2^{p-\beta}(1+2^{1-d/2}a) =
2^{p-\beta}\frac{1-2^{-d/2}}{1-2^{p-d/2}}$ at $2^{1-d/2}$, and $2^{-\beta}(1+2a) =
2^{-\beta}\frac{2^p-2^{p-d/2}}{1-2^{p-d/2}}$ at 2. As $0 < 1-\beta < 1$ that is at most $\kappa$.
""",
)

theorem(
    "R5",
    "Multi-scale covering bound",
    statement=(
        r"\mathbb E W_p^p(\mu_m, \nu_m) \le \tfrac12 \sum_{Q} \bigl(\operatorname{diam}(\hat Q)^p"
        r" - \operatorname{diam}(Q)^p\bigr)\, \mathbb E |\mu_m(Q) - \nu_m(Q)|",
    ),
    symbols={
        **_TWO,
        "Q": (
            "all cells but the root of a tree of nested partitions of the support, the leaves"
            " single points"
        ),
        r"\hat Q": "the parent of $Q$: the cell that was split into $Q$ and others",
        r"\operatorname{diam}": (
            "diameter of a cell, or anything larger that does not rise from a cell to its parts and"
            " is 0 at single points"
        ),
    },
    status="derived",
    sources=("weed2019", "boissard2014"),
    note="after Weed and Bach 2019; tree of cells derived",
    hypotheses=(
        _INDEPENDENT,
        r"$\mu$ has a support of finite diameter",
        r"diameters of cells tend to 0 (or the largest of the last, to the power $p$, is added)",
    ),
    functions=("rates.covering_bound", "rates.upper_bound"),
    checks="laws",
    proof=r"""
\textbf{1.} For $x \ne y$ let $Q(x, y)$ be the smallest cell that holds both, and $d(x, y) =
\operatorname{diam}(Q(x, y))^p \ge |x - y|^p$; $d(x, x) = 0$. It suffices to bound the least cost
of $d$.

\textbf{2.} Let $g(Q) = \frac12(\operatorname{diam}(\hat Q)^p - \operatorname{diam}(Q)^p) \ge 0$.
Along the cells from $x$ up to the child of $Q(x, y)$ that holds $x$ the sum of $g$ is
$\frac12\operatorname{diam}(Q(x, y))^p$, since it telescopes and diameters tend to 0; the same for
$y$. These are all cells that hold exactly one of $x$ and $y$: $d(x, y)$ is the length of the path
from $x$ to $y$ in the tree with edges of length $g(Q)$.

\textbf{3.} First let the tree be finite. Pair as many points as possible inside each cell, from
the leaves upwards. Every cell $Q$ is then left by $m|\mu_m(Q) - \nu_m(Q)|$ points, of one network
only, and every pair's path goes up from both points to their smallest cell and no further: $g(Q)$
is paid exactly $m|\mu_m(Q) - \nu_m(Q)|$ times. The cost is $\sum_Qg(Q)|\mu_m(Q) - \nu_m(Q)|$.
Take expectations.

\textbf{4.} An infinite tree is cut at a level; cells there are treated as leaves, in which points
are paired at no more than the cell's diameter to the power $p$. In step 2 the sum from the leaf of
$x$ up is $\frac12\operatorname{diam}(Q(x, y))^p$ less half of the leaf's $\operatorname{diam}^p$,
so that a pair of two leaves pays half of either leaf's besides its path. That adds at most the
largest of these, which tends to 0.
""",
)

theorem(
    "R6a",
    "Semigroup bound",
    statement=(_semigroup("M(m)", "4", {}),),
    symbols={**_COST, **_DIFFUSION},
    status="derived",
    sources=("peyre2018", "ledoux2019"),
    note="derived, with Peyre 2018 and Ledoux 2019",
    hypotheses=(_INDEPENDENT, *_SEMIGROUP),
    functions=("rates.semigroup_bound", "rates.upper_bound"),
    checks="laws",
    proof=r"""
Let $\lambda_0 = 0 < \lambda_1 \le \lambda_2 \le \dots$ be the eigenvalues of the generator, up to
sign: only one is 0, by ergodicity. With the gap $\lambda_1$, Poincar\'e's inequality for the
coordinates gives $\mathbb E|X_0|^2 < \infty$; and $\varepsilon_t^2 = \frac4m
\int_{2t}^\infty(\operatorname{tr}P_s-1)\,ds = \frac4m\sum_{k\ge1}e^{-2t\lambda_k}/\lambda_k$ is
finite. As $\operatorname{tr}P_{2t} < \infty$, $P_t$ is given by a symmetric kernel $p_t$ with
respect to $\mu$, and $\int p_t(x,y)^2\,\mu(dx)\mu(dy) = \operatorname{tr}P_{2t}$.

\textbf{1.} Let every neuron $a_i$ of A diffuse for the time $t$: $\mu_mP_t$ has the density $f =
\frac1m\sum_ip_t(a_i,\cdot)$ with respect to $\mu$. By Peyre and Ledoux $W_2(f\mu,\mu) \le
2\|f-1\|_{H^{-1}}$, where for $g$ of mean 0 with the coefficients $g_k$ in an orthonormal basis of
eigenfunctions $\|g\|_{H^{-1}}^2 = \sum_kg_k^2/\lambda_k = 2\int_0^\infty\|P_sg\|^2\,ds$, norms of
$L_2(\mu)$.

\textbf{2.} $P_s(f-1) = \frac1m\sum_i(p_{t+s}(a_i,\cdot)-1)$ is a mean of $m$ independent functions
of mean 0, as $\int p_{t+s}(a,\cdot)\,\mu(da) = 1$. So $\mathbb E\|P_s(f-1)\|^2 =
\frac1m(\operatorname{tr}P_{2t+2s}-1)$, and $\mathbb E\|f-1\|_{H^{-1}}^2 = \frac1m\int_{2t}^\infty
(\operatorname{tr}P_u-1)\,du$. Hence $\mathbb EW_2^2(\mu_mP_t,\mu) \le \varepsilon_t^2$.

\textbf{3.} Given both samples draw $z\sim\mu$. Given $z$ and the samples let $x_t$ be the partner
of $z$ in an optimal coupling of $\mu_mP_t$ and $\mu$, and let $x$ be one of A's neurons, by the
law
of the initial point of a diffusion that starts at a uniform neuron of A and is at $x_t$ at time
$t$. Likewise $y_t$ and $y$ for B, independently given $z$ and the samples. Then $x\sim\mu_m$ and
$y\sim\nu_m$ given the samples: $M(m) \le \mathbb E|x-y|^2$.

\textbf{4.} $z$ is independent of the samples, and these of each other: given $z$ alone, $x$ and
$y$ are independent with one law. With its mean $\beta(z)$, $\mathbb E|x-y|^2 = 2\mathbb
E|x-\beta(z)|^2 \le 2\mathbb E|x-\psi(z)|^2$ for every function $\psi$.

\textbf{5.} Let $\psi(y) = \mathbb E[X_0\mid X_t=y]$. In $L_2$, $|x-\psi(z)| \le |x-\psi(x_t)| +
L_t|x_t-z|$. By step 2, $\mathbb E|x_t-z|^2 \le \varepsilon_t^2$. As $x\sim\mu$ in the mean over
samples, $(x,x_t)$ has the law of $(X_0,X_t)$, so that $\mathbb E|x-\psi(x_t)|^2 = \mathbb E|X_0|^2
- \mathbb E|\psi(X_t)|^2$.

\textbf{6.} By reversibility $\psi$ is $P_t$ applied to the coordinates, so that $\mathbb
E|\psi(X_t)|^2 = \mathbb E\langle X_0,X_{2t}\rangle = \mathbb E|X_0|^2 - \frac12D(2t)$. Hence
$\mathbb E|x-\psi(x_t)|^2 = \frac12D(2t)$, and $M(m) \le 2(\sqrt{D(2t)/2}+L_t\varepsilon_t)^2$.
""",
)

theorem(
    "R6b",
    "Semigroup bound on flat and round spaces",
    statement=(
        _semigroup("M(m)", "c", {"c": "c_n"}),
        Formula(
            "c_n",
            "=",
            "(alpha + 1)/(1 + alpha/4*4**(-1/alpha))",
            names={"alpha": r"\alpha"},
        ),
        Formula(r"\alpha", "=", "2*(n - 1)/3"),
    ),
    symbols={
        **_COST,
        **_DIFFUSION,
        "n": "dimension of the space: $d$ of a cube, $d - 1$ of a sphere in $\\mathbb R^d$",
        "c_n": r"constant that takes the place of 4; $c_1 = 1$, and $c_n \to 4$",
        r"\alpha": r"exponent with which the squared gradient of the Hopf--Lax flow may rise",
    },
    status="derived",
    sources=("hamilton1993",),
    note="derived: the Hopf-Lax flow",
    hypotheses=(
        _INDEPENDENT,
        r"$\mu$ is uniform on a cube or a sphere, or in a ball of $\mathbb R^d$"
        r" (a projection of the sphere in $\mathbb R^{d+2}$: $n = d + 1$)",
        r"$X_t$ is its Brownian motion, with the generator $\Delta$ of the space, reflected at"
        r" walls (in the ball the projected one)",
    ),
    depends=("R6a",),
    functions=("rates.semigroup_bound", "rates.upper_bound"),
    checks="laws",
    proof=r"""
In R6a's proof the constant 4 comes from $W_2(f\mu,\mu) \le 2\|f-1\|_{H^{-1}}$ in step 1 alone. It
is
to be shown that $W_2^2(f\mu,\mu) \le c_nB^2$, $B = \|f-1\|_{H^{-1}}$, for continuous densities
$f$.

\textbf{1.} Spaces. For the sphere take its geodesic distance, which is at least that of $\mathbb
R^d$. A cube of side $a$ is the quotient of the flat torus of side $2a$ by reflections:
functions on the cube extend to even ones, with the same norms and the same $B$, as the reflected
Brownian motion is the image of that of the torus; to fold couplings increases no distance. The
uniform law in a ball is the image of that of the sphere in $\mathbb R^{d+2}$ under the projection
$\Pi$
to $\mathbb R^d$, $X_t$ the image of its Brownian motion, and $P_s$ acts on functions of $\Pi$: $B$
is that of $f\circ\Pi$ on the sphere, $n = d+1$, and $\Pi$ increases no distance. So let $\mu$ be
uniform on a flat torus or sphere of dimension $n$, without boundary.

\textbf{2.} Duality (Kantorovich): $\frac12W_2^2(f\mu,\mu)$ is the supremum over Lipschitz
$\varphi$
of $\int Q_1\varphi\,f\,d\mu - \int\varphi\,d\mu$, $Q_s\varphi(x) =
\inf_y\varphi(y)+d(x,y)^2/(2s)$.
$u_s = Q_s\varphi$ is Lipschitz in $(s,x)$ and satisfies $\partial_su = -\frac12|\nabla u|^2$
almost everywhere. Let $A_s^2 = \int|\nabla u_s|^2\,d\mu$.

\textbf{3.} Let $w$ fall from $w_0 = 1$ to $w_1 \ge 0$ on $[0,1]$, and $\rho_s = 1+(1-w_s)(f-1)$,
so
that $\rho_s \ge w_s$, as $f \ge 0$. As $\int u(f-1)\,d\mu \le A_sB$ for every $u$ in the place of
$u_s$,
\begin{align*}
\int u_1f\,d\mu - \int\varphi\,d\mu &= w_1\int u_1(f-1)\,d\mu + \int_0^1\frac d{ds}\int u_s
\rho_s\,d\mu\,ds \\
&\le w_1A_1B + \int_0^1\Bigl[-\frac{w_s}2A_s^2 - w_s'A_sB\Bigr]ds .
\end{align*}

\textbf{4.} Claim: $A_s^2s^{-\alpha}$ does not increase. For $\eta > 0$ let $u^\eta$ solve
$\partial_su = -\frac12|\nabla u|^2+\eta\Delta u$ from $\varphi$ on: $u^\eta = -2\eta\ln v$, with
the positive solution $v$ of $\partial_sv = \eta\Delta v$ (Hopf and Cole). By Hamilton's matrix
Harnack inequality, sectional curvatures being at least 0 and Ricci's tensor parallel,
$\operatorname{Hess}\ln v \ge -1/(2\eta s)$, that is $\operatorname{Hess}u^\eta \le 1/s$.

\textbf{5.} For $s > 0$, $u = u^\eta$, the derivative of $\int|\nabla u|^2d\mu$ is $J - 2\eta\int
(\Delta u)^2d\mu$ with $J = -\int\langle\nabla u,\nabla|\nabla u|^2\rangle\,d\mu$, which is
$-2\int\operatorname{Hess}u(\nabla u,\nabla u)\,d\mu$ and, by parts, $\int\Delta u|\nabla
u|^2\,d\mu$. Two thirds of the latter and one third of the former: $J = \frac23\int[\Delta u|\nabla
u|^2 - \operatorname{Hess}u(\nabla u,\nabla u)]\,d\mu$. The bracket is $|\nabla u|^2$ times the
trace of the Hessian across $\nabla u$, at most $(n-1)/s$. So $J \le \frac\alpha s\int|\nabla
u|^2d\mu$: the claim for $u^\eta$.

\textbf{6.} As $\eta \to 0$, $u^\eta \to Q_s\varphi$ uniformly. For fixed $s > 0$ both have
Hessians
of at most $1/s$, so that gradients converge almost everywhere; they are bounded by the Lipschitz
constant of $\varphi$ (Ricci's tensor is at least 0). So $\int|\nabla u^\eta|^2d\mu \to A_s^2$.

\textbf{7.} Let $0 \le s_1 < 1$ and $k = (1-s_1^{\alpha+1})/(\alpha+1)$. Let $w_s =
(1-(1-r)s/s_1)^2$ up to $s_1$ and $w_s = r^2$ beyond, $0 \le r \le 1$ (if $s_1 = 0$, $w = r = 1$).
On $[0,s_1]$ the bracket of step 3 is at most $w'^2B^2/(2w) = 2(1-r)^2B^2/s_1^2$. Beyond, by the
claim, $A_s^2 \ge A_1^2s^\alpha$, and $r^2(A_1B - \frac k2A_1^2) \le r^2B^2/(2k)$. So
$\frac12W_2^2 \le B^2[2(1-r)^2/s_1 + r^2/(2k)]$; with the best $r$, $W_2^2 \le
B^2/(\frac{s_1}4+k)$.

\textbf{8.} For $\alpha > 0$ choose $s_1^\alpha = \frac14$: $\frac{s_1}4+k =
\frac{s_1}4+\frac{1-s_1/4}{\alpha+1} = \frac{1+\alpha s_1/4}{\alpha+1} = 1/c_n$. For $n = 1$,
$\alpha = 0$, $s_1 = 0$: $c_1 = 1$.
""",
)

_CUT = {"rho": r"\rho", "P": "P"}
theorem(
    "R6c",
    "Truncated Gaussians",
    statement=(
        Formula(
            "M(m)",
            r"\le",
            "(1 - P)**2*M + tr*(2*P*(1 - P)*(o + v) + 2*P**2*o)",
            names={"M": r"\tilde M", "tr": r"\operatorname{tr} \Lambda"},
        ),
        Formula("P", "=", "sqrt(2/pi)*Integral(exp(-z**2/2), (z, rho, oo))", names=_CUT),
        Formula("o", "=", "1 + sqrt(2/pi)*rho*exp(-rho**2/2)/P", names=_CUT),
        Formula("v", "=", "1 - sqrt(2/pi)*rho*exp(-rho**2/2)/(1 - P)", names=_CUT),
        Formula(
            r"\tilde M",
            "=",
            "2*(sqrt(D) + exp(-t/lam(1))*sqrt(4/m*Integral(T(s) - 1, (s, 2*t, oo))))**2",
            names={"lam": r"\lambda"},
            indexed=("lam",),
        ),
        Formula(
            "D",
            "=",
            "v*Sum(lam(i)*(1 - exp(-2*t/(v*lam(i)))), (i, 1, d))",
            names={"lam": r"\lambda"},
            indexed=("lam",),
        ),
        Formula(
            "T(s)",
            "=",
            "Product(1 + Sum(exp(-s/lam(i)*Max(k, 1/2 + pi**2*k**2/(4*rho**2))), (k, 1, oo)),"
            " (i, 1, d))",
            names={"lam": r"\lambda", "rho": r"\rho"},
            indexed=("lam",),
        ),
    ),
    symbols={
        **_COST,
        **_LAMBDA,
        r"\operatorname{tr} \Lambda": r"$\sum_i \lambda_i$",
        r"\rho": r"any radius $> 0$, in standard deviations: coordinates beyond it are drawn anew",
        "P": r"$P(|Z| > \rho)$, $Z$ standard normal",
        "o": r"$\mathbb E[Z^2 \mid |Z| > \rho]$",
        "v": r"$\operatorname{Var}(Z \mid |Z| \le \rho)$",
        r"\tilde M": "the semigroup bound for the truncated law",
        "D": "bound of half of the displacement at time $2t$",
        "T": "bound of the heat trace of the truncated law",
        "t": "any time $> 0$; the best is taken",
        "s, z": "variables of integration",
        "k": "order of an eigenvalue",
    },
    status="derived",
    sources=("caffarelli2000",),
    note="derived",
    hypotheses=_GAUSSIAN,
    depends=("R6a",),
    functions=("rates.truncated_gaussian_bound", "rates.upper_bound"),
    checks="laws",
    proof=r"""
\textbf{1.} In principal axes let a neuron's coordinates be $\sqrt{\lambda_i}Z_i$, with $Z_i =
(1-I_i)\tilde Z_i+I_iO_i$, all independent: $I_i = 1$ with probability $P$ and else 0, $\tilde Z_i$
with the law of $Z$ given $|Z| \le \rho$, $O_i$ with that of $Z$ given $|Z| > \rho$. Then $Z_i$ is
standard normal. As $\mathbb E[Z^2; |Z|>\rho] = P+\sqrt{2/\pi}\,\rho e^{-\rho^2/2}$ (by parts), $o$
and $v$ are the second moments of $O_i$ and $\tilde Z_i$; all means are 0.

\textbf{2.} Match optimally by the vectors of $\sqrt{\lambda_i}\tilde Z_i$, at the cost $M'$. The
matching is independent of all $I$ and $O$. In the mean over pairs each neuron counts once, so that
in coordinate $i$ a pair costs $\lambda_i$ times
\[ (1-P)^2\,\mathbb E(\tilde Z_i-\tilde Z_i')^2 + 2P(1-P)(v+o) + P^2\cdot2o . \]
The sum over $i$ is the first line with $M'$; it remains to see that $M' \le \tilde M$.

\textbf{3.} The law $\tilde\mu$ of the truncated vector is invariant under the reversible diffusion
with the generator $\Delta-\Lambda^{-1}x\cdot\nabla$ in the box, reflected at its walls:
independent
one-dimensional ones. With $L_t$, $D(2t)/2$ and $\operatorname{tr}P_s$ bounded by
$e^{-t/\lambda_1}$, $D$ and $T(s)$, R6a gives $M' \le \tilde M$. Steps 4 to 6 prove these bounds.

\textbf{4.} Trace. It is $\prod_i\sum_{k\ge0}e^{-s\mu_k/\lambda_i}$, $\mu_k$ the eigenvalues for
$\lambda_i = 1$, $\mu_0 = 0$. First, $\mu_k \ge k$: the law is $e^{-V}N(0,1)$, $V$ convex ($0$
inside,
infinite outside), hence a 1-Lipschitz image $\tau(G)$ of a standard normal $G$ (Caffarelli). For
$h$ on $[-\rho,\rho]$, $\mathbb E(h\circ\tau)^2 = \mathbb Eh^2$ and $\mathbb E|(h\circ\tau)'|^2 \le
\mathbb E|h'|^2$, so that by the min-max principle $\mu_k$ is at least the $k$-th eigenvalue for
$N(0,1)$, which is $k$.

\textbf{5.} Second, $\mu_k \ge \frac12+\pi^2k^2/(4\rho^2)$: let $-h''+xh' = \mu_kh$, $h'(\pm\rho) =
0$, $k \ge 1$. Then $w = h'e^{-x^2/4}$ is not 0, vanishes at $\pm\rho$, and $-w''+(\frac{x^2}4 +
\frac12)w = \mu_kw$. Conversely each such $w$ gives an $h$: $\mu_k$ is the $k$-th eigenvalue of
this operator on an interval of length $2\rho$, at least $\frac12$ plus that of $-w''$.

\textbf{6.} Contraction. Two reflected paths of one coordinate that are driven by one Brownian
motion
approach each other: their distance falls like $e^{-t/\lambda_i}$ at least, as reflection never
increases it. $\mathbb E[X_{t,i}\mid X_0]$ depends on coordinate $i$ alone and has that Lipschitz
constant; with reversibility $L_t \le e^{-t/\lambda_1}$. Displacement: $\mathbb EX_{0,i}X_{2t,i}
= \lambda_iv\int e^{-2t\xi}\,\nu(d\xi)$ with the spectral measure $\nu$ of the coordinate, of mass
1,
whose mean is $\mathbb E|\nabla x_i|^2/(\lambda_iv) = 1/(\lambda_iv)$. By Jensen's inequality it is
at least $\lambda_ive^{-2t/(\lambda_iv)}$, and $\frac12D(2t) = \sum_i(\lambda_iv-\mathbb
EX_{0,i}X_{2t,i}) \le D$.
""",
)

theorem(
    "R7",
    "One dimension, exactly",
    statement=(
        Formula("M(m)", "=", "2/m*Sum(v(i), (i, 1, m))", indexed=("v",)),
        r"v_i = \operatorname{Var} X_{(i:m)}",
        r"\text{standard normal:}",
        Formula("M(m)", "=", "2 - 2/m*Sum(e(i)**2, (i, 1, m))", indexed=("e",)),
        Formula(
            "e_i",
            "=",
            "m*binomial(m - 1, i - 1)*Integral(u**(i - 1)*(1 - u)**(m - i)*F(u), (u, 0, 1))",
            names={"F": r"\Phi^{-1}"},
        ),
    ),
    symbols={
        **_COST,
        "X_{(i:m)}": r"the $i$-th smallest of $m$ neurons, each a number",
        "v_i": "its variance",
        "e_i": "its mean, for the standard normal law",
        r"\Phi": "standard normal distribution function",
        "u": "variable of integration",
    },
    status="published",
    sources=("bobkov2019",),
    note="Bobkov and Ledoux 2019",
    hypotheses=(
        "the neurons of A and of B are independent draws from one law on the line",
        "it has a second moment",
    ),
    functions=("rates.normal_matching_cost",),
    checks="rates",
    proof=r"""
\textbf{1.} For a convex cost on the line the $i$-th smallest of one sample is matched with the
$i$-th smallest of the other.

\textbf{2.} Both are independent with one law, so that their squared difference has the mean $2
\operatorname{Var} X_{(i:m)}$.

\textbf{3.} For the standard normal law $\sum_i \mathbb E X_{(i:m)}^2 = m$.
""",
)

theorem(
    "R8",
    "Match the first coordinate alone",
    statement=Formula(
        "M(m)",
        r"\le",
        "lam(1)*N(m) + 2*Sum(lam(i), (i, 2, d))",
        names={"lam": r"\lambda", "N": "M_1"},
        indexed=("lam",),
    ),
    symbols={**_COST, **_LAMBDA, "M_1": "$M$ of the standard normal law on the line (R7)"},
    status="derived",
    sources=(),
    note="derived: projection",
    hypotheses=_GAUSSIAN,
    depends=("R7",),
    functions=("rates.upper_bound",),
    checks="rates",
    proof=r"""
\textbf{1.} In principal axes the coordinates are independent. Match by the first alone: its cost is
$\lambda_1 M_1(m)$.

\textbf{2.} The permutation is independent of the other coordinates, which are therefore those of
two independent neurons: $2 \lambda_i$ each.
""",
)

theorem(
    "R9",
    "Small-ball lower bounds",
    statement=(
        r"\mathbb E W_p^p(\mu_m, \nu_m) \ge \int_0^\infty \mathbb E \bigl(1 - \mu(B(a, r^{1/p}))"
        r"\bigr)^m \, dr",
        Formula(
            r"\mathbb E W_p^p(\mu_m, \nu_m)",
            r"\ge",
            "Integral((1 - C(r**(1/p)))**m, (r, 0, oo))",
        ),
        r"\text{for a density } \le F:",
        Formula(
            r"\mathbb E W_p^p(\mu_m, \nu_m)",
            r"\ge",
            "(F*v)**(-p/d)*gamma(1 + p/d)*gamma(m + 1)/gamma(m + 1 + p/d)",
            names={"v": "v_d"},
        ),
        Formula("v_d", "=", "pi**(d/2)/gamma(d/2 + 1)"),
        r"\text{for } N(0, \Lambda) \text{ and every } s > 0: \quad \mu(B(a, \sqrt y))",
        Formula(
            "",
            r"\le",
            "exp(-Q)*Min(exp(s*y), g/s*(exp(s*y) - 1))/Product(sqrt(1 + 2*s*lam(i)), (i, 1, d))",
            names={"lam": r"\lambda"},
            indexed=("lam",),
        ),
        Formula(
            "Q",
            "=",
            "Sum(s*a(i)**2/(1 + 2*s*lam(i)), (i, 1, d))",
            names={"lam": r"\lambda"},
            indexed=("lam", "a"),
        ),
        Formula(
            "g",
            "=",
            "Integral(Product((1 + 4*lam(i)**2*w**2/(1 + 2*s*lam(i))**2)**(-1/4), (i, 1, d)),"
            " (w, -oo, oo))/(2*pi)",
            names={"lam": r"\lambda"},
            indexed=("lam",),
        ),
    ),
    symbols={
        **_SAMPLES,
        **_LAMBDA,
        "a": r"a neuron, with the law $\mu$; $a_i$ its coordinates in principal axes",
        "B(a, r)": "the ball of radius $r$ around $a$",
        "C": r"correlation integral: $C(r) = P(|X - X'| \le r)$ for independent $X, X' \sim \mu$",
        "F": "bound of the density",
        "v_d": r"volume of the unit ball of $\mathbb R^d$",
        "s": "strength of an exponential tilt; any $> 0$",
        "Q": "what the tilt costs at $a$",
        "g": "bound of the density of the squared distance from $a$ under the tilted law",
        "y, r, w": "a squared distance, and variables of integration",
    },
    status="derived",
    sources=("ferbach2024",),
    note="after Ferbach et al. 2024, Theorem 5.3; tilted form derived",
    hypotheses=(
        _INDEPENDENT,
        "matchings may depend on both samples",
        r"for the tilted form $\mu = N(0, \Lambda)$; $g$ is infinite for $d \le 2$",
    ),
    functions=("rates.lower_bound",),
    checks="rates",
    proof=r"""
\textbf{1.} Whatever the matching, a neuron $a$ of A pays at least the $p$-th power of its distance
to the nearest of the $m$ neurons of B, which are independent of it; that power exceeds $r$ with
probability $(1 - \mu(B(a, r^{1/p})))^m$ given $a$.

\textbf{2.} The second line is Jensen's inequality.

\textbf{3.} A density $\le F$ makes $\mu(B(a, r)) \le \min(1, F v_d r^d)$, and the third is a Beta
integral.

\textbf{4.} Tilting $\mu$ by $e^{-s|x - a|^2}$ makes $x - a$ a Gaussian vector $Y$ with variances
$\lambda_i / (1 + 2 s \lambda_i)$, so that $\mu(B(a, \sqrt y)) = \prod_i (1 + 2 s \lambda_i)^{-1/2}
e^{-Q} \, \mathbb E[e^{s|Y|^2}; |Y|^2 \le y]$.

\textbf{5.} The last mean is at most $e^{sy}$ and at most $g \int_0^y e^{sr} \, dr$: $g$ bounds the
density of $|Y|^2$ by Fourier inversion: its characteristic function has at most the modulus of the
integrand.
""",
)

theorem(
    "R10",
    "Concentration",
    statement=(
        Formula(r"P\bigl(W_p^p \ge \mathbb E W_p^p + s\bigr)", r"\le", "exp(-m*s**2/D**(2*p))"),
        Formula(r"P\bigl(W_2 \ge \mathbb E W_2 + s\bigr)", r"\le", "exp(-m*s**2/(4*C))"),
        Formula(r"\operatorname{Var} W_2", r"\le", "2*C/m"),
        r"\text{and likewise from below: } P(W_p^p \le \mathbb E W_p^p - s), \; P(W_2 \le \mathbb"
        r" E W_2 - s); \quad W_p, \, 1 \le p \le 2, \text{ as } W_2",
    ),
    symbols={
        "m": _SAMPLES["m"],
        "W_p": r"Wasserstein distance of the two samples, $W_p(\mu_m, \nu_m)$; $W_2$ for $p = 2$",
        "p": _SAMPLES["p"],
        "s": "deviation, $> 0$",
        "D": r"diameter of the support of $\mu$",
        "C": r"log-Sobolev constant of $\mu$; $\lambda_1$ for a Gaussian law",
    },
    status="published",
    sources=("mcdiarmid1989", "ledoux2001"),
    note="McDiarmid 1989; Herbst, see Ledoux 2001",
    hypotheses=(
        r"all $2m$ neurons are independent, with the law $\mu$",
        r"for the first, $\mu$ has a support of diameter $D$",
        r"for the others, $\mu$ has the log-Sobolev constant $C$:"
        r" $\operatorname{Ent}(f^2) \le 2 C \, \mathbb E |\nabla f|^2$",
    ),
    depends=("R1",),
    functions=("rates.deviation", "rates.simulated_upper_bound", "rates.simulated_lower_bound"),
    checks="laws",
    proof=r"""
\textbf{1.} By R1, $W_p^p = \min_\pi\frac1m\sum_i|a_i - b_{\pi(i)}|^p$. If one neuron is replaced,
every sum, hence the least one, changes by at most $D^p/m$, as both costs lie in $[0, D^p]$.

\textbf{2.} McDiarmid's inequality for $2m$ independent variables with these differences: $P(W_p^p
\ge \mathbb E W_p^p + s) \le \exp(-2s^2/(2m D^{2p}/m^2)) = \exp(-ms^2/D^{2p})$, and likewise from
below.

\textbf{3.} For $1 \le p \le 2$, $|W_p(a, b) - W_p(a', b')| \le W_p(a, a') + W_p(b, b')$, where
$W_p \le W_2$ and $W_2(a, a') \le |a - a'|/\sqrt m$ (match $a_i$ with $a'_i$), norms of $\mathbb
R^{md}$. Hence $W_p$ is Lipschitz in $(a, b)$ with constant $\sqrt{2/m}$.

\textbf{4.} Products keep the log-Sobolev constant $C$. By Herbst's argument an $\ell$-Lipschitz
function has $P(f \ge \mathbb E f + s) \le \exp(-s^2/(2C\ell^2))$: with $\ell^2 = 2/m$,
$\exp(-ms^2/(4C))$; $-W_p$ is Lipschitz, too.

\textbf{5.} The log-Sobolev inequality implies Poincar\'e's with the same constant:
$\operatorname{Var}W_2 \le C\ell^2 = 2C/m$.
""",
)

theorem(
    "R11",
    "The sandwich",
    statement=r"L(m, \Lambda) \le M(m) \le U(m, \Lambda)",
    symbols={
        **_COST,
        r"\Lambda": "covariance of a neuron",
        "L": "the largest of all lower bounds: R7 in every coordinate, R9, sums over blocks",
        "U": r"the least upper bound: $2 \operatorname{tr} \Lambda$, R6a, R6c, R8, R13, R15",
    },
    status="derived",
    sources=(),
    note="derived: the best of all above",
    hypotheses=_GAUSSIAN,
    depends=("R2", "R6a", "R6c", "R7", "R8", "R9", "R13", "R15"),
    functions=("rates.lower_bound", "rates.upper_bound", "rates.required_width"),
    checks="rates",
    proof=r"""
\textbf{1.} Costs do not change with $\mu_0$. The keys named prove each of the bounds; the largest
of lower bounds is one, and so is the least of upper ones.

\textbf{2.} $2\operatorname{tr}\Lambda$ is the cost of any permutation that does not look at the
neurons.

\textbf{3.} Sums over blocks: for orthogonal blocks of coordinates $|x - y|^2 = \sum_k|x_k -
y_k|^2$, and the least value of a sum over permutations is at least the sum of the least values,
of which each is the matching cost of one block's law.
""",
)

theorem(
    "R12",
    "Dimensions of a spectrum",
    statement=(
        r"1 \le r_\infty \le r_2 \le r_1 \le r_0, \quad r_2 \le r_\infty^2",
        r"f r_\infty \le k_f \le \lceil f r_0 \rceil",
        r"r_\infty = r_2 = r_1 = r_0 \text{ if and only if all positive eigenvalues are equal}",
        Formula(
            r"r_\infty",
            "=",
            "Sum(lam(i), (i, 1, d))/lam(1)",
            names={"lam": r"\lambda"},
            indexed=("lam",),
        ),
        Formula(
            "r_2",
            "=",
            "Sum(lam(i), (i, 1, d))**2/Sum(lam(i)**2, (i, 1, d))",
            names={"lam": r"\lambda"},
            indexed=("lam",),
        ),
        Formula("r_1", "=", "exp(-Sum(q(i)*log(q(i)), (i, 1, d)))", indexed=("q",)),
        Formula(
            "q_j",
            "=",
            "lam(j)/Sum(lam(i), (i, 1, d))",
            names={"lam": r"\lambda"},
            indexed=("lam",),
        ),
    ),
    symbols={
        r"\lambda_i": "eigenvalues of a positive semidefinite matrix, decreasing, not all 0",
        "d": "their number",
        "q_i": r"their shares; $q \log q = 0$ at $q = 0$",
        r"r_\infty": "stable rank",
        "r_2": "participation ratio, the approximate dimension of Ferbach et al.",
        "r_1": "entropy rank",
        "r_0": "rank: how many eigenvalues are positive",
        "k_f": "fewest principal components that hold the fraction $f$ of the variance",
        "f": "a fraction in $(0, 1]$",
    },
    status="derived",
    sources=("ferbach2024",),
    note="derived: Rényi entropies; equal where the positive eigenvalues are",
    hypotheses=(r"the matrix is symmetric, positive semidefinite and not 0",),
    functions=(
        "rates.participation_ratio",
        "rates.stable_rank",
        "rates.entropy_rank",
        "rates.principal_components",
        "rates.compare_dimensions",
    ),
    checks="laws",
    proof=r"""
\textbf{1.} The ranks are the exponentials of the R\'enyi entropies of $q$: $r_\infty = 1/\max q$,
$r_2 = 1/\sum q_i^2$, $\log r_1 = -\sum q_i \log q_i$.

\textbf{2.} The sum $\sum q_i^2$ is at most $\max q$ and at least $(\max q)^2$. By Jensen's
inequality $\log \sum q_i q_i \ge \sum q_i \log q_i$, that is $r_2 \le r_1$, and $-\sum q_i \log q_i
\le \log \sum_{q_i > 0} q_i / q_i = \log r_0$. With equality in the first, $q_i = \max q$ if $q_i >
0$; all are equal then, and all inequalities equalities.

\textbf{3.} The $k$ largest shares sum to at most $k \max q = k/r_\infty$, and, being the largest of
$r_0$, to at least $\min(1, k/r_0)$.
""",
)

theorem(
    "R13",
    "Rank-block tree",
    statement=(
        r"M(m) \le T_1(m), \quad T_{d+1} = 0",
        r"T_i(b) = \min\Bigl\{ \min_{s_1 + \dots + s_n = b} C_i(b, s), \min_{b' < b} T_i(b')"
        r" \Bigr\}, \quad b > 2",
        Formula(
            "C_i(b, s)",
            "=",
            "lam*(2 - 2/b*Sum(S(k)**2/s(k), (k, 1, n))) + Sum(s(k)/b*T(s(k)), (k, 1, n))",
            names={"lam": r"\lambda_i", "T": "T_{i+1}"},
            indexed=("S", "s"),
        ),
        Formula(
            "T_i(1)",
            "=",
            "2*Sum(lam(j), (j, i, d))",
            names={"lam": r"\lambda"},
            indexed=("lam",),
        ),
        Formula(
            "T_i(2)",
            "=",
            "2*Sum(lam(j), (j, i, d)) - sqrt(2/pi)*R",
            names={"lam": r"\lambda", "R": "R_i"},
            indexed=("lam",),
        ),
        r"R_i = \mathbb E \Bigl(\sum_{j \ge i} \lambda_j^2 Z_j^2\Bigr)^{1/2}",
    ),
    symbols={
        **_COST,
        **_LAMBDA,
        "T_i(b)": "cost in coordinates $i, ..., d$ of $b$ neurons against $b$",
        "C_i(b, s)": "the same if $b$ ranks of coordinate $i$ are cut into blocks of these sizes",
        "s_k": "sizes of $n$ blocks of consecutive ranks",
        "S_k": r"sum of $\mathbb E Z_{(j:b)}$ over the ranks $j$ of block $k$",
        "Z_j": r"independent standard normal numbers; $Z_{(j:b)}$ the $j$-th smallest of $b$",
        "R_i": "what the better pairing of two neurons saves",
    },
    status="derived",
    sources=(),
    note="derived",
    hypotheses=_GAUSSIAN,
    depends=("R2", "R7"),
    functions=("rates.upper_bound",),
    checks="rates",
    proof=r"""
\textbf{1.} In principal axes the coordinates $\sqrt{\lambda_j}Z_j$ of a neuron are independent.
Let $M_i(b)$ be the expected matching cost per neuron of $b$ neurons against $b$ in the coordinates
$i,\dots,d$ alone, $M_{d+1} = 0$: $M_1(m) = M(m)$. We show $M_i(b) \le T_i(b)$ by induction, from
$i = d+1$ down and over $b$.

\textbf{2.} $b = 1$: the cost of two independent neurons is $2\sum_{j\ge i}\lambda_j$.

\textbf{3.} $b = 2$: neurons $x,x'$ against $y,y'$. The costs of the two pairings differ by
$2\langle x-x',y-y'\rangle = 2\Sigma$, so that the cheaper one costs the mean of both less
$|\Sigma|$, and per neuron, in expectation, $2\sum_{j\ge i}\lambda_j - \frac12\mathbb E|\Sigma|$.
Given $x-x'$, whose coordinates are $\sqrt{2\lambda_j}Z_j$, $\Sigma$ is normal of variance
$\sum_j2\lambda_j\cdot2\lambda_jZ_j^2$: $\mathbb E|\Sigma| = \sqrt{2/\pi}\cdot2R_i$.

\textbf{4.} A cut. Order each sample by coordinate $i$ and cut both into blocks of $s_1,\dots,s_n$
consecutive ranks. Later coordinates are independent of coordinate $i$, hence of the blocks: in a
block they are those of $s_k$ independent neurons in either sample. Match inside equal blocks, by
the later coordinates alone and optimally: in these the cost is the mean of $M_{i+1}(s_k)$ with
weights $s_k/b$, at most $\sum_k\frac{s_k}bT_{i+1}(s_k)$.

\textbf{5.} In coordinate $i$ the pairing inside a block is independent of the values, and which
rank is which neuron is uniform and independent of later coordinates: each rank of the block in A
meets each of B's with chance $1/s_k$. With $e_j = \mathbb EZ_{(j:b)}$ and independent samples the
mean cost is
\[ \frac{\lambda_i}b\sum_k\frac1{s_k}\sum_{j,j'\in k}\bigl(\mathbb EZ_{(j:b)}^2 + \mathbb
EZ_{(j':b)}^2 - 2e_je_{j'}\bigr) = \lambda_i\Bigl(2 - \frac2b\sum_k\frac{S_k^2}{s_k}\Bigr), \]
as $\sum_j\mathbb EZ_{(j:b)}^2 = b$. Steps 4 and 5 give $M_i(b) \le C_i(b,s)$ for every $s$.

\textbf{6.} By R2, $M_i(b) \le M_i(b') \le T_i(b')$ for $b' < b$.
""",
)

theorem(
    "R14",
    "k-d tree of a box",
    statement=(
        Formula(
            "M(m)",
            r"\le",
            "Sum(a(i)**2*K(i), (i, 1, d))",
            names={"K": "K"},
            indexed=("a", "K"),
        ),
        r"\text{in the coordinate of the cut } b = s_1 + s_2:",
        Formula(
            "K(b)",
            "=",
            "Sum(s(k)/b*(2*V(k)/3 + X(k)**2*K(s(k))), (k, 1, 2))",
            indexed=("s", "V", "X"),
        ),
        Formula("X_k", "=", "(s + 1)/(b + 1)", names={"s": "s_k"}),
        Formula("V_k", "=", "(s + 1)*(b - s)/((b + 1)**2*(b + 2))", names={"s": "s_k"}),
        r"\text{in every other:} \quad K(b) = \sum_{k=1}^2 \tfrac{s_k}{b} K(s_k);"
        r" \qquad K(1) = \tfrac16",
    ),
    symbols={
        **_COST,
        "a_i": "sides of the box",
        "d": "dimension",
        "K_i": r"$K(m)$ at the root, in coordinate $i$",
        "K(b)": "mean squared difference of matched neurons of a node of $b$, its side scaled to 1",
        "s_k": r"sizes of the halves: $\lfloor b/2 \rfloor$ and $\lceil b/2 \rceil$",
        "X_k": "mean of the relative side of a half",
        "V_k": "its variance",
        "b": "neurons of a node",
    },
    status="derived",
    sources=(),
    note="derived",
    hypotheses=(
        "the neurons of A and of B are independent draws from the uniform law on a box",
        _TREES,
        "leaves of two neurons may take the better pairing, which only lowers $K$",
    ),
    functions=("rates.box_tree",),
    checks="rates",
    proof=r"""
\textbf{1.} Scale the box to the unit cube: distances in coordinate $i$ are multiplied by $a_i$. A
tree says, at each node, which coordinate is cut and at which rank; both samples are cut alike, and
neurons of equal leaves matched. We show that at each node, of $b$ neurons of either sample, these
are, each sample's in a box of its own scaled to the unit cube, independent and uniform; and that
the two samples' boxes, which are independent, are independent of what is in them. So it is at the
root.

\textbf{2.} A cut at rank $s_1$ in coordinate $i$. Given the $(s_1+1)$-th smallest of the $b$
coordinates, the $s_1$ lower ones are independent and uniform below it. It is the side of the lower
child, relative to the node's, $\mathrm{Beta}(s_1+1, b-s_1)$: mean $X_1$, variance $V_1$. By
reflection the same holds for the upper child, measured from the upper wall, with $s_2$. Other
coordinates are independent of coordinate $i$: they remain independent and uniform, and their sides
do not change.

\textbf{3.} In the coordinate of the cut. Let $X$ and $Y$ be the sides of a child in A and in B,
and
$Xu$, $Yv$ the distances of two matched neurons from the wall, $u$ and $v$ scaled to the child's
box; $X$, $Y$ and $(u,v)$ are independent. In the mean over the child's neurons $\mathbb Eu^2 =
\mathbb Ev^2 = \frac13$, so that $K = \mathbb E(u-v)^2 = \frac23-2\mathbb Euv$ for the child, and
\[ \mathbb E(Xu-Yv)^2 = \tfrac23\mathbb EX^2 - 2(\mathbb EX)^2\,\mathbb Euv = \tfrac23
\operatorname{Var}X + (\mathbb EX)^2K . \]
The node's $K(b)$ is the mean over its children with weights $s_k/b$.

\textbf{4.} In other coordinates nothing is scaled: $K(b)$ is the mean of the children's. At a leaf
of one neuron $\mathbb E(u-v)^2 = \frac16$.

\textbf{5.} A leaf of two neurons $u,u'$ against $v,v'$ may be paired by the sign of $\Sigma =
\sum_iw_iD_i$, $D_i = (u_i-u'_i)(v_i-v'_i)$ of the scaled coordinates, with fixed weights $w_i \ge
0$. In coordinate $i$ that saves $\frac12\mathbb E[\operatorname{sgn}(\Sigma)D_i]$ per neuron, half
of the derivative of $\mathbb E|\Sigma|$ by $w_i$, which is at least 0, as $\mathbb E|\Sigma|$ is
convex and even in $w_i$. The pairing depends on scaled coordinates alone, so that step 3 stands.
""",
)

theorem(
    "R15",
    "k-d tree of a product law",
    statement=(
        Formula(
            "M(m)",
            r"\le",
            "2*v - 2*Sum(b(k)/m*G(k), (k, 1, n))",
            names={"v": r"\operatorname{tr} \Lambda"},
            indexed=("b", "G"),
        ),
        r"G_k = |h|^2 \; (b_k = 1), \quad G_k = |h|^2 + \tfrac14 \mathbb E |S| \; (b_k = 2)",
        Formula(
            "e'_j",
            "=",
            "Sum(e(l)*binomial(l - 1, j - 1)*binomial(b - l, s - j)/binomial(b, s),"
            " (l, j, b - s + j))",
            indexed=("e",),
        ),
    ),
    symbols={
        **_COST,
        r"\operatorname{tr} \Lambda": "variance of a neuron, all coordinates together",
        "n": "number of leaves of the tree",
        "b_k": "neurons of leaf $k$: 1 or 2",
        "G_k": "gain of leaf $k$ per neuron",
        "h": r"mean of a leaf: $h_i$ is the mean of the $e_l$ of coordinate $i$ there",
        "e_l": "expected order statistics of one coordinate among the $b$ neurons of a node",
        "e'_j": "the same among the $s$ neurons of a child, if another coordinate was cut",
        "b": "neurons of a node",
        "s": "neurons of its child",
        "S": r"$\langle x - x', y - y' \rangle$: $x, x'$ are the two neurons of A, $y, y'$ of B",
    },
    status="derived",
    sources=(),
    note="derived",
    hypotheses=(
        "the neurons of A and of B are independent draws from one law with independent coordinates"
        r" of finite variance and mean 0 (otherwise $\mathbb E |X|^2$ stands for"
        r" $\operatorname{tr} \Lambda$)",
        _TREES,
        "the child of a cut in a coordinate keeps the $e_l$ of its ranks there",
    ),
    functions=("rates.product_tree", "rates.upper_bound"),
    checks="rates",
    proof=r"""
\textbf{1.} Let coordinate $i$ of a neuron be $T_i(G_i)$ with $T_i$ monotone and $G_1,\dots,G_d$
independent and normal; it is $G_i$ that is ranked, so that there are no ties. A tree says at each
node which coordinate is cut and at which rank. Both samples are cut alike, and neurons of equal
leaves matched.

\textbf{2.} At each node, of $b$ neurons of either sample: in each coordinate there are $b$ ordered
values, assigned to the neurons in an order that is uniform; orders are independent of each other
and of all values, values of different coordinates are independent, and $e_l$ are the expectations
of coordinate $i$'s. So it is at the root. A cut in coordinate $i$ at rank $s$ looks at the order
of
coordinate $i$ alone. It keeps there the lower (or upper) values, in an order that is uniform. For
every other coordinate the neurons kept are a uniform choice of $s$ out of $b$, independent of its
values and of the choices for others, in uniform order.

\textbf{3.} Of $b$ values the $j$-th smallest of $s$ chosen ones is the $l$-th of all if $j-1$ of
the $l-1$ below and $s-j$ of the $b-l$ above are chosen too: that has the probability $\binom{l-1}
{j-1}\binom{b-l}{s-j}/\binom bs$. This is the formula for $e'_j$.

\textbf{4.} Leaves, neurons paired at random. A neuron $x$ of A and its partner $y$ in B are
independent, as the samples are, of one law, with means $h$: if the leaf has one neuron, $h_i$ is
its
$e_1$, else the mean of the $e_l$. So $\mathbb E|x-y|^2 = 2\mathbb E|x|^2-2|h|^2$. In the mean over
all neurons of all leaves $\mathbb E|x|^2$ is that of a neuron, $\operatorname{tr}\Lambda$. This
proves the bound with $G_k = |h|^2$.

\textbf{5.} A leaf of two neurons $x,x'$ against $y,y'$. The costs of the two pairings differ by
$2|S|$, $S = \langle x-x',y-y'\rangle$; the cheaper one costs the mean of both less $|S|$, per
neuron in expectation $2\mathbb E|x|^2 - 2|h|^2 - \frac12\mathbb E|S|$, that is $G_k =
|h|^2+\frac14\mathbb E|S|$.
""",
)

theorem(
    "R16",
    "Trees of equal cells",
    statement=(
        r"\mathbb E W_p^p(\mu_m, \nu_m) \le \tfrac12 \sum_Q \Bigl(\sum_i \ell_{Q_i} -"
        r" \ell_Q\Bigr) D_Q, \qquad \ell_Q = \mathbb E |\mu_m(Q) - \nu_m(Q)|",
        r"\text{one cell, } p = 2:",
        Formula(
            "M(m)",
            r"\le",
            "n*l/2*2*tr*n/(n - 1)",
            names={"l": r"\ell", "tr": r"\operatorname{tr} \Lambda"},
        ),
    ),
    symbols={
        **_SAMPLES,
        "M(m)": _COST["M(m)"],
        "Q": "cells of a tree that holds all points, but for the single points",
        "Q_i": "children of $Q$, each with equally many points",
        r"\ell_Q": r"mean left-over of $Q$, as in R5; $\ell$ that of a single point",
        "D_Q": r"mean of $|x - y|^p$ over all points $x$, $y$ in different children of $Q$",
        "n": "number of points",
        r"\operatorname{tr} \Lambda": "variance of a neuron, all coordinates together",
    },
    status="derived",
    sources=("weed2019",),
    note="derived: R5 with mean distances, by the symmetry of the tree",
    hypotheses=(
        _INDEPENDENT,
        r"$\mu$ is uniform on $n \ge 2$ points, of which some may be equal",
        "children of a cell have equally many points and equal trees below them",
    ),
    depends=("R5",),
    functions=("rates.upper_bound",),
    checks="rates",
    proof=r"""
\textbf{1.} From single points up to the root, match at every cell as many as possible of the
neurons that its children leave over, chosen at random. $Q$ leaves over $|N_A(Q) - N_B(Q)|$, so that
half of $\sum_i |N_A(Q_i) - N_B(Q_i)| - |N_A(Q) - N_B(Q)|$ pairs are matched at $Q$, all of neurons
in different children.

\textbf{2.} To exchange children, with the trees below them, does not change the law of the samples,
and takes any pair of points in different children to any other: each of these pairs is matched
equally often in the mean.

\textbf{3.} One cell with single points for children: $\ell_Q = 0$, $\sum_i \ell_{Q_i} = n \ell$,
and the mean of $|x - y|^2$ over different points is $2 \operatorname{tr} \Lambda \, n/(n-1)$.
""",
)

theorem(
    "R17",
    "k-d tree in polar coordinates",
    statement=(
        Formula(
            "M(m)",
            r"\le",
            "2*v - 2*Sum(b(k)/m*G(k), (k, 1, K))",
            names={"v": r"\mathbb E |X|^2"},
            indexed=("b", "G"),
        ),
        r"G_k = |h|^2 \; (b_k = 1), \quad G_k = |h|^2 + \tfrac14 \operatorname{mean}_{\varepsilon,"
        r" \varepsilon'} |\langle h_\varepsilon - h_{-\varepsilon}, h_{\varepsilon'} -"
        r" h_{-\varepsilon'} \rangle| \; (b_k = 2)",
        r"h = \bar r\, (\bar c_1,\; \bar s_1 \bar c_2,\; \dots,\; \bar s_1 \cdots \bar s_{d-2}"
        r" \bar c_{d-1},\; \bar s_1 \cdots \bar s_{d-2} \bar s_{d-1})",
        Formula(r"\mathbb E U_{(j:m)}^{1/d}", "=", "Product(k/(k + 1/d), (k, j, m))"),
    ),
    symbols={
        **_COST,
        r"\mathbb E |X|^2": "mean square of a neuron",
        "K": "number of leaves of the tree",
        "b_k": "neurons of leaf $k$: 1 or 2",
        "G_k": "gain of leaf $k$ per neuron",
        "h": "mean of a neuron of a leaf",
        r"\bar r": (
            "mean of the radius of a neuron of the leaf: of its expected order statistics there"
        ),
        r"\bar c_i, \bar s_i": (
            r"means of $\cos \varphi_i$ and of $\sin \varphi_i$ there, by the order of $\varphi_i$"
        ),
        r"\varphi_i": "the polar angles of a neuron; the last one goes all around",
        r"h_\varepsilon": (
            "mean of a neuron of a leaf of two that is the lower one in those coordinates, of some"
            r" that are listened to, in which $\varepsilon$ says so, and the upper one in others"
        ),
        r"\varepsilon, \varepsilon'": "all sequences of signs, one for each of these coordinates",
        "U_{(j:m)}": (
            r"the $j$-th smallest of $m$ uniform draws from $[0, 1]$; $U^{1/d}$ is the radius in"
            " the unit ball"
        ),
        "d": "dimension, 2 or more",
        "k, j": "indices",
    },
    status="derived",
    sources=(),
    note="derived: ranks of radius and angles",
    hypotheses=(
        "the neurons of A and of B are independent draws from one law, whose directions are uniform"
        " and independent of the radius",
        _TREES,
        "cuts are made in the radius or in an angle",
    ),
    depends=("R2", "R15"),
    functions=("rates.polar_tree", "rates.upper_bound"),
    checks="rates",
    proof=r"""
\textbf{1.} Radius and angles of a neuron are independent: the density of a uniform direction is
$\prod_{i<d-1} \sin^{d-1-i} \varphi_i$ up to a constant, in $\varphi_i \in [0, \pi]$ and
$\varphi_{d-1} \in [0, 2 \pi)$. So a tree that cuts their ranks is R15's tree of the vector of
radius and angles: the coordinates of a neuron of a leaf are independent, each with the law of an
order statistic at a rank drawn at random among those that the leaf has there.

\textbf{2.} Hence the mean of a product of functions of one coordinate each is the product of their
means, and $\mathbb E[x \mid \text{leaf}] = h$, as every component of $x$ is such a product.

\textbf{3.} A neuron $x$ of A and one $y$ of B that are matched at random in a leaf are independent
with the same law given the leaf: $\mathbb E |x - y|^2 = 2 \mathbb E |x|^2 - 2 |h|^2$. The mean of
$\mathbb E |x|^2$ over all neurons is $\mathbb E |X|^2$.

\textbf{4.} In a leaf of two, $x, x'$ of A and $y, y'$ of B, the two pairings cost
$|x|^2 + |x'|^2 + |y|^2 + |y'|^2 - 2 \langle x, y \rangle - 2 \langle x', y' \rangle$ and the
same with $y$ and $y'$ exchanged. They differ by $2 |S|$, $S = \langle x - x', y - y'
\rangle$, so that the better one saves $|S|$ against their mean, $|S| / 2$ for each neuron: $2 \cdot
\frac14 |S|$.

\textbf{5.} Let $\varepsilon$ say in which of the coordinates that are listened to $x$ is lower than
$x'$, and $\varepsilon'$ the same of $y$ and $y'$. The orders of coordinates are independent and
uniform (step 1), hence all sequences are equally likely, and independent in A and B. Given
$\varepsilon$ the coordinates of $x$ are independent still, those that are listened to with the law
of the lower or of the upper rank: $\mathbb E[x - x' \mid \varepsilon] = h_\varepsilon -
h_{-\varepsilon}$. By Jensen's inequality $\mathbb E |S| \ge \mathbb E |\mathbb E[S \mid
\varepsilon, \varepsilon']|$.

\textbf{6.} The radius in the unit ball has the law of $U^{1/d}$, and $U_{(j:m)}$ is
$\mathrm{Beta}(j, m + 1 - j)$: $\mathbb E U_{(j:m)}^a = \frac{\Gamma(j + a) \Gamma(m + 1)}{\Gamma(j)
\Gamma(m + 1 + a)} = \prod_{k=j}^m \frac{k}{k + a}$.
""",
)

theorem(
    "R18",
    "k-d tree of a law on atoms",
    statement=(
        Formula(
            "M(m)",
            r"\le",
            "2*v - 2*Sum(b(k)/m*n(k), (k, 1, K))",
            names={"v": r"\mathbb E |X|^2", "n": r"\nu"},
            indexed=("b", "n"),
        ),
        r"\nu_k = |h_k|^2, \quad h_k = \sum_v x_v \prod_i P\bigl(U_i^{(k)} \in I_{v,i}\bigr)",
        Formula(
            r"P(U_{(j:m)} \le t)",
            "=",
            "Sum(binomial(m, l)*t**l*(1 - t)**(m - l), (l, j, m))",
        ),
    ),
    symbols={
        **_COST,
        r"\mathbb E |X|^2": "mean square of a neuron",
        "K": "number of leaves of the tree",
        "b_k": "neurons of leaf $k$",
        r"\nu_k": "gain of leaf $k$ per neuron",
        "h_k": "mean of a neuron of leaf $k$",
        "x_v": "atoms: neurons are $x_v$ for uniform $U$ in the box of $v$",
        r"I_{v,i}": r"sides of the box of $v$ in the unit cube, whose volume is the mass of $x_v$",
        "U^{(k)}": "any $U$ of leaf $k$; its coordinates $U_i^{(k)}$ are independent",
        "U_{(j:m)}": (
            "the $j$-th smallest of the $m$ coordinates $U_i$ at the root; a cut in $i$ keeps the"
            " lower or the upper ones, every other cut thins them as in R15"
        ),
        "t": "where boxes end",
        "l": "index of summation",
    },
    status="derived",
    sources=(),
    note="derived: ranks in a cube of which the atoms are images",
    hypotheses=(
        "the neurons of A and of B are independent draws from one law on finitely many atoms",
        _TREES,
        "the boxes are disjoint and fill the cube",
    ),
    depends=("R2", "R15"),
    functions=("rates.cube_tree", "rates.upper_bound"),
    checks="rates",
    proof=r"""
\textbf{1.} Let neurons be $T(U)$, $T = x_v$ on the box of $v$. At every node the neurons of A have,
in each coordinate of $U$, order statistics in an order that is uniform, and all of these are
independent: so it is at the root, and a cut looks at the order in one coordinate alone, so that it
keeps the lower or upper order statistics there and takes neurons at random for all others. Hence
the coordinates of a neuron of a leaf are independent.

\textbf{2.} Its partner in B is independent with the same law, so that $\mathbb E |x - y|^2 = 2
\mathbb E |x|^2 - 2 |h_k|^2$, if neurons of one leaf are paired at random.

\textbf{3.} The mean of $\mathbb E |x|^2$ over all neurons is $\mathbb E |X|^2$.
""",
)

theorem(
    "R19",
    "Chains of atoms",
    statement=(
        r"\mathbb E W_p^p(\mu_m, \nu_m) \le \frac1m \Bigl(\sum_e |e|^p \, \mathbb E |f_e| + \sum_v"
        r" \bigl(R_v \, \mathbb E \kappa_v + G_v \, \mathbb E \lambda_v\bigr)\Bigr)",
        r"\kappa_v = \tfrac12 \bigl(S_v - N_A(v) - N_B(v)\bigr)_+",
        r"\lambda_v = \tfrac14 \bigl(S_v - 3 N_A(v) - N_B(v)\bigr)_+"
        r" + \tfrac14 \bigl(S_v - N_A(v) - 3 N_B(v)\bigr)_+",
        r"(S_v - n)_+ \le \sum_{e \ni v} \bigl[(f_e - w_e n)_+ + (-f_e - w_e n)_+\bigr]",
        Formula(
            r"\mathbb E |f_e|",
            r"\le",
            "2/pi*(h*s**2/4 + (pi**2/6 - Sum(r(k)**m/k**2, (k, 1, K)))/h)",
            indexed=("r",),
        ),
        Formula(
            r"\mathbb E (f_e - w_e n)_+",
            r"\le",
            "exp(-1)*(a*b)**m/t",
            names={"t": r"\theta"},
        ),
    ),
    symbols={
        **_SAMPLES,
        "e": r"edges of a connected graph of the atoms of $\mu$, of length $|e|$",
        "v": "atoms",
        "f_e": (
            "flow through $e$, linear in the differences $N_A(v) - N_B(v)$, which are what flows"
            " out of $v$, less what flows into it"
        ),
        "S_v": r"$\sum |f_e|$ over the edges at $v$",
        r"\kappa_v": "what flows out of $v$ beyond what is there",
        r"\lambda_v": "half of what flows out of $v$ beyond twice what is there, and of what flows"
        " into it beyond twice what is wanted",
        "R_v": (
            "0, or the largest of $|u - w|^p - |u - v|^p - |v - w|^p$ over neighbours $u, w$ of $v$"
        ),
        "G_v": (
            r"0 for $p \le 1$ and where $v$ has one edge; else the largest, over the edges"
            r" $e = vw$, of 0, of $|u - z|^p - |u - v|^p - |e|^p - |w - z|^p - R_v - R_w$ over"
            r" neighbours $u$ of $v$ and $z$ of $w$, and of $\min(D^p, g_e + \max g) - \frac12"
            r" (R_v + R_w)$ with the largest $g$ of an edge at $v$ or $w$"
        ),
        "g_e": r"$D^{p-1} |e| - |e|^p$, $D$ the diameter of the set of atoms",
        "N_A, N_B": "numbers of neurons of A and of B at an atom",
        "n": "$x N_A(v) + y N_B(v)$, $x$ and $y$ of 1 and 3",
        "w_e": r"weights $\ge 0$ whose sum over the edges at $v$ is 1",
        "s": r"$s^2 = \mathbb E f_e^2 = 2 m \operatorname{Var} C_e(X)$",
        "C_e(u)": "coefficient of $N_A(u) - N_B(u)$ in $f_e$; $X$ is a neuron",
        "r_k": r"$|\mathbb E e^{ikhC_e(X)}|^2$",
        "a, b": (
            r"$\mathbb E e^{\theta (C_e(X) - x w_e 1_{X = v})}$ and"
            r" $\mathbb E e^{-\theta (C_e(X) + y w_e 1_{X = v})}$"
        ),
        r"h, \theta": "any numbers $> 0$",
        "K, k": "how many waves are summed, and an index",
    },
    status="derived",
    sources=(),
    note="derived: flows between atoms, realised by single steps, or by two where atoms are short",
    hypotheses=(
        _INDEPENDENT,
        r"$\mu$ has finitely many atoms and nothing else",
        "graph, flow and weights do not depend on the samples",
    ),
    depends=("R1",),
    functions=("rates.upper_bound",),
    checks="rates",
    proof=r"""
\textbf{1.} Let the plan move $|f_e|$ along $e$, in the direction of the flow, and leave $N_A(v) -
o_v$ at $v$, $o_v$ the flow out of $v$. The neurons of A at $v$ are all accounted for, and with the
flow $i_v$ into $v$ there arrive $N_A(v) - o_v + i_v = N_B(v)$. It costs $\sum_e |e|^p |f_e|$.

\textbf{2.} What stays is $N_A(v) - o_v = N_B(v) - i_v$, half of $N_A(v) + N_B(v) - S_v$, as $o_v +
i_v = S_v$. It is below 0 by $\kappa_v$ exactly, and then $\kappa_v \le \min(o_v, i_v)$.

\textbf{3.} Let the flow be rational: both sides of the bound are continuous in it, and rational
flows are dense among those of integer differences $N_A - N_B$. Cut it into units, all of one size
and as small as need be. At every $v$ join $\kappa_v$ of what comes in to as much of what goes out:
a unit from $u$ to $v$ and one from $v$ to $w$ become one from $u$ to $w$. Of every edge that comes
in the same share $\beta_v = \kappa_v / i_v$ is joined, of every one that goes out the share
$\alpha_v = \kappa_v / o_v$. All marginals stay what they are, and at $v$ there is 0. What is joined
to itself in a circle is left out. So there is a plan, of chains of edges; by R1 one that is not
whole is no cheaper than the best matching.

\textbf{4.} Which units of an edge $e$ from $u$ to $v$ are joined at $u$, and which at $v$, is free.
So only $(\alpha_u + \beta_v - 1)_+ |f_e| \le (\alpha_u - \frac12)_+ |f_e| + (\beta_v - \frac12)_+
|f_e|$ have to be joined at both ends: middle ones. $(\alpha_u - \frac12)_+ o_u = \frac12 (o_u - 2
N_A(u))_+$, and $o_u - 2 N_A(u) = \frac12 (S_u - 3 N_A(u) - N_B(u))$; likewise $(\beta_v -
\frac12)_+ i_v = \frac14 (S_v - N_A(v) - 3 N_B(v))_+$. There are $\sum_v \lambda_v$ middle ones at
most, each counted at one of its ends.

\textbf{5.} A chain of two edges costs at most $R_v$ more than the two. Let another have the edges
$e_0, \dots, e_{j+1}$, of which $e_1, \dots, e_j$ are middle ones, and be joined at $v_1, \dots,
v_{j+1}$; $\sum_i |e_i|^p + \sum_i R_{v_i}$ is counted already. If $j = 1$, what it costs beyond is
one of the first differences in $G_v$. If $j \ge 2$, it costs at most $D^p$, and, as it is no longer
than the sum of its edges, $D^{p-1} \sum_i |e_i| = \sum_i |e_i|^p + \sum_i g_{e_i}$, $g \ge 0$. Give
$g_{e_0}$ to $e_1$ and $g_{e_{j+1}}$ to $e_j$, and half of each $R_{v_i}$ to either middle edge at
$v_i$: so each middle edge pays at most $G_v$ at either of its ends $v$, unless $D^p$ is less at
one, which then pays for all. For $p \le 1$ chains cost no more than their edges. Where $v$ has one
edge, $S_v = |N_A(v) - N_B(v)|$ and $\lambda_v = 0$.

\textbf{6.} For $0 \le x \le 2 \pi$, $\sum_{k \ge 1} (1 - \cos kx)/k^2 = \frac{\pi x}2 -
\frac{x^2}4$; the left-hand side has period $2 \pi$. With $x = h |s|$, $|s| \le \frac2\pi [\frac{h
s^2}4 + \sum_k \frac{1 - \cos khs}{k^2 h}]$ for all $s$. The flow is the sum of $C_e(a_j) -
C_e(b_j)$ over $j$, which are independent, so that $\mathbb E \cos kh f_e = r_k^m \ge 0$: leave it
out for $k > K$.

\textbf{7.} $(S_v - n)_+ \le \sum_e (|f_e| - w_e n)_+$, and $s_+ \le e^{\theta s - 1} / \theta$.
$f_e - w_e n$ is the sum over $j$ of independent terms, $C_e(a_j) - x w_e 1_{a_j = v}$ and
$-C_e(b_j) - y w_e 1_{b_j = v}$; of $-f_e - w_e n$ it is that of $-C_e$.
""",
)

theorem(
    "R20",
    "Self-bounding costs",
    statement=(
        Formula(r"P\bigl(\sqrt F \ge \sqrt{M(m)} + s\bigr)", r"\le", "exp(-m*n*s**2/(4*C))"),
        Formula(r"P\bigl(\sqrt F \le \sqrt{M(m)} - s\bigr)", r"\le", "exp(-m*n*s**2/(4*C))"),
    ),
    symbols={
        **_COST,
        "F": r"mean of $n$ independent costs $W_2^2(\mu_m, \nu_m)$",
        "n": "number of pairs of samples",
        "s": "deviation, $> 0$",
        "C": r"log-Sobolev constant of $\mu$; $\lambda_1$ for a Gaussian law",
    },
    status="derived",
    sources=("ledoux2001",),
    note="derived: Herbst's argument for a cost that bounds its own gradient",
    hypotheses=(
        r"all $2mn$ neurons are independent, with the law $\mu$",
        r"$\mu$ has the log-Sobolev constant $C$:"
        r" $\operatorname{Ent}(f^2) \le 2 C \, \mathbb E |\nabla f|^2$",
        "every cost is that of an optimal matching",
    ),
    depends=("R10",),
    functions=(
        "rates.simulated_interval",
        "rates.simulated_upper_bound",
        "rates.simulated_lower_bound",
    ),
    checks="rates",
    proof=r"""
\textbf{1.} $W = W_2^2$ is the least of smooth functions of the $2m$ neurons, one for each matching
$\pi$. Where that of $\pi$ is the least, its gradient has the squared norm $2 \sum_i |\tfrac2m (a_i
- b_{\pi(i)})|^2 = 8 W / m$: the local Lipschitz constant $|\nabla W|$ has $|\nabla W|^2 \le 8 W /
m$ everywhere. Likewise $|\nabla \min(W, R)|^2 \le 8 \min(W, R)/m$, and $\min(W, R)$ is Lipschitz:
read it for $W$, and let $R \to \infty$ in the end.

\textbf{2.} The inequality for $f = e^{tW/2}$ reads $\operatorname{Ent}(e^{tW}) \le k t^2 \, \mathbb
E W e^{tW}$, $k = 4C/m$. With $\psi = \ln \mathbb E e^{tW}$ this is $t \psi' - \psi \le k t^2
\psi'$.

\textbf{3.} So $\psi (1 - kt)/t$ falls in $t$ from its limit $M$ at 0: $\psi(t) \le t M / (1 - kt)$
for $0 < t < 1/k$, and likewise $\psi(-t) \le -t M / (1 + kt)$ for $t > 0$.

\textbf{4.} By Chernoff's bound $P(F \ge x)$ for $x > M$, and $P(F \le x)$ for $x < M$, is at most
$e^{-n (\sqrt x - \sqrt M)^2 / k}$, at $1 \mp kt = \sqrt{M/x}$.
""",
)

theorem(
    "R21",
    "Tangents in the spectrum",
    statement=(
        r"M(m; \lambda) \le \sum_i \lambda_i \, g_i(\nu), \qquad M(m; \lambda + \nu) \ge"
        r" M(m; \lambda) + M(m; \nu)",
        Formula(
            r"M(m; \lambda)",
            r"\le",
            "M(k)/k*Sum(l(i), (i, 1, k)) + 2*Sum(l(i), (i, k + 1, d))",
            names={"l": r"\lambda"},
            indexed=("M", "l"),
        ),
        Formula(
            r"M(m; \lambda)",
            r"\ge",
            "Sum((l(k) - l(k + 1))*M(k), (k, 1, d))",
            names={"l": r"\lambda"},
            indexed=("M", "l"),
        ),
        r"M_j \ge \frac jk M_k \qquad (j \ge k)",
    ),
    symbols={
        r"M(m; \lambda)": (
            r"$\mathbb E W_2^2(\mu_m, \nu_m)$ of neurons $(\sqrt{\lambda_1} \xi_1, \dots,"
            r" \sqrt{\lambda_d} \xi_d)$"
        ),
        "m": _SAMPLES["m"],
        r"\lambda, \nu": r"variances of coordinates, $\ge 0$; $\lambda_{d+1} = 0$",
        r"g_i(\nu)": (
            r"mean squared distance in coordinate $i$, of variance 1, at a matching that is optimal"
            r" for $\nu$"
        ),
        "M_k": r"$M(m; \lambda)$ where $\lambda_1 = \dots = \lambda_k = 1$ and all others are 0",
        "d": "dimension",
        "i, j, k": "numbers of coordinates, from 1 to $d$",
    },
    status="derived",
    sources=(),
    note="derived: concavity in the variances",
    hypotheses=(
        r"all $2m$ vectors $\xi$ are independent, of one law that does not depend on $\lambda$",
        r"from the second line on, coordinates $\xi_i$ are independent, of one law and variance 1,"
        r" and $\lambda$ is decreasing in the third",
    ),
    depends=("R2", "R7", "R20"),
    functions=("rates.tabulated_upper_bound", "rates.tabulated_lower_bound"),
    checks="rates",
    proof=r"""
\textbf{1.} $W_2^2 = \min_\pi \sum_i \lambda_i c_i(\pi)$ with $c_i(\pi) = \frac1m \sum_j
(\xi_{j,i} - \xi'_{\pi(j),i})^2$, where $\xi_j$ belong to A and $\xi'_j$ to B. At a matching $\pi$
that is optimal for $\nu$ the sum is no less, and its mean is $\sum_i \lambda_i g_i(\nu)$.

\textbf{2.} The least of $\sum_i (\lambda_i + \nu_i) c_i(\pi)$ is at least that of $\sum_i \lambda_i
c_i(\pi)$ and that of $\sum_i \nu_i c_i(\pi)$ together: in the mean, $M(m; \lambda + \nu) \ge M(m;
\lambda) + M(m; \nu)$.

\textbf{3.} Let $\nu$ be 1 in the first $k$ coordinates and 0 in others, and the matching a function
of these coordinates that treats them alike, ties broken at random. By symmetry $g_i(\nu)$ is the
same for all $i \le k$; their sum is $M_k$. For $i > k$ the matching is independent of $\xi_{j,i}$
and $\xi'_{j,i}$, so that $g_i(\nu) = \mathbb E (\xi_i - \xi'_i)^2 = 2$. Coordinates of
variance 0 may be added, so that $k > d$ is a case of it.

\textbf{4.} $\lambda$ is the sum of $(\lambda_k - \lambda_{k+1}) 1_{i \le k}$ over $k$, and by step
2 costs of the parts add up to no more than that of the whole.

\textbf{5.} Every coordinate lies in $\binom{j-1}{k-1}$ of the $\binom jk$ sets of $k$ of the first
$j$ coordinates. By step 2, $\binom{j-1}{k-1} M_j \ge \binom jk M_k$, that is $M_j \ge \frac jk
M_k$.
""",
)

theorem(
    "R22",
    "Nearest neighbours and gaps between clusters",
    statement=(
        r"\mathbb E W_p^p(\mu_m, \nu_m) \ge \int_0^{g^p} \mathbb E \bigl(1 - \mu(B(a, r^{1/p}))"
        r"\bigr)^m \, dr + G",
        Formula(
            "G",
            "=",
            "Sum((Max(h(Q), g)**p - Max(k(Q), g)**p)*l(Q), (Q, 1, n))/2",
            names={"h": r"\hat h", "k": "h", "l": r"\ell"},
            indexed=("h", "k", "l"),
        ),
        r"\ell_Q = \mathbb E |\mu_m(Q) - \nu_m(Q)|",
        r"\text{for a mixture and } p = 2: \quad \mathbb E W_2^2(\mu_m, \nu_m) \ge \tfrac12 \sum_Q"
        r" (\hat t_Q^2 - t_Q^2) \, \ell_Q - 4 E",
        r"E = \sum_{i \ne j} w_i t_{ij} \, \mathbb E \bigl(s_{ij} - \tfrac12 (|c_i - c_j| -"
        r" t_{ij})\bigr)_+",
    ),
    symbols={
        **_SAMPLES,
        "a": r"a neuron, with the law $\mu$",
        "B(a, r)": "the ball of radius $r$ around $a$",
        "g": "a distance, any $\\ge 0$",
        "Q": (
            "clusters of single linkage of the support, or of the centres of a mixture: all but the"
            " one that holds everything; $n$ of them"
        ),
        "h_Q": "distance at which $Q$ was joined, 0 for single points",
        r"\hat h_Q": "distance at which $Q$ is joined to others",
        r"\ell_Q": "mean left-over of $Q$, as in R5; of a mixture, of labels",
        "t_Q": r"$(h_Q - 2r)_+$ for any margin $r \ge 0$; $\hat t_Q$ likewise from $\hat h_Q$",
        "t_{ij}": r"$\hat t_Q$ of the clusters in which $c_i$ and $c_j$ meet",
        "c_i, w_i": "centres and weights of the mixture",
        "E": "what neurons that stick out of their clusters take off",
        "s_{ij}": "component of a neuron of cluster $i$, from $c_i$, in the direction of $c_j$",
        "r": "a variable of integration, a margin",
    },
    status="derived",
    sources=(),
    note="derived: single linkage of the support",
    hypotheses=(
        _INDEPENDENT,
        "clusters are those of the support, never of a sample",
        "matchings may depend on both samples",
        r"for the last, $\mu$ is the law of $c_i + Y_i$, $i$ with probability $w_i$, $Y_i$ centred",
    ),
    depends=("R5", "R9"),
    functions=("rates.lower_bound",),
    checks="rates",
    proof=r"""
\textbf{1.} Let $u$ be the single-linkage ultrametric: $u(x, y) \le |x - y|$, as $x$ and $y$ are one
step apart. So $|x - y|^p \ge \min(|x - y|^p, g^p) + (u^p - g^p)_+$, the latter being 0 if $|x - y|
\le g$.

\textbf{2.} The first term is what R9 bounds, cut at $g$.

\textbf{3.} The second is half of the sum of the increments of $\max(h, g)^p$ over clusters that
hold one of $x$ and $y$, and whatever the matching at least $m |\mu_m(Q) - \nu_m(Q)|$ pairs have one
neuron in $Q$.

\textbf{4.} For a mixture, $|x - y| \ge z = |c_i - c_j| - s - s'$ with the components of both
neurons towards each other, and $z_+^2 \ge t^2 + 2 t (z - t)$: with $t = t_{ij}$ and $b = \tfrac12
(|c_i - c_j| - t)$, $|x - y|^2 \ge t^2 - 2 t (s - b)_+ - 2 t (s' - b)_+$. The mean of $t^2$ is
bounded as in step 3, by labels. Which $j$ a neuron of $i$ meets is the matching's choice: the sum
over all $j \ne i$ bounds what it takes off, in the mean $2 E$ for the neurons of either network.
""",
)

_WALK = {
    "E": r"\mathbb E G",
    "R": r"\mathbb E \sqrt G",
    "K": r"2 \, \mathbb E \kappa",
    "phi": r"\varphi",
    "theta": r"\theta",
    "tau": r"\tau",
    "x": r"\overline G",
    "w": r"\overline{\sqrt G}",
}
theorem(
    "R23",
    "Costs of atoms that bound their own rises",
    statement=(
        r"\mathbb E C \le U \text{ and } \mathbb E C \ge L \text{, each with probability } 1 -"
        r" \delta",
        Formula("U", "=", "(sqrt(x + A*tau**2/(16*m)) + tau*sqrt(A/(16*m)))**2 - K", names=_WALK),
        Formula("L", "=", "Max(w - t*sqrt(A/(16*m)), 0)**2 - K", names=_WALK),
        Formula(r"\tau", "=", "(log(1/delta)/n + phi(y))/sqrt(y)", names=_WALK),
        Formula("t", "=", "(log(1/delta)/n + phi(y*z))/sqrt(y)", names=_WALK),
        Formula(r"\varphi(y)", "=", "-Sum(2**k*log(1 - y/4**k), (k, 0, oo))"),
        Formula("z", "=", "((exp(x) - 1)/x)**2"),
        Formula("x", "=", "2*r*sqrt(y/A)"),
    ),
    symbols={
        "C": r"least $\frac1m \sum_i c(a_i, b_{\pi(i)})$ over permutations $\pi$",
        "c(u, v)": r"what neurons at $u$ and $v$ cost, $\ge 0$: $|u - v|^2$, or any other",
        "a_i, b_i": "neurons of A and of B, $m$ of each",
        "m": _SAMPLES["m"],
        "u, v": r"atoms of $\mu$, of masses $p_u$",
        "w_{uv}": r"weights $\ge 0$ with $\operatorname{Var} f \le \sum_{\{u, v\}} w_{uv} (f(u) -"
        r" f(v))^2$ for all $f$",
        r"\kappa": r"weights $\kappa_u > 0$ of atoms; $\mathbb E \kappa = \sum_u p_u \kappa_u$",
        "G": r"$C + \frac1m \sum_i [\kappa(a_i) + \kappa(b_i)]$",
        r"\overline G, \overline{\sqrt G}": "means over $n$ independent pairs of samples",
        "h": r"$h_{uv}(q) = (c(v, q) - c(u, q) + \kappa_v - \kappa_u)_+$, $q$ an atom",
        "A": r"with $\sum_v \frac{w_{uv}}{p_u} h_{uv}(q)^2 \le A [\frac12 c(u, q) + \kappa_u]$ for"
        " all $u$, $q$",
        "r": r"the most by which $h_{uv}(q)$ raises $\sqrt{c(u, q) + \kappa_u + \kappa_q}$, where"
        " $w_{uv} > 0$",
        "y, z": r"any $y$ in $(0, 1)$; in $t$ with $y z < 1$",
        r"\delta": "probability of failure",
        "k": "index",
    },
    status="derived",
    sources=("ledoux2001",),
    note="derived: Poincare's inequality for exponentials of a cost that bounds its own rises",
    hypotheses=(
        r"all $2mn$ neurons are independent, with the law $\mu$, which has finitely many atoms",
        "$c$ is symmetric",
        "every cost is that of an optimal matching",
        r"$w$, $\kappa$ and $y$ do not depend on the samples",
    ),
    depends=("R1",),
    functions=(
        "rates.simulated_interval",
        "rates.simulated_upper_bound",
        "rates.simulated_lower_bound",
    ),
    checks="walks",
    proof=r"""
\textbf{1.} Variances of functions of independent neurons are at most the sum of what single neurons
contribute: $\operatorname{Var} f \le \sum_j \mathbb E \operatorname{Var}_j f \le \sum_j \mathbb E
\sum_{\{u, v\}} w_{uv} (f(x^{j \to u}) - f(x^{j \to v}))^2$, $j$ over all $2m$ neurons, $x^{j \to
u}$ the samples with neuron $j$ at $u$. If $f$ is a function of $G$, count every pair at the end
where $G$ is smaller: $\operatorname{Var} f \le \mathbb E \sum_j \sum_v \frac{w_{x_j v}}{p_{x_j}}
(f(x^{j \to v}) - f(x))^2 \, 1\{G(x^{j \to v}) > G(x)\}$.

\textbf{2.} Let $\pi$ be optimal for $x$. Where $a_i$ moves from $u$ to $v$ and stays with its
partner at $q$, $G$ rises by $\frac1m h_{uv}(q)$ at most; likewise for $b_i$, as $c$ is symmetric.
So with rates $\frac{w_{uv}}{p_u}$ the sum of squares of what it rises by is at most $\frac A{m^2}
\sum_i [\frac12 c(a_i, b_{\pi(i)}) + \kappa(a_i) + \frac12 c(a_i, b_{\pi(i)}) + \kappa(b_i)] = \frac
Am G$.

\textbf{3.} For $\theta > 0$ take $f = e^{-\theta G/2}$. Where $G$ rises by $s$ from $x$ on, $(f(x')
- f(x))^2 = e^{-\theta G(x)} (1 - e^{-\theta s/2})^2 \le \frac{\theta^2}4 s^2 e^{-\theta G(x)}$.
Hence $\operatorname{Var} f \le \frac{A \theta^2}{4m} \mathbb E G e^{-\theta G}$, and by Chebyshev's
inequality for one function that rises and one that falls $\mathbb E G e^{-\theta G} \le \mathbb E G
\; \mathbb E e^{-\theta G}$.

\textbf{4.} As $\mathbb E f = H(\theta/2)$ and $\mathbb E f^2 = H(\theta)$ with $H(\theta) = \mathbb
E e^{-\theta G}$, step 3 says $H(\theta) (1 - y) \le H(\theta/2)^2$ with $y = \frac{A \theta^2}{4m}
\mathbb E G < 1$. For $\theta/2$ this holds with $y/4$, and so on: $\ln H(\theta) \le -\sum_{k < j}
2^k \ln(1 - 4^{-k} y) + 2^j \ln H(2^{-j} \theta)$, whose last term tends to $-\theta \, \mathbb E
G$. Thus $\ln H(\theta) \le \varphi(y) - \theta \, \mathbb E G$.

\textbf{5.} For $\sqrt G$ take $f = e^{\theta \sqrt G/2}$. Where $G$ rises by $s \le \frac1m
h_{uv}(q)$ from $x$ on, $\sqrt G$ rises by $s' \le \frac s{2 \sqrt G}$, and as $G \ge \frac1m (c(u,
q) + \kappa_u + \kappa_q)$ and the root is concave, $s' \le r / \sqrt m$. With $x = \frac{\theta
r}{2 \sqrt m}$, $(f(x') - f(x))^2 = e^{\theta \sqrt G} (e^{\theta s'/2} - 1)^2 \le z
\frac{\theta^2}4 \frac{s^2}{4G} e^{\theta \sqrt G}$: by step 2 $\operatorname{Var} f \le \frac{A z
\theta^2}{16 m} \mathbb E e^{\theta \sqrt G}$. As in step 4, $\ln \mathbb E e^{\theta \sqrt G} \le
\theta \, \mathbb E \sqrt G + \varphi(\frac{A z \theta^2}{16m})$, since the argument of $\varphi$ at
$\theta/2$ is at most a quarter of it, as $z$ is smaller there.

\textbf{6.} By Chernoff's bound $\overline G > \mathbb E G - \frac1\theta (\frac1n \ln \frac1\delta
+ \varphi(\frac{A \theta^2}{4m} \mathbb E G))$ with probability $1 - \delta$; at $\theta^2 = \frac{4
m y}{A \, \mathbb E G}$ this is $\overline G > \mathbb E G - \tau \sqrt{\frac A{4m} \mathbb E G}$,
and $\mathbb E G = \mathbb E C + 2 \, \mathbb E \kappa$ is smaller than what solves it with $=$.
Likewise $\overline{\sqrt G} < \mathbb E \sqrt G + t \sqrt{\frac A{16m}}$, at $\theta^2 =
\frac{16my}A$, and $\mathbb E G \ge (\mathbb E \sqrt G)^2$.
""",
)
