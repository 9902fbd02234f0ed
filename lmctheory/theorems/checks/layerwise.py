"""Checks on layers (L)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from lmctheory.layerwise.barriers.layer_barriers import layer_barriers
from lmctheory.layerwise.connectivity.linearity import FeatureConnectivity, feature_connectivity
from lmctheory.layerwise.convexity.convexity import two_layer_convexity
from lmctheory.layerwise.convexity.one_layer import layer_bounds
from lmctheory.layerwise.points.exchange import exchanged
from lmctheory.layerwise.second_order.curvature import curvature
from lmctheory.layerwise.second_order.interaction import interaction_matrix
from lmctheory.networks import MLP, AffineChain, Examples, affine_chain
from lmctheory.paths import with_layers_of
from lmctheory.theorems._registry import breaks, tries, tries_trained
from lmctheory.theorems.adversary import Trials
from lmctheory.theorems.checks.networks import (
    ACTIVATIONS,
    equal,
    random_examples,
    random_network,
    random_widths,
    some,
    trained,
)
from lmctheory.theorems.checks.trained import DEPTHS
from lmctheory.theorems.trial import Trial

Pair = tuple[MLP, MLP, Examples]
Pairs = Callable[[np.random.Generator], Pair]


def _random_pair(
    rng: np.random.Generator,
    activations: tuple[str, ...] = ACTIVATIONS,
    hidden: tuple[int, int] = (0, 3),
) -> Pair:
    """Width up to 6, weights of size 1/3 to 3, 6 examples, one pair of four without biases.

    There ReLU layers die together, and many kinks lie at one place.
    """
    widths, name = random_widths(rng, hidden), str(rng.choice(activations))
    scale, bias = 3 ** float(rng.uniform(-1, 1)), float(rng.choice([0.0, 0.3, 0.3, 0.3]))
    a, b = (random_network(rng, widths, name, scale, bias) for _ in range(2))
    return a, b, random_examples(rng, widths, 6)


def _trained_pair(
    rng: np.random.Generator, depths: tuple[int, ...] = DEPTHS, activation: str = "relu"
) -> Pair:
    return *trained(rng, depths, activation), some(rng, 6)


def _linear(rng: np.random.Generator, hidden: tuple[int, int] = (0, 3)) -> Pair:
    return _random_pair(rng, ("identity",), hidden)


def _squared(outputs: Tensor, labels: Tensor) -> float:
    targets = torch.nn.functional.one_hot(labels, outputs.shape[1])
    return float((outputs - targets).square().sum(1).mean())


def _cross_entropy(outputs: Tensor, labels: Tensor) -> float:
    """By the logarithm of one and the rest: as precise relative to itself where it is small."""
    margins = outputs - outputs.gather(1, labels[:, None])
    others = margins.scatter(1, labels[:, None], -torch.inf)
    return float(np.logaddexp(0.0, others.logsumexp(1).numpy()).mean())


_LOSSES: tuple[Callable[[Tensor, Tensor], float], ...] = (_squared, _cross_entropy)


def _between(a: AffineChain, b: AffineChain, t: float) -> AffineChain:
    return replace(
        a,
        weights=tuple(torch.lerp(y, x, t) for x, y in zip(a.weights, b.weights, strict=True)),
        biases=tuple(torch.lerp(y, x, t) for x, y in zip(a.biases, b.biases, strict=True)),
    )


def _chain(model: MLP) -> AffineChain:
    found = affine_chain(model)
    return replace(
        found,
        weights=tuple(W.detach() for W in found.weights),
        biases=tuple(b.detach() for b in found.biases),
    )


Moved = Callable[[np.random.Generator], tuple[MLP, MLP, Examples, list[int]]]


def _one_layer(draw: Moved) -> Trials:
    """A network between A and A with some layers of B.

    Args:
        draw: A, B, examples and those layers.
    """

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            model_a, model_b, data, layers = draw(rng)
            a, b = _chain(model_a), _chain(model_b)
            a_k = exchanged(a, b, layers)
            t, loss = float(rng.random()), _LOSSES[int(rng.integers(2))]
            ends = [loss(chain(data.inputs), data.labels) for chain in (a, a_k)]
            middle = loss(_between(a, a_k, t)(data.inputs), data.labels)
            yield Trial(middle, t * ends[0] + (1 - t) * ends[1])

    return trials


def _linear_or_last(linear: Pairs, other: Pairs) -> Moved:
    """Any layer of a linear network, or the last one of another."""

    def draw(rng: np.random.Generator) -> tuple[MLP, MLP, Examples, list[int]]:
        if rng.random() < 0.5:
            a, b, data = linear(rng)
            return a, b, data, [int(rng.integers(len(a.linears)))]
        a, b, data = other(rng)
        return a, b, data, [len(a.linears) - 1]

    return draw


def _first(pairs: Pairs, count: int) -> Moved:
    """The first layers."""

    def draw(rng: np.random.Generator) -> tuple[MLP, MLP, Examples, list[int]]:
        return *pairs(rng), list(range(count))

    return draw


_with_hidden = partial(_random_pair, hidden=(1, 3))
_trained_linear = partial(_trained_pair, depths=(1, 2), activation="identity")
tries("L1", counts=(60, 15_000), searched=60)(_one_layer(_linear_or_last(_linear, _random_pair)))
tries_trained("L1", counts=(20, 2000))(_one_layer(_linear_or_last(_trained_linear, _trained_pair)))
breaks("L1", "a hidden layer of a nonlinear network")(_one_layer(_first(_with_hidden, 1)))
breaks("L1", "two layers")(_one_layer(_first(partial(_linear, hidden=(1, 3)), 2)))


def _two_layers(pairs: Pairs, *, quarter: float = 0.25, cross: float = 12.0) -> Trials:
    """Losses that the four inner products predict against the measured ones.

    The loss is a polynomial of degree 4 in t, of which differences give the second derivative.

    Args:
        pairs: of deep linear networks, in which two adjacent layers are interpolated.
        quarter: the barrier's constant of |c|^2.
        cross: the second derivative's of <v, c>.
    """

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            model_a, other, data = pairs(rng)
            k, t = int(rng.integers(len(model_a.linears) - 1)), float(rng.random())
            model_b = with_layers_of(model_a, other, [f"layers.{k}", f"layers.{k + 1}"])
            assert isinstance(model_b, MLP)
            a, b, h = _chain(model_a), _chain(model_b), 0.5
            below, at_t, above, at_a, at_b = (
                _squared(_between(a, b, s)(data.inputs), data.labels)
                for s in (t - h, t, t + h, 1.0, 0.0)
            )
            found = two_layer_convexity(model_a, model_b, data)
            chord = t * at_a + (1 - t) * at_b
            predicted = float(found.barrier(t)) - t * (1 - t) * (quarter - 0.25) * found.cc
            yield equal(at_t - chord, predicted, at_t + chord)
            measured = (below - 2 * at_t + above) / h**2 - 2 * h**2 * found.cc
            second = float(found.curvature(t)) + (cross - 12) * found.vc * (t - 0.5)
            yield equal(measured, second, (below + 2 * at_t + above) / h**2)

    return trials


_linear_hidden = partial(_linear, hidden=(1, 3))
tries("L2", counts=(60, 8000))(_two_layers(_linear_hidden))
tries_trained("L2", counts=(10, 1000))(_two_layers(_trained_linear))
breaks("L2", "|c|^2 / 2 for |c|^2 / 4")(_two_layers(_linear_hidden, quarter=0.5))
breaks("L2", "6 <v, c> for 12 <v, c>")(_two_layers(_linear_hidden, cross=6.0))


def _nonlinear(pairs: Pairs, *, later: bool = True) -> Trials:
    """The example on which the bound is relatively closest to the error, or beyond it.

    Args:
        pairs: of networks with a hidden layer.
        later: whether gaps of later layers than the one that is interpolated are counted.
    """

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            model_a, model_b, data = pairs(rng)
            t = float(rng.uniform(0.05, 0.95))
            a = _chain(model_a)
            k = int(rng.integers(a.depth))
            a_k = exchanged(a, _chain(model_b), [k])
            chord = torch.lerp(a_k(data.inputs), a(data.inputs), t)
            error = (_between(a, a_k, t)(data.inputs) - chord).norm(dim=-1).numpy()
            found = layer_bounds(model_a, model_b, data, t)
            bound = found.function_error[k]
            if not later:
                bound = found.certificates[k].weak_additivity[k]
                for i in range(k + 1, a.depth + 1):
                    lipschitz = a.activations[i].lipschitz if i < a.depth else 1.0
                    bound = bound * lipschitz * float(torch.linalg.matrix_norm(a.weights[i], 2))
            worst = int(np.argmax(error / np.maximum(bound, np.finfo(float).tiny)))
            yield Trial(float(error[worst]), float(bound[worst]))

    return trials


tries("L3", counts=(30, 3000), searched=40)(_nonlinear(_with_hidden))
tries_trained("L3", counts=(10, 500))(_nonlinear(_trained_pair))
breaks("L3", "the gap of layer k alone")(
    _nonlinear(partial(_random_pair, hidden=(2, 3)), later=False)
)


def _rounding(model_a: MLP, model_b: MLP, data: Examples) -> float:
    """Of a barrier, which is a difference of losses: that of dead networks is nothing else."""
    with torch.no_grad():
        losses = [_cross_entropy(net(data.inputs), data.labels) for net in (model_a, model_b)]
    return 4e-15 * sum(losses)


def _curvature(pairs: Pairs, *, kinks: bool = True) -> Trials:
    """At the t where the barrier is largest in size.

    Args:
        pairs: of networks.
        kinks: whether their sum is counted.
    """

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            pair = pairs(rng)
            found = curvature(*pair, points=5)
            largest = int(np.argmax(np.abs(found.barrier)))
            sums = found.smooth[largest] + (found.kinked[largest] if kinks else 0.0)
            trial = equal(float(sums), float(found.barrier[largest]))
            yield replace(trial, slack=_rounding(*pair))

    return trials


tries("L4", counts=(30, 1500))(_curvature(_random_pair))
tries_trained("L4", counts=(8, 300))(_curvature(_trained_pair))
breaks("L4", "no kinks")(_curvature(partial(_random_pair, activations=("relu",)), kinks=False))


def _cube(pairs: Pairs, *, interactions: bool = True) -> Trials:
    """The sum of all entries against the barrier.

    Args:
        pairs: of networks with a hidden layer.
        interactions: whether entries off the diagonal are counted.
    """

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            pair = pairs(rng)
            found = interaction_matrix(*pair, float(rng.uniform(0.2, 0.8)))
            sums = float(found.matrix.sum()) if interactions else found.curvature
            trial = equal(sums, found.barrier)
            yield replace(trial, slack=found.error * found.matrix.size + _rounding(*pair))

    return trials


tries("L5", counts=(15, 1500))(_cube(partial(_random_pair, hidden=(1, 2))))
tries_trained("L5", counts=(5, 200))(_cube(_trained_pair))
breaks("L5", "the diagonal alone")(_cube(partial(_random_pair, hidden=(1, 2)), interactions=False))


def _both_barriers(pairs: Pairs, *, turned: bool = False) -> Trials:
    """The full barrier of some layers, from the edge barrier and the losses of three networks.

    Args:
        pairs: of networks.
        turned: whether t stands where 1 - t belongs.
    """

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            model_a, model_b, data = pairs(rng)
            a, b = _chain(model_a), _chain(model_b)
            moved = [k for k in range(a.depth + 1) if rng.random() < 0.5] or [0]
            swapped = exchanged(a, b, moved)
            at_a, at_b, at_swapped = (
                _cross_entropy(chain(data.inputs), data.labels) for chain in (a, b, swapped)
            )
            found = layer_barriers(model_a, model_b, data, [[a.names[k] for k in moved]], points=5)
            place = int(rng.integers(1, 4))
            t = float(found.t[place])
            edge, full = (float(curves.value[0, 0, place]) for curves in (found.edge, found.full))
            share = t if turned else 1 - t
            yield equal(edge + share * (at_swapped - at_b), full, at_a + at_b + at_swapped)

    return trials


tries("L6", counts=(20, 3000))(_both_barriers(_random_pair))
tries_trained("L6", counts=(10, 500))(_both_barriers(_trained_pair))
breaks("L6", "t for 1-t")(_both_barriers(_random_pair, turned=True))


def _features(pairs: Pairs, error: Callable[[FeatureConnectivity], np.ndarray]) -> Trials:
    """The largest relative error of any layer's features, that of features that vanish aside."""

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            model_a, model_b, data = pairs(rng)
            found = feature_connectivity(model_a, model_b, data, float(rng.uniform(0.1, 0.9)))
            yield equal(1 + float(np.nan_to_num(error(found)).max()), 1.0)

    return trials


def _llfc(found: FeatureConnectivity) -> np.ndarray:
    return found.llfc_error


def _lewc(found: FeatureConnectivity) -> np.ndarray:
    return found.lewc_error


def _additive_pair(
    rng: np.random.Generator, *, commuting: bool = True, additive: bool = True
) -> Pair:
    """ReLU networks of which one half of each layer is common to both.

    Common neurons read common ones with common weights. The others read all; what they read common
    ones with, and that only, differs between A and B, and nothing that they read or weigh is
    negative.

    Args:
        rng: the random numbers.
        commuting: whether it is that only.
        additive: whether nothing is negative.
    """
    a, b, data = _random_pair(rng, ("relu",), hidden=(1, 3))
    columns = 0  # of the inputs none belongs to A or B alone
    with torch.no_grad():
        for of_a, of_b in zip(a.linears, b.linears, strict=True):
            rows = len(of_a.weight) // 2 if of_a is not a.linears[-1] else 0
            common = of_a.weight.shape[1] - columns
            of_a.weight[:rows, common:] = 0
            of_b.weight[:rows] = of_a.weight[:rows]
            of_b.bias[:rows] = of_a.bias[:rows]
            if commuting:
                of_b.weight[rows:, common:] = of_a.weight[rows:, common:]
            if additive:
                for values in (of_a.weight, of_a.bias, of_b.weight, of_b.bias):
                    values[rows:] = values[rows:].abs()
            columns = len(of_a.weight) - rows
    return a, b, Examples(data.inputs.abs(), data.labels)


def _trained_additive(rng: np.random.Generator) -> Pair:
    """A linear network, and the same with one layer of another."""
    a, other, data = _trained_linear(rng)
    b = with_layers_of(a, other, [f"layers.{int(rng.integers(len(a.linears)))}"])
    assert isinstance(b, MLP)
    return a, b, data


tries("L7", counts=(60, 6000))(_features(_additive_pair, _llfc))
tries_trained("L7", counts=(10, 1000))(_features(_trained_additive, _llfc))
breaks("L7", "no commutativity")(_features(partial(_additive_pair, commuting=False), _llfc))
breaks("L7", "no weak additivity")(_features(partial(_additive_pair, additive=False), _llfc))


def _reciprocal_pair(rng: np.random.Generator, *, biases: bool = False) -> Pair:
    """ReLU networks whose hidden neurons are alive in one of the two only."""
    a, b, data = _random_pair(rng, ("relu",), hidden=(1, 3))
    with torch.no_grad():
        for number, model in enumerate((a, b)):
            for i, layer in enumerate(model.linears):
                if not biases:
                    layer.bias.zero_()
                # odd neurons live in A, even ones in B
                if i < len(model.linears) - 1:
                    layer.weight[number::2] = 0
                    layer.bias[number::2] = 0
                if i > 0:
                    layer.weight[:, number::2] = 0
    return a, b, data


def _trained_reciprocal(rng: np.random.Generator) -> Pair:
    """Trained networks without their biases, side by side: A's neurons are dead in B."""
    a, b, data = _trained_pair(rng)
    inputs, *hidden, outputs = a.widths
    wide = (inputs, *[2 * width for width in hidden], outputs)
    pair = [MLP(wide, "relu", rng=torch.Generator(), dtype=torch.float64) for _ in range(2)]
    with torch.no_grad():
        for second, (model, own) in enumerate(zip(pair, (a, b), strict=True)):
            for i, (layer, kept) in enumerate(zip(model.linears, own.linears, strict=True)):
                m, n = kept.weight.shape
                row = second * m if i < len(hidden) else 0
                column = second * n if i else 0
                layer.weight.zero_()
                layer.weight[row : row + m, column : column + n] = kept.weight
    return pair[0].eval(), pair[1].eval(), data


tries("L8", counts=(60, 6000))(_features(_reciprocal_pair, _lewc))
tries_trained("L8", counts=(10, 1000))(_features(_trained_reciprocal, _lewc))
breaks("L8", "t and 1-t for their powers")(_features(_reciprocal_pair, _llfc))
breaks("L8", "with biases")(_features(partial(_reciprocal_pair, biases=True), _lewc))
breaks("L8", "no reciprocal orthogonality")(
    _features(partial(_random_pair, activations=("relu",), hidden=(1, 3)), _lewc)
)
