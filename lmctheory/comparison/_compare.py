"""The comparison: every section's numbers and findings in one frozen result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from lmctheory.choices import require_choice
from lmctheory.comparison.compared_pair import ComparedPair
from lmctheory.comparison.section import Part, Section
from lmctheory.comparison.sections import SECTIONS
from lmctheory.drawing import new_figure
from lmctheory.matching.costs.neuron_costs import METHODS
from lmctheory.matching.objectives import LOSS
from lmctheory.measures.arguments import odd_points
from lmctheory.networks import Examples, as_examples
from lmctheory.networks.affine import evaluation_mode, hidden_width
from lmctheory.networks.agreement import require_fit, require_segment
from lmctheory.networks.losses import LossLike
from lmctheory.prediction.narrower import require_narrower
from lmctheory.tables import Table
from lmctheory.terminal import shown

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """What `compare` found.

    Attributes:
        parts: by the name of their section, in the order of `SECTIONS`.
    """

    parts: Mapping[str, Part]

    @property
    def findings(self) -> tuple[str, ...]:
        """What follows: sentences with their numbers, each of which passed a test."""
        return tuple(sentence for part in self.parts.values() for sentence in part.findings)

    @property
    def tables(self) -> "tuple[Table[Any], ...]":
        """All tables, in the order of the sections."""
        return tuple(table for part in self.parts.values() for table in part.tables)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the pictures, as plain numbers and words."""
        return {
            name: {
                "findings": list(part.findings),
                "notes": list(part.notes),
                "tables": {table.title: table.records for table in part.tables},
            }
            for name, part in self.parts.items()
        }

    def to_frame(self, section: str = "barriers") -> "pandas.DataFrame":
        """A section's first table as a data frame of pandas."""
        return self._table(section).to_frame()

    def to_latex(self, section: str = "barriers", *, label: str = "") -> str:
        """A section's first table for LaTeX, see `lmctheory.tables.Table.to_latex`."""
        return self._table(section).to_latex(label=label)

    def plot(self, section: str = "barriers", axes: "Axes | None" = None) -> "Axes":
        """A section's picture.

        Args:
            section: its name.
            axes: of Matplotlib, to draw into; those of a new figure if None.

        Returns:
            The axes; ``comparison.plot().figure.savefig("barriers.pdf")`` writes a new figure.

        Raises:
            ImportError: without Matplotlib.
            ValueError: for a section without a picture.
        """
        drawn = {name: part.drawings[0] for name, part in self.parts.items() if part.drawings}
        require_choice("section", section, drawn)
        if axes is None:
            axes = new_figure().subplots()
        drawn[section].draw(axes)
        return axes

    def _table(self, section: str) -> Table[Any]:
        with_tables = {name: part.tables[0] for name, part in self.parts.items() if part.tables}
        require_choice("section", section, with_tables)
        return with_tables[section]

    def __repr__(self) -> str:
        return "\n".join([*(shown(table) for table in self.tables), *self.findings])


def compare(
    model_a: nn.Module,
    model_b: nn.Module,
    data: Any,
    *,
    loss: LossLike | None = None,
    methods: Sequence[str] = ("weight", "activation"),
    points: int = 25,
    sections: Sequence[str] | None = None,
    narrow: Mapping[int, Sequence[nn.Module]] | None = None,
) -> Comparison:
    """Everything that this package can say about two networks of one architecture.

    What the networks are, which neurons may be permuted, barriers on the segment before and after
    matching, matching costs between their bounds, barriers of layers, features, certificates, what
    narrower networks predict where there are any, and what follows. Evaluation mode; neither
    network is changed.

    Args:
        model_a: network A.
        model_b: network B, in any order of its neurons.
        data: examples in any form that `lmctheory.networks.as_examples` takes. Matchings on data
            see their inputs, never their labels (but for the method "loss").
        loss: that they are judged by; that of the examples, or the cross-entropy, if None.
        methods: of `lmctheory.matching.match`.
        points: of the grid on the segment, odd.
        sections: names of those to make, of `SECTIONS`; all if None.
        narrow: by hidden width, two or more of at most half the pair's, narrower networks of the
            same kind, from which the barrier is predicted (`lmctheory.prediction.predict_barrier`).

    Returns:
        The numbers, sentences and pictures, section by section.

    Raises:
        TypeError: for what is no network or holds no examples.
        ValueError: for unknown methods or sections, networks that differ in architecture or hold
            numbers that are not finite, data that do not fit, and narrow networks of one width
            only, of another kind, or too few.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, load_dataset
        >>> a, b = (MLP((64, 8, 10), rng=torch.Generator().manual_seed(s)) for s in (0, 1))
        >>> found = compare(a, b, load_dataset("digits").test[:50], sections=["barriers"])
        >>> [row["alignment"] for row in found.to_dict()["barriers"]["tables"][
        ...     "Barriers on the segment"]]
        ['unmatched', 'weight', 'activation']
    """
    examples = as_examples(data, loss)
    for method in methods:
        require_choice("methods", method, (*METHODS, LOSS))
    chosen = _chosen(sections, narrow is not None)
    require_segment(model_a, model_b)
    require_fit(model_a, examples)
    if narrow is not None:
        if not isinstance(examples, Examples):
            raise TypeError("data must be Examples where narrow networks are given")
        _require_narrow(narrow, model_a)
    pair = ComparedPair(model_a, model_b, examples, tuple(methods), odd_points(points), narrow)
    return Comparison({section.name: section.measure(pair) for section in chosen})


def _require_narrow(narrow: object, model: nn.Module) -> None:
    try:
        width = hidden_width(evaluation_mode(model))
    except (TypeError, ValueError) as reason:
        raise type(reason)(f"nothing can be predicted from narrow networks: {reason}") from None
    widths = require_narrower(narrow, width, argument="narrow", like=model)
    if len(widths) < 2:
        raise ValueError(
            "narrow must hold networks of two widths or more, which show what the width changes, "
            f"got {widths}"
        )


def _chosen(names: Sequence[str] | None, has_narrow: bool) -> list[Section]:
    known = {section.name: section for section in SECTIONS}
    for name in names or ():
        require_choice("sections", name, known)
        if known[name].needs_narrow and not has_narrow:
            raise ValueError(f"narrow networks must be given for the section {name}")
    possible = [section for section in SECTIONS if has_narrow or not section.needs_narrow]
    return [section for section in possible if names is None or section.name in names]
