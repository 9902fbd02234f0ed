"""All pairs of networks of one shape, B of each pair in every alignment.

Chains of affine maps are evaluated in one stack and show all of their hidden layers. Other modules
are evaluated pair by pair and show the last layer whose neurons can be reordered.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
from torch import Tensor, nn

from lmctheory.matching import match, second_moments
from lmctheory.matching.alignment import as_they_stand, side_by_side
from lmctheory.matching.costs.neuron_costs import naive, weighted
from lmctheory.matching.costs.neuron_features import Features, incoming
from lmctheory.matching.groups import PermutationGroup, Symmetry
from lmctheory.networks import AffineChain, Examples, find_chain
from lmctheory.networks.chain import stack_chains
from lmctheory.paths import (
    Barrier,
    Certificate,
    CertifiedBarrier,
    barrier,
    barriers,
    certificate,
    certificates,
    certified_barrier,
    operator_norms,
)
from lmctheory.paths._certified_barrier import certified_barrier_of_chains
from lmctheory.sweeps.measured import UNMATCHED

__all__ = ["AlignedPairs", "aligned_pairs"]

Network = TypeVar("Network", AffineChain, nn.Module)


@dataclass(frozen=True, eq=False)
class AlignedPairs(ABC, Generic[Network]):
    """Pairs of networks, and B of every pair in every alignment.

    Attributes:
        pairs: A and B as they came.
        aligned: B of every pair, by the name of its alignment.
        inputs: of the training data, which A's data metric is measured on.
    """

    pairs: Sequence[tuple[Network, Network]]
    aligned: Mapping[str, Sequence[Network]]
    inputs: Tensor

    @cached_property
    def moments(self) -> list[dict[str, Tensor]]:
        """Second moments of what the layers of A read, for each pair."""
        return [second_moments(a, self.inputs) for a, _ in self.pairs]

    @abstractmethod
    def barrier(self, alignment: str, examples: Examples, points: int) -> Barrier:
        """The curves of all pairs, ``[pairs, points]``."""

    @abstractmethod
    def certificates(
        self, alignment: str, examples: Examples, times: np.ndarray
    ) -> list[Certificate]:
        """The certificate of every pair.

        Raises:
            UnreadableError: if there is none for networks of this kind; it says why.
        """

    def enclosed(self, alignment: str, examples: Examples) -> list[CertifiedBarrier]:
        """What contains the barrier of every pair.

        Raises:
            UnreadableError: if networks of this kind cannot be enclosed; it says why.
        """
        return [
            self._enclosed(a, b, examples)
            for (a, _), b in zip(self.pairs, self.aligned[alignment], strict=True)
        ]

    @abstractmethod
    def _enclosed(self, a: Network, b: Network, examples: Examples) -> CertifiedBarrier:
        """What contains the barrier of one pair."""

    @abstractmethod
    def layers(self, alignment: str, pair: int, *, data_metric: bool) -> list[list[Features]]:
        """For each hidden layer that is shown, the features of a pair's neurons.

        Their costs add up to the matching cost, in the Euclidean metric or in that of A's data.
        """

    @property
    @abstractmethod
    def reads_inputs(self) -> list[bool]:
        """Whether each of these layers reads no other neurons: all networks share its inputs."""

    @property
    @abstractmethod
    def signed(self) -> list[bool]:
        """Whether the neurons of each of these layers may be negated, as matching does then."""


class _Chains(AlignedPairs[AffineChain]):
    @cached_property
    def _a(self) -> AffineChain:
        return stack_chains([a for a, _ in self.pairs])

    def barrier(self, alignment: str, examples: Examples, points: int) -> Barrier:
        return barriers(self._a, stack_chains(self.aligned[alignment]), examples, points)

    @cached_property
    def _norms(self) -> tuple[Sequence[Sequence[float]], Sequence[Sequence[float]]]:
        # no permutation changes them
        return operator_norms(self._a), operator_norms(stack_chains(self.aligned[UNMATCHED]))

    def certificates(
        self, alignment: str, examples: Examples, times: np.ndarray
    ) -> list[Certificate]:
        b = stack_chains(self.aligned[alignment])
        return certificates(self._a, b, examples, times, norms=self._norms)

    def _enclosed(self, a: AffineChain, b: AffineChain, examples: Examples) -> CertifiedBarrier:
        return certified_barrier_of_chains(a, b, examples)

    def layers(self, alignment: str, pair: int, *, data_metric: bool) -> list[list[Features]]:
        # by layer, not by permutation group: one neuron alone is none, and costs something too
        a, b = self.pairs[pair][0], self.aligned[alignment][pair]
        return [
            [
                Features(
                    W_a.double(),
                    W_b.double(),
                    self.moments[pair][f"{name}.weight"] if data_metric else None,
                )
            ]
            for name, W_a, W_b in zip(a.names[:-1], a.weights, b.weights, strict=False)
        ]

    @property
    def reads_inputs(self) -> list[bool]:
        return [layer == 0 for layer in range(self.pairs[0][0].depth)]

    @property
    def signed(self) -> list[bool]:
        return [sigma.is_odd for sigma in self.pairs[0][0].activations]


class _Modules(AlignedPairs[nn.Module]):
    def barrier(self, alignment: str, examples: Examples, points: int) -> Barrier:
        curves = [
            barrier(a, b, examples, points)
            for (a, _), b in zip(self.pairs, self.aligned[alignment], strict=True)
        ]
        return Barrier(
            curves[0].t,
            np.stack([curve.loss for curve in curves]),
            np.stack([curve.accuracy for curve in curves]),
        )

    def certificates(
        self, alignment: str, examples: Examples, times: np.ndarray
    ) -> list[Certificate]:
        return [
            certificate(a, b, examples, times)
            for (a, _), b in zip(self.pairs, self.aligned[alignment], strict=True)
        ]

    def _enclosed(self, a: nn.Module, b: nn.Module, examples: Examples) -> CertifiedBarrier:
        return certified_barrier(a, b, examples)

    def layers(self, alignment: str, pair: int, *, data_metric: bool) -> list[list[Features]]:
        if (last := self._last_hidden) is None:
            return []
        a, b = self.pairs[pair][0], self.aligned[alignment][pair]
        cost = weighted(self.moments[pair]) if data_metric else naive
        return [cost(last, as_they_stand(a, b, self._symmetry))]

    @property
    def reads_inputs(self) -> list[bool]:
        if (last := self._last_hidden) is None:
            return []
        groups = self._symmetry.groups
        read = {action.parameter for group in groups for action in group.actions if action.reads}
        return [not read & set(last.incoming)]

    @property
    def signed(self) -> list[bool]:
        return [] if (last := self._last_hidden) is None else [last.signed]

    @cached_property
    def _symmetry(self) -> Symmetry:
        return side_by_side(*self.pairs[0], self.inputs).symmetry

    @property
    def _last_hidden(self) -> PermutationGroup | None:
        whole = [g for g in self._symmetry.groups if g.parent is None and incoming(g)]
        return whole[-1] if whole else None


def aligned_pairs(
    models: Sequence[nn.Module], examples: Examples, methods: Sequence[str]
) -> AlignedPairs[AffineChain] | AlignedPairs[nn.Module]:
    """Matches networks by every method.

    Args:
        models: A and B of the first pair, of the second, and so on.
        examples: of training, which matching and data metric see.
        methods: of `lmctheory.matching.match`.
    """
    chains = [chain for model in models if (chain := find_chain(model)) is not None]
    if len(chains) == len(models):
        return _aligned(_Chains, chains, examples, methods)
    return _aligned(_Modules, models, examples, methods)


def _aligned(
    kind: Callable[..., AlignedPairs[Network]],
    networks: Sequence[Network],
    examples: Examples,
    methods: Sequence[str],
) -> AlignedPairs[Network]:
    pairs = list(zip(networks[::2], networks[1::2], strict=True))
    aligned = {
        method: [match(a, b, method, examples).apply(b) for a, b in pairs] for method in methods
    }
    return kind(pairs, {UNMATCHED: [b for _, b in pairs], **aligned}, examples.inputs)
