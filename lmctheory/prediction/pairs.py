"""Pairs of networks matched and interpolated: what is predicted, and what is measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import t as student
from torch import Tensor, nn

from lmctheory.matching import match
from lmctheory.measures.arguments import at_least
from lmctheory.networks import Examples
from lmctheory.networks.affine import affine_chain
from lmctheory.networks.chain import stack_chains
from lmctheory.paths._barrier import grid_of
from lmctheory.paths.interpolation import chain_logits
from lmctheory.prediction.unions import Union
from lmctheory.results import Result

__all__ = ["Jackknifed", "PairCurves", "all_pairs"]


@dataclass(frozen=True, eq=False)
class Jackknifed(Result):
    """A number from pairs among k networks, with its interval over the networks.

    Attributes:
        value: from all pairs.
        relative_error: standard error of its logarithm by the jackknife, which leaves out one
            network with all its pairs at a time; where `value` or what is left is not positive,
            the standard error over |value|, NaN for 0.
        interval: of 90 %, by Student's law with k - 1 degrees of freedom.
    """

    value: float
    relative_error: float
    interval: tuple[float, float]


@dataclass(frozen=True, eq=False)
class PairCurves(Result):
    """Loss above the chord of all pairs among k networks.

    Attributes:
        t: ``[points]`` from 0 to 1, with 1/2 in the middle.
        curves: ``[pairs, points]`` loss(theta_t) - [t loss(A) + (1-t) loss(B)].
        errors: ``[pairs]`` function error at t = 1/2, the root mean square over examples of
            |f_1/2 - (f_A + f_B) / 2|.
        networks: ``[pairs, 2]``, which networks.
    """

    t: Float[np.ndarray, " points"]
    curves: Float[np.ndarray, "pairs points"]
    errors: Float[np.ndarray, " pairs"]
    networks: np.ndarray

    @property
    def curve(self) -> Float[np.ndarray, " points"]:
        """The mean over pairs."""
        return self.curves.mean(0)

    @property
    def max(self) -> Jackknifed:
        """The largest value of the mean curve in 0 < t < 1."""
        return self._jackknife(lambda kept: float(self.curves[kept].mean(0)[1:-1].max()))

    @property
    def function_error(self) -> Jackknifed:
        """The mean over pairs."""
        return self._jackknife(lambda kept: float(self.errors[kept].mean()))

    def _jackknife(self, statistic: Callable[[np.ndarray], float]) -> Jackknifed:
        everyone = np.unique(self.networks)
        value = statistic(np.ones(len(self.networks), bool))
        if len(everyone) < 3:
            return Jackknifed(value, np.nan, (np.nan, np.nan))
        left = np.array([statistic((self.networks != one).all(1)) for one in everyone])
        k, positive = len(everyone), value > 0 and bool((left > 0).all())
        draws = np.log(left) if positive else left
        error = float(np.sqrt((k - 1) / k * ((draws - draws.mean()) ** 2).sum()))
        reach = float(student.ppf(0.95, k - 1)) * error
        if positive:
            return Jackknifed(
                value, error, (value * float(np.exp(-reach)), value * float(np.exp(reach)))
            )
        relative = error / abs(value) if value else np.nan
        return Jackknifed(value, relative, (value - reach, value + reach))


def all_pairs(
    networks: Sequence[nn.Module],
    data: Examples,
    *,
    method: str | None = "weighted",
    inputs: Tensor | None = None,
    points: int = 25,
    span: int | None = None,
) -> PairCurves:
    """Matches and interpolates all pairs among networks or unions.

    Args:
        networks: two or more, of one architecture. Frozen functions of unions are interpolated as
            functions: t A's + (1-t) B's is added to the outputs.
        data: the examples to judge by.
        method: of matching; None leaves neurons in the order in which they come.
        inputs: to match with, those of the data if None.
        points: see `lmctheory.paths.barrier`.
        span: only pairs that are no further apart in the sequence, seen as a ring; None takes all.

    Raises:
        TypeError: for networks that are no chains of affine maps.
        ValueError: for fewer than two networks, different ones, or data that do not fit.
    """
    if len(networks) < 2:
        raise ValueError(f"networks must be two or more, got {len(networks)}")
    k, reach = len(networks), len(networks) if span is None else at_least("span", span, 1)
    t = grid_of(points)
    pairs = [(i, j) for i, j in combinations(range(k), 2) if min(j - i, k - j + i) <= reach]
    inner = [network.network if isinstance(network, Union) else network for network in networks]
    frozen = [_frozen(network, data.inputs) for network in networks]
    given = data.inputs if inputs is None else inputs
    curves, errors = [], []
    for i, j in pairs:
        aligned = inner[j]
        if method is not None:
            aligned = match(inner[i], inner[j], method, given).apply(inner[j])
        outputs = _outputs(inner[i], aligned, data, t)
        where = t.view(-1, 1, 1)
        outputs += where * frozen[i] + (1 - where) * frozen[j]
        losses = data.loss.each(outputs, data.labels).sum(-1) / data.loss.weight(data.labels)
        middle = outputs[len(t) // 2] - (outputs[0] + outputs[-1]) / 2
        curves.append((losses - (t * losses[-1] + (1 - t) * losses[0])).numpy())
        errors.append(float(middle.square().sum(-1).mean().sqrt()))
    return PairCurves(t.numpy(), np.stack(curves), np.array(errors), np.array(pairs))


def _frozen(network: nn.Module, inputs: Tensor) -> Tensor | float:
    if not isinstance(network, Union):
        return 0.0
    with torch.no_grad():
        return network.frozen(inputs.to(next(network.network.parameters())))


def _outputs(
    model_a: nn.Module, model_b: nn.Module, data: Examples, t: Float[Tensor, " points"]
) -> Float[Tensor, "points n n_out"]:
    """Of all networks on a segment, in float64."""
    a, b = (stack_chains([affine_chain(model)]) for model in (model_a, model_b))
    outputs = torch.zeros(len(t), len(data), a.weights[-1].shape[-2], dtype=torch.float64)
    for block in chain_logits(a, b, data.inputs, t):
        outputs[block.points, block.rows] = block.logits[:, 0].double()
    return outputs
