r"""In advance: how far a network's neurons stay from those that move with its limit (T14).

A network of N neurons X_i, and neurons Y_i that start where the X_i do and move in the field of the
limit, a network of infinitely many neurons or one so wide that it stands for it. `pair_step` holds
with the limit's residuals for those of Y; D(0) = 0 and what forces X and Y apart is

    xi = (1/N) sum phi(Y_i) - f_limit,      E||xi||^2 = Var(phi)/N  for independent neurons,

exactly, before every step. `weighting` bounds what a step makes of their weighted distance E by
numbers f, g, h. If those hold whatever the draw (the hypothesis: they are measured for a network of
another width), Schwarz's inequality for the mean of ||xi|| sqrt(E) gives

    E_draws E' <= f E + 2 g sqrt(E Var(phi)/N) + h^2 Var(phi)/N,      E(0) = 0,

and, by Minkowski's inequality, sqrt(E') is larger by what is left of a step: rounding where the
activation is smooth, and beside a kink what pairs do that are too near to have a curvature, told as
a multiple of sqrt(E). A wide network in place of the limit has a sampling error of its own, which
is added as if its neurons were independent of its field: Var(phi) times 1/N + 1/N_limit. And two
networks, whose neurons were matched before training, are at most the distance of their Y_i, which
can be had without training either network, and twice this bound apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from lmctheory.measures.arguments import ArrayLike, array, at_least
from lmctheory.widths.trained_pair.norms import StepNorms, cost, step_norms
from lmctheory.widths.trained_pair.training import Path, Schedule, Task, check_paths, follow
from lmctheory.widths.trained_pair.weighting import LEVELS, Growth, energy_weights, uneven_growth

__all__ = ["Coupling", "carried", "coupling", "mean_coupling", "step_growths"]


@dataclass(frozen=True, eq=False)
class Coupling:
    """What keeps a network near its limit.

    Attributes:
        measured: root mean square of |X_i - Y_i| at the end, of the network it was measured on.
        width: its number of neurons.
        limit: number of neurons of the network that stands for the limit.
        variances: E_x Var(phi) before each step ``[K]``, of the limit's neurons.
        growths: the estimates of each step, for several choices of weights.
    """

    measured: float
    width: int
    limit: int
    variances: Float[np.ndarray, " K"]
    growths: Sequence[Sequence[Sequence[Growth]]]

    def bound(self, N: int) -> float:
        """Bounds the expected root mean square of |X_i - Y_i| at width N.

        Raises:
            ValueError: unless N is a positive number.
        """
        N = at_least("N", N, 1)
        forces = self.variances * (1 + N / self.limit)
        return min(mean_coupling(growths, forces, N) for growths in self.growths)


def mean_coupling(
    growths: Sequence[Sequence[Growth]], variances: Shaped[ArrayLike, " K"], N: int
) -> float:
    """Bounds the expected root mean square of |X_i - Y_i| by the growth of every step.

    Args:
        growths: estimates of each of K steps, each of which holds for every draw of the neurons.
        variances: E_x Var(phi) before each step ``[K]``.
        N: number of neurons.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: for variances that are negative or not as many as steps, a bad N, a step without
            an estimate, and estimates that are negative or NaN.

    Reference:
        theory key T14, derived here.

    Example:
        >>> import numpy as np
        >>> from lmctheory.widths.trained_pair import Growth
        >>> round(mean_coupling([[Growth(1.0, 0.1, 0.1)]] * 10, np.ones(10), 100), 4)
        0.1
    """
    N, variances = at_least("N", N, 1), array("variances", variances, "K", least=0.0)
    if len(variances) != len(growths):
        raise ValueError(f"variances must be {len(growths)}, as growths, got {len(variances)}")
    if not all(growths) or not all(min(growth) >= 0 for step in growths for growth in step):
        raise ValueError("growths must have an estimate for every step, all numbers >= 0")
    energy = 0.0
    for estimates, force in zip(growths, (variances / N).tolist(), strict=True):
        energy = min(_grown(growth, energy, force) for growth in estimates)
    return float(energy**0.5)


def _grown(growth: Growth, energy: float, force: float) -> float:
    """The mean of E' over draws, where that of e^2 is `force`."""
    cross = 2 * growth.cross * (force * energy) ** 0.5
    driven = growth.factor * energy + cross + growth.own**2 * force
    return float((driven**0.5 + growth.kick * energy**0.5 + growth.left) ** 2)


def carried(
    limit: Path,
    weights: Shaped[ArrayLike, "N d"],
    outputs: Shaped[ArrayLike, "N c"],
    task: Task,
    schedule: Schedule,
) -> Path:
    """Moves neurons in the field of a recorded network.

    Args:
        limit: the network, wide enough to stand for its limit.
        weights: w ``[N, d]`` that the neurons start from.
        outputs: a ``[N, c]``.
        task: what the network is trained on.
        schedule: its steps.

    Returns:
        Their path.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: for shapes that do not fit.

    Example:
        >>> import numpy as np
        >>> from lmctheory.widths.trained_pair import Schedule, Task, descend
        >>> rng = np.random.default_rng(0)
        >>> x = rng.standard_normal((50, 3))
        >>> task, schedule = Task(x, np.tanh(x[:, :1])), Schedule(np.full(10, 0.1))
        >>> w, ones = rng.standard_normal((500, 3)), np.ones((500, 1))
        >>> limit = descend(w, ones, task, schedule)
        >>> alone = carried(limit, w[:3], ones[:3], task, schedule)
        >>> bool(abs(alone.weights - limit.weights[:, :3]).max() < 1e-12)
        True
    """
    check_paths(task, schedule, limit=limit)

    def driving(k: int, *_: object) -> Float[np.ndarray, "n c"]:
        return task.outputs(limit.weights[k], limit.outputs[k], schedule.batch(k))

    return follow(weights, outputs, task, schedule, driving)


def coupling(network: Path, limit: Path, task: Task, schedule: Schedule) -> Coupling:
    """Measures what keeps a network near its limit.

    Args:
        network: the recorded training of a network, N neurons.
        limit: of one much wider, in whose field neurons move that start like the network's.
        task: what both are trained on.
        schedule: the steps of both.

    Returns:
        The growth of every step of this network, of which `Coupling.bound` makes a bound at any
        width *if* it is no larger there: for other networks that is assumed, not certified.

    Raises:
        ValueError: for paths that do not fit, and a limit of one neuron.

    Reference:
        theory key T14, derived here.

    Example:
        >>> import numpy as np
        >>> from lmctheory.widths.trained_pair import Schedule, Task, descend
        >>> rng = np.random.default_rng(0)
        >>> x = rng.standard_normal((50, 3))
        >>> task, schedule = Task(x, np.tanh(x[:, :1])), Schedule(np.full(10, 0.1))
        >>> wide, narrow = rng.standard_normal((2000, 3)), rng.standard_normal((100, 3))
        >>> limit, network = (
        ...     descend(w, np.ones((len(w), 1)), task, schedule) for w in (wide, narrow)
        ... )
        >>> found = coupling(network, limit, task, schedule)
        >>> round(found.bound(100), 3), round(found.bound(400), 3)
        (0.078, 0.042)
    """
    check_paths(task, schedule, network=network)
    if len(limit.weights[0]) < 2:
        raise ValueError("limit must have at least 2 neurons, whose variance counts, got 1")
    neurons = carried(limit, network.weights[0], network.outputs[0], task, schedule)
    norms = step_norms(network, neurons, task, schedule, driver=limit)
    return Coupling(
        measured=cost(network, neurons, task, network.steps) ** 0.5,
        width=len(network.weights[0]),
        limit=len(limit.weights[0]),
        variances=np.array(
            [_variance(limit, task.on(schedule.batch(k)), k) for k in range(network.steps)]
        ),
        growths=[step_growths(norms, level, task) for level in LEVELS],
    )


def step_growths(steps: list[StepNorms], level: float, task: Task) -> list[list[Growth]]:
    """The estimates of every step, for one choice of weights."""
    weights, beta = energy_weights(steps, level), task.criterion.smoothness
    kinked = bool(np.isinf(task.sigma.curvature))
    return [
        uneven_growth(step, w, later, beta, relative=kinked)
        for step, w, later in zip(steps, weights, weights[1:], strict=False)
    ]


def _variance(path: Path, task: Task, k: int) -> float:
    """E_x of the variance of phi over neurons, unbiased."""
    act = task.sigma.function(task.inputs @ path.weights[k].T)
    # a difference of moments would be lost in rounding where neurons are alike
    return float(sum((act * a).var(axis=1, ddof=1).mean() for a in path.outputs[k].T))
