"""Layer-wise barriers with their standard errors against plain forward passes."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from lmctheory.layerwise import windows
from lmctheory.networks import MLP, Examples

pytestmark = pytest.mark.benchmark

LAYERS, EXAMPLES, BATCH = 10, 10_000, 500


def test_all_windows_with_errors_cost_less_than_three_times_their_number_of_passes(ratio):
    rng = torch.Generator().manual_seed(0)
    a, b = (MLP((64, *[64] * (LAYERS - 1), 10), rng=rng).eval() for _ in range(2))
    data = Examples(
        torch.rand(EXAMPLES, 64, generator=rng), torch.randint(10, (EXAMPLES,), generator=rng)
    )
    found = windows(a, b, data, points=3)
    # from both networks, every window at its midpoint and its far end, and the networks themselves
    passes = 2 * (2 * len(found.subsets) + 1)

    def plain():
        with torch.no_grad():
            for _ in range(passes):
                for x, y in zip(data.inputs.split(BATCH), data.labels.split(BATCH), strict=True):
                    cross_entropy(a(x), y, reduction="sum").item()

    assert np.isfinite(found.full.error).all()
    measured = ratio(lambda: windows(a, b, data, points=3), plain, 3)
    assert measured.median >= 1 / 3
