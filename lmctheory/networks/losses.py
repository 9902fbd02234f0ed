"""What outputs are worth, example by example."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["hits", "wide"]


def wide(outputs: Tensor) -> Tensor:
    """Outputs in single precision at least: sums and logarithms in half of it lose what they say.

    What a network computes in half precision is left as it is; what is made of it is not.
    """
    return outputs.to(torch.promote_types(outputs.dtype, torch.float32))


def hits(
    logits: Float[Tensor, "*networks classes n"], labels: Int[Tensor, "*#networks n"]
) -> Float[Tensor, "*networks n"]:
    """1 where the largest logit is the label's, 0 where it is not, NaN where a logit is.

    Args:
        logits: classes before examples.
        labels: of the examples.
    """
    found = (logits.argmax(-2) == labels).to(torch.float32)
    return found.masked_fill_(logits.isnan().any(-2), torch.nan)
