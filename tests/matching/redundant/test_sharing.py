"""Which of redundant neurons go on computing, and how they share outgoing weights."""

from itertools import combinations

import numpy as np
import pytest
import torch

from lmctheory.matching.redundant.sharing import kept_neurons, least_move
from tests.matching.redundant.planted import seeded


def normal(rng, *shape):
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def left(kept, gaps, u, v, f):
    """What is left of the squared distance if these go on computing, by least squares.

    Their outgoing weights are x_1, ..., x_t with sum_j f_j x_j = S: x = x_0 + N y, N the kernel.
    """
    gone = [j for j in range(len(u)) if j not in kept]
    silenced = float(v[gone].square().sum())
    kept = list(kept)
    if not kept:
        return silenced
    total, f = (f * u).sum(0), f[kept, 0].numpy()
    start = np.outer(f / (f @ f), total.numpy()) if f.any() else np.zeros((len(kept), u.shape[1]))
    kernel = np.linalg.svd(f[None])[2][int(f.any()) :].T
    gap = v[kept].numpy() - start
    solution = np.linalg.lstsq(kernel, gap, rcond=None)[0] if kernel.size else np.zeros((0, 1))
    rest = gap - kernel @ solution if kernel.size else gap
    return float(gaps[kept].sum()) + silenced + float((rest**2).sum())


@pytest.mark.parametrize("dead", [False, True])
def test_the_distance_is_what_the_formula_says_and_the_best_subset_is_found(dead):
    rng = seeded(1)
    for trial in range(40):
        k, r = 2 + trial % 3, 3
        gaps = 2 * normal(rng, k).square()
        u, v = normal(rng, k, r), normal(rng, k, r)
        f = torch.zeros(k) if dead else torch.where(normal(rng, k) > 0, 1.0, -1.0)
        f = f.double()[:, None].expand(k, r)
        least = 0 if dead else 1
        kept, shared = kept_neurons(gaps, u, v, f, least=least)
        found = float(gaps[kept].sum() + (shared - v).square().sum())
        assert found == pytest.approx(left(tuple(kept), gaps, u, v, f))
        gone = np.delete(np.arange(k), kept)
        assert not shared[gone].any()
        if not dead:
            torch.testing.assert_close((f * shared).sum(0), (f * u).sum(0))
        subsets = [c for size in range(least, k + 1) for c in combinations(range(k), size)]
        best = min(left(subset, gaps, u, v, f) for subset in subsets)
        assert found == pytest.approx(best)  # of so few; one by one is no search of all
        assert found <= left(range(k), gaps, u, v, f) + 1e-9


def test_the_least_move_reaches_the_nearest_point():
    rng = seeded(2)
    directions = normal(rng, 8, 3)
    directions = torch.cat([directions, directions[:, :1]], 1)  # one of them twice
    gap = normal(rng, 8, 2)
    found = least_move(directions, gap)
    rest = gap - directions @ found
    torch.testing.assert_close(directions.mT @ rest, torch.zeros(4, 2).double())
    torch.testing.assert_close(found[0], found[3])  # the least move shares alike
