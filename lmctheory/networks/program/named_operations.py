"""What a step of a program computes: one name for all forms in which PyTorch has an operation.

`nn.ReLU`, `torch.relu`, `functional.relu`, `Tensor.relu_` and `aten::relu_` are the operation
"relu"; none of them works in place.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.nn import functional

__all__ = [
    "CONVOLUTIONS",
    "TRANSPOSED",
    "Layer",
    "Method",
    "arguments",
    "in_place",
    "operation",
    "out_of_place",
    "qualified",
]

CONVOLUTIONS: Mapping[str, int] = {"conv1d": 1, "conv2d": 2, "conv3d": 3}
"""Of each convolution how many axes it slides along."""

TRANSPOSED: Mapping[str, int] = {f"conv_transpose{size}d": size for size in (1, 2, 3)}
"""Of each transposed convolution likewise."""

_SIGNATURES: Mapping[str, tuple[str, ...]] = {
    "linear": ("input", "weight", "bias"),
    "batch_norm": (
        *("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
    ),
    **dict.fromkeys(
        CONVOLUTIONS, ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
    ),
    **dict.fromkeys(
        TRANSPOSED,
        ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
    ),
}
"""Of the operations whose arguments are asked for by name the names, in order."""

_NAMES = {
    operator.iadd: "add",
    operator.isub: "sub",
    operator.imul: "mul",
    operator.itruediv: "truediv",
    operator.imatmul: "matmul",
}

_OUT_OF_PLACE: Mapping[Any, Callable[..., Any]] = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
    operator.ifloordiv: operator.floordiv,
    operator.imod: operator.mod,
    operator.ipow: operator.pow,
    operator.imatmul: operator.matmul,
    functional.relu_: functional.relu,
}


class Method:
    """A call of a tensor's method, as a function."""

    def __init__(self, name: str) -> None:
        self.__name__ = name
        self.__module__ = "torch.Tensor"

    def __call__(self, tensor: Any, *args: Any, **kwargs: Any) -> Any:
        """Calls it."""
        return getattr(tensor, self.__name__)(*args, **kwargs)


class Layer:
    """A call of a module that is one operation, as a function of its tensors.

    Attributes:
        module: a copy of it; its own numbers are not used.
        name: its qualified name.
    """

    def __init__(self, module: nn.Module, name: str) -> None:
        self.module, self.name = module, name
        self.__name__ = type(module).__name__
        self.__module__ = type(module).__module__

    def __call__(self, tensors: Mapping[str, Tensor], *args: Any, **kwargs: Any) -> Any:
        """What the module makes of the arguments.

        Args:
            tensors: of every slot of it, by its name within the module.
            args: of the module.
            kwargs: likewise.
        """
        if not tensors:
            return self.module(*args, **kwargs)
        call = torch.func.functional_call
        return call(self.module, dict(tensors), args, kwargs, tie_weights=False)


def operation(target: Any) -> str:
    """The operation that a function, method or ATen operator computes."""
    if target in _NAMES:
        return _NAMES[target]
    if isinstance(target, OpOverload):
        name = target._schema.name.partition("::")[2]
    else:
        name = getattr(target, "__name__", type(target).__name__)
    return name if name.startswith("__") else name.rstrip("_")


def arguments(target: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of an operation by name; those that are left out are missing.

    Args:
        target: linear, a convolution or batch_norm, in any form.
        args: positional ones, values or nodes.
        kwargs: those by name.
    """
    return dict(zip(_SIGNATURES[operation(target)], args, strict=False)) | dict(kwargs)


def qualified(target: Any) -> str:
    """A function as messages call it."""
    if isinstance(target, OpOverload):
        return f"torch.{operation(target)}"
    module = getattr(target, "__module__", None) or "torch"
    return f"{module.removeprefix('_')}.{getattr(target, '__name__', repr(target))}"


def in_place(target: Any) -> bool:
    """Whether an operation overwrites its first argument, as its name says."""
    if isinstance(target, OpOverload):
        return bool(target._schema.is_mutable)
    name = getattr(target, "__name__", "")
    return target in _OUT_OF_PLACE or (name.endswith("_") and not name.startswith("__"))


def out_of_place(target: Any) -> Any | None:
    """What an operation that works in place does, done to a copy; None if PyTorch has no such."""
    if target in _OUT_OF_PLACE:
        return _OUT_OF_PLACE[target]
    name = operation(target)
    if isinstance(target, OpOverload):
        return getattr(getattr(torch.ops.aten, name, None), target._overloadname, None)
    if isinstance(target, Method):
        return Method(name) if hasattr(Tensor, name) else None
    return getattr(functional, name, None) or getattr(torch, name, None)
