"""Predictions beside measurements: what the tables and the figure of `trained_widths` show."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.study import Config, Record
from simulations.power_law import power_law
from simulations.trained_widths.means import pair_mean, power, product

__all__ = [
    "COST_PREDICTORS",
    "ERROR_PREDICTORS",
    "Shape",
    "phase_name",
    "require_one_study",
    "summarise",
]

COST_PREDICTORS = ("pool", "moved", "gauss", "slope", "trend")
ERROR_PREDICTORS = ("D1", "corrected", "trend")
_KAPPA = 0.5  # of the relu (D1)


@dataclass(frozen=True)
class Shape:
    """Networks of one depth and training, at all widths.

    Attributes:
        config: of the task.
        record: what it measured.
    """

    config: Config
    record: Record

    @property
    def phase(self) -> str:
        """The weight decay, or "initial" without training."""
        return phase_name(self.config)

    @property
    def depth(self) -> int:
        """Number of hidden layers."""
        return int(self.config["depth"])

    @property
    def widths(self) -> list[int]:
        """All widths, the estimating ones first."""
        return [*self.config["estimating"], *self.config["testing"]]

    def accuracy(self, width: int) -> Mean:
        """Test accuracy of the networks."""
        return Mean.over(self._at(width)["accuracy"])

    def cost(self, layer: int, width: int) -> Mean:
        """Measured matching cost per neuron of a hidden layer, counted from 0."""
        return pair_mean(np.array(self._at(width)["layers"][layer]["costs"]))

    def pseudo_cost(self, layer: int, width: int) -> Mean:
        """The cost of networks of the same width whose neurons are drawn from the pool."""
        return Mean(*self._at(width)["layers"][layer]["own"])

    def test(self, layer: int, width: int, name: str) -> tuple[float, float] | None:
        """Ratio and p-value of a test of independence; None where it was not made."""
        found = self._at(width)["layers"][layer]["tests"].get(name)
        return None if found is None else (found["ratio"], found["p"])

    def error(self, width: int) -> Mean:
        """Measured function error at the midpoint, root mean square relative to the outputs."""
        return power(pair_mean(np.array(self._at(width)["errors"])), 0.5)

    def predicted_cost(self, layer: int, width: int, predictor: str) -> Mean:
        """The matching cost at a testing width, by one of `COST_PREDICTORS`."""
        if predictor == "trend":
            return self._trend(partial(self.cost, layer), width)
        return Mean(*self.record["predictions"][layer][str(width)][predictor])

    def sandwich(self, layer: int, width: int) -> tuple[float, float]:
        """L and U of the Gaussian with the predicted covariance."""
        found = self.record["predictions"][layer][str(width)]
        return found["lower"], found["upper"]

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
        cost = self.predicted_cost(self.depth - 1, width, "moved")
        predicted = _d1(cost, self._trend(self.gain, width))
        if predictor == "D1":
            return predicted
        return product((predicted, 1), (self._trend(self._beyond_d1, width), 1))

    def incoherent(self, width: int) -> Mean:
        """The error if the neurons' contributions were uncorrelated, as `error`."""
        return power(pair_mean(np.array(self._at(width)["incoherent"])), 0.5)

    def gain(self, width: int) -> Mean:
        """|W_{L+1}|_F^2 / E|f|^2, over networks."""
        return Mean.over(self._at(width)["gain"])

    def d1(self, width: int) -> Mean:
        """D1's function error with the measured cost and output weights."""
        return _d1(self.cost(self.depth - 1, width), self.gain(width))

    def _beyond_d1(self, width: int) -> Mean:
        return product((self.error(width), 1), (self.d1(width), -1))

    def _at(self, width: int) -> Record:
        return dict(self.record["measured"][str(width)])

    def _trend(self, quantity: Callable[[int], Mean], width: int) -> Mean:
        """The power law through a quantity at the estimating widths."""
        return power_law({m: quantity(m) for m in self.config["estimating"]}).at(width)


def _d1(cost: Mean, gain: Mean) -> Mean:
    squared = product((cost, 1), (gain, 1))
    return power(Mean(_KAPPA / 8 * squared.value, _KAPPA / 8 * squared.error), 0.5)


def phase_name(config: Config) -> str:
    """The weight decay of the training, or "initial" without any."""
    return "initial" if config["training"] is None else f"{config['training']['weight_decay']:g}"


def summarise(results: Iterable[tuple[Config, Record]]) -> list[Shape]:
    """The shapes, untrained ones first, then by weight decay and depth."""

    def order(shape: Shape) -> tuple[float, int]:
        return -1.0 if shape.phase == "initial" else float(shape.phase), shape.depth

    return sorted((Shape(config, record) for config, record in results), key=order)


def require_one_study(results: Sequence[tuple[Config, Record]]) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than depth and weight decay.
    """
    shared = [{k: v for k, v in c.items() if k not in ("depth", "training")} for c, _ in results]
    for name in shared[0]:
        if len(values := {str(config[name]) for config in shared}) > 1:
            raise ValueError(f"the results mix studies with {name} {sorted(values)}")
    trained = [c["training"] | {"weight_decay": 0} for c, _ in results if c["training"] is not None]
    if not trained:
        raise ValueError("the results hold no trained networks: resume the study")
    if any(training != trained[0] for training in trained):
        raise ValueError("the results mix studies with different training options")
    shapes = [(phase_name(config), config["depth"]) for config, _ in results]
    phases, depths = ({shape[i] for shape in shapes} for i in (0, 1))
    if len(shapes) != len(phases) * len(depths):
        raise ValueError("the results are not complete: resume the study")
