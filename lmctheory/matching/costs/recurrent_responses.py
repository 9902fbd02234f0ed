"""What the weights of recurrent layers read and write on data, a row for each example and step."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lmctheory.networks.program import Layer

__all__ = ["recurrent_responses"]


def recurrent_responses(
    layer: Layer, args: Any, kwargs: Mapping[str, Any]
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """For every weight of a stack of recurrent layers its name, what it reads and what it makes.

    The layers are run one after another: the weights that make gates of inputs read the layer
    below, those that carry on read h_{t-1}. The projections of an LSTM read what is not shown.
    """
    module: Any = layer.module
    tensors, x, *rest = args
    begin = rest[0] if rest else kwargs.get("hx")
    prefix = f"{layer.name}." if layer.name else ""
    suffixes = ("", "_reverse")[: 1 + module.bidirectional]
    time = 1 if module.batch_first and x.ndim == 3 else 0
    for k in range(module.num_layers):
        own = {
            name.replace(f"_l{k}", "_l0"): tensor
            for name, tensor in tensors.items()
            if name.removesuffix("_reverse").endswith(f"_l{k}")
        }
        first = _states_of(begin, k, len(suffixes))
        outputs = Layer(_single(module, x), "")(own, x, first)[0]
        states = outputs.chunk(len(suffixes), dim=-1)
        for number, (suffix, state) in enumerate(zip(suffixes, states, strict=True)):
            start = torch.zeros_like(state.select(time, 0))
            if first is not None:
                start = (first[0] if isinstance(first, tuple) else first)[number]
            carried = _before(state, start, time, backwards=bool(suffix))
            for kind, read in (("ih", x), ("hh", carried)):
                weight, bias = (own.get(f"{what}_{kind}_l0{suffix}") for what in ("weight", "bias"))
                assert weight is not None
                written = functional.linear(read, weight, bias)
                yield f"{prefix}weight_{kind}_l{k}{suffix}", read, written
        x = outputs


def _single(module: Any, x: Tensor) -> Any:
    """One layer of the kind, reading the inputs."""
    options = {name: getattr(module, name) for name in ("bias", "batch_first", "bidirectional")}
    if module.proj_size:
        options["proj_size"] = module.proj_size
    if hasattr(module, "nonlinearity"):
        options["nonlinearity"] = module.nonlinearity
    return type(module)(x.shape[-1], module.hidden_size, **options).to(x)


def _states_of(begin: Any, k: int, directions: int) -> Any:
    """The initial states of one layer."""
    if begin is None:
        return None
    own = slice(k * directions, (k + 1) * directions)
    return tuple(state[own] for state in begin) if isinstance(begin, tuple) else begin[own]


def _before(state: Tensor, start: Tensor, time: int, *, backwards: bool) -> Tensor:
    """The states of the step before."""
    steps, first = state.shape[time], start.unsqueeze(time)
    if backwards:
        return torch.cat([state.narrow(time, 1, steps - 1), first], dim=time)
    return torch.cat([first, state.narrow(time, 0, steps - 1)], dim=time)
