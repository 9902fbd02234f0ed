"""T5: networks of finite width beside their mean-field limit, from the start to the barrier."""

import numpy as np
import torch
from jaxtyping import Float

from lmctheory.measures import Gaussian
from lmctheory.rates import optimal_permutation
from lmctheory.sweeps.typed import entropy_of
from lmctheory.widths.fixed_outputs import neuron_on_data
from lmctheory.widths.mean_field import coupling_bound, trained_error_bound
from lmctheory.widths.two_layer import Neuron, squared_loss_barrier
from simulations.two_layer_widths.dynamics import (
    Limit,
    Spread,
    descend,
    mean_field_limit,
    predict,
)
from simulations.two_layer_widths.problems import PROBLEMS, Problem
from simulations.two_layer_widths.tasks import AtWidth, MeanField, MeanFieldTask, Pair
from simulations.two_layer_widths.tasks import Spread as Kept

__all__ = ["CHECKPOINTS", "DELTA", "run_mean_field"]

SIZE = 0.02
STEPS = 50
CHECKPOINTS = 11
"""Times at which the spread of the flow is kept, both ends included."""
DELTA = 0.05
TIMES = np.linspace(0, 1, 11)[1:-1]
NEURONS = 16384
"""In all networks of one width together."""
PAIRS = 16


def run_mean_field(task: MeanFieldTask) -> MeanField:
    """Measures one problem at all widths, and the spread of its flow."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(entropy_of(task))
    problem = PROBLEMS[task.problem]()
    limit = mean_field_limit(problem, task.reference, SIZE, STEPS, rng=rng)
    constants = neuron_on_data("tanh", output=problem.output, inputs=problem.inputs)
    d = problem.dimension
    # a derivative takes d^2 numbers
    followed = rng.standard_normal((max(16, 4096 // d**2), d))
    spread = limit.spread(followed, constants.curvature)
    kept = np.linspace(0, STEPS, CHECKPOINTS).astype(int)
    return MeanField(
        risk=[*limit.risks[kept[:-1]].tolist(), limit.risk],
        spread=Kept(
            largest=spread.largest[kept].tolist(),
            mean_square=spread.mean_square[kept].tolist(),
            local=spread.local[kept].tolist(),
            bound=spread.bound[kept].tolist(),
        ),
        widths={width: _width(limit, constants, width, spread, rng) for width in task.widths},
    )


def _width(
    limit: Limit, constants: Neuron, width: int, spread: Spread, rng: np.random.Generator
) -> AtWidth:
    problem = limit.problem
    growth = spread.local[-1] / spread.local[1:]
    pairs = min(PAIRS, NEURONS // (2 * width))
    start = rng.standard_normal((pairs, 2, width, problem.dimension))
    for a, b in start:
        b[:] = b[optimal_permutation(a, b)]
    ends, _ = descend(problem, start, limit.size, len(limit.residuals))
    carried, errors = limit.carry(start)
    distances = np.linalg.norm(ends - carried, axis=-1)  # [pairs, 2, width]
    couplings = np.sqrt(np.square(distances).mean(axis=-1))
    nets = errors.reshape(len(errors), -1).T
    law = Gaussian(spectrum=[1.0] * problem.dimension)
    known = trained_error_bound(
        law,
        width,
        constants,
        size=problem.output,
        steps=limit.steps,
        risks=limit.risks,
        delta=DELTA,
    )
    return AtWidth(
        coupling=couplings.ravel().tolist(),
        coupling_max=distances.max(axis=-1).ravel().tolist(),
        coupling_bound=[coupling_bound(constants, limit.steps, limit.risks, e) for e in nets],
        first_order=np.sqrt(limit.size * np.square(nets) @ growth**2).tolist(),
        initial=_apart(start).tolist(),
        trained=_apart(ends).tolist(),
        limit=_apart(carried).tolist(),
        known_distance=known.distance,
        known_error=known.function_error,
        pairs=[
            _pair(problem, constants, pair, float(spread.local[-1] * apart + D.sum()))
            for pair, apart, D in zip(ends, _apart(start), couplings, strict=True)
        ],
        unmatched=[_line(problem, a, b[rng.permutation(width)])[1] for a, b in ends],
    )


def _apart(pairs: Float[np.ndarray, "pairs 2 N d"]) -> Float[np.ndarray, " pairs"]:
    """Root mean square distance of neurons of equal index."""
    return np.sqrt(np.square(pairs[:, 0] - pairs[:, 1]).sum(axis=-1).mean(axis=-1))


def _pair(
    problem: Problem, constants: Neuron, pair: Float[np.ndarray, "2 N d"], distance: float
) -> Pair:
    error, barrier, risk = _line(problem, *pair)
    bound = constants.function_error(distance)
    apart = float(_apart(pair[None])[0])
    return Pair(
        error=error,
        given=constants.function_error(apart),
        barrier=barrier,
        risk=risk,
        distance_bound=distance,
        error_bound=bound,
        barrier_bound=squared_loss_barrier(bound, risk, t=0.5),
    )


def _line(problem: Problem, a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    """Largest root-mean-square function error over t, barrier, and the worse end's risk."""
    f_a, f_b = predict(problem, np.stack([a, b]))
    risk_a, risk_b = (float(np.square(f - problem.targets).mean()) for f in (f_a, f_b))
    errors, barriers = [], []
    for t in TIMES:
        f_t = predict(problem, t * a + (1 - t) * b)
        errors.append(np.sqrt(np.square(f_t - t * f_a - (1 - t) * f_b).mean()))
        risk = np.square(f_t - problem.targets).mean()
        barriers.append(risk - t * risk_a - (1 - t) * risk_b)
    return float(max(errors)), float(max(barriers)), max(risk_a, risk_b)
