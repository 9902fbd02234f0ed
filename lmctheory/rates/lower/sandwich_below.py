"""The lower side of the sandwich (R11): L(m) <= E W_p^p for every law, by whatever applies to it.

Every argument (`lower_arguments`) is a function of the law, the width and p that returns its bounds
by name, or raises `NotApplicable` with what is lacking; the largest bound wins. Two of them pass
between powers: for p > 2, W_p >= W_2 and Jensen's inequality give E W_p^p >= (E W_2^2)^{p/2}; for
p < 2 on a support of diameter D, |x - y|^2 <= D^{2-p} |x - y|^p gives E W_p^p >= D^{p-2} E W_2^2.
The image of a law under a map that shrinks no distance below a share of itself inherits this share
to the power p of the base's bound.
"""

import numpy as np

from lmctheory.measures import Bounded, LipschitzImage, Measure, Modulo
from lmctheory.measures.arguments import positive
from lmctheory.measures.extreme_sizes import beyond_floats, moderate, times_power
from lmctheory.measures.measure import require_law
from lmctheory.measures.quotient import by_signs, quotient_diameter
from lmctheory.rates.bound import Bound, NotApplicable, width
from lmctheory.rates.lower.lower_arguments import ARGUMENTS, EXACT

__all__ = ["lower_bound"]


def lower_bound(mu: Measure, m: int, p: float = 2.0, *, modulo: Modulo = None) -> Bound:
    """L(m) <= E W_p^p between two samples of m neurons; M(m) for p = 2.

    The largest of: the nearest-neighbour arguments of R9 (exact or nearly so where small balls are
    known, by the correlation integral, or by a bound of the density), empty Voronoi cells, gaps
    between clusters (R22), the distance of the means, the exponential moment, R7 in every
    coordinate, and sums over blocks.
    Modulo signs (S1) small balls count twice, for a neuron and its negative.

    Args:
        mu: the law of a neuron. The more is known of it, the more arguments apply.
        m: number of neurons in each sample, 1 <= m <= 10^12.
        p: exponent of the cost, > 0.
        modulo: "signs" for neurons of an odd activation, which may be negated: L_s(m) <= M_s(m).

    Returns:
        The bound, in units of the weights to the power p, per neuron; ``missing`` says why other
        arguments do not apply. It is 0 where none does, as for a general Lipschitz image.

    Raises:
        TypeError: if mu is no law, or m no integer.
        ValueError: if m or p is out of range, for an unknown modulo, or if the law is so large that
            the bound exceeds the largest float.

    Reference:
        theory keys R7, R9, R11, R22, S1.

    Example:
        >>> from lmctheory.measures import Gaussian, UniformCube
        >>> mu = Gaussian(spectrum=[1 / i for i in range(1, 51)])
        >>> round(lower_bound(mu, 1000).value, 2)
        3.08
        >>> round(lower_bound(mu, 1000, modulo="signs").value, 2)
        2.91
        >>> lower_bound(UniformCube(3), 1000).key
        'R9 Voronoi cells'
    """
    require_law("mu", mu)
    m, p, signs = width("m", m), positive("p", p), by_signs(modulo)
    unit, size = moderate(mu, p)
    try:
        terms, missing = _terms(unit, m, p, modulo)
    except OverflowError:
        raise beyond_floats(p) from None
    terms = {key: times_power(value, size, p) for key, value in terms.items()}
    key = max(terms, key=lambda name: terms[name])
    if np.isinf(terms[key]):
        raise beyond_floats(p)
    assumptions = (
        "the m neurons of A and the m neurons of B are independent draws from one law",
        "cost per neuron (1/m) sum |a_i - b_pi(i)|^p, at the best permutation pi"
        f"{' and signs' if signs else ''}, in expectation",
    )
    return Bound(terms[key], key, terms, assumptions, missing=missing)


def _terms(
    mu: Measure, m: int, p: float, modulo: Modulo
) -> tuple[dict[str, float], dict[str, str]]:
    """Values of the arguments that apply, and what is missing for the others."""
    signs = by_signs(modulo)
    terms: dict[str, float] = {}
    missing: dict[str, str] = {}
    for name, argument in ARGUMENTS.items():
        try:
            terms |= argument(mu, m, p, signs)
        except NotApplicable as reason:
            missing[name] = str(reason)
        if EXACT in terms:  # the others can only round up to it
            break
    else:
        for name, inherited in {"p = 2": _from_two, "base": _from_base}.items():
            try:
                terms |= inherited(mu, m, p, modulo)
            except NotApplicable as reason:
                missing[name] = str(reason)
    return terms or {"no argument": 0.0}, missing


def _from_two(mu: Measure, m: int, p: float, modulo: Modulo) -> dict[str, float]:
    if p == 2:
        raise NotApplicable("another exponent than 2")
    if p > 2:
        return {"p = 2, Jensen": lower_bound(mu, m, modulo=modulo).value ** (p / 2)}
    if not isinstance(mu, Bounded):
        raise NotApplicable("a bounded support, as p < 2")
    diameter = quotient_diameter(mu) if by_signs(modulo) else mu.diameter
    if not np.greater(diameter, 0):
        raise NotApplicable("a positive diameter")
    return {"p = 2, diameter": diameter ** (p - 2) * lower_bound(mu, m, modulo=modulo).value}


def _from_base(mu: Measure, m: int, p: float, modulo: Modulo) -> dict[str, float]:
    if not isinstance(mu, LipschitzImage) or mu.least == 0:
        raise NotApplicable("a map with a Lipschitz inverse")
    if by_signs(modulo):
        raise NotApplicable("a map that is known to be odd")
    return {"base": times_power(lower_bound(mu.base, m, p).value, mu.least, p)}
