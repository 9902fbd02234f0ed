"""The statement on neurons of one law (T16)."""

from lmctheory.theorems._registry import theorem
from lmctheory.theorems.formula import Formula

_NAMES = {
    "tau": r"\tau",
    "beta": r"\beta",
    "lam": r"\lambda",
    "omega": r"\omega",
    "Mw": "M_w",
    "B": "B_{b,H}",
    "Var": r"\operatorname{Var} \hat M",
}

theorem(
    "T16",
    "When a barrier vanishes",
    statement=(
        Formula(
            r"\mathbb E \max_t \mathrm{barrier}(t)",
            r"\le",
            "K/4*c",
            names=_NAMES,
        ),
        Formula(
            r"\mathbb E\, \mathrm{barrier}(t)",
            r"\le",
            "tau*sqrt(2*beta*R*Q) + beta/2*tau**2*Q",
            names=_NAMES,
        ),
        Formula("c", r"\le", "V*B(sqrt(M)) + lam*M/(2*omega)", names=_NAMES),
        Formula(
            "c",
            r"\le",
            "(V*H/2 + sqrt(V**2*H**2/4 + lam**2/omega**2))*M/2",
            names=_NAMES,
        ),
        Formula("Q", "=", "c**2*(1 + Var/M**2)", names=_NAMES),
        r"\operatorname{Var} \hat M \le \frac{\Delta^4}{2m}, \quad \operatorname{Var} \hat M \le"
        r" \frac{8 C M}{m}",
        r"\text{matched by hidden weights alone:}",
        Formula(
            r"\mathbb E \|e_t\|",
            r"\le",
            "tau*(V*B(sqrt(Mw)) + G*lam*Mw + sqrt(2)*s*lam*sqrt(Mw/m))",
            names=_NAMES,
        ),
        r"M \le U(m); \quad M \le \psi^2 U_{[0,1]^k}(m) = O(m^{-2/k}) \text{ if } \theta ="
        r" \Psi(y),",
        r"y \text{ uniform on } [0,1]^k, \quad k \ge 3, \quad \operatorname{Lip} \Psi \le \psi",
    ),
    hypotheses=(
        r"$f(x) = \frac1m \sum_i v_i \sigma(\langle w_i, x \rangle)$; neurons $(w_i, v_i)$ of both"
        r" networks are independent draws of one law, $|v_i| \le V$; a law that is random, but"
        r" shared, is given: $\mathbb E$ and $\operatorname{Var}$ are conditional on it",
        r"matched to make $\hat M = \frac1m \sum_i |w_i - w'_i|^2 + \omega^2 |v_i - v'_i|^2$ least;"
        " in the last formula by $w$ alone, without a look at $v$",
        r"first line: the loss is convex and $K$-Lipschitz in the prediction; second line: it is"
        r" convex, at least 0, and its gradient is $\beta$-Lipschitz",
    ),
    symbols={
        r"\mathrm{barrier}(t)": (
            "mean loss over the data of $f_t$ less the same share of those of $f_A$ and $f_B$"
        ),
        "e_t": r"$f_t - t f_A - (1-t) f_B$, with the weights $t A + (1-t) B$ in $f_t$",
        r"\|e_t\|": "root mean square over the data",
        "t": "place on the segment, in $[0, 1]$",
        r"\tau": "$t(1-t)$",
        r"\hat M": "matching cost per neuron",
        "M": r"$\mathbb E \hat M$, or any bound of it",
        "M_w": r"$\mathbb E \frac1m \sum_i |w_i - w'_i|^2$ in the last formula, or any bound of it",
        "U(m), U_{[0,1]^k}(m)": (
            r"any upper bound of the matching cost (R4 to R18) of $m$ draws of $\theta$; of $y$"
        ),
        r"\theta": r"a neuron $(w, \omega v)$",
        r"\omega": "what output weights count in the matching",
        "c": "a bound by either line; infinite curvature leaves the first",
        "Q": r"bounds the second moment of $\sup_t \|e_t\| / \tau$",
        r"\Delta, C": r"diameter of the support, and log-Sobolev constant, of the law of $\theta$",
        "R": "bound of the expected mean loss of $f_A$",
        r"K, \beta": "constants of the loss; for the cross-entropy $\\sqrt 2$ and $1/2$",
        "V": "bound of $|v|$",
        r"\lambda": r"$\ell\, \|\mathbb E_x x x^T\|^{1/2}$, $\ell = \sup |\sigma'|$",
        "b, H": (
            r"spread of slopes and curvature of a neuron in $w$, on the data: $H = h\, \|\mathbb"
            r" E_x |x|^2 x x^T\|^{1/2}$, $b = (\beta_\sigma - \alpha_\sigma) \|\mathbb E_x |x|^2"
            r" x x^T\|^{1/4}$, or with $\|\mathbb E_x x x^T\|^{1/2}$ where $h = \infty$"
        ),
        r"h, \alpha_\sigma, \beta_\sigma": (
            r"$|\sigma''| \le h$, $\alpha_\sigma \le \sigma' \le \beta_\sigma$"
        ),
        "B_{b,H}": r"Huber's function (T1); $b d$ where $H$ is infinite",
        "G, s": (
            r"Lipschitz constant of $g(w) = \mathbb E[v \mid w]$ on the support; $\mathbb E[|v -"
            r" g(w)|^2 \mid w] \le s^2$"
        ),
        "m": "number of neurons",
        "k": "dimension of the law",
        r"\psi, \Psi, y": "a Lipschitz constant, and the map and the variable that it belongs to",
    },
    status="derived",
    sources=(),
    note="derived from P1a, T1b and R11",
    functions=(
        "widths.common_law_bound",
        "widths.common_law_from_cost",
        "widths.coherent_error_bound",
    ),
    checks="common_law",
    depends=("P1", "P1a", "T1b", "R2", "R6b", "R11"),
    proof=r"""\emph{Step 1, one pair.} By P1a, with $j_i$ the gap of neuron $i$'s activation, $e_t
= \frac1m \sum_i v_i^t j_i - \tau (v_i - v'_i)(\sigma(\langle w_i, x \rangle) - \sigma(\langle
w'_i, x \rangle))$. Here $|v_i^t| \le V$, as balls are convex. By T1b in $L_2$ of the data, $\|j_i\|
\le \tau B_{b,H}(|w_i - w'_i|)$: at an input $x$ the gap is at most $\tau B_{\beta_\sigma -
\alpha_\sigma, h}(|\langle w_i - w'_i, x \rangle|)$, that is $\tau \int_0^1 \min((\beta_\sigma -
\alpha_\sigma) |\delta|, h \delta^2 r)\, dr$ with $\delta = \langle w_i - w'_i, x \rangle$; by
Minkowski's inequality the norm goes inside the integral, where it is at most the lesser of the two
norms, and $\|\delta^2\| = (\mathbb E_x \delta^4)^{1/2} \le |w_i - w'_i|\,(\mathbb E_x |x|^2
\delta^2)^{1/2} \le \|\mathbb E_x |x|^2 x x^T\|^{1/2} |w_i - w'_i|^2$, $\|\delta\| \le
\|\delta^2\|^{1/2}$ and also $\|\delta\| \le \|\mathbb E_x x x^T\|^{1/2} |w_i - w'_i|$, which
serves where $h = \infty$. The last of these also gives $\|\sigma(\langle w_i, x \rangle) -
\sigma(\langle w'_i, x \rangle)\| \le \lambda |w_i - w'_i|$. $B_{b,H}(\sqrt{\cdot})$ is concave, so
its mean over $i$ is at most its value at $a = \frac1m \sum_i |w_i - w'_i|^2$; and with $b' =
\frac1m \sum_i |v_i - v'_i|^2$, by Cauchy and Schwarz,
\[ \|e_t\| \le \tau \bigl( V B_{b,H}(\sqrt a) + \lambda \sqrt{a b'} \bigr), \qquad a + \omega^2 b'
= \hat M. \]

\emph{Step 2, the curve.} As $a \le \hat M$ and $\sqrt{a b'} = \omega^{-1} \sqrt{a\, \omega^2 b'}
\le \hat M / (2 \omega)$, this is at most $\tau c(\hat M)$ with the first bound of $c$. As
$B_{b,H}(d) \le H d^2 / 2$, it is also at most $\tau (p a + q \sqrt{a (\hat M - a)})$, $p = V H /
2$, $q = \lambda / \omega$. With $a = \hat M \cos^2 \varphi$ the bracket is $\frac{\hat M}{2} (p +
p \cos 2 \varphi + q \sin 2 \varphi) \le \frac{\hat M}2 (p + \sqrt{p^2 + q^2})$, the second bound.
Both are increasing and concave functions of $\hat M$ that vanish at 0, and so is the lesser of
them, $c$.

\emph{Step 3, Lipschitz losses.} $\mathrm{barrier}(t)$ is the mean of $[\mathrm{loss}(f_t) -
\mathrm{loss}(\bar f)] + [\mathrm{loss}(\bar f) - t\, \mathrm{loss}(f_A) - (1-t)\,
\mathrm{loss}(f_B)]$, $\bar f = t f_A + (1-t) f_B$. The second bracket is at most 0 by convexity,
the first at most $K |e_t|$. So $\mathrm{barrier}(t) \le K \|e_t\| \le K \tau c(\hat M) \le \frac
K4 c(\hat M)$ for all $t$ at once, and $\mathbb E c(\hat M) \le c(\mathbb E \hat M) \le c(M)$ by
Jensen's inequality and as $c$ increases.

\emph{Step 4, smooth losses.} If $\mathrm{loss} \ge 0$ has a $\beta$-Lipschitz gradient, then
$|\nabla \mathrm{loss}|^2 \le 2 \beta\, \mathrm{loss}$ (a gradient step of length $1/\beta$ does
not reach below 0) and the first bracket is at most $|\nabla \mathrm{loss}(\bar f)| |e_t| + \frac
\beta 2 |e_t|^2$. By Cauchy and Schwarz over the data, $\mathrm{barrier}(t) \le (2 \beta \bar
R)^{1/2} \|e_t\| + \frac \beta 2 \|e_t\|^2$, where the mean loss $\bar R$ of $\bar f$ is at most $t
R_A + (1-t) R_B$, of expectation at most $R$ as both networks have one law. Cauchy and Schwarz once
more, over the networks: $\mathbb E\, \bar R^{1/2} \|e_t\| \le (R\, \mathbb E \|e_t\|^2)^{1/2}$,
and $\mathbb E \|e_t\|^2 \le \tau^2\, \mathbb E c(\hat M)^2$.

\emph{Step 5, the second moment.} Let $M > 0$ be a bound of $\mathbb E \hat M$ and $\gamma$ a slope
of $c$ at $M$: $c(\hat M) \le (c(M) - \gamma M) + \gamma \hat M$, where $0 \le \gamma \le c(M) /
M$, as $c$ is concave and $c(0) = 0$. Both terms are at least 0, so $\mathbb E c(\hat M)^2 \le
(c(M) - \gamma M)^2 + 2 (c(M) - \gamma M) \gamma M + \gamma^2 (M^2 + \operatorname{Var} \hat M) =
c(M)^2 + \gamma^2 \operatorname{Var} \hat M \le Q$. Changing one of the $2m$ neurons changes $\hat
M$ by at most $\Delta^2 / m$, so that $\operatorname{Var} \hat M \le \frac14 \cdot 2m (\Delta^2 /
m)^2$ (Efron and Stein). Where the law of $\theta$ has the log-Sobolev constant $C$ it has the
Poincar\'e constant $C$, and so has that of all neurons: $\operatorname{Var} \hat M \le C\, \mathbb
E |\nabla \hat M|^2 = 8 C\, \mathbb E \hat M / m$, as almost everywhere $\hat M$ is the cost of one
fixed permutation, with the partial gradients $\pm 2 (\theta_i - \theta'_i) / m$.

\emph{Step 6, hidden weights alone.} Given all hidden weights the permutation is fixed, and output
weights are independent with means $g(w_i)$, $|g| \le V$. So P1 applies: the mean of $e_t$ has at
most the norm $\tau (V B_{b,H}(\sqrt{\hat M_w}) + G \lambda \hat M_w)$, and the rest the root mean
square $\sqrt 2\, \tau s \lambda (\hat M_w / m)^{1/2}$ at most. The sum is increasing and concave
in $\hat M_w$: take the mean.

\emph{Step 7, rates.} $M \le U(m)$ is what $U$ means; R11 has it for Gaussian laws. A
$\psi$-Lipschitz image of samples of $y$ has at most $\psi^2$ times their matching cost: the
permutation may be theirs. For $y$, R6b with a time $t = m^{-2/k}$ is $O(m^{-2/k})$: there
$D(2t) = O(t)$, $L_t \le 1$, and as $k \ge 3$ the integral of $\operatorname{tr} P_s - 1 =
O(s^{-k/2})$ over $[2t, \infty)$ is $O(t^{1-k/2}) = O(m t)$.""",
)
