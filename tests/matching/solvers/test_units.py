"""Groups that are solved together."""

from itertools import permutations as all_permutations

import numpy as np
import pytest
import torch

from lmctheory.matching.alignment import Alignment
from lmctheory.matching.objectives import similarity
from lmctheory.matching.solvers import (
    coordinate_descent,
)
from lmctheory.matching.solvers.units import units
from tests.matching.solvers.examples import attention, reorder


@pytest.mark.parametrize(("heads", "size"), [(1, 3), (2, 2), (3, 2), (2, 3)])
def test_heads_and_the_channels_inside_them_are_solved_together_exactly(heads, size):
    for seed in range(3):
        start = attention(heads, size, seed)
        (unit,) = units(start.symmetry)
        assert unit.is_linear
        solution = coordinate_descent(start)
        best = _best_of_all(start)
        assert solution.trace[-1] == pytest.approx(best, rel=1e-12)
        assert similarity(start.a, solution.alignment.b) == pytest.approx(best, rel=1e-12)


def _best_of_all(start: Alignment) -> float:
    """Every element of the wreath product, by orders of whole projections."""
    heads = start.symmetry["heads"].size
    size = start.symmetry["keys 0"].size
    width, best = heads * size, -np.inf
    inner = list(all_permutations(range(size)))
    in_a, out_a, slope_a = (start.a[k].numpy() for k in ("in", "out", "slope"))
    in_b, out_b, slope_b = (start.b[k].numpy() for k in ("in", "out", "slope"))
    for outer in all_permutations(range(heads)):
        total = slope_a @ slope_b[list(outer)]
        for place, head in enumerate(outer):
            here, there = place * size, head * size
            keys, values = [], []
            for order in inner:
                rows = [there + i for i in order]
                keys.append(
                    (in_a[here : here + size] * in_b[rows]).sum()
                    + (
                        in_a[width + here : width + here + size] * in_b[[width + r for r in rows]]
                    ).sum()
                )
                values.append(
                    (
                        in_a[2 * width + here : 2 * width + here + size]
                        * in_b[[2 * width + r for r in rows]]
                    ).sum()
                    + (out_a[:, here : here + size] * out_b[:, rows]).sum()
                )
            total += max(keys) + max(values)
        best = max(best, total)
    return best


def test_the_permutations_of_blocks_reproduce_the_alignment():
    start = attention(3, 2, seed=4, stream=6)
    found = coordinate_descent(start, rng=np.random.default_rng(0)).alignment
    b = start.b
    for group in start.symmetry.groups:
        b = reorder(b, group, found.orders[group.name])
    for name, tensor in found.b.items():
        assert torch.equal(b[name], tensor)
