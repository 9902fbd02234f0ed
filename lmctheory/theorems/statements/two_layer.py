"""Statements on two-layer networks (T)."""

from lmctheory.theorems._registry import theorem

_NEURONS = ("f(x) = (1/N) sum sigma_*(x; theta_i)", "constants on the convex hull of all neurons")

theorem(
    "T1",
    "One neuron",
    statement=(
        r"|\sigma_*(tu + (1-t)v) - t\sigma_*(u) - (1-t)\sigma_*(v)| \le t(1-t)\, B(|u - v|),"
        r" \quad B(d) = \min_{q \le H} \Bigl( \tfrac{q d^2}{2} + 2K^2 (\tfrac1q - \tfrac1H)"
        r" \Bigr) \le \min\bigl(2Kd, \tfrac{H d^2}{2}\bigr)"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived; sharp",
    hypotheses=("sigma_* K-Lipschitz with a Hessian bounded by H on the segment",),
    functions=("widths.neuron_gap_bound",),
    checks="two_layer",
)

theorem(
    "T1b",
    "One pointwise activation",
    statement=(
        r"|\sigma(\bar z) - t\sigma(z) - (1-t)\sigma(z')| \le (\beta - \alpha)\, t(1-t) |z - z'|,"
        r" \qquad \sup_t = \frac{|z||z'|}{|z| + |z'|} \text{ for ReLU if } z z' < 0"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived; sharp",
    hypotheses=("slopes of sigma in [alpha, beta]",),
    functions=("widths.activation_gap_bound", "widths.relu_gap"),
    checks="two_layer",
)

theorem(
    "T2",
    "Function error of matched two-layer networks",
    statement=(
        r"|f_t - \bar f| \le \mathcal E(W_2), \quad \mathcal E(d) = \tfrac14 \min\bigl\{"
        r" B_{2K,H}(d),\; a_{\max} B_{\beta-\alpha}(Rd) + \tfrac12 \mathrm{Lip} R d^2 \bigr\}"
        r" \le \min\bigl(\tfrac K2 d, \tfrac H8 d^2\bigr)"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived",
    hypotheses=(*_NEURONS, "neurons matched optimally for p = 2"),
    functions=("widths.neuron", "widths.two_layer.error_bound"),
    checks="two_layer",
)

theorem(
    "T3",
    "From the function error to the barrier",
    statement=(
        r"\mathrm{barrier}(t) \le -t(1-t)\|f_A - f_B\|^2 + 2\sqrt{R(\bar f)}\,\|e\| + \|e\|^2"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived",
    hypotheses=("squared loss, summed over outputs", "e = f_t - t f_A - (1-t) f_B"),
    functions=("widths.squared_loss_barrier",),
    checks="two_layer",
)

theorem(
    "T4",
    "Width of two-layer networks",
    statement=(
        r"N \ge N(\varepsilon, \delta) \implies P\Bigl(\sup_{t, x} |f_t - \bar f| \le \varepsilon"
        r"\Bigr) \ge 1 - \delta"
    ),
    symbols={},
    status="derived",
    sources=("ferbach2024", "entezari2022"),
    note="derived; explicit form of Entezari et al. 2022 and Ferbach et al. 2024, two layers",
    hypotheses=(*_NEURONS, "neurons independent; bounded support, or output weights fixed"),
    functions=("widths.two_layer.required_width",),
    checks="two_layer",
)

theorem(
    "T5",
    "Training keeps matched neurons close",
    statement=(
        r"W_2(\text{trained}) \le \mathrm{Lip}(\Phi) W_2(\text{initial}) + D^A + D^B, \quad"
        r" \mathrm{Lip}(\Phi) \le \prod_k \bigl(1 + 2 s_k H \sqrt{R_k}\bigr), \quad"
        r" D^2 \lesssim \sum_k s_k e_k^2 \prod_{j > k} \bigl(1 + 2 s_j H \sqrt{R_j}\bigr)^2"
    ),
    symbols={},
    status="derived",
    sources=("ferbach2024", "mei2019"),
    note="derived; compare Ferbach et al. 2024, Theorem 3.1, and Mei et al. 2019",
    hypotheses=(
        "noiseless gradient descent, squared loss, mean-field scaling",
        "Hessian of the neuron at most H; initial neurons from one law",
    ),
    functions=("widths.flow_lipschitz", "widths.coupling_bound"),
    checks="two_layer",
)

theorem(
    "P1",
    "Errors of trained networks add up",
    statement=(
        r"\mathbb E\,\mathrm{barrier}(t) \le -\tau D^2 + 2\sqrt R\, c + c^2"
        r" + \tau s^2 L^2 \tfrac{M_x}{N}, \quad c = \tau \bigl(V B(\sqrt M)"
        r" + G L \sqrt{M M_x}\bigr), \quad \tau = t(1-t), \quad"
        r" \mathbb E \|e_t - \mathbb E e_t\|^2 \le 2 \tau^2 s^2 L^2 \tfrac{M_x}{N}"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived",
    hypotheses=(
        "f(x) = (1/N) sum v_i sigma(<w_i, x>), v_i = g(w_i) + noise, g G-Lipschitz and |g| <= V",
        "noise of mean 0 and variance <= s^2, independent given all hidden weights",
        "matched by hidden weights alone; M, M_x means of |w_i - w'_i|^2 and <w_i - w'_i, x>^2",
        "squared loss, summed over outputs",
    ),
    functions=("widths.coherent_error_bound",),
    checks="two_layer",
)
