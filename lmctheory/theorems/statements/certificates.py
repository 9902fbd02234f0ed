"""Statements on two given networks (C)."""

from lmctheory.theorems._registry import theorem

_LIPSCHITZ = (
    "two networks of one architecture: linear maps and convolutions, BatchNorm in evaluation mode, "
    "pooling, sums, pointwise activations",
)

theorem(
    "C1",
    "Master inequality",
    statement=(
        r"s_l \le \mathrm{Lip} \|W_l^t\| s_{l-1} + \mathrm{Lip}\, t(1-t)"
        r" \|(W_l^A - W_l^B)(\phi_{l-1}^A - \phi_{l-1}^B)\| + J_l"
    ),
    symbols={},
    status="derived",
    sources=("zhou2023",),
    note="derived; approximate form of Zhou et al. 2023, Theorem 1",
    hypotheses=_LIPSCHITZ,
    functions=("paths.certificate",),
    checks="certificates",
)

theorem(
    "C1'",
    "Master inequality, vector form",
    statement=(
        r"\phi_l^t - \bar\phi_l = j_l + r_l, \quad \|r_l\| \le \mathrm{Lip}"
        r" (\|W_l^t j_{l-1} + c_l\| + \|W_l^t\| \|r_{l-1}\|)"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived",
    hypotheses=_LIPSCHITZ,
    functions=("paths.certificate",),
    checks="certificates",
)

theorem(
    "C2",
    "Transport certificate",
    statement=(
        r"u_l = \mathrm{Lip} (\|W_l^t\| u_{l-1} + (1-t) \|(W_l^A - W_l^B) \phi_{l-1}^A + b_l^A"
        r" - b_l^B\|), \quad \|f_t - \bar f\| \le t u_{L+1} + (1-t) v_{L+1}"
    ),
    symbols={},
    status="derived",
    sources=("ferbach2024",),
    note="derived; compare Ferbach et al. 2024, Lemma 4.1",
    hypotheses=_LIPSCHITZ,
    functions=("paths.certificate",),
    checks="certificates",
)

theorem(
    "C3",
    "Certified cross-entropy",
    statement=(
        r"\ell(\theta_t; x, y) \le \log\Bigl(1 + \sum_{j \ne y} e^{\bar f_j - \bar f_y"
        r" + \mathrm{slack}_{jy}}\Bigr)"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived",
    hypotheses=_LIPSCHITZ,
    functions=("paths.certificate",),
    checks="certificates",
)

theorem(
    "C4",
    "Certificate of the whole path",
    statement=(
        r"\phi_l^s = (1-s)\phi_{l,0} + s\phi_{l,1} + s(1-s)p_l + \rho_l + \eta_l,"
        r" \quad |\rho_{l,i}| \le \mathrm{box}_{l,i},\ \|\eta_l\| \le \mathrm{ball}_l"
        r" \quad \text{for every } s \in [0, 1]"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived",
    hypotheses=_LIPSCHITZ,
    functions=("paths.certify",),
    checks="certificates",
)

theorem(
    "C5",
    "Complete certificate of the whole path",
    statement=(
        r"\phi_l^s = \sum_{k \le K} c_{l,k} s^k + \sum_i (g_{l,i} + s\, g'_{l,i})\, e_i + \rho_l,"
        r" \quad |e_i| \le 1,\ |\rho_l| \le r_l"
        r" \quad \text{for every } s \in [-1, 1] \text{ of a piece}"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived",
    hypotheses=_LIPSCHITZ,
    functions=("paths.certify",),
    checks="certificates",
)

theorem(
    "C6",
    "Certified barrier",
    statement=(
        r"\max_{\text{nodes } t} B(t) \le \max_{t \in [0, 1]} B(t) \le"
        r" \max_{\text{pieces}} \max_{s_j}"
        r" \bigl[\mathcal{U}(s_j) - \overline{\mathcal L}(s_j)\bigr],"
        r" \quad B(t) = \mathcal L(\theta_t) - t\,\mathcal L(A) - (1-t)\,\mathcal L(B)"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived",
    hypotheses=_LIPSCHITZ,
    functions=("paths.certified_barrier",),
    checks="certificates",
)

theorem(
    "C7",
    "Least barrier over all permutations",
    statement=(
        r"\min_{\pi} \mathcal L(\theta_t^\pi) \ge F(P) + \min_{\pi}"
        r" \langle \nabla F(P),\, P_\pi - P \rangle \quad \text{for every doubly stochastic } P,"
        r" \quad F(P) = \tfrac1n \sum_x \ell\Bigl(u_0(x) + \sum_{i,j} P_{ij}\, g_{ij}(x)\Bigr),"
        r" \quad g_{ij} = (t v_i^A + (1-t) v_j^B)\,\sigma\bigl(t z_i^A + (1-t) z_j^B\bigr)"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived",
    hypotheses=(
        "affine chains with one or two hidden layers",
        "a loss that is convex in the outputs",
    ),
    functions=("paths.least_barrier",),
    checks="certificates",
)
