"""How fast the matching cost of independent neurons falls with width (theory keys R)."""

from lmctheory.rates.bound import MAX_WIDTH, Bound
from lmctheory.rates.bounded_mean import mean_lower_bound
from lmctheory.rates.concentration import Deviation, deviation
from lmctheory.rates.empirical.certified import (
    CertifiedMatching,
    Interval,
    certified_matching,
    certified_matching_cost,
)
from lmctheory.rates.empirical.curve import Curve, matching_cost_curve
from lmctheory.rates.empirical.dimension import (
    compare_dimensions,
    entropy_rank,
    participation_ratio,
    principal_components,
    stable_rank,
    wasserstein_dimension,
)
from lmctheory.rates.empirical.exact import (
    optimal_permutation,
    optimal_signs,
    wasserstein,
    wasserstein_pow,
)
from lmctheory.rates.empirical.independence import (
    IndependenceTest,
    permutation_test,
)
from lmctheory.rates.empirical.monte_carlo import Estimate, matching_cost
from lmctheory.rates.empirical.neighbour_dimension import (
    correlation_dimension,
    maximum_likelihood_dimension,
    two_nn_dimension,
)
from lmctheory.rates.empirical.pooling import PooledCost, pooled_matching_cost
from lmctheory.rates.least_width import OutOfReach
from lmctheory.rates.lower.sandwich_below import lower_bound
from lmctheory.rates.simulated_bounds import (
    SimulatedInterval,
    simulated_interval,
    simulated_lower_bound,
    simulated_upper_bound,
    upper_bound_from_costs,
)
from lmctheory.rates.tabulated import tabulated_lower_bound, tabulated_upper_bound
from lmctheory.rates.upper.box_tree import box_tree
from lmctheory.rates.upper.covering import NestedPartition, covering_bound
from lmctheory.rates.upper.cube_tree import cube_tree
from lmctheory.rates.upper.dyadic import dyadic_bound, fournier_bound
from lmctheory.rates.upper.order_statistics import normal_matching_cost
from lmctheory.rates.upper.polar_tree import polar_tree
from lmctheory.rates.upper.product_tree import product_tree
from lmctheory.rates.upper.sandwich_above import upper_bound
from lmctheory.rates.upper.semigroup import semigroup_bound
from lmctheory.rates.upper.truncated_gaussian import truncated_gaussian_bound
from lmctheory.rates.width import required_width, width_lower_bound

__all__ = [
    "MAX_WIDTH",
    "Bound",
    "CertifiedMatching",
    "Curve",
    "Deviation",
    "Estimate",
    "IndependenceTest",
    "Interval",
    "NestedPartition",
    "OutOfReach",
    "PooledCost",
    "SimulatedInterval",
    "box_tree",
    "certified_matching",
    "certified_matching_cost",
    "compare_dimensions",
    "correlation_dimension",
    "covering_bound",
    "cube_tree",
    "deviation",
    "dyadic_bound",
    "entropy_rank",
    "fournier_bound",
    "lower_bound",
    "matching_cost",
    "matching_cost_curve",
    "maximum_likelihood_dimension",
    "mean_lower_bound",
    "normal_matching_cost",
    "optimal_permutation",
    "optimal_signs",
    "participation_ratio",
    "permutation_test",
    "polar_tree",
    "pooled_matching_cost",
    "principal_components",
    "product_tree",
    "required_width",
    "semigroup_bound",
    "simulated_interval",
    "simulated_lower_bound",
    "simulated_upper_bound",
    "stable_rank",
    "tabulated_lower_bound",
    "tabulated_upper_bound",
    "truncated_gaussian_bound",
    "two_nn_dimension",
    "upper_bound",
    "upper_bound_from_costs",
    "wasserstein",
    "wasserstein_dimension",
    "wasserstein_pow",
    "width_lower_bound",
]
