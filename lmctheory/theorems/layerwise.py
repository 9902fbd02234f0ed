"""Theorems on layers (L)."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from lmctheory.layerwise.bound import layer_bounds
from lmctheory.layerwise.convexity import two_layer_convexity
from lmctheory.layerwise.curvature import curvature
from lmctheory.layerwise.exchange import exchanged
from lmctheory.layerwise.features import feature_connectivity
from lmctheory.layerwise.interaction import interaction_matrix
from lmctheory.networks import MLP, AffineChain, Examples, affine_chain
from lmctheory.theorems.registry import Trial, theorem

_CHAINS = ("two networks of one architecture: affine maps and pointwise activations",)
_ACTIVATIONS = ("relu", "tanh", "gelu", "sigmoid")


def _random_pair(
    rng: np.random.Generator,
    activations: tuple[str, ...] = _ACTIVATIONS,
    hidden: tuple[int, int] = (0, 3),
) -> tuple[MLP, MLP, Examples]:
    """Width up to 8, weights scaled by up to 3 either way, 10 examples, one pair of four bias-free.

    There ReLU layers die together, and many kinks lie at one place.
    """
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    inner = rng.integers(1, 9, size=int(rng.integers(hidden[0], hidden[1] + 1))).tolist()
    widths = (int(rng.integers(1, 7)), *inner, int(rng.integers(2, 5)))
    name = str(rng.choice(activations))
    pair = [MLP(widths, name, rng=generator, dtype=torch.float64) for _ in range(2)]
    scale = 3 ** rng.uniform(-1, 1)
    with torch.no_grad():
        for parameter in (parameter for net in pair for parameter in net.parameters()):
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.mul_(scale).add_(0.3 * scale * noise)
        if rng.random() < 0.25:
            for layer in (layer for net in pair for layer in net.linears):
                layer.bias.zero_()
    inputs = torch.randn(10, widths[0], generator=generator, dtype=torch.float64)
    labels = torch.randint(widths[-1], (10,), generator=generator)
    return pair[0], pair[1], Examples(inputs, labels)


def _equal(found: float, expected: float) -> Trial:
    """An identity as a trial: it holds iff the two differ by at most the registry's rounding."""
    return Trial(abs(expected) + abs(found - expected), abs(expected))


def _rounding(model_a: MLP, model_b: MLP, data: Examples) -> float:
    """Of a barrier, which is a difference of losses: that of dead networks is nothing else."""
    with torch.no_grad():
        losses = [float(cross_entropy(net(data.inputs), data.labels)) for net in (model_a, model_b)]
    return 1e-15 * sum(losses)


def _squared(outputs: Tensor, labels: Tensor) -> Tensor:
    return (outputs - one_hot(labels, outputs.shape[1])).square().sum(1).mean()


_LOSSES: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (_squared, cross_entropy)


def _between(a: AffineChain, b: AffineChain, t: float) -> AffineChain:
    return replace(
        a,
        weights=tuple(torch.lerp(y, x, t) for x, y in zip(a.weights, b.weights, strict=True)),
        biases=tuple(torch.lerp(y, x, t) for x, y in zip(a.biases, b.biases, strict=True)),
    )


@theorem(
    "L1",
    "One layer is convex",
    statement=(
        r"\mathcal{L}(f_t) \le t \mathcal{L}(f_A) + (1-t) \mathcal{L}(f_{A_k}),"
        r" \quad A_k = A \text{ with layer } k \text{ of } B"
    ),
    source="Adilova et al. 2024, Theorem 4.1",
    assumptions=(
        "a deep linear network, or the last layer of any network",
        "the loss is convex in the outputs",
    ),
    functions=("layerwise.proof", "layerwise.two_layer_convexity"),
)
def _one_layer(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        linear = rng.random() < 0.5
        model_a, model_b, data = _random_pair(rng, ("identity",) if linear else _ACTIVATIONS)
        a, b = affine_chain(model_a), affine_chain(model_b)
        a_k = exchanged(a, b, [int(rng.integers(a.depth + 1)) if linear else a.depth])
        t, loss = float(rng.random()), _LOSSES[int(rng.integers(2))]
        ends = [float(loss(chain(data.inputs), data.labels)) for chain in (a, a_k)]
        middle = float(loss(_between(a, a_k, t)(data.inputs), data.labels))
        yield Trial(middle, t * ends[0] + (1 - t) * ends[1])


@theorem(
    "L2",
    "Two layers at once, squared loss",
    statement=(
        r"\mathcal{L}''(t) = 12 \|c\|^2 \tau^2 + 12 \langle v, c \rangle \tau + 2 \|v\|^2"
        r" + 4 \langle m, c \rangle, \quad \text{barrier}(t) = -t(1-t) \bigl\{ \|v + \tau c\|^2"
        r" + 2 \langle m, c \rangle + \tfrac14 \|c\|^2 \bigr\}, \quad \tau = t - \tfrac12"
    ),
    source="derived",
    assumptions=(
        "two weight layers differ, and every activation from the first of them on is the identity",
        "the squared loss",
    ),
    functions=("layerwise.proof", "layerwise.two_layer_convexity"),
)
def _two_layers(rng: np.random.Generator) -> Iterator[Trial]:
    """The loss that the four inner products predict against the measured one."""
    while True:
        model_a, model_b, data = _random_pair(rng, ("identity",), hidden=(1, 1))
        t = float(rng.random())
        a, b = affine_chain(model_a), affine_chain(model_b)
        loss_t, loss_a, loss_b = (
            float(_squared(chain(data.inputs), data.labels)) for chain in (_between(a, b, t), a, b)
        )
        predicted = two_layer_convexity(model_a, model_b, data).barrier(t)
        yield _equal(loss_t, float(predicted) + t * loss_a + (1 - t) * loss_b)


@theorem(
    "L3",
    "One layer of a nonlinear network",
    statement=(
        r"\|f_t - \bar f\| \le \sum_{j=k}^{L} J_j \prod_{i=j+1}^{L+1}"
        r" \mathrm{Lip}_i \|W_i^A\|"
    ),
    source="derived from C1",
    assumptions=_CHAINS,
    functions=("layerwise.layer_bounds",),
)
def _nonlinear(rng: np.random.Generator) -> Iterator[Trial]:
    """The example on which the bound is relatively closest to the error, or beyond it."""
    while True:
        model_a, model_b, data = _random_pair(rng, hidden=(1, 3))
        t = float(rng.uniform(0.05, 0.95))
        a = affine_chain(model_a)
        k = int(rng.integers(a.depth))
        a_k = exchanged(a, affine_chain(model_b), [k])
        chord = torch.lerp(a_k(data.inputs), a(data.inputs), t)
        error = (_between(a, a_k, t)(data.inputs) - chord).norm(dim=-1).numpy()
        bound = layer_bounds(model_a, model_b, data, t).function_error[k]
        worst = int(np.argmax(error / np.maximum(bound, np.finfo(float).tiny)))
        yield Trial(float(error[worst]), float(bound[worst]))


@theorem(
    "L4",
    "Barrier and curvature",
    statement=(
        r"\text{barrier}(t) = -\int_0^1 G(t,s) \mathcal{L}''(s)\,ds"
        r" - \sum_k G(t,s_k) [\mathcal{L}'](s_k), \quad G(t,s) = \min(t,s)(1 - \max(t,s))"
    ),
    source="derived; compare Singh et al. 2024",
    assumptions=(*_CHAINS, "a finite data set"),
    functions=("layerwise.curvature",),
)
def _curvature(rng: np.random.Generator) -> Iterator[Trial]:
    """At the t where the barrier is largest in size."""
    while True:
        pair = _random_pair(rng)
        found = curvature(*pair, points=5)
        largest = int(np.argmax(np.abs(found.barrier)))
        sums = float((found.smooth + found.kinked)[largest])
        yield replace(_equal(sums, float(found.barrier[largest])), slack=_rounding(*pair))


@theorem(
    "L5",
    "The layer cube",
    statement=(
        r"\text{barrier}(t) = \sum_{l,k} B_{lk}(t), \quad B_{lk}(t) = -\int_0^1 G(1-t,s)"
        r" \frac{\partial^2 g}{\partial\alpha_l \partial\alpha_k}(s\mathbf{1})\,ds"
        r" - \sum_{\text{kinks}} G(1-t,s)\, b\, \frac{h_l h_k}{|\sum_j h_j|}"
    ),
    source="derived",
    assumptions=(*_CHAINS, "a finite data set"),
    functions=("layerwise.interaction_matrix", "layerwise.layer_cube"),
)
def _cube(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        pair = _random_pair(rng, hidden=(1, 2))
        found = interaction_matrix(*pair, float(rng.uniform(0.2, 0.8)))
        trial = _equal(float(found.matrix.sum()), found.barrier)
        yield replace(trial, slack=found.error * found.matrix.size + _rounding(*pair))


def _reciprocal_pair(rng: np.random.Generator) -> tuple[MLP, MLP, Examples]:
    model_a, model_b, data = _random_pair(rng, ("relu",), hidden=(1, 3))
    with torch.no_grad():
        for number, model in enumerate((model_a, model_b)):
            for i, layer in enumerate(model.linears):
                layer.bias.zero_()
                # odd neurons live in A, even ones in B
                if i < len(model.linears) - 1:
                    layer.weight[number::2] = 0
                if i > 0:
                    layer.weight[:, number::2] = 0
    return model_a, model_b, data


@theorem(
    "L8",
    "Layerwise exponentially weighted connectivity",
    statement=(
        r"W_l^A \phi_{l-1}^B = 0 = W_l^B \phi_{l-1}^A \ (l \ge 2) \quad \Rightarrow \quad"
        r" \phi_l(\theta_t) = t^l \phi_l(A) + (1-t)^l \phi_l(B)"
    ),
    source="Ito et al. 2025",
    assumptions=("no biases; sigma positively homogeneous, or additive on these pre-activations",),
    functions=("layerwise.feature_connectivity",),
)
def _exponential(rng: np.random.Generator) -> Iterator[Trial]:
    """ReLU networks whose hidden neurons are alive in one of the two only."""
    while True:
        model_a, model_b, data = _reciprocal_pair(rng)
        found = feature_connectivity(model_a, model_b, data, float(rng.uniform(0.1, 0.9)))
        yield _equal(float(np.nanmax(found.lewc_error)) + 1, 1.0)
