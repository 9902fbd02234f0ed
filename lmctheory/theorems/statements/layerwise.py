"""Statements on layers (L)."""

from lmctheory.theorems._registry import theorem

_CHAINS = ("two networks of one architecture: affine maps and pointwise activations",)

theorem(
    "L1",
    "One layer is convex",
    statement=(
        r"\mathcal{L}(f_t) \le t \mathcal{L}(f_A) + (1-t) \mathcal{L}(f_{A_k}),"
        r" \quad A_k = A \text{ with layer } k \text{ of } B"
    ),
    symbols={},
    status="published",
    sources=("adilova2024",),
    note="Adilova et al. 2024, Theorem 4.1",
    hypotheses=(
        "a deep linear network, or the last layer of any network",
        "the loss is convex in the outputs",
    ),
    functions=("layerwise.proof", "layerwise.two_layer_convexity"),
    checks="layerwise",
)

theorem(
    "L2",
    "Two layers at once, squared loss",
    statement=(
        r"\mathcal{L}''(t) = 12 \|c\|^2 \tau^2 + 12 \langle v, c \rangle \tau + 2 \|v\|^2"
        r" + 4 \langle m, c \rangle, \quad \text{barrier}(t) = -t(1-t) \bigl\{ \|v + \tau c\|^2"
        r" + 2 \langle m, c \rangle + \tfrac14 \|c\|^2 \bigr\}, \quad \tau = t - \tfrac12"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived",
    hypotheses=(
        "two weight layers differ, and every activation from the first of them on is the identity",
        "the squared loss",
    ),
    functions=("layerwise.proof", "layerwise.two_layer_convexity"),
    checks="layerwise",
)

theorem(
    "L3",
    "One layer of a nonlinear network",
    statement=(
        r"\|f_t - \bar f\| \le \sum_{j=k}^{L} J_j \prod_{i=j+1}^{L+1}"
        r" \mathrm{Lip}_i \|W_i^A\|"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived from C1",
    hypotheses=_CHAINS,
    functions=("layerwise.layer_bounds",),
    checks="layerwise",
)

theorem(
    "L4",
    "Barrier and curvature",
    statement=(
        r"\text{barrier}(t) = -\int_0^1 G(t,s) \mathcal{L}''(s)\,ds"
        r" - \sum_k G(t,s_k) [\mathcal{L}'](s_k), \quad G(t,s) = \min(t,s)(1 - \max(t,s))"
    ),
    symbols={},
    status="derived",
    sources=("singh2024",),
    note="derived; compare Singh et al. 2024",
    hypotheses=(*_CHAINS, "a finite data set"),
    functions=("layerwise.curvature",),
    checks="layerwise",
)

theorem(
    "L5",
    "The layer cube",
    statement=(
        r"\text{barrier}(t) = \sum_{l,k} B_{lk}(t), \quad B_{lk}(t) = -\int_0^1 G(1-t,s)"
        r" \frac{\partial^2 g}{\partial\alpha_l \partial\alpha_k}(s\mathbf{1})\,ds"
        r" - \sum_{\text{kinks}} G(1-t,s)\, b\, \frac{h_l h_k}{|\sum_j h_j|}"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived",
    hypotheses=(*_CHAINS, "a finite data set"),
    functions=("layerwise.interaction_matrix", "layerwise.layer_cube"),
    checks="layerwise",
)

theorem(
    "L8",
    "Layerwise exponentially weighted connectivity",
    statement=(
        r"W_l^A \phi_{l-1}^B = 0 = W_l^B \phi_{l-1}^A \ (l \ge 2) \quad \Rightarrow \quad"
        r" \phi_l(\theta_t) = t^l \phi_l(A) + (1-t)^l \phi_l(B)"
    ),
    symbols={},
    status="published",
    sources=("ito2025",),
    note="Ito et al. 2025",
    hypotheses=("no biases; sigma positively homogeneous, or additive on these pre-activations",),
    functions=("layerwise.feature_connectivity",),
    checks="layerwise",
)
