"""Which neurons may be permuted, which not, and why."""

from typing import Any

from lmctheory.comparison.compared_pair import ComparedPair
from lmctheory.comparison.section import Part, Section
from lmctheory.matching.groups import PermutationGroup
from lmctheory.tables import Column, Table

__all__ = ["PERMUTABLE"]

_SHOWN = 4


def _moved(group: PermutationGroup) -> str:
    names = list(dict.fromkeys(action.parameter for action in group.actions))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


_GROUPS = (
    Column[PermutationGroup]("neurons of", lambda group: group.name, left=True),
    Column[PermutationGroup]("number", lambda group: group.size, form=","),
    Column[PermutationGroup](
        "inside", lambda group: group.parent and f"block {group.slot} of {group.parent}", left=True
    ),
    Column[PermutationGroup]("moves", _moved, left=True),
)
_FIXED = (
    Column[tuple[str, str]]("layer", lambda row: row[0], left=True),
    Column[tuple[str, str]]("its neurons stay, since", lambda row: row[1], left=True),
)


def _measured(pair: ComparedPair) -> Part:
    symmetry = pair.symmetry
    tables: list[Table[Any]] = []
    findings: tuple[str, ...] = ()
    if symmetry.groups:
        caption = (
            "Each group may be put in any order without changing what the network computes; "
            "neurons inside a block move within it, and blocks move as a whole."
        )
        tables.append(Table("Groups of neurons", caption, _GROUPS, symmetry.groups))
        counts = sum(group.size for group in symmetry.groups)
        findings = (
            f"{counts:,} neurons in {len(symmetry.groups)} groups can be permuted without changing "
            "the function.",
        )
    if symmetry.fixed:
        rows = sorted(symmetry.fixed.items())
        tables.append(Table("Layers whose neurons stay", "", _FIXED, rows))
    nothing = ("No neurons of these networks can be permuted.",) if not symmetry.groups else ()
    return Part(tuple(tables), findings, notes=nothing)


PERMUTABLE = Section(
    "permutable",
    "What may be permuted",
    "Neurons that can change places are found from the operations that the network carries out.",
    _measured,
)
