"""Following the neurons of any `nn.Module` through its computation.

The module is traced with torch.fx and run once on an example; beside every tensor goes, for each
axis, the atoms that its entries belong to (`neurons`). Each operation adds what it requires of
them (`operations`, `layers`). Nothing is guessed: an operation that is not known fixes all neurons
that enter it, and is named.
"""

import copy
import inspect
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jaxtyping
import torch
from jaxtyping import Shaped
from torch import Tensor, nn
from torch.fx.node import map_aggregate

from lmctheory.matching.tracing.labelling import Call, Labelling, Rule, Value, unlabelled
from lmctheory.matching.tracing.layers import layer_rule
from lmctheory.matching.tracing.movements import MOVEMENTS
from lmctheory.matching.tracing.operations import function_rule, method_rule, qualified_name
from lmctheory.networks.tracing import require_no_hooks

__all__ = ["traced"]


class Trace(torch.fx.Interpreter):
    """Runs a traced module and labels what it computes."""

    def __init__(self, model: nn.Module, graph: torch.fx.Graph) -> None:
        super().__init__(torch.fx.GraphModule(model, graph))
        named = [*model.named_buffers(), *model.named_parameters()]
        self.labelling = Labelling({id(tensor): name for name, tensor in named})

    def placeholder(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Inputs stay as they are."""
        return unlabelled(super().placeholder(target, args, kwargs))

    def get_attr(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Parameters and buffers that the model uses outside of layers."""
        found = super().get_attr(target, args, kwargs)
        return self.labelling.raw(found) if isinstance(found, Tensor) else found

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        """A layer."""
        module = self.fetch_attr(target)
        name = f"{target!r} ({type(module).__name__})"
        return self._carried_out(layer_rule(module, str(target)), name, module, args, kwargs)

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        """A function."""
        if target is getattr and isinstance(args[0], tuple):  # such as the values of a maximum
            return getattr(*args)
        return self._carried_out(
            function_rule(target), qualified_name(target), target, args, kwargs
        )

    def call_method(self, target: Any, args: Any, kwargs: Any) -> Any:
        """A method of a tensor."""
        if target.endswith("_") and target.rstrip("_") in MOVEMENTS:
            raise TypeError(f"the network cannot be traced: Tensor.{target} moves axes in place")
        method = operator.methodcaller
        return self._carried_out(
            method_rule(target),
            f"Tensor.{target}",
            lambda tensor, *rest, **options: method(target, *rest, **options)(tensor),
            args,
            kwargs,
        )

    def output(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Outputs stay as they are."""
        map_aggregate(args, self._fix_output)
        return super().output(target, args, kwargs)

    def _fix_output(self, item: Any) -> Any:
        if isinstance(item, Value):
            self.labelling.fix(item, "its neurons are outputs of the network")
        return item

    def _carried_out(
        self, rule: Rule | None, name: str, run: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        inputs = map_aggregate((args, dict(kwargs)), _tensor_of)
        result = run(*inputs[0], **inputs[1])
        if not args and "input" in kwargs:  # rules look for it in the first place
            kwargs = dict(kwargs)
            args = (kwargs.pop("input"),)
        call = Call(name, run, tuple(args), dict(kwargs), result)
        moving = any(labels is not None for value in call.values for labels in value.labels)
        labelled = rule(self.labelling, call) if rule is not None else None
        if labelled is not None:
            return labelled
        if moving:
            for value in call.values:
                self.labelling.fix(
                    value, f"it enters {name}, of which it is not known how it treats neurons"
                )
        return unlabelled(result)


def traced(model: nn.Module, example: Shaped[Tensor, "n ..."]) -> Labelling:
    """A run of the model on the example, labelled.

    Args:
        model: any module; it is copied, not changed.
        example: inputs ``[n, ...]``; the first two are used.

    Raises:
        TypeError: if the model cannot be traced, or has forward hooks, which no trace sees, or if
            the trace computes something else.
        ValueError: if the example does not fit, or parameters are on the meta device.
    """
    require_no_hooks(model, "the network cannot be traced")
    copied = copy.deepcopy(model).eval().requires_grad_(False)
    first = next(iter(copied.parameters()), None)
    if first is not None and first.is_meta:
        raise ValueError("the network must hold numbers, got parameters on the meta device")
    x = example[:2].detach().clone()
    if first is not None:
        x = x.to(first) if x.is_floating_point() else x.to(first.device)
    with torch.no_grad(), torch.random.fork_rng(range(torch.cuda.device_count())):
        run = Trace(copied, _seeded(_graph, copied))
        try:
            expected = _seeded(copy.deepcopy(copied), x.clone())
            found = map_aggregate(_seeded(run.run, x), _tensor_of)
        except (RuntimeError, IndexError) as error:
            what, *_ = str(error).splitlines()
            raise ValueError(
                f"example of shape {list(example.shape)} does not fit the network: {what}"
            ) from error
    _require_equal(found, expected)
    return run.labelling


def _seeded(compute: Callable[[Any], Any], argument: Any) -> Any:
    """What is computed from random numbers that are the same each time."""
    torch.manual_seed(0)
    return compute(argument)


def _require_equal(found: Any, expected: Any) -> None:
    """Refuses a trace that has taken other branches than the model does, or missed what it does."""
    tensors: tuple[list[Any], list[Any]] = ([], [])
    for result, into in zip((found, expected), tensors, strict=True):
        map_aggregate(result, into.append)
    same = all(
        torch.allclose(a, b, equal_nan=True) if isinstance(a, Tensor) else a == b
        for a, b in zip(*tensors, strict=True)
    )
    if not same:
        raise TypeError("the network cannot be traced: its trace does not compute what it computes")


def _graph(model: nn.Module) -> torch.fx.Graph:
    try:
        with _untyped():
            return torch.fx.Tracer().trace(model, concrete_args=_defaults(model))
    except Exception as error:
        raise TypeError(f"the network cannot be traced: {error}") from error


def _defaults(model: nn.Module) -> dict[str, Any]:
    """Arguments but the first: as symbols they would take the branches of given ones."""
    _, *others = inspect.signature(model.forward).parameters.values()
    kinds = (bool, int, float, str, type(None))
    return {p.name: p.default for p in others if isinstance(p.default, kinds)}


@contextmanager
def _untyped() -> Iterator[None]:
    """Suspends jaxtyping's checks, which the symbols that stand for tensors cannot pass."""
    disabled = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", disabled)


def _tensor_of(item: Any) -> Any:
    return item.tensor if isinstance(item, Value) else item
