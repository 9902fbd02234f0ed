"""Propagation from the input on."""

from dataclasses import replace

import numpy as np
import torch

from lmctheory.matching._symmetry import Action, PermutationGroup, Symmetry
from lmctheory.matching.solvers import (
    propagated,
)
from tests.matching.solvers.examples import (
    alignment,
    attention,
    is_recovered,
    planted,
    reorder,
    singles,
)


def test_propagation_does_not_see_the_order_of_b():
    start = attention(3, 2, seed=1, stream=8)
    rng, b = np.random.default_rng(5), start.b
    for group in start.symmetry.groups:
        b = reorder(b, group, rng.permutation(group.size))
    direct, again = propagated(start).alignment, propagated(replace(start, stored_b=b)).alignment
    for name, tensor in direct.b.items():
        assert torch.equal(again.b[name], tensor)


def test_a_group_of_which_no_weight_is_known_is_matched_by_its_sorted_weights():
    """Two weights between two groups, and no others."""
    hidden = PermutationGroup(
        "a", 6, (Action("first", 0, singles(6)), Action("second", 1, singles(6))), (), ()
    )
    loose = PermutationGroup(
        "b", 7, (Action("first", 1, singles(7)), Action("second", 0, singles(7))), (), ()
    )
    start = planted(alignment(Symmetry((hidden, loose)), {"first": (6, 7), "second": (7, 6)}, 0), 3)
    assert is_recovered(start, propagated(start).alignment)
