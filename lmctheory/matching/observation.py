"""Watching a network's layers while it runs: what the recalibrations are made of."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import UnionType
from typing import TypeAlias

from torch import Tensor, nn

__all__ = ["observed", "require_own_parameters", "with_flags_of"]

Observer: TypeAlias = Callable[[str, nn.Module, Tensor], Tensor | None]
"""Sees a layer's name, itself and its outputs; what it returns, if anything, takes their place."""


@contextmanager
def observed(
    model: nn.Module, kinds: type[nn.Module] | UnionType, observe: Observer
) -> Iterator[None]:
    """Within it, every layer of those kinds shows its outputs as it is evaluated."""
    handles = [
        module.register_forward_hook(
            lambda layer, _, output, name=name: observe(name, layer, output)
        )
        for name, module in model.named_modules()
        if isinstance(module, kinds)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


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
