"""Doubly stochastic matrices and their gradient."""

from functools import partial

import pytest
import torch

from lmctheory.matching.solvers import (
    doubly_stochastic,
)
from tests.matching.solvers.examples import gaussian


def unrolled(logits: torch.Tensor) -> torch.Tensor:
    for _ in range(500):
        logits = logits - logits.logsumexp(1, keepdim=True)
        logits = logits - logits.logsumexp(0, keepdim=True)
    return logits.exp()


@pytest.mark.parametrize("m", [1, 2, 7])
def test_rows_and_columns_sum_to_one(m):
    P = doubly_stochastic(3 * gaussian(m, m, seed=m))
    torch.testing.assert_close(P.sum(0), torch.ones(m).double(), rtol=1e-8, atol=0)
    torch.testing.assert_close(P.sum(1), torch.ones(m).double(), rtol=1e-8, atol=0)
    torch.testing.assert_close(P, unrolled(3 * gaussian(m, m, seed=m)), rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("scale", [0.1, 1.0, 4.0])
def test_the_implicit_gradient_is_that_of_the_unrolled_iteration(scale):
    weights = gaussian(6, 6, seed=1)
    gradients = []
    for normalise in (partial(doubly_stochastic, tolerance=1e-13), unrolled):
        logits = (scale * gaussian(6, 6, seed=2)).requires_grad_()
        (normalise(logits).square() * weights).sum().backward()
        gradients.append(logits.grad)
    torch.testing.assert_close(*gradients, rtol=1e-7, atol=1e-11)


def test_the_implicit_gradient_against_finite_differences():
    logits = gaussian(4, 4, seed=3).requires_grad_()
    exact = partial(doubly_stochastic, tolerance=1e-14, iterations=10_000)
    assert torch.autograd.gradcheck(exact, (logits,), eps=1e-5, atol=1e-7)


def test_the_gradient_is_finite_at_a_permutation():
    logits = (200 * torch.eye(5, dtype=torch.float64)).requires_grad_()
    (doubly_stochastic(logits) * gaussian(5, 5, seed=0)).sum().backward()
    assert logits.grad.abs().max() < 1e-8
