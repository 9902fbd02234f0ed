"""Which operation a step of a network's program is: one that certificates can follow, or None."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node as Step

from lmctheory.networks.program import CONVOLUTIONS, arguments, operation, step_activation
from lmctheory.paths.certified_operations import Fixed, MaxPool, Operation, Pointwise, Sum
from lmctheory.paths.layer_operations import Affine, Node, Normalisation
from lmctheory.paths.linear_maps import Convolution, Dense, Operator

__all__ = ["Carried", "along_axes", "recognised"]

_RESHAPING = (
    *("flatten", "reshape", "view", "unflatten", "contiguous", "clone", "detach", "alias"),
)
_MOVING = (
    *("permute", "transpose", "getitem", "select", "slice", "narrow", "squeeze", "unsqueeze"),
    *("movedim", "swapaxes", "flip"),
)
_FIXED = (
    *("mean", "sum", "pad", *_MOVING),
    *("avg_pool1d", "avg_pool2d", "avg_pool3d"),
    *("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"),
)
_MAX_POOLS = {"max_pool1d": 1, "max_pool2d": 2, "max_pool3d": 3}
_ADAPTIVE = {f"adaptive_{name}": axes for name, axes in _MAX_POOLS.items()}
_POOLING = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode")


@dataclass(frozen=True, eq=False)
class Carried:
    """A step of a program as it was carried out on examples.

    Attributes:
        step: of the program.
        args, kwargs: values.
        result: what came of it.
        slots: of A and of B, by name.
    """

    step: Step
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    result: Any
    slots: tuple[Mapping[str, Tensor], Mapping[str, Tensor]]

    @property
    def has_weights(self) -> bool:
        """Whether it is a layer with weights."""
        name = operation(self.step.target)
        return name == "linear" or name in CONVOLUTIONS

    def pair(self, name: str) -> tuple[Tensor, Tensor] | None:
        """A's and B's slot that is the argument of that name; None if it is no slot."""
        return self.slot(arguments(self.step.target, self.step.args, self.step.kwargs).get(name))

    def slot(self, source: Any) -> tuple[Tensor, Tensor] | None:
        """A's and B's slot that a step reads; None if it is no slot."""
        if not isinstance(source, Step) or str(source.target) not in self.slots[0]:
            return None
        a, b = (held[str(source.target)] for held in self.slots)
        return a, b

    def given(self, name: str) -> Any:
        """The value of an argument; None if it is left out."""
        return arguments(self.step.target, self.args, self.kwargs).get(name)


def recognised(node: Node, carried: Carried) -> Operation | None:
    """The operation that a step is, its first argument being the first node that it takes.

    Raises:
        ValueError: for running variances that are none.
    """
    sigma = step_activation(carried.step)
    if sigma is not None:
        return Pointwise(node, sigma)
    name = operation(carried.step.target)
    rule = _RULES.get(name)
    if rule is not None:
        return rule(node, carried)
    x, *rest = carried.args
    if any(isinstance(arg, Tensor) for arg in (*rest, *carried.kwargs.values())):
        return None
    if name in _RESHAPING:
        shape = carried.result.shape[1:]
        return _fixed(node, lambda v: v.reshape(len(v), *shape), x, moves=True)
    if name not in _FIXED:
        return None
    return _fixed(node, _repeated(carried, rest), x, moves=name in _MOVING)


def along_axes(value: Any, axes: int) -> tuple[int, ...]:
    """An option of a layer that may be one number for all axes, or one for each."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,)
    return values * axes if len(values) == 1 else values


def _repeated(carried: Carried, rest: list[Any]) -> Callable[[Tensor], Tensor]:
    target: Any = carried.step.target
    return lambda v: target(v, *rest, **carried.kwargs)


def _fixed(
    node: Node, apply: Callable[[Tensor], Tensor], x: Tensor, *, moves: bool = False
) -> Fixed | None:
    """The operation, if it takes 0 to 0, ones to nothing negative, and examples one by one."""
    ones = torch.ones_like(x)
    linear = not apply(torch.zeros_like(x)).any() and (apply(ones) >= 0).all()
    alone = apply(x[1:]).shape[1:] == node.shape and torch.equal(apply(x)[1:], apply(x[1:]))
    return Fixed(node, apply, tuple(x.shape[1:]), moves) if linear and alone else None


def _sum(node: Node, carried: Carried) -> Sum | None:
    x, *rest = carried.args
    both = len(node.inputs) == 2 and not carried.kwargs
    return Sum(node) if both and x.shape == rest[0].shape else None


def _affine(node: Node, carried: Carried, operator: Operator) -> Affine | None:
    """A linear map whose weight and bias are the network's own."""
    weights, biases = carried.pair("weight"), carried.pair("bias")
    if weights is None or (biases is None and carried.given("bias") is not None):
        return None
    if biases is None:
        zero = weights[0].new_zeros(len(weights[0]))
        biases = (zero, zero)
    return Affine(node, operator, *weights, *biases)


def _dense(node: Node, carried: Carried) -> Affine | None:
    return _affine(node, carried, Dense())


def _convolution(node: Node, carried: Carried) -> Affine | None:
    x, weight = carried.given("input"), carried.given("weight")
    kernel = tuple(weight.shape[2:])
    axes = len(kernel)
    if x.ndim != axes + 2:
        return None

    def each(name: str, default: int) -> tuple[int, ...]:
        value = carried.given(name)
        return along_axes(default if value is None else value, axes)

    dilation = each("dilation", 1)
    padding: Any = carried.given("padding")
    if padding == "same":
        gaps = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        if any(gap % 2 for gap in gaps):
            return None
        padding = tuple(gap // 2 for gap in gaps)
    elif padding == "valid":
        padding = (0,) * axes
    else:
        padding = each("padding", 0)
    groups = carried.given("groups")
    sides = tuple(x.shape[2:])
    groups = 1 if groups is None else groups
    return _affine(node, carried, Convolution(each("stride", 1), padding, dilation, groups, sides))


def _normalisation(node: Node, carried: Carried) -> Normalisation | None:
    means, variances = carried.pair("running_mean"), carried.pair("running_var")
    if carried.given("training") or means is None or variances is None:
        return None
    column = (-1, *[1] * (len(node.shape) - 1))
    factors = []
    for name, default in (("weight", 1.0), ("bias", 0.0)):
        found = carried.pair(name)
        if found is None:
            if carried.given(name) is not None:
                return None
            plain = torch.full_like(means[0], default)
            found = (plain, plain)
        factors.append(found)
    eps = carried.given("eps")
    widened = tuple(v + (1e-5 if eps is None else eps) for v in variances)
    if not all((v > 0).all() for v in widened):
        raise ValueError(f"running variances must be >= 0 and not 0 without eps, in {node.name}")
    gamma, beta, mean, variance = (
        (a.view(column), b.view(column)) for a, b in (*factors, means, widened)
    )
    return Normalisation(node, gamma=gamma, beta=beta, mean=mean, variance=variance)


def _max_pool(node: Node, carried: Carried) -> MaxPool | None:
    axes = _MAX_POOLS[operation(carried.step.target)]
    given = dict(zip(_POOLING, carried.args, strict=False)) | dict(carried.kwargs)
    x = given["input"]
    if not isinstance(carried.result, Tensor) or x.ndim != axes + 2:
        return None

    kernel = along_axes(given["kernel_size"], axes)
    stride = along_axes(given.get("stride") or kernel, axes)
    padding = along_axes(given.get("padding", 0), axes)
    dilation = along_axes(given.get("dilation", 1), axes)
    seen = [
        (torch.arange(outputs) * q - p)[:, None] + d * torch.arange(k)
        for outputs, k, q, p, d in zip(
            node.shape[1:], kernel, stride, padding, dilation, strict=True
        )
    ]
    return _maximum(node, seen, tuple(x.shape[2:]))


def _adaptive_max_pool(node: Node, carried: Carried) -> MaxPool | None:
    """Windows from floor(o N / O) to ceil((o + 1) N / O) for output o of O."""
    axes, x = _ADAPTIVE[operation(carried.step.target)], carried.args[0]
    if not isinstance(carried.result, Tensor) or x.ndim != axes + 2:
        return None
    seen = []
    for side, outputs in zip(x.shape[2:], node.shape[1:], strict=True):
        o = torch.arange(outputs)
        starts, ends = o * side // outputs, -(-(o + 1) * side // outputs)
        places = starts[:, None] + torch.arange(int((ends - starts).max()))
        seen.append(torch.where(places < ends[:, None], places, -1))
    return _maximum(node, seen, tuple(x.shape[2:]))


def _maximum(node: Node, seen: list[Tensor], sides: tuple[int, ...]) -> MaxPool | None:
    """The largest value of windows, from what each sees along each axis, -1 or beyond is nothing.

    Args:
        node: where it stands.
        seen: of each axis, ``[outputs, size]``.
        sides: of the input.
    """
    windows = torch.zeros(1, 1, dtype=torch.long)
    for side, places in zip(sides, seen, strict=True):
        inside = (places >= 0) & (places < side)
        if not inside.any(1).all():
            return None  # a maximum of nothing, -inf
        first = torch.where(inside, places, side).amin(1, keepdim=True)
        held = torch.where(inside, places, first)
        windows = windows[:, None, :, None] * side + held[None, :, None, :]
        windows = windows.flatten(2).flatten(0, 1)
    return MaxPool(node, windows, len(sides))


_RULES: Mapping[str, Callable[[Node, Carried], Operation | None]] = {
    "add": _sum,
    "linear": _dense,
    "batch_norm": _normalisation,
    **dict.fromkeys(CONVOLUTIONS, _convolution),
    **dict.fromkeys(_MAX_POOLS, _max_pool),
    **dict.fromkeys(_ADAPTIVE, _adaptive_max_pool),
}
