"""What networks that are no chains must share, and what data must be for them."""

import copy
from itertools import chain

import torch
from torch import Tensor, nn

from lmctheory.networks.data import Examples, require_inputs

__all__ = [
    "in_type_of",
    "require_batches",
    "require_fit",
    "require_inputs_fit",
    "require_labels",
    "require_same_state",
    "try_one",
]


def require_same_state(**models: nn.Module) -> None:
    """Refuses modules that cannot be interpolated, and state that is not finite.

    Submodules must have the same types, parameters and buffers the same shapes; what neither shows,
    such as a stride or a slope, is not compared.

    Args:
        models: by the argument's name, which messages repeat.

    Raises:
        ValueError: naming the first entry that differs, or that is not finite.
    """
    (first, reference), *others = models.items()
    for name, model in others:
        _require_same_state(first, reference, name, model)
    for name, model in models.items():
        for key, value in model.state_dict().items():
            if not torch.isfinite(value).all():
                raise ValueError(f"{name} has NaN or infinite values in {key!r}")


def _require_same_state(name_a: str, a: nn.Module, name_b: str, b: nn.Module) -> None:
    same = f"{name_a} and {name_b} must have the same architecture"
    state_a, state_b = a.state_dict(), b.state_dict()
    for key in [*state_a, *state_b]:
        A, B = state_a.get(key), state_b.get(key)
        shapes = [None if tensor is None else tuple(tensor.shape) for tensor in (A, B)]
        if A is None or B is None or shapes[0] != shapes[1]:
            raise ValueError(
                f"{same}, but {key!r} has shape {shapes[0]} in {name_a} and {shapes[1]} in {name_b}"
            )
        if (A.dtype, A.device) != (B.dtype, B.device):
            raise ValueError(
                f"{name_a} and {name_b} must have one type and device, but {key!r} has "
                f"{A.dtype} on {A.device} in {name_a} and {B.dtype} on {B.device} in {name_b}"
            )
    types_a, types_b = (
        {key: type(module).__name__ for key, module in model.named_modules()} for model in (a, b)
    )
    for key in [*types_a, *types_b]:
        if types_a.get(key) != types_b.get(key):
            raise ValueError(
                f"{same}, but {key!r} is {types_a.get(key)} in {name_a} "
                f"and {types_b.get(key)} in {name_b}"
            )


def require_labels(data: Examples, classes: int) -> None:
    """Refuses labels that are no classes.

    Raises:
        ValueError: naming the range that is required and the one that came.
    """
    low, high = int(data.labels.min()), int(data.labels.max())
    if low < 0 or high >= classes:
        raise ValueError(f"data.labels must lie in 0..{classes - 1}, got {low}..{high}")


def require_fit(model: nn.Module, data: Examples) -> None:
    """Refuses data that a classifier cannot be evaluated on, by trying one example.

    Args:
        model: from inputs ``[n, ...]`` to logits ``[n, classes]``; left as it is.
        data: the examples, in any type and on any device.

    Raises:
        ValueError: if the inputs do not fit, outputs are no logits, or labels are no classes.
    """
    outputs = try_one(model, data.inputs, "data.inputs")
    if outputs.ndim != 2:
        raise ValueError(
            f"models must give outputs [n, classes], got {list(outputs.shape)} for one example"
        )
    require_labels(data, outputs.shape[1])


def require_batches(model: nn.Module, data: Examples, batch_size: int) -> None:
    """Refuses a last batch of one example where BatchNorm needs a variance.

    Args:
        model: the network, in the mode that it is trained in; left as it is.
        data: the examples.
        batch_size: examples per batch but for the last, which may be smaller.

    Raises:
        ValueError: if training would fail there.
    """
    if 1 not in (len(data) % batch_size, batch_size):
        return
    probe = copy.deepcopy(model)  # a pass in training mode changes running statistics
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        try:
            _first_output(probe, data.inputs, "data.inputs")
        except ValueError as error:
            raise ValueError(
                f"batch_size must leave no batch of one example, got {batch_size} for "
                f"{len(data)} examples: {error}"
            ) from error


def require_inputs_fit(model: nn.Module, inputs: Tensor) -> None:
    """Refuses inputs ``[n, ...]`` that are empty, not finite, or that a network cannot take.

    Raises:
        TypeError: if they are no floating-point numbers.
        ValueError: for each of the three.
    """
    require_inputs(inputs)
    try_one(model, inputs, "inputs")


def in_type_of(model: nn.Module, inputs: Tensor) -> Tensor:
    """The inputs in the network's type and on its device."""
    return inputs.to(next(chain(model.parameters(), model.buffers()), inputs))


def try_one(model: nn.Module, inputs: Tensor, argument: str) -> Tensor:
    """The network's output for the first example, in evaluation mode.

    Args:
        model: left as it is.
        inputs: ``[n, ...]``, in any type and on any device.
        argument: the name that a message gives the inputs.

    Raises:
        ValueError: if inputs of this shape do not fit.
    """
    return _first_output(copy.deepcopy(model).eval(), inputs, argument)


def _first_output(model: nn.Module, inputs: Tensor, argument: str) -> Tensor:
    try:
        with torch.no_grad():
            return model(in_type_of(model, inputs[:1]))
    except RuntimeError as error:
        shape = list(inputs.shape[1:])
        raise ValueError(f"{argument} of shape {shape} do not fit the networks: {error}") from error
