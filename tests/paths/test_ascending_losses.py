"""Losses as functions of bounds, against the losses themselves and their own slopes."""

import numpy as np
import pytest
import torch

from lmctheory.networks import Examples
from lmctheory.paths.ascending_losses import ascending_loss

KINDS = ["classes", "binary", "probabilities", "values", "one-hot"]


def example(kind, n=7, seed=0):
    """Outputs, examples, and the loss of each."""
    rng = torch.Generator().manual_seed(seed)
    outputs = 1 if kind in ("binary", "probabilities") else 3
    classes = torch.arange(n) % 2
    labels, loss = {
        "classes": (classes, "cross_entropy"),
        "binary": (classes, "binary"),
        "probabilities": (torch.rand(n, generator=rng), "binary"),
        "values": (torch.randn(n, 3, generator=rng), "squared"),
        "one-hot": (classes, "squared"),
    }[kind]
    data = Examples(torch.zeros(n, 1), labels, loss=loss)
    f = 2 * torch.randn(n, outputs, generator=rng, dtype=torch.float64)
    return f.numpy(), data, data.loss.each(f[None], data.labels)[0].numpy()


def worth(loss, f):
    """u of outputs ``[n, outputs]``."""
    rows = [loss.rows(each)[i if len(loss.rows(each)) > 1 else 0] for i, each in enumerate(f)]
    return loss.offset + np.stack(rows)


@pytest.mark.parametrize("kind", KINDS)
def test_known_outputs_have_their_loss(kind):
    f, data, truth = example(kind)
    loss = ascending_loss(data, f.shape[1])
    np.testing.assert_allclose(loss.each(worth(loss, f)), truth, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_the_slope_and_never_below_zero(kind):
    f, data, _ = example(kind, seed=1)
    loss = ascending_loss(data, f.shape[1])
    u = worth(loss, f)
    gradient = loss.gradient(u)
    assert (gradient >= 0).all()
    for q in range(u.shape[1]):
        step = np.zeros_like(u)
        step[:, q] = 1e-6
        slope = (loss.each(u + step) - loss.each(u - step)) / 2e-6
        np.testing.assert_allclose(gradient[:, q], slope, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_bounds_of_outputs_give_less_than_any_outputs_within(kind):
    rng = np.random.default_rng(0)
    f, data, truth = example(kind)
    loss = ascending_loss(data, f.shape[1])
    r = rng.random(f.shape)
    u = np.minimum(worth(loss, f - r), worth(loss, f + r))
    if kind == "classes":  # a contrast is off by both of its outputs
        own = r[np.arange(len(r)), data.labels]
        u = worth(loss, f) - r - own[:, None]
        u[np.arange(len(r)), data.labels] = 0.0
    assert (loss.each(u) <= truth + 1e-12).all()
    assert (loss.each(u) < truth - 1e-3).any()


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_convex(kind):
    f, data, _ = example(kind)
    g, *_ = example(kind, seed=5)
    loss = ascending_loss(data, f.shape[1])
    u, v = worth(loss, f), worth(loss, g)
    assert (loss.each((u + v) / 2) <= (loss.each(u) + loss.each(v)) / 2 + 1e-12).all()
