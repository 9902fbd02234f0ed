"""The upper side of the sandwich (R11): M(m) <= U(m), for every law and every exponent.

All arguments are homogeneous: laws with a scale are brought to unit size first. Modulo signs (S1)
arguments of its own compete with the best bounds of the law as it is, and folded.
"""

from dataclasses import replace
from functools import lru_cache, singledispatch

import numpy as np

from lmctheory.measures import (
    Gaussian,
    LipschitzImage,
    Measure,
    Modulo,
    UniformBall,
    UniformCube,
    UniformSphere,
)
from lmctheory.measures.arguments import is_value, positive
from lmctheory.measures.extreme_sizes import (
    beyond_floats,
    moderate,
    times_power,
    times_power_above,
)
from lmctheory.measures.measure import require_law
from lmctheory.measures.quotient import by_signs
from lmctheory.rates.bound import Bound, NotApplicable, width
from lmctheory.rates.upper.signed_arguments import SIGNED_ARGUMENTS, folded_law
from lmctheory.rates.upper.upper_arguments import ARGUMENTS, gaussian_of

__all__ = ["upper_bound"]


def upper_bound(mu: Measure, m: int, p: float = 2.0, *, modulo: Modulo = None) -> Bound:
    """U(m) >= E W_p^p between two samples of m neurons; for p = 2 this is M(m) <= U(m).

    The least of all arguments that apply to the law: any permutation; R4 and R5 (bounded support,
    clusters, atoms); R6a, R6b, R6c (semigroups); R7 and R8 (one coordinate); R13 to R18
    (trees); R19 (chains of atoms); D5 (clipping). The image of a law under a Lipschitz map inherits
    L^p times every bound.

    Args:
        mu: the law of a neuron.
        m: number of neurons in each sample, 1 <= m <= 10^12.
        p: exponent > 0.
        modulo: "signs" for neurons of an odd activation, which may be negated: M_s(m) <= U_s(m).

    Returns:
        The bound, in units of the weights to the power p, per neuron. Its `terms` hold every
        argument that applies, its `missing` what the law lacks for the others.

    Raises:
        TypeError: if mu is no law, no argument applies to it, or m is no integer.
        ValueError: if m or p is out of range, for an unknown modulo, or if the law is so large that
            the bound exceeds the largest float.

    Reference:
        theory keys R2, R4-R8, R11, R13-R19, D5, S1.

    Example:
        >>> from lmctheory.measures import Gaussian, UniformSphere
        >>> mu = Gaussian(spectrum=[1 / i for i in range(1, 51)])
        >>> round(upper_bound(mu, 1000).value, 2)
        4.74
        >>> bound = upper_bound(UniformSphere(3), 1000)
        >>> bound.key, bound.missing["R13"]
        ('R6b', 'UniformSphere is not Gaussian')
        >>> round(upper_bound(mu, 1000, modulo="signs").value, 2)
        4.56
    """
    require_law("mu", mu)
    m, p, signs = width("m", m), positive("p", p), by_signs(modulo)
    unit, size = moderate(mu, p)
    terms, missing = _signed_terms(unit, m, p) if signs else _terms(unit, m, p)
    if not terms:
        raise TypeError(f"upper_bound has no argument for a {type(mu).__name__}: {missing}")
    terms = {key: times_power_above(value, size, p) for key, value in terms.items()}
    key = min(terms, key=lambda name: terms[name])
    if np.isinf(terms[key]):
        raise beyond_floats(p)
    assumptions = (
        f"the m neurons of A and the m neurons of B are independent draws from one {_name(mu)}",
        f"cost per neuron (1/m) sum |a_i - b_pi(i)|^{p:g}, at the best permutation"
        f"{' and signs' if signs else ''}, in expectation",
    )
    return Bound(terms[key], key, terms, assumptions, missing=missing)


def _name(mu: Measure) -> str:
    if isinstance(mu, LipschitzImage):
        return f"{mu.L:g}-Lipschitz image of a {_name(mu.base)}"
    return type(mu).__name__


def _terms(mu: Measure, m: int, p: float) -> tuple[dict[str, float], dict[str, str]]:
    """Values of the arguments that apply, and what is missing for the others."""
    terms, missing = _of_unit_size(mu, m, p, signs=False)
    if isinstance(mu, LipschitzImage):
        for key, value in _terms(mu.base, m, p)[0].items():
            terms[key] = min(times_power(value, mu.L, p), terms.get(key, np.inf))
    return terms, {key: reason for key, reason in missing.items() if key not in terms}


def _signed_terms(mu: Measure, m: int, p: float) -> tuple[dict[str, float], dict[str, str]]:
    """The same modulo signs; an image under a map that need not be odd has no more than its own."""
    terms, missing = _of_unit_size(mu, m, p, signs=True)
    for name, law in (("without signs", mu), ("folded", folded_law(mu))):
        known = _terms(law, m, p)[0] if law is not None else {}
        if known:
            terms[name] = min(known.values())
        else:
            missing[name] = f"{type(mu).__name__} has no such law with a bound"
    return terms, missing


def _of_unit_size(
    mu: Measure, m: int, p: float, *, signs: bool
) -> tuple[dict[str, float], dict[str, str]]:
    unit, size = _unit(mu)
    known = _remembered(unit, m, p, signs) if is_value(unit) else _evaluated(unit, m, p, signs)
    values, missing = known
    return {key: times_power(value, size, p) for key, value in values.items()}, dict(missing)


def _evaluated(
    mu: Measure, m: int, p: float, signs: bool
) -> tuple[dict[str, float], dict[str, str]]:
    values, missing = {}, {}
    for key, argument in (SIGNED_ARGUMENTS if signs else ARGUMENTS).items():
        try:
            values[key] = argument(mu, m, p)
        except NotApplicable as reason:
            missing[key] = str(reason)
        except OverflowError:
            values[key] = np.inf
    return values, missing


_remembered = lru_cache(maxsize=1024)(_evaluated)


@singledispatch
def _unit(mu: Measure) -> tuple[Measure, float]:
    """The law at unit size, and its size."""
    return mu, 1.0


@_unit.register
def _(mu: Gaussian) -> tuple[Measure, float]:
    square = float(mu.spectrum[0]) or 1.0
    return gaussian_of(tuple((mu.spectrum / square).tolist())), square**0.5


@_unit.register
def _(mu: UniformCube) -> tuple[Measure, float]:
    return replace(mu, side=1.0), mu.side


@_unit.register(UniformBall)
@_unit.register(UniformSphere)
def _(mu: UniformBall | UniformSphere) -> tuple[Measure, float]:
    return replace(mu, radius=1.0), mu.radius
