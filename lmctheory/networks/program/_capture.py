"""Reading a network's forward pass: by symbolic tracing, else by export.

Both work on a copy. What they give is believed only if, on an example, it computes what the network
does, with its own numbers and a batch of another size.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from lmctheory.networks.calling import (
    Inputs,
    SomeInputs,
    count,
    each,
    output_key,
    parts,
    returned,
    rows,
    shapes,
)
from lmctheory.networks.program.exports import exported
from lmctheory.networks.program.normal_form import UnreadableError
from lmctheory.networks.program.steps import Program
from lmctheory.networks.program.symbols import traced
from lmctheory.networks.state import Evaluation, alike, copied, require_network, seeded

__all__ = ["capture", "require_faithful", "require_no_hooks", "require_program"]

_ROUNDING = 1e3
"""Units in the last place by which a program may differ from its network."""

_KNOWN_HOOKS = (WeightNorm, SpectralNorm, BasePruningMethod)
"""Hooks that compute a weight from others: a trace sees what they do."""


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
    for read in (traced, exported):
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
