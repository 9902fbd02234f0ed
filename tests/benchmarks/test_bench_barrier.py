"""Barriers against loading each interpolated state dictionary and looping over a DataLoader."""

import copy

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from lmctheory.networks import MLP, Examples
from lmctheory.paths import barrier

pytestmark = pytest.mark.benchmark

POINTS = 25


def loop(model_a, model_b, data, batch_size):
    """Sums of losses on the way, as most public implementations do it."""
    a, b, model = model_a.state_dict(), model_b.state_dict(), copy.deepcopy(model_a).eval()
    loader = DataLoader(TensorDataset(data.inputs, data.labels), batch_size=batch_size)
    losses = []
    with torch.no_grad():
        for t in torch.linspace(0, 1, POINTS):
            model.load_state_dict({key: t * a[key] + (1 - t) * b[key] for key in a})
            total = correct = 0.0
            for x, y in loader:
                logits = model(x)
                total += cross_entropy(logits, y, reduction="sum").item()
                correct += (logits.argmax(-1) == y).sum().item()
            losses.append(total / len(data))
    return losses


@pytest.mark.parametrize(
    ("widths", "examples", "batch_size", "rounds", "required"),
    [
        ((64, 128, 128, 10), 1797, 64, 5, 5.0),
        ((64, 128, 128, 10), 1797, 500, 5, 5.0),
        ((784, 512, 512, 512, 10), 10_000, 500, 3, 1.5),
    ],
    ids=["digits-batch64", "digits-batch500", "mnist-batch500"],
)
def test_barrier_is_faster_than_the_loop(ratio, widths, examples, batch_size, rounds, required):
    rng = torch.Generator().manual_seed(0)
    a, b = MLP(widths, rng=rng), MLP(widths, rng=rng)
    data = Examples(
        torch.rand(examples, widths[0], generator=rng),
        torch.randint(10, (examples,), generator=rng),
    )
    slow = torch.tensor(loop(a, b, data, batch_size))
    torch.testing.assert_close(
        slow, torch.tensor(barrier(a, b, data).loss).float(), rtol=1e-5, atol=0
    )
    measured = ratio(lambda: barrier(a, b, data), lambda: loop(a, b, data, batch_size), rounds)
    assert measured.median >= required
