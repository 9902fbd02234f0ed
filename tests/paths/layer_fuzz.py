"""Every layer that certificates follow, attacked at every node.

    python -m tests.paths.layer_fuzz

A layer, of two networks, is given a Taylor model of random size instead of inputs: a polynomial in
s, symbols and a radius. Whatever a point of it is taken to by a network of the piece must be in the
model of that node, the known symbols at their values. Points are random, then moved to where an
entry of some node is nearest to leaving: along the gradient with respect to the symbols and the
radius, by steps of the sign, for random s.

What the comparison itself rounds is allowed for: the model that is followed has a radius that is
larger by 64 units than that of the points, and 16 units of a node's numbers are taken from how far
a value is off.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from lmctheory.networks import Examples
from lmctheory.paths.reading import program_of
from lmctheory.paths.regions import Effort
from lmctheory.paths.taylor_models import TaylorModel, polynomial_size, value_at
from lmctheory.paths.taylor_outputs import PieceNetwork
from tests.paths.architectures import generator, shaken
from tests.paths.attending import RMS, Fused, SwiGLU
from tests.paths.pieces import EFFORTS, random_piece, seeded

EPS = torch.finfo(torch.float64).eps
KNOWN = 1
"""Name of the block of the input's symbols."""

SHARES = (1.0, 0.99, 0.9, 0.75, 0.5, 0.25, 0.1, 0.01)
BALLS = [Effort(3, m, torch.float64, True) for m in (0, 5)]
STEPS = (0.0, 2.0, 2.0, 0.5, 0.2)
"""How far symbols move at each step; at first they are random."""


class Layer(nn.Module):
    """A layer, and a linear one to end with."""

    def __init__(self, layer, outputs, apply=None):
        super().__init__()
        self.layer, self.head = layer, nn.Linear(outputs, 2)
        self.apply_it = apply or (lambda layer, x: layer(x))

    def forward(self, x):
        return self.head(self.apply_it(self.layer, x).flatten(1))


def of(build, shape, outputs, apply=None, **options):
    """A layer, built by a function, on inputs of a shape."""
    return lambda: (Layer(build(), outputs, apply), shape), options


def pointwise(sigma, **options):
    return of(lambda: sigma, (6,), 6, **options)


def call(function, shape, outputs, **options):
    return of(nn.Identity, shape, outputs, lambda _, x: function(x), **options)


IMAGE, LINE, TOKENS = (4, 5, 4), (4, 9), (3, 4)

LAYERS = {
    "linear": of(lambda: nn.Linear(6, 5), (6,), 5),
    "convolution": of(lambda: nn.Conv2d(4, 3, 3, 2, 1), IMAGE, 18),
    "convolution, dilated": of(lambda: nn.Conv1d(4, 3, 3, 1, 2, 2), LINE, 27),
    "convolution, depthwise": of(lambda: nn.Conv2d(4, 4, 3, groups=4), IMAGE, 24),
    "transposed convolution": of(lambda: nn.ConvTranspose1d(4, 4, 3, 2, 1, groups=2), LINE, 68),
    "batch norm": of(lambda: nn.BatchNorm2d(4), IMAGE, 80),
    "layer norm": of(lambda: nn.LayerNorm(4), TOKENS, 12),
    "group norm": of(lambda: nn.GroupNorm(2, 4), IMAGE, 80),
    "instance norm": of(lambda: nn.InstanceNorm1d(4, affine=True), LINE, 36),
    "root-mean-square norm": of(lambda: nn.RMSNorm(4, eps=1e-5), TOKENS, 12),
    "the same written out": of(lambda: RMS(4), TOKENS, 12),
    "relu": pointwise(nn.ReLU()),
    "leaky relu": pointwise(nn.LeakyReLU(0.1)),
    "prelu": of(lambda: nn.PReLU(6), (6,), 6),
    "relu6": pointwise(nn.ReLU6()),
    "hardtanh": pointwise(nn.Hardtanh()),
    "hardsigmoid": pointwise(nn.Hardsigmoid()),
    "hardswish": pointwise(nn.Hardswish()),
    "tanh": pointwise(nn.Tanh()),
    "sigmoid": pointwise(nn.Sigmoid()),
    "gelu": pointwise(nn.GELU()),
    "gelu, by tanh": pointwise(nn.GELU("tanh")),
    "silu": pointwise(nn.SiLU()),
    "mish": pointwise(nn.Mish()),
    "softplus": pointwise(nn.Softplus()),
    "softsign": pointwise(nn.Softsign()),
    "celu": pointwise(nn.CELU()),
    "elu": pointwise(nn.ELU(0.5)),
    "selu": pointwise(nn.SELU()),
    "erf": call(torch.erf, (6,), 6),
    "exp": call(torch.exp, (6,), 6),
    "quotient": call(lambda x: x[:, :3] / (2 + torch.tanh(x[:, 3:])), (6,), 3),
    "product": call(lambda x: x[:, :3] * x[:, 3:], (6,), 3),
    "square": call(torch.square, (6,), 6),
    "matrix product": call(lambda x: x @ x.transpose(1, 2), TOKENS, 9),
    "glu": of(nn.GLU, TOKENS, 6),
    "swiglu": of(lambda: SwiGLU(4), TOKENS, 12),
    "residual stream": of(lambda: nn.Linear(4, 4), TOKENS, 12, lambda f, x: x + f(x)),
    "concatenation": of(lambda: nn.Linear(4, 4), TOKENS, 24, lambda f, x: torch.cat([x, f(x)], 2)),
    "average pool": of(lambda: nn.AvgPool2d(2, 1), IMAGE, 48),
    "max pool": of(lambda: nn.MaxPool2d(3, 1, 1), IMAGE, 80),
    "adaptive average pool": of(lambda: nn.AdaptiveAvgPool2d((3, 2)), IMAGE, 24),
    "adaptive max pool": of(lambda: nn.AdaptiveMaxPool2d((3, 2)), IMAGE, 24),
    "softmax": of(lambda: nn.Softmax(-1), TOKENS, 12),
    "attention": of(
        lambda: nn.MultiheadAttention(4, 2, batch_first=True),
        *(TOKENS, 12, lambda f, x: f(x, x, x, need_weights=False)[0]),
    ),
    "attention, causal": of(lambda: Fused(4, 2, 3), TOKENS, 12),
    "RNN": of(lambda: nn.RNN(4, 3, batch_first=True), TOKENS, 9, lambda f, x: f(x)[0]),
    "GRU": of(lambda: nn.GRU(4, 3, batch_first=True), TOKENS, 9, lambda f, x: f(x)[0]),
    "LSTM": of(lambda: nn.LSTM(4, 3, batch_first=True), TOKENS, 9, lambda f, x: f(x)[0]),
    "embedding": of(lambda: nn.Embedding(7, 4), (3,), 12, tokens=7),
}
"""By name: what builds a layer with the shape of its inputs, and of what they are, if of tokens."""


@dataclass
class Found:
    """What came of an attack.

    Attributes:
        points: examples at an s that were compared, each at all nodes.
        left: how many of them left a node's enclosure, by the share that it was scaled by.
        first: after how many the first did.
        most: the largest share of an enclosure that was taken.
    """

    points: int = 0
    left: dict[float, int] = field(default_factory=lambda: dict.fromkeys(SHARES, 0))
    first: dict[float, int] = field(default_factory=dict)
    most: float = 0.0

    def note(self, used: Tensor) -> None:
        """Takes the shares ``[n]`` that points take."""
        self.most = max(self.most, float(used.max()))
        for share in SHARES:
            out = used > share
            if out.any() and share not in self.first:
                self.first[share] = self.points + 1 + int(out.nonzero()[0])
            self.left[share] += int(out.sum())
        self.points += len(used)


def attacked(name: str, rounds: int, seed: int = 0, n: int = 64) -> Found:
    """A layer's enclosures, attacked in so many rounds of n examples."""
    build, options = LAYERS[name]
    rng, found = np.random.default_rng([seed, *name.encode()]), Found()
    for _ in range(rounds):
        own = int(rng.integers(2**31))
        module, shape = seeded(build, own)
        a = shaken(module.double().eval(), 0.3, generator(own))
        b = shaken(a, float(rng.choice([1.0, 0.1, 1e-3])), generator(own + 1))
        efforts = EFFORTS + BALLS
        effort, piece = efforts[rng.integers(len(efforts))], random_piece(rng)
        tokens = options.get("tokens")
        start = _start(rng, (n, *shape), effort.dtype, tokens)
        inputs = start.polynomial[0].long() if tokens else start.polynomial[0]
        data = Examples(inputs, torch.zeros(n, dtype=torch.long))
        with torch.no_grad():
            program = program_of(a, b, data, complete=True)
            network, models = PieceNetwork(program, piece, effort), [_wider(start)]
            for op, step in zip(program.operations, network.steps, strict=True):
                models.append(step([models[k] for k in op.node.inputs]))
        layer = range(1, len(models) - 2)  # less flatten and head
        for s in [-1.0, 1.0, *rng.uniform(-1, 1, 2)]:
            values = partial(program.values, program.at(piece.at(float(s))))
            _climb(rng, start, models, layer, values, s, found)
    return found


def _start(rng, shape: tuple[int, ...], dtype: torch.dtype, tokens: int | None) -> TaylorModel:
    """A model of inputs, or of tokens, which are known."""
    if tokens:
        values = torch.from_numpy(rng.integers(tokens, size=shape)).double()
        return TaylorModel.constant(values, dtype)
    spread = float(rng.choice([1e-6, 1e-3, 1e-2, 1e-1, 0.5]))
    c = torch.from_numpy(rng.standard_normal((3, *shape)))
    c[1:] *= spread
    g = torch.from_numpy(rng.standard_normal((2, 2, *shape))) * spread * rng.choice([0.0, 0.3])
    radius = torch.from_numpy(rng.random(shape)) * spread * rng.choice([0.0, 0.3])
    return TaylorModel(c, g.to(dtype), ((KNOWN, 2),), radius.to(dtype))


def _wider(start: TaylorModel) -> TaylorModel:
    """With room for what is rounded in points of it; tokens are exact."""
    if not start.blocks:
        return start
    return start.wider(
        (64 * EPS * (polynomial_size(start.polynomial) + start.rest)).to(start.radius)
    )


def _climb(
    rng,
    start: TaylorModel,
    models: list[TaylorModel],
    layer: range,
    values: Callable[[Tensor], list[Tensor]],
    s: float,
    found: Found,
) -> None:
    n, ones = len(start.radius), [1] * (start.radius.ndim - 1)
    e = torch.from_numpy(rng.uniform(-1, 1, (start.symbols.shape[1], n, *ones)))
    rho = torch.from_numpy(rng.uniform(-1, 1, start.radius.shape))
    g_0, g_1 = start.symbols.double()
    target, sign = int(rng.choice(layer)), float(rng.choice([-1.0, 1.0]))
    count = models[target].radius[0].numel()
    entry = torch.from_numpy(rng.integers(count, size=(n, 1)))
    gradients: tuple[Tensor | None, ...] = (None, None)
    for step in STEPS:
        e, rho = (
            x if gradient is None else (x + step * gradient.sign()).clamp(-1, 1)
            for x, gradient in zip((e, rho), gradients, strict=True)
        )
        e, rho = e.detach().requires_grad_(), rho.detach().requires_grad_()
        with torch.enable_grad():
            x = value_at(start.polynomial, s) + ((g_0 + s * g_1) * e).sum(0)
            nodes = values(x + rho * start.radius.double())
            aim = _off(models[target], nodes[target], s, e).flatten(1).gather(1, entry).sum()
            if aim.requires_grad:
                gradients = torch.autograd.grad(sign * aim, (e, rho), allow_unused=True)
        with torch.no_grad():
            used = torch.stack([_used(models[i], nodes[i], s, e) for i in layer])
            found.note(used.amax(0))


def _off(model: TaylorModel, value: Tensor, s: float, e: Tensor) -> Tensor:
    """How far values are from what a model says at known symbols."""
    off = value - value_at(model.polynomial, s)
    if any(name == KNOWN for name, _ in model.blocks):
        g_0, g_1 = model.symbols[:, : len(e)].double()
        shaped = e.view(len(e), -1, *[1] * (off.ndim - 1))
        off = off - ((g_0 + s * g_1) * shaped).sum(0)
    return off.nan_to_num(0.0)  # masked entries


def _used(model: TaylorModel, value: Tensor, s: float, e: Tensor) -> Tensor:
    """The share of a model that values take, of each example."""
    off = _off(model, value, s, e).abs()
    known = len(e) if any(name == KNOWN for name, _ in model.blocks) else 0
    if known:
        size = polynomial_size(model.polynomial) + model.rest
        off = (off - 16 * EPS * size.nan_to_num(0.0, 0.0, 0.0)).clamp(min=0)
    g_0, g_1 = model.symbols[:, known:].double()
    room = (g_0 + s * g_1).abs().sum(0) + model.radius.double()
    if model.ball is None:
        return (off / room.clamp(min=1e-300)).flatten(1).amax(1)
    beyond = [(off - share * room).clamp(min=0).flatten(1).norm(dim=1) for share in SHARES]
    used = torch.zeros(len(off), dtype=torch.float64)
    for share, excess in zip(reversed(SHARES), reversed(beyond), strict=True):
        used = torch.where(excess > share * model.ball, share * (1 + 1e-9), used)
    inside = beyond[0] / model.ball.clamp(min=1e-300)
    return torch.where(used >= 1, used, torch.maximum(used, inside.clamp(max=1.0)))


def table(rounds: int, names: list[str] | None = None) -> str:
    """What is shown: of each layer a row."""
    rows = [("", "points", "outside", "least slack", "caught at", "after")]
    for name in names or LAYERS:
        found = attacked(name, rounds)
        caught = max((share for share in found.first if share < 1), default=None)
        rows.append(
            (
                *(name, f"{found.points:,}", str(found.left[1.0]), f"{1 - found.most:.2g}"),
                *(("-", "-") if caught is None else (f"{caught:g}", f"{found.first[caught]:,}")),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        row[0].ljust(widths[0])
        + "".join(cell.rjust(width + 3) for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    ]
    return "\n".join([lines[0], "─" * len(lines[0]), *lines[1:]])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Attacks the enclosures of every layer.")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--layer", action="append", choices=list(LAYERS))
    given = parser.parse_args()
    print(table(given.rounds, given.layer))
