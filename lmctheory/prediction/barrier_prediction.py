"""What a predicted barrier is."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lmctheory.prediction.pairs import PairCurves
from lmctheory.results import Result

__all__ = ["BarrierPrediction"]


@dataclass(frozen=True, eq=False)
class BarrierPrediction(Result):
    """The barrier that two networks of a width are expected to have, matched and interpolated.

    Attributes:
        width: of their hidden layers.
        route: how it was predicted.
        t: ``[points]`` from 0 to 1, with 1/2 in the middle.
        curve: ``[points]`` the mean over pairs of loss(theta_t) - [t loss(A) + (1-t) loss(B)].
        max: the largest value of the curve in 0 < t < 1.
        interval: of 90 %, of `max`; what varies with the networks that were given, no error of the
            hypotheses. NaN where it is not known.
        function_error: the mean over pairs of the root mean square of |f_1/2 - (f_A + f_B) / 2|.
        function_error_interval: likewise.
        hypotheses: what it would take to make the prediction a theorem.
    """

    width: int
    route: str
    t: Float[np.ndarray, " points"]
    curve: Float[np.ndarray, " points"]
    max: float
    interval: tuple[float, float]
    function_error: float
    function_error_interval: tuple[float, float]
    hypotheses: tuple[str, ...]

    @classmethod
    def of_pairs(
        cls, pairs: PairCurves, *, width: int, route: str, hypotheses: tuple[str, ...]
    ) -> "BarrierPrediction":
        """That networks will have the barrier that these stand-ins have."""
        return cls(
            width=width,
            route=route,
            t=pairs.t,
            curve=pairs.curve,
            max=pairs.max.value,
            interval=pairs.max.interval,
            function_error=pairs.function_error.value,
            function_error_interval=pairs.function_error.interval,
            hypotheses=hypotheses,
        )
