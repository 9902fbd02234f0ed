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
    r"Write $c_l = -t(1-t) (W_l^A - W_l^B)(\phi_{l-1}^A - \phi_{l-1}^B)$. Multiplying out,"
    rf" \[ {_PRODUCT}, \]"
    r" so that $z_l^t - \bar z_l = W_l^t (\phi_{l-1}^t - \bar\phi_{l-1}) + c_l$: biases drop out."
    r" Hence $\phi_l^t - \bar\phi_l = [\sigma_l(z_l^t) - \sigma_l(\bar z_l)] + j_l$ with"
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
        rf"{_MULTIPLIED_OUT} The triangle inequality gives the claim, with"
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
        rf"{_MULTIPLIED_OUT} So $r_l$ is the bracket, and $\phi_{{l-1}}^t - \bar\phi_{{l-1}} ="
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
    proof=(
        r"$z_l^t - z_l^A = W_l^t (\phi_{l-1}^t - \phi_{l-1}^A) + (W_l^t - W_l^A) \phi_{l-1}^A"
        r" + b_l^t - b_l^A$, so that by induction $\|\phi_l^t - \phi_l^A\| \le u_l$;"
        r" likewise $\|\phi_l^t - \phi_l^B\| \le v_l$. Now $f_t - \bar f = t (f_t - f_A) + (1-t)"
        r" (f_t - f_B)$."
    ),
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
    proof=(
        r"Both ways $f_t = g + W_{L+1}^t v$ with $\|v\| \le r$. Hence $f_{t,j} - f_{t,y} \le g_j -"
        r" g_y + \|w_j^t - w_y^t\| r$, and the loss increases in each of these differences; that"
        r" of $j = y$ is zero on both sides."
    ),
)

theorem(
    "C4",
    "Certificate of the whole path",
    statement=(
        r"\phi_l^s = (1-s) \phi_{l,0} + s \phi_{l,1} + s(1-s) p_l + \rho_l + \eta_l"
        r" \quad \text{for every } s \in [0, 1]",
        r"|\rho_{l,i}| \le \mathrm{box}_{l,i}, \quad \|\eta_l\| \le \mathrm{ball}_l",
        r"\ell(\theta^s; x, y) \le \log \Bigl(1 + \sum_{j \ne y} e^{M_j}\Bigr)",
        r"M_j = \max_{s \in [0, 1]} \bigl[(1-s) m_{j,0} + s\, m_{j,1} + s(1-s)"
        r" (p_{L+1,j} - p_{L+1,y})\bigr] + \mathrm{slack}_j",
    ),
    symbols={
        "s": "place on a piece of the segment, from 0 to 1",
        r"\theta^s": r"parameters of the network there",
        "x, y": "an example: an input and its class",
        "l, i, j": "numbers of a layer, of a neuron, of a class",
        "L": r"number of hidden layers; layer $L+1$ is the output",
        r"\phi_l^s": r"activations of layer $l$ at $\theta^s$; at the output the logits",
        r"\phi_{l,0}, \phi_{l,1}": "those at the two ends of the piece",
        "p_l": "bend of a parabola, which the two ends give",
        r"\rho_l, \eta_l": r"the rest, bounded entry by entry and in norm",
        r"\mathrm{box}_l, \mathrm{ball}_l": "its bounds, which the two ends give",
        r"\ell": "cross-entropy of an example, in nats",
        "m_{j,0}, m_{j,1}": "margins $f_j - f_y$ at the two ends",
        r"\mathrm{slack}_j": r"bound of what $\rho_{L+1} + \eta_{L+1}$ makes of $f_j - f_y$",
    },
    status="derived",
    sources=(),
    note="derived",
    depends=("C1'", "C3", "T1b"),
    hypotheses=(_PAIR, _LIPSCHITZ, _CROSS_ENTROPY, rf"{_NORMS} $c_l$"),
    functions=("paths.certify",),
    checks="certificates",
)

theorem(
    "C5",
    "Complete certificate of the whole path",
    statement=(
        r"\phi_l^s = \sum_{k=0}^K c_{l,k} s^k + \sum_i (g_{l,i} + s\, g'_{l,i})\, e_i + \rho_l"
        r" \quad \text{for every } s \in [-1, 1]",
        r"|e_i| \le 1, \quad |\rho_l| \le r_l \text{ in each entry}",
    ),
    symbols={
        "s": r"place on a piece of the segment, from $-1$ to 1",
        "l": "number of a node of the network, as a layer or an activation",
        r"\phi_l^s": "values of the node in the network at $s$, for one input",
        "K": "degree of the polynomials",
        "c_{l,k}": "their coefficients, which hold for the whole piece",
        "e_i": "numbers that all nodes share, functions of $s$ and of the input",
        "g_{l,i}, g'_{l,i}": "how the node depends on them",
        r"\rho_l, r_l": "what is left, and its bound",
    },
    status="derived",
    sources=("makino2003",),
    note="derived",
    hypotheses=(_ENCLOSED,),
    functions=("paths.certify",),
    checks="certificates",
)

theorem(
    "C6",
    "Certified barrier",
    statement=(
        r"B(t) = \mathcal L(\theta_t) - t\, \mathcal L(A) - (1-t)\, \mathcal L(B)",
        r"\max_{\text{nodes } t} B(t) \le \max_{t \in [0, 1]} B(t) \le"
        r" \max_{\text{pieces}} \max_j \bigl[\mathcal U(s_j) - \overline{\mathcal L}(s_j)\bigr]",
    ),
    symbols={
        "A, B": "the two networks; with an argument $B(t)$ is the barrier",
        "t": "weight of $A$, in $[0, 1]$",
        r"\theta_t": r"parameters $t A + (1-t) B$",
        r"\mathcal L": "mean loss over the examples",
        "s_j": "equidistant points of a piece of the segment, both ends among them",
        r"\mathcal U": r"bound of the mean loss, convex on the piece, from the enclosures of C5",
        r"\overline{\mathcal L}": r"the chord $t\, \mathcal L(A) + (1-t)\, \mathcal L(B)$ there",
        r"\text{nodes}": "the $t$ at which networks are evaluated",
        r"\text{pieces}": r"intervals that cover $[0, 1]$",
    },
    status="derived",
    sources=(),
    note="derived",
    depends=("C5",),
    hypotheses=(_ENCLOSED, "cross-entropy, binary cross-entropy or squared error"),
    functions=("paths.certified_barrier",),
    checks="certificates",
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
    proof=(
        r"The outputs at $\theta_t^\pi$ are $u_0 + \sum_{ij} (P_\pi)_{ij} g_{ij}$, so $\mathcal"
        r" L(\theta_t^\pi) = F(P_\pi)$. $F$ is convex, being a convex function of an affine one:"
        r" $F(P_\pi) \ge F(P) + \langle \nabla F(P), P_\pi - P \rangle$. Take the minimum over"
        r" $\pi$ on both sides."
    ),
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
    proof=(
        r"The loss of logits $f$ is $\operatorname{lse} f - f_y$, and $\bar f_y = t f_{A,y} +"
        r" (1-t) f_{B,y}$. Hence the loss at $\theta_t$ less the chord of the losses is"
        r" $\operatorname{lse} f_t - f_{t,y} - t \operatorname{lse} f_A - (1-t) \operatorname{lse}"
        r" f_B + \bar f_y = D - J - E_y$. $\operatorname{lse}$ is convex: $J \ge 0$."
    ),
)
