"""The study of networks at initialisation: its law, its searches, and how claims are judged."""

from itertools import permutations

import numpy as np
import pytest
import torch

from simulations.claims import Exponent, pooled
from simulations.initial_networks import LayerTask
from simulations.initialisation.measurement import (
    Aligned,
    Layer,
    _largest,
    _network,
    _neurons,
    _reordered,
    _sphere,
    _swapped,
    run_layer,
)
from simulations.initialisation.summary import claims, exponent, published, shapes


def test_networks_have_the_published_law():
    rng = np.random.default_rng(0)
    network = _network(5, 4000, 1, rng)
    out, hidden = _neurons(network)
    assert np.abs(hidden).max() <= 5**-0.5 < 1.01 * np.abs(hidden).max()
    assert np.abs(out).max() <= 1 < 1.01 * np.abs(out).max()
    assert np.square(hidden).mean() == pytest.approx(1 / 15, rel=0.02)
    # the outputs are of the size that the record calls scale, on |x|^2 = d
    squares = [
        float(_network(5, 64, 1, rng)(_sphere(50, 5, rng)).square().mean()) for _ in range(400)
    ]
    scale = run_layer(LayerTask(5, 2, 2, 0)).scale
    assert scale == pytest.approx(1 / 18)
    assert abs(np.mean(squares) - scale) < 5 * np.std(squares) / 20
    deep = _network(3, 7, 3, rng)
    assert [tuple(layer.weight.shape) for layer in deep[::2]] == [(7, 3), (7, 7), (7, 7), (1, 7)]
    # neurons in another order are the same function
    x, order = _sphere(9, 5, rng), rng.permutation(4000)
    assert torch.allclose(network(x), _reordered(network, order)(x))
    assert np.array_equal(_neurons(_reordered(network, order))[1], hidden[order])


def test_swaps_find_orders_that_cancel():
    rng = np.random.default_rng(1)
    x = _sphere(40, 3, rng).numpy()

    def error(a, b, order):
        middle = (a + b[order]) / 2
        ends = [one[:, 0] @ np.maximum(one[:, 1:] @ x.T, 0) for one in (middle, a, b)]
        return float(np.square(ends[0] - (ends[1] + ends[2]) / 2).mean())

    reached = 0
    for _ in range(10):
        a, b = rng.uniform(-1, 1, (2, 5, 4))
        first = np.arange(5)
        found = _swapped(a, b, first, x, rng)
        assert sorted(found) == list(range(5))
        assert np.array_equal(first, np.arange(5))
        least = min(error(a, b, list(p)) for p in permutations(range(5)))
        assert least * (1 - 1e-9) <= error(a, b, found) <= error(a, b, first)
        reached += error(a, b, found) <= 2 * least
    assert reached >= 5


def test_the_largest_error_is_that_of_a_fine_grid():
    rng = np.random.default_rng(2)
    angle = torch.linspace(0, 2 * torch.pi, 20_001, dtype=torch.float64)
    grid = 2**0.5 * torch.stack([angle.cos(), angle.sin()], dim=1)
    for _ in range(5):
        network = _network(2, 12, 1, rng)

        def error(x, network=network):
            return network(x).squeeze(1)

        starts = grid[error(grid).abs().topk(8000).indices[::500]]
        on_grid = float(error(grid).abs().max())
        assert on_grid * (1 - 1e-9) <= _largest(error, starts) <= on_grid * (1 + 1e-4)


def test_exponents_are_those_of_power_laws():
    rng = np.random.default_rng(3)
    held, lengths, widths = 0, [], [2**k for k in range(3, 11)]
    for _ in range(200):
        draws = {m: m**-0.8 * rng.gamma(4, 0.25, 8) for m in widths}
        found = Exponent.of(draws, 0.5)
        assert found is not None
        held += found.holds(0.4)
        lengths.append(found.error)
    assert held >= 178  # 95 % of 200, less 4 standard deviations
    # half of the relative error of a mean, over the root of the sum of squares of log widths
    expected = 0.5 * 0.5 / 8**0.5 / (np.std(np.log(widths)) * 8**0.5)
    assert 1.9 < np.median(lengths) / expected < 3
    assert Exponent.of({16: [1.0, 2.0], 32: [1.0, 2.0]}) is None
    means = pooled({1: [1.0, 3.0], 2: [4.0, 4.0]})
    assert (means[1].value, means[2].value) == (2.0, 4.0)
    assert means[2].error == pytest.approx(2 * means[1].error)


def _results(rate):
    """Records as if errors fell as h^-rate, in three dimensions."""
    rng, results = np.random.default_rng(4), []
    for h in (16, 64, 256, 1024):
        squares = (h ** (-2 * rate) * rng.gamma(50, 0.02, 8)).tolist()
        seen = Aligned(squares, squares, [-one for one in squares], [-one for one in squares])
        record = Layer(dict.fromkeys(("none", "hidden", "all"), seen), 1.0, 1e-9, 2.0, 1e-9, 1.0)
        results.append((LayerTask(3, h, 8, 0), record))
    return results


@pytest.mark.parametrize(
    ("rate", "bound", "law"),
    [(1 / 3, "reproduced", "reproduced"), (0.05, "not reproduced", "different")],
)
def test_claims_are_judged_by_the_data(rate, bound, law):
    results = _results(rate)
    found = exponent(shapes(results), "hidden")
    assert found is not None
    assert found.value == pytest.approx(rate, abs=0.05)
    verdicts = {one.claim: one.verdict for one in claims(results)}
    assert verdicts["error at most ~ h^-1/(2d+4)"] == bound
    assert verdicts["hidden weights: r = 1/d"] == law
    assert verdicts["hidden weights: between T7's bounds"] == "reproduced"
    assert verdicts["no barrier, matched"] == "reproduced"
    assert published(3) == 1 / 10
