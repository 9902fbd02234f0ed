"""Reading a network by exporting it."""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import torch
from torch.export.graph_signature import InputKind
from torch.fx import Node

from lmctheory.networks.calling import Inputs, filled, parts
from lmctheory.networks.program.named_operations import in_place, operation
from lmctheory.networks.program.normal_form import UnreadableError, normal_form
from lmctheory.networks.program.root import PREFIX, Root, told, untyped
from lmctheory.networks.program.steps import Program
from lmctheory.networks.state import Evaluation, copied

__all__ = ["exported"]


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


def exported(evaluation: Evaluation, inputs: Inputs, key: str | int | None) -> Program:
    """The forward pass as exported, compared with nothing.

    Args:
        evaluation: the network.
        inputs: some that fit.
        key: of the output, see `output_key`.

    Raises:
        UnreadableError: if the network cannot be exported.
    """
    with untyped(), _silence():
        try:
            program = _carried_out(Root(copied(evaluation.model), inputs, key), inputs)
        except Exception as error:  # whatever export raises
            raise UnreadableError(told(error)) from error
    signature = program.graph_signature
    slots = {
        spec.arg.name: str(spec.target).removeprefix(PREFIX)
        for spec in signature.input_specs
        if spec.kind in (InputKind.PARAMETER, InputKind.BUFFER)
    }
    lifted = {
        spec.arg.name: spec.target
        for spec in signature.input_specs
        if spec.kind == InputKind.CONSTANT_TENSOR
    }
    graph = program.graph
    (output,) = (node for node in graph.nodes if node.op == "output")
    wanted = set(signature.user_outputs)
    output.args = (tuple(n for n in output.args[0] if getattr(n, "name", n) in wanted),)
    named = {**slots, **lifted}
    places = parts(inputs)
    graph = normal_form(
        graph, evaluation.model, lambda node: named.get(node.name), PREFIX, list(places)
    )
    constants = {name: program.constants[name] for name in lifted.values()}
    return Program(graph, evaluation.state, constants, evaluation)


def _carried_out(root: Root, inputs: Inputs) -> torch.export.ExportedProgram:
    batches = filled(inputs, lambda _: {0: torch.export.Dim.AUTO})
    with torch.no_grad():
        program = torch.export.export(root, (inputs,), dynamic_shapes=(batches,), strict=False)
    overwrites = any(map(_overwrites, program.graph.nodes))
    return program.run_decompositions({}) if overwrites else program


def _overwrites(node: Node) -> bool:
    """Whether a step overwrites numbers; to detach a tensor in place overwrites none."""
    works = node.op == "call_function" and in_place(node.target)
    return works and operation(node.target) != "detach"
