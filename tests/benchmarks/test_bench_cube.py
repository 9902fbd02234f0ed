"""The layer cube against plain forward passes, and against state dictionaries loaded in turn."""

import copy

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from lmctheory.layerwise import evaluate, layers
from lmctheory.networks import CNN, MLP, Examples, ResNet20

pytestmark = pytest.mark.benchmark

BATCH = 500
ARCHITECTURES = {
    "mlp": (lambda rng: MLP((64, *[128] * 9, 10), rng=rng), 10_000),
    "wide-mlp": (lambda rng: MLP((784, *[512] * 9, 10), rng=rng), 2000),
    "cnn": (lambda rng: CNN((1, 8, 8), (16,) * 9, 10, rng=rng), 2000),
    "resnet": (lambda rng: ResNet20((1, 8, 8), 10, 8, None, rng=rng), 500),
}


def midpoints(L):
    """Every window of consecutive layers: single layers and cumulative groups are among them."""
    spans = [(i, j) for i in range(L) for j in range(i + 1, L + 1)]
    return np.array([[0.5 * (i <= layer < j) for layer in range(L)] for i, j in spans])


def in_batches(model, data):
    total = 0.0
    with torch.no_grad():
        for x, y in zip(data.inputs.split(BATCH), data.labels.split(BATCH), strict=True):
            total += cross_entropy(model(x), y, reduction="sum").item()
    return total / len(data)


def loop(model_a, model_b, data, alpha):
    """No sharing, as most public implementations do it."""
    a, b, model = model_a.state_dict(), model_b.state_dict(), copy.deepcopy(model_a).eval()
    losses = []
    for point in alpha:
        state = dict(a)
        for layer, s in zip(layers(model_a), point.tolist(), strict=True):
            if s:
                state |= {key: (1 - s) * a[key] + s * b[key] for key in layer.keys}
        model.load_state_dict(state)
        losses.append(in_batches(model, data))
    return losses


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_all_windows_cost_less_than_their_number_of_passes(ratio, name):
    build, examples = ARCHITECTURES[name]
    rng = torch.Generator().manual_seed(0)
    a, b = build(rng).eval(), build(rng).eval()
    inputs = 784 if name == "wide-mlp" else 64
    data = Examples(
        torch.rand(examples, inputs, generator=rng), torch.randint(10, (examples,), generator=rng)
    )
    alpha = midpoints(len(layers(a)))
    np.testing.assert_allclose(evaluate(a, b, data, alpha).loss, loop(a, b, data, alpha), rtol=1e-4)
    plain = ratio(
        lambda: evaluate(a, b, data, alpha), lambda: [in_batches(a, data) for _ in alpha], 3
    )
    assert plain.median >= 1 / 3  # alone, with thousands of examples, about 2
    against_loop = ratio(lambda: evaluate(a, b, data, alpha), lambda: loop(a, b, data, alpha), 3)
    assert against_loop.median >= 1.0
