r"""Which neurons may be negated: the linear equations behind it.

Negating neuron i of an odd activation (its incoming weights and bias, and the weights that read
it) leaves the function as it is. In general: multiply entry i of an axis v of a parameter by
(-1)^{p_v} for some neurons i, p_v in {0, 1} one unknown for each axis. Every tensor of the trace
then is multiplied likewise along its axes, by an exponent that is a sum of unknowns modulo two, its
*form*, provided that the operations agree (`signs`). What they require are linear equations modulo
two. They hold entry by entry, and an entry belongs to one neuron, so *each group may choose a
solution of its own*, and any subset of its neurons may be negated by it. A solution with p = 1 for
what makes the neurons is looked for, all else being zero where it can be.

One unknown for a whole axis, on which several groups may lie, can miss a sign, never invent one.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import numpy as np

from lmctheory.matching.tracing.folding import Folded
from lmctheory.matching.tracing.labelling import Axis, Labelling, Slot, Value
from lmctheory.matching.tracing.neurons import Labels
from lmctheory.matching.tracing.recurrent import States

__all__ = ["NONE", "Form", "Forms", "Unknown", "total"]

Unknown: TypeAlias = tuple[str, int]
"""An axis of a parameter or buffer."""

Form: TypeAlias = frozenset[Unknown]
"""A sum of unknowns modulo two."""

NONE: Form = frozenset()


def total(forms: Iterable[Form]) -> Form:
    """The sum of forms."""
    result = NONE
    for form in forms:
        result = result ^ form
    return result


class Forms:
    """The forms of all tensors of a trace, and what is required of them.

    Args:
        labelling: what the trace knows of the tensors.

    Attributes:
        zeros: constants that are zero, and so have any form.
    """

    def __init__(self, labelling: Labelling) -> None:
        self._labelling = labelling
        self._forms: dict[Value, tuple[Form, ...]] = {}
        self._equations: set[Form] = set()
        self.zeros: set[Value] = set()

    def negated(self, axes: Sequence[tuple[Unknown, Axis]]) -> frozenset[Unknown]:
        """Of the axes of a group those along which its neurons may be negated, all at once.

        Args:
            axes: all on which the group lies.
        """
        system = _System(self._equations)
        made = [unknown for unknown, axis in axes if axis.role == "made"]
        if not any(system.lets(unknown, 1) for unknown in made):
            return NONE
        return frozenset(unknown for unknown, _ in axes if not system.lets(unknown, 0))

    def parts(self, value: Value) -> list[tuple[Labels, Form]]:
        """Where the neurons of a tensor lie, with their forms."""
        if isinstance(value, Slot):
            known = self._labelling.axes
            found = [known.get((value.name, axis, None)) for axis in range(value.tensor.ndim)]
            places = [None if axis is None else axis.labels for axis in found]
        else:
            places = list(_places(value))
        return [
            (labels, form)
            for labels, form in zip(places, self._all(value), strict=True)
            if labels is not None
        ]

    def along(self, value: Value, axis: int) -> Form:
        """The form along an axis."""
        axis %= value.tensor.ndim
        forms = self._all(value)
        return forms[-1] if isinstance(value, Folded) and axis in value.axes else forms[axis]

    def _all(self, value: Value) -> tuple[Form, ...]:
        if isinstance(value, Slot):
            return tuple(frozenset({(value.name, axis)}) for axis in range(value.tensor.ndim))
        return self._forms.get(value) or (NONE,) * len(_places(value))

    def require(self, form: Form) -> None:
        """Requires that a form is zero."""
        if form:
            self._equations.add(form)

    def require_none(self, value: Value) -> None:
        """Requires that a tensor is not negated anywhere."""
        for _, form in self.parts(value):
            self.require(form)

    def require_equal(self, forms: Sequence[Form]) -> Form:
        """Requires that forms are equal, and gives the one; zero if there is none."""
        for other in forms[1:]:
            self.require(forms[0] ^ other)
        return forms[0] if forms else NONE

    def note(self, value: Value, forms: Sequence[Form]) -> None:
        """Notes the forms of a result, one for each of its axes."""
        self._forms[value] = tuple(forms)

    def note_by(self, value: Value, form_of: Callable[[Labels], Form]) -> None:
        """Notes the forms of a result, given by its labels."""
        self.note(value, [NONE if p is None else form_of(p) for p in _places(value)])

    def note_along(self, value: Value, form_of: Callable[[int], Form]) -> None:
        """Notes the forms of a result, given by its axes, counted from the end.

        Along axes over which neurons are spread it has to be the same.
        """
        ends = range(-value.tensor.ndim, 0)
        if not isinstance(value, Folded):
            self.note(value, [form_of(end) for end in ends])
            return
        spread = {axis - value.tensor.ndim for axis in value.axes}
        plain = [NONE if end in spread else form_of(end) for end in ends]
        self.note(value, [*plain, self.require_equal([form_of(end) for end in spread])])

    def of(self, values: Iterable[Value], labels: Labels) -> list[Form]:
        """The forms of what lies in some tensors and is of the same neurons as a result.

        Args:
            values: the tensors.
            labels: of the result.
        """
        return [
            form
            for value in values
            for other, form in self.parts(value)
            if self.meet(other, labels)
        ]

    def meet(self, labels: Labels, other: Labels) -> bool:
        """Whether they are of some neurons in common that can move."""
        return labels is other or bool(np.isin(self._moving(labels), self._moving(other)).any())

    def _moving(self, labels: Labels) -> Labels:
        found = np.unique(self._labelling.neurons.neurons(labels))
        return found[found > 0]


def _places(value: Value) -> Sequence[Labels | None]:
    return value.units if isinstance(value, States) else value.everything


class _System:
    """Linear equations modulo two, to which others may be added."""

    def __init__(self, equations: Iterable[Form]) -> None:
        self._numbers: dict[Unknown, int] = {}
        self._rows: dict[int, int] = {}  # by their leading bit
        for equation in equations:
            self._adds(sum(1 << self._number(unknown) for unknown in equation))

    def lets(self, unknown: Unknown, value: int) -> bool:
        """Gives an unknown a value if it can have it, and says whether it can."""
        return self._adds((1 << self._number(unknown)) | value)

    def _number(self, unknown: Unknown) -> int:
        return self._numbers.setdefault(unknown, len(self._numbers) + 1)  # bit zero: right sides

    def _adds(self, row: int) -> bool:
        while row > 1:
            lead = row.bit_length()
            if lead not in self._rows:
                self._rows[lead] = row
                return True
            row ^= self._rows[lead]
        return row == 0
