"""Checks on scales of neurons and rotations of heads and streams (S2, S3)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from lmctheory.matching import RotationSymmetry, Space, rescale, rotations
from lmctheory.networks import MLP, ViT
from lmctheory.networks.state import copied, tensors
from lmctheory.theorems._registry import breaks, tries, tries_trained
from lmctheory.theorems.adversary import Trials
from lmctheory.theorems.checks.trained import (
    DEPTHS,
    SEEDS,
    WIDTHS,
    test_examples,
    trained_pair,
)
from lmctheory.theorems.trial import Trial

Neuron = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Incoming weights with bias and outgoing weights: a, b, u, v of A, B, A, B."""


def _distance(alpha: float, neuron: Neuron) -> float:
    """|a - alpha b|^2 + |u - v / alpha|^2."""
    a, b, u, v = neuron
    return float(((a - alpha * b) ** 2).sum() + ((u - v / alpha) ** 2).sum())


def _by_roots(neuron: Neuron, sign: float = 1.0) -> float:
    """The least of the distances at the positive roots of the quartic.

    Args:
        neuron: of both networks.
        sign: of its term (u . v).
    """
    a, b, u, v = neuron
    bb, ab, uv, vv = (float((x * y).sum()) for x, y in ((b, b), (a, b), (u, v), (v, v)))
    roots = np.roots([bb, -ab, 0.0, sign * uv, -vv])
    real = roots.real[(abs(roots.imag) < 1e-6 * abs(roots)) & (roots.real > 0)]
    return min(_distance(float(alpha), neuron) for alpha in real)


def _balanced(neuron: Neuron) -> float:
    """At the scale with which the pair's incoming and outgoing norms have one ratio."""
    a, b, u, v = (float((x**2).sum()) for x in neuron)
    return _distance((a * v / (u * b)) ** 0.25, neuron)


def _networks(rng: np.random.Generator) -> tuple[MLP, MLP]:
    """Two ReLU networks; B's neurons are A's, moved and scaled, or its own."""
    d, m, n = (int(rng.integers(1, 4)) for _ in range(3))
    a, b = (MLP((d, m, n), rng=torch.Generator(), dtype=torch.float64) for _ in range(2))
    shapes = ((m, d), (m,), (n, m), (n,))
    of_a = [rng.standard_normal(shape) for shape in shapes]
    # not so little that distances are rounding errors
    moved, scale = 0.05 + float(rng.exponential()), np.exp(rng.standard_normal(m))
    factors = (scale[:, None], scale, 1 / scale, np.ones(n))
    of_b = [
        factor * (value + moved * rng.standard_normal(shape))
        for value, factor, shape in zip(of_a, factors, shapes, strict=True)
    ]
    for net, values in ((a, of_a), (b, of_b)):
        with torch.no_grad():
            for parameter, value in zip(net.parameters(), values, strict=True):
                parameter.copy_(torch.from_numpy(value))
    return a, b


def _neurons(a: MLP, b: MLP) -> Iterator[Neuron]:
    """Those of the one hidden layer of a pair."""
    held = []
    for net in (a, b):
        first, last = net.linears
        rows = torch.cat([first.weight, first.bias[:, None]], 1)
        held.append((rows.detach().numpy(), last.weight.detach().numpy().T))
    for k in range(len(held[0][0])):
        (a_in, u), (b_in, v) = ((rows[k], columns[k]) for rows, columns in held)
        yield a_in, b_in, u, v


def _best_scales(least: Callable[[Neuron], float]) -> Trials:
    """Both directions: what `rescale` reaches, and the roots; then any other scale; the function.

    The biases of the outputs have no scale.
    """

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            a, b = _networks(rng)
            yield from _rescaled(a, b, least)
            any_scale = np.exp(2 * rng.standard_normal(b.widths[1]))
            others = zip(any_scale.tolist(), _neurons(a, b), strict=True)
            anywhere = sum(_distance(alpha, neuron) for alpha, neuron in others)
            yield Trial(sum(map(least, _neurons(a, b))), anywhere)

    return trials


def _rescaled(a: MLP, b: MLP, least: Callable[[Neuron], float]) -> Iterator[Trial]:
    found = rescale(a, b)
    biases = float((a.linears[-1].bias - b.linears[-1].bias).detach().square().sum())
    reached, stated = found.distances[-1] ** 2, sum(map(least, _neurons(a, b))) + biases
    yield Trial(reached, stated)
    yield Trial(stated, reached)


tries("S2", counts=(60, 20_000), searched=200)(_best_scales(_by_roots))


@tries_trained("S2", counts=(12, 60))
def _trained_scales(rng: np.random.Generator) -> Iterator[Trial]:
    """Layers take turns: the distance never rises, the function stays."""
    inputs = test_examples().inputs
    while True:
        depth, width, seed = (int(rng.choice(choices)) for choices in (DEPTHS, WIDTHS, SEEDS))
        a, b = trained_pair(depth, width, seed)
        if depth == 1:
            yield from _rescaled(a, b, _by_roots)
        found = rescale(a, b)
        for before, after in pairwise(found.distances):
            yield Trial(after, before)
        example = inputs[int(rng.integers(len(inputs)))][None]
        of_b, scaled = (float(net(example).detach().norm()) for net in (b, found.apply(b)))
        yield Trial(scaled, of_b)
        yield Trial(of_b, scaled)


breaks("S2", "the scale that balances the norms")(_best_scales(_balanced))

breaks("S2", "the sign of (u . v) changed in the quartic")(
    _best_scales(lambda neuron: _by_roots(neuron, -1.0))
)


@cache
def _transformer() -> tuple[nn.Module, RotationSymmetry]:
    """A small transformer, and the spaces that may be turned once its gains are moved."""
    model = ViT((1, 4, 4), 3, patch=2, width=6, depth=1, heads=2, rng=torch.Generator()).double()
    example = torch.linspace(0, 1, 32, dtype=torch.float64).reshape(2, 16)
    return model.eval(), rotations(model.eval(), example)


def _drawn(rng: np.random.Generator) -> nn.Module:
    """The transformer with random weights, its gains moved."""
    model, found = _transformer()
    result = copied(model)
    with torch.no_grad():
        for parameter in result.parameters():
            drawn = rng.standard_normal(tuple(parameter.shape))
            parameter.copy_(torch.from_numpy(drawn))
    return found.folding.applied(result)


def _turned(
    model: nn.Module, space: Space, matrix: Tensor, kept: Callable[[Space], Space]
) -> nn.Module:
    result = copied(model)
    held = tensors(result)
    with torch.no_grad():
        for name, value in kept(space).turn(held, matrix).items():
            held[name].copy_(value)
    return result


def _turns(
    kept: Callable[[Space], Space] = lambda space: space,
    admitted: Callable[[Space], Space] = lambda space: space,
) -> Trials:
    """Outputs before and after a matrix in one of the spaces, both directions; Procrustes."""

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        spaces = _transformer()[1].spaces
        while True:
            model, x = _drawn(rng), torch.from_numpy(rng.random((1, 16)))
            space = admitted(spaces[int(rng.integers(len(spaces)))])
            turned = _turned(model, space, space.random(rng), kept)
            before, after = (float(net(x).detach().norm()) for net in (model, turned))
            yield Trial(before, after)
            yield Trial(after, before)
            products = torch.from_numpy(rng.standard_normal((3, 3)))
            best = Space("head", 3, "orthogonal", ()).nearest(products)
            yield Trial(float(torch.linalg.svdvals(products).sum()), float((best * products).sum()))

    return trials


tries("S3", counts=(45, 6000), searched=150)(_turns())


@breaks("S3", "writers turned without their readers")
def _writers_alone(rng: np.random.Generator) -> Iterator[Trial]:
    yield from _turns(kept=lambda space: replace(space, actions=space.actions[:1]))(rng)


@breaks("S3", "any orthogonal matrix where norms subtract the mean")
def _means_moved(rng: np.random.Generator) -> Iterator[Trial]:
    yield from _turns(admitted=lambda space: replace(space, kind="orthogonal"))(rng)
