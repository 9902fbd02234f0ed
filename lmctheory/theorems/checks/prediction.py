"""Checks on barriers of unseen widths (P): identities, as distances of both sides from a point."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from lmctheory.networks import MLP, Examples, TrainingConfig, train_many
from lmctheory.paths import interpolate
from lmctheory.prediction import MupFamily, error_terms, union
from lmctheory.theorems._registry import tries
from lmctheory.theorems.trial import Trial

_ACTIVATIONS = ("relu", "tanh", "gelu")
_INPUTS, _OUTPUTS, _EXAMPLES = 5, 3, 12


def _generator(rng: np.random.Generator) -> torch.Generator:
    return torch.Generator().manual_seed(int(rng.integers(2**62)))


def _equal(left: Tensor, right: Tensor, draws: torch.Generator) -> Iterator[Trial]:
    """That two arrays are as far from a random one, in both directions."""
    point = torch.randn(left.shape, generator=draws, dtype=torch.float64)
    near, far = (float((side.detach() - point).norm()) for side in (left, right))
    yield Trial(near, far)
    yield Trial(far, near)


def _network(width: int, activation: str, draws: torch.Generator) -> MLP:
    return MLP((_INPUTS, width, _OUTPUTS), activation, rng=draws, dtype=torch.float64)


def _inputs(draws: torch.Generator) -> Tensor:
    return torch.randn(_EXAMPLES, _INPUTS, generator=draws, dtype=torch.float64)


@tries("P1a")
def _error_terms(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        draws, t = _generator(rng), float(rng.uniform(0.05, 0.95))
        name, width = str(rng.choice(_ACTIVATIONS)), int(rng.integers(1, 9))
        a, b = (_network(width, name, draws) for _ in range(2))
        x = _inputs(draws)
        error = interpolate(a, b, t)(x) - t * a(x) - (1 - t) * b(x)
        terms = error_terms(a, b, x, t)
        yield from _equal(error, terms.gap + terms.commutativity, draws)


@tries("P2")
def _duplicates(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        rate = float(rng.uniform(0.02, 0.2))
        yield from _one_family(rng, TrainingConfig(2, 6, learning_rate=rate, weight_decay=0.1))


@tries("P2b")
def _adaptive_duplicates(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        config = TrainingConfig(
            epochs=2,
            batch_size=6,
            learning_rate=float(rng.uniform(0.005, 0.05)),
            weight_decay=0.1,
            optimiser=str(rng.choice(("adam", "adamw"))),
            eps=float(10 ** rng.uniform(-6, -2)),
        )
        yield from _one_family(rng, config)


def _one_family(rng: np.random.Generator, config: TrainingConfig) -> Iterator[Trial]:
    draws, name = _generator(rng), str(rng.choice(_ACTIVATIONS))
    n, copies, depth = (int(rng.integers(low, high)) for low, high in ((1, 5), (2, 4), (1, 4)))
    widths = (_INPUTS, *[n * copies] * depth, _OUTPUTS)
    family = MupFamily(widths, config, name, dtype=torch.float64)
    data = Examples(_inputs(draws), torch.arange(_EXAMPLES) % _OUTPUTS)
    seed = int(rng.integers(2**32))
    member = family.member(n, data, seed=seed)
    with torch.no_grad():
        frozen = member.frozen(data.inputs)
    begun = _duplicated(member.initial, widths, name, copies)
    (target,) = train_many([begun], data, config, seeds=(seed,), offsets=frozen[None])
    yield from _equal(target(data.inputs) + frozen, member(data.inputs), draws)


def _duplicated(narrow: MLP, widths: tuple[int, ...], name: str, copies: int) -> MLP:
    wide = MLP(widths, name, rng=torch.Generator(), dtype=torch.float64)
    last = len(narrow.linears) - 1
    with torch.no_grad():
        for k, (layer, own) in enumerate(zip(wide.linears, narrow.linears, strict=True)):
            weight, bias = own.weight.detach(), own.bias.detach()
            if k < last:
                weight, bias = weight.repeat(copies, 1), bias.repeat(copies)
            layer.weight.copy_(weight.repeat(1, copies) / copies if k else weight)
            layer.bias.copy_(bias)
    return wide


@tries("P2a")
def _ensembles(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        draws, name = _generator(rng), str(rng.choice(_ACTIVATIONS))
        width, q = int(rng.integers(1, 7)), int(rng.integers(2, 5))
        members = [_network(width, name, draws) for _ in range(q)]
        x = _inputs(draws)
        ensemble = torch.stack([member(x) for member in members]).mean(0)
        yield from _equal(union(members)(x), ensemble, draws)
