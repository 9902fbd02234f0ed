"""Networks that only complete certificates can follow, small."""

import torch
from torch import nn
from torch.nn import functional

from lmctheory.networks import ViT


class Heads(nn.Module):
    """Causal attention written out, as in many small language models."""

    def __init__(self, width, heads, length):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width, bias=False)
        self.register_buffer("mask", torch.ones(length, length).tril().view(1, 1, length, length))

    def forward(self, x):
        n, length, width = x.shape
        q, k, v = (
            part.view(n, length, self.heads, width // self.heads).transpose(1, 2)
            for part in self.qkv(x).split(width, dim=2)
        )
        scores = (q @ k.transpose(-2, -1)) / (width // self.heads) ** 0.5
        scores = scores.masked_fill(self.mask[:, :, :length, :length] == 0, float("-inf"))
        y = functional.softmax(scores, dim=-1) @ v
        return self.out(y.transpose(1, 2).contiguous().view(n, length, width))


class Fused(Heads):
    """The same by PyTorch's function."""

    def forward(self, x):
        n, length, width = x.shape
        q, k, v = (
            part.view(n, length, self.heads, -1).transpose(1, 2)
            for part in self.qkv(x).chunk(3, dim=-1)
        )
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(n, length, width))


class RMS(nn.Module):
    """A root-mean-square norm written out."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight


class SwiGLU(nn.Module):
    """W_3 (silu(W_1 x) * W_2 x)."""

    def __init__(self, width):
        super().__init__()
        self.gate, self.value, self.out = (nn.Linear(width, width) for _ in range(3))

    def forward(self, x):
        return self.out(functional.silu(self.gate(x)) * self.value(x))


class GPT(nn.Module):
    """The next character of a few, by two pre-norm blocks."""

    def __init__(self, vocabulary, length, width, heads, *, attention=Heads, modern=False, depth=2):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(length, width)
        norm = RMS if modern else nn.LayerNorm
        self.blocks = nn.ModuleList()
        for _ in range(depth):
            mlp = nn.Sequential(
                nn.Linear(width, 2 * width), nn.GELU("tanh"), nn.Linear(2 * width, width)
            )
            parts = (norm(width), attention(width, heads, length), norm(width))
            self.blocks.append(nn.ModuleList([*parts, SwiGLU(width) if modern else mlp]))
        self.norm = norm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, x):
        h = self.tokens(x) + self.positions(torch.arange(x.shape[1], device=x.device))
        for first, attention, second, mlp in self.blocks:
            h = h + attention(first(h))
            h = h + mlp(second(h))
        return self.head(self.norm(h)[:, -1])


class Grouped(nn.Module):
    """Convolutions with a group norm and an instance norm, gated, joined and spread out again."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.GroupNorm(2, 4)
        self.down = nn.Conv2d(4, 4, 3, stride=2, padding=1)
        self.instance = nn.InstanceNorm2d(4, affine=True)
        self.up = nn.ConvTranspose2d(4, 4, 3, stride=2, padding=1, output_padding=1)
        self.gate = nn.Conv2d(8, 6, 1)
        self.head = nn.Linear(3, 3)

    def forward(self, x):
        x = self.norm(self.stem(x))
        low = torch.tanh(self.instance(self.down(torch.relu(x))))
        x = torch.cat([x - 0.5 * x.mean(1, keepdim=True), self.up(low)], 1)
        return self.head(functional.glu(self.gate(x), 1).sum((-2, -1)))


class Hard(nn.Module):
    """Activations with kinks anywhere."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(16, 16) for _ in range(8))
        self.prelu = nn.PReLU(16)
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        sigmas = (
            nn.Hardtanh(-0.5, 1.5),
            nn.ReLU6(),
            nn.Hardswish(),
            nn.Hardsigmoid(),
            nn.SELU(),
            nn.ELU(0.5),
            self.prelu,
            lambda z: z.clamp(-0.3),
        )
        x = torch.flatten(x, 1)
        for layer, sigma in zip(self.layers, sigmas, strict=True):
            x = sigma(layer(x)) + 0.1 * x
        return self.head(x)


class Encoder(nn.Module):
    """PyTorch's own layer."""

    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(4, 2, 8, 0.1, batch_first=True)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.layer(x.squeeze(1)).mean(1))


class Pooled(nn.Module):
    """Pools of windows that differ in size, and a transposed convolution in groups."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 2, padding=2)
        self.most, self.mean = nn.AdaptiveMaxPool2d((3, 4)), nn.AdaptiveAvgPool2d((2, 3))
        self.up = nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2)
        self.line = nn.AdaptiveMaxPool1d(4)
        self.head = nn.Linear(24, 3)

    def forward(self, x):
        x = self.up(self.mean(self.most(self.stem(x))))
        return self.head(self.line(x.flatten(2)).flatten(1))


IMAGE = {
    "pooled": lambda g: Pooled(),
    "ViT": lambda g: ViT((1, 4, 4), 3, patch=2, width=8, depth=1, heads=2, rng=g),
    "grouped": lambda g: Grouped(),
    "hard": lambda g: Hard(),
    "encoder": lambda g: Encoder(),
}
TEXT = {
    "GPT": lambda g: GPT(5, 4, 8, 2, depth=1),
    "fused GPT": lambda g: GPT(5, 4, 8, 2, attention=Fused, depth=1),
    "modern GPT": lambda g: GPT(5, 4, 8, 2, attention=Fused, modern=True, depth=1),
}
