"""The statement on deep networks with high probability (D8)."""

from lmctheory.theorems._registry import theorem
from lmctheory.theorems.formula import Formula

_NAMES = {
    "tau": r"\tau",
    "theta": r"\vartheta",
    "kappa": r"\kappa",
    "ell": r"\ell",
    "s_w": "s_w",
    "delta": r"\delta_h",
    "X": r"\bar x_{l-1}",
    "M": "M_l",
    "T": r"\bar T_{i-1}",
    "lam": r"\operatorname{tr} \Lambda_l",
    "J": "J_i",
    "nu": r"\nu_i",
}

theorem(
    "D8",
    "Deep Gaussian networks, with high probability",
    statement=(
        r"P\bigl( \|e\|^2 > s_{out}^2 n_{out}\, x_k(\delta_o)\, \bar T_L \bigr) \le \delta_o +"
        r" \delta_h",
        r"x_k(\delta) = \frac 1\delta P(\chi^2_{k+2} \ge q), \quad P(\chi^2_k \ge q) = \delta",
        Formula(
            r"\sqrt{\bar T_l}",
            "=",
            "sqrt(tau*x) + sqrt(2*log((3*L - 2)/delta)*Sum(a(i)/m(i), (i, 1, l)))",
            names={**_NAMES, "x": r"\bar x_l", "m": "m"},
            indexed=("a", "m"),
        ),
        Formula(
            "a_i",
            "=",
            "theta**(l - i)*(J**2 + (l - i)*tau*ell**2*nu**2/2)",
            names=_NAMES,
        ),
        Formula("J_i", "=", "h*nu + sqrt(1 - 2*tau)*ell*s_w*sqrt(T)", names=_NAMES),
        r"\nu_1^2 = \|\Lambda_1\|, \quad \bar T_0 = 0",
        Formula(
            r"\nu_l",
            "=",
            "sqrt(lam) + s_w*ell*sqrt(2*log((3*L - 2)/delta)*Sum(theta**(l - 1 - j)*nu(j)**2/m(j),"
            " (j, 1, l - 1)))",
            names={**_NAMES, "nu": r"\nu", "m": "m"},
            indexed=("nu", "m"),
        ),
        Formula(
            r"\bar x_l",
            "=",
            "kappa*(s_w**2*X + M/(4*(1 - 2*tau)))",
            names=_NAMES,
        ),
        r"\bar x_1 = X_1 \text{ of D1}",
        r"h = \max_{a, b, b' \in \{\alpha, \beta\}} \left\| \begin{pmatrix} t(ta - b) & \tau a \\"
        r" \tau a & (1-t)((1-t)a - b') \end{pmatrix} \right\|",
    ),
    symbols={
        "e": r"$f_t - t f_A - (1-t) f_B$, B's layers in the order of A's",
        r"\|e\|^2": "sum of squares over outputs, mean over the data",
        "f_A, f_B": "outputs of the networks",
        "f_t": r"output of the network with the weights $t A + (1-t) B$",
        "t": "place on the segment, in $(0, 1)$",
        r"\tau": "$t(1-t)$",
        r"\delta_o, \delta_h": "failure probabilities, of output weights and of hidden weights",
        r"\delta": "a failure probability",
        "s_w": "$s_w^2 / m_{l-1}$ is the variance of a hidden weight",
        "s_{out}": "$s_{out}^2 / m_L$ is the variance of an output weight",
        "n_{out}": "number of outputs",
        "k": (
            r"any number with $\lambda_{\max} k \le n_{out} \bar T_L$, for eigenvalues"
            r" $\lambda_j$ of $e$'s covariance on the data, of one output, given the hidden layers"
            r" ($s_{out} = 1$); $k = n_{out}$ always will do"
        ),
        "q": r"the level that $\chi^2_k$ exceeds with probability $\delta$",
        r"\bar T_l": (
            r"bounds $T_l = \frac{1}{m_l} \bigl( t^2 |\phi^t_l - \phi^A_l|^2 + (1-t)^2 |\phi^t_l -"
            r" \phi^B_l|^2 \bigr)$, mean over the data"
        ),
        r"\bar x_l": r"bounds $\mathbb E\, T_l / \tau$, by D1's recursion",
        "M_l": (
            r"matching cost per neuron of layer $l$ in the metric of $t \phi^A + (1-t) \phi^B$ of"
            " the layer before, or any bound of it, whatever that layer's permutation is"
        ),
        "a_i": "squared Lipschitz constants, times $m_i$; others for every $l$",
        "J_i": r"of that of $\sqrt{T_i}$ in the weights of layer $i$, the root",
        r"\nu_l": "bounds root mean squares of pre-activations",
        r"\Lambda_l": (
            r"mean covariance of a neuron's pre-activations of layer $l$ on the $n$ examples,"
            " over $n$"
        ),
        r"\kappa, \ell": (
            r"$\kappa = \sup_z \frac12 (\sigma'(z)^2 + \sigma'(-z)^2)$, $\ell$ the Lipschitz"
            r" constant of the activation $\sigma$"
        ),
        r"\vartheta": r"$\kappa s_w^2$",
        r"\alpha, \beta": r"bounds of slopes, $\alpha \le \sigma' \le \beta$",
        "h": "the largest norm of such a matrix",
        "m_l, L": "widths of hidden layers, and their number",
    },
    status="derived",
    sources=("ledoux2001",),
    note="derived: Gaussian concentration layer after layer, convex order at the output",
    hypotheses=(
        r"A and B independent; $\phi_l = \sigma(W_l \phi_{l-1} + b_l)$, rows of $W_l$ independent,"
        r" from $N(0, (s_w^2 / m_{l-1}) I)$; biases independent, from $N(0, s_b^2)$; output rows"
        r" $N(0, (s_{out}^2 / m_L) I)$",
        r"permutations are chosen layer by layer from the input on, $\pi_l$ to make $T_l$ least;"
        " so they see no output weights",
        "one $t$, fixed beforehand",
        r"exact for $L \le 2$; beyond, kernels hold up to $O(1/\text{width})$, as in D1",
    ),
    functions=(
        "widths.deep.error_quantile",
        "widths.chi_square_factor",
        "widths.effective_outputs",
    ),
    checks="high_probability",
    depends=("D1", "R10"),
    proof=r"""Data norms: $\|v\|^2 = \frac1n \sum_x |v(x)|^2$. $F_l$ stands for all weights of
layers $1, \dots, l$ of both networks, $c = t^2 + (1-t)^2 = 1 - 2\tau$, $\vartheta = \kappa s_w^2$,
and $\bar\phi_l = t \phi^A_l + (1-t) \phi^B_l$. Write all weights and biases as $s_w
m_{l-1}^{-1/2}$ and $s_b$ times standard normal numbers. A neuron of layer $l$ with these numbers
$g$ has the pre-activation $\langle g, y \rangle$, where $y = (s_w m_{l-1}^{-1/2} \phi_{l-1},
s_b)$; let $y^A, y^B, y^t$ belong to the three networks.

\emph{Step 1, weighted chi-squares.} Let $Y_j$ be independent, $\chi^2_n$, $\lambda_j \ge 0$,
$\sum_j \lambda_j \le \bar T$, $k \lambda_j \le n \bar T$, $k > 0$. Then $\sum_j \lambda_j Y_j$
is at most $\frac{n \bar T}{k} \chi^2_k$ in increasing convex order. To see it, add weights until
$\sum_j \lambda_j = \bar T$, which only increases the sum. Let $G_s$ be a process with independent
stationary increments and $G_s \sim \chi^2_s$. For $r \le s$, $\mathbb E[G_r / r \mid G_s] = G_s /
s$ (for rational $r/s$ the increments over equal pieces are exchangeable; the other $r$ by
continuity), so that $\frac rs G_s$ is at most $G_r$ in convex order (Jensen). With $r_j = k
\lambda_j / \bar T \le n$ we have $\lambda_j Y_j = \frac{n \bar T}{k} \frac{r_j}{n} Y_j$, and
$\frac{r_j}{n} Y_j$ is at most a $\chi^2_{r_j}$ in convex order; no $\chi^2_{r_j}$ is needed where
$r_j = 0$. Convex order is kept by sums of independent variables, and $\sum_j r_j = k$.

\emph{Step 2, from convex order to levels.} If $S$ is at most $Y$ in increasing convex order and
$Y$ has a continuous law, $P(Y \ge q) = \delta$, then $P(S > \mathbb E[Y \mid Y \ge q]) \le
\delta$. For let $z = \mathbb E[Y \mid Y \ge q] > q$; by Markov's inequality $P(S > z) \le \mathbb
E (S - q)^+ / (z - q) \le \mathbb E (Y - q)^+ / (z - q)$, and $\mathbb E (Y - q)^+ = \delta (z -
q)$. For $Y = \chi^2_k$ the mean is $\mathbb E[Y; Y \ge q] / \delta = k P(\chi^2_{k+2} \ge q) /
\delta = k x_k(\delta)$.

\emph{Step 3, the output layer.} Given $F_L$, the output error is $e = u (t \phi^t - t \phi^A) + u'
((1-t) \phi^t - (1-t) \phi^B)$ with independent normal output rows $u, u'$ (permuting B's columns
by a function of $F_L$ leaves their law). Hence the outputs are independent Gaussian vectors over
the data, and $\|e\|^2 = s_{out}^2 \sum_j \lambda_j Y_j$, $Y_j \sim \chi^2_{n_{out}}$, $\sum_j
\lambda_j = T_L$. If $T_L \le \bar T_L$, steps 1 and 2 with $n = n_{out}$ say that $\|e\|^2 \le
s_{out}^2 n_{out} \bar T_L x_k(\delta_o)$ but for a conditional probability $\delta_o$. As
$\lambda_j \le T_L$, $k = n_{out}$ is allowed. It remains to show $P(T_L > \bar T_L) \le \delta_h$.

\emph{Step 4, one layer in the mean.} Let $\Phi_l$ be the mean over layer $l$ of its least matching
cost in the metric of $\bar\phi_{l-1}$, a function of the Gram matrix of $\bar\phi_{l-1}$, hence of
$F_{l-1}$ and of the permutations $\pi_1, \dots, \pi_{l-1}$; let $\Phi_l^*$ be its largest value
over all $\pi_{l-1}$ (those of earlier layers do not change the activations of A and B). Then for
$l \ge 2$
\[ \mathbb E[T_l \mid F_{l-1}] \le \vartheta T_{l-1} + \frac{\kappa \tau}{4c} \Phi_l^*, \qquad
\mathbb E\, T_1 \le \tau \bar x_1. \]
For $\pi_l$ makes $T_l$ least, so that the permutation that is optimal in the metric of
$\bar\phi_{l-1}$ gives no less. Under that one, flipping the signs of layer $l$ in both networks
changes neither the law nor the permutation, so $\kappa$ times the squared distance of
pre-activations bounds that of activations in the mean. A matched pair of standardised rows $(g,
g')$ is exchangeable, as both samples enter alike: $\mathbb E\, g g^T = \mathbb E\, g' g'^T = I$,
$\mathbb E\, g g'^T = I - N$, where $N = \frac12 \mathbb E (g - g')(g - g')^T$ is symmetric and at
least 0. Hence
\[ \mathbb E \bigl( \langle t g + (1-t) g', y^t \rangle - \langle g, y^A \rangle \bigr)^2 = |y^t -
y^A|^2 + 2 (1-t) \langle y^t, N (y^A - t y^t) \rangle, \]
and likewise for B. Weighted by $t^2$ and $(1-t)^2$, and as $t^2 (1-t) = \tau t$, the terms with
$N$ are $2 \tau \langle y^t, N (\bar y - c y^t) \rangle \le \frac{\tau}{2c} \langle \bar y, N \bar
y \rangle$ with $\bar y = t y^A + (1-t) y^B$; the mean over the data of $2 \langle \bar y, N \bar y
\rangle$ is $\Phi_l$; and the others are $s_w^2 T_{l-1}$ in the mean over the data. The case $l =
1$ is D1's.

\emph{Step 5, the chain of means.} Fix $l$. For $i \le l$ let
\[ V_i = \vartheta^{l-i} T_i + \sum_{i < j \le l} \frac{\kappa \tau}{4c} \vartheta^{l-j}\, \mathbb
E[\Phi_j^* \mid F_i]. \]
Then $V_l = T_l$; step 4 gives $\mathbb E[V_i \mid F_{i-1}] \le V_{i-1}$ for $2 \le i \le l$, and
$\mathbb E V_1 \le \tau \bar x_l$ as soon as $M_j \ge \mathbb E\, \Phi_j^*$. So it is for $M_j$
from the mean kernels: the cost is a concave monotone function of the Gram matrix, and that of
$\bar\phi$ is at most $t$ and $1-t$ times those of $\phi^A$ and $\phi^B$, whatever the permutation.
At $t = \frac12$ it is also so for what averaging takes off, which counts least costs over all
permutations.

\emph{Step 6, Lipschitz constants of $\sqrt{T_i}$.} Given $F_{i-1}$ and a permutation $\pi_i$,
$\sqrt{T_i}$ is $m_i^{-1/2}$ times the norm of the vector $(t (\phi^t - \phi^A), (1-t) (\phi^t -
\phi^B))$. If the standard normal rows of layer $i$ move by $\gamma$ in A and $\gamma'$ in B, in
the order $\pi_i$, activations move by secant slopes $a, b, b' \in [\alpha, \beta]$ times the
movement of pre-activations, and the vector moves, on every example and neuron, by
\[ \bigl( t [a \langle t \gamma + (1-t) \gamma', y^t \rangle - b \langle \gamma, y^A \rangle],
(1-t) [a \langle t \gamma + (1-t) \gamma', y^t \rangle - b' \langle \gamma', y^B \rangle] \bigr).
\]
Replace $y^t$ by $y^A$ beside $\gamma$ and by $y^B$ beside $\gamma'$. What is then left is the
two-by-two matrix of the statement applied to $(\langle \gamma, y^A \rangle, \langle \gamma', y^B
\rangle)$: its norm is convex in $(a, b, b')$, at most $h$, and $\| \langle \gamma, y^A \rangle \|
\le \nu |\gamma|$ if $\nu^2$ bounds the norm of the second moment of $y^A$, and of $y^B$. The error
made is $a\, (t, 1-t)$ times $t \langle \gamma, y^t - y^A \rangle + (1-t) \langle \gamma', y^t -
y^B \rangle$, of norm at most $\ell \sqrt c\, \bigl( t^2 \|y^t - y^A\|^2 + (1-t)^2 \|y^t - y^B\|^2
\bigr)^{1/2} (|\gamma|^2 + |\gamma'|^2)^{1/2} = \ell \sqrt c\, s_w \sqrt{T_{i-1}}\, (|\gamma|^2 +
|\gamma'|^2)^{1/2}$. So $\sqrt{T_i}$ has the Lipschitz constant $m_i^{-1/2} (h \nu + \sqrt c\, \ell
s_w \sqrt{T_{i-1}})$ for every $\pi_i$, hence also its least value over $\pi_i$. For $i = 1$, $T_0
= 0$ and the second moment has the norm $\|\Lambda_1\|$; for $i \ge 2$ the norm is at most the
trace, $\|y^A\|^2$.

\emph{Step 7, Lipschitz constants of the costs to come.} For two sets of activations $\bar\phi,
\tilde\phi$ of layer $j - 1$, $\sqrt{\Phi_j}$ differs by at most $\sqrt 2 s_w m_{j-1}^{-1/2}
\|\bar\phi - \tilde\phi\|$: match for $\tilde\phi$, and use $\mathbb E (g - g')(g - g')^T \le 2 I$,
that is $N \le I$. This holds along each principal axis of the metric, where $N$ is diagonal
(flipping the sign of one coordinate of all rows changes nothing), as the optimal cost is a concave
function of the weight of that axis, so that its slope $2 N_{kk}$ is at most the slope 2 at weight
0, where the matching is independent of the coordinate. So $\sqrt{\Phi_j^*}$ moves by at most
$\sqrt 2 s_w m_{j-1}^{-1/2} (t \|\Delta^A_{j-1}\| + (1-t) \|\Delta^B_{j-1}\|)$, $\Delta$ the
movements of activations of A and B. If the weights of layer $i$ move by $\gamma^A, \gamma^B$ (all
neurons together), $\|\Delta^A_i\| \le \ell \nu |\gamma^A|$, and each later layer multiplies
$\mathbb E \|\Delta\|^2 / m$ by $\vartheta$ at most (both signs of the layer). By Minkowski's
inequality in $L_2$ of the weights of layers $i+1, \dots, j-1$, $(\mathbb E[\Phi_j^* \mid
F_i])^{1/2}$ has in the weights of layer $i$ the Lipschitz constant $\sqrt{2 c}\, s_w
\vartheta^{(j-1-i)/2} \ell \nu\, m_i^{-1/2}$.

\emph{Step 8, one step of the chain.} $\sqrt{V_i}$ is the norm of a vector of functions, so its
squared Lipschitz constant is at most the sum of theirs. With steps 6 and 7, and $s_w^2 \kappa =
\vartheta$, this is at most $a_i / m_i$ where $\nu$ is at most $\nu_i$ and $T_{i-1}$ at most
$\bar T_{i-1}$: each $j$ contributes $\frac{\kappa \tau}{4c} \vartheta^{l-j} \cdot 2 c s_w^2
\vartheta^{j-1-i} \ell^2 \nu_i^2 = \frac{\tau}{2} \vartheta^{l-i} \ell^2 \nu_i^2$. By Gaussian
concentration (Herbst), $D_i = \sqrt{V_i} - \mathbb E[\sqrt{V_i} \mid F_{i-1}]$ has $\mathbb E[e^{s
D_i} \mid F_{i-1}] \le e^{s^2 a_i / (2 m_i)}$ there, and $\sqrt{V_i} \le \sqrt{V_{i-1}} + D_i$
by Jensen's inequality and step 5.

\emph{Step 9, events.} Let $\epsilon = \delta_h / (3L - 2)$. For every $l \le L$ consider the event
that $\sqrt{T_l} > \sqrt{\bar T_l}$, and for $2 \le l \le L$ the events that $\|y^A\|$ or $\|y^B\|$
of layer $l$ exceeds $\nu_l$: $3L - 2$ in all. Each depends on $F_l$, on $F_{l-1}$ the latter ones.
Let $D'_i = D_i$ where none of those that $F_{i-1}$ decides has happened, and 0 elsewhere. Then
$\mathbb E\, e^{s \sum_{i \le l} D'_i} \le e^{s^2 \sum_{i \le l} a_i / (2 m_i)}$, and $\sum_i
D'_i$ exceeds $(2 \ln \frac1\epsilon \sum_i a_i / m_i)^{1/2}$ with probability $\epsilon$ at
most. So the probability that the event of $T_l$ happens while no earlier one has is at most
$\epsilon$. The same goes for $\|y^A\|$ of layer $l$, with the chain $(\mathbb E[\|y^A\|^2 \mid
F_i])^{1/2}$, $i \le l - 1$, whose start is at most $\sqrt{\operatorname{tr} \Lambda_l}$ and whose
Lipschitz constant in layer $i$ is $s_w \vartheta^{(l-1-i)/2} \ell \nu_i m_i^{-1/2}$, as in step 7.
If any event happens, some event is the first; the union bound gives $\delta_h$.""",
)
