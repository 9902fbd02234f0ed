"""Checks on what a matching of layers aligns (M)."""

from collections.abc import Callable, Iterator

import numpy as np

from lmctheory.matching import match, singular_alignment
from lmctheory.matching.singular import SingularAlignment
from lmctheory.theorems._registry import breaks, tries, tries_trained
from lmctheory.theorems.adversary import Trials
from lmctheory.theorems.checks.networks import equal, trained
from lmctheory.theorems.trial import Trial

Layers = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _random_layers(rng: np.random.Generator) -> Layers:
    """Of any shape up to 6 x 6, of full rank or of less, B at random or a permuted A."""
    m, n, rank = (int(rng.integers(1, 7)) for _ in range(3))
    a, b = (
        rng.standard_normal((m, min(rank, m))) @ rng.standard_normal((min(rank, m), n))
        for _ in range(2)
    )
    P, Q = rng.permutation(m), rng.permutation(n)
    return a, a[np.argsort(P)][:, np.argsort(Q)] if rng.random() < 0.3 else b, P, Q


def _trained_layers(rng: np.random.Generator) -> Layers:
    """A hidden layer, in orders that weight matching finds or at random."""
    a, b = trained(rng, (2, 3))
    k = int(rng.integers(1, len(a.linears) - 1))
    W_A, W_B = (model.linears[k].weight.detach().numpy() for model in (a, b))
    if rng.random() < 0.5:
        found = match(a, b, "weight").permutations
        orders = list(found.values())
        return W_A, W_B, orders[k], orders[k - 1]
    return W_A, W_B, rng.permutation(len(W_A)), rng.permutation(W_A.shape[1])


def _inner_products(
    layers: Callable[[np.random.Generator], Layers],
    summed: Callable[[SingularAlignment], float] = lambda found: found.inner_product,
) -> Trials:
    """The sum over pairs of singular vectors against the sum over entries.

    Args:
        layers: draws W_A, W_B, P and Q.
        summed: the first of them.
    """

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            W_A, W_B, P, Q = layers(rng)
            direct = float((W_A * W_B[P][:, Q]).sum())
            found = summed(singular_alignment(W_A, W_B, P, Q))
            yield equal(found, direct, float(np.linalg.norm(W_A) * np.linalg.norm(W_B)))

    return trials


def _pairs_of_one_rank(found: SingularAlignment) -> float:
    return float(found.values_a @ np.diag(found.left * found.right * found.values_b))


def _squares(found: SingularAlignment) -> float:
    return float(found.values_a**2 @ (found.left * found.right) @ found.values_b)


tries("M1", counts=(200, 100_000))(_inner_products(_random_layers))
tries_trained("M1", counts=(10, 500))(_inner_products(_trained_layers))
breaks("M1", "pairs of one rank alone")(_inner_products(_random_layers, _pairs_of_one_rank))
breaks("M1", "squares of A's singular values")(_inner_products(_random_layers, _squares))
