"""Training the bend of a path."""

import pytest
import torch
from torch import nn

from lmctheory.networks import CNN, MLP, Examples, TrainingConfig, load_dataset, train_many
from lmctheory.paths import barrier, connect
from tests.paths.architectures import generator

SHORT = TrainingConfig(epochs=4, learning_rate=0.05)


@pytest.fixture(scope="module")
def trained():
    digits = load_dataset("digits")
    initial = [MLP((64, 16, 16, 10), rng=generator(seed)) for seed in (0, 1)]
    a, b = train_many(initial, digits.train, TrainingConfig(epochs=6), seeds=(0, 1))
    return a, b, digits


def numbers(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize(("kind", "bends"), [("bezier", 1), ("polygon", 1), ("polygon", 2)])
def test_the_barrier_is_gone(trained, kind, bends):
    a, b, digits = trained
    path = connect(a, b, digits.train, SHORT, kind=kind, bends=bends)
    assert len(path.models) == bends + 2
    segment, curve = barrier(a, b, digits.test), path.barrier(digits.test)
    assert segment.max > 0.3
    assert curve.max < segment.max / 4
    assert curve.loss[[0, -1]] == pytest.approx(segment.loss[[0, -1]])


def test_nothing_that_is_given_is_changed_and_seeds_decide(trained):
    a, b, digits = trained
    before, state = [numbers(a), numbers(b)], torch.random.get_rng_state()
    once, again, other = (connect(a, b, digits.train, SHORT, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(numbers(a), before[0])
    assert torch.equal(numbers(b), before[1])
    assert a.training
    assert all(p.grad is None for p in a.parameters())
    assert torch.equal(numbers(once.models[1]), numbers(again.models[1]))
    assert not torch.equal(numbers(once.models[1]), numbers(other.models[1]))
    assert torch.equal(numbers(once.models[0]), before[0])
    assert once.models[0] is not a
    assert not torch.allclose(numbers(once.models[1]), (before[0] + before[1]) / 2)


def test_a_step_is_along_the_gradient_of_the_loss_at_a_random_time():
    """One batch, one step: C moves by the rate times 2t(1-t) times the network's gradient."""
    g = generator(0)
    a, b = (nn.Linear(3, 2).double() for _ in range(2))
    data = Examples(torch.randn(4, 3, generator=g).double(), torch.arange(4) % 2)
    config = TrainingConfig(
        epochs=1, batch_size=4, learning_rate=0.5, momentum=0.0, schedule="constant"
    )
    path = connect(a, b, data, config, seed=7)
    t = float(torch.rand((), generator=generator(7), dtype=torch.float64))
    C = (a.weight + b.weight).detach() / 2
    C.requires_grad_()
    bias = (a.bias + b.bias).detach() / 2
    W = t * t * a.weight.detach() + 2 * t * (1 - t) * C + (1 - t) ** 2 * b.weight.detach()
    offset = t * t * a.bias.detach() + 2 * t * (1 - t) * bias + (1 - t) ** 2 * b.bias.detach()
    nn.functional.cross_entropy(data.inputs @ W.T + offset, data.labels).backward()
    assert torch.allclose(path.models[1].weight, C.detach() - 0.5 * C.grad)


def test_convolutions_and_frozen_layers():
    a, b = (CNN((1, 8, 8), (3, 4), 3, "flatten", rng=generator(seed)) for seed in (0, 1))
    frozen = next(a.parameters())
    frozen.requires_grad_(False)
    g = generator(2)
    data = Examples(torch.randn(12, 1, 8, 8, generator=g), torch.arange(12) % 3)
    bend = connect(a, b, data, TrainingConfig(epochs=2, batch_size=4)).models[1]
    first, *others = zip(*(list(m.parameters()) for m in (a, bend, b)), strict=True)
    assert torch.allclose(first[1], (first[0] + first[2]) / 2)
    assert not any(torch.allclose(c, (p + q) / 2) for p, c, q in others)


def test_what_is_refused(trained):
    a, b, digits = trained
    with pytest.raises(ValueError, match="kind must be one of"):
        connect(a, b, digits.train, kind="line")
    with pytest.raises(ValueError, match="bends must be 1 for"):
        connect(a, b, digits.train, bends=2)
    with pytest.raises(ValueError, match="bends must be >= 1"):
        connect(a, b, digits.train, bends=0)
    with pytest.raises(ValueError, match="seed must be"):
        connect(a, b, digits.train, seed=-1)
    with pytest.raises(ValueError, match="same architecture"):
        connect(a, MLP((64, 8, 10), rng=generator(0)), digits.train)
    with pytest.raises(TypeError, match="must be an"):
        connect(a, None, digits.train)
    with pytest.raises(ValueError, match="warmup_steps"):
        connect(a, b, digits.train, TrainingConfig(epochs=1, warmup_steps=10**6))
    norm = nn.Sequential(nn.Linear(64, 4), nn.BatchNorm1d(4), nn.Linear(4, 10))
    with pytest.raises(ValueError, match="without BatchNorm"):
        connect(norm, norm, digits.train)
    still = nn.Linear(64, 10).requires_grad_(False)
    with pytest.raises(ValueError, match="parameters to train"):
        connect(still, still, digits.train)
