"""Many pairs that try to leave their enclosures, and how soon one that is too small is caught."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from lmctheory.networks import Activation, activation
from lmctheory.paths.certified_operations import Pointwise
from lmctheory.paths.layer_operations import Affine, Node
from lmctheory.paths.pair_program import Program
from lmctheory.paths.reading import program_of
from lmctheory.paths.regions import Effort, Piece
from lmctheory.paths.taylor_models import value_at
from lmctheory.paths.taylor_outputs import PieceNetwork
from tests.paths.architectures import generator
from tests.paths.pieces import mlp_pair, room

LEAKY = [
    Activation(f"leaky {a}", (min(a, 1.0), 1.0), torch.inf, torch.inf, apply)
    for a, apply in (
        (0.1, lambda z: torch.nn.functional.leaky_relu(z, 0.1)),
        (-0.3, lambda z: torch.nn.functional.leaky_relu(z, -0.3)),
    )
]
SIGMAS = [
    *(activation(name) for name in ("relu", "relu", "tanh", "gelu", "softplus", "sigmoid")),
    *(activation(name) for name in ("silu", "celu", "softsign", "mish")),
    *LEAKY,
]
TOGETHER = 250
"""Pairs of networks side by side, each with an example of its own."""


class Apart:
    """As `Dense`, with a weight for each example: ``[n, m_l, m_{l-1}]``."""

    def __call__(self, W, x):
        stacked = x.view(-1, *W.shape[:1], W.shape[-1])
        return torch.einsum("noi,kni->kno", W, stacked).flatten(0, 1)

    def bias(self, b):
        return b


def many_pairs(rng):
    """Small networks of one architecture, a pair for each example."""
    depth = int(rng.integers(1, 4))
    widths = [int(w) for w in rng.integers(1, 5, depth + 2)]
    sigma = SIGMAS[rng.integers(len(SIGMAS))]
    operations, scale = [], 10.0 ** rng.choice([0.0, 0.0, -1.0, 1.0, -20.0, 10.0])
    share = float(rng.choice([1.0, 1.0, 0.1, 1e-3, 0.0]))
    for fan_in, fan_out in pairwise(widths):
        W = torch.from_numpy(rng.standard_normal((2, TOGETHER, fan_out, fan_in))) * scale
        b = torch.from_numpy(rng.standard_normal((2, TOGETHER, fan_out))) * scale
        if rng.random() < 0.15:  # cancel in the middle
            W[1], b[1] = -W[0], -b[0]
        W[1], b[1] = torch.lerp(W[0], W[1], share), torch.lerp(b[0], b[1], share)
        node = Node("layer", (len(operations),), (fan_out,))
        operations.append(Affine(node, Apart(), W[0], W[1], b[0], b[1]))
        if len(operations) < 2 * depth + 1:
            node = Node("sigma", (len(operations),), (fan_out,))
            operations.append(Pointwise(node, sigma))
    x = torch.from_numpy(rng.standard_normal((TOGETHER, widths[0])))
    return Program((widths[0],), tuple(operations)), x / (scale if scale < 1 else 1)


def random_effort(rng):
    dtype = [torch.float32, torch.float64][rng.integers(2)]
    return Effort(int(rng.choice([2, 3])), int(rng.choice([0, 2, 8])), dtype)


def search(rounds, seed, shares=(1.0,)):
    """How many pairs (two networks and an example) leave enclosures scaled by each share."""
    rng, left, tried, first = np.random.default_rng(seed), np.zeros(len(shares), int), 0, {}
    for _ in range(rounds):
        program, x = many_pairs(rng)
        length = 2.0 ** -int(rng.integers(0, 9))
        start = float(rng.integers(round(1 / length))) * length
        piece, effort = Piece(start, start + length), random_effort(rng)
        models = list(PieceNetwork(program, piece, effort).models(x))
        out = torch.zeros(len(shares), len(x), dtype=torch.bool)
        for s in (-1.0, 1.0, 0.0, *rng.uniform(-1, 1, 9)):
            values = program.values(program.at(piece.at(s)), x)
            for model, value in zip(models, values, strict=True):
                off, reach = (value - value_at(model.polynomial, s)).abs(), room(model, s)
                for i, share in enumerate(shares):
                    out[i] |= (off > share * reach).flatten(1).any(1)
        for i, each in enumerate(out):
            if each.any() and i not in first:
                first[i] = tried + int(each.nonzero()[0])
        left += out.sum(1).numpy()
        tried += len(x)
    return left, first


def test_none_of_some_thousand_pairs_leaves_and_some_leave_less():
    left, first = search(12, 0, (1.0, 0.99))
    assert left[0] == 0
    assert left[1] > 0
    assert first[1] < 3000


@pytest.mark.slow
def test_none_of_a_hundred_thousand_pairs_leaves():
    left, first = search(400, 1, (1.0, 0.99))
    assert left[0] == 0
    print("a bound scaled by .99 was caught after", first[1], "pairs")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["relu", "bent", "tanh", "gelu"])
@pytest.mark.parametrize(
    "effort", [Effort(2, 0, torch.float32), Effort(3, 9, torch.float64)], ids=str
)
def test_climbing_does_not_leave(name, effort):
    """Random steps of inputs and t that are kept where more of an enclosure is used.

    The share is no smooth function of them, so that its gradients lead nowhere.
    """
    g = generator(0)
    best = 0.0
    for seed in range(3):
        a, b, data = mlp_pair(name, seed, widths=(2, 3, 2, 2), n=12)
        program, piece = program_of(a, b, data), Piece(0.5, 0.5 + 2.0 ** -(1 + 2 * seed))
        x, s = data.inputs, torch.linspace(-1, 1, 12).double()
        used = shares(program, x, s, piece, effort)
        for _ in range(60):
            step = 10.0 ** float(torch.randint(-4, 1, (1,), generator=g))
            trial = x + step * torch.randn(x.shape, generator=g, dtype=x.dtype)
            places = (s + step * torch.randn(12, generator=g).double()).clamp(-1, 1)
            found = shares(program, trial, places, piece, effort)
            better = found > used
            x, s = torch.where(better[:, None], trial, x), torch.where(better, places, s)
            used = torch.maximum(used, found)
        best = max(best, float(used.max()))
    assert 0.5 < best <= 1


def shares(program, x, s, piece, effort):
    """Of each example, by which share of its enclosure the worst node is off at its own s."""
    models = list(PieceNetwork(program, piece, effort).models(x))
    worst = torch.zeros(len(x), dtype=torch.float64)
    for i, place in enumerate(s.tolist()):
        values = program.values(program.at(piece.at(place)), x[i : i + 1])
        for model, value in zip(models, values, strict=True):
            off = (value[0] - value_at(model.polynomial[:, i], place)).abs()
            reach = room(model, place)[i].clamp(min=1e-300)
            worst[i] = max(float(worst[i]), float((off / reach).max()))
    return worst
