"""Statements on components of minima, and on segments within orbits of symmetries (S4 to S7)."""

from lmctheory.theorems._registry import theorem
from lmctheory.theorems.formula import Formula

_LINEAR = {
    "W_i": r"weights of layer $i$, $n_i \times n_{i-1}$",
    "l": "number of layers of weights",
    "n_i": r"widths: $n_0$ inputs, $n_1, \dots, n_{l-1}$ hidden, $n_l$ outputs",
    "Y": "the matrix that a network computes",
    "r": "rank of $Y$",
}

theorem(
    "S4",
    "Components of linear networks of one function",
    statement=(
        r"\{(W_1, \dots, W_l) : W_l \cdots W_1 = Y\} \text{ has } 2^b \text{ components}",
        r"b = \#\{0 < i < l : n_i = r\}",
        r"\text{modulo permutations of hidden neurons } 1 \; (r \ne 1), \; 2^b \; (r = 1)",
        r"\text{modulo signed permutations } 1",
    ),
    symbols={**_LINEAR, "b": "number of hidden layers of width $r$"},
    status="derived",
    sources=("trager2020", "zhao2025"),
    note="derived; without permutations Trager et al. 2020, square layers Zhao et al. 2025",
    hypotheses=(
        "linear layers without biases, real weights",
        r"$r \le n_i$ for all $i$, as otherwise no network computes $Y$",
        "the components are those of a set of weights: they say which networks curves connect, not"
        " which ones segments do",
    ),
    functions=("matching.minima_components", "matching.orientations"),
    checks="orbits",
    proof=r"""
\textbf{1.} If $W_i$ is replaced by $g W_i$ and $W_{i+1}$ by $W_{i+1} g^{-1}$, $0 < i < l$, with
an invertible $g$, the product stays. Those $g$ whose determinant is positive are connected with
the identity by a path of such, so that the network stays in its component. Let $Y = CB$ with $r$
independent columns of $C$ and $r$ independent rows of $B$.

\textbf{2.} Every network is connected with one whose $W_1$ has the rows of $D_1 B$ and then
zeros, whose $W_i$, $1 < i < l$, has $D_i$ as its first $r$ rows and columns and zeros elsewhere,
and whose $W_l$ has the columns of $C D_{l-1} \cdots D_1$ and then zeros; $D_i =
\operatorname{diag}(1, \dots, 1, \varepsilon_i)$, $\varepsilon_i = \pm 1$, and $\varepsilon_i = 1$
unless $n_i = r$. If $l = 1$ the set is one point. Otherwise let $\Pi$ project orthogonally onto
the rows of $Y$: $W_1(\Pi + (1-s)(I - \Pi))$, $0 \le s \le 1$, leaves the product $Y(\Pi +
(1-s)(I-\Pi)) = Y$, and ends at $W_1 = wB$. As $W_l \cdots W_2 w B = Y$ has rank $r$, so has $w$.
Some $g$ with a positive determinant takes $w$ to $D_1$ and zeros below: if $n_1 > r$ complete $w$
to an invertible matrix, with the sign of the last column as it has to be, and take the inverse;
if $n_1 = r$ take $g = D_1 w^{-1}$, $\varepsilon_1$ the sign of $\det w$. Step 1 leads to $gw$.
Now, for $i = 2$ and so on, $W_{i-1} \cdots W_1$ has the rows of $E B$, $E = D_{i-1} \cdots D_1$,
and then zeros: all columns of $W_i$ but the first $r$ multiply zeros and may be shrunk to 0, and
these, $w$, have rank $r$, are treated as before if $i < l$, and are $C E^{-1} = C E$ if $i = l$.
(For $r = 0$ all weights are shrunk to 0.)

\textbf{3.} Let $n_i = r$, $0 < i < l$. The rows of $P_i = W_i \cdots W_1$ span those of $Y$, and
are only $r$: $P_i = G_i B$, where $G_i = P_i B^\top (B B^\top)^{-1}$ is invertible and
continuous. The sign of $\det G_i$ is therefore the same on a component. It is $\varepsilon_1
\cdots \varepsilon_i$ in step 2: the signs for all such $i$ give all $\varepsilon_i$. Hence no two
of the $2^b$ networks of step 2 are connected.

\textbf{4.} A permutation $P$ of the neurons of layer $i$ makes $G_i$ to $P G_i$, and leaves the
others, as $W_{i+1} P^\top P W_i = W_{i+1} W_i$. It changes the sign if and only if it is odd. If
$n_i = r \ge 2$ there are odd ones, so that every pattern of signs is reached from every other; a
single neuron, $r = 1$, has none. For $r = 0$ there is one component anyway. To negate one neuron
changes the sign of $\det G_i$ for every $r \ge 1$.
""",
)

theorem(
    "S5",
    "The pass between components of minima",
    statement=(
        r"\min_\gamma \max_s \mathcal E(\gamma(s)) = \sigma_r(Y \Sigma^{1/2})^2"
        r" \; \text{ between components of minima}",
        r"\max_s \mathcal E(\gamma(s)) \ge \sigma_r(Y \Sigma^{1/2})^2"
        r" \; \text{ if } d_i(\gamma(0)) \, d_i(\gamma(1)) < 0 \text{ for some } i",
        r"d_i = \det(W_i \cdots W_1 \Sigma^{1/2} V)",
        r"\mathcal E = \mathbb E |W_l \cdots W_1 x - y|^2 - \mathbb E |Yx - y|^2",
    ),
    symbols={
        **_LINEAR,
        "Y": "the matrix of the regression of $y$ on $x$",
        r"\gamma(s)": "a path of weights, continuous, on $[0, 1]$; in the first line any whose"
        " ends are minima of two given components",
        r"\mathcal E": "excess of the squared loss over its minimum",
        r"\Sigma": "second moment of the inputs",
        r"\sigma_r": "singular value number $r$, the least positive one",
        "V": r"right singular vectors of $Y \Sigma^{1/2}$ of its $r$ positive singular values",
        "x": "inputs",
        "y": "targets",
        "i": "a hidden layer of width $r$",
    },
    status="derived",
    sources=(),
    note="derived",
    hypotheses=(
        "linear layers without biases, real weights, squared loss",
        r"$\Sigma$ is invertible, and $1 \le r \le n_i$ for all $i$",
        "there is a hidden layer of width $r$, or minima have one component",
    ),
    depends=("S4",),
    functions=("matching.lowest_pass", "matching.orientations"),
    checks="orbits",
    proof=r"""
\textbf{1.} $\mathcal E = |(W - Y) \Sigma^{1/2}|^2$, $W = W_l \cdots W_1$, as $\mathbb E (Yx - y)
x^\top = 0$. So minima are the networks that compute $Y$, and S4 counts their components.

\textbf{2.} $d_i$, a determinant of $r$ rows and columns, is continuous in the
weights: if its signs differ at the ends of a path, it vanishes somewhere. There $W \Sigma^{1/2} V
z = 0$ for a unit vector $z$, and $|(W - Y) \Sigma^{1/2}| \ge |(W - Y) \Sigma^{1/2} V z| = |Y
\Sigma^{1/2} V z| \ge \sigma_r(Y \Sigma^{1/2})$.

\textbf{3.} For minima the determinant is $\det G_i \det(B \Sigma^{1/2} V)$ with S4's $G_i$ and
one and the same second factor, which is not 0: between different components the signs differ for
some $i$.

\textbf{4.} Let $Y \Sigma^{1/2} = \sum_{k \le r} \sigma_k u_k v_k^\top$. In S4 take $B$ with the
rows $v_k^\top \Sigma^{-1/2}$ and $C$ with the columns $\sigma_k u_k$: minima are connected, by
minima, with those of step 2 there. From one of these to another: first shrink row $r$ of $W_1$ to
0, by $1 - s$; the excess is $s^2 \sigma_r^2$. Then change the signs $\varepsilon$ in all other
layers, along segments; the product stays, as row $r$ of the first factor is 0. Then let row $r$
of $W_1$ grow to what it is to be. The excess never exceeds $\sigma_r^2$.
""",
)

theorem(
    "S6",
    "Chords of curves of constant loss",
    statement=(
        Formula(
            r"|\gamma(t) - \bar\gamma_t|",
            r"\le",
            "K*t*(1 - t)/2",
        ),
        Formula(
            r"L(\bar\gamma_t) - L(\gamma(t))",
            r"\le",
            "G*delta + beta/2*delta**2",
            names={"delta": r"\delta_t", "beta": r"\beta"},
        ),
        r"K = \max(|A^2 \gamma(0)|, |A^2 \gamma(1)|) \; \text{ if } \gamma(s) = e^{sA} \gamma(0),"
        r" \; A A^\top = A^\top A",
        Formula(
            r"|\gamma(\tfrac12) - \bar\gamma_{1/2}|",
            r"\le",
            "2*sin(kappa*ell/4)**2/kappa",
            names={"kappa": r"\kappa", "ell": r"\ell"},
        ),
    ),
    symbols={
        r"\gamma": "a curve of parameters on $[0, 1]$",
        r"\bar\gamma_t": r"$t \gamma(1) + (1-t) \gamma(0)$, its chord",
        "t": "a place, in $[0, 1]$",
        "s": "a place, in $[0, 1]$",
        "K": r"the largest $|\gamma''|$",
        r"\delta_t": "the bound of the first line",
        "L": r"the loss; if constant on $\gamma$ the second line bounds the barrier of the chord",
        "G": r"the largest $|\nabla L|$ on $\gamma$; 0 where it consists of stationary points",
        r"\beta": r"$\ge 0$, and no less than any eigenvalue of the Hessian of $L$ on the segment"
        r" from $\gamma(t)$ to $\bar\gamma_t$",
        "A": "a matrix on parameters",
        r"\kappa": r"largest curvature of $\gamma$, in the last line, where its speed is constant",
        r"\ell": "its length, in the last line",
    },
    status="derived",
    sources=("zhao2025",),
    note="derived; compare Zhao et al. 2025",
    hypotheses=(
        r"$\gamma$ has a Lipschitz derivative",
        r"in the last line the speed is constant and $0 < \kappa \ell \le \pi$",
    ),
    functions=(
        "matching.chord_distance",
        "matching.chord_barrier",
        "matching.orbit_acceleration",
        "matching.sagitta",
    ),
    checks="orbits",
    proof=r"""
\textbf{1.} $\gamma(t) - \bar\gamma_t = -\int_0^1 g(t, s) \gamma''(s)\,ds$ with $g(t, s) = \min(t,
s) (1 - \max(t, s)) \ge 0$, and $\int_0^1 g(t, s)\,ds = t(1-t)/2$. Equality for parabolas, at
every $t$.

\textbf{2.} By Taylor's formula on the segment from $\gamma(t)$ to $\bar\gamma_t$,
$L(\bar\gamma_t) - L(\gamma(t)) \le |\nabla L(\gamma(t))| |\bar\gamma_t - \gamma(t)| + \frac\beta2
|\bar\gamma_t - \gamma(t)|^2$. If $G = 0$ it is at most $\beta K^2/128$, and no smaller constant
will do: $L = \frac\beta2 (|\theta| - 1)^2$ and short arcs of the unit circle.

\textbf{3.} A normal $A$ has orthogonal eigenspaces: $|A^2 e^{sA} \theta|^2 = \sum_\lambda
|\lambda|^4 e^{2 s \operatorname{Re} \lambda} |\theta_\lambda|^2$, which is convex in $s$ and at
most the larger of its values at the ends. ($W_1 \mapsto X W_1$, $W_2 \mapsto -W_2 X$ is normal if
$X$ is.)

\textbf{4.} Let $\gamma$ be parametrised by its length, $u$ a unit vector and $\sin \theta =
\gamma' \cdot u$. As $\gamma'' \perp \gamma'$, $|\gamma'' \cdot u| \le \kappa \cos \theta$, so
that $\theta$ is $\kappa$-Lipschitz. Hence $(\gamma(\tfrac\ell2) - \bar\gamma) \cdot u = \frac12
\int_0^{\ell/2} [\sin \theta(\tfrac\ell2 - s) - \sin \theta(\tfrac\ell2 + s)]\,ds \le
\int_0^{\ell/2} \sin \kappa s\,ds = (1 - \cos(\kappa \ell/2))/ \kappa$, as $\sin a - \sin b \le 2
\sin(|a - b|/2)$ for $|a - b| \le \pi$. Arcs of circles attain it.
""",
)

theorem(
    "S7",
    "The segment to a transformed hidden layer",
    statement=(
        r"f_t - f = t(1-t) U (g + g^{-1} - 2I) \varphi",
        Formula(
            "f_t - f",
            "=",
            "4*t*(1 - t)*Sum(((exp(s(i)/2) - exp(-s(i)/2))/2)**2*u(i)*phi(i), (i, 1, m))",
            names={"phi": r"\varphi"},
            indexed=("s", "u", "phi"),
        ),
        r"\mathrm{barrier}(t) = \mathbb E |f_t - f|^2",
    ),
    symbols={
        "f": r"$U \varphi(x)$, what both ends compute, up to an output bias",
        "f_t": "the network at $t$ on the segment from $(W, U)$ to $(gW, U g^{-1})$",
        "t": "place on the segment, in $[0, 1]$",
        "W": "incoming weights of the hidden layer, with biases",
        "U": "outgoing weights, columns $u_i$",
        r"\varphi": r"activations $\sigma(W x)$",
        "g": "an invertible matrix",
        "s": r"logarithms of scales, $g = \operatorname{diag}(e^{s_i})$, in the second line",
        "m": "width of the hidden layer",
        r"\mathrm{barrier}": "of the mean squared loss, in the third line",
    },
    status="derived",
    sources=(),
    note="derived; an identity",
    hypotheses=(
        r"$\sigma$ commutes with $(1-t) I + t g$ for all $t$: any $g$ if $\sigma$ is the identity,"
        r" positive diagonal $g$ if it is positively homogeneous",
        "for the third line the loss is squared, and stationary in $U$",
    ),
    functions=("matching.orbit_error",),
    checks="orbits",
    proof=r"""
\textbf{1.} The network at $t$ is $U ((1-t) I + t g^{-1})\, \sigma(((1-t) I + t g) W x)$, and
$\sigma$ commutes with the second factor. $((1-t) I + t g^{-1}) ((1-t) I + t g) = I + t(1-t) (g +
g^{-1} - 2I)$.

\textbf{2.} For $g = \operatorname{diag}(e^{s_i})$ this is $e^{s_i} + e^{-s_i} - 2 = (e^{s_i/2} -
e^{-s_i/2})^2$ on the diagonal; a rotation by $\omega$ in a plane gives $2 \cos \omega - 2 = -4
\sin^2 (\omega/2)$ there.

\textbf{3.} With $e = f_t - f$, $\mathbb E |f_t - y|^2 - \mathbb E |f - y|^2 = 2 \mathbb E (f - y)
\cdot e + \mathbb E |e|^2$; $e$ is a matrix times $\varphi$, and stationarity in $U$ is $\mathbb E
(f - y) \varphi^\top = 0$.
""",
)
