"""Small networks with attention and residual streams, and planted transformations of them."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from lmctheory.matching._symmetry import outputs
from lmctheory.matching.rotations._rotate import _turned
from lmctheory.matching.rotations.ascent import Turning
from lmctheory.networks import ViT
from lmctheory.networks.state import copied
from tests.matching.families import FAMILIES, built, varied


class Encoder(nn.Module):
    """One `nn.TransformerEncoderLayer` between an embedding and a normalised output."""

    def __init__(self, *, pre: bool) -> None:
        super().__init__()
        self.embedding = nn.Linear(8, 12)
        self.layer = nn.TransformerEncoderLayer(
            12, 3, 20, dropout=0.0, batch_first=True, norm_first=pre
        )
        self.norm, self.head = nn.LayerNorm(12), nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.layer(self.embedding(x)))[:, -1])


class Stream(nn.Module):
    """Perceptrons along a residual stream, with an RMSNorm or LayerNorm before each.

    Args:
        kind: of the normalisations.
        bias: whether the layers that read the stream have one.
        after: something in the stream, after the first perceptron.
    """

    def __init__(
        self,
        kind: type[nn.Module] = nn.LayerNorm,
        *,
        bias: bool = True,
        after: nn.Module | None = None,
        elementwise: bool = True,
    ) -> None:
        super().__init__()
        self.first = nn.Linear(5, 6)
        self.norms = nn.ModuleList(kind(6, elementwise_affine=elementwise) for _ in range(3))
        self.up = nn.ModuleList(nn.Linear(6, 7, bias=bias) for _ in range(2))
        self.down = nn.ModuleList(nn.Linear(7, 6) for _ in range(2))
        self.after = nn.Identity() if after is None else after
        self.head = nn.Linear(6, 3, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        h = h + self.down[0](torch.tanh(self.up[0](self.norms[0](h))))
        h = self.after(h)
        h = h + self.down[1](torch.tanh(self.up[1](self.norms[1](h))))
        return self.head(self.norms[2](h))


def rotated(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Two planes, each by an angle that grows along the sequence."""
    angle = torch.arange(a.shape[-2], dtype=a.dtype)[:, None] * torch.tensor([1.0, 0.3]).to(a)
    return a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()


def rotary_halves(x: Tensor) -> Tensor:
    """As `rotated` does with planes (i, i + 2), in the words of LLaMA."""
    angle = torch.arange(x.shape[-2], dtype=x.dtype)[:, None] * torch.tensor([1.0, 0.3] * 2).to(x)
    return x * angle.cos() + torch.cat([-x[..., 2:], x[..., :2]], -1) * angle.sin()


def rotary_pairs(x: Tensor) -> Tensor:
    return torch.stack(rotated(x[..., ::2], x[..., 1::2]), -1).flatten(-2)


class Grouped(nn.Module):
    """As in LLaMA: RMSNorm, rotary embeddings, and three groups of three heads that share keys."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.norms = nn.Linear(5, 8), nn.ModuleList(nn.RMSNorm(8) for _ in "ab")
        self.q, self.k, self.v = nn.Linear(8, 36), nn.Linear(8, 12), nn.Linear(8, 12)
        self.out, self.head = nn.Linear(36, 8, bias=False), nn.Linear(8, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = self.embedding(x)
        n = self.norms[0](h)
        q, k, v = (f(n).unflatten(-1, (-1, 4)).transpose(1, 2) for f in (self.q, self.k, self.v))
        q, k = rotary_halves(q), rotary_halves(k)
        made = scaled_dot_product_attention(q, k, v, enable_gqa=True)
        h = h + self.out(made.transpose(1, 2).flatten(2))
        return self.head(self.norms[1](h))


def small(name: str, seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A network and an example of its inputs."""
    rng = torch.Generator().manual_seed(1)
    if name == "vit":
        first = torch.Generator().manual_seed(seed)
        model = ViT((1, 8, 8), 10, patch=4, width=16, depth=2, heads=2, rng=first)
        return varied(model, seed), torch.randn(4, 64, generator=rng)
    if name in ("pre-norm", "post-norm"):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = Encoder(pre=name == "pre-norm")
        return varied(model, seed), torch.randn(4, 5, 8, generator=rng)
    if name == "grouped":
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = Grouped()
        return varied(model, seed), torch.randn(4, 5, 5, generator=rng)
    family = FAMILIES[name]
    return varied(built(family, seed), seed), family.example


def haar(space, rng):
    return space.nearest(torch.from_numpy(rng.standard_normal((space.size, space.size))))


def planted(found, model, seed=0, *, permuted=True):
    """A folded network after random matrices on all spaces and random orders of all groups."""
    rng = np.random.default_rng(seed)
    orders = {
        group.name: rng.permutation(group.size) if permuted else np.arange(group.size)
        for group in found.groups.groups
    }
    return _turned(found, model, Turning(orders, {s.name: haar(s, rng) for s in found.spaces}))


def halfway(a, b):
    result = copied(a)
    with torch.no_grad():
        for x, y in zip(result.parameters(), b.parameters(), strict=True):
            x.lerp_(y, 0.5)
    return result


def change(a, b, example):
    """Relative change of outputs, computed in float64."""
    before, after = outputs(a, example), outputs(b, example)
    return float((after - before).detach().abs().max() / before.detach().abs().max())
