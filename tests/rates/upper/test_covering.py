"""The multi-scale covering bound (R5): against naive sums, simulation and its own limits."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from lmctheory.measures import Gaussian, UniformBall, UniformCube, UniformSphere
from lmctheory.rates import matching_cost, wasserstein_pow
from lmctheory.rates.upper.covering import NestedPartition, covering_bound, mean_left_over


def _gap(q, m):
    """E|mu_m(Q) - nu_m(Q)|, naively."""
    weight = binom.pmf(np.arange(m + 1), m, q)
    return weight @ np.abs(np.subtract.outer(np.arange(m + 1), np.arange(m + 1))) @ weight / m


def _naive(diameters, gaps, p):
    """Matches level by level from the finest to the support."""
    cost, matched = 0.0, 0.0
    for D, left in zip(diameters[::-1], [*gaps[::-1], 0.0], strict=True):
        cost += D**p * (1 - left / 2 - matched)
        matched = 1 - left / 2
    return cost


@pytest.mark.parametrize("m", [1, 2, 9, 150])
@pytest.mark.parametrize("p", [0.5, 1.0, 2.0])
def test_known_masses_agree_with_the_naive_sum(m, p):
    masses = (np.array([0.3, 0.7, 0.0]), np.array([0.1, 0.2, 0.7, 0.0]))
    diameters = np.array([2.0, 1.1, 0.4])
    two = [sum(_gap(q, m) for q in mass) for mass in masses]
    k = np.arange(m + 1)
    one = [sum(binom.pmf(k, m, q) @ np.abs(k / m - q) for q in mass) for mass in masses]
    partition = NestedPartition(diameters, masses=masses)
    for samples, gaps in ((2, two), (1, one)):
        bound = covering_bound(partition, m, p, samples=samples)
        assert bound.value == pytest.approx(_naive(diameters, gaps, p), rel=1e-10)


@given(seed=st.integers(0, 10**6), n=st.integers(1, 40), m=st.integers(1, 500))
@settings(max_examples=40, deadline=None)
def test_equal_masses_are_the_worst_and_cauchy_schwarz_is_worse(seed, n, m):
    masses = np.random.default_rng(seed).dirichlet(np.full(n, 0.3))
    levels = np.array([1.0, 0.0])
    for samples in (1, 2):
        exact = NestedPartition(levels, masses=(masses,)).left_over(m, samples)[0]
        worst = NestedPartition(levels, cells=np.array([float(n)])).left_over(m, samples)[0]
        assert exact <= worst * (1 + 1e-9) + 1e-12
        assert worst <= min(2, np.sqrt(samples * (n - 1) / m)) * (1 + 1e-9) + 1e-12


def test_any_number_of_neurons_and_cells():
    cells = np.array([1.0, 2.0, 1e300, np.inf])
    partition = NestedPartition(np.linspace(1, 0, 5), cells=cells)
    left = partition.left_over(10**12, 2)
    assert left[0] == 0
    assert left[1] == pytest.approx(2 / np.sqrt(np.pi * 10**12), rel=1e-8)  # normal limit
    np.testing.assert_allclose(left[2:], 2.0, rtol=1e-10)


@pytest.mark.parametrize("m", [10**6, 10**12, 10**15])
def test_a_half_keeps_its_digits_in_large_samples(m):
    """E|N - N'| = m C(2m, m)/4^m: by Stirling's series g(1/2) = (1 - 1/(8m)) / sqrt(pi m)."""
    exact = (1 - 1 / (8 * m)) / np.sqrt(np.pi * m)
    assert mean_left_over(np.array([0.5]), m)[0] == pytest.approx(exact, rel=1e-12, abs=0)


@pytest.mark.parametrize("m", [10**6, 10**12, 10**15])
def test_halves_of_one_large_sample_keep_their_digits_too(m):
    """E|N - m/2| = m C(m, m/2)/2^(m + 1), of two halves (1 - 1/(4m)) sqrt(2/(pi m)) of m."""
    exact = (1 - 1 / (4 * m)) * np.sqrt(2 / (np.pi * m))
    halves = NestedPartition(np.array([1.0, 0.0]), masses=(np.array([0.5, 0.5]),))
    assert halves.left_over(m, 1)[0] == pytest.approx(exact, rel=1e-12, abs=0)


@pytest.mark.parametrize("m", [1, 2, 10**12])
def test_one_cell_leaves_nothing_over(m):
    whole = NestedPartition(np.array([1.0, 0.0]), masses=(np.array([0.0, 1.0]),))
    assert whole.left_over(m, 1)[0] == whole.left_over(m, 2)[0] == 0


def test_many_cells_are_summed_in_parts():
    masses = np.full(10_000, 1e-4)
    exact = NestedPartition(np.array([1.0, 0.0]), masses=(masses,)).left_over(300, 2)
    equal = NestedPartition(np.array([1.0, 0.0]), cells=np.array([1e4])).left_over(300, 2)
    assert exact == pytest.approx(equal, rel=1e-12)


@pytest.mark.parametrize("law", [UniformCube(1), UniformCube(3), UniformBall(2), UniformSphere(3)])
@pytest.mark.parametrize("p", [0.5, 1.0, 2.0])
def test_the_truth_lies_below(law, p):
    # 8 draws: a violation beyond 5 standard errors, false alarm < 1e-3 each (t law, 7 d.o.f.)
    measured = matching_cost(law, 60, repeats=8, p=p, rng=np.random.default_rng(1))
    bound = covering_bound(law, 60, p).value
    assert measured.mean <= bound + 5 * measured.standard_error
    assert bound <= law.diameter**p


def test_the_matching_of_two_clusters():
    """Points on two atoms: the bound is the exact cost."""
    rng = np.random.default_rng(0)
    draws = [
        wasserstein_pow(*(rng.random((2, 20, 1)) < 0.3).astype(float), p=1.0) for _ in range(4000)
    ]
    atoms = NestedPartition(np.array([1.0, 0.0]), masses=(np.array([0.3, 0.7]),))
    error = np.std(draws) / np.sqrt(4000)
    assert covering_bound(atoms, 20, 1.0).value == pytest.approx(np.mean(draws), abs=4 * error)


@given(m=st.integers(1, 10**9), p=st.floats(0.3, 4), samples=st.sampled_from([1, 2]))
@settings(max_examples=25, deadline=None)
def test_finer_wider_and_one_sample_never_cost_more(m, p, samples):
    def bound(levels, m, samples=samples):
        halves = NestedPartition(
            0.5 ** np.arange(levels + 1), cells=8.0 ** np.arange(1, levels + 1)
        )
        return covering_bound(halves, m, p, samples=samples).value

    slack = 1 + 1e-9
    assert bound(9, m) <= bound(4, m) * slack <= 1 * slack**2
    assert bound(9, 2 * m) <= bound(9, m) * slack
    assert bound(9, m, 1) <= bound(9, m, 2) * slack


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"diameters": np.array([1.0])}, "at least one level, got shape (1,)"),
        (
            {"diameters": np.array([1.0, 2.0])},
            "diameters must be >= 0 and never increase",
        ),
        ({"diameters": np.array([np.inf, 2.0])}, "diameters must be finite"),
        ({"cells": np.array([2.0, 4.0])}, "describe 1 levels below the support, got 2"),
        ({"cells": np.array([0.5])}, "cells must be >= 1 and never decrease"),
        ({"cells": None, "masses": (np.array([0.5, 0.4]),)}, "sum to 1, got the sum 0.9"),
        ({"cells": None, "masses": (np.array([1.5, -0.5]),)}, "masses must be >= 0"),
    ],
)
def test_bad_partitions_are_refused(arguments, message):
    good = {"diameters": np.array([1.0, 0.5]), "cells": np.array([2.0])}
    with pytest.raises(ValueError, match=re.escape(message)):
        NestedPartition(**(good | arguments))


def test_cells_or_masses_but_not_both():
    for arguments in ({}, {"cells": np.array([2.0]), "masses": (np.array([1.0]),)}):
        with pytest.raises(TypeError, match="exactly one of cells and masses"):
            NestedPartition(np.array([1.0, 0.5]), **arguments)


@pytest.mark.parametrize(
    ("m", "p", "samples", "message"),
    [
        (0, 2.0, 2, "m must be >= 1, got 0"),
        (5, 0.0, 2, "p must be positive and finite, got 0.0"),
        (5, 2.0, 3, "samples must be 1 or 2, got 3"),
    ],
)
def test_bad_arguments_are_refused(m, p, samples, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        covering_bound(UniformCube(2), m, p, samples=samples)


def test_a_law_without_partition_is_named():
    with pytest.raises(TypeError, match="needs a law with a nested_partition, Gaussian has none"):
        covering_bound(Gaussian(spectrum=[1.0]), 10)


def test_a_partition_without_diameter_is_refused():
    class Unbounded:
        dimension = 1

        def sample(self, m, *, rng):
            return rng.random((m, 1))

        def nested_partition(self, levels):
            return np.ones(levels), np.ones(levels)

    with pytest.raises(TypeError, match="needs a law with a diameter, Unbounded has none"):
        covering_bound(Unbounded(), 10)
