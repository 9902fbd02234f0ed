"""What can be certified of the segment without evaluating a network on it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from lmctheory.comparison.compared_pair import ComparedPair
from lmctheory.comparison.section import Part, Section
from lmctheory.networks import Examples
from lmctheory.networks.program import UnreadableError
from lmctheory.paths import (
    Certificate,
    CertifiedBarrier,
    CompleteCertificate,
    certificate,
    certified_barrier,
    certify,
)
from lmctheory.progress import tracked
from lmctheory.tables import Column, Table

__all__ = ["CERTIFIED"]

_SECONDS = 20.0
"""For the barrier of one alignment, and for its accuracy."""


@dataclass(frozen=True)
class _Bounds:
    name: str
    ends: Certificate | None
    barrier: CertifiedBarrier
    whole: CompleteCertificate | None


_COLUMNS = (
    Column[_Bounds]("alignment", lambda row: row.name, left=True),
    Column[_Bounds](
        "function error at 1/2",
        lambda row: None if row.ends is None else float(_rms(row.ends.function_error)),
        head="error 1/2",
    ),
    Column[_Bounds](
        "barrier at 1/2",
        lambda row: None if row.ends is None else float(row.ends.barrier),
        head="barrier 1/2",
    ),
    Column[_Bounds]("barrier at least", lambda row: row.barrier.max.lower, head="barrier from"),
    Column[_Bounds]("barrier at most", lambda row: row.barrier.max.upper, head="to"),
    Column[_Bounds](
        "accuracy for every t",
        lambda row: None if row.whole is None else row.whole.accuracy,
        head="accuracy from",
    ),
    Column[_Bounds](
        "accuracy at most",
        lambda row: None if row.whole is None else row.whole.attainable,
        head="to",
    ),
)


def _measured(pair: ComparedPair) -> Part:
    try:
        rows = [
            _bounds(pair, name, aligned)
            for name, aligned in tracked(list(pair.aligned.items()), "certifying")
        ]
    except (UnreadableError, ValueError) as error:
        return Part(notes=(f"No certificate: {error}.",))
    caption = (
        "Rounding included. At t = 1/2 from A and B alone (C1', C3), upper bounds, of networks "
        "without norms and attention; error: root mean square of |f_t - (f_A + f_B)/2|. From and "
        "to: the largest barrier over all t (C6), and the share classified as labelled at every "
        "t (C5), as far as "
        f"{_SECONDS:g} s each suffice."
    )
    return Part((Table("Certificates", caption, _COLUMNS, rows),), _findings(rows))


def _bounds(pair: ComparedPair, name: str, aligned: nn.Module) -> _Bounds:
    a, data = pair.model_a, pair.data
    judged = data.loss.judges(data.labels)
    return _Bounds(
        name=name,
        ends=_ends(a, aligned, data),
        barrier=certified_barrier(a, aligned, data, budget=_SECONDS),
        whole=certify(a, aligned, data, complete=True, budget=_SECONDS) if judged else None,
    )


def _ends(a: nn.Module, aligned: nn.Module, data: Examples) -> Certificate | None:
    """None for networks with layers that have no Lipschitz constant."""
    try:
        return certificate(a, aligned, data)
    except UnreadableError:
        return None


def _rms(errors: np.ndarray) -> np.float64:
    return np.sqrt((errors**2).mean())


def _findings(rows: Sequence[_Bounds]) -> tuple[str, ...]:
    found = []
    least = min(rows, key=lambda row: row.barrier.max.upper)
    lower, upper = least.barrier.max
    found.append(
        f"Certified: the largest barrier over all t ({least.name}) is between {lower:.3g} and "
        f"{upper:.3g}."
    )
    judged = [(row.name, row.whole) for row in rows if row.whole is not None]
    if judged:
        name, best = max(judged, key=lambda pair: pair[1].accuracy)
        share = f"{100 * best.accuracy:.3g}"
        if best.attainable > best.accuracy:
            share += f" to {100 * best.attainable:.3g}"
        found.append(
            f"Certified: {share} % of the examples are classified as labelled by every network on "
            f"the segment ({name})."
        )
    return tuple(found)


CERTIFIED = Section(
    "certificates",
    "Certificates",
    "What the weights alone prove about every network on the segment.",
    _measured,
)
