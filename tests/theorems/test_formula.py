"""Formulas: what is printed is what is evaluated."""

import math

import pytest
from printed import value

from lmctheory.theorems import Formula

EXAMPLES = {
    "powers and functions": (
        Formula("x", "=", "t*(1 - t)*Abs(s)*exp(-s) + log(1 + m)*L**2 + gamma(1 + m)/pi"),
        {"t": 0.3, "s": 2.0, "m": 3.0, "L": 1.5},
        0.21 * 2 * math.exp(-2) + math.log(4) * 2.25 + 6 / math.pi,
    ),
    "an integral of a function": (
        Formula(
            "M",
            r"\le",
            "2*(sqrt(D(2*t)/2) + L*sqrt(4/m*Integral(Z(s) - 1, (s, 2*t, oo))))**2",
            names={"Z": r"\operatorname{tr} P"},
        ),
        {"t": 0.1, "m": 10, "L": 1, "D": lambda t: t, "Z": lambda s: 1 + math.exp(-s)},
        2 * (0.1**0.5 + (0.4 * math.exp(-0.2)) ** 0.5) ** 2,
    ),
    "a sum without end": (
        Formula("W", r"\le", "sqrt(d)*Sum(2**(-p*l)*Min(2, sqrt(2**(d*l)/m)), (l, 1, oo))"),
        {"d": 3, "p": 2.0, "m": 10},
        3**0.5 * sum(2.0 ** (-2 * k) * min(2, (2.0 ** (3 * k) / 10) ** 0.5) for k in range(1, 60)),
    ),
    "a product": (
        Formula("x", "=", "Product(1 + s(k), (k, 1, n))", indexed=("s",)),
        {"n": 3, "s": lambda k: k},
        2 * 3 * 4,
    ),
    "indices": (
        Formula(
            "T_i(b)",
            "=",
            "lam*(2 - 2/b*Sum(S(k)**2/s(k), (k, 1, n))) + Sum(s(k)/b*T(s(k)), (k, 1, n))",
            names={"lam": r"\lambda_i", "T": "T_{i+1}"},
            indexed=("S", "s"),
        ),
        {
            "lam": 2,
            "b": 5,
            "n": 2,
            "S": lambda k: k + 0.3,
            "s": lambda k: k + 1,
            "T": lambda b: b**0.5,
        },
        2 * (2 - 0.4 * (1.69 / 2 + 5.29 / 3)) + (2 * 2**0.5 + 3 * 3**0.5) / 5,
    ),
}


@pytest.mark.parametrize("example", EXAMPLES)
def test_what_is_printed_and_what_is_evaluated_are_one(example):
    formula, given, expected = EXAMPLES[example]
    assert formula.value(**given) == pytest.approx(expected, rel=1e-12)
    assert value(formula, **given) == pytest.approx(expected, rel=1e-12)


def test_numbers_must_be_those_that_are_needed():
    formula, given, _ = EXAMPLES["powers and functions"]
    with pytest.raises(TypeError, match=r"needed are \['L', 'm', 's', 't'\]"):
        formula.value(**given, z=1.0)
