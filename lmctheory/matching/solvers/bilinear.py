"""Frank-Wolfe where at most two groups act on a parameter: its gradient is affine.

On a segment from M to V the gradient is then the mean of its ends, so nothing has to be computed at
relaxed points: G <- (1 - s) G + s G(V), and at permutations V the gradient is the gain of every
group (`gains`), each product of which is corrected where V has changed. With slope
<G, V - M> and bend <G(V) - G, V - M> / 2 the objective along the segment is
f + slope s + bend s^2, exactly.

Where neurons may be negated, the matrices lie in the convex hull of the signed permutations: a
linear function <G, .> is largest at the permutation that maximises |G|, with the signs of G.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lmctheory.matching.costs.neuron_features import Gain
from lmctheory.matching.groups import PermutationGroup
from lmctheory.matching.objectives import similarity
from lmctheory.matching.orders import neurons, signs
from lmctheory.matching.solvers._assignment import best_order
from lmctheory.matching.solvers.gains import Gains
from lmctheory.matching.solvers.mixing import blended
from lmctheory.matching.solvers.relaxation import degree
from lmctheory.matching.solvers.terms import Problem

__all__ = ["ascended", "is_bilinear"]


def is_bilinear(problem: Problem) -> bool:
    """Whether every unit has a gain, and the gradient is affine.

    It is not where a group negates some of its parameters and leaves others.
    """
    pure = all(
        len({term.action.negated for term in terms}) == 1 for terms in problem.terms.values()
    )
    all_gain = len(problem.terms) == len(problem.units)
    return pure and all_gain and degree(problem.start.symmetry) <= 2


def ascended(
    problem: Problem, share: float, iterations: int, tolerance: float
) -> tuple[dict[str, np.ndarray], list[float]]:
    """The permutations nearest to where Frank-Wolfe ends, and the objective on the way."""
    groups = [problem.units[k].group for k in problem.terms]
    # the matrices of all groups lie one after another in one array
    point, gradient = (
        torch.cat([matrix(problem, k, share).ravel() for k in problem.terms])
        for matrix in (_start, _gradient)
    )
    corner = Gains(problem)
    value, trace = _value(problem, share), list[float]()
    least = tolerance * problem.start.scale / problem.unit
    for _ in range(iterations):
        trace.append(value)
        orders = _nearest(gradient, groups)
        for k, order in enumerate(orders):
            corner.move(k, order)
        there = torch.cat([_matrix(corner.of(k)).ravel() for k in problem.terms])
        cells = _cells(orders, point)
        slope = _beyond(gradient, cells, point)
        if slope <= least:
            break
        bend = (_beyond(there, cells, point) - slope) / 2
        s = 1.0 if slope + 2 * bend >= 0 else -slope / (2 * bend)
        value += (slope + bend * s) * s * problem.unit
        point.mul_(1 - s)[cells[0]] += s * cells[1]
        gradient.lerp_(there, s)
    names = [group.name for group in groups]
    return dict(zip(names, _nearest(point, groups), strict=True)), trace


def _matrix(gain: Gain) -> Tensor:
    """The only matrix of a group that negates all its parameters or none."""
    found = gain.plain if gain.signed is None else gain.signed
    assert found is not None
    return found


def _nearest(matrices: Tensor, groups: Sequence[PermutationGroup]) -> list[np.ndarray]:
    """For each group the order V that maximises <., V>."""
    parts = torch.split(matrices, [group.size**2 for group in groups])
    squares = [part.view(g.size, g.size) for part, g in zip(parts, groups, strict=True)]
    return [
        best_order(Gain(None, square) if group.signed else Gain(square))
        for square, group in zip(squares, groups, strict=True)
    ]


def _cells(orders: Sequence[np.ndarray], like: Tensor) -> tuple[Tensor, Tensor]:
    """Where the matrices of orders are not zero, and what they are there."""
    starts = np.cumsum([0, *(len(order) ** 2 for order in orders)]).tolist()
    places = (
        start + len(order) * np.arange(len(order)) + neurons(order)
        for start, order in zip(starts, orders, strict=False)
    )
    cells = torch.from_numpy(np.concatenate(list(places))).to(like.device)
    return cells, torch.from_numpy(signs(np.concatenate(orders))).to(like)


def _beyond(gain: Tensor, cells: tuple[Tensor, Tensor], point: Tensor) -> float:
    """<G, V - M>."""
    where, values = cells
    return float(torch.vdot(gain.take(where), values) - torch.vdot(gain, point))


def _start(problem: Problem, k: int, share: float) -> Tensor:
    """The mean of the identity (share) and of all orders (the rest)."""
    group, parameter = problem.units[k].group, problem.terms[k][0].action.parameter
    m, device = group.size, problem.start.stored_b[parameter].device
    point = torch.full((m, m), 0.0 if group.signed else (1 - share) / m, device=device)
    point.diagonal().add_(share)
    return point


def _gradient(problem: Problem, k: int, share: float) -> Tensor:
    """The gain of a group where all others are at their starts."""
    terms = problem.terms[k]
    gain = problem.constant(k, [n for n, term in enumerate(terms) if not term.others]).clone()
    for term in (term for term in terms if term.others):
        a, b = problem.single(term.action.parameter)
        for axis in term.others:
            for action in problem.movers[term.action.parameter, axis].values():
                b = blended(action, b, share)
        gain.addmm_(term.action.rows(a), term.action.rows(b).mT)
    return gain


def _value(problem: Problem, share: float) -> float:
    """The objective where all groups are at their starts."""
    b = dict(problem.start.b)
    for group in problem.start.symmetry.groups:
        for action in group.actions:
            b[action.parameter] = blended(action, b[action.parameter], share)
    return float(similarity(problem.start.a, b))
