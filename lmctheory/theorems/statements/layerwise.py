"""Statements on layers (L)."""

from lmctheory.theorems._registry import theorem
from lmctheory.theorems.formula import Formula

_KINKS = (
    "every activation is twice continuously differentiable, or continuous and piecewise linear;"
    " there are finitely many kinks"
)
_CHAINS = (
    "two networks $A$ and $B$ of one architecture: affine layers $1, \\dots, L+1$ and pointwise"
    " activations between them"
)
_FINITE = "a finite data set"
_LOSSES = r"a loss that is smooth in the outputs, as the cross-entropy or the squared error"

_SEGMENT = {
    "A, B": "the two networks",
    "t": "weight of $A$, in $[0, 1]$",
}
_SWAPPED = {
    "k": "number of the layer that is exchanged",
    "A_k": "$A$ with weights and biases of layer $k$ of $B$",
}
_LOSS = {r"\mathcal L": "mean loss over the examples"}
_GREEN = r"""
\textbf{1.} Let $h$ be the barrier: $h(0) = h(1) = 0$ and $h'' = \mathcal L''$ between the kinks.
For fixed $t$ the kernel $G(t, \cdot)$ is continuous, linear on both sides of $t$, zero at both
ends, and its slope falls by 1 at $s = t$.

\textbf{2.} Integrating by parts twice between the kinks, $\int_0^1 G(t,s) h''(s)\, ds = -h(t) -
\sum_k G(t,s_k) [h'](s_k)$, and $h$ and $\mathcal L$ differ by an affine function.
"""

theorem(
    "L1",
    "One layer is convex",
    statement=(
        r"\mathcal L\bigl(t A + (1-t) A_k\bigr) \le t\, \mathcal L(A) + (1-t)\, \mathcal L(A_k)",
    ),
    symbols={
        "A": "a network; as an argument, its parameters",
        "A_k": "the same with other weights and biases in layer $k$, as those of a network $B$",
        "t": "weight of $A$, in $[0, 1]$",
        **_LOSS,
    },
    status="published",
    sources=("adilova2024",),
    note="Adilova et al. 2024, Theorem 4.1",
    hypotheses=(
        "a deep linear network, or $k$ is the last layer of any network",
        "the loss is convex in the outputs",
    ),
    functions=("layerwise.proof", "layerwise.two_layer_convexity"),
    checks="layerwise",
    proof=r"""
\textbf{1.} With $h$ the input of layer $k$ and $U z + u$ what the network makes of its
pre-activation $z$, the output $U \bigl((t W^A + (1-t) W^B) h + t b^A + (1-t) b^B\bigr) + u$ is
affine in $t$: it is $t f_A + (1-t) f_{A_k}$.

\textbf{2.} The loss is convex in it.
""",
)

theorem(
    "L2",
    "Two layers at once, squared loss",
    statement=(
        r"f_t = t f_A + (1-t) f_B - t(1-t)\, c, \quad \tau = t - \tfrac12",
        Formula(
            r"\mathcal L''(t)",
            "=",
            "12*cc*tau**2 + 12*vc*tau + 2*vv + 4*mc",
            names={
                "cc": r"\|c\|^2",
                "vv": r"\|v\|^2",
                "vc": r"\langle v, c \rangle",
                "mc": r"\langle m, c \rangle",
                "tau": r"\tau",
            },
        ),
        Formula(
            r"\mathrm{barrier}(t)",
            "=",
            "-t*(1 - t)*(N + 2*mc + cc/4)",
            names={
                "N": r"\|v + \tau c\|^2",
                "cc": r"\|c\|^2",
                "mc": r"\langle m, c \rangle",
            },
        ),
    ),
    symbols={
        **_SEGMENT,
        "f_A, f_B, f_t": "outputs of $A$, of $B$ and at $t A + (1-t) B$",
        r"\tau": "distance from the midpoint, with its sign",
        "c": r"the interaction $f_A - f_{A_k} - f_{A_l} + f_B$ of the two layers $k$ and $l$;"
        r" for adjacent ones $(W_l^A - W_l^B)\bigl((W_k^A - W_k^B) \phi_{k-1} + b_k^A - b_k^B"
        r"\bigr)$, times what follows",
        "v": "$f_A - f_B$",
        "m": "residual at the midpoint, $f_{1/2} - y$",
        "y": "targets",
        r"\|\cdot\|, \langle \cdot, \cdot \rangle": "means over the examples of squared norms and"
        " inner products of outputs",
        r"\mathcal L(t)": r"mean of $|f_t - y|^2$ over the examples",
        r"\mathrm{barrier}(t)": r"$\mathcal L(t) - t \mathcal L(1) - (1-t) \mathcal L(0)$",
    },
    status="derived",
    sources=(),
    note="derived",
    hypotheses=(
        "$A$ and $B$ differ in two layers, and every activation from the first of them on is the"
        " identity",
        "the squared loss",
    ),
    functions=("layerwise.proof", "layerwise.two_layer_convexity"),
    checks="layerwise",
    proof=r"""
\textbf{1.} The output is affine in each of the two layers, hence $f_t = t^2 f_A + t(1-t) (f_{A_k} +
f_{A_l}) + (1-t)^2 f_B = t f_A + (1-t) f_B - t(1-t) c$.

\textbf{2.} With $t(1-t) = \frac14 - \tau^2$ the residual is $f_t - y = m + \tau v + \tau^2 c$, and
$\mathcal L = \|m\|^2 + 2 \tau \langle m, v \rangle + \tau^2 (\|v\|^2 + 2 \langle m, c \rangle) + 2
\tau^3 \langle v, c \rangle + \tau^4 \|c\|^2$.

\textbf{3.} Differentiate twice for the first claim. For the second subtract the chord: $1$ and
$\tau$ go, $\tau^2 - \frac14 = -t(1-t)$, $\tau^3 - \frac14 \tau = -t(1-t) \tau$, $\tau^4 -
\frac1{16} = -t(1-t) (\tau^2 + \frac14)$.
""",
)

theorem(
    "L3",
    "One layer of a nonlinear network",
    statement=(
        r"\|f_t - \bar f\| \le \sum_{j=k}^{L} J_j \prod_{i=j+1}^{L+1} \mathrm{Lip}_i \|W_i^A\|",
        r"J_j = \|\sigma_j(\bar z_j) - t\, \sigma_j(z_j^A) - (1-t)\, \sigma_j(z_j^{A_k})\|",
    ),
    symbols={
        **_SEGMENT,
        **_SWAPPED,
        "L": r"number of hidden layers; layer $L+1$ is the output",
        "f_t": "outputs at $t A + (1-t) A_k$, for one input",
        r"\bar f": "their chord $t f_A + (1-t) f_{A_k}$",
        "J_j": "gap of weak additivity in layer $j$",
        r"\sigma_j, \mathrm{Lip}_j": r"activation of layer $j$ and its Lipschitz constant; 1 at the"
        " output",
        r"z_j^A, z_j^{A_k}, \bar z_j": "pre-activations of $A$, of $A_k$, and their chord",
        "W_i^A": "weights of layer $i$ of $A$; operator norm",
    },
    status="derived",
    sources=(),
    note="derived from C1",
    depends=("C1",),
    hypotheses=(
        _CHAINS,
        r"every activation $\sigma_j$ has the Lipschitz constant $\mathrm{Lip}_j$ on $\mathbb R$",
    ),
    functions=("layerwise.layer_bounds",),
    checks="layerwise",
    proof=r"""
\textbf{1.} Apply C1 to $A$ and $A_k$. Below layer $k$ nothing differs, so $s_l = 0$ for $l < k$. In
layer $k$ the inputs are equal and in every other one the weights are, so all residuals $(W_l^A -
W_l^{A_k})(\phi_{l-1}^A - \phi_{l-1}^{A_k})$ vanish.

\textbf{2.} What is left is $s_k \le J_k$ and $s_l \le \mathrm{Lip}_l \|W_l^A\| s_{l-1} + J_l$ for
$l > k$, with $J_{L+1} = 0$.
""",
)

theorem(
    "L4",
    "Barrier and curvature",
    statement=(
        r"\mathrm{barrier}(t) = -\int_0^1 G(t, s)\, \mathcal L''(s)\, ds"
        r" - \sum_k G(t, s_k)\, [\mathcal L'](s_k)",
        Formula("G(t, s)", "=", "Min(t, s)*(1 - Max(t, s))"),
        Formula(
            r"-\int_0^1 G(t, s)\, \mathcal L''(s)\, ds",
            "=",
            "-(1 - t)*Integral(s*h(s), (s, 0, t)) - t*Integral((1 - s)*h(s), (s, t, 1))",
            names={"h": r"\mathcal L''"},
        ),
    ),
    symbols={
        **_SEGMENT,
        r"\mathcal L(t)": "mean loss over the examples at $t A + (1-t) B$",
        r"\mathrm{barrier}(t)": r"$\mathcal L(t) - t \mathcal L(1) - (1-t) \mathcal L(0)$",
        r"\mathcal L''": "second derivative in $t$, between the kinks",
        "s_k": r"kinks: where the pre-activation of a neuron of a piecewise linear activation"
        r" passes a break point for an example; none for smooth activations",
        r"[\mathcal L'](s_k)": "right less left derivative there",
        "G": "Green's function of the second derivative on $[0, 1]$",
    },
    status="derived",
    sources=("singh2024",),
    note="derived; compare Singh et al. 2024",
    hypotheses=(_CHAINS, _KINKS, _FINITE, _LOSSES),
    functions=("layerwise.curvature",),
    checks="layerwise",
    proof=_GREEN,
)

theorem(
    "L5",
    "The layer cube",
    statement=(
        r"\mathrm{barrier}(t) = \sum_{l,k} B_{lk}(t)",
        r"B_{lk}(t) = -\int_0^1 G(1-t, s)\, g_{lk}(s)\, ds"
        r" - \sum_{\text{kinks}} G(1-t, s)\, b\, \frac{h_l h_k}{|\sum_j h_j|}",
        Formula(
            r"-\int_0^1 G(1-t, s)\, g_{lk}(s)\, ds",
            "=",
            "-t*Integral(s*g(s), (s, 0, 1 - t)) - (1 - t)*Integral((1 - s)*g(s), (s, 1 - t, 1))",
            names={"g": "g_{lk}"},
        ),
    ),
    symbols={
        **_SEGMENT,
        "l, k, j": "numbers of layers",
        r"g(\alpha)": r"mean loss with layer $l$ at $(1-\alpha_l) A + \alpha_l B$; the segment is"
        r" $\alpha = (s, \dots, s)$ with $s = 1-t$",
        "g_{lk}(s)": r"$\partial^2 g / \partial \alpha_l \partial \alpha_k$ there, between the"
        " kinks",
        r"\mathrm{barrier}(t)": "loss at $t A + (1-t) B$ less the chord of the losses of both ends",
        "G": r"$G(t, s) = \min(t, s) (1 - \max(t, s))$",
        r"\text{kinks}": "the $s$ at which a pre-activation of a piecewise linear activation"
        " passes a break point for an example",
        "h_l": r"derivative of that pre-activation in $\alpha_l$",
        "b": "derivative of the mean loss in that neuron's activation, times the jump of the"
        " activation's slope",
    },
    status="derived",
    sources=(),
    note="derived",
    depends=("L4",),
    hypotheses=(
        _CHAINS,
        _FINITE,
        _LOSSES,
        _KINKS,
        "pre-activations that reach a break point do so one at a time for each example, and not to"
        " higher"
        " order; several together are taken one after another",
    ),
    functions=("layerwise.interaction_matrix", "layerwise.layer_cube"),
    checks="layerwise",
    proof=r"""
\textbf{1.} On the segment let $s = 1-t$ be the variable and $\Lambda(s) = g(s,\dots,s)$ the mean
loss. By L4, with $1-t$ in place of $t$ (the barrier at $t$ is that of $\Lambda$ at $s = 1-t$, and
$\Lambda'' = \mathcal L''$, jumps included),
\[ \mathrm{barrier}(t) = -\int_0^1G(1-t,s)\Lambda''(s)\,ds -
\sum_{\text{kinks}}G(1-t,s_0)[\Lambda'](s_0) . \]

\textbf{2.} Between the kinks no pre-activation of any example is at a break point, nor near the
segment's point in the cube: $g$ is twice continuously differentiable there, and by the chain rule
$\Lambda'' = \sum_{l,k}g_{lk}$.

\textbf{3.} At a kink $s_0$ let one neuron, of one example, pass a break point, where the slope of
its activation jumps by $J$ (right less left). Its pre-activation $z$ depends on layers that have
no
kink for this example at $s_0$, and is differentiable there with $\frac{dz}{ds} = \sum_jh_j \ne 0$.
So the slope that belongs to $z(s)$ changes by $J$ or $-J$ as $\sum_jh_j$ is positive or negative,
and the derivative of its activation jumps by $J|\sum_jh_j|$.

\textbf{4.} All that the loss makes of this activation is differentiable at $s_0$, and that
derivative, times $J$, is $b$; the parts of the loss that do not go through it have no jump. Hence
$[\Lambda'](s_0) = b|\sum_jh_j|$. Kinks of several examples at one $s_0$ add.

\textbf{5.} $\sum_{l,k}h_lh_k = (\sum_jh_j)^2$, so that $\sum_{l,k}b\,h_lh_k/|\sum_jh_j| =
b|\sum_jh_j|$. The sum of all $B_{lk}$ is therefore the right-hand side of step 1.

\textbf{6.} The third line: $G(1-t,s) = ts$ for $s \le 1-t$, and $(1-t)(1-s)$ for $s \ge 1-t$.
""",
)

theorem(
    "L6",
    "Barriers against full and against swapped ends",
    statement=(
        r"\mathrm{full}_S(t) = \mathrm{edge}_S(t)"
        r" + (1-t) \bigl[\mathcal L(A_S) - \mathcal L(B)\bigr]",
        r"\mathrm{full}_S(t) = \mathcal L(\theta_t^S) - t\, \mathcal L(A) - (1-t)\, \mathcal L(B)",
        r"\mathrm{edge}_S(t) = \mathcal L(\theta_t^S) - t\, \mathcal L(A)"
        r" - (1-t)\, \mathcal L(A_S)",
    ),
    symbols={
        **_SEGMENT,
        "S": "the layers that are interpolated",
        "A_S": "$A$ with the layers $S$ of $B$",
        r"\theta_t^S": "$t A + (1-t) A_S$",
        **_LOSS,
        r"\mathrm{full}_S, \mathrm{edge}_S": "barriers against both full networks, as Adilova et"
        " al. define it, and against both ends of the segment",
    },
    status="derived",
    sources=("adilova2024",),
    note="derived, an identity; Adilova et al. 2024, Definition 2",
    hypotheses=("any two networks of one architecture",),
    functions=("layerwise.layer_barriers",),
    checks="layerwise",
    proof=r"""
\textbf{1.} Subtract the third line from the second.
""",
)

theorem(
    "L7",
    "Weak additivity and commutativity imply linear features",
    statement=(
        r"\sigma_l(\bar z_l) = t\, \sigma_l(z_l^A) + (1-t)\, \sigma_l(z_l^B), \quad"
        r" (W_l^A - W_l^B)(\phi_{l-1}^A - \phi_{l-1}^B) = 0",
        r"\text{for every } l \quad \Longrightarrow \quad"
        r" \phi_l(\theta_t) = t\, \phi_l(A) + (1-t)\, \phi_l(B) \text{ for every } l",
    ),
    symbols={
        **_SEGMENT,
        r"\theta_t": "parameters $t A + (1-t) B$",
        "l": "number of a layer; at the output the activation is the identity",
        r"\sigma_l": "activation of layer $l$",
        r"\phi_l(\theta)": r"activations of layer $l$ for one input; $\phi_l^A$ is $\phi_l(A)$",
        r"W_l^A, W_l^B": "weights of layer $l$",
        r"z_l^A, z_l^B, \bar z_l": r"pre-activations, and their chord $t z_l^A + (1-t) z_l^B$",
    },
    status="published",
    sources=("zhou2023",),
    note="Zhou et al. 2023, Theorem 1",
    depends=("C1",),
    hypotheses=(_CHAINS, "both conditions hold for the input and the $t$ in question"),
    functions=("layerwise.feature_connectivity",),
    checks="layerwise",
    proof=r"""
\textbf{1.} By induction $\phi_{l-1}^t = \bar\phi_{l-1}$, hence $z_l^t = \bar z_l$ by commutativity.

\textbf{2.} $\phi_l^t = \sigma_l(\bar z_l) = \bar\phi_l$ by weak additivity.
""",
)

theorem(
    "L8",
    "Layerwise exponentially weighted connectivity",
    statement=(
        r"W_l^A \phi_{l-1}^B = 0 = W_l^B \phi_{l-1}^A \text{ for } l \ge 2 \quad \Longrightarrow",
        Formula(
            r"\phi_l(\theta_t)",
            "=",
            "t**l*a(l) + (1 - t)**l*b(l)",
            names={"a": r"\phi^A", "b": r"\phi^B"},
            indexed=("a", "b"),
        ),
    ),
    symbols={
        **_SEGMENT,
        r"\theta_t": "parameters $t A + (1-t) B$",
        "l": "number of a layer, the output included",
        r"\phi_l(\theta)": r"activations of layer $l$ for one input; $\phi_l^A$ is $\phi_l(A)$",
        r"W_l^A, W_l^B": "weights of layer $l$",
    },
    status="published",
    sources=("ito2025",),
    note="Ito et al. 2025",
    hypotheses=(
        _CHAINS,
        "no biases",
        r"$\sigma(t^l u + (1-t)^l v) = t^l \sigma(u) + (1-t)^l \sigma(v)$ for the pre-activations"
        r" $u$ of $A$ and $v$ of $B$: so if $\sigma$ is positively homogeneous and in each neuron"
        r" $u$ and $v$ have one sign, or one of them is zero",
    ),
    functions=("layerwise.feature_connectivity",),
    checks="layerwise",
    proof=r"""
\textbf{1.} By induction; $z_1^t = t z_1^A + (1-t) z_1^B$.

\textbf{2.} With the law for $l-1$, $W_l^t \phi_{l-1}^t = (t W_l^A + (1-t) W_l^B)(t^{l-1}
\phi_{l-1}^A + (1-t)^{l-1} \phi_{l-1}^B) = t^l z_l^A + (1-t)^l z_l^B$, the two mixed terms being
zero; apply $\sigma$.
""",
)
