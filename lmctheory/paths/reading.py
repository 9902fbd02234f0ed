"""Reading two modules as one program: what can be certified, and what is refused.

The program of A (`lmctheory.networks.program`) is carried out on two examples, which gives the
shapes. Each operation must be one that is known here; any other is refused by name. B must compute
what A's program does with B's numbers, and as a last guard what the operations compute for each of
the two is compared with what the modules do.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Node as Step

from lmctheory.networks import Examples
from lmctheory.networks import program as programs
from lmctheory.networks.affine import find_chains
from lmctheory.networks.agreement import require_fit, require_segment
from lmctheory.networks.program import UnreadableError, capture, described, require_program
from lmctheory.networks.state import Evaluation
from lmctheory.paths.certified_operations import Operation
from lmctheory.paths.followed_steps import follow
from lmctheory.paths.following import Writer
from lmctheory.paths.layer_operations import Affine, Node
from lmctheory.paths.pair_program import Program, chain_program
from lmctheory.paths.recognition import Carried, recognised

__all__ = ["program_of"]

_REFUSAL = "the networks cannot be certified"
_AGREEMENT = 1e-9


def program_of(
    model_a: nn.Module,
    model_b: nn.Module,
    data: Examples,
    *,
    complete: bool = False,
    folded: bool = True,
) -> Program:
    """Two networks as one program, for inputs as in `data`.

    Args:
        model_a: network A.
        model_b: network B.
        data: the examples.
        complete: whether operations may be among it that only enclosures of whole pieces can
            follow, without a Lipschitz constant: norms, attention, products.
        folded: see `Program.folded`; of other pairs layers become others.

    Raises:
        UnreadableError: naming the operation that has no certificate, and the hypothesis it breaks.
        ValueError: if the networks differ in architecture, weights are NaN or infinite, or inputs
            or labels do not fit.
    """
    chains = find_chains(model_a, model_b)
    if chains is not None:
        return chain_program(*chains, data)
    require_segment(model_a, model_b)
    require_fit(model_a, data)
    ends = tuple(Evaluation(model, torch.float64) for model in (model_a, model_b))
    if not isinstance(data.inputs, Tensor):
        raise UnreadableError(f"{_REFUSAL}: it takes several inputs")
    example = ends[0].inputs(data.inputs[[0, -1]])
    try:
        steps = capture(ends[0].model, example, "data.inputs")
    except UnreadableError as error:
        raise UnreadableError(f"{_REFUSAL}: {error}") from None
    require_program(steps, ends[1].model, example)
    with torch.no_grad():
        program = _Reader(steps, ends[1], example, complete).read()
        program = program.folded() if folded else program
        _require_agreement(program, ends, example)
    return program


def _require_agreement(program: Program, ends: tuple[Evaluation, ...], example: Tensor) -> None:
    for name, end, t in zip(("model_a", "model_b"), ends, (1.0, 0.0), strict=True):
        found, wanted = program.values(program.at(t), example)[-1], end(example)
        size = 1 + float(wanted.abs().nan_to_num(0.0, 0.0).max())
        if not torch.allclose(found, wanted, _AGREEMENT, _AGREEMENT * size, equal_nan=True):
            raise UnreadableError(f"{_REFUSAL}: {name} does not compute what its trace shows")


class _Reader:
    """Carries out the steps of A, and writes down an operation for each."""

    def __init__(
        self, steps: programs.Program, end_b: Evaluation, example: Tensor, complete: bool
    ) -> None:
        self.steps, self.example, self.complete = steps, example, complete
        self.slots = (steps.state, end_b.state)
        self.writer = Writer(self.slots, {steps.inputs: 0}, tuple(example.shape[1:]))
        self.numbers, self.operations = self.writer.numbers, self.writer.operations

    def read(self) -> Program:
        """The program, by carrying the steps out on two examples."""
        needed = self.steps.needed
        for step, args, kwargs, result in self.steps.run(self.example):
            depends = any(map(self.writer.knows, step.all_input_nodes))
            called = step.op == "call_function" and step in needed
            if called and depends and _holds_tensors(result):
                self._write(Carried(step, args, kwargs, result, self.slots))
            elif step in needed and step.op in ("call_function", "get_attr"):
                self.writer.note(step, result)
        output = self.steps.output.args[0]
        number = self.numbers.get(output, 0) if isinstance(output, Step) else 0
        operations = self.operations[:number]
        if not any(isinstance(op, Affine) for op in operations):
            raise UnreadableError(
                f"{_REFUSAL}: the output must be one tensor that a layer has computed"
            )
        return Program(self.writer.inputs, tuple(operations))

    def _write(self, carried: Carried) -> None:
        found = self._recognised(carried)
        if found is not None:
            self.operations.append(found)
            self.numbers[carried.step] = len(self.operations)
        elif not (self.complete and follow(self.writer, carried)):
            raise UnreadableError(f"{_REFUSAL}: {self._obstacle(carried)}")

    def _recognised(self, carried: Carried) -> Operation | None:
        step, result = carried.step, carried.result
        sources = [arg for arg in step.args if isinstance(arg, Step) and arg in self.numbers]
        first: Any = carried.args[0] if carried.args else None
        if (
            isinstance(result, Tensor)
            and sources
            and step.args[0] is sources[0]
            and result.dtype == first.dtype
            and result.shape[:1] == first.shape[:1]
        ):
            inputs = tuple(self.numbers[source] for source in sources)
            return recognised(Node(step.name, inputs, tuple(result.shape[1:])), carried)
        return None

    def _obstacle(self, carried: Carried) -> str:
        name = described(carried.step)
        if carried.has_weights and carried.pair("weight") is None:
            return f"{name} computes its weights from others"
        if self.complete:
            return f"no enclosure is known of {name}"
        return (
            "a certificate needs the Lipschitz constant of every operation, and none is known of "
            f"{name} (layer and group norms and attention have none at all)"
        )


def _holds_tensors(result: Any) -> bool:
    values = result if isinstance(result, tuple | list) else (result,)
    return any(isinstance(value, Tensor) for value in values)
