"""Statements on deep networks with independent neurons (D)."""

from lmctheory.theorems._registry import theorem
from lmctheory.theorems.formula import Formula

_GAUSSIAN = (
    r"$\phi_l = \sigma(W_l \phi_{l-1})$, $l = 1, \dots, L$, rows of $W_l$ independent, from $N(0,"
    r" (s_w^2 / m_{l-1}) I)$; output rows $N(0, (s_{out}^2 / m_L) I)$"
)
_BIASES = "hidden biases may be added, independent and Gaussian, as weights of an activation 1"
_NAMES = {"s_w": "s_w", "s_out": r"s_{out}", "n_out": r"n_{out}"}
_WEIGHTS = {
    "s_w": "$s_w^2 / m_{l-1}$ is the variance of a hidden weight",
    "s_{out}": "$s_{out}^2 / m_L$ is the variance of an output weight",
    "n_{out}": "number of outputs",
    "L": "number of hidden layers",
}
_T = {"t": "place on the segment, in $(0, 1)$"}
_ERROR = {
    "f_A, f_B": "outputs, summed squares over $n_{out}$; B's layers in the order of A's",
    "f_t": r"output of the network with the weights $t A + (1-t) B$",
    r"\bar f": r"$t f_A + (1-t) f_B$",
    r"\mathbb E": "mean over weights and data",
}
_SATURATION = {
    "S_l": (
        r"what $\sigma$ leaves of a squared distance in layer $l$; at most $\kappa d^2$, $\kappa ="
        r" \sup |\varsigma'|^2$"
    ),
    "q_l": (
        "variance of a pre-activation of layer $l$ given the layers below; the mean over these and"
        r" over inputs is taken inside the infimum, of $3 \gamma q_l^2$ and of $\mathbb E \sup_v$"
    ),
    r"\varsigma": "the activation, over both signs of a layer",
    r"\sigma": "the activation",
    r"\lambda, \gamma": "slopes of the lines of which $S_l$ is the least",
    "d": "root mean square distance of pre-activations",
    "u, v": "pre-activations",
}
_SATURATIONS = (
    r"S_l(d^2) = \inf_{\lambda, \gamma \ge 0} \lambda d^2 + 3 \gamma q_l^2 + \mathbb E \sup_v"
    r" \bigl[|\varsigma(u) - \varsigma(v)|^2 - \lambda (u-v)^2 - \gamma v^4\bigr]",
    r"u \sim N(0, q_l), \quad \varsigma(z) = \frac{(\sigma(z), \sigma(-z))}{\sqrt 2}",
)
_QUARTIC = (
    r"$\gamma = 0$ for $l \ge 2$, unless $|\varsigma|^2$ is convex (relu, softplus, GELU): then up"
    r" to $O(1/\text{width})$"
)
_FINAL = Formula(
    r"\mathbb E |f_t - \bar f|^2",
    r"\le",
    "s_out**2*n_out*t*(1 - t)*X",
    names={**_NAMES, "X": "X_L"},
)

theorem(
    "D1",
    "Deep Gaussian networks",
    statement=(
        _FINAL,
        Formula(
            "X_1",
            "=",
            "t/(1 - t)*S((1 - t)**2*M) + (1 - t)/t*S(t**2*M)",
            names={"S": "S_1", "M": "M_1"},
        ),
        Formula(
            "X_l",
            "=",
            "w*S((s_w**2*X + (M/2 + (t - 1/2)**2*s_w**2*G)/(2*(t**2 + (1 - t)**2)))/w)",
            names={**_NAMES, "S": "S_l", "X": "X_{l-1}", "M": "M_l", "G": "G_{l-1}"},
        ),
        Formula("w", "=", "(t**2 + (1 - t)**2)/(t*(1 - t))"),
        Formula(
            "G_l",
            "=",
            "S(M + s_w**2*G)",
            names={**_NAMES, "S": "S_l", "M": "M_l", "G": "G_{l-1}"},
        ),
        r"G_0 = 0",
        *_SATURATIONS,
    ),
    symbols={
        **_ERROR,
        **_T,
        **_WEIGHTS,
        "X_l": r"bounds $\mathbb E [\frac t{1-t} |\phi^t - \phi^A|^2 + \frac{1-t}t |\phi^t -"
        r" \phi^B|^2] / m_l$ of layer $l$",
        "G_l": r"bounds $\mathbb E |\phi^A - \phi^B|^2 / m_l$ of layer $l$",
        "M_l": "matching cost per neuron of layer $l$, or any bound of it",
        "w": "sum of the weights in $X_l$",
        **_SATURATION,
    },
    status="derived",
    sources=("ferbach2024",),
    note="derived; compare Ferbach et al. 2024, Theorem 5.2",
    hypotheses=(
        "A and B independent; " + _GAUSSIAN,
        r"matched layer by layer from the input on, in the metric $\mathbb E_x \bar\phi"
        r" \bar\phi^T$, $\bar\phi = (\phi^A + \phi^B)/2$ of the layer before",
        _BIASES,
        "one $t$, fixed beforehand",
        _QUARTIC,
        r"exact for the networks' own $M_l$ and $q_l$ if $\gamma = 0$ for $l \ge 2$; computed from"
        r" kernels, exact for $L = 1$, and for $L = 2$ with $S_2(d^2) = \kappa d^2$; beyond,"
        r" kernels hold up to $O(1/\text{width})$",
    ),
    functions=("widths.deep.error_bound", "widths.deep.required_widths"),
    checks="deep",
    depends=("R11",),
    proof=r"""
\textbf{1.} Conventions. A bias is the weight of a last coordinate 1 of $\phi_{l-1}$ in all
networks. Given all layers below $l$, with the order of B's neurons there, the rows $\alpha_i$ of A
and $\beta_j$ of B (its columns in that order) are independent draws of $N(0,C)$, $C =
(s_w^2/m_{l-1})I$, with the bias variance as last entry, since orders below do not depend on them;
$\pi$ minimises $\sum_i|\alpha_i-\beta_{\pi(i)}|^2_Y$, $|v|_Y^2 = v^TYv$, $Y = \mathbb
E_x\bar\phi\bar\phi^T$ (ties at random). Let $(\alpha,\beta)$ be the pair of a uniform $i$, given
the layers below, and $\phi^A$, $\phi^B$, $p = \phi^t$ the activations below at an input, B's in
the order of A.

\textbf{2.} If the samples are exchanged, $\pi$ becomes its inverse: $(\alpha,\beta)$ and
$(\beta,\alpha)$ have one law. Each row is used once, so that $\alpha,\beta\sim N(0,C)$. Hence
$\mathbb E\alpha\beta^T = C - N$ with $N$ symmetric, and $2N = \mathbb E(\alpha-\beta)
(\alpha-\beta)^T \ge 0$. The cost of layer $l$, given the layers below, is $\operatorname{tr}(2NY)
= 2\mathbb E_x|\bar\phi|_N^2$, and its mean is $M_l$.

\textbf{3.} $N \le C$. Let $C^{1/2}YC^{1/2} = Q\operatorname{diag}(\mu)Q^T$ and $\alpha =
C^{1/2}Qg$, $\beta = C^{1/2}Qg'$: the cost is the mean of $\sum_k\mu_k(g_k-g'_k)^2$. To change the
sign of coordinate $k$ in both samples changes no cost: $\mathbb Eg_kg'_j = 0$ for $j \ne k$. Let
$h(\tau)$ be the least mean cost with $\tau$ in place of $\mu_k$. At $\tau = 0$ the optimal
permutation is independent of coordinate $k$ and may be used at $\mu_k$: $h(\mu_k) \le h(0) +
2\mu_k$; that for $\mu_k$ may be used at 0: $h(0) \le h(\mu_k) - \mu_k\mathbb E(g_k-g'_k)^2$. Hence
$\mathbb E(g_k-g'_k)^2 \le 2$ and $\mathbb Eg_kg'_k \ge 0$ if $\mu_k > 0$, and $\mathbb Eg_kg'_k =
0$ if $\mu_k = 0$. So $C - N = C^{1/2}Q\,\mathbb E[gg'^T]\,Q^TC^{1/2} \ge 0$.

\textbf{4.} Distances of pre-activations of A and B, given the layers below:
\[ \mathbb E(\alpha\cdot\phi^A - \beta\cdot\phi^B)^2 = |\phi^A-\phi^B|_C^2 + 2\langle\phi^A,
N\phi^B\rangle \le |\phi^A-\phi^B|_C^2 + 2|\bar\phi|_N^2, \]
as $\langle\phi^A,N\phi^B\rangle = |\bar\phi|_N^2 - \frac14|\phi^A-\phi^B|_N^2$. The mean over
everything is at most $s_w^2G_{l-1} + M_l$, if $G_{l-1}$ is a bound in layer $l-1$; the coordinate
1 drops out of $\phi^A - \phi^B$.

\textbf{5.} Distances on the segment. $z^t = t\alpha\cdot p + (1-t)\beta\cdot p$, so that
\[ \mathbb E(z^t-z^A)^2 = |p-\phi^A|_C^2 + 2(1-t)\langle\phi^A-tp, Np\rangle, \quad \mathbb
E(z^t-z^B)^2 = |p-\phi^B|_C^2 + 2t\langle\phi^B-(1-t)p, Np\rangle . \]
With weights $\frac t{1-t}$ and $\frac{1-t}t$ the inner products sum to $2\langle\bar\phi_t -
\theta p, Np\rangle \le |\bar\phi_t|_N^2/(2\theta)$, $\bar\phi_t = t\phi^A+(1-t)\phi^B$, $\theta =
t^2+(1-t)^2$ (the most over all $p$). Now $\bar\phi_t = \bar\phi + (t-\frac12)(\phi^A-\phi^B)$;
exchanging A and B changes the sign of $\langle\bar\phi,N(\phi^A-\phi^B)\rangle$, whose mean is
therefore 0, and by step 3 $|\phi^A-\phi^B|_N^2 \le |\phi^A-\phi^B|_C^2$. So the mean of the
weighted sum is at most
\[ x_l = s_w^2X_{l-1} + \frac{\frac12M_l + (t-\frac12)^2s_w^2G_{l-1}}{2\theta} . \]

\textbf{6.} Activations. To change the signs of all rows of layer $l$ in both networks changes
neither laws nor $\pi$: $|\sigma(u)-\sigma(v)|^2$ has the mean of $|\varsigma(u)-\varsigma(v)|^2$,
for $u = z^A$ and $v = z^B$ or $z^t$, and likewise for $u = z^B$. For all $\lambda,\gamma\ge0$ the
latter is at most $\lambda(u-v)^2 + \gamma v^4 + \sup_{v'}[|\varsigma(u)-\varsigma(v')|^2 -
\lambda(u-v')^2 - \gamma v'^4]$. Here $u\sim N(0,q_l)$ given the layers below. $z^B$ is Gaussian
with a variance of the law of $q_l$, and in the first layer $\mathbb E(z^t)^4 \le t\,\mathbb
E(z^A)^4 + (1-t)\mathbb E(z^B)^4 = 3q_1^2$ by convexity. So $\mathbb E|\sigma(u)-\sigma(v)|^2 \le
S_l(\mathbb E|u-v|^2)$. $S_l$ is an infimum of affine functions that rise: concave and rising; with
$\lambda = \kappa$, $\gamma = 0$ the supremum is 0, so that $S_l(d^2) \le \kappa d^2$.

\textbf{7.} In later layers $z^t$ is, given the layers below, the mean of two Gaussian variables of
variance $|p|_C^2$, and $\mathbb E(z^t)^4 \le 3|p|_C^4$. If $|\varsigma|^2$ is convex, $\mathbb
E|\varsigma(z^t)|^2$ is at most that of either of the two. In wide networks, where $|\phi^t|^2/m$
and $|\phi^A|^2/m$ are their means, $|p|_C^2 \le q_l$ by induction over layers: there $\gamma > 0$
may be used, and this is what is meant by it for $l \ge 2$.

\textbf{8.} The recursion. $G_l$: steps 4 and 6. $X_1$: below the first layer $p = \phi^A = \phi^B
=
x$, so that $z^t - z^A = (1-t)(z^B-z^A)$, $z^t-z^B = t(z^A-z^B)$ and $\mathbb E(z^A-z^B)^2 = M_1$.
$X_l$: let $d_A^2$, $d_B^2$ be the mean squares of $z^t-z^A$, $z^t-z^B$; as $S_l$ is concave,
$\frac t{1-t}S_l(d_A^2) + \frac{1-t}tS_l(d_B^2) \le wS_l\bigl((\frac t{1-t}d_A^2 +
\frac{1-t}td_B^2)/w\bigr) \le wS_l(x_l/w)$.

\textbf{9.} Outputs. Biases drop out, and $f_t-\bar f = tW^A(p-\phi^A) + (1-t)W^B(p-\phi^B)$ with
$p = \phi_L^t$ and independent $W^A$, $W^B$, rows of covariance $(s_{out}^2/m_L)I$: the mean square
is $n_{out}\frac{s_{out}^2}{m_L}\mathbb E[t^2|p-\phi^A|^2 + (1-t)^2|p-\phi^B|^2] \le
s_{out}^2n_{out}t(1-t)X_L$.

\textbf{10.} Bounds may replace all $M_l$, as everything rises with them. On $n$ inputs a neuron's
pre-activations, over $\sqrt n$, are given the layers below, in the metric $Y$, Gaussian vectors
whose covariance is $\frac1n(s_w^2\bar K+s_b^2)$, $\bar K$ the Gram matrix of $\bar\phi$ over
$m_{l-1}$. The matching cost is a minimum of functions linear and increasing in it, hence its mean
$F$ over the rows is concave and increasing. As $\bar K \le \frac12(K_A+K_B)$, $M_l = \mathbb
EF(\bar K) \le F(\mathbb EK_A)$, which R11 bounds; $\mathbb EK_A$ is known at all widths for $l \le
2$.
""",
)

theorem(
    "D1s",
    "Deep Gaussian networks, matchings simulated",
    statement=(
        Formula(
            r"\mathbb E |f_t - \bar f|^2",
            r"\le",
            "s_out**2*n_out*t*(1 - t)*X",
            names={**_NAMES, "X": r"\hat X_L"},
        ),
        r"\hat X_L \text{ by the recursion of D1 with } \hat M_l, \hat G_1, \hat X_1 \text{ in"
        r" place of } M_l, G_1, X_1",
        Formula(
            r"\hat M_l",
            "=",
            "U - s_w**2/4*C",
            names={**_NAMES, "U": "U_l", "C": "C_l"},
        ),
        Formula(r"\hat G_1", "=", "S(M) - V", names={"S": "S_1", "M": "U_1", "V": r"V_G"}),
        Formula(
            r"\hat X_1",
            "=",
            "t/(1 - t)*S((1 - t)**2*M) + (1 - t)/t*S(t**2*M) - V",
            names={"S": "S_1", "M": "U_1", "V": r"V_X"},
        ),
    ),
    symbols={
        **_ERROR,
        **_T,
        **_WEIGHTS,
        "U_l": (
            r"upper confidence limit of the matching cost of layer $l$, from drawn optimal"
            " matchings (R10)"
        ),
        "C_l": (
            "lower confidence limit of the mean cost of matching the layer below behind the"
            r" activation, in the metric of the drawn pairs of layer $l$; $C_1 = 0$"
        ),
        "S_1": "as in D1: there the least line, here the one that is least at a known $M_1$",
        "V_G, V_X": (
            "lower confidence limits of what lies between the line and the activation, in the mean"
            " over drawn pairs"
        ),
        r"\hat M_l, \hat G_1, \hat X_1, \hat X_L": "bounds of what they are named after in D1",
    },
    status="derived",
    sources=("hoeffding1963", "ledoux2001"),
    note="derived, with R2, R10, Hoeffding 1963",
    hypotheses=(
        "as for D1",
        r"all confidence limits together fail with probability $\delta$, over the drawn matchings"
        " alone",
    ),
    functions=("widths.simulated_error_bound", "rates.mean_lower_bound"),
    checks="deep",
    depends=("D1", "R2", "R10"),
    proof=r"""
Notation of D1's proof. The recursion rises with $M_l$, $G_1$ and $X_1$, so that bounds of these
may take their place; all confidence limits hold together with probability $1-\delta$ at least.

\textbf{1.} Let $\Lambda_l = \frac1n(s_w^2\mathbb EK_{l-1}+s_b^2)$ be the covariance that D1, step
10, has on $n$ inputs, and $\Gamma = \mathbb E[\operatorname{gram}(\phi^A-\phi^B)]/(nm_{l-1})$ for
layer $l-1$. As $\operatorname{gram}(\bar\phi) =
\frac12(\operatorname{gram}(\phi^A)+\operatorname{gram}(\phi^B)) -
\frac14\operatorname{gram}(\phi^A-\phi^B)$, the random metric $Y$ of layer $l$, as a matrix over
inputs, has the mean $\Lambda_l-\frac{s_w^2}4\Gamma$.

\textbf{2.} Draw standard normal vectors $g$, $g'$ for the neurons and match them optimally for the
metric $\Lambda_l$: that is a rule which does not depend on $Y$, and the optimal matching for $Y$
costs no more in the mean. With $C = \mathbb E(g-g')(g-g')^T$ over pairs,
\[ M_l \le \mathbb E\langle C,Y\rangle = \langle C,\Lambda_l\rangle - \tfrac{s_w^2}4\langle
C,\Gamma\rangle, \]
and $\langle C,\Lambda_l\rangle = M(m_l,\Lambda_l) \le U_l$ (R10). $C$ is diagonal in the
eigenbasis of $\Lambda_l$ (signs of coordinates).

\textbf{3.} $\langle C,\Gamma\rangle$ is the mean over neurons and networks of the squared
distance,
in the metric $C$ and over $n$, of the activations on all inputs of matched neurons of layer $l-1$.
Whatever the matching, that is at least the least matching cost $F(C)$ of two samples of $m_{l-1}$
neurons behind the activation, in the metric $C$; their rows are independent given the layers
below. $F$ is concave in the metric.

\textbf{4.} A draw for $C_l$ is the optimal matching cost of two such samples in the metric
$\operatorname{diag}(c)$, $c$ the mean squares of $g-g'$ along a drawn matching of layer $l$, of
mean
$C$. Given $c$ its mean is $F(\operatorname{diag}(c))$, and by Jensen's inequality its mean is at
most $F(C) \le \langle C,\Gamma\rangle$. So $C_l \le \langle C,\Gamma\rangle$, if the limit holds,
and $M_l \le \hat M_l$. (For $l = 1$, $\hat M_1 = U_1$.)

\textbf{5.} The first layer. Let $S_1$ be replaced by one line, fixed before the draws: slope
$\lambda$, $f(u) = \sup_v[\dots]$, $\gamma$, all as in D1, step 6. With $\Omega(u,v) =
\lambda(u-v)^2+f(u)+\gamma v^4-|\varsigma(u)-\varsigma(v)|^2 \ge 0$,
\[ \mathbb E|\varsigma(z^A)-\varsigma(z^B)|^2 = \mathbb E\bigl[\lambda(z^A-z^B)^2+f(z^A)+
\gamma(z^B)^4\bigr]-\mathbb E\Omega(z^A,z^B) \le S_1(M_1)-\mathbb E\Omega(z^A,z^B) . \]
Drawn pairs of the first layer have the law of the networks' own, so that $V_G \le \mathbb E\Omega$
if its limit holds, and $S_1(M_1) \le S_1(U_1)$: $G_1 \le \hat G_1$.

\textbf{6.} Likewise $X_1$, with the lines chosen for $z^t-z^A$ and $z^t-z^B$, whose mean squares
are $(1-t)^2M_1$ and $t^2M_1$; $V_X$ bounds the mean of $\frac t{1-t}\Omega(z^A,z^t) +
\frac{1-t}t\Omega(z^B,z^t)$.

\textbf{7.} Lower limits: a mean of independent draws $X \ge 0$ is at least that of $\min(X,\xi)$,
a bounded variable, for a number $\xi$ that does not depend on the draws (Hoeffding).
""",
)

theorem(
    "D2",
    "No permutation of a layer does better",
    statement=(
        r"\frac{1}{m_l} \mathbb E |(W_A - \Pi W_B) \phi_{l-1}|^2 \ge \mathbb E L(m_l, \Lambda),"
        r" \quad \Lambda = \frac{s_w^2}{m_{l-1}} \Sigma_{l-1} \quad \text{for every } \Pi"
    ),
    symbols={
        "W_A, W_B": "weights of layer $l$, B's columns in the order of A's neurons",
        r"\Pi": "a permutation of B's rows, chosen with knowledge of everything",
        r"\phi_{l-1}": "activations of A below the layer",
        r"\mathbb E": "mean over weights and data",
        "m_l": "width of layer $l$",
        "L": r"lower bound of the matching cost of $m_l$ neurons from $N(0, \Lambda)$ (R9, R11)",
        r"\Lambda": "covariance of what a row makes of the data, given the layers below",
        r"\Sigma_{l-1}": r"second moment of $\phi_{l-1}$ over the data",
        "s_w": "$s_w^2 / m_{l-1}$ is the variance of a weight",
    },
    status="derived",
    sources=(),
    note="derived",
    hypotheses=(
        "A and B independent; " + _GAUSSIAN,
        "B's earlier layers were permuted by functions of those layers alone",
    ),
    functions=("widths.matching_lower_bounds",),
    checks="deep",
    depends=("R9", "R11"),
    proof=r"""
\textbf{1.} Fix everything below layer $l$, and the order of B's neurons there. The rows $w_i$ of
$W_A$ and $w'_j$ of $W_B$ are independent, from $N(0, (s_w^2/m_{l-1})I)$; an order of columns that
does not depend on them leaves the law of $w'_j$ as it is.

\textbf{2.} $\mathbb E_x\langle w_i - w'_j, \phi_{l-1}\rangle^2 = |\Sigma_{l-1}^{1/2}(w_i -
w'_j)|^2$, and $\Sigma_{l-1}^{1/2}w_i$, $\Sigma_{l-1}^{1/2}w'_j$ are independent draws from
$N(0,\Lambda)$.

\textbf{3.} So the left-hand side is, for every $\Pi$, at least the least matching cost per neuron
of two samples of $m_l$ neurons from $N(0,\Lambda)$, whose expectation, given what lies below, is
at least $L(m_l,\Lambda)$ by R11. Take the expectation over what lies below.
""",
)

theorem(
    "D3",
    "The papers' widths, a tower",
    statement=(
        Formula(
            r"\tilde m_l",
            "=",
            "(T/eps)**m",
            names={"T": "T_l", "eps": r"\varepsilon", "m": r"\tilde m_{l-1}"},
        ),
        r"\tilde m_0 = m_0",
        Formula("N_F", "=", "eps**(-m_0)", names={"eps": r"\varepsilon", "m_0": "m_0"}),
        Formula("N_E", "=", "eps**(-2*m_0 - 4)", names={"eps": r"\varepsilon", "m_0": "m_0"}),
        r"\text{the last two lines for two layers: Ferbach et al.\ 2024, Entezari et al.\ 2022}",
    ),
    symbols={
        r"\tilde m_l": "neurons of hidden layer $l$ that suffice, up to constants",
        "m_0": "number of inputs",
        r"\varepsilon": "tolerance of the function error, in $(0, 1)$",
        "T_l": r"constants, not given in the paper, above $\varepsilon$",
        "N_F, N_E": "neurons of a two-layer network that suffice, up to constants",
    },
    status="rate only",
    sources=("ferbach2024", "entezari2022"),
    note="Ferbach et al. 2024, Theorem 5.2; Entezari et al. 2022; constants set to 1",
    hypotheses=(
        "rates as published; neither paper gives its constants, which are set to 1 here",
        "independent neurons, $m_0 \\ge 5$",
    ),
    functions=("widths.ferbach_deep", "widths.ferbach_two_layer", "widths.entezari_two_layer"),
    checks="deep",
)

theorem(
    "D4",
    "Approximately low-dimensional weights",
    statement=(
        Formula("M(m)", r"\le", "(sqrt(M) + 2*eta)**2", names={"M": "M_k(m)", "eta": r"\eta"}),
        Formula("M(m)", r"\le", "M + 2*eta**2", names={"M": "M_k(m)", "eta": r"\eta"}),
        r"\text{the second line if } \xi \text{ is independent of } y, \text{ of mean } 0",
    ),
    symbols={
        "M(m)": r"expected matching cost per neuron of $m$ neurons $y + \xi$",
        "m": "number of neurons in each sample",
        "M_k(m)": "that of $m$ draws of $y$, or any bound of it",
        "y": "a random vector, on a set of dimension $k$",
        r"\xi": "what a neuron has besides",
        r"\eta": r"bound of the root mean square of $|\xi|$, in units of the weights",
    },
    status="derived",
    sources=("ferbach2024",),
    note="explicit form of Ferbach et al. 2024, Theorem 5.4",
    hypotheses=(
        r"neurons $y + \xi$ independent, from one law",
        r"$\mathbb E |\xi|^2 \le \eta^2$",
    ),
    functions=(
        "widths.low_dimensional_bound",
        "widths.crossover_width",
    ),
    checks="deep",
    depends=("R11",),
    proof=r"""
\textbf{1.} Match the $y$'s optimally, at a mean cost of $M_k(m)$, and let the $\xi$'s follow. The
difference of two matched neurons is $(y - y') + (\xi - \xi')$, and in root mean square over pairs
and draws the first is at most $M_k(m)^{1/2}$, the second at most $2 \eta$: the first line by the
triangle inequality.

\textbf{2.} If $\xi$ is independent of $y$, the matching is independent of all $\xi$, of which those
of A are independent of those of B and have mean 0: the mixed term vanishes and $\mathbb E |\xi -
\xi'|^2 \le 2 \eta^2$.
""",
)

theorem(
    "D5",
    "Rows that are not Gaussian",
    statement=(
        Formula(
            "M(m)",
            r"\le",
            "s**2*F(m) + 2*(1 - v)*trace",
            names={"trace": r"\operatorname{tr} \Lambda"},
        ),
        r"\mathbb E[\zeta \mid g] = g, \quad g \sim e^{-V} N(0, s^2), \; V \text{ convex},"
        r" \quad v = \operatorname{Var} g",
    ),
    symbols={
        "M(m)": "expected matching cost per neuron of $m$ rows, in the metric",
        "m": "number of neurons in each sample",
        "F(m)": r"that of $m$ Gaussian rows $N(0, \Lambda)$, or any bound of it",
        r"\Lambda": "covariance of a row in the metric",
        r"\zeta": "a coordinate of a row, of mean 0 and variance 1, up to its scale",
        "g": r"a variable coupled with $\zeta$: its Gaussian part",
        "s, V": r"the density of $g$ is that of $N(0, s^2)$ times $e^{-V}$, up to a constant",
        "v": "variance of $g$",
    },
    status="derived",
    sources=("caffarelli2000", "strassen1965"),
    note="derived, with Caffarelli 2000 and Strassen 1965",
    hypotheses=(
        "coordinates of a row independent, symmetric, of one law; rows independent",
        "any metric, that of a finite data set for one",
    ),
    functions=("widths.non_gaussian_cost", "widths.gaussian_parts"),
    checks="deep",
    depends=("D1", "R11"),
    proof=r"""
The scale of a row belongs to the metric: let rows be $\zeta$ and squared distances
$|\zeta-\zeta'|_Y^2 = (\zeta-\zeta')^TY(\zeta-\zeta')$. Coordinates are independent, of variance 1:
$\Lambda$ has the eigenvalues of $Y$, and $\operatorname{tr}\Lambda = \operatorname{tr}Y$.

\textbf{1.} Let $(g_j,\zeta_j)$ be independent over coordinates and rows, $\mathbb E[\zeta_j\mid
g_j] = g_j$, and $r = \zeta - g$. Then $\mathbb E[r\mid g] = 0$, $\mathbb E\zeta_jg_j = \mathbb
Eg_j^2 = v$, $\operatorname{Var}r_j = 1-v$.

\textbf{2.} Match optimally by the $g$'s of both samples. Given all $g$'s, matched rows have
independent $r$, $r'$ of mean 0, so that
\[ \mathbb E|\zeta-\zeta'|_Y^2 = \mathbb E|g-g'|_Y^2 + \mathbb E|r|_Y^2 + \mathbb E|r'|_Y^2 . \]

\textbf{3.} In the mean over pairs each row counts once. Its coordinates $r_j$ are independent, of
mean 0: $\mathbb E|r|_Y^2 = \sum_jY_{jj}(1-v) = (1-v)\operatorname{tr}\Lambda$.

\textbf{4.} The vector $g$ has a density proportional to $e^{-\sum V(g_j)}$ with respect to
$N(0,s^2I)$. The image $Y^{1/2}g$ has with respect to $N(0,s^2Y)$ a density which is a mean of
$e^{-\sum V}$ over those coordinates, Gaussian and independent, that $Y^{1/2}$ forgets; it is
log-concave by Pr\'ekopa's theorem. By Caffarelli's theorem $Y^{1/2}g$ is in law a 1-Lipschitz
image of $N(0,s^2Y)$.

\textbf{5.} Matching the Gaussian vectors instead of their images costs at least as much: the first
term of step 2 is at most the cost of $N(0,s^2\Lambda)$, $s^2F(m)$.

\textbf{6.} D1 for such rows: its steps 1, 2, 4, 5, 8 and 9 use second moments and the exchange of
A
and B alone, step 6 symmetric rows if $S_l(d^2) = \kappa d^2$, as the supremum there is 0 then.
In place of its step 3, $N = C-\mathbb E\alpha\beta^T \le 2C$, as $\mathbb
E(\alpha+\beta)(\alpha+\beta)^T \ge 0$: at $t \ne \frac12$ the term with $G_{l-1}$ counts twice.
""",
)

theorem(
    "D6",
    "Dropout stability",
    statement=(
        Formula(
            r"\mathbb E |\tilde f - f|^2",
            r"\le",
            "s_out**2*n_out*Y",
            names={**_NAMES, "Y": "Y_L"},
        ),
        Formula(
            "Y_l",
            "=",
            "2*S((s_w**2*Y + M/2)/2)",
            names={**_NAMES, "S": "S_l", "Y": "Y_{l-1}", "M": "M(m_l/2)"},
        ),
        "Y_0 = 0",
        *_SATURATIONS,
    ),
    symbols={
        "f": "output of the network, squares summed over outputs",
        r"\tilde f": "output of the network of which half of every hidden layer is kept",
        r"\mathbb E": "mean over weights and data",
        **_WEIGHTS,
        "Y_l": r"bounds $\mathbb E |\tilde\phi - \phi|^2 / m_l$ of layer $l$",
        "m_l": "width of layer $l$, even",
        "M(m_l/2)": "matching cost per neuron of $m_l/2$ neurons of layer $l$, or any bound of it",
        **_SATURATION,
    },
    status="derived",
    sources=("ferbach2024", "kuditipudi2019"),
    note="derived; compare Ferbach et al. 2024, B.14, and Kuditipudi et al. 2019",
    hypotheses=(
        "one network; " + _GAUSSIAN,
        "the first half of every layer is kept, and matched with the other half, from the input on,"
        r" in the metric of $(\phi + \tilde\phi)/2$ of the layer before",
        "kept neurons take over their partners' outgoing weights beside their own",
        _BIASES,
        _QUARTIC,
        r"kernels of wide networks hold up to $O(1/\text{width})$ from the second layer on",
    ),
    functions=("widths.dropout_bound",),
    checks="deep",
    depends=("D1", "R11"),
    proof=r"""
\textbf{1.} A kept neuron with the outgoing weights of both itself and its partner acts as if the
full network had its activation in two places. So let $\tilde\phi_l$ be the vector of $m_l$ entries
that shows in the place of a dropped neuron the activation of its partner: in the thinned network a
kept neuron with the row $\alpha$ (bias included) has the pre-activation
$\alpha\cdot\tilde\phi_{l-1}$, and $\tilde f - f = W(\tilde\phi_L - \phi_L)$ with the output
weights
$W$. Matchings below layer $l$ do not depend on its rows, so that $\tilde\phi_{l-1}$, $\phi_{l-1}$
and $\psi = \frac12(\phi_{l-1}+\tilde\phi_{l-1})$ do not. Given these let $C$ be the covariance of
a row.

\textbf{2.} A kept neuron: $\mathbb E(\alpha\cdot\tilde\phi-\alpha\cdot\phi)^2 =
|\tilde\phi-\phi|_C^2$, of mean at most $s_w^2Y_{l-1}$.

\textbf{3.} A dropped one of row $\beta$, partner $\alpha$. Both halves are independent samples of
$N(0,C)$, matched in a metric that does not depend on them: as in D1, steps 2 and 4, $\mathbb
E\alpha\beta^T = C-N$, $N$ symmetric and $\ge 0$, and
\[ \mathbb E(\alpha\cdot\tilde\phi-\beta\cdot\phi)^2 = |\tilde\phi-\phi|_C^2 +
2\langle\tilde\phi,N\phi\rangle \le |\tilde\phi-\phi|_C^2 + 2|\psi|_N^2, \]
of mean at most $s_w^2Y_{l-1} + M$, as $M = M(m_l/2)$ is the mean of $2\mathbb E_x|\psi|_N^2$.

\textbf{4.} To change the signs of all rows of a layer changes neither laws nor matchings, so that
D1, step 6, applies to $u = z$, the full network's pre-activation, and $v$ the thinned one's, which
given what is below is $N(0,|\tilde\phi|_C^2)$ (in the first layer $\tilde\phi = \phi = x$). With
$d_k^2$ and $d_d^2$ the bounds of steps 2 and 3, and half of the neurons of each kind, $\mathbb
E|\tilde\phi_l-\phi_l|^2/m_l \le \frac12S_l(d_k^2)+\frac12S_l(d_d^2) \le S_l(\frac12(d_k^2+d_d^2))
= S_l(s_w^2Y_{l-1}+\frac12M)$, as $S_l$ is concave.

\textbf{5.} A concave function that is at least 0 at 0 has $S_l(x) \le 2S_l(x/2)$: the bound is at
most $Y_l$. Everything rises with $Y_{l-1}$ and $M$.

\textbf{6.} $W$ is independent of what is below, with rows of covariance $(s_{out}^2/m_L)I$:
$\mathbb E|\tilde f-f|^2 = s_{out}^2n_{out}\mathbb E|\tilde\phi_L-\phi_L|^2/m_L$.

\textbf{7.} Bounds of $M$: as in D1, step 10, with the Gram matrix of $\psi$, at most the mean of
those of $\phi$ and $\tilde\phi$. That of $\tilde\phi_1$ counts each kept neuron twice, and has the
mean of that of $\phi_1$; so kernels are exact for $l \le 2$.
""",
)

theorem(
    "D7",
    "No permutations of any layers do better",
    statement=(
        Formula(
            r"\mathbb E_u \|f_t - \bar f\|^2",
            r"\ge",
            "s_out**2*n_out*t**2*(1 - t)**2/(t**2 + (1 - t)**2)*M",
            names={**_NAMES, "M": r"M_L^*"},
        ),
        r"M_L^* = \min_\pi \frac{1}{m_L} \sum_i \mathbb E_x"
        r" \bigl(\phi^A_{L,i}(x) - \phi^B_{L,\pi(i)}(x)\bigr)^2",
    ),
    hypotheses=(
        "two networks of one architecture; any weights, activations and permutations of all layers"
        " but the output weights, which are independent of these",
        r"output weights of both have mean 0 and variance $s_{out}^2 / m_L$ and are uncorrelated",
    ),
    symbols={
        "f_t": r"output of the network with the weights $t A + (1-t) B$, B permuted in all layers",
        "f_A, f_B": "outputs, summed squares over $n_{out}$, mean over data",
        r"\bar f": r"$t f_A + (1-t) f_B$",
        r"\mathbb E_u": "mean over output weights",
        "t": "place on the segment, in $[0, 1]$",
        r"\phi^A_L, \phi^B_L": "activations of the last hidden layer, $m_L$ neurons",
        "s_{out}": "$s_{out}^2 / m_L$ is the variance of an output weight",
        "n_{out}": "number of outputs",
        r"\pi": "a permutation of the last hidden layer",
    },
    status="derived",
    sources=(),
    note="derived",
    functions=("widths.lower.last_layer_bound",),
    checks="lower",
    proof=r"""
\textbf{1.} Permutations of earlier layers do not change $\phi^B_L$. Given all but the output
weights $u, u'$, an output's error is
$\sum_i t u_i (\phi^t_i - \phi^A_i) + (1-t) u'_i (\phi^t_i - \phi^B_{\pi(i)})$, $\phi^t$ the
activations at $t$.

\textbf{2.} The mean of its square is $s_{out}^2 / m_L$ times the sum of
$t^2 (\phi^t_i - \phi^A_i)^2 + (1-t)^2 (\phi^t_i - \phi^B_{\pi(i)})^2$.

\textbf{3.} For every number $\phi^t_i$ this is at least $\frac{t^2 (1-t)^2}{t^2 + (1-t)^2}
(\phi^A_i - \phi^B_{\pi(i)})^2$.
""",
)
