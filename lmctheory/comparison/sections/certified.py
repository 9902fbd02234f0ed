"""What can be certified of the segment without evaluating a network on it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmctheory.comparison.compared_pair import ComparedPair
from lmctheory.comparison.section import Part, Section
from lmctheory.networks.program import UnreadableError
from lmctheory.paths import Certificate, PathCertificate, certificate, certify
from lmctheory.progress import tracked
from lmctheory.tables import Column, Table

__all__ = ["CERTIFIED"]

_NODES = 8
_TELLING = 2.0
"""A bound of the loss is a finding if it is no more than so many times what was evaluated."""


@dataclass(frozen=True)
class _Bounds:
    name: str
    ends: Certificate
    path: PathCertificate
    classes: bool


_COLUMNS = (
    Column[_Bounds]("alignment", lambda row: row.name, left=True),
    Column[_Bounds](
        "function error at 1/2", lambda row: float(_rms(row.ends.function_error)), head="error 1/2"
    ),
    Column[_Bounds]("barrier at 1/2", lambda row: float(row.ends.barrier), head="barrier 1/2"),
    Column[_Bounds]("loss for every t", lambda row: row.path.loss),
    Column[_Bounds]("barrier for every t", lambda row: row.path.barrier),
    Column[_Bounds]("accuracy for every t", lambda row: row.path.accuracy if row.classes else None),
)


def _measured(pair: ComparedPair) -> Part:
    try:
        rows = [
            _Bounds(
                name=name,
                ends=certificate(pair.model_a, aligned, pair.data),
                path=certify(pair.model_a, aligned, pair.data, nodes=_NODES),
                classes=not pair.data.labels.is_floating_point(),
            )
            for name, aligned in tracked(list(pair.aligned.items()), "certifying")
        ]
    except (UnreadableError, ValueError) as error:
        return Part(notes=(f"No certificate: {error}.",))
    caption = (
        "Upper bounds, accuracy a lower one, rounding included. At t = 1/2 (C1', C3): from A and B "
        f"alone; error: root mean square of |f_t - (f_A + f_B)/2|. For every t (C4): from {_NODES} "
        "pieces of the segment."
    )
    return Part((Table("Certificates", caption, _COLUMNS, rows),), _findings(rows))


def _rms(errors: np.ndarray) -> np.float64:
    return np.sqrt((errors**2).mean())


def _findings(rows: Sequence[_Bounds]) -> tuple[str, ...]:
    best = max(rows, key=lambda row: (row.path.accuracy, -row.path.loss))
    if best.path.accuracy > 0:
        return (
            f"Certified: every network on the segment ({best.name}) classifies at least "
            f"{100 * best.path.accuracy:.3g} % of the examples as labelled "
            f"({100 * best.path.attainable:.3g} % at the points that were evaluated).",
        )
    least = min(rows, key=lambda row: row.path.loss)
    if least.path.loss <= _TELLING * least.path.node_loss.max():
        return (
            f"Certified: no network on the segment ({least.name}) has a loss above "
            f"{least.path.loss:.3g}.",
        )
    return ()


CERTIFIED = Section(
    "certificates",
    "Certificates",
    "What the weights alone prove about every network on the segment.",
    _measured,
)
