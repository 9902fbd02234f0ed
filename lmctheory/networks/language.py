"""Small language models."""

from typing import no_type_check

import torch
from torch import Tensor, nn

from lmctheory.networks.images import sizes
from lmctheory.networks.initialisation import initialise
from lmctheory.networks.vit import EncoderBlock

__all__ = ["CausalTransformer"]


class CausalTransformer(nn.Module):
    """Predicts every next token from those before it: learned positions, pre-norm blocks.

    Embeddings and positions begin as N(0, 0.02^2); those of outputs are weights of their own.

    Args:
        vocabulary: number of tokens.
        context: how many tokens an input has.
        width: of the residual stream.
        depth: number of blocks.
        heads: attention heads; their number divides the width.
        mlp_ratio: hidden neurons of each perceptron over the width.
        initialisation: "he", "lecun", "lecun_truncated" or "uniform" (`initialise`).
        rng: the torch generator that draws the weights.
        dtype: of the parameters.

    Raises:
        TypeError: for sizes that are no integers, or if rng is no torch generator.
        ValueError: for sizes below 1, or heads that do not divide the width.

    Reference: Radford et al. 2019.

    Example:
        >>> import torch
        >>> rng = torch.Generator().manual_seed(0)
        >>> model = CausalTransformer(27, context=16, width=32, depth=2, heads=4, rng=rng)
        >>> model(torch.zeros(5, 16, dtype=torch.int64)).shape
        torch.Size([5, 16, 27])
    """

    def __init__(
        self,
        vocabulary: int,
        *,
        context: int,
        width: int,
        depth: int,
        heads: int,
        mlp_ratio: int = 2,
        initialisation: str = "he",
        rng: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        vocabulary, context, width, depth, heads, mlp_ratio = sizes(
            vocabulary=vocabulary,
            context=context,
            width=width,
            depth=depth,
            heads=heads,
            mlp_ratio=mlp_ratio,
        )
        with torch.device("meta"):
            self.tokens = nn.Embedding(vocabulary, width)
            self.positions = nn.Parameter(torch.empty(1, context, width))
            self.blocks = nn.ModuleList(
                EncoderBlock(width, heads, mlp_ratio * width) for _ in range(depth)
            )
            self.norm = nn.LayerNorm(width)
            self.head = nn.Linear(width, vocabulary)
        initialise(self, initialisation, rng=rng, dtype=dtype)
        with torch.no_grad():
            for parameter in (self.tokens.weight, self.positions):
                parameter.normal_(0.0, 0.02, generator=rng)
        later = torch.ones(context, context, dtype=torch.bool).triu(1)
        self.register_buffer("later", later, persistent=False)

    @no_type_check  # a symbolic trace passes a proxy, which is no tensor
    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[n, context, vocabulary]`` of the tokens that follow those of ``[n, context]``.

        Position k sees tokens 0, ..., k.
        """
        h = self.tokens(x) + self.positions
        for block in self.blocks:
            h = block(h, self.later)
        return self.head(self.norm(h))
