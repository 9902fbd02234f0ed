"""How a network is called: the forms of its inputs, and which part of its result is the output.

Inputs are one tensor, a tuple of tensors (the arguments of the forward pass in order) or a mapping
of tensors (its arguments by name: input ids, an attention mask). Axis 0 of each is that of
examples.

The output is what the forward pass returns, if that is a tensor. Else it is the one entry named
``logits`` (of a mapping, a named tuple or a data class, such as the outputs of `transformers`);
without one the first tensor of a tuple, list or mapping.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, TypeVar

from torch import Tensor

__all__ = [
    "Inputs",
    "SomeInputs",
    "as_inputs",
    "batches",
    "call",
    "count",
    "each",
    "entry",
    "filled",
    "output_key",
    "output_of",
    "parts",
    "returned",
    "rows",
    "shapes",
]

Inputs: TypeAlias = Tensor | tuple[Tensor, ...] | Mapping[str, Tensor]
"""All forms that inputs may have."""

SomeInputs = TypeVar("SomeInputs", bound=Inputs)

_LOGITS = "logits"


def as_inputs(inputs: object, argument: str = "inputs") -> Inputs:
    """The inputs of a network, checked; a mapping of any kind as a dict.

    Args:
        inputs: a tensor ``[n, ...]``, a tuple or a mapping of such tensors.
        argument: the name that messages give them.

    Raises:
        TypeError: if they are anything else.
        ValueError: if there is no tensor or no example, or tensors hold different numbers of them.

    Example:
        >>> import torch
        >>> as_inputs({"input_ids": torch.zeros(2, 5), "attention_mask": torch.ones(3, 5)}, "data")
        Traceback (most recent call last):
            ...
        ValueError: data must hold as many examples in each tensor, got [2, 3]
    """
    if isinstance(inputs, Mapping):
        inputs = {_named(key, argument): value for key, value in inputs.items()}
        named = {f"{argument}[{key!r}]": value for key, value in inputs.items()}
    elif isinstance(inputs, tuple):
        named = {f"{argument}[{k}]": value for k, value in enumerate(inputs)}
    else:
        named = {argument: inputs}
    if not named:
        raise ValueError(f"{argument} must hold at least one tensor, got none")
    for name, value in named.items():
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{name} must be a tensor{_OR if name == argument else ''}, "
                f"got {type(value).__name__}"
            )
        if value.ndim == 0 or value.numel() == 0:
            raise ValueError(f"{name} must hold at least one example, got {tuple(value.shape)}")
    counts = [len(value) for value in named.values()]
    if len(set(counts)) > 1:
        raise ValueError(f"{argument} must hold as many examples in each tensor, got {counts}")
    return inputs  # type: ignore[return-value]  # as was found


_OR = ", a tuple of tensors or a mapping of tensors by name"


def _named(key: object, argument: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{argument} must be keyed by the names of arguments, got {key!r}")
    return key


def call(forward: Callable[..., Any], inputs: Inputs) -> Tensor:
    """The output of a network, or of a function called as one.

    Args:
        forward: the network.
        inputs: its arguments.

    Raises:
        TypeError: if what it returns has no tensor that is the output, see `output_of`.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> call(nn.LSTM(3, 4, batch_first=True), torch.ones(2, 5, 3)).shape
        torch.Size([2, 5, 4])
    """
    return output_of(returned(forward, inputs))


def returned(forward: Callable[..., Any], inputs: Inputs) -> Any:
    """All that a network returns for the inputs."""
    if isinstance(inputs, Mapping):
        return forward(**inputs)
    return forward(*inputs) if isinstance(inputs, tuple) else forward(inputs)


def output_of(result: Any) -> Tensor:
    """The output in what a forward pass returned, see the module.

    Raises:
        TypeError: if there is none; it names what came instead.

    Example:
        >>> import torch
        >>> output_of({"loss": torch.zeros(()), "logits": torch.ones(2)})
        tensor([1., 1.])
        >>> output_of("a word")
        Traceback (most recent call last):
            ...
        TypeError: the network must return a tensor, 'logits', or a tensor among others, got str
    """
    return entry(result, output_key(result))


def output_key(result: Any) -> str | int | None:
    """Where in what a forward pass returned the output is: see `entry`; None is the whole.

    Raises:
        TypeError: as `output_of` does.
    """
    if isinstance(result, Tensor):
        return None
    if isinstance(_logits(result), Tensor):
        return _LOGITS
    found: Iterator[tuple[Any, Any]] = iter(())
    if isinstance(result, Mapping):
        found = iter(result.items())
    elif isinstance(result, tuple | list):
        found = enumerate(result)
    for key, value in found:
        if isinstance(value, Tensor):
            return key
    raise TypeError(
        f"the network must return a tensor, {_LOGITS!r}, or a tensor among others, "
        f"got {type(result).__name__}"
    )


def _logits(result: Any) -> Any:
    if isinstance(result, Mapping):
        return result.get(_LOGITS)
    return getattr(result, _LOGITS, None)


def entry(result: Any, key: str | int | None) -> Any:
    """What is under a key of `output_key`; of a symbol for a result the symbol of it."""
    if key is None:
        return result
    by_name = isinstance(key, str) and not isinstance(result, Mapping)
    return getattr(result, str(key)) if by_name else result[key]


def filled(like: Any, take: Callable[[Any], Any]) -> Any:
    """Something of the form of inputs: what is taken for each name or place, or for the whole."""
    if isinstance(like, Mapping):
        return {name: take(name) for name in like}
    return tuple(map(take, range(len(like)))) if isinstance(like, tuple) else take(None)


def each(inputs: SomeInputs, function: Callable[[Tensor], Tensor]) -> SomeInputs:
    """The inputs, each tensor of them replaced by what a function makes of it."""
    held = parts(inputs)
    return filled(inputs, lambda place: function(held[place]))


def parts(inputs: Inputs) -> dict[str | int | None, Tensor]:
    """The tensors by name or place; None for one that is the whole."""
    if isinstance(inputs, Tensor):
        return {None: inputs}
    return dict(inputs.items() if isinstance(inputs, Mapping) else enumerate(inputs))


def count(inputs: Inputs) -> int:
    """The number of examples."""
    return len(next(iter(parts(inputs).values())))


def rows(inputs: SomeInputs, index: Any) -> SomeInputs:
    """Some of the examples: what an index takes out of axis 0."""
    return each(inputs, lambda tensor: tensor[index])


def batches(inputs: SomeInputs, size: int) -> Iterator[SomeInputs]:
    """The examples in their order, at most `size` at a time."""
    for start in range(0, count(inputs), size):
        yield rows(inputs, slice(start, start + size))


def shapes(inputs: Inputs) -> str:
    """The shapes of the inputs, as messages give them."""
    found = {key: list(tensor.shape) for key, tensor in parts(inputs).items()}
    return str(found[None]) if None in found else ", ".join(f"{k!r} {s}" for k, s in found.items())
