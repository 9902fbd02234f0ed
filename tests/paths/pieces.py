"""What is true of networks on pieces of the segment, to compare enclosures with."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from lmctheory.networks import CNN, VGG, Examples, ResNet20
from lmctheory.paths import interpolate
from lmctheory.paths.reading import program_of
from lmctheory.paths.regions import Effort, Piece
from lmctheory.paths.taylor_models import value_at
from lmctheory.paths.taylor_outputs import PieceNetwork
from tests.paths.architectures import Applied, generator, shaken

EFFORTS = [
    Effort(degree, symbols, dtype)
    for degree in (2, 3)
    for symbols in (0, 5, 1000)
    for dtype in (torch.float32, torch.float64)
]

SIGMAS = {
    "relu": nn.ReLU(),
    "leaky": nn.LeakyReLU(0.1),
    "bent": nn.LeakyReLU(-0.3),
    "steep": nn.LeakyReLU(1.5),
    **{name: Applied(name) for name in ("tanh", "gelu", "softplus", "sigmoid", "identity")},
}


def mlp(widths, sigma, g):
    """A multilayer perceptron with normal weights, float64."""
    layers = []
    for fan_in, fan_out in pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), sigma]
    net = nn.Sequential(*layers[:-1]).double()
    with torch.no_grad():
        for layer in net[::2]:
            layer.weight.normal_(generator=g).div_(layer.in_features**0.5)
            layer.bias.normal_(generator=g).mul_(0.3)
    return net


def seeded(build, seed):
    """A module that draws its first weights from the global generator."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build()


IMAGES = {
    "CNN": lambda g: CNN((1, 8, 8), (3, 4), 3, "flatten", rng=g),
    "VGG": lambda g: VGG((1, 8, 8), 3, 11, 2, None, rng=g),
    "VGG norm": lambda g: VGG((1, 8, 8), 3, 11, 2, "batch", rng=g),
    "ResNet20": lambda g: ResNet20((1, 8, 8), 3, 2, None, rng=g),
    "ResNet20 norm": lambda g: ResNet20((1, 8, 8), 3, 2, "batch", rng=g),
}


def image_pair(name, seed, share=0.3, n=4):
    """Two networks on images of 8 x 8, and examples."""
    g = generator(seed)
    a = shaken(IMAGES[name](g).double().eval(), 0.3, g)
    b = shaken(a, share, g)
    x = torch.randn(n, 1, 8, 8, generator=g, dtype=torch.float64)
    return a, b, Examples(x, torch.randint(3, (n,), generator=g))


def mlp_pair(name, seed, widths=(5, 9, 8, 3), share=1.0, n=8):
    """Two perceptrons, and examples."""
    g = generator(seed)
    a, b = mlp(widths, SIGMAS[name], g), mlp(widths, SIGMAS[name], g)
    with torch.no_grad():
        for p, q in zip(a.parameters(), b.parameters(), strict=True):
            q.lerp_(p, 1 - share)
    x = torch.randn(n, widths[0], generator=g, dtype=torch.float64)
    return a, b, Examples(x, torch.randint(widths[-1], (n,), generator=g))


def room(model, s):
    """A bound of all but the polynomial at s."""
    g_0, g_1 = model.symbols.double()
    return (g_0 + s * g_1).abs().sum(0) + model.radius.double()


def beyond(model, value, s, scale=1.0):
    """The norms by which values are off by more than what is known of every entry, scaled."""
    off = (value - value_at(model.polynomial, s)).abs() - scale * room(model, s)
    return off.clamp(min=0).flatten(1).norm(dim=1)


def escapes(a, b, data, piece, effort, points, scale=1.0, *, complete=False):
    """At which nodes a network of the piece leaves its enclosure, its width scaled."""
    program = program_of(a, b, data, complete=complete)
    x = data.inputs.double()
    models = list(PieceNetwork(program, piece, effort).models(x))
    found = set()
    for s in points:
        values = program.values(program.at(piece.at(s)), x)
        for i, (model, value) in enumerate(zip(models, values, strict=True)):
            centre = value_at(model.polynomial, s)
            masked = (value == -torch.inf) & (centre == -torch.inf)
            if model.ball is not None:
                if not (beyond(model, value, s, scale) <= scale * model.ball).all():
                    found.add(i)
            elif not (masked | ((value - centre).abs() <= scale * room(model, s))).all():
                found.add(i)
    return found


def decided_rightly(a, b, data, found):
    """Asserts that all are decided, the certified right on a grid, the others wrong at their t."""
    assert not any(found.undecided)
    with torch.no_grad():
        right = np.stack(
            [
                (interpolate(a, b, t)(data.inputs).argmax(1) == data.labels).numpy()
                for t in np.linspace(0, 1, 33)
            ]
        )
        assert (right.all(0) >= found.certified).all()
        for i in np.flatnonzero(found.refuted):
            logits = interpolate(a, b, float(found.t[i]))(data.inputs)
            assert int(logits[i].argmax()) != int(data.labels[i])


def random_piece(rng):
    """Wide, narrow, or a point."""
    length = 2.0 ** -int(rng.integers(0, 14))
    start = float(rng.integers(round(1 / length))) * length
    return Piece(start, start + length) if rng.random() < 0.9 else Piece(start, start)


def points_of(rng, count=6):
    """Of [-1, 1], with both ends and the middle."""
    return [-1.0, 0.0, 1.0, *rng.uniform(-1, 1, count)]


class CubicPieces:
    """One example on the segment of two networks with two hidden relu layers, exactly.

    Pre-activations of the first layer are affine in t; between their zeros those of the second are
    quadratic; between all zeros the outputs are cubic.
    """

    def __init__(self, a, b, x):
        pairs = [
            (B.weight.detach().numpy(), A.weight.detach().numpy() - B.weight.detach().numpy())
            for A, B in zip(a[::2], b[::2], strict=True)
        ]
        biases = [
            (B.bias.detach().numpy(), A.bias.detach().numpy() - B.bias.detach().numpy())
            for A, B in zip(a[::2], b[::2], strict=True)
        ]
        x = x.numpy()
        first = np.stack([W @ x + c for (W, c) in zip(pairs[0], biases[0], strict=True)])
        self.pieces = []
        for start, end in self._between([0.0, 1.0], first):
            hidden = first * (self._at(first, (start + end) / 2) > 0)
            second = self._layer(pairs[1], biases[1], hidden)
            for low, high in self._between([start, end], second):
                active = second * (self._at(second, (low + high) / 2) > 0)
                self.pieces.append((low, high, self._layer(pairs[2], biases[2], active)))

    @staticmethod
    def _layer(pair, bias, phi):
        """Coefficients in t of (W_b + t dW) phi + b_b + t db."""
        out = np.zeros((len(phi) + 1, len(bias[0])))
        out[:-1] += phi @ pair[0].T
        out[1:] += phi @ pair[1].T
        out[0] += bias[0]
        out[1] += bias[1]
        return out

    @staticmethod
    def _at(coefficients, t):
        return sum(c * t**k for k, c in enumerate(coefficients))

    @staticmethod
    def _between(ends, coefficients):
        start, end = ends
        cuts = [start, end]
        for c in coefficients.T:
            roots = np.roots(np.trim_zeros(c[::-1], "f"))
            cuts += [float(r.real) for r in roots if abs(r.imag) < 1e-9 and start < r.real < end]
        cuts.sort()
        return [(p, q) for p, q in pairwise(cuts) if q > p]

    def least_margin(self, label):
        """The least f_y - f_j over t and j."""
        least = np.inf
        for low, high, out in self.pieces:
            for j in range(out.shape[1]):
                if j == label:
                    continue
                margin = out[:, label] - out[:, j]
                slope = np.polyder(np.poly1d(margin[::-1]))
                turns = [r.real for r in slope.roots if abs(r.imag) < 1e-9 and low < r.real < high]
                least = min(least, *(float(self._at(margin, t)) for t in [low, high, *turns]))
        return least

    def outputs(self, t):
        """At one t."""
        [out] = [out for low, high, out in self.pieces if low <= t <= high][:1]
        return self._at(out, t)


def fractions(tensor):
    """The numbers of a tensor, exactly, as an array of objects."""
    flat = [Fraction(float(v)) for v in tensor.detach().flatten()]
    return np.array(flat, dtype=object).reshape(tuple(tensor.shape))


def exact_nodes(a, b, x, t, slope=Fraction(0)):
    """All nodes of perceptrons with (leaky) relus at a rational t, for one example, exactly."""
    value = fractions(x)
    found = [value]
    layers = list(zip(a[::2], b[::2], strict=True))
    for i, (A, B) in enumerate(layers):
        W = t * fractions(A.weight) + (1 - t) * fractions(B.weight)
        value = W.dot(value) + t * fractions(A.bias) + (1 - t) * fractions(B.bias)
        found.append(value)
        if i < len(layers) - 1:
            value = np.array([max(v, 0) + slope * min(v, 0) for v in value], dtype=object)
            found.append(value)
    return found


def exactly_inside(model, value, s, scale=Fraction(1)):
    """Whether exact values of the only example are in its model at a rational s."""
    polynomial = [fractions(c[0]) for c in model.polynomial]
    centre = sum(c * s**k for k, c in enumerate(polynomial))
    symbols = [fractions(g[:, 0]) for g in model.symbols]
    reach = abs(symbols[0] + s * symbols[1]).sum(0) + fractions(model.radius[0])
    return bool((abs(value - centre) <= scale * reach).all())
