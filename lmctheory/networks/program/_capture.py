"""Reading a network's forward pass: by symbolic tracing, else by export.

Both work on a copy. What they give is believed only if, on an example, it computes what the network
does, with its own numbers and a batch of another size.
"""

import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from typing import Any

import jaxtyping
import torch
from torch import Tensor, nn
from torch.export.graph_signature import InputKind
from torch.fx import Graph, Node
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from lmctheory.networks.calling import (
    Inputs,
    SomeInputs,
    count,
    each,
    entry,
    filled,
    output_key,
    parts,
    returned,
    rows,
    shapes,
)
from lmctheory.networks.program.named_operations import in_place, operation
from lmctheory.networks.program.normal_form import UnreadableError, normal_form
from lmctheory.networks.program.steps import Program
from lmctheory.networks.state import Evaluation, alike, copied, require_network, seeded, tensors

__all__ = ["capture", "require_faithful", "require_no_hooks", "require_program", "symbolic"]

_ROUNDING = 1e3
"""Units in the last place by which a program may differ from its network."""

_PREFIX = "network."

_KNOWN_HOOKS = (WeightNorm, SpectralNorm, BasePruningMethod)
"""Hooks that compute a weight from others: a trace sees what they do."""

_CALLS = (
    *(nn.MultiheadAttention, nn.RNNBase, nn.RNNCellBase, nn.EmbeddingBag, nn.CrossMapLRN2d),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
)
"""Modules of torch.nn whose forward pass branches on shapes: each is one operation."""


def capture(model: nn.Module, example: Inputs, argument: str = "example") -> Program:
    """A network's forward pass in evaluation mode as a `Program`.

    Args:
        model: left as it is.
        example: inputs ``[n, ...]`` in any form, of which the first two are used.
        argument: what messages call them.

    Raises:
        UnreadableError: if it has hooks that are not known, or neither way of reading it gives a
            program that computes what it does; the message names the operation in the way.
        ValueError: if the example does not fit.
    """
    require_network(model, "the network")
    require_no_hooks(model, "the network cannot be traced")
    evaluation = Evaluation(model)
    inputs = evaluation.inputs(_two(example))
    key = _fitting(evaluation, inputs, f"{argument} of shape {shapes(example)}")
    reasons = []
    for read in (_by_tracing, _by_export):
        try:
            with seeded():
                program = read(evaluation, inputs, key)
            require_faithful(program, inputs)
        except UnreadableError as error:
            reasons.append(str(error))
        else:
            return program
    raise UnreadableError(f"the network cannot be traced: {reasons[0]}; nor exported: {reasons[1]}")


def _two(example: SomeInputs) -> SomeInputs:
    return rows(example, slice(2) if count(example) > 1 else [0, 0])


def _fitting(evaluation: Evaluation, inputs: Inputs, what: str) -> str | int | None:
    """Where in what the network returns its output is; inputs that do not fit are refused."""
    try:
        with torch.no_grad(), seeded():
            return output_key(returned(copied(evaluation.model), inputs))
    except (RuntimeError, IndexError, ValueError) as error:
        why, *_ = str(error).splitlines()
        raise ValueError(f"{what} does not fit the network: {why}") from error


def require_no_hooks(model: nn.Module, refusal: str) -> None:
    """Refuses a module that does more than a trace of it sees, or that a trace would write into.

    Raises:
        UnreadableError: beginning with `refusal` and naming the submodule, if one has a forward
            hook or a forward method of its own.
    """
    for name, module in model.named_modules():
        before = module._forward_pre_hooks.values()
        known = all(isinstance(hook, _KNOWN_HOOKS) for hook in before)
        if module._forward_hooks or not known or "forward" in vars(module):
            raise UnreadableError(
                f"{refusal}: {name or 'the whole'} ({type(module).__name__}) has a forward hook"
                " or a forward method of its own"
            )


class _Root(nn.Module):
    """Holds a network, so that its own hooks and default arguments take effect.

    It takes all inputs in one argument, and gives the output alone.
    """

    def __init__(self, network: nn.Module, like: Inputs | None, key: str | int | None) -> None:
        super().__init__()
        self.network, self.like, self.key = network, filled(like, lambda _: None), key

    def forward(self, inputs: Any) -> Any:
        given = filled(self.like, lambda place: inputs if place is None else inputs[place])
        return entry(returned(self.network, given), self.key)


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
def _untyped() -> Iterator[None]:
    """Suspends jaxtyping's checks, which the symbols that stand for tensors cannot pass."""
    disabled = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", disabled)


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
    root = _Root(own, like, key)
    held = tensors(root)
    names = {id(tensor): name for name, tensor in reversed(held.items())}
    tracer = _Tracer(names)
    with ExitStack() as contexts:
        for context in (seeded, _untyped, _unfused):
            contexts.enter_context(context())
        try:
            graph = tracer.trace(root)
        except Exception as error:  # whatever a user's forward pass raises on symbols
            raise UnreadableError(str(error) or type(error).__name__) from error
    constants: dict[str, Tensor] = {}

    def slot_of(node: Node) -> str | None:
        if node.op != "get_attr":
            return None
        name = str(node.target)
        if name in held:
            return name.removeprefix(_PREFIX)
        owner, _, attribute = name.rpartition(".")
        constants[name] = getattr(root.get_submodule(owner), attribute)
        return name

    return normal_form(graph, own, slot_of, _PREFIX), constants


def _by_tracing(evaluation: Evaluation, inputs: Inputs, key: str | int | None) -> Program:
    graph, constants = symbolic(evaluation.model, like=inputs, key=key)
    return Program(graph, evaluation.state, constants, evaluation)


@contextmanager
def _silence() -> Iterator[None]:
    """Keeps to itself what an export says; whether it is right is found out otherwise."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        disabled = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(disabled)


def _by_export(evaluation: Evaluation, inputs: Inputs, key: str | int | None) -> Program:
    with _untyped(), _silence():
        try:
            exported = _exported(_Root(copied(evaluation.model), inputs, key), inputs)
        except Exception as error:  # whatever export raises
            what = next(iter(str(error).splitlines()), type(error).__name__)
            raise UnreadableError(what) from error
    signature = exported.graph_signature
    slots = {
        spec.arg.name: str(spec.target).removeprefix(_PREFIX)
        for spec in signature.input_specs
        if spec.kind in (InputKind.PARAMETER, InputKind.BUFFER)
    }
    lifted = {
        spec.arg.name: spec.target
        for spec in signature.input_specs
        if spec.kind == InputKind.CONSTANT_TENSOR
    }
    graph = exported.graph
    (output,) = (node for node in graph.nodes if node.op == "output")
    wanted = set(signature.user_outputs)
    output.args = (tuple(n for n in output.args[0] if getattr(n, "name", n) in wanted),)
    named = {**slots, **lifted}
    places = parts(inputs)
    graph = normal_form(
        graph, evaluation.model, lambda node: named.get(node.name), _PREFIX, list(places)
    )
    constants = {name: exported.constants[name] for name in lifted.values()}
    return Program(graph, evaluation.state, constants, evaluation)


def _exported(root: _Root, inputs: Inputs) -> torch.export.ExportedProgram:
    batches = filled(inputs, lambda _: {0: torch.export.Dim.AUTO})
    with torch.no_grad():
        exported = torch.export.export(root, (inputs,), dynamic_shapes=(batches,), strict=False)
    if any(map(_overwrites, exported.graph.nodes)):
        exported = exported.run_decompositions({})
    return exported


def _overwrites(node: Node) -> bool:
    """Whether a step overwrites numbers; to detach a tensor in place overwrites none."""
    works = node.op == "call_function" and in_place(node.target)
    return works and operation(node.target) != "detach"


def _probes(inputs: SomeInputs) -> Iterator[SomeInputs]:
    """Inputs on which two forward passes are compared.

    The given ones; a batch of another size; and, since on few of one kind a wrong pass may agree by
    accident (where a unit is never active, say), random ones of their mean and size.
    """
    yield inputs
    yield each(inputs, lambda x: torch.cat([x.flip(0), x[:1]]))
    if any(x.is_floating_point() for x in parts(inputs).values()):
        rng = torch.Generator().manual_seed(0)

        def noise(x: Tensor) -> Tensor:
            return torch.randn(x.shape, generator=rng, dtype=torch.float64).to(x)

        yield _numbers(inputs, lambda x: noise(x) * x.square().mean().sqrt())
        yield _numbers(inputs, lambda x: x.mean() + noise(x))


def _numbers(inputs: SomeInputs, function: Callable[[Tensor], Tensor]) -> SomeInputs:
    """The inputs, of which floating-point ones are replaced: integers may be of any meaning."""
    return each(inputs, lambda x: function(x) if x.is_floating_point() else x)


def require_faithful(program: Program, inputs: Inputs) -> None:
    """Refuses a program that has taken other branches than the network does, or missed something.

    Args:
        program: of the network in its `evaluation`.
        inputs: some that fit, ``[n, ...]``; others are made of them.

    Raises:
        UnreadableError: if it computes something else.
    """
    try:
        computes = _computes(program, program.evaluation, inputs)
    except Exception as error:  # an operation that does not work as it was traced
        what, *_ = str(error).splitlines() or [type(error).__name__]
        raise UnreadableError(f"its trace cannot be carried out ({what})") from error
    if not computes:
        raise UnreadableError("its trace does not compute what it computes")


def require_program(program: Program, model_b: nn.Module, example: Inputs) -> None:
    """Refuses a network that does not compute what another's program does with its numbers.

    Args:
        program: of model_a.
        model_b: a network with the same slots, in the same type.
        example: inputs ``[n, ...]``, of which the first two are used.

    Raises:
        ValueError: if outputs differ.
    """
    evaluation = Evaluation(model_b)
    try:
        computes = _computes(program, evaluation, evaluation.inputs(rows(example, slice(2))))
    except (RuntimeError, IndexError, ValueError):  # shapes that do not fit
        computes = False
    if not computes:
        raise ValueError(
            "model_a and model_b must have the same architecture, but model_b does not compute "
            "what model_a would with its weights"
        )


def _computes(program: Program, evaluation: Evaluation, inputs: Inputs) -> bool:
    for x in _probes(inputs):
        with torch.no_grad(), seeded():
            found = program(each(x, Tensor.clone), evaluation.state)
            if not isinstance(found, Tensor) or not alike(found, evaluation(x), _ROUNDING):
                return False
    return True
