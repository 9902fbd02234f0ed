"""The straight-through estimator: weight matching with a latent network that is trained."""

from dataclasses import replace

import torch

from lmctheory.matching.alignment import Alignment
from lmctheory.matching.objectives import LOSS, Objective
from lmctheory.matching.solvers._coordinate_descent import coordinate_descent, weight_matching
from lmctheory.matching.solvers.solution import Solution
from lmctheory.matching.solvers.solver import Search, Solutions, Solver

__all__ = ["STRAIGHT_THROUGH", "straight_through"]


def straight_through(
    start: Alignment, objective: Objective, *, steps: int = 100, rate: float = 0.03
) -> Solution:
    """Trains a latent network L to which B is matched so that the objective rises.

    L begins as A. Every step matches the weights of B with those of L, P = argmax <L, P theta_B>,
    and moves L along the gradient of the objective at P theta_B: the derivative of P theta_B in L,
    which is zero almost everywhere, is replaced by the identity.

    Args:
        start: the alignment to begin with.
        objective: of the parameters of A and of the permuted B; differentiable.
        steps: of Adam.
        rate: its learning rate, in units of each parameter's root mean square.

    Returns:
        The best permutation met, with a trace of the best objective after each step.

    Reference: Ainsworth et al. 2023, algorithm 3, with whole-batch gradients.
    """
    scale = {name: float(t.square().mean().sqrt()) or 1.0 for name, t in start.a.items()}
    latent = {name: (t / scale[name]).requires_grad_() for name, t in start.a.items()}
    optimiser = torch.optim.Adam(list(latent.values()), lr=rate)
    best, pair = start, start
    trace = [float(objective(start.a, start.b))]
    for _ in range(steps):
        toward = {name: t.detach() * scale[name] for name, t in latent.items()}
        found = coordinate_descent(replace(pair, stored_a=toward)).alignment
        pair = replace(found, stored_a=start.stored_a)
        through = {name: t.clone().requires_grad_() for name, t in pair.b.items()}
        value = objective(pair.a, through)
        gradients = torch.autograd.grad(-value, list(through.values()))
        for tensor, gradient in zip(latent.values(), gradients, strict=True):
            tensor.grad = gradient
        optimiser.step()
        if float(value.detach()) > trace[-1]:
            best = pair
        trace.append(max(trace[-1], float(value.detach())))
    return Solution(best, tuple(trace))


def _solve(search: Search) -> Solutions:
    search.require_derivatives()
    starts = {"weight": weight_matching(search.pair)} | dict(search.random_starts())
    return {name: straight_through(start, search.objective) for name, start in starts.items()}


STRAIGHT_THROUGH = Solver("straight_through", (LOSS,), _solve)
