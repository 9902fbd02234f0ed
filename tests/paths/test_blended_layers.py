"""Norms, attention, products, embeddings and BatchNorm on curves and in simplices."""

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.networks import VGG, Examples
from lmctheory.paths.regions import Effort
from lmctheory.paths.simplex_search import blended
from lmctheory.paths.taylor_layers import weight_symbols
from lmctheory.paths.taylor_models import value_at
from lmctheory.paths.taylor_outputs import PieceNetwork
from tests.paths.architectures import generator, shaken
from tests.paths.attending import IMAGE, TEXT
from tests.paths.families import family_of, point_of, random_region
from tests.paths.pieces import EFFORTS, seeded

FAMILIES = ("simplex", "bezier", "polygon")
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
SMALL = ("ViT", "grouped", "modern GPT", "batch norm")


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


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", BUILD)
def test_no_node_leaves_its_enclosure(name, family):
    rng = np.random.default_rng(list(BUILD).index(name))
    for seed in range(2):
        models, data = members(name, seed, share=float(rng.choice([0.3, 0.01])))
        efforts = BALLS if seed else EFFORTS
        effort = efforts[rng.integers(len(efforts))]
        region = random_region(rng, family, 3)
        assert most_taken(family, models, data, region, effort, rng) <= 1, (effort, region)
