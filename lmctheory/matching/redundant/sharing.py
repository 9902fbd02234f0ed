r"""The freedom of redundant neurons, put to use to bring two networks nearer.

Let neuron j of one network be aligned with neuron j of the other, (w_j, u_j) and (w'_j, u'_j) being
their incoming and outgoing weights. Of a set of duplicates, h_j = f_j g, some T must go on
computing g; they may share S = sum_j f_j u_j as they like. The others may hand over their part,
u_j = 0, and nothing reads them any more: w_j is free. What this leaves of the squared distance is

    sum_T |w_j - w'_j|^2 + |S - sum_T f_j u'_j|^2 / sum_T f_j^2 + sum_{not T} |u'_j|^2,

by u_j = u'_j + f_j (S - sum_T f_i u'_i) / sum_T f_i^2 in T and w_j = w'_j elsewhere. Of dead
neurons f_j = 0: each is as good as any, T may be empty, and the middle term is zero. T is found by
leaving out the neuron that lowers the distance most, as long as one does.

At last the outgoing weights and biases of both networks are moved at once, in the directions
kappa that `reading` finds: the gap V - V' is projected on what is orthogonal to the directions of
both, and of all moves that do so the least is taken. *The distance never rises.*
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from lmctheory.matching._symmetry import parameters
from lmctheory.matching.groups import PermutationGroup
from lmctheory.matching.redundant.finding import Examined
from lmctheory.matching.redundant.neurons import RedundantNeurons
from lmctheory.matching.redundant.trying import with_rows

__all__ = ["Pair", "kept_neurons"]

_ENOUGH = 1e-9
"""Relative fall of the squared distance below which no neuron is silenced."""


class Pair:
    """Two networks that move towards each other.

    Args:
        networks: both, of the same groups.
        by_data: whether to use what is redundant for the data alone.

    Attributes:
        held: what each of them holds by now, in double precision.
        sets: their redundant neurons that still share a function.
    """

    def __init__(self, networks: tuple[Examined, Examined], *, by_data: bool) -> None:
        self.networks = networks
        self.held = [dict(one.held) for one in networks]
        self.sets = [one.sets(by_data=by_data) for one in networks]
        self._names = parameters(networks[0].model).keys() & self.held[0].keys()

    @property
    def distance(self) -> float:
        """|theta_A - theta_B|."""
        return self._distance(self.held[0], self.held[1])

    def _distance(self, a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
        return sum(float((a[name] - b[name]).square().sum()) for name in self._names) ** 0.5

    def silence(self, group: PermutationGroup, side: int) -> None:
        """Silent neurons, and those that it pays to silence, take over the other's parameters."""
        own, other = self.held[side], self.held[1 - side]
        for one in [one for one in self.sets[side] if one.group == group.name]:
            if one.kind == "silent":
                own |= with_rows(group, one.neurons, own, other)
            elif one.kind != "constant":
                self._silence_some(group, side, one)

    def _silence_some(self, group: PermutationGroup, side: int, one: RedundantNeurons) -> None:
        """Silences those of a set that had better be, where that leaves the function."""
        own, other = self.held[side], self.held[1 - side]
        network = self.networks[side]
        reading = network.readers[group.name]
        u, v = (
            [r.action.rows(held[r.action.parameter])[one.neurons] for r in reading]
            for held in (own, other)
        )
        factors = [
            torch.from_numpy(r.factors(one))[:, None].expand_as(part)
            for r, part in zip(reading, u, strict=True)
        ]
        kept, best = kept_neurons(
            self._gaps(group)[one.neurons],
            *(torch.cat(parts, 1) for parts in (u, v, factors)),
            least=int(one.kind != "dead"),
        )
        if len(kept) == len(one.neurons):
            return
        moved = dict(own)
        widths = [part.shape[1] for part in u]
        for reader, rows in zip(reading, torch.split(best, widths, 1), strict=True):
            name = reader.action.parameter
            moved[name] = reader.action.replaced(moved[name], one.neurons, rows)
        moved |= with_rows(group, np.delete(one.neurons, kept), moved, other)
        nearer = self._distance(moved, other) <= self._distance(own, other)
        if nearer and network.trial.stays(network.moved(moved)):
            self.held[side] = moved
            left = replace(
                one,
                neurons=one.neurons[kept],
                factors=one.factors[kept],
                removable=max(0, one.removable - len(one.neurons) + len(kept)),
            )
            others = [each for each in self.sets[side] if each is not one]
            self.sets[side] = [*others, left] if len(kept) else others

    def _gaps(self, group: PermutationGroup) -> Float64[Tensor, " m"]:
        """|w_j - w'_j|^2 of all neurons of a group."""
        a, b = self.held
        return torch.stack(
            [
                action.rows(a[action.parameter] - b[action.parameter]).square().sum(1)
                for action in group.actions
                if not action.reads and action.parameter in self._names
            ]
        ).sum(0)

    def share(self, group: PermutationGroup) -> None:
        """Moves the weights that read a group, in both networks, to be nearest."""
        for reader in self.networks[0].readers[group.name]:
            stacked = [reader.stacked(held) for held in self.held]
            free = [
                reader.free([one for one in sets if one.group == group.name], held)
                for sets, held in zip(self.sets, self.held, strict=True)
            ]
            if not free[0].shape[1] + free[1].shape[1]:
                continue
            step = least_move(torch.cat([free[0], -free[1]], 1), stacked[1] - stacked[0])
            steps = step[: free[0].shape[1]], step[free[0].shape[1] :]
            for k in (0, 1):
                V = stacked[k] + free[k] @ steps[k]
                self.held[k] |= reader.unstacked(V, self.held[k])


def least_move(
    directions: Float64[Tensor, "n k"], gap: Float64[Tensor, "n r"]
) -> Float64[Tensor, "k r"]:
    """The least X of those that minimise |directions X - gap|."""
    return torch.linalg.lstsq(directions, gap, driver="gelsd").solution


def kept_neurons(
    gaps: Float64[Tensor, " k"],
    u: Float64[Tensor, "k r"],
    v: Float64[Tensor, "k r"],
    factors: Float64[Tensor, "k r"],
    *,
    least: int,
) -> tuple[np.ndarray, Float64[Tensor, "k r"]]:
    """Which of some neurons go on computing their function, and the best outgoing weights then.

    Args:
        gaps: |w_j - w'_j|^2.
        u: outgoing weights.
        v: those of the other network.
        factors: f, as each outgoing weight sees it.
        least: so many have to be kept.

    Returns:
        T, and new outgoing weights, those of the silenced neurons being zero.
    """
    total = (factors * u).sum(0)

    def shared(kept: Sequence[int]) -> Tensor:
        f = factors[list(kept)]
        norm = f.square().sum(0)
        rest = total - (f * v[list(kept)]).sum(0)
        result = torch.zeros_like(u)
        result[list(kept)] = v[list(kept)] + f * torch.where(norm > 0, rest / norm, 0.0)
        return result

    def left(kept: Sequence[int]) -> float:
        return float(gaps[list(kept)].sum() + (shared(kept) - v).square().sum())

    kept = list(range(len(u)))
    worth = left(kept)
    while len(kept) > least:
        options = [[k for k in kept if k != gone] for gone in kept]
        worths = list(map(left, options))
        best = int(np.argmin(worths))
        if worths[best] >= worth - _ENOUGH * abs(worth):
            break
        kept, worth = options[best], worths[best]
    return np.array(kept, dtype=np.int64), shared(kept)
