"""The barrier that is left when the interpolated network's softmax gets a temperature of its own.

Interpolation shrinks the logits, in theory by 2^{-L} where LEWC holds (L8). Labels predicted are
then as good as ever while the cross-entropy is that of a network that knows little. A temperature
undoes it. The ends may be badly calibrated too and would gain by a temperature as well, so both
barriers are reported: against the ends as they are, and against ends with temperatures too.
"""

from dataclasses import dataclass

import torch
from torch import nn

from lmctheory.matching import NoBestTemperatureError, calibrate_temperature
from lmctheory.networks import AnyExamples
from lmctheory.networks.agreement import require_fit
from lmctheory.networks.calling import batches
from lmctheory.networks.losses import CrossEntropy
from lmctheory.networks.state import Evaluation
from lmctheory.paths import interpolate
from lmctheory.results import Result

__all__ = ["RecalibratedBarrier", "recalibrated_barrier"]

_ROWS = 256


@dataclass(frozen=True)
class RecalibratedBarrier(Result):
    """Losses of A, of B and of theta_t, each as it is and with the best temperature.

    Where no temperature is best (see `calibrate_temperature`), entries are NaN.

    Attributes:
        t: where on the path; t = 1 is A.
        temperature: the best one of theta_t: below 1 where interpolation shrank the logits.
        temperatures: the best ones of A and B.
        loss: mean cross-entropy at theta_t as it is.
        ends: that of A and of B.
        recalibrated_loss: at theta_t with its temperature.
        recalibrated_ends: A and B with theirs.
    """

    t: float
    temperature: float
    temperatures: tuple[float, float]
    loss: float
    ends: tuple[float, float]
    recalibrated_loss: float
    recalibrated_ends: tuple[float, float]

    @property
    def barrier(self) -> float:
        """loss(theta_t) - [t loss(A) + (1-t) loss(B)], all as they are."""
        return self.loss - self._chord(self.ends)

    @property
    def recalibrated(self) -> float:
        """theta_t with its temperature against the ends as they are."""
        return self.recalibrated_loss - self._chord(self.ends)

    @property
    def all_recalibrated(self) -> float:
        """The same against ends with their temperatures: no smaller where those help the ends."""
        return self.recalibrated_loss - self._chord(self.recalibrated_ends)

    def _chord(self, ends: tuple[float, float]) -> float:
        return self.t * ends[0] + (1 - self.t) * ends[1]


def recalibrated_barrier(
    model_a: nn.Module,
    model_b: nn.Module,
    data: AnyExamples,
    calibration: AnyExamples,
    t: float = 0.5,
) -> RecalibratedBarrier:
    """The barrier at theta_t before and after its softmax gets a temperature.

    Args:
        model_a: network A, at t = 1, ending in an `nn.Linear`.
        model_b: network B, at t = 0.
        data: the examples on which losses are taken.
        calibration: those on which temperatures are chosen. Take examples that no network was
            trained on: one that fits its training data wants too low a temperature there, or none.
        t: in [0, 1].

    Returns:
        Losses and temperatures.

    Raises:
        TypeError: as `calibrate_temperature`.
        ValueError: as `interpolate`, and if data do not fit or have no cross-entropy.

    Reference: key L8; Ito et al. 2025.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = MLP((4, 8, 3), rng=rng), MLP((4, 8, 3), rng=rng)
        >>> inputs = torch.randn(60, 4, generator=rng)
        >>> labels = (a(inputs) + b(inputs)).argmax(1)
        >>> data, calibration = (Examples(inputs[i::2], labels[i::2]) for i in (0, 1))
        >>> recalibrated_barrier(a, b, data, calibration).temperature < 1
        True
    """
    for name, examples in (("data", data), ("calibration", calibration)):
        if not isinstance(examples.loss, CrossEntropy):
            raise ValueError(
                f"{name} must be judged by the cross-entropy, got {examples.loss.title}"
            )
    middle = interpolate(model_a, model_b, t)
    require_fit(middle, data)
    models = (middle, model_a, model_b)
    (T, own), (T_a, own_a), (T_b, own_b) = (_calibrated(model, calibration) for model in models)
    return RecalibratedBarrier(
        t=t,
        temperature=T,
        temperatures=(T_a, T_b),
        loss=_loss(middle, data),
        ends=(_loss(model_a, data), _loss(model_b, data)),
        recalibrated_loss=_loss(own, data),
        recalibrated_ends=(_loss(own_a, data), _loss(own_b, data)),
    )


def _calibrated(model: nn.Module, calibration: AnyExamples) -> tuple[float, nn.Module | None]:
    try:
        found = calibrate_temperature(model, calibration.inputs, calibration.labels)
    except NoBestTemperatureError:
        return float("nan"), None
    return found.temperature, found.model


def _loss(model: nn.Module | None, data: AnyExamples) -> float:
    """Mean cross-entropy; NaN for no model."""
    if model is None:
        return float("nan")
    evaluation = Evaluation(model)
    with torch.no_grad():
        parts = [evaluation(rows) for rows in batches(data.inputs, _ROWS)]
    logits = torch.cat(parts).double()
    return float(data.loss.mean(logits, data.labels.to(logits.device)))
