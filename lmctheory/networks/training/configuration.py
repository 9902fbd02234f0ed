"""How networks are trained: the optimiser and its schedule."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

from lmctheory.choices import require_choice
from lmctheory.measures.arguments import array, at_least, number, positive, positive_share

__all__ = ["OPTIMISERS", "TrainingConfig", "checked_steps"]

OPTIMISERS = ("sgd", "adam", "adamw")
_SCHEDULES = ("constant", "cosine", "linear", "step")
_USED_BY = {
    "momentum": ("optimiser", ("sgd",)),
    "betas": ("optimiser", ("adam", "adamw")),
    "eps": ("optimiser", ("adam", "adamw")),
    "milestones": ("schedule", ("step",)),
    "factor": ("schedule", ("step",)),
}
"""Settings that have a meaning beside some choices only: for each, which choice and its values."""


@dataclass(frozen=True)
class TrainingConfig:
    """Descent along the gradients g of a loss on batches, at steps s = 0, 1, ... with rate r(s).

    With weight decay c, and all products and roots entry by entry,

    - "sgd": v <- momentum v + g + c w;  w <- w - r v.
    - "adam": g <- g + c w;  m <- beta_1 m + (1 - beta_1) g;  u <- beta_2 u + (1 - beta_2) g^2;
      w <- w - r (m / (1 - beta_1^(s+1))) / (sqrt(u / (1 - beta_2^(s+1))) + eps).
    - "adamw": the same, with w <- (1 - r c) w in place of its first.

    After warm-up, with p the share of the steps after it that lie behind step s, the rate is the
    peak times 1 ("constant"), (1 + cos(pi p)) / 2 ("cosine"), 1 - p ("linear"), or factor^k with k
    the number of milestones that lie behind ("step").

    The loss is that of the data (`Examples.loss`), its mean over a batch.

    Attributes:
        epochs: passes over the data.
        batch_size: examples per step; the last batch of an epoch may be smaller and is used.
        learning_rate: the peak of the schedule. Its default is one for "sgd".
        momentum: of "sgd", in [0, 1), without Nesterov's correction or dampening.
        weight_decay: factor of the L2 term; it applies to biases too.
        schedule: "constant", "cosine", "linear" or "step".
        warmup_steps: the rate grows linearly to its peak: (s + 1) / (warmup_steps + 1) of it.
        warmup_from: the rate at step 0, from which it grows linearly to its peak at step
            `warmup_steps`, as `warmup_cosine_decay_schedule` of Optax has it; None is as above.
        optimiser: "sgd", "adam" or "adamw".
        betas: beta_1 and beta_2 of "adam" and "adamw", in [0, 1).
        eps: of "adam" and "adamw", > 0.
        milestones: of "step", in epochs from the beginning, rising: the first epochs after a drop.
        factor: of "step", in (0, 1].

    Raises:
        TypeError: for a value of the wrong type.
        ValueError: for a value out of its range, or one that the optimiser or the schedule would
            not use, naming it.

    Reference: Kingma and Ba 2015 (Adam); Loshchilov and Hutter 2019 (AdamW), 2017 (cosine).
    """

    epochs: int
    batch_size: int = 64
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "cosine"
    warmup_steps: int = 0
    optimiser: str = "sgd"
    betas: Sequence[float] = (0.9, 0.999)
    eps: float = 1e-8
    milestones: Sequence[int] = ()
    factor: float = 0.1
    warmup_from: float | None = None

    def __post_init__(self) -> None:
        require_choice("schedule", self.schedule, _SCHEDULES)
        require_choice("optimiser", self.optimiser, OPTIMISERS)
        milestones = array("milestones", self.milestones).ravel()
        checked = {
            "epochs": at_least("epochs", self.epochs, 1),
            "batch_size": at_least("batch_size", self.batch_size, 1),
            "learning_rate": positive("learning_rate", self.learning_rate),
            "momentum": _below_one("momentum", self.momentum),
            "weight_decay": number("weight_decay", self.weight_decay, least=0.0),
            "warmup_steps": at_least("warmup_steps", self.warmup_steps, 0),
            "betas": tuple(
                _below_one("every beta", beta) for beta in array("betas", self.betas, "n")
            ),
            "eps": positive("eps", self.eps),
            "milestones": tuple(at_least("every milestone", m, 1) for m in milestones),
            "factor": positive_share("factor", self.factor),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if len(self.betas) != 2:
            raise ValueError(f"betas must be two numbers, got {self.betas}")
        self._require_used()
        self._require_milestones()
        if self.warmup_from is not None:
            self._require_warmup_from(self.warmup_from)

    def _require_used(self) -> None:
        defaults = {field.name: field.default for field in fields(self)}
        for name, (choice, users) in _USED_BY.items():
            chosen, value = getattr(self, choice), getattr(self, name)
            if chosen not in users and value != defaults[name]:
                raise ValueError(f"{name} is of {choice} {users}: {chosen!r} has none, got {value}")

    def _require_milestones(self) -> None:
        if self.schedule != "step":
            return
        rising = all(a < b for a, b in pairwise(self.milestones))
        if not (self.milestones and rising and self.milestones[-1] < self.epochs):
            raise ValueError(
                f"milestones must be rising epochs in 1..{self.epochs - 1}, got {self.milestones}"
            )

    def _require_warmup_from(self, rate: float) -> None:
        rate = number("warmup_from", rate, least=0.0)
        if self.warmup_steps == 0:
            raise ValueError(f"warmup_from needs warmup_steps > 0, got warmup_from={rate}")
        object.__setattr__(self, "warmup_from", rate)

    def steps(self, examples: int) -> int:
        """Steps of training on that many examples."""
        return self.epochs * math.ceil(examples / self.batch_size)

    def rate(self, step: int, steps: int) -> float:
        """The learning rate at a step 0, ..., steps - 1."""
        past_warmup = step - self.warmup_steps
        if past_warmup < 0:
            if self.warmup_from is not None:
                rise = self.learning_rate - self.warmup_from
                return self.warmup_from + rise * step / self.warmup_steps
            return self.learning_rate * (step + 1) / (self.warmup_steps + 1)
        if self.schedule == "constant":
            return self.learning_rate
        if self.schedule == "step":
            epoch = step * self.epochs // steps
            return self.learning_rate * self.factor ** sum(m <= epoch for m in self.milestones)
        progress = past_warmup / (steps - self.warmup_steps)
        if self.schedule == "linear":
            return self.learning_rate * (1 - progress)
        return self.learning_rate * (1 + math.cos(math.pi * progress)) / 2


def checked_steps(config: TrainingConfig, examples: int) -> int:
    """Steps of training on that many examples, of which some are beyond warm-up.

    Raises:
        ValueError: if warm-up takes all of them.
    """
    steps = config.steps(examples)
    if config.warmup_steps >= steps:
        raise ValueError(f"warmup_steps must be < {steps}, all steps, got {config.warmup_steps}")
    return steps


def _below_one(name: str, value: float) -> float:
    found = number(name, value)
    if not 0 <= found < 1:
        raise ValueError(f"{name} must lie in [0, 1), got {value}")
    return found
