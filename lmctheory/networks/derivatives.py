"""Derivatives that a forward pass keeps from autograd.

A forward pass may do so by `detach`, by `no_grad`, or by numbers taken out of tensors. PyTorch then
says 0, or something, where there is a slope: differences of the loss itself show it.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor

__all__ = ["require_slopes"]

_PLACES = (0.37, 0.61, 0.18)
"""Where derivatives are compared: at one of them a kink might lie."""

_STEP = 1e-7
"""Of the differences; small, for there may be thousands of kinks on the way."""

_AGREEMENT = 1e-2
"""Relative; a derivative that is missing is off by far more."""


def require_slopes(
    loss: Callable[[list[Tensor]], Tensor],
    names: list[str],
    like: Tensor,
    context: AbstractContextManager[None],
) -> None:
    """Refuses a loss whose derivatives autograd does not see.

    Args:
        loss: of one number for each name, which go from 0 to 1.
        names: what moves by that number, for the message.
        like: a tensor of the type and on the device of the numbers.
        context: in which derivatives are taken.

    Raises:
        TypeError: naming what has a slope, and what differences of the loss say.
    """
    with context:
        for place in _PLACES:
            found, expected = _slopes(loss, [place] * len(names), like)
            allowed = _AGREEMENT * expected.abs() + 1e-5 * expected.abs().max() + 1e-7
            wrong = ((found - expected).abs() > allowed).nonzero().flatten().tolist()
            if not wrong:
                return
    k = wrong[0]
    raise TypeError(
        "the forward pass keeps derivatives from autograd (by detach or no_grad, say): in "
        f"{names[k]} the loss has slope {float(expected[k]):.3g}, but autograd gives "
        f"{float(found[k]):.3g}"
    )


def _slopes(
    loss: Callable[[list[Tensor]], Tensor], at: list[float], like: Tensor
) -> tuple[Tensor, Tensor]:
    """By autograd and by differences."""
    alpha = [like.new_tensor(a).requires_grad_() for a in at]
    value = loss(alpha)
    found = like.new_zeros(len(at))
    if value.requires_grad:
        slopes = torch.autograd.grad(value, alpha, allow_unused=True, materialize_grads=True)
        found = torch.stack(slopes).detach()
    expected = torch.zeros_like(found)
    with torch.no_grad():
        for k in range(len(at)):
            above, below = (
                loss([a + step * (i == k) for i, a in enumerate(alpha)]) for step in (_STEP, -_STEP)
            )
            expected[k] = (above - below) / (2 * _STEP)
    return found, expected
