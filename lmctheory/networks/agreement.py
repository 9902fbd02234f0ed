"""What networks that are no chains must share, and what data must be for them."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.spectral_norm import SpectralNorm

from lmctheory.networks.calling import Inputs, each, rows, shapes
from lmctheory.networks.data import AnyExamples, Examples, require_inputs
from lmctheory.networks.losses import CROSS_ENTROPY
from lmctheory.networks.state import (
    Evaluation,
    alike,
    copied,
    in_type_of,
    interpolable,
    require_network,
    seeded,
    slots,
)

__all__ = [
    "require_batches",
    "require_classes",
    "require_finite",
    "require_fit",
    "require_inputs_fit",
    "require_same_state",
    "require_segment",
    "try_one",
]


def require_same_state(**models: nn.Module) -> None:
    """Refuses modules of different architecture, and numbers that are not finite.

    Submodules must have the same types, parameters and buffers the same shapes; what neither shows,
    such as a stride or a slope, is not compared.

    Args:
        models: by the argument's name, which messages repeat.

    Raises:
        TypeError: for what is no network.
        ValueError: naming the first slot that differs, or that is not finite.
    """
    for name, model in models.items():
        require_network(model, name)
    (first, reference), *others = models.items()
    for name, model in others:
        _require_same_state(first, reference, name, model)
    for name, model in models.items():
        for key, value in slots(model).items():
            if not torch.isfinite(value).all():
                raise ValueError(f"{name} has NaN or infinite values in {key!r}")


def _require_same_state(name_a: str, a: nn.Module, name_b: str, b: nn.Module) -> None:
    same = f"{name_a} and {name_b} must have the same architecture"
    state_a, state_b = slots(a), slots(b)
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


def require_finite(models: Iterable[nn.Module], said: str) -> None:
    """Refuses networks of which training left NaN or infinite weights.

    Args:
        models: as they came from training.
        said: the message.

    Raises:
        ValueError: if there is such a weight.
    """
    if not all(p.isfinite().all() for model in models for p in model.parameters()):
        raise ValueError(said)


def require_segment(model_a: nn.Module, model_b: nn.Module) -> None:
    """Refuses modules between which there is no segment: `require_same_state`, and more.

    What cannot be interpolated (integers, truth values, masks of pruning, state that is no tensor)
    must be equal in both; counters of batches, which evaluation does not read, need not be.

    Raises:
        TypeError: for what is no network.
        ValueError: naming what differs, or spectral normalisation, whose power iteration leaves
            vectors that belong to one weight alone.
    """
    require_same_state(model_a=model_a, model_b=model_b)
    for name, module in model_a.named_modules():
        _require_own_norms(name, module)
        if type(module).get_extra_state is not nn.Module.get_extra_state:
            states = [m.get_submodule(name).get_extra_state() for m in (model_a, model_b)]
            if not _same(*states):
                raise ValueError(
                    "model_a and model_b must agree in what cannot be interpolated, but the extra "
                    f"state of {name or 'the whole'} ({type(module).__name__}) differs"
                )
    state_b = slots(model_b)
    for name, value in slots(model_a).items():
        if _is_fixed(name, value, state_b) and not torch.equal(value, state_b[name]):
            raise ValueError(
                "model_a and model_b must agree in what cannot be interpolated, but "
                f"{name!r} ({str(value.dtype).removeprefix('torch.')}) differs"
            )


def _require_own_norms(name: str, module: nn.Module) -> None:
    old = any(isinstance(hook, SpectralNorm) for hook in module._forward_pre_hooks.values())
    if old or isinstance(module, _SpectralNorm):
        raise ValueError(
            f"the networks cannot be interpolated: {name or 'the whole'} normalises a weight by "
            "power iteration, whose vectors belong to one weight alone; remove the spectral "
            "normalisation first, which leaves the weights that it has computed"
        )


def _is_fixed(name: str, value: Tensor, state: dict[str, Tensor]) -> bool:
    if name.endswith("_mask") and f"{name.removesuffix('_mask')}_orig" in state:
        return True
    return not interpolable(value) and not name.endswith("num_batches_tracked")


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.equal(a, b)
    try:
        return bool(a == b)
    except (RuntimeError, ValueError):  # of arrays, or of containers of tensors
        return False


def require_classes(data: Examples, classes: int) -> None:
    """Refuses labels that are not one of so many classes per example.

    Raises:
        TypeError: for labels that are no classes.
        ValueError: naming the range that is required and the one that came.
    """
    CROSS_ENTROPY.require_labels(data.labels)
    CROSS_ENTROPY.require_fit(data.labels.new_empty(1, classes), data.labels)


def require_fit(model: nn.Module, data: AnyExamples) -> None:
    """Refuses data that a network cannot be evaluated on, by trying two examples.

    Args:
        model: from inputs ``[n, ...]`` to outputs ``[n, ...]`` that the loss of the data takes;
            left as it is.
        data: the examples, in any type and on any device.

    Raises:
        ValueError: if inputs of this shape or labels do not fit, or what the network makes of an
            example depends on the others.
    """
    evaluation = Evaluation(model)
    outputs = _outputs(evaluation, rows(data.inputs, slice(1)), "data.inputs")
    if len(outputs) != 1:
        raise ValueError(
            f"models must give outputs [n, ...], got {list(outputs.shape)} for one example"
        )
    data.loss.require_fit(outputs, data.labels)
    two = _outputs(evaluation, rows(data.inputs, slice(2)), "data.inputs")
    _require_independence(outputs, two)


_INDEPENDENT = 1e4
"""Units in the last place by which an example's output may depend on the size of its batch."""


def _require_independence(alone: Tensor, together: Tensor) -> None:
    if not alike(together[:1], alone, _INDEPENDENT):
        raise ValueError(
            "models must make of an example the same whatever others it is evaluated with, but "
            "do not (BatchNorm without running statistics does so)"
        )


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
    probe = copied(model)  # a pass in training mode changes running statistics
    with torch.no_grad(), seeded():
        try:
            probe(in_type_of(probe, rows(data.inputs, slice(1))))
        except ValueError as error:
            raise ValueError(
                f"batch_size must leave no batch of one example, got {batch_size} for "
                f"{len(data)} examples: {error}"
            ) from error


def require_inputs_fit(model: nn.Module, inputs: Inputs) -> None:
    """Refuses inputs ``[n, ...]`` that are empty, not finite, or that a network cannot take.

    Raises:
        TypeError: if they are no floating-point numbers.
        ValueError: for each of the three.
    """
    require_inputs(inputs)
    try_one(model, inputs, "inputs")


def try_one(model: nn.Module, inputs: Inputs, argument: str) -> Tensor:
    """The network's output for the first example, in evaluation mode.

    Args:
        model: left as it is.
        inputs: ``[n, ...]``, in any type and on any device.
        argument: the name that a message gives the inputs.

    Raises:
        TypeError: if the model returns nothing that is its output, see `calling`.
        ValueError: if inputs of this shape do not fit.
    """
    return _outputs(Evaluation(model), rows(inputs, slice(1)), argument)


def _outputs(evaluation: Evaluation, inputs: Inputs, argument: str) -> Tensor:
    try:
        with torch.no_grad():
            return evaluation(inputs)
    except (RuntimeError, IndexError) as error:
        shape = shapes(each(inputs, lambda tensor: tensor[0]))
        raise ValueError(
            f"{argument} of shape {shape} do not fit the networks{_hint(inputs)}: {error}"
        ) from error


def _hint(inputs: Inputs) -> str:
    """What is wrong with images whose channels come last, as elsewhere; nothing for others."""
    if isinstance(inputs, Tensor) and inputs.ndim == 4 and inputs.shape[-1] in (1, 3, 4):
        return " (channels come first: use inputs.permute(0, 3, 1, 2))"
    return ""
