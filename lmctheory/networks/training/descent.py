"""The loop: batches, loss, gradients and steps, of one network or of a stack alike."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

from lmctheory.networks.data import Examples
from lmctheory.networks.data_order import batches
from lmctheory.networks.training.configuration import TrainingConfig

__all__ = ["Course", "descend"]


@dataclass(frozen=True)
class Course:
    """What networks that are trained at once have in common.

    Attributes:
        data: the examples, on the device of the networks.
        config: the training.
        first_step: of those that are taken; the steps before it are left out.
        rate_factors: of the learning rates of parameters by name, 1 where none is named.
        decay_factors: of their weight decays, likewise.
        eps_factors: of Adam's eps, likewise.
        offsets: ``[k, n, ...]`` what is added to the outputs of each network on each example, none
            if None.
    """

    data: Examples
    config: TrainingConfig
    first_step: int
    rate_factors: Mapping[str, float]
    decay_factors: Mapping[str, float] = field(default_factory=dict)
    eps_factors: Mapping[str, float] = field(default_factory=dict)
    offsets: Tensor | None = None

    def of_network(self, k: int) -> "Course":
        """The course of one of the networks alone."""
        return self if self.offsets is None else replace(self, offsets=self.offsets[k : k + 1])


def descend(
    forward: Callable[[Tensor], Tensor],
    parameters: Mapping[str, Tensor],
    course: Course,
    orders: Sequence[Iterator[Tensor]],
    pruned: Mapping[str, Tensor],
) -> None:
    """Trains k networks, whose optimisers work entry by entry, as one.

    Args:
        forward: from inputs ``[k, b, ...]`` to outputs ``[k, b, ...]``.
        parameters: of the networks by name, changed in place.
        course: of the training.
        orders: of the data, one per network: the examples of each epoch that is trained.
        pruned: for some parameters which of their entries are zero and stay so.
    """
    data, config = course.data, course.config
    optimiser = _optimiser(parameters, course)
    loss, steps = data.loss, config.steps(len(data))
    for name, gone in pruned.items():
        parameters[name].detach().masked_fill_(gone, 0)
    for step, batch in enumerate(batches(orders, config.batch_size), start=course.first_step):
        for group in optimiser.param_groups:
            group["lr"] = config.rate(step, steps) * group["factor"]
        seen = batch.to(data.inputs.device)
        outputs, labels = forward(data.inputs[seen]), data.labels[seen]
        if course.offsets is not None:
            outputs = outputs + torch.stack(
                [added[rows] for added, rows in zip(course.offsets, seen, strict=True)]
            )
        losses = loss.each(outputs.flatten(0, 1)[None], labels.flatten(0, 1))
        weights = losses.new_tensor([loss.weight(of_one) for of_one in labels])
        # the sum over networks of their mean losses has each network's own gradient
        total = (losses.view(len(labels), -1).sum(1) / weights).sum()
        optimiser.zero_grad()
        torch.autograd.backward(total)
        for name, gone in pruned.items():
            if (gradient := parameters[name].grad) is not None:
                gradient.masked_fill_(gone, 0)
        optimiser.step()


def _optimiser(parameters: Mapping[str, Tensor], course: Course) -> Optimizer:
    """PyTorch's; the rate of each group is set at each step."""
    config = course.config
    kinds = (course.rate_factors, course.decay_factors, course.eps_factors)
    alike = defaultdict[tuple[float, ...], list[Tensor]](list)
    for name, parameter in parameters.items():
        alike[tuple(factors.get(name, 1.0) for factors in kinds)].append(parameter)
    groups = [
        {
            "params": members,
            "factor": of_rate,
            "weight_decay": config.weight_decay * of_decay,
            "eps": config.eps * of_eps,  # SGD takes no notice
        }
        for (of_rate, of_decay, of_eps), members in alike.items()
    ]
    if config.optimiser == "sgd":
        return SGD(groups, momentum=config.momentum, fused=True)
    kind = {"adam": Adam, "adamw": AdamW}[config.optimiser]
    beta_1, beta_2 = config.betas
    return kind(groups, betas=(beta_1, beta_2), fused=True)
