"""Recurrent networks, unrolled: no node leaves its enclosure, and every example is decided."""

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.networks import Examples
from lmctheory.networks.program import UnreadableError
from lmctheory.paths import certify, interpolate
from lmctheory.paths.reading import program_of
from tests.paths.architectures import generator, shaken
from tests.paths.pieces import EFFORTS, decided_rightly, escapes, points_of, random_piece, seeded
from tests.paths.recurrent import RECURRENT, Batched

FEW = ["RNN relu", "GRU both ways", "LSTM projected", "LSTM cell"]
SOME = [name if name in FEW else pytest.param(name, marks=pytest.mark.slow) for name in RECURRENT]


def pair(module, seed, share=0.1, n=4, dtype=torch.float64):
    """Two networks and sequences."""
    g = generator(seed)
    a = shaken(seeded(lambda: module, seed).to(dtype).eval(), 0.3, g)
    b = shaken(a, share, g)
    x = torch.randn(n, 3, 2, generator=g, dtype=dtype)
    with torch.no_grad():
        return a, b, Examples(x, a(x).argmax(1))


@pytest.mark.parametrize("name", RECURRENT)
def test_all_networks_of_the_segment_are_what_is_followed(name):
    a, b, data = pair(seeded(RECURRENT[name], 1), 1, share=1.0)
    program = program_of(a, b, data, complete=True)
    with torch.no_grad():
        for t in (0.0, 0.3, 1.0):
            found = program.values(program.at(t), data.inputs)[-1]
            torch.testing.assert_close(found, interpolate(a, b, t)(data.inputs))


@pytest.mark.parametrize("name", SOME)
def test_no_node_leaves_its_enclosure(name):
    rng = np.random.default_rng(0)
    for seed in range(2 if name in FEW else 10):
        share = float(rng.choice([1.0, 0.3, 0.01]))
        a, b, data = pair(seeded(RECURRENT[name], seed), seed, share)
        piece, effort = random_piece(rng), EFFORTS[rng.integers(len(EFFORTS))]
        assert not escapes(a, b, data, piece, effort, points_of(rng, 3), complete=True)


@pytest.mark.parametrize("name", SOME)
def test_every_example_is_decided_and_rightly(name):
    a, b, data = pair(seeded(RECURRENT[name], 0), 0)
    decided_rightly(a, b, data, certify(a, b, data, complete=True))


class Mixed(Batched):
    """Along the examples instead of the time."""

    def forward(self, x):
        return self.head(self.layer(x)[0][-1])


def test_a_network_that_runs_along_the_examples_is_refused():
    module = Mixed(nn.GRU(2, 4)).double()
    x = torch.randn(3, 3, 2, generator=generator(0)).double()
    with pytest.raises(ValueError, match=r"whatever others|\[n"):
        certify(
            module, shaken(module, 0.1, generator(0)), Examples(x, torch.arange(3)), complete=True
        )


class Packed(Batched):
    """The first inputs as packed sequences of length one."""

    def forward(self, x):
        h = torch.zeros(1, x.shape[0], 4, dtype=x.dtype)
        sizes = torch.ones(1, dtype=torch.int64) * x.shape[0]
        weights = list(self.layer.parameters())
        return self.head(torch.gru(x[:, 0], sizes, h, weights, True, 1, 0.0, False, False)[1][0])


def test_packed_sequences_are_refused():
    a, b, data = pair(Packed(nn.GRU(2, 4)), 0)
    with pytest.raises(UnreadableError, match="cannot be certified"):
        certify(a, b, data, complete=True)
