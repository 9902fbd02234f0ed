"""The inner product of two layers, pair by pair of singular vectors."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lmctheory.matching import singular_alignment


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 5))
def test_pairs_sum_to_the_inner_product_of_the_aligned_layers(seed, m, n):
    rng = np.random.default_rng(seed)
    W_A, W_B = rng.standard_normal((2, m, n))
    P, Q = rng.permutation(m), rng.permutation(n)
    found = singular_alignment(W_A, W_B, P, Q)
    matrices = [np.eye(k)[order] for k, order in ((m, P), (n, Q))]  # row i takes entry order[i]
    aligned = matrices[0] @ W_B @ matrices[1].T
    assert found.inner_product == pytest.approx(np.trace(W_A.T @ aligned), abs=1e-12)
    assert found.cosine == pytest.approx(
        (W_A * aligned).sum() / np.linalg.norm(W_A) / np.linalg.norm(W_B), abs=1e-12
    )


def test_parts_of_a_diagonal_example_are_known():
    W_A, W_B = np.diag([3.0, 1.0]), np.array([[0.0, 2.0], [5.0, 0.0]])
    found = singular_alignment(W_A, W_B, [1, 0], [0, 1])  # diag(5, 2): both pairs agree
    assert found.values_a.tolist() == [3, 1]
    assert found.values_b.tolist() == [5, 2]
    np.testing.assert_allclose(found.left * found.right, np.eye(2), atol=1e-15)
    assert found.inner_product == 17
    assert repr(found) == (
        "SingularAlignment(inner_product=17, cosine=0.9983, leading pair 1, rank <= 2)"
    )
    crossed = singular_alignment(W_A, W_B, [0, 1], [1, 0])  # diag(2, 5): each meets the other
    np.testing.assert_allclose(crossed.left * crossed.right, 1 - np.eye(2), atol=1e-15)
    assert crossed.inner_product == 11


def test_nothing_has_no_cosine():
    found = singular_alignment(np.zeros((2, 3)), np.ones((2, 3)), range(2), range(3))
    assert found.inner_product == 0
    assert np.isnan(found.cosine)


def test_tensors_are_taken_and_left_as_they_are():
    W = torch.nn.Linear(3, 2).weight
    kept = W.detach().clone()
    singular_alignment(W, W, torch.tensor([1, 0]), [2, 0, 1])
    assert torch.equal(W, kept)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"W_A": np.ones((3, 2))}, r"W_A and W_B must have one shape, got \(3, 2\) and \(2, 3\)"),
        ({"W_A": np.ones(3)}, r"W_A must be a non-empty array \[m, n\], got shape \(3,\)"),
        ({"W_B": np.full((2, 3), np.nan)}, "W_B must be finite"),
        ({"P": [0, 0]}, r"P must be a permutation of 0, ..., 1, got \[0. 0.\]"),
        ({"Q": [0, 1]}, "Q must be a permutation of 0, ..., 2"),
        ({"Q": [0, 1, 1.5]}, "Q must be a permutation of 0, ..., 2"),
    ],
)
def test_what_is_no_layer_or_no_permutation_is_refused(changed, message):
    given = {"W_A": np.ones((2, 3)), "W_B": np.ones((2, 3)), "P": [0, 1], "Q": [0, 1, 2]}
    with pytest.raises(ValueError, match=message):
        singular_alignment(**{**given, **changed})


def test_words_are_no_weights():
    with pytest.raises(TypeError, match="W_A"):
        singular_alignment([["a"]], [[1.0]], [0], [0])
