"""Products, norms, softmax and curves of Taylor models: against the truth at random points."""

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.networks import activation, activation_of
from lmctheory.paths.smooth_functions import EXP, smooth
from lmctheory.paths.taylor_activations import Fresh
from lmctheory.paths.taylor_attention import Heads, masked, softmax
from lmctheory.paths.taylor_curves import curved
from lmctheory.paths.taylor_models import TaylorModel, value_at
from lmctheory.paths.taylor_norms import normalised
from lmctheory.paths.taylor_products import bilinear, squared

SHAPE = (2, 3, 4)
SIZES = [1e-20, 1e-3, 1.0, 1.0, 1.0, 10.0, 100.0, 1e10, 1e20]
SPREADS = [1e-8, 1e-4, 1e-2, 1e-1, 1.0]
BOTH, ONE, FREE = 1, 5, 90


def random_model(rng, size, spread, blocks, dtype):
    """Coefficients of any degree, symbols and a radius of a relative size."""
    count = sum(m for _, m in blocks)
    c = torch.from_numpy(rng.standard_normal((int(rng.integers(1, 5)), *SHAPE))) * size
    c[1:] *= float(rng.choice([0, 1e-3, 0.1, 1.0]))
    g = torch.from_numpy(rng.standard_normal((2, count, *SHAPE))) * (size * spread)
    radius = torch.from_numpy(rng.random(SHAPE)) * (size * spread)
    return TaylorModel(c, g.to(dtype), blocks, radius.to(dtype))


def one_of(rng, model, s, e):
    """A value that a model contains, for known symbols by block."""
    g_0, g_1 = model.symbols.double()
    known = torch.cat([e[name] for name, _ in model.blocks])
    rho = torch.from_numpy(rng.choice([-1.0, 0.0, 1.0], SHAPE)) * model.radius.double()
    return value_at(model.polynomial, s) + torch.einsum("m,m...->...", known, g_0 + s * g_1) + rho


def used(model, true, s, e):
    """The largest share of what a model leaves open, symbols of other blocks free."""
    g, at = model.symbols[0].double() + s * model.symbols[1].double(), 0
    centre, room = value_at(model.polynomial, s), model.radius.double()
    for name, count in model.blocks:
        part = g[at : at + count]
        at += count
        if name in e:
            centre = centre + torch.einsum("m,m...->...", e[name], part)
        else:
            room = room + part.abs().sum(0)
    return float(((true - centre).abs() / room).nan_to_num(torch.inf).max())


def averaged(x, y):
    return (x * y).mean(-1, keepdim=True)


def hidden(rng):
    found = torch.from_numpy(rng.random((3, 4)) < 0.2)
    found[:, 0] = False
    return found


def apart(x, axes):
    return x - x.mean(axes, keepdim=True)


SIGMAS = {
    name: activation(name)
    for name in ("tanh", "sigmoid", "gelu", "silu", "softplus", "erf", "mish", "celu", "softsign")
} | {"celu(.3)": activation_of(nn.CELU(0.3)), "gelu tanh": activation("gelu_tanh")}
AXES = [(-1,), (-2, -1)]


def norm_of(axes, eps, mean):
    def model(x, _y, _z, degree, fresh):
        return normalised(x, axes, eps, degree, fresh, mean=mean)

    def true(x, _y, _z):
        u = apart(x, axes) if mean else x
        return u / (u.square().mean(axes, keepdim=True) + eps).sqrt()

    return model, true


def heads_of(mask):
    where = None if mask is None else torch.zeros(3, 3).double().masked_fill(mask, -torch.inf)
    heads = Heads(0.5, where)

    def true(x, y, z):
        scores = x @ y.mT * 0.5
        return (scores if where is None else scores + where).softmax(-1) @ z

    return heads, true


def cases(rng):
    """By name: of three models, the degree and free symbols a model, and of three values one."""
    hide = hidden(rng)
    sigma = SIGMAS[str(rng.choice(list(SIGMAS)))]
    causal = ~torch.ones(3, 3, dtype=torch.bool).tril()
    return {
        "activation": (
            lambda x, y, z, k, f: curved(smooth(sigma), x, k, f),
            lambda x, y, z: sigma.apply(x),
        ),
        "exp": (lambda x, y, z, k, f: curved(EXP, x, k, f), lambda x, y, z: x.exp()),
        "product": (
            lambda x, y, z, k, f: bilinear(torch.mul, x, y, 1, k),
            lambda x, y, z: x * y,
        ),
        "matrix product": (
            lambda x, y, z, k, f: bilinear(lambda p, q: p @ q.mT, x, y, 4, k),
            lambda x, y, z: x @ y.mT,
        ),
        "square": (
            lambda x, y, z, k, f: squared(averaged, x, 4, k),
            lambda x, y, z: averaged(x, x),
        ),
        "layer norm": norm_of(AXES[rng.integers(2)], float(rng.choice([1e-5, 0.0, 1.0])), True),
        "rms norm": norm_of(AXES[rng.integers(2)], float(rng.choice([1e-5, 0.0, 1.0])), False),
        "softmax": (
            lambda x, y, z, k, f: softmax(x, -1, k, f),
            lambda x, y, z: x.softmax(-1),
        ),
        "masked softmax": (
            lambda x, y, z, k, f: softmax(masked(x, hide), -1, k, f),
            lambda x, y, z: x.masked_fill(hide, -torch.inf).softmax(-1),
        ),
        "attention": heads_of(None),
        "causal attention": heads_of(causal),
    }


NAMES = list(cases(np.random.default_rng(0)))


def search(name, rounds, seed, points=6, sizes=SIZES):
    """The largest share of a model's room that a value in it uses, infinite if it is no number."""
    rng, worst = np.random.default_rng(seed), 0.0
    for _ in range(rounds):
        dtype = [torch.float32, torch.float64][rng.integers(2)]
        size, spread = float(rng.choice(sizes)), float(rng.choice(SPREADS))
        x = random_model(rng, size, spread, ((BOTH, 3),), dtype)
        y = random_model(rng, float(rng.choice([size, 1.0])), spread, ((BOTH, 3), (ONE, 2)), dtype)
        z = random_model(rng, min(size, 1e5), spread, ((BOTH, 3),), dtype)
        model, true = cases(rng)[name]
        fresh = Fresh(FREE, int(rng.integers(0, 4)))
        found = model(x, y, z, int(rng.choice([2, 3])), fresh)
        assert not found.radius.isnan().any()
        assert found.polynomial.isfinite().all() or not (found.radius < torch.inf).all()
        for _ in range(points):
            s = float(rng.choice([-1.0, 1.0, 0.0, rng.uniform(-1, 1)]))
            e = {
                BOTH: torch.from_numpy(rng.choice([-1.0, 1.0, 0.3], 3)),
                ONE: torch.from_numpy(rng.choice([-1.0, 1.0], 2)),
            }
            value = true(*(one_of(rng, each, s, e) for each in (x, y, z)))
            if value.isfinite().all():
                worst = max(worst, used(found, value, s, e))
    return worst


@pytest.mark.parametrize("name", NAMES)
def test_no_value_leaves_its_model(name):
    assert 0.5 < search(name, 30, 0) <= 1 + 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_no_value_leaves_many_models(name):
    assert search(name, 4000, 1) <= 1 + 1e-9
