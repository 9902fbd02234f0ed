"""Descriptions of neurons, and the gain of aligning two of them.

Where neurons may be negated a neuron of B is aligned with one of A either as it is or negated,
whichever gains more: if s is the sign, the gain is G + s H, at best G + |H|, with H of the features
that are negated with their neuron and G of those that are not (factors of a normalisation).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from lmctheory.matching.alignment import Alignment
from lmctheory.matching.groups import Action, PermutationGroup
from lmctheory.matching.orders import encoded

__all__ = ["Cost", "Features", "Gain", "gain_matrix", "gain_of", "incoming"]


@dataclass(frozen=True)
class Features:
    """Feature vectors of a group's neurons, B's in its present order.

    Attributes:
        a: ``[m, k]``, a row for each neuron of A.
        b: ``[n, k]``, likewise for B; n = m but for networks of different widths.
        metric: the metric S ``[c, c]``; None is the Euclidean one. If k is a multiple of c, S holds
            for each of the k/c parts of a vector, the neuron owning so many rows of a weight.
        negated: whether they are negated with their neuron, which may be.
    """

    a: Float64[Tensor, "m k"]
    b: Float64[Tensor, "n k"]
    metric: Float64[Tensor, "c c"] | None = None
    negated: bool = False

    @property
    def gain(self) -> Float64[Tensor, "m n"]:
        """The matrix a S b^T."""
        return self._measured(self.a) @ self.b.mT

    @property
    def cost(self) -> float:
        """Mean over i of (a_i - b_i)^T S (a_i - b_i), neurons aligned as they stand."""
        gap = self.a - self.b
        # a semi-definite form: rounding alone can make it negative
        return max(0.0, float((self._measured(gap) * gap).sum()) / len(gap))

    @property
    def squares(self) -> tuple[float, float]:
        """Sums over the neurons of a^T S a and of b^T S b, which no permutation changes."""
        first, second = (float((self._measured(x) * x).sum()) for x in (self.a, self.b))
        return max(0.0, first), max(0.0, second)

    def scaled(self, a: float, b: float) -> "Features":
        """The features times a for A and b for B."""
        return replace(self, a=self.a * a, b=self.b * b)

    def _measured(self, x: Float64[Tensor, "n k"]) -> Float64[Tensor, "n k"]:
        if self.metric is None:
            return x
        return (x.reshape(len(x), -1, len(self.metric)) @ self.metric).flatten(1)


Cost: TypeAlias = Callable[[PermutationGroup, Alignment], list[Features]]
"""From a group and the state of the other groups to its features; gains and costs add up."""


def gain_matrix(features: Iterable[Features]) -> Float64[Tensor, "m n"]:
    """Gain of aligning neuron i of A with neuron j of B, to be maximised."""
    first, *rest = features
    gain = first.gain
    for block in rest:
        gain += block.gain
    return gain


@dataclass(frozen=True)
class Gain:
    """Gain of aligning neuron i of A with neuron j of B, to be maximised.

    Attributes:
        plain: G ``[m, n]``, whatever the sign of the neuron; None is zero.
        signed: H ``[m, n]``, times the sign of the neuron; None where none may be negated.
    """

    plain: Float[Tensor, "m n"] | None
    signed: Float[Tensor, "m n"] | None = None

    @property
    def largest(self) -> Float[Tensor, "m n"]:
        """By the better sign: G + |H|; not to be written on."""
        if self.signed is None:
            assert self.plain is not None
            return self.plain
        most = self.signed.abs()
        return most if self.plain is None else most.add_(self.plain)

    def with_signs(self, permutation: Int[np.ndarray, " m"]) -> Int[np.ndarray, " m"]:
        """The order of these neurons by their better signs, positive where both are as good."""
        if self.signed is None:
            return permutation
        columns = torch.from_numpy(permutation).to(self.signed.device)
        chosen = self.signed.gather(1, columns[:, None]).squeeze(1)
        return encoded(permutation, torch.where(chosen < 0, -1, 1).cpu().numpy())


def gain_of(features: Iterable[Features]) -> Gain:
    """The gain of all features."""
    listed = list(features)
    plain, signed = ([f for f in listed if f.negated is kind] for kind in (False, True))
    return Gain(*(gain_matrix(part) if part else None for part in (plain, signed)))


def incoming(group: PermutationGroup) -> list[Action]:
    """How the group acts on the weights that make its neurons."""
    return [a for a in group.actions if a.parameter in group.incoming and not a.reads]
