"""Reading a network by tracing it with symbols."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Graph, Node

from lmctheory.networks.calling import Inputs
from lmctheory.networks.program.normal_form import UnreadableError, normal_form
from lmctheory.networks.program.root import PREFIX, Root, told, untyped
from lmctheory.networks.program.steps import Program
from lmctheory.networks.state import Evaluation, copied, seeded, tensors

__all__ = ["symbolic", "traced"]

_CALLS = (
    *(nn.MultiheadAttention, nn.RNNBase, nn.RNNCellBase, nn.EmbeddingBag, nn.CrossMapLRN2d),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
)
"""Modules of torch.nn whose forward pass branches on shapes: each is one operation."""


class _SlotProxy(torch.fx.Proxy):
    """A slot during a trace: its shape and type are known."""

    def __init__(self, tracer: torch.fx.Tracer, node: Node, tensor: Tensor) -> None:
        super().__init__(node, tracer)
        self.tensor = tensor

    @property
    def shape(self) -> torch.Size:
        return self.tensor.shape

    @property
    def ndim(self) -> int:
        return self.tensor.ndim

    @property
    def dtype(self) -> torch.dtype:
        return self.tensor.dtype

    @property
    def device(self) -> torch.device:
        return self.tensor.device

    def size(self, dim: int | None = None) -> Any:
        return self.tensor.size() if dim is None else self.tensor.size(dim)

    def dim(self) -> int:
        return self.tensor.dim()

    def numel(self) -> int:
        return self.tensor.numel()

    def __len__(self) -> int:
        return len(self.tensor)


class _Tracer(torch.fx.Tracer):
    """Traces into the modules of torch.nn, so that they and the functions they call are one."""

    def __init__(self, names: dict[int, str]) -> None:
        super().__init__()
        self.names = names

    def is_leaf_module(self, module: nn.Module, _: str) -> bool:
        return isinstance(module, _CALLS)

    def call_module(self, module: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        """Like any module but a stack of Transformer layers, which asks a symbol for its shape."""
        if type(module) is nn.TransformerEncoder and len(args) == 1 and not kwargs:
            return super().call_module(module, partial(_stacked, module), args, kwargs)
        return super().call_module(module, forward, args, kwargs)

    def getattr(self, _: str, value: Any, cache: dict[str, Any]) -> Any:
        name = self.names.get(id(value))
        if name is None:
            return value
        if name not in cache:
            cache[name] = self.create_proxy(
                *("get_attr", name, (), {}),
                proxy_factory_fn=lambda node: _SlotProxy(self, node, value),
            )
        return cache[name]


def _stacked(encoder: nn.TransformerEncoder, x: Any) -> Any:
    for layer in encoder.layers:
        x = layer(x)
    return x if encoder.norm is None else encoder.norm(x)


@contextmanager
def _unfused() -> Iterator[None]:
    """Suspends the fused path of Transformer layers, which branches on the inputs."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def symbolic(
    model: nn.Module,
    *,
    evaluation: bool = True,
    like: Inputs | None = None,
    key: str | int | None = None,
) -> tuple[Graph, dict[str, Tensor]]:
    """The forward pass as traced symbols, in normal form, and its constants.

    It was compared with nothing: see `require_faithful`.

    Args:
        model: left as it is.
        evaluation: in evaluation mode; else in the mode that the model is in.
        like: inputs whose form the symbols take; None is one tensor.
        key: of the output, see `output_key`.

    Raises:
        UnreadableError: if the network cannot be traced.
    """
    own = copied(model)
    if evaluation:
        own.eval()
    for module in own.modules():
        for check in ("_check_input_dim", "_check_non_zero_input_channels"):
            if hasattr(module, check):  # it would ask a symbol for its shape
                setattr(module, check, lambda _: None)
    root = Root(own, like, key)
    held = tensors(root)
    names = {id(tensor): name for name, tensor in reversed(held.items())}
    tracer = _Tracer(names)
    with ExitStack() as contexts:
        for context in (seeded, untyped, _unfused):
            contexts.enter_context(context())
        try:
            graph = tracer.trace(root)
        except Exception as error:  # whatever a user's forward pass raises on symbols
            raise UnreadableError(told(error)) from error
    constants: dict[str, Tensor] = {}

    def slot_of(node: Node) -> str | None:
        if node.op != "get_attr":
            return None
        name = str(node.target)
        if name in held:
            return name.removeprefix(PREFIX)
        owner, _, attribute = name.rpartition(".")
        constants[name] = getattr(root.get_submodule(owner), attribute)
        return name

    return normal_form(graph, own, slot_of, PREFIX), constants


def traced(evaluation: Evaluation, inputs: Inputs, key: str | int | None) -> Program:
    """The forward pass as traced, compared with nothing: see `symbolic`."""
    graph, constants = symbolic(evaluation.model, like=inputs, key=key)
    return Program(graph, evaluation.state, constants, evaluation)
