"""The two networks that are compared, and B in every order of its neurons, each found once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lmctheory.matching import Matching, match
from lmctheory.matching._symmetry import common_symmetry
from lmctheory.matching.groups import Symmetry
from lmctheory.networks import AnyExamples
from lmctheory.paths import SegmentLosses, segment_losses
from lmctheory.progress import tracked
from lmctheory.sweeps.measured import UNMATCHED

__all__ = ["UNMATCHED", "ComparedPair"]


@dataclass(frozen=True, eq=False)
class ComparedPair:
    """Two networks, and what all sections ask of them.

    Attributes:
        model_a: network A, at t = 1.
        model_b: network B as it came.
        data: the examples, with their loss.
        methods: of `lmctheory.matching.match`, in whose order B is compared as well.
        points: of the grid on the segment, odd.
        narrow: by hidden width narrower networks, from which the barrier is predicted.
    """

    model_a: nn.Module
    model_b: nn.Module
    data: AnyExamples
    methods: Sequence[str]
    points: int
    narrow: Mapping[int, Sequence[nn.Module]] | None = None

    @cached_property
    def symmetry(self) -> Symmetry:
        """What may be permuted."""
        return common_symmetry(self.model_a, self.model_b, self.data.inputs)

    @cached_property
    def matchings(self) -> Mapping[str, Matching]:
        """By method; empty where nothing can be permuted."""
        if not self.symmetry.groups:
            return {}
        return {
            method: match(self.model_a, self.model_b, method, self.data)
            for method in tracked(self.methods, "matching")
        }

    @cached_property
    def aligned(self) -> Mapping[str, nn.Module]:
        """B as it came, and in every order that was found, by the name of it."""
        found = {
            method: matching.apply(self.model_b) for method, matching in self.matchings.items()
        }
        return {UNMATCHED: self.model_b, **found}

    @cached_property
    def losses(self) -> Mapping[str, SegmentLosses]:
        """Of every example at every t, by alignment.

        Running statistics of BatchNorm that are interpolated are those of no network: where there
        are any, the segment is evaluated also with statistics measured anew at every t.
        """
        found = {
            name: segment_losses(self.model_a, aligned, self.data, self.points)
            for name, aligned in tracked(list(self.aligned.items()), "evaluating the segment")
        }
        if not self._normalised:
            return found
        return found | {
            f"{name}, reset": segment_losses(
                self.model_a, aligned, self.data, self.points, reset_batch_norm=self.data.inputs
            )
            for name, aligned in tracked(list(self.aligned.items()), "resetting BatchNorm")
        }

    @property
    def _normalised(self) -> bool:
        """Whether there are BatchNorm layers with running statistics, and inputs for them."""
        layers = [m for m in self.model_a.modules() if isinstance(m, _BatchNorm)]
        floating = isinstance(self.data.inputs, Tensor) and self.data.inputs.is_floating_point()
        return floating and any(layer.running_mean is not None for layer in layers)

    @cached_property
    def best(self) -> str:
        """The alignment of the smallest barrier at the midpoint."""
        middle = self.points // 2
        return min(self.aligned, key=lambda name: float(self.losses[name].loss[middle].mean()))
