"""The formulas of T7 to T11 and D7 as they are printed, against what is computed."""

import numpy as np
import pytest
from printed import value
from scipy.special import gammaincc, gammaln

from lmctheory.measures import Gaussian, UniformSphere
from lmctheory.rates import lower_bound, upper_bound
from lmctheory.theorems import registry
from lmctheory.widths.lower import (
    equal_outputs_barrier,
    equal_outputs_mean,
    error_between,
    every_permutation_share,
    last_layer_bound,
    unsigned_error_bound,
)

LAW = Gaussian(spectrum=[2.0, 1.0])


def _agree(formula, expected, **given):
    assert formula.value(**given) == pytest.approx(expected, rel=1e-9)
    assert value(formula, **given) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("t", "a"), [(0.5, 0.0), (0.2, 0.3), (0.7, -0.6)])
def test_both_sides_of_the_best_permutation(t, a):
    low, high, scale = registry()["T7"].formulas
    found = error_between(LAW, 20, t=t, slope=a)
    _agree(low, found.lower, t=t, a=a, L=lower_bound(LAW, 20).value)
    _agree(high, found.upper, t=t, a=a, U=upper_bound(LAW, 20).value)
    _agree(scale, found.scale, a=a, z=3.0)
    # two neurons of one coordinate are 2 apart, their own nearest neighbours
    (unsigned,) = registry()["T8"].formulas
    line = Gaussian(spectrum=[1.0])
    _agree(unsigned, unsigned_error_bound(line, 1, t=t, slope=a), t=t, a=a, N=2.0)


def test_the_share_that_every_permutation_leaves():
    (formula,) = registry()["T9"].formulas
    for m, n, delta in ((3, 40, 0.1), (20, 300, 1e-3)):
        theta = every_permutation_share(m, n, delta)
        _agree(formula, gammaln(m + 1) + np.log(1 / delta), theta=theta, n=n)


def test_equal_output_weights():
    high, low = registry()["T10"].formulas
    d, N, a = 3, 30, -1.7
    found = equal_outputs_mean(d, N, a)
    radii = np.linspace(0, 12, 200_001)
    smaller = np.trapezoid(gammaincc(d / 2, radii**2 / 2) ** 2, radii)
    sphere = upper_bound(UniformSphere(d), N).value
    assert high.value(a=a, pi_0=np.pi, r=smaller, M=sphere) == pytest.approx(found[1], rel=1e-8)
    _agree(high, high.value(a=a, pi_0=np.pi, r=0.4, M=0.3), a=a, pi_0=np.pi, r=0.4, M=0.3)
    # R is what the function bounds; with its bound in place the two sides are one
    R = found[0] * 8 * np.sqrt(2 * np.pi) / abs(a)
    _agree(low, found[0], a=a, pi_0=np.pi, R=R)
    assert smaller > R / 4  # in the units of norms


def test_the_barrier_from_below():
    (formula,) = registry()["T11"].formulas
    given = {"T": 0.2, "a": 1.3, "d": 20, "N": 50, "pi_0": np.pi}
    _agree(formula, equal_outputs_barrier(20, 50, 1.3, error=0.2), **given)


def test_the_last_layer():
    (formula,) = registry()["D7"].formulas
    bound = last_layer_bound([[0.0]], [[3.0]], t=0.3, s_out=1.5)
    _agree(formula, bound, t=0.3, s_out=1.5, n_out=1, M=9.0)
