"""Statements on two given networks (C), and on what their barrier is made of (B)."""

from lmctheory.theorems._registry import theorem
from lmctheory.theorems.formula import Formula

_PAIR = (
    "two networks $A$ and $B$ of one architecture, affine layers and pointwise activations; for"
    " convolutions, pooling and sums the same holds node by node"
)
_NORMS = (
    r"for BatchNorm in evaluation mode, an affine map whose weights $W_l^t, b_l^t$ are not affine"
    r" in $t$, $n_l = (W_l^t - t W_l^A - (1-t) W_l^B) \bar\phi_{l-1} + b_l^t - t b_l^A - (1-t)"
    " b_l^B$ is added to"
)
_LIPSCHITZ = (
    r"every activation $\sigma_l$ has the Lipschitz constant $\mathrm{Lip}_l$ on $\mathbb R$"
)
_ENCLOSED = (
    "two networks $A$ and $B$ of one architecture: linear maps and convolutions, normalisations,"
    " pooling, sums, products, attention, pointwise activations"
)
_REGULAR = (
    r"every activation is $az + (1-a) \max(z, 0)$, or has a derivative that is Lipschitz on bounded"
    r" sets; normalisations divide by $\sqrt{\epsilon + \dots}$, $\epsilon > 0$"
)
_CROSS_ENTROPY = r"the loss is the cross-entropy of $q$ classes"

_SEGMENT = {
    "A, B": "the two networks, $B$ permuted or not",
    "t": "weight of $A$, in $[0, 1]$",
    r"\theta_t": r"parameters of the network on the segment, $t A + (1-t) B$",
    "x": "an input; the statement holds for each on its own",
}
_LAYERS = {
    "l": "number of a layer, from 1 on",
    "L": r"number of hidden layers; layer $L+1$ is the output, without activation",
    r"W_l^t, b_l^t": "weights and biases of layer $l$ of network $t$; of $A$ and $B$ likewise",
    r"\phi_l^t": r"activations of layer $l$ at $\theta_t$; $\phi_0^t = x$; of $A$ and $B$ likewise",
    r"\|\cdot\|": "Euclidean norm of vectors, operator norm of matrices",
}
_CHORD = {
    r"\bar\phi_l": r"the chord $t \phi_l^A + (1-t) \phi_l^B$",
    r"f_t, \bar f": r"outputs $\phi_{L+1}^t$ of network $t$, and their chord $\bar\phi_{L+1}$",
}
_GAPS = {
    r"z_l^A, z_l^B, \bar z_l": r"pre-activations of layer $l$, and their chord",
    r"\sigma_l, \mathrm{Lip}_l": r"activation of layer $l$ and its Lipschitz constant; the identity"
    r" and 1 at the output",
}
_PRODUCT = (
    r"\bigl(t W_l^A + (1-t) W_l^B\bigr)\bigl(t \phi_{l-1}^A + (1-t) \phi_{l-1}^B\bigr)"
    r" = t W_l^A \phi_{l-1}^A + (1-t) W_l^B \phi_{l-1}^B + c_l"
)
_MULTIPLIED_OUT = (
    r"\textbf{1.} Write $c_l = -t(1-t) (W_l^A - W_l^B)(\phi_{l-1}^A - \phi_{l-1}^B)$. Multiplying"
    rf" out, \[ {_PRODUCT}, \]"
    r" so that $z_l^t - \bar z_l = W_l^t (\phi_{l-1}^t - \bar\phi_{l-1}) + c_l$: biases drop out."
    "\n\n"
    r"\textbf{2.} Hence $\phi_l^t - \bar\phi_l = [\sigma_l(z_l^t) - \sigma_l(\bar z_l)] + j_l$ with"
    r" $j_l = \sigma_l(\bar z_l) - t \sigma_l(z_l^A) - (1-t) \sigma_l(z_l^B)$, and the norm of the"
    r" bracket is at most $\mathrm{Lip}_l \|z_l^t - \bar z_l\|$."
)

theorem(
    "C1",
    "Master inequality",
    statement=(
        r"s_l = \|\phi_l^t - \bar\phi_l\|, \quad s_0 = 0, \quad s_{L+1} = \|f_t - \bar f\|",
        Formula(
            "s_l",
            r"\le",
            "Lip*(W*s + t*(1 - t)*D(l)) + J(l)",
            names={"W": r"\|W_l^t\|", "s": "s_{l-1}", "Lip": r"\mathrm{Lip}_l"},
            indexed=("D", "J"),
        ),
        r"D_l = \|(W_l^A - W_l^B)(\phi_{l-1}^A - \phi_{l-1}^B)\|",
        r"J_l = \|\sigma_l(\bar z_l) - t\, \sigma_l(z_l^A) - (1-t)\, \sigma_l(z_l^B)\|,"
        r" \quad J_{L+1} = 0",
    ),
    symbols={
        **_SEGMENT,
        **_LAYERS,
        **_CHORD,
        **_GAPS,
        "s_l": r"distance of the activations at $\theta_t$ from the chord",
        "D_l": "residual of commutativity",
        "J_l": "gap of weak additivity",
    },
    status="derived",
    sources=("zhou2023",),
    note="derived; approximate form of Zhou et al. 2023, Theorem 1",
    hypotheses=(_PAIR, _LIPSCHITZ, rf"{_NORMS} $c_l$, hence its norm to $t(1-t) D_l$"),
    functions=("paths.certificate",),
    checks="certificates",
    proof=(
        rf"{_MULTIPLIED_OUT}"
        "\n\n"
        r"\textbf{3.} The triangle inequality gives the claim, with"
        r" $\|c_l\| = t(1-t) D_l$ and $\|j_l\| = J_l$."
    ),
)

theorem(
    "C1'",
    "Master inequality, vector form",
    statement=(
        r"\phi_l^t - \bar\phi_l = j_l + r_l, \quad j_0 = r_0 = 0",
        r"j_l = \sigma_l(\bar z_l) - t\, \sigma_l(z_l^A) - (1-t)\, \sigma_l(z_l^B)",
        r"c_l = -t(1-t) (W_l^A - W_l^B)(\phi_{l-1}^A - \phi_{l-1}^B)",
        Formula(
            r"\|r_l\|",
            r"\le",
            "Lip*(j + W*r)",
            names={
                "W": r"\|W_l^t\|",
                "r": r"\|r_{l-1}\|",
                "j": r"\|W_l^t j_{l-1} + c_l\|",
                "Lip": r"\mathrm{Lip}_l",
            },
        ),
        r"\|f_t - \bar f\| \le \|W_{L+1}^t j_L + c_{L+1}\| + \|W_{L+1}^t\| \|r_L\|",
    ),
    symbols={
        **_SEGMENT,
        **_LAYERS,
        **_CHORD,
        **_GAPS,
        "j_l": "gap of weak additivity, a vector that $A$ and $B$ give",
        "c_l": "residual of commutativity, likewise",
        "r_l": "what of the deviation is not known",
    },
    status="derived",
    sources=(),
    note="derived",
    depends=("C1",),
    hypotheses=(_PAIR, _LIPSCHITZ, rf"{_NORMS} $c_l$"),
    functions=("paths.certificate",),
    checks="certificates",
    proof=(
        rf"{_MULTIPLIED_OUT}"
        "\n\n"
        r"\textbf{3.} So $r_l$ is the bracket, and $\phi_{l-1}^t - \bar\phi_{l-1} ="
        r" j_{l-1} + r_{l-1}$ gives $z_l^t - \bar z_l = (W_l^t j_{l-1} + c_l) + W_l^t r_{l-1}$. At"
        r" the output, where $\sigma$ is the identity, this is $f_t - \bar f$ itself."
    ),
)

theorem(
    "C2",
    "Transport certificate",
    statement=(
        r"u_l = \mathrm{Lip}_l \bigl(\|W_l^t\| u_{l-1} +"
        r" \|(W_l^t - W_l^A) \phi_{l-1}^A + b_l^t - b_l^A\|\bigr), \quad u_0 = 0",
        r"v_l = \mathrm{Lip}_l \bigl(\|W_l^t\| v_{l-1} +"
        r" \|(W_l^t - W_l^B) \phi_{l-1}^B + b_l^t - b_l^B\|\bigr), \quad v_0 = 0",
        r"\|f_t - \bar f\| \le t u_{L+1} + (1-t) v_{L+1}",
    ),
    symbols={
        **_SEGMENT,
        **_LAYERS,
        r"f_t, \bar f": r"outputs at $\theta_t$, and the chord $t f_A + (1-t) f_B$",
        r"\mathrm{Lip}_l": r"Lipschitz constant of the activation of layer $l$; 1 at the output",
        "u_l, v_l": r"bounds of $\|\phi_l^t - \phi_l^A\|$ and $\|\phi_l^t - \phi_l^B\|$",
    },
    status="derived",
    sources=("ferbach2024",),
    note="derived; compare Ferbach et al. 2024, Lemma 4.1",
    hypotheses=(_PAIR, _LIPSCHITZ),
    functions=("paths.certificate",),
    checks="certificates",
    proof=r"""
\textbf{1.} $z_l^t - z_l^A = W_l^t (\phi_{l-1}^t - \phi_{l-1}^A) + (W_l^t - W_l^A) \phi_{l-1}^A +
b_l^t - b_l^A$.

\textbf{2.} So by induction $\|\phi_l^t - \phi_l^A\| \le u_l$; likewise $\|\phi_l^t - \phi_l^B\| \le
v_l$.

\textbf{3.} Now $f_t - \bar f = t (f_t - f_A) + (1-t) (f_t - f_B)$.
""",
)

theorem(
    "C3",
    "Certified cross-entropy",
    statement=(
        r"\ell(\theta_t; x, y) = \log \sum_{j=1}^q e^{f_{t,j}} - f_{t,y}",
        Formula(
            r"\ell(\theta_t; x, y)",
            r"\le",
            "log(Sum(exp(g(j) - g(y) + r*d(j)), (j, 1, q)))",
            names={"d": r"\delta"},
            indexed=("g", "d"),
        ),
        r"\delta_j = \|w_j^t - w_y^t\|",
        r"g = \bar f + c_{L+1}, \ r = s_L \text{ by C1}, \quad \text{or} \quad"
        r" g = \bar f + c_{L+1} + W_{L+1}^t j_L, \ r = \|r_L\| \text{ by C1'}",
    ),
    symbols={
        **_SEGMENT,
        "y": "label of the input, one of the classes",
        "q": "number of classes",
        r"\ell": "cross-entropy of an example, in nats",
        r"f_t, \bar f": r"outputs at $\theta_t$, and the chord $t f_A + (1-t) f_B$",
        "w_j^t": r"row $j$ of the output weights $W_{L+1}^t$",
        r"\delta_j": "distance of two rows",
        "L": r"number of hidden layers; layer $L+1$ is the output",
        "s_L": r"bound of $\|\phi_L^t - \bar\phi_L\|$ by C1",
        "c_{L+1}, j_L, r_L": "residual, gap and rest of C1'",
        "g, r": "what is known of the outputs, and how far hidden activations are from it at most",
    },
    status="derived",
    sources=(),
    note="derived",
    depends=("C1", "C1'"),
    hypotheses=(_PAIR, _LIPSCHITZ, _CROSS_ENTROPY, rf"{_NORMS} $c_l$"),
    functions=("paths.certificate",),
    checks="certificates",
    proof=r"""
\textbf{1.} Both ways $f_t = g + W_{L+1}^t v$ with $\|v\| \le r$. Hence $f_{t,j} - f_{t,y} \le g_j -
g_y + \|w_j^t - w_y^t\| r$.

\textbf{2.} The loss increases in each of these differences; that of $j = y$ is zero on both sides.
""",
)

theorem(
    "C4",
    "Certificate of the whole path",
    statement=(
        r"\phi_l^s = (1-s) \phi_{l,0} + s \phi_{l,1} + s(1-s) p_l + \rho_l + \eta_l"
        r" \quad \text{for every } s \in [0, 1]",
        r"|\rho_{l,i}| \le \mathrm{box}_{l,i}, \quad \|\eta_l\| \le \mathrm{ball}_l, \quad"
        r" p_0 = \mathrm{box}_0 = \mathrm{ball}_0 = 0",
        r"k_l = W_l^{1/2} p_{l-1} - D_l (\phi_{l-1,1} - \phi_{l-1,0}), \quad"
        r" e_l = \tfrac{\sqrt 3}{36} |D_l p_{l-1}|",
        r"a_l = \min\bigl(|W_l|\, \mathrm{box}_{l-1},\, \|\mathrm{box}_{l-1}\|\, \omega_l\bigr),"
        r" \quad d_l = e_l + a_l + \mathrm{ball}_{l-1}\, \omega_l",
        r"(p_l, \mathrm{fresh}_l, \mathrm{gain}_l) = \Sigma_l(z_{l,0}, z_{l,1}, k_l, d_l)",
        r"\mathrm{box}_l = \mathrm{fresh}_l + \mathrm{gain}_l (e_l + b), \quad \mathrm{ball}_l ="
        r" \max_i \mathrm{gain}_{l,i}\, \|W_l\| (\mathrm{ball}_{l-1} + \beta)",
        r"(b, \beta) = (a_l, 0) \text{ or } (0, \|\mathrm{box}_{l-1}\|)",
        r"\ell(\theta^s; x, y) \le \log \Bigl(1 + \sum_{j \ne y} e^{M_j}\Bigr)",
        r"M_j = \max_{s \in [0, 1]} \bigl[(1-s) m_{j,0} + s\, m_{j,1} + s(1-s) q_j\bigr]"
        r" + \mathrm{slack}_j",
        r"\mathrm{slack}_j = \tfrac{\sqrt 3}{36} |\langle D_{jy}, p_L \rangle|"
        r" + \min\bigl(\langle |w_{jy}|, \mathrm{box}_L \rangle,\, \omega_{jy}"
        r" \|\mathrm{box}_L\|\bigr) + \omega_{jy}\, \mathrm{ball}_L",
        r"\text{mean of } \ell(\theta^s) \le \max_{s \in \{0, 1\}} \text{ mean of }"
        r" \log \Bigl(1 + \sum_{j \ne y} e^{m_{j,s} + \max(q_j, 0)/4 + \mathrm{slack}_j}\Bigr)",
    ),
    symbols={
        "s": "place on a piece of the segment, from 0 to 1",
        r"\theta^s": r"parameters of the network there",
        "x, y": "an example: an input and its class; means are over the examples",
        "l, i, j": "numbers of a layer, of a neuron, of a class",
        "L": r"number of hidden layers; layer $L+1$ is the output",
        r"\phi_l^s": r"activations of layer $l$ at $\theta^s$; at the output the logits",
        r"\phi_{l,0}, \phi_{l,1}": r"those at the two ends of the piece; $z_{l,0}, z_{l,1}$ their"
        " pre-activations",
        "p_l": "bend of a parabola, which the two ends give",
        r"\rho_l, \eta_l": r"the rest, bounded entry by entry and in norm",
        r"\mathrm{box}_l, \mathrm{ball}_l": "its bounds, which the two ends give",
        r"W_l^{1/2}, D_l": "weights in the middle of the piece, and those at its end less those at"
        " its start",
        r"|W_l|, \|W_l\|": "the larger of both ends' weights, in each entry, and of their operator"
        " norms",
        r"\omega_l": "the larger of both ends' norms of each row",
        "k_l, e_l": "bend of the pre-activations, and a bound of what is cubic in $s$",
        "a_l, d_l": "bounds, entry by entry, of what the layer makes of $\\rho_{l-1}$, and of"
        " all that is beside the parabola",
        r"\Sigma_l": r"what $\sigma_l$ makes of a parabola (steps 4 and 6 of the proof): its bend,"
        " a bound of what is beside that, and the largest slope that a deviation up to $d_l$ meets",
        "b, \\beta": "one of two ways to count, the same for a layer and example",
        r"\ell": "cross-entropy of an example, in nats",
        "m_{j,0}, m_{j,1}": "margins $f_j - f_y$ at the two ends",
        "q_j": "$p_{L+1,j} - p_{L+1,y}$, where $p_{L+1} = k_{L+1}$",
        r"\mathrm{slack}_j": r"bound of what $\rho_{L+1} + \eta_{L+1}$ makes of $f_j - f_y$",
        r"D_{jy}, |w_{jy}|, \omega_{jy}": "row $j$ less row $y$ of $D_{L+1}$; the larger of both"
        " ends' sizes of the difference of these rows of weights, in each entry and in norm",
    },
    status="derived",
    sources=(),
    note="derived",
    depends=("T1", "T1b"),
    hypotheses=(
        _PAIR + "; for BatchNorm in evaluation mode see step 7 of the proof",
        r"every activation is $az + (1-a) \max(z, 0)$ with a number $a$, or has a Lipschitz"
        " derivative and bounded slopes",
        _CROSS_ENTROPY,
    ),
    functions=("paths.certify",),
    checks="certificates",
    proof=r"""
Below, indices $l$ are dropped where one layer is looked at, $x$ stands for $\phi_{l-1}$ and
$x_0$, $x_1$ for its values at the ends, $D = D_l$, $W^s = (1-s)W_0 + sW_1$; $\bar x$ is the chord
$(1-s)x_0 + sx_1$.

\textbf{1.} Layers. Let $x^s = \bar x + s(1-s)p + \rho + \eta$. As $W^s\bar x = (1-s)W_0x_0 +
sW_1x_1 - s(1-s)D(x_1 - x_0)$ and $W^s = W^{1/2} + (s-\frac12)D$,
\[ z^s = (1-s)z_0 + sz_1 + s(1-s)k + s(1-s)(s-\tfrac12)Dp + W^s\rho + W^s\eta ; \]
biases are affine in $s$ and belong to $z_0$, $z_1$. On $[0,1]$, $s(1-s)|s-\frac12| \le
\frac{\sqrt3}{36}$ (at $(s-\frac12)^2 = \frac1{12}$): the fourth term is at most $e$, entry by
entry.

\textbf{2.} $W^s$ is a convex combination of $W_0$ and $W_1$. So $|W^s\rho| \le |W|\,\mathrm{box}$,
$|W^s\rho| \le \|\mathrm{box}\|\omega$ and $|W^s\eta| \le \mathrm{ball}\,\omega$, entry by entry,
and $\|W^s\rho\| \le \|W\|\,\|\mathrm{box}\|$, $\|W^s\eta\| \le \|W\|\,\mathrm{ball}$. Hence $z^s =
g(s) + \delta$ with $g(s) = (1-s)z_0 + sz_1 + s(1-s)k$ and $|\delta| \le d$. Of the two bounds of
$W^s\rho$, by entries and in norm, either may be used; that is the choice of $(b, \beta)$.

\textbf{3.} Activations. Suppose that $|\sigma(g(s)) - (1-s)\sigma(z_0) - s\sigma(z_1) -
s(1-s)\,\mathrm{bend}| \le \mathrm{fresh}$, and $|\sigma(g(s)+\delta) - \sigma(g(s))| \le
\mathrm{gain}\,|\delta|$ for $|\delta| \le d$. Then $\sigma(z^s) = \sigma(g(s)) + \theta\delta$
with $|\theta| \le \mathrm{gain}$ in each entry. $\theta$ multiplies all parts of $\delta$ alike:
what is bounded by entries is multiplied by gain, what is bounded in norm by the largest gain. This
is the recursion for $p_l$, $\mathrm{box}_l$ and $\mathrm{ball}_l$, with $p_l = \mathrm{bend}$. The
steps 4 to 6 prove the supposition.

\textbf{4.} Relu. If $g - d \ge 0$ on $[0,1]$, then $\sigma(z^s) = z^s$: $(\mathrm{bend},
\mathrm{fresh}, \mathrm{gain}) = (k, 0, 1)$; if $g + d \le 0$, it is 0: $(0,0,0)$. Else let $\bar z
= (1-s)z_0 + sz_1$. As the relu is monotone with the Lipschitz constant 1, $\sigma(g) -
\sigma(\bar z) = s(1-s)\theta k$ with $\theta \in [0,1]$, so that it is $s(1-s)\frac k2 \pm
\frac{|k|}8$. If $z_0z_1 \ge 0$, $\sigma(\bar z)$ is the chord of $\sigma(z_0)$, $\sigma(z_1)$; let
$h = 0$. Else, with $h = |z_0z_1|/(|z_0|+|z_1|)$ and $u = |z_0|/(|z_0|+|z_1|)$, it is the chord
less $h$ times the tent $\tau_u$, which is 0 at the ends, 1 at $u$ and linear in between (T1b).
By step 5, $|\tau_u - \kappa s(1-s)| \le 1 - \kappa u(1-u)$. So $\mathrm{bend} = \frac k2 -
\kappa h$, $\mathrm{fresh} = \frac{|k|}8 + (1 - \kappa u(1-u))h$, $\mathrm{gain} = 1$. For
$\sigma(z) = az + (1-a)\max(z,0)$: $ak + (1-a)\,\mathrm{bend}$, $|1-a|\,\mathrm{fresh}$, and the
gain $1$, $|a|$ or $\max(1,|a|)$.

\textbf{5.} The tent. By symmetry let $u \le \frac12$; put $w = 1/(1-u)$ and
\[ \kappa = \frac{w + 2 + \sqrt{(w+2)^2 - qw^2}}q, \qquad q = 1 + 4u(1-u) . \]
This solves $q\kappa^2 - 2(w+2)\kappa + w^2 = 0$, that is $1 - \kappa u(1-u) = \frac\kappa4(1 -
\frac w\kappa)^2 \ge 0$. On each side of $u$ the difference $E = \tau_u - \kappa s(1-s)$ is convex
in $s$ and 0 at an end of $[0,1]$, so that it is at most its value at $u$, $1 - \kappa u(1-u)$. On
$[u,1]$, $-E = (1-s)(\kappa s - w) \le \frac\kappa4(1-\frac w\kappa)^2$; on $[0,u]$, $-E =
s(\kappa(1-s) - \frac1u)$ is at most 0 if $\kappa \le \frac1u$, and at most $\frac\kappa4(1 -
\frac1{u\kappa})^2$ otherwise, which is less, as $\frac1u \ge w$.

\textbf{6.} Smooth $\sigma$, with slopes in $[\alpha,\beta]$, $|\sigma'| \le \mathrm{Lip}$,
$|\sigma''| \le M_2$ and $|\sigma'''| \le M_3$ (which may be infinite). Let $\mathrm{bend} =
4\gamma$, $\gamma = \sigma(g(\frac12)) - \frac12(\sigma(z_0) + \sigma(z_1))$. Then $E = \sigma(g) -
(1-s)\sigma(z_0) - s\sigma(z_1) - 4\gamma s(1-s)$ is 0 at $0$, $\frac12$ and $1$. Put $v = |z_1 -
z_0| + |k| \ge |g'|$; $g'' = -2k$. Fresh is the least of three bounds of $|E|$:
(a) $\frac16\sup|(\sigma\circ g)'''|\max|s(s-\frac12)(s-1)| \le \frac{\sqrt3}{216}(M_3v^3 +
6M_2v|k|)$, by interpolation at three points;
(b) on a half of $[0,1]$, at both ends of which $E = 0$, $|E| \le \frac1{32}\sup|E''| \le
\frac1{32}(M_2v^2 + 2\,\mathrm{Lip}\,|k| + 8|\gamma|)$;
(c) there also $|E| \le \frac18(\sup E' - \inf E')$, by the first display of T1's proof. On a half
$1-2s$ lies in $[0,1]$ or in $[-1,0]$, and $E' = \sigma'(g)(z_1 - z_0) + \sigma'(g)(1-2s)k -
(\sigma(z_1) - \sigma(z_0)) - 4\gamma(1-2s)$: its range is at most $(\beta-\alpha)|z_1 - z_0| +
(\max(\beta,0) - \min(\alpha,0))|k| + 4|\gamma|$.
On an interval $[\underline z, \overline z]$ that holds $g \pm d$, $|\sigma'| \le
|\sigma'(\frac12(\underline z + \overline z))| + \frac12M_2(\overline z - \underline z)$, and at
most Lip: the gain.

\textbf{7.} Other nodes. Linear maps with fixed entries at least 0 and sums take the chord, the
parabola and all bounds along. A maximum is taken two entries at a time, $\max(x,y) = y + \max(x-y,
0)$: step 4 for what is known of $x - y$, and $\max(x,y)$ changes by $\theta\delta_x +
(1-\theta)\delta_y$, $\theta \in [0,1]$, if $x$ and $y$ change by $\delta_x$ and $\delta_y$; in
norm this grows by at most the root of how many windows see an entry. BatchNorm is $a(s)u +
\mathrm{const} + s\,\mathrm{const}$, $u = z - \mu^s$, $a = \gamma^sw^{-1/2}$ with $\gamma^s$ and
$w$ affine. With $\alpha = 4(a(\frac12) - \bar a(\frac12))$ let $a = \bar a + s(1-s)\alpha + e_a$;
$e_a$ is 0 at $0$, $\frac12$, $1$, so that $|e_a| \le \frac{\sqrt3}{216}\sup|a'''|$, and $|e_a| \le
(\max a - \min a) + \frac{|\alpha|}4$. For $u = \bar u + s(1-s)k + \delta$, multiplying out,
\begin{align*}
au &= \overline{au} + s(1-s)\bigl[\bar a(\tfrac12)k - \Delta a\Delta u +
\alpha\bar u(\tfrac12)\bigr] \\
&\quad + s(1-s)(s-\tfrac12)(k\Delta a + \alpha\Delta u) + e_a\bar u + (a - \bar a)s(1-s)k +
a\delta ,
\end{align*}
$\Delta$ the difference of the ends: a new parabola, known bounds, and the factor $|a|$ for the
rest.

\textbf{8.} Outputs. By steps 1 and 2 with row $w_j^s - w_y^s$ in place of $W^s$, $f_j - f_y$ is
its
chord plus $s(1-s)(p_{L+1,j} - p_{L+1,y})$ plus something of size $\mathrm{slack}_j$ at most. So
every margin is at most $M_j$ on the piece, and the cross-entropy, which rises with each margin, at
most $\log(1 + \sum e^{M_j})$. If all $M_j < 0$, the label is kept on the piece.

\textbf{9.} With $s(1-s)q_j \le \frac14\max(q_j,0)$ margins are at most affine functions of $s$,
and $\log(1 + \sum_je^{m_j})$ is convex in $m$ and rises: the bound of the mean loss is convex in
$s$, hence at most its larger value at an end.

\textbf{10.} Rounding. If all networks of the piece, those at its ends included, are computed with
an error of norm at most $\epsilon$ at some node, their difference from the chord of the ends obeys
steps 1 to 7 with a further term of norm at most $2\epsilon$. So the certificate holds for networks
as they are computed, if $2\epsilon$, and what is rounded in computing the bounds, is added to
$\mathrm{ball}$; and for exact ones. In double precision, of the unit $\varepsilon = 2^{-52}$, let
a layer sum $k$ products, and $P$ and $M$ bound the norms of its inputs and of $|W|$ in all
networks. Counted to first order, in $\varepsilon MP$, with the bias likewise: a sum in any order,
fused or not, loses $\frac k2$, weights, interpolated, $2$, adding the bias $\frac12$; so
$2\epsilon$ is at most $k+6$. Of $s(1-s)k_l$, as $|D_l| \le 2M$ and $|p_{l-1}| \le 4P$ in norm,
$\frac14(4k+26)$ is lost, of $e_l$ $\frac{\sqrt3}{36}(4k+20)$, of $a_l$ $\frac k2+3$. That is less
than $3k+17$; added is $16(k+16)$. Activations err by $2\varepsilon$ of their value and of
$\mathrm{Lip}\,|z|$ (measured in ball arithmetic), so that they, the bend and the bounds lose less
than $16$, and $256$ is added. Norms of $W$ are certified by Cholesky's algorithm.
""",
)

theorem(
    "C5",
    "Complete certificate of the whole path",
    statement=(
        r"\phi_l^s = \sum_{k=0}^K c_{l,k} s^k + \sum_i (g_{l,i} + s\, g'_{l,i})\, e_i + \rho_l"
        r" + \eta_l \quad \text{for every } s \in [-1, 1]",
        r"|e_i| \le 1, \quad |\rho_l| \le r_l \text{ in each entry}, \quad \|\eta_l\| \le b_l",
        r"\text{layers:} \quad c_k \mapsto W c_k + D c_{k-1} \; (k \le K+1), \quad (g_i, g'_i)"
        r" \mapsto \bigl(W g_i + \tfrac12 D g'_i,\, W g'_i + D g_i\bigr)",
        r"r \mapsto (|W| + |D|)\, r + \tfrac12 \sum_i |D g'_i| + 2^{-K} |D c_K|, \quad"
        r" b \mapsto \Lambda b",
        r"\text{kinks:} \quad \max(z, 0) = \lambda z + (1 + e)\, \varepsilon, \quad \lambda ="
        r" \frac{u}{u - \ell}, \quad \varepsilon = -\tfrac12 \lambda \ell",
        r"\text{smooth:} \quad \sigma(z) = p + (\lambda_0 + \lambda_1 s)(z - P) + \bigl(E_p +"
        r" E_\lambda R + \tfrac12 M_2 R^2\bigr)\, e",
        r"\text{kept:} \quad \max_s \sum_k (c_{j,k} - c_{y,k}) s^k + \sum_i \bigl(|g_{j,i} -"
        r" g_{y,i}| + |g'_{j,i} - g'_{y,i}|\bigr) + \mathrm{slack}_j < 0 \text{ for } j \ne y",
    ),
    symbols={
        "s": r"place on a piece of the segment, from $-1$ to 1",
        "l": "number of a node of the network, as a layer or an activation",
        r"\phi_l^s": "values of the node in the network at $s$, for one input",
        "K": "degree of the polynomials, 2 or 3; where $s^{K+1}$ arises, the polynomial of lower"
        " degree that is nearest to it on $[-1, 1]$ takes its place",
        "c_{l,k}": "their coefficients, which hold for the whole piece",
        "e_i, e": "numbers that all nodes share, functions of $s$ and of the input; $e$ a new one",
        "g_{l,i}, g'_{l,i}": "how the node depends on them",
        r"\rho_l, r_l": "what is left, and its bound",
        r"\eta_l, b_l": "an error of which the Euclidean norm is bounded, and its bound; $b_l = 0$"
        r" where $\rho_l$ is not counted as part of it",
        "W, D": "weights $W + s D$ of a layer on the piece",
        r"\Lambda": "bound of the norms of all these weights",
        r"z, \ell, u": r"a pre-activation, and numbers $\ell < 0 < u$ with $\ell \le z \le u$",
        r"\lambda, \varepsilon": "a slope and an error",
        "P, R": "polynomial of $z$, and a bound of $|z - P|$",
        r"p, \lambda_0 + \lambda_1 s": r"polynomials that interpolate $\sigma(P)$ and $\sigma'(P)$"
        " at Chebyshev's zeros",
        r"E_p, E_\lambda, M_2": r"bounds of how far they are off, and of $|\sigma''|$ on the range",
        "j, y": "a class, and the label",
        r"\mathrm{slack}_j": r"what $r$ and $b$ before the last layer, and what is left after it,"
        " make of $f_j - f_y$",
    },
    status="derived",
    sources=("makino2003",),
    note="derived",
    hypotheses=(
        _ENCLOSED,
        _REGULAR,
        "for every example to be decided: its largest margin on the path is not 0, nor that of a"
        " network that is evaluated, and arithmetic is exact",
    ),
    functions=("paths.certify",),
    checks="certificates",
    proof=r"""
A \emph{model} of a value $x$ on the piece is what the first two lines say of it. Let $P = \sum_k
c_ks^k$ and $R = \sum_i(|g_i| + |g'_i|) + r$ (without ball): $|x - P| \le R$. Inputs are models
with
$c_0$ alone. Each operation takes models to a model, as follows; $e_i$ may depend on $s$ and the
input.

\textbf{1.} Powers. On $[-1,1]$, $s^2 = \frac12 \pm \frac12$, $s^3 = \frac34s \pm \frac14$ and $s^4
= s^2 - \frac18 \pm \frac18$ (Chebyshev's polynomials are at most 1). So a power $s^{K+1}$ may be
replaced by the polynomial of lower degree at a cost of $2^{-K}$ times the size of its coefficient.

\textbf{2.} Layers. $(W + sD)x$ with $x$ a model: the polynomial is $\sum_k(Wc_k + Dc_{k-1})s^k$,
of which the last power, with the coefficient $Dc_K$, is replaced by step 1. Of what multiplies
$e_i$, $Wg_i + s(Wg'_i + Dg_i) + s^2Dg'_i$, the last term is $\frac12Dg'_i \pm \frac12|Dg'_i|$. As
$|W + sD| \le |W| + |D|$, the remainder $\rho$ becomes at most $(|W|+|D|)r$. These are lines 3 and
4; biases are polynomials.

\textbf{3.} Sums add models, symbols of one name included. Fixed linear maps act on $c_k$, $g_i$,
$g'_i$, and by the sizes of their entries on $r$.

\textbf{4.} Kinks. Let $z \in [\ell, u]$ on the piece, from $P$ and $R$. If $\ell \ge 0$ or $u \le
0$ the relu is $z$ or 0. Else, for any $\lambda \in [0,1]$, $\max(z,0) - \lambda z$ is convex in
$z$, is least at 0, where it is 0, and at most $\max(-\lambda\ell, (1-\lambda)u)$: it is half of
this, plus at most half of this. For $\lambda = u/(u-\ell)$ both are $-\lambda\ell$. That is the
line for kinks, with a new symbol $e$ (or with $\varepsilon$ added to $r$).

\textbf{5.} Another choice for kinks, taken where its error is less. Let $q = c_0 + \frac12c_2 +
(c_1 + \frac34c_3)s$, and $V = R + \frac12|c_2| + \frac14|c_3|$: by step 1, $|z - q| \le V$, hence
$\max(0, |q|-V) \le |z| \le |q|+V$. If $q$ has a zero on the piece let $p$ be the chord of $|q|$
less a multiple $A(1-s^2)$, $A > 0$. On either side of the zero $|q| - p$ is concave, its largest
value at its vertex or the end that is nearest to it; between $-1$, the points where $|q| = V$, and
$1$ the function $p - \max(0,|q|-V)$ is convex, its largest value at these points. With $U_+$ the
former plus $V$ and $U_-$ the latter, $|z| = p + \frac12(U_+-U_-) \pm \frac12(U_++U_-)$, and
$\max(z,0) = \frac12z + \frac12|z|$. Other piecewise linear activations are $az + (1-a)\max(z,0)$,
maxima $\max(x,y) = y + \max(x-y,0)$.

\textbf{6.} Smooth $\sigma$: on an interval that holds $P$ and $z$ let $|\sigma^{(k)}| \le M_k$;
let $|P^{(k)}| \le p_k$ on the piece. With $w = z - P$, $\sigma(z) = \sigma(P) + \sigma'(P)w \pm
\frac12M_2w^2$. Interpolation of a function $h$ at the zeros of Chebyshev's polynomial of degree
$n$ errs by at most $\sup|h^{(n)}|/(n!\,2^{n-1})$. For $h = \sigma\circ P$, $n \le K+1$, Fa\`a di
Bruno's formula bounds $|h''|$ by $M_2p_1^2 + M_1p_2$, $|h'''|$ by $M_3p_1^3 + 3M_2p_1p_2 +
M_1p_3$, $|h''''|$ by $M_4p_1^4 + 6M_3p_1^2p_2 + M_2(3p_2^2 + 4p_1p_3)$ (as $P^{(4)} = 0$): this is
$E_p$. For $h = \sigma'\circ P$, $n = 2$, it is $E_\lambda = \frac14(M_3p_1^2 + M_2p_2)$; or
$\lambda = \sigma'(P(0))$ and $E_\lambda = M_2\sup|P - P(0)|$.

\textbf{7.} Instead, where that errs less: $\sigma(z) = \sigma(c_0) + \lambda(z - c_0) \pm
\frac12(\beta-\alpha)|z-c_0|$ if $\sigma'$ lies in $[\alpha,\beta]$ between $c_0$ and $z$ and
$\lambda = \frac12(\alpha+\beta)$; or for monotone $\sigma$ the middle of its range, plus or minus
half of the range. Of $(\lambda_0+\lambda_1s)(g_i+sg'_i)$ the term $s^2\lambda_1g'_i$ is
$\frac12\lambda_1g'_i \pm \frac12|\lambda_1g'_i|$, and $r$ is multiplied by
$|\lambda_0|+|\lambda_1|$.

\textbf{8.} Products. Let $B$ be bilinear with $|B(x,y)| \le B(|x|,|y|)$, and $x = P + v$, $y = Q +
w$: $B(x,y) = B(P,Q) + B(P,w) + B(v,Q) + B(v,w)$. The first is a polynomial (step 1). In the second
$P$ is its line (step 5) plus at most $\frac12|c_2| + \frac14|c_3|$, times symbols as in step 7,
and $B(|P|, r_y)$; likewise the third. The last is at most $B(R_x,R_y)$; if $x = y$ and products
are squares it lies between 0 and that.

\textbf{9.} So do all others. Norms: $(x - \mathrm{mean})\,\tau^{-1/2}$, $\tau = \epsilon +
\mathrm{mean}(x-\mathrm{mean})^2 \ge \epsilon$: steps 3, 8, 6, 8. Softmax: $e_j/\sum_ke_k$, $e_j =
\exp(z_j - \mathrm{const})$: steps 6, 3, 6, 8; attention: steps 8, softmax, 8. BatchNorm: with
variance $v_0(1+\varrho s)$ its factor is $(\gamma_0+\gamma_1s)v_0^{-1/2}\sum_k\binom{-1/2}k
\varrho^ks^k$, whose terms from $k = 4$ on are at most $|\binom{-1/2}4|\varrho^4/(1-|\varrho|)$,
times $z$ as in step 8.

\textbf{10.} Balls. Let $x = a + \eta$, $a$ in a model, $\|\eta\| \le b$. If $\|f(a+\eta)-f(a)\|
\le \Lambda\|\eta\|$, $f(x)$ is in the model of $f(a)$ plus a ball of $\Lambda b$. $\Lambda$ is the
Lipschitz constant of activations, a bound of the norm of linear maps ($\|W^A\|$ and $\|W^B\|$ with
the sizes of their coefficients), 1 for sums, whose balls add. In entrywise products
$(a+\eta)(a'+\eta')$ the ball is $b\max|a'| + b'\max|a| + bb'$. The derivative of a norm is
$\tau^{-1/2}(\Pi - yy^T/k)$ for a group of $k$ entries, $y$ the result, $|y|^2 \le k$, $\Pi$ the
identity or the projection off the mean: of norm $\tau^{-1/2}$ at most, and $(\tau-\epsilon)^{1/2}$
falls by at most $b/\sqrt k$. All else takes $b$ as a bound of each entry. After any operation
$\rho$ may be counted as part of $\eta$, $b$ growing by $\|r\|$.

\textbf{11.} Labels. In $f_j - f_y$ polynomials and coefficients of equal symbols are subtracted;
by
step 2 with row $w_j - w_y$ of the last layer, $r$ and $b$ before it leave $\mathrm{slack}_j$. So
the last line is right; a piece of length 0 whose margin less all that is beside the
polynomial is positive refutes the label.

\textbf{12.} Every example is decided, in exact arithmetic, if the largest margin on the path is
not 0, nor that of a network that is evaluated. On a piece of length $h$, $D$ is at most $h$ times
a constant. By induction over nodes $R$ and $b$, and the range of $P$, tend to 0 with $h$,
uniformly over pieces: in step 4 the error is at most $u-\ell$, in step 6 $M_k$ are bounded on
bounded sets and $p_k \to 0$, in steps 2 and 8 everything new has a factor that tends to 0.
If all margins are below $-\epsilon$ on the path, pieces that are short enough are certified. If
one is positive at some $t$, it is so on all short enough pieces around $t$ that are cut, and the
next network evaluated on one of them refutes.

\textbf{13.} Rounding. Let basic operations have relative errors of at most half a unit $\epsilon$
of their precision, and functions and their derivatives a few. If the coefficients
of a model are computed with errors that sum to at most $\tau$ in each entry, the model with $r +
\tau$ holds, as $|s|, |e_i| \le 1$. A sum of $n$ products, factors rounded before, errs by at most
$\frac12(n+3)\epsilon$ times the sum of their sizes, up to a factor $1+(n+3)\epsilon$; hence in
step 2 by $\frac12(n+3)\epsilon(|W|+|D|)(\sum|c_k|+R)$ for the polynomial in double precision and
$\frac12(n+3)\epsilon'(|W|+|D|)R$ for symbols in theirs, and by as much as the former for the
network itself as it is computed; weights, interpolated, err by $\epsilon(|W^A|+|W^B|)$ (as $b +
t(a-b)$ for $t < \frac12$, else $a - (1-t)(a-b)$; the network's and the model's), where $8$ is
counted. Functions err by $2\epsilon$ of their value and of what their argument's size moves them
by, interpolation by $16\epsilon$ of the largest value (both measured in ball arithmetic), where
$128$ is counted. Larger
multiples, $(n+76+16\cdot64)\epsilon$ and $\frac12(n+42)\epsilon'$, join $r$ before it is
multiplied by the larger of $|W|+|D|$ and $\frac1{64}(|W^A|+|W^B|)$; other operations likewise add
multiples of $\epsilon(\sum|c_k|+R)$ and $\epsilon'R$. What bounds are computed to be is a sum
of terms at least 0, of relative error $n\epsilon$ at most, and is multiplied by $1 + c\epsilon$,
$c \ge n$; operator norms, certified by Cholesky's algorithm, by $1+10^{-9}$; extreme values of
polynomials are moved outward by $64\epsilon\sum|c_k|$; underflow adds a smallest number. So each
computed model holds for exact networks and for those computed in double precision.
""",
)

theorem(
    "C6",
    "Certified barrier",
    statement=(
        r"B(t) = \mathcal L(\theta_t) - t\, \mathcal L(A) - (1-t)\, \mathcal L(B)",
        r"\max_{\text{nodes } t} B(t) \le \max_{t \in [0, 1]} B(t) \le"
        r" \max_{\text{pieces}} \max_j \bigl[\mathcal U(s_j) - \overline{\mathcal L}(s_j)\bigr]",
        r"\mathcal U(s) = \frac1n \sum_x \sup_{v \in V_x} \ell_x\bigl(P_x(s) + v\bigr), \quad"
        r" \delta_x = \frac{1}{2 J^2} \sum_k k (k-1) |c_k|",
    ),
    symbols={
        "A, B": "the two networks; with an argument $B(t)$ is the barrier",
        "t": "weight of $A$, in $[0, 1]$",
        r"\theta_t": r"parameters $t A + (1-t) B$",
        r"\mathcal L": "mean loss over the examples",
        "s_j": "the ends of $J$ equal parts of a piece, which $s$ runs over from $-1$ to 1",
        r"\mathcal U": r"bound of the mean loss at $s_j$",
        r"\ell_x, n": "loss of example $x$ as a function of the outputs; number of examples",
        "P_x, c_k": "the polynomial $\\sum_k c_k s^k$ of the outputs by C5",
        "V_x": r"a set that holds all that is beside it, plus vectors of entries $\le \delta_x$",
        r"\delta_x": "bound of how far the polynomial is from its chord on a part",
        r"\overline{\mathcal L}": r"the chord $t\, \mathcal L(A) + (1-t)\, \mathcal L(B)$ there",
        r"\text{nodes}": "the $t$ at which networks are evaluated",
        r"\text{pieces}": r"intervals that cover $[0, 1]$",
    },
    status="derived",
    sources=(),
    note="derived",
    depends=("C5",),
    hypotheses=(_ENCLOSED, _REGULAR, "cross-entropy, binary cross-entropy or squared error"),
    functions=("paths.certified_barrier",),
    checks="certificates",
    proof=r"""
\textbf{1.} The first inequality holds as nodes are points of $[0,1]$; at both ends $B = 0$.

\textbf{2.} On a piece let $f_x = P_x(s) + v$ be what C5 says of the outputs for an input $x$, $v$
in a set that does not depend on $s$. On a part between neighbouring $s_j$, of length $2/J$, let
$\bar P_x$ be the chord of $P_x$: $|P_x - \bar P_x| \le \frac18(2/J)^2\sup|P_x''| \le \delta_x$, as
$|P''| \le \sum_kk(k-1)|c_k|$ on $[-1,1]$. So $f_x = \bar P_x(s) + v'$ with $v' \in V_x$, where
$V_x$ holds all sums of such $v$ and vectors of entries at most $\delta_x$.

\textbf{3.} The function $s \mapsto \sup\{\ell_x(\bar P_x(s)+v') : v' \in V_x\}$ is a supremum of
convex functions of $s$, as losses are convex in the outputs and $\bar P_x$ is affine: it is
convex. So is the mean over $x$. It bounds the mean loss on the part, and at the ends of the part,
where $\bar P_x = P_x$, it is $\mathcal U(s_j)$.

\textbf{4.} $\overline{\mathcal L}$ is affine in $t$, and $t$ in $s$. The bound of step 3 less
$\overline{\mathcal L}$ is convex on the part and thus at most its larger value at an end. All
parts of all pieces cover $[0,1]$: the second inequality.

\textbf{5.} How $\mathcal U$ is evaluated. Cross-entropy: it is $\log(1+\sum_{j\ne y}e^{f_j-f_y})$
and rises with each margin; with $V_x$ given by bounds $d_j$ of $v_j - v_y$ the supremum is at most
that at $f_j - f_y = P_j - P_y + d_j$. Squared error: with $V_x$ in a ball of radius $\varrho$,
$(|P-y|+\varrho)^2$. Binary cross-entropy is convex in the one output: the larger value at
$P\pm\varrho$.

\textbf{6.} Rounding. $V_x$ is that of C5, rounding included, so that step 3 holds for networks as
they are computed as well as for exact ones. At a node, a piece of length 0, $f_x = P_x + v$; the
loss is at most the supremum and, by convexity, at least $2\ell_x(P_x) - \sup\ell_x(P_x - v)$, each
moved outward by more than its own arithmetic can lose. A mean of $n$ numbers errs by at most
$\frac12(n+1)\epsilon$ times the mean of their sizes and is moved by $2(n+4)\epsilon$ times it; the
chord of two numbers errs by $\frac32\epsilon$ times their weighted sizes and is moved by
$4\epsilon$ times these. What is left of both covers the subtraction, which errs by at most
$\frac12\epsilon$ times the sizes of the two.
""",
)

theorem(
    "C7",
    "Least barrier over all permutations",
    statement=(
        r"\min_\pi \mathcal L(\theta_t^\pi) \ge F(P) + \min_\pi"
        r" \langle \nabla F(P),\, P_\pi - P \rangle"
        r" \quad \text{for every doubly stochastic } P",
        r"F(P) = \frac1n \sum_x \ell \Bigl(u_0(x) + \sum_{i,j} P_{ij}\, g_{ij}(x)\Bigr)",
        r"g_{ij} = \bigl(t v_i^A + (1-t) v_j^B\bigr)\, \sigma\bigl(t z_i^A + (1-t) z_j^B\bigr)",
    ),
    symbols={
        r"\pi": "a permutation of the neurons of the last hidden layer of $B$",
        r"P_\pi": "its matrix of zeros and ones",
        "P": "a matrix with non-negative entries, rows and columns of sum 1",
        "t": "weight of $A$, in $[0, 1]$",
        r"\theta_t^\pi": r"$t A + (1-t) B$ with the neurons of $B$ permuted by $\pi$",
        r"\mathcal L": "mean loss over the examples",
        "n, x": "number of examples, and each of them",
        r"\ell": "loss of an example as a function of the outputs",
        "u_0": r"bias of the output, $t b^A + (1-t) b^B$",
        "i, j": "neurons of $A$ and of $B$",
        "z_i^A, z_j^B": "their pre-activations",
        "v_i^A, v_j^B": "their outgoing weights",
        r"\sigma": "the activation",
        r"\langle \cdot, \cdot \rangle": "sum of the products of all entries",
        "F, g_{ij}": "the loss of a mixture of matchings, and what neuron $j$ in place $i$ adds",
    },
    status="derived",
    sources=("frank1956", "birkhoff1946"),
    note="derived",
    hypotheses=(
        "affine chains with one hidden layer; with two, the same for the second once the first is"
        " matched",
        r"a loss that is finite, convex and differentiable in the outputs, or $\nabla F$ any"
        " subgradient",
    ),
    functions=("paths.least_barrier",),
    checks="certificates",
    proof=r"""
\textbf{1.} The outputs at $\theta_t^\pi$ are $u_0 + \sum_{ij} (P_\pi)_{ij} g_{ij}$, so $\mathcal
L(\theta_t^\pi) = F(P_\pi)$.

\textbf{2.} $F$ is convex, being a convex function of an affine one: $F(P_\pi) \ge F(P) + \langle
\nabla F(P), P_\pi - P \rangle$. Take the minimum over $\pi$ on both sides.
""",
)

theorem(
    "B1",
    "What a cross-entropy barrier is made of",
    statement=(
        r"\mathcal L(\theta_t) - t\, \mathcal L(A) - (1-t)\, \mathcal L(B)"
        r" = \frac1n \sum_x \bigl(D - J - E_y\bigr)",
        r"D = \operatorname{lse} f_t - \operatorname{lse} \bar f, \quad E_y = f_{t,y} - \bar f_y",
        r"J = t \operatorname{lse} f_A + (1-t) \operatorname{lse} f_B"
        r" - \operatorname{lse} \bar f \ge 0",
    ),
    symbols={
        "A, B": "the two networks",
        "t": "weight of $A$, in $[0, 1]$",
        r"\theta_t": r"parameters $t A + (1-t) B$",
        r"\mathcal L": "mean cross-entropy over the examples, in nats",
        "n, x, y": "number of examples, each input, its class",
        r"\operatorname{lse}": r"$\operatorname{lse} f = \log \sum_j e^{f_j}$",
        "f_A, f_B, f_t": r"logits of $A$, of $B$ and at $\theta_t$",
        r"\bar f": r"averaged logits $t f_A + (1-t) f_B$",
        "D - E_y": "what interpolation of weights adds to the loss of the averaged logits",
        "J": "what averaging logits gains: the gap of Jensen's inequality",
    },
    status="derived",
    sources=(),
    note="derived, an identity; compare Bae 2026",
    hypotheses=("any two networks of one architecture", "the loss is the cross-entropy"),
    functions=("paths.decompose",),
    checks="certificates",
    proof=r"""
\textbf{1.} The loss of logits $f$ is $\operatorname{lse} f - f_y$, and $\bar f_y = t f_{A,y} +
(1-t) f_{B,y}$. Hence the loss at $\theta_t$ less the chord of the losses is $\operatorname{lse} f_t
- f_{t,y} - t \operatorname{lse} f_A - (1-t) \operatorname{lse} f_B + \bar f_y = D - J - E_y$.

\textbf{2.} $\operatorname{lse}$ is convex: $J \ge 0$.
""",
)
