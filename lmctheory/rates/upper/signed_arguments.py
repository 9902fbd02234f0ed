"""The arguments behind `upper_bound` modulo signs (S1), one function each, as in `upper_arguments`.

Costs modulo signs are at most those of any law that the neurons are folded to
(`measures.quotient`), and are costs in a metric space: what passes from p = 2 to other exponents
does so here as well, and where the support has a diameter, it is that of the quotient.
"""

import numpy as np
from jaxtyping import Float

from lmctheory.measures import (
    Bounded,
    Empirical,
    EvenDiffusive,
    Gaussian,
    GaussianMixture,
    Measure,
    SubGaussianProduct,
    Uniform,
    UniformBall,
    UniformCube,
    UniformSphere,
)
from lmctheory.measures.even import EvenPart
from lmctheory.measures.quotient import Symmetric, folded, leading_axes, quotient_diameter
from lmctheory.rates.bound import NotApplicable
from lmctheory.rates.one_neuron import one_neuron_cost
from lmctheory.rates.upper.box_tree import box_tree
from lmctheory.rates.upper.covering import (
    LEVELS,
    NestedPartition,
    box_covering_bound,
    covering_bound,
)
from lmctheory.rates.upper.half_normal import half_normal_matching_cost
from lmctheory.rates.upper.rank_block import folded_rank_block_tree
from lmctheory.rates.upper.signed_tree import signed_product_tree
from lmctheory.rates.upper.truncated_gaussian import truncated_gaussian_bound
from lmctheory.rates.upper.upper_arguments import (
    Argument,
    box,
    few,
    from_squares,
    gaussian,
    lacks,
    moments_of,
    semigroup,
    uniform_box,
)

__all__ = ["SIGNED_ARGUMENTS", "folded_law"]


def folded_law(mu: Measure) -> Measure | None:
    """A law on one side of a hyperplane, of which neurons differ from those of mu by signs alone.

    Points and clusters are put on one side of the hyperplane that is orthogonal to their leading
    axis. As components are symmetric around their means, a cluster may be negated as a whole; those
    that come to lie on each other are one then.

    Args:
        mu: a law.

    Returns:
        The law; None for laws whose folding is no law of this package.
    """
    if isinstance(mu, Empirical):
        points = np.asarray(mu.points)
        return Empirical(folded(points, leading_axes(points)[0]))
    if isinstance(mu, GaussianMixture):
        return _merged(mu)
    return None


def _merged(mu: GaussianMixture) -> GaussianMixture:
    means, weights = np.asarray(mu.means), np.asarray(mu.weights)
    means = folded(means, leading_axes(means, weights)[0]) + 0.0  # no negative zeros
    clusters: dict[bytes, int] = {}
    for i, (mean, component) in enumerate(zip(means, mu.components, strict=True)):
        clusters.setdefault(mean.tobytes() + component.covariance.tobytes(), i)
    kept = list(clusters.values())
    keys = [
        clusters[mean.tobytes() + component.covariance.tobytes()]
        for mean, component in zip(means, mu.components, strict=True)
    ]
    total = np.bincount(keys, weights, minlength=len(weights))[kept]
    return GaussianMixture(total, means[kept], [mu.components[i] for i in kept])


def _trivial(mu: Measure, _m: int, p: float) -> float:
    """Any permutation, at the diameter of the quotient."""
    if not isinstance(mu, Bounded):
        raise lacks(mu, "has no diameter")
    return quotient_diameter(mu) ** p


def _one_neuron(mu: Measure, _m: int) -> float:
    return one_neuron_cost(mu, signs=True)


def _half_box(mu: Measure) -> Float[np.ndarray, " d"]:
    """Sides of half a box, cut across a longest one."""
    if not isinstance(mu, UniformCube | SubGaussianProduct):
        raise lacks(mu, "has no independent symmetric coordinates in a box")
    sides = box(mu).copy()
    sides[np.argmax(sides)] /= 2
    return sides


def _covering(mu: Measure, m: int, p: float) -> float:
    """Half of the cells, of which none is wider than the quotient."""
    if not isinstance(mu, UniformBall | UniformSphere):
        return box_covering_bound(_half_box(mu), m, p)
    cells, diameters = mu.nested_partition(LEVELS)
    widest = quotient_diameter(mu)
    half = NestedPartition(np.minimum(np.r_[widest, diameters], widest), cells=cells / 2)
    return covering_bound(half, m, p).value


def _even_part(mu: Measure) -> EvenPart:
    if not isinstance(mu, EvenDiffusive):
        raise lacks(mu, "has no even_heat_trace")
    return EvenPart(mu)


def _truncation(mu: Measure, m: int) -> float:
    kept, rest = few(gaussian(mu))
    return truncated_gaussian_bound(kept, m, modulo="signs").value + rest


def _one_dimension(mu: Measure, m: int) -> float:
    """The absolute values, sorted."""
    if isinstance(mu, Gaussian) and (mu.spectrum > 0).sum() == 1:
        return float(mu.spectrum[0]) * half_normal_matching_cost(m)
    if isinstance(mu, Gaussian) or mu.dimension > 1:
        raise lacks(mu, "has more than one dimension")
    return float(uniform_box(mu)[0] / 2) ** 2 / (3 * (m + 1))


def _rank_blocks(mu: Measure, m: int) -> float:
    return folded_rank_block_tree(gaussian(mu).spectrum, m)


def _box_tree(mu: Measure, m: int) -> float:
    uniform_box(mu)  # refuses what is not uniform
    return box_tree(np.array([box(mu)[0] / 2]) if mu.dimension == 1 else _half_box(mu), m)


def _product_tree(mu: Measure, m: int) -> float:
    if isinstance(mu, UniformCube):
        return signed_product_tree(np.sqrt(mu.spectrum), m, Uniform())
    if isinstance(mu, SubGaussianProduct):
        return signed_product_tree(np.asarray(mu.scales), m, mu.marginal)
    return signed_product_tree(np.sqrt(gaussian(mu).spectrum), m)


def _moments(mu: Measure, m: int, p: float) -> float:
    if not isinstance(mu, Symmetric):
        raise NotApplicable("that of the law without signs is as good")
    return moments_of(mu, m, p, SIGNED_ARGUMENTS, besides=_moments)


SIGNED_ARGUMENTS: dict[str, Argument] = {
    "diameter": _trivial,
    "one neuron": from_squares(_one_neuron),
    "R5": _covering,
    "R6a": from_squares(semigroup("R6a", _even_part)),
    "R6b": from_squares(semigroup("R6b", _even_part)),
    "R6c": from_squares(_truncation),
    "R7": from_squares(_one_dimension),
    "R13": from_squares(_rank_blocks),
    "R14": from_squares(_box_tree),
    "R15": from_squares(_product_tree),
    "moments": _moments,
}
"""Every argument by its key."""
