"""Certificate C5: every example decided, certified or refuted, on the whole segment."""

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from lmctheory.measures.arguments import positive
from lmctheory.paths.certified_losses import require_certified
from lmctheory.paths.segment_search import Search, Segment
from lmctheory.progress import carried_out
from lmctheory.results import Result

__all__ = ["CompleteCertificate", "Decisions", "decided", "reasons"]


class Decisions(Result, ABC):
    """What is decided about several networks at once, example by example."""

    certified: Bool[np.ndarray, " n"]
    """Which examples all of them classify as labelled."""

    @property
    @abstractmethod
    def refuted(self) -> Bool[np.ndarray, " n"]:
        """Which examples one of them certainly classifies otherwise."""

    @property
    def accuracy(self) -> float:
        """Share of the examples that all networks classify as labelled: at least this."""
        return float(self.certified.mean())

    @property
    def attainable(self) -> float:
        """Share that is not refuted: no more is true."""
        return float(1 - self.refuted.mean())


@dataclass(frozen=True, eq=False, repr=False)
class CompleteCertificate(Decisions):
    """What is decided about every t in [0, 1], example by example.

    Attributes:
        certified: ``[n]`` classified as labelled at every t, rounding included.
        t: ``[n]`` where an example is refuted: a t at which the network certainly classifies it
            otherwise; NaN where none is known.
        undecided: ``[n]`` why an example is neither; empty where it is one.
        pieces: ``[n]`` on how many pieces of the segment it was tried.
        narrowest: the length of the shortest piece.
        effort: how networks were enclosed.
        seconds: what it took.
    """

    certified: Bool[np.ndarray, " n"]
    t: Float[np.ndarray, " n"]
    undecided: tuple[str, ...]
    pieces: Int[np.ndarray, " n"]
    narrowest: float
    effort: str
    seconds: float

    @property
    def refuted(self) -> Bool[np.ndarray, " n"]:
        """Which examples are classified otherwise at some t."""
        return ~np.isnan(self.t)

    def __repr__(self) -> str:
        left = sum(map(bool, self.undecided))
        return (
            f"CompleteCertificate(every t in [0, 1]: {int(self.certified.sum())} certified, "
            f"{int(self.refuted.sum())} refuted, {left} undecided; "
            f"accuracy={self.accuracy:.4g}{f' to {self.attainable:.4g}' if left else ''}, "
            f"{self.seconds:.2g} s, {self.effort})"
        )


def decided(segment: Segment, budget: float) -> CompleteCertificate:
    """The certificate of a path, as far as it comes in so many seconds.

    Raises:
        ValueError: for a budget <= 0, labels that are no classes, or networks that overflow.
    """
    budget, program, data = positive("budget", budget), segment.program, segment.data
    require_certified(data)
    if not data.loss.judges(data.labels):
        raise ValueError("data.labels must be classes for complete=True, got values")
    started = time.monotonic()
    with torch.no_grad():
        for t in (0.0, 1.0):
            if not program.values(program.at(t), segment.inputs)[-1].isfinite().all():
                raise ValueError("model_a or model_b overflows on the data")
        search = Search(segment)
        carried_out(search.steps(), "deciding the segment", started + budget)
    return CompleteCertificate(
        certified=search.certified.cpu().numpy(),
        t=search.counterexample[:, 0].cpu().numpy(),
        undecided=reasons(search, budget),
        pieces=search.tried.cpu().numpy(),
        narrowest=search.narrowest,
        effort=search.effort,
        seconds=time.monotonic() - started,
    )


def reasons(search: Search, budget: float) -> tuple[str, ...]:
    """Why examples are not decided; empty where they are."""
    unclear = search.unclear & ~search.refuted
    return tuple(
        f"budget of {budget:g} s" if left else "margin within rounding of zero" if close else ""
        for left, close in zip(search.open.tolist(), unclear.tolist(), strict=True)
    )
