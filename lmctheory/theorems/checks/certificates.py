"""Checks on two given networks (C), and on what their barrier is made of (B)."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

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
    decompose,
    interpolate,
)
from lmctheory.paths.ascending_losses import ascending_loss
from lmctheory.paths.partial_matchings import Between, rearranged
from lmctheory.paths.reading import program_of
from lmctheory.paths.regions import Piece
from lmctheory.paths.segment_search import EFFORTS, Segment
from lmctheory.paths.taylor_models import value_at
from lmctheory.theorems._registry import breaks, tries, tries_trained
from lmctheory.theorems.adversary import Trials
from lmctheory.theorems.checks.networks import (
    ACTIVATIONS,
    Pairs,
    equal,
    random_examples,
    random_network,
    random_widths,
    some,
    trained,
)
from lmctheory.theorems.checks.trained import DEPTHS
from lmctheory.theorems.trial import Trial

_SECONDS = 2.0
"""For one interval: it holds as it is then."""
_IMAGES = 0.02
"""Share of networks that are no chains; one takes as long as fifty that are."""


def _random_mlps(rng: np.random.Generator) -> tuple[MLP, MLP, Examples, float]:
    """Depth 0 to 3, weights of size .1 to 10; B independent of A, near it, or its opposite.

    With its first layer negated neurons are as far apart as they can be.
    """
    t, kind = float(rng.uniform(0.05, 0.95)), int(rng.integers(4))
    widths, name = random_widths(rng, (0, 3)), str(rng.choice(ACTIVATIONS))
    scale = 10 ** float(rng.uniform(-1, 1))
    a, b = (random_network(rng, widths, name, scale, 0.3) for _ in range(2))
    data = random_examples(rng, widths, 4)
    with torch.no_grad():
        if kind == 0:
            for of_a, of_b in zip(a.parameters(), b.parameters(), strict=True):
                of_b.copy_(of_a + 0.1 * of_b)
        if kind == 1:
            b.load_state_dict(a.state_dict())
            for parameter in b.linears[0].parameters():
                parameter.neg_()
    return a, b, data, t


def _random_images(rng: np.random.Generator) -> tuple[nn.Module, nn.Module, Examples, float]:
    """Convolutions, residual blocks and BatchNorm; B from far away to near A."""
    t, generator = float(rng.uniform(0.05, 0.95)), torch.Generator()
    generator.manual_seed(int(rng.integers(2**31)))
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
    return a.eval(), b, Examples(inputs, torch.randint(3, (16,), generator=generator)), t


def _random_pair(rng: np.random.Generator) -> tuple[nn.Module, nn.Module, Examples, float]:
    return _random_images(rng) if rng.random() < _IMAGES else _random_mlps(rng)


def _opposite_outputs(rng: np.random.Generator) -> tuple[nn.Module, nn.Module, Examples, float]:
    """One time in three, networks whose output weights cancel at t: there C2 is sharp.

    The output's residual of commutativity is then all of the error; with output biases that move
    halfway between the hidden activations of A and B, for one example, both transports are too.
    """
    if rng.random() > 1 / 3:
        return _random_pair(rng)
    a, b, data, t = _random_mlps(rng)
    data = Examples(data.inputs[:1], data.labels[:1])
    of_a, of_b = a.linears[-1], b.linears[-1]
    with torch.no_grad():
        of_b.weight.copy_(-t / (1 - t) * of_a.weight)
        middle = (_hidden(a, data.inputs)[-1][0] + _hidden(b, data.inputs)[-1][0]) / 2
        of_b.bias.copy_(of_a.bias + (of_a.weight - of_b.weight) @ middle)
    return a, b, data, t


def _trained_pair(
    rng: np.random.Generator, depths: tuple[int, ...] = DEPTHS
) -> tuple[nn.Module, nn.Module, Examples, float]:
    t = float(rng.uniform(0.05, 0.95))
    return *trained(rng, depths), some(rng, 8), t


def _hidden(model: MLP, x: Tensor) -> list[Tensor]:
    """The inputs and the activations of the hidden layers."""
    found = [x]
    for layer in model.linears[:-1]:
        found.append(model.activation.apply(layer(found[-1])))
    return found


@torch.no_grad()
def _logits(
    model_a: nn.Module, model_b: nn.Module, inputs: Tensor, t: float
) -> tuple[Tensor, Tensor]:
    """f_{theta_t} and the chord t f_A + (1-t) f_B, ``[n, n_out]`` each."""
    middle = interpolate(model_a, model_b, t)
    return middle(inputs), torch.lerp(model_b(inputs), model_a(inputs), t)


@dataclass(frozen=True)
class _Seen:
    """A pair, what is certified of it at t, and its outputs there and on the chord."""

    model_a: nn.Module
    model_b: nn.Module
    data: Examples
    t: float
    bounds: Certificate
    logits: Tensor
    chord: Tensor

    @property
    def error(self) -> Tensor:
        """|f_t - f-bar| of the examples."""
        return (self.logits - self.chord).norm(dim=-1)

    @property
    def layers(self) -> list[tuple[nn.Linear, nn.Linear]]:
        """Of A and B, which are MLPs."""
        assert isinstance(self.model_a, MLP)
        assert isinstance(self.model_b, MLP)
        return list(zip(self.model_a.linears, self.model_b.linears, strict=True))

    @property
    def hidden(self) -> list[tuple[Tensor, Tensor]]:
        """The inputs and hidden activations of A and B, which are MLPs."""
        assert isinstance(self.model_a, MLP)
        assert isinstance(self.model_b, MLP)
        x = self.data.inputs
        return list(zip(_hidden(self.model_a, x), _hidden(self.model_b, x), strict=True))

    @property
    def lipschitz(self) -> list[float]:
        """Of what follows each layer of A, which is an MLP."""
        assert isinstance(self.model_a, MLP)
        depth = len(self.model_a.linears) - 1
        return [*[self.model_a.activation.lipschitz] * depth, 1.0]


Compare = Callable[[_Seen], tuple[float, float]]


def _trials(compare: Compare, pairs: Pairs) -> Trials:
    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            model_a, model_b, data, t = pairs(rng)
            logits, chord = _logits(model_a, model_b, data.inputs, t)
            bounds = certificate(model_a, model_b, data, t=t)
            seen = _Seen(model_a, model_b, data, t, bounds, logits, chord)
            with torch.no_grad():  # and yield outside: a generator would leave it on
                ends = compare(seen)
            yield Trial(*ends)

    return trials


def _closest(error: Tensor, bound: np.ndarray) -> tuple[float, float]:
    """The example on which the bound is relatively closest to the error, or beyond it."""
    found = error.numpy()
    worst = int(np.argmax(found / np.maximum(bound, np.finfo(float).tiny)))
    return float(found[worst]), float(bound[worst])


def _highest(losses: Tensor, bound: np.ndarray) -> tuple[float, float]:
    """The example on which the loss is closest to its bound, or beyond it."""
    found = losses.numpy()
    worst = int(np.argmax(found - bound))
    return float(found[worst]), float(bound[worst])


def _master(seen: _Seen) -> tuple[float, float]:
    return _closest(seen.error, seen.bounds.function_error_c1)


def _master_vector(seen: _Seen) -> tuple[float, float]:
    return _closest(seen.error, seen.bounds.function_error)


def _transport(seen: _Seen) -> tuple[float, float]:
    return _closest(seen.error, seen.bounds.function_error_c2)


def _certified_loss(seen: _Seen) -> tuple[float, float]:
    losses = cross_entropy(seen.logits, seen.data.labels, reduction="none")
    return _highest(losses, seen.bounds.example_loss)


_RANDOM: dict[str, tuple[Compare, Pairs]] = {
    "C1": (_master, _random_pair),
    "C1'": (_master_vector, _random_pair),
    "C2": (_transport, _opposite_outputs),
    "C3": (_certified_loss, _random_pair),
}
for _key, (_compare, _pairs) in _RANDOM.items():
    tries(_key, counts=(25, 2000), searched=40)(_trials(_compare, _pairs))
    tries_trained(_key, counts=(8, 500))(_trials(_compare, _trained_pair))


def _wrong_master(seen: _Seen, gap: float = 1.0, residual: float = 1.0) -> tuple[float, float]:
    """C1 from its terms, scaled."""
    s = np.zeros(len(seen.data))
    for k, (of_a, of_b) in enumerate(seen.layers):
        s = s * float(torch.linalg.matrix_norm(torch.lerp(of_b.weight, of_a.weight, seen.t), 2))
        if k:
            s = s + residual * seen.bounds.commutativity[k - 1]
        s = s * seen.lipschitz[k]
        if k < len(seen.layers) - 1:
            s = s + gap * seen.bounds.weak_additivity[k]
    return _closest(seen.error, s)


def _known(seen: _Seen, residual: float = 1.0) -> Tensor:
    """W^t j_L + c_{L+1} of C1', with at least one hidden layer."""
    (of_a, of_b), (phi_a, phi_b), t = seen.layers[-1], seen.hidden[-1], seen.t
    assert isinstance(seen.model_a, MLP)
    before = (layer(phi) for layer, phi in zip(seen.layers[-2], seen.hidden[-2], strict=True))
    z_a, z_b = before
    j = seen.model_a.activation.apply(torch.lerp(z_b, z_a, t)) - torch.lerp(phi_b, phi_a, t)
    c = -t * (1 - t) * (phi_a - phi_b) @ (of_a.weight - of_b.weight).mT
    return j @ torch.lerp(of_b.weight, of_a.weight, t).mT + residual * c


def _without_rest(seen: _Seen, residual: float = 1.0) -> tuple[float, float]:
    return _closest(seen.error, _known(seen, residual).norm(dim=-1).numpy())


def _without_slack(seen: _Seen) -> tuple[float, float]:
    losses = [
        cross_entropy(logits, seen.data.labels, reduction="none")
        for logits in (seen.logits, seen.chord + _known(seen))
    ]
    return _highest(losses[0], losses[1].numpy())


def _wrong_transport(seen: _Seen) -> tuple[float, float]:
    """The smaller of C2's two distances, from A and from B."""
    u = v = torch.zeros(len(seen.data))
    for (of_a, of_b), (phi_a, phi_b), lipschitz in zip(
        seen.layers, seen.hidden, seen.lipschitz, strict=True
    ):
        norm = torch.linalg.matrix_norm(torch.lerp(of_b.weight, of_a.weight, seen.t), 2)
        drift_a, drift_b = ((of_a(phi) - of_b(phi)).norm(dim=-1) for phi in (phi_a, phi_b))
        u = lipschitz * (norm * u + (1 - seen.t) * drift_a)
        v = lipschitz * (norm * v + seen.t * drift_b)
    return _closest(seen.error, torch.minimum(u, v).numpy())


def _deep(pairs: Pairs, least: int) -> Pairs:
    """Only MLPs with so many hidden layers: with too few the parts left out are nothing anyway."""

    def found(rng: np.random.Generator) -> tuple[nn.Module, nn.Module, Examples, float]:
        while True:
            a, b, data, t = pairs(rng)
            if isinstance(a, MLP) and len(a.linears) > least:
                return a, b, data, t

    return found


for _key, _wrong, _compare, _pairs in (
    ("C1", "no gaps of weak additivity", partial(_wrong_master, gap=0.0), _deep(_random_mlps, 1)),
    ("C1", "t(1-t)/2 for t(1-t)", partial(_wrong_master, residual=0.5), _deep(_random_mlps, 1)),
    ("C1'", "nothing carried on from earlier layers", _without_rest, _deep(_random_mlps, 2)),
    ("C1'", "t(1-t)/2 for t(1-t)", partial(_without_rest, residual=0.5), _deep(_random_mlps, 1)),
    ("C2", "the smaller of u and v", _wrong_transport, _deep(_opposite_outputs, 1)),
    ("C3", "no slack", _without_slack, _deep(_random_mlps, 2)),
):
    breaks(_key, _wrong)(_trials(_compare, _pairs))


def _whole_path(pairs: Pairs, *, ends: bool = False) -> Trials:
    """One network of the path against the cross-entropy certified for its piece.

    Args:
        pairs: of networks; their t is that network's.
        ends: whether the larger loss of both ends of the piece is taken to be certified.
    """

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            model_a, model_b, data, t = pairs(rng)
            found = certify(model_a, model_b, data, nodes=int(rng.integers(1, 5)))
            piece = int(np.searchsorted(found.t, t)) - 1
            losses, *at_ends = (
                cross_entropy(
                    _logits(model_a, model_b, data.inputs, place)[0], data.labels, reduction="none"
                )
                for place in (t, *found.t[piece : piece + 2].tolist())
            )
            certified = torch.maximum(*at_ends).numpy() if ends else found.example_loss[piece]
            yield Trial(*_highest(losses, certified))

    return trials


tries("C4", counts=(25, 2000), searched=20)(_whole_path(_random_pair))
tries_trained("C4", counts=(5, 500))(_whole_path(_trained_pair))
breaks("C4", "no more than at both ends of a piece")(_whole_path(_random_mlps, ends=True))


def _pieces(pairs: Pairs, *, degree: int | None = None) -> Trials:
    """The output of a piece that is, somewhere, farthest from its polynomial.

    Args:
        pairs: of networks.
        degree: at which polynomials are cut off, with the bound left as it is.
    """

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            model_a, model_b, data, start = pairs(rng)
            length = 2.0 ** -int(rng.integers(0, 8))
            piece = Piece(start * (1 - length), start * (1 - length) + length)
            effort = EFFORTS[int(rng.integers(len(EFFORTS)))]
            segment = Segment.of(program_of(model_a, model_b, data), data)
            with torch.no_grad():
                found = segment.outputs(piece, segment.everything, effort)
            values = found.values if degree is None else found.values[: degree + 1]
            places = np.linspace(-1, 1, 9).tolist()
            error = torch.stack(
                [
                    (_logits(model_a, model_b, data.inputs, piece.at(s))[0] - value_at(values, s))
                    for s in places
                ]
            ).abs()
            yield Trial(*_closest(error.amax(0).flatten(), found.rest.flatten().numpy()))

    return trials


tries("C5", counts=(25, 1500), searched=20)(_pieces(_random_pair))
tries_trained("C5", counts=(5, 400))(_pieces(_trained_pair))
breaks("C5", "polynomials cut off at degree 1")(_pieces(_random_mlps, degree=1))


def _halves(rng: np.random.Generator) -> tuple[nn.Module, nn.Module, Examples, float]:
    """Half of the labels are A's, half B's: both ends are good and what is between is not."""
    model_a, model_b, data, t = _random_mlps(rng)
    with torch.no_grad():
        of_a, of_b = (model(data.inputs).argmax(1) for model in (model_a, model_b))
    half = torch.arange(len(data)) % 2 == 0
    return model_a, model_b, Examples(data.inputs, torch.where(half, of_a, of_b)), t


def _barrier(pairs: Pairs, *, points: int | None = None) -> Trials:
    """The measured barrier against what certainly is no less, where there is one.

    Args:
        pairs: of networks.
        points: at which the barrier is taken to be largest, instead of what is certified.
    """

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            model_a, model_b, data, _ = pairs(rng)
            measured = float(barrier(model_a, model_b, data, points=51).max)
            if measured <= 0:
                continue
            if points is None:
                found = certified_barrier(
                    model_a, model_b, data, tolerance=0.05, budget=_SECONDS
                ).max.upper
            else:
                found = float(barrier(model_a, model_b, data, points=points).max)
            yield Trial(measured, found)

    return trials


tries("C6", counts=(6, 120))(_barrier(_halves))
tries_trained("C6", counts=(2, 40))(_barrier(_trained_pair))
breaks("C6", "no more than at t = 0, 1/2, 1")(_barrier(_halves, points=3))


def _one_hidden(rng: np.random.Generator) -> tuple[nn.Module, nn.Module, Examples, float]:
    t, widths = float(rng.uniform(0.05, 0.95)), random_widths(rng, (1, 1))
    name, scale = str(rng.choice(ACTIVATIONS)), 10 ** float(rng.uniform(-1, 1))
    a, b = (random_network(rng, widths, name, scale, 0.3) for _ in range(2))
    return a, b, random_examples(rng, widths, 4), t


def _permutations(pairs: Pairs, *, steps: bool = True) -> Trials:
    """What no matching of one layer undercuts, against one of them: random, or the best met.

    Args:
        pairs: of networks with one hidden layer.
        steps: whether what the gradient promises is subtracted from the loss of the mixture.
    """

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            model_a, model_b, data, t = pairs(rng)
            chains = find_chains(model_a, model_b)
            assert chains is not None
            a, b = chains
            width, outputs = len(a.weights[0]), len(a.weights[-1])
            loss = ascending_loss(data, outputs)
            matchings = Between(a, b, data.inputs, loss, (False,), t).matchings((None,) * width)
            found = matchings.least(np.inf)
            order = found.corner if rng.random() < 0.5 else tuple(rng.permutation(width).tolist())
            matched = rearranged(b, [order])
            middle = [
                torch.lerp(B, A, t)
                for A, B in zip(a.weights + a.biases, matched.weights + matched.biases, strict=True)
            ]
            network = replace(a, weights=tuple(middle[:2]), biases=tuple(middle[2:]))
            measured = float(data.loss.mean(network(data.inputs), data.labels))
            lower = found.lower
            if not steps:
                mixed = matchings.constant + matchings.gains.sum((0, 1, 2)) / width
                lower = float(loss.each(mixed).mean())
            yield Trial(lower, measured)

    return trials


_one_hidden_trained = partial(_trained_pair, depths=(1,))
tries("C7", counts=(40, 2000), searched=40)(_permutations(_one_hidden))
tries_trained("C7", counts=(4, 100))(_permutations(_one_hidden_trained))
breaks("C7", "the mixture's loss itself")(_permutations(_one_hidden, steps=False))


def _parts(pairs: Pairs, *, ensemble: bool = True) -> Trials:
    """The barrier against the sum of its parts, and the part that is never negative.

    Args:
        pairs: of networks.
        ensemble: whether what averaging gains is among the parts.
    """

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            model_a, model_b, data, _ = pairs(rng)
            found, k = decompose(model_a, model_b, data, points=5), int(rng.integers(1, 4))
            t = float(found.t[k])
            f_t, chord = _logits(model_a, model_b, data.inputs, t)
            with torch.no_grad():
                f_a, f_b = model_a(data.inputs), model_b(data.inputs)
            of_label = (f_t - chord).gather(1, data.labels[:, None])[:, 0]
            at_t, of_chord, of_a, of_b = (f.logsumexp(1) for f in (f_t, chord, f_a, f_b))
            D, J = at_t - of_chord, torch.lerp(of_b, of_a, t) - of_chord
            parts = float((D - J - of_label if ensemble else D - of_label).mean())
            size = float(sum(f.abs().sum(1).mean() for f in (f_a, f_t, f_b)))
            yield equal(float(found.barrier[k].mean()), parts, size)
            yield equal(float(found.ensemble[k].mean()), float(J.mean()), size)
            yield Trial(0.0, float(found.ensemble[k, 1]))

    return trials


tries("B1", counts=(45, 3000))(_parts(_random_pair))
tries_trained("B1", counts=(9, 300))(_parts(_trained_pair))
breaks("B1", "no gain by averaging")(_parts(_random_mlps, ensemble=False))
