"""Networks that only complete certificates can follow: no node leaves its enclosure."""

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.networks import Examples
from lmctheory.paths import certificate, certified_barrier, certify, interpolate
from lmctheory.paths.regions import Effort, Piece
from tests.paths.architectures import generator, shaken
from tests.paths.attending import IMAGE, TEXT
from tests.paths.pieces import EFFORTS, decided_rightly, escapes, points_of, random_piece, seeded

NETWORKS = IMAGE | TEXT


def pair(name, seed, share=0.1, n=4):
    """Two networks and examples."""
    g = generator(seed)
    a = shaken(seeded(lambda: NETWORKS[name](g), seed).double().eval(), 0.3, g)
    for key, buffer in a.named_buffers():
        if key.endswith("mask"):
            buffer.copy_(torch.ones_like(buffer).tril())
    b = shaken(a, share, g)
    for key, buffer in b.named_buffers():
        buffer.copy_(dict(a.named_buffers())[key])
    if name in TEXT:
        return a, b, Examples(torch.randint(5, (n, 4), generator=g), torch.arange(n) % 5)
    x = torch.randn(n, 1, 4, 4, generator=g, dtype=torch.float64)
    return a, b, Examples(x, torch.arange(n) % 3)


def test_buffers_of_masks_are_not_shaken():
    a, b, _ = pair("GPT", 0)
    mask = dict(a.named_buffers())["blocks.0.1.mask"]
    assert torch.equal(mask, torch.ones(4, 4).double().tril().view_as(mask))
    assert torch.equal(mask, dict(b.named_buffers())["blocks.0.1.mask"])


@pytest.mark.parametrize("name", NETWORKS)
def test_no_node_leaves_its_enclosure(name):
    rng = np.random.default_rng(0)
    for seed in range(2):
        a, b, data = pair(name, seed, share=float(rng.choice([0.3, 0.01])))
        piece, effort = random_piece(rng), EFFORTS[rng.integers(len(EFFORTS))]
        assert not escapes(a, b, data, piece, effort, points_of(rng, 3), complete=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_no_node_leaves_many_enclosures(name):
    rng = np.random.default_rng(1)
    for seed in range(60):
        a, b, data = pair(name, seed, share=float(rng.choice([1.0, 0.3, 0.01, 1e-6])))
        piece, effort = random_piece(rng), EFFORTS[rng.integers(len(EFFORTS))]
        assert not escapes(a, b, data, piece, effort, points_of(rng, 6), complete=True)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_example_is_decided_and_rightly(name):
    a, b, data = pair(name, 0, share=0.02)
    with torch.no_grad():
        data = Examples(data.inputs, a(data.inputs).argmax(1))
    decided_rightly(a, b, data, certify(a, b, data, complete=True))


@pytest.mark.parametrize("name", ["ViT", "GPT"])
def test_the_barrier_is_enclosed(name):
    a, b, data = pair(name, 0, share=0.02)
    found = certified_barrier(a, b, data, tolerance=0.2, budget=60.0)
    with torch.no_grad():
        losses = [
            float(nn.functional.cross_entropy(interpolate(a, b, t)(data.inputs), data.labels))
            for t in np.linspace(0, 1, 33)
        ]
    times = np.linspace(0, 1, 33)
    gaps = np.array(losses) - times * losses[-1] - (1 - times) * losses[0]
    assert max(gaps) <= found.max.upper + 1e-12
    assert found.max.lower <= max(gaps) + 1e-3


@pytest.mark.parametrize("name", NETWORKS)
def test_other_certificates_refuse_by_name(name):
    a, b, data = pair(name, 0)
    for call in (certify, certificate):
        with pytest.raises(TypeError, match=r"none is known of|its weights"):
            call(a, b, data)


def test_enclosures_that_are_too_small_are_left():
    rng = np.random.default_rng(2)
    effort, piece = Effort(3, 0, torch.float64), Piece(0.25, 0.5)
    for name in ("ViT", "modern GPT"):
        a, b, data = pair(name, 0, share=0.3)
        assert escapes(a, b, data, piece, effort, points_of(rng, 6), 0.01, complete=True)


class Odd(nn.Module):
    """A layer and something else."""

    def __init__(self, change):
        super().__init__()
        self.layer, self.head, self.change = nn.Linear(16, 16), nn.Linear(16, 3), change

    def forward(self, x):
        return self.head(self.change(self.layer(torch.flatten(x, 1))))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda z: torch.cumsum(z, 1), "no enclosure is known of .*cumsum"),
        (lambda z: z.sort(1).values, "no enclosure is known of .*sort"),
        (lambda z: z**3, "no enclosure is known of .*pow"),
        (nn.Softshrink(), "no enclosure is known of .*Softshrink"),
    ],
)
def test_what_cannot_be_followed_is_named(change, message):
    a = Odd(change).double()
    b = shaken(a, 0.1, generator(0))
    x = torch.randn(3, 1, 4, 4, generator=generator(1), dtype=torch.float64)
    with pytest.raises(TypeError, match=message):
        certify(a, b, Examples(x, torch.arange(3)), complete=True)
