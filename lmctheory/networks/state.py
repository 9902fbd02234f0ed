"""What a network holds, read and set without touching it.

A *slot* is a place where a module keeps a tensor of its own: a parameter, or a buffer, persistent
or not. Each is listed once, under the first name by which its module is reached, so that a
submodule with two names is no two things; tensors that are tied lie in several slots.
"""

import copy
import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from lmctheory.networks.calling import Inputs, SomeInputs, call, each

__all__ = [
    "Evaluation",
    "aliases",
    "alike",
    "copied",
    "in_type_of",
    "interpolable",
    "placed",
    "release_copies",
    "require_network",
    "seeded",
    "slots",
    "tensors",
    "tied",
]


_LARGE = 2**26
"""Bytes of a network of which no second copy should lie about."""


def tensors(model: nn.Module) -> dict[str, Tensor]:
    """The tensors in a network's slots, by qualified name: the network's own."""
    return {
        f"{prefix}.{name}" if prefix else name: tensor
        for prefix, module in model.named_modules()
        for name, tensor in [*module._parameters.items(), *module._buffers.items()]
        if tensor is not None
    }


def aliases(model: nn.Module) -> Iterator[tuple[str, str]]:
    """Every name by which a slot can be reached, with the name that it is listed under."""
    first = {id(module): prefix for prefix, module in reversed(list(model.named_modules()))}
    for path, module in model.named_modules(remove_duplicate=False):
        for name, tensor in [*module._parameters.items(), *module._buffers.items()]:
            if tensor is not None:
                under = first[id(module)]
                yield f"{path}.{name}".removeprefix("."), f"{under}.{name}".removeprefix(".")


def alike(found: Tensor, expected: Tensor, ulps: float) -> bool:
    """Whether two results are one but for rounding.

    Args:
        found: a result.
        expected: another.
        ulps: units in the last place, of the largest finite entry, by which they may differ.
    """
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return False
    if not interpolable(expected):
        return torch.equal(found, expected)
    size = expected.abs().nan_to_num(0.0, 0.0, 0.0)
    allowed = ulps * torch.finfo(expected.dtype).eps * float(size.max() if size.numel() else 0.0)
    return torch.allclose(found, expected, rtol=0, atol=allowed, equal_nan=True)


def slots(model: nn.Module) -> dict[str, Tensor]:
    """What is in a network's slots, by qualified name, detached."""
    return {name: tensor.detach() for name, tensor in tensors(model).items()}


class _DetachingCopies(TorchFunctionMode):
    """Within it, tensors that autograd has made can be copied: as what they are worth."""

    def __torch_function__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.__deepcopy__ and not args[0].is_leaf:
            tensor, memo = args
            memo[id(tensor)] = tensor.detach().clone()
            return memo[id(tensor)]
        return func(*args, **(kwargs or {}))


def copied(model: nn.Module) -> nn.Module:
    """A copy of a network, of one that keeps results of a forward pass too."""
    release_copies(model)
    with _DetachingCopies():
        return copy.deepcopy(model)


def release_copies(model: nn.Module) -> None:
    """Frees copies of a large network that nothing but cycles of references keep in memory.

    Traces and exports leave such cycles behind, and Python looks for them once in a while only.
    """
    if sum(t.numel() * t.element_size() for t in tensors(model).values()) >= _LARGE:
        gc.collect()


def placed(model: nn.Module, state: Mapping[str, Tensor]) -> nn.Module:
    """A copy of a network that holds other numbers.

    Args:
        model: left as it is.
        state: for some slots the numbers, cast to the slot's type.

    Raises:
        ValueError: for tied slots that are to hold different numbers.
    """
    result = copied(model)
    held = {name: slot for name, slot in tensors(result).items() if name in state}
    with torch.no_grad():
        for name, slot in held.items():
            slot.copy_(state[name])
    for name, slot in held.items():
        if not torch.equal(slot, state[name].to(slot)) and not slot.isnan().any():
            raise ValueError(f"{name!r} is tied in the network, and cannot hold two values")
    return result


def interpolable(tensor: Tensor) -> bool:
    """Whether there is something between two such tensors."""
    return tensor.is_floating_point() or tensor.is_complex()


def require_network(model: object, argument: str) -> None:
    """Refuses what is no network whose numbers can be read.

    Raises:
        TypeError: for anything but an eager `nn.Module`.
        ValueError: for tensors without numbers, or that hold them otherwise than one by one.
    """
    if isinstance(model, torch.jit.ScriptModule):
        raise TypeError(
            f"{argument} must be an nn.Module, got a {type(model).__name__} of torch.jit: "
            "pass the module that it was made of"
        )
    if not isinstance(model, nn.Module):
        raise TypeError(f"{argument} must be an nn.Module, got {type(model).__name__}")
    if hasattr(model, "_orig_mod"):
        raise TypeError(f"{argument} must be an nn.Module, got a compiled one: pass its _orig_mod")
    for name, tensor in tensors(model).items():
        if kind := _foreign(tensor):
            raise ValueError(
                f"{argument} must hold numbers in dense tensors, got {kind} in {name!r}"
            )


def _foreign(tensor: Tensor) -> str | None:
    if nn.parameter.is_lazy(tensor):
        return "a lazy parameter, not yet initialised,"
    if tensor.is_meta:
        return "a tensor on the meta device"
    if tensor.is_quantized:
        return "a quantised tensor"
    if tensor.layout != torch.strided or tensor.is_nested:
        return "a sparse or nested tensor"
    return None


def in_type_of(model: nn.Module, inputs: SomeInputs) -> SomeInputs:
    """The inputs in the network's floating-point type and on its device, a copy of them.

    A copy, since a forward pass may overwrite what it is given.
    """
    return _given(next((t for t in slots(model).values() if t.is_floating_point()), None), inputs)


def _given(like: Tensor | None, inputs: SomeInputs) -> SomeInputs:
    def given(tensor: Tensor) -> Tensor:
        first = tensor if like is None else like
        dtype = first.dtype if tensor.is_floating_point() else tensor.dtype
        return tensor.detach().to(device=first.device, dtype=dtype, copy=True)

    return each(inputs, given)


@contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """Within it, random numbers come from a generator of its own, the same ones each time."""
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


class Evaluation:
    """A network's forward pass in evaluation mode as a function of its state and its inputs.

    It works on a copy, hands on copies of the inputs, begins every pass with the state that it is
    given, whatever a pass before it has left behind, and draws random numbers, where the network
    asks for any, from a generator of its own, the same ones each time.

    Args:
        model: left as it is.
        dtype: of the copy; the model's own if None.

    Attributes:
        model: the copy.
        state: what it holds.
    """

    def __init__(self, model: nn.Module, dtype: torch.dtype | None = None) -> None:
        self.model = copied(model).eval().requires_grad_(False)
        if dtype is not None:
            self.model.to(dtype)
        self.state: Mapping[str, Tensor] = slots(self.model)
        floating = (t for t in self.state.values() if t.is_floating_point())
        self._first = next(floating, None)
        self._tied = tied(tensors(self.model))

    @property
    def like(self) -> Tensor:
        """A tensor of the network's floating-point type, on its device."""
        return torch.empty(()) if self._first is None else self._first

    def inputs(self, inputs: SomeInputs) -> SomeInputs:
        """Inputs in the network's type and on its device, a copy of them."""
        return _given(self._first, inputs)

    @property
    def unsaved(self) -> frozenset[str]:
        """Buffers that no checkpoint holds: who loads one gets them as the network makes them."""
        return frozenset(
            f"{prefix}.{name}".removeprefix(".")
            for prefix, module in self.model.named_modules()
            for name in module._non_persistent_buffers_set
        )

    def first_name(self, name: str) -> str:
        """Of a slot; of one that is tied to others the first name under which its tensor lies."""
        return self._tied.get(name, [name])[0]

    def __call__(self, inputs: Inputs, state: Mapping[str, Tensor] | None = None) -> Tensor:
        """What the network makes of the inputs: its output, see `calling`.

        Args:
            inputs: ``[n, ...]``, in any form; floating-point ones cast to the network's type.
            state: for slots by name what is to take their place; gradients reach it. A slot that
                is not named follows one that it is tied to.

        Raises:
            TypeError: if the network returns nothing that is its output.
        """
        held = dict(self.state)
        for name, tensor in ({} if state is None else state).items():
            held |= dict.fromkeys(self._tied.get(name, ()), tensor)
        held |= {} if state is None else state

        def forward(*args: Any, **kwargs: Any) -> Any:
            # entries that are one parameter of the module come as two tensors of the same value
            return torch.func.functional_call(self.model, held, args, kwargs, tie_weights=False)

        with seeded():
            return call(forward, self.inputs(inputs))


def tied(held: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """For each slot that is tied to others all these slots, the first of them first."""
    names: dict[int, list[str]] = {}
    for name, tensor in held.items():
        names.setdefault(id(tensor), []).append(name)
    return {name: group for group in names.values() if len(group) > 1 for name in group}
