"""Sequences that recurrent networks and language models are trained on, and a language model."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from lmctheory.networks import Dataset, Examples

__all__ = ["ALPHABET", "LanguageModel", "SequenceNetwork", "grammar", "running_sums"]

_STEPS, _CHANNELS = 12, 3
_WORDS = {
    "determiner": ("the", "a", "every", "no"),
    "noun": ("cat", "dog", "bird", "king", "child", "river"),
    "verb": ("sees", "loves", "follows", "hears", "finds"),
    "adjective": ("old", "small", "red", "quiet"),
}
ALPHABET = " .abcdefghijklmnopqrstuvwxyz"
_CONTEXT = 24


def running_sums() -> Dataset:
    """Three noisy channels over twelve steps: which has the largest decaying sum at the end?"""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3000, _STEPS, _CHANNELS))
    decay = 0.8 ** np.arange(_STEPS)[::-1]
    labels = np.einsum("ntc,t->nc", x, decay).argmax(1)
    inputs, targets = torch.tensor(x, dtype=torch.float32), torch.tensor(labels)
    return Dataset(
        "running sums",
        Examples(inputs[:2000], targets[:2000]),
        Examples(inputs[2000:], targets[2000:]),
        _CHANNELS,
    )


def grammar() -> Dataset:
    """Text of a small grammar, in windows of characters; the labels are the characters after."""
    rng = np.random.default_rng(0)
    text = ""
    while len(text) < 60_000:
        text += f"{_clause(rng)}. "
    numbers = torch.tensor([ALPHABET.index(character) for character in text[:60_000]])
    windows = numbers[: (len(numbers) - 1) // _CONTEXT * _CONTEXT].reshape(-1, _CONTEXT)
    following = numbers[1 : windows.numel() + 1].reshape(-1, _CONTEXT)
    half = len(windows) * 4 // 5
    return Dataset(
        "grammar",
        Examples(windows[:half], following[:half]),
        Examples(windows[half:], following[half:]),
        len(ALPHABET),
    )


def _clause(rng: np.random.Generator) -> str:
    return f"{_phrase(rng)} {rng.choice(_WORDS['verb'])} {_phrase(rng)}"


def _phrase(rng: np.random.Generator) -> str:
    words = [rng.choice(_WORDS["determiner"])]
    if rng.random() < 0.4:
        words.append(rng.choice(_WORDS["adjective"]))
    words.append(rng.choice(_WORDS["noun"]))
    if rng.random() < 0.25:
        words += ["that", rng.choice(_WORDS["verb"]), _phrase(rng)]
    return " ".join(words)


class SequenceNetwork(nn.Module):
    """A tanh recurrent layer, read at the end.

    Args:
        width: number of units.
        rng: draws the weights.
    """

    def __init__(self, width: int, *, rng: torch.Generator) -> None:
        super().__init__()
        self.layer = nn.RNN(_CHANNELS, width, batch_first=True)
        self.last = nn.Linear(width, _CHANNELS)
        _draw(self, rng)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[n, 3]`` of ``[n, steps, 3]``."""
        logits: Tensor = self.last(self.layer(x)[0][:, -1])
        return logits


class _Block(nn.Module):
    """Causal attention and two layers, each added to what they read through a LayerNorm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.inner, self.outer = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        future = torch.full((_CONTEXT, _CONTEXT), -1e9).triu(1)
        self.register_buffer("future", future, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm1(x)
        x = x + self.attention(h, h, h, attn_mask=self.future, need_weights=False)[0]
        result: Tensor = x + self.outer(gelu(self.inner(self.norm2(x))))
        return result


class LanguageModel(nn.Module):
    """GPT-2 in small: learned positions, pre-norm blocks, causal attention, one logit per letter.

    Args:
        width: of the residual stream.
        depth: number of blocks.
        heads: of each.
        rng: draws the weights.
    """

    def __init__(self, width: int, depth: int, heads: int, *, rng: torch.Generator) -> None:
        super().__init__()
        self.letters = nn.Embedding(len(ALPHABET), width)
        self.places = nn.Parameter(torch.zeros(_CONTEXT, width))
        self.blocks = nn.ModuleList(_Block(width, heads) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, len(ALPHABET))
        _draw(self, rng)

    def forward(self, numbers: Tensor) -> Tensor:
        """Logits ``[n, places, letters]`` of the letters after ``[n, places]``."""
        x = self.letters(numbers) + self.places
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(self.norm(x))
        return logits


def _draw(model: nn.Module, rng: torch.Generator) -> None:
    """N(0, 1/fan in) for weights, zero for biases, ones for norms."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                scale = 0.1 if "letters" in name or "places" in name else parameter.shape[1] ** -0.5
                parameter.normal_(0.0, scale, generator=rng)
            elif "norm" not in name or name.endswith("bias"):
                parameter.zero_()
