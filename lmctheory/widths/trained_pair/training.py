"""Gradient descent of a two-layer network of ridge neurons, recorded step by step.

f(x) = (1/N) sum_i a_i sigma(<w_i, x>), a_i in R^c, and a step of size s on the mean loss

    a_i <- (1 - s mu) a_i - s E[r sigma(<w_i, x>)],
    w_i <- (1 - s mu) w_i - s E[<r, a_i> sigma'(<w_i, x>) x],      r = d loss / d f,

which is N times the step of the loss's gradient: every neuron moves at a speed of order 1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer, Shaped
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from lmctheory.activations import Pointwise, pointwise
from lmctheory.choices import require_choice
from lmctheory.measures.arguments import ArrayLike, array, integer, number

__all__ = ["LOSSES", "Loss", "Path", "Schedule", "Task", "check_paths", "descend", "follow"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Loss:
    """A loss of one example, convex in the outputs.

    Attributes:
        name: of it.
        smoothness: beta, the Lipschitz constant of its derivative in the outputs.
        derivative: r ``[n, c]`` at outputs ``[n, c]`` and targets ``[n, c]``.
        value: ``[n]``, likewise.
    """

    name: str
    smoothness: float
    derivative: Callable[[Array, Array], Array]
    value: Callable[[Array, Array], Array]


def _cross_entropy(outputs: Array, targets: Array) -> Array:
    found: Array = logsumexp(outputs, axis=1) - (outputs * targets).sum(axis=1)
    return found


LOSSES = {
    loss.name: loss
    for loss in (
        Loss("squared", 2.0, lambda f, y: 2 * (f - y), lambda f, y: np.square(f - y).sum(axis=1)),
        # diag(p) - p p^T has no eigenvalue above 1/2
        Loss("cross_entropy", 0.5, lambda f, y: softmax(f, axis=1) - y, _cross_entropy),
    )
}


@dataclass(frozen=True, eq=False)
class Task:
    """What both networks are trained on.

    Attributes:
        inputs: x ``[n, d]``, a column of ones for biases.
        targets: y ``[n, c]``; for the cross-entropy classes' probabilities, one-hot for labels.
        activation: sigma, see `lmctheory.activations.pointwise`.
        loss: "squared", |f - y|^2, or "cross_entropy".
        train_outputs: whether the output weights are trained, too.
    """

    inputs: Float[np.ndarray, "n d"]
    targets: Float[np.ndarray, "n c"]
    activation: str = "tanh"
    loss: str = "squared"
    train_outputs: bool = False

    def __post_init__(self) -> None:
        """Checks all of it before any work.

        Raises:
            TypeError: unless inputs and targets are real numbers.
            ValueError: for shapes that do not fit, targets that are no probabilities where the
                loss wants them, or an unknown activation or loss.
        """
        inputs, targets = array("inputs", self.inputs, "n d"), array("targets", self.targets, "n c")
        if len(inputs) != len(targets):
            raise ValueError(f"targets must have {len(inputs)} rows, as inputs, got {len(targets)}")
        require_choice("loss", self.loss, sorted(LOSSES))
        pointwise(self.activation)
        if self.loss == "cross_entropy" and not (
            (targets >= 0).all() and np.allclose(targets.sum(axis=1), 1, rtol=0, atol=1e-9)
        ):
            raise ValueError("targets must be probabilities of classes for the cross-entropy")
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "targets", targets)

    @property
    def sigma(self) -> Pointwise:
        """The activation."""
        return pointwise(self.activation)

    @property
    def criterion(self) -> Loss:
        """The loss."""
        return LOSSES[self.loss]

    def outputs(
        self,
        weights: Float[np.ndarray, "N d"],
        outputs: Float[np.ndarray, "N c"],
        batch: Integer[np.ndarray, " k"] | None = None,
    ) -> Float[np.ndarray, "n c"]:
        """The network's on the inputs, or on a batch of them."""
        inputs = self.inputs if batch is None else self.inputs[batch]
        found: Array = self.sigma.function(inputs @ weights.T) @ outputs / len(weights)
        return found

    def on(self, batch: Integer[np.ndarray, " k"] | None) -> "Task":
        """The task on some of the examples, or itself."""
        if batch is None:
            return self
        x, y = self.inputs[batch], self.targets[batch]
        return Task(x, y, self.activation, self.loss, self.train_outputs)


@dataclass(frozen=True, eq=False)
class Schedule:
    """The steps that both networks take.

    Attributes:
        steps: s_k ``[K]``, > 0.
        decay: weight decay mu >= 0, of all that is trained; s_k mu <= 1.
        batches: the examples of each step, the same for both networks; None for all of them.
    """

    steps: Float[np.ndarray, " K"]
    decay: float = 0.0
    batches: Sequence[Integer[np.ndarray, " k"]] | None = None

    def __post_init__(self) -> None:
        """Checks all of it.

        Raises:
            TypeError: unless steps and decay are real numbers.
            ValueError: for steps that are not positive, a decay out of range, another number of
                batches than of steps, or a batch that is empty or no list of examples.
        """
        steps, decay = array("steps", self.steps, "K"), number("decay", self.decay, least=0.0)
        if not (steps > 0).all():
            raise ValueError("steps must be positive")
        if (steps * decay > 1).any():
            raise ValueError(f"decay times the largest step must be <= 1, got {decay}")
        if self.batches is not None and len(self.batches) != len(steps):
            raise ValueError(
                f"batches must be as many as the {len(steps)} steps, got {len(self.batches)}"
            )
        for k, batch in enumerate(self.batches if self.batches is not None else ()):
            found = np.asarray(batch)
            if found.ndim != 1 or not found.size or found.dtype.kind not in "iu" or found.min() < 0:
                raise ValueError(f"batches must be examples' numbers from 0, got {batch} at {k}")
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "decay", decay)

    def batch(self, k: int) -> Integer[np.ndarray, " k"] | None:
        """The examples of a step, or None for all."""
        return None if self.batches is None else self.batches[k]

    def until(self, K: int) -> "Schedule":
        """The first steps.

        Raises:
            ValueError: for another number than of 1 to all steps.
        """
        K = _first_steps(K, len(self.steps))
        batches = None if self.batches is None else self.batches[:K]
        return Schedule(self.steps[:K], self.decay, batches)


def _first_steps(K: int, steps: int) -> int:
    if not 1 <= integer("K", K) <= steps:
        raise ValueError(f"K must lie in 1..{steps}, the number of steps, got {K}")
    return K


@dataclass(frozen=True, eq=False)
class Path:
    """A network before each step and after the last.

    Attributes:
        weights: w ``[K + 1, N, d]``.
        outputs: a ``[K + 1, N, c]``; constant in the first axis where they are not trained.
    """

    weights: Float[np.ndarray, "times N d"]
    outputs: Float[np.ndarray, "times N c"]

    def __post_init__(self) -> None:
        """Checks the shapes.

        Raises:
            TypeError: unless both are real numbers.
            ValueError: for shapes that do not fit.
        """
        weights = array("weights", self.weights, "times N d")
        outputs = array("outputs", self.outputs, "times N c")
        if weights.shape[:2] != outputs.shape[:2]:
            raise ValueError(
                "outputs must have the steps and neurons of weights,"
                f" got {outputs.shape[:2]} and {weights.shape[:2]}"
            )
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "outputs", outputs)

    @property
    def steps(self) -> int:
        """How many were taken."""
        return len(self.weights) - 1

    def permuted(self, order: Integer[np.ndarray, " N"]) -> "Path":
        """With its neurons in another order from the start on.

        Raises:
            ValueError: unless it is a permutation of them.
        """
        order = np.asarray(order)
        if sorted(order.tolist()) != list(range(self.weights.shape[1])):
            raise ValueError(f"order must be a permutation of {self.weights.shape[1]} neurons")
        return Path(self.weights[:, order], self.outputs[:, order])

    def until(self, K: int) -> "Path":
        """The first steps.

        Raises:
            ValueError: for another number than of 1 to all steps.
        """
        K = _first_steps(K, self.steps)
        return Path(self.weights[: K + 1], self.outputs[: K + 1])

    def parameters(self, k: int, task: Task) -> Float[np.ndarray, "N p"]:
        """What is trained of each neuron before step k: (a, w), or w."""
        if not task.train_outputs:
            return self.weights[k]
        return np.concatenate([self.outputs[k], self.weights[k]], axis=1)


def descend(
    weights: Shaped[ArrayLike, "N d"],
    outputs: Shaped[ArrayLike, "N c"],
    task: Task,
    schedule: Schedule,
) -> Path:
    """Trains a network, recorded.

    Args:
        weights: w ``[N, d]`` to start from.
        outputs: a ``[N, c]`` to start from.
        task: what to train on.
        schedule: the steps.

    Returns:
        The path; nothing that was passed is changed.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: for shapes that do not fit the task, or a training that diverges.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> x = rng.standard_normal((50, 3))
        >>> task = Task(x, np.tanh(x[:, :1]))
        >>> w = rng.standard_normal((20, 3))
        >>> path = descend(w, np.ones((20, 1)), task, Schedule(np.full(10, 0.1)))
        >>> path.weights.shape
        (11, 20, 3)
    """

    def own(k: int, w: Array, a: Array) -> Array:
        return task.outputs(w, a, schedule.batch(k))

    return follow(weights, outputs, task, schedule, own)


def _check_batches(task: Task, schedule: Schedule) -> None:
    n = len(task.inputs)
    largest = max(
        (np.max(batch) for batch in ([] if schedule.batches is None else schedule.batches)),
        default=0,
    )
    if largest >= n:
        raise ValueError(f"batches must be of the {n} examples, got number {largest} of them")


def follow(
    weights: Shaped[ArrayLike, "N d"],
    outputs: Shaped[ArrayLike, "N c"],
    task: Task,
    schedule: Schedule,
    driving: Callable[[int, Array, Array], Array],
) -> Path:
    """Neurons that move by the residuals of given outputs in every step.

    Args:
        weights: w ``[N, d]`` to start from.
        outputs: a ``[N, c]`` to start from.
        task: what it is trained on.
        schedule: the steps.
        driving: the outputs ``[n, c]`` on a step's examples, from its number, w and a.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: for shapes that do not fit the task, or if they diverge.
    """
    w, a = array("weights", weights, "N d"), array("outputs", outputs, "N c")
    d, c = task.inputs.shape[1], task.targets.shape[1]
    if w.shape[1] != d or a.shape != (len(w), c):
        raise ValueError(
            f"weights and outputs must have {d} and {c} columns and a row for every neuron,"
            f" got {w.shape} and {a.shape}"
        )
    _check_batches(task, schedule)
    ways_w, ways_a = [w], [a]
    for k, step in enumerate(schedule.steps):
        now, kept = task.on(schedule.batch(k)), 1 - step * schedule.decay
        with np.errstate(over="ignore", invalid="ignore"):  # told below
            r = now.criterion.derivative(driving(k, w, a), now.targets)
            of_a, of_w = gradient(w, a, now, r)
            w = kept * w - step * of_w
            if task.train_outputs:
                a = kept * a - step * of_a
        if not (np.isfinite(w).all() and np.isfinite(a).all()):
            raise ValueError(f"steps must be smaller: training diverges at step {k + 1}")
        ways_w.append(w)
        ways_a.append(a)
    return Path(np.array(ways_w), np.array(ways_a))


def gradient(
    w: Float[np.ndarray, "N d"],
    a: Float[np.ndarray, "N c"],
    task: Task,
    r: Float[np.ndarray, "n c"],
) -> tuple[Float[np.ndarray, "N c"], Float[np.ndarray, "N d"]]:
    """E[r sigma] and E[<r, a> sigma' x], for given residuals."""
    x, n = task.inputs, len(task.inputs)
    z = x @ w.T
    return task.sigma.function(z).T @ r / n, ((r @ a.T) * task.sigma.derivative(z)).T @ x / n


def check_paths(task: Task, schedule: Schedule, **paths: Path) -> None:
    """Checks that recorded paths fit the task, the schedule, and each other's outputs.

    Raises:
        ValueError: if one does not, and for output weights that are not trained and not the same
            for matched neurons.
    """
    _check_batches(task, schedule)
    d, c = task.inputs.shape[1], task.targets.shape[1]
    (first, of_first), *others = paths.items()
    for name, path in paths.items():
        if path.steps != len(schedule.steps):
            raise ValueError(f"{name} must have {len(schedule.steps)} steps, got {path.steps}")
        if (path.weights.shape[2], path.outputs.shape[2]) != (d, c):
            raise ValueError(f"{name} must have {d} inputs and {c} outputs, as the task")
    for name, path in others:
        if path.weights.shape != of_first.weights.shape:
            raise ValueError(
                f"{name} must have the shape of {first}, {of_first.weights.shape},"
                f" got {path.weights.shape}"
            )
    kept = [(path.outputs == of_first.outputs[:1]).all() for path in paths.values()]
    if not task.train_outputs and not all(kept):
        raise ValueError(
            "outputs must be constant, and the same for matched neurons, unless they are trained"
        )
