r"""Two recorded trainings: how far matched neurons may have come apart (T12 to T15).

M_k = (1/N) sum |D_i|^2 before step k, norms of functions are those of L2 of the step's examples,
||A_i||, ||B_i|| are spectral norms, beta the smoothness of the loss, u = ||rho||, l the root mean
square of what is left of a step (0 for the same full batches, but for rounding).

*A step* (T12). As <D_i, A_i rho> = E<rho, phi_i - phi'_i>, its mean over neurons is E<rho, g>,
g = f_A - f_B, and rho = Lambda g with 0 <= Lambda <= beta, so that it is at least u^2 / beta:

    (1/N) sum |(c - sB_i) D_i - s A_i rho|^2
        <= (1/N) sum |(c - sB_i) D_i|^2 - 2 s c u^2 / beta + 2 s^2 L K sqrt(M) u + s^2 K^2 u^2

with L = max ||B_i||, K^2 = (1/N) sum ||A_i||^2. If 2c > s beta K^2 the largest value over u gives

    M' <= [max_i ||c - sB_i||^2 + s^3 beta L^2 K^2 / (2c - s beta K^2)] M.

*Weights of neurons* (T13). With q_i = ||c - s B_i||^2, w'_i = w_i / q_i and w = 1 at the end, the
energy E = (1/N) sum w_i |D_i|^2 grows only by what neurons do to each other. With
||phi_i - phi'_i|| = k_i |D_i|, p = k/sqrt(w) and q = k w'/sqrt(w), the form -E<rho, (1/N) sum w'
(phi_i - phi'_i)> is at most beta/2 (sqrt(mean p^2 mean q^2) - mean pq) E, whence

    E' <= E {1 + s c beta [sqrt(mean k^2/w mean (k w')^2/w) - mean k^2 w'/w]
               + 2 s^2 beta sqrt(mean k^2/w) X + s^2 beta^2 (mean k^2/w) (mean w' ||A||^2)},

X^2 = mean (w' ||B|| ||A||)^2/w. Or, with the mean W of w' taken apart, whose part is -W u^2/beta,

    E' <= E {1 + (s c V + s^2 X)^2 / (2 s c W/beta - s^2 mean w' ||A||^2)},

V^2 = mean k^2 (w' - W)^2/w, if the denominator is positive: no growth where neurons are alike.

*Propagators* (T14). F_i = (c - s B_i) from a step to the last, the product of all is U_i:

    sqrt(M_K) <= rms |U_i D_i(0)| + sum_k s_k sqrt(lambda_k) u_k + sum_k rms |F_i l_i|,

lambda_k the largest eigenvalue of (1/N) sum A_i^T F_i^T F_i A_i on L2. Its sums are exact for the
recorded numbers, whatever B_i and A_i are; norms are increased by 1e-9 of themselves, and every
step's left-over by the rounding of its own evaluation.

*The function* (T15). e = f_t - t f_A - (1-t) f_B changes by at most t (1-t) H |theta_i - theta'_i|
with a neuron theta'_i of B. From theta_i - U_i D_i(0), where it is e^, to theta'_i the distance in
root mean square is at most F, the sum of the last two sums of T14, hence

    ||e|| <= ||e^|| + t (1-t) H (rms |U_i D_i(0)| + F/2) F,

and never more than T2's t (1-t) H M_K / 2.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lmctheory.measures.arguments import share
from lmctheory.widths.trained_pair.norms import (
    INFLATION,
    StepNorms,
    mean_square,
    propagate,
    step_norms,
)
from lmctheory.widths.trained_pair.training import Path, Schedule, Task, check_paths
from lmctheory.widths.trained_pair.weighting import LEVELS, energy_weights, uneven_growth

__all__ = ["PairGrowth", "pair_growth", "stability_bound", "weighted_bound"]


@dataclass(frozen=True)
class PairGrowth:
    """How far matched neurons came apart, and what is known of it; costs are mean squares.

    Attributes:
        initial_cost: M_0.
        cost: M_K, measured.
        by_stability: the bound of M_K by the largest curvature of each step (T12).
        by_weights: by curvatures of single neurons (T13).
        by_propagators: (linear + interaction + left)^2 (T14).
        linear: rms |U_i D_i(0)|, what curvature makes of initial differences.
        interaction: sum of s sqrt(lambda) ||rho||.
        left: what batches of their own, momentum and rounding add.
        function_error: ||f_t - t f_A - (1-t) f_B||, measured.
        function_error_bound: of it (T15); infinite for an activation with a kink.
    """

    initial_cost: float
    cost: float
    by_stability: float
    by_weights: float
    by_propagators: float
    linear: float
    interaction: float
    left: float
    function_error: float
    function_error_bound: float

    @property
    def growth(self) -> float:
        """M_K / M_0; 1 if both vanish, infinite if only M_0 does."""
        if self.cost == self.initial_cost:
            return 1.0
        return self.cost / self.initial_cost if self.initial_cost else np.inf


def pair_growth(
    a: Path,
    b: Path,
    task: Task,
    schedule: Schedule,
    *,
    t: float = 0.5,
) -> PairGrowth:
    """Follows the differences of two networks' neurons through their training.

    Args:
        a: the recorded training of A.
        b: of B, in the order matched to A's before training (`Path.permuted`).
        task: what they are trained on.
        schedule: the steps; with the batches of A. Of those that B took what differs is counted
            as left over.
        t: where on the segment the function error is taken, over all examples.

    Returns:
        The measured growth and its bounds, two passes over the steps.

    Raises:
        ValueError: for paths that do not fit each other, the task or the schedule, and for output
            weights that are not trained and not the same for matched neurons.

    Reference:
        theory keys T12 to T15, derived here.

    Example:
        >>> import numpy as np
        >>> from lmctheory.rates import optimal_permutation
        >>> from lmctheory.widths.trained_pair import Schedule, Task, descend
        >>> rng = np.random.default_rng(0)
        >>> x = rng.standard_normal((100, 2))
        >>> task, schedule = Task(x, np.tanh(x[:, :1])), Schedule(np.full(20, 0.2))
        >>> first, second = rng.standard_normal((2, 50, 2))
        >>> second = second[optimal_permutation(first, second)]
        >>> a, b = (descend(w, np.ones((50, 1)), task, schedule) for w in (first, second))
        >>> found = pair_growth(a, b, task, schedule)
        >>> found.cost < found.by_propagators < found.by_weights < found.by_stability
        True
    """
    t = share("t", t)
    check_paths(task, schedule, a=a, b=b)
    norms, found = step_norms(a, b, task, schedule), propagate(a, b, task, schedule)
    start, end = (a.parameters(k, task) - b.parameters(k, task) for k in (0, a.steps))
    rest = found.interaction + found.left
    error, bound = _function_errors(a, b, task, t, found.images, rest)
    return PairGrowth(
        initial_cost=mean_square(start),
        cost=mean_square(end),
        by_stability=stability_bound(norms, mean_square(start), task),
        by_weights=weighted_bound(norms, np.square(start).sum(axis=1), task),
        by_propagators=float((found.linear + rest) ** 2),
        linear=found.linear,
        interaction=found.interaction,
        left=found.left,
        function_error=error,
        function_error_bound=bound,
    )


def stability_bound(steps: list[StepNorms], cost: float, task: Task) -> float:
    """T12 by norms of steps: the lesser of two estimates of each, the other without the pull."""
    beta = task.criterion.smoothness
    distance = np.float64(cost**0.5)
    for step in steps:
        largest, L = step.transfer.max(), step.curvature.max()
        K2, s = np.square(step.features).mean(), step.size
        factor = (largest**0.5 + s * beta * (K2 * np.square(step.gain).mean()) ** 0.5) ** 2
        room = 2 * step.kept - s * beta * K2
        if room > 0:
            factor = min(factor, largest + s**3 * beta * L**2 * K2 / room)
        with np.errstate(over="ignore"):  # infinite
            distance = factor**0.5 * distance + np.square(step.left).mean() ** 0.5
    return _square(distance)


def weighted_bound(steps: list[StepNorms], initial: Float[np.ndarray, " N"], task: Task) -> float:
    """T13 by norms of steps, from |D_i(0)|^2 on."""
    beta, found = task.criterion.smoothness, []
    for logarithms in (energy_weights(steps, level) for level in LEVELS):
        units = logarithms.max(axis=1)  # of E, step by step: the weights of long trainings vanish
        shares = np.exp(logarithms - units[:, None])
        energy = (shares[0] * initial).mean() ** 0.5
        for k, step in enumerate(steps):
            growths = uneven_growth(step, logarithms[k], logarithms[k + 1], beta)
            factor = min(growth.factor for growth in growths)
            with np.errstate(over="ignore", invalid="ignore"):  # infinite
                energy *= factor**0.5 * np.exp((units[k] - units[k + 1]) / 2)
            energy += (shares[k + 1] * np.square(step.left)).mean() ** 0.5
        found.append(_square(energy))
    return min(found)


def _square(distance: float) -> float:
    """Infinite where it overflows or nothing is known."""
    with np.errstate(over="ignore"):
        return float(np.nan_to_num(np.square(distance) * INFLATION, nan=np.inf, posinf=np.inf))


def _function_errors(
    a: Path,
    b: Path,
    task: Task,
    t: float,
    images: Float[np.ndarray, "N p"],
    rest: float,
) -> tuple[float, float]:
    """||e|| measured, and T15's bound of it."""
    end, other = (path.parameters(path.steps, task) for path in (a, b))
    fixed = a.outputs[-1]
    if np.isinf(rest):
        return _gap(end, other, fixed, task, t), np.inf
    error, near = (_gap(end, far, fixed, task, t) for far in (other, end - images))
    H = _curvature((end, other, end - images), fixed, task)
    # a kink has no part in the ends
    linear, bent = mean_square(images) ** 0.5, t * (1 - t) * H if 0 < t < 1 else 0.0
    through = near + (bent * (linear + rest / 2) * rest if rest > 0 else 0.0)
    whole = bent * (linear + rest) ** 2 / 2 if linear + rest > 0 else 0.0
    return error, float(min(through, whole)) * INFLATION + _rounding((end, other), fixed, task)


def _rounding(
    ends: tuple[Float[np.ndarray, "N p"], ...], fixed: Float[np.ndarray, "N c"], task: Task
) -> float:
    """Of a function error, by the sizes of what is summed: |sigma(z)| <= |sigma(0)| + Lip |z|."""
    parts = [_split(end, fixed, task) for end in ends]
    w, a = (sum(np.linalg.norm(part, axis=1) for part in kind) for kind in zip(*parts, strict=True))
    at_zero = float(np.abs(task.sigma.function(np.zeros(1)))[0])
    x = mean_square(task.inputs) ** 0.5
    terms = len(fixed) + task.inputs.shape[1] + 8
    sizes = a * (at_zero + task.sigma.lipschitz * w * x)
    return float(np.finfo(np.float64).eps * terms * sizes.mean())


def _gap(
    first: Float[np.ndarray, "N p"],
    second: Float[np.ndarray, "N p"],
    fixed: Float[np.ndarray, "N c"],
    task: Task,
    t: float,
) -> float:
    """||f_t - t f - (1-t) f'||."""
    middle = t * first + (1 - t) * second
    f, f_1, f_2 = (task.outputs(*_split(theta, fixed, task)) for theta in (middle, first, second))
    return mean_square(f - t * f_1 - (1 - t) * f_2) ** 0.5


def _split(
    parameters: Float[np.ndarray, "N p"], fixed: Float[np.ndarray, "N c"], task: Task
) -> tuple[Float[np.ndarray, "N d"], Float[np.ndarray, "N c"]]:
    if not task.train_outputs:
        return parameters, fixed
    c = fixed.shape[1]
    return parameters[:, c:], parameters[:, :c]


def _curvature(
    ends: tuple[Float[np.ndarray, "N p"], ...], fixed: Float[np.ndarray, "N c"], task: Task
) -> float:
    """H in L2 of the data on the convex hull of the ends."""
    outputs = [_split(end, fixed, task)[1] for end in ends]
    largest = max(float(np.linalg.norm(a, axis=1).max()) for a in outputs)
    x, sigma = task.inputs, task.sigma
    fourth = np.linalg.norm(x * np.linalg.norm(x, axis=1, keepdims=True), 2) / len(x) ** 0.5
    size = largest * float(fourth)
    q = size * sigma.curvature if size > 0 else 0.0
    if not task.train_outputs:
        return q
    p = sigma.lipschitz * float(np.linalg.norm(x, 2)) / len(x) ** 0.5
    return (q + float(np.hypot(q, 2 * p))) / 2
