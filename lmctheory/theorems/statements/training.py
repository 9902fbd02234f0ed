"""Statements on two trained networks that are coupled to each other (T12 to T15)."""

from lmctheory.theorems._registry import theorem
from lmctheory.theorems.formula import Formula

_NETWORKS = (
    r"$f = \frac1N \sum_i \phi(\cdot\,; \theta_i)$; a step of size $s$ is $\theta_i \leftarrow"
    r" (1 - s \mu) \theta_i - s \, \mathbb E\langle r, \nabla \phi(\theta_i) \rangle$, $r$ the"
    r" derivative of the loss in the outputs, $\mathbb E$ the mean over the step's examples;"
    r" $s \mu \le 1$",
    r"the loss is convex in the outputs and its derivative $\beta$-Lipschitz",
    "both networks take the same steps on the same examples; B's neurons are permuted once,"
    " before training",
)
_SECANTS = (
    r"$\phi = a \, \sigma(\langle w, x \rangle)$; any activation that has slopes, with or without a"
    r" kink; output weights $a$ are trained, or equal for matched neurons",
)
_SYMBOLS = {
    r"\theta_i, \theta'_i": "neuron $i$ of A and the neuron of B that it is matched with",
    "D_i": r"$\theta_i - \theta'_i$ before the step, $D'_i$ after it",
    r"\phi_i, \phi'_i": "the outputs of these two neurons, as functions of the input",
    "N": "number of neurons",
    "s": "size of the step",
    r"\mu": "weight decay",
    "c": r"$1 - s \mu$",
    r"\rho": "difference of the derivatives of the loss in A's and in B's outputs",
    "u": r"$\|\rho\|$, as all norms of functions the root mean square over the step's examples",
    r"\beta": "Lipschitz constant of the derivative of the loss",
    "M": r"$\frac1N \sum_i |D_i|^2$ before the step, $M'$ after it, $M_K$ after the last one",
}
_MATRICES = {
    "A_i, B_i": (
        r"made of secants between the matched neurons: $\mathbb E\langle r, \nabla\phi_i\rangle -"
        r" \mathbb E\langle r', \nabla\phi'_i\rangle = B_i D_i + A_i \rho$, $\langle D_i, A_i \rho"
        r" \rangle = \mathbb E\langle \rho, \phi_i - \phi'_i\rangle$"
    ),
}
_IDENTITY = r"""
\textbf{1.} Write $\bar v$ and $\Delta v$ for mean and difference of a quantity $v$ of the two
matched neurons, and let $\varsigma = \Delta\sigma/\Delta z$ be the secant slope, $\sigma'(z)$ where
$\Delta z = 0$. Products obey
$\Delta(v w) = \bar v \Delta w + \bar w \Delta v$. Hence $\Delta\phi = \bar\sigma \Delta a + \bar a
\varsigma \Delta z$, with $\Delta z = \langle \Delta w, x \rangle$. Define $A_i \rho = (\mathbb E
\bar\sigma \rho, \mathbb E \langle \rho, \bar a \rangle \varsigma x)$; then $\langle D_i, A_i \rho
\rangle = \mathbb E\langle\rho, \Delta\phi\rangle$.

\textbf{2.} The gradient in $a$ is $\mathbb E r\sigma$, and $\Delta(r \sigma) = \bar\sigma \rho +
\bar r \varsigma \Delta z$. The gradient in $w$ is $\mathbb E\langle r, a\rangle\sigma'(z) x$. With
$\chi = (\sigma'(z) - \varsigma)/\Delta z$ and $\chi' = (\varsigma - \sigma'(z'))/\Delta z$,
\[ \langle r, a\rangle\sigma'(z) - \langle r', a'\rangle\sigma'(z') - \varsigma\langle\rho,
\bar a\rangle = \langle r, \bar a \rangle (\sigma'(z) - \varsigma) + \langle r', \bar a\rangle
(\varsigma - \sigma'(z')) + \tfrac12 \langle \sigma'(z) r + \sigma'(z') r', \Delta a\rangle, \]
as $a = \bar a + \frac12\Delta a$, $a' = \bar a - \frac12\Delta a$. All terms but those in $A_i\rho$
are linear in $D_i$: they define $B_i$. If the output weights are fixed and equal, their rows and
columns are left out. Where $\Delta z = 0$ every value of $\chi$ may be taken.

\textbf{3.} Subtracting the two steps, $D'_i = (c - s B_i) D_i - s A_i\rho$."""

theorem(
    "T12",
    "Two trained networks, coupled to each other",
    statement=(
        r"D'_i = (c - s B_i) D_i - s A_i \rho, \qquad \tfrac1N \sum_i \langle D_i, A_i \rho"
        r" \rangle = \mathbb E \langle \rho, f_A - f_B \rangle \ge u^2 / \beta",
        Formula(
            "M'",
            r"\le",
            "(q + s**3*beta*L**2*K**2/(2*c - s*beta*K**2))*M",
            names={"beta": r"\beta"},
        ),
        Formula(
            "W_2(\\text{trained})",
            r"\le",
            "w*Product(sqrt(c(k)**2 + 2*c(k)*s(k)*x(k) + 2*c(k)*s(k)**2*x(k)**2"
            "/(2*c(k) - s(k)*beta*K**2)), (k, 1, n))",
            names={"w": r"W_2(\text{initial})", "x": r"\kappa", "beta": r"\beta"},
            indexed=("c", "s", "x"),
        ),
        Formula(
            r"\kappa_k",
            "=",
            "H/2*(sqrt(2*beta*l(k)) + sqrt(2*beta*r(k)))",
            names={"l": r"\ell", "r": r"\ell'", "beta": r"\beta"},
            indexed=("l", "r"),
        ),
    ),
    symbols={
        **_SYMBOLS,
        **_MATRICES,
        "q": r"$\max_i \|c - s B_i\|^2$, spectral norms",
        "L": r"$\max_i \|B_i\|$",
        "K": (
            r"$K^2 = \frac1N \sum_i \|A_i\|^2$, or, in the bound by losses, a Lipschitz constant of"
            r" the neuron in $L_2$ of the examples"
        ),
        "W_2": r"root mean square of $|D_i|$",
        "n": "number of steps",
        "c_k, s_k": "the numbers of step $k$, counted from 1",
        r"\ell_k, \ell'_k": "mean losses of A and B before step $k$, on its examples",
        "H": r"bound of the neuron's Hessian in $L_2$ of the examples",
        r"\kappa_k": r"bounds every $\|B_i\|$ of step $k$",
    },
    status="derived",
    sources=("ferbach2024",),
    note="derived; no limit of many neurons, compare T5 and Ferbach et al. 2024, Theorem 3.1",
    hypotheses=(
        *_NETWORKS,
        *_SECANTS,
        r"$s \beta K^2 < 2 c$",
        r"for the bound by losses: the loss is nonnegative, and $\phi$, of any form, is twice"
        r" differentiable in $\theta$ on the segments between matched neurons",
    ),
    functions=("widths.trained_pair.pair_growth", "widths.trained_pair.loss_growth"),
    checks="training",
    depends=(),
    proof=_IDENTITY
    + r"""

\textbf{4.} $\rho = \Lambda (f_A - f_B)$, where $\Lambda(x) = \int_0^1 \nabla^2 \ell$ on the segment
of the outputs is symmetric with $0 \le \Lambda \le \beta$. Hence $\langle\rho, f_A - f_B\rangle \ge
|\rho|^2/\beta$ for every example (if $\nabla^2\ell$ does not exist, this is the cocoercivity of the
gradient of a convex function with $\beta$-Lipschitz gradient). The mean over $i$ of $\langle D_i,
A_i\rho\rangle$ is $\mathbb E\langle\rho, f_A - f_B\rangle \ge u^2/\beta$.

\textbf{5.} $|A_i \rho| \le \|A_i\| u$. With $\langle (c - sB_i) D_i, A_i\rho\rangle = c \langle
D_i, A_i\rho\rangle - s \langle B_i D_i, A_i\rho\rangle$ and Schwarz's inequality for the mean
over $i$, \[ M' \le q M - \tfrac{2sc}\beta u^2 + 2 s^2 L K \sqrt M u + s^2 K^2 u^2 . \]

\textbf{6.} The right-hand side is $q M - a u^2 + 2 b \sqrt M u$ with $a = s (2c - s\beta
K^2)/\beta > 0$ and $b = s^2 L K$; its largest value is $(q + b^2/a) M$.

\textbf{7.} For the bound by losses take $A_i = \int_0^1 \nabla\phi(\theta^\tau)\,d\tau$ and $B_i =
\int_0^1 \mathbb E\langle r_\tau, \nabla^2\phi(\theta^\tau)\rangle\,d\tau$ on the segments
$\theta^\tau = \theta'_i + \tau D_i$, $r_\tau = r' + \tau\rho$: as $\frac{d}{d\tau} \mathbb
E\langle r_\tau, \nabla\phi(\theta^\tau)\rangle = \mathbb E\langle\rho,
\nabla\phi(\theta^\tau)\rangle + \mathbb E\langle r_\tau, \nabla^2\phi(\theta^\tau)\rangle D_i$,
steps 3 to 6 hold for them, $B_i$ is symmetric, $\|A_i\| \le K$ and $\|B_i\| \le H \int_0^1 (\tau
\|r\| + (1-\tau)\|r'\|)\,d\tau = \frac H2(\|r\| + \|r'\|)$.

\textbf{8.} A nonnegative function with $\beta$-Lipschitz gradient has $|r|^2 \le 2\beta\ell$
(step from a point by $-r/\beta$: $0 \le \ell - |r|^2/(2\beta)$), hence $\|r\| \le
\sqrt{2\beta\ell_k}$ and $\|B_i\| \le \kappa_k$.

\textbf{9.} $q \le \max_i \|c - sB_i\|^2 \le c^2 + 2sc\kappa_k + s^2\kappa_k^2$, and $s^2\kappa_k^2
(1 + s\beta K^2/(2c - s\beta K^2)) = 2c s^2\kappa_k^2/(2c - s\beta K^2)$. Multiply over the steps.
""",
)

theorem(
    "T13",
    "Every neuron by its own curvature",
    statement=(
        r"M_K = E_K, \qquad E_0 = \tfrac1N \sum_i w_i |D_i|^2, \qquad w_i = w'_i q_i, \qquad w_i ="
        r" 1 \text{ at the end}",
        Formula(
            "E'",
            r"\le",
            "(1 + s*c*beta*(sqrt(G)*V - P) + 2*s**2*beta*sqrt(G)*X + s**2*beta**2*G*S)*E",
            names={"beta": r"\beta", "V": "V_1"},
        ),
        Formula(
            "E'",
            r"\le",
            "(1 + (s*c*V + s**2*X)**2/(2*s*c*W/beta - s**2*S))*E",
            names={"beta": r"\beta", "V": "V_2"},
        ),
    ),
    symbols={
        **_SYMBOLS,
        **_MATRICES,
        "q_i": r"a positive bound of $\|c - s B_i\|^2$",
        "w_i, w'_i": "weights of neuron $i$ before and after the step",
        "E, E'": r"$\frac1N \sum_i w_i |D_i|^2$ before and after the step",
        "k_i": r"$\|\phi_i - \phi'_i\| / |D_i|$, 0 where $D_i = 0$, or a bound of it",
        "G": r"mean over neurons of $k_i^2 / w_i$",
        "V_1": r"root of the mean of $(k_i w'_i)^2 / w_i$",
        "V_2": r"root of the mean of $k_i^2 (w'_i - W)^2 / w_i$",
        "P": r"mean of $k_i^2 w'_i / w_i$",
        "W": "mean of $w'_i$",
        "X": r"root of the mean of $(w'_i \|A_i\| \|B_i\|)^2 / w_i$",
        "S": r"mean of $w'_i \|A_i\|^2$",
    },
    status="derived",
    sources=("ferbach2024",),
    note="derived; T12 with a weight for each neuron",
    hypotheses=(
        *_NETWORKS,
        *_SECANTS,
        r"for the last line $2 c W > s \beta S$",
    ),
    functions=("widths.trained_pair.pair_growth",),
    checks="training",
    depends=("T12",),
    proof=r"""
\textbf{1.} Means are over neurons, $\delta_i = \phi_i - \phi'_i$. By T12,
\[ E' = \overline{w' |(c - sB) D|^2} - 2sc\,\overline{w'\langle D, A\rho\rangle} + 2s^2\,
\overline{w'\langle BD, A\rho\rangle} + s^2\,\overline{w'|A\rho|^2}, \]
where the first term is at most $\overline{w' q |D|^2} = E$ and $\overline{w'\langle D,
A\rho\rangle} = \mathbb E\langle\rho, \overline{w'\delta}\rangle$.

\textbf{2.} With $x_i = \sqrt{w_i}|D_i|$, $\overline{x^2} = E$: $|B_i D_i| \le \|B_i\|
x_i/\sqrt{w_i}$, so that the third term is at most $2s^2 u X\sqrt E$ and the fourth at most $s^2
u^2 S$.

\textbf{3.} First line. $\rho = \Lambda\bar\delta$ with $0 \le \Lambda \le \beta$, symmetric
(without $\nabla^2\ell$ take $\rho\rho^T/\langle\rho, \bar\delta\rangle$ for every example, by
cocoercivity). Let $\eta_i = \Lambda^{1/2}\delta_i$, so that $\|\eta_i\| \le \sqrt\beta\, k_i
x_i/\sqrt{w_i}$. Then $-2\,\mathbb E\langle\rho, \overline{w'\delta}\rangle =
-\frac1{N^2}\sum_{ij}(w'_i + w'_j)\langle\eta_i, \eta_j\rangle$. The matrix $-(w'_i + w'_j)$, its
entries multiplied by $p_i p_j$, $p_i = k_i/\sqrt{w_i}$, is $-(p\,(w'p)^T + (w'p)\,p^T)$, with no
eigenvalue above $|p||w'p| - \langle p, w'p\rangle \ge 0$; as $\eta_i = p_i \xi_i$ with $\|\xi_i\|
\le \sqrt\beta x_i$, the form is at most $\beta E (\sqrt G V_1 - P)$, and $c \ge 0$. (Every set of
vectors $\eta_i$ with $\sum \|\eta_i\|^2/p_i^2 \le N\beta E$ obeys it: $k_i$ may be bounds.)

\textbf{4.} $u \le \beta\|\bar\delta\| \le \beta\,\overline{k|D|} \le \beta\sqrt{G E}$, in step 2.

\textbf{5.} Last line. $\overline{w'\delta} = W\bar\delta + \overline{(w' - W)\delta}$. As in T12,
$\mathbb E\langle\rho, \bar\delta\rangle \ge u^2/\beta$, and $\|\overline{(w'-W)\delta}\| \le
V_2\sqrt E$. Hence $E' \le E - a u^2 + 2 b u\sqrt E$ with $a = 2scW/\beta - s^2 S$ and $b = s c
V_2 + s^2 X$: at most $(1 + b^2/a) E$.
""",
)

theorem(
    "T14",
    "Propagators of matched neurons, and the coupling to the limit",
    statement=(
        r"\sqrt{M_K} \le \Bigl(\tfrac1N \sum_i |U_i D_i(0)|^2\Bigr)^{1/2} + \sum_k s_k"
        r" \sqrt{\lambda_k}\, u_k + \sum_k \Bigl(\tfrac1N \sum_i |F_i l_i|^2\Bigr)^{1/2}",
        Formula(
            r"\mathbb E E'",
            r"\le",
            "(sqrt(f*E + 2*g*sqrt(E*v/N) + h**2*v/N) + x*sqrt(E) + l)**2",
            names={"E": r"\mathbb E E", "v": r"\mathrm{Var}(\phi)", "x": r"\chi", "l": r"\ell"},
        ),
        Formula("f", "=", "1 + b**2/a"),
        Formula("g", "=", "b*s*c*W/a"),
        Formula("h", "=", "s*c*W/sqrt(a)"),
    ),
    symbols={
        **_SYMBOLS,
        **_MATRICES,
        "F_i": r"product of $c - s B_i$ over the steps after the one at hand; $U_i$ over all steps",
        "U_i": "see $F_i$",
        r"\lambda_k": (
            r"largest eigenvalue of $\frac1N \sum_i A_i^T F_i^T F_i A_i$ on functions of the"
            " examples"
        ),
        "l_i": r"what a recorded step has besides $(c - s B_i) D_i - s A_i \rho$",
        "s_k, u_k": "$s$ and $u$ of step $k$",
        "E, E'": (
            r"as in T13, of $D_i = X_i - Y_i$: $X_i$ neurons of a network, $Y_i$ started with them"
            r" and moved by the residuals of the limit $f_\infty$"
        ),
        r"\mathbb E E": "mean over draws of the initial neurons, 0 before training",
        r"\mathrm{Var}(\phi)": r"mean over examples of the variance of $\phi(Y_i)$",
        "f, g, h": "for all draws the same, or the lesser of several such triples in every step",
        r"\chi, \ell": (
            r"for all draws the same, $\chi \sqrt E + \ell$ bounds the root of $\frac1N \sum_i w'_i"
            r" |l_i|^2$: pairs beside a kink that are told no curvature, and rounding"
        ),
        "a, b": r"$a = 2 s c W / \beta - s^2 S > 0$, $b = s c V_2 + s^2 X$, all as in T13",
        "W": "mean of the weights $w'_i$",
    },
    status="derived",
    sources=("ferbach2024",),
    note="derived; explicit form of Ferbach et al. 2024, Theorem 3.1",
    hypotheses=(
        *_SECANTS,
        "first line: any two recorded paths, however trained",
        *_NETWORKS,
        r"coupling: initial neurons independent, of one law, and $f_\infty = \mathbb E \phi(Y_i)$"
        " before every step",
        r"coupling: the coefficients $f, g, h, \chi, \ell$ hold for every draw",
    ),
    functions=(
        "widths.trained_pair.pair_growth",
        "widths.trained_pair.coupling",
        "widths.trained_pair.mean_coupling",
    ),
    checks="training",
    depends=("T12", "T13"),
    proof=r"""
\textbf{1.} By definition of $l_i$, $D'_i = (c - sB_i)D_i - sA_i\rho + l_i$ in every step;
multiplied out, $D_i(K) = U_i D_i(0) - \sum_k s_k F_{i,k} A_{i,k}\rho_k + \sum_k F_{i,k} l_{i,k}$.
The root mean square over $i$ is a norm; $\frac1N\sum_i|F_i A_i\rho|^2 \le \lambda\|\rho\|^2$.

\textbf{2.} Coupling. The identity of T12 holds for $X_i$ and $Y_i$ with $\rho$ the difference of
the residuals of the network and of the limit, $\rho = \Lambda(f_X - f_\infty) =
\Lambda(\bar\delta + \xi)$, $\xi = \frac1N\sum_i\phi(Y_i) - f_\infty$ and $\bar\delta = f_X -
\frac1N \sum_i \phi(Y_i)$. The $Y_i$ are images of independent neurons under one deterministic
map: independent, $\mathbb E\phi(Y_i) = f_\infty$, and $\mathbb E\|\xi\|^2 = \mathrm{Var}(\phi)/N$.

\textbf{3.} As in T13, step 5, with $\mathbb E\langle\rho, \bar\delta\rangle = \mathbb E\langle\rho,
\bar\delta + \xi\rangle - \mathbb E\langle\rho, \xi\rangle \ge u^2/\beta - ue$, $e = \|\xi\|$:
\[ E' \le E - a u^2 + 2 u (b\sqrt E + s c W e) \le E + (b\sqrt E + scWe)^2/a = f E + 2 g e\sqrt E +
h^2 e^2 . \]
Other triples follow from step 3 of T13 with $u \le \beta(\sqrt{GE} + e)$.

\textbf{4.} What is left of the step adds at most $\chi\sqrt E + \ell$ to $\sqrt{E'}$. The root of
the mean of a square over draws is a norm, and $\mathbb E\, e\sqrt E \le (\mathbb E e^2\,\mathbb E
E)^{1/2}$.
""",
)

theorem(
    "T15",
    "Function error of trained networks",
    statement=(
        Formula(
            r"\|f_t - t f_A - (1-t) f_B\|",
            r"\le",
            "e + t*(1 - t)*H*(R + F/2)*F",
            names={"e": r"\|\hat e\|"},
        ),
        Formula(
            "F",
            "=",
            "Sum(s(k)*sqrt(l(k))*u(k), (k, 1, K)) + z",
            names={"l": r"\lambda", "z": "L"},
            indexed=("s", "l", "u"),
        ),
    ),
    symbols={
        **_SYMBOLS,
        "f_t": "the network with the neurons $t \\theta_i + (1-t) \\theta'_i$",
        "t": "place on the segment, in $[0, 1]$",
        r"\hat e": (
            r"the same error for the pairs of $\theta_i$ and $\theta_i - U_i D_i(0)$, the neurons"
            " of B that curvature alone would make"
        ),
        "H": (
            r"bound of the neuron's Hessian in $L_2$ of the examples on the convex hull of"
            r" $\theta_i$, $\theta'_i$ and $\theta_i - U_i D_i(0)$"
        ),
        "R": r"root of the mean of $|U_i D_i(0)|^2$",
        r"F, s_k, \lambda_k, u_k, U_i": "as in T14, whose last term is $L$",
        "L": "see $F$",
        "K": "number of steps",
    },
    status="derived",
    sources=(),
    note="derived; T14 in terms of functions",
    hypotheses=(
        *_SECANTS,
        r"$\phi$ twice differentiable in $\theta$",
        "any two recorded paths, however trained",
    ),
    functions=("widths.trained_pair.pair_growth",),
    checks="training",
    depends=("T14",),
    proof=r"""
\textbf{1.} Let $e(\vartheta)$ be the error $f_t - t f_A - (1-t) f_B$ with B's neurons at
$\vartheta_i$, and $\hat\vartheta_i = \theta_i - U_i D_i(0)$. By T14, $\vartheta_i = \theta'_i$
differs from it by $R_i$ with root mean square at most $F$.

\textbf{2.} The derivative of neuron $i$'s part of $e$ in $\vartheta_i$ is
$(1-t)[\nabla\phi(t\theta_i + (1-t)\vartheta_i) - \nabla\phi(\vartheta_i)]$, in any direction at
most $(1-t) t H|\theta_i - \vartheta_i|$ in $L_2$.

\textbf{3.} On the segment from $\hat\vartheta_i$ to $\theta'_i$, $|\theta_i - \vartheta_i| \le
|U_i D_i(0)| + \tau|R_i|$; the integral over $\tau$ is $t(1-t)H|R_i|(|U_i D_i(0)| + |R_i|/2)$. The
mean over $i$ is at most $t(1-t)H(R F + F^2/2)$ by Schwarz's inequality.
""",
)
