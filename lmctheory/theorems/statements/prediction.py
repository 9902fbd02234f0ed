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
        "D": r"$\|\mathbb E f_A - \mathbb E f_B\|$, or anything below it, as 0",
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
        r"noise of mean 0 and variance at most $s^2$, independent given all hidden weights",
        "matched by hidden weights alone",
        "the squared loss, summed over outputs",
    ),
    functions=("widths.coherent_error_bound",),
    checks="prediction",
    depends=("P1a", "T1", "T3"),
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
    proof=r"""Output biases interpolate linearly and drop out. As $\sigma(z_i^t) = j_i + t
\varphi_i^A + (1-t) \varphi_i^B$, neuron $i$ contributes $v_i^t j_i + v_i^t (t \varphi_i^A + (1-t)
\varphi_i^B) - t v_i^A \varphi_i^A - (1-t) v_i^B \varphi_i^B$, and all
but the first term is $-t(1-t) (v_i^A - v_i^B) (\varphi_i^A - \varphi_i^B)$.""",
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
        "affine layers of one ratio of widths and pointwise activations; no dropout, no clipping of"
        " joint norms",
        "SGD with one momentum and one schedule, on one order of the data",
        "the target begins with every neuron of the member $m / n$ times, outgoing weights times"
        " $r$",
        "one frozen function beside both",
    ),
    functions=("prediction.MupFamily",),
    checks="prediction",
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
    proof=r"""Member $k$ is $f_k(x) = \sum_i v_{ki} \, \sigma(\langle w_{ki}, x \rangle + b_{ki}) +
c_k + g_k(x)$: sum over $k$ and divide by $q$.""",
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
        "affine layers of one ratio of widths and pointwise activations; no dropout, no clipping of"
        " joint norms",
        "Adam, or AdamW, whose decays are decoupled, with one schedule, on one order of the data",
        "the target begins with every neuron of the member $m / n$ times, outgoing weights times"
        " $r$",
        "one frozen function beside both",
    ),
    functions=("prediction.MupFamily",),
    checks="prediction",
)
