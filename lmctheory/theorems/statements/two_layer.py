"""Statements on two-layer networks (T)."""

from lmctheory.theorems._registry import theorem
from lmctheory.theorems.formula import Formula

_HUBER = Formula("B_{b,H}(d)", "=", "H/2*Min(d, b/H)**2 + b*Max(d - b/H, 0)")
_HUBER_SYMBOLS = {
    "B_{b,H}": (
        r"Huber's function, $B_{b,H}(d) = \int_0^1 \min(b d, H d^2 r) \, dr$; $b d$ where $H$ is"
        " infinite, 0 where it is 0"
    ),
    "b": "length of an interval that holds all slopes",
    "d": "a distance",
}
_T = {"t": "place on the segment, in $[0, 1]$"}
_ACTIVATION = {
    r"\sigma": "the activation",
    r"\alpha, \beta": r"bounds of its slopes, $\alpha \le \sigma' \le \beta$",
    "h": r"$\sup |\sigma''|$, infinite at a kink",
}
_NETWORKS = {
    "f_A, f_B": "outputs of the networks, B's neurons in the order of A's that they are matched to",
    "f_t": r"output of the network with the weights $t A + (1-t) B$",
    r"\bar f": r"$t f_A + (1-t) f_B$",
    "N": "number of neurons",
}
_NEURONS = (
    r"$f(x) = \frac1N \sum_i a_i \sigma(\langle w_i, x \rangle)$, a bias being a coordinate of"
    " $w_i$",
    r"$|x| \le R$, $|a_i| \le a_{\max}$, $|w_i| \le w_{\max}$ in both networks",
)
_FIXED = r"$f(x) = \frac aN \sum_i \sigma(\langle w_i, x \rangle)$, $a > 0$ fixed"

theorem(
    "T1",
    "One neuron",
    statement=(
        Formula(
            r"\bigl|\sigma_*(tu + (1-t)v) - t\sigma_*(u) - (1-t)\sigma_*(v)\bigr|",
            r"\le",
            "t*(1 - t)*B(d)",
            names={"B": "B_{2K,H}", "d": "|u - v|"},
        ),
        _HUBER,
        r"B_{2K,H}(d) \le \min\bigl(2Kd, \tfrac12 H d^2\bigr)",
    ),
    symbols={
        r"\sigma_*": "output of a neuron on one input, as a function of its parameters",
        "u, v": "parameters of a neuron of A and of its partner in B",
        **_T,
        "K": r"Lipschitz constant of $\sigma_*$ on the segment from $v$ to $u$",
        "H": r"bound of its Hessian there, infinite at a kink",
        **_HUBER_SYMBOLS,
    },
    status="derived",
    sources=(),
    note="derived; sharp",
    hypotheses=(
        r"$\sigma_*$ is $K$-Lipschitz on the segment from $v$ to $u$",
        r"its Hessian is bounded by $H$ there (its gradient is $H$-Lipschitz), or $H = \infty$",
    ),
    functions=("widths.neuron_gap_bound",),
    checks="two_layer",
    proof=r"""
\textbf{1.} Let $d = |u - v|$ and $g(s) = \sigma_*(v + s(u - v))$, which is Lipschitz. Then
\begin{align*}
g(t) - t g(1) - (1-t) g(0) &= (1-t) \int_0^t g'(s) \, ds - t \int_t^1 g'(s) \, ds \\
&= t(1-t) \int_0^1 \bigl[ g'(t r) - g'(1 - (1-t) r) \bigr] \, dr .
\end{align*}

\textbf{2.} The two slopes lie in $[-Kd, Kd]$, at places that are $1 - r$ apart, so that they differ
by at most $\min(2Kd, H d^2 (1-r))$.

\textbf{3.} $\int_0^1 \min(b d, H d^2 r) \, dr = B_{b,H}(d)$, which is at most $b d$ and at most
$\frac12 H d^2$.
""",
)

theorem(
    "T1b",
    "One pointwise activation",
    statement=(
        Formula(
            r"|\sigma(\bar z) - t\sigma(z) - (1-t)\sigma(z')|",
            r"\le",
            "t*(1 - t)*B(d)",
            names={"B": r"B_{\beta-\alpha,h}", "d": "|z - z'|"},
        ),
        Formula(
            r"B_{\beta-\alpha,h}(d)",
            r"\le",
            "(beta - alpha)*d",
            names={"alpha": r"\alpha", "beta": r"\beta"},
        ),
        _HUBER,
        Formula(
            r"\max_t |\sigma(\bar z) - t\sigma(z) - (1-t)\sigma(z')|",
            "=",
            "Abs(z)*Abs(z_prime)/(Abs(z) + Abs(z_prime))",
            names={"z_prime": "z'"},
        ),
        r"\text{in the last line } \sigma(z) = \max(z, 0), \; z z' < 0; \text{ where } z z' \ge 0"
        r" \text{ its left-hand side is } 0",
    ),
    symbols={
        **_ACTIVATION,
        "z, z'": "pre-activations of a neuron of A and of its partner in B",
        r"\bar z": "$t z + (1-t) z'$",
        **_T,
        **_HUBER_SYMBOLS,
        "H": "bound of the second derivative, infinite at a kink",
    },
    status="derived",
    sources=(),
    note="derived; sharp",
    hypotheses=(
        r"the slopes of $\sigma$ lie in $[\alpha, \beta]$",
        r"$|\sigma''| \le h$, or $h = \infty$",
    ),
    functions=("widths.activation_gap_bound", "widths.relu_gap"),
    checks="two_layer",
    depends=("T1",),
    proof=r"""
\textbf{1.} As for T1 with $g(s) = \sigma(z' + s(z - z'))$: its slopes lie in an interval of
length $(\beta - \alpha) |z - z'|$, and $|g''| \le h |z - z'|^2$.

\textbf{2.} The relu: it is linear between $z$ and $z'$ unless $z z' < 0$, and otherwise the gap is
piecewise linear in $t$ and 0 at both ends, so largest at the kink $\bar z = 0$; if $z > 0 > z'$, $t
= |z'| / (|z| + |z'|)$ there and the gap is $-t z$, and likewise with $z$ and $z'$ exchanged.
""",
)

theorem(
    "T2",
    "Function error of matched two-layer networks",
    statement=(
        r"|f_t - \bar f| \le \mathcal E(W_2), \qquad |f_t - \bar f| \le \tfrac K2 W_1",
        Formula(
            r"\mathcal E(d)",
            "=",
            "Min(A(d), a*B(R*d) + ell*R*d**2/2)/4",
            names={
                "A": "B_{2K,H}",
                "B": r"B_{\beta-\alpha,h}",
                "a": r"a_{\max}",
                "ell": r"\ell",
            },
        ),
        r"\mathcal E(d) = \tfrac{|a|}4 B_{\beta-\alpha,h}(Rd) \;\text{ if all output weights are}"
        r" \; a \text{ and fixed}",
        Formula("K", "=", "sqrt(S**2 + (a*ell*R)**2)", names={"a": r"a_{\max}", "ell": r"\ell"}),
        Formula(
            "H",
            "=",
            "(a*h*R**2 + sqrt((a*h*R**2)**2 + 4*ell**2*R**2))/2",
            names={"a": r"a_{\max}", "ell": r"\ell"},
        ),
        _HUBER,
    ),
    symbols={
        **_NETWORKS,
        **_T,
        "W_p": (
            r"$(\frac1N \sum_i |\theta_i - \theta'_i|^p)^{1/p}$ of matched neurons"
            r" $\theta = (a, w)$, in units of the weights"
        ),
        r"\mathcal E": "bound of the function error by a distance of neurons",
        "K": r"Lipschitz constant of a neuron in its parameters $(a, w)$",
        "H": "bound of its Hessian in them",
        "R": "largest norm of an input",
        "a, a_{\\max}": "an output weight, and the largest size of one",
        "S": r"$\sup |\sigma(z)|$ over $|z| \le R w_{\max}$, $w_{\max}$ the largest $|w_i|$",
        r"\ell": r"Lipschitz constant of $\sigma$",
        **_ACTIVATION,
        **_HUBER_SYMBOLS,
    },
    status="derived",
    sources=(),
    note="derived",
    hypotheses=(
        *_NEURONS,
        "neurons matched by any permutation, best by the one that is optimal for the $W_p$ used",
        r"$\alpha \le \sigma' \le \beta$, $|\sigma''| \le h$, or $h = \infty$",
    ),
    functions=("widths.neuron", "widths.two_layer.error_bound"),
    checks="two_layer",
    depends=("T1", "T1b"),
    proof=r"""
\textbf{1.} Outputs are linear in the functions of neurons: $f_t - \bar f = \frac1N \sum_i j_i$,
with $j_i = \phi(\theta^t_i) - t\phi(\theta_i) - (1-t)\phi(\theta'_i)$ the gap of a matched pair,
$\phi = a \sigma(\langle w, x\rangle)$ and $d_i = |\theta_i - \theta'_i|$.

\textbf{2.} The gradient of $\phi$ is $(\sigma(z), a\sigma'(z)x)$, of norm at most $K$ on the convex
hull of the neurons, where $|z| \le R w_{\max}$. Its Hessian has the quadratic form
$2\eta\langle x, \omega\rangle \sigma' + a\sigma''\langle x, \omega\rangle^2$ at $(\eta, \omega)$,
at most $2\ell R|\eta||\omega| + q|\omega|^2$ in size with $q = a_{\max} h R^2$; the largest
eigenvalue of this form of two variables is $\frac12(q + \sqrt{q^2 + 4\ell^2R^2}) = H$. By T1,
$|j_i| \le \frac14 B_{2K,H}(d_i)$.

\textbf{3.} As $a_t - a = -(1-t)(a - a')$ and $a_t - a' = t(a - a')$, $j_i = a_t[\sigma(z_t) -
t\sigma(z) - (1-t)\sigma(z')] - t(1-t)(a - a')(\sigma(z) - \sigma(z'))$. By T1b the first term is
at most $\frac14 a_{\max} B_{\beta-\alpha,h}(R|w - w'|)$, the second at most $\frac14\ell R|a -
a'||w - w'| \le \frac18\ell R d_i^2$. If $a = a'$, the second is 0.

\textbf{4.} $\min(b d, H d^2 r)$ is, as the least of two concave functions of $d^2$ that rise,
concave and rising in $d^2$, and so is its integral $B_{b,H}(d)$. By Jensen's inequality the means
over $i$ of the bounds of steps 2 and 3 are at most their values at $d^2 = \frac1N\sum_i d_i^2 =
W_2^2$: the first claim.

\textbf{5.} $B_{2K,H}(d) \le 2Kd$, so that the mean of $\frac14 B_{2K,H}(d_i)$ is at most $\frac K2
\frac1N\sum_i d_i = \frac K2 W_1$.
""",
)

theorem(
    "T2k",
    "The kink of a relu is met by few pairs",
    statement=(
        r"g(z, z') = \max_t |\sigma(\bar z) - t \sigma(z) - (1-t) \sigma(z')|,"
        r" \quad \sigma(z) = \max(z, 0)",
        Formula(
            r"\mathbb E\, g(z, z')",
            r"\le",
            "p**(2*p/(p + 1))/(2*(p + 1))*(2*rho/(3*p + 1))**((p - 1)/(p + 1))*A**(2/(p + 1))",
            names={"rho": r"\rho"},
        ),
    ),
    symbols={
        "z, z'": "pre-activations of a neuron of A and of its partner in B, random",
        r"\bar z": "$t z + (1-t) z'$",
        **_T,
        r"\sigma": "the relu",
        "g": "the largest gap on the segment (T1b)",
        r"\rho": "bound of the density of $z$",
        "A": r"$\mathbb E |z - z'|^p$",
        "p": "exponent, above 1",
    },
    status="derived",
    sources=(),
    note="derived; sharp",
    hypotheses=(
        r"$z$ has a density of at most $\rho$",
        r"$\mathbb E |z - z'|^p = A < \infty$, $p > 1$, however $z$ and $z'$ depend on each other",
    ),
    functions=("widths.kink_bound",),
    checks="two_layer",
    depends=("T1b",),
    proof=r"""
\textbf{1.} Let $D = |z - z'|$. By T1b $g > 0$ only if $|z| < D$, and then $g = |z| (1 - |z|/D)$.

\textbf{2.} For every $\lambda > 0$, $g \le \lambda D^p + v(|z|)$, $v(y) = \max_{D \ge y} [y - y^2/D
- \lambda D^p]^+$. The maximum is at $y^2 = p \lambda D^{p+1}$, where it is $y - (p+1) \lambda D^p$,
and is positive up to $y_0 = ((p+1)^{p+1} p^{-p} \lambda)^{-1/(p-1)}$.

\textbf{3.} Hence $\mathbb E g \le \lambda A + 2
\rho \int_0^{y_0} v = \lambda A + \rho y_0^2 \frac{p-1}{3p+1}$.

\textbf{4.} The least of this over $\lambda$ is the right-hand side.
""",
)

theorem(
    "T2d",
    "Function error in the metric of the data",
    statement=(
        Formula(
            r"\mathbb E \sup_t \|e_t\|",
            r"\le",
            "(beta - alpha)/4*a*sqrt(M)",
            names={"alpha": r"\alpha", "beta": r"\beta"},
        ),
        Formula(
            r"\mathbb E\, \mathbb E_x \sup_t |e_t(x)|",
            r"\le",
            "a/4*B(sqrt(M))",
            names={"B": r"B_{\beta-\alpha,h}"},
        ),
        Formula(
            r"\mathbb E\, \mathbb E_x \sup_t |e_t(x)|",
            r"\le",
            "a*(4*rho*M**2/189)**(1/3)",
            names={"rho": r"\rho"},
        ),
        r"\rho = \mathbb E_x (2 \pi x^T \Lambda x)^{-1/2}, \quad M = \mathbb E \min_\pi \frac1N"
        r" \sum_i (w_i - w'_{\pi(i)})^T \Sigma\, (w_i - w'_{\pi(i)}), \quad \Sigma = \mathbb E_x x"
        r" x^T",
        _HUBER,
    ),
    symbols={
        "e_t": r"$f_t - t f_A - (1-t) f_B$, the networks matched by the best $\pi$ of $M$",
        r"\|\cdot\|": r"norm of $L_2$ of the data",
        r"\mathbb E_x": "mean over the data",
        "x": "an input",
        **_T,
        "f_A, f_B, f_t": "outputs of the networks, and of that on the segment",
        "a": "the output weight of all neurons",
        **_ACTIVATION,
        "M": "matching cost per neuron in the metric of the data; the bounds rise with it",
        "N": "number of neurons",
        "w_i, w'_i": "weights of the neurons of A and of B",
        r"\pi": "a permutation",
        r"\Sigma": "second moment of the data",
        r"\Lambda": "covariance of a neuron's weights",
        r"\rho": "mean density of pre-activations at 0",
        **_HUBER_SYMBOLS,
        "H": r"as $h$",
    },
    status="derived",
    sources=(),
    note="derived",
    hypotheses=(
        _FIXED,
        r"all $w_i$, $w'_i$ independent, from $N(0, \Lambda)$",
        r"$\alpha \le \sigma' \le \beta$, $|\sigma''| \le h$, or $h = \infty$",
        r"third line: $\sigma$ is the relu",
    ),
    functions=("widths.data_error_bound",),
    checks="two_layer",
    depends=("T1b", "T2", "T2k", "R11"),
    proof=r"""
\textbf{1.} $e_t = \frac aN\sum_i j_i$, where by T1b $\sup_t|j_i| \le \frac14
B_{\beta-\alpha,h}(D_i)$ with $D_i = |\langle w_i - w'_{\pi(i)}, x\rangle|$.

\textbf{2.} First line. $B_{\beta-\alpha,h}(D) \le (\beta-\alpha)D$ and Minkowski's inequality give
$\sup_t\|e_t\| \le \frac{a(\beta-\alpha)}4\frac1N\sum_i\|D_i\|$; the mean of $\|D_i\|$ is at most
the root of that of $\|D_i\|^2 = (w_i - w'_{\pi(i)})^T\Sigma(w_i - w'_{\pi(i)})$, and the
expectation of the root at most the root of the expectation, $\sqrt M$.

\textbf{3.} Second line. $\mathbb E_x\sup_t|e_t| \le \frac a4\mathbb E_x\frac1N\sum_i B(D_i)$. As
$B(\sqrt q)$ is concave in $q$ (T2, step 4), Jensen's inequality over $x$, $i$ and the networks
puts the mean of $D_i^2$, which is $M$, in place of $q$.

\textbf{4.} Third line. Fix $x$, and let $i$ be uniform and independent of the networks. Then $w_i
\sim N(0,\Lambda)$, so that $z = \langle w_i, x\rangle$ has a density of at most $\rho_x = (2\pi
x^T\Lambda x)^{-1/2}$. T2k with $p = 2$ and $A_x = \mathbb E D_i^2$ gives $\mathbb E\sup_t|j_i|
\le C\rho_x^{1/3} A_x^{2/3}$ with $C = \frac16 2^{4/3}(\frac27)^{1/3} = 14^{2/3}/21$.

\textbf{5.} By H\"older's inequality $\mathbb E_x\rho_x^{1/3}A_x^{2/3} \le (\mathbb
E_x\rho_x)^{1/3}(\mathbb E_x A_x)^{2/3} = \rho^{1/3}M^{2/3}$. All three bounds rise with $M$.
""",
)

theorem(
    "T3",
    "From the function error to the barrier",
    statement=Formula(
        r"\mathrm{barrier}(t)",
        r"\le",
        "-t*(1 - t)*D**2 + 2*sqrt(R)*err + err**2",
        names={"D": r"\|f_A - f_B\|", "R": r"R(\bar f)", "err": r"\|e\|"},
    ),
    symbols={
        r"\mathrm{barrier}(t)": r"$R(f_t) - t R(f_A) - (1-t) R(f_B)$",
        "R": r"the risk, $R(f) = \|f - y\|^2$, $y$ the labels",
        r"\|\cdot\|": r"norm of $L_2$ of the data, squares summed over outputs",
        **{name: meaning for name, meaning in _NETWORKS.items() if name != "N"},
        "e": r"the function error $f_t - \bar f$",
        **_T,
    },
    status="derived",
    sources=(),
    note="derived",
    hypotheses=("the squared loss, summed over outputs", "any two networks, any permutation"),
    functions=("widths.squared_loss_barrier",),
    checks="two_layer",
    proof=r"""
\textbf{1.} As $f_t - y = (\bar f - y) + e$, $R(f_t) = R(\bar f) + 2 \langle \bar f - y, e
\rangle + \|e\|^2$.

\textbf{2.} The parallelogram identity gives $R(\bar f) = t R(f_A) + (1-t) R(f_B) - t(1-t) \|f_A -
f_B\|^2$.

\textbf{3.} Hence
\[ \mathrm{barrier}(t) = -t(1-t) \|f_A - f_B\|^2 + 2 \langle \bar f - y, e \rangle + \|e\|^2 , \]
and $\langle \bar f - y, e \rangle \le \sqrt{R(\bar f)} \, \|e\|$.
""",
)

theorem(
    "T4",
    "Width of two-layer networks",
    statement=(
        r"\min\bigl(\kappa\, \omega_1(N), \mathcal E(\omega_2(N))\bigr) \le \varepsilon \implies"
        r" P\Bigl(\sup_{t, x} |f_t - \bar f| \le \varepsilon\Bigr) \ge 1 - \delta",
        Formula(
            r"\omega_1(N)",
            "=",
            "U + Min(D*sqrt(log(1/delta)/N), 2*sqrt(C*log(1/delta)/N))",
            names={"U": "U_1(N)", "delta": r"\delta"},
        ),
        Formula(
            r"\omega_2(N)",
            "=",
            "Min(sqrt(U + D**2*sqrt(log(1/delta)/N)), sqrt(U) + 2*sqrt(C*log(1/delta)/N))",
            names={"U": "U_2(N)", "delta": r"\delta"},
        ),
    ),
    symbols={
        **_NETWORKS,
        **_T,
        "x": "an input",
        r"\varepsilon": "tolerance of the function error, in units of an output",
        r"\delta": "probability of failure",
        r"\omega_p(N)": "bound of $W_p$ with probability $1 - \\delta$, in units of the weights",
        "U_p(N)": (
            r"upper bound of $\mathbb E W_p^p$ of $N$ neurons (R4, R5; R11 if $p = 2$; $U_1 \le"
            r" \sqrt{U_2}$)"
        ),
        r"\kappa": (
            r"$K/2$, or $(\beta - \alpha) |a| R / 4$ if all output weights are $a$ and fixed (T2)"
        ),
        r"\mathcal E": "bound of the function error by $W_2$ (T2)",
        "D": "diameter of the support of a neuron's law, or infinite",
        "C": "its log-Sobolev constant, or infinite",
    },
    status="derived",
    sources=("ferbach2024", "entezari2022"),
    note="derived; explicit form of Entezari et al. 2022 and Ferbach et al. 2024, two layers",
    hypotheses=(
        *_NEURONS,
        r"$\alpha \le \sigma' \le \beta$, $|\sigma''| \le h$, or $h = \infty$",
        "neurons of both networks independent, from one law",
        "bounded support, or output weights that are all $a$ and fixed, when weights need no bound",
        r"matched optimally, for $p = 1$ or $p = 2$, whichever term of the minimum is used",
    ),
    functions=("widths.two_layer.required_width",),
    checks="two_layer",
    depends=("T1b", "T2", "R10", "R11"),
    proof=r"""
\textbf{1.} By R10, solved for the deviation, each of $W_p^p \le \mathbb E W_p^p +
D^p\sqrt{\ln(1/\delta)/N}$ and $W_p \le \mathbb E W_p + 2\sqrt{C\ln(1/\delta)/N}$ holds with
probability $1 - \delta$.

\textbf{2.} $\mathbb E W_1 \le U_1$ and, by Jensen's inequality, $\mathbb E W_2 \le \sqrt{\mathbb
E W_2^2} \le \sqrt{U_2}$. So $P(W_p \le \omega_p(N)) \ge 1 - \delta$ for either $p$, whichever of
its two forms is the smaller: that is known beforehand.

\textbf{3.} Let the left-hand side be $\kappa\omega_1$ (or $\mathcal E(\omega_2)$), and the
networks matched for $p = 1$ (or 2). On the event of step 2, T2 (or its form for fixed output
weights, by T1b: $|j_i| \le \frac14(\beta-\alpha)|a|R|w_i - w'_i|$) gives $|f_t - \bar f| \le
\kappa W_1 \le \kappa\omega_1$ (or $\mathcal E(W_2) \le \mathcal E(\omega_2)$, as $\mathcal E$
rises) for all $t$ and $x$ at once.
""",
)

theorem(
    "T5",
    "Training keeps matched neurons close",
    statement=(
        r"W_2(\text{trained}) \le \mathrm{Lip}(\Phi)\, W_2(\text{initial}) + D_n^A + D_n^B",
        Formula(
            r"\mathrm{Lip}(\Phi)",
            r"\le",
            "Product(1 + 2*s(k)*H*sqrt(R(k)), (k, 0, n - 1))",
            indexed=("s", "R"),
        ),
        r"D_{k+1} \le \min\bigl\{ \max_{0 \le u \le K D_k} \Delta_k(u),\; D_k + 2 s_k (r_k D_k + K"
        r" e_k + K^2 D_k) \bigr\}, \quad D_0 = 0",
        Formula(
            r"\Delta_k(u)^2",
            "=",
            "D**2 + 4*s*(r*D**2 + err*u - u**2 + (err + u)*G) + 4*s**2*(r*D + K*(err + u))**2",
            names={"D": "D_k", "s": "s_k", "r": "r_k", "err": "e_k", "G": "G_k"},
        ),
    ),
    symbols={
        "W_2": r"root mean square of $|\theta_i - \theta'_i|$, neurons matched before training",
        r"\Phi": "what training in the limit of infinitely many neurons makes of an initial neuron",
        r"\mathrm{Lip}(\Phi)": "its Lipschitz constant",
        "D_k^A, D_k^B, D_k": (
            "how far neurons are from where the limit takes them, in root mean square, after $k$"
            " steps, in A, in B, in either"
        ),
        "n": "number of steps",
        "s_k": r"sizes of the steps $k = 0, \dots, n - 1$",
        "R_k": "squared loss of the limit before step $k$",
        "r_k": r"$H \sqrt{R_k}$",
        "G_k": r"$B_{2K,H}(D_k)$, or $4 \mathcal E(D_k)$ for the networks of T2",
        "e_k": (
            r"$\|\frac1N \sum_i \sigma_*(\cdot; Y_i) - f_\infty\|$ in $L_2$ of the data before each"
            " step, $f_\\infty$ the limit"
        ),
        "u": (
            r"$\|f_X - f_Y\|$ in $L_2$ of the data: $X_i$ are the network's neurons, $Y_i$ start"
            " there and move with the limit"
        ),
        "K, H": "Lipschitz constant of a neuron and bound of its Hessian, in its parameters",
        r"\mathcal E": "bound of the function error by $W_2$ (T2)",
    },
    status="derived",
    sources=("ferbach2024", "mei2019"),
    note="derived; compare Ferbach et al. 2024, Theorem 3.1, and Mei et al. 2019",
    hypotheses=(
        r"$f(x) = \frac1N \sum_i \sigma_*(x; \theta_i)$, $\theta_i \leftarrow \theta_i + 2 s_k"
        r" \mathbb E_x[(y - f) \nabla \sigma_*]$: noiseless gradient descent on the squared loss",
        r"$|\nabla \sigma_*| \le K$ and $|\nabla^2 \sigma_*| \le H$ on the convex hull of all"
        r" neurons that the networks and the limit meet, for every input or in $L_2$ of the data",
        "both networks take the same steps on the same data; initial neurons from one law",
    ),
    functions=("widths.flow_lipschitz", "widths.coupling_bound"),
    checks="two_layer",
    depends=("T2",),
    proof=r"""
\textbf{1.} The flow. In the limit a neuron moves by $y \mapsto y + 2 s_k\mathbb
E[(y_{\mathrm{data}} - f_\infty)\nabla\sigma_*(\cdot\,; y)]$. For two neurons and any unit vector
$v$, Schwarz's inequality bounds $\mathbb E[(y_{\mathrm{data}} - f_\infty)\langle v,
\nabla\sigma_*(\cdot\,; y_1) - \nabla\sigma_*(\cdot\,; y_2)\rangle]$ by $\sqrt{R_k} H|y_1 - y_2|$:
a step has the Lipschitz constant $1 + 2s_kH\sqrt{R_k}$, and the
composition of all steps at most their product.

\textbf{2.} The coupling. $X_i$ are the network's neurons, $Y_i$ start there and move with the
limit, $D_k^2 = \frac1N\sum_i|X_i - Y_i|^2$. A step adds $2s_kv_i$ to $X_i - Y_i$,
\[ v_i = \mathbb E[(y_{\mathrm{data}} - f_\infty)(\nabla\sigma_*(X_i) - \nabla\sigma_*(Y_i))] +
\mathbb E[(f_\infty - f_X)\nabla\sigma_*(X_i)] . \]

\textbf{3.} The mean over $i$ of the first term times $X_i - Y_i$ is at most $r_kD_k^2$, as in
step 1.

\textbf{4.} By Taylor's formula $\langle\nabla\sigma_*(X_i), X_i - Y_i\rangle = \sigma_*(X_i) -
\sigma_*(Y_i) + \varrho_i$ with $\varrho_i = \int_0^1\langle\nabla\sigma_*(X_i) -
\nabla\sigma_*(X_i - \tau(X_i - Y_i)), X_i - Y_i\rangle\,d\tau$, at most $\int_0^1\min(2K|X_i -
Y_i|, H\tau|X_i - Y_i|^2)\,d\tau = B_{2K,H}(|X_i - Y_i|)$. That is concave in the square (T2, step
4): the mean over $i$ is $f_X - f_Y + \varrho$ with $\|\varrho\| \le G_k = B_{2K,H}(D_k)$. For the
networks of T2 let $X_i = (a, w)$, $Y_i = (a', w')$, $d = |X_i - Y_i|$: then $\varrho_i =
a[\sigma'(z)(z - z') - \sigma(z) + \sigma(z')] + (a - a')(\sigma(z) - \sigma(z'))$ is also at most
$a_{\max}B_{\beta-\alpha,h}(Rd) + \frac12\ell Rd^2$, by the same formula for $\sigma$, and as $|a -
a'||w - w'| \le \frac12d^2$; without the last term, if $a = a'$. So $\|\varrho\| \le
4\mathcal E(D_k)$ there.

\textbf{5.} $f_\infty - f_X = (f_\infty - f_Y) - (f_X - f_Y)$, norms $e_k$ and $u$. The mean over
$i$ of the second term of $v_i$ times $X_i - Y_i$ is therefore at most $e_ku - u^2 + (e_k + u)G_k$.

\textbf{6.} The root mean square of $|v_i|$ is at most $r_kD_k + K(e_k + u)$, and $u \le KD_k$.

\textbf{7.} $D_{k+1}^2 = D_k^2 + 4s_k\frac1N\sum_i\langle X_i - Y_i, v_i\rangle +
4s_k^2\frac1N\sum_i|v_i|^2 \le \Delta_k(u)^2$ by steps 3, 5 and 6, hence at most its largest value
for $u \le KD_k$; and $D_{k+1} \le D_k + 2s_k(r_kD_k + K(e_k + u))$ with $u \le KD_k$.

\textbf{8.} Two networks. With a permutation that is fixed, $X^A_i - X^B_i = (X^A_i - Y^A_i) +
(Y^A_i - Y^B_i) + (Y^B_i - X^B_i)$; by step 1 the root mean square of the middle term is at most
$\mathrm{Lip}(\Phi)$ times that of the initial differences.
""",
)
