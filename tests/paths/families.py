"""What is true of networks on curves and in simplices, to compare enclosures with."""

import numpy as np
import torch

from lmctheory.networks import Examples
from lmctheory.paths.blends import BEZIER, SIMPLEX, Polygon
from lmctheory.paths.regions import Box, Piece
from lmctheory.paths.simplex_search import blended
from lmctheory.paths.taylor_layers import weight_symbols
from lmctheory.paths.taylor_models import value_at
from lmctheory.paths.taylor_outputs import PieceNetwork
from tests.paths.architectures import generator
from tests.paths.pieces import SIGMAS, fractions, mlp

SCALES = (1.0, 1.0, 1.0, 1e-20, 1e20, 1e3)


def family_of(name, count):
    return {"bezier": BEZIER, "simplex": SIMPLEX, "polygon": Polygon(count - 1)}[name]


def several(rng, count, widths=None, scale=None, n=5, sigma=None, share=None):
    """Networks far from each other, near, or equal, and examples."""
    g = generator(int(rng.integers(2**31)))
    if widths is None:
        widths = (5, *(int(m) for m in rng.integers(1, 8, rng.integers(0, 4))), 3)
    sigma = SIGMAS[sigma or list(SIGMAS)[rng.integers(len(SIGMAS))]]
    models = [mlp(widths, sigma, g) for _ in range(count)]
    if share is None:
        share = float(rng.choice([1.0, 1.0, 0.1, 1e-3, 1e-10, 0.0]))
    scale = float(rng.choice(SCALES)) if scale is None else scale
    with torch.no_grad():
        for model in models[1:]:
            for p, q in zip(model.parameters(), models[0].parameters(), strict=True):
                p.copy_(torch.lerp(q, p, share))
        for model in models:
            for p in model.parameters():
                p.mul_(scale)
    x = torch.randn(n, widths[0], generator=g, dtype=torch.float64)
    return models, Examples(x, torch.randint(widths[-1], (n,), generator=g))


def random_region(rng, name, count):
    """Long or short; of simplices a box that may be beyond them."""
    length = 2.0 ** -int(rng.integers(0, 9))

    def start():
        return float(rng.integers(round(1 / length))) * length

    if name == "simplex":
        low = tuple(start() for _ in range(count - 1))
        sides = [length * 2.0 ** -int(rng.integers(0, 4)) for _ in low]
        return Box(low, tuple(a + h for a, h in zip(low, sides, strict=True)))
    edges = count - 1 if name == "polygon" else 1
    first = int(rng.integers(edges))
    at = start()
    return Piece((first + at) / edges, (first + at + length) / edges)


def point_of(region, s, w):
    """Where s and w are, beyond the simplex too."""
    if isinstance(region, Piece):
        return region.at(s)
    x = region.coordinates(s, w)
    return (1 - sum(x), *x)


def used(model, value, s, w):
    """The largest share of what is not known of a model that a value takes."""
    count = weight_symbols(model)
    g = model.symbols.double()
    centre = value_at(model.polynomial, s) + 0 * value
    for share, (g_0, g_1) in zip(w, g[:, :count].transpose(0, 1), strict=False):
        centre = centre + share * (g_0 + s * g_1)
    reach = (g[0, count:] + s * g[1, count:]).abs().sum(0) + model.radius.double()
    return float(((value - centre).abs() / reach.clamp(min=1e-300)).max())


def most_used(name, count, models, data, region, effort, rng, draws=8):
    """The largest share at any node, at random points of a region."""
    program = blended(models, data, family_of(name, count))
    found = list(PieceNetwork(program, region, effort).models(data.inputs))
    others = count - 2 if name == "simplex" else 0
    worst = 0.0
    for _ in range(draws):
        s, *w = (float(rng.choice([-1.0, 1.0, 0.0, rng.uniform(-1, 1)])) for _ in range(others + 1))
        values = program.values(program.at(point_of(region, s, w)), data.inputs)
        for model, value in list(zip(found, values, strict=True))[1:]:
            worst = max(worst, used(model, value, s, w))
    return worst


def exact_nodes(models, coefficients, x):
    """All nodes of relu perceptrons for one example, their weights combined exactly."""
    value = fractions(x)
    found = [value]
    layers = list(zip(*(model[::2] for model in models), strict=True))
    for i, members in enumerate(layers):
        W = sum(a * fractions(m.weight) for a, m in zip(coefficients, members, strict=True))
        b = sum(a * fractions(m.bias) for a, m in zip(coefficients, members, strict=True))
        value = W.dot(value) + b
        found.append(value)
        if i < len(layers) - 1:
            value = np.array([max(v, 0) for v in value], dtype=object)
            found.append(value)
    return found
