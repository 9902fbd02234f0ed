"""Frank-Wolfe where at most two groups act on a parameter: its gradient is affine.

On a segment from M to V the gradient is then the mean of its ends, so nothing has to be computed at
relaxed points: G <- (1 - s) G + s G(V), and at permutations V the gradient is the gain of every
group (`gains`), each product of which is corrected where V has changed. With slope
<G, V - M> and bend <G(V) - G, V - M> / 2 the objective along the segment is
f + slope s + bend s^2, exactly.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lmctheory.matching.objectives import similarity
from lmctheory.matching.solvers._assignment import assignment
from lmctheory.matching.solvers.gains import Gains
from lmctheory.matching.solvers.mixing import blended
from lmctheory.matching.solvers.relaxation import degree
from lmctheory.matching.solvers.terms import Problem

__all__ = ["ascended", "is_bilinear"]


def is_bilinear(problem: Problem) -> bool:
    """Whether every unit has a gain, and the gradient is affine."""
    return len(problem.terms) == len(problem.units) and degree(problem.start.symmetry) <= 2


def ascended(
    problem: Problem, share: float, iterations: int, tolerance: float
) -> tuple[dict[str, np.ndarray], list[float]]:
    """The permutations nearest to where Frank-Wolfe ends, and the objective on the way."""
    sizes = [problem.units[k].group.size for k in problem.terms]
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
        orders = _nearest(gradient, sizes)
        for k, order in enumerate(orders):
            corner.move(k, order)
        there = torch.cat([corner.of(k).ravel() for k in problem.terms])
        cells = _cells(orders, point)
        slope = _beyond(gradient, cells, point)
        if slope <= least:
            break
        bend = (_beyond(there, cells, point) - slope) / 2
        s = 1.0 if slope + 2 * bend >= 0 else -slope / (2 * bend)
        value += (slope + bend * s) * s * problem.unit
        point.mul_(1 - s)[cells] += s
        gradient.lerp_(there, s)
    names = [problem.units[k].group.name for k in problem.terms]
    return dict(zip(names, _nearest(point, sizes), strict=True)), trace


def _nearest(matrices: Tensor, sizes: Sequence[int]) -> list[np.ndarray]:
    """For each group the permutation V that maximises <., V>."""
    parts = torch.split(matrices, [m * m for m in sizes])
    return [assignment(part.view(m, m)) for part, m in zip(parts, sizes, strict=True)]


def _cells(orders: Sequence[np.ndarray], like: Tensor) -> Tensor:
    """Where the matrices of permutations are one."""
    starts = np.cumsum([0, *(len(order) ** 2 for order in orders)]).tolist()
    places = (
        start + len(order) * np.arange(len(order)) + order
        for start, order in zip(starts, orders, strict=False)
    )
    return torch.from_numpy(np.concatenate(list(places))).to(like.device)


def _beyond(gain: Tensor, cells: Tensor, point: Tensor) -> float:
    """<G, V - M>."""
    return float(gain.take(cells).sum() - torch.vdot(gain, point))


def _start(problem: Problem, k: int, share: float) -> Tensor:
    """The matrix share I + (1 - share) J/m."""
    parameter = problem.terms[k][0].action.parameter
    m, device = problem.units[k].group.size, problem.start.stored_b[parameter].device
    point = torch.full((m, m), (1 - share) / m, device=device)
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
