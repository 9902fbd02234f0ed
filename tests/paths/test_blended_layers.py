"""Norms, attention, products, embeddings and BatchNorm on curves and in simplices."""

import copy
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.networks import VGG, Examples, TrainingConfig
from lmctheory.paths import (
    Path,
    certified_simplex_barrier,
    certify,
    certify_simplex,
    certify_star,
    connect,
)
from lmctheory.paths.blended_norms import NormalisationBlend
from lmctheory.paths.blends import Family
from lmctheory.paths.layer_operations import Node
from lmctheory.paths.parameters import Embedding, Parameters, numbers_on
from lmctheory.paths.regions import Box, Effort, Piece
from lmctheory.paths.simplex_search import blended
from lmctheory.paths.taylor_layers import weight_symbols
from lmctheory.paths.taylor_models import TaylorModel, value_at
from lmctheory.paths.taylor_outputs import PieceNetwork
from tests.paths.architectures import generator, shaken
from tests.paths.attending import IMAGE, TEXT
from tests.paths.families import family_of, point_of, random_region
from tests.paths.pieces import EFFORTS, fractions, seeded
from tests.paths.test_simplex import grid

FAMILIES = ("simplex", "bezier", "polygon")
FEW = [effort for effort in EFFORTS if effort.symbols < 1000]
BALLS = [Effort(3, m, dtype, True) for m in (0, 5) for dtype in (torch.float32, torch.float64)]


class Recurrent(nn.Module):
    """Rows of an image, one after another."""

    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.GRU(4, 3, batch_first=True), nn.Linear(3, 3)

    def forward(self, x):
        return self.head(self.layer(x.squeeze(1))[0][:, -1])


class Normed(nn.Module):
    """BatchNorm after convolutions, one of them with two readers, and on what is flat."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.plain, self.last = nn.BatchNorm2d(4, affine=False), nn.BatchNorm1d(64)
        self.head = nn.Linear(64, 3)

    def forward(self, x):
        x = self.stem(x)
        x = torch.relu(self.norm(x)) + self.plain(x)
        return self.head(torch.relu(self.last(x.flatten(1))))


BUILD = {
    **IMAGE,
    **TEXT,
    "recurrent": lambda g: Recurrent(),
    "batch norm": lambda g: Normed(),
    "VGG norm": lambda g: VGG((1, 4, 4), 3, 11, 2, "batch", rng=g),
}
LONGER = [pytest.param(name, marks=pytest.mark.slow) for name in ("ViT", "modern GPT")]
SMALL = ["grouped", "batch norm", *LONGER]


def shared(models):
    """Masks are the first's."""
    for model in models[1:]:
        for name, buffer in model.named_buffers():
            if name.endswith("mask"):
                buffer.copy_(dict(models[0].named_buffers())[name])
    return models


def members(name, seed, count=3, share=0.3, n=2):
    """Networks of one architecture, and examples."""
    g = generator(seed)
    first = shaken(seeded(lambda: BUILD[name](g), seed).double().eval(), 0.3, g)
    for key, buffer in first.named_buffers():
        if key.endswith("mask"):
            buffer.copy_(torch.ones_like(buffer).tril())
    models = shared([first, *(shaken(first, share, g) for _ in range(count - 1))])
    if name in TEXT:
        return models, Examples(torch.randint(5, (n, 4), generator=g), torch.arange(n) % 5)
    x = torch.randn(n, 1, 4, 4, generator=g, dtype=torch.float64)
    return models, Examples(x, torch.arange(n) % 3)


def share_taken(model, value, s, w):
    """The largest share of what is not known of a model that a value takes."""
    count = weight_symbols(model)
    g = model.symbols.double()
    centre = value_at(model.polynomial, s) + 0 * value.nan_to_num(neginf=0.0)
    for share, (g_0, g_1) in zip(w, g[:, :count].transpose(0, 1), strict=False):
        centre = centre + share * (g_0 + s * g_1)
    reach = (g[0, count:] + s * g[1, count:]).abs().sum(0) + model.radius.double()
    off = torch.where(value == centre, 0.0, (value - centre).abs())
    if model.ball is None:
        return float((off / reach.clamp(min=1e-300)).max())
    beyond = (off - reach).clamp(min=0).flatten(1).norm(dim=1)
    return float((beyond / model.ball.clamp(min=1e-300)).max())


@torch.no_grad()
def most_taken(name, models, data, region, effort, rng, draws=4):
    """The largest share at any node, at random points of a region within the family."""
    program = blended(models, data, family_of(name, len(models)))
    x, others = data.inputs.double(), len(models) - 2 if name == "simplex" else 0
    found = list(PieceNetwork(program, region, effort).models(x))
    worst = 0.0
    for _ in range(draws):
        s, *w = (float(rng.choice([-1.0, 1.0, 0.0, rng.uniform(-1, 1)])) for _ in range(others + 1))
        point = point_of(region, s, w)
        if isinstance(point, tuple) and min(point) < 0:
            continue
        values = program.values(program.at(point), x)
        for model, value in list(zip(found, values, strict=True))[1:]:
            worst = max(worst, share_taken(model, value, s, w))
    return worst


def combination(models, shares):
    """A network, by another way than the package's."""
    found = copy.deepcopy(models[0])
    states = [model.state_dict() for model in models]
    mixed = {
        key: sum(x * state[key] for x, state in zip(shares, states, strict=True))
        if tensor.is_floating_point() and not key.endswith("mask")
        else tensor
        for key, tensor in states[0].items()
    }
    found.load_state_dict(mixed)
    return found


def enclosed(name, family, rng, draws, seed, efforts):
    models, data = members(name, seed, share=float(rng.choice([0.3, 0.3, 0.01, 1e-6])))
    effort, region = efforts[rng.integers(len(efforts))], random_region(rng, family, 3)
    assert most_taken(family, models, data, region, effort, rng, draws) <= 1, (effort, region)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["ViT", "grouped", "batch norm"])
def test_no_node_leaves_its_enclosure(name, family):
    rng = np.random.default_rng(list(BUILD).index(name))
    for seed, efforts in enumerate((FEW, BALLS)):
        enclosed(name, family, rng, 4, seed, efforts)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", BUILD)
def test_no_node_leaves_many_enclosures(name, family):
    rng = np.random.default_rng(100 + list(BUILD).index(name))
    for seed in range(10):
        enclosed(name, family, rng, 8, seed, EFFORTS + BALLS)


@torch.no_grad()
@pytest.mark.parametrize("name", BUILD)
def test_programs_are_the_combined_networks(name):
    models, data = members(name, 3)
    shares = (0.2, 0.3, 0.5)
    program = blended(models, data, family_of("simplex", 3))
    found = program.values(program.at(shares), data.inputs.double())[-1]
    assert torch.allclose(found, combination(models, shares)(data.inputs), atol=1e-9)


class Wrong(Family):
    """One coefficient of the expansion too large."""

    def __init__(self, family, field):
        self.family, self.field = family, field

    def at(self, point):
        return self.family.at(point)

    def on(self, region):
        found = self.family.on(region)
        return found._replace(**{self.field: _more(getattr(found, self.field))})


def _more(part):
    first, *rest = part
    return (1.05 * first if isinstance(first, float) else _more(first), *rest)


@torch.no_grad()
@pytest.mark.parametrize("field", ["centre", "powers", "weights"])
@pytest.mark.parametrize("kind", [Parameters, Embedding, NormalisationBlend])
def test_a_wrong_coefficient_is_seen(kind, field, monkeypatch):
    models, data = members("batch norm" if kind is NormalisationBlend else "GPT", 0)
    made = blended(models, data, family_of("simplex", 3))
    at = next(i for i, op in enumerate(made.operations) if isinstance(op, kind))
    wrong = replace(made.operations[at], family=Wrong(family_of("simplex", 3), field))
    programs = {
        True: replace(made, operations=(*made.operations[:at], wrong, *made.operations[at + 1 :])),
        False: made,
    }
    region = Box((0.25, 0.25), (0.25 + 2**-5, 0.25 + 2**-5))
    for broken, program in programs.items():
        monkeypatch.setattr(f"{__name__}.blended", lambda *_, p=program: p)
        rng = np.random.default_rng(0)
        most = most_taken("simplex", models, data, region, Effort(3, 0, torch.float64), rng)
        assert (most > 1) == broken


def exactly(values, coefficients):
    return sum(a * fractions(v) for a, v in zip(coefficients, values, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1.0, 1e-42, 1e30])
@pytest.mark.parametrize("family", FAMILIES)
def test_numbers_are_enclosed_exactly(family, scale, dtype):
    rng = np.random.default_rng(0)
    values = tuple(scale * torch.from_numpy(v) for v in rng.standard_normal((3, 50)))
    tight = 0.0
    for _ in range(10):
        region = random_region(rng, family, 3)
        found = numbers_on(values, family_of(family, 3), region, dtype)
        s, w = (Fraction(int(rng.integers(-64, 65)), 64) for _ in range(2))
        if family == "simplex":
            halves, centre = ([Fraction(c) for c in v] for v in (region.halves, region.centre))
            moved = [s, w] if region.axis == 0 else [w, s]
            x, y = (c + h * e for c, h, e in zip(centre, halves, moved, strict=True))
            shares = (1 - x - y, x, y)
        else:
            t = Fraction(region.centre) + s * Fraction(region.half)
            u = 2 * t - int(t >= Fraction(1, 2))
            chain = (u, 1 - u, 0) if t >= Fraction(1, 2) else (0, u, 1 - u)
            shares = (t * t, 2 * t * (1 - t), (1 - t) ** 2) if family == "bezier" else chain
        assert exactly_inside_of(found, exactly(values, shares), s, w)
        tight = max(tight, float((found.radius / values[0].abs().amax()).max()))
    assert tight < (1e-6 if dtype == torch.float32 else 1e-12) or scale == 1e-42


def exactly_inside_of(model, value, s, w):
    """Whether exact numbers are in a model without other symbols than the weights'."""
    centre = sum(fractions(c[0]) * s**k for k, c in enumerate(model.polynomial))
    for g in model.symbols[0]:
        centre = centre + w * fractions(g[0])
    assert not model.symbols[1].any()
    return bool((abs(value - centre) <= fractions(model.radius[0])).all())


def test_numbers_that_are_shared_are_exact():
    v = torch.randn(5, generator=generator(0), dtype=torch.float64)
    found = numbers_on(
        (v, v.clone(), v), family_of("simplex", 3), Box((0.0, 0.0), (1.0, 1.0)), v.dtype
    )
    assert torch.equal(found.polynomial, v[None, None])
    assert not found.radius.any()
    assert not found.blocks


@pytest.mark.parametrize("family", ["simplex", "bezier"])
def test_variances_that_fall_to_zero_leave_nothing_known(family):
    ones = torch.ones(2, 1, dtype=torch.float64)
    variance = (ones * torch.tensor([[1.0], [9.0]]), ones, ones)
    op = NormalisationBlend(
        *(Node("it", (0,), (2, 1)), (ones,) * 3, (ones,) * 3, (ones,) * 3, variance),
        family_of(family, 3),
    )
    region = Box((0.0, 0.0), (1.0, 1.0)) if family == "simplex" else Piece(0.0, 1.0)
    model = TaylorModel.constant(torch.full((1, 2, 1), 2.0).double(), torch.float64)
    found = op.on_piece(1, region, Effort(3, 0, torch.float64))([model])
    assert found.radius[0, 0] < 1e-6
    assert bool(found.radius[0, 1] == torch.inf) == (family == "simplex")


def judged(name, share, n=8):
    """Networks, and labels that the middle gives to all examples but one."""
    models, data = members(name, 0, share=share, n=n)
    with torch.no_grad():
        labels = combination(models, (1 / 3,) * 3)(data.inputs).argmax(1)
    labels[0] = (labels[0] + 1) % 3
    return models, Examples(data.inputs, labels)


def right_at(models, data, points):
    return torch.stack(
        [combination(models, x)(data.inputs).argmax(1) == data.labels for x in points]
    )


@torch.no_grad()
@pytest.mark.parametrize("name", SMALL)
def test_triangles_are_decided_as_on_a_grid(name):
    models, data = judged(name, 0.05)
    found = certify_simplex(models, data, budget=120.0)
    right = right_at(models, data, grid(3, 12)).all(0).numpy()
    assert (found.certified | found.refuted).all()
    assert not (found.certified & ~right).any()
    assert 4 <= found.certified.sum() <= 7
    for i in np.flatnonzero(found.refuted):
        assert not right_at(models, data, [found.shares[i].tolist()])[0, i]


@torch.no_grad()
@pytest.mark.parametrize("name", ["grouped", *LONGER])
def test_curves_are_decided_as_on_a_grid(name):
    models, data = judged(name, 0.05)
    path = Path("bezier", models)
    found = path.certify(data, budget=120.0)
    points = [(t * t, 2 * t * (1 - t), (1 - t) ** 2) for t in np.linspace(0, 1, 41).tolist()]
    right = right_at(models, data, points).all(0).numpy()
    assert (found.certified | found.refuted).all()
    assert not (found.certified & ~right).any()
    assert 4 <= found.certified.sum() <= 7
    for i in np.flatnonzero(found.refuted):
        assert path.at(float(found.t[i]))(data.inputs)[i].argmax() != data.labels[i]


@torch.no_grad()
@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_the_largest_barrier_is_in_its_interval(name):
    models, data = judged(name, 0.2)
    found = certified_simplex_barrier(models, data, tolerance=0.5, budget=20.0)
    ends = [float(data.loss.mean(m(data.inputs), data.labels)) for m in models]
    for x in grid(3, 12):
        loss = float(data.loss.mean(combination(models, x)(data.inputs), data.labels))
        value = loss - float(np.dot(x, ends))
        inside = ((found.low <= x[1:]) & (x[1:] <= found.high)).all(1)
        assert value <= found.upper[inside].max() + 1e-12
        assert value <= found.max.upper


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_of_two_networks_the_simplex_is_the_segment(name):
    models, data = judged(name, 0.1)
    whole, segment = (
        certify_simplex(models[:2], data),
        certify(*models[:2], data, complete=True),
    )
    assert (whole.certified == segment.certified).all()
    assert certify_star(models[0], models[1:2], data).rays[0].t == pytest.approx(
        segment.t, nan_ok=True
    )


def test_a_trained_curve_between_transformers_is_certified():
    (a, b, _), data = judged("ViT", 0.05)
    path = connect(a, b, data, TrainingConfig(epochs=2, learning_rate=0.01))
    found = path.certify(data, budget=60.0)
    assert (found.certified | found.refuted).any()
