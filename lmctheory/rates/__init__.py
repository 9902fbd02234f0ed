"""How fast the matching cost of independent neurons falls with width (theory keys R)."""

from lmctheory.rates.bound import Bound
from lmctheory.rates.box_tree import box_tree
from lmctheory.rates.covering import NestedPartition, covering_bound
from lmctheory.rates.dimension import participation_ratio
from lmctheory.rates.dyadic import dyadic_bound, fournier_bound
from lmctheory.rates.exact import optimal_permutation, wasserstein, wasserstein_pow
from lmctheory.rates.monte_carlo import Estimate, matching_cost
from lmctheory.rates.order_statistics import normal_matching_cost
from lmctheory.rates.sandwich import (
    MAX_WIDTH,
    lower_bound,
    required_width,
    upper_bound,
    width_lower_bound,
)
from lmctheory.rates.semigroup import semigroup_bound, truncated_gaussian_bound

__all__ = [
    "MAX_WIDTH",
    "Bound",
    "Estimate",
    "NestedPartition",
    "box_tree",
    "covering_bound",
    "dyadic_bound",
    "fournier_bound",
    "lower_bound",
    "matching_cost",
    "normal_matching_cost",
    "optimal_permutation",
    "participation_ratio",
    "required_width",
    "semigroup_bound",
    "truncated_gaussian_bound",
    "upper_bound",
    "wasserstein",
    "wasserstein_pow",
    "width_lower_bound",
]
