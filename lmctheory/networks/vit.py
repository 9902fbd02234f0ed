"""Small vision transformers."""

from collections.abc import Sequence
from typing import no_type_check

import torch
from torch import Tensor, nn

from lmctheory.networks.images import image_input, sizes
from lmctheory.networks.initialisation import initialise

__all__ = ["EncoderBlock", "ViT"]


class EncoderBlock(nn.Module):
    """h <- h + attention(norm(h)); h <- h + W_2 gelu(W_1 norm(h) + b_1) + b_2."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"heads must divide width {width}, got {heads}")
        self.attention_norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width)
        )

    @no_type_check  # a symbolic trace passes a proxy, which is no tensor
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Of tokens ``[n, tokens, width]``; true entries of a mask hide the column from the row."""
        h = self.attention_norm(x)
        x = x + self.attention(h, h, h, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(x)


class ViT(nn.Module):
    """Vision transformer: patches, a class token, learned positions, pre-norm encoder blocks.

    Class token and positions begin as N(0, 0.02^2).

    Args:
        image_shape: ``(channels, height, width)`` of the inputs.
        n_out: number of outputs.
        patch: side of the square patches; divides height and width.
        width: of the residual stream.
        depth: number of encoder blocks.
        heads: attention heads; their number divides the width.
        mlp_ratio: hidden neurons of each perceptron over the width.
        initialisation: "he", "lecun", "lecun_truncated" or "uniform" (`initialise`).
        rng: the torch generator that draws the weights.
        dtype: of the parameters.

    Raises:
        TypeError: for sizes that are no integers, or if rng is no torch generator.
        ValueError: for sizes below 1, a patch that does not divide the image, or heads that do not
            divide the width.

    Reference: Dosovitskiy et al. 2021.

    Example:
        >>> import torch
        >>> rng = torch.Generator().manual_seed(0)
        >>> model = ViT((1, 8, 8), 10, patch=2, width=32, depth=2, heads=4, rng=rng)
        >>> model(torch.zeros(5, 64)).shape
        torch.Size([5, 10])
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        n_out: int,
        *,
        patch: int,
        width: int,
        depth: int,
        heads: int,
        mlp_ratio: int = 2,
        initialisation: str = "he",
        rng: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        n_out, patch, width, depth, heads, mlp_ratio = sizes(
            n_out=n_out, patch=patch, width=width, depth=depth, heads=heads, mlp_ratio=mlp_ratio
        )
        with torch.device("meta"):
            self.input = image_input(image_shape)
            channels, height, breadth = image_shape
            if height % patch or breadth % patch:
                raise ValueError(
                    f"patch must divide height and width of {tuple(image_shape)}, got {patch}"
                )
            tokens = (height // patch) * (breadth // patch) + 1
            self.patches = nn.Conv2d(channels, width, patch, stride=patch)
            self.class_token = nn.Parameter(torch.empty(1, 1, width))
            self.positions = nn.Parameter(torch.empty(1, tokens, width))
            self.blocks = nn.Sequential(
                *(EncoderBlock(width, heads, mlp_ratio * width) for _ in range(depth))
            )
            self.norm = nn.LayerNorm(width)
            self.head = nn.Linear(width, n_out)
        initialise(self, initialisation, rng=rng, dtype=dtype)
        with torch.no_grad():
            for parameter in (self.class_token, self.positions):
                parameter.normal_(0.0, 0.02, generator=rng)

    @no_type_check  # a symbolic trace passes a proxy, which is no tensor
    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[n, n_out]`` of inputs ``[n, ...]``."""
        patches = self.patches(self.input(x)).flatten(2).transpose(1, 2)
        token = self.class_token.expand(patches.shape[0], -1, -1)
        tokens = torch.cat([token, patches], dim=1) + self.positions
        return self.head(self.norm(self.blocks(tokens))[:, 0])
