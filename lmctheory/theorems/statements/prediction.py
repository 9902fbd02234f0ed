"""Statements on barriers of unseen widths (P)."""

from lmctheory.theorems._registry import theorem

theorem(
    "P1a",
    "The function error as a sum over pairs of neurons",
    statement=(
        r"f_t - t f_A - (1-t) f_B = \sum_i v_i^t j_i - t(1-t) \sum_i (v_i^A - v_i^B)"
        r"(\varphi_i^A - \varphi_i^B), \quad j_i = \sigma(z_i^t) - t \varphi_i^A - (1-t)"
        r" \varphi_i^B"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived; an identity",
    hypotheses=("one hidden layer", "v outgoing weights, phi = sigma(z) activations"),
    functions=("prediction.error_terms",),
    checks="prediction",
)

theorem(
    "P2",
    "A member of a family is its target with duplicated neurons",
    statement=(
        r"f^{(n)}_s(x) = f^{(m)}_s(x) \text{ at every step } s, \quad r = \tfrac nm, \;"
        r" \eta^{(n)} = (r, 1, \tfrac1r)\, \eta, \; \lambda^{(n)} = (\tfrac1r, 1, r)\, \lambda"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived: symmetric gradients stay symmetric",
    hypotheses=(
        "SGD with momentum; factors of first weights and hidden biases, hidden, output weights",
        "the target begins with every neuron of the member m / n times, outgoing weights r times",
        "one order of the data, and one frozen function beside both",
    ),
    functions=("prediction.MupFamily",),
    checks="prediction",
)

theorem(
    "P2a",
    "A union with one hidden layer is the ensemble",
    statement=(
        r"\sum_{k \le q} \sum_i \tfrac{v_{ki}}{q}\, \sigma(w_{ki} x + b_{ki}) + \tfrac1q"
        r" \sum_k (c_k + g_k(x)) = \tfrac1q \sum_{k \le q} f_k(x)"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived",
    hypotheses=("one hidden layer", "g_k the members' frozen functions"),
    functions=("prediction.union",),
    checks="prediction",
)

theorem(
    "P2b",
    "A member of a family that Adam trains",
    statement=(
        r"f^{(n)}_s(x) = f^{(m)}_s(x), \; \eta^{(n)} = (1, \tfrac1r, \tfrac1r)\, \eta, \;"
        r" \lambda^{(n)} = (\tfrac1r, 1, r)\, \lambda, \;"
        r" \epsilon^{(n)} = (\tfrac1r, \tfrac1r, 1)\, \epsilon"
    ),
    symbols={},
    status="derived",
    sources=(),
    note="derived: Adam divides moments of one scale but for eps",
    hypotheses=(
        "r = n / m, at every step s of Adam; by AdamW decays are times (1, r, r) instead",
        "factors of first weights and hidden biases, hidden, output weights; the output bias has 1",
        "the target begins with every neuron of the member m / n times, outgoing weights r times",
        "one order of the data, and one frozen function beside both",
    ),
    functions=("prediction.MupFamily",),
    checks="prediction",
)
