"""Checkpoints: what others saved, read without running any of it."""

import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lmctheory.files.writing import writing
from lmctheory.networks.affine import affine_chain, evaluation_mode
from lmctheory.networks.state import copied

__all__ = [
    "CHECKPOINTS",
    "load_network",
    "load_network_of_other_width",
    "read_entries",
    "read_state",
    "require_suffix",
    "write_state",
]

_PICKLED = (".pt", ".pth", ".bin", ".ckpt")
CHECKPOINTS = (".safetensors", *_PICKLED)
"""Suffixes of files that `read_state` reads."""
_UNDER = ("state_dict", "model_state_dict", "model", "module", "network", "net")
"""Where training loops keep a state dict among other things; the first that is there counts."""
_WRAPPED = "module."
_COMPILED = "_orig_mod."
_LISTED = 8
"""Entries that a message names of each kind."""


def read_state(path: str | Path) -> dict[str, Tensor]:
    """The state dict in a checkpoint file, on the CPU.

    It may be the whole file or lie under ``state_dict``, ``model_state_dict``, ``model``,
    ``module``, ``network`` or ``net``. The prefixes of `DataParallel` (``module.``) and of compiled
    modules (``_orig_mod.``) are taken off.

    Args:
        path: a file of safetensors, or one that `torch.save` wrote (.pt, .pth, .bin, .ckpt), of
            which weights alone are read: a pickle that would run code is refused.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it holds no state dict, or is no such file; says what it holds.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "net.pt")
        >>> torch.save({"epoch": 3, "model": {"module.weight": torch.ones(2)}}, path)
        >>> read_state(path)
        {'weight': tensor([1., 1.])}
    """
    path = Path(path)
    return _unwrapped(_state_dict(read_entries(path), path))


def read_entries(path: Path) -> Any:
    """All that a file of safetensors, or one that `torch.save` wrote, holds.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is no such file, or would run code.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is no file")
    if path.suffix == ".safetensors":
        return _safetensors(path)
    if path.suffix not in _PICKLED:
        raise ValueError(
            f"{path} must be a checkpoint, .safetensors or one of {list(_PICKLED)}, "
            f"got {path.suffix!r}"
        )
    return _pickled(path)


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is no file of safetensors: {error}") from error


def _pickled(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of protocols; what cannot be read is refused below
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if found := re.search(r"GLOBAL (\S+)", str(error)):
            raise ValueError(
                f"{path} holds an object of {found[1]}, to load which is to run code. Where you "
                "trust it, save its weights alone: torch.save(torch.load(path, "
                "weights_only=False).state_dict(), new_path); with an entry such as ['model'] if "
                "it is a dictionary"
            ) from None
        raise ValueError(f"{path} is no checkpoint that torch.save wrote") from error
    except (RuntimeError, EOFError, KeyError, ValueError, AttributeError) as error:
        what, *_ = str(error).splitlines() or [type(error).__name__]
        raise ValueError(f"{path} is no checkpoint that torch.save wrote: {what}") from error


def _state_dict(found: Any, path: Path) -> dict[str, Tensor]:
    for key in _UNDER:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            return _state_dict(found[key], path)
    if not isinstance(found, Mapping) or not found:
        what = "nothing" if found == {} else f"a {type(found).__name__}"
        raise ValueError(f"{path} must hold a state dict, tensors by name, got {what}")
    others = [name for name, value in found.items() if not isinstance(value, Tensor)]
    if others:
        raise ValueError(
            f"{path} must hold a state dict, at the top or under one of {list(_UNDER)}; among its "
            f"{len(found)} entries these are no tensors: {_named(map(str, others))}"
        )
    return {str(name): tensor.detach() for name, tensor in found.items()}


def _unwrapped(state: dict[str, Tensor]) -> dict[str, Tensor]:
    state = {name.replace(_COMPILED, ""): tensor for name, tensor in state.items()}
    while state and all(name.startswith(_WRAPPED) for name in state):
        state = {name.removeprefix(_WRAPPED): tensor for name, tensor in state.items()}
    return state


def load_network(model: nn.Module, path: str | Path) -> nn.Module:
    """A copy of a network with the weights of a checkpoint, in evaluation mode.

    It takes the checkpoint's floating-point type, if that is one.

    Args:
        model: of the checkpoint's architecture; left as it is.
        path: see `read_state`.

    Raises:
        ValueError: as `read_state`, and for entries that are missing, that the network does not
            have, or that have another shape: all are named.
    """
    state, network = read_state(path), copied(model)
    held = network.state_dict(keep_vars=True)
    given = {id(held[name]) for name in state if name in held}
    missing = [name for name in held if name not in state and id(held[name]) not in given]
    unexpected = [name for name in state if name not in held]
    misshapen = [
        f"{name} {list(state[name].shape)} for {list(held[name].shape)}"
        for name in held
        if name in state and state[name].shape != held[name].shape
    ]
    faults = {"missing": missing, "unexpected": unexpected, "of another shape": misshapen}
    if found := [f"{kind}: {_named(names)}" for kind, names in faults.items() if names]:
        raise ValueError(f"{path} does not fit {type(model).__name__}; {'; '.join(found)}")
    types = {tensor.dtype for tensor in state.values() if tensor.is_floating_point()}
    if len(types) == 1:
        network.to(next(iter(types)))
    network.load_state_dict(state, strict=False)  # what is tied is not saved twice
    return network.eval()


def load_network_of_other_width(model: nn.Module, path: str | Path) -> nn.Module:
    """A network of the kind of another, as wide as the weights of a checkpoint are.

    Args:
        model: a chain of affine maps, which computes the same from weights of any shape that fit
            one another; left as it is.
        path: see `read_state`.

    Raises:
        TypeError: for a model that is no such chain.
        ValueError: as `load_network`, but that entries may differ in shape.
    """
    affine_chain(evaluation_mode(model))
    state, network = read_state(path), copied(model)
    for prefix, module in network.named_modules():
        for name, parameter in list(module._parameters.items()):
            given = state.get(f"{prefix}.{name}".removeprefix("."))
            if parameter is not None and given is not None and given.ndim == parameter.ndim:
                module._parameters[name] = nn.Parameter(parameter.new_empty(given.shape))
        if isinstance(module, nn.Linear):
            module.out_features, module.in_features = module.weight.shape
    return load_network(network, path)


def _named(names: Any) -> str:
    names = list(names)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def write_state(model: nn.Module, path: str | Path) -> None:
    """Writes a network's state dict, whole or not at all.

    Args:
        model: the network.
        path: of a file of safetensors, or .pt or .pth for `torch.save`.

    Raises:
        ValueError: for another suffix.
    """
    path = Path(path)
    require_suffix(path)
    # tied tensors are written twice: safetensors shares nothing
    state = {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
    with writing(path) as beside:
        if path.suffix == ".safetensors":
            save_file({name: tensor.contiguous() for name, tensor in state.items()}, beside)
        else:
            torch.save(state, beside)


def require_suffix(path: Path) -> None:
    """Refuses to write weights to a file of another kind.

    Raises:
        ValueError: naming the kinds.
    """
    if path.suffix not in (".safetensors", ".pt", ".pth"):
        raise ValueError(f"{path} must end in .safetensors, .pt or .pth, to hold weights")
