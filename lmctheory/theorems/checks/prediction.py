"""Checks on trained networks and barriers of unseen widths (P).

Identities are tried as distances of both sides from a point.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lmctheory.activations import KNOWN
from lmctheory.networks import MLP, Examples, TrainingConfig, train_many
from lmctheory.paths import interpolate
from lmctheory.prediction import ErrorTerms, MupFamily, error_terms, union
from lmctheory.rates import optimal_permutation
from lmctheory.theorems._registry import breaks, tries, tries_trained
from lmctheory.theorems.checks.trained import SEEDS, WIDTHS, test_examples, trained_pair
from lmctheory.theorems.trial import Trial
from lmctheory.widths.coherent_error import CoherentError, OutputLaw, coherent_error_bound

_ACTIVATIONS = ("relu", "tanh", "gelu")
_INPUTS, _OUTPUTS, _EXAMPLES = 5, 3, 12


def _rms(v: np.ndarray) -> float:
    return float(np.sqrt(np.square(v).mean()))


@tries("P1", counts=(40, 20_000), searched=200)
def _errors_that_add_up(
    rng: np.random.Generator,
    bounded: Callable[..., CoherentError] = coherent_error_bound,
) -> Iterator[Trial]:
    """Noise that is +-s, averaged over all signs; labels from which the coherent error turns."""
    while True:
        name = str(rng.choice(["relu", "tanh", "sigmoid", "softplus", "gelu"]))
        d, N = int(rng.integers(1, 4)), int(rng.integers(1, 5))
        t, s = float(rng.uniform(0.05, 0.95)), float(rng.choice([0.01, 0.1, 1.0]))
        x, sigma = rng.standard_normal((20, d)), KNOWN[name].function
        a, b = 10 ** rng.uniform(-1, 1) * rng.standard_normal((2, N, d))
        b = b[optimal_permutation(a, b)]
        slope, level = rng.standard_normal(d), float(rng.exponential())
        law = OutputLaw(size=level, lipschitz=level * float(np.linalg.norm(slope)), noise=s)
        cost = float(np.square(a - b).sum(axis=1).mean())
        on_data = float(np.square((a - b) @ x.T).mean()) if rng.random() < 0.5 else None
        bound = bounded(cost, N, name, law, inputs=x, data_cost=on_data, t=t)

        signs = np.array(list(product((-s, s), repeat=2 * N))).reshape(-1, 2, N)
        v, v_prime = np.moveaxis(level * np.sin(np.stack([a @ slope, b @ slope])) + signs, 1, 0)
        z, z_prime = a @ x.T, b @ x.T
        f_t = (t * v + (1 - t) * v_prime) @ sigma(t * z + (1 - t) * z_prime) / N
        f_a, f_b = v @ sigma(z) / N, v_prime @ sigma(z_prime) / N
        error = f_t - t * f_a - (1 - t) * f_b
        mean = error.mean(axis=0)
        # a search finds errors that are much smaller than outputs
        rounding = 1e-14 * float(np.abs([f_a, f_b]).max())
        yield Trial(_rms(mean), bound.coherent, rounding)
        yield Trial(_rms(error - mean), bound.fluctuation, rounding)

        chord = (t * f_a + (1 - t) * f_b).mean(axis=0)
        y = chord - rng.exponential() * mean
        losses = [float(np.square(f - y).mean()) for f in (f_t, f_a, f_b)]
        gain = t * (1 - t) * float(np.square((f_a - f_b).mean(axis=0)).mean())
        barrier = losses[0] - t * losses[1] - (1 - t) * losses[2]
        risk = float(np.square(chord - y).mean())
        larger = bound.squared_loss_barrier(risk)
        yield Trial(max(barrier + gain, 0.0), larger, 1e-14 * max(losses))


def _one_noise(*given: Any, **options: Any) -> CoherentError:
    found = coherent_error_bound(*given, **options)
    return replace(found, fluctuation=found.fluctuation / 2**0.5)


def _loose_outputs(cost: float, N: int, name: str, law: OutputLaw, **options: Any) -> CoherentError:
    return coherent_error_bound(cost, N, name, replace(law, lipschitz=0.0), **options)


breaks("P1", "s^2 in place of 2 s^2 in the fluctuation")(
    partial(_errors_that_add_up, bounded=_one_noise)
)
breaks("P1", "the term with G dropped")(partial(_errors_that_add_up, bounded=_loose_outputs))


def _generator(rng: np.random.Generator) -> torch.Generator:
    return torch.Generator().manual_seed(int(rng.integers(2**62)))


def _equal(left: Tensor, right: Tensor, rng: np.random.Generator) -> Iterator[Trial]:
    """That two arrays are as far from a random one, in both directions."""
    point = torch.from_numpy(rng.standard_normal(left.shape))
    near, far = (float((side.detach() - point).norm()) for side in (left, right))
    yield Trial(near, far)
    yield Trial(far, near)


def _network(width: int, activation: str, rng: np.random.Generator, depth: int = 1) -> MLP:
    """Normal weights and biases, so that a search can change each."""
    widths = (_INPUTS, *[width] * depth, _OUTPUTS)
    network = MLP(widths, activation, rng=torch.Generator(), dtype=torch.float64)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.from_numpy(rng.standard_normal(tuple(parameter.shape))))
    return network


def _inputs(rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(rng.standard_normal((_EXAMPLES, _INPUTS)))


def _sum(terms: ErrorTerms) -> Tensor:
    return terms.gap + terms.commutativity


def _terms_of(
    a: MLP,
    b: MLP,
    x: Tensor,
    rng: np.random.Generator,
    put_together: Callable[[ErrorTerms], Tensor] = _sum,
) -> Iterator[Trial]:
    t = float(rng.uniform(0.05, 0.95))
    error = interpolate(a, b, t)(x) - t * a(x) - (1 - t) * b(x)
    yield from _equal(error, put_together(error_terms(a, b, x, t)), rng)


@tries("P1a", counts=(40, 20_000), searched=100)
def _error_terms(
    rng: np.random.Generator, put_together: Callable[[ErrorTerms], Tensor] = _sum
) -> Iterator[Trial]:
    while True:
        name, width = str(rng.choice(_ACTIVATIONS)), int(rng.integers(1, 9))
        a, b = (_network(width, name, rng) for _ in range(2))
        yield from _terms_of(a, b, _inputs(rng), rng, put_together)


@tries_trained("P1a", counts=(10, 500))
def _trained_error_terms(rng: np.random.Generator) -> Iterator[Trial]:
    x = test_examples().inputs
    while True:
        a, b = trained_pair(1, int(rng.choice(WIDTHS)), int(rng.choice(SEEDS)))
        yield from _terms_of(a, b, x, rng)


breaks("P1a", "without commutativity")(partial(_error_terms, put_together=lambda terms: terms.gap))
breaks("P1a", "commutativity with the other sign")(
    partial(_error_terms, put_together=lambda terms: terms.gap - terms.commutativity)
)


@tries("P2")
def _duplicates(
    rng: np.random.Generator, kind: Callable[..., MupFamily] = MupFamily
) -> Iterator[Trial]:
    while True:
        rate = float(rng.uniform(0.02, 0.2))
        config = TrainingConfig(2, 6, learning_rate=rate, weight_decay=0.1)
        yield from _one_family(rng, config, kind)


@tries("P2b")
def _adaptive_duplicates(
    rng: np.random.Generator, kind: Callable[..., MupFamily] = MupFamily
) -> Iterator[Trial]:
    while True:
        config = TrainingConfig(
            epochs=2,
            batch_size=6,
            learning_rate=float(rng.uniform(0.005, 0.05)),
            weight_decay=0.1,
            optimiser=str(rng.choice(("adam", "adamw"))),
            eps=float(10 ** rng.uniform(-6, -2)),
        )
        yield from _one_family(rng, config, kind)


def _one_family(
    rng: np.random.Generator, config: TrainingConfig, kind: Callable[..., MupFamily]
) -> Iterator[Trial]:
    draws, name = _generator(rng), str(rng.choice(_ACTIVATIONS))
    n, copies, depth = (int(rng.integers(low, high)) for low, high in ((1, 5), (2, 4), (1, 4)))
    widths = (_INPUTS, *[n * copies] * depth, _OUTPUTS)
    family = kind(widths, config, name, dtype=torch.float64)
    x = torch.randn(_EXAMPLES, _INPUTS, generator=draws, dtype=torch.float64)
    data = Examples(x, torch.arange(_EXAMPLES) % _OUTPUTS)
    seed = int(rng.integers(2**32))
    member = family.member(n, data, seed=seed)
    with torch.no_grad():
        frozen = member.frozen(data.inputs)
    begun = _duplicated(member.initial, widths, name, copies)
    (target,) = train_many([begun], data, config, seeds=(seed,), offsets=frozen[None])
    yield from _equal(target(data.inputs) + frozen, member(data.inputs), rng)


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


class _UnscaledBiases(MupFamily):
    """Hidden biases that learn at the target's rate."""

    def rate_factors(self, n: int) -> dict[str, float]:
        """As of the family, but for biases."""
        found = super().rate_factors(n)
        return {name: 1.0 if name.endswith("bias") else rate for name, rate in found.items()}


class _UnscaledDecay(MupFamily):
    """Weights that decay at the target's rate."""

    def decay_factors(self, n: int) -> dict[str, float]:
        """Those of the target."""
        return dict.fromkeys(super().decay_factors(n), 1.0)


breaks("P2", "hidden biases learn at the target's rate")(partial(_duplicates, kind=_UnscaledBiases))
breaks("P2", "weights decay at the target's rate")(partial(_duplicates, kind=_UnscaledDecay))


class _OneEps(MupFamily):
    """The target's eps for all parameters."""

    def eps_factors(self, n: int) -> dict[str, float]:
        """Those of the target."""
        return dict.fromkeys(super().eps_factors(n), 1.0)


breaks("P2b", "one eps for all parameters")(partial(_adaptive_duplicates, kind=_OneEps))
breaks("P2b", "weights decay at the target's rate")(
    partial(_adaptive_duplicates, kind=_UnscaledDecay)
)


def _mean(outputs: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(outputs)).mean(0)


@tries("P2a", counts=(40, 20_000), searched=100)
def _ensembles(
    rng: np.random.Generator,
    depth: int = 1,
    together: Callable[[Sequence[Tensor]], Tensor] = _mean,
) -> Iterator[Trial]:
    while True:
        name = str(rng.choice(_ACTIVATIONS))
        width, q = int(rng.integers(1, 7)), int(rng.integers(2, 5))
        members = [_network(width, name, rng, depth) for _ in range(q)]
        x = _inputs(rng)
        joined = union(members, x, rng=torch.Generator()) if depth > 1 else union(members)
        yield from _equal(joined(x), together([member(x) for member in members]), rng)


@tries_trained("P2a", counts=(10, 500))
def _trained_ensembles(rng: np.random.Generator) -> Iterator[Trial]:
    x = test_examples().inputs
    while True:
        width = int(rng.choice(WIDTHS))
        drawn = (trained_pair(1, width, int(rng.choice(SEEDS))) for _ in range(rng.integers(2, 5)))
        members = [pair[rng.integers(2)] for pair in drawn]
        yield from _equal(union(members)(x), _mean([member(x) for member in members]), rng)


breaks("P2a", "two hidden layers")(partial(_ensembles, depth=2))
breaks("P2a", "the sum of the members")(
    partial(_ensembles, together=lambda outputs: torch.stack(list(outputs)).sum(0))
)
