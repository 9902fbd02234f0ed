"""Every public function of rates, with arguments of every type, called as users call it."""

import inspect

import numpy as np
import pytest

from lmctheory import rates
from lmctheory.measures import Gaussian, UniformCube
from lmctheory.rates.empirical.independence import (
    coordinate_products,
    matching_statistic,
    networks,
    variance_ratio,
)
from lmctheory.rates.empirical.power_law import fit_power_law
from tests.border import BAD, FORMS, PLAIN, refused, same

GRID = np.random.default_rng(0).integers(-16, 17, (2, 12, 3)) / 8  # every type has these numbers
A, B = GRID
NETWORKS = GRID.reshape(4, 6, 3)
SPECTRUM = np.array([0.5, 0.25, 0.25])
SQUARE = UniformCube(2)
LINE = Gaussian(spectrum=[1.0])
COSTS = rates.matching_cost(SQUARE, 4, repeats=3, rng=np.random.default_rng(0))
CURVE = rates.matching_cost_curve(LINE, [4, 8, 16], rng=np.random.default_rng(0))
SIMULATED = {"width": 8, "repeats": 2, "delta": 0.125}

CALLS = {
    "box_tree": lambda f: rates.box_tree(f.array([0.5, 2.0]), f.integer(9)),
    "certified_matching": lambda f: rates.certified_matching(
        f.array(A), f.array(B), f.number(2.0), f.number(0.5)
    ),
    "certified_matching_cost": lambda f: rates.certified_matching_cost(
        f.array(A), f.array(B), f.number(2.0), f.number(0.5)
    ),
    "compare_dimensions": lambda f: rates.compare_dimensions(f.array(A)),
    "correlation_dimension": lambda f: rates.correlation_dimension(f.array(A), f.number(0.5)),
    "covering_bound": lambda f: rates.covering_bound(
        rates.NestedPartition(f.array([1.0, 0.5]), cells=f.array([2.0])), f.integer(9), f.number(2)
    ),
    "covering_bound, masses": lambda f: rates.covering_bound(
        rates.NestedPartition(f.array([1.0, 0.5]), masses=(f.array([0.5, 0.5]),)), f.integer(9)
    ),
    "deviation": lambda f: rates.deviation(SQUARE, f.integer(9), f.number(0.5), f.number(2.0)),
    "dyadic_bound": lambda f: rates.dyadic_bound(
        f.integer(9), f.integer(2), f.number(2.0), f.number(0.5)
    ),
    "entropy_rank": lambda f: rates.entropy_rank(f.array(np.diag(SPECTRUM))),
    "fournier_bound": lambda f: rates.fournier_bound(
        f.number(9.0), f.integer(5), f.number(2.0), f.number(0.5)
    ),
    "lower_bound": lambda f: rates.lower_bound(SQUARE, f.integer(9), f.number(2.0)),
    "matching_cost": lambda f: rates.matching_cost(
        SQUARE, f.integer(4), repeats=f.integer(3), p=f.number(2.0), rng=f.rng(7)
    ),
    "matching_cost_curve": lambda f: rates.matching_cost_curve(
        LINE, [f.integer(4), f.integer(8)], repeats=f.integer(3), p=f.number(2.0), rng=f.rng(7)
    ),
    "matching_statistic": lambda f: matching_statistic(f.array(NETWORKS)),
    "maximum_likelihood_dimension": lambda f: rates.maximum_likelihood_dimension(
        f.array(A), f.integer(4)
    ),
    "mean_lower_bound": lambda f: rates.mean_lower_bound(
        f.array([0.5, 1.0]), f.number(1.0), f.number(0.5)
    ),
    "normal_matching_cost": lambda f: rates.normal_matching_cost(f.integer(9)),
    "optimal_permutation": lambda f: rates.optimal_permutation(
        f.array(A), f.array(B), f.number(3.0)
    ),
    "optimal_signs": lambda f: rates.optimal_signs(f.array(A), f.array(B)),
    "participation_ratio": lambda f: rates.participation_ratio(f.array(SPECTRUM)),
    "permutation_test": lambda f: rates.permutation_test(
        f.array(NETWORKS), variance_ratio, permutations=f.integer(9), rng=f.rng(7)
    ),
    "pooled_matching_cost": lambda f: rates.pooled_matching_cost(
        f.array(NETWORKS), f.integer(4), partitions=f.integer(2), p=f.number(2.0), rng=f.rng(7)
    ),
    "principal_components": lambda f: rates.principal_components(
        f.array(SPECTRUM), f.number(0.5)
    ),
    "cube_tree": lambda f: rates.cube_tree(f.array(A[:4]), f.array([0.25] * 4), f.integer(9)),
    "polar_tree": lambda f: rates.polar_tree(f.integer(3), f.integer(9), solid=True),
    "product_tree": lambda f: rates.product_tree(f.array([0.5, 2.0]), f.integer(9)),
    "required_width": lambda f: rates.required_width(
        SQUARE, f.number(0.25), delta=f.number(0.5), p=f.number(2.0)
    ),
    "semigroup_bound": lambda f: rates.semigroup_bound(SQUARE, f.integer(9)),
    "simulated_lower_bound": lambda f: rates.simulated_lower_bound(
        SQUARE, f.integer(4), width=f.integer(8), repeats=f.integer(2), delta=f.number(0.5),
        rng=f.rng(7),
    ),
    "simulated_interval": lambda f: rates.simulated_interval(
        SQUARE, f.integer(8), delta=f.number(0.5), repeats=f.integer(2), rng=f.rng(7)
    ),
    "simulated_upper_bound": lambda f: rates.simulated_upper_bound(
        SQUARE, f.integer(16), width=f.integer(8), repeats=f.integer(2), delta=f.number(0.5),
        rng=f.rng(7),
    ),
    "stable_rank": lambda f: rates.stable_rank(f.array(SPECTRUM)),
    "tabulated_lower_bound": lambda f: rates.tabulated_lower_bound(
        SQUARE, f.integer(9), delta=f.number(0.5)
    ),
    "tabulated_upper_bound": lambda f: rates.tabulated_upper_bound(
        SQUARE, f.integer(9), delta=f.number(0.5)
    ),
    "truncated_gaussian_bound": lambda f: rates.truncated_gaussian_bound(LINE, f.integer(9)),
    "two_nn_dimension": lambda f: rates.two_nn_dimension(f.array(A)),
    "upper_bound": lambda f: rates.upper_bound(SQUARE, f.integer(9), f.number(2.0)),
    "upper_bound_from_costs": lambda f: rates.upper_bound_from_costs(
        rates.Estimate(f.array([0.5, 0.25])), SQUARE, width=f.integer(4), delta=f.number(0.5)
    ),
    "variance_ratio": lambda f: variance_ratio(f.array(NETWORKS)),
    "wasserstein": lambda f: rates.wasserstein(f.array(A), f.array(B), f.number(3.0)),
    "wasserstein_dimension": lambda f: rates.wasserstein_dimension(CURVE),
    "wasserstein_pow": lambda f: rates.wasserstein_pow(f.array(A), f.array(B), f.number(3.0)),
    "width_lower_bound": lambda f: rates.width_lower_bound(
        SQUARE, f.number(0.25), delta=f.number(0.5), p=f.number(2.0)
    ),
    "coordinate_products": lambda f: coordinate_products(f.array(NETWORKS), f.integer(2)),
    "fit_power_law": lambda f: fit_power_law(
        f.array([2.0, 4.0]), f.array([1.0, 0.5]), f.array([0.5, 0.5]), quantile=2.0
    ),
    "networks": lambda f: networks(f.array(NETWORKS)),
    "Estimate": lambda f: rates.Estimate(f.array([0.5, 0.25])).standard_error,
    "power_law": lambda f: CURVE.power_law(confidence=f.number(0.5)).interval,
}  # fmt: skip
EVERY_CALL = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


def test_every_public_function_is_called():
    functions = {name for name in rates.__all__ if inspect.isfunction(getattr(rates, name))}
    assert functions <= CALLS.keys()


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@EVERY_CALL
def test_a_result_is_the_same_in_every_type(call, form, as_users_call):
    assert same(call(PLAIN), call(form))


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
@EVERY_CALL
def test_bad_arguments_are_refused_by_name(call, bad, as_users_call):
    refused(call, bad)


@EVERY_CALL
def test_no_argument_is_changed(call, as_users_call):
    given = []

    def kept(values):
        values = np.array(values, float)
        given.append((values, values.copy()))
        values.setflags(write=False)  # a change would be an error
        return values

    call(type(PLAIN)(array=kept))
    assert all((now == before).all() for now, before in given)


@pytest.mark.parametrize(
    "call",
    [
        lambda rng: rates.matching_cost(SQUARE, 4, repeats=2, rng=rng).draws,
        lambda rng: rates.matching_cost_curve(SQUARE, [4, 5], repeats=2, rng=rng).means,
        lambda rng: (
            rates.permutation_test(NETWORKS, variance_ratio, permutations=2, rng=rng).permuted
        ),
        lambda rng: rates.pooled_matching_cost(NETWORKS, 4, partitions=2, rng=rng).draws[:, 0],
    ],
)
def test_a_seed_is_sown_once_and_not_for_every_draw(call, as_users_call):
    assert len(set(call(7).tolist())) == 2


def test_what_is_no_law_is_refused(as_users_call):
    with pytest.raises(TypeError, match="mu must be a law of neurons, got ndarray"):
        rates.matching_cost(A, 4, rng=0)
    for bound in (rates.required_width, rates.upper_bound):
        with pytest.raises(TypeError, match="mu must be a law of neurons, got ndarray"):
            bound(A, 4)
