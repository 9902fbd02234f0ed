"""Which operation a step of a trace is: one of those that certificates can follow, or None."""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lmctheory.networks import activation_of
from lmctheory.networks.tracing import functional_activation
from lmctheory.paths.layers import Affine, Node, Normalisation
from lmctheory.paths.operations import Fixed, MaxPool, Operation, Pointwise, Sum
from lmctheory.paths.operators import Convolution, Dense

__all__ = ["call_operation", "is_idle", "module_operation"]

_SAME = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
_FIXED = (
    *(nn.Flatten, nn.Unflatten, nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d),
    *(nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d),
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
)
_RESHAPING = (torch.flatten, torch.reshape, "flatten", "reshape", "view", "unflatten")
_FIXED_CALLS = (
    *(torch.mean, torch.permute, torch.transpose, "mean", "permute", "transpose", "contiguous"),
    *(functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d),
    *(functional.adaptive_avg_pool1d, functional.adaptive_avg_pool2d),
    *(functional.adaptive_avg_pool3d, functional.pad, operator.getitem),
)
_SUMS = (operator.add, operator.iadd, torch.add, "add", "add_")
_MAX_POOLS = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
_MAX_POOL_CALLS = {
    functional.max_pool1d: nn.MaxPool1d,
    functional.max_pool2d: nn.MaxPool2d,
    functional.max_pool3d: nn.MaxPool3d,
}


def is_idle(n: torch.fx.Node, module: nn.Module | None, args: Any, kwargs: Any) -> bool:
    """Whether a step hands its input on: identities, and dropout in evaluation mode."""
    training = args[2] if len(args) > 2 else kwargs.get("training", True)
    return type(module) in _SAME or (n.target is functional.dropout and training is False)


def module_operation(node: Node, a: nn.Module, b: nn.Module, x: Tensor) -> Operation | None:
    """The operation that a pair of torch's modules is."""
    sigma = activation_of(a)
    if sigma is not None:
        return Pointwise(node, sigma)
    if type(a) is nn.Linear:
        return Affine(node, Dense(), *_pair(a, b, "weight"), *_biases(a, b))
    if type(a) in (nn.Conv1d, nn.Conv2d, nn.Conv3d):
        return _convolution(node, a, b, x)
    if type(a) in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d):
        return _normalisation(node, a, b)
    if type(a) in _MAX_POOLS.values():
        return _max_pool(node, a, x)
    moves = isinstance(a, nn.Flatten | nn.Unflatten)
    return _fixed(node, a, x, moves=moves) if type(a) in _FIXED else None


def call_operation(
    node: Node, n: torch.fx.Node, result: Tensor, args: Any, kwargs: Any
) -> Operation | None:
    """The operation that a call of a function or of a tensor's method is."""
    sigma = functional_activation(n)
    if sigma is not None:
        return Pointwise(node, sigma)
    x, *rest = args
    others = [arg for arg in (*rest, *kwargs.values()) if isinstance(arg, Tensor)]
    if n.target in _SUMS and len(node.inputs) == 2 and not kwargs:
        return Sum(node) if x.shape == others[0].shape else None
    if others:
        return None
    if n.target in _RESHAPING:
        return _fixed(node, lambda v: v.reshape(len(v), *result.shape[1:]), x, moves=True)
    if n.target in _FIXED_CALLS:
        return _fixed(node, lambda v: _carry_out(n, v, rest, kwargs), x)
    pool = _MAX_POOL_CALLS.get(n.target)  # type: ignore[arg-type]  # any target may be asked for
    return None if pool is None or len(rest) > 4 else _max_pool(node, pool(*rest, **kwargs), x)


def _carry_out(n: torch.fx.Node, x: Tensor, rest: Any, kwargs: Any) -> Tensor:
    if n.op == "call_method":
        return getattr(x, str(n.target))(*rest, **kwargs)
    assert callable(n.target)
    return n.target(x, *rest, **kwargs)


def _fixed(
    node: Node, apply: Callable[[Tensor], Tensor], x: Tensor, *, moves: bool = False
) -> Fixed | None:
    """The operation, if it takes 0 to 0, ones to nothing negative, and examples one by one."""
    ones = torch.ones_like(x)
    linear = not apply(torch.zeros_like(x)).any() and (apply(ones) >= 0).all()
    alone = apply(x[1:]).shape[1:] == node.shape and torch.equal(apply(x)[1:], apply(x[1:]))
    return Fixed(node, apply, tuple(x.shape[1:]), moves) if linear and alone else None


def _pair(a: nn.Module, b: nn.Module, name: str) -> tuple[Tensor, Tensor]:
    return getattr(a, name).detach(), getattr(b, name).detach()


def _biases(a: Any, b: Any) -> tuple[Tensor, Tensor]:
    if a.bias is None:
        zero = a.weight.new_zeros(len(a.weight))
        return zero, zero
    return _pair(a, b, "bias")


def _convolution(node: Node, a: Any, b: Any, x: Tensor) -> Affine | None:
    if a.padding_mode != "zeros" or x.ndim != a.weight.ndim:
        return None
    padding = a.padding
    if padding == "valid":
        padding = (0,) * len(a.kernel_size)
    if padding == "same":
        gaps = [d * (k - 1) for d, k in zip(a.dilation, a.kernel_size, strict=True)]
        if any(gap % 2 for gap in gaps):
            return None
        padding = tuple(gap // 2 for gap in gaps)
    sides = tuple(x.shape[2:])
    convolution = Convolution(a.stride, padding, a.dilation, a.groups, sides)
    return Affine(node, convolution, *_pair(a, b, "weight"), *_biases(a, b))


def _normalisation(node: Node, a: Any, b: Any) -> Normalisation | None:
    if a.running_var is None:
        return None
    column = (-1, *[1] * (len(node.shape) - 1))

    def pair(name: str, default: float = 0.0) -> tuple[Tensor, Tensor]:
        if getattr(a, name) is None:
            empty = torch.full_like(a.running_mean, default)
            return empty.view(column), empty.view(column)
        tensor_a, tensor_b = _pair(a, b, name)
        return tensor_a.view(column), tensor_b.view(column)

    variance_a, variance_b = (v + a.eps for v in pair("running_var"))
    if not ((variance_a > 0).all() and (variance_b > 0).all()):
        raise ValueError(f"running variances must be >= 0 and not 0 without eps, in {node.name}")
    return Normalisation(
        node,
        gamma=pair("weight", 1.0),
        beta=pair("bias"),
        mean=pair("running_mean"),
        variance=(variance_a, variance_b),
    )


def _max_pool(node: Node, pool: Any, x: Tensor) -> MaxPool | None:
    axes = x.ndim - 2
    if pool.return_indices or type(pool) is not _MAX_POOLS.get(axes):
        return None
    settings = (pool.kernel_size, pool.stride, pool.padding, pool.dilation)
    columns = [value if isinstance(value, tuple) else (value,) * axes for value in settings]
    windows = torch.zeros(1, 1, dtype=torch.long)
    for side, outputs, k, q, p, d in zip(x.shape[2:], node.shape[1:], *columns, strict=True):
        starts = torch.arange(outputs) * q - p
        seen = starts[:, None] + d * torch.arange(k)
        inside = (seen >= 0) & (seen < side)
        if not inside.any(1).all():
            return None  # a maximum of nothing, -inf
        first = torch.where(inside, seen, side).amin(1, keepdim=True)
        seen = torch.where(inside, seen, first)
        windows = windows[:, None, :, None] * side + seen[None, :, None, :]
        windows = windows.flatten(2).flatten(0, 1)
    return MaxPool(node, windows, axes)
