"""Checks on two given networks (C)."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lmctheory.networks import CNN, MLP, VGG, Examples, ResNet20
from lmctheory.networks.affine import find_chains
from lmctheory.paths import (
    Certificate,
    barrier,
    certificate,
    certified_barrier,
    certify,
    interpolate,
)
from lmctheory.paths.ascending_losses import ascending_loss
from lmctheory.paths.partial_matchings import Between, rearranged
from lmctheory.paths.reading import program_of
from lmctheory.paths.regions import Piece
from lmctheory.paths.segment_search import EFFORTS, Segment
from lmctheory.paths.taylor_models import value_at
from lmctheory.theorems._registry import tries
from lmctheory.theorems.trial import Trial

_SECONDS = 2.0
"""For one interval: it holds as it is then."""


def _random_pair(rng: np.random.Generator) -> tuple[nn.Module, nn.Module, Examples]:
    return _random_mlps(rng) if rng.random() < 0.7 else _random_images(rng)


def _random_images(rng: np.random.Generator) -> tuple[nn.Module, nn.Module, Examples]:
    """Convolutions, residual blocks and BatchNorm; B from far away to near A."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    shape, norm = (1, 6, 6), [None, "batch"][int(rng.integers(2))]
    a: nn.Module
    match int(rng.integers(4)):
        case 0:
            a = ResNet20(shape, 3, 2, norm, rng=generator, dtype=torch.float64)
        case 1:
            a = VGG(shape, 3, 11, 2, norm, rng=generator, dtype=torch.float64)
        case _:
            a = CNN(shape, (3, 4), 3, rng=generator, dtype=torch.float64)
    b = copy.deepcopy(a).eval()
    share = 10 ** rng.uniform(-3, 0)
    with torch.no_grad():
        for name, tensor in b.state_dict().items():
            noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
            if name.endswith("running_var"):
                tensor.mul_((share * noise).exp())
            elif tensor.is_floating_point():
                tensor.add_(share * (tensor.abs().mean() + 0.1) * noise)
    inputs = torch.randn(16, 36, generator=generator, dtype=torch.float64)
    return a.eval(), b, Examples(inputs, torch.randint(3, (16,), generator=generator))


def _random_mlps(rng: np.random.Generator) -> tuple[nn.Module, nn.Module, Examples]:
    """Depth 0 to 3, width up to 24, weights scaled by up to 10 either way, non-zero biases.

    One time in four B is A with the signs of its first layer flipped: the farthest that neurons
    can be apart, and for one hidden layer of ReLUs the case in which C2 is sharp up to a factor 2.
    """
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    inner = rng.integers(1, 25, size=int(rng.integers(0, 4))).tolist()
    widths = (int(rng.integers(1, 9)), *inner, int(rng.integers(2, 6)))
    name = str(rng.choice(["relu", "tanh", "gelu", "sigmoid"]))
    pair = [MLP(widths, name, rng=generator, dtype=torch.float64) for _ in range(2)]
    scale = 10 ** rng.uniform(-1, 1)
    with torch.no_grad():
        for parameter in (parameter for net in pair for parameter in net.parameters()):
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.mul_(scale).add_(0.1 * scale * noise)
    if rng.random() < 0.25:
        pair[1].load_state_dict(pair[0].state_dict())
        with torch.no_grad():
            for parameter in pair[1].linears[0].parameters():
                parameter.neg_()
    inputs = torch.randn(16, widths[0], generator=generator, dtype=torch.float64)
    labels = torch.randint(widths[-1], (16,), generator=generator)
    return pair[0], pair[1], Examples(inputs, labels)


@torch.no_grad()
def _logits(
    model_a: nn.Module, model_b: nn.Module, inputs: Tensor, t: float
) -> tuple[Tensor, Tensor]:
    """f_{theta_t} and the chord t f_A + (1-t) f_B, ``[n, n_out]`` each."""
    middle = interpolate(model_a, model_b, t)
    return middle(inputs), torch.lerp(model_b(inputs), model_a(inputs), t)


def _trials(
    compare: Callable[[Certificate, Tensor, Tensor, Tensor], tuple[float, float]],
) -> Callable[[np.random.Generator], Iterator[Trial]]:
    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            model_a, model_b, data = _random_pair(rng)
            t = float(rng.uniform(0.05, 0.95))
            logits, chord = _logits(model_a, model_b, data.inputs, t)
            bounds = certificate(model_a, model_b, data, t=t)
            yield Trial(*compare(bounds, logits, chord, data.labels))

    return trials


def _function_error(
    bound: Callable[[Certificate], np.ndarray],
) -> Callable[[Certificate, Tensor, Tensor, Tensor], tuple[float, float]]:
    """The example on which the bound is relatively closest to the error, or beyond it."""

    def compare(
        bounds: Certificate, logits: Tensor, chord: Tensor, _labels: Tensor
    ) -> tuple[float, float]:
        error = (logits - chord).norm(dim=-1).numpy()
        worst = int(np.argmax(error / np.maximum(bound(bounds), np.finfo(float).tiny)))
        return float(error[worst]), float(bound(bounds)[worst])

    return compare


tries("C1")(_trials(_function_error(lambda bounds: bounds.function_error_c1)))

tries("C1'")(_trials(_function_error(lambda bounds: bounds.function_error)))

tries("C2")(_trials(_function_error(lambda bounds: bounds.function_error_c2)))


@tries("C3")
@_trials
def _loss(
    bounds: Certificate, logits: Tensor, _chord: Tensor, labels: Tensor
) -> tuple[float, float]:
    losses = cross_entropy(logits, labels, reduction="none").numpy()
    worst = int(np.argmax(losses - bounds.example_loss))
    return float(losses[worst]), float(bounds.example_loss[worst])


@tries("C4")
def _whole_path(rng: np.random.Generator) -> Iterator[Trial]:
    """One network of the path against the cross-entropy certified for its piece."""
    while True:
        model_a, model_b, data = _random_pair(rng)
        found = certify(model_a, model_b, data, nodes=int(rng.integers(1, 5)))
        t = float(rng.random())
        piece = int(np.searchsorted(found.t, t)) - 1
        logits, _ = _logits(model_a, model_b, data.inputs, t)
        losses = cross_entropy(logits, data.labels, reduction="none").numpy()
        worst = int(np.argmax(losses - found.example_loss[piece]))
        yield Trial(float(losses[worst]), float(found.example_loss[piece, worst]))


@tries("C5")
def _pieces(rng: np.random.Generator) -> Iterator[Trial]:
    """An output of one network of a piece, as far as it is from the polynomial."""
    while True:
        model_a, model_b, data = _random_pair(rng)
        start, length = float(rng.random()), 2.0 ** -int(rng.integers(0, 8))
        piece = Piece(start * (1 - length), start * (1 - length) + length)
        effort = EFFORTS[int(rng.integers(len(EFFORTS)))]
        segment = Segment.of(program_of(model_a, model_b, data), data)
        with torch.no_grad():
            found = segment.outputs(piece, segment.everything, effort)
        s = float(rng.uniform(-1, 1))
        logits, _ = _logits(model_a, model_b, data.inputs, piece.at(s))
        error = (logits - value_at(found.values, s)).abs()
        worst = int((error / found.rest).argmax())
        yield Trial(float(error.flatten()[worst]), float(found.rest.flatten()[worst]))


@tries("C6")
def _barrier(rng: np.random.Generator) -> Iterator[Trial]:
    """The measured barrier against what certainly is no less, where there is one.

    Half of the labels are A's, half B's, so that both ends are good and what is between is not.
    """
    while True:
        model_a, model_b, data = _random_mlps(rng)
        with torch.no_grad():
            of_a, of_b = (model(data.inputs).argmax(1) for model in (model_a, model_b))
        half = torch.arange(len(data.inputs)) % 2 == 0
        data = Examples(data.inputs, torch.where(half, of_a, of_b))
        measured = float(barrier(model_a, model_b, data, points=51).max)
        if measured > 0:
            found = certified_barrier(model_a, model_b, data, budget=_SECONDS)
            yield Trial(measured, found.max.upper)


@tries("C7")
def _permutations(rng: np.random.Generator) -> Iterator[Trial]:
    """What no matching of one layer undercuts, against one of them: random, or the best met."""
    while True:
        model_a, model_b, data = _random_mlps(rng)
        chains = find_chains(model_a, model_b)
        if chains is None or chains[0].depth != 1:
            continue
        a, b = chains
        width, outputs = len(a.weights[0]), len(a.weights[-1])
        between = Between(
            a, b, data.inputs, ascending_loss(data, outputs), (False,), float(rng.random())
        )
        found = between.matchings((None,) * width).least(np.inf)
        order = found.corner if rng.random() < 0.5 else tuple(rng.permutation(width).tolist())
        matched = rearranged(b, [order])
        middle = [
            torch.lerp(B, A, between.t)
            for A, B in zip(a.weights + a.biases, matched.weights + matched.biases, strict=True)
        ]
        network = replace(a, weights=tuple(middle[:2]), biases=tuple(middle[2:]))
        loss = float(data.loss.mean(network(data.inputs), data.labels))
        yield Trial(found.lower, loss)
