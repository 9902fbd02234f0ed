"""Unions: the ensemble with one hidden layer, rows of their conditional law in deeper networks."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lmctheory.matching import match
from lmctheory.networks import MLP
from lmctheory.paths import barrier
from lmctheory.prediction import (
    MupFamily,
    PairCurves,
    Union,
    all_pairs,
    conditioned_rows,
    union,
    union_each,
)
from tests.networks.ordinary import CONFIG, blobs, distance

DOUBLE = torch.float64


def networks(*widths: int, count: int = 3, activation: str = "relu") -> list[MLP]:
    return [
        MLP(widths, activation, rng=torch.Generator().manual_seed(seed), dtype=DOUBLE)
        for seed in range(count)
    ]


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(7)


def test_one_hidden_layer_is_the_ensemble() -> None:
    members = MupFamily((6, 12, 3), CONFIG, "tanh", dtype=DOUBLE).members(
        4, blobs(), seeds=(0, 1, 2)
    )
    joined, x = union(members), blobs().inputs
    assert joined.network.widths == (6, 12, 3)
    with torch.no_grad():
        ensemble = torch.stack([member(x) for member in members]).mean(0)
        torch.testing.assert_close(joined(x), ensemble, rtol=1e-12, atol=1e-12)
        assert (joined.network(x) - ensemble).abs().max() > 1e-2  # the frozen functions are needed


def test_ordinary_networks_have_no_frozen_function() -> None:
    members = networks(6, 5, 3)
    joined = union(members)
    assert joined.frozen(blobs().inputs) == 0
    torch.testing.assert_close(
        joined(blobs().inputs), torch.stack([member(blobs().inputs) for member in members]).mean(0)
    )


@pytest.mark.parametrize("depth", [2, 3])
def test_deeper_neurons_do_on_the_inputs_nearly_what_they_did(depth: int) -> None:
    """Up to the noise that is fitted; rows that are drawn without regard to z do not."""
    members, x = networks(6, *[64] * depth, 3), blobs().inputs[:20]
    joined = union(members, x, rng=generator(), entry_variance=2.0)
    with torch.no_grad():
        ensemble = torch.stack([member(x) for member in members]).mean(0)
        close = (joined(x) - ensemble).square().mean()
        for layer in joined.network.linears[1:-1]:
            layer.weight.normal_(0, (2 / 192) ** 0.5, generator=generator())
        far = (joined(x) - ensemble).square().mean()
    assert close < 0.01 * ensemble.square().mean()
    assert far > 10 * close


def test_conditioned_rows_have_their_gaussian_law() -> None:
    """Mean and covariance against the formulas of a Gaussian vector given some of its images.

    20,000 rows; every entry within 5 standard errors.
    """
    rng = generator()
    h = torch.randn(4, 6, generator=rng, dtype=DOUBLE)
    z = torch.randn(4, 1, generator=rng, dtype=DOUBLE).expand(4, 20_000)
    rows = conditioned_rows(z, h, 2.0, rng=rng, noise=10.0).numpy()
    gain = 2 * h.numpy().T @ np.linalg.inv(2 * h.numpy() @ h.numpy().T + 10 * np.eye(4))
    covariance = 2 * (np.eye(6) - gain @ h.numpy())
    error = np.sqrt(np.diag(covariance) / 20_000)
    assert (np.abs(rows.mean(0) - gain @ z[:, 0].numpy()) < 5 * error).all()
    np.testing.assert_allclose(np.cov(rows.T), covariance, atol=5 * 2 * np.sqrt(2 / 20_000))


def test_rows_without_noise_make_z_of_the_inputs() -> None:
    rng = generator()
    h = torch.randn(4, 6, generator=rng, dtype=DOUBLE)
    z = torch.randn(4, 9, generator=rng, dtype=DOUBLE)
    torch.testing.assert_close(h @ conditioned_rows(z, h, 1.0, rng=rng, noise=0.0).mT, z)


def test_the_fitted_noise_is_that_of_the_draws() -> None:
    """Z = H w + noise of variance 0.5, 2,000 rows; the grid of noises is coarse, a factor 2.2."""
    rng = generator()
    h = torch.randn(12, 30, generator=rng, dtype=DOUBLE)
    w, added = (torch.randn(k, 2000, generator=rng, dtype=DOUBLE) for k in (30, 12))
    z = h @ w + 0.5**0.5 * added
    found = conditioned_rows(z, h, 1.0, rng=torch.Generator().manual_seed(1))
    told = [
        conditioned_rows(z, h, 1.0, rng=torch.Generator().manual_seed(1), noise=noise)
        for noise in (0.05, 0.5, 5.0)
    ]
    away = [float((found - rows).abs().max()) for rows in told]
    assert away[1] < 0.7 * min(away[0], away[2])


def test_what_rows_cannot_make_is_noise() -> None:
    """More inputs than entries: rows keep their likely size and miss a part of z."""
    rng = generator()
    h = torch.randn(40, 5, generator=rng, dtype=DOUBLE)
    z = 3 * torch.randn(40, 200, generator=rng, dtype=DOUBLE)
    assert conditioned_rows(z, h, 1.0, rng=rng).square().mean() < 2.0


def test_neurons_of_all_members_are_alike_in_law() -> None:
    """Exchangeable: another order of the members only reorders neurons, for the same draws."""
    a, b = networks(6, 5, 3, count=2)
    one, other = union([a, b]).network, union([b, a]).network
    matching = match(one, other, "naive")
    assert distance(matching.apply(other), one) == 0


@pytest.mark.parametrize("method", ["naive", None])
def test_pairs_of_plain_unions_are_what_barrier_says(method: str | None) -> None:
    data = blobs()
    a, b = union(networks(6, 5, 3, count=2)), union(networks(6, 5, 3, count=4)[2:])
    pairs = all_pairs([a, b], data, method=method, points=11)
    aligned = b.network
    if method is not None:
        aligned = match(a.network, b.network, method).apply(b.network)
    expected = barrier(a.network, aligned, data, 11).barrier
    np.testing.assert_allclose(pairs.curve, expected, atol=1e-12)
    assert pairs.max.value == pytest.approx(max(expected[1:-1]))
    assert np.isnan(pairs.max.interval).all()


def test_frozen_functions_are_interpolated_as_functions() -> None:
    family, data = MupFamily((6, 8, 3), CONFIG, dtype=DOUBLE), blobs()
    members = family.members(4, data, seeds=range(4))
    a, b = union(members[:2]), union(members[2:])
    pairs = all_pairs([a, b], data, method="naive", points=3)
    aligned = match(a.network, b.network, "naive").apply(b.network)
    x = data.inputs
    with torch.no_grad():
        middle = aligned.linears[0](x).lerp(a.network.linears[0](x), 0.5).relu()
        weight = (aligned.linears[1].weight + a.network.linears[1].weight) / 2
        bias = (aligned.linears[1].bias + a.network.linears[1].bias) / 2
        half = middle @ weight.T + bias + (a.frozen(x) + b.frozen(x)) / 2
        error = (half - (a(x) + b(x)) / 2).square().sum(1).mean().sqrt()
        losses = [nn.functional.cross_entropy(f, data.labels) for f in (a(x), b(x), half)]
    assert pairs.errors[0] == pytest.approx(float(error))
    assert pairs.curve[1] == pytest.approx(float(losses[2] - (losses[0] + losses[1]) / 2))


def test_the_jackknife_is_that_of_a_mean_for_sums_over_networks() -> None:
    """If a pair's error is x_i + x_j the mean over pairs is twice the mean, and so is its error."""
    x = np.random.default_rng(0).random(6) + 1
    pairs = np.array(list(combinations(range(6), 2)))
    sums = x[pairs].sum(1)
    found = PairCurves(np.linspace(0, 1, 3), np.zeros((15, 3)), sums, pairs).function_error
    assert found.value == pytest.approx(2 * x.mean())
    relative = found.relative_error * found.value  # of the logarithm, to first order
    assert relative == pytest.approx(2 * x.std(ddof=1) / 6**0.5, rel=0.02)
    assert found.interval[0] < found.value < found.interval[1]


def test_nine_of_ten_intervals_hold() -> None:
    """Of sums over networks that are normal; half as wide they would hold in 62 % of the draws."""
    rng, pairs = np.random.default_rng(1), np.array(list(combinations(range(6), 2)))
    held = 0
    for x in 1 + 0.1 * rng.standard_normal((1000, 6)):
        sums = x[pairs].sum(1)
        found = PairCurves(np.linspace(0, 1, 3), np.zeros((15, 3)), sums, pairs).function_error
        held += found.interval[0] <= 2 <= found.interval[1]
    assert 870 <= held <= 930  # 900 with a standard error of 9.5


def _data() -> Tensor:
    return blobs().inputs


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: union(networks(6, 5, 3, count=1)), ValueError, "two or more networks, got 1"),
        (lambda: union(networks(6, 5, 5, 3)), ValueError, "inputs and rng are needed with 2"),
        (lambda: union(networks(6, 5, 4, 3), _data(), rng=generator()), ValueError, "of one width"),
        (
            lambda: union([*networks(6, 5, 3, count=1), *networks(6, 4, 3, count=1)]),
            ValueError,
            "number 1 has another",
        ),
        (lambda: union([nn.Conv2d(1, 1, 1)] * 2), TypeError, "no affine chain"),
        (lambda: union(networks(6, 3)), ValueError, "hidden layers of one width"),
        (lambda: all_pairs(networks(6, 5, 3, count=1), blobs()), ValueError, "two or more, got 1"),
    ],
)
def test_bad_arguments_are_refused(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_joining_leaves_members_and_generators_alone() -> None:
    members = networks(6, 5, 5, 3)
    before, state = union(members, _data(), rng=generator()), torch.get_rng_state()
    after = union(members, _data(), rng=generator())
    assert isinstance(after, Union)
    assert distance(before.network, after.network) == 0
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.usefixtures("as_users_call")
def test_rows_are_drawn_by_generators_of_torch() -> None:
    z, h = torch.ones(4, 2, dtype=torch.float64), torch.ones(4, 3, dtype=torch.float64)
    with pytest.raises(TypeError, match=r"rng must be a torch\.Generator, got int"):
        conditioned_rows(z, h, 1.0, rng=0)  # type: ignore[arg-type]


@pytest.mark.usefixtures("as_users_call")
def test_unions_hold_whole_numbers_of_networks() -> None:
    with pytest.raises(ValueError, match="q must be >= 1, got 0"):
        union_each(networks(6, 5, 3, count=2), 0)
    with pytest.raises(TypeError, match=r"q must be an integer, got 1\.5"):
        union_each(networks(6, 5, 3, count=2), 1.5)  # type: ignore[arg-type]
