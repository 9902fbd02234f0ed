"""Reading two modules as one program: what can be certified, and what is refused.

A module is traced symbolically, and its trace is run on two examples, which gives the shapes. Each
operation must be one that is known here; any other is refused by name. Nothing is taken on trust:
for A and for B, what the program computes is compared with what the module does.
"""

import copy
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lmctheory.networks import (
    Examples,
    activation_of,
    affine_chain,
    evaluation_mode,
    require_fit,
    require_same_state,
)
from lmctheory.networks.tracing import functional_activation, require_no_hooks
from lmctheory.paths.layers import Affine, Node, Normalisation
from lmctheory.paths.operations import Fixed, MaxPool, Operation, Pointwise, Sum
from lmctheory.paths.operators import Convolution, Dense
from lmctheory.paths.program import Program, chain_program

__all__ = ["program_of"]

_REFUSAL = "the networks cannot be certified"
_AGREEMENT = 1e-9

_SAME = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
_FIXED = (
    *(nn.Flatten, nn.Unflatten, nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d),
    *(nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d),
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
)
_RESHAPING = (torch.flatten, torch.reshape, "flatten", "reshape", "view", "unflatten")
_FIXED_CALLS = (
    *(torch.mean, torch.permute, torch.transpose, "mean", "permute", "transpose", "contiguous"),
    *(functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d),
    *(functional.adaptive_avg_pool1d, functional.adaptive_avg_pool2d),
    *(functional.adaptive_avg_pool3d, functional.pad, operator.getitem),
)
_SUMS = (operator.add, operator.iadd, torch.add, "add", "add_")
_MAX_POOLS = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
_MAX_POOL_CALLS = {
    functional.max_pool1d: nn.MaxPool1d,
    functional.max_pool2d: nn.MaxPool2d,
    functional.max_pool3d: nn.MaxPool3d,
}


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
    require_fit(model_a, data)
    a, b = (copy.deepcopy(model).double() for model in (model_a, model_b))
    example = data.inputs[[0, -1]].to(next(a.parameters(), torch.empty(0).double()))
    with torch.no_grad():
        program = _Reader(a, b).read(example).folded()
        for name, model, t in (("model_a", a, 1.0), ("model_b", b, 0.0)):
            found, wanted = program.values(program.at(t), example)[-1], model(example)
            if not (found - wanted).abs().max() <= _AGREEMENT * (1 + wanted.abs().max()):
                raise TypeError(f"{_REFUSAL}: {name} does not compute what the trace of A shows")
    return program


class _Reader(torch.fx.Interpreter):
    """Runs the trace of A, and writes down an operation for each step."""

    def __init__(self, model_a: nn.Module, model_b: nn.Module) -> None:
        try:
            traced = torch.fx.symbolic_trace(model_a)
        except Exception as error:
            raise TypeError(f"{_REFUSAL}: they cannot be traced ({error})") from error
        super().__init__(traced)
        self.graph: torch.fx.Graph = traced.graph
        self.model_b = model_b
        self.numbers: dict[torch.fx.Node, int] = {}
        self.operations: list[Operation] = []

    def read(self, example: Tensor) -> Program:
        """The program, by running the trace on two examples."""
        self.run(example)
        *_, output = self.graph.nodes
        source = output.args[0]
        if source not in self.numbers or not any(isinstance(o, Affine) for o in self.operations):
            raise TypeError(f"{_REFUSAL}: the output must be one tensor that a layer has computed")
        return Program(tuple(example.shape[1:]), tuple(self.operations[: self.numbers[source]]))

    def run_node(self, n: torch.fx.Node) -> Any:
        """Carries out one step; one that has to do with the inputs becomes an operation."""
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        # it may work in place
        args = tuple(arg.clone() if isinstance(arg, Tensor) else arg for arg in args)
        result = super().run_node(n)
        if n.op == "placeholder":
            self.numbers[n] = 0
        elif n.op == "output" or not isinstance(result, Tensor):
            return result
        elif any(source in self.numbers for source in n.all_input_nodes):
            self._write(n, args, kwargs, result)
        return result

    def _write(self, n: torch.fx.Node, args: Any, kwargs: Any, result: Tensor) -> None:
        module = self.module.get_submodule(str(n.target)) if n.op == "call_module" else None
        sources = [arg for arg in n.args if isinstance(arg, torch.fx.Node) and arg in self.numbers]
        known = len(sources) > 0 and n.args[0] is sources[0] and len(result) == len(args[0])
        if known and (
            type(module) in _SAME or (n.target is functional.dropout and result.equal(args[0]))
        ):
            self.numbers[n] = self.numbers[sources[0]]
            return
        inputs = tuple(self.numbers[source] for source in sources)
        node = Node(n.name, inputs, tuple(result.shape[1:]))
        found = None
        if known and module is not None:
            found = _layer(node, module, self._other(str(n.target), module), args[0])
        elif known:
            found = _call(node, n, result, args, kwargs)
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
        if other.extra_repr() != module.extra_repr():
            raise ValueError(
                f"model_a and model_b must have the same architecture, but {target!r} is "
                f"{module} in model_a and {other} in model_b"
            )
        return other


def _layer(node: Node, a: nn.Module, b: nn.Module, x: Tensor) -> Operation | None:
    """The operation that a pair of torch's modules is."""
    sigma = activation_of(a)
    if sigma is not None:
        return Pointwise(node, sigma)
    match a:
        case nn.Linear() if type(a) is nn.Linear:
            return Affine(node, Dense(), *_pair(a, b, "weight"), *_biases(a, b))
        case nn.Conv1d() | nn.Conv2d() | nn.Conv3d():
            return _convolution(node, a, b, x)
        case nn.BatchNorm1d() | nn.BatchNorm2d() | nn.BatchNorm3d():
            return _normalisation(node, a, b)
        case nn.MaxPool1d() | nn.MaxPool2d() | nn.MaxPool3d():
            return _max_pool(node, a, x)
    moves = isinstance(a, nn.Flatten | nn.Unflatten)
    return _fixed(node, a, x, moves=moves) if type(a) in _FIXED else None


def _call(node: Node, n: torch.fx.Node, result: Tensor, args: Any, kwargs: Any) -> Operation | None:
    """The operation that a call of a function or of a tensor's method is."""
    sigma = functional_activation(n)
    if sigma is not None:
        return Pointwise(node, sigma)
    x, *rest = args
    others = [arg for arg in (*rest, *kwargs.values()) if isinstance(arg, Tensor)]
    if n.target in _SUMS and len(node.inputs) == 2 and not kwargs:
        return Sum(node) if x.shape == others[0].shape else None
    if others:
        return None
    if n.target in _RESHAPING:
        return _fixed(node, lambda v: v.reshape(len(v), *result.shape[1:]), x, moves=True)
    if n.target in _FIXED_CALLS:
        return _fixed(node, lambda v: _carry_out(n, v, rest, kwargs), x)
    pool = _MAX_POOL_CALLS.get(n.target)  # type: ignore[arg-type]  # any target may be asked for
    return None if pool is None or len(rest) > 4 else _max_pool(node, pool(*rest, **kwargs), x)


def _carry_out(n: torch.fx.Node, x: Tensor, rest: Any, kwargs: Any) -> Tensor:
    if n.op == "call_method":
        return getattr(x, str(n.target))(*rest, **kwargs)
    assert callable(n.target)
    return n.target(x, *rest, **kwargs)


def _fixed(
    node: Node, apply: Callable[[Tensor], Tensor], x: Tensor, *, moves: bool = False
) -> Fixed | None:
    """The operation, if it takes 0 to 0, ones to nothing negative, and examples one by one."""
    ones = torch.ones_like(x)
    linear = not apply(torch.zeros_like(x)).any() and (apply(ones) >= 0).all()
    alone = apply(x[1:]).shape[1:] == node.shape and torch.equal(apply(x)[1:], apply(x[1:]))
    return Fixed(node, apply, tuple(x.shape[1:]), moves) if linear and alone else None


def _pair(a: nn.Module, b: nn.Module, name: str) -> tuple[Tensor, Tensor]:
    return getattr(a, name).detach(), getattr(b, name).detach()


def _biases(a: Any, b: Any) -> tuple[Tensor, Tensor]:
    if a.bias is None:
        zero = a.weight.new_zeros(len(a.weight))
        return zero, zero
    return _pair(a, b, "bias")


def _convolution(node: Node, a: Any, b: Any, x: Tensor) -> Affine | None:
    if a.padding_mode != "zeros" or x.ndim != a.weight.ndim:
        return None
    padding = a.padding
    if padding == "valid":
        padding = (0,) * len(a.kernel_size)
    if padding == "same":
        gaps = [d * (k - 1) for d, k in zip(a.dilation, a.kernel_size, strict=True)]
        if any(gap % 2 for gap in gaps):
            return None
        padding = tuple(gap // 2 for gap in gaps)
    sides = tuple(x.shape[2:])
    convolution = Convolution(a.stride, padding, a.dilation, a.groups, sides)
    return Affine(node, convolution, *_pair(a, b, "weight"), *_biases(a, b))


def _normalisation(node: Node, a: Any, b: Any) -> Normalisation | None:
    if a.running_var is None:
        return None
    column = (-1, *[1] * (len(node.shape) - 1))

    def pair(name: str, default: float = 0.0) -> tuple[Tensor, Tensor]:
        if getattr(a, name) is None:
            empty = torch.full_like(a.running_mean, default)
            return empty.view(column), empty.view(column)
        tensor_a, tensor_b = _pair(a, b, name)
        return tensor_a.view(column), tensor_b.view(column)

    variance_a, variance_b = (v + a.eps for v in pair("running_var"))
    if not ((variance_a > 0).all() and (variance_b > 0).all()):
        raise ValueError(f"running variances must be >= 0 and not 0 without eps, in {node.name}")
    return Normalisation(
        node,
        gamma=pair("weight", 1.0),
        beta=pair("bias"),
        mean=pair("running_mean"),
        variance=(variance_a, variance_b),
    )


def _max_pool(node: Node, pool: Any, x: Tensor) -> MaxPool | None:
    axes = x.ndim - 2
    if pool.return_indices or type(pool) is not _MAX_POOLS.get(axes):
        return None
    settings = (pool.kernel_size, pool.stride, pool.padding, pool.dilation)
    columns = [value if isinstance(value, tuple) else (value,) * axes for value in settings]
    windows = torch.zeros(1, 1, dtype=torch.long)
    for side, outputs, k, q, p, d in zip(x.shape[2:], node.shape[1:], *columns, strict=True):
        starts = torch.arange(outputs) * q - p
        seen = starts[:, None] + d * torch.arange(k)
        inside = (seen >= 0) & (seen < side)
        first = torch.where(inside, seen, side).amin(1, keepdim=True)
        seen = torch.where(inside, seen, first)
        windows = windows[:, None, :, None] * side + seen[None, :, None, :]
        windows = windows.flatten(2).flatten(0, 1)
    return MaxPool(node, windows, axes)
