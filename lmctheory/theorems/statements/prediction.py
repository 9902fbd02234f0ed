"""Statements on trained networks and on barriers of unseen widths (P)."""

from lmctheory.theorems._registry import theorem
from lmctheory.theorems.formula import Formula

_T = {"t": "place on the segment, in $[0, 1]$"}
_NETWORKS = {
    "f_A, f_B": "outputs of the networks, in any order of B's neurons",
    "f_t": r"output of the network with the weights $t A + (1-t) B$",
}
_NAMES = {"tau": r"\tau", "Mx": "M_x"}

_MEMBER = {
    "f^{(n)}_s, f^{(m)}_s": "outputs of the member and of the target after $s$ steps",
    "x": "an input",
    "s": "number of steps",
    "n, m": "widths of the member and of the target, $m / n$ a whole number",
    "r": "ratio of the widths",
    r"\eta, \eta^{(n)}": (
        "learning rates of first weights and hidden biases, of hidden weights, of output"
        " weights; that of the output bias is the same for both"
    ),
}

theorem(
    "P1",
    "Errors of trained networks add up",
    statement=(
        Formula(
            r"\mathbb E\,\mathrm{barrier}(t)",
            r"\le",
            "-tau*D**2 + 2*sqrt(R)*c + c**2 + tau*s**2*ell**2*Mx/N",
            names={**_NAMES, "ell": r"\ell"},
        ),
        Formula(
            "c",
            "=",
            "tau*(V*B(sqrt(M)) + G*ell*sqrt(M*Mx))",
            names={**_NAMES, "B": "B_{b,H}", "ell": r"\ell"},
        ),
        Formula(
            r"\mathbb E \|e_t - \mathbb E e_t\|^2",
            r"\le",
            "2*tau**2*s**2*ell**2*Mx/N",
            names={**_NAMES, "ell": r"\ell"},
        ),
        Formula(r"\tau", "=", "t*(1 - t)"),
        r"b = (\beta - \alpha) \bigl\| \mathbb E_x |x|^2 x x^T \bigr\|^{1/4}, \quad H = h \bigl\|"
        r" \mathbb E_x |x|^2 x x^T \bigr\|^{1/2}",
    ),
    symbols={
        r"\mathrm{barrier}(t)": "risk of $f_t$ less the same share of the risks of $f_A$ and $f_B$",
        r"\mathbb E": "mean over the noise, given all hidden weights",
        "e_t": r"the function error $f_t - t f_A - (1-t) f_B$",
        r"\|e\|, \|e_t\|": "norm of $L_2$ of the data, squares summed over outputs",
        "c": r"bound of $\|\mathbb E e_t\|$, the part that all pairs share",
        r"\tau": "weight of the place on the segment",
        **_T,
        **_NETWORKS,
        "R": r"risk of $t \mathbb E f_A + (1-t) \mathbb E f_B$",
        "D": r"a number from 0 to $\|\mathbb E f_A - \mathbb E f_B\|$",
        "M": r"$\frac1N \sum_i |w_i - w'_i|^2$ of matched neurons",
        "M_x": r"$\frac1N \sum_i \mathbb E_x \langle w_i - w'_i, x \rangle^2$",
        r"\mathbb E_x": "mean over the data",
        "x": "an input",
        "N": "number of neurons",
        "V, G": "bound and Lipschitz constant of $g$, by which output weights follow hidden ones",
        "s": "bound of the noise's root mean square",
        r"\ell": r"Lipschitz constant of the activation $\sigma$",
        r"\alpha, \beta, h": r"$\alpha \le \sigma' \le \beta$; $|\sigma''| \le h$, or infinite",
        "B_{b,H}": r"Huber's function (T1); $b d$ where $H$ is infinite",
        "b, H": "spread of slopes and curvature of a neuron in its hidden weights, on the data",
    },
    status="derived",
    sources=(),
    note="derived",
    hypotheses=(
        r"$f(x) = \frac1N \sum_i v_i \sigma(\langle w_i, x \rangle)$, $v_i = g(w_i) + $ noise, $g$"
        r" $G$-Lipschitz and $|g| \le V$",
        r"noise $\nu$ of mean 0, $\mathbb E |\nu|^2 \le s^2$, independent given all hidden weights",
        "matched by hidden weights alone",
        "the squared loss, summed over outputs",
    ),
    functions=("widths.coherent_error_bound",),
    checks="prediction",
    depends=("P1a", "T1b", "T3"),
    proof=r"""
Given the hidden weights the matching is fixed. Write $v_i = g_i+\nu_i$, $v'_i = g'_i+\nu'_i$ for
matched neurons, $g_i = g(w_i)$, $g'_i = g(w'_i)$; $\varphi_i$, $\varphi'_i$, $\varphi_i^t$ for
$\sigma$ at $\langle w_i,x\rangle$, $\langle w'_i,x\rangle$ and in between, $\Delta_i = \langle
w_i-w'_i,x\rangle$; norms are those of $L_2$ of the data.

\textbf{1.} The mean. By P1a, for outgoing weights over $N$, and as the noise has mean 0,
\[ \mathbb Ee_t = \frac1N\sum_i(tg_i+(1-t)g'_i)j_i - \frac\tau N\sum_i(g_i-g'_i)(\varphi_i-
\varphi'_i) . \]

\textbf{2.} The gaps. By T1b at each input $|j_i| \le \tau B_{\beta-\alpha,h}(|\Delta_i|) =
\tau\int_0^1\min((\beta-\alpha)|\Delta_i|, h\Delta_i^2r)\,dr$. By Minkowski's inequality $\|j_i\|
\le \tau\int_0^1\min((\beta-\alpha)\|\Delta_i\|, h\|\Delta_i^2\|r)\,dr$. Now $\|\Delta_i\|^2 \le
\|\Delta_i^2\|$ and $\|\Delta_i^2\|^2 = \mathbb E_x\Delta_i^4 \le |w_i-w'_i|^2\,\mathbb
E_x|x|^2\Delta_i^2 \le |w_i-w'_i|^4\,\|\mathbb E_x|x|^2xx^T\|$. Hence $\|j_i\| \le \tau
B_{b,H}(|w_i-w'_i|)$ (if $h = \infty$, the first term alone).

\textbf{3.} $B_{b,H}(\sqrt\cdot)$ is, as a mean of minima of two concave functions that rise,
concave
and rising: the mean over $i$ of its values at $|w_i-w'_i|^2$ is at most its value at $M$. With
$|tg_i+(1-t)g'_i| \le V$ the first sum has at most the norm $\tau VB_{b,H}(\sqrt M)$.

\textbf{4.} $|g_i-g'_i| \le G|w_i-w'_i|$ and $\|\varphi_i-\varphi'_i\| \le \ell\|\Delta_i\|$; by
Cauchy and Schwarz the second sum has at most the norm $\tau G\ell\sqrt{MM_x}$. So $\|\mathbb
Ee_t\| \le c$.

\textbf{5.} The rest. By the definition of $e_t$ the noise enters it as $\frac1N\sum_i
[t\nu_i(\varphi_i^t-\varphi_i)+(1-t)\nu'_i(\varphi_i^t-\varphi'_i)]$, a sum of independent terms of
mean 0. As $\|\varphi_i^t-\varphi_i\| \le (1-t)\ell\|\Delta_i\|$ and $\|\varphi_i^t-\varphi'_i\|
\le
t\ell\|\Delta_i\|$, its mean square is at most $\frac{s^2}{N^2}\sum_i2\tau^2\ell^2\|\Delta_i\|^2$:
the third line.

\textbf{6.} The barrier. The mean of a squared distance is that of the means plus the variance. So
$\mathbb E\,\mathrm{barrier}(t)$ is the barrier that the means $\mathbb Ef_A$, $\mathbb Ef_B$,
$\mathbb Ef_t$ would have, with $\mathbb Ef_t = t\mathbb Ef_A+(1-t)\mathbb Ef_B+\mathbb Ee_t$, plus
the variance of $f_t$ less $t$ and $1-t$ times those of $f_A$ and $f_B$. The former is by T3, whose
proof takes any such three functions, at most $-\tau D^2+2\sqrt Rc+c^2$.

\textbf{7.} The variances: with $s_i^2 = \mathbb E|\nu_i|^2$, $s_i'^2 = \mathbb E|\nu'_i|^2$ they
leave
\[ \frac1{N^2}\sum_is_i^2\bigl(t^2\|\varphi_i^t\|^2-t\|\varphi_i\|^2\bigr) +
s_i'^2\bigl((1-t)^2\|\varphi_i^t\|^2-(1-t)\|\varphi'_i\|^2\bigr) . \]
For vectors $p$, $\delta$ and $0 < a' < b'$, $a'\|p+\delta\|^2-b'\|p\|^2 \le
\frac{a'b'}{b'-a'}\|\delta\|^2$. With $a' = t^2$, $b' = t$ the first bracket is at most
$\frac{t^2}{1-t}(1-t)^2\ell^2\|\Delta_i\|^2 = \tau t\,\ell^2\|\Delta_i\|^2$, and likewise the
second at most $\tau(1-t)\ell^2\|\Delta_i\|^2$. With $s_i,s'_i \le s$ the sum is at most $\tau
s^2\ell^2M_x/N$. At $t = 0$ and $t = 1$ both sides of the first line are 0.
""",
)

theorem(
    "P1a",
    "The function error as a sum over pairs of neurons",
    statement=(
        r"f_t - t f_A - (1-t) f_B = \sum_i v_i^t j_i - t(1-t) \sum_i (v_i^A - v_i^B)"
        r"(\varphi_i^A - \varphi_i^B)",
        r"j_i = \sigma(z_i^t) - t \varphi_i^A - (1-t) \varphi_i^B, \quad v_i^t = t v_i^A + (1-t)"
        r" v_i^B",
    ),
    symbols={
        **_NETWORKS,
        **_T,
        "v_i^A, v_i^B": "outgoing weights of a pair of neurons, vectors over outputs",
        r"\varphi_i^A, \varphi_i^B": r"their activations, $\varphi = \sigma(z)$",
        "z_i^t": "pre-activation of the neuron on the segment, $t z_i^A + (1-t) z_i^B$",
        "j_i": "gap of the pair's activation",
        r"\sigma": "the activation",
    },
    status="derived",
    sources=(),
    note="derived; an identity",
    hypotheses=("two networks with one hidden layer, in any order of B's neurons",),
    functions=("prediction.error_terms",),
    checks="prediction",
    proof=r"""
\textbf{1.} Output biases interpolate linearly and drop out. As $\sigma(z_i^t) = j_i + t \varphi_i^A
+ (1-t) \varphi_i^B$, neuron $i$ contributes $v_i^t j_i + v_i^t (t \varphi_i^A + (1-t) \varphi_i^B)
- t v_i^A \varphi_i^A - (1-t) v_i^B \varphi_i^B$.

\textbf{2.} All but the first term is $-t(1-t) (v_i^A - v_i^B) (\varphi_i^A - \varphi_i^B)$.
""",
)

theorem(
    "P2",
    "A member of a family is its target with duplicated neurons",
    statement=(
        r"f^{(n)}_s(x) = f^{(m)}_s(x) \;\text{ at every step } s",
        r"\eta^{(n)} = (r, 1, \tfrac1r)\, \eta, \quad \lambda^{(n)} = (\tfrac1r, 1, r)\, \lambda,"
        r" \quad r = \tfrac nm",
    ),
    symbols={
        **_MEMBER,
        r"\lambda, \lambda^{(n)}": "weight decays of the same",
    },
    status="derived",
    sources=(),
    note="derived: symmetric gradients stay symmetric",
    hypotheses=(
        "affine layers of one ratio of widths and pointwise activations; no dropout, no clipping",
        "SGD with one momentum and one schedule, on one order of the data",
        "the target begins with every neuron of the member $m / n$ times, outgoing weights times"
        " $r$",
        "one frozen function beside both",
    ),
    functions=("prediction.MupFamily",),
    checks="prediction",
    proof=r"""
Let $c = m/n = 1/r$. By induction over steps the target, with $c$ copies of each neuron of the
member, has the parameters $w' = qw$ between all copies, where $w$ is the member's parameter, and
$q = (1,r,r)$ for the three groups, 1 for the output bias. At the start this is what is assumed: a
hidden neuron's outgoing weights are times $r$ of the member's, incoming weights and biases are
copied.

\textbf{1.} Values. If $w' = qw$, all copies of a neuron have its activation: in the first layer as
they have its weights; later $\sum_j\sum_{\text{copies}}rw_{ij}\varphi_j = \sum_jw_{ij}\varphi_j$.
Likewise the outputs are equal, and so are the losses and their derivatives by the outputs; the
frozen function is the same.

\textbf{2.} Derivatives by pre-activations. For the last hidden layer $\delta' =
\sigma'\sum_orv_{oi}\delta_o = r\delta$, with $\delta$ the member's. For earlier ones, $\delta' =
\sigma'\sum_i\sum_{\text{copies}}rw_{ij}\cdot r\delta_i = r\delta$.

\textbf{3.} Gradients. That by a weight is $\delta'$ of the neuron it goes to, times the activation
it comes from: $g' = \varsigma g$, $g$ the member's gradient, with $\varsigma = r$ for first
weights, hidden biases and hidden weights, and 1 for output weights and the output bias.

\textbf{4.} A step. The target's buffers obey $V' \leftarrow \beta V'+g'+\lambda w'$. If $V' =
\varsigma V$ with the member's buffer $V \leftarrow \beta V+g+\lambda^{(n)}w$, it is so after the
step, as $g'+\lambda w' = \varsigma(g+\lambda\frac q\varsigma w)$ and $\lambda^{(n)} =
\frac q\varsigma\lambda = (\frac1r,1,r)\lambda$. The target moves by $-\eta V' = q\cdot(-\eta
\frac\varsigma qV)$, which is $q$ times what the member moves by, as $\eta^{(n)} = \frac\varsigma
q\eta = (r,1,\frac1r)\eta$. Nesterov's step, a combination of buffer and gradient, likewise. So
$w' = qw$ after the step; with step 1 the outputs are equal at every $x$.
""",
)

theorem(
    "P2a",
    "A union with one hidden layer is the ensemble",
    statement=(
        r"\sum_{k \le q} \sum_i \tfrac{v_{ki}}{q}\, \sigma(\langle w_{ki}, x \rangle + b_{ki}) +"
        r" \tfrac1q \sum_{k \le q} (c_k + g_k(x)) = \tfrac1q \sum_{k \le q} f_k(x)"
    ),
    symbols={
        "q": "number of members",
        "f_k": "output of member $k$, its frozen function included",
        "w_{ki}, b_{ki}, v_{ki}": "weights, bias and outgoing weights of its neuron $i$",
        "c_k": "its output bias",
        "g_k": "its frozen function, 0 for an ordinary network",
        r"\sigma": "the activation",
        "x": "an input",
    },
    status="derived",
    sources=(),
    note="derived",
    hypotheses=(
        "one hidden layer; the union's is all the members' side by side, outgoing weights over $q$",
    ),
    functions=("prediction.union",),
    checks="prediction",
    proof=r"""
\textbf{1.} Member $k$ is $f_k(x) = \sum_i v_{ki} \, \sigma(\langle w_{ki}, x \rangle + b_{ki}) +
c_k + g_k(x)$: sum over $k$ and divide by $q$.
""",
)

theorem(
    "P2b",
    "A member of a family that Adam trains",
    statement=(
        r"f^{(n)}_s(x) = f^{(m)}_s(x) \;\text{ at every step } s, \quad r = \tfrac nm",
        r"\eta^{(n)} = (1, \tfrac1r, \tfrac1r)\, \eta, \quad \epsilon^{(n)} = (\tfrac1r,"
        r" \tfrac1r, 1)\, \epsilon",
        r"\lambda^{(n)} = (\tfrac1r, 1, r)\, \lambda \;\text{ by Adam}, \quad \lambda^{(n)} = (1,"
        r" r, r)\, \lambda \;\text{ by AdamW}",
    ),
    symbols={
        **_MEMBER,
        r"\epsilon, \epsilon^{(n)}": "what is added to roots of second moments, of the same",
        r"\lambda, \lambda^{(n)}": "weight decays of the same",
    },
    status="derived",
    sources=(),
    note="derived: Adam divides moments of one scale but for eps",
    hypotheses=(
        "affine layers of one ratio of widths and pointwise activations; no dropout, no clipping",
        "Adam, or AdamW, whose decays are decoupled, with one schedule, on one order of the data",
        "the target begins with every neuron of the member $m / n$ times, outgoing weights times"
        " $r$",
        "one frozen function beside both",
    ),
    functions=("prediction.MupFamily",),
    depends=("P2",),
    checks="prediction",
    proof=r"""
\textbf{1.} As in P2, steps 1 to 3: while $w' = qw$, $q = (1,r,r)$, outputs are equal and $g' =
\varsigma g$, $\varsigma = (r,r,1)$; for the output bias both are 1. It is to be shown that a step
keeps $w' = qw$.

\textbf{2.} Adam, whose gradients include the decay: $g'+\lambda w' = \varsigma(g+\lambda^{(n)}w)$
with $\lambda^{(n)} = \frac q\varsigma\lambda$. So the first moments are in the ratio $\varsigma$
and the second ones in the ratio $\varsigma^2$, corrections of bias included. The target moves by
\[ -\eta\,\frac{\varsigma\hat m}{\varsigma\sqrt{\hat v}+\epsilon} = q\cdot\Bigl(-\frac\eta
q\,\frac{\hat m}{\sqrt{\hat v}+\epsilon/\varsigma}\Bigr), \]
$q$ times what the member moves by with $\eta^{(n)} = \eta/q = (1,\frac1r,\frac1r)\eta$ and
$\epsilon^{(n)} = \epsilon/\varsigma = (\frac1r,\frac1r,1)\epsilon$.

\textbf{3.} AdamW: the same with $\lambda = 0$ in the moments, and weights are first multiplied by
$1-\eta\lambda$, the member's by $1-\eta^{(n)}\lambda^{(n)}$, which is the same for $\lambda^{(n)}
= q\lambda = (1,r,r)\lambda$.
""",
)
