"""Certificates of stars: all segments from one network to others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from torch import nn

from lmctheory.measures.arguments import positive
from lmctheory.networks import Examples
from lmctheory.paths._complete import CompleteCertificate, Decisions, decided
from lmctheory.paths.reading import program_of
from lmctheory.paths.segment_search import Segment
from lmctheory.progress import tracked

__all__ = ["StarCertificate", "certify_star"]


@dataclass(frozen=True, eq=False, repr=False)
class StarCertificate(Decisions):
    """What is decided about all segments from one network to others.

    Attributes:
        rays: of each segment, t = 1 at the centre.
    """

    rays: tuple[CompleteCertificate, ...]

    @property
    def certified(self) -> Bool[np.ndarray, " n"]:  # type: ignore[override]  # all are frozen
        """Which examples are classified as labelled on all segments."""
        return np.all([ray.certified for ray in self.rays], 0)

    @property
    def refuted(self) -> Bool[np.ndarray, " n"]:
        """Which are classified otherwise somewhere."""
        return np.any([ray.refuted for ray in self.rays], 0)

    def __repr__(self) -> str:
        certified, refuted = int(self.certified.sum()), int(self.refuted.sum())
        return (
            f"StarCertificate({len(self.rays)} segments: {certified} certified, {refuted} refuted, "
            f"{len(self.certified) - certified - refuted} undecided)"
        )


def certify_star(
    centre: nn.Module, models: Sequence[nn.Module], data: Examples, *, budget: float = 600.0
) -> StarCertificate:
    """Decides every example on all segments from one network to others.

    Args:
        centre: the network that all segments share; t = 1 is there.
        models: the others, at least one, each aligned with the centre or not.
        data: the examples; labels must be classes.
        budget: seconds for each segment.

    Raises:
        TypeError: naming an operation that cannot be enclosed.
        ValueError: as `lmctheory.paths.certify`, and if there are no networks.

    Reference:
        Key C5; star domains: Sonthalia et al. 2024.
    """
    budget = positive("budget", budget)
    if not models:
        raise ValueError("models must name at least one network, got none")
    segments = [
        Segment.of(program_of(centre, model, data, complete=True), data) for model in models
    ]
    rays = (decided(segment, budget) for segment in segments)
    return StarCertificate(tuple(tracked(rays, "deciding the star", len(segments))))
