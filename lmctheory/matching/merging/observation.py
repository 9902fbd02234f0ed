"""Watching a network's layers while it runs: what the recalibrations are made of."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from types import UnionType
from typing import Any, TypeAlias

from torch import Tensor, nn

__all__ = ["hooked", "observed", "require_own_parameters", "with_flags_of"]

Observer: TypeAlias = Callable[[str, nn.Module, Tensor], Tensor | None]
"""Sees a layer's name, itself and its outputs; what it returns, if anything, takes their place."""
Hook: TypeAlias = Callable[..., Any]
"""The same with the layer's arguments: name, layer, args, kwargs, output."""
Kinds: TypeAlias = type[nn.Module] | UnionType | tuple[type[nn.Module], ...]


@contextmanager
def hooked(model: nn.Module, kinds: Kinds, hook: Hook) -> Iterator[None]:
    """Within it, every layer of those kinds calls the hook when it was evaluated."""
    handles = [
        module.register_forward_hook(partial(hook, name), with_kwargs=True)
        for name, module in model.named_modules()
        if isinstance(module, kinds)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def observed(model: nn.Module, kinds: Kinds, observe: Observer) -> AbstractContextManager[None]:
    """Within it, every layer of those kinds shows its outputs as it is evaluated."""

    def hook(
        name: str, layer: nn.Module, _args: Any, _kwargs: Any, output: Tensor
    ) -> Tensor | None:
        return observe(name, layer, output)

    return hooked(model, kinds, hook)


def require_own_parameters(model: nn.Module, name: str, layer: nn.Module) -> None:
    """Refuses to change a layer whose parameters something else depends on, or determines.

    Raises:
        TypeError: naming the layer, if its weight or bias is tied or re-parametrised.
    """
    uses = Counter(id(tensor) for _, tensor in model.named_parameters(remove_duplicate=False))
    for parameter in (layer.weight, layer.bias):
        if parameter is not None and uses[id(parameter)] != 1:
            raise TypeError(f"model must not tie or re-parametrise the parameters of {name}")


def with_flags_of(model: nn.Module, result: nn.Module) -> nn.Module:
    """The result, each module of it in the mode that it is in in the model."""
    for new, old in zip(result.modules(), model.modules(), strict=True):
        new.training = old.training
    return result
