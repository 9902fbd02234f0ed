"""Frank-Wolfe over the doubly stochastic matrices of all groups at once.

Let f(M) = <theta_A, M theta_B>, one doubly stochastic matrix M_g for each group. At a point M the
linear function <grad f(M), V> is largest at permutations V, one assignment for each group, and

    M <- M + s (V - M),   s in [0, 1] the best on this segment.

*The line search is exact.* On the segment f is a polynomial in s whose degree r is the number of
groups that act on one parameter (two in a chain). Its value and its slope <grad f(M), V - M> at
s = 0 are at hand; r - 1 further values, one of them at the permutations V, determine the rest. The
best s is 1 or a root of the derivative. *f never falls*, since s = 0 attains the present value.
*It ends at a stationary point*: the slope is never negative, as V is the best corner and M a mean
of corners, and where it is zero no direction into the polytope raises f to first order.

Where neurons may be negated and r > 2, signs are left to coordinate descent.

*Where r = 2* the gradient is affine, and nothing has to be computed at relaxed points (`bilinear`).

All groups move at once, and from the mean of all permutations no order of B is preferred: that is
where it escapes the optima at which coordinate descent, one group at a time, is stuck. The end is
rounded to the nearest permutations and given to coordinate descent.
"""

import numpy as np
import torch
from numpy.polynomial import Polynomial
from torch import Tensor

from lmctheory.matching.alignment import Alignment
from lmctheory.matching.objectives import similarity
from lmctheory.matching.solvers._assignment import assignment
from lmctheory.matching.solvers.bilinear import ascended, is_bilinear
from lmctheory.matching.solvers.descent import descended
from lmctheory.matching.solvers.gains import Gains
from lmctheory.matching.solvers.relaxation import Matrices, degree, initial, relaxed, rounded
from lmctheory.matching.solvers.solution import Solution
from lmctheory.matching.solvers.solver import Search, Solutions, Solver
from lmctheory.matching.solvers.terms import Problem

__all__ = ["CENTRES", "FRANK_WOLFE", "best_step", "corner", "frank_wolfe", "relaxed_optimum"]

CENTRES = {"barycentre": 0.0, "halfway": 0.5}
"""Where relaxed solvers begin: the share of B's order, the rest being the mean of all orders."""


def frank_wolfe(
    start: Alignment, *, share: float = 0.0, iterations: int = 200, tolerance: float = 1e-6
) -> Solution:
    """Maximises the sum over all parameters of <theta_A, P theta_B> by Frank-Wolfe.

    Args:
        start: the alignment to begin with.
        share: of its order in the initial matrices; the rest is the mean of all orders.
        iterations: at most so many steps.
        tolerance: the slope, relative to |theta_A| |theta_B|, at which it ends.

    Returns:
        A local optimum of coordinate descent, with the trace of f at the relaxed points, then of
        coordinate descent from their rounding, where it may fall once.

    Reference: Frank and Wolfe 1956; for matching networks Crisostomi et al. 2024 (C2M3), there from
        the identity. The start at the mean and the exact line search are those of Vogelstein et al.
        2015 for quadratic assignment.
    """
    gains, trace = relaxed_optimum(Problem(start), share, iterations, tolerance)
    polished = descended(gains)
    return Solution(polished.alignment, (*trace, *polished.trace))


def relaxed_optimum(
    problem: Problem, share: float, iterations: int = 200, tolerance: float = 1e-6
) -> tuple[Gains, list[float]]:
    """Where Frank-Wolfe ends, rounded: a start for others. Arguments as in `frank_wolfe`.

    Returns:
        The orders, and f at every point on the way to them.
    """
    if is_bilinear(problem):
        orders, trace = ascended(problem, share, iterations, tolerance)
    else:
        point, trace = _ascended(
            problem.start, initial(problem.start, share), iterations, tolerance
        )
        orders = dict(rounded(problem.original, point).orders)
    return Gains(problem, orders), trace


def _ascended(
    start: Alignment, point: Matrices, iterations: int, tolerance: float
) -> tuple[Matrices, list[float]]:
    """Where Frank-Wolfe ends, and f at every point on the way."""
    least = tolerance * start.scale
    powers = degree(start.symmetry)
    trace: list[float] = []
    for _ in range(iterations):
        value, gradient = _derivative(start, point)
        trace.append(value)
        direction = {name: corner(gradient[name]) - M for name, M in point.items()}
        slope = sum(float(torch.vdot(gradient[n].ravel(), D.ravel())) for n, D in direction.items())
        if slope <= least:
            break
        samples = {
            s: float(similarity(start.a, relaxed(start, _moved(point, direction, s))))
            for s in np.linspace(0, 1, powers)[1:].tolist()
        }
        point = _moved(point, direction, best_step(value, slope, samples))
    return point, trace


def _moved(point: Matrices, direction: Matrices, s: float) -> dict[str, Tensor]:
    return {name: torch.add(M, direction[name], alpha=s) for name, M in point.items()}


def _derivative(start: Alignment, point: Matrices) -> tuple[float, dict[str, Tensor]]:
    variables = {name: M.detach().requires_grad_() for name, M in point.items()}
    if not variables:
        return start.objective, {}
    value = similarity(start.a, relaxed(start, variables))
    gradients = torch.autograd.grad(value, list(variables.values()))
    return float(value.detach()), dict(zip(variables, gradients, strict=True))


def corner(gradient: Tensor) -> Tensor:
    """The permutation matrix V that maximises <gradient, V>."""
    columns = torch.as_tensor(assignment(gradient), device=gradient.device)
    return torch.zeros_like(gradient).scatter_(1, columns[:, None], 1.0)


def best_step(value: float, slope: float, samples: dict[float, float]) -> float:
    """Where value + slope s + sum_{k >= 2} c_k s^k is largest in [0, 1], given samples of it."""
    s = np.array(list(samples))
    powers = np.arange(2, len(s) + 2)
    rest = np.array(list(samples.values())) - value - slope * s
    along = Polynomial([value, slope, *np.linalg.solve(s[:, None] ** powers, rest)])
    roots = np.asarray(along.deriv().roots(), dtype=complex)
    inside = roots.real[(abs(roots.imag) < 1e-9) & (roots.real > 0) & (roots.real < 1)]
    candidates = np.append(inside, 1.0)
    return float(candidates[along(candidates).argmax()])


def _solve(search: Search) -> Solutions:
    found = {name: frank_wolfe(search.pair, share=share) for name, share in CENTRES.items()}
    return found | {name: frank_wolfe(start, share=0.5) for name, start in search.random_starts()}


FRANK_WOLFE = Solver("frank_wolfe", ("weight",), _solve)
