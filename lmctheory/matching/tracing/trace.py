"""Following the neurons of any network through its computation.

Its program is carried out once on an example; beside every tensor goes, for each axis, the atoms
that its entries belong to (`neurons`). Each operation adds what it requires of them (`functions`).
Nothing is guessed: an operation that is not known fixes all neurons that enter it, and is named.
"""

from typing import Any

import torch
from torch.fx import Node
from torch.fx.node import map_aggregate, map_arg

from lmctheory.matching.tracing.forms import Forms
from lmctheory.matching.tracing.functions import rule_of
from lmctheory.matching.tracing.labelling import Call, Labelling, Slot, Value, unlabelled
from lmctheory.matching.tracing.signs import follow_signs
from lmctheory.networks.calling import Inputs
from lmctheory.networks.program import Program, described
from lmctheory.networks.state import seeded

__all__ = ["labelled"]


def labelled(program: Program, inputs: Inputs) -> tuple[Labelling, Forms]:
    """The neurons of a network, and their signs.

    Args:
        program: its forward pass.
        inputs: ``[n, ...]`` in any form, on which it is carried out.
    """
    labelling = Labelling()
    forms = Forms(labelling)
    values: dict[Node, Any] = {}
    with torch.no_grad(), seeded():
        for node in program.graph.nodes:
            args, kwargs = map_arg((node.args, node.kwargs), values.__getitem__)
            match node.op:
                case "placeholder":
                    values[node] = unlabelled(inputs)
                case "get_attr":
                    values[node] = _read(program, labelling, node)
                case "output":
                    map_aggregate(args, lambda item: _fix_output(labelling, item))
                case _:
                    values[node] = _carried_out(labelling, forms, node, args, kwargs)
    return labelling, forms


def _read(program: Program, labelling: Labelling, node: Node) -> Any:
    name = str(node.target)
    if name in program.state and name not in program.evaluation.unsaved:
        return Slot(program.state[name], program.evaluation.first_name(name), labelling)
    return unlabelled(program.attribute(node, program.state))


def _fix_output(labelling: Labelling, item: Any) -> Any:
    if isinstance(item, Value):
        labelling.fix(item, "its neurons are outputs of the network")
    return item


def _carried_out(labelling: Labelling, forms: Forms, node: Node, args: Any, kwargs: Any) -> Any:
    run: Any = node.target
    if run is getattr and isinstance(args[0], tuple):  # such as the values of a maximum
        return getattr(*args)
    inputs = map_aggregate((args, dict(kwargs)), _tensor_of)
    result = run(*inputs[0], **inputs[1])
    if not args and "input" in kwargs:  # rules look for it in the first place
        kwargs = dict(kwargs)
        args = (kwargs.pop("input"),)
    call = Call(described(node), run, tuple(args), dict(kwargs), result)
    rule = rule_of(run)
    found = rule(labelling, call) if rule is not None else None
    if found is not None:
        follow_signs(forms, call, found)
        return found
    for value in call.values:
        labelling.fix(
            value, f"it enters {call.name}, of which it is not known how it treats neurons"
        )
    return unlabelled(result)


def _tensor_of(item: Any) -> Any:
    return item.tensor if isinstance(item, Value) else item
