"""What the pairs of the study are trained on: teachers and digits, one hidden layer."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from lmctheory.networks import load_dataset
from lmctheory.widths.trained_pair import Schedule, Task

__all__ = ["SETTINGS", "Setting", "schedule_of", "starts_of", "task_of"]


@dataclass(frozen=True)
class Setting:
    """A kind of network and its training.

    Attributes:
        data: "teacher", three neurons of the same activation on Gaussian inputs; "parity" of
            digits, one output; "digits", ten classes by the cross-entropy.
        inputs: of the teacher.
        activation: of all neurons.
        step: size of the steps.
        trained: whether output weights are trained; else they are 1.
        scale: of the teacher's outputs, and of the fixed output weights.
        decay: weight decay.
        batch: examples of a step, the same for both networks; None for all.
        own: whether B has batches of its own.
        examples: how many.
        components: of digits' images, the first principal ones; None for all pixels.
    """

    data: str = "teacher"
    inputs: int = 3
    activation: str = "tanh"
    step: float = 0.2
    trained: bool = False
    scale: float = 1.0
    decay: float = 0.0
    batch: int | None = None
    own: bool = False
    examples: int = 200
    components: int | None = None


_TANH = Setting()
SETTINGS = {
    "tanh, d = 2": replace(_TANH, inputs=2),
    "tanh, d = 3": _TANH,
    "tanh, d = 5": replace(_TANH, inputs=5),
    "erf, d = 3": replace(_TANH, activation="erf"),
    "softplus, d = 3": replace(_TANH, activation="softplus"),
    "relu, d = 3": replace(_TANH, activation="relu"),
    "tanh, outputs trained": replace(_TANH, trained=True),
    "relu, outputs trained": replace(_TANH, activation="relu", trained=True),
    "tanh, decay .02": replace(_TANH, decay=0.02),
    "tanh, batches": replace(_TANH, batch=20),
    "tanh, own batches": replace(_TANH, batch=20, own=True),
    "tanh, d = 2, rich": replace(_TANH, inputs=2, scale=4.0, step=0.1, trained=True),
    "digits, parity": replace(_TANH, data="parity", step=0.25),
    "digits, ten classes": replace(
        _TANH, data="digits", trained=True, step=2.0, examples=100, components=16
    ),
}
"""By name."""


def task_of(setting: Setting, rng: np.random.Generator) -> Task:
    """Examples and targets; those of digits are the first training images, with a bias.

    Digits' inputs have a root mean square length of 2.
    """
    sigma, loss = setting.activation, "squared"
    if setting.data == "teacher":
        x = rng.standard_normal((setting.examples, setting.inputs))
        teacher = Task(x, np.zeros((len(x), 1)), sigma)
        weights = rng.standard_normal((3, setting.inputs))
        y = teacher.outputs(weights, np.full((3, 1), setting.scale))
        return Task(x, y, sigma, loss, setting.trained)
    digits = load_dataset("digits").train
    x = digits.inputs[: setting.examples].double().numpy()
    if setting.components is not None:
        centred = x - x.mean(axis=0)
        x = centred @ np.linalg.svd(centred)[2][: setting.components].T
    x = np.hstack([x, np.full((len(x), 1), np.square(x).mean() ** 0.5)])
    x *= 2 / np.sqrt(np.square(x).sum(axis=1).mean())
    labels = digits.labels[: setting.examples].numpy()
    if setting.data == "digits":
        y, loss = np.eye(10)[labels], "cross_entropy"
    else:
        y = np.where(labels % 2, 1.0, -1.0)[:, None] / 2
    return Task(x, y, sigma, loss, setting.trained)


def starts_of(
    setting: Setting, task: Task, width: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "N d"], Float[np.ndarray, "N c"]]:
    """Standard normal weights; output weights likewise where they are trained, else the scale."""
    weights = rng.standard_normal((width, task.inputs.shape[1]))
    shape = width, task.targets.shape[1]
    if setting.trained:
        return weights, rng.standard_normal(shape)
    return weights, np.full(shape, setting.scale)


def schedule_of(setting: Setting, task: Task, steps: int, rng: np.random.Generator) -> Schedule:
    """So many steps, with batches drawn anew for each."""
    batches = None
    if setting.batch is not None:
        batches = [rng.integers(0, len(task.inputs), setting.batch) for _ in range(steps)]
    return Schedule(np.full(steps, setting.step), setting.decay, batches)
