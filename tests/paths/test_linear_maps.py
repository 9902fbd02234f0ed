"""Norms of convolutions, against those of the matrices that they are."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from lmctheory.paths import linear_maps
from lmctheory.paths.linear_maps import Convolution, Dense, Transposed


def matrix(convolution: Convolution, W: torch.Tensor) -> torch.Tensor:
    channels = convolution.groups * W.shape[1]
    basis = torch.eye(channels * int(np.prod(convolution.sides)), dtype=torch.float64)
    return convolution(W, basis.view(-1, channels, *convolution.sides)).flatten(1).T


@given(seed=st.integers(0, 2**32 - 1), axes=st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_the_bound_is_never_below_the_norm_of_the_matrix(seed, axes):
    rng = np.random.default_rng(seed)
    draw = [tuple(rng.integers(low, high, axes).tolist()) for low, high in ((1, 4), (0, 3), (1, 3))]
    stride, padding, dilation = draw
    groups = int(rng.integers(1, 3))
    kernel = rng.integers(1, 4, axes)
    sides = rng.integers(1, 6, axes) + np.maximum(
        0, (kernel - 1) * dilation - 2 * np.array(padding)
    )
    convolution = Convolution(stride, padding, dilation, groups, tuple(sides.tolist()))
    shape = (groups * int(rng.integers(1, 3)), int(rng.integers(1, 3)), *kernel.tolist())
    W = torch.from_numpy(rng.standard_normal(shape))
    dense = matrix(convolution, W)
    exact = float(torch.linalg.matrix_norm(dense, 2))
    bound = bounded(convolution, W)
    assert bound >= exact * (1 - 1e-12)
    rows = convolution.rows(W).expand(shape[0], *[1] * axes)
    assert dense.norm(dim=1).max() <= float(rows.max()) * (1 + 1e-12)
    assert float(torch.linalg.matrix_norm(dense.abs(), 2)) <= convolution.magnitude(W) * (1 + 1e-12)


def bounded(convolution, W):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linear_maps, "_MATRIX_SIDE", 0)
        return convolution.norm(W)


@pytest.mark.parametrize(
    ("stride", "dilation", "groups"), [(1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 1, 2), (3, 1, 1)]
)
def test_the_bound_is_close_on_grids_that_are_not_tiny(stride, dilation, groups):
    rng = torch.Generator().manual_seed(stride + 10 * dilation + 100 * groups)
    W = torch.randn(4, 4 // groups, 3, 3, generator=rng, dtype=torch.float64)
    pair = (stride, stride), (dilation, dilation), (dilation, dilation)
    convolution = Convolution(*pair, groups, (12, 12))
    exact = float(torch.linalg.matrix_norm(matrix(convolution, W), 2))
    assert exact * (1 - 1e-12) <= bounded(convolution, W) <= 1.06 * exact


def test_closed_forms():
    mean = torch.full((1, 1, 2, 2), 0.25, dtype=torch.float64)
    assert bounded(Convolution((2, 2), (0, 0), (1, 1), 1, (8, 8)), mean) == pytest.approx(0.5)
    delta = torch.zeros(3, 3, 3, 3, dtype=torch.float64)
    delta[:, :, 1, 1] = torch.diag(torch.tensor([1.0, -5.0, 2.0]))
    same = Convolution((1, 1), (1, 1), (1, 1), 1, (6, 7))
    assert bounded(same, delta) == pytest.approx(5)
    assert bounded(same, 0 * delta) == 0


def test_small_convolutions_are_exact():
    rng = torch.Generator().manual_seed(0)
    W = torch.randn(2, 3, 3, 3, generator=rng, dtype=torch.float64)
    convolution = Convolution((1, 1), (1, 1), (1, 1), 1, (3, 3))
    exact = float(torch.linalg.matrix_norm(matrix(convolution, W), 2))
    assert convolution.norm(W) == pytest.approx(exact, rel=1e-12)
    assert bounded(convolution, W) > exact * 1.01


@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (3, 7), (40, 40)])
@pytest.mark.parametrize("scale", [1e-170, 1.0, 1e170])
def test_the_norm_of_a_matrix_is_its_largest_singular_value(shape, scale):
    W = scale * torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    kept = W.clone()
    assert Dense().norm(W) == pytest.approx(float(np.linalg.norm(W.numpy(), 2)), rel=1e-13)
    assert torch.equal(W, kept)


def test_the_norm_of_a_matrix_is_found_beside_others_that_are_nearly_as_large():
    rng = np.random.default_rng(0)
    U, V = (np.linalg.qr(rng.standard_normal((30, 30)))[0] for _ in range(2))
    W = U * np.r_[np.full(29, 1.0), 1 + 1e-9] @ V
    assert Dense().norm(torch.from_numpy(W)) == pytest.approx(1 + 1e-9, rel=1e-13)
    assert Dense().norm(torch.zeros(3, 4, dtype=torch.float64)) == 0


def test_entries_no_larger_make_a_norm_no_larger_than_the_magnitude():
    """Whatever the signs; of rank one and alike in sign it is attained."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        W = torch.from_numpy(rng.standard_normal((4, 6)))
        assert torch.linalg.matrix_norm(W.abs(), 2) <= Dense().magnitude(W)
        assert torch.linalg.matrix_norm(W, 2) <= Dense().magnitude(W)
    W = torch.outer(torch.arange(1.0, 5).double(), torch.arange(2.0, 8).double())
    assert Dense().magnitude(W) == pytest.approx(float(torch.linalg.matrix_norm(W, 2)))


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("stride", [1, 2])
def test_transposed_convolutions_are_transposes(groups, stride):
    g = torch.Generator().manual_seed(0)
    weight = torch.randn(4, 6 // groups, 3, 3, generator=g).double()  # as PyTorch holds it
    x = torch.randn(2, 4, 5, 4, generator=g).double()
    out = functional.conv_transpose2d(x, weight, None, stride, 1, stride - 1, groups)
    adjoint = Convolution((stride,) * 2, (1, 1), (1, 1), groups, tuple(out.shape[2:]))
    operator = Transposed(adjoint, (stride - 1,) * 2)
    W = operator.turned(weight)
    assert W.shape == (6, 4 // groups, 3, 3)
    assert torch.equal(operator.turned(W), weight)
    torch.testing.assert_close(operator(W, x), out)
    y = torch.randn(out.shape, generator=g).double()
    torch.testing.assert_close((y * out).sum(), (adjoint(weight, y) * x).sum())
    basis = torch.eye(80).double().view(80, 4, 5, 4)
    exact = float(torch.linalg.matrix_norm(operator(W, basis).flatten(1), 2))
    assert operator.norm(W) == pytest.approx(exact, rel=1e-9)
