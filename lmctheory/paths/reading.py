"""Reading two modules as one program: what can be certified, and what is refused.

A module is traced symbolically, and its trace is run on two examples, which gives the shapes. Each
operation must be one that is known here, and read values that nothing overwrites; any other is
refused by name. A's and B's traces must be one, and as a last guard what the program computes for
each of them is compared with what the module does.
"""

import copy
import operator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from lmctheory.networks import (
    Examples,
    affine_chain,
    evaluation_mode,
    require_fit,
    require_same_state,
)
from lmctheory.networks.tracing import require_no_hooks, require_own_weights
from lmctheory.paths.layers import Affine, Node
from lmctheory.paths.operations import Operation
from lmctheory.paths.program import Program, chain_program
from lmctheory.paths.recognition import call_operation, is_idle, module_operation

__all__ = ["program_of"]

_REFUSAL = "the networks cannot be certified"
_AGREEMENT = 1e-9


def program_of(model_a: nn.Module, model_b: nn.Module, data: Examples) -> Program:
    """Two networks as one program, for inputs as in `data`.

    Raises:
        TypeError: naming the operation that has no certificate, and the hypothesis it breaks.
        ValueError: if the networks differ in architecture, weights are NaN or infinite, or inputs
            or labels do not fit.
    """
    model_a, model_b = evaluation_mode(model_a), evaluation_mode(model_b)
    try:
        chains = affine_chain(model_a), affine_chain(model_b)
    except TypeError:
        return _traced(model_a, model_b, data)
    return chain_program(*chains, data)


def _traced(model_a: nn.Module, model_b: nn.Module, data: Examples) -> Program:
    require_same_state(model_a=model_a, model_b=model_b)
    for model in (model_a, model_b):
        require_no_hooks(model, _REFUSAL)
        require_own_weights(model, _REFUSAL)
    require_fit(model_a, data)
    a, b = (copy.deepcopy(model).double() for model in (model_a, model_b))
    example = data.inputs[[0, -1]].to(next(a.parameters(), torch.empty(0).double()))
    with torch.no_grad():
        in_place = _adds_in_place(a, example)
        program = _Reader(a, b, in_place=in_place).read(example).folded()
        if _adds_in_place(b, example) != in_place:
            raise ValueError(
                "model_a and model_b must have the same architecture, but only one adds in place"
            )
        for name, model, t in (("model_a", a, 1.0), ("model_b", b, 0.0)):
            found, wanted = program.values(program.at(t), example)[-1], model(example.clone())
            size = 1 + float(wanted.abs().nan_to_num(0.0, 0.0).max())
            if not torch.allclose(found, wanted, _AGREEMENT, _AGREEMENT * size, equal_nan=True):
                raise TypeError(f"{_REFUSAL}: {name} does not compute what its trace shows")
    return program


def _trace(model: nn.Module) -> torch.fx.GraphModule:
    try:
        return torch.fx.symbolic_trace(model)
    except Exception as error:
        raise TypeError(f"{_REFUSAL}: they cannot be traced ({error})") from error


class _InPlaceAdditions(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notices x += y, which a symbolic trace shows as x + y."""

    found = False

    def __torch_dispatch__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.found |= func is torch.ops.aten.add_.Tensor
        return func(*args, **(kwargs or {}))


def _adds_in_place(model: nn.Module, example: Tensor) -> bool:
    with _InPlaceAdditions() as additions:  # type: ignore[no-untyped-call]
        model(example.clone())
    return additions.found


class _Reader(torch.fx.Interpreter):
    """Runs the trace of A, and writes down an operation for each step."""

    def __init__(self, model_a: nn.Module, model_b: nn.Module, *, in_place: bool) -> None:
        traced = _trace(model_a)
        if str(traced.graph) != str(_trace(model_b).graph):
            raise ValueError(
                "model_a and model_b must have the same architecture, but their traces differ"
            )
        if in_place:
            for n in traced.graph.nodes:
                n.target = operator.iadd if n.target is operator.add else n.target
        super().__init__(traced)
        self.graph: torch.fx.Graph = traced.graph
        self.model_b = model_b
        self.numbers: dict[torch.fx.Node, int] = {}
        self.versions: dict[torch.fx.Node, int] = {}
        self.operations: list[Operation] = []

    def read(self, example: Tensor) -> Program:
        """The program, by running the trace on two examples."""
        self.run(example.clone())
        *_, output = self.graph.nodes
        [source] = output.all_input_nodes if output.args[0] in output.all_input_nodes else [output]
        operations = self.operations[: self.numbers.get(source, 0)]
        if not any(isinstance(op, Affine) for op in operations):
            raise TypeError(f"{_REFUSAL}: the output must be one tensor that a layer has computed")
        return Program(tuple(example.shape[1:]), tuple(operations))

    def run_node(self, n: torch.fx.Node) -> Any:
        """Carries out one step; one that has to do with the inputs becomes an operation."""
        for source in n.all_input_nodes:
            if source in self.versions and self.env[source]._version != self.versions[source]:
                raise TypeError(f"{_REFUSAL}: {source} is overwritten before {n} reads it")
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        # it may work in place
        args = tuple(arg.clone() if isinstance(arg, Tensor) else arg for arg in args)
        result = super().run_node(n)
        if isinstance(result, Tensor):
            self.versions[n] = result._version
        if n.op == "placeholder":
            self.numbers |= {n: 0} if not self.numbers else {}
        elif n.op == "output" or not isinstance(result, Tensor):
            return result
        elif any(source in self.numbers for source in n.all_input_nodes):
            self._write(n, args, kwargs, result)
        return result

    def _write(self, n: torch.fx.Node, args: Any, kwargs: Any, result: Tensor) -> None:
        module = self.module.get_submodule(str(n.target)) if n.op == "call_module" else None
        sources = [arg for arg in n.args if isinstance(arg, torch.fx.Node) and arg in self.numbers]
        known = (
            len(sources) > 0
            and n.args[0] is sources[0]
            and result.dtype == args[0].dtype
            and result.shape[:1] == args[0].shape[:1]
        )
        if known and is_idle(n, module, args, kwargs):
            self.numbers[n] = self.numbers[sources[0]]
            return
        inputs = tuple(self.numbers[source] for source in sources)
        node = Node(n.name, inputs, tuple(result.shape[1:]))
        found = None
        if known and module is not None:
            found = module_operation(node, module, self._other(str(n.target), module), args[0])
        elif known:
            found = call_operation(node, n, result, args, kwargs)
        if found is None:
            what = f"{n.target} ({type(module).__name__})" if module else n.format_node() or n.name
            raise TypeError(
                f"{_REFUSAL}: a certificate needs the Lipschitz constant of every operation, and "
                f"none is known of {what} (layer and group norms and attention have none at all)"
            )
        self.operations.append(found)
        self.numbers[n] = len(self.operations)

    def _other(self, target: str, module: nn.Module) -> nn.Module:
        other = self.model_b.get_submodule(target)
        if type(other) is not type(module) or _settings(other) != _settings(module):
            raise ValueError(
                f"model_a and model_b must have the same architecture, but {target!r} is "
                f"{module} in model_a and {other} in model_b"
            )
        return other


def _settings(module: nn.Module) -> dict[str, Any]:
    return {key: value for key, value in vars(module).items() if not key.startswith("_")}
