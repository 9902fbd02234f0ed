"""What outputs are worth, example by example.

A loss belongs to the data (`Examples.loss`): whatever is computed on them, barriers, matchings,
certificates and training, goes by it. Each gives, for outputs of several networks at once, one
number per example, and what their sum is to be divided by; a mean loss is a fixed convex
combination of terms, so every statement about convex losses holds for it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, logsigmoid, one_hot

from lmctheory.choices import require_choice
from lmctheory.measures.arguments import positive_share

__all__ = [
    "CROSS_ENTROPY",
    "LOSSES",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "ExampleLoss",
    "Loss",
    "LossLike",
    "SquaredError",
    "as_loss",
    "hits",
    "wide",
]

_IGNORED = -100
"""Labels of tokens that do not count, unless something else is said."""


def wide(outputs: Tensor) -> Tensor:
    """Outputs in single precision at least: sums and logarithms in half of it lose what they say.

    What a network computes in half precision is left as it is; what is made of it is not.
    """
    return outputs.to(torch.promote_types(outputs.dtype, torch.float32))


def hits(
    logits: Float[Tensor, "*networks classes n"], labels: Int[Tensor, "*#networks n"]
) -> Float[Tensor, "*networks n"]:
    """1 where the largest logit is the label's, 0 where it is not, NaN where a logit is.

    Args:
        logits: classes before examples.
        labels: of the examples.
    """
    found = (logits.argmax(-2) == labels).to(torch.float32)
    return found.masked_fill_(logits.isnan().any(-2), torch.nan)


class Loss(ABC):
    """One number per example from outputs ``[networks, n, ...]`` and labels ``[n, ...]``."""

    @abstractmethod
    def require_labels(self, labels: Tensor) -> None:
        """Refuses labels that are none for this loss.

        Raises:
            TypeError: for the wrong type of numbers.
            ValueError: for the wrong shape.
        """

    @abstractmethod
    def require_fit(self, outputs: Tensor, labels: Tensor) -> None:
        """Refuses outputs ``[k, ...]`` of a few examples that do not go with the labels of all.

        Raises:
            ValueError: saying what the loss takes, and what came.
        """

    @abstractmethod
    def each(self, outputs: Tensor, labels: Tensor) -> Float[Tensor, "networks n"]:
        """The losses of the examples, in single precision at least; differentiable."""

    def hits(
        self,
        outputs: Tensor,
        labels: Tensor,  # noqa: ARG002
    ) -> Float[Tensor, "networks n"]:
        """How many of an example's labels are predicted; NaN where that has no meaning."""
        return outputs.new_full(outputs.shape[:2], torch.nan, dtype=torch.float32)

    def judges(self, labels: Tensor) -> bool:  # noqa: ARG002
        """Whether outputs can be right or wrong, as `hits` counts them."""
        return False

    def weight(self, labels: Tensor) -> float:
        """What the sum of the losses is divided by for their mean."""
        return float(len(labels))

    def counted(self, labels: Tensor) -> float:
        """What the sum of the hits is divided by for the accuracy."""
        return float(len(labels))

    @property
    @abstractmethod
    def title(self) -> str:
        """Its name in a sentence."""

    def mean(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The mean loss of one network's outputs ``[n, ...]``; differentiable."""
        return self.each(outputs[None], labels).sum() / self.weight(labels)


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """log sum_c exp(z_c) - z_y, for classes of examples or of tokens.

    Outputs are ``[n, classes]`` with labels ``[n]``, or ``[n, tokens, classes]`` with labels
    ``[n, tokens]``, of which the mean is over all tokens that count.

    Attributes:
        class_weights: of each class, >= 0; the mean is the weighted one, as PyTorch's.
        label_smoothing: the share of the label that is spread evenly over all classes.
        ignore_index: the label of what does not count. None takes -100 for tokens, as is usual, and
            nothing for whole examples.
    """

    class_weights: tuple[float, ...] | None = None
    label_smoothing: float = 0.0
    ignore_index: int | None = None

    def __post_init__(self) -> None:
        if self.label_smoothing:
            positive_share("label_smoothing", self.label_smoothing)
        if self.class_weights is None:
            return
        weights = tuple(float(weight) for weight in self.class_weights)
        if not all(0 <= weight < float("inf") for weight in weights) or not sum(weights):
            raise ValueError(f"class_weights must be >= 0, not all zero, got {weights}")
        object.__setattr__(self, "class_weights", weights)

    @property
    def title(self) -> str:
        """Its name, and what is not as usual."""
        weighted = ", weighted by class" * (self.class_weights is not None)
        smoothed = f", labels smoothed by {self.label_smoothing:g}" * (self.label_smoothing > 0)
        ignored = "" if self.ignore_index is None else f", label {self.ignore_index} ignored"
        return f"the cross-entropy{weighted}{smoothed}{ignored}"

    @property
    def is_plain(self) -> bool:
        """Whether it is the cross-entropy and nothing else."""
        return self == CrossEntropy()

    def require_labels(self, labels: Tensor) -> None:
        """Classes as int64."""
        if labels.dtype != torch.int64:
            raise TypeError(
                f"labels must be classes as int64, got {labels.dtype}: use labels.argmax(1) "
                "if they are one-hot, labels.long() if they are numbers of classes, and "
                'loss="squared" if they are values to be predicted'
            )
        if labels.ndim not in (1, 2):
            raise ValueError(
                "labels must be [n], one class per example, or [n, tokens], got shape "
                f"{list(labels.shape)}"
            )
        if self.counted(labels) == 0:
            raise ValueError(f"labels must not all be {self._ignored(labels)}, which is ignored")

    def require_fit(self, outputs: Tensor, labels: Tensor) -> None:
        """One logit per class and label; labels in their range."""
        wanted = "[n, classes]" if labels.ndim == 1 else f"[n, {labels.shape[1]}, classes]"
        if outputs.ndim != labels.ndim + 1 or outputs.shape[1:-1] != labels.shape[1:]:
            raise ValueError(
                f"models must give outputs {wanted}, got {list(outputs.shape)} for "
                f"{_examples(len(outputs))}"
            )
        classes = outputs.shape[-1]
        if self.class_weights is not None and len(self.class_weights) != classes:
            raise ValueError(
                f"class_weights must be {classes}, one per output, got {len(self.class_weights)}"
            )
        counting = labels[labels != self._ignored(labels)]
        low, high = int(counting.min()), int(counting.max())
        if low < 0 or high >= classes:
            raise ValueError(f"data.labels must lie in 0..{classes - 1}, got {low}..{high}")

    def each(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Sums over the tokens of an example, weighted."""
        logits, flat = self._flat(outputs, labels)  # classes last
        weights = None if self.class_weights is None else logits.new_tensor(self.class_weights)
        taken = partial(
            cross_entropy,
            weight=weights,
            ignore_index=self._ignored(labels),
            label_smoothing=self.label_smoothing,
            reduction="none",
        )
        if len(logits) == 1:  # as a view, also of gradients
            found = taken(logits.squeeze(0), flat[0]).unsqueeze(0)
        else:  # classes second, as a view: nine times faster than flattening networks
            found = taken(logits.mT, flat)
        return found.view(len(found), *labels.shape).sum(2) if labels.ndim > 1 else found

    def judges(self, labels: Tensor) -> bool:  # noqa: ARG002
        """Always."""
        return True

    def hits(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Sums over the tokens of an example."""
        logits, flat = self._flat(outputs, labels)
        found = hits(logits.mT, flat)
        if labels.ndim == 1:
            return found
        # what does not count is no token's label; a NaN there is none of the example's
        found = found.masked_fill((labels == self._ignored(labels)).flatten(), 0.0)
        return found.view(len(found), *labels.shape).sum(2)

    def weight(self, labels: Tensor) -> float:
        """The sum of the weights of all labels that count."""
        if self.class_weights is None:
            return self.counted(labels)
        counting = labels[labels != self._ignored(labels)]
        weights = torch.tensor(self.class_weights, dtype=torch.float64, device=labels.device)
        return float(weights[counting].sum())

    def counted(self, labels: Tensor) -> float:
        """The number of labels that are not ignored."""
        if labels.ndim == 1 and self.ignore_index is None:
            return float(len(labels))
        return float((labels != self._ignored(labels)).sum())

    def _ignored(self, labels: Tensor) -> int:
        if self.ignore_index is not None:
            return self.ignore_index
        # no label of a whole example is left out unless that is asked for
        return _IGNORED if labels.ndim > 1 else torch.iinfo(torch.int64).min

    @staticmethod
    def _flat(outputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        logits = wide(outputs).flatten(1, -2)
        return logits, labels.flatten().expand(len(logits), -1)


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """log(1 + exp(z)) - y z, for networks of one logit z, that of class 1.

    Outputs are ``[n]`` or ``[n, 1]``; labels ``[n]`` or ``[n, 1]``, 0 and 1 as int64 or
    probabilities of class 1.
    """

    title = "the binary cross-entropy"

    def require_labels(self, labels: Tensor) -> None:
        """One number in [0, 1] each."""
        if labels.dtype != torch.int64 and not labels.is_floating_point():
            raise TypeError(f"labels must be int64 or floating point, got {labels.dtype}")
        if labels.shape not in ((len(labels),), (len(labels), 1)):
            raise ValueError(f"labels must be [n] or [n, 1], got shape {list(labels.shape)}")
        low, high = float(labels.min()), float(labels.max())
        if not (low >= 0 and high <= 1):
            raise ValueError(f"data.labels must lie in 0..1, got {low:g}..{high:g}")

    def require_fit(self, outputs: Tensor, labels: Tensor) -> None:  # noqa: ARG002
        """One logit."""
        if outputs.shape not in ((len(outputs),), (len(outputs), 1)):
            raise ValueError(
                "models must give one output, the logit of class 1, for the binary cross-entropy, "
                f"got {list(outputs.shape)} for {_examples(len(outputs))}"
            )

    def each(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Of one logit each."""
        logits = wide(outputs).flatten(1)
        y = labels.flatten().to(logits)
        # PyTorch's loss of logits adds z to what is nearly -z, which cancels
        return -(y * logsigmoid(logits) + (1 - y) * logsigmoid(-logits))

    def judges(self, labels: Tensor) -> bool:  # noqa: ARG002
        """Always."""
        return True

    def hits(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """1 where the likelier class is the label."""
        logits = wide(outputs).flatten(1)
        found = ((logits > 0) == (labels.flatten() > 0.5)).to(torch.float32)
        return found.masked_fill_(logits.isnan(), torch.nan)


@dataclass(frozen=True)
class SquaredError(Loss):
    """|f - y|^2, summed over the outputs.

    Labels are values, as many per example as outputs, or classes ``[n]``, which stand for their
    unit vectors.
    """

    title = "the squared error"

    def require_labels(self, labels: Tensor) -> None:
        """Numbers, or classes."""
        if labels.is_floating_point():
            if not torch.isfinite(labels).all():
                raise ValueError("labels must be finite, got NaN or infinity")
        elif labels.dtype != torch.int64:
            raise TypeError(f"labels must be floating point or int64, got {labels.dtype}")
        elif labels.ndim != 1:
            raise ValueError(
                "labels must be [n] if they are classes; values are floating point: use "
                f"labels.float(); got {labels.dtype} of shape {list(labels.shape)}"
            )

    def require_fit(self, outputs: Tensor, labels: Tensor) -> None:
        """As many outputs as values."""
        if not labels.is_floating_point():
            CROSS_ENTROPY.require_fit(outputs, labels)
        elif outputs[0].numel() != labels[0].numel():
            raise ValueError(
                f"models must give {labels[0].numel()} outputs per example, as many as labels, got "
                f"{list(outputs.shape)} for {_examples(len(outputs))}"
            )

    def each(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Sums over the outputs."""
        values = wide(outputs).reshape(*outputs.shape[:2], -1)
        return (values - self.targets(outputs, labels)).square().sum(2)

    def judges(self, labels: Tensor) -> bool:
        """Classes, not values."""
        return not labels.is_floating_point()

    def hits(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """1 where the largest output is the class's."""
        if not self.judges(labels):
            return super().hits(outputs, labels)
        return CROSS_ENTROPY.hits(outputs, labels)

    @staticmethod
    def targets(outputs: Tensor, labels: Tensor) -> Float[Tensor, "n outputs"]:
        """What outputs ``[networks, n, ...]`` are compared with."""
        if labels.is_floating_point():
            return labels.reshape(len(labels), -1).to(wide(outputs))
        return one_hot(labels, outputs.shape[-1]).to(wide(outputs).dtype)


@dataclass(frozen=True)
class ExampleLoss(Loss):
    """A loss of one's own, differentiable where matching or curvature are asked for.

    Attributes:
        function: from outputs ``[n, ...]`` of one network and labels ``[n, ...]`` to losses
            ``[n]``; of each example's own outputs and label alone.
    """

    function: Callable[[Tensor, Tensor], Tensor]

    @property
    def title(self) -> str:
        """The function's name."""
        return f"the loss {getattr(self.function, '__name__', type(self.function).__name__)}"

    def require_labels(self, labels: Tensor) -> None:
        """Anything."""

    def require_fit(self, outputs: Tensor, labels: Tensor) -> None:
        """The function must give one number per example."""
        found = self.function(outputs, labels[: len(outputs)].to(outputs.device))
        if not isinstance(found, Tensor) or found.shape != (len(outputs),):
            what = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ValueError(
                f"loss must give one number per example, [n], got {what} for "
                f"{_examples(len(outputs))}; reduction='none' gives it in PyTorch's losses"
            )

    def each(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """As the function gives them."""
        return torch.stack([self.function(wide(each), labels) for each in outputs])


LossLike: TypeAlias = Loss | str | Callable[[Tensor, Tensor], Tensor]
"""What stands for a loss: itself, a name in `LOSSES`, or a function as in `ExampleLoss`."""

CROSS_ENTROPY = CrossEntropy()
"""The usual one."""

LOSSES: Mapping[str, Loss] = {
    "cross_entropy": CROSS_ENTROPY,
    "binary": BinaryCrossEntropy(),
    "squared": SquaredError(),
}
"""Losses by name."""


def as_loss(loss: LossLike) -> Loss:
    """What stands for a loss as a loss; modules of PyTorch that are one become it.

    Raises:
        TypeError: for anything else.
        ValueError: for an unknown name.
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str):
        require_choice("loss", loss, LOSSES)
        return LOSSES[loss]
    if isinstance(loss, nn.modules.loss._Loss):
        return _of_pytorch(loss)
    if not callable(loss):
        raise TypeError(
            f"loss must be one of {list(LOSSES)}, a Loss or a function, got {type(loss).__name__}"
        )
    return ExampleLoss(loss)


def _of_pytorch(loss: nn.modules.loss._Loss) -> Loss:
    """One of PyTorch's own as what it is here."""
    if isinstance(loss, nn.CrossEntropyLoss):
        weights = None if loss.weight is None else tuple(loss.weight.tolist())
        ignored = None if loss.ignore_index == _IGNORED else loss.ignore_index
        return CrossEntropy(weights, loss.label_smoothing, ignored)
    if isinstance(loss, nn.BCEWithLogitsLoss):
        if loss.weight is not None or loss.pos_weight is not None:
            raise ValueError("loss must have no weight or pos_weight: pass a function instead")
        return BinaryCrossEntropy()
    raise ValueError(
        f'loss must give one number per example, {type(loss).__name__} does not: use "squared", '
        "the sum over outputs, or a function"
    )


def _examples(count: int) -> str:
    return "one example" if count == 1 else f"{count} examples"
