"""Predictions beside measurements: what the tables and the figure of `trained_widths` show."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from lmctheory.sweeps.mean import Mean
from simulations.declaration import require_equal
from simulations.power_law import power_law
from simulations.trained_widths.means import pair_mean, power, product
from simulations.trained_widths.tasks import AtWidth, Layer, Measured, Task, Tested

__all__ = [
    "COST_PREDICTORS",
    "ERROR_PREDICTORS",
    "Results",
    "Shape",
    "require_one_study",
    "summarise",
]

COST_PREDICTORS = ("pool", "moved", "gauss", "slope", "trend")
ERROR_PREDICTORS = ("D1", "corrected", "trend")
_KAPPA = 0.5  # of the relu (D1)


Results = Sequence[tuple[Task, Measured]]


@dataclass(frozen=True)
class Shape:
    """Networks of one depth and training, at all widths.

    Attributes:
        task: which.
        record: what it measured.
    """

    task: Task
    record: Measured

    def accuracy(self, width: int) -> Mean:
        """Test accuracy of the networks."""
        return Mean.over(self._at(width).accuracy)

    def cost(self, layer: int, width: int) -> Mean:
        """Measured matching cost per neuron of a hidden layer, counted from 0."""
        return pair_mean(np.array(self._layer(layer, width).costs))

    def pseudo_cost(self, layer: int, width: int) -> Mean:
        """The cost of networks of the same width whose neurons are drawn from the pool."""
        return Mean(*self._layer(layer, width).own)

    def test(self, layer: int, width: int, name: str) -> Tested | None:
        """A test of independence; None where it was not made."""
        return self._layer(layer, width).tests.get(name)

    def error(self, width: int) -> Mean:
        """Measured function error at the midpoint, root mean square relative to the outputs."""
        return power(pair_mean(np.array(self._at(width).errors)), 0.5)

    def predicted_cost(self, layer: int, width: int, predictor: str) -> Mean:
        """The matching cost at a testing width, by one of `COST_PREDICTORS`."""
        if predictor == "trend":
            return self._trend(partial(self.cost, layer), width)
        return Mean(*getattr(self.record.predictions[layer][width], predictor))

    def sandwich(self, layer: int, width: int) -> tuple[float, float]:
        """L and U of the Gaussian with the predicted covariance."""
        found = self.record.predictions[layer][width]
        return found.lower, found.upper

    def predicted_error(self, width: int, predictor: str) -> Mean:
        """The function error at a testing width, by one of `ERROR_PREDICTORS`.

        D1's recursion for neurons matched as functions. Let V_l be the mean square of z_l^A - z_l^B
        per neuron. With D1's matching V_l <= M_l + s_w^2 G_{l-1}, and the recursion G_l = kappa
        (M_l + s_w^2 G_{l-1}) becomes G_l = kappa V_l, hence

            E|f_{1/2} - f-bar|^2 <= |W_{L+1}|_F^2 kappa V_L / 8 for independent rows.

        Here it is a prediction: trained rows are not independent, and from layer 2 on matching
        functions makes V_L less than D1's matching does, at the expense of other terms. "D1" takes
        V_L as "moved" predicts it and |W_{L+1}|_F^2 / E|f|^2 from a power law; "corrected"
        multiplies it by a power law through measured over D1's errors; "trend" is one through the
        errors themselves.
        """
        if predictor == "trend":
            return self._trend(self.error, width)
        cost = self.predicted_cost(self.task.depth - 1, width, "moved")
        predicted = _d1(cost, self._trend(self.gain, width))
        if predictor == "D1":
            return predicted
        return product((predicted, 1), (self._trend(self._beyond_d1, width), 1))

    def incoherent(self, width: int) -> Mean:
        """The error if the neurons' contributions were uncorrelated, as `error`."""
        return power(pair_mean(np.array(self._at(width).incoherent)), 0.5)

    def gain(self, width: int) -> Mean:
        """|W_{L+1}|_F^2 / E|f|^2, over networks."""
        return Mean.over(self._at(width).gain)

    def d1(self, width: int) -> Mean:
        """D1's function error with the measured cost and output weights."""
        return _d1(self.cost(self.task.depth - 1, width), self.gain(width))

    def _beyond_d1(self, width: int) -> Mean:
        return product((self.error(width), 1), (self.d1(width), -1))

    def _at(self, width: int) -> AtWidth:
        return self.record.measured[width]

    def _layer(self, layer: int, width: int) -> Layer:
        return self._at(width).layers[layer]

    def _trend(self, quantity: Callable[[int], Mean], width: int) -> Mean:
        """The power law through a quantity at the estimating widths."""
        return power_law({m: quantity(m) for m in self.task.estimating}).at(width)


def _d1(cost: Mean, gain: Mean) -> Mean:
    squared = product((cost, 1), (gain, 1))
    return power(Mean(_KAPPA / 8 * squared.value, _KAPPA / 8 * squared.error), 0.5)


def summarise(results: Results) -> list[Shape]:
    """The shapes, untrained ones first, then by weight decay and depth."""

    def order(shape: Shape) -> tuple[float, int]:
        training = shape.task.training
        return -1.0 if training is None else training.weight_decay, shape.task.depth

    return sorted((Shape(task, record) for task, record in results), key=order)


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than depth and weight decay.
    """
    tasks = [task for task, _ in results]
    shared = ("dataset", "estimating", "testing", "pool", "networks", "examples", "permutations")
    require_equal(tasks, (*shared, "seed"))
    trained = {str(replace(t.training, weight_decay=0)) for t in tasks if t.training is not None}
    if not trained:
        raise ValueError("the results hold no trained networks: resume the study")
    if len(trained) > 1:
        raise ValueError("the results mix studies with different training options")
    phases, depths = {task.phase for task in tasks}, {task.depth for task in tasks}
    if len(tasks) != len(phases) * len(depths):
        raise ValueError("the results are not complete: resume the study")
