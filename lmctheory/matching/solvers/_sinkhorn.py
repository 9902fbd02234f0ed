"""Gradient ascent over doubly stochastic matrices, by Sinkhorn's iteration.

**The map.** Every matrix L of logits has one doubly stochastic P = exp(L + u 1^T + 1 v^T)
(Sinkhorn 1964), found by normalising rows and columns in turn.

**Its derivative, without going through the iteration.** A change dL changes P by
dP = P o (dL + du 1^T + 1 dv^T), o the product of entries, and rows and columns of dP sum to zero:

    (P o dL) 1 + du + P dv = 0,      (P o dL)^T 1 + P^T du + dv = 0.

The system is symmetric, so the gradient of h(P(L)) is P o (G - a 1^T - 1 b^T), G = dh/dP, with
a + P b = (P o G) 1 and P^T a + b = (P o G)^T 1. Eliminating b,

    (I - P P^T) a = (P o G) 1 - P (P o G)^T 1.

The right side sums to zero, and constant vectors a, which a + P b and P^T a + b cancel against b,
are the kernel where all entries of P are positive: adding 1 1^T / m makes the matrix invertible and
picks the solution of mean zero. Near a permutation I - P P^T vanishes and so does the gradient; a
tiny multiple of the identity keeps the system solvable there. Time and memory do not depend on the
number of iterations.
"""

import torch
from jaxtyping import Float64
from torch import Tensor

from lmctheory.matching.alignment import Alignment
from lmctheory.matching.objectives import LOSS, Objective, similarity
from lmctheory.matching.solvers._coordinate_descent import coordinate_descent, weight_matching
from lmctheory.matching.solvers._frank_wolfe import CENTRES
from lmctheory.matching.solvers.relaxation import initial, relaxed, rounded
from lmctheory.matching.solvers.solution import Solution
from lmctheory.matching.solvers.solver import Search, Solutions, Solver

__all__ = ["SINKHORN", "doubly_stochastic", "sinkhorn"]

_JITTER = 1e-12

_LEAST = 1e-100
"""Smaller entries of a doubly stochastic matrix have no logarithm worth keeping."""


class _DoublyStochastic(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, tolerance, iterations):  # type: ignore[no-untyped-def]
        log_p = logits - logits.logsumexp(1, keepdim=True)
        for _ in range(iterations):
            columns = log_p.logsumexp(0, keepdim=True)
            if columns.abs().max() <= tolerance:
                break
            log_p = log_p - columns
            log_p = log_p - log_p.logsumexp(1, keepdim=True)
        P = log_p.exp()
        ctx.save_for_backward(P)
        return P

    @staticmethod
    def backward(ctx, G):  # type: ignore[no-untyped-def]
        (P,) = ctx.saved_tensors
        rows, columns = (P * G).sum(1), (P * G).sum(0)
        eye = torch.eye(len(P), dtype=P.dtype, device=P.device)
        system = (1 + _JITTER) * eye - P @ P.mT + 1 / len(P)
        a = torch.linalg.solve(system, rows - P @ columns)
        b = columns - P.mT @ a
        return P * (G - a[:, None] - b[None, :]), None, None


def doubly_stochastic(
    logits: Float64[Tensor, "m m"], *, tolerance: float = 1e-9, iterations: int = 1000
) -> Float64[Tensor, "m m"]:
    """The doubly stochastic P = exp(L + u 1^T + 1 v^T), differentiable in the logits L.

    Args:
        logits: L.
        tolerance: the largest logarithm of a column sum at which the iteration ends; rows sum to
            one up to rounding.
        iterations: at most so many; logits that differ by hundreds may need more.

    Reference: Sinkhorn 1964; Cuturi 2013; the implicit derivative as in Eisenberger et al. 2022.

    Example:
        >>> import torch
        >>> P = doubly_stochastic(torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64))
        >>> bool(torch.allclose(P.sum(0), P.new_ones(2)))
        True
    """
    P: Tensor = _DoublyStochastic.apply(logits, tolerance, iterations)  # type: ignore[no-untyped-call]
    return P


def sinkhorn(
    start: Alignment,
    objective: Objective,
    *,
    share: float = 0.0,
    steps: int = 100,
    rate: float = 0.2,
) -> Solution:
    """Maximises an objective of the relaxed parameters by gradients, then rounds.

    The logits of every group move by Adam; as they grow, the matrices approach permutations. Adding
    a constant to a row or column of logits changes nothing, so after each step they are replaced by
    log P, from which the next normalisation has little left to do: fifty passes are the most.

    Args:
        start: the alignment to begin with.
        objective: of the parameters of A and of the permuted B; differentiable.
        share: of the present order in the initial matrices; the rest is the mean of all orders.
        steps: of Adam.
        rate: its learning rate.

    Returns:
        The best of the start and of the roundings after every tenth of the steps, by the objective;
        for the similarity of parameters, after coordinate descent from there.

    Reference: Pena et al. 2023 (Sinkhorn Re-Basin).
    """
    best, trace = start, [float(objective(start.a, start.b))]
    logits = {
        name: M.clamp_min(_LEAST).log().requires_grad_()
        for name, M in initial(start, share).items()
    }
    if not logits:
        return Solution(start, tuple(trace))
    optimiser = torch.optim.Adam(list(logits.values()), lr=rate)
    for step in range(1, steps + 1):
        matrices = {name: doubly_stochastic(L, iterations=50) for name, L in logits.items()}
        optimiser.zero_grad()
        loss = -objective(start.a, relaxed(start, matrices))
        loss.backward()  # type: ignore[no-untyped-call]
        for name, L in logits.items():
            L.data.copy_(matrices[name].detach().clamp_min(_LEAST).log())
        optimiser.step()
        if step % max(1, steps // 10) == 0:
            found = rounded(start, matrices)
            if objective is similarity:
                found = coordinate_descent(found).alignment
            value = float(objective(found.a, found.b))
            if value > trace[-1]:
                best = found
            trace.append(max(trace[-1], value))
    return Solution(best, tuple(trace))


def _solve(search: Search) -> Solutions:
    search.require_derivatives()
    found = {}
    if search.method == LOSS:  # what it hands back is no worse than the weight matching
        near = weight_matching(search.pair)
        for name, share in CENTRES.items():
            found[name] = sinkhorn(near, search.objective, share=share)
    else:
        found["barycentre"] = sinkhorn(search.pair, search.objective)
    for name, start in search.random_starts():
        found[name] = sinkhorn(start, search.objective, share=0.5)
    return found


SINKHORN = Solver("sinkhorn", (LOSS, "weight"), _solve)
